//! Notes that say that they were made from, or replace, notes of another pack that is here.
//!
//! Writing something down anew is a way out of a pack like a copy: whoever takes such a note in asks the
//! rules of the pack of each note that it names. What is not here cannot be asked, and a note that names
//! nothing is not recognised. Spec: `docs/spec/release.md`, "Derived notes".

use crate::error::Denied;
use crate::release::into_pack;
use crate::{Node, NodeError};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::Record;
use kitbag_core::release::{Verdict, Withheld, decide};

/// What a person said of notes that come from other packs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crossing {
    /// What for; consents are asked for it.
    pub purpose: Option<String>,
    /// Whether they may cross from one client to another.
    pub across_clients: bool,
    /// Whether the notes that it names were asked already: it is carried, not made from them.
    pub is_asked: bool,
}

/// A note of another pack that does not let go what was made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBy {
    /// Its pack.
    pub pack: PackId,
    /// The note.
    pub note: ItemId,
    /// Why it, and what was made from it, stays there.
    pub why: Withheld,
}

impl Node {
    /// Refuses a note that would take into a pack what notes of other packs here do not let go: those
    /// that it was made from or replaces, by the rules of their packs and their consents, and the one
    /// that it `was`, by the wall between clients alone, since it left with what its export allowed.
    ///
    /// # Errors
    /// [`Denied::MadeFrom`] with the first of them.
    pub(crate) fn may_derive(
        &self,
        now: Timestamp,
        to: PackId,
        record: &Record,
        was: Option<ItemId>,
        crossing: &Crossing,
    ) -> Result<(), NodeError> {
        if crossing.is_asked {
            return Ok(());
        }
        let here = self.packs.need(to)?;
        let named = record.derived_from.iter().chain(&record.supersedes);
        for id in named.filter(|id| !here.notes.contains_key(id)) {
            for pack in self.packs.that_hold(id) {
                let why = self.keeps(now, (pack, *id), to, was, crossing)?;
                kept_by(pack, *id, why)?;
            }
        }
        let Some(was) = was.filter(|was| !here.notes.contains_key(was)) else {
            return Ok(());
        };
        for pack in self.packs.that_hold(&was) {
            kept_by(pack, was, self.walls(pack, to, crossing)?)?;
        }
        Ok(())
    }

    /// Why what was made from a note of another pack stays there, if it does. That the note itself is
    /// over by now, deleted, redacted or expired, says nothing of what was made from it before.
    fn keeps(
        &self,
        now: Timestamp,
        (pack, id): (PackId, ItemId),
        to: PackId,
        was: Option<ItemId>,
        crossing: &Crossing,
    ) -> Result<Option<Withheld>, NodeError> {
        let replica = self.packs.need(pack)?;
        // Its copy without personal data is judged as what it is.
        let by_copy = was.is_some_and(|was| replica.copies_of(&id).contains(&was));
        let Some(read) = self.note_to_read(pack, id)?.filter(|_| !by_copy) else {
            return self.walls(pack, to, crossing);
        };
        let mut request = into_pack(self, (pack, to), crossing)?;
        request.deleted = true;
        let verdict = decide(
            &request,
            read.facts(&read.kinds()),
            replica.release_rules(),
            now,
        );
        match verdict {
            Verdict::Allowed | Verdict::Withheld(Withheld::Redacted | Withheld::Expired) => {
                self.lost_rule(&read, to, read.sensitivity)
            }
            Verdict::Withheld(why) => Ok(Some(why)),
        }
    }

    /// Why nothing at all goes from one pack into another, as far as clients decide.
    fn walls(
        &self,
        from: PackId,
        to: PackId,
        crossing: &Crossing,
    ) -> Result<Option<Withheld>, NodeError> {
        let request = into_pack(self, (from, to), crossing)?;
        let rules = self.packs.need(from)?.release_rules();
        Ok(kitbag_core::release::walls(&request, rules))
    }
}

fn kept_by(pack: PackId, note: ItemId, why: Option<Withheld>) -> Result<(), NodeError> {
    let kept = why.map(|why| KeptBy { pack, note, why });
    kept.map_or(Ok(()), |kept| Err(Denied::MadeFrom(Box::new(kept)).into()))
}
