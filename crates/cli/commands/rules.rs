//! `kitbag rules list|set|test`: when a case goes from an agent to a person, and whether that is right.

use crate::context::Context;
use crate::table::Table;
use crate::{directory, input, launch, words};
use clap::{Args, Subcommand};
use kitbag_rpc::{
    Code, EscalationGuard, EscalationRule, EscalationRules, EscalationSet, Failure, ListEscalation,
    SetEscalation, V1,
};
use kitbag_rules::{CASES_BYTES_MAX, FILE_BYTES_MAX, Replay, RuleFile};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// List a pack's escalation rules, guards and teams
    List {
        /// The pack; of this directory if it is left out
        #[arg(long)]
        pack: Option<String>,
    },
    /// Set a pack's escalation rules from a file, all of them
    Set {
        /// The pack; of this directory if it is left out
        #[arg(long)]
        pack: Option<String>,
        /// The file of rules, as TOML; - for the standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Replay labelled cases: what the rules would have decided, beside what was expected
    Test {
        /// The table of cases, as CSV; - for the standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// By the rules of this pack; of this directory if neither this nor --rules is said
        #[arg(long)]
        pack: Option<String>,
        /// By the rules of this file: asks no daemon
        #[arg(long, value_name = "FILE", conflicts_with = "pack")]
        rules: Option<PathBuf>,
    },
}

/// A replay of cases.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Tested {
    /// Version.
    v: V1,
    /// What it found.
    #[serde(flatten)]
    replay: Replay,
}

pub(super) async fn run(context: &Context, args: RulesArgs) -> anyhow::Result<()> {
    match args.command {
        RulesCommand::List { pack } => list(context, pack).await,
        RulesCommand::Set {
            pack,
            file,
            dry_run,
            yes,
        } => set(context, pack, &file, (dry_run, yes)).await,
        RulesCommand::Test { file, pack, rules } => test(context, &file, pack, rules).await,
    }
}

async fn list(context: &Context, pack: Option<String>) -> anyhow::Result<()> {
    let answer = listed(context, pack).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.rules.is_empty()
        && answer.teams.is_empty()
        && answer.guard == EscalationGuard::default()
    {
        let pack = words::pack(&answer.pack);
        return Ok(context.out.data(format!(
            "{pack} has no escalation rules: an agent hands over when it chooses to (kitbag rules set)"
        ))?);
    }
    table(&answer.rules).print(context.out)?;
    let mut told = guards(&answer.guard);
    if !answer.several_of.is_empty() {
        told.push(format!(
            "admins set {} apart from each other: all of them are asked until the rules are set anew",
            answer.several_of.join(", ")
        ));
    }
    let teams = answer.teams.iter();
    told.extend(teams.map(|team| format!("team {}", super::team::in_words(team))));
    if !answer.reason_codes.is_empty() {
        told.push(format!(
            "its own reason codes: {}",
            answer.reason_codes.join(", ")
        ));
    }
    for line in told {
        context.out.say(line);
    }
    Ok(())
}

async fn listed(context: &Context, pack: Option<String>) -> anyhow::Result<EscalationRules> {
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, pack).await?;
    Ok(client.call(&ListEscalation { v: V1, pack }).await?)
}

fn table(rules: &[EscalationRule]) -> Table {
    let mut table = Table::new(
        [
            "rule",
            "do",
            "to",
            "reason",
            "priority",
            "accept within",
            "when",
        ],
        6,
    )
    .without_empty();
    for rule in rules {
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        table.row([
            &rule.id,
            &rule.action,
            &said(&rule.to),
            &said(&rule.reason_code),
            &said(&rule.priority),
            &said(&rule.accept_within),
            &rule.when,
        ]);
    }
    table
}

fn guards(guard: &EscalationGuard) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(most) = guard.max_open_per_context {
        told.push(format!("at most {most} open in one context"));
    }
    if let Some(most) = guard.max_active_per_agent {
        told.push(format!("at most {most} open of one agent"));
    }
    if guard.off_hours.is_some() {
        let hours = guard.hours.join(" and ");
        told.push(format!("out of hours they wait; hours: {hours}"));
    }
    told
}

async fn set(
    context: &Context,
    pack: Option<String>,
    file: &Path,
    (dry_run, yes): (bool, bool),
) -> anyhow::Result<()> {
    let toml = text_of(file)?;
    read(file, &toml)?; // before anything is asked of a daemon
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, pack).await?;
    let mut call = SetEscalation {
        v: V1,
        pack,
        toml,
        dry_run: true,
    };
    // Always first: what cannot be done is told before anybody is asked.
    let preview = client.call(&call).await?;
    let pack = words::pack(&preview.pack);
    let told = in_words(&preview);
    if dry_run || !preview.changes {
        if context.out.is_json() {
            return context.out.document(&preview);
        }
        return Ok(context.out.data(match preview.changes {
            true => format!(
                "Nothing was changed. The escalation rules of {pack} would change:\n\n{told}"
            ),
            false => format!("The escalation rules of {pack} are that already."),
        })?);
    }
    if !yes {
        input::confirm(
            context.out,
            &told,
            &format!("Set the escalation rules of {pack}?"),
        )?;
    }
    (call.pack, call.dry_run) = (preview.pack.id, false);
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    let told = in_words(&done);
    Ok(context.out.data(format!(
        "Set the escalation rules of {pack}; they hold on each device as soon as it hears of them.\n\n{told}"
    ))?)
}

