//! `kitbag audit`: what devices reported of reads, exports and denials, and whether it holds.

use crate::context::Context;
use crate::past::parse_past;
use crate::table::Table;
use crate::{directory, input, launch, when, words};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use jiff::Zoned;
use kitbag_rpc::{
    Audit, AuditDevice, AuditExport, AuditKept, AuditKind, AuditRow, AuditVerified, Client, Code,
    Failure, KeepAudit, ReadAudit, V1, VerifyAudit,
};

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Show what was read, exported, refused and changed in a pack, newest first
    Log {
        /// The pack; of this directory if it is left out
        pack: Option<String>,
        /// What this device keeps for itself, because no pack takes it
        #[arg(long, conflicts_with = "pack")]
        device: bool,
        #[command(flatten)]
        filter: Filter,
        /// How many rows, at most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(Audit::ROWS_MAX)))]
        limit: u32,
    },
    /// Show who read a note, or took it in an export
    WhoRead {
        /// The start of the note's id
        note: String,
    },
    /// Check, from disk, that nothing that devices reported was changed or left out since
    Verify {
        /// The pack; of this directory if it is left out
        pack: Option<String>,
    },
    /// Print all rows of a pack, oldest last, one JSON document a line; without titles
    Export {
        /// The pack
        pack: String,
        #[command(flatten)]
        filter: Filter,
        /// In which format
        #[arg(long, value_name = "FORMAT", default_value = "jsonl", value_parser = ["jsonl"])]
        format: String,
    },
    /// Say for how many days reports are shown on this device, or show it
    Keep {
        /// From now on
        #[arg(value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
        /// Only say what that would delete
        #[arg(long, requires = "days")]
        dry_run: bool,
        /// Do not ask
        #[arg(long, requires = "days")]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Filter {
    /// Only what happened since then: 2d, yesterday, 2026-11-20
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    since: Option<String>,
    /// Only what happened before then
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    until: Option<String>,
    /// Only on devices of this person, on this device, or through this program or agent
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// Only of this kind: read, export, denial, policy or unknown; can be said several times
    #[arg(long = "kind", value_name = "KIND", value_parser = kind())]
    kinds: Vec<AuditKind>,
}

fn kind() -> impl TypedValueParser<Value = AuditKind> {
    let all = AuditKind::ALL;
    PossibleValuesParser::new(all.map(AuditKind::as_str)).map(move |word| {
        all.into_iter()
            .find(|one| one.as_str() == word)
            .expect("the parser lets only these words through")
    })
}

/// Rows that one page of an export asks for.
const PAGE_ROWS: u32 = Audit::ROWS_MAX;

pub(super) async fn run(context: &Context, args: AuditArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let now = Zoned::now();
    match args.command {
        AuditCommand::Log {
            pack,
            device,
            filter,
            limit,
        } => {
            let pack = match device {
                true => None,
                false => Some(directory::pack(context, &client, pack).await?),
            };
            let call = ReadAudit {
                pack,
                titles: true,
                limit: Some(limit),
                ..asked(filter, &now)?
            };
            let audit = client.call(&call).await?;
            shown(context, &audit, &now)
        }
        AuditCommand::WhoRead { note } => {
            let call = ReadAudit {
                note: Some(note),
                titles: true,
                limit: Some(PAGE_ROWS),
                ..ReadAudit::default()
            };
            let audit = client.call(&call).await?;
            shown(context, &audit, &now)
        }
        AuditCommand::Verify { pack } => {
            let pack = directory::pack(context, &client, pack).await?;
            let verified = client.call(&VerifyAudit { v: V1, pack }).await?;
            match context.out.is_json() {
                true => context.out.document(&verified)?,
                false => context.out.data(in_words(&verified, &now))?,
            }
            match verified.holds {
                true => Ok(()),
                false => Err(Failure::new(
                    Code::Integrity,
                    "something that was reported is not what its device wrote",
                )
                .hint("kitbag doctor looks at the disk; another member's device may hold all of it")
                .into()),
            }
        }
        AuditCommand::Export { pack, filter, .. } => {
            let call = ReadAudit {
                pack: Some(pack),
                limit: Some(PAGE_ROWS),
                whole: true,
                ..asked(filter, &now)?
            };
            export(context, &client, call).await
        }
        AuditCommand::Keep { days, dry_run, yes } => {
            let keep = |days, dry_run| KeepAudit {
                v: V1,
                days,
                dry_run,
            };
            if dry_run {
                let kept = client.call(&keep(days, true)).await?;
                return kept_in_words(context, &kept);
            }
            let before = client.call(&keep(None, false)).await?;
            if let Some(days) = days.filter(|days| *days < before.days && !yes) {
                let terms = format!(
                    "What only this device reported to itself is deleted after {}, not {}.",
                    words::count(u64::from(days), "day", "days"),
                    before.days
                );
                input::confirm(context.out, &terms, "Keep it no longer than that?")?;
            }
            let kept = client.call(&keep(days, false)).await?;
            kept_in_words(context, &kept)
        }
    }
}

