//! A consent and the notes of other packs that were carried from a note, or that it was moved from.
//!
//! A note that went into another pack names the note that it was, and has its time of capture. What the
//! person concerned says of one holds for the others as well, where it is stricter: the packs have no
//! common transaction, so each is a step of its own, and what fails is told.
//! Spec: `docs/spec/notes.md`, "Into another pack".

use crate::notes::tightened;
use crate::replica::Replica;
use crate::view::{Elsewhere, StatedElsewhere};
use crate::{Node, NodeError};
use kitbag_core::id::{ItemId, PackId, PersonId, Timestamp};
use kitbag_core::pack::note::{Consent, ConsentStatus};
use std::collections::BTreeSet;

/// Notes that one was carried to, over any number of packs, that are looked for, at most.
const CARRIED_MAX: usize = 256;

impl Node {
    /// States a consent for what was carried from a note, or it was moved from, as far as it is stricter.
    pub(crate) fn state_elsewhere(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        stated: &Consent,
        of_copies: &Consent,
    ) -> Result<Vec<StatedElsewhere>, NodeError> {
        let replica = self.packs.need(pack)?;
        let copies = replica.copies_of(&id);
        let own = replica.linked(&id).ok_or(NodeError::NotFound("note"))?;
        let own = own.sensitivity;
        let from = [id].into_iter().chain(copies).collect();
        let mut told = Vec::new();
        for (pack, id) in self.carried_from(pack, from)? {
            let replica = self.packs.need(pack)?;
            let Some(note) = replica.linked(&id) else {
                continue;
            };
            // Purposes may hold what no copy shows, nor a note of which more people read.
            let is_whole = replica.originals_of(&id).is_empty() && note.sensitivity >= own;
            let stated = match is_whole {
                true => stated,
                false => of_copies,
            };
            let Some(became) = self.state_there(now, pack, id, stated) else {
                continue;
            };
            told.push(StatedElsewhere { pack, note, became });
        }
        Ok(told)
    }

    /// The same for one of them; nothing if it says so already.
    fn state_there(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        stated: &Consent,
    ) -> Option<Elsewhere> {
        let failed = |error: NodeError| Some(Elsewhere::Failed(error.to_string()));
        let built = match self.read_note(pack, id) {
            Ok((_, _, built)) => built,
            Err(error) => return failed(error),
        };
        let Some(edit) = tightened(&built, stated, true) else {
            let stands = built.whole_view().consent;
            return allows_less(stands.as_ref(), stated).then_some(Elsewhere::Stricter);
        };
        let mut staged = crate::replica::Staged::default();
        let written = self.stage_edit(now, pack, id, &edit, None, &mut staged);
        match written.and_then(|_| self.keep(pack, staged)) {
            Ok(()) => Some(Elsewhere::Reached),
            Err(error) => failed(error),
        }
    }

    /// The consent of a note that comes back, if what was carried from it says more by now.
    pub(crate) fn consent_from_elsewhere(
        &self,
        pack: PackId,
        id: ItemId,
    ) -> Result<Option<Consent>, NodeError> {
        let Some(stated) = self.strictest_elsewhere(pack, id)? else {
            return Ok(None);
        };
        let (_, _, built) = self.read_note(pack, id)?;
        let edit = tightened(&built, &stated, true);
        Ok(edit.and_then(|edit| edit.consent))
    }

    /// The strictest that is said of what was carried from a note, or it was moved from.
    pub(crate) fn strictest_elsewhere(
        &self,
        pack: PackId,
        id: ItemId,
    ) -> Result<Option<Consent>, NodeError> {
        let replica = self.packs.need(pack)?;
        let is_copy = !replica.originals_of(&id).is_empty();
        let mut from = replica.partners_of(&id);
        from.insert(id);
        let mut statements = Vec::new();
        for (pack, there) in self.carried_from(pack, from)? {
            let Ok((_, _, built)) = self.read_note(pack, there) else {
                continue;
            };
            let Some(consent) = built.whole_view().consent else {
                continue;
            };
            let for_all = !is_copy || !self.packs.need(pack)?.originals_of(&there).is_empty();
            match for_all {
                true => statements.push(consent),
                // Its purposes may hold what no copy shows.
                false if consent.status > ConsentStatus::Limited => {
                    statements.push(Consent::new(consent.status));
                }
                false => {}
            }
        }
        Ok(Consent::strictest(statements))
    }

