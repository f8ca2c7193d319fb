//! Completing a hand-off: what was wrong is written anew, in the same commit as the act that says so.

use super::HandoffRefused;
use crate::capturing::{Captured, Incoming};
use crate::replica::Staged;
use crate::{Node, NodeError};
use kitbag_core::handoff::{Act, Agent, Outcome, Signed, State};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{
    Claim, LABEL_CHARS_MAX, NoteType, Source, SourceKind, TITLE_BYTES_MAX, Trust,
};
use std::collections::BTreeSet;

/// A note of which somebody says how it really is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The note that is wrong.
    pub item: ItemId,
    /// What is right.
    pub text: String,
}

/// How a hand-off is completed. The ids of what is written are filled in.
#[derive(Clone, Debug)]
pub struct Finishing {
    /// What came of it.
    pub outcome: Outcome,
    /// The notes that are to be written, each with the one that it corrects, if it does.
    pub notes: Vec<(Option<ItemId>, Incoming)>,
}

/// A hand-off that was completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// Where it stands.
    pub state: State,
    /// What was corrected, with what stands in its place.
    pub corrections: Vec<(ItemId, ItemId)>,
    /// What was written beside that.
    pub new_items: Vec<ItemId>,
}

impl Node {
    /// The notes by which somebody corrects others, or writes down what came of a hand-off: `summary` if
    /// it is said in words. To be looked through for personal data, then given to
    /// [`Node::finish_handoff`].
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for the hand-off or a note that is corrected.
    pub fn outcome_notes(
        &self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        corrections: &[Correction],
        summary: &str,
    ) -> Result<Vec<(Option<ItemId>, Incoming)>, NodeError> {
        let built = self.built_handoff(pack, id)?;
        let source = |label: String| Source {
            kind: SourceKind::Manual,
            label: label.chars().take(LABEL_CHARS_MAX).collect(),
            uri: None,
            app: None,
            author: Some(self.me.name.clone()),
            locator: Some(format!("hand-off {id}")),
            captured_at: now,
            observed_at: None,
            captured_by: String::new(),
            trust: Trust::FirstParty,
        };
        let mut notes = Vec::new();
        for correction in corrections {
            let read = self.note_to_read(pack, correction.item)?;
            let read = read.ok_or(NodeError::NotFound("note that is corrected"))?;
            let label = format!(
                "{} · corrected by {}",
                read.built.record.source.label, self.me.name
            );
            let mut record = Record::new([0; 16], NoteType::Outcome, source(label));
            record.title = start(&read.view.title, TITLE_BYTES_MAX);
            record.body = correction.text.clone();
            record.claim = Some(Claim::Verified);
            record.supersedes = BTreeSet::from([correction.item]);
            record.derived_from = BTreeSet::from([correction.item]);
            notes.push((
                Some(correction.item),
                Incoming {
                    sensitivity: Some(read.sensitivity),
                    replaces: BTreeSet::from([correction.item]),
                    anew: true,
                    ..Incoming::new(record)
                },
            ));
        }
        if !summary.trim().is_empty() {
            let about = built
                .draft
                .subject
                .as_deref()
                .unwrap_or(&built.draft.summary);
            let about: String = about
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(100)
                .collect();
            let mut record = Record::new(
                [0; 16],
                NoteType::Outcome,
                source(format!("Outcome of a hand-off · {about}")),
            );
            record.title = start(&format!("Outcome: {about}"), TITLE_BYTES_MAX);
            record.body = summary.to_owned();
            record.claim = Some(Claim::Verified);
            notes.push((
                None,
                Incoming {
                    sensitivity: Some(built.sensitivity),
                    anew: true,
                    ..Incoming::new(record)
                },
            ));
        }
        Ok(notes)
    }

    /// Completes a hand-off, and writes the notes that go with it: all in one commit, or nothing.
    ///
    /// # Errors
    /// As [`Node::act_on_handoff`] and [`Node::add_notes`].
    pub fn finish_handoff(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        finishing: Finishing,
        agent: Option<Agent>,
        expected: Option<State>,
    ) -> Result<Corrected, NodeError> {
        let Finishing { mut outcome, notes } = finishing;
        let built = self.built_handoff(pack, id)?;
        let signed = Signed { at: now, agent };
        // Before anything is written: with the ids of its notes it is judged the same.
        let act = Act::Complete(Box::new(outcome.clone()));
        act.check()?;
        self.may_act(pack, &built, &act, &signed, expected)?;
        let mut staged = Staged::default();
        let (corrected, incoming): (Vec<_>, Vec<_>) = notes.into_iter().unzip();
        let (written, mut pens) = self.stage_captured_with(now, pack, incoming, &mut staged)?;
        let mut new_items = Vec::new();
        let mut corrections = Vec::new();
        for (corrected, written) in corrected.into_iter().zip(written) {
            let Captured { id, masked, .. } = written?;
            let Some(new) = id else {
                return Err(NodeError::Damaged("note"));
            };
            // Whoever may not read the new note reads its copy.
            let seen = masked.map_or(new, |(copy, _)| copy);
            match corrected {
                Some(old) => corrections.push((old, seen)),
                None => new_items.push(seen),
            }
        }
        outcome.corrections.extend(&corrections);
        outcome.new_items.extend(&new_items);
        let act = Act::Complete(Box::new(outcome));
        act.check().map_err(HandoffRefused::Draft)?;
        self.stage_act(pack, &built, act, signed, &mut pens, &mut staged)?;
        self.put_down_all(pens, &mut staged);
        self.commit(pack, staged)?;
        let replica = self.packs.need(pack)?;
        Ok(Corrected {
            state: self.built_handoff(pack, id)?.fold(replica).state,
            corrections,
            new_items,
        })
    }
}

/// The beginning of a text, as many bytes as there is room for.
fn start(text: &str, bytes: usize) -> String {
    let end = text.floor_char_boundary(bytes);
    text[..end].to_owned()
}