fn kept_in_words(context: &Context, kept: &AuditKept) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(kept);
    }
    let days = words::count(u64::from(kept.days), "day", "days");
    let deleted = words::count(kept.deleted, "report", "reports");
    let mut shown = match kept.dry_run {
        true => format!("Reports would be shown here for {days}"),
        false => format!("Reports are shown here for {days}"),
    };
    shown += "; older ones stay sealed in the packs' logs";
    shown += &match (kept.deleted, kept.dry_run) {
        (0, false) => String::new(),
        (0, true) => "\nNothing that only this device kept would be deleted now".to_owned(),
        (_, true) => format!("\n{deleted} that only this device kept would be deleted now"),
        (_, false) => format!("\nDeleted: {deleted} that only this device kept"),
    };
    Ok(context.out.data(shown)?)
}

fn asked(filter: Filter, now: &Zoned) -> Result<ReadAudit, Failure> {
    let moment =
        |text: Option<String>, option| text.map(|text| parse_past(&text, option, now)).transpose();
    Ok(ReadAudit {
        since: moment(filter.since, "--since")?,
        until: moment(filter.until, "--until")?,
        who: filter.who,
        kinds: filter.kinds,
        ..ReadAudit::default()
    })
}

/// All rows, a page at a time: a line each, or in one document.
async fn export(context: &Context, client: &Client, mut call: ReadAudit) -> anyhow::Result<()> {
    let mut whole: Option<Audit> = None;
    loop {
        let page = client.call(&call).await?;
        // The pack by its id from here on: somebody may give its name to another one meanwhile.
        call.pack = page.pack.as_ref().map(|pack| pack.id.clone());
        let (rows, total) = (page.rows.len() as u64, page.total);
        call.skip += rows;
        if context.out.is_json() {
            match &mut whole {
                None => whole = Some(page),
                Some(whole) => whole.rows.extend(page.rows),
            }
        } else {
            for row in &page.rows {
                context.out.data(serde_json::to_string(row)?)?;
            }
        }
        // An answer ends early where rows are long.
        if rows == 0 || call.skip >= total {
            break;
        }
    }
    match &whole {
        Some(whole) => context.out.document(whole),
        None => {
            context.out.say(BASIS);
            Ok(())
        }
    }
}

const BASIS: &str =
    "As reported by devices: one that is silent or lies, and whoever copies by hand, is not in it.";

fn shown(context: &Context, audit: &Audit, now: &Zoned) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(audit);
    }
    if audit.rows.is_empty() {
        context.out.data("Nothing was reported.")?;
    }
    let mut table = Table::new(["when", "who", "what", "of", "how", "note"], 3);
    for row in &audit.rows {
        let at = match context.out.terminal() {
            // It is evidence: with its date.
            Some(_) => when::shown_in_full(row.until, now),
            None => row.until.to_string(),
        };
        table.row([
            &at,
            &who(row),
            &what(row),
            &of(context, row),
            &how(row),
            state(row),
        ]);
    }
    table.print(context.out)?;
    let more = audit.total.saturating_sub(audit.rows.len() as u64);
    if more > 0 {
        context.out.say(format!(
            "{} more: --limit, --since, --kind",
            words::count(more, "row", "rows")
        ));
    }
    for line in cut(audit) {
        context.out.say(line);
    }
    if audit.waiting > 0 {
        let waiting = words::count(audit.waiting, "report waits", "reports wait");
        context
            .out
            .say(format!("{waiting} for a key from another member"));
    }
    if !audit.readable.is_empty() && audit.readable.len() < 4 {
        let highest = audit.readable.iter().max().map(|level| level.title());
        context.out.say(format!(
            "You see what concerns notes up to {}.",
            highest.unwrap_or_default()
        ));
    }
    context.out.say(BASIS);
    Ok(())
}

