//! What in a pack is in the way: not used, nearly the same, over, or kept longer than it may be; and
//! putting it away.
//!
//! Looking changes nothing and goes in slices, so that the device does its other work between two. What
//! is to be done names each note in the version that was looked at: a note that changed since stays as
//! it is. All writes of one go are edits like any other, and `undo` takes them back together.
//! Notes above the own clearance are as if they were not there. An original and its masked copies are
//! one: what is known of one is known of all, and they go together.
//! Design: `docs/design/0029-hygiene.md`.

mod alike;
mod doing;
mod facts;
mod goes;
mod reads;
mod rows;
mod runs;

pub use doing::{ActDone, HygieneAct, HygieneAction};
pub use goes::{GoKept, HygieneGo};
pub use runs::RunUndone;
pub(crate) use runs::{Run, Runs, check as check_lists};

use crate::{Node, NodeError};
use alike::Alike;
use facts::Facts;
use kitbag_core::filter::Filter;
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::resemblance::{SAME, SIMILARITY_MIN};
use reads::Reading;
use rows::Rows;
use std::collections::{BTreeMap, BTreeSet};

/// Notes that one look takes in, at most: about a third of a kilobyte is kept of each.
pub const HYGIENE_NOTES_MAX: usize = 200_000;
/// Notes that one look lists of one kind, and that one go changes, at most.
pub const HYGIENE_ROWS_MAX: usize = 10_000;
/// A day, in milliseconds.
pub const DAY_MILLIS: u64 = 24 * 60 * 60 * 1_000;

/// Why a note is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HygieneKind {
    /// Neither changed nor read for long, due for review, or not valid any more.
    Stale,
    /// No read of it is reported here, long after it was added.
    NeverRead,
    /// Its end is over, and it is still in use.
    Expired,
    /// It expired long ago.
    LongExpired,
    /// It is older than it may be kept.
    OverRetained,
    /// Nearly the same as another one, which stays.
    Duplicate,
}

impl HygieneKind {
    /// All of them.
    pub const ALL: [HygieneKind; 6] = [
        HygieneKind::Stale,
        HygieneKind::NeverRead,
        HygieneKind::Expired,
        HygieneKind::LongExpired,
        HygieneKind::OverRetained,
        HygieneKind::Duplicate,
    ];
}

/// What to look for, and where.
#[derive(Clone, Debug)]
pub struct HygieneOptions {
    /// In these packs; in all of this device if absent.
    pub packs: Option<Vec<PackId>>,
    /// For these kinds.
    pub kinds: BTreeSet<HygieneKind>,
    /// Among these notes.
    pub filter: Filter,
    /// Days after which a note is stale that was neither changed nor read.
    pub stale_days: u64,
    /// Days since a note was added after which some read of it is to be expected.
    pub unread_days: u64,
    /// Days after the end of a note, at which it expired long ago.
    pub ended_days: u64,
    /// Days that a note may be kept after it was captured; as long as its pack says if absent.
    pub retention_days: Option<u64>,
    /// The same as the rules of packs say, by pack. The lesser of both counts.
    pub retention_of_packs: BTreeMap<PackId, u64>,
    /// How alike notes are, at least, that count as the same: 600 to 1,000 thousandths.
    pub similarity: u16,
    /// Whether messages are compared too. Out of a conversation they cannot be missed.
    pub messages: bool,
    /// Whether notes that are pinned may be put away.
    pub pinned: bool,
    /// Whether notes that are in a selection may be put away.
    pub selected: bool,
    /// Notes to list of each kind, at most.
    pub limit: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HygieneReport {
    /// When the look began.
    pub at: Timestamp,
    /// The packs.
    pub packs: Vec<PackId>,
    /// Notes that were looked at: those that are not deleted, replaced or redacted, and fit the filter.
    /// Masked copies count with their originals.
    pub looked_at: u64,
    /// Notes that do not open from disk. What they are, nobody knows.
    pub unreadable: u64,
    /// Notes of each kind that was asked for.
    pub kinds: BTreeMap<HygieneKind, KindFound>,
    /// Notes that are nearly the same.
    pub groups: Vec<HygieneGroup>,
    /// Groups, with those that are not listed.
    pub groups_total: u64,
    /// Notes that were not compared with everything that they could be like.
    pub not_compared: u64,
    /// Since when reads are known here.
    pub reads_since: Timestamp,
    /// Reports of reads that cannot be opened here yet.
    pub reads_waiting: u64,
}

/// Notes of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindFound {
    /// How many there are, with those beyond the limit.
    pub total: u64,
    /// How many of them stay as they are: pinned, selected, or not this person's to change.
    pub left: u64,
    /// The first of them; none of duplicates, which stand in groups.
    pub notes: Vec<HygieneNote>,
}

