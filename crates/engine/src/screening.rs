//! Looking for personal data and secrets in what is taken in.
//!
//! A note that holds any keeps its text at restricted; beside it stands a copy in which a word takes
//! the place of each value. What is found in a label, a tag or a reference counts like what is found in
//! the text: nothing of it may stand in the copy.
//! Spec: `docs/spec/personal-data.md`.

use crate::{Consent, ConsentStatus, Incoming, NoteType, Pii, Record, Sensitivity};
use kitbag_core::pack::note::{LABEL_CHARS_MAX, TITLE_BYTES_MAX};
use kitbag_scan::{Finding, Hint, Rules, Scanner, mask};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
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

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(&Rules::default()));

/// Looks a note through. `asked` is the text that it answers, if it is a message; `default` is the
/// pack's sensitivity.
pub(crate) fn screen(note: Incoming, asked: &str, default: Sensitivity) -> Screened {
    let wanted = note.sensitivity;
    let mut copy = Copy::of(note.record.clone(), asked);
    copy.mask();
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
    if not_found.is_empty() {
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
pub(crate) fn noted(note: Incoming, asked: &str) -> Screened {
    let mut copy = Copy::of(note.record.clone(), asked);
    copy.mask();
    let mut note = note;
    note.record.pii.extend(&copy.found);
    Screened {
        note,
        held: BTreeSet::new(),
        not_found: BTreeSet::new(),
    }
}

/// A record as it leaves without its personal data, and how many values of each kind were found in it.
/// Nothing if it states a kind of which none was found: it would leave with it.
pub(crate) fn redacted(record: Record) -> Option<(Record, BTreeMap<Pii, u64>)> {
    let stated = record.pii.clone();
    let mut copy = Copy::of(record, "");
    copy.mask();
    let (record, found, counts) = (copy.record, copy.found, copy.counts);
    stated.is_subset(&found).then_some((record, counts))
}

/// A short text of ours around notes, without personal data.
pub(crate) fn redacted_text(text: &str) -> String {
    mask(text, &SCANNER.scan(text, Hint::default()))
}

/// Kinds of personal data in these texts.
pub(crate) fn found_in<'t>(texts: impl IntoIterator<Item = &'t String>) -> BTreeSet<Pii> {
    let findings = texts
        .into_iter()
        .flat_map(|text| SCANNER.scan(text, Hint::default()));
    findings
        .filter_map(|finding| finding.kind.word().parse().ok())
        .collect()
}

/// What a statement says for masked copies: not whom it is about, nor what shows it, nor a purpose that
/// holds personal data.
pub(crate) fn consent_of_copies(consent: &Consent) -> Consent {
    let mut consent = consent.clone();
    let named = !consent.purposes.is_empty();
    consent
        .purposes
        .retain(|purpose| SCANNER.scan(purpose, Hint::default()).is_empty());
    if named && consent.purposes.is_empty() && consent.status == ConsentStatus::Granted {
        consent.status = ConsentStatus::Limited; // without purposes it would allow all
    }
    consent.subject = None;
    consent.evidence = None;
    consent
}

/// Why masked copies are redacted: the reason, unless it holds personal data, or a value that the note
/// holds.
pub(crate) fn reason_of_copies(reason: String, texts: &[&String], tags: &[String]) -> String {
    let holds_value = |text: &String| {
        let findings = SCANNER.scan(text, Hint::default()).into_iter();
        let values = findings.filter_map(|finding| text.get(finding.range));
        let mut values = values.map(str::trim).take(VALUES_MAX);
        values.any(|value| !value.is_empty() && reason.contains(value))
    };
    let holds_any = !SCANNER.scan(&reason, Hint::default()).is_empty();
    match holds_any || texts.iter().copied().chain(tags).any(holds_value) {
        true => REASON_OF_COPIES.to_owned(),
        false => reason,
    }
}

/// Why a masked copy is redacted, where its original's reason may not stand.
const REASON_OF_COPIES: &str = "its original was redacted";

/// A record on its way to hold no personal data.
struct Copy<'a> {
    record: Record,
    asked: &'a str,
    found: BTreeSet<Pii>,
    /// How many values of each kind were found.
    counts: BTreeMap<Pii, u64>,
    /// Values that were found, each with its mask: what is known from one text is a value in all.
    values: BTreeMap<String, &'static str>,
}

