//! `kitbag hygiene`: what is in the way in packs, and putting it away, after a plan.

use super::export::target::NewFile;
use crate::context::Context;
use crate::note_filter::FilterArgs;
use crate::table::Table;
use crate::{directory, input, launch, when, words};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use jiff::Zoned;
use kitbag_rpc::{
    ClientError, Code, DoHygiene, Failure, HygieneAct, HygieneAction, HygieneDone, HygieneFound,
    HygieneGo, HygieneGroup, HygieneKind, HygieneNote, HygieneWith, LookAtHygieneGoes,
    LookForHygiene, PackRef, Time, V1,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct HygieneArgs {
    #[command(subcommand)]
    command: HygieneCommand,
}

#[derive(Debug, Subcommand)]
enum HygieneCommand {
    /// Show what is stale, never read, over, kept too long, or nearly the same; changes nothing
    Report {
        /// The packs; all of this device if none is named
        packs: Vec<String>,
        /// Only of this kind: stale, never_read, expired, long_expired, over_retained or duplicate; can be said several times
        #[arg(long = "kind", value_name = "KIND", value_parser = kind(&HygieneKind::ALL))]
        kinds: Vec<HygieneKind>,
        #[command(flatten)]
        days: Days,
        #[command(flatten)]
        alike: Alike,
        #[command(flatten)]
        filter: FilterArgs,
        /// Notes to list of each kind, at most
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(HygieneFound::ROWS_MAX)))]
        limit: u32,
    },
    /// Mark notes as expired whose end is over, pinned ones too
    Expire {
        #[command(flatten)]
        go: Go,
    },
    /// Put one note in the place of those that are nearly the same
    Duplicates {
        #[command(flatten)]
        alike: Alike,
        /// Notes that are pinned too
        #[arg(long)]
        pinned: bool,
        #[command(flatten)]
        go: Go,
    },
    /// Delete notes that expired long ago, or are older than the pack's rules or --retention say; others
    /// only by --kind
    Prune {
        /// Of this kind: long_expired, over_retained, stale or never_read; can be said several times
        #[arg(long = "kind", value_name = "KIND", value_parser = kind(&PRUNED))]
        kinds: Vec<HygieneKind>,
        #[command(flatten)]
        days: Days,
        /// Notes that are pinned too
        #[arg(long)]
        pinned: bool,
        #[command(flatten)]
        go: Go,
    },
    /// Show how far the newest of these came, and write a receipt of one, also if it was cut off
    Goes {
        /// The pack; of this directory if it is left out
        pack: Option<String>,
        /// Write a signed receipt of what was done to this file
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
        /// Of the one with this number in the list, in which the newest is 1
        #[arg(long, value_name = "N", default_value_t = 1, requires = "receipt", value_parser = clap::value_parser!(u32).range(1..))]
        number: u32,
    },
}

/// Kinds that can be pruned.
const PRUNED: [HygieneKind; 4] = [
    HygieneKind::LongExpired,
    HygieneKind::OverRetained,
    HygieneKind::Stale,
    HygieneKind::NeverRead,
];

#[derive(Debug, Default, Args)]
struct Days {
    /// Days after which a note is stale that nobody changed or read
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = days())]
    stale: u32,
    /// Days after which a read of a note is to be expected
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = days())]
    unread: u32,
    /// Days after its end, at which a note expired long ago
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=36_500))]
    ended: u32,
    /// Days that notes may be kept after they were captured, if the pack's rules do not say fewer
    #[arg(long, value_name = "DAYS", value_parser = days())]
    retention: Option<u32>,
}

#[derive(Debug, Args)]
struct Alike {
    /// How alike notes are, at least, that count as the same, in percent: 60 to 100
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u16).range(60..=100))]
    similarity: u16,
    /// Compare the messages of conversations too
    #[arg(long)]
    messages: bool,
}

#[derive(Debug, Args)]
struct Go {
    /// The pack; of this directory if it is left out
    pack: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Notes that are in a selection of this device too
    #[arg(long)]
    selected: bool,
    /// Show the plan, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Write a signed receipt of what was done to this file
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "receipt")]
    force: bool,
}

fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=36_500)
}

fn kind(kinds: &'static [HygieneKind]) -> impl TypedValueParser<Value = HygieneKind> {
    PossibleValuesParser::new(kinds.iter().map(|one| one.as_str())).map(move |word| {
        kinds
            .iter()
            .copied()
            .find(|one| one.as_str() == word)
            .expect("the parser lets only these words through")
    })
}

