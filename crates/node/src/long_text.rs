//! Texts that are too long for one record: written in parts before their note, checked before it is
//! shown, and read page by page.
//!
//! A create names its parts by hash, so parts that were the text once always are; that they were is
//! remembered beside the object, and nothing of the text is. At most one part is held while a text is
//! checked, and what a page needs while it is read.
//! Spec: `docs/spec/notes.md`, "Long texts".

use crate::authority::Aside;
use crate::objects::{BuiltNote, Object, epoch_key, open_body, read};
use crate::replica::{Place, Replica};
use crate::view::TextPage;
use crate::write::{Draft, Pen};
use crate::{Node, NodeError};
use kitbag_core::content::{EntryBody, EntryKind, VerifiedEntry};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId};
use kitbag_core::pack::long_text::{PART_BYTES, beginning, parts_of};
use kitbag_core::pack::note::BODY_BYTES_MAX;
use kitbag_core::pack::{LongText, LongTextReader, NoteError, Record};
use kitbag_crypto::ItemKey;
use kitbag_store::Reader;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a text in one answer, at most: four parts of a long one.
pub const TEXT_PAGE_BYTES_MAX: usize = 4 * PART_BYTES;

/// Bytes of long texts that one step writes to one log, at most: all of it is held until it is durable.
const STEP_BYTES_MAX: usize = 32 << 20;

/// Whether the text of a create is here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// All of it, and it is what the record says.
    Whole,
    /// A part is not here, or cannot be read from disk.
    Waiting,
    /// It never will be.
    Refused(String),
}

impl Node {
    /// A piece of a note's text, from this byte on, in whole characters; at most
    /// [`TEXT_PAGE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] if no character begins there; otherwise as [`Node::note`].
    pub fn text(&mut self, pack: PackId, id: ItemId, from: u64) -> Result<TextPage, NodeError> {
        let (_, _, built) = self.built_note(pack, id)?;
        let replica = self.packs.need(pack)?;
        let short;
        let long = built.record.long.filter(|_| !built.is_redacted());
        let (bytes, skipped, total): (Vec<u8>, usize, usize) = match long {
            None => {
                short = built.view().body;
                (short.clone().into_bytes(), 0, short.len())
            }
            Some(long) => {
                let first = (from / PART_BYTES as u64).min(long.parts() as u64) as usize;
                let last = first.saturating_add(TEXT_PAGE_BYTES_MAX / PART_BYTES + 1);
                let pieces = pieces(replica, &self.store, &built, first..last)?;
                let pieces = pieces.ok_or(NodeError::Damaged("part of a note's text"))?;
                (pieces, first * PART_BYTES, long.bytes as usize)
            }
        };
        let at = usize::try_from(from).unwrap_or(usize::MAX);
        let rest = at.checked_sub(skipped).and_then(|at| bytes.get(at..));
        let text = rest.and_then(|rest| page(rest, at >= total));
        let text = text.ok_or_else(|| NodeError::BadInput {
            field: "from",
            reason: "is no place at which a character of the text begins".into(),
        })?;
        let end = at + text.len();
        Ok(TextPage {
            text,
            next: (end < total).then_some(end as u64),
            bytes: total as u64,
        })
    }

    /// All of a text that stands in parts; none for any other note.
    pub(crate) fn long_text(
        &self,
        pack: PackId,
        built: &BuiltNote,
    ) -> Result<Option<String>, NodeError> {
        let Some(long) = built.record.long.filter(|_| !built.is_redacted()) else {
            return Ok(None);
        };
        let replica = self.packs.need(pack)?;
        let bytes = pieces(replica, &self.store, built, 0..long.parts())?;
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Some)
            .ok_or(NodeError::Damaged("part of a note's text"))
    }

    /// Appends the parts of a text, for the create that follows.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] if this step writes too much already.
    pub(crate) fn append_parts(
        &mut self,
        pen: &mut Pen,
        tag: ObjectTag,
        item_key: &ItemKey,
        text: &str,
    ) -> Result<BTreeSet<EntryHash>, NodeError> {
        if pen.pending_bytes() + text.len() > STEP_BYTES_MAX {
            return Err(NodeError::BadInput {
                field: "notes",
                reason: "their texts are too long for one step; take fewer at a time".into(),
            });
        }
        let mut parts = BTreeSet::new();
        for part in parts_of(text) {
            let draft = Draft {
                kind: EntryKind::Part,
                object: tag,
                deps: BTreeSet::new(),
                body: &EntryBody::Part(part.to_vec()),
                item_key,
            };
            parts.insert(self.append(pen, &draft)?);
        }
        Ok(parts)
    }
}

