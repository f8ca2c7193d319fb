//! What comes in besides arguments: files, the standard input, answers on a terminal.

use crate::hidden;
use crate::output::Output;
use anyhow::Context as _;
use kitbag_rpc::{Code, Failure, REQUEST_BYTES_MAX, TEXT_BYTES_MAX};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Where text is taken from when nobody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    /// A person at a terminal.
    Person,
    /// A pipe or a file.
    Stream,
}

/// What the standard input is.
pub(crate) fn standard() -> Standard {
    if io::stdin().is_terminal() {
        Standard::Person
    } else {
        Standard::Stream
    }
}

/// Whether somebody may have put text into the standard input: it is a pipe, or a file that is not
/// empty. Nothing is read, since a pipe that nobody writes to would hold the command up.
pub(crate) fn may_hold_text() -> bool {
    let input = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let Ok(found) = input.and_then(|input| input.metadata()) else {
        return false;
    };
    found.file_type().is_fifo() || (found.is_file() && found.len() > 0)
}

/// The bytes of a file, or of the standard input if it is called `-`; at most `limit` of them.
pub(crate) fn bytes(file: &Path, limit: usize) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        return read_up_to(io::stdin().lock(), "the standard input", limit);
    }
    let name = file.display().to_string();
    read_up_to(open(file)?, &name, limit)
}

/// The text of a note: from a file, or from the standard input if it is called `-`.
///
/// One line break at the end is not part of the text.
pub(crate) fn text(file: &Path) -> anyhow::Result<String> {
    // Two bytes more: the line break that is left out.
    let bytes = bytes(file, TEXT_BYTES_MAX + 2)?;
    let text = as_text(bytes, &file.display().to_string())?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(too_long(&file.display().to_string(), TEXT_BYTES_MAX).into());
    }
    Ok(text)
}

fn open(path: &Path) -> Result<File, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| not_there(&name, &e))?;
    let is_dir = file.metadata().is_ok_and(|found| found.is_dir());
    if is_dir {
        let failure = Failure::new(Code::BadInput, format!("{name} is a directory, not a file"));
        return Err(failure.hint("give a file, or - for the standard input"));
    }
    Ok(file)
}

fn not_there(name: &str, error: &io::Error) -> Failure {
    let code = if error.kind() == io::ErrorKind::NotFound {
        Code::NotFound
    } else {
        Code::Storage
    };
    let message = match code {
        Code::NotFound => format!("{name} does not exist"),
        _ => format!("{name}: {}", crate::words::of_system(error)),
    };
    Failure::new(code, message).hint("give a file that can be read, or - for the standard input")
}

fn read_up_to(from: impl Read, name: &str, limit: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("read {name}"))?;
    if bytes.len() > limit {
        return Err(too_long(name, limit).into());
    }
    Ok(bytes)
}

fn too_long(name: &str, limit: usize) -> Failure {
    const MIB: usize = 1024 * 1024;
    let most = match limit {
        _ if limit.is_multiple_of(MIB) => format!("{} MiB", limit / MIB),
        _ => format!(
            "{} MB, which is the most that a note holds",
            limit / 1_000_000
        ),
    };
    Failure::new(
        Code::RequestTooLarge,
        format!("{} has more than {most}", called(name)),
    )
}

/// How a file is named to people.
fn called(name: &str) -> &str {
    match name {
        "-" => "the standard input",
        name => name,
    }
}

fn as_text(bytes: Vec<u8>, name: &str) -> Result<String, Failure> {
    let name = called(name);
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::new(
            Code::BadInput,
            format!("{name} is not UTF-8 text from byte {at}"),
        )
        .hint("convert it, or add a note that links to it")
    })?;
    // A mark of the encoding, which some editors put at the beginning of a file, is no part of the text.
    let text = text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text);
    Ok(without_last_break(text))
}

