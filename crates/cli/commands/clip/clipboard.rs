//! The clipboard, read by the programs that a desktop has for it. Nothing is ever written to it.

use crate::environment::Desktop;
use kitbag_rpc::{Code, Failure, TEXT_BYTES_MAX};
use std::io::ErrorKind;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// How long such a program may take: the one who holds the clipboard may have to be woken.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a list of types, or of a window's title, at most.
const SHORT_BYTES_MAX: usize = 64 * 1024;
/// How often a clipboard that changes while it is read is read again.
const ROUNDS_MAX: usize = 3;
/// What password managers put beside a secret, so that nobody keeps it.
const SECRET: &str = "x-kde-passwordManagerHint";
/// Characters of a window's title, at most.
const TITLE_CHARS_MAX: usize = 200;

/// What the clipboard holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clip {
    /// Text.
    Text(String),
    /// Nothing, or nothing that is text.
    Nothing,
    /// A password manager says that it is not to be kept.
    Secret,
    /// More than a note holds.
    TooLong,
    /// Text that is not UTF-8.
    NotText,
}

/// A program that reads the clipboard, and the one that says of which types it is.
struct Reader {
    program: &'static str,
    args: &'static [&'static str],
    types: &'static [&'static str],
}

const WAYLAND: &[Reader] = &[Reader {
    program: "wl-paste",
    args: &["--no-newline", "--type", "text"],
    types: &["--list-types"],
}];
const X11: &[Reader] = &[
    Reader {
        program: "xclip",
        args: &["-out", "-selection", "clipboard"],
        types: &["-out", "-selection", "clipboard", "-target", "TARGETS"],
    },
    Reader {
        program: "xsel",
        args: &["--clipboard", "--output"],
        types: &[],
    },
];
const MACOS: &[Reader] = &[Reader {
    program: "pbpaste",
    args: &[],
    types: &[],
}];

/// How a program ended.
enum Ran {
    Said(Vec<u8>),
    /// It ended with an error: most say so of an empty clipboard.
    Failed,
    TooLong,
    Missing,
}

/// Reads the clipboard.
///
/// # Errors
/// [`Code::NotFound`] where there is no clipboard, or no program that reads it; [`Code::TimedOut`].
pub(super) async fn read(desktop: Desktop) -> Result<Clip, Failure> {
    let readers = match (cfg!(target_os = "macos"), desktop.wayland, desktop.x11) {
        (true, ..) => vec![MACOS],
        (_, true, true) => vec![WAYLAND, X11],
        (_, true, false) => vec![WAYLAND],
        (_, false, true) => vec![X11],
        (_, false, false) => {
            let message = "there is no clipboard here: neither WAYLAND_DISPLAY nor DISPLAY is set";
            return Err(Failure::new(Code::NotFound, message)
                .hint("pipe the text instead: … | kitbag add PACK --source LABEL"));
        }
    };
    for reader in readers.into_iter().flatten() {
        if let Some(clip) = reader.read().await? {
            return Ok(clip);
        }
    }
    let message = "no program that reads the clipboard was found";
    Err(Failure::new(Code::NotFound, message).hint(
        "install wl-clipboard (Wayland), xclip or xsel (X11); or pipe the text: … | kitbag add PACK --source LABEL",
    ))
}

impl Reader {
    /// What the clipboard holds; nothing if the program is not there.
    ///
    /// Types and text are two questions, between which something else may be copied: a text counts only
    /// if types and text are the same before and after.
    async fn read(&self) -> Result<Option<Clip>, Failure> {
        if self.types.is_empty() {
            return self.text().await;
        }
        let mut before = self.types().await?;
        for _ in 0..ROUNDS_MAX {
            if is_secret(&before) {
                return Ok(Some(Clip::Secret));
            }
            let clip = self.text().await?;
            let after = self.types().await?;
            if !is_secret(&after) && before == after && self.text().await? == clip {
                return Ok(clip);
            }
            before = after;
        }
        Ok(Some(if is_secret(&before) {
            Clip::Secret
        } else {
            Clip::Nothing
        }))
    }

    /// The types of what it holds, as far as the program says.
    async fn types(&self) -> Result<Vec<u8>, Failure> {
        Ok(
            match run(self.program, self.types, SHORT_BYTES_MAX).await? {
                Ran::Said(types) => types,
                Ran::Failed | Ran::TooLong | Ran::Missing => Vec::new(),
            },
        )
    }

    async fn text(&self) -> Result<Option<Clip>, Failure> {
        let said = run(self.program, self.args, TEXT_BYTES_MAX).await?;
        Ok(match said {
            Ran::Missing => None,
            Ran::Failed => Some(Clip::Nothing),
            Ran::TooLong => Some(Clip::TooLong),
            Ran::Said(bytes) => Some(match String::from_utf8(bytes) {
                Ok(text) if text.trim().is_empty() => Clip::Nothing,
                Ok(text) => Clip::Text(text),
                Err(_) => Clip::NotText,
            }),
        })
    }
}

fn is_secret(types: &[u8]) -> bool {
    let types = String::from_utf8_lossy(types);
    types.lines().any(|of| of.trim() == SECRET)
}

/// Runs a program, and takes so much of what it says at most.
async fn run(program: &str, args: &[&str], bytes_max: usize) -> Result<Ran, Failure> {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let failed = |error: std::io::Error| Failure::new(Code::Storage, format!("{program}: {error}"));
    let mut child = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ran::Missing),
        spawned => spawned.map_err(failed)?,
    };
    let mut said = Vec::new();
    let reading = async {
        if let Some(stdout) = child.stdout.take() {
            let mut bounded = stdout.take(bytes_max as u64 + 1);
            bounded.read_to_end(&mut said).await?;
        }
        if said.len() > bytes_max {
            return Ok(Ran::TooLong); // dropped, and so ended
        }
        match child.wait().await?.success() {
            true => Ok(Ran::Said(std::mem::take(&mut said))),
            false => Ok(Ran::Failed),
        }
    };
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(ran) => ran.map_err(failed),
        Err(_) => Err(Failure::new(
            Code::TimedOut,
            format!("{program} did not say what the clipboard holds"),
        )),
    }
}

/// The title of the window in front, where that can be had: as a suggestion, and for where a clip comes
/// from while it is watched.
pub(super) async fn window(desktop: Desktop) -> Option<String> {
    if !desktop.x11 {
        return None; // Wayland tells nobody
    }
    let said = run(
        "xdotool",
        &["getactivewindow", "getwindowname"],
        SHORT_BYTES_MAX,
    )
    .await;
    let Ok(Ran::Said(bytes)) = said else {
        return None;
    };
    let title = String::from_utf8(bytes).ok()?;
    let title: String = title
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(TITLE_CHARS_MAX)
        .collect();
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_owned())
}
