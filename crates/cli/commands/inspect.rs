//! `kitbag inspect`: what some bytes are. Asks nobody, needs no daemon, shows no secret.

use crate::context::Context;
use crate::input;
use clap::Args;
use kitbag_render::{Lines, escape};
use kitbag_rpc::{Code, Failure, Field, Inspected, Part, Value};
use std::path::Path;
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A file, - for the standard input, or the text itself: hex, base32 or a ticket
    #[arg(value_name = "FILE|-|TEXT")]
    from: Option<String>,
}

pub(super) fn run(context: &Context, args: InspectArgs) -> anyhow::Result<()> {
    let bytes = bytes(args.from)?;
    let found = look_at(&bytes).map_err(|failure| match failure.hint {
        Some(_) => failure,
        None => failure.hint("give one record, frame or ticket: raw, in hex or in base32; kitbag receipt verify looks at receipts"),
    })?;
    if context.out.is_json() {
        return context.out.document(&found);
    }
    Ok(context.out.data(in_words(&found))?)
}

/// What the bytes are; of a whole message with a ticket in it, the ticket.
fn look_at(bytes: &[u8]) -> Result<Inspected, Failure> {
    let found = kitbag_daemon::inspect(bytes);
    let Some(text) = message(bytes).filter(|_| found.is_err()) else {
        return found;
    };
    kitbag_daemon::inspect(input::ticket_in(text).as_bytes()).or(found)
}

/// Text that may hold a ticket among other words.
fn message(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let holds = text.to_ascii_lowercase().contains(input::TICKET_PREFIX);
    (holds && bytes.len() <= MESSAGE_BYTES_MAX).then_some(text)
}

/// The longest message that is searched for a ticket.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Whether a file could be called so; what is longer is the text itself.
fn can_be_a_path(text: &str) -> bool {
    text.len() <= PATH_BYTES_MAX && text.split('/').all(|name| name.len() <= NAME_BYTES_MAX)
}

/// What every system that we know allows, and no more.
const PATH_BYTES_MAX: usize = 4_095;
const NAME_BYTES_MAX: usize = 255;

/// What may be a ticket is kept no longer than needed.
fn bytes(from: Option<String>) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let Some(from) = from.map(Zeroizing::new) else {
        if input::standard() == input::Standard::Person {
            let missing = Failure::new(Code::Usage, "nothing was given to look at");
            return Err(missing
                .hint("kitbag inspect FILE, or - for the standard input")
                .into());
        }
        return read(Path::new("-"));
    };
    let is_path = from.as_str() == "-" || Path::new(from.as_str()).exists();
    if is_path || (from.contains(['/', '.']) && can_be_a_path(&from)) {
        return read(Path::new(from.as_str()));
    }
    Ok(Zeroizing::new(from.as_bytes().to_vec()))
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let read = input::bytes(path, BYTES_MAX).map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) if failure.code == Code::RequestTooLarge => failure
            .hint("nothing that Kitbag writes or sends is as long; give one record or frame")
            .into(),
        Ok(failure) => failure.into(),
        Err(error) => error,
    });
    Ok(Zeroizing::new(read?))
}

/// The longest frame in hex, and line breaks; what is longer is refused beneath too.
const BYTES_MAX: usize = 4 * 1024 * 1024;

fn in_words(found: &Inspected) -> String {
    let mut lines = Vec::new();
    part(&mut lines, 0, "", &found.record);
    lines.push(format!("(read as {})", found.read_as));
    lines.join("\n")
}

fn part(lines: &mut Vec<String>, depth: usize, name: &str, part: &Part) {
    let bytes = part.bytes.map(|bytes| format!(" ({bytes} bytes)"));
    line(
        lines,
        depth,
        &format!("{name}{}{}", part.kind, bytes.unwrap_or_default()),
    );
    for Field { name, value } in &part.fields {
        self::value(lines, depth + 1, &name.replace('_', " "), value);
    }
}

fn value(lines: &mut Vec<String>, depth: usize, name: &str, value: &Value) {
    match value {
        Value::Flag(flag) => line(
            lines,
            depth,
            &format!("{name}: {}", if *flag { "yes" } else { "no" }),
        ),
        Value::Number(number) => line(lines, depth, &format!("{name}: {number}")),
        Value::Text(text) => line(
            lines,
            depth,
            &format!("{name}: {}", escape(text, Lines::One)),
        ),
        Value::Part(found) => part(lines, depth, &format!("{name}: "), found),
        Value::List { items, more } if items.is_empty() && *more == 0 => {
            line(lines, depth, &format!("{name}: none"));
        }
        Value::List { items, more } => {
            line(
                lines,
                depth,
                &format!("{name}: {}", items.len() as u64 + more),
            );
            for item in items {
                match item {
                    Value::Part(found) => part(lines, depth + 1, "", found),
                    Value::Text(text) => line(lines, depth + 1, &escape(text, Lines::One)),
                    other => self::value(lines, depth + 1, "-", other),
                }
            }
            if *more > 0 {
                line(lines, depth + 1, &format!("… and {more} more"));
            }
        }
    }
}

fn line(lines: &mut Vec<String>, depth: usize, text: &str) {
    lines.push(format!("{}{text}", "  ".repeat(depth)));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what cannot be a record is refused with the reason, however much of it there is.
    #[test]
    fn what_is_too_much_or_no_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let of = |from: &Path| {
            let error = bytes(Some(from.display().to_string())).unwrap_err();
            error.downcast::<Failure>().unwrap()
        };
        assert!(
            of(dir.path())
                .message
                .ends_with("is a directory, not a file")
        );
        let endless = of(Path::new("/dev/zero"));
        assert_eq!(endless.code, Code::RequestTooLarge);
        assert!(endless.hint.unwrap().contains("one record or frame"));
        assert!(message(&[b'k'; MESSAGE_BYTES_MAX + 1]).is_none());
        assert!(message(b"Ana shares Acme.\n\nKITBAG1abc").is_some());
        assert!(message(b"hello").is_none());
    }
}
