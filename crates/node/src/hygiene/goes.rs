//! How far each go came, and a receipt of it, also of one that was cut off.
//!
//! With each step the device keeps what the step did, in a setting of its own: so what is written again
//! with each step is a few bytes, however many notes a go has. A receipt is made of these settings alone.
//! Spec: `docs/spec/hygiene.md`, "What is kept of a go".

use super::Left;
use crate::{Node, NodeError};
use kitbag_core::codec;
use kitbag_core::hygiene_receipt::{
    HYGIENE_ALONG_MAX, HYGIENE_RECEIPT_VERSION, HygieneReceipt, LeftAlone, PutAway,
    SignedHygieneReceipt,
};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_store::StoreError;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Goes of a pack of which is kept what they did, at most: the newest. A go of 10,000 notes is some 2 MB.
const TOLD_MAX: u64 = 8;
/// Bytes of what one step did, at most: 16 notes, each with as many along as may go.
const STEP_BYTES_MAX: usize = 16 * (256 + HYGIENE_ALONG_MAX * 72) + 64;

/// A go that is under way.
#[derive(Clone, Debug)]
pub struct HygieneGo {
    /// When it began: the time of all that it writes.
    pub at: Timestamp,
    planned: u64,
    stayed: BTreeMap<&'static str, u64>,
}

impl HygieneGo {
    pub(super) fn new(at: Timestamp, planned: u64) -> HygieneGo {
        HygieneGo {
            at,
            planned,
            stayed: BTreeMap::new(),
        }
    }

    /// One more note stays.
    pub(super) fn stays(&mut self, left: Left) {
        *self.stayed.entry(left.as_str()).or_default() += 1;
    }
}

/// How far a go came.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Told {
    /// Notes that were to be put away.
    #[n(0)]
    planned: u64,
    /// Those of them that stay, by why.
    #[n(1)]
    stayed: Vec<LeftAlone>,
    /// Which settings say what was done.
    #[n(2)]
    slot: u64,
    /// How many of them.
    #[n(3)]
    steps: u64,
}

/// What one step did.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
struct StepDone {
    /// The time of its go: what stands in the same setting of an older go is not its own.
    #[n(0)]
    at: Timestamp,
    #[n(1)]
    notes: Vec<PutAway>,
}

/// A go of which is known how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoKept {
    /// When it began.
    pub at: Timestamp,
    /// Notes that were to be put away.
    pub planned: u64,
    /// Those that were.
    pub done: u64,
    /// Those that stay, by why.
    pub stayed: Vec<LeftAlone>,
    /// Those that it did not come to: it was cut off, or is under way.
    pub unreached: u64,
}

impl Told {
    /// Of a go that begins, in a place that none of these has; if there is none left, the oldest gives up
    /// its own.
    pub(super) fn begun<'t>(others: impl Iterator<Item = &'t mut Option<Told>>) -> Told {
        let mut others: Vec<&mut Option<Told>> = others.filter(|told| told.is_some()).collect();
        let has = |slot: &u64| {
            others
                .iter()
                .flat_map(|told| told.as_ref())
                .any(|told| told.slot == *slot)
        };
        let free = (0..TOLD_MAX).find(|slot| !has(slot));
        let slot = free.or_else(|| Some(others.first_mut()?.take()?.slot));
        Told {
            planned: 0,
            stayed: vec![],
            slot: slot.unwrap_or_default(),
            steps: 0,
        }
    }

    /// Notes what a step did; gives the setting that says so.
    pub(super) fn went_on(
        &mut self,
        pack: PackId,
        go: &HygieneGo,
        notes: Vec<PutAway>,
    ) -> Option<(String, Vec<u8>)> {
        self.planned = go.planned;
        let stayed = go.stayed.iter().map(|(why, notes)| LeftAlone {
            why: (*why).to_owned(),
            notes: *notes,
        });
        self.stayed = stayed.collect();
        if notes.is_empty() {
            return None;
        }
        let name = name(pack, self.slot, self.steps);
        self.steps += 1;
        let step = StepDone { at: go.at, notes };
        Some((name, codec::encode(&step)))
    }

    fn unreached(&self, done: u64) -> u64 {
        let stayed: u64 = self.stayed.iter().map(|one| one.notes).sum();
        self.planned.saturating_sub(done).saturating_sub(stayed)
    }

    #[cfg(test)]
    pub(super) fn full() -> Told {
        let stayed = |at: u64| LeftAlone {
            why: format!("a word of some length {at}"),
            notes: u64::MAX,
        };
        Told {
            planned: u64::MAX,
            stayed: (0..16).map(stayed).collect(),
            slot: u64::MAX,
            steps: u64::MAX,
        }
    }
}

fn name(pack: PackId, slot: u64, step: u64) -> String {
    format!("hygiene/{pack}/{slot}/{step}")
}

impl Node {
    /// How far the newest goes of this device in a pack came, the newest first; of those that did
    /// something.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for the pack; [`NodeError::Store`].
    pub fn hygiene_goes(&self, pack: PackId) -> Result<Vec<GoKept>, NodeError> {
        self.packs.need(pack)?;
        let runs = self.runs(pack)?;
        let goes = runs.told().map(|(run, told)| GoKept {
            at: run.at,
            planned: told.planned,
            done: run.notes,
            stayed: told.stayed.clone(),
            unreached: told.unreached(run.notes),
        });
        let mut goes: Vec<GoKept> = goes.collect();
        goes.sort_unstable_by_key(|go| std::cmp::Reverse(go.at));
        Ok(goes)
    }

    /// Signs a receipt of the go that began then, as far as it came.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for the pack, or for a go that is not among those that are kept;
    /// [`NodeError::Damaged`] if what it did cannot be read any more; [`NodeError::BadInput`] for what
    /// breaks a rule of receipts.
    pub fn sign_hygiene_receipt(
        &self,
        now: Timestamp,
        pack: PackId,
        began: Timestamp,
    ) -> Result<SignedHygieneReceipt, NodeError> {
        self.packs.need(pack)?;
        let runs = self.runs(pack)?;
        let (run, told) = (runs.told().find(|(run, _)| run.at == began))
            .ok_or(NodeError::NotFound("go of hygiene"))?;
        let mut notes = Vec::new();
        for step in 0..told.steps {
            notes.extend(self.step_done(pack, told.slot, step, began)?);
        }
        notes.sort_unstable_by_key(|one| one.note);
        if notes.len() as u64 != run.notes {
            return Err(DAMAGED);
        }
        let receipt = HygieneReceipt {
            version: HYGIENE_RECEIPT_VERSION,
            at: now,
            person: self.me.person_op.bytes().to_vec(),
            pack,
            began,
            notes,
            left: told.stayed.clone(),
            unreached: Some(told.unreached(run.notes)),
        };
        let signed = SignedHygieneReceipt::sign(&receipt, &self.me.signing);
        signed.map_err(|error| NodeError::BadInput {
            field: "receipt",
            reason: error.to_string(),
        })
    }

    fn step_done(
        &self,
        pack: PackId,
        slot: u64,
        step: u64,
        began: Timestamp,
    ) -> Result<Vec<PutAway>, NodeError> {
        let kept = match self.store.setting(&name(pack, slot, step)) {
            Err(StoreError::Damaged { .. }) => None,
            other => other?,
        };
        let done = kept.and_then(|bytes| codec::decode::<StepDone>(&bytes, STEP_BYTES_MAX).ok());
        let done = done.filter(|done| done.at == began);
        Ok(done.ok_or(DAMAGED)?.notes)
    }
}

const DAMAGED: NodeError = NodeError::Damaged("list of what a go of hygiene did");
