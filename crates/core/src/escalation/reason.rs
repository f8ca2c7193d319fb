//! Reason codes: why a case is handed over, from one list, so that they can be counted.

use super::{EscalationError, holds};
use minicbor::{Decode, Encode};
use std::fmt;

/// Bytes of a reason code, at most.
pub const REASON_BYTES_MAX: usize = 64;

/// Why a case is handed over. Free text never stands in its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ReasonCode(#[n(0)] String);

impl ReasonCode {
    /// Known to every device: those that are shown first, then the rest by the alphabet.
    pub const KNOWN: [&'static str; 25] = [
        "customer_requests_human_no_specific_reason",
        "complex_billing_dispute",
        "low_confidence",
        "consent_missing",
        "approval_required",
        "other",
        "abusive_customer_behavior",
        "accessibility_or_special_needs",
        "account_closure_request",
        "account_ownership_dispute",
        "clearance_required",
        "contract_question",
        "customer_demands_after_unavailable_offer_refusal",
        "customer_frustrated_demands_human",
        "deceased_account_holder",
        "fraud_or_security_concern",
        "kb_search_unsuccessful_customer_requests_transfer",
        "legal_or_regulatory_matter",
        "request_completed_customer_wants_human_followup",
        "specialized_department_required",
        "stale_or_conflicting_context",
        "supervisor_request_service_complaint",
        "technical_system_error",
        "third_party_inquiry",
        "unconfirmed_external_communication",
    ];
    /// How many of them are shown first.
    pub const SHOWN_FIRST: usize = 6;

    /// A code: known, or shaped as one.
    ///
    /// # Errors
    /// [`EscalationError`] for what is none.
    pub fn new(code: &str) -> Result<ReasonCode, EscalationError> {
        let code = ReasonCode(code.to_owned());
        code.check()?;
        Ok(code)
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether every device knows it; else it is one pack's own.
    pub fn is_known(&self) -> bool {
        Self::KNOWN.contains(&self.as_str())
    }

    pub(super) fn check(&self) -> Result<(), EscalationError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        holds(
            (1..=REASON_BYTES_MAX).contains(&self.0.len()) && self.0.chars().all(plain),
            "a reason code is one to 64 of a to z, digits and '_'",
        )
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
