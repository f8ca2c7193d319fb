//! A text in the person's own editor.
//!
//! An editor needs a file: the one place where text of a note stands outside its pack. It lies in
//! memory where the system has such a directory, otherwise in the home; only its user can read it,
//! and it is removed as soon as the editor ends, also after Ctrl-C or
//! when its terminal closes.

use crate::context::Context;
use crate::input::without_last_break;
use anyhow::Context as _;
use kitbag_rpc::{Code, Failure, RUN_DIR};
use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

const EDITOR_DEFAULT: &str = "vi";

/// Lets the person edit a text; what they leave is the answer.
pub(crate) async fn edit(context: &Context, text: &str) -> anyhow::Result<String> {
    let mut file = tempfile::Builder::new()
        .prefix("kitbag-")
        .suffix(".md")
        .tempfile_in(directory(context)?)?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    let editor = context
        .env
        .editor
        .clone()
        .unwrap_or_else(|| EDITOR_DEFAULT.into());
    // Ctrl-C belongs to the editor; without this it would end us before the file is removed.
    let _interrupts = signal(SignalKind::interrupt())?;
    let mut hangups = signal(SignalKind::hangup())?;
    let mut terminations = signal(SignalKind::terminate())?;
    // As other programs do it: the variable is a piece of shell, so that it may hold options.
    let mut script = editor.clone();
    script.push(" \"$1\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("sh").arg(file.path());
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .context("start the editor")?;
    let ended = tokio::select! {
        ended = child.wait() => ended.context("wait for the editor")?,
        _ = hangups.recv() => return Err(cut_off().into()),
        _ = terminations.recv() => return Err(cut_off().into()),
    };
    if !ended.success() {
        let message = format!(
            "the editor {} ended with an error: nothing was done",
            editor.display()
        );
        return Err(Failure::new(Code::BadInput, message)
            .hint("set VISUAL or EDITOR, or give the text with --file")
            .into());
    }
    let left = fs::read(file.path()).context("read what the editor left")?;
    let left = String::from_utf8(left)
        .map_err(|_| Failure::new(Code::BadInput, "the editor left no UTF-8 text"))?;
    Ok(without_last_break(left))
}

/// The terminal is gone, or somebody ended this command: the file goes with it.
fn cut_off() -> Failure {
    Failure::new(
        Code::BadInput,
        "cut off while the editor was open: nothing was done",
    )
}

fn directory(context: &Context) -> anyhow::Result<PathBuf> {
    if let Some(dir) = context.env.runtime_dir.as_ref().filter(|dir| dir.is_dir()) {
        return Ok(dir.clone());
    }
    let dir = context.home.join(RUN_DIR);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .context("make a directory for the editor")?;
    Ok(dir)
}
