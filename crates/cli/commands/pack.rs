//! `kitbag pack create|list|show|archive|rename`.

mod own;

use crate::context::Context;
use crate::table::Table;
use crate::{args, directory, launch, words};
use clap::{Args, Subcommand};
use kitbag_rpc::{CreatePack, ListPacks, Pack, RulesUnclear, Sensitivity, ShowPack, V1};
use own::{ArchiveArgs, RenameArgs};

#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    #[command(subcommand)]
    command: PackCommand,
}

#[derive(Debug, Subcommand)]
enum PackCommand {
    /// Create a pack
    Create {
        /// Its title, as everybody in it will see it
        title: String,
        /// Sensitivity of a note for which nobody says another
        #[arg(long, value_parser = args::sensitivity(), default_value = "internal")]
        sensitivity: Sensitivity,
        /// What kind of pack it is
        #[arg(long, value_parser = args::pack_kind())]
        kind: Option<String>,
        /// The client that it belongs to: its notes reach nothing of another client unless somebody says so
        #[arg(long, value_name = "CLIENT")]
        client: Option<String>,
    },
    /// List your packs
    List(ListArgs),
    /// Show one pack
    Show {
        /// The pack: the start of its id, your name for it, or the title you gave it; of this directory if it is left out
        pack: Option<String>,
    },
    /// Put a pack away on this device, or take it out again
    Archive(ArchiveArgs),
    /// Give a pack a name of your own, which nobody else sees
    Rename(RenameArgs),
}

pub(super) async fn run(context: &Context, args: PackArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    match args.command {
        PackCommand::Create {
            title,
            sensitivity,
            kind,
            client: of,
        } => {
            let answer = client
                .call(&CreatePack {
                    v: V1,
                    title,
                    sensitivity: Some(sensitivity),
                    kind,
                    client: of.clone(),
                })
                .await?;
            if context.out.is_json() {
                return context.out.document(&answer);
            }
            let pack = answer.pack;
            context.out.data(&pack.id)?;
            let (title, default) = (words::inline(&pack.title), pack.default_sensitivity.title());
            let of = of.map_or_else(String::new, |of| {
                format!(" · of {}", words::inline(of.trim()))
            });
            context.out.say(format!(
                "Created {title}{of} · new notes are {default} · readable by you only"
            ));
            words::warn_if_shared(context, &client, &pack.title).await;
            context
                .out
                .say("Next: kitbag add PACK --source LABEL, or kitbag share PACK");
        }
        PackCommand::List(args) => {
            let mut answer = client.call(&ListPacks::default()).await?;
            answer.packs.retain(|pack| args.lists(pack));
            if context.out.is_json() {
                return context.out.document(&answer);
            }
            if answer.packs.is_empty() {
                context.out.say(args.nothing(answer.archived));
            }
            let is_seen = context.out.terminal().is_some();
            table(&answer.packs, args, is_seen).print(context.out)?;
            if args.archived {
                return Ok(());
            }
            for join in &answer.joins {
                context.out.say(words::waiting_join(join));
            }
        }
        PackCommand::Show { pack } => {
            let pack = directory::pack(context, &client, pack).await?;
            let answer = client.call(&ShowPack { v: V1, pack }).await?;
            if context.out.is_json() {
                return context.out.document(&answer);
            }
            context.out.data(in_words(&answer.pack))?;
        }
        PackCommand::Archive(args) => return own::archive(context, &client, args).await,
        PackCommand::Rename(args) => return own::rename(context, &client, args).await,
    }
    Ok(())
}

/// Whether archived packs are listed.
#[derive(Clone, Copy, Debug, Args)]
struct ListArgs {
    /// List archived packs as well
    #[arg(long)]
    all: bool,
    /// List archived packs only
    #[arg(long, conflicts_with = "all")]
    archived: bool,
}

impl ListArgs {
    fn lists(self, pack: &Pack) -> bool {
        self.all || pack.archived == self.archived
    }

