//! `kitbag handoff`: gives something to somebody to go on with, and what becomes of it.

mod show;
mod write;

use crate::context::Context;
use crate::table::Table;
use crate::{input, launch, when, words};
use clap::{Args, Subcommand};
use jiff::Zoned;
use kitbag_rpc::{
    ActOnHandoff, Client, CompleteHandoff, CorrectionWish, Handoff, HandoffAct, HandoffAnswer,
    HandoffLine, ListHandoffs, MarkHandoff, ShowHandoff, StepWish, V1,
};

pub(super) use show::line_of;

#[derive(Debug, Args)]
pub(crate) struct HandoffArgs {
    #[command(subcommand)]
    command: HandoffCommand,
}

#[derive(Debug, Subcommand)]
enum HandoffCommand {
    /// Draft a hand-off, and with --send send it
    New(write::NewArgs),
    /// Write a draft anew
    Revise(write::ReviseArgs),
    /// Ask for a draft to be looked at, approve it, or give it back
    Review(ReviewArgs),
    /// Send a draft
    Send(SendArgs),
    /// List hand-offs
    List(ListArgs),
    /// Show one, with what became of what it cites
    Show(OneArgs),
    /// What changed of what it cites since it was written
    Diff(OneArgs),
    /// Take it over
    Accept(OneArgs),
    /// Do not take it
    Reject(ReasonArgs),
    /// Say that you have begun
    Start(OneArgs),
    /// Ask whoever sent it
    Ask(TextArgs),
    /// Answer whoever asks
    Answer(TextArgs),
    /// Give it to somebody else
    Reassign(ReassignArgs),
    /// Answer an approval
    Decide(DecideArgs),
    /// Say what came of it, and what was wrong
    Complete(CompleteArgs),
    /// Take back what you sent
    Cancel(ReasonArgs),
    /// Begin a new one on the same thing as one that ended
    Reopen(write::ReopenArgs),
    /// Put one aside until later; nobody else learns of it
    Snooze(SnoozeArgs),
}

#[derive(Debug, Args)]
struct OneArgs {
    /// The start of its id
    handoff: String,
}