fn in_words(set: &EscalationSet) -> String {
    let list = |title: &str, ids: &[String]| match ids {
        [] => None,
        ids => Some(format!("{title}: {}", ids.join(", "))),
    };
    let mut lines: Vec<String> = [
        list("new", &set.added),
        list("changed", &set.changed),
        list("gone", &set.removed),
    ]
    .into_iter()
    .flatten()
    .collect();
    let rules = words::count(set.rules.len() as u64, "rule", "rules");
    lines.push(format!("{rules} then, the strictest that fires decides"));
    lines.extend(guards(&set.guard));
    lines.join("\n")
}

async fn test(
    context: &Context,
    cases: &Path,
    pack: Option<String>,
    rules: Option<PathBuf>,
) -> anyhow::Result<()> {
    let bytes = input::bytes(cases, CASES_BYTES_MAX)?;
    let cases = kitbag_rules::cases(&bytes).map_err(|error| {
        let message = format!("{}: {error}", words::inline(&cases.to_string_lossy()));
        let columns = "the columns are listed in docs/cli.md, \"When a case goes to a person\"";
        Failure::new(Code::BadInput, message).hint(columns)
    })?;
    let file = match rules {
        Some(path) => read(&path, &text_of(&path)?)?,
        None => {
            let listed = listed(context, pack).await?;
            if let [_, ..] = listed.several_of.as_slice() {
                let message =
                    "admins set these rules apart from each other, so they are no one file";
                let hint = "an admin sets them anew: kitbag rules set --file FILE; or try a file: --rules FILE";
                return Err(Failure::new(Code::Conflict, message).hint(hint).into());
            }
            read(Path::new("the pack"), &listed.toml)?
        }
    };
    let tested = Tested {
        v: V1,
        replay: kitbag_rules::replay(&file.escalation(), &cases),
    };
    if context.out.is_json() {
        return context.out.document(&tested);
    }
    Ok(context.out.data(shown(&tested.replay))?)
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    let bytes = input::bytes(file, FILE_BYTES_MAX)?;
    let name = words::inline(&file.to_string_lossy());
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(Code::BadInput, format!("{name} is not UTF-8 text")).into())
}

fn read(file: &Path, toml: &str) -> Result<RuleFile, Failure> {
    kitbag_rules::read(toml, &kitbag_rules::person_in).map_err(|error| {
        let name = words::inline(&file.to_string_lossy());
        Failure::new(Code::BadInput, format!("{name}: {error}"))
    })
}

/// Actions from the most permissive on.
const ACTIONS: [&str; 5] = [
    "agent_resolves",
    "notify",
    "handoff",
    "ask_approval",
    "block",
];

fn shown(replay: &Replay) -> String {
    let share =
        |part: Option<f64>| part.map_or("-".to_owned(), |part| format!("{:.1} %", part * 100.0));
    let cases = words::count(replay.cases, "case", "cases");
    let mut lines = vec![format!("{cases}, {} as expected", replay.agree)];
    let named: Vec<&str> = (ACTIONS.into_iter())
        .filter(|action| {
            let count = &replay.actions[action];
            count.expected + count.decided > 0
        })
        .collect();
    lines.push(String::new());
    let cells: Vec<String> = named.iter().map(|action| format!("{action:>14}")).collect();
    lines.push(format!("{:<24}{}", "expected \\ decided", cells.join("  ")));
    for expected in &named {
        let row = &replay.matrix[expected];
        let cells: Vec<String> = named
            .iter()
            .map(|action| format!("{:>14}", row[action]))
            .collect();
        lines.push(format!("{expected:<24}{}", cells.join("  ")));
    }
    lines.push(String::new());
    for action in &named {
        let count = &replay.actions[action];
        lines.push(format!(
            "{action}: precision {}, recall {}",
            share(count.precision),
            share(count.recall)
        ));
    }
    lines.push(String::new());
    for rule in &replay.rules {
        lines.push(format!(
            "rule {}: fired {}, decided {}, of these as expected {}",
            words::inline(&rule.id),
            rule.fired,
            rule.decided,
            rule.agree
        ));
    }
    lines.push(format!("no rule: {}", replay.no_rule));
    for (count, what) in [
        (replay.held, "held back by a guard"),
        (replay.waited, "would wait for hours"),
        (replay.text_cut, "with a longer text than rules look at"),
    ] {
        if count > 0 {
            lines.push(format!("{what}: {count}"));
        }
    }
    let missed = replay.cases - replay.agree;
    if missed > 0 {
        lines.push(String::new());
        let first = match missed > replay.misses.len() as u64 {
            true => format!(", the first {}", replay.misses.len()),
            false => String::new(),
        };
        lines.push(format!("not as expected{first}:"));
    }
    for miss in &replay.misses {
        let fired = match miss.fired.as_slice() {
            [] => "no rule fired".to_owned(),
            fired => format!("fired: {}", fired.join(", ")),
        };
        lines.push(format!(
            "  {}: expected {}, decided {} ({fired})",
            words::inline(&miss.case),
            miss.expected,
            miss.decided
        ));
    }
    lines.join("\n")
}
