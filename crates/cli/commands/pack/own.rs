//! What a pack is to oneself alone: whether it is put away here, and its name.

use crate::context::Context;
use crate::words;
use clap::Args;
use kitbag_rpc::{ArchivePack, Client, PackRef, RenamePack, V1};

#[derive(Debug, Args)]
pub(super) struct ArchiveArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it
    pack: String,
    /// Take it out again
    #[arg(long)]
    undo: bool,
}

#[derive(Debug, Args)]
pub(super) struct RenameArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it
    pack: String,
    /// Your name for it from now on
    #[arg(required_unless_present = "clear")]
    name: Option<String>,
    /// Have no name of your own for it
    #[arg(long, conflicts_with = "name")]
    clear: bool,
}

pub(super) async fn archive(
    context: &Context,
    client: &Client,
    args: ArchiveArgs,
) -> anyhow::Result<()> {
    let call = ArchivePack {
        v: V1,
        pack: args.pack,
        archived: !args.undo,
    };
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    let pack = words::pack(&done.pack);
    let id = words::short(&done.pack.id);
    context.out.say(match (done.changed, call.archived) {
        (false, true) => format!("{pack} is archived already"),
        (false, false) => format!("{pack} is not archived"),
        (true, true) => format!(
            "Archived {pack} on this device: it goes on to sync, and is in no list and no search that \
             does not name it\nTo undo: kitbag pack archive {id} --undo"
        ),
        (true, false) => format!("{pack} is in lists and searches again"),
    });
    Ok(())
}

pub(super) async fn rename(
    context: &Context,
    client: &Client,
    args: RenameArgs,
) -> anyhow::Result<()> {
    let call = RenamePack {
        v: V1,
        pack: args.pack,
        name: args.name.filter(|_| !args.clear),
    };
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    let before = done.before.as_deref().map(words::inline);
    let now = done.pack.name.as_deref().map(words::inline);
    context.out.say(match (done.changed, before, now) {
        (false, _, Some(now)) => format!("You call it {now} already"),
        (false, _, None) => "You have no name of your own for it".to_owned(),
        (true, _, None) => format!("You call it by its title now: {}", titled(&done.pack)),
        (true, Some(before), Some(now)) => {
            format!("You call it {now} now, and no longer {before}; {SEEN}")
        }
        (true, None, Some(now)) => format!("You call it {now} now; {SEEN}"),
    });
    Ok(())
}

const SEEN: &str = "nobody else sees that, and its title stays";

/// A pack without a name of one's own, and what to type for it if somebody else chose the title.
fn titled(pack: &PackRef) -> String {
    format!("{} ({})", words::pack(pack), words::short(&pack.id))
}