/// What is planned or was done.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PutAway {
    v: V1,
    /// The pack.
    pack: PackRef,
    /// When it began; of a plan, when it was looked at. What is written has this time.
    at: Time,
    /// Notes in the plan.
    planned: u64,
    /// Notes that are as in the way as those, and wait for the next go: one has at most 10,000.
    more: u64,
    /// Notes to which it was done.
    done: u64,
    /// The notes, with those that stay.
    notes: Vec<Row>,
    /// Notes that were not compared with everything that they could be like.
    not_compared: u64,
    /// Whether this is only a plan.
    dry_run: bool,
    /// The file with the signed receipt, if one was asked for and something was done.
    receipt: Option<String>,
}

/// A note of a plan.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Row {
    #[serde(flatten)]
    note: HygieneNote,
    /// Why it is in the plan.
    kind: HygieneKind,
    /// What is to become of it.
    act: HygieneAct,
    /// What replaces it.
    by: Option<String>,
    /// How much of both is common, in thousandths.
    similarity: Option<u16>,
    /// Whether it was done.
    done: bool,
    #[serde(skip)]
    by_version: Option<kitbag_rpc::Hex>,
}

pub(super) async fn run(context: &Context, args: HygieneArgs) -> anyhow::Result<()> {
    match args.command {
        HygieneCommand::Report {
            packs,
            kinds,
            days,
            alike,
            filter,
            limit,
        } => {
            let call = LookForHygiene {
                packs,
                kinds,
                filter: filter.filter()?,
                similarity: Some(alike.similarity),
                messages: alike.messages,
                limit: Some(limit),
                ..asked(&days)
            };
            let client = launch::client(context).await?;
            let found = client.call(&call).await?;
            match context.out.is_json() {
                true => context.out.document(&found),
                false => report(context, &found, &days),
            }
        }
        HygieneCommand::Expire { go } => {
            let call = LookForHygiene {
                kinds: vec![HygieneKind::Expired],
                ..LookForHygiene::default()
            };
            put_away(context, call, go, HygieneAct::Expire).await
        }
        HygieneCommand::Duplicates { alike, pinned, go } => {
            let call = LookForHygiene {
                kinds: vec![HygieneKind::Duplicate],
                similarity: Some(alike.similarity),
                messages: alike.messages,
                pinned,
                ..LookForHygiene::default()
            };
            put_away(context, call, go, HygieneAct::Supersede).await
        }
        HygieneCommand::Prune {
            kinds,
            days,
            pinned,
            go,
        } => {
            let kinds = match kinds.is_empty() {
                true => vec![HygieneKind::LongExpired, HygieneKind::OverRetained],
                false => kinds,
            };
            let call = LookForHygiene {
                kinds,
                pinned,
                ..asked(&days)
            };
            put_away(context, call, go, HygieneAct::Delete).await
        }
        HygieneCommand::Goes {
            pack,
            receipt,
            number,
        } => goes(context, pack, receipt, number).await,
    }
}

fn asked(days: &Days) -> LookForHygiene {
    LookForHygiene {
        stale_days: Some(days.stale),
        unread_days: Some(days.unread),
        ended_days: Some(days.ended),
        retention_days: days.retention,
        ..LookForHygiene::default()
    }
}

/// Plans, asks, and does.
async fn put_away(
    context: &Context,
    call: LookForHygiene,
    go: Go,
    act: HygieneAct,
) -> anyhow::Result<()> {
    let receipt = go.receipt.as_deref();
    let receipt = receipt.map(|path| NewFile::open(path, go.force));
    let receipt = receipt.transpose()?; // before anything is done
    let client = launch::client(context).await?;
    let call = LookForHygiene {
        packs: vec![directory::pack(context, &client, go.pack).await?],
        filter: go.filter.filter()?,
        selected: go.selected,
        limit: Some(HygieneFound::ROWS_MAX),
        ..call
    };
    let found = client.call(&call).await?;
    let mut plan = planned(found, act)?;
    if go.dry_run || plan.planned == 0 {
        plan.dry_run = go.dry_run;
        return told(context, &plan, act);
    }
    if !go.yes {
        if !context.out.is_json() {
            listed(context, &plan)?;
        }
        let terms = in_words(&plan, act);
        let pack = words::pack(&plan.pack);
        input::confirm(context.out, &terms, &format!("Go on in {pack}?"))?;
    }
    let call = DoHygiene {
        v: V1,
        pack: plan.pack.id.clone(),
        actions: plan.notes.iter().filter_map(Row::action).collect(),
        receipt: receipt.is_some(),
    };
    let done = client.call(&call).await;
    let done = done.map_err(|error| cut_off(error, &plan.pack))?;
    let signed = note_done(&mut plan, done);
    if let (Some(mut file), Some(signed)) = (receipt, signed) {
        file.write(&signed)?;
        plan.receipt = Some(file.finish()?.display().to_string());
    }
    told(context, &plan, act)
}