/// Puts a text into a record: all of it, or the beginning of one that is to stand in parts.
pub(crate) fn set_text(record: &mut Record, text: &str) -> Result<(), NoteError> {
    if text.len() <= BODY_BYTES_MAX {
        record.body = text.to_owned();
        return Ok(());
    }
    record.long = Some(LongText::of(text)?);
    record.body = beginning(text).to_owned();
    Ok(())
}

/// How many entries a record's text takes before its create.
pub(crate) fn parts_before(record: &Record) -> u64 {
    record.long.map_or(0, |long| long.parts() as u64)
}

/// Refuses what a long text does not take.
pub(crate) fn must_be_short(note: &BuiltNote, what: &str) -> Result<(), NodeError> {
    if note.record.long.is_none() {
        return Ok(());
    }
    Err(NodeError::BadInput {
        field: "note",
        reason: format!(
            "its text is longer than {} KiB and {what}; add the text as a new note",
            BODY_BYTES_MAX / 1024
        ),
    })
}

/// The text of a long note, if all of it can be read.
pub(crate) fn whole_text(
    replica: &Replica,
    store: &Reader,
    note: &BuiltNote,
) -> Result<Option<String>, NodeError> {
    let all = pieces(replica, store, note, 0..usize::MAX)?;
    Ok(all.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// Looks whether the parts that a create names are the text of its record.
pub(crate) fn look_at_text(
    replica: &Replica,
    store: &Reader,
    object: &Object,
    (create, place): (EntryHash, &Place),
    record: &Record,
    item_key: &ItemKey,
) -> Result<Text, NodeError> {
    let Some(mut reader) = LongTextReader::new(record) else {
        let builds_on = "a create without parts builds on something";
        return Ok(match place.deps.is_empty() {
            true => Text::Whole,
            false => Text::Refused(builds_on.into()),
        });
    };
    if object.whole_texts.borrow().contains(&create) {
        return Ok(Text::Whole);
    }
    let parts = match parts_in_order(replica, place, record) {
        Ok(parts) => parts,
        Err(not) => return Ok(not),
    };
    for (hash, part) in parts {
        let Some(entry) = read_part(replica, store, hash, part)? else {
            return Ok(Text::Waiting);
        };
        let Some(bytes) = open_part(replica, &entry, part, item_key) else {
            return Ok(Text::Refused("a part of the text does not open".into()));
        };
        if let Err(refused) = reader.take(&bytes) {
            return Ok(Text::Refused(refused.to_string()));
        }
    }
    if let Err(refused) = reader.finish() {
        return Ok(Text::Refused(refused.to_string()));
    }
    object.whole_texts.borrow_mut().insert(create);
    Ok(Text::Whole)
}

impl Replica {
    /// The entries of an object that are set aside, as people are told of them: a note stands for the
    /// parts of its text.
    pub(crate) fn told_aside_of(&self, object: &Object) -> BTreeMap<EntryHash, Aside> {
        let mut aside = self.set_aside_of(object);
        aside.retain(|hash, _| !self.is_part(hash));
        aside
    }

    /// How many entries of an object that no note shows wait: those that are not set aside. Parts wait
    /// for their create, and as long as that does.
    pub(crate) fn waiting_in(&self, object: &Object) -> u64 {
        let aside = self.set_aside_of(object);
        let named: BTreeSet<EntryHash> = aside
            .keys()
            .filter_map(|hash| self.places.get(hash))
            .filter(|place| place.kind == EntryKind::Create)
            .flat_map(|place| place.deps.iter().copied())
            .collect();
        let waits = |hash: &&EntryHash| !aside.contains_key(hash) && !named.contains(hash);
        object.entries.iter().filter(waits).count() as u64
    }

    /// Whether a create has all that it builds on here.
    pub(crate) fn has_parts(&self, place: &Place) -> bool {
        place.deps.iter().all(|dep| self.places.contains_key(dep))
    }

    fn is_part(&self, hash: &EntryHash) -> bool {
        let place = self.places.get(hash);
        place.is_some_and(|place| place.kind == EntryKind::Part)
    }
}

/// The parts that a create names, in the order of the text.
fn parts_in_order<'r>(
    replica: &'r Replica,
    create: &Place,
    record: &Record,
) -> Result<Vec<(EntryHash, &'r Place)>, Text> {
    let refused = |reason: &str| Err(Text::Refused(reason.into()));
    let wanted = parts_before(record);
    if create.deps.len() as u64 != wanted {
        return refused("the create names another number of parts");
    }
    let mut parts = Vec::new();
    for dep in &create.deps {
        let place = replica.places.get(dep).ok_or(Text::Waiting)?;
        parts.push((*dep, place));
    }
    parts.sort_by_key(|(_, place)| place.seq);
    let first = create.seq.checked_sub(wanted);
    for ((_, part), seq) in parts.iter().zip(first.unwrap_or(u64::MAX)..) {
        let own = part.kind == EntryKind::Part
            && (part.log, part.object, part.epoch) == (create.log, create.object, create.epoch);
        if !own || part.seq != seq {
            return refused("the create names something else than the parts before it");
        }
    }
    Ok(parts)
}

/// The bytes of these parts of a note's text, one after the other; none if one cannot be read.
fn pieces(
    replica: &Replica,
    store: &Reader,
    note: &BuiltNote,
    wanted: std::ops::Range<usize>,
) -> Result<Option<Vec<u8>>, NodeError> {
    let create = note.created().and_then(|hash| replica.places.get(&hash));
    let parts = create.and_then(|place| parts_in_order(replica, place, &note.record).ok());
    let Some(parts) = parts else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    for (hash, part) in parts.into_iter().take(wanted.end).skip(wanted.start) {
        let entry = read_part(replica, store, hash, part)?;
        let opened = entry.and_then(|entry| open_part(replica, &entry, part, &note.item_key));
        let Some(opened) = opened else {
            return Ok(None);
        };
        bytes.extend(opened);
    }
    Ok(Some(bytes))
}

fn read_part(
    replica: &Replica,
    store: &Reader,
    hash: EntryHash,
    place: &Place,
) -> Result<Option<VerifiedEntry>, NodeError> {
    let entry = read(replica, store, place)?;
    Ok(entry.filter(|entry| entry.hash() == hash))
}

fn open_part(
    replica: &Replica,
    entry: &VerifiedEntry,
    place: &Place,
    item_key: &ItemKey,
) -> Option<Vec<u8>> {
    match open_body(entry, item_key, epoch_key(replica, place)?)? {
        EntryBody::Part(bytes) => Some(bytes),
        _ => None,
    }
}

/// The first page of what is left, in whole characters; none if it does not begin with one.
fn page(rest: &[u8], at_end: bool) -> Option<String> {
    let page = &rest[..rest.len().min(TEXT_PAGE_BYTES_MAX)];
    let whole = match std::str::from_utf8(page) {
        Ok(text) => text,
        // Only a character that the page cuts may be left out.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&page[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (at_end || !whole.is_empty()).then(|| whole.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a page ends before the character that it would cut, and begins with a whole one.
    #[test]
    fn a_page_holds_whole_characters() {
        let text = "é".repeat(TEXT_PAGE_BYTES_MAX);
        let odd = format!("a{text}");
        assert_eq!(
            page(text.as_bytes(), false).unwrap().len(),
            TEXT_PAGE_BYTES_MAX
        );
        assert_eq!(
            page(odd.as_bytes(), false).unwrap().len(),
            TEXT_PAGE_BYTES_MAX - 1
        );
        assert_eq!(page(&text.as_bytes()[1..], false), None);
        assert_eq!(page(b"", true), Some(String::new()));
        assert_eq!(page(b"", false), None);
    }
}
