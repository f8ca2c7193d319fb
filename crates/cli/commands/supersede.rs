//! `kitbag supersede`: one note in the place of another. Nobody is asked, since undo takes it back.

use crate::context::Context;
use crate::{launch, words};
use clap::Args;
use kitbag_rpc::{NoteSuperseded, SupersedeNote, V1};

#[derive(Debug, Args)]
pub(crate) struct SupersedeArgs {
    /// The start of the id of the note that is replaced
    note: String,
    /// The start of the id of the note that replaces it
    #[arg(long, value_name = "NOTE")]
    by: String,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(context: &Context, args: SupersedeArgs) -> anyhow::Result<()> {
    let call = SupersedeNote {
        v: V1,
        note: args.note,
        by: args.by,
        dry_run: args.dry_run,
    };
    let done = launch::client(context).await?.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    context.out.data(&done.note.id)?;
    context.out.say(in_words(&done));
    Ok(())
}

fn in_words(done: &NoteSuperseded) -> String {
    let (title, by) = (words::inline(&done.title), words::inline(&done.by_title));
    if !done.changed {
        return format!("Nothing changed: “{by}” is in the place of “{title}” already.");
    }
    let audience = words::audience(&done.pack, done.note.sensitivity, &done.audience);
    let did = match done.dry_run {
        true => "Nothing was changed. It would be replaced",
        false => "Replaced",
    };
    let mut told = format!("{did} in {audience}: “{title}” by “{by}”");
    if !done.along.is_empty() {
        told.push_str(&format!(
            "\nIts masked copy too: {}",
            words::along(&done.along)
        ));
    }
    if !done.dry_run {
        told.push_str(&format!(
            "\nIt is out of lists, searches and exports. To put it back: kitbag undo, or kitbag edit {} --status active",
            words::short(&done.note.id)
        ));
    }
    told
}