#[derive(Debug, Args)]
struct ReasonArgs {
    /// The start of its id
    handoff: String,
    /// Why, in one sentence
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
struct TextArgs {
    /// The start of its id
    handoff: String,
    /// What; from a pipe or your editor if it is left out
    text: Option<String>,
}

#[derive(Debug, Args)]
struct ReviewArgs {
    /// The start of its id
    handoff: String,
    /// Ask somebody to look at it
    #[arg(long, conflicts_with_all = ["approve", "return_"])]
    request: bool,
    /// Say yes to it as it is now
    #[arg(long, conflicts_with = "return_")]
    approve: bool,
    /// Give it back, and say why
    #[arg(long = "return", id = "return_", value_name = "REASON")]
    return_: Option<String>,
}

#[derive(Debug, Args)]
struct SendArgs {
    /// The start of its id
    handoff: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only of this pack; may be given again
    #[arg(long = "pack", value_name = "PACK")]
    packs: Vec<String>,
    /// Only those in this state; may be given again
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
    /// Those that ended, too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct ReassignArgs {
    /// The start of its id
    handoff: String,
    /// To whom: NAME, team:NAME, role:editor or role:owner, agent:NAME
    #[arg(long, value_name = "WHO")]
    to: String,
    /// Why
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
struct DecideArgs {
    /// The start of its id
    handoff: String,
    /// approve, edit, reject or respond
    #[arg(value_parser = ["approve", "edit", "reject", "respond"])]
    decision: String,
    /// In words: with `edit` how it is to be done instead
    #[arg(long, default_value = "", value_name = "TEXT")]
    text: String,
}

#[derive(Debug, Args)]
struct CompleteArgs {
    /// The start of its id
    handoff: String,
    /// How it ended
    #[arg(long, value_parser = ["resolved", "partial", "not_resolved", "no_contact", "returned_to_agent"])]
    disposition: String,
    /// What came of it
    #[arg(long, default_value = "", value_name = "TEXT")]
    note: String,
    /// Write that down as a note of the pack, too
    #[arg(long, requires = "note")]
    keep: bool,
    /// A note that was wrong, and what is right: NOTE=TEXT; may be given again
    #[arg(long = "wrong", value_name = "NOTE=TEXT")]
    wrong: Vec<String>,
    /// What was missing in the hand-off; may be given again
    #[arg(long = "missing", value_name = "WORD")]
    missing: Vec<String>,
    /// What is still to be done
    #[arg(long, value_name = "TEXT")]
    follow_up: Option<String>,
    /// By whom
    #[arg(long, requires = "follow_up", value_name = "WHO")]
    owner: Option<String>,
    /// By when
    #[arg(long, requires = "follow_up", value_name = "WHEN")]
    due: Option<String>,
    /// The hand-off helped
    #[arg(long, conflicts_with = "not_helpful")]
    helpful: bool,
    /// It did not
    #[arg(long)]
    not_helpful: bool,
    /// Nobody would have had to be asked
    #[arg(long)]
    not_needed: bool,
}

#[derive(Debug, Args)]
struct SnoozeArgs {
    /// The start of its id
    handoff: String,
    /// Until when: 2h, tomorrow, 2026-12-01
    #[arg(long, value_name = "WHEN", required_unless_present = "off")]
    until: Option<String>,
    /// Take it out again
    #[arg(long, conflicts_with = "until")]
    off: bool,
}

pub(super) async fn run(context: &Context, args: HandoffArgs) -> anyhow::Result<()> {
    match args.command {
        HandoffCommand::New(args) => write::new(context, args).await,
        HandoffCommand::Revise(args) => write::revise(context, args).await,
        HandoffCommand::Reopen(args) => write::reopen(context, args).await,
        HandoffCommand::Review(args) => review(context, args).await,
        HandoffCommand::Send(args) => send(context, args).await,
        HandoffCommand::List(args) => list(context, args).await,
        HandoffCommand::Show(args) => show(context, args).await,
        HandoffCommand::Diff(args) => diff(context, args).await,
        HandoffCommand::Accept(args) => act(context, args.handoff, HandoffAct::Accept {}).await,
        HandoffCommand::Start(args) => act(context, args.handoff, HandoffAct::Start {}).await,
        HandoffCommand::Reject(ReasonArgs { handoff, reason }) => {
            act(context, handoff, HandoffAct::Reject { reason }).await
        }
        HandoffCommand::Cancel(ReasonArgs { handoff, reason }) => {
            act(context, handoff, HandoffAct::Cancel { reason }).await
        }
        HandoffCommand::Ask(args) => {
            let text = text(context, args.text).await?;
            act(context, args.handoff, HandoffAct::Ask { text }).await
        }
        HandoffCommand::Answer(args) => {
            let text = text(context, args.text).await?;
            act(context, args.handoff, HandoffAct::Answer { text }).await
        }
        HandoffCommand::Reassign(ReassignArgs {
            handoff,
            to,
            reason,
        }) => act(context, handoff, HandoffAct::Reassign { to, reason }).await,
        HandoffCommand::Decide(DecideArgs {
            handoff,
            decision,
            text,
        }) => act(context, handoff, HandoffAct::Decide { decision, text }).await,
        HandoffCommand::Complete(args) => {
            let handoff = args.handoff.clone();
            act(context, handoff, HandoffAct::Complete(complete(args)?)).await
        }
        HandoffCommand::Snooze(args) => snooze(context, args).await,
    }
}

async fn text(context: &Context, given: Option<String>) -> anyhow::Result<String> {
    match given {
        Some(text) if text != "-" => Ok(text),
        _ if input::standard() == input::Standard::Stream => input::text(std::path::Path::new("-")),
        _ => crate::editor::edit(context, "").await,
    }
}

fn complete(args: CompleteArgs) -> anyhow::Result<CompleteHandoff> {
    let mut corrections = Vec::new();
    for wrong in &args.wrong {
        let (note, text) = write::pair(wrong, "--wrong", "NOTE=TEXT")?;
        corrections.push(CorrectionWish { note, text });
    }
    let due = args.due.as_deref();
    let due = due.map(|due| when::parse_future(due, "--due", &Zoned::now()));
    let due = due.transpose()?;
    let owner = args.owner;
    Ok(CompleteHandoff {
        disposition: args.disposition,
        notes: args.note,
        keep_notes: args.keep,
        corrections,
        follow_up: args.follow_up.map(|text| StepWish { text, owner, due }),
        helpful: (args.helpful || args.not_helpful).then_some(args.helpful),
        missing: args.missing,
        escalation_needed: args.not_needed.then_some(false),
    })
}

async fn ask_for(client: &Client, handoff: String, act: HandoffAct) -> anyhow::Result<Handoff> {
    let call = ActOnHandoff {
        v: V1,
        handoff,
        act,
        expected_state: None,
    };
    Ok(client.call(&call).await?.handoff)
}

async fn act(context: &Context, handoff: String, act: HandoffAct) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let done = ask_for(&client, handoff, act).await?;
    told(context, done)
}

fn told(context: &Context, handoff: Handoff) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(&HandoffAnswer { v: V1, handoff });
    }
    context.out.data(&handoff.id)?;
    context.out.say(show::state_in_words(&handoff));
    Ok(())
}

