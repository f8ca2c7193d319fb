//! Looking for personal data and secrets in what is taken in.
//!
//! A note that holds any keeps its text at restricted; beside it stands a copy in which a word takes
//! the place of each value. What is found in a label, a tag or a reference counts like what is found in
//! the text: nothing of it may stand in the copy.
//! What is looked for is what every pack looks for, and the ids that the rules of this pack name.
//! Spec: `docs/spec/personal-data.md`.

use crate::{Consent, ConsentStatus, Incoming, NoteType, PackId, Pii, Record, Sensitivity};
use kitbag_core::pack::note::{LABEL_CHARS_MAX, TITLE_BYTES_MAX};
use kitbag_core::policy::rules::{NamedField, NamedId};
use kitbag_node::view::Note;
use kitbag_node::{Node, NodeError};
use kitbag_scan::{Finding, Hint, Known, Named, Rules, Scanner, Values, mask};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Whether what is taken in is looked through for personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screening {
    /// Originals with personal data are kept at restricted, with a masked copy beside them.
    #[default]
    Masked,
    /// Every note stands where its writer puts it, and says what was found in it.
    Unmasked,
}

/// A note to be looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Screened {
    /// The note, as it is to be taken in.
    pub(crate) note: Incoming,
    /// Because of which kinds its original stands at restricted.
    pub(crate) held: BTreeSet<Pii>,
    /// Of these, the kinds of which nothing was found in it: it has no copy then.
    pub(crate) not_found: BTreeSet<Pii>,
}

/// What every pack looks for.
static EVERY_PACK: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(&Rules::default()));

/// Ids that the rules of a pack name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackIds {
    ids: BTreeSet<NamedId>,
    fields: BTreeSet<NamedField>,
}

impl PackIds {
    /// Those of a pack, as far as its rules can be read here: where they cannot, a note goes in only if
    /// somebody says how sensitive it is, and nothing leaves.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub(crate) fn of(node: &Node, pack: PackId) -> Result<PackIds, NodeError> {
        let rules = node.release_rules(pack)?.unwrap_or_default();
        Ok(PackIds {
            ids: rules.ids,
            fields: rules.id_fields,
        })
    }

    /// A scanner that finds them, too. Made for each call: nothing is compiled for it, once
    /// the words of every pack are compiled.
    pub(crate) fn scanner(&self) -> Scanner {
        let ids = self.ids.iter();
        let fields = self.fields.iter();
        let named = Named::new(
            ids.map(|id| (id.form.as_str(), scanned(id.kind))),
            fields.map(|field| (field.name.as_str(), scanned(field.kind))),
        );
        match named {
            Ok(named) if !(self.ids.is_empty() && self.fields.is_empty()) => {
                EVERY_PACK.naming(named)
            }
            _ => EVERY_PACK.clone(), // rules in force hold no more, and no other forms, than it takes
        }
    }
}

/// The kind as the scanner knows it.
fn scanned(kind: Pii) -> kitbag_scan::Pii {
    let mut all = kitbag_scan::Pii::ALL.into_iter();
    let same = all.find(|one| one.word() == kind.as_str());
    same.unwrap_or(kitbag_scan::Pii::Other)
}

/// What stands beside a note and tells more of what is in it. The default tells nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside<'a> {
    /// The text that it answers, if it is a message.
    pub(crate) asked: &'a str,
    /// The row of a table of which it is made, in lines of `column: value`.
    pub(crate) row: &'a str,
}

/// Looks a note through; `default` is the pack's sensitivity.
pub(crate) fn screen(
    scanner: &Scanner,
    note: Incoming,
    beside: Beside<'_>,
    default: Sensitivity,
) -> Screened {
    let wanted = note.sensitivity;
    let mut copy = Copy::of(scanner, note.record.clone(), beside);
    let is_masked = copy.mask();
    let Copy { record, found, .. } = copy;
    let mut note = note;
    let stated = std::mem::take(&mut note.record.pii);
    let held: BTreeSet<Pii> = stated.union(&found).copied().collect();
    note.record.pii.clone_from(&held);
    if held.is_empty() || wanted.unwrap_or(default) == Sensitivity::Restricted {
        return Screened {
            note,
            held: BTreeSet::new(),
            not_found: BTreeSet::new(),
        };
    }
    note.sensitivity = Some(Sensitivity::Restricted);
    // What somebody stated and nobody found would stand in the copy.
    let not_found: BTreeSet<Pii> = stated.difference(&found).copied().collect();
    if not_found.is_empty() && is_masked {
        note.masked = Some(Box::new((record, wanted)));
    }
    Screened {
        note,
        held,
        not_found,
    }
}

