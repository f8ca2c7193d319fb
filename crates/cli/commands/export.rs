//! `kitbag export`: notes of a pack as a document, page by page, and what stays.

mod measured;
mod planned;
pub(super) mod target;

use crate::context::Context;
use crate::directory;
use crate::note_filter::{FilterArgs, ListedArgs};
use crate::progress::INTERRUPTED;
use crate::{args, launch, words};
use clap::Args;
use kitbag_render::{
    ESTIMATOR, Format, Limit, Overflow, RenderError, Rendering, Weighing, reasons,
};
use kitbag_rpc::{
    Client, Code, ExportPage, ExportWish, ExportedNote, ExportedPack, Failure, Hex, ReadExport,
    ReceiptNote, ReceiptShown, Sensitivity, TellExport, V1, Withheld,
};
use measured::Measured;
use planned::{Planned, Signing};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use target::Target;

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("files").args(["out", "receipt"]).multiple(true)))]
pub(crate) struct ExportArgs {
    /// The pack
    #[arg(conflicts_with = "selection")]
    pack: Option<String>,
    /// The notes of this selection in their order, instead of a pack; working is the one without a name
    #[arg(long, value_name = "NAME", value_parser = args::name)]
    selection: Option<String>,
    /// md to read, xml for a model, text for anything, json and jsonl to keep everything, hcr for another agent's hand-off; md if nobody says, json with --json
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
    /// Take values of personal data out of what leaves, and put masked copies in the place of their originals
    #[arg(long)]
    redact_pii: bool,
    /// Take masked copies too whose original is in it
    #[arg(long)]
    with_copies: bool,
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
    /// Write a signed receipt to this file: what left in which version, and what stayed by which rule
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Replace the files if they are there
    #[arg(long, requires = "files")]
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
    if let (Some(out), Some(receipt)) = (&args.out, &args.receipt) {
        target::apart(out, receipt)?;
    }
    let target = Target::open(context.out, args.out.as_deref(), args.force)?;
    let receipt = args.receipt.as_deref();
    let receipt = receipt.map(|path| target::NewFile::open(path, args.force));
    let client = launch::client(context).await?;
    let pack = match args.selection {
        Some(_) => String::new(),
        None => directory::pack(context, &client, args.pack).await?,
    };
    let wish = ExportWish {
        pack,
        listed: args.listed.listed(),
        filter: args.filter.filter()?,
        max_sensitivity: args.max_sensitivity,
        purpose: args.purpose,
        format: Some(format.as_str().to_owned()),
        client: args.client,
        across_clients: args.across_clients,
        beside: vec![],
        redact_pii: args.redact_pii,
        with_copies: args.with_copies,
        single: false,
    };
    let wanted = Wanted {
        format,
        limit,
        wish,
        selection: args.selection,
        target,
        receipt: receipt.transpose()?,
    };
    let written = tokio::select! {
        written = export(&client, wanted) => Some(written?),
        _ = tokio::signal::ctrl_c() => None,
    };
    // Ended from the keyboard: what was written so far is gone with its target.
    let Some(written) = written else {
        std::process::exit(INTERRUPTED);
    };
    if is_json && args.out.is_some() {
        context.out.document(&written)?;
    } else {
        context.out.say(in_words(&written, args.out.as_deref()));
    }
    match lacks_consent(&written) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

/// That nothing left, and that consent alone kept all of it back. The document is written all the same:
/// its receipt says what stayed.
fn lacks_consent(written: &Written) -> Option<Failure> {
    let withheld = &written.withheld;
    let of_rules = withheld.rule.iter();
    let of_rules = of_rules.filter(|(rule, _)| rule.ends_with(".require_consent"));
    let consents: u64 = withheld
        .consent
        .values()
        .chain(of_rules.map(|(_, n)| n))
        .sum();
    let kept_back = written.notes == 0 && written.over_budget.is_empty();
    if !kept_back || consents == 0 || consents != withheld.notes {
        return None;
    }
    let notes = words::count(consents, "note stays", "notes stay");
    let message = format!("nothing left the pack: {notes} for want of a consent");
    let hint = match withheld.consent.contains_key("purpose") {
        true => "say what it is for with --purpose; what a consent is for: kitbag show NOTE",
        false => {
            "ask the persons concerned, and state what they say: kitbag edit NOTE --consent STATUS"
        }
    };
    Some(Failure::new(Code::ConsentRequired, message).hint(hint))
}

/// What to write where.
struct Wanted {
    format: Format,
    limit: Option<Limit>,
    wish: ExportWish,
    selection: Option<String>,
    target: Target,
    receipt: Option<target::NewFile>,
}

/// What was written where, for a program.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Written {
    v: V1,
    file: Option<String>,
    format: Format,
    pack: ExportedPack,
    /// All packs, if its notes are of several.
    packs: Vec<ExportedPack>,
    /// The selection that was exported.
    selection: Option<String>,
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
    /// Its bytes.
    bytes: u64,
    /// Their SHA-256.
    sha256: Hex,
    /// The signed receipt, if one was asked for.
    receipt: Option<WrittenReceipt>,
    /// Whether this device's audit could not be told what was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    not_reported: bool,
}

