//! `kitbag list`: the notes of a pack.

use crate::context::Context;
use crate::note_filter::ListedArgs;
use crate::table::Table;
use crate::{directory, launch, membership, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{ListNotes, Listed, V1};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it; of this directory if it is left out
    pack: Option<String>,
    #[command(flatten)]
    listed: ListedArgs,
}

pub(super) async fn run(context: &Context, args: ListArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = ListNotes {
        v: V1,
        pack: directory::pack(context, &client, args.pack).await?,
        listed: args.listed.listed(),
    };
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    let none = answer.notes.is_empty() && answer.ended.is_none();
    if none && answer.superseded == 0 && answer.unreadable == 0 {
        let pack = words::pack(&answer.pack);
        context.out.say(match call.listed {
            _ if answer.up_to.is_some() => format!("No notes in {pack} to be shown."),
            Listed::Deleted => format!("No deleted notes in {pack}."),
            _ => format!("No notes in {pack} yet. Next: kitbag add PACK --source LABEL"),
        });
    }
    let mut table = Table::new(["id", "sensitivity", "title", "source", "status"], 2);
    for note in &answer.notes {
        let id = words::listed_id(context.out, &note.id);
        table.row([
            id,
            note.sensitivity.as_str(),
            &note.title,
            &note.source,
            kitbag_render::status(&note.status),
        ]);
    }
    table.print(context.out)?;
    if answer.superseded > 0 {
        let more = words::count(answer.superseded, "note was", "notes were");
        context
            .out
            .say(format!("{more} replaced by others: --all shows them too"));
    }
    if answer.unreadable > 0 {
        let notes = words::count(answer.unreadable, "note does", "notes do");
        context.out.say(format!(
            "{notes} not open from this device's disk, and nothing is shown of them: kitbag doctor says what is damaged"
        ));
    }
    if let Some(up_to) = answer.up_to {
        context.out.say(words::left_out(up_to));
    }
    if let Some(ended) = &answer.ended {
        context.out.say(membership::ended(ended, &Zoned::now()));
    }
    Ok(())
}
