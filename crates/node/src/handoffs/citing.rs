//! What a hand-off may cite, and what is left out of it.
//!
//! A note goes into a hand-off if whoever reads the hand-off may read the note, and the release rules
//! and the consent of whom it is about let it. Of a note that stands higher its masked copy is cited, if
//! there is one that may be. Everything else is left out and counted, by the rule that keeps it.

use super::HandoffRefused;
use crate::finding::ReadNote;
use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::handoff::draft::{Heads, LIST_MAX, WORD_CHARS_MAX};
use kitbag_core::handoff::{Draft, WithheldNotes};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::NoteDocument;
use kitbag_core::pack::note::Pii;
use kitbag_core::policy::Sensitivity;
use kitbag_core::release::{Destination, Request, Target, Verdict, Withheld, decide};
use std::collections::{BTreeMap, BTreeSet};

/// A draft as it may be written down, and what was done to it for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citing {
    /// The draft, with pinned heads and its privacy filled in.
    pub draft: Draft,
    /// Statements that were left out, because what they cite stays.
    pub left_out: Vec<LeftOut>,
    /// How many notes are cited by their masked copy instead.
    pub as_masked_copy: u64,
}

/// A statement that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The list that it stood in.
    pub field: &'static str,
    /// Its place in that list, from 0.
    pub at: usize,
    /// The rule that keeps what it cites.
    pub why: Withheld,
}

/// What became of a note that a draft names.
#[derive(Clone, Debug)]
pub enum Cited {
    /// It is cited, as itself or by its masked copy.
    As(ItemId, Heads),
    /// It stays.
    Stays(Withheld),
}

struct Known {
    cited: Cited,
    sensitivity: Sensitivity,
    pii: BTreeSet<Pii>,
}

impl Node {
    /// Judges what a draft cites, for a hand-off that stands at `at`.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for a note that is not here, or above the own clearance;
    /// [`NodeError::Handoff`] if nothing that it cites may go, or a field breaks a limit.
    pub(crate) fn cite(
        &self,
        now: Timestamp,
        pack: PackId,
        mut draft: Draft,
        at: Sensitivity,
    ) -> Result<Citing, NodeError> {
        let replica = self.packs.need(pack)?;
        let mut known: BTreeMap<ItemId, Known> = BTreeMap::new();
        for item in draft.cited() {
            let found = self.may_be_cited(now, replica, &draft, item, at)?;
            known.insert(item, found);
        }
        let mut left_out = Vec::new();
        let place = |item: &ItemId| known.get(item).map(|known| known.cited.clone());
        let before = draft.facts.len();
        let mut facts = Vec::new();
        for (index, mut fact) in std::mem::take(&mut draft.facts).into_iter().enumerate() {
            match place(&fact.item) {
                Some(Cited::As(item, heads)) => {
                    (fact.item, fact.heads) = (item, heads);
                    facts.push(fact);
                }
                Some(Cited::Stays(why)) => left_out.push(LeftOut {
                    field: "facts",
                    at: index,
                    why,
                }),
                None => {}
            }
        }
        draft.facts = facts;
        let mut tried = Vec::new();
        for (index, mut of) in std::mem::take(&mut draft.tried).into_iter().enumerate() {
            match of.item.as_ref().and_then(place) {
                None => tried.push(of),
                Some(Cited::As(item, _)) => {
                    of.item = Some(item);
                    tried.push(of);
                }
                Some(Cited::Stays(why)) => left_out.push(LeftOut {
                    field: "tried",
                    at: index,
                    why,
                }),
            }
        }
        draft.tried = tried;
        if let Some(cited) = draft.transcript.as_ref().and_then(place) {
            draft.transcript = match cited {
                Cited::As(item, _) => Some(item),
                Cited::Stays(why) => {
                    left_out.push(LeftOut {
                        field: "transcript",
                        at: 0,
                        why,
                    });
                    None
                }
            };
        }
        if before > 0
            && draft.facts.is_empty()
            && let Some(first) = left_out.first()
        {
            let why = first.why.rule();
            return Err(HandoffRefused::NothingToCite { why }.into());
        }
        let as_masked_copy = known
            .iter()
            .filter(|(asked, known)| matches!(&known.cited, Cited::As(item, _) if item != *asked))
            .count();
        self.fill_privacy(now, replica, &mut draft, &known, at)?;
        draft.check()?;
        Ok(Citing {
            draft,
            left_out,
            as_masked_copy: as_masked_copy as u64,
        })
    }

