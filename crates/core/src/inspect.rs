//! What some bytes are: any record that Kitbag writes or sends, taken apart for somebody who debugs.
//!
//! Pure and total: whatever comes in, an answer of bounded size comes out. The readers are those
//! that peers' bytes meet, so what is shown is what would be decided; nothing here is a way in, and
//! no secret is shown: of a ticket's secret only that it is there, of sealed parts their lengths.
//! Spec: none of its own; the records stand in `docs/spec/`.

mod records;
mod wire;

use crate::codec::CodecError;
use crate::id::Timestamp;
use crate::ticket::{TICKET_PREFIX, TICKET_VERSION, Ticket};
use crate::wire::FRAME_BYTES_MAX;
use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use thiserror::Error;

/// Bytes that are looked at, at most: the longest frame in hex, and line breaks.
pub const INSPECT_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX + FRAME_BYTES_MAX / 8;
/// Items of one list that are shown, at most.
pub const ITEMS_MAX: usize = 16;
/// Characters of one text that are shown, at most.
pub const TEXT_CHARS_MAX: usize = 200;

/// What some bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What they were taken for: "raw bytes", "hex", "base32", "a ticket's text".
    pub read_as: &'static str,
    /// What they hold.
    pub record: Part,
}

/// One record, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is: "policy operation", "epoch", ….
    pub kind: &'static str,
    /// Its length in bytes; `None` for what has no bytes of its own.
    pub bytes: Option<usize>,
    /// What it says, in the order of the record.
    pub fields: Vec<(&'static str, Value)>,
}

/// What one field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text of ours, an id, or text of somebody else cut to [`TEXT_CHARS_MAX`]: escape it.
    Text(String),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// A moment, by some device's clock.
    Time(Timestamp),
    /// The first items, and how many more there are.
    List(Vec<Value>, u64),
    /// A part.
    Part(Part),
}

/// Why bytes are no record: the layer at which reading failed, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{layer}: {reason}")]
pub struct NotARecord {
    /// "input", "ticket", "encoding", "bytes", or the kind of record that came closest.
    pub layer: &'static str,
    /// What is wrong, without repeating the input.
    pub reason: String,
}

/// Says what bytes are: a record as it is stored or sent, or its text in hex or base32, or a ticket.
///
/// # Errors
/// [`NotARecord`] with the layer that failed; of several readings the one that came furthest.
pub fn inspect(input: &[u8]) -> Result<Inspection, NotARecord> {
    let fails = |layer, reason: String| Err(NotARecord { layer, reason });
    if input.iter().all(u8::is_ascii_whitespace) {
        return fails("input", "there is nothing in it".into());
    }
    if input.len() > INSPECT_BYTES_MAX {
        let reason = format!(
            "{} bytes, above the limit of {INSPECT_BYTES_MAX}",
            input.len()
        );
        return fails("input", reason);
    }
    if let Some(text) = printable(input) {
        return inspect_text(&text);
    }
    let record = record(input).map_err(Failed::into_error)?;
    Ok(Inspection {
        read_as: "raw bytes",
        record,
    })
}

fn inspect_text(text: &str) -> Result<Inspection, NotARecord> {
    if text.len() >= TICKET_PREFIX.len()
        && text.as_bytes()[..TICKET_PREFIX.len()].eq_ignore_ascii_case(TICKET_PREFIX.as_bytes())
    {
        return ticket(text);
    }
    let hex = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let base32 = BASE32_NOPAD
        .decode(text.to_ascii_uppercase().trim_end_matches('=').as_bytes())
        .ok();
    let mut furthest: Option<Failed> = None;
    for (read_as, bytes) in [("hex", hex), ("base32", base32)] {
        let Some(bytes) = bytes else { continue };
        match record(&bytes) {
            Ok(record) => return Ok(Inspection { read_as, record }),
            Err(failed) => further(&mut furthest, failed),
        }
    }
    Err(furthest.map_or_else(
        || NotARecord {
            layer: "encoding",
            reason: "the text is no ticket, no hex and no base32".into(),
        },
        Failed::into_error,
    ))
}

/// The text without white space, if it is nothing but characters that one can see. No record begins
/// with one.
fn printable(input: &[u8]) -> Option<String> {
    let compact: Vec<u8> = input
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let is_text = compact.iter().all(u8::is_ascii_graphic);
    is_text.then(|| String::from_utf8(compact).ok()).flatten()
}

fn ticket(text: &str) -> Result<Inspection, NotARecord> {
    let ticket = Ticket::parse(text).map_err(|error| NotARecord {
        layer: "ticket",
        reason: error.to_string(),
    })?;
    let peer = |peer: &crate::ticket::PeerHint| {
        Value::Part(Part {
            kind: "peer",
            bytes: None,
            fields: vec![
                ("endpoint", Value::id(&peer.endpoint)),
                ("addresses", list(&peer.addresses, |text| Value::text(text))),
                ("relay", optional(peer.relay.as_deref(), Value::text)),
            ],
        })
    };
    Ok(Inspection {
        read_as: "a ticket's text",
        record: Part {
            kind: "ticket",
            bytes: Some(text.len()),
            fields: vec![
                ("version", Value::Number(TICKET_VERSION.into())),
                ("pack", Value::id(&ticket.pack)),
                ("invite", records::place(&ticket.invite)),
                ("secret", Value::text("present, not shown")),
                ("peers", list(&ticket.peers, peer)),
            ],
        },
    })
}