/// A note that stands where its writer puts it, with the kinds of personal data that are found in it:
/// rules of the pack may ask for them.
pub(crate) fn noted(scanner: &Scanner, note: Incoming, beside: Beside<'_>) -> Screened {
    let mut copy = Copy::of(scanner, note.record.clone(), beside);
    let _ = copy.mask(); // it is looked through alone
    let mut note = note;
    note.record.pii.extend(&copy.found);
    Screened {
        note,
        held: BTreeSet::new(),
        not_found: BTreeSet::new(),
    }
}

/// A record as it leaves without its personal data, and how many values of each kind were found in it.
/// Nothing if it states a kind of which none was found, or holds more values than are looked for: it
/// would leave with them.
pub(crate) fn redacted(scanner: &Scanner, record: Record) -> Option<(Record, BTreeMap<Pii, u64>)> {
    let stated = record.pii.clone();
    let mut copy = Copy::of(scanner, record, Beside::default());
    let is_masked = copy.mask();
    let (record, found, counts) = (copy.record, copy.found, copy.counts);
    (is_masked && stated.is_subset(&found)).then_some((record, counts))
}

/// A short text of ours around notes, without personal data.
pub(crate) fn redacted_text(scanner: &Scanner, text: &str) -> String {
    mask(text, &scanner.scan(text, Hint::default()))
}

/// Kinds of personal data in these texts.
pub(crate) fn found_in<'t>(
    scanner: &Scanner,
    texts: impl IntoIterator<Item = &'t String>,
) -> BTreeSet<Pii> {
    let findings = texts
        .into_iter()
        .flat_map(|text| scanner.scan(text, Hint::default()));
    findings
        .filter_map(|finding| finding.kind.word().parse().ok())
        .collect()
}

/// What a statement says for masked copies: not whom it is about, nor what shows it, nor a purpose that
/// holds personal data or a value that the note shows.
pub(crate) fn consent_of_copies(
    scanner: &Scanner,
    consent: &Consent,
    values: Option<&Values>,
) -> Consent {
    let mut consent = consent.clone();
    let named = !consent.purposes.is_empty();
    consent
        .purposes
        .retain(|purpose| !holds(scanner, purpose, values));
    if named && consent.purposes.is_empty() && consent.status == ConsentStatus::Granted {
        consent.status = ConsentStatus::Limited; // without purposes it would allow all
    }
    consent.subject = None;
    consent.evidence = None;
    consent
}

/// Why masked copies are redacted: the reason, unless it holds personal data, or a value that the note
/// shows.
pub(crate) fn reason_of_copies(
    scanner: &Scanner,
    reason: String,
    values: Option<&Values>,
) -> String {
    match holds(scanner, &reason, values) {
        true => REASON_OF_COPIES.to_owned(),
        false => reason,
    }
}

/// Why a masked copy is redacted, where its original's reason may not stand.
const REASON_OF_COPIES: &str = "its original was redacted";

/// A record on its way to hold no personal data.
struct Copy<'a> {
    scanner: &'a Scanner,
    record: Record,
    beside: Beside<'a>,
    found: BTreeSet<Pii>,
    /// How many values of each kind were found.
    counts: BTreeMap<Pii, u64>,
}

/// Different values of one note that are looked for in all of its texts, at most. Of one with more no copy is made.
const VALUES_MAX: usize = 4_096;
/// Bytes of such values of one note, at most.
const VALUES_BYTES_MAX: usize = 1 << 20;

/// What these texts show to be values; nothing if there are more than can be looked for.
pub(crate) fn shown<'t>(
    scanner: &Scanner,
    texts: impl IntoIterator<Item = &'t str>,
    hint: Hint<'_>,
) -> Option<Values> {
    let mut values: BTreeMap<&str, kitbag_scan::Pii> = BTreeMap::new();
    let mut bytes = 0;
    for text in texts {
        for finding in scanner.scan(text, hint) {
            let value = text.get(finding.range).unwrap_or_default();
            if values.insert(value, finding.kind).is_none() {
                bytes += value.len();
            }
            if values.len() > VALUES_MAX || bytes > VALUES_BYTES_MAX {
                return None;
            }
        }
    }
    Some(Values::new(values.into_iter().collect::<Vec<_>>()))
}