/// The text without one line break at its end.
pub(crate) fn without_last_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// A ticket: given, or from the standard input, or asked for without showing it.
///
/// One that lets several people in is not taken as an argument: it is good for longer than the command
/// runs, and arguments stand in the list of processes and in the shell's history.
pub(crate) fn ticket(given: Option<String>) -> anyhow::Result<Zeroizing<String>> {
    let text = match given.map(Zeroizing::new) {
        Some(text) if text.as_str() != "-" => {
            let ticket = ticket_in(&text);
            check_argument(&ticket)?;
            return Ok(ticket);
        }
        None if standard() == Standard::Person => {
            let given = hidden::ask("Ticket (it is not shown): ").context("read the ticket")?;
            given.ok_or_else(|| Failure::new(Code::TicketEmpty, "no ticket was given"))?
        }
        _ => {
            let bytes = Zeroizing::new(message(io::stdin().lock())?);
            // What is not UTF-8 is no ticket; the ticket's own check says so.
            Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
        }
    };
    let ticket = ticket_in(&text);
    let is_empty = |failure: Failure| failure.code == Code::TicketEmpty;
    if !text.trim().is_empty() && kitbag_daemon::inspect_ticket(&ticket).is_err_and(is_empty) {
        // Something did come in, so asking for some input would not help.
        let failure = Failure::new(Code::TicketNotATicket, "there is no ticket in that");
        return Err(failure.into());
    }
    Ok(ticket)
}

/// What somebody piped in: a ticket, and the message that it came with.
fn message(from: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(REQUEST_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .context("read the standard input")?;
    if bytes.len() <= REQUEST_BYTES_MAX {
        return Ok(bytes);
    }
    let message = format!(
        "that is no ticket: one has at most {TICKET_CHARS_MAX} characters, and this is more than {} MiB",
        REQUEST_BYTES_MAX / (1024 * 1024)
    );
    let failure = Failure::new(Code::TicketNotATicket, message);
    Err(failure
        .hint("pipe in the ticket alone, or the message that it came in")
        .into())
}

fn check_argument(ticket: &str) -> Result<(), Failure> {
    match kitbag_daemon::inspect_ticket(ticket) {
        Ok(told) if told.uses > 1 => Err(Failure::new(
            Code::Usage,
            format!(
                "this ticket lets {} people in, so it is not taken as an argument, where others can read it",
                told.uses
            ),
        )
        .hint("paste it when asked: kitbag join; or pipe it in: kitbag join - < FILE")),
        _ => Ok(()),
    }
}

/// The ticket in what somebody copied: mails break lines, and people copy the words before it and
/// after it too.
pub(crate) fn ticket_in(text: &str) -> Zeroizing<String> {
    let lines: Vec<&str> = text.lines().take(LINES_MAX).collect();
    let whole = (1..=lines.len())
        .rev()
        .map(|end| after_prefix(&lines[..end].concat()));
    let mut readable = whole.filter(|ticket| kitbag_daemon::inspect_ticket(ticket).is_ok());
    readable.next().unwrap_or_else(|| after_prefix(text))
}

/// Lines of a message that are looked through for a ticket, at most.
const LINES_MAX: usize = 1000;

fn after_prefix(text: &str) -> Zeroizing<String> {
    let plain: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !is_space(*c)).collect());
    let start = plain.to_ascii_lowercase().rfind(TICKET_PREFIX).unwrap_or(0);
    Zeroizing::new(plain[start..].to_owned())
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

pub(crate) const TICKET_PREFIX: &str = "kitbag1";
/// Characters of a ticket, at most.
const TICKET_CHARS_MAX: usize = 8 * 1024;