    fn may_be_cited(
        &self,
        now: Timestamp,
        replica: &Replica,
        draft: &Draft,
        item: ItemId,
        at: Sensitivity,
    ) -> Result<Known, NodeError> {
        let read = self.note_to_read(replica.id(), item)?;
        let read = read.ok_or(NodeError::NotFound("note that is cited"))?;
        let why = match self.judge_cited(now, replica, draft, &read, at) {
            Verdict::Allowed => return Ok(known(item, &read)),
            Verdict::Withheld(why) => why,
        };
        // In its stead the same copy each time, whatever order they are found in.
        let mut copies = replica.copies_of(&item);
        copies.sort();
        for copy in copies {
            let Some(of) = self.note_to_read(replica.id(), copy)? else {
                continue;
            };
            if self.judge_cited(now, replica, draft, &of, at) == Verdict::Allowed {
                return Ok(known(copy, &of));
            }
        }
        Ok(Known {
            cited: Cited::Stays(why),
            ..known(item, &read)
        })
    }

    fn judge_cited(
        &self,
        now: Timestamp,
        replica: &Replica,
        draft: &Draft,
        read: &ReadNote,
        at: Sensitivity,
    ) -> Verdict {
        let rules = replica.release_rules();
        let request = Request {
            // It stays in its pack: there is nobody else's.
            target: match rules {
                Ok(rules) => Target::Of(rules.clients.keys().copied().collect()),
                Err(why) => Target::Unreadable(why),
            },
            purpose: draft.privacy.purpose.as_deref(),
            up_to: Some(at),
            ..Request::to(Destination::Handoff)
        };
        decide(&request, read.facts(&read.kinds()), rules, now)
    }

    /// Says what is cited and what is not: also the originals of masked copies, since that is what the
    /// receiver would miss.
    fn fill_privacy(
        &self,
        now: Timestamp,
        replica: &Replica,
        draft: &mut Draft,
        known: &BTreeMap<ItemId, Known>,
        at: Sensitivity,
    ) -> Result<(), NodeError> {
        let mut stays: BTreeMap<ItemId, (Withheld, BTreeSet<Pii>)> = BTreeMap::new();
        let (mut highest, mut pii) = (None, BTreeSet::new());
        for (asked, of) in known {
            match &of.cited {
                Cited::As(item, _) => {
                    highest = highest.max(Some(of.sensitivity));
                    pii.extend(&of.pii);
                    for original in replica.originals_of(item) {
                        let Some(read) = self.note_to_read(replica.id(), original)? else {
                            continue;
                        };
                        let verdict = self.judge_cited(now, replica, draft, &read, at);
                        if let Verdict::Withheld(why) = verdict {
                            stays.insert(original, (why, read.kinds()));
                        }
                    }
                }
                Cited::Stays(why) => {
                    stays.insert(*asked, (*why, of.pii.clone()));
                }
            }
        }
        let mut withheld: BTreeMap<String, WithheldNotes> = BTreeMap::new();
        for (why, pii) in stays.into_values() {
            let word: String = word_of(why).chars().take(WORD_CHARS_MAX).collect();
            let of = withheld.entry(word.clone()).or_insert(WithheldNotes {
                count: 0,
                why: word,
                pii: BTreeSet::new(),
            });
            of.count += 1;
            of.pii.extend(pii);
        }
        draft.privacy.max_sensitivity = highest;
        draft.privacy.pii = pii;
        draft.privacy.withheld = withheld.into_values().take(LIST_MAX).collect();
        Ok(())
    }

    /// Where a hand-off stands of which nobody says it: as high as what it cites and everybody whom it is
    /// for opens.
    pub(crate) fn needed_by_cited(
        &self,
        pack: PackId,
        draft: &Draft,
        from: Sensitivity,
        up_to: Sensitivity,
    ) -> Result<Sensitivity, NodeError> {
        let replica = self.packs.need(pack)?;
        let cited = draft.cited();
        let of = cited.iter().filter_map(|item| {
            let (_, sensitivity) = replica.meta(item)?;
            (sensitivity <= up_to).then_some(sensitivity)
        });
        Ok(of.max().map_or(from, |needed| needed.max(from)))
    }
}

/// A word for people: where it stands, if that is why.
fn word_of(why: Withheld) -> String {
    match why {
        Withheld::Sensitivity(sensitivity) => format!("sensitivity {sensitivity}"),
        other => other.rule(),
    }
}

fn known(item: ItemId, read: &ReadNote) -> Known {
    Known {
        cited: Cited::As(item, heads(read)),
        sensitivity: read.sensitivity,
        pii: read.kinds(),
    }
}

/// What a note's document rests on now; nothing of one that nobody edited.
pub(crate) fn heads(read: &ReadNote) -> Heads {
    let edited = |document: &&NoteDocument| document.heads() != [document.base()];
    match read.built.document.as_ref().filter(edited) {
        None => Heads::default(),
        Some(document) => Heads::new(document.heads()),
    }
}