/// What a reader found wrong, and how far it came.
struct Failed {
    depth: u8,
    layer: &'static str,
    reason: String,
}

impl Failed {
    fn into_error(self) -> NotARecord {
        NotARecord {
            layer: self.layer,
            reason: self.reason,
        }
    }

    /// A record of this kind that does not decode; `depth` counts the layers that did.
    fn codec(kind: &'static str, depth: u8, error: &CodecError) -> Failed {
        let further = u8::from(*error != CodecError::Malformed);
        Failed {
            depth: depth + further,
            layer: kind,
            reason: error.to_string(),
        }
    }
}

fn further(furthest: &mut Option<Failed>, failed: Failed) {
    if furthest
        .as_ref()
        .is_none_or(|known| failed.depth > known.depth)
    {
        *furthest = Some(failed);
    }
}

type Reader = fn(&[u8]) -> Result<Part, Failed>;

/// In this order: a record that several could read is what the first says.
const READERS: [Reader; 13] = [
    records::op,
    records::person,
    records::epoch,
    records::wrap_set,
    records::redeem,
    records::opening,
    records::run,
    records::entry,
    records::header,
    records::head,
    wire::message,
    wire::join,
    records::newer,
];

/// Reads a record; a frame's length in front of it is taken off.
fn record(bytes: &[u8]) -> Result<Part, Failed> {
    if let Some((head, body)) = bytes.split_first_chunk::<4>()
        && u32::from_be_bytes(*head) as usize == body.len()
        && let Ok(part) = read(body)
    {
        return Ok(Part {
            kind: "frame",
            bytes: Some(bytes.len()),
            fields: vec![("holds", Value::Part(part))],
        });
    }
    read(bytes)
}

fn read(bytes: &[u8]) -> Result<Part, Failed> {
    let mut furthest = None;
    for reader in READERS {
        match reader(bytes) {
            Ok(part) => return Ok(part),
            Err(failed) => further(&mut furthest, failed),
        }
    }
    match (furthest.filter(|failed| failed.depth > 0), bytes.len()) {
        (Some(failed), _) => Err(failed),
        (None, 32) => Ok(Part {
            kind: "id or hash",
            bytes: Some(32),
            fields: vec![
                ("hex", Value::Text(HEXLOWER.encode(bytes))),
                ("base32", Value::Text(base32(bytes))),
            ],
        }),
        (None, _) => Err(Failed {
            depth: 0,
            layer: "bytes",
            reason: match well_formed(bytes) {
                Ok(()) => "well-formed, but none of the records that Kitbag writes or sends".into(),
                Err(at) => format!("no record: not well-formed from byte {at}"),
            },
        }),
    }
}

/// Whether the bytes are one CBOR item; where they stop being one.
fn well_formed(bytes: &[u8]) -> Result<(), usize> {
    let mut decoder = minicbor::Decoder::new(bytes);
    match decoder.skip() {
        Ok(()) if decoder.position() == bytes.len() => Ok(()),
        _ => Err(decoder.position().min(bytes.len())),
    }
}

impl Value {
    fn id(id: &impl std::fmt::Display) -> Value {
        Value::Text(id.to_string())
    }

    fn text(text: &str) -> Value {
        let mut chars = text.chars();
        let mut shown: String = chars.by_ref().take(TEXT_CHARS_MAX).collect();
        let more = chars.count();
        if more > 0 {
            shown.push_str(&format!("… and {more} characters more"));
        }
        Value::Text(shown)
    }

    fn length(bytes: &[u8]) -> Value {
        Value::Text(format!("{} bytes, sealed", bytes.len()))
    }
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

fn list<'a, T: 'a>(
    items: impl IntoIterator<Item = &'a T, IntoIter: ExactSizeIterator>,
    show: impl Fn(&'a T) -> Value,
) -> Value {
    let items = items.into_iter();
    let more = items.len().saturating_sub(ITEMS_MAX) as u64;
    Value::List(items.take(ITEMS_MAX).map(show).collect(), more)
}

fn optional<T>(value: Option<T>, show: impl FnOnce(T) -> Value) -> Value {
    value.map_or_else(|| Value::text("absent"), show)
}

/// What a check says of a signature, or of a rule behind it.
fn checked<E: std::fmt::Display>(result: Result<(), E>) -> Value {
    match result {
        Ok(()) => Value::text("hold"),
        Err(error) => Value::Text(format!("do not hold: {error}")),
    }
}
