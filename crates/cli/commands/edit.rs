//! `kitbag edit`: a change to a note, from options, a file, the standard input or an editor.

use crate::consent::ConsentArgs;
use crate::context::Context;
use crate::input::{Standard, standard};
use crate::{args, editor, input, launch, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{Client, Code, EditNote, Failure, NoteEdited, Sensitivity, ShowNote, V1};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The start of the note's id
    note: String,
    /// The new title
    #[arg(long)]
    title: Option<String>,
    /// Take the new text from a file, - for the standard input; without any other option a pipe is read by itself
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A tag to add; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    add_tags: Vec<String>,
    /// A tag to remove; may be given several times
    #[arg(long = "untag", value_name = "TAG")]
    remove_tags: Vec<String>,
    /// The version that the new text was made from, as `show --json` names it: what arrived since is kept
    #[arg(long, value_name = "VERSION")]
    seen: Option<String>,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Make the note more or less sensitive: who can open it changes. A step of its own
    #[arg(long, value_parser = args::sensitivity(), conflicts_with_all = ["title", "file", "add_tags", "remove_tags", "seen", "consent"])]
    sensitivity: Option<Sensitivity>,
    /// Say who gains and who loses the note, and change nothing
    #[arg(long, requires = "sensitivity", conflicts_with_all = ["title", "file", "add_tags", "remove_tags", "seen", "consent"])]
    dry_run: bool,
    /// Do not ask
    #[arg(long, requires = "sensitivity", conflicts_with_all = ["title", "file", "add_tags", "remove_tags", "seen", "consent"])]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: EditArgs) -> anyhow::Result<()> {
    if let Some(sensitivity) = args.sensitivity {
        return super::relabel::run(context, args.note, sensitivity, args.dry_run, args.yes).await;
    }
    let consent = args.consent.statement(&Zoned::now())?;
    let only_options = args.title.is_some()
        || !args.add_tags.is_empty()
        || !args.remove_tags.is_empty()
        || consent.is_some();
    let mut call = EditNote {
        v: V1,
        note: args.note,
        title: args.title,
        body: None,
        seen: args.seen,
        add_tags: args.add_tags,
        remove_tags: args.remove_tags,
        consent,
    };
    let client = match args.file {
        Some(file) => {
            call.body = Some(input::text(&file)?);
            launch::client(context).await?
        }
        None if only_options => {
            if input::may_hold_text() {
                context.out.say(
                    "The standard input was not read: only what the options say is changed. \
                     To take the text from it as well: --file -",
                );
            }
            launch::client(context).await?
        }
        None if standard() == Standard::Stream => {
            call.body = Some(some_text(input::text(Path::new("-"))?)?);
            launch::client(context).await?
        }
        None => {
            let client = launch::client(context).await?;
            in_editor(context, &client, &mut call).await?;
            client
        }
    };
    let edited = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&edited);
    }
    context.out.data(&edited.note.id)?;
    context.out.say(in_words(&edited));
    Ok(())
}

/// The person edits what they see; what arrives meanwhile is kept, since the call names what they saw.
async fn in_editor(context: &Context, client: &Client, call: &mut EditNote) -> anyhow::Result<()> {
    let note = client
        .call(&ShowNote {
            v: V1,
            note: call.note.clone(),
        })
        .await?
        .note;
    if note.long_text_bytes.is_some() {
        let message = "the text of this note is longer than 64 KiB: it can only be read";
        let failure = Failure::new(Code::BadInput, message);
        let hint = "change its title or tags with options, or add the text anew";
        return Err(failure.hint(hint).into());
    }
    call.body = Some(editor::edit(context, &format!("{}\n", note.body)).await?);
    call.note = note.id;
    call.seen = Some(note.version);
    Ok(())
}

/// An empty pipe is more often a mistake than a wish to empty the note.
fn some_text(text: String) -> Result<String, Failure> {
    if text.is_empty() {
        let failure = Failure::new(Code::BadInput, "there is no new text: nothing was changed");
        return Err(failure.hint("to empty the note all the same: --file -"));
    }
    Ok(text)
}

fn in_words(edited: &NoteEdited) -> String {
    if edited.changed {
        format!(
            "Changed in {}",
            words::audience(&edited.pack, edited.note.sensitivity, &edited.audience)
        )
    } else {
        "Nothing changed.".to_owned()
    }
}
