//! `kitbag supersede`: one note in the place of another. Somebody is asked only where readers of the old
//! one would see neither; undo takes it back.

use crate::context::Context;
use crate::{input, launch, words};
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
    /// Do not ask where readers of the old one would see neither
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: SupersedeArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let mut call = SupersedeNote {
        v: V1,
        note: args.note,
        by: args.by,
        above: args.yes,
        dry_run: true,
    };
    let mut done = None;
    if args.dry_run || !args.yes {
        let plan = client.call(&call).await?;
        if args.dry_run {
            done = Some(plan);
        } else {
            if plan.above {
                input::confirm(context.out, &in_words(&plan), "Replace it?")?;
                call.above = true;
            }
            // The same ones that were shown.
            call.note = plan.note.id;
            call.by = plan.by.id;
        }
    }
    call.dry_run = false;
    let done = match done {
        Some(plan) => plan,
        None => client.call(&call).await?,
    };
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
    if done.above {
        let names: Vec<_> = done.loses.iter().map(|m| words::inline(&m.name)).collect();
        let who = match names.is_empty() {
            true => "Whoever reads it and no more".to_owned(),
            false => names.join(", "),
        };
        told.push_str(&format!(
            "\n“{by}” is {}, above it: {who} will see neither",
            done.by.sensitivity.title()
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
