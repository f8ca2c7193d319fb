//! Bytes in lines of bounded length, and the beginning of a file.

use crate::error::{Stop, other_kind};
use crate::{ImportError, RECORD_BYTES_MAX};
use std::io::{BufRead, Chain, Cursor, Read};

/// A file after its byte order mark.
pub(crate) struct Start<'a> {
    head: Vec<u8>,
    rest: Chain<Cursor<Vec<u8>>, Box<dyn BufRead + 'a>>,
}

const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes that are looked at to know what a file is.
const HEAD_BYTES: u64 = 8;

/// Takes the byte order mark away.
pub(crate) fn start<'a>(input: impl BufRead + 'a) -> Result<Start<'a>, ImportError> {
    let mut input: Box<dyn BufRead + 'a> = Box::new(input);
    let mut head = Vec::new();
    (&mut input).take(HEAD_BYTES).read_to_end(&mut head)?;
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        let what = "it is UTF-16: save it as UTF-8";
        return Err(ImportError::OtherKind(what.to_owned()));
    }
    if head.starts_with(UTF_8_MARK) {
        head.drain(..UTF_8_MARK.len());
    }
    Ok(Start {
        rest: Cursor::new(head.clone()).chain(input),
        head,
    })
}

impl Start<'_> {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    pub(crate) fn starts_with(&self, bytes: &[u8]) -> bool {
        self.head.starts_with(bytes)
    }
}

impl Read for Start<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.rest.read(buffer)
    }
}

impl BufRead for Start<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.rest.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.rest.consume(amount);
    }
}

/// A line, with its line break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Whole(Vec<u8>),
    /// Longer than the limit. It was read past, and is not held.
    TooLong,
}

/// The next line; nothing at the end.
pub(crate) fn next(input: &mut dyn BufRead, most: usize) -> Result<Option<Line>, Stop> {
    let mut line = Vec::new();
    let (mut any, mut over) = (false, false);
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(buffer.len(), |at| at + 1);
        over |= line.len() + taken > most;
        if over {
            line = Vec::new();
        } else {
            line.extend_from_slice(&buffer[..taken]);
        }
        input.consume(taken);
        if end.is_some() {
            break;
        }
    }
    Ok(any.then_some(if over {
        Line::TooLong
    } else {
        Line::Whole(line)
    }))
}

/// All of it, if it is not too long.
pub(crate) fn whole(input: &mut dyn BufRead) -> Result<Option<Vec<u8>>, Stop> {
    let mut bytes = Vec::new();
    input
        .take(RECORD_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() <= RECORD_BYTES_MAX).then_some(bytes))
}

/// Why a record that is too long is skipped.
pub(crate) const TOO_LONG: &str = "it is longer than 16 MiB";
/// Why a record is skipped that is no text.
pub(crate) const NOT_UTF_8: &str = "it is not UTF-8 text";

/// Refuses a file that has bytes but nothing of its kind.
pub(crate) fn nothing(kind: &str) -> Stop {
    other_kind(format!("there is nothing in it that is {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_or_are_passed_over() {
        let mut input = &b"ab\nlonger than eight\n\nend"[..];
        let mut all = Vec::new();
        while let Ok(Some(line)) = next(&mut input, 8) {
            all.push(line);
        }
        let whole = |text: &[u8]| Line::Whole(text.to_vec());
        assert_eq!(
            all,
            [whole(b"ab\n"), Line::TooLong, whole(b"\n"), whole(b"end")]
        );
    }

    #[test]
    fn the_byte_order_mark_goes_and_utf_16_is_told() {
        let mut text = String::new();
        let mut file = start(&b"\xef\xbb\xbf{}"[..]).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "{}");
        assert!(start(&b"\xff\xfea\0"[..]).is_err());
        assert!(start(&b""[..]).is_ok());
    }
}
