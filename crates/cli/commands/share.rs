//! `kitbag share`: a ticket for a teammate, with the message to send; and what becomes of tickets.

mod cancel;
mod list;
mod requests;

use crate::context::Context;
use crate::{args, directory, input, launch, qr, when, words};
use clap::{Args, Subcommand};
use jiff::Zoned;
use kitbag_rpc::{Code, Failure, Role, Sensitivity, SharePack, Shared, V1, WhoAmI};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ShareArgs {
    #[command(subcommand)]
    command: Option<ShareCommand>,
    #[command(flatten)]
    ticket: TicketArgs,
}

#[derive(Debug, Subcommand)]
enum ShareCommand {
    /// List a pack's tickets, and who came in by them
    List(list::ListArgs),
    /// Take a ticket back; who came in by it stays
    Cancel(cancel::CancelArgs),
    /// List who asks to be let in
    Requests(requests::RequestsArgs),
    /// Let somebody in who asks
    Approve(requests::ApproveArgs),
    /// Turn somebody away who asks
    Refuse(requests::RefuseArgs),
}

#[derive(Debug, Args)]
struct TicketArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it; of this directory if it is left out
    pack: Option<String>,
    /// What the other may do
    #[arg(long, value_parser = args::role(), default_value = "editor")]
    role: Role,
    /// The highest the other opens
    #[arg(long, value_parser = args::sensitivity(), default_value = "internal")]
    clearance: Sensitivity,
    /// Until when the ticket is good: 24h, 2d, tomorrow, 2026-11-23T10:00
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    expires: String,
    /// How many people may join with it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    uses: u32,
    /// Be asked about each joiner before they come in; above Internal you always are
    #[arg(long)]
    ask: bool,
    /// Draw the ticket as a QR code too, for a camera; only on a terminal
    #[arg(long, conflicts_with = "dry_run")]
    qr: bool,
    /// Only say what would be shared
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: ShareArgs) -> anyhow::Result<()> {
    match args.command {
        None => ticket(context, args.ticket).await,
        Some(ShareCommand::List(args)) => list::run(context, args).await,
        Some(ShareCommand::Cancel(args)) => cancel::run(context, args).await,
        Some(ShareCommand::Requests(args)) => requests::list(context, args).await,
        Some(ShareCommand::Approve(args)) => requests::approve(context, args).await,
        Some(ShareCommand::Refuse(args)) => requests::refuse(context, args).await,
    }
}

async fn ticket(context: &Context, args: TicketArgs) -> anyhow::Result<()> {
    let now = Zoned::now();
    let screen = context.out.watching();
    if args.qr && screen.is_none() {
        let failure = Failure::new(
            Code::Usage,
            "a QR code is only drawn on a terminal, where nobody keeps it",
        );
        return Err(failure.hint("leave out --qr; nothing was shared").into());
    }
    let expires_at = when::parse_future(&args.expires, "--expires", &now)?;
    let client = launch::client(context).await?;
    let mut call = SharePack {
        v: V1,
        pack: directory::pack(context, &client, args.pack).await?,
        role: args.role,
        clearance: args.clearance,
        expires_at: Some(expires_at),
        uses: args.uses,
        ask: args.ask,
        dry_run: true,
    };
    // Always first: a ticket that cannot be made is told before anybody is asked.
    let preview = client.call(&call).await?;
    if args.dry_run {
        if context.out.is_json() {
            return context.out.document(&preview);
        }
        return Ok(context.out.data(format!(
            "Nothing was shared. A ticket would say:\n\n{}",
            terms(&preview, &now)
        ))?);
    }
    if !args.yes {
        let question = format!("Share {} like this?", words::pack(&preview.pack));
        input::confirm(context.out, &terms(&preview, &now), &question)?;
    }
    call.pack = preview.pack.id; // what was shown is what is shared
    call.dry_run = false;
    let me = client.call(&WhoAmI::default()).await?;
    let shared = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&shared);
    }
    let message = message(&shared, &me.person.name, &now)?;
    context.out.say(if shared.ask {
        "Send this to them, where nobody else reads it: whoever comes with it asks to be let in.\n"
    } else {
        "Send this to them, where nobody else reads it: whoever joins first uses the ticket up.\n"
    });
    context.out.data(message)?;
    if let (true, Some(screen), Some(ticket)) = (args.qr, screen, &shared.ticket) {
        match qr::drawn(ticket.expose(), screen.columns)? {
            Ok(code) => context.out.draw(&format!("\n{code}")),
            Err(needs) => context.out.say(format!(
                "\nNo QR code: it takes {needs} columns, and this terminal has {}. The text above says the same.",
                screen.columns
            )),
        }
    }
    context.out.say(format!("\n{}", afterwards(&shared, &now)));
    if screen.is_some() && !args.qr {
        context
            .out
            .say("For the camera of a device beside you: kitbag share --qr");
    }
    Ok(())
}

/// Who reads what, until when.
fn terms(shared: &Shared, now: &Zoned) -> String {
    let who = match shared.uses {
        1 => "One person".to_owned(),
        n => format!("{n} people"),
    };
    let asked = if shared.ask {
        "\nBefore anybody comes in, you or another member who opens as much is asked."
    } else {
        ""
    };
    format!(
        "{who} can join {} {}\n{}{asked}",
        words::pack(&shared.pack),
        until(shared, now),
        reach(shared, "They")
    )
}

fn until(shared: &Shared, now: &Zoned) -> String {
    match shared.expires_at {
        Some(at) => format!("until {}.", when::shown_in_full(at, now)),
        None => "at any time.".to_owned(),
    }
}

