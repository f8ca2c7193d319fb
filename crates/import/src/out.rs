//! The way out: a draft becomes a note within the limits, or several, or a sentence about why not.

use crate::error::Stop;
use crate::note::{bare, cut_bytes, one_line, words};
use crate::*;
use std::collections::BTreeSet;

/// Where items go, and what is the same for all of a file.
pub(crate) struct Out<'a> {
    kind: Kind,
    file: String,
    label: Label,
    /// Whether the file said that it is our export.
    is_ours: bool,
    sink: &'a mut dyn FnMut(Item) -> ControlFlow<()>,
}

impl<'a> Out<'a> {
    pub(crate) fn new(
        kind: Kind,
        input: &Input<'_>,
        options: &Options,
        sink: &'a mut dyn FnMut(Item) -> ControlFlow<()>,
    ) -> Out<'a> {
        Out {
            kind,
            file: input.name.to_owned(),
            label: options.label.clone(),
            is_ours: false,
            sink,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the file said where it comes from, as our export does.
    pub(crate) fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// How people know the file.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn skip(&mut self, place: &str, reason: impl Into<String>) -> Result<(), Stop> {
        self.give(Item::Skipped(told(place, reason)))
    }

    pub(crate) fn left_out(&mut self, place: &str, what: impl Into<String>) -> Result<(), Stop> {
        self.give(Item::LeftOut(told(place, what)))
    }

    /// A record, or a part of one, that is not read. Its name may be anything.
    pub(crate) fn unknown(&mut self, what: &str) -> Result<(), Stop> {
        let what = one_line(&label::cut_chars(what, UNKNOWN_CHARS_MAX));
        self.give(Item::Unknown(what))
    }

    /// A note that names where it stands in its file. Its label is made of that, unless it has one.
    pub(crate) fn origin(&mut self, origin: Origin) -> Result<(), Stop> {
        match origin == Origin::default() {
            true => Ok(()),
            false => {
                self.is_ours = true;
                self.give(Item::Origin(origin))
            }
        }
    }

    pub(crate) fn note(&mut self, mut note: Note) -> Result<(), Stop> {
        if note.title.trim().is_empty() && note.body.trim().is_empty() {
            return self.skip(&note.place, "it holds no text");
        }
        bare_words(&mut note);
        if let Some(why) = unfit(&note) {
            return self.skip(&note.place, why);
        }
        note.source.label = match note.source.label.trim() {
            // A file that is one note is named once.
            "" if note.place == self.file => self.label.of(&self.file, ""),
            "" => self.label.of(&self.file, &note.place),
            own => Label::whole().of(own, ""),
        };
        note.place = short(&note.place);
        for what in fit(&mut note) {
            self.left_out(&note.place, what)?;
        }
        // A title of characters that break a line is none once it is one line.
        if note.title.trim().is_empty() && note.body.trim().is_empty() {
            return self.skip(&note.place, "it holds no text");
        }
        // What tells which of its values are personal is as long as a text may be, or nothing is told.
        if note
            .row
            .as_ref()
            .is_some_and(|row| part_ends(row).len() > 1)
        {
            return self.skip(&note.place, TOO_LONG_FOR_A_MAP);
        }
        let rest = std::mem::take(&mut note.body);
        let ends = part_ends(&rest);
        if ends.len() <= 1 {
            note.body = rest;
            return self.give(Item::Note(Box::new(note)));
        }
        let mut from = 0;
        for (number, &end) in ends.iter().enumerate() {
            let part = format!("part {} of {}", number + 1, ends.len());
            let mut one = note.clone();
            one.key = note.key.part(self.kind, number);
            one.tells_more = true; // of all of its parts
            one.body = rest[from..end].to_owned();
            one.source.locator = Some(match &note.source.locator {
                Some(locator) => format!("{part}, {locator}"),
                None => part,
            });
            cut(&mut one.source.locator, LOCATOR_BYTES_MAX);
            self.give(Item::Note(Box::new(one)))?;
            from = end;
        }
        Ok(())
    }

