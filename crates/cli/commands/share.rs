//! `kitbag share`: a ticket for a teammate, with the message to send.

use crate::context::Context;
use crate::{args, input, launch, when, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{Code, Failure, Role, Sensitivity, SharePack, Shared, V1, WhoAmI};

#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it
    pack: String,
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
    /// Only say what would be shared
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: ShareArgs) -> anyhow::Result<()> {
    let now = Zoned::now();
    let mut call = SharePack {
        v: V1,
        pack: args.pack,
        role: args.role,
        clearance: args.clearance,
        expires_at: Some(when::parse_future(&args.expires, "--expires", &now)?),
        uses: args.uses,
        dry_run: true,
    };
    let client = launch::client(context).await?;
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
    context.out.say(
        "Send this to them, where nobody else reads it: whoever joins first uses the ticket up.\n",
    );
    context.out.data(message)?;
    context.out.say(format!("\n{}", afterwards(&shared, &now)));
    Ok(())
}

/// Who reads what, until when.
fn terms(shared: &Shared, now: &Zoned) -> String {
    let who = match shared.uses {
        1 => "One person".to_owned(),
        n => format!("{n} people"),
    };
    format!(
        "{who} can join {} {}\n{}",
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
    let title = if shared.pack.title.is_empty() {
        "a pack"
    } else {
        &shared.pack.title
    };
    let good_for = match shared.uses {
        1 => "one person".to_owned(),
        n => format!("{n} people"),
    };
    Ok(format!(
        "{} shares {} with you in Kitbag.\n{}\nThe ticket is good for {good_for}, {}\n\
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
    format!(
        "The ticket is used up by {people}, and {over}. It cannot be cancelled before that yet.\n\
         When they have joined, both of you see the same three check words: kitbag members {}",
        words::short(&shared.pack.id)
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
            },
            role: Role::Editor,
            clearance: Sensitivity::Internal,
            opens: 12,
            uses: 1,
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
