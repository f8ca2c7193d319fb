//! Where people changed a text at once, for whoever reads it.

use crate::Node;
use crate::objects::BuiltNote;
use crate::replica::Replica;
use crate::view::MergedPlace;
use kitbag_core::id::PersonId;
use kitbag_core::pack::{ChangeHash, NoteDocument};
use std::collections::BTreeMap;

impl Node {
    /// The places of a note's text that several changed at once and nobody read since; none of one that
    /// is redacted.
    pub(crate) fn merged_places(&self, replica: &Replica, built: &BuiltNote) -> Vec<MergedPlace> {
        let meetings = built.document.as_ref().map(NoteDocument::meetings);
        let meetings = meetings.filter(|_| !built.is_redacted());
        let meetings = meetings.unwrap_or_default();
        if meetings.is_empty() {
            return Vec::new();
        }
        let mut writers: BTreeMap<ChangeHash, Option<PersonId>> = BTreeMap::new();
        for (change, told) in &built.told {
            writers.insert(*change, told.by);
        }
        for step in &built.steps {
            writers.extend(step.change.iter().map(|change| (change.hash(), step.by)));
        }
        let places = meetings.into_iter().map(|meeting| {
            let by = meeting
                .changes
                .map(|change| writers.get(&change).copied().flatten());
            let mut by: Vec<Option<PersonId>> = by.to_vec();
            by.dedup_by(|one, other| one.is_some() && one == other);
            MergedPlace {
                at: meeting.at,
                by: by
                    .into_iter()
                    .map(|person| self.author(replica, person))
                    .collect(),
            }
        });
        places.collect()
    }
}