async fn review(context: &Context, args: ReviewArgs) -> anyhow::Result<()> {
    let asked = match (args.request, args.approve, args.return_) {
        (_, true, _) => HandoffAct::ApproveDraft {},
        (_, _, Some(reason)) => HandoffAct::ReturnDraft { reason },
        (true, ..) => HandoffAct::RequestReview {},
        (false, false, None) => {
            return show(
                context,
                OneArgs {
                    handoff: args.handoff,
                },
            )
            .await;
        }
    };
    act(context, args.handoff, asked).await
}

async fn send(context: &Context, args: SendArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let mut handoff = args.handoff;
    if !args.yes {
        let call = ShowHandoff {
            v: V1,
            handoff,
            mark_read: false,
        };
        let shown = client.call(&call).await?.handoff;
        input::confirm(context.out, &show::whole(&shown), "Send it?")?;
        handoff = shown.id;
    }
    let sent = ask_for(&client, handoff, HandoffAct::Submit {}).await?;
    told(context, sent)
}

async fn list(context: &Context, args: ListArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = ListHandoffs {
        v: V1,
        packs: args.packs,
        states: args.states,
        ended: args.all,
    };
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.handoffs.is_empty() {
        let more = if args.all {
            ""
        } else {
            "; --all shows those that ended"
        };
        context.out.say(format!("No hand-offs{more}."));
    }
    rows(context, &answer.handoffs)
}

/// Hand-offs as rows.
pub(super) fn rows(context: &Context, lines: &[HandoffLine]) -> anyhow::Result<()> {
    let mut table = Table::new(
        ["id", "state", "priority", "about", "from", "to", "pack"],
        3,
    );
    for line in lines {
        let about = match line.unread {
            true => format!("* {}", line.subject),
            false => line.subject.clone(),
        };
        table.row([
            words::listed_id(context.out, &line.id),
            &show::state_word(line),
            &line.priority,
            &about,
            &show::side(&line.from),
            &show::side(&line.to),
            &words::pack(&line.pack),
        ]);
    }
    table.print(context.out)?;
    Ok(())
}

async fn show(context: &Context, args: OneArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = ShowHandoff {
        v: V1,
        handoff: args.handoff,
        mark_read: true,
    };
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    context.out.data(show::whole(&answer.handoff))?;
    Ok(())
}

async fn diff(context: &Context, args: OneArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = ShowHandoff {
        v: V1,
        handoff: args.handoff,
        mark_read: false,
    };
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    context.out.data(show::changes(&answer.handoff))?;
    Ok(())
}

async fn snooze(context: &Context, args: SnoozeArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let until = args.until.as_deref();
    let until = until.map(|until| when::parse_future(until, "--until", &Zoned::now()));
    let call = MarkHandoff {
        v: V1,
        handoff: args.handoff,
        read: true,
        snoozed_until: until.transpose()?,
    };
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    context.out.data(&answer.handoff.id)?;
    context.out.say(match call.snoozed_until {
        Some(until) => format!(
            "Out of your inbox until {}. Nobody else learns of it.",
            when::shown(until, &Zoned::now())
        ),
        None => "Back in your inbox, if it needs you.".to_owned(),
    });
    Ok(())
}
