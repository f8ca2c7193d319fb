//! Markdown files, as Obsidian and others keep them.

use crate::error::Stop;
use crate::lines::{self, NOT_UTF_8, TOO_LONG};
use crate::note::{Note, Source};
use crate::out::Out;
use crate::{Key, time};
use std::io::BufRead;

/// Reads one file. Its name is in `path` if it stands in a folder.
pub(crate) fn read(input: &mut dyn BufRead, path: &str, out: &mut Out<'_>) -> Result<(), Stop> {
    let place = match path {
        "" => out.file().to_owned(),
        path => path.to_owned(),
    };
    let Some(bytes) = lines::whole(input)? else {
        return out.skip(&place, TOO_LONG);
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return out.skip(&place, NOT_UTF_8);
    };
    let (front, rest) = front_matter(&text);
    let matter = Matter::of(front.unwrap_or_default());
    // What is not understood stays where it was, with all that stands around it.
    let body = if matter.is_understood { rest } else { &text };
    let mut tags = matter.tags;
    tags.extend(inline_tags(rest));
    let stem = place.rsplit('/').next().unwrap_or_default();
    let stem = stem
        .strip_suffix(".md")
        .or_else(|| stem.strip_suffix(".markdown"))
        .unwrap_or(stem);
    out.note(Note {
        key: Key::of(out.kind(), "file", &[path.as_bytes()]),
        is_nowhere: path.is_empty(),
        note_type: "note".to_owned(),
        title: matter
            .title
            .or_else(|| heading(rest))
            .unwrap_or_else(|| stem.to_owned()),
        body: body.strip_prefix('\n').unwrap_or(body).to_owned(),
        tags,
        sensitivity: matter.sensitivity,
        source: Source {
            kind: "file".to_owned(),
            locator: Some(place.clone()),
            observed_at: matter.observed_at,
            author: matter.author,
            uri: matter.uri,
            ..Source::default()
        },
        place,
        ..Note::default()
    })
}

/// What stands between two lines of three hyphens at the very beginning, and what comes after.
fn front_matter(text: &str) -> (Option<&str>, &str) {
    let whole = (None, text);
    let after = text.strip_prefix("---");
    let after = after.and_then(|after| after_break(after.trim_start_matches([' ', '\t'])));
    let Some(after) = after else {
        return whole;
    };
    let mut at = 0;
    for line in after.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            return (Some(&after[..at]), &after[at + line.len()..]);
        }
        at += line.len();
    }
    whole
}

fn after_break(text: &str) -> Option<&str> {
    text.strip_prefix('\n')
        .or_else(|| text.strip_prefix("\r\n"))
}

/// The front matter, as far as it is understood: `name: value`, lists in brackets or in lines.
struct Matter {
    title: Option<String>,
    tags: Vec<String>,
    sensitivity: Option<String>,
    observed_at: Option<u64>,
    author: Option<String>,
    uri: Option<String>,
    /// Whether nothing else stood there.
    is_understood: bool,
}

