//! `kitbag delete`: a note is put away, or brought back. Nothing is erased, so nobody is asked.

use crate::context::Context;
use crate::{launch, words};
use clap::Args;
use kitbag_rpc::{DeleteNote, NoteDeleted, V1};

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The start of the note's id
    note: String,
    /// Bring it back, whoever deleted it
    #[arg(long)]
    restore: bool,
    /// This note alone: not its original, nor its masked copies
    #[arg(long)]
    only: bool,
    /// Say for whom it would be deleted, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(context: &Context, args: DeleteArgs) -> anyhow::Result<()> {
    let call = DeleteNote {
        v: V1,
        note: args.note,
        restore: args.restore,
        only: args.only,
        dry_run: args.dry_run,
    };
    let done = launch::client(context).await?.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    context.out.data(&done.note.id)?;
    context.out.say(in_words(&done, args.restore));
    if !done.along.is_empty() {
        context.out.say(format!(
            "With it goes what belongs to it, as original and masked copy: {}. For one alone: --only",
            words::along(&done.along)
        ));
    }
    Ok(())
}

fn in_words(done: &NoteDeleted, restore: bool) -> String {
    let title = words::inline(&done.title);
    let audience = words::audience(&done.pack, done.note.sensitivity, &done.audience);
    let short = words::short(&done.note.id);
    match (done.changed, done.dry_run, restore) {
        (false, _, false) => format!(
            "Nothing changed: it is deleted already. To bring it back: kitbag delete --restore {short}"
        ),
        (false, _, true) => "Nothing changed: it is not deleted.".to_owned(),
        (true, true, false) => {
            format!("Nothing was deleted. It would be, in {audience}: “{title}”")
        }
        (true, true, true) => {
            format!("Nothing was restored. It would be, in {audience}: “{title}”")
        }
        (true, false, false) => format!(
            "Deleted in {audience}: “{title}”\n\
             Its text stays in its history. To bring it back: kitbag undo, or kitbag delete --restore {short}"
        ),
        (true, false, true) => format!("Restored in {audience}: “{title}”"),
    }
}
