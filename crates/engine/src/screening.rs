//! Looking for personal data and secrets in what is taken in.
//!
//! A note that holds any keeps its text at restricted; beside it stands a copy in which a word takes
//! the place of each value. What is found in a label, a tag or a reference counts like what is found in
//! the text: nothing of it may stand in the copy.
//! Spec: `docs/spec/personal-data.md`.

use crate::{Incoming, NoteType, Pii, Record, Sensitivity};
use kitbag_core::pack::note::{LABEL_CHARS_MAX, TITLE_BYTES_MAX};
use kitbag_scan::{Finding, Hint, Rules, Scanner, mask};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Whether what is taken in is looked through for personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screening {
    /// Originals with personal data are kept at restricted, with a masked copy beside them.
    #[default]
    Masked,
    /// Every note stands where its writer puts it.
    Unmasked,
}

/// A note to be looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Screened {
    /// The note, as it is to be taken in.
    pub(crate) note: Incoming,
    /// Because of which kinds its original stands at restricted.
    pub(crate) held: BTreeSet<Pii>,
}

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(&Rules::default()));

/// Looks a note through. `asked` is the text that it answers, if it is a message; `default` is the
/// pack's sensitivity.
pub(crate) fn screen(note: Incoming, asked: &str, default: Sensitivity) -> Screened {
    let wanted = note.sensitivity.unwrap_or(default);
    let mut copy = Copy::of(note.record.clone(), asked);
    copy.mask();
    let Copy { record, found, .. } = copy;
    let mut note = note;
    if found.is_empty() {
        return Screened {
            note,
            held: BTreeSet::new(),
        };
    }
    note.record.pii.extend(&found);
    if wanted == Sensitivity::Restricted {
        return Screened {
            note,
            held: BTreeSet::new(),
        };
    }
    note.sensitivity = Some(Sensitivity::Restricted);
    note.masked = Some(Box::new((record, wanted)));
    Screened { note, held: found }
}

/// A record on its way to hold no personal data.
struct Copy<'a> {
    record: Record,
    asked: &'a str,
    found: BTreeSet<Pii>,
}

impl Copy<'_> {
    fn of(record: Record, asked: &str) -> Copy<'_> {
        Copy {
            record,
            asked,
            found: BTreeSet::new(),
        }
    }

    fn mask(&mut self) {
        let body = std::mem::take(&mut self.record.body);
        let title = std::mem::take(&mut self.record.title);
        let label = std::mem::take(&mut self.record.source.label);
        self.record.body = self.masked(body, "");
        self.record.title = cut_bytes(self.masked(title, ""), TITLE_BYTES_MAX);
        self.record.source.label = self
            .masked(label, "")
            .chars()
            .take(LABEL_CHARS_MAX)
            .collect();
        for tag in std::mem::take(&mut self.record.tags) {
            if !self.holds(&tag) {
                self.record.tags.insert(tag);
            }
        }
        let source = &mut self.record.source;
        let mut texts = [
            source.uri.take(),
            source.app.take(),
            source.author.take(),
            source.locator.take(),
        ];
        for text in &mut texts {
            *text = text.take().filter(|text| !self.holds(text));
        }
        let [uri, app, author, locator] = texts;
        let source = &mut self.record.source;
        (source.uri, source.app, source.author, source.locator) = (uri, app, author, locator);
        if let Some(mut by) = self.record.produced_by.take() {
            by.agent = by.agent.filter(|text| !self.holds(text));
            by.model = by.model.filter(|text| !self.holds(text));
            by.prompt = by.prompt.filter(|text| !self.holds(text));
            self.record.produced_by = Some(by);
        }
        if let Some(mut consent) = self.record.consent.take() {
            consent.subject = consent.subject.filter(|text| !self.holds(text));
            consent.evidence = consent.evidence.filter(|text| !self.holds(text));
            consent.purposes.retain(|text| !self.holds(text));
            self.record.consent = Some(consent);
        }
        // What the copy says of itself: the kinds stand in it as words only.
        self.record.pii.clear();
    }

    fn masked(&mut self, text: String, field: &str) -> String {
        let findings = self.look(&text, field);
        if findings.is_empty() {
            return text;
        }
        mask(&text, &findings)
    }

    fn holds(&mut self, text: &str) -> bool {
        !self.look(text, "").is_empty()
    }

    fn look(&mut self, text: &str, field: &str) -> Vec<Finding> {
        let asked = match self.record.note_type {
            NoteType::Message => self.asked,
            _ => "",
        };
        let findings = SCANNER.scan(text, Hint { field, asked });
        let kinds = findings
            .iter()
            .filter_map(|f| f.kind.word().parse::<Pii>().ok());
        self.found.extend(kinds);
        findings
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
        assert_eq!(at, Sensitivity::Internal);
        let all = format!("{copy:?}");
        for value in ["1990", "mia.li", "4111"] {
            assert!(!all.contains(value), "{value} in {all}");
        }
        assert_eq!(copy.body, "Born [date of birth], [email], [payment card]");
        assert_eq!(copy.source.locator.as_deref(), Some("message 3"));
        assert_eq!(copy.tags.len(), 1);
        assert!(copy.pii.is_empty());
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
        assert_eq!(at, Sensitivity::Confidential);
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