/// What the texts of a note that is here show to be values; nothing if there are more than can be looked
/// for.
pub(crate) fn shown_by(scanner: &Scanner, note: &Note) -> Option<Values> {
    let source = &note.source;
    let told = [&source.uri, &source.app, &source.author, &source.locator];
    let consent = note.consent.iter();
    let purposes = consent.flat_map(|consent| &consent.purposes);
    let texts = [&note.title, &note.body, &source.label].into_iter();
    let texts = texts
        .chain(told.into_iter().flatten())
        .chain(&note.tags)
        .chain(purposes);
    shown(scanner, texts.map(String::as_str), Hint::default())
}

/// Whether a short text holds personal data, or a value that a note shows elsewhere.
fn holds(scanner: &Scanner, text: &str, values: Option<&Values>) -> bool {
    let Some(values) = values else {
        return true;
    };
    let known = Some(Known::in_short(values));
    let hint = Hint {
        known,
        ..Hint::default()
    };
    !scanner.scan(text, hint).is_empty()
}

impl<'a> Copy<'a> {
    fn of(scanner: &'a Scanner, record: Record, beside: Beside<'a>) -> Copy<'a> {
        Copy {
            scanner,
            record,
            beside,
            found: BTreeSet::new(),
            counts: BTreeMap::new(),
        }
    }

    /// All texts are looked at before one is written: what one shows to be a value may stand bare in
    /// another, or elsewhere in the same. Whether all of them could be looked for: otherwise no copy may
    /// be made of it.
    #[must_use]
    fn mask(&mut self) -> bool {
        let known = self.values();
        let is_whole = known.is_some();
        let values = known.unwrap_or_default();
        let record = &mut self.record;
        let body = std::mem::take(&mut record.body);
        let title = std::mem::take(&mut record.title);
        let label = std::mem::take(&mut record.source.label);
        let body = self.masked(body, Known::in_text(&values));
        let title = self.masked(title, Known::in_short(&values));
        let label = self.masked(label, Known::in_short(&values));
        self.record.body = body;
        self.record.title = cut_bytes(title, TITLE_BYTES_MAX);
        self.record.source.label = label.chars().take(LABEL_CHARS_MAX).collect();
        self.drop_what_holds_values(Known::in_short(&values));
        is_whole
    }

    /// What every text of the note shows to be a value.
    fn values(&self) -> Option<Values> {
        let record = &self.record;
        let long = [&record.body, &record.title, &record.source.label];
        let others = self.others();
        let texts = long.into_iter().chain(&others).map(String::as_str);
        let texts = texts.chain([self.beside.row]);
        shown(self.scanner, texts, self.hint(None))
    }

    /// The short texts beside title and label.
    fn others(&self) -> Vec<String> {
        let record = &self.record;
        let source = &record.source;
        let by = record.produced_by.iter();
        let by = by.flat_map(|by| [&by.agent, &by.model, &by.prompt]);
        let texts = [&source.uri, &source.app, &source.author, &source.locator];
        let purposes = record.consent.iter().flat_map(|consent| &consent.purposes);
        texts
            .into_iter()
            .chain(by)
            .flatten()
            .chain(&record.tags)
            .chain(purposes)
            .cloned()
            .collect()
    }

    /// Drops references, tags and names that hold a value. A consent keeps what it allows and loses
    /// whom it is about.
    fn drop_what_holds_values(&mut self, known: Known<'_>) {
        let mut record = self.record.clone();
        let mut clean = |text: &String| self.look(text, known).is_empty();
        record.tags.retain(|tag| clean(tag));
        let source = &mut record.source;
        source.uri = source.uri.take().filter(&mut clean);
        source.app = source.app.take().filter(&mut clean);
        source.author = source.author.take().filter(&mut clean);
        source.locator = source.locator.take().filter(&mut clean);
        if let Some(by) = &mut record.produced_by {
            by.agent = by.agent.take().filter(&mut clean);
            by.model = by.model.take().filter(&mut clean);
            by.prompt = by.prompt.take().filter(&mut clean);
        }
        if let Some(consent) = &mut record.consent {
            let named = !consent.purposes.is_empty();
            consent.purposes.retain(|purpose| clean(purpose));
            if named && consent.purposes.is_empty() && consent.status == ConsentStatus::Granted {
                consent.status = ConsentStatus::Limited; // without purposes it would allow all
            }
            consent.subject = None;
            consent.evidence = None;
        }
        record.pii.clear();
        self.record = record;
    }

    fn masked(&mut self, text: String, known: Known<'_>) -> String {
        let findings = self.look(&text, known);
        if findings.is_empty() {
            return text;
        }
        mask(&text, &findings)
    }

    /// Finds and counts.
    fn look(&mut self, text: &str, known: Known<'_>) -> Vec<Finding> {
        let findings = self.scanner.scan(text, self.hint(Some(known)));
        for finding in &findings {
            if let Ok(kind) = finding.kind.word().parse::<Pii>() {
                self.found.insert(kind);
                *self.counts.entry(kind).or_default() += 1;
            }
        }
        findings
    }

    fn hint<'h>(&'h self, known: Option<Known<'h>>) -> Hint<'h> {
        let asked = match self.record.note_type {
            NoteType::Message => self.beside.asked,
            _ => "",
        };
        Hint {
            asked,
            known,
            ..Hint::default()
        }
    }
}