/// Notes that are nearly the same as one of them, in one pack and of one sensitivity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HygieneGroup {
    /// The one that stays.
    pub kept: HygieneNote,
    /// Why it, and not another.
    pub because: KeptBecause,
    /// The others, each compared with that one: how much of both is common, in thousandths.
    pub others: Vec<(HygieneNote, u16)>,
}

/// Why one of several notes that are nearly the same stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptBecause {
    /// It is pinned.
    Pinned,
    /// Other notes were made from it, or replaced by it.
    ReferredTo,
    /// It has the most text.
    Longest,
    /// It was changed last.
    Newest,
    /// Nothing speaks for one of them.
    Same,
}

/// A note that is in the way, or would stay for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HygieneNote {
    /// Its pack.
    pub pack: PackId,
    /// The note.
    pub id: ItemId,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// active or expired.
    pub status: &'static str,
    /// When it was captured.
    pub captured_at: Timestamp,
    /// When it was added here or changed last, by the writers' clocks.
    pub changed_at: Timestamp,
    /// When it was read last, as devices reported.
    pub read_at: Option<Timestamp>,
    /// Why it is in the way.
    pub why: Why,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Its masked copies, or its original, that may go with it.
    pub along: Vec<HygieneAlong>,
    /// Why it stays as it is, if it does.
    pub left: Option<Left>,
    /// Names it as it was looked at.
    pub version: [u8; 32],
}

/// A masked copy or an original of a note, that may go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HygieneAlong {
    /// The note.
    pub id: ItemId,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Names it as it was looked at.
    pub version: [u8; 32],
}

/// What makes a note to be in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Neither changed nor read for long.
    Untouched,
    /// Its day of review is over, and nobody changed it since.
    ReviewDue,
    /// What it says was valid until a day that is over.
    NoLongerValid,
    /// No read of it is reported.
    NoReadReported,
    /// Its end is over.
    PastEnd,
    /// Somebody said that it expired.
    MarkedExpired,
    /// It is older than it may be kept.
    PastRetention,
    /// Another one says nearly the same.
    NearlyTheSame,
    /// Nothing: it is what stays.
    Kept,
}

/// Why a note stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// It, or what goes with it, is pinned.
    Pinned,
    /// It, or what goes with it, is in a selection of this device.
    Selected,
    /// This person may not write there.
    NotAllowed,
    /// It, or what goes with it, changed since it was looked at.
    Changed,
    /// What should have replaced it changed, or is gone.
    KeptChanged,
    /// It is not there any more.
    Gone,
    /// It, what goes with it, or what should have replaced it does not open from disk.
    Unreadable,
    /// It is what it should become already.
    Done,
}

impl Left {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Left::Pinned => "pinned",
            Left::Selected => "selected",
            Left::NotAllowed => "not_allowed",
            Left::Changed => "changed",
            Left::KeptChanged => "kept_changed",
            Left::Gone => "gone",
            Left::Unreadable => "unreadable",
            Left::Done => "done",
        }
    }
}

/// A look that is under way.
pub struct Examining {
    at: Timestamp,
    options: HygieneOptions,
    packs: Vec<PackId>,
    stage: Stage,
}

enum Stage {
    Reading(Reading),
    Looking(Facts),
    Comparing(Box<Alike>),
    Listing(Box<Rows>),
    Over,
}