/// A signed receipt that was written.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct WrittenReceipt {
    file: String,
    /// What it says.
    says: ReceiptShown,
}

async fn export(client: &Client, wanted: Wanted) -> anyhow::Result<Written> {
    let Wanted {
        format,
        limit,
        wish,
        selection,
        target,
        receipt,
    } = wanted;
    let planned = match &selection {
        None => Planned::of_pack(client, wish).await?,
        Some(name) => Planned::of_selection(client, wish, name).await?,
    };
    let head = planned.head();
    let ids = planned.ids();
    let mut target = Measured::new(target);
    let mut reading = Reading {
        client,
        planned: &planned,
        withheld: planned.withheld.clone(),
    };
    let mut places: Vec<usize> = (0..ids.len()).collect();
    let mut choice = None;
    if let Some(limit) = limit {
        let mut weighing = Weighing::new(format, &head);
        let mut taken_out = Withheld::default();
        let weigh = |at, read: &Read, _: &Withheld| {
            weighing.note(at, &read.note);
            taken_out.add_masked(&read.masked);
            Ok(())
        };
        reading.read(&places, weigh).await?;
        // No more values are taken out than all notes have: the receipt will be no longer.
        let mut withheld = reading.withheld.clone();
        withheld.add_masked(&taken_out.masked);
        let chosen = weighing.choose(limit, &ids, &withheld);
        let chosen = chosen.map_err(not_rendered)?;
        places = chosen.places();
        choice = Some(chosen);
    }
    let (mut rendering, text) = Rendering::begin(format, &head, &ids, choice);
    target.write(&text)?;
    let mut taken_out = Withheld::default();
    let mut left: Vec<ReceiptNote> = Vec::new();
    let write = |at: usize, read: &Read, withheld: &Withheld| {
        let mut with = withheld.clone();
        with.add_masked(&taken_out.masked);
        with.add_masked(&read.masked);
        let text = rendering
            .note(at, &read.note, &with)
            .map_err(not_rendered)?;
        let Some(text) = text else { return Ok(()) };
        taken_out.add_masked(&read.masked);
        left.push(ReceiptNote {
            id: read.note.id.clone(),
            version: read.version.clone(),
            pack: u32::try_from(planned.order[at].0).unwrap_or(u32::MAX),
        });
        target.write(&text)
    };
    reading.read(&places, write).await?;
    let mut withheld = reading.withheld;
    withheld.add_masked(&taken_out.masked);
    let (text, rendered) = rendering.end(&withheld).map_err(not_rendered)?;
    target.write(&text)?;
    let (target, bundle) = target.finish();
    let receipt = match receipt {
        None => None,
        Some(file) => {
            let asked = Signing {
                format,
                limit,
                bundle: bundle.clone(),
                withheld: withheld.clone(),
                over_budget: rendered.over_budget.len() as u64,
            };
            Some(planned.receipt(client, asked, left, file).await?)
        }
    };
    let file = target.finish()?;
    let receipt = match receipt {
        None => None,
        Some((receipt, says)) => Some(WrittenReceipt {
            file: receipt.finish()?.display().to_string(),
            says,
        }),
    };
    // It is written: that nobody could be told takes nothing back.
    let mut not_reported = false;
    for part in &planned.parts {
        let tell = TellExport {
            v: V1,
            export: part.wish.clone(),
            sha256: bundle.sha256.to_string(),
            bytes: bundle.bytes,
            file: file.is_some(),
        };
        not_reported |= client.call(&tell).await.is_err();
    }
    Ok(Written {
        v: V1,
        file: file.map(|file| file.display().to_string()),
        format,
        pack: head.pack,
        packs: head.packs,
        selection,
        max_sensitivity: head.selection.max_sensitivity,
        crosses_clients: head.selection.crosses_clients,
        notes: rendered.notes,
        withheld,
        tokens: rendered.tokens,
        estimator: ESTIMATOR,
        max_tokens: limit.map(|limit| limit.max_tokens),
        over_budget: rendered.over_budget,
        bytes: bundle.bytes,
        sha256: bundle.sha256,
        receipt,
        not_reported,
    })
}