/// Shows what is about to happen and asks. Never from a pipe or with `--json`: then `--yes` is needed.
pub(crate) fn confirm(out: Output, terms: &str, question: &str) -> Result<(), Failure> {
    if out.is_json() || standard() == Standard::Stream || !io::stderr().is_terminal() {
        return Err(Failure::new(
            Code::ConfirmationRequired,
            "nobody confirmed it: nothing was done",
        ));
    }
    out.say(format!("{terms}\n{question} Type y to go on."));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer).is_ok();
    if read && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(
        Code::ConfirmationRequired,
        "not confirmed: nothing was done",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_found_however_it_was_copied() {
        for text in [
            "kitbag1abcdef",
            " kitbag1abcdef\n",
            "kitbag1abc\r\n  def",
            "kitbag1\u{200b}abc\tdef\u{feff}",
            "Ana shares Acme with you.\nRun kitbag join - and paste:\n\nkitbag1abc\ndef\n",
        ] {
            assert_eq!(ticket_in(text).as_str(), "kitbag1abcdef", "{text:?}");
        }
        assert_eq!(ticket_in("KITBAG1ABC").as_str(), "KITBAG1ABC");
        assert_eq!(ticket_in(" \n").as_str(), "");
        assert_eq!(ticket_in("hello there").as_str(), "hellothere");
        assert_eq!(ticket_in("İkitbag1x").as_str(), "kitbag1x");
    }

    /// Goal: whoever pipes in something large is told what a ticket is, not what a note holds.
    #[test]
    fn what_is_far_too_long_for_a_ticket_is_called_so() {
        let of = |bytes: usize| io::repeat(b'a').take(bytes as u64);
        assert!(message(of(REQUEST_BYTES_MAX)).is_ok());
        let error = message(of(REQUEST_BYTES_MAX + 1)).unwrap_err();
        let failure = error.downcast::<Failure>().unwrap();
        assert_eq!(failure.code, Code::TicketNotATicket);
        assert!(failure.message.contains("at most 8192 characters"));
        assert!(!failure.hint.unwrap().contains("note"));
    }

    #[test]
    fn text_is_utf8_and_its_last_line_break_is_not_part_of_it() {
        assert_eq!(as_text(b"a\nb\n".to_vec(), "f").unwrap(), "a\nb");
        assert_eq!(as_text(b"a\r\n".to_vec(), "f").unwrap(), "a");
        assert_eq!(as_text(b"a\n\n".to_vec(), "f").unwrap(), "a\n");
        assert_eq!(as_text(b"".to_vec(), "f").unwrap(), "");
        let failure = as_text(b"ab\xff".to_vec(), "-").unwrap_err();
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (
                Code::BadInput,
                "the standard input is not UTF-8 text from byte 2"
            )
        );
    }

    #[test]
    fn input_is_bounded_and_a_missing_file_is_not_found() {
        let of = |bytes: usize| io::repeat(b'a').take(bytes as u64);
        assert!(read_up_to(of(TEXT_BYTES_MAX), "x", TEXT_BYTES_MAX).is_ok());
        for (limit, told) in [
            (
                TEXT_BYTES_MAX,
                "x has more than 4 MB, which is the most that a note holds",
            ),
            (1 << 20, "x has more than 1 MiB"),
        ] {
            let error = read_up_to(of(limit + 1), "x", limit).unwrap_err();
            let failure = error.downcast::<Failure>().unwrap();
            assert_eq!(failure.code, Code::RequestTooLarge);
            assert_eq!(failure.message, told);
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("long.txt");
        for (break_, extra, fits) in [("\r\n", 0, true), ("\n", 1, false), ("", 0, true)] {
            let long = "a".repeat(TEXT_BYTES_MAX + extra) + break_;
            std::fs::write(&file, long).unwrap();
            assert_eq!(text(&file).is_ok(), fits, "{break_:?} {extra}");
        }
        let error = text(Path::new("there/is/no/such.txt")).unwrap_err();
        assert_eq!(error.downcast::<Failure>().unwrap().code, Code::NotFound);
        for error in [
            bytes(dir.path(), 10).unwrap_err(),
            text(dir.path()).unwrap_err(),
        ] {
            let failure = error.downcast::<Failure>().unwrap();
            assert_eq!(failure.code, Code::BadInput);
            assert!(failure.message.ends_with("is a directory, not a file"));
        }
    }
}