/// An error in the middle of a go says where to see how far it came.
fn cut_off(error: ClientError, pack: &PackRef) -> anyhow::Error {
    let before_it = match &error {
        ClientError::DaemonUnreachable { .. } => true,
        ClientError::Failed(failure) => !matches!(
            failure.code,
            Code::Storage | Code::Integrity | Code::Internal
        ),
        _ => false,
    };
    if before_it {
        return error.into();
    }
    let failure = error.into_failure();
    let goes = format!(
        "what was done before it stopped: kitbag hygiene goes {}",
        words::short(&pack.id)
    );
    let hint = match &failure.hint {
        Some(hint) => format!("{hint}; {goes}"),
        None => goes,
    };
    failure.hint(hint).into()
}

/// How far goes came.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Goes {
    v: V1,
    /// The pack.
    pack: PackRef,
    /// Those that did something, the newest first; of the newest eight.
    goes: Vec<HygieneGo>,
    /// The file with the signed receipt, if one was asked for.
    receipt: Option<String>,
}

async fn goes(
    context: &Context,
    pack: Option<String>,
    receipt: Option<PathBuf>,
    number: u32,
) -> anyhow::Result<()> {
    let file = receipt.as_deref().map(|path| NewFile::open(path, false));
    let file = file.transpose()?;
    let client = launch::client(context).await?;
    let mut call = LookAtHygieneGoes {
        v: V1,
        pack: directory::pack(context, &client, pack).await?,
        receipt_of: None,
    };
    let mut found = client.call(&call).await?;
    let mut receipt = None;
    if let Some(mut file) = file {
        let of = found.goes.get(number as usize - 1).ok_or_else(|| {
            let message = format!("there is no go with the number {number} in this pack");
            Failure::new(Code::NotFound, message)
                .hint("kitbag hygiene goes PACK lists the newest eight that did something")
        })?;
        call.receipt_of = Some(of.at);
        call.pack.clone_from(&found.pack.id);
        let signed = client.call(&call).await?;
        let signed = signed.receipt.map(|signed| signed.0);
        let signed = signed.ok_or_else(|| anyhow::anyhow!("the answer holds no receipt"))?;
        file.write(&signed)?;
        receipt = Some(file.finish()?.display().to_string());
    }
    let goes = Goes {
        v: V1,
        pack: found.pack,
        goes: std::mem::take(&mut found.goes),
        receipt,
    };
    if context.out.is_json() {
        return context.out.document(&goes);
    }
    if goes.goes.is_empty() {
        let pack = words::pack(&goes.pack);
        context
            .out
            .say(format!("Nothing was put away in {pack} yet."));
    }
    let now = Zoned::now();
    let mut table = Table::new(["number", "began", "put away", "stay", "not reached"], 1);
    for (go, number) in goes.goes.iter().zip(1..) {
        let [number, done, left, unreached]: [String; 4] =
            [number, go.done, go.left.values().sum(), go.unreached].map(|of: u64| of.to_string());
        let began = when::shown_in_full(go.at, &now);
        table.row([&number, &began, &done, &left, &unreached]);
    }
    table.print(context.out)?;
    if let Some(file) = &goes.receipt {
        receipt_line(context, file);
    }
    Ok(())
}

fn receipt_line(context: &Context, file: &String) {
    context.out.say(format!(
        "Receipt: {file}. To check it: kitbag receipt verify {}",
        words::shell(std::slice::from_ref(file))
    ));
}