impl Matter {
    fn of(text: &str) -> Matter {
        let mut matter = Matter {
            title: None,
            tags: vec![],
            sensitivity: None,
            observed_at: None,
            author: None,
            uri: None,
            is_understood: true,
        };
        let mut in_tags = false;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let item = line.trim_start().strip_prefix("- ").filter(|_| in_tags);
            if let Some(item) = item {
                matter.tags.push(tag(item));
                continue;
            }
            let member = line
                .split_once(':')
                .filter(|_| !line.starts_with([' ', '\t', '#', '-']));
            let Some((name, value)) = member else {
                matter.is_understood = false;
                continue;
            };
            let (name, value) = (unquoted(name).trim().to_lowercase(), value.trim());
            in_tags = false;
            // Where a value goes on in other lines, or is of a kind of its own, it is not taken.
            let plain =
                !value.is_empty() && !value.starts_with(['|', '>', '&', '*', '!', '{', '[']);
            match name.as_str() {
                "tags" | "tag" => {
                    in_tags = value.is_empty();
                    let all = value.trim_start_matches('[').trim_end_matches(']');
                    matter
                        .tags
                        .extend(all.split([',', ' ']).map(tag).filter(|tag| !tag.is_empty()));
                }
                "title" if plain => matter.title = Some(unquoted(value)),
                "sensitivity" if plain => matter.sensitivity = Some(unquoted(value).to_lowercase()),
                "date" | "created" if plain => {
                    let moment = time::parse(&unquoted(value));
                    matter.is_understood &= moment.is_some();
                    matter.observed_at = matter.observed_at.or(moment);
                }
                "author" if plain => matter.author = Some(unquoted(value)),
                "url" | "source" if plain && value.contains("://") => {
                    matter.uri = Some(unquoted(value))
                }
                // A sensitivity that cannot be read protects nobody if it is passed over.
                "sensitivity" => matter.sensitivity = Some(value.to_owned()),
                _ => matter.is_understood = false,
            }
        }
        matter.title = matter.title.filter(|title| !title.trim().is_empty());
        matter
    }
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner.to_owned();
        }
    }
    value.to_owned()
}

fn tag(text: &str) -> String {
    unquoted(text).trim_start_matches('#').to_owned()
}

/// A first line that is a heading of the first level.
fn heading(text: &str) -> Option<String> {
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    let title = first
        .strip_prefix("# ")?
        .trim()
        .trim_end_matches('#')
        .trim();
    (!title.is_empty()).then(|| title.to_owned())
}

/// Tags in the text, as Obsidian reads them: `#word`, at the beginning of a word, with a letter in
/// it, and not in code.
fn inline_tags(text: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let opens = ["```", "~~~"]
            .into_iter()
            .find(|mark| trimmed.starts_with(mark));
        match (fence, opens) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        if fence.is_some() || opens.is_some() {
            continue;
        }
        // Every second piece of a line stands in code.
        for piece in line.split('`').step_by(2) {
            let words = piece.split(|c: char| c.is_whitespace() || "(),;!?\"'".contains(c));
            for word in words.filter_map(|word| word.strip_prefix('#')) {
                let end = word.find(|c: char| !(c.is_alphanumeric() || "-_/".contains(c)));
                let word = word[..end.unwrap_or(word.len())].trim_end_matches(['-', '/']);
                if word.chars().any(char::is_alphabetic) && tags.len() < INLINE_TAGS_MAX {
                    tags.push(word.to_owned());
                }
            }
        }
    }
    tags
}

/// Tags of a text that are looked at, before the same ones count once.
const INLINE_TAGS_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_is_taken_apart_or_left_where_it_is() {
        let text = "---\ntitle: \"A: b\"\ntags: [x, '#y']\ndate: 2025-06-14\n---\nBody\n";
        let (front, rest) = front_matter(text);
        let matter = Matter::of(front.unwrap());
        assert_eq!(rest, "Body\n");
        assert_eq!(matter.title.as_deref(), Some("A: b"));
        assert_eq!(matter.tags, ["x", "y"]);
        assert!(matter.is_understood && matter.observed_at.is_some());
        let lists = Matter::of("tags:\n  - a\n  - b c\naliases: [z]\n");
        assert_eq!(lists.tags, ["a", "b c"]);
        assert!(!lists.is_understood);
        assert_eq!(front_matter("---\nno end"), (None, "---\nno end"));
        assert_eq!(front_matter("----\n---\n").0, None);
        let quoted = "--- \n\"sensitivity\" : \" Restricted \"\n---\nx";
        let matter = Matter::of(front_matter(quoted).0.unwrap());
        assert_eq!(matter.sensitivity.as_deref(), Some(" restricted "));
    }

    #[test]
    fn tags_stand_in_words_and_not_in_code() {
        let text =
            "# Heading\n#one two #nested/tag, (#three) a#b #123 #y2k `#code`\n```\n#no\n```\n#end";
        assert_eq!(
            inline_tags(text),
            ["one", "nested/tag", "three", "y2k", "end"]
        );
    }
}