/// A note as it was read.
struct Read {
    note: ExportedNote,
    version: Hex,
    masked: BTreeMap<String, u64>,
}

/// Notes of a plan, page by page, and what stays by now.
struct Reading<'a> {
    client: &'a Client,
    planned: &'a Planned,
    withheld: Withheld,
}

impl Reading<'_> {
    /// Hands over the notes at these places of the plan, as far as they may leave.
    async fn read(
        &mut self,
        places: &[usize],
        mut take: impl FnMut(usize, &Read, &Withheld) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut rest = places;
        while let Some(first) = rest.first() {
            let (part, _) = self.planned.order[*first];
            // A page is of one pack.
            let same = rest.iter().take(PAGE_NOTES);
            let same = same.take_while(|at| self.planned.order[**at].0 == part);
            let asked = &rest[..same.count()];
            let ids: Vec<String> = asked.iter().map(|at| self.planned.id(*at)).collect();
            let part = &self.planned.parts[part];
            let page = page(self.client, &part.wish, &ids).await?;
            self.withheld.add(&page.withheld);
            let read = page.notes.into_iter().zip(page.versions).zip(page.masked);
            let mut notes = read.peekable();
            for (at, id) in asked[..page.read].iter().zip(&ids) {
                if let Some(((mut note, version), masked)) = notes.next_if(|one| one.0.0.id == *id)
                {
                    note.pack = self.planned.names_packs().then(|| part.wish.pack.clone());
                    let read = Read {
                        note,
                        version,
                        masked,
                    };
                    take(*at, &read, &self.withheld)?;
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
        RenderError::TooMuch => Failure::new(Code::BadInput, format!("the export {error}"))
            .hint("take fewer notes, or another format"),
        RenderError::OverBudget { tokens, .. } => {
            let hint = format!(
                "--max-tokens {tokens} is the least that works, since what the document says beside its notes takes room too; --on-overflow trim leaves notes out"
            );
            Failure::new(Code::OverBudget, format!("the export {error}")).hint(hint)
        }
        error => Failure::new(Code::OverBudget, format!("the export {error}")),
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
    let is_whole = page.versions.len() == page.notes.len() && page.masked.len() == page.notes.len();
    if page.read == 0 || page.read > notes.len() || !is_whole {
        let failure = Failure::new(Code::Internal, "the daemon read no note of the export");
        return Err(failure.into());
    }
    Ok(page)
}

/// The receipt for a person.
fn in_words(written: &Written, file: Option<&std::path::Path>) -> String {
    let notes = |number| words::count(number, "note", "notes");
    let one = |pack: &ExportedPack| match pack.title.as_str() {
        "" => format!("pack {}", words::short(&pack.id)),
        title => words::inline(title),
    };
    let pack = match written.packs.is_empty() {
        true => one(&written.pack),
        false => written
            .packs
            .iter()
            .map(one)
            .collect::<Vec<_>>()
            .join(" and "),
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
    if !withheld.masked.is_empty() {
        let kinds = withheld
            .masked
            .iter()
            .map(|(kind, n)| format!("{n} {kind}"));
        let values = words::count(withheld.masked.values().sum(), "value", "values");
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        lines.push(format!("Taken out: {values} of personal data ({kinds})"));
    }
    if withheld.as_masked_copy > 0 {
        let copies = notes(withheld.as_masked_copy);
        lines.push(format!("In the place of {copies} stands the masked copy"));
    }
    if withheld.notes > 0 {
        let reasons = reasons(withheld);
        let reasons = reasons.iter().map(|(why, count)| format!("{count} {why}"));
        lines.push(format!(
            "Withheld: {} ({})",
            notes(withheld.notes),
            reasons.collect::<Vec<_>>().join(", ")
        ));
    }
    if withheld.copies > 0 {
        lines.push(format!(
            "Left out beside their originals: {}; to take them too: --with-copies",
            words::count(withheld.copies, "masked copy", "masked copies")
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
    if let Some(receipt) = &written.receipt {
        lines.push(format!(
            "Signed receipt: {0}; to check it: kitbag receipt verify {0}",
            words::inline(&receipt.file)
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            packs: vec![],
            selection: None,
            max_sensitivity: Sensitivity::Internal,
            crosses_clients: true,
            notes: 1,
            withheld: Withheld::default(),
            tokens: 90,
            estimator: ESTIMATOR,
            max_tokens: None,
            over_budget: vec![],
            bytes: 300,
            sha256: Hex(vec![7; 32]),
            receipt: None,
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
