//! `kitbag export`: notes of a pack as a document, page by page, and what stays.

mod target;

use crate::context::Context;
use crate::note_filter::{FilterArgs, ListedArgs};
use crate::progress::INTERRUPTED;
use crate::{args, launch, words};
use clap::Args;
use kitbag_render::{
    ESTIMATOR, Format, Head, Limit, Overflow, RenderError, Rendering, Selection, Weighing, reasons,
};
use kitbag_rpc::{
    Client, Code, ExportPage, ExportPlan, ExportWish, ExportedNote, ExportedPack, Failure,
    PlanExport, ReadExport, Sensitivity, TellExport, V1, Withheld,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::PathBuf;
use target::Target;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The pack
    pack: String,
    /// md to read, xml for a model, text for anything, json and jsonl to keep everything; md if nobody says, json with --json
    #[arg(long, value_name = "FORMAT", value_parser = args::format())]
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
    /// The whole of it takes no more tokens than this, estimated rather high
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_tokens: Option<u64>,
    /// If it takes more: fail, or trim (leave out whole notes and name them); fail if nobody says
    #[arg(long, value_name = "WHAT", requires = "max_tokens", value_parser = args::overflow())]
    on_overflow: Option<Overflow>,
    /// Write to this file, readable by you only; without it to the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

/// Ids sent for one page. Their notes fit into one answer whatever they hold.
const PAGE_NOTES: usize = 64;
const _: () = assert!(PAGE_NOTES <= kitbag_rpc::EXPORT_PAGE_NOTES_MAX);

pub(super) async fn run(context: &Context, args: ExportArgs) -> anyhow::Result<()> {
    let is_json = context.out.is_json();
    let format = match args.format {
        Some(format) if format != Format::Json && is_json && args.out.is_none() => {
            let message = format!("--json prints one JSON document, not {}", format.as_str());
            let failure = Failure::new(Code::Usage, message);
            return Err(failure
                .hint("leave one of them out, or name a file with --out")
                .into());
        }
        Some(format) => format,
        None if is_json => Format::Json,
        None => Format::Md,
    };
    let limit = args.max_tokens.map(|max_tokens| Limit {
        max_tokens,
        on_overflow: args.on_overflow.unwrap_or(Overflow::Fail),
    });
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
        written = export(&client, format, limit, wish, target) => Some(written?),
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
    /// What the whole of it takes.
    tokens: u64,
    /// How that was estimated.
    estimator: &'static str,
    /// What it was allowed to take.
    max_tokens: Option<u64>,
    /// Notes that were left out for that, all of them.
    over_budget: Vec<String>,
    /// Whether this device's audit could not be told what was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    not_reported: bool,
}

async fn export(
    client: &Client,
    format: Format,
    limit: Option<Limit>,
    wish: ExportWish,
    target: Target,
) -> anyhow::Result<Written> {
    let mut target = Hashed::new(target);
    let plan = client
        .call(&PlanExport {
            v: V1,
            export: wish.clone(),
        })
        .await?;
    let wish = pinned(wish, &plan);
    let head = head(&wish, &plan);
    let mut reading = Reading {
        client,
        wish,
        plan: &plan.notes,
        withheld: plan.withheld.clone(),
    };
    let mut places: Vec<usize> = (0..plan.notes.len()).collect();
    let mut choice = None;
    if let Some(limit) = limit {
        let mut weighing = Weighing::new(format, &head);
        let weigh = |at, note: &ExportedNote, _: &Withheld| {
            weighing.note(at, note);
            Ok(())
        };
        reading.read(&places, weigh).await?;
        let chosen = weighing.choose(limit, &plan.notes, &reading.withheld);
        let chosen = chosen.map_err(not_rendered)?;
        places = chosen.places();
        choice = Some(chosen);
    }
    let (mut rendering, text) = Rendering::begin(format, &head, &plan.notes, choice);
    target.write(&text)?;
    let write = |at, note: &ExportedNote, withheld: &Withheld| match rendering
        .note(at, note, withheld)
        .map_err(not_rendered)?
    {
        Some(text) => target.write(&text),
        None => Ok(()),
    };
    reading.read(&places, write).await?;
    let (text, rendered) = rendering.end(&reading.withheld).map_err(not_rendered)?;
    target.write(&text)?;
    let (withheld, wish) = (reading.withheld, reading.wish);
    let (file, tell) = target.finish(wish)?;
    // It is written: that nobody could be told takes nothing back.
    let not_reported = client.call(&tell).await.is_err();
    Ok(Written {
        v: V1,
        file: file.map(|file| file.display().to_string()),
        format,
        pack: plan.pack,
        max_sensitivity: plan.max_sensitivity,
        crosses_clients: plan.crosses_clients,
        notes: rendered.notes,
        withheld,
        tokens: rendered.tokens,
        estimator: ESTIMATOR,
        max_tokens: limit.map(|limit| limit.max_tokens),
        over_budget: rendered.over_budget,
        not_reported,
    })
}

/// A target, and the hash of all that was written to it.
struct Hashed {
    target: Target,
    sha256: Sha256,
    bytes: u64,
}

impl Hashed {
    fn new(target: Target) -> Hashed {
        Hashed {
            target,
            sha256: Sha256::new(),
            bytes: 0,
        }
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        self.sha256.update(text.as_bytes());
        self.bytes += text.len() as u64;
        self.target.write(text)
    }

    /// Puts the file in its place; gives its path, and what the daemon is to be told.
    fn finish(self, export: ExportWish) -> Result<(Option<PathBuf>, TellExport), Failure> {
        let file = self.target.finish()?;
        let mut sha256 = String::new();
        for byte in self.sha256.finalize() {
            let _ = write!(sha256, "{byte:02x}"); // writing to a string does not fail
        }
        let tell = TellExport {
            v: V1,
            export,
            sha256,
            bytes: self.bytes,
            file: file.is_some(),
        };
        Ok((file, tell))
    }
}

/// Notes of a plan, page by page, and what stays by now.
struct Reading<'a> {
    client: &'a Client,
    wish: ExportWish,
    plan: &'a [String],
    withheld: Withheld,
}

