//! Notes as JSON that keeps everything: `docs/spec/export.md`, "JSON" and "JSON lines".

use crate::escape::is_hostile;
use crate::{Head, Receipt};
use kitbag_rpc::ExportedNote;
use serde::Serialize;
use std::fmt::Write;

/// The document up to its notes.
pub(crate) fn head(head: &Head) -> String {
    let (pack, selection) = (json(&head.pack), json(&head.selection));
    let packs = match head.packs.is_empty() {
        true => String::new(),
        false => format!("\"packs\":{},", json(&head.packs)),
    };
    format!("{{\"v\":1,\"pack\":{pack},{packs}\"selection\":{selection},\"notes\":[")
}

/// One note of the list.
pub(crate) fn note(note: &ExportedNote, before: u64) -> String {
    let comma = if before == 0 { "" } else { "," };
    format!("{comma}\n{}", json(note))
}

/// The end of the list, and what stands after it.
pub(crate) fn foot(receipt: &Receipt) -> String {
    let mut text = format!("\n],\"withheld\":{}", json(&receipt.withheld));
    if let Some(budget) = &receipt.budget {
        text.push_str(",\"budget\":");
        text.push_str(&json(budget));
    }
    text.push_str("}\n");
    text
}

/// The first line.
pub(crate) fn head_line(head: &Head) -> String {
    format!("{{\"v\":1,\"head\":{}}}\n", json(head))
}

/// The line of a note.
pub(crate) fn note_line(note: &ExportedNote) -> String {
    format!("{}\n", json(note))
}

/// The last line.
pub(crate) fn foot_line(receipt: &Receipt) -> String {
    format!("{{\"receipt\":{}}}\n", json(receipt))
}

/// JSON in which everything that a terminal would obey or hide is written as `\uXXXX`: the same
/// document. Outside of strings JSON has only line breaks of that kind.
pub fn plain_json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_hostile(c) {
            plain.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(plain, "\\u{unit:04x}").expect("a string takes all that is written");
        }
    }
    plain
}

/// JSON that is safe to look at with any program.
pub(crate) fn json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("texts, numbers and words are always JSON");
    plain_json(&json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_without_anything_to_obey() {
        let text = "a\x1b[31m\u{9b}\u{202e}\u{e0041}\n東京 👩‍🚀";
        let plain = plain_json(&serde_json::to_string(text).unwrap());
        assert!(!plain.chars().any(is_hostile), "{plain}");
        assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), text);
    }
}
