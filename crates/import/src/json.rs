//! JSON as a stream of records: one line each, or the elements of a list of any length.
//!
//! Only brackets and strings are followed here, byte by byte; what is inside a record is judged by
//! `serde_json`, once the record is known to be short and shallow.

use crate::error::{Stop, other_kind};
use crate::lines::{self, Line, TOO_LONG};
use crate::{DEPTH_MAX, RECORD_BYTES_MAX};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::io::{BufRead, Cursor, Read};

/// What stands at the top of a file, or in a line of it.
pub(crate) enum Event {
    /// A list begins.
    Begin,
    /// A value; in a list if one began.
    Value(Value),
    /// A value that is skipped, and why.
    Bad(&'static str),
    /// The list ends.
    End,
}

/// Why a record is skipped.
const NOT_JSON: &str = "it is not JSON";
const TOO_DEEP: &str = "its values are nested too deeply";

/// Gives what is in a file: a value in each line, or one value over many lines.
pub(crate) fn each(
    input: &mut dyn BufRead,
    take: &mut dyn FnMut(Event) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut first = first_line(input)?;
    if serde_json::from_slice::<IgnoredAny>(&first).is_ok() {
        loop {
            in_line(&first, take)?;
            first = loop {
                match lines::next(input, RECORD_BYTES_MAX)? {
                    None => return Ok(()),
                    Some(Line::TooLong) => take(Event::Bad(TOO_LONG))?,
                    Some(Line::Whole(line)) if line.trim_ascii().is_empty() => {}
                    Some(Line::Whole(line)) => break line,
                }
            };
        }
    }
    let mut scan = Scan(Cursor::new(first).chain(input));
    loop {
        match scan.after_space()? {
            None => return Ok(()),
            Some(b'[') => {
                take(Event::Begin)?;
                scan.elements(|bytes| take(value(bytes)))?;
                take(Event::End)?;
            }
            Some(b'{') => {
                let bytes = scan.value()?;
                take(value(bytes.as_deref().map_err(|why| *why)))?;
            }
            Some(_) => return Err(other_kind("it is not JSON")),
        }
    }
}

/// The first line that is not empty, or as much of it as one record may have.
fn first_line(input: &mut dyn BufRead) -> Result<Vec<u8>, Stop> {
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut *input).take(RECORD_BYTES_MAX as u64);
        let read = bounded.read_until(b'\n', &mut line)?;
        if read == 0 || !line.trim_ascii().is_empty() {
            return Ok(line);
        }
    }
}

fn in_line(line: &[u8], take: &mut dyn FnMut(Event) -> Result<(), Stop>) -> Result<(), Stop> {
    match serde_json::from_slice::<Value>(line) {
        Err(error) => {
            take(Event::Bad(NOT_JSON))?;
            whole(line, Err(error))
        }
        Ok(Value::Array(all)) => {
            take(Event::Begin)?;
            for one in all {
                take(Event::Value(one))?;
            }
            take(Event::End)
        }
        Ok(one) => take(Event::Value(one)),
    }
}

/// Refuses a line that could not be read because the file ends in the middle of it.
pub(crate) fn whole(line: &[u8], read: serde_json::Result<Value>) -> Result<(), Stop> {
    match read {
        Err(error) if error.is_eof() && !line.ends_with(b"\n") => {
            Err(other_kind("it breaks off in its last line"))
        }
        _ => Ok(()),
    }
}

/// Why a file of one record is refused.
pub(crate) const DEEP: &str = TOO_DEEP;

/// How deep brackets nest outside of strings, at most: known before anything is built of them.
pub(crate) fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                now += 1;
                most = most.max(now);
            }
            (false, b']' | b'}') => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// A value from the bytes of a record.
fn value(bytes: Result<&[u8], &'static str>) -> Event {
    match bytes.map(serde_json::from_slice::<Value>) {
        Err(why) => Event::Bad(why),
        Ok(Err(_)) => Event::Bad(NOT_JSON),
        Ok(Ok(value)) => Event::Value(value),
    }
}

