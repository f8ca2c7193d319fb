//! Texts that try to be more than data come out neutral and named, in every format for agents.

use kitbag_render::{AgentFormat, Lines, is_hostile, neutral, neutral_note};
use kitbag_rpc::{ExportedNote, ExportedSource, Sensitivity, Time};
use serde_json::Value;

const NOTES: &str = include_str!("../../../../tests/fixtures/injections/notes.json");

fn corpus() -> Vec<Value> {
    serde_json::from_str(NOTES).unwrap()
}

/// A note with this body.
fn note_of(body: &str) -> ExportedNote {
    ExportedNote {
        id: "n".into(),
        note_type: "note".into(),
        title: String::new(),
        body: body.to_owned(),
        tags: vec![],
        source: ExportedSource {
            kind: "email".into(),
            label: "mail".into(),
            uri: None,
            app: None,
            author: None,
            locator: None,
            captured_at: Time::from_millis(0),
            observed_at: None,
            captured_by: "Ada".into(),
            trust: "untrusted_external".into(),
        },
        produced_by: None,
        sensitivity: Sensitivity::Internal,
        pii: vec![],
        consent: None,
        claim: None,
        confidence: None,
        status: "active".into(),
        pinned: false,
        supersedes: vec![],
        derived_from: vec![],
        valid_from: None,
        valid_to: None,
        review_after: None,
        expires_at: None,
        added_by: None,
        edits: 0,
        pack: None,
    }
}

fn never(note: &Value) -> Vec<&str> {
    let never = note["never"].as_array().unwrap().iter();
    never.map(|text| text.as_str().unwrap()).collect()
}

/// Goal: of each text what it hides, ends, begins, loads or runs is gone, by the list that stands beside it.
#[test]
fn every_injection_comes_out_neutral_and_named() {
    let corpus = corpus();
    assert!(corpus.len() >= 300, "{}", corpus.len());
    let mut wrong = Vec::new();
    for note in &corpus {
        let (id, text) = (&note["id"], note["text"].as_str().unwrap());
        for lines in [Lines::One, Lines::Many] {
            let shown = neutral(text, lines);
            for part in never(note) {
                // Escaped where it stands, a part may be what stands for it.
                if shown.text.contains(part) {
                    wrong.push(format!("{id}: holds {part:?}: {:?}", shown.text));
                }
            }
            let kept = |c: char| lines == Lines::Many && matches!(c, '\n' | '\t');
            if let Some(c) = shown.text.chars().find(|c| is_hostile(*c) && !kept(*c)) {
                wrong.push(format!("{id}: {c:?} stands in it"));
            }
            let warned = shown.warnings.iter().any(|w| w.as_str() == note["warning"]);
            if !warned && lines == Lines::Many {
                wrong.push(format!(
                    "{id}: {:?} is not named: {:?}",
                    note["warning"], shown
                ));
            }
            let again = neutral(&shown.text, lines);
            if again.text != shown.text {
                wrong.push(format!(
                    "{id}: again {:?} from {:?}",
                    again.text, shown.text
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        corpus.len(),
        wrong.join("\n")
    );
}

/// Goal: as title, body, label and tag of a note, none ends an element of a document.
#[test]
fn no_injection_ends_a_document() {
    for injected in corpus() {
        let text = injected["text"].as_str().unwrap();
        let mut note = note_of(text);
        note.title = text.replace('\n', " ");
        note.source.label = note.title.clone();
        note.tags = vec![note.title.clone()];
        let warnings = neutral_note(&mut note);
        let xml = AgentFormat::Xml;
        let document = format!(
            "{}{}{}",
            xml.head(),
            xml.note(&note, &warnings, 0),
            xml.foot()
        );
        let parsed = roxmltree::Document::parse(&document).unwrap();
        let named = |name| {
            parsed
                .descendants()
                .filter(|node| node.has_tag_name(name))
                .count()
        };
        let id = &injected["id"];
        assert_eq!(
            (
                named("document"),
                named("document_content"),
                named("instructions")
            ),
            (1, 1, 1),
            "{id}"
        );
        let json = AgentFormat::Json;
        let document = format!(
            "{}{}{}",
            json.head(),
            json.note(&note, &warnings, 0),
            json.foot()
        );
        let parsed: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(parsed["notes"].as_array().unwrap().len(), 1, "{id}");
        let markdown = AgentFormat::Markdown;
        let document = markdown.note(&note, &warnings, 0);
        let parser = pulldown_cmark::Parser::new(&document);
        for event in parser {
            use pulldown_cmark::{Event, Tag};
            let is_out = matches!(
                event,
                Event::Html(_)
                    | Event::InlineHtml(_)
                    | Event::Start(Tag::Image { .. } | Tag::Link { .. } | Tag::HtmlBlock)
            );
            assert!(!is_out, "{id}: {event:?}");
        }
    }
}
