//! Automerge changes of a peer, up to the document that they are for.

use super::Verdict;
use crate::chunk::Chunk;
use kitbag_core::id::{ItemId, LogId, PackId, Timestamp};
use kitbag_core::pack::change::CHANGE_BYTES_MAX;
use kitbag_core::pack::note::{
    BODY_BYTES_MAX, Consent, ConsentStatus, NoteType, Source, SourceKind, TITLE_BYTES_MAX, Trust,
};
use kitbag_core::pack::{
    ChangeRefused, CheckedChange, IndexDocument, NoteDocument, Record, Schema, check_change,
};
use kitbag_core::policy::Sensitivity;
use std::sync::LazyLock;

/// The log in which every change stands.
pub const LOG: LogId = LogId::from_bytes([1; 32]);
/// The note to which changes of notes are applied.
pub const NOTE: ItemId = ItemId::from_bytes([2; 32]);
/// The pack to whose index document changes of index documents are applied.
pub const INDEX_PACK: PackId = PackId::from_bytes([3; 32]);
/// The sensitivity of that index document.
pub const INDEX_SENSITIVITY: Sensitivity = Sensitivity::Internal;

/// The record of [`NOTE`]: something under every key that edits know.
pub fn note_record() -> Record {
    let source = Source {
        kind: SourceKind::Manual,
        label: "desk".into(),
        uri: None,
        app: None,
        author: None,
        locator: None,
        captured_at: Timestamp::from_millis(1_700_000_000_000),
        observed_at: None,
        captured_by: "Ada (laptop)".into(),
        trust: Trust::FirstParty,
    };
    let mut record = Record::new([7; 16], NoteType::Note, source);
    record.title = "Call back".into();
    record.body = "Ring Acme on Monday,\nthen write the offer. 東京 👩🏽‍🚀".into();
    record.tags.extend(["acme".to_owned(), "offer".to_owned()]);
    record.consent = Some(Consent::new(ConsentStatus::Granted));
    record.valid_to = Some(Timestamp::from_millis(1_800_000_000_000));
    record
}

/// A change of a note.
pub(super) fn note_change(bytes: &[u8]) -> Verdict {
    static NOTE_DOCUMENT: LazyLock<NoteDocument> =
        LazyLock::new(|| NoteDocument::derive(NOTE, &note_record()));
    as_it_came_and_forged(bytes, |bytes| {
        let document = NOTE_DOCUMENT.clone();
        let mut changed = document.clone();
        let applied = check(bytes, Schema::Note, |change| changed.apply(change));
        if applied == Verdict::Refused {
            let same = changed.heads() == document.heads() && changed.view() == document.view();
            assert!(same, "a refused change leaves a trace");
            return applied;
        }
        let (before, after) = (document.view(), changed.view());
        assert!(after.body.len() <= before.body.len() + BODY_BYTES_MAX);
        assert!(after.title.len() <= before.title.len() + TITLE_BYTES_MAX);
        let stored = NoteDocument::from_cache(&changed.to_cache(), &changed.heads());
        let stored = stored.expect("heads are equal after saving and loading");
        assert_eq!(stored.view(), after);
        applied
    })
}

/// A change of an index document.
pub(super) fn index_change(bytes: &[u8]) -> Verdict {
    as_it_came_and_forged(bytes, |bytes| {
        let document = IndexDocument::derive(INDEX_PACK, INDEX_SENSITIVITY);
        let mut changed = document.clone();
        let applied = check(bytes, Schema::Index, |change| changed.apply(change));
        if applied == Verdict::Refused {
            assert_eq!(
                changed.heads(),
                document.heads(),
                "a refused change leaves a trace"
            );
            return applied;
        }
        assert!(changed.view().title.len() <= TITLE_BYTES_MAX);
        let stored = IndexDocument::from_cache(&changed.to_cache(), &changed.heads());
        let stored = stored.expect("heads are equal after saving and loading");
        assert_eq!(stored.view(), changed.view());
        applied
    })
}

/// The bytes as a peer sent them, and once more with the checksum and the actor that they should have.
fn as_it_came_and_forged(bytes: &[u8], one: impl Fn(&[u8]) -> Verdict) -> Verdict {
    let forged = Chunk::parse(bytes).map(|chunk| chunk.forge(LOG));
    let came = one(bytes);
    match forged.filter(|forged| forged != bytes) {
        Some(forged) => came.or(one(&forged)),
        None => came,
    }
}

fn check(
    bytes: &[u8],
    schema: Schema,
    apply: impl FnOnce(&CheckedChange) -> Result<(), ChangeRefused>,
) -> Verdict {
    let checked = match check_change(bytes, LOG, schema) {
        Ok(checked) => checked,
        Err(_) => return Verdict::Refused,
    };
    assert!(bytes.len() <= CHANGE_BYTES_MAX);
    assert_eq!(checked.bytes(), bytes, "one encoding");
    assert_eq!(checked.schema(), schema);
    assert!(!checked.deps().is_empty(), "an edit builds on something");
    Verdict::of(&apply(&checked))
}
