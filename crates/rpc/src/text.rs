//! The text of a note in pieces, however long it is.

use crate::V1;
use crate::call::call;
use serde::{Deserialize, Serialize};

/// Bytes of a note's text, at most. A text of more than 64 KiB can only be read.
pub const TEXT_BYTES_MAX: usize = 4_000_000;
/// Bytes of a request that brings a note, at most: twice the longest text, since JSON writes some
/// characters longer.
pub const NOTE_REQUEST_BYTES_MAX: usize = 2 * TEXT_BYTES_MAX;

/// Reads a piece of a note's text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadText {
    /// Version.
    pub v: V1,
    /// The start of the note's id.
    pub note: String,
    /// From which byte on: 0, or the [`TextPiece::next`] of the piece before.
    #[serde(default)]
    pub from: u64,
}
call!(post ReadText, "/v1/note/text" => TextPiece);

/// A piece of a note's text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TextPiece {
    /// Version.
    pub v: V1,
    /// The note's id.
    pub note: String,
    /// The text, in whole characters; at most 250,000 bytes.
    pub text: String,
    /// From which byte on the text goes on; absent at its end.
    pub next: Option<u64>,
    /// Bytes of the whole text.
    pub bytes: u64,
}
