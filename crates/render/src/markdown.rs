//! Notes as Markdown that a person reads: `docs/spec/export.md`, "Markdown".
//!
//! All text of a note is foreign. A body stands in a fence that is longer than any in it; everything
//! else stands inside a line of ours, with every sign escaped that Markdown would obey. Characters that
//! a terminal would obey or hide are shown, so that the file can be looked at with any program.

use crate::document::{reasons, status};
use crate::escape::{Lines, escape};
use crate::{Head, Receipt};
use kitbag_rpc::ExportedNote;
use std::fmt::Write;

/// What stands before the notes.
pub(crate) fn head(head: &Head) -> String {
    let titles = head.packs().iter().map(|pack| line(&pack.title));
    let titles: Vec<String> = titles.filter(|title| !title.is_empty()).collect();
    let title = match titles.is_empty() {
        true => "Notes".to_owned(),
        false => titles.join(" · "),
    };
    let packs = head.packs().iter();
    let packs: String = packs
        .map(|pack| format!("- pack: {}\n", line(&pack.id)))
        .collect();
    let crosses = match head.selection.crosses_clients {
        true => "- crosses from one client to another: yes\n",
        false => "",
    };
    let redacted = match head.selection.redact_pii {
        true => "- personal data taken out: yes\n",
        false => "",
    };
    let max = head.selection.max_sensitivity;
    format!("# {title}\n\n{packs}- up to: {max}\n{crosses}{redacted}")
}

/// One note.
pub(crate) fn note(note: &ExportedNote) -> String {
    note_with(note, &[])
}

/// The same, with what was found in its text.
pub(crate) fn note_with(note: &ExportedNote, warnings: &[&str]) -> String {
    let title = match note.title.trim() {
        "" => "(no title)".to_owned(),
        title => line(title),
    };
    let mut text = format!("\n## {title}\n\n");
    let mut field = |name: &str, value: &str| {
        writeln!(text, "- {name}: {}", line(value)).expect("a string takes all that is written");
    };
    field("id", &note.id);
    if let Some(pack) = &note.pack {
        field("pack", pack);
    }
    field("type", &note.note_type);
    field("sensitivity", note.sensitivity.as_str());
    field("status", status(&note.status));
    field("source", &note.source.label);
    let source = &note.source;
    let optional = [
        ("url", source.uri.as_ref()),
        ("app", source.app.as_ref()),
        ("author", source.author.as_ref()),
        ("locator", source.locator.as_ref()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            field(name, value);
        }
    }
    field(
        "captured",
        &format!("{} by {}", source.captured_at, source.captured_by),
    );
    if let Some(observed) = source.observed_at {
        field("observed", &observed.to_string());
    }
    field("trust", &source.trust);
    for warning in warnings {
        field("warning", warning);
    }
    for tag in &note.tags {
        field("tag", tag);
    }
    if note.edits > 0 {
        field("edits", &note.edits.to_string());
    }
    if !note.body.is_empty() {
        text.push('\n');
        text.push_str(&fenced(&note.body));
    }
    text
}

/// What stands after the notes.
pub(crate) fn foot(receipt: &Receipt) -> String {
    let withheld = &receipt.withheld;
    let mut text = format!(
        "\n---\n\n- notes: {}\n- withheld: {}\n",
        receipt.notes, withheld.notes
    );
    let mut item = |item: String| {
        text.push_str(&item);
        text.push('\n');
    };
    for (why, count) in reasons(withheld) {
        item(format!("  - {}: {count}", line(&why)));
    }
    for (kind, values) in &withheld.masked {
        item(format!("- taken out, {}: {values}", line(kind)));
    }
    if withheld.as_masked_copy > 0 {
        item(format!("- as masked copies: {}", withheld.as_masked_copy));
    }
    if let Some(budget) = &receipt.budget {
        let (max, estimator) = (budget.max_tokens, line(&budget.estimator));
        item(format!("- budget: {max} tokens by {estimator}"));
        item(format!("- over budget: {}", budget.notes));
        for id in &budget.over_budget {
            item(format!("  - id: {}", line(id)));
        }
    }
    text
}

/// A body between fences that nothing in it can close.
fn fenced(body: &str) -> String {
    let body = escape(body, Lines::Many);
    let longest = body
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(FENCE_MIN.max(longest + 1));
    let end = if body.ends_with('\n') { "" } else { "\n" };
    format!("{fence}text\n{body}{end}{fence}\n")
}

/// A fence has at least as many.
const FENCE_MIN: usize = 3;