/// Gives the elements of the list under `name` in the one object of a file, and before them every
/// other member that is short, by its name.
pub(crate) fn inside(
    input: &mut dyn BufRead,
    name: &str,
    take: &mut dyn FnMut(Inside) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut scan = Scan(input);
    if scan.after_space()? != Some(b'{') {
        return Err(other_kind("it is not an object of JSON"));
    }
    scan.0.consume(1);
    loop {
        match scan.after_space()? {
            Some(b'}') => return Ok(()),
            Some(b'"') => {}
            _ => return Err(broken()),
        }
        let member = scan.value()?;
        let member: Option<String> = member.ok().and_then(|b| serde_json::from_slice(&b).ok());
        if scan.after_space()? != Some(b':') {
            return Err(broken());
        }
        scan.0.consume(1);
        let next = scan.after_space()?;
        if member.as_deref() == Some(name) && next == Some(b'[') {
            scan.elements(|bytes| match value(bytes) {
                Event::Value(value) => take(Inside::Element(value)),
                Event::Bad(why) => take(Inside::Bad(why)),
                Event::Begin | Event::End => Ok(()),
            })?;
        } else if let (Ok(bytes), Some(member)) = (scan.value()?, member) {
            let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            take(Inside::Member(&member, &value))?;
        }
        match scan.after_space()? {
            Some(b',') => scan.0.consume(1),
            Some(b'}') => return Ok(()),
            _ => return Err(broken()),
        }
    }
}

/// What stands in the one object of a file.
pub(crate) enum Inside<'a> {
    Member(&'a str, &'a Value),
    Element(Value),
    Bad(&'static str),
}

fn broken() -> Stop {
    other_kind("it is damaged, or not JSON: what stands after that was not read")
}

/// Follows brackets and strings.
struct Scan<R>(R);

impl<R: BufRead> Scan<R> {
    /// The next byte that is no white space, left in place.
    fn after_space(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            let buffer = self.0.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let space = buffer.iter().take_while(|b| b.is_ascii_whitespace());
            let space = space.count();
            let found = buffer.get(space).copied();
            self.0.consume(space);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// The elements of a list that begins here, each as its bytes or the reason why it is skipped.
    fn elements(
        &mut self,
        mut take: impl FnMut(Result<&[u8], &'static str>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.0.consume(1);
        if self.after_space()? == Some(b']') {
            self.0.consume(1);
            return Ok(());
        }
        loop {
            self.after_space()?;
            let bytes = self.value()?;
            take(bytes.as_deref().map_err(|why| *why))?;
            match self.after_space()? {
                Some(b',') => self.0.consume(1),
                Some(b']') => {
                    self.0.consume(1);
                    return Ok(());
                }
                _ => return Err(broken()),
            }
        }
    }

    /// The bytes of the value that begins here. One that is too long or too deep is read past.
    fn value(&mut self) -> Result<Result<Vec<u8>, &'static str>, Stop> {
        let mut bytes = Vec::new();
        let mut why = None;
        let mut state = State::default();
        loop {
            let buffer = self.0.fill_buf()?;
            if buffer.is_empty() {
                // A number at the very end is whole; anything else is cut off.
                return match state.is_scalar && state.began {
                    true => Ok(why.map_or(Ok(bytes), Err)),
                    false => Err(broken()),
                };
            }
            let (taken, done) = state.follow(buffer);
            if why.is_none() && state.deepest > DEPTH_MAX {
                why = Some(TOO_DEEP);
            }
            if why.is_none() && bytes.len() + taken > RECORD_BYTES_MAX {
                why = Some(TOO_LONG);
            }
            if why.is_none() {
                bytes.extend_from_slice(&buffer[..taken]);
            } else {
                bytes = Vec::new();
            }
            self.0.consume(taken);
            if done && !state.began {
                return Err(broken());
            }
            if done {
                return Ok(why.map_or(Ok(bytes), Err));
            }
        }
    }
}

/// Where in a value the scan is.
#[derive(Default)]
struct State {
    began: bool,
    /// A number or a word: it ends where something else begins.
    is_scalar: bool,
    in_string: bool,
    escaped: bool,
    depth: usize,
    deepest: usize,
}

impl State {
    /// How many bytes belong to the value, and whether it ends with them.
    fn follow(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            if self.depth == 0 && self.began {
                // Only a scalar goes on outside of everything.
                if byte.is_ascii_whitespace() || b",]}:\"[{".contains(&byte) {
                    return (at, true);
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    self.deepest = self.deepest.max(self.depth);
                }
                b'}' | b']' => {
                    if self.depth <= 1 {
                        let closes = self.depth == 1;
                        self.depth = 0;
                        return (if closes { at + 1 } else { at }, true);
                    }
                    self.depth -= 1;
                }
                b',' | b':' if self.depth == 0 => return (at, true),
                _ => self.is_scalar |= self.depth == 0,
            }
            self.began = true;
        }
        (bytes.len(), false)
    }
}

