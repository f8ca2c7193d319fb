//! `kitbag undo`: takes back what this device wrote last, one step at a time.

use crate::context::Context;
use crate::{launch, when, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{Undo, Undone, UndoneWrite, V1};

#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// Only in this pack, or of this note; otherwise in the pack in which you wrote last
    #[arg(value_name = "PACK|NOTE")]
    of: Option<String>,
    /// Say what would be taken back, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(context: &Context, args: UndoArgs) -> anyhow::Result<()> {
    let call = Undo {
        v: V1,
        of: args.of,
        dry_run: args.dry_run,
    };
    let undone = launch::client(context).await?.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&undone);
    }
    context.out.data(&undone.note.id)?;
    context.out.say(in_words(&undone, &Zoned::now()));
    if !undone.along.is_empty() {
        let with = words::along(&undone.along);
        context.out.say(format!(
            "With it, what was written in the same step: {with}"
        ));
    }
    Ok(())
}

fn in_words(undone: &Undone, now: &Zoned) -> String {
    let title = words::inline(&undone.title);
    let (did, now_it) = match undone.what {
        UndoneWrite::Added => ("added", "it is deleted"),
        UndoneWrite::Edited => (
            "changed",
            "what you had changed is back, and what others wrote since stays",
        ),
        UndoneWrite::Deleted => ("deleted", "it is back"),
        UndoneWrite::Restored => ("restored", "it is deleted again"),
        UndoneWrite::Superseded => (
            "replaced",
            "it is in use again, unless others replaced it too",
        ),
        UndoneWrite::Redacted if undone.status == "archived" => (
            "redacted",
            "the redaction is lifted, and it is still deleted",
        ),
        UndoneWrite::Redacted => (
            "redacted",
            "the redaction is lifted, what it said is shown again",
        ),
        UndoneWrite::Moved => ("moved", "it is back"),
    };
    if let Some(run) = &undone.run {
        let at = when::shown(run.at, now);
        let notes = words::count(run.notes, "note", "notes");
        let pack = words::pack(&undone.pack);
        return match undone.dry_run {
            true => format!(
                "Nothing was undone. It would be what hygiene did ({at}) to {notes} in {pack}, the last of them “{title}”"
            ),
            false => format!(
                "Undid what hygiene did ({at}) to {notes} in {pack}: they are as they were, but for what others wrote since"
            ),
        };
    }
    let at = when::shown(undone.at, now);
    let audience = words::audience(&undone.pack, undone.note.sensitivity, &undone.audience);
    if undone.dry_run {
        return format!(
            "Nothing was undone. It would be that you {did} “{title}” ({at}), in {audience}"
        );
    }
    let mut told = format!("Undid that you {did} “{title}” ({at}): {now_it}. In {audience}");
    if undone.what == UndoneWrite::Deleted && undone.status == "archived" {
        let id = words::short(&undone.note.id);
        told.push_str(&format!(
            "\nSomebody else deleted it as well, so it stays deleted. To bring it back all the same: \
             kitbag delete --restore {id}"
        ));
    }
    if let Some(left) = &undone.left {
        told.push_str(&format!("\nNot all of it: {}", words::inline(left)));
    }
    told
}