impl Node {
    /// Begins to look for what is in the way. What comes in afterwards may be missed.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for the options, or for more than [`HYGIENE_NOTES_MAX`] notes that are not
    /// deleted; [`NodeError::NotFound`] for a pack; [`NodeError::Store`].
    pub fn begin_hygiene(
        &mut self,
        now: Timestamp,
        options: HygieneOptions,
    ) -> Result<Examining, NodeError> {
        options.check()?;
        let packs = match &options.packs {
            Some(packs) => {
                let mut seen = BTreeSet::new();
                let packs = packs.iter().copied();
                packs.filter(|pack| seen.insert(*pack)).collect()
            }
            None => self.packs.ids(),
        };
        if packs.iter().any(|pack| !self.packs.contains(pack)) {
            return Err(NodeError::NotFound("pack"));
        }
        let notes = packs.iter().filter_map(|pack| self.packs.summary(pack));
        refuse_too_many(notes.map(|summary| summary.notes).sum())?;
        let mut key = [0u8; 16];
        self.rng.fill_bytes(&mut key);
        let reading = Reading::new(self, now, packs.clone(), key);
        Ok(Examining {
            at: now,
            options,
            packs,
            stage: Stage::Reading(reading),
        })
    }

    /// Looks at the next notes; what was found, once none is left.
    ///
    /// # Errors
    /// [`NodeError::Store`]; [`NodeError::BadInput`] for more than [`HYGIENE_NOTES_MAX`] notes.
    pub fn hygiene_on(
        &self,
        examining: &mut Examining,
    ) -> Result<Option<HygieneReport>, NodeError> {
        let Examining {
            at,
            options,
            packs,
            stage,
        } = examining;
        let next = match std::mem::replace(stage, Stage::Over) {
            Stage::Reading(mut reading) => match reading.go_on(self)? {
                false => Stage::Reading(reading),
                true => Stage::Looking(Facts::new(packs.clone(), reading)),
            },
            Stage::Looking(mut facts) => match facts.go_on(self, *at, options)? {
                false => Stage::Looking(facts),
                true => Stage::Comparing(Box::new(Alike::new(facts))),
            },
            Stage::Comparing(mut alike) => match alike.go_on(self, options)? {
                false => Stage::Comparing(alike),
                true => Stage::Listing(Box::new(Rows::new(packs.clone(), *at, options, *alike))),
            },
            Stage::Listing(mut rows) => match rows.go_on(self)? {
                false => Stage::Listing(rows),
                true => return Ok(Some(rows.report(*at))),
            },
            Stage::Over => return Err(NodeError::NotFound("look")),
        };
        *stage = next;
        Ok(None)
    }
}

impl HygieneOptions {
    fn check(&self) -> Result<(), NodeError> {
        let bad = |field, reason: String| Err(NodeError::BadInput { field, reason });
        if !(SIMILARITY_MIN..=SAME).contains(&self.similarity) {
            return bad(
                "similarity",
                format!("has to be between {SIMILARITY_MIN} and {SAME} thousandths"),
            );
        }
        if !(1..=HYGIENE_ROWS_MAX).contains(&self.limit) {
            return bad(
                "limit",
                format!("has to be between 1 and {HYGIENE_ROWS_MAX}"),
            );
        }
        let days = [self.stale_days, self.unread_days];
        let days = days.into_iter().chain(self.retention_days);
        if days.into_iter().any(|days| days == 0) {
            return bad("days", "have to be at least one".into());
        }
        Ok(())
    }

    /// Days that a note of this pack may be kept, if that is limited.
    fn retention_in(&self, pack: &PackId) -> Option<u64> {
        let ruled = self.retention_of_packs.get(pack).copied();
        self.retention_days.into_iter().chain(ruled).min()
    }

    fn asks(&self, kind: HygieneKind) -> bool {
        self.kinds.contains(&kind)
    }
}

fn refuse_too_many(notes: u64) -> Result<(), NodeError> {
    match notes > HYGIENE_NOTES_MAX as u64 {
        true => Err(NodeError::BadInput {
            field: "packs",
            reason: format!("more than {HYGIENE_NOTES_MAX} notes at once; name fewer packs"),
        }),
        false => Ok(()),
    }
}

/// Whether so many days lie between two moments; none do, if a clock was ahead.
fn is_past(since: Timestamp, days: u64, now: Timestamp) -> bool {
    let ago = now.as_millis().checked_sub(since.as_millis());
    ago.is_some_and(|ago| ago >= days.saturating_mul(DAY_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_notes_are_looked_at_as_there_is_room_for() {
        let most = HYGIENE_NOTES_MAX as u64;
        assert!(refuse_too_many(most).is_ok());
        let refused = refuse_too_many(most + 1);
        assert!(matches!(refused, Err(NodeError::BadInput { .. })));
    }
}
