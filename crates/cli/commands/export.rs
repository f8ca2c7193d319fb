//! `kitbag export`: notes of a pack as a document, page by page, and what stays.

mod target;

use crate::context::Context;
use crate::note_filter::{FilterArgs, ListedArgs};
use crate::output::plain_json;
use crate::progress::INTERRUPTED;
use crate::{args, launch, markdown, words};
use clap::{Args, ValueEnum};
use kitbag_rpc::{
    Client, Code, ExportPage, ExportPlan, ExportWish, ExportedPack, Failure, Listed, NoteFilter,
    PlanExport, ReadExport, Sensitivity, V1, Withheld,
};
use serde::Serialize;
use std::path::PathBuf;
use target::Target;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The pack
    pack: String,
    /// md to read, json to keep everything; md if nobody says, json with --json
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Take notes up to this sensitivity; the pack's own if it is left out
    #[arg(long, value_name = "S", value_parser = args::sensitivity())]
    max_sensitivity: Option<Sensitivity>,
    /// What it is for: notes whose consent is given for certain purposes need it
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// The client that it is for: refused if the pack is another's
    #[arg(long = "for-client", value_name = "CLIENT")]
    client: Option<String>,
    /// Let it go from one client to another all the same; the export says so
    #[arg(long)]
    across_clients: bool,
    #[command(flatten)]
    listed: ListedArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Write to this file, readable by you only; without it to the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    Md,
    Json,
}

impl Format {
    /// The word in options and rules.
    fn as_str(self) -> &'static str {
        match self {
            Format::Md => "md",
            Format::Json => "json",
        }
    }
}

/// Ids sent for one page. Their notes fit into one answer whatever they hold.
const PAGE_NOTES: usize = 64;
const _: () = assert!(PAGE_NOTES <= kitbag_rpc::EXPORT_PAGE_NOTES_MAX);

pub(super) async fn run(context: &Context, args: ExportArgs) -> anyhow::Result<()> {
    let is_json = context.out.is_json();
    let format = match args.format {
        Some(Format::Md) if is_json && args.out.is_none() => {
            let failure = Failure::new(Code::Usage, "--json prints JSON, not Markdown");
            return Err(failure
                .hint("leave one of them out, or name a file with --out")
                .into());
        }
        Some(format) => format,
        None if is_json => Format::Json,
        None => Format::Md,
    };
    let target = Target::open(context.out, args.out.as_deref(), args.force)?;
    let wish = ExportWish {
        pack: args.pack,
        listed: args.listed.listed(),
        filter: args.filter.filter()?,
        max_sensitivity: args.max_sensitivity,
        purpose: args.purpose,
        format: Some(format.as_str().to_owned()),
        client: args.client,
        across_clients: args.across_clients,
    };
    let client = launch::client(context).await?;
    let written = tokio::select! {
        written = export(&client, format, wish, target) => Some(written?),
        _ = tokio::signal::ctrl_c() => None,
    };
    // Ended from the keyboard: what was written so far is gone with its target.
    let Some(written) = written else {
        std::process::exit(INTERRUPTED);
    };
    if is_json && args.out.is_some() {
        return context.out.document(&written);
    }
    context.out.say(in_words(&written, args.out.as_deref()));
    Ok(())
}

/// What was written where, for a program.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Written {
    v: V1,
    file: Option<String>,
    format: Format,
    pack: ExportedPack,
    max_sensitivity: Sensitivity,
    /// Whether it crosses from one client to another, because a person said that it may.
    crosses_clients: bool,
    notes: u64,
    withheld: Withheld,
}

async fn export(
    client: &Client,
    format: Format,
    wish: ExportWish,
    mut target: Target,
) -> anyhow::Result<Written> {
    let plan = client
        .call(&PlanExport {
            v: V1,
            export: wish.clone(),
        })
        .await?;
    let wish = pinned(wish, &plan);
    let mut withheld = plan.withheld.clone();
    target.write(&match format {
        Format::Md => markdown::head(&plan),
        Format::Json => json_head(&wish, &plan)?,
    })?;
    let (mut rest, mut notes) = (&plan.notes[..], 0u64);
    while !rest.is_empty() {
        let page = page(client, &wish, &rest[..rest.len().min(PAGE_NOTES)]).await?;
        for note in &page.notes {
            target.write(&match format {
                Format::Md => markdown::note(note),
                Format::Json => {
                    let comma = if notes == 0 { "" } else { "," };
                    format!("{comma}\n{}", json(note)?)
                }
            })?;
            notes += 1;
        }
        withheld.add(&page.withheld);
        rest = &rest[page.read..];
    }
    target.write(&match format {
        Format::Md => markdown::foot(notes, &withheld),
        Format::Json => format!("\n],\"withheld\":{}}}\n", json(&withheld)?),
    })?;
    let file = target.finish()?;
    Ok(Written {
        v: V1,
        file: file.map(|file| file.display().to_string()),
        format,
        pack: plan.pack,
        max_sensitivity: plan.max_sensitivity,
        crosses_clients: plan.crosses_clients,
        notes,
        withheld,
    })
}

async fn page(client: &Client, wish: &ExportWish, notes: &[String]) -> anyhow::Result<ExportPage> {
    let page = client
        .call(&ReadExport {
            v: V1,
            export: wish.clone(),
            notes: notes.to_vec(),
        })
        .await?;
    if page.read == 0 || page.read > notes.len() {
        let failure = Failure::new(Code::Internal, "the daemon read no note of the export");
        return Err(failure.into());
    }
    Ok(page)
}

/// What was asked for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Selection<'a> {
    max_sensitivity: Sensitivity,
    purpose: Option<&'a str>,
    client: Option<&'a str>,
    /// Whether it crosses from one client to another, because a person said that it may.
    crosses_clients: bool,
    listed: Listed,
    filter: &'a NoteFilter,
}

