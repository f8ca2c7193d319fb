//! The tables of the database, one screen: key and value of each.
//!
//! Every value is sealed with the device's row key and bound to its table and key, so the seal is
//! the checksum on every read, and a row that was moved does not open. Keys are local numbers that
//! say nothing outside this file; look-ups by names go through a keyed hash. The version of a table
//! stands in its name; a table never changes its meaning.
//! Spec: `docs/spec/store.md`.

use redb::TableDefinition;

/// A row named by one number.
pub(crate) type ByNumber = TableDefinition<'static, u32, &'static [u8]>;
/// A row named by an owner's number and a position.
pub(crate) type ByPosition = TableDefinition<'static, (u32, u64), &'static [u8]>;

/// `"format"` → format of the whole file, one plaintext byte: the only value that is not sealed.
pub(crate) const FORMAT: TableDefinition<&str, u8> = TableDefinition::new("format");
/// Keyed hash of a setting's name → its value.
pub(crate) const SETTINGS: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("settings.1");
/// Pack number → [`crate::PackRow`].
pub(crate) const PACKS: ByNumber = TableDefinition::new("packs.1");
/// (pack number, order of arrival) → signed policy operation.
pub(crate) const OPS: ByPosition = TableDefinition::new("ops.1");
/// (pack number, order of arrival) → signed person operation.
pub(crate) const PERSONS: ByPosition = TableDefinition::new("persons.1");
/// (pack number, order of arrival) → signed epoch.
pub(crate) const EPOCHS: ByPosition = TableDefinition::new("epochs.1");
/// (pack number, order of the epoch) → its key, 32 bytes.
pub(crate) const EPOCH_KEYS: ByPosition = TableDefinition::new("epoch-keys.1");
/// Log number → [`crate::LogRow`]; a log that forked has a number for each branch.
pub(crate) const LOGS: ByNumber = TableDefinition::new("logs.1");
/// (log number, position) → signed head; the newest, and one at most every run.
pub(crate) const HEADS: ByPosition = TableDefinition::new("heads.1");
/// (log number, position) → headers of the entries from there on, as a chunk.
pub(crate) const HEADERS: ByPosition = TableDefinition::new("headers.2");
/// (log number, position) → sealed bodies and item keys of the entries from there on, as a chunk.
pub(crate) const CONTENTS: ByPosition = TableDefinition::new("contents.2");
/// (log number, position) → why this entry's change is kept away from documents.
pub(crate) const QUARANTINE: ByPosition = TableDefinition::new("quarantine.1");

// What follows is derived from the tables above. A file without them, or of which a block does not
// open, is read as if none of it had been kept.

/// Block number → summaries of packs, by whoever derives them.
pub(crate) const SUMMARIES: ByNumber = TableDefinition::new(SUMMARIES_NAME);
pub(crate) const SUMMARIES_NAME: &str = "summaries.1";
/// Pack number → names of its notes.
pub(crate) const NOTE_NAMES: ByNumber = TableDefinition::new(NOTE_NAMES_NAME);
pub(crate) const NOTE_NAMES_NAME: &str = "note-names.1";
/// Pack number → nothing, sealed to its key: the pack was written to since its summary was kept.
pub(crate) const MARKS: ByNumber = TableDefinition::new(MARKS_NAME);
pub(crate) const MARKS_NAME: &str = "marks.1";

/// (file, block) → a piece of a file of the search index.
pub(crate) const INDEX_BLOCKS: ByPosition = TableDefinition::new(INDEX_BLOCKS_NAME);
pub(crate) const INDEX_BLOCKS_NAME: &str = "index-blocks.1";
/// 0 → which files there are; number of a segment + 1 → which of its documents count no more.
pub(crate) const INDEX: ByNumber = TableDefinition::new(INDEX_NAME);
pub(crate) const INDEX_NAME: &str = "index.1";
/// Pack number → nothing, sealed to its key: the pack was written to since the index took it in.
pub(crate) const INDEX_MARKS: ByNumber = TableDefinition::new(INDEX_MARKS_NAME);
pub(crate) const INDEX_MARKS_NAME: &str = "index-marks.1";
