//! Whatever a note says, a document has exactly the notes that went in, in every format: real parsers
//! read it back.

use crate::sample::{any_head, any_note, any_receipt};
use kitbag_render::{
    Exported, Format, Head, JsonLine, Lines, Receipt, escape, is_hostile, reasons, status,
};
use kitbag_rpc::{ExportedNote, V1};
use proptest::collection::vec;
use proptest::prelude::*;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use roxmltree::Node;

fn document(format: Format, head: &Head, notes: &[ExportedNote], receipt: &Receipt) -> String {
    let mut text = format.head(head);
    for (before, note) in notes.iter().enumerate() {
        text.push_str(&format.note(note, before as u64));
    }
    text.push_str(&format.foot(receipt));
    text
}

/// As a line shows it.
fn one(text: &str) -> String {
    escape(text, Lines::One).into_owned()
}

/// As a body shows it.
fn many(text: &str) -> String {
    escape(text, Lines::Many).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: nothing in a document is obeyed or hidden by a terminal, whatever the format.
    #[test]
    fn no_document_moves_a_cursor(
        head in any_head(), notes in vec(any_note(), 0..4), receipt in any_receipt()
    ) {
        for format in Format::ALL {
            let text = document(format, &head, &notes, &receipt);
            let is_kept = |c: char| matches!(c, '\n' | '\t');
            let obeyed = text.chars().find(|c| is_hostile(*c) && !is_kept(*c));
            prop_assert_eq!(obeyed, None, "{}", format.as_str());
            prop_assert_eq!(&text, &document(format, &head, &notes, &receipt));
        }
    }

    /// Goal: JSON gives back every field of everything.
    #[test]
    fn json_gives_back_what_went_in(
        head in any_head(), notes in vec(any_note(), 0..4), receipt in any_receipt()
    ) {
        let text = document(Format::Json, &head, &notes, &receipt);
        let read: Exported = serde_json::from_str(&text).unwrap();
        let Head { pack, packs, selection } = head;
        let Receipt { withheld, budget, .. } = receipt;
        prop_assert_eq!(read, Exported { v: V1, pack, packs, selection, notes, withheld, budget });
    }

    /// Goal: JSON lines are a head, the notes, and a receipt, each in one line, with every field.
    #[test]
    fn json_lines_give_back_what_went_in(
        head in any_head(), notes in vec(any_note(), 0..4), receipt in any_receipt()
    ) {
        let text = document(Format::Jsonl, &head, &notes, &receipt);
        prop_assert!(text.ends_with('\n'));
        let read: Vec<JsonLine> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut lines = vec![JsonLine::Head { v: V1, head }];
        lines.extend(notes.into_iter().map(JsonLine::Note));
        lines.push(JsonLine::Receipt { receipt });
        prop_assert_eq!(read, lines);
    }

    /// Goal: a strict XML parser finds our elements and no others, with the texts of the notes as they
    /// are shown.
    #[test]
    fn xml_has_our_elements_and_no_others(
        head in any_head(), notes in vec(any_note(), 0..4), receipt in any_receipt()
    ) {
        let text = document(Format::Xml, &head, &notes, &receipt);
        let parsed = roxmltree::Document::parse(&text).map_err(|e| {
            TestCaseError::fail(format!("{e}: {text}"))
        })?;
        let root = parsed.root_element();
        let (packs, children): (Vec<_>, Vec<_>) = elements(root)
            .into_iter()
            .partition(|element| element.has_tag_name("pack"));
        let titles: Vec<String> = packs.iter().map(|pack| attribute(*pack, "title")).collect();
        let expected: Vec<String> = head.packs.iter().map(|pack| shown(&one(&pack.title))).collect();
        prop_assert_eq!(titles, expected);
        prop_assert_eq!(names(&children), ["instructions", "documents", "receipt"]);
        prop_assert_eq!(attribute(root, "title"), shown(&one(&head.pack.title)));
        let client = head.selection.client.as_deref().map(|client| shown(&one(client)));
        prop_assert_eq!(root.attribute("client").map(str::to_owned), client);
        let crosses = head.selection.crosses_clients.then_some("true");
        prop_assert_eq!(root.attribute("crosses_clients"), crosses);
        let documents = elements(children[1]);
        prop_assert_eq!(documents.len(), notes.len());
        for (i, (element, note)) in documents.iter().zip(&notes).enumerate() {
            is_the_note(*element, note, i + 1)?;
        }
        is_the_receipt(children[2], &receipt)?;
    }

    /// Goal: a CommonMark parser with every extension finds one title, a heading, a list and at most one
    /// block of code for each note, and no link, image, HTML or anything else of the note's own.
    #[test]
    fn markdown_has_our_blocks_and_no_others(
        head in any_head(), notes in vec(any_note(), 0..4), receipt in any_receipt()
    ) {
        let text = document(Format::Md, &head, &notes, &receipt);
        let read = read_markdown(&text)?;
        let packs = match head.packs.is_empty() { true => std::slice::from_ref(&head.pack), false => &head.packs };
        let titles = packs.iter().map(|pack| one(pack.title.trim()));
        let titles: Vec<String> = titles.filter(|title| !title.is_empty()).collect();
        let title = match titles.is_empty() { true => "Notes".to_owned(), false => titles.join(" · ") };
        let heading = |note: &ExportedNote| match note.title.trim() {
            "" => "(no title)".to_owned(),
            title => one(title),
        };
        let bodies = |note: &ExportedNote| (!note.body.is_empty()).then(|| {
            let body = many(&note.body);
            if body.ends_with('\n') { body } else { body + "\n" }
        });
        let mut titles = vec![(1, title)];
        titles.extend(notes.iter().map(|note| (2, heading(note))));
        prop_assert_eq!(read.headings, titles, "{}", &text);
        prop_assert_eq!(read.bodies, notes.iter().filter_map(bodies).collect::<Vec<_>>(), "{}", &text);
        prop_assert_eq!(read.rules, 1);
        let crosses = "crosses from one client to another: yes".to_owned();
        prop_assert_eq!(read.items[0].contains(&crosses), head.selection.crosses_clients);
        for (note, items) in notes.iter().zip(&read.items[1..]) {
            for (name, value) in [("id", &note.id), ("source", &note.source.label), ("trust", &note.source.trust)] {
                let item = format!("{name}: {}", one(value.trim()));
                prop_assert!(items.contains(&item.trim_end().to_owned()), "{}: {:?}", item, items);
            }
            let tags = items.iter().filter(|item| item.starts_with("tag:")).count();
            prop_assert_eq!(tags, note.tags.len());
        }
    }

    /// Goal: whoever reads the text by its spec finds the notes: a line at the margin is a field of ours,
    /// and a body is what is indented.
    #[test]
    fn text_has_our_fields_and_no_others(
        head in any_head(), notes in vec(any_note(), 0..4), receipt in any_receipt()
    ) {
        let text = document(Format::Text, &head, &notes, &receipt);
        let sections = read_text(&text);
        prop_assert_eq!(sections.len(), notes.len() + 2, "{}", &text);
        for (note, (fields, body)) in notes.iter().zip(&sections[1..]) {
            prop_assert_eq!(body, &many(&note.body), "{}", &text);
            let of = |name: &str| fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>();
            prop_assert_eq!(of("title"), [one(note.title.trim())]);
            prop_assert_eq!(of("id"), [one(note.id.trim())]);
            prop_assert_eq!(of("source"), [one(note.source.label.trim())]);
            prop_assert_eq!(of("tag"), note.tags.iter().map(|tag| one(tag.trim())).collect::<Vec<_>>());
            prop_assert_eq!(fields[0].0.as_str(), "title");
        }
        let of_head = |name: &str| {
            let fields = sections[0].0.iter().filter(|(n, _)| n == name);
            fields.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let client = head.selection.client.iter().map(|client| one(client.trim()));
        prop_assert_eq!(of_head("client"), client.collect::<Vec<_>>());
        let crosses = head.selection.crosses_clients;
        prop_assert_eq!(of_head("crosses from one client to another").len(), usize::from(crosses));
        let (fields, body) = &sections[notes.len() + 1];
        prop_assert_eq!((fields[0].0.as_str(), body.as_str()), ("notes", ""));
        let named = receipt.budget.map_or(0, |budget| budget.over_budget.len());
        prop_assert_eq!(fields.iter().filter(|(name, _)| name == "over budget, id").count(), named);
    }
}

fn elements<'a, 'i>(node: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
    node.children().filter(|child| !child.is_text()).collect()
}

fn names<'a>(nodes: &[Node<'a, '_>]) -> Vec<&'a str> {
    nodes.iter().map(|node| node.tag_name().name()).collect()
}

fn attribute(node: Node, name: &str) -> String {
    node.attribute(name).unwrap_or_default().to_owned()
}

/// What XML shows besides what every format shows.
fn shown(text: &str) -> String {
    let is_none = |c: char| matches!(c, '\u{fdd0}'..='\u{fdef}') || (c as u32) & 0xfffe == 0xfffe;
    text.chars()
        .map(|c| match is_none(c) {
            true => format!("\\u{{{:x}}}", c as u32),
            false => c.to_string(),
        })
        .collect()
}

fn text_of(node: Node) -> String {
    assert!(
        node.children().all(|child| child.is_text()),
        "{node:?} holds more than text"
    );
    node.text().unwrap_or_default().to_owned()
}

fn is_the_note(element: Node, note: &ExportedNote, index: usize) -> Result<(), TestCaseError> {
    let line = |text: &str| shown(&one(text));
    prop_assert_eq!(element.tag_name().name(), "document");
    prop_assert_eq!(attribute(element, "index"), index.to_string());
    prop_assert_eq!(attribute(element, "id"), line(&note.id));
    prop_assert_eq!(attribute(element, "type"), line(&note.note_type));
    prop_assert_eq!(attribute(element, "status"), line(status(&note.status)));
    let claim = note.claim.as_deref().map(line);
    prop_assert_eq!(element.attribute("claim").map(str::to_owned), claim);
    let parts = elements(element);
    let mut expected = vec!["title", "source"];
    expected.extend(note.produced_by.as_ref().map(|_| "produced_by"));
    expected.extend(note.tags.iter().map(|_| "tag"));
    expected.push("document_content");
    prop_assert_eq!(names(&parts), expected);
    prop_assert_eq!(text_of(parts[0]), line(&note.title));
    prop_assert_eq!(text_of(parts[1]), line(&note.source.label));
    prop_assert_eq!(attribute(parts[1], "trust"), line(&note.source.trust));
    let uri = note.source.uri.as_deref().map(line);
    prop_assert_eq!(parts[1].attribute("uri").map(str::to_owned), uri);
    let tags = parts.iter().filter(|part| part.has_tag_name("tag"));
    let tags: Vec<String> = tags.map(|tag| text_of(*tag)).collect();
    prop_assert_eq!(
        tags,
        note.tags.iter().map(|tag| line(tag)).collect::<Vec<_>>()
    );
    let body = text_of(parts[parts.len() - 1]);
    prop_assert_eq!(body, shown(&many(&note.body)));
    Ok(())
}

fn is_the_receipt(element: Node, receipt: &Receipt) -> Result<(), TestCaseError> {
    let parts = elements(element);
    let mut expected = vec!["withheld"];
    expected.extend(receipt.withheld.masked.iter().map(|_| "taken_out"));
    let copies = receipt.withheld.as_masked_copy > 0;
    expected.extend(copies.then_some("masked_copies"));
    expected.extend(receipt.budget.as_ref().map(|_| "budget"));
    prop_assert_eq!(names(&parts), expected);
    let told: Vec<(String, u64)> = elements(parts[0])
        .iter()
        .map(|reason| {
            let notes = attribute(*reason, "notes").parse().unwrap();
            (attribute(*reason, "name"), notes)
        })
        .collect();
    let why = reasons(&receipt.withheld).into_iter();
    let why: Vec<_> = why
        .map(|(name, notes)| (shown(&one(&name)), notes))
        .collect();
    prop_assert_eq!(told, why);
    if let Some(budget) = &receipt.budget {
        let ids = elements(parts[parts.len() - 1]);
        let ids: Vec<String> = ids.iter().map(|id| attribute(*id, "id")).collect();
        let expected = budget.over_budget.iter().map(|id| shown(&one(id)));
        prop_assert_eq!(ids, expected.collect::<Vec<_>>());
    }
    Ok(())
}

/// What a reader of Markdown sees.
#[derive(Default)]
struct Markdown {
    headings: Vec<(u8, String)>,
    bodies: Vec<String>,
    /// The items of each list at the margin, those of nested lists too.
    items: Vec<Vec<String>>,
    rules: usize,
}

fn read_markdown(text: &str) -> Result<Markdown, TestCaseError> {
    let mut options = Options::all();
    // These change how a text looks, and nothing else: curly quotation marks, and `^a^` raised.
    options.remove(Options::ENABLE_SMART_PUNCTUATION);
    options.remove(Options::ENABLE_SUPERSCRIPT);
    // Two ways to read footnotes; only one can be asked for.
    options.remove(Options::ENABLE_OLD_FOOTNOTES);
    let (mut read, mut held, mut depth) = (Markdown::default(), vec![], 0);
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Heading { .. }) => held.push(String::new()),
            Event::End(TagEnd::Heading(level)) => {
                read.headings.push((level as u8, held.pop().unwrap()));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                prop_assert_eq!(&*info, "text");
                held.push(String::new());
            }
            Event::End(TagEnd::CodeBlock) => read.bodies.push(held.pop().unwrap()),
            Event::Start(Tag::List(None)) => {
                if depth == 0 {
                    read.items.push(vec![]);
                }
                depth += 1;
            }
            Event::End(TagEnd::List(false)) => depth -= 1,
            Event::Start(Tag::Item) => held.push(String::new()),
            Event::End(TagEnd::Item) => {
                let item = held.pop().unwrap();
                read.items
                    .last_mut()
                    .unwrap()
                    .push(item.trim_end().to_owned());
            }
            Event::Text(text) => held.last_mut().unwrap().push_str(&text),
            Event::SoftBreak => {}
            Event::Rule => read.rules += 1,
            other => return Err(TestCaseError::fail(format!("{other:?} in {text}"))),
        }
    }
    Ok(read)
}

type Section = (Vec<(String, String)>, String);

/// Fields and body of each section, read by the rules of the spec alone.
fn read_text(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = vec![];
    let mut section: Section = (vec![], String::new());
    let mut body: Vec<&str> = vec![];
    let mut in_body = false;
    for line in text.split('\n') {
        if line == "----" {
            let is_first = sections.is_empty();
            // An empty line stands before the rule.
            body.pop();
            section.1 = body.join("\n");
            assert!(!is_first || section.1.is_empty(), "the head has no body");
            sections.push(std::mem::take(&mut section));
            (body, in_body) = (vec![], false);
        } else if line.is_empty() || line.starts_with("  ") {
            // The first empty line ends the fields.
            match in_body || !line.is_empty() {
                true => body.push(line.strip_prefix("  ").unwrap_or(line)),
                false => in_body = true,
            }
        } else {
            let (name, value) = line.split_once(": ").unwrap();
            assert!(body.is_empty() && !in_body, "a field after a body: {line}");
            section.0.push((name.to_owned(), value.to_owned()));
        }
    }
    sections.push(section);
    sections
}
