//! What a pack is called, by oneself and by everybody, and whether it is put away here.

use crate::context::Context;
use crate::{input, words};
use clap::Args;
use kitbag_rpc::{ArchivePack, Client, PackRef, PackRetitled, RenamePack, RetitlePack, V1};

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
    #[arg(required_unless_present_any = ["clear", "title"])]
    name: Option<String>,
    /// Have no name of your own for it
    #[arg(long, conflicts_with_all = ["name", "title"])]
    clear: bool,
    /// Instead give a pack that you made another title, which everybody in it sees
    #[arg(long, value_name = "TITLE", conflicts_with = "name")]
    title: Option<String>,
    /// Say what another title would change, and change nothing
    #[arg(long, requires = "title", conflicts_with_all = ["name", "clear"])]
    dry_run: bool,
    /// Do not ask before the title changes
    #[arg(long, requires = "title", conflicts_with_all = ["name", "clear"])]
    yes: bool,
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
    if let Some(title) = args.title {
        let call = RetitlePack {
            v: V1,
            pack: args.pack,
            title,
            dry_run: true,
        };
        return retitle(context, client, call, (args.dry_run, args.yes)).await;
    }
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

async fn retitle(
    context: &Context,
    client: &Client,
    mut call: RetitlePack,
    (dry_run, yes): (bool, bool),
) -> anyhow::Result<()> {
    let mut done = client.call(&call).await?;
    if !dry_run && done.changed {
        // Nobody else is in it: nobody need be warned.
        if !yes && done.audience.iter().any(|member| !member.is_me) {
            input::confirm(context.out, &retitled(&done), "Change its title?")?;
        }
        call.pack = done.pack.id; // the same one that was shown
        call.dry_run = false;
        done = client.call(&call).await?;
    } else {
        done.dry_run = dry_run;
    }
    if context.out.is_json() {
        return context.out.document(&done);
    }
    context.out.say(retitled(&done));
    Ok(())
}

fn retitled(done: &PackRetitled) -> String {
    let (before, now) = (words::inline(&done.pack.title), words::inline(&done.title));
    if !done.changed {
        return format!("Nothing changed: its title is {now} already");
    }
    let readers = words::readers(&done.audience);
    match done.dry_run {
        true => format!("Its title would become {now}, and no longer {before} · {readers}"),
        false => format!("Its title is {now} now, and no longer {before} · {readers}"),
    }
}

const SEEN: &str = "nobody else sees that, and its title stays";

/// A pack without a name of one's own, and what to type for it if somebody else chose the title.
fn titled(pack: &PackRef) -> String {
    format!("{} ({})", words::pack(pack), words::short(&pack.id))
}