/// Bytes of a value that is looked for in other texts wherever it stands; a shorter one is only if it
/// stands between other characters than letters and digits.
const VALUE_BYTES: usize = 4;
/// Values of one note that are looked for in its other texts, at most: those found first.
const VALUES_MAX: usize = 4_096;
/// Where a text was cut.
const CUT: char = '…';

impl Copy<'_> {
    fn of(record: Record, asked: &str) -> Copy<'_> {
        Copy {
            record,
            asked,
            found: BTreeSet::new(),
            counts: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    fn mask(&mut self) {
        let record = &mut self.record;
        let body = std::mem::take(&mut record.body);
        let title = std::mem::take(&mut record.title);
        let label = std::mem::take(&mut record.source.label);
        // All are looked at before the short ones are written: what the text shows to be a value may
        // stand bare in a title.
        let body = self.masked(body);
        let title = self.masked(title);
        let label = self.masked(label);
        let others = self.others();
        for text in &others {
            self.look(text);
        }
        let title = self.without_values(&title);
        let label = self.without_values(&label);
        self.record.body = body;
        self.record.title = cut_bytes(title, TITLE_BYTES_MAX);
        self.record.source.label = label.chars().take(LABEL_CHARS_MAX).collect();
        self.drop_what_holds_values();
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
    fn drop_what_holds_values(&mut self) {
        let mut record = self.record.clone();
        let clean = |text: &String| self.is_clean(text);
        record.tags.retain(|tag| clean(tag));
        let source = &mut record.source;
        source.uri = source.uri.take().filter(clean);
        source.app = source.app.take().filter(clean);
        source.author = source.author.take().filter(clean);
        source.locator = source.locator.take().filter(clean);
        if let Some(by) = &mut record.produced_by {
            by.agent = by.agent.take().filter(clean);
            by.model = by.model.take().filter(clean);
            by.prompt = by.prompt.take().filter(clean);
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

    fn masked(&mut self, text: String) -> String {
        let findings = self.look(&text);
        if findings.is_empty() {
            return text;
        }
        mask(&text, &findings)
    }

    fn look(&mut self, text: &str) -> Vec<Finding> {
        let asked = match self.record.note_type {
            NoteType::Message => self.asked,
            _ => "",
        };
        let hint = Hint {
            asked,
            ..Hint::default()
        };
        let findings = SCANNER.scan(text, hint);
        for finding in &findings {
            if let Ok(kind) = finding.kind.word().parse::<Pii>() {
                self.found.insert(kind);
                *self.counts.entry(kind).or_default() += 1;
            }
            let value = text.get(finding.range.clone()).unwrap_or_default().trim();
            if !value.is_empty() && self.values.len() < VALUES_MAX {
                let word = finding.kind.mask_word();
                self.values.entry(value.to_owned()).or_insert(word);
            }
        }
        findings
    }

    fn is_clean(&self, text: &str) -> bool {
        SCANNER.scan(text, Hint::default()).is_empty() && self.without_values(text) == text
    }

    /// A short text with a mask in the place of each known value, and of each beginning of one that
    /// was cut.
    fn without_values(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut longest_first: Vec<(&String, &&str)> = self.values.iter().collect();
        longest_first.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        for (value, word) in longest_first {
            text = without(&text, value, word);
            while let Some(range) = cut_value(&text, value) {
                text.replace_range(range, word);
            }
        }
        text
    }
}

/// A text with a word in the place of each occurrence of a value.
fn without(text: &str, value: &str, word: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in text.match_indices(value) {
        let end = at + value.len();
        let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let inside = joins(text[..at].chars().next_back()) || joins(text[end..].chars().next());
        if at < rest || (inside && value.len() < VALUE_BYTES) {
            continue;
        }
        out.push_str(&text[rest..at]);
        out.push_str(word);
        rest = end;
    }
    out.push_str(&text[rest..]);
    out
}

/// Where a text has the beginning of a value, at least [`VALUE_BYTES`] of it, and was cut after it.
fn cut_value(text: &str, value: &str) -> Option<Range<usize>> {
    text.char_indices()
        .filter(|(_, c)| *c == CUT)
        .find_map(|(cut, _)| {
            let before = &text[..cut];
            let lengths = (VALUE_BYTES..value.len()).rev();
            let begins = |length: &usize| {
                let beginning = value.get(..*length);
                beginning.is_some_and(|beginning| before.ends_with(beginning))
            };
            let length = lengths.take(LABEL_CHARS_MAX * 4).find(begins)?;
            Some(cut - length..cut)
        })
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
        let body = "dob: 1990-04-05\nThank you".to_owned();
        let said = |reason: &str| reason_of_copies(reason.to_owned(), &[&body], &[]);
        for plain in ["asked by the customer", "on 2024-01-01"] {
            assert_eq!(said(plain), plain);
        }
        for telling in ["1990-04-05 was wrong", "mia.li@example.com asked for it"] {
            assert_eq!(said(telling), REASON_OF_COPIES);
        }
    }

    #[test]
    fn a_note_without_personal_data_is_left_as_it_is() {
        let plain = note("Please rebook me on the later flight.");
        let screened = screen(plain.clone(), "", Sensitivity::Internal);
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
        let screened = screen(found.clone(), "", Sensitivity::Internal);
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
        let screened = screen(found, "", Sensitivity::Internal);
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
        let (record, counts) = redacted(found.clone()).expect("all that it states is found");
        assert_eq!(record.body, "Write to [email], born [date of birth].");
        assert_eq!(record.title, "For [email]");
        assert_eq!(record.tags, ["vip".to_owned()].into());
        let all = format!("{record:?}");
        assert!(!all.contains("1990") && !all.contains("mia"), "{all}");
        assert_eq!(counts, [(Pii::Email, 3), (Pii::DateOfBirth, 2)].into());
        found.pii.insert(Pii::Health);
        assert_eq!(redacted(found), None, "nobody knows where it stands");
        let plain = note("nothing").record;
        assert_eq!(redacted(plain.clone()), Some((plain, BTreeMap::new())));
        assert_eq!(redacted_text("Mia, mia.li@example.com"), "Mia, [email]");
    }

    #[test]
    fn short_values_are_replaced_where_they_stand_alone() {
        assert_eq!(
            without("Li likes Lima, Li.", "Li", "[name]"),
            "[name] likes Lima, [name]."
        );
        assert_eq!(without("aaaa", "aa", "x"), "aaaa");
        assert_eq!(cut_value("abcd…", "abcdef"), Some(0..4));
        assert_eq!(cut_value("abc…", "abcdef"), None);
        assert_eq!(cut_value("ééé…", "éééé"), Some(0..6));
    }

    /// Goal: a map that says what a column holds never makes the mask weaker than none.
    #[test]
    fn a_kind_that_is_stated_and_not_found_leaves_no_copy() {
        let stated = |kinds: &[Pii], body: &str| {
            let mut stated = note(body);
            stated.record.pii = kinds.iter().copied().collect();
            screen(stated, "", Sensitivity::Internal)
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
        let left = noted(note("mia.li@example.com"), "").note;
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
        let screened = screen(restricted, "", Sensitivity::Internal);
        assert!(screened.note.masked.is_none() && screened.held.is_empty());
        assert_eq!(screened.note.record.pii.len(), 1);
        let confidential = Incoming {
            sensitivity: Some(Sensitivity::Confidential),
            ..note("mia.li@example.com")
        };
        let screened = screen(confidential, "", Sensitivity::Internal);
        let (_, at) = *screened.note.masked.expect("a copy");
        assert_eq!(at, Some(Sensitivity::Confidential));
    }

    #[test]
    fn a_date_that_answers_a_question_about_a_birth_is_found() {
        let answer = note("It is the fifth: 1990-04-05.");
        let asked = "What is your date of birth?";
        assert!(
            !screen(answer.clone(), asked, Sensitivity::Internal)
                .held
                .is_empty()
        );
        assert!(
            screen(answer, "When do you fly?", Sensitivity::Internal)
                .held
                .is_empty()
        );
    }
}