/// What is not to be seen in a list, or is there because one device told so much.
fn cut(audit: &Audit) -> Vec<String> {
    let mut lines = vec![];
    if audit.ahead > 0 {
        let rows = words::count(audit.ahead, "row has", "rows have");
        lines.push(format!(
            "{rows} a time that lies ahead: last of all, and left out by --since and --until"
        ));
    }
    if let Some(most) = &audit.most
        && audit.total > audit.rows.len() as u64
    {
        let device = words::short(&most.device);
        lines.push(format!(
            "{} of {} rows are of device {device}: --who shows others",
            most.rows, audit.total
        ));
    }
    if audit.beyond > 0 {
        let rows = words::count(audit.beyond, "row is", "rows are");
        lines.push(format!(
            "{rows} beyond every list, the oldest of devices that told most: --since, --until, --who"
        ));
    }
    lines
}

fn who(row: &AuditRow) -> String {
    let person = match &row.by {
        Some(by) if by.is_me => "you".to_owned(),
        Some(by) => by.name.clone(),
        None => words::short(&row.device).to_owned(),
    };
    match &row.device_name {
        Some(device) => format!("{person} ({device})"),
        None => person,
    }
}

fn what(row: &AuditRow) -> String {
    let what = match row.kind {
        AuditKind::Read if row.part.as_deref() == Some("history") => "read all versions of",
        AuditKind::Read => "read",
        AuditKind::Export => match &row.export {
            Some(export) if export.into.is_some() => "took into another pack",
            Some(export) if is_document(export) => "wrote the exported document",
            Some(export) if export.held == 0 => "kept back in an export",
            _ => "exported",
        },
        AuditKind::Denial => "was refused",
        AuditKind::Policy => match row.policy.as_ref().map(|policy| policy.act.as_str()) {
            Some("create") => "made the pack",
            Some("grant") => "gave a role to",
            Some("remove") => "removed",
            Some("leave") => "left",
            Some("invite") => "made a ticket",
            Some("admit") => "let in",
            Some("close") => "closed a ticket",
            Some("rules") => "set the rules",
            _ => "changed the policy",
        },
        AuditKind::Unknown => "something newer than this program",
    };
    match row.times {
        0 | 1 => what.to_owned(),
        times => format!("{what} ({times} times)"),
    }
}

fn of(context: &Context, row: &AuditRow) -> String {
    if let Some(note) = &row.note {
        let id = words::listed_id(context.out, note);
        return match row.title.as_deref() {
            None | Some("") => id.to_owned(),
            Some(title) => format!("{id} {title}"),
        };
    }
    if let Some(export) = &row.export {
        return of_export(export);
    }
    if let Some(denial) = &row.denial {
        return format!("{}: {}", denial.asked, denial.rule);
    }
    let concerned = row.policy.as_ref().and_then(|policy| policy.of.as_ref());
    match concerned {
        Some(of) if of.is_me => "you".to_owned(),
        Some(of) => of.name.clone(),
        None => String::new(),
    }
}

/// Whether a row says what was written of an export, and nothing of what it held.
fn is_document(export: &AuditExport) -> bool {
    export.held == 0 && export.sha256.is_some()
}

fn of_export(export: &AuditExport) -> String {
    let mut parts = vec![];
    if export.held > 0 {
        parts.push(words::count(u64::from(export.held), "note", "notes"));
    }
    let stayed: u64 = export.withheld.values().copied().map(u64::from).sum();
    if stayed > 0 {
        let rules: Vec<String> = export
            .withheld
            .iter()
            .map(|(rule, count)| format!("{count} {rule}"))
            .collect();
        parts.push(format!("withheld {stayed} ({})", rules.join(", ")));
    }
    if let Some(pack) = &export.into {
        parts.push(format!("into pack {}", words::short(pack)));
    }
    if let Some(format) = &export.format {
        parts.push(format!("as {format}"));
    }
    if let Some(purpose) = &export.purpose {
        parts.push(format!("for {purpose}"));
    }
    if export.crosses_clients == Some(true) {
        parts.push("across clients".to_owned());
    }
    if let Some(sha256) = &export.sha256 {
        let to = export.to.as_deref().unwrap_or_default();
        parts.push(format!(
            "to {to}, sha256 {}…",
            sha256.get(..12).unwrap_or(sha256)
        ));
    }
    parts.join(", ")
}