    fn give(&mut self, item: Item) -> Result<(), Stop> {
        match (self.sink)(item) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Enough),
        }
    }
}

/// Characters of the name of something that is not read, at most.
const UNKNOWN_CHARS_MAX: usize = 48;
/// Bytes of a place that is told, at most.
const PLACE_BYTES_MAX: usize = 400;

fn told(place: &str, reason: impl Into<String>) -> Told {
    Told {
        place: short(place),
        reason: reason.into(),
    }
}

fn short(place: &str) -> String {
    let place = one_line(place);
    cut_bytes(&place, PLACE_BYTES_MAX).unwrap_or(place)
}

/// Takes away what stands around words, once and for all who look at them later. A word of which
/// nothing is left stays a stated one.
fn bare_words(note: &mut Note) {
    let consent = note.consent.as_mut().map(|consent| &mut consent.status);
    let words = [&mut note.note_type, &mut note.source.kind]
        .into_iter()
        .chain(&mut note.sensitivity)
        .chain(&mut note.claim)
        .chain(&mut note.status)
        .chain(&mut note.pii)
        .chain(consent);
    words.for_each(|word| *word = bare(word));
}

/// Why a note may not be taken in as it is. What protects somebody is never changed or left out.
fn unfit(note: &Note) -> Option<String> {
    let word = |what: &str, word: &str, all: &[&str]| {
        (!all.contains(&word)).then(|| format!("{} is no {what}", quoted(word)))
    };
    let optional =
        |what, stated: &Option<String>, all| stated.as_ref().and_then(|one| word(what, one, all));
    if note.status.as_deref() == Some("archived") {
        return Some("it is deleted where it comes from".to_owned());
    }
    let of_words = word("type", &note.note_type, words::TYPES)
        .or_else(|| word("kind of source", &note.source.kind, words::SOURCE_KINDS))
        .or_else(|| optional("sensitivity", &note.sensitivity, words::SENSITIVITIES))
        .or_else(|| optional("claim", &note.claim, words::CLAIMS))
        .or_else(|| optional("status", &note.status, words::STATUSES))
        .or_else(|| {
            let mut kinds = note.pii.iter();
            kinds.find_map(|one| word("kind of personal data", one, words::PII))
        });
    of_words.or_else(|| note.consent.as_ref().and_then(unfit_consent))
}

fn unfit_consent(consent: &Consent) -> Option<String> {
    if !words::CONSENTS.contains(&consent.status.as_str()) {
        return Some(format!("{} is no consent", quoted(&consent.status)));
    }
    let long = |text: &Option<String>, most| text.as_ref().is_some_and(|text| text.len() > most);
    let bad = consent.purposes.len() > PURPOSES_MAX
        || !consent.purposes.iter().all(|one| is_tag(one))
        || long(&consent.subject, NAME_BYTES_MAX)
        || long(&consent.evidence, LOCATOR_BYTES_MAX);
    bad.then(|| "its consent says more than a note can hold".to_owned())
}

/// A word of a file, as a person is told it.
fn quoted(word: &str) -> String {
    format!(
        "\"{}\"",
        one_line(&label::cut_chars(word, UNKNOWN_CHARS_MAX))
    )
}

fn is_tag(tag: &str) -> bool {
    tag.len() <= TAG_BYTES_MAX && !tag.trim().is_empty() && !tag.chars().any(note::breaks_line)
}

