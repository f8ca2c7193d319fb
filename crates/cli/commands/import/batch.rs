//! Batches: as many notes as fit one call, and each as the daemon takes it.

use super::tally::Left;
use kitbag_import::{Item, Note};
use kitbag_rpc::{
    ExportedConsent, IMPORT_NOTES_MAX, ImportNote, ImportSource, ProducedBy, Sensitivity, Time,
};
use std::collections::HashMap;
use std::ops::ControlFlow;
use tokio::sync::mpsc::Sender;

/// Bytes of text in one batch, at most, unless it is a single note: each batch is one durable step
/// of the daemon, and others wait for it.
const BATCH_BYTES_MAX: usize = 512 * 1024;

/// Bytes of the message before that are sent with a message, at most.
const ASKED_BYTES_MAX: usize = 1024;

/// Notes to send, and what was left behind while they were read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) notes: Vec<Note>,
    pub(super) left: Left,
}

/// Collects what is read, and passes it on in batches.
pub(super) struct Batches {
    to: Sender<Batch>,
    open: Batch,
    bytes: usize,
}

impl Batches {
    pub(super) fn new(to: Sender<Batch>) -> Batches {
        Batches {
            to,
            open: Batch::default(),
            bytes: 0,
        }
    }

    pub(super) fn take(&mut self, file: Option<&str>, item: Item) -> ControlFlow<()> {
        match item {
            Item::Note(note) => {
                let bytes = bytes_of(&note);
                let is_full = self.open.notes.len() == IMPORT_NOTES_MAX
                    || self.bytes + bytes > BATCH_BYTES_MAX;
                if is_full && !self.open.notes.is_empty() {
                    self.pass_on()?;
                }
                self.bytes += bytes;
                self.open.notes.push(*note);
            }
            Item::Skipped(told) => self.open.left.skip(file, told),
            Item::LeftOut(told) => self.open.left.leave_out(file, told),
            Item::Unknown(what) => self.open.left.unknown(what),
        }
        ControlFlow::Continue(())
    }

    /// Passes on what is there; breaks when nobody takes it any more.
    pub(super) fn pass_on(&mut self) -> ControlFlow<()> {
        self.bytes = 0;
        match self.to.blocking_send(std::mem::take(&mut self.open)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// The end of a text, in whole characters: what the next message answers.
pub(super) fn end_of(text: &str) -> String {
    let mut from = text.len().saturating_sub(ASKED_BYTES_MAX);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

fn bytes_of(note: &Note) -> usize {
    let tags: usize = note.tags.iter().map(String::len).sum();
    note.title.len() + note.body.len() + tags
}

/// A note as the daemon takes it. What the file says goes before what the person said, but for tags.
pub(super) fn request(
    note: Note,
    sensitivity: Option<Sensitivity>,
    tags: &[String],
    ids: &HashMap<String, String>,
) -> ImportNote {
    let own = note.sensitivity.as_deref();
    let own = own.and_then(|word| {
        Sensitivity::ALL
            .into_iter()
            .find(|one| one.as_str() == word)
    });
    let of_file = note.tags.into_iter().filter(|tag| !tags.contains(tag));
    let tags = tags.iter().cloned().chain(of_file);
    let time = |millis: Option<u64>| millis.map(Time::from_millis);
    let here = |all: Vec<String>| -> Vec<String> {
        let known = |id: String| ids.get(&id).cloned().unwrap_or(id);
        all.into_iter().map(known).collect()
    };
    ImportNote {
        key: note.key.to_string(),
        was: None,
        note_type: Some(note.note_type),
        title: note.title,
        body: note.body,
        tags: tags.take(kitbag_import::TAGS_MAX).collect(),
        source: ImportSource {
            label: note.source.label,
            kind: Some(note.source.kind),
            uri: note.source.uri,
            app: note.source.app,
            author: note.source.author,
            locator: note.source.locator,
            captured_at: time(note.source.captured_at),
            observed_at: time(note.source.observed_at),
        },
        produced_by: note.produced_by.map(|by| ProducedBy {
            agent: by.agent,
            model: by.model,
            prompt: by.prompt,
        }),
        sensitivity: own.or(sensitivity),
        pii: note.pii,
        consent: note.consent.map(|consent| ExportedConsent {
            status: consent.status,
            purposes: consent.purposes,
            subject: consent.subject,
            given_at: time(consent.given_at),
            expires_at: time(consent.expires_at),
            evidence: consent.evidence,
        }),
        claim: note.claim,
        confidence: note.confidence,
        status: note.status,
        pinned: note.pinned,
        asked: None,
        supersedes: here(note.supersedes),
        derived_from: here(note.derived_from),
        valid_from: time(note.valid_from),
        valid_to: time(note.valid_to),
        review_after: time(note.review_after),
        expires_at: time(note.expires_at),
    }
}