/// Text of a member, if it is text.
pub(crate) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

/// Text, or a number as it is written: ids come as both.
pub(crate) fn id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn told(bytes: &[u8]) -> (Vec<String>, bool) {
        let mut all = Vec::new();
        let mut input = std::io::BufReader::with_capacity(3, bytes);
        let done = each(&mut input, &mut |event| {
            all.push(match event {
                Event::Begin => "[".to_owned(),
                Event::End => "]".to_owned(),
                Event::Bad(why) => why.to_owned(),
                Event::Value(value) => format!("= {value}"),
            });
            Ok(())
        });
        (all, done.is_ok())
    }

    #[test]
    fn lists_lines_and_single_values_are_told_apart() {
        let list = "[\n {\"a\": \"]\\\"\"}, 2 ,\"x\",\n[null]\n]\n";
        let elements = [
            "[",
            "= {\"a\":\"]\\\"\"}",
            "= 2",
            "= \"x\"",
            "= [null]",
            "]",
        ];
        assert_eq!(
            told(list.as_bytes()),
            (elements.map(String::from).to_vec(), true)
        );
        let lines = "{\"a\":1}\n\n{broken\n[1]\n";
        let expected = ["= {\"a\":1}", NOT_JSON, "[", "= 1", "]"];
        assert_eq!(
            told(lines.as_bytes()),
            (expected.map(String::from).to_vec(), true)
        );
        let one = "{\n\"a\":\n1}";
        assert_eq!(told(one.as_bytes()), (vec!["= {\"a\":1}".to_owned()], true));
        assert_eq!(told(b"  \n"), (vec![], true));
        assert_eq!(told(b"[]"), (vec!["[".to_owned(), "]".to_owned()], true));
        for bad in [
            "[\n1",
            "[\n1 2]",
            "[\n,]",
            "hello",
            "[\n}",
            "{\n\"a\": [",
            "[\n1,\n]x",
        ] {
            assert!(!told(bad.as_bytes()).1, "{bad}");
        }
    }

    #[test]
    fn what_is_deep_or_long_is_passed_over_and_the_next_is_read() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let text = format!("[\n{deep},1]");
        assert_eq!(told(text.as_bytes()).0, ["[", TOO_DEEP, "= 1", "]"]);
        let long = "x".repeat(RECORD_BYTES_MAX);
        let text = format!("[\n\"{long}\",1]");
        assert_eq!(told(text.as_bytes()).0, ["[", TOO_LONG, "= 1", "]"]);
    }

    #[test]
    fn a_list_inside_an_object_is_a_stream() {
        let text = br#"{"v":1,"pack":{"id":"x"},"notes":[{"a":1},2],"withheld":{}}"#;
        let mut all = Vec::new();
        inside(&mut &text[..], "notes", &mut |one| {
            all.push(match one {
                Inside::Member(name, value) => format!("{name}={value}"),
                Inside::Element(value) => value.to_string(),
                Inside::Bad(why) => why.to_owned(),
            });
            Ok(())
        })
        .unwrap();
        let expected = [
            "v=1",
            "pack={\"id\":\"x\"}",
            "{\"a\":1}",
            "2",
            "withheld={}",
        ];
        assert_eq!(all, expected);
        for bad in ["", "[]", "{\"notes\":[1", "{\"a\" 1}", "{1:2}"] {
            assert!(
                inside(&mut bad.as_bytes(), "notes", &mut |_| Ok(())).is_err(),
                "{bad}"
            );
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<i64>().prop_map(|n| json!(n)),
            "[\\PC\\n\\\\\"\\[\\]{}]{0,8}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::btree_map("[a\"{]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// Goal: the stream gives exactly the elements that a parser of the whole gives.
        #[test]
        fn a_list_gives_its_elements(all in proptest::collection::vec(values(), 0..5)) {
            let text = serde_json::to_string_pretty(&Value::Array(all.clone())).unwrap();
            let (events, done) = told(text.as_bytes());
            prop_assert!(done);
            let expected: Vec<String> = all.iter().map(|value| format!("= {value}")).collect();
            prop_assert_eq!(&events[1..events.len() - 1], &expected[..]);
        }
    }
}