/// Brings a note within the limits of its record, except for its body, and says what that cost.
fn fit(note: &mut Note) -> Vec<String> {
    let mut told = Vec::new();
    note.title = one_line(&note.title);
    if let Some(title) = cut_bytes(&note.title, TITLE_BYTES_MAX) {
        told.push(format!("the end of a title of {} bytes", note.title.len()));
        note.title = title;
    }
    fit_tags(&mut note.tags, &mut told);
    let source = &mut note.source;
    for (text, most) in [
        (&mut source.author, NAME_BYTES_MAX),
        (&mut source.app, NAME_BYTES_MAX),
        (&mut source.locator, LOCATOR_BYTES_MAX),
    ] {
        *text = text
            .as_deref()
            .map(one_line)
            .filter(|text| !text.is_empty());
        cut(text, most);
    }
    // Half an address leads elsewhere.
    if let Some(uri) = source.uri.take_if(|uri| uri.len() > URI_BYTES_MAX) {
        told.push(format!("an address of {} bytes", uri.len()));
    }
    if let Some(by) = &mut note.produced_by {
        cut(&mut by.agent, NAME_BYTES_MAX);
        cut(&mut by.model, NAME_BYTES_MAX);
        cut(&mut by.prompt, LOCATOR_BYTES_MAX);
    }
    let is_long = |id: &String| id.len() > REFERENCE_BYTES_MAX;
    note.id.take_if(|id| is_long(id));
    for ids in [&mut note.supersedes, &mut note.derived_from] {
        let before = ids.len();
        ids.retain(|id| !is_long(id));
        if ids.len() < before {
            let long = before - ids.len();
            told.push(format!(
                "{long} references to other notes that are longer than {REFERENCE_BYTES_MAX} bytes"
            ));
        }
        if ids.len() > REFERENCES_MAX {
            let over = ids.len() - REFERENCES_MAX;
            told.push(format!("{over} references to other notes"));
            ids.truncate(REFERENCES_MAX);
        }
    }
    if let Some(confidence) = note.confidence.take_if(|confidence| *confidence > 1_000) {
        told.push(format!("a confidence of {confidence} thousandths"));
    }
    let names = |by: &ProducedBy| by.agent.is_some() || by.model.is_some();
    if !note.produced_by.as_ref().is_some_and(names)
        && let Some(confidence) = note.confidence.take()
    {
        told.push(format!(
            "a confidence of {confidence} thousandths, since it names no agent that stated it"
        ));
    }
    let mut seen = BTreeSet::new();
    note.pii.retain(|kind| seen.insert(kind.clone()));
    told
}

fn fit_tags(tags: &mut Vec<String>, told: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut unfit = 0;
    tags.retain_mut(|tag| {
        *tag = tag.trim().to_owned();
        if !is_tag(tag) {
            unfit += usize::from(!tag.is_empty());
            return false;
        }
        seen.insert(tag.clone())
    });
    if unfit > 0 {
        told.push(format!(
            "{unfit} tags that are longer than {TAG_BYTES_MAX} bytes or no line"
        ));
    }
    if tags.len() > TAGS_MAX {
        told.push(format!("{} tags beyond {TAGS_MAX}", tags.len() - TAGS_MAX));
        tags.truncate(TAGS_MAX);
    }
}

fn cut(text: &mut Option<String>, bytes: usize) {
    if let Some(short) = text.as_deref().and_then(|text| cut_bytes(text, bytes)) {
        *text = Some(short);
    }
}

/// Where the parts of a text end, each within the limits: after the last empty line in the second
/// half of what fits, else after the last line there, else between two characters.
fn part_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut from = 0;
    while from < text.len() {
        let most = from + fitting(&text[from..]);
        let end = if most == text.len() {
            most
        } else {
            let half = text.floor_char_boundary(from + (most - from) / 2);
            let window = &text[half..most];
            let after = |mark: &str| window.rfind(mark).map(|at| half + at + mark.len());
            after("\n\n").or_else(|| after("\n")).unwrap_or(most)
        };
        ends.push(end);
        from = end;
    }
    ends
}

/// Why a row is skipped of which a map would make a note.
const TOO_LONG_FOR_A_MAP: &str = "the whole row is longer than one note can be";

