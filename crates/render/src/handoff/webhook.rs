//! What a webhook is told: that something happened to a hand-off, and where to look. Nothing else.

use crate::json::json;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookEvent {
    /// It was sent.
    Submitted,
    /// Somebody took it.
    Accepted,
    /// It was turned away.
    Rejected,
    /// It is done.
    Completed,
    /// Nobody took it in time.
    Overdue,
    /// It was taken back.
    Canceled,
}

impl WebhookEvent {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Completed => "completed",
            Self::Overdue => "overdue",
            Self::Canceled => "canceled",
        }
    }
}

/// The body of a webhook: ids and a link. `at` is in seconds since 1970; `inbox` is the inbox's address.
pub fn webhook_body(
    event: WebhookEvent,
    handoff: &str,
    pack: &str,
    at: u64,
    inbox: &str,
) -> String {
    let link = format!("{}/handoff/{handoff}", inbox.trim_end_matches('/'));
    format!(
        "{{\"v\":1,\"event\":\"{}\",\"handoff\":{},\"pack\":{},\"at\":{at},\"link\":{}}}",
        event.as_str(),
        json(&handoff),
        json(&pack),
        json(&link)
    )
}