fn planned(found: HygieneFound, act: HygieneAct) -> anyhow::Result<PutAway> {
    let mut totals = (0, 0);
    for of in found.kinds.values() {
        totals = (totals.0 + of.total, totals.1 + of.left);
    }
    let mut notes: Vec<Row> = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut listed = 0;
    for (kind, of) in found.kinds {
        listed += of.notes.len() as u64;
        for note in of.notes {
            // In the way for two reasons, but put away once.
            if known.insert(note.id.clone()) {
                notes.push(Row {
                    note,
                    kind,
                    act,
                    by: None,
                    similarity: None,
                    done: false,
                    by_version: None,
                });
            }
        }
    }
    for HygieneGroup { kept, others, .. } in found.groups {
        for other in others {
            listed += 1;
            notes.push(Row {
                note: other.note,
                kind: HygieneKind::Duplicate,
                act,
                by: Some(kept.id.clone()),
                similarity: Some(other.similarity),
                done: false,
                by_version: Some(kept.version.clone()),
            });
        }
    }
    let pack = found.packs.into_iter().next();
    Ok(PutAway {
        v: V1,
        pack: pack.ok_or_else(|| anyhow::anyhow!("the answer names no pack"))?,
        at: found.at,
        planned: notes.iter().filter(|row| row.note.left.is_none()).count() as u64,
        more: totals.0.saturating_sub(listed),
        done: 0,
        notes,
        not_compared: found.not_compared,
        dry_run: false,
        receipt: None,
    })
}

impl Row {
    fn action(&self) -> Option<HygieneAction> {
        self.note.left.is_none().then(|| HygieneAction {
            note: self.note.id.clone(),
            version: self.note.version.clone(),
            act: self.act,
            why: Some(self.kind),
            by: self.by.clone(),
            by_version: self.by_version.clone(),
            along: (self.note.along.iter())
                .map(|with| HygieneWith {
                    note: with.id.clone(),
                    version: with.version.clone(),
                })
                .collect(),
        })
    }
}

/// Notes what was done in the plan; gives the receipt.
fn note_done(plan: &mut PutAway, done: HygieneDone) -> Option<Vec<u8>> {
    let acted: BTreeMap<&str, &[String]> = (done.done.iter())
        .map(|one| (one.note.as_str(), &one.along[..]))
        .collect();
    let left: BTreeMap<&str, &str> = (done.left.iter())
        .map(|one| (one.note.as_str(), one.why.as_str()))
        .collect();
    for row in &mut plan.notes {
        if let Some(went) = acted.get(row.note.id.as_str()) {
            row.done = true;
            row.note.along.retain(|with| went.contains(&with.id));
        }
        if let Some(why) = left.get(row.note.id.as_str()) {
            row.note.left = Some((*why).to_owned());
        }
    }
    plan.at = done.at;
    plan.done = acted.len() as u64;
    done.receipt.map(|signed| signed.0)
}

fn told(context: &Context, plan: &PutAway, act: HygieneAct) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(plan);
    }
    if plan.dry_run {
        listed(context, plan)?;
    }
    context.out.say(in_words(plan, act));
    if let Some(file) = &plan.receipt {
        receipt_line(context, file);
    }
    Ok(())
}

fn listed(context: &Context, plan: &PutAway) -> anyhow::Result<()> {
    let now = Zoned::now();
    let mut table = Table::new(["id", "sensitivity", "title", "why", "becomes"], 2);
    for row in &plan.notes {
        let id = words::listed_id(context.out, &row.note.id);
        let why = match row.similarity {
            Some(alike) => format!("{} alike", percent(alike)),
            None => why(&row.note, &now),
        };
        let becomes = match (&row.note.left, row.act) {
            (Some(left), _) => format!("stays: {}", stays(left)),
            (None, HygieneAct::Expire) => "expired".to_owned(),
            (None, HygieneAct::Delete) => "deleted".to_owned(),
            (None, HygieneAct::Supersede) => {
                let by = row.by.as_deref().unwrap_or_default();
                format!("replaced by {}", words::short(by))
            }
        };
        let level = row.note.sensitivity.as_str();
        table.row([id, level, &row.note.title, &why, &becomes]);
    }
    Ok(table.print(context.out)?)
}

