//! Text from notes and peers, made harmless for a terminal: one function.
//!
//! A terminal obeys control characters, and reads lines in the order that bidirectional controls
//! say; both let a title look like something else. They are shown instead of obeyed, as `\u{1b}`.
//! Invisible characters that can carry a hidden message are shown too. Joiners stay: scripts and
//! emoji need them.

use std::borrow::Cow;
use std::fmt::Write;

/// How much of a text's own layout is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// None: the text stands inside a line.
    One,
    /// Line breaks and tabs.
    Many,
}

/// The text with everything visible that a terminal would obey or hide.
pub fn escape(text: &str, lines: Lines) -> Cow<'_, str> {
    let kept = |c: char| lines == Lines::Many && matches!(c, '\n' | '\t');
    if !text.chars().any(|c| is_hostile(c) && !kept(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if lines == Lines::Many && chars.peek() == Some(&'\n') => {}
            c if kept(c) || !is_hostile(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c => write!(shown, "\\u{{{:x}}}", u32::from(c))
                .expect("a string takes all that is written"),
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal would obey or hide it.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'                      // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // bidirectional
            | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{180e}' // invisible
            | '\u{2028}' | '\u{2029}'     // line and paragraph separator
            | '\u{fff9}'..='\u{fffb}'     // interlinear annotation
            | '\u{e0000}'..='\u{e007f}'   // tags: an invisible copy of ASCII
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, shown) in [
            ("\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("title\x07\x08\x7f\0", "title\\u{7}\\u{8}\\u{7f}\\u{0}"),
            (
                "\x1b]8;;http://evil\x1b\\",
                "\\u{1b}]8;;http://evil\\u{1b}\\",
            ),
            ("invoice\u{202e}fdp.exe", "invoice\\u{202e}fdp.exe"),
            ("\u{2067}a\u{2069}", "\\u{2067}a\\u{2069}"),
            ("hid\u{e0041}den\u{200b}", "hid\\u{e0041}den\\u{200b}"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ] {
            assert_eq!(escape(text, Lines::One), shown);
        }
    }

    #[test]
    fn a_body_keeps_its_lines() {
        assert_eq!(escape("a\r\nb\n\tc\x1b", Lines::Many), "a\nb\n\tc\\u{1b}");
        assert_eq!(escape("back\rover", Lines::Many), "back\\rover");
    }

    #[test]
    fn honest_text_stays_as_it_is_and_is_not_copied() {
        for text in [
            "",
            "Acme · row 14",
            "東京都",
            "👩‍🚀",
            "می‌خواهم",
            "שלום",
            "a\\u{1b}",
        ] {
            assert!(
                matches!(escape(text, Lines::One), Cow::Borrowed(t) if t == text),
                "{text}"
            );
        }
    }

    #[test]
    fn escaping_twice_changes_nothing_more() {
        let once = escape("\x1b\n\u{202e}", Lines::One).into_owned();
        assert_eq!(escape(&once, Lines::One), once);
    }
}
