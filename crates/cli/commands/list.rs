//! `kitbag list`: the notes of a pack.

use crate::context::Context;
use crate::table::Table;
use crate::{launch, membership, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{ListNotes, V1};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it
    pack: String,
}

pub(super) async fn run(context: &Context, args: ListArgs) -> anyhow::Result<()> {
    let answer = launch::client(context)
        .await?
        .call(&ListNotes {
            v: V1,
            pack: args.pack,
        })
        .await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.notes.is_empty() && answer.ended.is_none() {
        context.out.say(format!(
            "No notes in {} yet. Next: kitbag add PACK --source LABEL",
            words::pack(&answer.pack)
        ));
    }
    let mut table = Table::new(["id", "sensitivity", "title", "source", "status"], 2);
    for note in &answer.notes {
        let id = words::listed_id(context.out, &note.id);
        table.row([
            id,
            note.sensitivity.as_str(),
            &note.title,
            &note.source,
            &note.status,
        ]);
    }
    table.print(context.out)?;
    if let Some(ended) = &answer.ended {
        context.out.say(membership::ended(ended, &Zoned::now()));
    }
    Ok(())
}