fn in_words(plan: &PutAway, act: HygieneAct) -> String {
    let pack = words::pack(&plan.pack);
    let (would, did) = match act {
        HygieneAct::Expire => ("marked as expired", "Marked as expired"),
        HygieneAct::Supersede => ("replaced by another one", "Replaced by another one"),
        HygieneAct::Delete => ("deleted", "Deleted"),
    };
    let notes = |number| words::count(number, "note", "notes");
    let along = |of: fn(&Row) -> bool| -> String {
        let along: usize = (plan.notes.iter().filter(|row| of(row)))
            .map(|row| row.note.along.len())
            .sum();
        match along {
            0 => String::new(),
            along => format!(
                ", with {} that go along",
                words::count(
                    along as u64,
                    "original or masked copy",
                    "originals or masked copies"
                )
            ),
        }
    };
    let mut lines = Vec::new();
    if plan.planned == 0 {
        lines.push(format!("Nothing to do in {pack}."));
    } else if plan.done > 0 || (!plan.dry_run && plan.notes.iter().any(|row| row.done)) {
        let along = along(|row| row.done);
        lines.push(format!("{did} in {pack}: {}{along}.", notes(plan.done)));
        lines.push(format!(
            "To take it back: kitbag undo {}",
            words::short(&plan.pack.id)
        ));
    } else {
        let along = along(|row| row.note.left.is_none());
        let nothing = if plan.dry_run {
            "Nothing was changed. "
        } else {
            ""
        };
        lines.push(format!(
            "{nothing}In {pack} would be {would}: {}{along}.",
            notes(plan.planned)
        ));
    }
    let mut left: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &plan.notes {
        if let Some(why) = &row.note.left {
            *left.entry(why).or_default() += 1;
        }
    }
    for (why, number) in left {
        lines.push(format!("{} as it is: {}", stay(number), stays(why)));
    }
    if plan.more > 0 {
        lines.push(format!(
            "{} more in the way: do it again for the next",
            words::count(plan.more, "note is", "notes are")
        ));
    }
    lines.extend(not_compared(plan.not_compared));
    lines.join("\n")
}

fn stay(number: u64) -> String {
    words::count(number, "note stays", "notes stay")
}

fn not_compared(number: u64) -> Option<String> {
    (number > 0).then(|| {
        format!(
            "{} not compared with everything that they could be like; name fewer packs, or filter",
            words::count(number, "note was", "notes were")
        )
    })
}

fn stays(left: &str) -> &str {
    match left {
        "pinned" => "pinned (--pinned takes it too)",
        "selected" => "in a selection (--selected takes it too)",
        "not_allowed" => "you may not write there",
        "changed" => "it, or what goes with it, changed meanwhile",
        "kept_changed" => "what should replace it changed meanwhile",
        "gone" => "it is gone",
        "unreadable" => "it, or a note that goes with it, cannot be read (kitbag doctor)",
        "done" => "it was put away before",
        other => other,
    }
}

fn why(note: &HygieneNote, now: &Zoned) -> String {
    let since = note.since.map(|since| when::shown(since, now));
    let since = since.unwrap_or_default();
    match note.why.as_str() {
        "untouched" => format!("not changed or read since {since}"),
        "review_due" => format!("review was due {since}"),
        "no_longer_valid" => format!("valid until {since}"),
        "no_read_reported" => format!("here since {since}, no read reported"),
        "past_end" => format!("ended {since}"),
        "marked_expired" => format!("marked as expired {since}"),
        "past_retention" => format!("captured {since}"),
        other => other.to_owned(),
    }
}

/// Thousandths in percent, never rounded up.
fn percent(alike: u16) -> String {
    format!("{} %", alike / 10)
}

