//! `kitbag share list`: the tickets of a pack, and who came in by them.

use crate::context::Context;
use crate::table::Table;
use crate::{directory, launch, when, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{Invite, InviteJoiner, InviteState, ListInvites, V1};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it; of this directory if it is left out
    pack: Option<String>,
}

pub(super) async fn run(context: &Context, args: ListArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, args.pack).await?;
    let answer = client.call(&ListInvites { v: V1, pack }).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.invites.is_empty() {
        context.out.say("No ticket was ever made for this pack.");
        return Ok(());
    }
    let now = Zoned::now();
    let header = ["id", "by", "gives", "state", "used", "until", "joined"];
    let mut table = Table::new(header, 6);
    for invite in &answer.invites {
        let by = if invite.by_me { "you" } else { &invite.by };
        table.row([
            &invite.id,
            by,
            &gives(invite),
            state(invite),
            &used(invite),
            &until(invite, &now),
            &joined(invite, &now),
        ]);
    }
    Ok(table.print(context.out)?)
}

fn gives(invite: &Invite) -> String {
    let asks = if invite.ask { ", asks first" } else { "" };
    format!(
        "{} up to {}{asks}",
        invite.role.as_str(),
        invite.clearance.title()
    )
}

pub(super) fn state(invite: &Invite) -> &'static str {
    match invite.state {
        InviteState::Open if invite.waiting > 0 => "open, somebody asks",
        InviteState::Open => "open",
        InviteState::Used => "used up",
        InviteState::Expired => "expired",
        InviteState::Cancelled => "cancelled",
        InviteState::Ended => "ended with a removal",
    }
}

/// `1 of 2`; `2 of 1, too many` when members let people in while apart.
fn used(invite: &Invite) -> String {
    let too_many = if invite.used > u64::from(invite.uses) {
        ", too many"
    } else {
        ""
    };
    format!("{} of {}{too_many}", invite.used, invite.uses)
}

fn until(invite: &Invite, now: &Zoned) -> String {
    invite
        .expires_at
        .map_or_else(|| "no end".to_owned(), |at| when::shown(at, now))
}

fn joined(invite: &Invite, now: &Zoned) -> String {
    let one = |joiner: &InviteJoiner| {
        let not = if joiner.counts { "" } else { ", not let in" };
        format!(
            "{} ({}{not}; {})",
            words::inline(&joiner.name),
            when::shown(joiner.at, now),
            joiner.check_words
        )
    };
    let all: Vec<String> = invite.joined.iter().map(one).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{Role, Sensitivity, Time};

    #[test]
    fn over_use_and_who_does_not_count_are_said() {
        let at = Time::from_millis(1_795_344_420_000);
        let joiner = |name: &str, counts| InviteJoiner {
            person: String::new(),
            name: name.to_owned(),
            check_words: "one two three".to_owned(),
            at,
            counts,
        };
        let invite = Invite {
            id: "abcdefghij".to_owned(),
            by: "Ana".to_owned(),
            by_me: true,
            role: Role::Editor,
            clearance: Sensitivity::Confidential,
            ask: true,
            uses: 1,
            used: 2,
            expires_at: None,
            since: at,
            state: InviteState::Used,
            joined: vec![joiner("Be\x1bn", true), joiner("Eve", false)],
            waiting: 0,
        };
        let now: Zoned = "2026-11-22T12:00:00+00:00[UTC]".parse().unwrap();
        assert_eq!(used(&invite), "2 of 1, too many");
        assert_eq!(gives(&invite), "editor up to Confidential, asks first");
        assert_eq!(state(&invite), "used up");
        assert_eq!(
            joined(&invite, &now),
            "Be\\u{1b}n (10:47; one two three), Eve (10:47, not let in; one two three)"
        );
        assert_eq!(until(&invite, &now), "no end");
    }
}