impl Reading<'_> {
    /// Hands over the notes at these places of the plan, as far as they may leave.
    async fn read(
        &mut self,
        places: &[usize],
        mut take: impl FnMut(usize, &ExportedNote, &Withheld) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut rest = places;
        while !rest.is_empty() {
            let asked = &rest[..rest.len().min(PAGE_NOTES)];
            let ids: Vec<String> = asked.iter().map(|at| self.plan[*at].clone()).collect();
            let page = page(self.client, &self.wish, &ids).await?;
            self.withheld.add(&page.withheld);
            let mut notes = page.notes.iter().peekable();
            for (at, id) in asked[..page.read].iter().zip(&ids) {
                if let Some(note) = notes.next_if(|note| note.id == *id) {
                    take(*at, note, &self.withheld)?;
                }
            }
            if notes.next().is_some() {
                let message = "the daemon read another note than it was asked for";
                return Err(Failure::new(Code::Internal, message).into());
            }
            rest = &rest[page.read..];
        }
        Ok(())
    }
}

/// Why there is no document, with what to do about it.
fn not_rendered(error: RenderError) -> Failure {
    match error {
        RenderError::Changed { .. } => {
            Failure::new(Code::Conflict, error.to_string()).hint("export once more")
        }
        error => Failure::new(Code::OverBudget, format!("the export {error}")).hint(
            "take fewer notes, allow more tokens, or leave notes out with --on-overflow trim",
        ),
    }
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

/// The same for every page: the pack by its id, since somebody may give its name to another one
/// meanwhile, and the bound and the crossing that the head says, whatever becomes of a role or a client.
fn pinned(wish: ExportWish, plan: &ExportPlan) -> ExportWish {
    ExportWish {
        pack: plan.pack.id.clone(),
        max_sensitivity: Some(plan.max_sensitivity),
        across_clients: plan.crosses_clients,
        ..wish
    }
}

/// What the document begins with.
fn head(wish: &ExportWish, plan: &ExportPlan) -> Head {
    Head {
        pack: plan.pack.clone(),
        selection: Selection {
            max_sensitivity: plan.max_sensitivity,
            purpose: wish.purpose.clone(),
            client: wish.client.clone(),
            crosses_clients: plan.crosses_clients,
            listed: wish.listed,
            filter: wish.filter.clone(),
        },
    }
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
    if written.not_reported {
        lines.push(
            "The daemon could not be told what was written: kitbag audit shows no hash of it"
                .to_owned(),
        );
    }
    if written.crosses_clients {
        lines.push("It crosses from one client to another, as you said".to_owned());
    }
    let tokens = words::count(written.tokens, "token", "tokens");
    match written.max_tokens {
        Some(max) => lines.push(format!("It takes about {tokens} of {max} by {ESTIMATOR}")),
        None => lines.push(format!("It takes about {tokens} by {ESTIMATOR}")),
    }
    if !written.over_budget.is_empty() {
        let left_out = notes(written.over_budget.len() as u64);
        lines.push(format!("Left out so that it fits: {left_out}"));
    }
    let withheld = &written.withheld;
    if withheld.notes > 0 {
        let reasons = reasons(withheld);
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
    use kitbag_rpc::{Listed, NoteFilter};

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
            tokens: 90,
            estimator: ESTIMATOR,
            max_tokens: None,
            over_budget: vec![],
            not_reported: false,
        };
        assert_eq!(
            in_words(&written, None),
            "Exported 1 note of pack abcdefghij, up to Internal\n\
             It crosses from one client to another, as you said\n\
             It takes about 90 tokens by kitbag-1"
        );
        written.crosses_clients = false;
        (written.max_tokens, written.over_budget) = (Some(100), vec!["abc".into(), "def".into()]);
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
            "It takes about 90 tokens of 100 by kitbag-1",
            "Left out so that it fits: 2 notes",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
