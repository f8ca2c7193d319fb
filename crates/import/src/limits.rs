//! How much of anything is taken from a file.

/// Bytes of one record (a conversation, a line, a row, a Markdown file), at most: what is held in
/// memory at once. A longer one is skipped.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of one mail, at most: attachments count, though only their names are taken.
pub const MAIL_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Values inside of values in a record of JSON, at most. Exports have less than 20.
pub const DEPTH_MAX: usize = 100;
/// Columns of a table, at most. Each row holds a place for each.
pub const COLUMNS_MAX: usize = 4_096;
/// Messages of one tree of conversations that are looked at, at most.
pub const BRANCH_MESSAGES_MAX: usize = 100_000;

/// Bytes of a note's text, at most, as `docs/spec/notes.md` says. A longer one becomes several.
pub const TEXT_BYTES_MAX: usize = 4_000_000;
/// The same as JSON writes it: so that a note with many quotes still fits into one request.
pub const TEXT_JSON_BYTES_MAX: usize = 7_000_000;
/// Bytes of a title, at most.
pub const TITLE_BYTES_MAX: usize = 1_024;
/// Characters of a label, at most.
pub const LABEL_CHARS_MAX: usize = 200;
/// Tags of a note, at most.
pub const TAGS_MAX: usize = 64;
/// Bytes of a tag, at most; of a purpose too.
pub const TAG_BYTES_MAX: usize = 64;
/// Bytes of a name (author, application, agent, model, whom a consent is about), at most.
pub const NAME_BYTES_MAX: usize = 800;
/// Bytes of a locator, of a prompt and of a consent's evidence, at most.
pub const LOCATOR_BYTES_MAX: usize = 2_048;
/// Bytes of an address, at most.
pub const URI_BYTES_MAX: usize = 4_096;
/// Purposes of a consent, at most.
pub const PURPOSES_MAX: usize = 32;
/// Notes that one note replaces, or that it was made from, at most.
pub const REFERENCES_MAX: usize = 256;
/// Bytes of an id by which notes of a file refer to each other, at most. Ours have 43, UUIDs 36.
pub const REFERENCE_BYTES_MAX: usize = 64;
/// The last millisecond of the year 9999.
pub const TIME_MAX: u64 = 253_402_300_799_999;

/// Entries of an archive, at most. An export has one for each picture.
pub const ENTRIES_MAX: u64 = 100_000;
/// Bytes of an archive's list of entries, at most: it is held in memory.
pub const DIRECTORY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes that come out of one archive, at most.
pub const INFLATED_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// How many times as long as its packed form an entry may become, once it is longer than
/// [`RATIO_FROM_BYTES`]. Conversations reach 20.
pub const RATIO_MAX: u64 = 200;
/// Below it nobody asks for the ratio: a short run of one letter is no bomb.
pub const RATIO_FROM_BYTES: u64 = 8 * 1024 * 1024;