fn how(row: &AuditRow) -> String {
    match (row.via.as_deref(), &row.via_name) {
        (Some("cli"), _) => "command line".to_owned(),
        (Some("page"), _) => "browser".to_owned(),
        (Some(via), Some(name)) => format!("{via} {name}"),
        (Some(via), None) => via.to_owned(),
        (None, _) => String::new(),
    }
}

fn state(row: &AuditRow) -> &'static str {
    match (row.state.as_str(), row.kind) {
        ("set_aside", AuditKind::Policy) => "does not count",
        ("set_aside", _) => "does not count: written after a removal",
        ("waits", _) => "not sent yet",
        ("lacks_key", _) => "not sent yet: the key for it has not come",
        ("own", _) => "on this device only",
        _ => "",
    }
}

fn in_words(verified: &AuditVerified, now: &Zoned) -> String {
    let mut lines: Vec<String> = verified
        .devices
        .iter()
        .map(|device| of_device(device, now))
        .collect();
    if verified.own_rows > 0 {
        let rows = words::count(verified.own_rows, "report", "reports");
        lines.push(format!("On this device only: {rows}"));
    }
    if let Some(broken) = &verified.own_broken {
        lines.push(format!(
            "  BROKEN: from row {} on: {}",
            broken.at,
            words::inline(&broken.reason)
        ));
    }
    if !verified.not_readable.is_empty() {
        let levels: Vec<&str> = verified
            .not_readable
            .iter()
            .map(|level| level.title())
            .collect();
        lines.push(format!(
            "Not here, because you do not open it: what concerns {}",
            levels.join(" and ")
        ));
    }
    let pack = words::pack(&verified.pack);
    lines.push(match verified.holds {
        true => format!(
            "Everything that is here of {pack} holds: nothing was changed or left out since its device wrote it. {BASIS}"
        ),
        false => format!("NOT everything that is here of {pack} holds."),
    });
    lines.join("\n")
}

