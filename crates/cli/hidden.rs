//! Asks for a secret on the terminal without showing it, and leaves the terminal as it was.
//!
//! Ctrl-C would end this process while the terminal does not echo, and not every shell mends that. So it
//! is an end of line here while the secret is typed; the command then ends as if it had been a signal.

use crate::progress::INTERRUPTED;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// What somebody typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Line(Zeroizing<String>),
    /// The end of the input, without anything before it.
    Nothing,
    Interrupted,
}

/// The line that somebody types; none for Ctrl-D. Ctrl-C ends the command.
///
/// # Errors
/// Without a terminal, or if it cannot be read.
pub(crate) fn ask(prompt: &str) -> io::Result<Option<Zeroizing<String>>> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let typed = {
        let _shown_again = silence(&terminal, &before)?;
        // After that: whoever answers a prompt at once is not shown either.
        (&terminal).write_all(prompt.as_bytes())?;
        read_line(&terminal, before.special_codes[SpecialCodeIndex::VINTR])
    };
    (&terminal).write_all(b"\n")?;
    match typed? {
        Typed::Line(line) => Ok(Some(line)),
        Typed::Nothing => Ok(None),
        Typed::Interrupted => std::process::exit(INTERRUPTED),
    }
}

/// Shows again what is typed, when it goes.
struct Silence<'t> {
    terminal: &'t File,
    before: &'t Termios,
}

fn silence<'t>(terminal: &'t File, before: &'t Termios) -> io::Result<Silence<'t>> {
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ICANON);
    let codes = &mut silent.special_codes;
    codes[SpecialCodeIndex::VEOL] = codes[SpecialCodeIndex::VINTR];
    codes[SpecialCodeIndex::VINTR] = DISABLED;
    codes[SpecialCodeIndex::VQUIT] = DISABLED;
    codes[SpecialCodeIndex::VSUSP] = DISABLED;
    tcsetattr(terminal, OptionalActions::Now, &silent)?;
    Ok(Silence { terminal, before })
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Now, self.before); // it is gone, then
    }
}

/// Reads a byte at a time: what comes after the line is for somebody else.
fn read_line(mut from: impl Read, interrupt: u8) -> io::Result<Typed> {
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX));
    let mut byte = Zeroizing::new([0]);
    loop {
        match from.read(&mut byte[..]) {
            Ok(0) if line.is_empty() => return Ok(Typed::Nothing),
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if byte[0] == interrupt && interrupt != DISABLED => {
                return Ok(Typed::Interrupted);
            }
            Ok(_) if line.len() == LINE_BYTES_MAX => return Err(io::ErrorKind::FileTooLarge.into()),
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Typed::Line(Zeroizing::new(text.to_owned()))),
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Bytes of one line, at most; no terminal takes more at once.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// What stands for a special character that there is none for.
const DISABLED: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    const CTRL_C: u8 = 3;

    #[test]
    fn a_line_an_end_and_an_interrupt_are_told_apart() {
        let line = |text: &str| Typed::Line(Zeroizing::new(text.to_owned()));
        for (bytes, typed) in [
            (&b"correct horse\nbattery"[..], line("correct horse")),
            (b"crlf\r\n", line("crlf")),
            (b"\n", line("")),
            (b"without an end", line("without an end")),
            (b"", Typed::Nothing),
            (b"half\x03", Typed::Interrupted),
        ] {
            assert_eq!(read_line(bytes, CTRL_C).unwrap(), typed, "{bytes:?}");
        }
        assert_eq!(read_line(&b"\0\n"[..], DISABLED).unwrap(), line("\0"));
        let long = vec![b'a'; LINE_BYTES_MAX + 1];
        assert!(read_line(&long[..], CTRL_C).is_err());
        assert!(read_line(&b"\xff\n"[..], CTRL_C).is_err());
    }
}