fn report(context: &Context, found: &HygieneFound, days: &Days) -> anyhow::Result<()> {
    let out = context.out;
    let now = Zoned::now();
    let mut lines = vec![format!(
        "{} looked at in {}",
        words::count(found.looked_at, "note", "notes"),
        words::count(found.packs.len() as u64, "pack", "packs")
    )];
    for (kind, of) in &found.kinds {
        let left = match of.left {
            0 => String::new(),
            left => format!(" ({left} pinned, selected or not yours to change)"),
        };
        lines.push(format!("{}: {}{left}", title(*kind, days, found), of.total));
    }
    out.data(lines.join("\n"))?;
    for (kind, of) in &found.kinds {
        if of.notes.is_empty() {
            continue;
        }
        out.data(format!("\n{}", title(*kind, days, found)))?;
        let mut table = Table::new(["id", "sensitivity", "title", "why"], 2);
        for note in &of.notes {
            let id = words::listed_id(out, &note.id);
            table.row([id, note.sensitivity.as_str(), &note.title, &why(note, &now)]);
        }
        table.print(out)?;
        more(context, of.total, of.notes.len());
    }
    for group in &found.groups {
        let kept = &group.kept;
        out.data(format!(
            "\nNearly the same as {} “{}”, which would stay ({}):",
            words::short(&kept.id),
            words::inline(&kept.title),
            because(&group.because)
        ))?;
        let mut table = Table::new(["id", "sensitivity", "title", "alike"], 2);
        for other in &group.others {
            let id = words::listed_id(out, &other.note.id);
            let level = other.note.sensitivity.as_str();
            table.row([id, level, &other.note.title, &percent(other.similarity)]);
        }
        table.print(out)?;
    }
    if let Some(of) = found.kinds.get(&HygieneKind::Duplicate) {
        let listed = found.groups.iter().map(|group| group.others.len()).sum();
        more(context, of.total, listed);
    }
    if found.unreadable > 0 {
        out.say(format!(
            "{} not open from disk and could not be looked at: kitbag doctor",
            words::count(found.unreadable, "note does", "notes do")
        ));
    }
    if let Some(line) = not_compared(found.not_compared) {
        out.say(line);
    }
    out.say(format!(
        "Reads are {}; they are known here since {}.",
        found.reads.basis,
        when::shown(found.reads.since, &now)
    ));
    if found.reads.waiting > 0 {
        let waiting = words::count(found.reads.waiting, "report waits", "reports wait");
        out.say(format!("{waiting} for a key from another member."));
    }
    Ok(())
}

fn more(context: &Context, total: u64, listed: usize) {
    let more = total.saturating_sub(listed as u64);
    if more > 0 {
        let more = words::count(more, "note", "notes");
        context.out.say(format!("{more} more: --limit"));
    }
}

fn title(kind: HygieneKind, days: &Days, found: &HygieneFound) -> String {
    match kind {
        HygieneKind::Stale => format!("Stale ({} days, or review or validity is over)", days.stale),
        HygieneKind::NeverRead => format!("No read reported in {} days", days.unread),
        HygieneKind::Expired => "Expired and still in use".to_owned(),
        HygieneKind::LongExpired => format!("Expired {} days ago or more", days.ended),
        HygieneKind::OverRetained => {
            // What the only pack says, or what is asked for: the lesser counts.
            let ruled: Vec<u64> = found.retention_days.values().copied().collect();
            match (ruled.as_slice(), days.retention.map(u64::from)) {
                ([], None) => "Kept too long (no pack says how long: --retention DAYS)".to_owned(),
                ([], Some(days)) => format!("Captured more than {days} days ago"),
                ([days], None) if found.packs.len() == 1 => {
                    format!("Captured more than {days} days ago, as the pack's rules say")
                }
                (_, None) => "Kept longer than the rules of the pack say".to_owned(),
                (_, Some(days)) => {
                    format!("Captured more than {days} days ago, or than the pack's rules say")
                }
            }
        }
        HygieneKind::Duplicate => "Nearly the same as another".to_owned(),
    }
}