fn of_device(device: &AuditDevice, now: &Zoned) -> String {
    let person = match &device.by {
        Some(by) if by.is_me => "You".to_owned(),
        Some(by) => words::inline(&by.name),
        None => words::short(&device.device).to_owned(),
    };
    let name = device.device_name.as_deref().map(words::inline);
    let name = name.map_or(String::new(), |name| format!(" ({name})"));
    let former = if device.is_member {
        ""
    } else {
        ", not a member now"
    };
    let mut line = format!("{person}{name}{former}: ");
    line += &words::count(device.entries, "record verified", "records verified");
    line += &match (device.reports, device.last) {
        (0, _) | (_, None) => ", no reports".to_owned(),
        (reports, Some(last)) => format!(
            ", {}, the last {}",
            words::count(reports, "report", "reports"),
            when::shown_in_full(last, now)
        ),
    };
    if device.closed > 0 {
        line += &format!(
            ", {} not opened here",
            words::count(device.closed, "record", "records")
        );
    }
    if device.forked {
        line += ", two histories";
    }
    for broken in &device.broken {
        let level = broken.sensitivity.map_or("", |level| level.title());
        line += &format!(
            "\n  BROKEN: {level}, from record {} on: {}",
            broken.at,
            words::inline(&broken.reason)
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{AuditDenial, PackRef, Sensitivity, Time};

    fn row(kind: AuditKind) -> AuditRow {
        AuditRow {
            at: Time::from_millis(0),
            until: Time::from_millis(0),
            times: 1,
            kind,
            by: None,
            device: "abcdefghijklmnop".into(),
            device_name: Some("lap\u{1b}top".into()),
            via: Some("agent".into()),
            via_name: Some("helper".into()),
            sensitivity: Some(Sensitivity::Internal),
            note: None,
            title: None,
            part: None,
            export: None,
            denial: None,
            policy: None,
            state: "counts".into(),
            record: None,
        }
    }

    #[test]
    fn rows_are_told_in_plain_words() {
        let read = AuditRow {
            times: 3,
            part: Some("history".into()),
            ..row(AuditKind::Read)
        };
        assert_eq!(what(&read), "read all versions of (3 times)");
        assert_eq!(how(&read), "agent helper");
        assert!(who(&read).starts_with("abcdefghij ("));
        let denial = AuditRow {
            denial: Some(AuditDenial {
                asked: "export".into(),
                rule: "wall client".into(),
            }),
            state: "own".into(),
            ..row(AuditKind::Denial)
        };
        assert_eq!(state(&denial), "on this device only");
        let export = AuditExport {
            id: "00".into(),
            held: 2,
            withheld: [("consent withdrawn".to_owned(), 1)].into(),
            notes: vec![],
            max_sensitivity: Some(Sensitivity::Internal),
            format: Some("md".into()),
            purpose: Some("support".into()),
            crosses_clients: Some(true),
            into: None,
            sha256: Some("ab".repeat(32)),
            bytes: Some(7),
            to: Some("file".into()),
        };
        assert_eq!(
            of_export(&export),
            "2 notes, withheld 1 (1 consent withdrawn), as md, for support, across clients, to file, sha256 abababababab…"
        );
    }

    /// Goal: the hash stands on no "0 notes"; what only stayed, and what went into a pack, say so.
    #[test]
    fn each_row_of_an_export_says_what_it_is_about() {
        let nothing = AuditExport {
            id: "00".into(),
            held: 0,
            withheld: [("note deleted".to_owned(), 2)].into(),
            notes: vec![],
            max_sensitivity: None,
            format: None,
            purpose: None,
            crosses_clients: None,
            into: None,
            sha256: None,
            bytes: None,
            to: None,
        };
        let document = AuditExport {
            withheld: [].into(),
            sha256: Some("ab".repeat(32)),
            to: Some("file".into()),
            ..nothing.clone()
        };
        let carried = AuditExport {
            held: 1,
            withheld: [].into(),
            into: Some("packpackpack".into()),
            ..nothing.clone()
        };
        let told = |export: AuditExport| {
            let row = AuditRow {
                export: Some(export.clone()),
                ..row(AuditKind::Export)
            };
            (what(&row), of_export(&export))
        };
        let told_as = |what: &str, of: &str| (what.to_owned(), of.to_owned());
        assert_eq!(
            told(nothing),
            told_as("kept back in an export", "withheld 2 (2 note deleted)")
        );
        assert_eq!(
            told(document),
            told_as(
                "wrote the exported document",
                "to file, sha256 abababababab…"
            )
        );
        assert_eq!(
            told(carried),
            told_as("took into another pack", "1 note, into pack packpackpa")
        );
        for (state_of, said) in [("waits", "not sent yet"), ("own", "on this device only")] {
            let row = AuditRow {
                state: state_of.into(),
                ..row(AuditKind::Read)
            };
            assert_eq!(state(&row), said);
        }
    }

    /// Goal: it never says more than what devices told, and a broken place is not to be overlooked.
    #[test]
    fn verifying_says_what_it_cannot_know() {
        let device = AuditDevice {
            device: "abcdefghijklmnop".into(),
            by: None,
            device_name: None,
            is_member: true,
            logs: 1,
            entries: 4,
            reports: 0,
            closed: 0,
            last: None,
            forked: false,
            broken: vec![],
        };
        let mut verified = AuditVerified {
            v: V1,
            pack: PackRef {
                id: "packpackpack".into(),
                title: "Acme".into(),
                name: None,
                archived: false,
            },
            holds: true,
            devices: vec![device],
            not_readable: vec![Sensitivity::Restricted],
            own_rows: 0,
            own_broken: None,
        };
        let told = in_words(&verified, &Zoned::now());
        assert!(told.contains("4 records verified, no reports"), "{told}");
        assert!(told.contains("what concerns Restricted"), "{told}");
        assert!(told.contains("As reported by devices"), "{told}");
        verified.holds = false;
        verified.devices[0].broken.push(kitbag_rpc::AuditBroken {
            log: None,
            sensitivity: Some(Sensitivity::Internal),
            at: 3,
            reason: "it is not there".into(),
        });
        let told = in_words(&verified, &Zoned::now());
        assert!(
            told.contains("BROKEN: Internal, from record 3 on"),
            "{told}"
        );
        assert!(told.contains("NOT everything"), "{told}");
        for machinery in ["epoch", "fold", "parked"] {
            assert!(!told.contains(machinery), "{told}");
        }
    }
}