fn reach(shared: &Shared, whoever: &str) -> String {
    let (can, opens) = (
        words::can(shared.role),
        words::count(shared.opens, "note", "notes"),
    );
    let above = match shared.clearance {
        Sensitivity::Restricted => String::new(),
        below => format!(" What is above {} stays closed.", below.title()),
    };
    format!(
        "{whoever} can {can} up to {}: {opens} as of now.{above}",
        shared.clearance.title()
    )
}

/// The message to paste. The ticket stands last, so that the whole of it can be piped into `join -`.
fn message(shared: &Shared, sharer: &str, now: &Zoned) -> Result<String, Failure> {
    let ticket = shared.ticket.as_ref();
    let ticket = ticket.ok_or_else(|| Failure::new(Code::Internal, "the daemon made no ticket"))?;
    // A title above their clearance is none of theirs, and the message may go astray.
    let title = if shared.joiner_title.is_empty() {
        "a pack"
    } else {
        &shared.joiner_title
    };
    let good_for = match shared.uses {
        1 => "one person".to_owned(),
        n => format!("{n} people"),
    };
    let asked = if shared.ask {
        "Before you are in, somebody is asked: tell them the three check words that you will see.\n"
    } else {
        ""
    };
    Ok(format!(
        "{} shares {} with you in Kitbag.\n{}\nThe ticket is good for {good_for}, {}\n{asked}\
         To join, run  kitbag join  and paste the ticket when asked. New to Kitbag? First  kitbag up\n\n{}",
        words::inline(sharer),
        words::inline(title),
        reach(shared, "You"),
        until(shared, now),
        ticket.expose()
    ))
}

fn afterwards(shared: &Shared, now: &Zoned) -> String {
    let over = match shared.expires_at {
        Some(at) => format!("ends {}", when::shown_in_full(at, now)),
        None => "does not end by itself".to_owned(),
    };
    let people = words::count(shared.uses.into(), "person", "people");
    let pack = words::short(&shared.pack.id);
    let invite = shared.invite.as_deref().unwrap_or_default();
    let then = if shared.ask {
        format!(
            "When somebody comes with it, compare the check words first: kitbag share requests {pack}"
        )
    } else {
        format!(
            "When they have joined, both of you see the same three check words: kitbag members {pack}"
        )
    };
    format!(
        "The ticket is used up by {people}, and {over}. To take it back: kitbag share cancel {pack} {invite}\n{then}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{PackRef, Secret, Time};

    fn shared(ticket: Option<&str>) -> Shared {
        Shared {
            v: V1,
            ticket: ticket.map(|ticket| Secret::new(ticket.to_owned())),
            invite: None,
            expires_at: Some(Time::from_millis(1_795_430_820_000)),
            pack: PackRef {
                id: "abcdefghijklm".to_owned(),
                title: "Acme".to_owned(),
                name: Some("mine".to_owned()),
                archived: false,
            },
            joiner_title: "Acme".to_owned(),
            role: Role::Editor,
            clearance: Sensitivity::Internal,
            opens: 12,
            uses: 1,
            ask: false,
            dry_run: ticket.is_none(),
        }
    }

    fn now() -> Zoned {
        "2026-11-22T10:47:00+00:00[UTC]".parse().unwrap()
    }

    #[test]
    fn the_terms_say_who_reads_what_until_when() {
        let told = terms(&shared(None), &now());
        assert_eq!(
            told,
            "One person can join mine until 2026-11-23 10:47 (UTC+00:00).\n\
             They can read and write its notes up to Internal: 12 notes as of now. What is above Internal stays closed."
        );
    }

    #[test]
    fn where_a_person_is_asked_both_sides_are_told_so() {
        let mut high = shared(Some("kitbag1abc"));
        (high.ask, high.clearance) = (true, Sensitivity::Restricted);
        high.invite = Some("qrstuvwxyz".to_owned());
        assert!(terms(&high, &now()).ends_with(
            "Before anybody comes in, you or another member who opens as much is asked."
        ));
        let message = message(&high, "Ana", &now()).unwrap();
        assert!(message.contains("somebody is asked"), "{message}");
        let after = afterwards(&high, &now());
        assert!(
            after.contains("kitbag share cancel abcdefghij qrstuvwxyz")
                && after.contains("kitbag share requests abcdefghij"),
            "{after}"
        );
    }

    /// Goal: the message may go anywhere: it tells no title that is above what it invites to.
    #[test]
    fn the_message_tells_no_title_above_the_clearance() {
        let mut low = shared(Some("kitbag1abc"));
        (low.clearance, low.joiner_title) = (Sensitivity::Public, String::new());
        let message = message(&low, "Ana", &now()).unwrap();
        assert!(
            message.starts_with("Ana shares a pack with you"),
            "{message}"
        );
        assert!(!message.contains("Acme"), "{message}");
    }

    #[test]
    fn the_message_ends_in_the_ticket_and_does_not_tell_my_name_for_the_pack() {
        let message = message(&shared(Some("kitbag1abc")), "Ana\x1b", &now()).unwrap();
        assert!(
            message.starts_with("Ana\\u{1b} shares Acme with you"),
            "{message}"
        );
        assert!(message.ends_with("\n\nkitbag1abc"), "{message}");
        assert!(!message.contains("mine"), "{message}");
        assert_eq!(message.matches("kitbag1").count(), 1, "{message}");
        assert!(super::message(&shared(None), "Ana", &now()).is_err());
    }
}
