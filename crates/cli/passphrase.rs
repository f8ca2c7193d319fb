//! The passphrase: from a file, or asked for without showing it. Never from an argument.

use crate::context::Context;
use crate::hidden;
use crate::input::{Standard, standard, without_last_break};
use anyhow::Context as _;
use kitbag_daemon::{KeyProtection, key_protection};
use kitbag_rpc::{Code, Failure};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Bytes of a passphrase, at most.
const PASSPHRASE_BYTES_MAX: usize = 4096;
/// Characters of a new passphrase, at least.
const PASSPHRASE_CHARS_MIN: usize = 8;

/// The passphrase of this home, if it has one: from the file, the environment's file, or the person.
pub(crate) fn for_home(
    context: &Context,
    file: Option<&Path>,
) -> anyhow::Result<Option<Zeroizing<String>>> {
    if key_protection(&context.home)? != KeyProtection::Passphrase {
        return Ok(None);
    }
    match file.or(context.env.passphrase_file.as_deref()) {
        Some(file) => from_file(file).map(Some),
        None if standard() == Standard::Person => ask("Passphrase: ").map(Some),
        None => Err(Failure::new(
            Code::Locked,
            "this device is locked by a passphrase, and there is nobody to ask",
        )
        .into()),
    }
}

/// The passphrase in a file, `-` being the standard input. One line break at its end is not part of it.
pub(crate) fn from_file(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    if file == Path::new("-") {
        return read(io::stdin().lock(), "the standard input");
    }
    let name = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("read {name}"))?;
    let about = opened.metadata().with_context(|| format!("read {name}"))?;
    if about.is_file() && about.permissions().mode() & 0o077 != 0 {
        let failure = Failure::new(
            Code::BadInput,
            format!("{name} can be read by others than you"),
        );
        return Err(failure.hint(format!("chmod 600 {name}")).into());
    }
    read(opened, &name)
}

fn read(from: impl Read, name: &str) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(PASSPHRASE_BYTES_MAX + 1));
    let wrong = |what: &str| Failure::new(Code::BadInput, format!("{name} {what}"));
    match from
        .take(PASSPHRASE_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)
    {
        Ok(length) if length > PASSPHRASE_BYTES_MAX => {
            return Err(wrong("is too long for a passphrase").into());
        }
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::InvalidData => {
            return Err(wrong("is not UTF-8 text").into());
        }
        Err(e) => return Err(e).with_context(|| format!("read {name}")),
    }
    let text = Zeroizing::new(without_last_break(std::mem::take(&mut *text)));
    if text.is_empty() {
        Err(wrong("holds no passphrase").into())
    } else {
        Ok(text)
    }
}

/// A new passphrase from the person, twice.
pub(crate) fn new_from_person() -> anyhow::Result<Zeroizing<String>> {
    if standard() == Standard::Stream {
        let failure = Failure::new(
            Code::Usage,
            "--passphrase asks on a terminal, and there is none",
        );
        return Err(failure
            .hint("name a file that holds it: --passphrase-file FILE")
            .into());
    }
    let first = ask("New passphrase: ")?;
    long_enough(&first)?;
    let second = ask("The same again: ")?;
    if *first == *second {
        Ok(first)
    } else {
        Err(Failure::new(Code::BadInput, "the two passphrases differ").into())
    }
}

/// Refuses a new passphrase that anybody would guess.
pub(crate) fn long_enough(passphrase: &str) -> Result<(), Failure> {
    if passphrase.chars().count() >= PASSPHRASE_CHARS_MIN {
        return Ok(());
    }
    let message = format!("the passphrase has fewer than {PASSPHRASE_CHARS_MIN} characters");
    Err(Failure::new(Code::BadInput, message)
        .hint("four or five random words are easy to keep and hard to guess"))
}

fn ask(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let given = hidden::ask(prompt).context("read the passphrase")?;
    given.ok_or_else(|| Failure::new(Code::BadInput, "no passphrase was given").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn a_file_must_be_private_and_hold_a_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p");
        let with = |bytes: &[u8], mode| {
            fs::write(&file, bytes).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            from_file(&file).map_err(|e| e.downcast::<Failure>().unwrap())
        };
        assert_eq!(
            with(b"correct horse\n", 0o600).unwrap().as_str(),
            "correct horse"
        );
        assert_eq!(
            with(b" spaces stay ", 0o400).unwrap().as_str(),
            " spaces stay "
        );
        for (bytes, mode, part) in [
            (&b"x"[..], 0o640, "others"),
            (b"x", 0o604, "others"),
            (b"", 0o600, "no passphrase"),
            (b"\n", 0o600, "no passphrase"),
            (b"\xff", 0o600, "UTF-8"),
            (&[b'a'; PASSPHRASE_BYTES_MAX + 1], 0o600, "too long"),
        ] {
            let failure = with(bytes, mode).unwrap_err();
            assert_eq!(failure.code, Code::BadInput);
            assert!(failure.message.contains(part), "{failure}");
        }
    }

    #[test]
    fn a_new_passphrase_has_eight_characters() {
        assert!(long_enough("1234567").is_err());
        assert!(long_enough("東京都千代田区丸").is_ok());
    }
}
