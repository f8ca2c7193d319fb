//! `kitbag unshare`: removes somebody from a pack, or leaves it.

use crate::context::Context;
use crate::{input, launch, membership, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{MembershipChange, UnsharePack, V1};

#[derive(Debug, Args)]
pub(crate) struct UnshareArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it
    pack: String,
    /// Who: their name or the start of their id (kitbag members PACK); `me` to leave
    who: String,
    /// Nothing that they decided without your knowing counts either, not even whom they removed
    #[arg(long)]
    hostile: bool,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: UnshareArgs) -> anyhow::Result<()> {
    let now = Zoned::now();
    let mut call = UnsharePack {
        v: V1,
        pack: args.pack,
        person: args.who,
        hostile: args.hostile,
        dry_run: true,
    };
    let client = launch::client(context).await?;
    // Always first: what cannot be done is told before anybody is asked.
    let preview = client.call(&call).await?;
    let (who, pack) = (
        words::inline(&preview.person.name),
        words::pack(&preview.pack),
    );
    let leaves = preview.person.is_me;
    if args.dry_run || !preview.changes {
        if context.out.is_json() {
            return context.out.document(&preview);
        }
        let told = membership::preview(&preview, &now);
        let again = membership::is_out_already(&preview);
        return Ok(context.out.data(match (preview.changes, leaves) {
            (true, _) if again => format!("Nothing was changed. {}", again_told(&preview, &now)),
            (false, _) => membership::no_change(&preview, &format!("out of {pack}")),
            (true, true) => format!("Nothing was changed. If you leave {pack}:\n\n{told}"),
            (true, false) => {
                format!("Nothing was changed. If you remove {who} from {pack}:\n\n{told}")
            }
        })?);
    }
    if !args.yes {
        let (told, question) = if leaves {
            (
                membership::preview(&preview, &now),
                format!("Leave {pack}?"),
            )
        } else if membership::is_out_already(&preview) {
            let question = format!("Let nothing more count that {who} decided?");
            (again_told(&preview, &now), question)
        } else {
            let question = format!("Remove {who} from {pack}?");
            (membership::preview(&preview, &now), question)
        };
        input::confirm(context.out, &told, &question)?;
    }
    // What was shown is what is changed.
    (call.pack, call.person, call.dry_run) = (preview.pack.id, preview.person.id, false);
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    Ok(context.out.data(membership::afterwards(&done))?)
}

/// What saying `--hostile` of somebody does who is out already.
fn again_told(change: &MembershipChange, now: &Zoned) -> String {
    let mut told = membership::hostile_again(change);
    let rest = membership::preview(change, now);
    if !rest.is_empty() {
        told.push_str("\n\n");
        told.push_str(&rest);
    }
    told
}
