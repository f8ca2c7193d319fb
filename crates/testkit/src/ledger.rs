//! Who was sent what: promise 1 (nothing about a pack to whom its policy does not name), promise 5
//! (nothing above a clearance) and promise 6 (nothing readable), checked on every frame when it is
//! sent.
//!
//! The oracle knows persons and devices from the world, and members from the sender's own list; it
//! does not ask the code that decides what to send.

use kitbag_core::content::LogOpening;
use kitbag_core::epoch::{SignedEpoch, WrapSet};
use kitbag_core::id::{EpochId, LogId, PackId, PersonId};
use kitbag_core::policy::Sensitivity;
use kitbag_core::wire::{FRAME_BYTES_MAX, Message, Page, TreePart, Want};
use kitbag_node::Node;
use std::collections::{BTreeMap, BTreeSet};

/// Every text that must never be readable contains this.
pub const CANARY: &str = "KbCanaryQZ";

/// Whether bytes contain the canary (Horspool's search: this runs over everything that is sent or
/// written).
pub fn holds_canary(bytes: &[u8]) -> bool {
    let needle = CANARY.as_bytes();
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + needle.len()) {
        if window == needle {
            return true;
        }
        let last = window[needle.len() - 1];
        let back = needle[..needle.len() - 1]
            .iter()
            .rev()
            .position(|b| *b == last);
        at += back.map_or(needle.len(), |back| back + 1);
    }
    false
}

/// What was sent so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Who was once let in, by whichever member.
    pub(crate) admitted: BTreeSet<(PackId, PersonId)>,
    /// Whom a joiner may ask for a pack that has not arrived.
    pub(crate) asking: BTreeSet<(PersonId, PackId, PersonId)>,
    log_levels: BTreeMap<LogId, Sensitivity>,
    epoch_levels: BTreeMap<EpochId, Sensitivity>,
    logs_named: BTreeMap<LogId, Sensitivity>,
    epochs_named: BTreeMap<EpochId, Sensitivity>,
    pub(crate) violations: Vec<String>,
}

impl Ledger {
    /// Checks a frame that `sender` is about to send to the person `to`.
    pub(crate) fn frame(&mut self, sender: &Node, to: PersonId, frame: &[u8]) {
        if frame.len() > FRAME_BYTES_MAX {
            self.breach(format!("a frame of {} bytes", frame.len()));
        }
        if holds_canary(frame) {
            self.breach("a readable text in a frame".into());
        }
        match Message::decode(frame) {
            Err(error) => self.breach(format!("a frame that nobody can read: {error}")),
            Ok(Message::Hello { changed, .. }) => changed
                .into_iter()
                .for_each(|pack| self.named(sender, to, pack)),
            Ok(Message::Tree(parts)) => {
                let leaves = parts.iter().filter_map(|part| match part {
                    TreePart::Leaves { leaves, .. } => Some(leaves),
                    TreePart::Children { .. } => None,
                });
                leaves
                    .flatten()
                    .for_each(|leaf| self.named(sender, to, leaf.pack));
            }
            Ok(Message::Want(want)) => self.want(sender, to, &want),
            Ok(Message::Page(page)) => self.page(sender, to, &page),
        }
    }

    fn named(&mut self, sender: &Node, to: PersonId, pack: PackId) {
        if clearance(sender, to, pack).is_none() {
            self.breach(format!("pack {pack:?} named to {to:?}, who is no member"));
        }
    }

    fn want(&mut self, sender: &Node, to: PersonId, want: &Want) {
        let clearance = clearance(sender, to, want.pack);
        let asking = self.asking.contains(&(sender.me().person, want.pack, to));
        let Some(clearance) = clearance else {
            if !asking
                || !want.content.is_empty()
                || !want.epochs.is_empty()
                || !want.keys.is_empty()
            {
                self.breach(format!(
                    "pack {:?} asked of {to:?}, who is no member",
                    want.pack
                ));
            }
            return;
        };
        for have in &want.content {
            let named = self.logs_named.entry(have.log).or_insert(clearance);
            *named = (*named).min(clearance);
        }
        for epoch in want.epochs.iter().chain(&want.keys) {
            let named = self.epochs_named.entry(*epoch).or_insert(clearance);
            *named = (*named).min(clearance);
        }
    }

    fn page(&mut self, sender: &Node, to: PersonId, page: &Page) {
        if page.is_empty() {
            return; // it names the pack that the peer named
        }
        let content = !(page.epochs.is_empty() && page.wraps.is_empty() && page.runs.is_empty());
        let Some(clearance) = clearance(sender, to, page.pack) else {
            if content || !self.admitted.contains(&(page.pack, to)) {
                self.breach(format!(
                    "a page of pack {:?} for {to:?}, who is no member",
                    page.pack
                ));
            }
            return;
        };
        for blob in &page.epochs {
            match SignedEpoch::verify(&blob.0) {
                Ok(signed) => {
                    self.epoch_levels.insert(signed.id(), signed.epoch().domain);
                    self.level(to, clearance, signed.epoch().domain, "an epoch");
                }
                Err(error) => self.breach(format!("an epoch that does not verify: {error}")),
            }
        }
        for blob in &page.wraps {
            match WrapSet::verify(&blob.0) {
                Ok(set) => self.level(to, clearance, set.domain, "a wrapped key"),
                Err(error) => self.breach(format!("wraps that do not verify: {error}")),
            }
        }
        for run in &page.runs {
            match LogOpening::decode(&run.opening) {
                Ok(opening) => {
                    self.log_levels
                        .insert(opening.log_id(), opening.sensitivity);
                    self.level(to, clearance, opening.sensitivity, "a run of entries");
                }
                Err(error) => self.breach(format!("a log that does not open: {error}")),
            }
        }
    }

    fn level(&mut self, to: PersonId, clearance: Sensitivity, level: Sensitivity, what: &str) {
        if level > clearance {
            self.breach(format!(
                "{what} at {level} for {to:?}, cleared for {clearance}"
            ));
        }
    }

    /// Checks the names in wants against what they turned out to be.
    pub(crate) fn settle(&mut self) {
        let logs = self
            .logs_named
            .iter()
            .filter(|(log, c)| self.log_levels.get(log).is_some_and(|level| level > c));
        let epochs = self
            .epochs_named
            .iter()
            .filter(|(epoch, c)| self.epoch_levels.get(epoch).is_some_and(|level| level > c));
        let named: Vec<String> = logs
            .map(|(log, c)| format!("log {log:?} named to a device cleared for {c}"))
            .chain(
                epochs
                    .map(|(epoch, c)| format!("epoch {epoch:?} named to a device cleared for {c}")),
            )
            .collect();
        self.violations.extend(named);
    }

    pub(crate) fn breach(&mut self, what: String) {
        self.violations.push(what);
    }
}

/// The highest that `to` opens in a pack, as the sender lists its members.
fn clearance(sender: &Node, to: PersonId, pack: PackId) -> Option<Sensitivity> {
    let members = sender.members(pack).ok()?;
    members
        .iter()
        .find(|member| member.person == to)
        .map(|member| member.clearance)
}