    /// The same, with what is said of the notes of other packs that it was itself carried from.
    pub(crate) fn strictest_on_its_way(
        &self,
        pack: PackId,
        id: ItemId,
    ) -> Result<Option<Consent>, NodeError> {
        let mut statements: Vec<Consent> = Vec::new();
        statements.extend(self.strictest_elsewhere(pack, id)?);
        let replica = self.packs.need(pack)?;
        let packs = self.packs.ids();
        let family = [id].into_iter().chain(replica.partners_of(&id));
        for (meta, _) in family.filter_map(|of| replica.meta(&of)) {
            let others = packs.iter().filter(|other| **other != pack);
            let made_of =
                others.flat_map(|other| meta.derived_from.iter().map(move |was| (*other, *was)));
            for (other, was) in made_of {
                let there = self.packs.get(&other).and_then(|there| there.meta(&was));
                if there.is_none_or(|(there, _)| there.captured_at != meta.captured_at) {
                    continue;
                }
                if let Ok((_, _, built)) = self.read_note(other, was) {
                    statements.extend(built.whole_view().consent);
                }
            }
        }
        Ok(Consent::strictest(statements))
    }

    /// Notes of other packs that were carried from these, with their masked copies, and those that these
    /// were moved from; over any number of packs.
    fn carried_from(
        &self,
        pack: PackId,
        from: BTreeSet<ItemId>,
    ) -> Result<Vec<(PackId, ItemId)>, NodeError> {
        let packs = self.packs.ids();
        let mut seen: BTreeSet<(PackId, ItemId)> = from.iter().map(|id| (pack, *id)).collect();
        let mut open: Vec<(PackId, ItemId)> = seen.iter().copied().collect();
        let mut found = Vec::new();
        while let Some((pack, id)) = open.pop() {
            let Some((of, (meta, at))) = self
                .packs
                .get(&pack)
                .and_then(|replica| Some((replica, replica.meta(&id)?)))
            else {
                continue;
            };
            // Anybody can say that a note was made from this one: only who reads it can have carried it.
            let me = self.me.person();
            let carries = |by: PersonId| by == me || of.policy.may_open(&by, at);
            let (captured_at, made_of) = (meta.captured_at, meta.derived_from.clone());
            for other in packs.iter().filter(|other| **other != pack) {
                let Some(replica) = self.packs.get(other) else {
                    continue; // it cannot be read
                };
                let made_of_it = replica.metas().filter(|meta| {
                    meta.captured_at == captured_at
                        && meta.derived_from.contains(&id)
                        && meta.by.is_some_and(carries)
                });
                let mut there: Vec<ItemId> = made_of_it.map(|meta| meta.item).collect();
                for was in &made_of {
                    if replica.meta(was).is_some() && self.was_moved(*other, *was, pack)? {
                        there.push(*was);
                    }
                }
                for id in with_copies(replica, there) {
                    if found.len() < CARRIED_MAX && seen.insert((*other, id)) {
                        found.push((*other, id));
                        open.push((*other, id));
                    }
                }
            }
        }
        Ok(found)
    }
}

fn with_copies(replica: &Replica, notes: Vec<ItemId>) -> BTreeSet<ItemId> {
    let copies = notes.iter().flat_map(|id| replica.copies_of(id));
    let copies: Vec<ItemId> = copies.collect();
    notes.into_iter().chain(copies).collect()
}

/// Whether a note stands under a stricter consent than a statement.
pub(crate) fn allows_less(stands: Option<&Consent>, stated: &Consent) -> bool {
    let both = stands.into_iter().chain([stated]).cloned();
    Consent::strictest(both).is_some_and(|both| {
        (both.status, &both.purposes, both.expires_at)
            != (stated.status, &stated.purposes, stated.expires_at)
    })
}
