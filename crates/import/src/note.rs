//! What comes out: notes within the limits of their record, and what was left behind.

use crate::Key;

/// One thing that was read.
#[derive(Clone, Debug)]
pub enum Item {
    /// A note.
    Note(Box<Note>),
    /// A record that gave no note.
    Skipped(Told),
    /// A part of a note that has no room in it; the note came, or comes.
    LeftOut(Told),
    /// A record, or a part of one, of a kind that is not read: its name.
    Unknown(String),
    /// Where our own export says that it comes from, before the first of its notes.
    Origin(Origin),
}

/// Where our own export says that it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Ids of the packs that its notes left.
    pub packs: Vec<String>,
    /// The client that they left for.
    pub client: Option<String>,
}

/// Packs of one export that are told, at most; an export has no more.
pub(crate) const ORIGIN_PACKS_MAX: usize = 64;

impl Origin {
    /// What a member of an export says of it.
    pub(crate) fn learn(&mut self, name: &str, value: &serde_json::Value) {
        let text = |value: &serde_json::Value, name: &str| {
            let text = value.get(name)?.as_str()?;
            (text.len() <= 4 * 1024).then(|| text.to_owned())
        };
        match name {
            "pack" => self.packs.extend(text(value, "id")),
            "packs" => {
                let all = value.as_array().into_iter().flatten();
                let all = all.filter_map(|pack| text(pack, "id"));
                self.packs.extend(all.take(ORIGIN_PACKS_MAX - 1));
            }
            "selection" => self.client = text(value, "client"),
            _ => {}
        }
    }
}

/// Something that was left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where in the file.
    pub place: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// A note, within the limits of a note's record. Words are those of `docs/spec/notes.md`; times are
/// milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Where in the file, for reports.
    pub place: String,
    /// Its id in the file, by which others in the file refer to it; none if it is longer than
    /// [`crate::REFERENCE_BYTES_MAX`].
    pub id: Option<String>,
    /// Names the place in the other system from which it comes.
    pub key: Key,
    /// Of which conversation of the file it is, counted from 1, if its key is made of what was said in it
    /// so far as well.
    pub conversation: Option<usize>,
    /// Whether its key names no place, because nothing says where the file stands: all such files have
    /// the same.
    pub is_nowhere: bool,
    /// Whether its key is made of more than itself and what came before it in its conversation.
    pub tells_more: bool,
    /// Type.
    pub note_type: String,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Of a row of a table of which a map makes this: all of it, as it would be without a map. It tells
    /// what its values are, and is no part of the note.
    pub row: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: Source,
    /// What wrote it, if no person did.
    pub produced_by: Option<ProducedBy>,
    /// Sensitivity, if the file states one.
    pub sensitivity: Option<String>,
    /// Kinds of personal data.
    pub pii: Vec<String>,
    /// What the person concerned said.
    pub consent: Option<Consent>,
    /// Claim.
    pub claim: Option<String>,
    /// In thousandths.
    pub confidence: Option<u16>,
    /// Status, if the file states one.
    pub status: Option<String>,
    /// Kept in front.
    pub pinned: bool,
    /// Ids that it replaces.
    pub supersedes: Vec<String>,
    /// Ids that it was made from.
    pub derived_from: Vec<String>,
    /// True from.
    pub valid_from: Option<u64>,
    /// True until.
    pub valid_to: Option<u64>,
    /// To be looked at again.
    pub review_after: Option<u64>,
    /// Hidden after.
    pub expires_at: Option<u64>,
}

/// Where a note comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// For people.
    pub label: String,
    /// What sort of source.
    pub kind: String,
    /// Where it can be found.
    pub uri: Option<String>,
    /// The application.
    pub app: Option<String>,
    /// Who wrote it there.
    pub author: Option<String>,
    /// Where inside the source.
    pub locator: Option<String>,
    /// When it was taken in.
    pub captured_at: Option<u64>,
    /// When it was true or was said.
    pub observed_at: Option<u64>,
}