fn cut_bytes(mut text: String, max: usize) -> String {
    while text.len() > max {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RecordSource, SourceKind, Timestamp, Trust};

    fn note(body: &str) -> Incoming {
        let source = RecordSource {
            kind: SourceKind::Chat,
            label: "chat".into(),
            uri: None,
            app: None,
            author: None,
            locator: None,
            captured_at: Timestamp::from_millis(0),
            observed_at: None,
            captured_by: String::new(),
            trust: Trust::UntrustedExternal,
        };
        let mut record = Record::new([0; 16], NoteType::Message, source);
        record.body = body.into();
        Incoming::new(record)
    }

    /// Goal: what a person writes as the reason tells readers of the copy nothing that the copy hides.
    #[test]
    fn a_reason_with_a_value_stays_out_of_the_copies() {
        let body = "dob: 1990-04-05\nThank you\npassport: C01X00T47";
        let values = shown(&EVERY_PACK, [body], Hint::default());
        let said = |reason: &str| reason_of_copies(&EVERY_PACK, reason.to_owned(), values.as_ref());
        for plain in ["asked by the customer", "on 2024-01-01"] {
            assert_eq!(said(plain), plain);
        }
        let telling = [
            "1990-04-05 was wrong",
            "mia.li@example.com asked for it",
            "c01x00t47 asked",
        ];
        for telling in telling {
            assert_eq!(said(telling), REASON_OF_COPIES);
            let mut consent = Consent::new(ConsentStatus::Limited);
            consent.purposes = [telling.to_owned(), "refund".to_owned()].into();
            let stated = consent_of_copies(&EVERY_PACK, &consent, values.as_ref());
            assert_eq!(stated.purposes, ["refund".to_owned()].into());
        }
        // More than can be looked for: nothing is known not to hold one.
        assert_eq!(
            reason_of_copies(&EVERY_PACK, "asked".into(), None),
            REASON_OF_COPIES
        );
    }

    /// Goal: values that are too many to be looked for in every text stand in no copy, and leave in no export
    /// without personal data.
    #[test]
    fn of_a_note_with_too_many_values_no_copy_is_made() {
        let of = |values: usize| {
            let rows = (0..values).map(|at| format!("m{at}@example.com"));
            note(&rows.collect::<Vec<_>>().join("\n"))
        };
        let screened = |values| {
            screen(
                &EVERY_PACK,
                of(values),
                Beside::default(),
                Sensitivity::Internal,
            )
            .note
        };
        let most = screened(VALUES_MAX);
        assert!(most.masked.is_some() && most.sensitivity == Some(Sensitivity::Restricted));
        let more = screened(VALUES_MAX + 1);
        assert!(more.masked.is_none() && more.sensitivity == Some(Sensitivity::Restricted));
        assert!(redacted(&EVERY_PACK, of(VALUES_MAX).record).is_some());
        assert_eq!(redacted(&EVERY_PACK, of(VALUES_MAX + 1).record), None);
        let twice = note(&"m@example.com\n".repeat(VALUES_MAX + 1));
        let twice = screen(&EVERY_PACK, twice, Beside::default(), Sensitivity::Internal).note;
        assert!(twice.masked.is_some(), "it is one value");
    }

    #[test]
    fn a_note_without_personal_data_is_left_as_it_is() {
        let plain = note("Please rebook me on the later flight.");
        let screened = screen(
            &EVERY_PACK,
            plain.clone(),
            Beside::default(),
            Sensitivity::Internal,
        );
        assert_eq!(screened.note, plain);
        assert!(screened.held.is_empty());
    }

    #[test]
    fn an_original_is_raised_and_its_copy_holds_none_of_the_values() {
        let mut found = note("Born 1990-04-05, mia.li@example.com, 4111 1111 1111 1111");
        found.record.title = "For mia.li@example.com".into();
        found.record.tags = ["vip".to_owned(), "mia.li@example.com".to_owned()].into();
        found.record.source.label = "mail of mia.li@example.com".into();
        found.record.source.author = Some("mia.li@example.com".into());
        found.record.source.locator = Some("message 3".into());
        let screened = screen(
            &EVERY_PACK,
            found.clone(),
            Beside::default(),
            Sensitivity::Internal,
        );
        let kinds: Vec<&str> = screened.held.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(kinds, ["email", "date_of_birth", "payment_card"]);
        let note = screened.note;
        assert_eq!(note.sensitivity, Some(Sensitivity::Restricted));
        assert_eq!(note.record.body, found.record.body, "nothing of it is lost");
        assert_eq!(note.record.pii, screened.held);
        let (copy, at) = *note.masked.expect("a copy");
        assert_eq!(at, None, "the pack's default, whatever that is by then");
        let all = format!("{copy:?}");
        for value in ["1990", "mia.li", "4111"] {
            assert!(!all.contains(value), "{value} in {all}");
        }
        assert_eq!(copy.body, "Born [date of birth], [email], [payment card]");
        assert_eq!(copy.source.locator.as_deref(), Some("message 3"));
        assert_eq!(copy.tags.len(), 1);
        assert!(copy.pii.is_empty());
    }

    /// Goal: what is a value by what stands around it in the text is one in a title and a label too,
    /// bare or cut.
    #[test]
    fn a_value_of_the_text_stands_in_no_other_field_of_the_copy_and_no_part_of_it() {
        let mut found =
            note("dob: 1990-04-05\nemail: mia.li@example.com\ncard: 4111 1111 1111 1111");
        found.record.title = "1990-04-05".into();
        found.record.source.label = "Row of mia.li@exam… · 4111 1111 1…".into();
        found.record.source.locator = Some("born 1990-04-0…".into());
        found.record.source.author = Some("1990-04-05".into());
        found.record.tags = ["1990-04-05".to_owned(), "gold".to_owned()].into();
        found.record.consent = Some(Consent {
            purposes: ["news to mia.li@example.com".to_owned()].into(),
            subject: Some("Mia".into()),
            evidence: Some("form".into()),
            ..Consent::new(ConsentStatus::Granted)
        });
        found.record.pii = [Pii::Email].into();
        let screened = screen(&EVERY_PACK, found, Beside::default(), Sensitivity::Internal);
        let (copy, _) = *screened.note.masked.expect("a copy");
        assert_eq!(copy.title, "[date of birth]");
        assert_eq!(copy.source.label, "Row of [email]… · [payment card]…");
        let all = format!("{copy:?}");
        for part in ["1990", "mia", "Mia", "4111", "form"] {
            assert!(!all.contains(part), "{part} in {all}");
        }
        let consent = copy.consent.expect("it is not dropped");
        assert_eq!(consent.status, ConsentStatus::Limited);
        assert!(!consent.allows("anything"));
        assert!(copy.pii.is_empty());
        assert_eq!(copy.tags, ["gold".to_owned()].into());
    }

    /// Goal: what leaves redacted holds no value in any field, and says how many there were.
    #[test]
    fn what_leaves_redacted_holds_no_value_and_counts_them() {
        let mut found = note("Write to mia.li@example.com, born 1990-04-05.").record;
        found.title = "For mia.li@example.com".into();
        found.source.label = "born 1990-04-05".into();
        found.tags = ["vip".to_owned(), "mia.li@example.com".to_owned()].into();
        found.pii = [Pii::Email, Pii::DateOfBirth].into();
        let (record, counts) =
            redacted(&EVERY_PACK, found.clone()).expect("all that it states is found");
        assert_eq!(record.body, "Write to [email], born [date of birth].");
        assert_eq!(record.title, "For [email]");
        assert_eq!(record.tags, ["vip".to_owned()].into());
        let all = format!("{record:?}");
        assert!(!all.contains("1990") && !all.contains("mia"), "{all}");
        assert_eq!(counts, [(Pii::Email, 3), (Pii::DateOfBirth, 2)].into());
        found.pii.insert(Pii::Health);
        assert_eq!(
            redacted(&EVERY_PACK, found),
            None,
            "nobody knows where it stands"
        );
        let plain = note("nothing").record;
        assert_eq!(
            redacted(&EVERY_PACK, plain.clone()),
            Some((plain, BTreeMap::new()))
        );
        assert_eq!(
            redacted_text(&EVERY_PACK, "Mia, mia.li@example.com"),
            "Mia, [email]"
        );
    }

    /// Goal: what one place of a note shows to be a value stands nowhere in what leaves, in whatever
    /// text, and whatever stands around it there.
    #[test]
    fn a_value_shown_in_one_place_is_masked_in_every_other() {
        let mut chat =
            note("password: hunter2xyz9Q\nThen they typed hunter2xyz9Q, and 1990-04-05 again.");
        chat.record.title = "Date of birth 1990-04-05, account number 55512399".into();
        chat.record.tags = ["dob 1962-07-08".to_owned()].into();
        let mut form = note("The form says 1962-07-08, and 55512399.");
        form.record.title.clone_from(&chat.record.title);
        form.record.tags.clone_from(&chat.record.tags);
        for note in [chat, form] {
            let (leaves, _) = redacted(&EVERY_PACK, note.record.clone()).unwrap();
            let (copy, _) = *screen(&EVERY_PACK, note, Beside::default(), Sensitivity::Internal)
                .note
                .masked
                .unwrap();
            for record in [leaves, copy] {
                let all = format!("{record:?}");
                for value in ["hunter2", "1990", "1962", "55512399"] {
                    assert!(!all.contains(value), "{value} in {all}");
                }
            }
        }
    }

    /// Goal: whatever a file holds, a note is looked through in time that grows with its length.
    #[test]
    fn thousands_of_values_and_of_cuts_take_no_longer_together() {
        let host = ["a".repeat(60), "b".repeat(60), "c".repeat(60)].join(".");
        let rows = (0..VALUES_MAX).map(|at| format!("m{at}@{host}.example.com"));
        let mut many = note(&rows.collect::<Vec<_>>().join("\n"));
        many.record.title = "1…".repeat(250);
        many.record.source.label = "…".repeat(LABEL_CHARS_MAX);
        many.record.tags = (0..64)
            .map(|at| format!("{at}{}", "…".repeat(30)))
            .collect();
        let (copy, _) = *screen(&EVERY_PACK, many, Beside::default(), Sensitivity::Internal)
            .note
            .masked
            .unwrap();
        assert!(!copy.body.contains(&host));
    }

    /// Goal: a map of a table never makes the mask weaker than none: what the names of columns show to be a
    /// value is one in the note that is made of them.
    #[test]
    fn what_a_row_shows_to_be_a_value_is_one_in_the_note_made_of_it() {
        let mut made = note("854 Broadway, Suite 293, Phoenix. Orders: pm_7, 3");
        made.record.title = "Isabella Sanchez".into();
        let row = "full_name: Isabella Sanchez\nemail: is@example.com\naddress: 854 Broadway, Suite 293, Phoenix\n\
                   orders: 3";
        let beside = Beside { asked: "", row };
        let screened = screen(&EVERY_PACK, made.clone(), beside, Sensitivity::Internal);
        assert_eq!(screened.held, [Pii::Name, Pii::Address].into());
        let (copy, _) = *screened.note.masked.expect("a copy");
        assert_eq!(copy.title, "[name]");
        assert_eq!(copy.body, "[address]. Orders: pm_7, 3");
        let noted = noted(&EVERY_PACK, made.clone(), beside).note;
        assert_eq!(noted.record.pii, [Pii::Name, Pii::Address].into());
        let alone = screen(&EVERY_PACK, made, Beside::default(), Sensitivity::Internal);
        assert!(
            !alone.held.contains(&Pii::Name),
            "nothing tells that it is one"
        );
    }

    /// Goal: a map that says what a column holds never makes the mask weaker than none.
    #[test]
    fn a_kind_that_is_stated_and_not_found_leaves_no_copy() {
        let stated = |kinds: &[Pii], body: &str| {
            let mut stated = note(body);
            stated.record.pii = kinds.iter().copied().collect();
            screen(
                &EVERY_PACK,
                stated,
                Beside::default(),
                Sensitivity::Internal,
            )
        };
        let kinds = [Pii::Email, Pii::DateOfBirth];
        for body in ["bob@example.com 1975-05-06", "1975-05-06"] {
            let screened = stated(&kinds, body);
            assert_eq!(screened.note.sensitivity, Some(Sensitivity::Restricted));
            assert_eq!(screened.held, kinds.into());
            assert!(screened.note.masked.is_none(), "{body}");
        }
        let all = stated(&kinds, "bob@example.com, born 1975-05-06");
        assert!(all.note.masked.is_some());
    }

    #[test]
    fn what_is_left_where_it_stands_says_what_it_holds() {
        let left = noted(&EVERY_PACK, note("mia.li@example.com"), Beside::default()).note;
        assert_eq!((left.sensitivity, &left.masked), (None, &None));
        assert_eq!(left.record.pii, [Pii::Email].into());
        assert_eq!(left.record.body, "mia.li@example.com");
    }

    #[test]
    fn what_is_restricted_anyway_has_no_copy_and_a_stated_sensitivity_is_the_copys() {
        let restricted = Incoming {
            sensitivity: Some(Sensitivity::Restricted),
            ..note("mia.li@example.com")
        };
        let screened = screen(
            &EVERY_PACK,
            restricted,
            Beside::default(),
            Sensitivity::Internal,
        );
        assert!(screened.note.masked.is_none() && screened.held.is_empty());
        assert_eq!(screened.note.record.pii.len(), 1);
        let confidential = Incoming {
            sensitivity: Some(Sensitivity::Confidential),
            ..note("mia.li@example.com")
        };
        let screened = screen(
            &EVERY_PACK,
            confidential,
            Beside::default(),
            Sensitivity::Internal,
        );
        let (_, at) = *screened.note.masked.expect("a copy");
        assert_eq!(at, Some(Sensitivity::Confidential));
    }

    #[test]
    fn a_date_that_answers_a_question_about_a_birth_is_found() {
        let answer = note("It is the fifth: 1990-04-05.");
        let asked = Beside {
            asked: "What is your date of birth?",
            row: "",
        };
        assert!(
            !screen(&EVERY_PACK, answer.clone(), asked, Sensitivity::Internal)
                .held
                .is_empty()
        );
        assert!(
            screen(
                &EVERY_PACK,
                answer,
                Beside {
                    asked: "When do you fly?",
                    row: ""
                },
                Sensitivity::Internal
            )
            .held
            .is_empty()
        );
    }

    /// Goal: what the rules of one pack name is found with them and by nothing else, in every field.
    #[test]
    fn ids_that_the_rules_name_are_held_and_stand_in_no_copy() {
        let id = |form: &str, kind| NamedId {
            form: kitbag_core::policy::rules::IdForm::new(form).unwrap(),
            kind,
        };
        let field = NamedField {
            name: kitbag_core::policy::rules::FieldName::new("loyalty_id").unwrap(),
            kind: Pii::Other,
        };
        let own = PackIds {
            ids: [
                id("cust-@@##", Pii::Other),
                id("VOUCHER-*", Pii::PaymentCard),
            ]
            .into(),
            fields: [field].into(),
        };
        let mut found = note("CUST-AB12 has voucher-77x\nLoyalty ID: G7");
        found.record.title = "Refund of CUST-AB12 (G7)".into();
        found.record.tags = ["cust-ab12".to_owned(), "gold".to_owned()].into();
        let other = screen(
            &PackIds::default().scanner(),
            found.clone(),
            Beside::default(),
            Sensitivity::Internal,
        );
        assert_eq!((&other.note, other.held.len()), (&found, 0));
        let screened = screen(
            &own.scanner(),
            found,
            Beside::default(),
            Sensitivity::Internal,
        );
        assert_eq!(screened.held, [Pii::PaymentCard, Pii::Other].into());
        assert_eq!(screened.note.sensitivity, Some(Sensitivity::Restricted));
        let (copy, _) = *screened.note.masked.expect("a copy");
        assert_eq!(copy.body, "[other] has [payment card]\nLoyalty ID: [other]");
        assert_eq!(copy.title, "Refund of [other] ([other])");
        assert_eq!(copy.tags, ["gold".to_owned()].into());
        for kind in Pii::ALL {
            assert_eq!(scanned(*kind).word(), kind.as_str());
        }
    }
}
