//! `kitbag members`: who is in a pack.

use crate::context::Context;
use crate::table::Table;
use crate::{directory, launch, membership, words};
use clap::Args;
use kitbag_rpc::{ListMembers, V1};

#[derive(Debug, Args)]
pub(crate) struct MembersArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it; of this directory if it is left out
    pack: Option<String>,
}

pub(super) async fn run(context: &Context, args: MembersArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, args.pack).await?;
    let answer = client.call(&ListMembers { v: V1, pack }).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    let mut table = Table::new(
        [
            "person",
            "name",
            "role",
            "opens up to",
            "devices",
            "check words",
        ],
        1,
    );
    for member in &answer.members {
        let id = words::listed_id(context.out, &member.person);
        let name = if member.is_me {
            format!("{} (you)", member.name)
        } else {
            member.name.clone()
        };
        let role = match member.held[..] {
            [] => member.role.to_string(),
            _ => format!("{} (waits)", member.role),
        };
        let words = member.check_words.as_deref().unwrap_or_default();
        table.row([
            id,
            &name,
            &role,
            member.clearance.as_str(),
            &member.devices.join(", "),
            words,
        ]);
    }
    table.print(context.out)?;
    for member in &answer.members {
        for held in &member.held {
            let told = membership::waits(&answer.pack.id, held, member.role.as_str());
            context.out.say(told);
        }
    }
    Ok(())
}
