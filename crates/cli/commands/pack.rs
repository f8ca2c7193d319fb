//! `kitbag pack create|list|show`.

use crate::context::Context;
use crate::table::Table;
use crate::{args, directory, launch, words};
use clap::{Args, Subcommand};
use kitbag_rpc::{CreatePack, ListPacks, Pack, Sensitivity, ShowPack, V1};

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
    List,
    /// Show one pack
    Show {
        /// The pack: the start of its id, your name for it, or the title you gave it; of this directory if it is left out
        pack: Option<String>,
    },
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
        PackCommand::List => {
            let answer = client.call(&ListPacks::default()).await?;
            if context.out.is_json() {
                return context.out.document(&answer);
            }
            if answer.packs.is_empty() {
                context
                    .out
                    .say("No packs yet. Next: kitbag pack create TITLE");
            }
            table(context, &answer.packs).print(context.out)?;
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
    }
    Ok(())
}

fn table(context: &Context, packs: &[Pack]) -> Table {
    let mut table = Table::new(
        [
            "id",
            "title",
            "name",
            "notes",
            "members",
            "role",
            "opens up to",
        ],
        1,
    );
    for pack in packs {
        table.row([
            words::listed_id(context.out, &pack.id),
            &pack.title,
            pack.name.as_deref().unwrap_or_default(),
            &pack.notes.to_string(),
            &pack.members.to_string(),
            pack.role.map_or("", |role| role.as_str()),
            pack.clearance.map_or("", |clearance| clearance.as_str()),
        ]);
    }
    table
}

fn in_words(pack: &Pack) -> String {
    let none = "none".to_owned();
    [
        ("id", pack.id.clone()),
        ("title", words::inline(&pack.title)),
        (
            "name",
            pack.name.as_deref().map_or(none.clone(), words::inline),
        ),
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
    ]
    .map(|(key, value)| format!("{key}: {value}"))
    .join("\n")
}