/// What wrote a note, if no person did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducedBy {
    /// The agent.
    pub agent: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Which prompt or run.
    pub prompt: Option<String>,
}

/// What the person concerned said about the use of a note.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Status.
    pub status: String,
    /// For what.
    pub purposes: Vec<String>,
    /// Whom the note is about.
    pub subject: Option<String>,
    /// When it was given.
    pub given_at: Option<u64>,
    /// When it ends.
    pub expires_at: Option<u64>,
    /// What shows it.
    pub evidence: Option<String>,
}

impl Default for Key {
    fn default() -> Key {
        Key::of(crate::Kind::Jsonl, "", &[])
    }
}

impl Note {
    /// Whether each of these texts stands in it, so that it tells no less than they do. Of very many or
    /// very long ones that is not looked at, and not so.
    pub(crate) fn says_all<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        let source = &self.source;
        let by_source = [&source.uri, &source.author].into_iter().flatten();
        let said = [&self.title, &self.body, &source.label].into_iter();
        let said: Vec<&String> = said.chain(by_source).chain(&self.tags).collect();
        let bytes: usize = said.iter().map(|text| text.len()).sum();
        let mut looked_at = 0_usize;
        texts.into_iter().all(|text| {
            looked_at = looked_at.saturating_add(bytes);
            let text = text.trim();
            looked_at <= LOOKED_AT_BYTES_MAX && said.iter().any(|said| stands_in(said, text))
        })
    }
}

/// Whether a text stands in another between other characters than letters and digits: `no` does not in
/// `notes`.
fn stands_in(whole: &str, text: &str) -> bool {
    let goes_on = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.is_empty()
        || whole.match_indices(text).any(|(at, _)| {
            let (before, after) = (&whole[..at], &whole[at + text.len()..]);
            !goes_on(before.chars().next_back()) && !goes_on(after.chars().next())
        })
}

/// Bytes in which the texts that make up a key are looked for, in all, for one note: some milliseconds.
const LOOKED_AT_BYTES_MAX: usize = 8 << 20;

/// Whether a character may not stand in one line, as `docs/spec/notes.md` says.
pub(crate) fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text in one line, trimmed.
pub(crate) fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if breaks_line(c) { ' ' } else { c })
        .collect();
    line.trim().to_owned()
}

/// At most so many bytes, the last ones an ellipsis if something is gone.
pub(crate) fn cut_bytes(text: &str, bytes: usize) -> Option<String> {
    if text.len() <= bytes {
        return None;
    }
    let end = text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8()));
    Some(format!("{}…", text[..end].trim_end()))
}

/// A word of a file without the spaces, line breaks and quotes around it.
pub(crate) fn bare(word: &str) -> String {
    let word = one_line(word);
    let around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    word.trim_matches(around).to_owned()
}

/// The words of a note, as `docs/spec/notes.md` numbers them.
pub(crate) mod words {
    pub(crate) const TYPES: &[&str] = &[
        "note", "snippet", "message", "record", "file", "link", "decision", "summary", "outcome",
        "prompt", "template",
    ];
    pub(crate) const SOURCE_KINDS: &[&str] = &[
        "clipboard",
        "url",
        "file",
        "chat",
        "email",
        "crm",
        "call",
        "stdin",
        "agent",
        "manual",
    ];
    pub(crate) const SENSITIVITIES: &[&str] = &["public", "internal", "confidential", "restricted"];
    pub(crate) const PII: &[&str] = &[
        "name",
        "email",
        "phone",
        "address",
        "date_of_birth",
        "payment_card",
        "bank_account",
        "national_id",
        "health",
        "location",
        "device_identifier",
        "credential",
        "other",
    ];
    pub(crate) const CONSENTS: &[&str] = &[
        "not_required",
        "granted",
        "limited",
        "pending",
        "expired",
        "refused",
        "withdrawn",
    ];
    pub(crate) const CLAIMS: &[&str] = &["observation", "inference", "verified", "directive"];
    pub(crate) const STATUSES: &[&str] =
        &["active", "superseded", "archived", "expired", "redacted"];
}
