//! `kitbag role`: what a member may do, changed; also lets somebody in again.

use crate::context::Context;
use crate::{args, input, launch, membership, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{Role, Sensitivity, SetRole, V1};

#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it
    pack: String,
    /// Who: their name or the start of their id (kitbag members PACK)
    who: String,
    /// What they may do; an admin opens everything and decides who else may
    #[arg(value_parser = args::member_role())]
    role: Role,
    /// The highest they open; without it, what they open now
    #[arg(long, value_parser = args::sensitivity())]
    clearance: Option<Sensitivity>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: RoleArgs) -> anyhow::Result<()> {
    let now = Zoned::now();
    let mut call = SetRole {
        v: V1,
        pack: args.pack,
        person: args.who,
        role: args.role,
        clearance: args.clearance,
        dry_run: true,
    };
    let client = launch::client(context).await?;
    // Always first: what cannot be done is told before anybody is asked.
    let preview = client.call(&call).await?;
    let (who, pack) = (
        words::inline(&preview.person.name),
        words::pack(&preview.pack),
    );
    if args.dry_run || !preview.changes {
        if context.out.is_json() {
            return context.out.document(&preview);
        }
        let told = membership::preview(&preview, &now);
        return Ok(context.out.data(if preview.changes {
            format!(
                "Nothing was changed. If {who} becomes {} in {pack}:\n\n{told}",
                args.role.as_str()
            )
        } else {
            membership::no_change(&preview, &format!("{} of {pack}", args.role.as_str()))
        })?);
    }
    if !args.yes {
        let question = format!("Make {who} {} in {pack}?", args.role.as_str());
        input::confirm(context.out, &membership::preview(&preview, &now), &question)?;
    }
    // What was shown is what is changed: the clearance too, if it was not said.
    let shown = preview
        .people
        .iter()
        .find(|one| one.person.id == preview.person.id);
    call.clearance = args.clearance.or(shown.and_then(|one| one.after.clearance));
    (call.pack, call.person, call.dry_run) = (preview.pack.id, preview.person.id, false);
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    Ok(context.out.data(membership::afterwards(&done))?)
}