/// Foreign text inside a line of ours.
pub(crate) fn line(text: &str) -> String {
    let text = escape(text.trim(), Lines::One);
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if OBEYED.contains(c) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

/// What Markdown obeys inside a line.
const OBEYED: &str = "\\`*_{}[]<>#&!|~$";

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{ExportedSource, Sensitivity, Time, Withheld};

    fn sample(title: &str, body: &str) -> ExportedNote {
        ExportedNote {
            id: "abc".into(),
            note_type: "note".into(),
            title: title.into(),
            body: body.into(),
            tags: vec![title.into()],
            source: ExportedSource {
                kind: "manual".into(),
                label: title.into(),
                uri: Some(title.into()),
                app: None,
                author: None,
                locator: None,
                captured_at: Time::from_millis(0),
                observed_at: None,
                captured_by: "Ana (laptop)".into(),
                trust: "first_party".into(),
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

    /// The lines outside fences, read as CommonMark does: a fence ends with the first line that is
    /// nothing but as many backticks or more, indented by up to three spaces.
    fn outside(text: &str) -> Vec<&str> {
        let (mut outside, mut fence) = (Vec::new(), None);
        for line in text.split('\n') {
            let bare = line.trim_start_matches(' ');
            let ticks = bare.len() - bare.trim_start_matches('`').len();
            let indented = line.len() - bare.len() > 3;
            match fence {
                None if ticks >= 3 && !indented => fence = Some(ticks),
                None => outside.push(line),
                Some(open) if ticks >= open && !indented && bare[ticks..].trim().is_empty() => {
                    fence = None;
                }
                Some(_) => {}
            }
        }
        assert_eq!(fence, None, "an open fence: {text}");
        outside
    }

    /// Goal: whatever a body is, it stays in its fence, and is there as it is.
    #[test]
    fn no_body_breaks_out() {
        for body in [
            "plain",
            "```\n# Not a title\n```",
            "````\n````text\n# Not a title\n`````\n",
            "~~~\n# Not a title",
            "`````````",
            "a\r\n```\r\n# Not a title\r\n```",
            "a\r```\r# Not a title",
            "a\u{2028}```\u{2028}# Not a title",
            "   ```\n# Not a title",
            "\n\n- item\n# Not a title",
            "ends with ticks ```",
            "---\nwithheld: 0",
        ] {
            let text = note(&sample("T", body));
            let outside = outside(&text);
            let titles = outside.iter().filter(|line| line.starts_with('#')).count();
            assert_eq!(titles, 1, "{body:?}: {text}");
            assert!(
                !outside.iter().any(|line| line.contains("Not a title")),
                "{text}"
            );
            let shown = escape(body, Lines::Many);
            assert!(text.contains(&*shown), "{body:?}: {text}");
        }
        assert!(!note(&sample("T", "")).contains("```"));
    }

    /// Goal: a title, label, tag or address is one line of text, and nothing that is obeyed.
    #[test]
    fn no_line_is_obeyed() {
        for title in [
            "# Not a title\n## Nor this",
            "a\n\n```\nb",
            "[click](javascript:x) ![img](http://e.example/x.png)",
            "<script>alert(1)</script> &lt;",
            "**bold** _it_ ~~no~~ | cell | $x$ ``` `code`",
            "\x1b[31mred\u{202e}",
            "ends in \\",
            "   ",
        ] {
            let text = note(&sample(title, "body"));
            let plain = note(&sample("T", "body"));
            assert_eq!(text.lines().count(), plain.lines().count(), "{text}");
            let of_title = text.lines().find(|line| line.starts_with("## ")).unwrap();
            let mut escaped = false;
            for c in of_title[3..].chars() {
                assert!(escaped || c == '\\' || !OBEYED.contains(c), "{of_title}");
                escaped = c == '\\' && !escaped;
            }
            assert!(!escaped, "{of_title}");
            assert!(!text.contains('\x1b'));
        }
    }

    #[test]
    fn what_markdown_obeys_has_a_backslash_before_it() {
        for (text, safe) in [
            ("[a](b) ![c](d)", "\\[a\\](b) \\!\\[c\\](d)"),
            ("<b> &lt;", "\\<b\\> \\&lt;"),
            ("*a* _b_ ~c~ `d`", "\\*a\\* \\_b\\_ \\~c\\~ \\`d\\`"),
            ("a | $b$ #", "a \\| \\$b\\$ \\#"),
            ("\\*", "\\\\\\*"),
            ("a\nb\x1b", "a\\\\nb\\\\u\\{1b\\}"),
            (" CRM · Acme, row 14 ", "CRM · Acme, row 14"),
        ] {
            assert_eq!(line(text), safe);
        }
    }

    #[test]
    fn a_deleted_note_says_so_in_a_word_of_people() {
        let mut deleted = sample("T", "body");
        deleted.status = "archived".into();
        let text = note(&deleted);
        assert!(text.contains("- status: deleted\n"), "{text}");
    }

    #[test]
    fn what_stays_is_counted_by_reason() {
        let mut withheld = Withheld {
            notes: 6,
            deleted: 2,
            expired: 1,
            ..Withheld::default()
        };
        withheld.sensitivity.insert(Sensitivity::Restricted, 2);
        withheld.consent.insert("refused".into(), 1);
        withheld.rule.insert("export.redact_pii".into(), 3);
        (withheld.notes, withheld.client) = (10, 1);
        let receipt = Receipt {
            notes: 7,
            withheld,
            budget: None,
        };
        assert_eq!(
            foot(&receipt),
            "\n---\n\n- notes: 7\n- withheld: 10\n  - deleted: 2\n  - restricted: 2\n  - consent refused: 1\n  \
             - rule export.redact\\_pii: 3\n  - another client: 1\n  - expired: 1\n"
        );
    }
}
