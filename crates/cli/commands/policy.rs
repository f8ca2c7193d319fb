//! `kitbag policy show|explain|set`: a pack's rules, and which of them decides.

mod set;

use crate::context::Context;
use crate::{directory, launch, reasons, rules, when, words};
use clap::{Args, Subcommand};
use jiff::Zoned;
use kitbag_rpc::{
    ExplainPolicy, Explained, GrantHeld, OpenTicket, Policy, PolicyMember, ShowPolicy, V1,
};

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Show members, how they came in, open tickets, and what waits
    Show {
        /// The pack; of this directory if it is left out
        pack: Option<String>,
    },
    /// Show what decides whether somebody may read, write and share
    Explain {
        /// The pack
        pack: String,
        /// Whom: the name they tell, or the start of their id
        #[arg(long = "as", value_name = "WHO")]
        who: String,
        /// One of its notes; otherwise each sensitivity
        note: Option<String>,
        /// What an export of the note would be for
        #[arg(long, value_name = "PURPOSE", requires = "note")]
        purpose: Option<String>,
    },
    /// Say what may leave a pack, to where, and which client it belongs to
    Set(set::SetArgs),
}

pub(super) async fn run(context: &Context, args: PolicyArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let now = Zoned::now();
    match args.command {
        PolicyCommand::Show { pack } => {
            let pack = directory::pack(context, &client, pack).await?;
            let policy = client.call(&ShowPolicy { v: V1, pack }).await?;
            if context.out.is_json() {
                return context.out.document(&policy);
            }
            Ok(context.out.data(shown(&policy, &now))?)
        }
        PolicyCommand::Explain {
            pack,
            who,
            note,
            purpose,
        } => {
            let call = ExplainPolicy {
                v: V1,
                pack,
                person: who,
                note,
                purpose,
            };
            let explained = client.call(&call).await?;
            if context.out.is_json() {
                return context.out.document(&explained);
            }
            Ok(context.out.data(in_words(&explained, &now))?)
        }
        PolicyCommand::Set(args) => set::run(context, &client, args).await,
    }
}

fn in_words(explained: &Explained, now: &Zoned) -> String {
    let who = reasons::name(&explained.who);
    let rules = explained.rules.iter();
    let mut lines: Vec<String> = rules
        .map(|rule| format!("{who} {}", reasons::rule(rule, now)))
        .collect();
    lines.extend(explained.release.iter().map(|release| {
        let way = match release.destination.as_str() {
            "export" => format!("in an export by {who}"),
            "pack" => format!("into another pack, by {who},"),
            "agent" => format!("to an agent of {who}"),
            "handoff" => format!("in a hand-off by {who}"),
            other => format!("to {} by {who}", words::inline(other)),
        };
        match &release.rule {
            None => format!("{way} it may leave"),
            Some(rule) => format!("{way} it stays: {}", words::inline(rule)),
        }
    }));
    lines.join("\n")
}

fn shown(policy: &Policy, now: &Zoned) -> String {
    let mut lines = vec![
        words::pack(&policy.pack),
        format!(
            "a new note is {} if nobody says otherwise",
            policy.default_sensitivity.title()
        ),
    ];
    if policy.newer_rules {
        lines.push("it uses rules of a newer Kitbag, and can only be read here".to_owned());
    }
    if let Some(why) = &policy.rules_unreadable {
        lines.push(format!("nothing leaves it from here: {why}"));
    }
    let ruled = policy.rules.as_ref().map(rules::lines);
    section(&mut lines, "rules", ruled.into_iter().flatten());
    section(
        &mut lines,
        "members",
        policy.members.iter().flat_map(|one| member(one, now)),
    );
    section(
        &mut lines,
        "no members any more",
        policy.former.iter().flat_map(|one| member(one, now)),
    );
    section(
        &mut lines,
        "open tickets",
        policy.tickets.iter().map(|one| ticket(one, now)),
    );
    section(
        &mut lines,
        "waits",
        policy.waits.iter().map(|act| reasons::act(act, now)),
    );
    if policy.waiting > 0 {
        let changes = words::count(
            policy.waiting,
            "change of the policy waits",
            "changes of the policy wait",
        );
        lines.push(format!("{changes} for an earlier one"));
    }
    lines.join("\n")
}

fn section(lines: &mut Vec<String>, title: &str, found: impl Iterator<Item = String>) {
    let mut found = found.peekable();
    if found.peek().is_some() {
        lines.push(format!("{title}:"));
        lines.extend(found.map(|line| format!("  {line}")));
    }
}

/// One line for each grant: somebody may hold several.
fn member<'m>(member: &'m PolicyMember, now: &'m Zoned) -> impl Iterator<Item = String> + 'm {
    let line = move |held: &GrantHeld| {
        let grant = &held.grant;
        let mut line = format!(
            "{}: {}, {}",
            reasons::name(&member.who),
            reasons::terms(grant.role, grant.clearance),
            reasons::origin(grant, now)
        );
        if let Some(act) = &held.act {
            line.push_str(&format!("; {}", reasons::act(act, now)));
        }
        line
    };
    member.grants.iter().map(line)
}

fn ticket(ticket: &OpenTicket, now: &Zoned) -> String {
    let until = match ticket.until {
        Some(until) => format!("until {}", when::shown(until, now)),
        None => "without an end".to_owned(),
    };
    let asks = if ticket.asks { ", asks about each" } else { "" };
    format!(
        "{} by {}, {}: {}, {} of {} used, {until}{asks}",
        words::inline(&ticket.invite),
        reasons::name(&ticket.by),
        when::shown(ticket.at, now),
        reasons::terms(ticket.role, ticket.clearance),
        ticket.used,
        ticket.uses,
    )
}