/// How many bytes of a text fit into one note, and into the request that brings it.
fn fitting(text: &str) -> usize {
    let most = text.floor_char_boundary(TEXT_BYTES_MAX);
    let mut json = 0;
    for (at, byte) in text.as_bytes()[..most].iter().enumerate() {
        json += match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
            0..0x20 => 6,
            _ => 1,
        };
        if json > TEXT_JSON_BYTES_MAX {
            return text.floor_char_boundary(at);
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What becomes of one draft.
    pub(super) fn given(note: Note) -> (Vec<Note>, Vec<Told>) {
        let (mut notes, mut rest) = (vec![], vec![]);
        let mut sink = |item| {
            match item {
                Item::Note(note) => notes.push(*note),
                Item::Skipped(told) | Item::LeftOut(told) => rest.push(told),
                Item::Unknown(_) | Item::Origin(_) => {}
            }
            ControlFlow::Continue(())
        };
        let input = Input {
            name: "a.jsonl",
            path: "",
            bytes: Bytes::Stream(&mut std::io::empty()),
        };
        let mut out = Out::new(Kind::Jsonl, &input, &Options::default(), &mut sink);
        assert!(out.note(note).is_ok());
        (notes, rest)
    }

    fn draft() -> Note {
        Note {
            place: "line 1".into(),
            note_type: "note".into(),
            title: "T".into(),
            source: Source {
                kind: "file".into(),
                ..Source::default()
            },
            ..Note::default()
        }
    }

    #[test]
    fn a_long_text_becomes_parts_that_are_the_text_again() {
        let paragraph = "Größe \"x\"\n\n".repeat(100);
        let text = paragraph.repeat(7_000);
        let (notes, told) = given(Note {
            body: text.clone(),
            ..draft()
        });
        assert!(told.is_empty());
        assert!(notes.len() > 1);
        let whole: String = notes.iter().map(|note| note.body.as_str()).collect();
        assert!(whole == text);
        let keys: BTreeSet<Key> = notes.iter().map(|note| note.key).collect();
        assert_eq!(keys.len(), notes.len());
        for (number, note) in notes.iter().enumerate() {
            let part = format!("part {} of {}", number + 1, notes.len());
            assert_eq!(note.source.locator.as_deref(), Some(part.as_str()));
            assert!(note.body.len() <= TEXT_BYTES_MAX && note.body.ends_with("\n\n"));
        }
    }

    /// Goal: whatever is in a text, each part of it fits a request as JSON too.
    #[test]
    fn parts_fit_a_request_whatever_they_hold() {
        for text in [
            "\0".repeat(5_000_000),
            "\"".repeat(9_000_000),
            "é".repeat(3_000_000),
        ] {
            let ends = part_ends(&text);
            assert_eq!(ends.last(), Some(&text.len()));
            let mut from = 0;
            for end in ends {
                let json = serde_json::to_string(&text[from..end]).unwrap();
                assert!(json.len() <= TEXT_JSON_BYTES_MAX + 2);
                assert!(end > from && end - from <= TEXT_BYTES_MAX);
                from = end;
            }
        }
    }

    /// Goal: whoever looks at a word later finds the one that was judged here.
    #[test]
    fn a_word_is_the_same_whatever_stands_around_it() {
        for stated in [
            "restricted",
            "restricted ",
            "\u{a0}restricted\n",
            "\"restricted\"",
            " ' restricted ' ",
        ] {
            let (notes, told) = given(Note {
                sensitivity: Some(stated.into()),
                status: Some(stated.replace("restricted", "expired")),
                pii: vec![stated.replace("restricted", "email")],
                consent: Some(Consent {
                    status: stated.replace("restricted", "withdrawn"),
                    ..Consent::default()
                }),
                ..draft()
            });
            assert_eq!((notes.len(), told.len()), (1, 0), "{stated:?}");
            let note = &notes[0];
            assert_eq!(note.sensitivity.as_deref(), Some("restricted"));
            assert_eq!(note.status.as_deref(), Some("expired"));
            assert_eq!(note.pii, ["email"]);
            assert_eq!(note.consent.as_ref().unwrap().status, "withdrawn");
        }
        for stated in [
            "",
            " ",
            "\"\"",
            "restr\nicted",
            "restricted\u{200b}",
            "Secret",
        ] {
            let (notes, told) = given(Note {
                sensitivity: Some(stated.into()),
                ..draft()
            });
            assert_eq!((notes.len(), told.len()), (0, 1), "{stated:?}");
        }
        let (notes, _) = given(Note {
            status: Some("\"archived\" ".into()),
            ..draft()
        });
        assert!(notes.is_empty(), "it is deleted where it comes from");
    }

    #[test]
    fn ids_and_references_are_short_or_left_out() {
        let long = "x".repeat(REFERENCE_BYTES_MAX + 1);
        let (notes, told) = given(Note {
            id: Some(long.clone()),
            place: "p".repeat(1_000_000),
            supersedes: vec![long[1..].to_owned(), long.clone()],
            derived_from: vec![long.clone(); 3],
            ..draft()
        });
        let note = &notes[0];
        assert_eq!(note.id, None);
        assert_eq!(note.supersedes, [&long[1..]]);
        assert!(note.derived_from.is_empty() && note.place.len() <= PLACE_BYTES_MAX);
        let told: Vec<&str> = told.iter().map(|told| told.reason.as_str()).collect();
        assert_eq!(
            told,
            [1, 3].map(|n| format!("{n} references to other notes that are longer than 64 bytes"))
        );
    }

    #[test]
    fn what_protects_somebody_is_never_left_out() {
        let consent = |status: &str, purposes: usize| Consent {
            status: status.into(),
            purposes: (0..purposes).map(|n| n.to_string()).collect(),
            ..Consent::default()
        };
        let bad = [
            Note {
                sensitivity: Some("secret\n".into()),
                ..draft()
            },
            Note {
                pii: vec!["email".into(), "iban".into()],
                ..draft()
            },
            Note {
                consent: Some(consent("maybe", 0)),
                ..draft()
            },
            Note {
                consent: Some(consent("limited", 33)),
                ..draft()
            },
            Note {
                status: Some("archived".into()),
                ..draft()
            },
        ];
        for note in bad {
            let (notes, told) = given(note.clone());
            assert!(notes.is_empty() && told.len() == 1, "{note:?}");
        }
        let (notes, _) = given(Note {
            consent: Some(consent("limited", 32)),
            ..draft()
        });
        assert_eq!(notes.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Goal: every note that comes out keeps to the limits of a record.
        #[test]
        fn every_note_is_within_the_limits(
            title in ".{0,2000}", tags in proptest::collection::vec(".{0,80}", 0..90),
            author in ".{0,1200}", label in ".{0,400}", place in ".{0,300}",
        ) {
            let mut note = draft();
            (note.title, note.tags, note.place) = (title, tags, place);
            note.body = "x".into();
            (note.source.author, note.source.label) = (Some(author), label);
            let (notes, _) = given(note);
            prop_assert_eq!(notes.len(), 1);
            let note = &notes[0];
            prop_assert!(note.title.len() <= TITLE_BYTES_MAX);
            prop_assert!(!note.title.chars().any(note::breaks_line));
            prop_assert!(note.tags.len() <= TAGS_MAX && note.tags.iter().all(|tag| is_tag(tag)));
            let label = &note.source.label;
            prop_assert!(!label.trim().is_empty() && !label.chars().any(note::breaks_line));
            prop_assert!(label.chars().count() <= LABEL_CHARS_MAX);
            prop_assert!(note.source.author.as_ref().is_none_or(|a| a.len() <= NAME_BYTES_MAX));
        }
    }
}
