//! Batches: as many notes as fit one call, and each as the daemon takes it.

use super::tally::{Left, in_file};
use kitbag_import::{Item, Note, Origin, REFERENCE_BYTES_MAX};
use kitbag_rpc::{
    ExportedConsent, IMPORT_NOTES_MAX, ImportNote, ImportSource, ProducedBy, Sensitivity, Time,
};
use std::collections::HashMap;
use std::ops::ControlFlow;
use tokio::sync::mpsc::Sender;

/// Bytes of one batch as JSON, at most, unless it is a single note: each batch is one durable step
/// of the daemon, and others wait for it.
const BATCH_BYTES_MAX: usize = 512 * 1024;

/// Bytes of the message before that are sent with a message, at most.
const ASKED_BYTES_MAX: usize = 1024;

/// Notes to send, and what was left behind while they were read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) notes: Vec<Note>,
    pub(super) left: Left,
    /// Where the notes come from, if their file says so.
    pub(super) origins: Vec<Origin>,
}

/// Collects what is read, and passes it on in batches.
pub(super) struct Batches {
    to: Sender<Batch>,
    open: Batch,
    bytes: usize,
    /// Bytes that the tags of the command add to each note.
    tags: usize,
    /// The conversation that is being read: its file, its number there, and its number of all.
    reading: Option<(Option<String>, usize, usize)>,
}

impl Batches {
    pub(super) fn new(to: Sender<Batch>, tags: &[String]) -> Batches {
        Batches {
            to,
            open: Batch::default(),
            bytes: 0,
            tags: tags.iter().map(|tag| json_bytes(tag)).sum(),
            reading: None,
        }
    }

    /// The number of a conversation of a file among those of all files. They come one after the other.
    fn conversation(&mut self, file: Option<&str>, number: usize) -> usize {
        let before = self.reading.take();
        let of_all = match &before {
            Some((of, same, all)) if of.as_deref() == file && *same == number => *all,
            Some((_, _, all)) => all + 1,
            None => 1,
        };
        self.reading = Some((file.map(str::to_owned), number, of_all));
        of_all
    }

    pub(super) fn take(&mut self, file: Option<&str>, item: Item) -> ControlFlow<()> {
        match item {
            Item::Note(mut note) => {
                note.conversation = note.conversation.map(|of| self.conversation(file, of));
                if let Some(file) = file {
                    note.place = in_file(file, note.place);
                }
                let bytes = bytes_of(&note) + self.tags;
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
            Item::Origin(origin) => {
                // Whether its notes may come is asked before they are sent.
                if !self.open.notes.is_empty() {
                    self.pass_on()?;
                }
                self.open.origins.push(origin);
            }
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

/// Notes that were held, in batches.
pub(super) fn of_held(notes: Vec<Note>) -> Vec<Vec<Note>> {
    let mut batches: Vec<Vec<Note>> = vec![];
    let mut bytes = 0;
    for note in notes {
        let more = bytes_of(&note);
        match batches.last_mut() {
            Some(open) if open.len() < IMPORT_NOTES_MAX && bytes + more <= BATCH_BYTES_MAX => {
                bytes += more;
                open.push(note);
            }
            _ => {
                bytes = more;
                batches.push(vec![note]);
            }
        }
    }
    batches
}

/// Bytes of everything in the request of a note that does not depend on its texts, at most: names of
/// fields, its key, numbers, times, words.
const REQUEST_BYTES: usize = 1536;

/// Bytes of the request of a note, at most, without the tags of the command.
pub(super) fn bytes_of(note: &Note) -> usize {
    let source = &note.source;
    let by = note.produced_by.iter();
    let by = by.flat_map(|by| [&by.agent, &by.model, &by.prompt]);
    let of_consent = note.consent.iter();
    let of_consent = of_consent.flat_map(|consent| [&consent.subject, &consent.evidence]);
    let optional = [
        &source.uri,
        &source.app,
        &source.author,
        &source.locator,
        &note.sensitivity,
        &note.claim,
        &note.status,
    ];
    let optional = optional.into_iter().chain([&note.row]);
    let optional = optional.chain(by).chain(of_consent).flatten();
    let consent = note.consent.iter();
    let of_consent = consent.flat_map(|consent| consent.purposes.iter().chain([&consent.status]));
    let texts = [
        &note.note_type,
        &note.title,
        &note.body,
        &source.label,
        &source.kind,
    ];
    let texts = texts.into_iter().chain(optional).chain(of_consent);
    let texts = texts.chain(&note.tags).chain(&note.pii);
    let texts: usize = texts.map(|text| json_bytes(text)).sum();
    // An id of the file becomes one of the pack, and neither is longer than this as JSON.
    let references = note.supersedes.iter().chain(&note.derived_from);
    let references = references.map(|id| json_bytes(id).max(REFERENCE_BYTES_MAX + AROUND));
    // What a message says is sent with the next one too.
    let asked = (note.note_type == "message").then(|| json_bytes(&end_of(&note.body)));
    REQUEST_BYTES + texts + references.sum::<usize>() + asked.unwrap_or_default()
}

/// Bytes around a text in JSON: two quotes and a comma.
const AROUND: usize = 3;

/// Bytes of a text as JSON writes it in a list, at most.
fn json_bytes(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    });
    AROUND + bytes.sum::<usize>()
}

/// A note as the daemon takes it. What the file says goes before what the person said, but for tags.
///
/// # Errors
/// Why it is not sent: a sensitivity that is stated and not understood is never left out.
pub(super) fn request(
    note: Note,
    sensitivity: Option<Sensitivity>,
    tags: &[String],
    ids: &HashMap<String, String>,
) -> Result<ImportNote, String> {
    let own = match &note.sensitivity {
        None => sensitivity,
        Some(word) => {
            let mut all = Sensitivity::ALL.into_iter();
            let found = all.find(|one| one.as_str() == word);
            Some(found.ok_or_else(|| format!("{word:?} is no sensitivity"))?)
        }
    };
    let of_file = note.tags.into_iter().filter(|tag| !tags.contains(tag));
    let tags = tags.iter().cloned().chain(of_file);
    let time = |millis: Option<u64>| millis.map(Time::from_millis);
    let here = |all: Vec<String>| -> Vec<String> {
        let known = |id: String| ids.get(&id).cloned().unwrap_or(id);
        all.into_iter().map(known).collect()
    };
    Ok(ImportNote {
        key: note.key.to_string(),
        conversation: note
            .conversation
            .and_then(|number| u64::try_from(number).ok()),
        before: None,
        tells_more: note.tells_more,
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
        sensitivity: own,
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
        row: note.row,
        supersedes: here(note.supersedes),
        derived_from: here(note.derived_from),
        valid_from: time(note.valid_from),
        valid_to: time(note.valid_to),
        review_after: time(note.review_after),
        expires_at: time(note.expires_at),
    })
}
