//! What a pack holds: notes, and the small document in which it keeps its own title.
//!
//! A note travels as a plain [`Record`] inside its create entry. Only when somebody
//! edits it does it become a [`NoteDocument`]: an Automerge document whose first change every device
//! derives from the record. Edits travel as single changes, and a peer's change passes the checks of
//! [`change`] before Automerge sees it; then it is applied to a scratch document first.
//! Deliberately absent: sync messages, saved documents or compressed chunks from a peer.
//! Spec: `docs/spec/notes.md`.

mod carry;
pub mod change;
mod chunk;
mod diff;
mod document;
mod history;
pub mod index;
pub mod long_text;
mod meeting;
pub mod note;
mod note_document;

pub use automerge::ChangeHash;
pub use carry::carries;
pub use change::{ChangeRefused, CheckedChange, NewChange, Schema, check_change};
pub use document::{EditError, StaleCache};
pub use index::{IndexDocument, IndexEdit, IndexView};
pub use long_text::{LongText, LongTextReader, LongTextRefused};
pub use meeting::{MEETINGS_MAX, Meeting};
pub use note::{NoteError, NoteView, Record};
pub use note_document::{DateEdit, Edit, FieldEdit, NoteDocument};

#[cfg(test)]
mod tests;
