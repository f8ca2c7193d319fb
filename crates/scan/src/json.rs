//! JSON as a list of events, without recursion, so that no depth can break it.
//!
//! A little more is let through than RFC 8259 allows (control characters in strings): what is masked
//! in a text that a strict reader refuses does no harm, and what is refused here is still read as text.

use std::ops::Range;

/// One step through a JSON text. Ranges are bytes of the text that was parsed; those of strings
/// leave out the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `}` or `]`
    End,
    /// A member's name.
    Key(Range<usize>),
    /// A string that is a value.
    Text(Range<usize>),
    /// A number.
    Number(Range<usize>),
    /// `true`, `false`, `null`
    Literal,
}

/// Why there is no JSON here: how far it looked like it.
pub(crate) struct Broken {
    /// Bytes that were read before it broke.
    pub(crate) read: usize,
}

/// Parses one object or array at `start`, and says where it ends.
pub(crate) fn parse(text: &str, start: usize) -> Result<(Vec<Event>, usize), Broken> {
    let mut parser = Parser {
        bytes: text.as_bytes(),
        at: start,
        open: Vec::new(),
        events: Vec::new(),
    };
    match parser.run() {
        Some(()) => Ok((parser.events, parser.at)),
        None => Err(Broken {
            read: parser.at.saturating_sub(start),
        }),
    }
}

/// The inside of a text that is one JSON string and nothing else.
pub(crate) fn string_alone(text: &str) -> Option<Range<usize>> {
    let start = text.len() - text.trim_start().len();
    let mut parser = Parser {
        bytes: text.as_bytes(),
        at: start,
        open: Vec::new(),
        events: Vec::new(),
    };
    let inside = parser.string()?;
    text[parser.at..].trim_end().is_empty().then_some(inside)
}

struct Parser<'t> {
    bytes: &'t [u8],
    at: usize,
    /// For each container that is open: is it an object?
    open: Vec<bool>,
    events: Vec<Event>,
}

impl Parser<'_> {
    fn run(&mut self) -> Option<()> {
        if !matches!(self.peek(), Some(b'{' | b'[')) {
            return None;
        }
        self.value()?;
        while let Some(&object) = self.open.last() {
            self.space();
            let first = matches!(self.events.last(), Some(Event::Object | Event::Array));
            match self.peek()? {
                b'}' if object => self.close(),
                b']' if !object => self.close(),
                b',' if !first => {
                    self.at += 1;
                    self.space();
                    self.member(object)?;
                }
                _ if first => self.member(object)?,
                _ => return None,
            }
        }
        Some(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.open.pop();
        self.events.push(Event::End);
    }

    fn member(&mut self, object: bool) -> Option<()> {
        if object {
            let key = self.string()?;
            self.events.push(Event::Key(key));
            self.space();
            self.eat(b':')?;
            self.space();
        }
        self.value()
    }

    fn value(&mut self) -> Option<()> {
        let event = match self.peek()? {
            b'{' => {
                self.at += 1;
                self.open.push(true);
                Event::Object
            }
            b'[' => {
                self.at += 1;
                self.open.push(false);
                Event::Array
            }
            b'"' => Event::Text(self.string()?),
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            b'-' | b'0'..=b'9' => Event::Number(self.number()?),
            _ => return None,
        };
        self.events.push(event);
        Some(())
    }

    fn string(&mut self) -> Option<Range<usize>> {
        self.eat(b'"')?;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += self.escape()?,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(start..self.at - 1)
    }

    /// The length of the escape that starts here.
    fn escape(&self) -> Option<usize> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(6)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let lead = self.at;
        if self.digits()? > 1 && self.bytes[lead] == b'0' {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(start..self.at)
    }

    fn digits(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(self.at - start)
    }

    fn literal(&mut self, word: &[u8]) -> Option<Event> {
        if !self.bytes[self.at..].starts_with(word) {
            return None;
        }
        self.at += word.len();
        Some(Event::Literal)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// One character of a string's inside: how many bytes it takes there, and what it stands for.
/// Halves of a pair that stand alone become U+FFFD.
pub(crate) fn unescape(inside: &str) -> (usize, char) {
    let bytes = inside.as_bytes();
    if bytes[0] != b'\\' {
        let c = inside.chars().next().unwrap_or('\u{FFFD}');
        return (c.len_utf8(), c);
    }
    let plain = match bytes.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{C}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unit(bytes),
        Some(&other) if other.is_ascii() => char::from(other),
        _ => return (1, '\\'),
    };
    (2, plain)
}

fn unescape_unit(bytes: &[u8]) -> (usize, char) {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(bytes.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(2) else {
        return (1, '\\');
    };
    if (0xD800..0xDC00).contains(&first)
        && bytes.get(6..8) == Some(b"\\u")
        && let Some(second) = unit(8).filter(|u| (0xDC00..0xE000).contains(u))
    {
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (12, char::from_u32(code).unwrap_or('\u{FFFD}'));
    }
    (6, char::from_u32(first).unwrap_or('\u{FFFD}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_reads() {
        let good = [
            "{}",
            "[]",
            "[1, -2.5e+3, \"a\\u00e9\\n\", true, null]",
            "{\"a\": {\"b\": [[]]}}",
            "[0,0.1]",
        ];
        let bad = [
            "",
            "1",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "[01]",
            "[1 2]",
            "[\"\\x\"]",
            "{]",
            "[\"",
            "[1.]",
        ];
        for text in good {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
            assert!(
                parse(text, 0).is_ok_and(|(_, end)| end == text.len()),
                "{text}"
            );
        }
        for text in bad {
            assert!(parse(text, 0).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(parse(&deep, 0).is_ok());
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape("\\u0041x"), (6, 'A'));
        assert_eq!(unescape("\\ud83d\\ude00"), (12, '😀'));
        assert_eq!(unescape("\\ud83dx"), (6, '\u{FFFD}'));
        assert_eq!(unescape("\\\""), (2, '"'));
        assert_eq!(unescape("ä"), (2, 'ä'));
    }
}