    /// What is said where nothing is listed.
    fn nothing(self, archived: u64) -> String {
        match (self.archived, archived) {
            (true, _) => "No pack is archived here".to_owned(),
            (false, 0) => "No packs yet. Next: kitbag pack create TITLE".to_owned(),
            (false, some) => format!(
                "{} here: kitbag pack list --archived",
                words::count(
                    some,
                    "archived pack and no other",
                    "archived packs and no others"
                )
            ),
        }
    }
}

/// Where the terminal is too narrow, these go, in this order: what the eye misses least, first.
const GIVEN_UP: [&str; 5] = ["archived", "opens up to", "kind", "members", "client"];

fn table(packs: &[Pack], args: ListArgs, is_seen: bool) -> Table {
    let header = [
        "id",
        "title",
        "name",
        "notes",
        "members",
        "role",
        "opens up to",
        "client",
        "kind",
        "archived",
    ];
    let mut table = Table::new(header, 1).without_empty().giving_up(&GIVEN_UP);
    for pack in packs {
        let (client, kind) = belongs(pack);
        table.row([
            match is_seen {
                true => words::short(&pack.id),
                false => &pack.id,
            },
            &pack.title,
            pack.name.as_deref().unwrap_or_default(),
            &pack.notes.to_string(),
            &pack.members.to_string(),
            pack.role.map_or("", |role| role.as_str()),
            pack.clearance.map_or("", |clearance| clearance.as_str()),
            client,
            kind,
            match pack.archived && args.all {
                true => "archived",
                false => "",
            },
        ]);
    }
    table
}

/// Client and kind of a pack in a list: nothing where there is none, a word where that is not known.
fn belongs(pack: &Pack) -> (&str, &str) {
    const SEVERAL: &str = "(several)";
    const UNREADABLE: &str = "(unreadable)";
    let client = pack.client.as_deref().unwrap_or_default();
    let kind = pack.kind.as_deref().unwrap_or_default();
    match pack.rules_unclear {
        None => (client, kind),
        Some(RulesUnclear::SeveralClients) => (SEVERAL, kind),
        Some(RulesUnclear::SeveralKinds) => (client, SEVERAL),
        Some(RulesUnclear::SeveralOfBoth) => (SEVERAL, SEVERAL),
        Some(RulesUnclear::Unreadable) => (UNREADABLE, UNREADABLE),
    }
}

fn in_words(pack: &Pack) -> String {
    let none = "none".to_owned();
    let (client, kind) = belongs(pack);
    let more = match pack.rules_unclear {
        None => "",
        Some(RulesUnclear::Unreadable) => {
            ": its rules cannot be read here, and nothing leaves (kitbag policy show)"
        }
        Some(_) => {
            ": admins said so at once, and one of them has to say which (kitbag policy show)"
        }
    };
    let ruled = |ruled: &str, named: Option<&str>| match (ruled, named) {
        ("", _) => "none".to_owned(),
        (unclear, named) if named != Some(unclear) => format!("{unclear}{more}"),
        (one, _) => words::inline(one),
    };
    let archived = match pack.archived {
        false => "no",
        true => "yes, on this device (to undo: kitbag pack archive PACK --undo)",
    };
    [
        ("id", pack.id.clone()),
        ("title", words::inline(&pack.title)),
        (
            "name",
            pack.name.as_deref().map_or(none.clone(), words::inline),
        ),
        ("client", ruled(client, pack.client.as_deref())),
        ("kind", ruled(kind, pack.kind.as_deref())),
        ("notes", pack.notes.to_string()),
        ("members", pack.members.to_string()),
        (
            "your role",
            pack.role.map_or(none.clone(), |role| role.to_string()),
        ),
        (
            "you open up to",
            pack.clearance
                .map_or(none, |clearance| clearance.to_string()),
        ),
        ("new notes are", pack.default_sensitivity.to_string()),
        ("archived", archived.to_owned()),
    ]
    .map(|(key, value)| format!("{key}: {value}"))
    .join("\n")
}

#[cfg(test)]
mod tests;