/// The whole document. It is never in memory: it goes out page by page.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Exported<'a> {
    v: V1,
    pack: ExportedPack,
    selection: Selection<'a>,
    notes: Vec<kitbag_rpc::ExportedNote>,
    withheld: Withheld,
}

/// The same for every page: the pack by its id, since somebody may give its name to another one
/// meanwhile, and the bound that the head says, whatever becomes of a role.
fn pinned(wish: ExportWish, plan: &ExportPlan) -> ExportWish {
    ExportWish {
        pack: plan.pack.id.clone(),
        max_sensitivity: Some(plan.max_sensitivity),
        ..wish
    }
}

/// The document up to its notes.
fn json_head(wish: &ExportWish, plan: &ExportPlan) -> serde_json::Result<String> {
    let selection = Selection {
        max_sensitivity: plan.max_sensitivity,
        purpose: wish.purpose.as_deref(),
        client: wish.client.as_deref(),
        crosses_clients: plan.crosses_clients,
        listed: wish.listed,
        filter: &wish.filter,
    };
    Ok(format!(
        "{{\"v\":1,\"pack\":{},\"selection\":{},\"notes\":[",
        json(&plan.pack)?,
        json(&selection)?
    ))
}

/// JSON that is safe to look at with any program.
fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|json| plain_json(&json))
}

/// The receipt for a person.
fn in_words(written: &Written, file: Option<&std::path::Path>) -> String {
    let notes = |number| words::count(number, "note", "notes");
    let pack = match written.pack.title.as_str() {
        "" => format!("pack {}", words::short(&written.pack.id)),
        title => words::inline(title),
    };
    let to = file.map_or_else(String::new, |file| format!(" to {}", file.display()));
    let mut lines = vec![format!(
        "Exported {} of {pack}, up to {}{to}",
        notes(written.notes),
        written.max_sensitivity.title()
    )];
    if written.crosses_clients {
        lines.push("It crosses from one client to another, as you said".to_owned());
    }
    let withheld = &written.withheld;
    if withheld.notes > 0 {
        let reasons = markdown::reasons(withheld);
        let reasons = reasons.iter().map(|(why, count)| format!("{count} {why}"));
        lines.push(format!(
            "Withheld: {} ({})",
            notes(withheld.notes),
            reasons.collect::<Vec<_>>().join(", ")
        ));
    }
    if withheld.deleted > 0 {
        lines.push("To take deleted notes too: --all".to_owned());
    }
    if let Some((highest, _)) = withheld.sensitivity.last_key_value() {
        lines.push(format!(
            "To take more sensitive notes too: --max-sensitivity {highest}"
        ));
    }
    if withheld.consent.contains_key("purpose") {
        lines.push("Some may leave for a purpose that was agreed to: --purpose PURPOSE".to_owned());
    }
    if !withheld.rule.is_empty() {
        lines.push("What the rules of the pack let leave: kitbag policy show PACK".to_owned());
    }
    if withheld.set_aside > 0 {
        let changes = words::count(withheld.set_aside, "change is", "changes are");
        lines.push(format!(
            "{changes} set aside in this pack and not in it: kitbag review PACK"
        ));
    }
    if withheld.waiting > 0 {
        let changes = words::count(withheld.waiting, "change waits", "changes wait");
        lines.push(format!("{changes} for an earlier one: kitbag sync"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: no page goes beyond what the head says, even if this person's role was raised meanwhile.
    #[test]
    fn pages_have_the_bound_and_the_pack_of_the_plan() {
        let plan = ExportPlan {
            v: V1,
            pack: ExportedPack {
                id: "abcdefghijkl".into(),
                title: "Acme".into(),
            },
            max_sensitivity: Sensitivity::Public,
            crosses_clients: false,
            notes: vec![],
            withheld: Withheld::default(),
        };
        let wish = ExportWish {
            pack: "mine".into(),
            listed: Listed::Kept,
            filter: NoteFilter::default(),
            max_sensitivity: None,
            purpose: Some("support".into()),
            format: Some("md".into()),
            client: None,
            across_clients: false,
        };
        let page = pinned(wish.clone(), &plan);
        assert_eq!(page.max_sensitivity, Some(Sensitivity::Public));
        assert_eq!(
            (page.pack.as_str(), page.purpose),
            ("abcdefghijkl", wish.purpose)
        );
    }

    #[test]
    fn the_receipt_says_what_stays_and_how_to_take_more() {
        let mut written = Written {
            v: V1,
            file: None,
            format: Format::Md,
            pack: ExportedPack {
                id: "abcdefghijkl".into(),
                title: String::new(),
            },
            max_sensitivity: Sensitivity::Internal,
            crosses_clients: true,
            notes: 1,
            withheld: Withheld::default(),
        };
        assert_eq!(
            in_words(&written, None),
            "Exported 1 note of pack abcdefghij, up to Internal\n\
             It crosses from one client to another, as you said"
        );
        written.crosses_clients = false;
        written.pack.title = "Acme\x1b".into();
        let withheld = &mut written.withheld;
        (withheld.notes, withheld.set_aside, withheld.deleted) = (4, 1, 1);
        withheld.sensitivity.insert(Sensitivity::Confidential, 2);
        withheld.consent.insert("purpose".into(), 1);
        let said = in_words(&written, Some(std::path::Path::new("a.md")));
        for part in [
            "Exported 1 note of Acme\\u{1b}, up to Internal to a.md",
            "Withheld: 4 notes (1 deleted, 2 confidential, 1 consent purpose)",
            "deleted notes too: --all",
            "--max-sensitivity confidential",
            "--purpose PURPOSE",
            "1 change is set aside",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
