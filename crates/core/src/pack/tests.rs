//! Notes as people and hostile peers treat them: merged in every order, and mutated byte by byte.

mod batch;
mod golden;
mod hostile;
mod merge;

use super::note::{NoteType, Source, SourceKind, Trust};
use super::*;
use crate::id::{ItemId, LogId, Timestamp};

fn source() -> Source {
    Source {
        kind: SourceKind::Manual,
        label: "CRM · Acme · row 14".into(),
        uri: None,
        app: None,
        author: None,
        locator: None,
        captured_at: Timestamp::from_millis(1_700_000_000_000),
        observed_at: None,
        captured_by: "laptop".into(),
        trust: Trust::FirstParty,
    }
}

fn record(title: &str, body: &str) -> Record {
    Record {
        title: title.into(),
        body: body.into(),
        ..Record::new([7; 16], NoteType::Note, source())
    }
}

fn item(number: u8) -> ItemId {
    ItemId::from_bytes([number; 32])
}

fn log(number: u8) -> LogId {
    LogId::from_bytes([number; 32])
}

fn body(text: &str) -> Edit {
    Edit {
        body: Some(text.into()),
        ..Edit::default()
    }
}

/// An edit that was made and checked.
fn edit(document: &NoteDocument, device: u8, edit: &Edit) -> NewChange {
    document
        .edit(log(device), edit)
        .expect("the edit is within its limits")
        .expect("something changes")
}

/// What stands in a document, for comparisons.
fn state(document: &NoteDocument) -> (NoteView, Vec<ChangeHash>) {
    (document.view(), document.heads())
}