fn because(word: &str) -> &str {
    match word {
        "pinned" => "it is pinned",
        "referred_to" => "other notes refer to it",
        "longest" => "it has the most text",
        "newest" => "it was changed last",
        "same" => "nothing speaks for another",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{
        Hex, HygieneDuplicate, HygieneLeft, HygieneOfKind, HygieneReads, Sensitivity,
    };

    fn note(id: &str, left: Option<&str>) -> HygieneNote {
        HygieneNote {
            id: id.into(),
            pack: "packpackpack".into(),
            title: "a\u{1b}title".into(),
            sensitivity: Sensitivity::Internal,
            status: "active".into(),
            captured_at: Time::from_millis(0),
            changed_at: Time::from_millis(0),
            read_at: None,
            why: "past_end".into(),
            since: Some(Time::from_millis(0)),
            along: vec![],
            left: left.map(str::to_owned),
            version: Hex(vec![1; 32]),
        }
    }

    fn found() -> HygieneFound {
        let of = |notes: Vec<HygieneNote>| HygieneOfKind {
            total: notes.len() as u64 + 3,
            left: 1,
            notes,
        };
        HygieneFound {
            v: V1,
            at: Time::from_millis(5),
            packs: vec![PackRef {
                id: "packpackpack".into(),
                title: "Acme".into(),
                name: None,
                archived: false,
            }],
            looked_at: 9,
            unreadable: 0,
            kinds: [
                (
                    HygieneKind::LongExpired,
                    of(vec![note("a", None), note("b", Some("pinned"))]),
                ),
                (HygieneKind::OverRetained, of(vec![note("a", None)])),
            ]
            .into(),
            groups: vec![],
            groups_total: 0,
            not_compared: 0,
            retention_days: BTreeMap::new(),
            reads: HygieneReads {
                since: Time::from_millis(0),
                waiting: 0,
                basis: HygieneReads::BASIS.into(),
            },
        }
    }

    /// Goal: a note that is in the way for two reasons is put away once; what stays is in no action; what
    /// is not listed is said.
    #[test]
    fn a_plan_names_each_note_once_and_says_what_stays() {
        let mut plan = planned(found(), HygieneAct::Delete).unwrap();
        assert_eq!((plan.planned, plan.notes.len(), plan.more), (1, 2, 6));
        let actions: Vec<_> = plan.notes.iter().filter_map(Row::action).collect();
        assert_eq!(actions.len(), 1);
        assert_eq!(actions[0].note, "a");
        let told = in_words(&plan, HygieneAct::Delete);
        assert!(told.contains("would be deleted: 1 note."), "{told}");
        assert!(told.contains("1 note stays as it is: pinned"), "{told}");
        let done = HygieneDone {
            v: V1,
            pack: plan.pack.clone(),
            at: Time::from_millis(6),
            done: vec![],
            left: vec![HygieneLeft {
                note: "a".into(),
                why: "changed".into(),
            }],
            receipt: None,
        };
        assert_eq!(note_done(&mut plan, done), None);
        let told = in_words(&plan, HygieneAct::Delete);
        assert!(told.contains("goes with it, changed meanwhile"), "{told}");
        assert!(!told.contains("Deleted in"), "{told}");
    }

    /// Goal: what stopped in the middle says where to see how far it came; what was refused before anything
    /// was done says nothing of it.
    #[test]
    fn an_error_in_the_middle_says_where_to_see_how_far_it_came() {
        let pack = found().packs.remove(0);
        let hint = |error| {
            let failure = cut_off(error, &pack);
            let failure = match failure.downcast::<ClientError>() {
                Ok(error) => error.into_failure(),
                Err(failure) => failure.downcast::<Failure>().unwrap(),
            };
            failure.hint.unwrap_or_default()
        };
        let goes = "what was done before it stopped: kitbag hygiene goes packpackpa";
        assert_eq!(hint(ClientError::HungUp), goes);
        let full = Failure::new(Code::Storage, "the disk is full").hint("make room");
        let told = hint(ClientError::Failed(full));
        assert_eq!(told, format!("make room; {goes}"));
        let refused = Failure::new(Code::BadInput, "actions: too many");
        assert_eq!(hint(ClientError::Failed(refused)), "");
    }

    #[test]
    fn what_is_kept_too_long_says_by_whose_word() {
        let told = |ruled: &[(&str, u64)], asked: Option<u32>| {
            let days = Days {
                retention: asked,
                ..Days::default()
            };
            let ruled = ruled.iter().map(|(pack, days)| ((*pack).to_owned(), *days));
            let found = HygieneFound {
                retention_days: ruled.collect(),
                ..found()
            };
            title(HygieneKind::OverRetained, &days, &found)
        };
        assert!(told(&[], None).contains("--retention"));
        assert_eq!(told(&[], Some(9)), "Captured more than 9 days ago");
        let own = told(&[("packpackpack", 30)], None);
        assert_eq!(
            own,
            "Captured more than 30 days ago, as the pack's rules say"
        );
        assert!(told(&[("packpackpack", 30)], Some(9)).contains("9 days ago, or than"));
        assert!(told(&[("a", 3), ("b", 4)], None).contains("the rules of the pack"));
    }

    #[test]
    fn duplicates_are_replaced_by_what_stays_as_it_was_looked_at() {
        let mut found = found();
        found.kinds.clear();
        found.groups = vec![HygieneGroup {
            kept: HygieneNote {
                version: Hex(vec![7; 32]),
                ..note("k", None)
            },
            because: "longest".into(),
            others: vec![HygieneDuplicate {
                note: note("a", None),
                similarity: 999,
            }],
        }];
        let plan = planned(found, HygieneAct::Supersede).unwrap();
        let action = plan.notes[0].action().unwrap();
        assert_eq!(action.by.as_deref(), Some("k"));
        assert_eq!(action.by_version, Some(Hex(vec![7; 32])));
        assert_eq!(percent(999), "99 %");
    }
}
