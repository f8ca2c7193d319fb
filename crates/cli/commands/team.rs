//! `kitbag team create|add|remove|list`: whom a hand-off to a team is for.

use crate::context::Context;
use crate::table::Table;
use crate::{directory, input, launch, words};
use clap::{Args, Subcommand};
use kitbag_rpc::{ChangeTeam, ListEscalation, Team, TeamChange, TeamChanged, Teams, V1};

#[derive(Debug, Args)]
pub(crate) struct TeamArgs {
    #[command(subcommand)]
    command: TeamCommand,
}

#[derive(Debug, Subcommand)]
enum TeamCommand {
    /// Make a team in a pack
    Create(ChangeArgs),
    /// Take members of the pack into a team
    Add(ChangeArgs),
    /// Take somebody out of a team; without a name, the team itself
    Remove(ChangeArgs),
    /// List the teams of a pack
    List {
        /// The pack; of this directory if it is left out
        #[arg(long)]
        pack: Option<String>,
    },
}

#[derive(Debug, Args)]
struct ChangeArgs {
    /// The team: small letters, digits, '.', '_' and '-'
    team: String,
    /// Who: their names or the starts of their ids (kitbag members PACK)
    who: Vec<String>,
    /// The pack; of this directory if it is left out
    #[arg(long)]
    pack: Option<String>,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: TeamArgs) -> anyhow::Result<()> {
    match args.command {
        TeamCommand::Create(args) => change(context, TeamChange::Create, args).await,
        TeamCommand::Add(args) => change(context, TeamChange::Add, args).await,
        TeamCommand::Remove(args) if args.who.is_empty() => {
            change(context, TeamChange::Delete, args).await
        }
        TeamCommand::Remove(args) => change(context, TeamChange::Remove, args).await,
        TeamCommand::List { pack } => list(context, pack).await,
    }
}

async fn change(context: &Context, change: TeamChange, args: ChangeArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, args.pack).await?;
    let mut call = ChangeTeam {
        v: V1,
        pack,
        team: args.team,
        change,
        persons: args.who,
        dry_run: true,
    };
    // Always first: what cannot be done is told before anybody is asked.
    let preview = client.call(&call).await?;
    let pack = words::pack(&preview.pack);
    let told = outcome(&preview, &call.team);
    if args.dry_run || !preview.changes {
        if context.out.is_json() {
            return context.out.document(&preview);
        }
        return Ok(context.out.data(match preview.changes {
            true => format!("Nothing was changed. In {pack}: {told}"),
            false => format!("It is so already in {pack}: {told}"),
        })?);
    }
    if !args.yes {
        input::confirm(context.out, &told, &format!("Change the teams of {pack}?"))?;
    }
    (call.pack, call.dry_run) = (preview.pack.id, false);
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    let told = outcome(&done, &call.team);
    Ok(context.out.data(format!("In {pack}: {told}"))?)
}

fn outcome(changed: &TeamChanged, name: &str) -> String {
    match &changed.team {
        Some(team) => format!("team {}", in_words(team)),
        None => format!("no team {} any more", words::inline(name)),
    }
}

/// `billing: Ben, Cleo`, and who is in it and is no member.
pub(super) fn in_words(team: &Team) -> String {
    let names: Vec<String> = (team.members.iter())
        .map(|member| words::inline(&member.name))
        .collect();
    let who = match names.as_slice() {
        [] => "nobody".to_owned(),
        names => names.join(", "),
    };
    let ignored = match team.ignored.len() as u64 {
        0 => String::new(),
        n => format!(
            "; {} no {} of the pack, left out",
            words::count(n, "is", "are"),
            if n == 1 { "member" } else { "members" }
        ),
    };
    format!("{}: {who}{ignored}", words::inline(&team.name))
}

async fn list(context: &Context, pack: Option<String>) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, pack).await?;
    let listed = client.call(&ListEscalation { v: V1, pack }).await?;
    let teams = Teams {
        v: V1,
        pack: listed.pack,
        teams: listed.teams,
    };
    if context.out.is_json() {
        return context.out.document(&teams);
    }
    let mut table = Table::new(["team", "members", "left out", "rules"], 1).without_empty();
    for team in &teams.teams {
        let names: Vec<&str> = team.members.iter().map(|one| one.name.as_str()).collect();
        table.row([
            &team.name,
            &names.join(", "),
            &team.ignored.join(", "),
            &team.rules.join(", "),
        ]);
    }
    Ok(table.print(context.out)?)
}
