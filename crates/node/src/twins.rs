//! Which notes are here already: looked up by fingerprint, when a note is added or imported again.
//!
//! The fingerprints of a pack are put together when something is first imported while it is awake, and
//! kept up to date from then on. A note that was moved out of sight is known by the create that it left
//! behind, so that it is not taken in a second time below the place where somebody put it.

use crate::NodeError;
use crate::objects::{Object, ObjectState, Reach, open_create};
use crate::replica::Replica;
use kitbag_core::id::{ItemId, ObjectTag};
use kitbag_core::pack::note::Status;
use kitbag_core::policy::Sensitivity;
use kitbag_store::Reader;
use std::collections::HashMap;

/// The tags under which a fingerprint was seen. What stands there now is looked at again.
#[derive(Default)]
pub(crate) struct Twins {
    tags: HashMap<[u8; 32], Vec<ObjectTag>>,
}

/// A note that is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twin {
    /// It can be read.
    Here {
        item: ItemId,
        sensitivity: Sensitivity,
        deleted: bool,
        edited: bool,
    },
    /// It was put above the own clearance.
    Above,
}

impl Twins {
    /// Of everything in a replica.
    pub(crate) fn of(replica: &Replica, store: &Reader) -> Result<Twins, NodeError> {
        let mut twins = Twins::default();
        for (tag, object) in &replica.objects {
            match &object.state {
                ObjectState::Note(meta) => twins.note(meta.fingerprint, *tag),
                ObjectState::Left => {
                    let reach = Reach::Counting;
                    let left = open_create(replica, store, *tag, object, reach, &mut vec![])?;
                    if let Some(note) = left {
                        twins.note(*note.record.fingerprint().as_bytes(), *tag);
                    }
                }
                ObjectState::Waiting | ObjectState::Index { .. } => {}
            }
        }
        Ok(twins)
    }

    pub(crate) fn note(&mut self, fingerprint: [u8; 32], tag: ObjectTag) {
        let tags = self.tags.entry(fingerprint).or_default();
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }

    /// The notes with a fingerprint: those that are not deleted first, then in the order of their ids.
    pub(crate) fn find(&self, replica: &Replica, fingerprint: &[u8; 32]) -> Vec<Twin> {
        let tags = self.tags.get(fingerprint).map_or(&[][..], Vec::as_slice);
        Self::among(
            tags.iter().filter_map(|tag| replica.objects.get(tag)),
            fingerprint,
        )
    }

    /// The same without looking up anything, of notes that can be read.
    pub(crate) fn scan(replica: &Replica, fingerprint: &[u8; 32]) -> Vec<Twin> {
        let is_note = |object: &&Object| matches!(object.state, ObjectState::Note(_));
        Self::among(replica.objects.values().filter(is_note), fingerprint)
    }

    fn among<'a>(objects: impl Iterator<Item = &'a Object>, fingerprint: &[u8; 32]) -> Vec<Twin> {
        let mut found: Vec<(bool, Option<ItemId>, Twin)> = objects
            .filter_map(|object| match &object.state {
                ObjectState::Note(meta) if meta.fingerprint == *fingerprint => {
                    let deleted = meta.status == Status::DELETED.as_str();
                    let twin = Twin::Here {
                        item: meta.item,
                        sensitivity: object.sensitivity,
                        deleted,
                        edited: meta.edits > 0 || meta.status != Status::Active.as_str(),
                    };
                    Some((deleted, Some(meta.item), twin))
                }
                ObjectState::Left => Some((true, None, Twin::Above)),
                _ => None,
            })
            .collect();
        let seen = found.iter().any(|(_, item, _)| item.is_some());
        found.retain(|(_, item, _)| item.is_some() || !seen);
        found.sort_by_key(|(deleted, item, _)| (*deleted, *item));
        found.into_iter().map(|(_, _, twin)| twin).collect()
    }
}
