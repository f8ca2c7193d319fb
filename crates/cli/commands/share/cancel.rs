//! `kitbag share cancel`: takes a ticket back.

use crate::context::Context;
use crate::{input, launch, words};
use clap::Args;
use kitbag_rpc::{CancelInvite, Code, InviteCancelled, V1};

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it
    pack: String,
    /// The ticket: the start of its id, as kitbag share list shows it
    invite: String,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: CancelArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let mut call = CancelInvite {
        v: V1,
        pack: args.pack,
        invite: args.invite,
        dry_run: true,
    };
    let preview = client.call(&call).await.map_err(|error| {
        let failure = error.into_failure();
        match (failure.code, &failure.hint) {
            (Code::Conflict, None) => failure.hint("nothing is left to do; kitbag share list PACK shows its tickets, kitbag share makes another"),
            _ => failure,
        }
    })?;
    if args.dry_run {
        if context.out.is_json() {
            return context.out.document(&preview);
        }
        return Ok(context
            .out
            .data(format!("Nothing was done. {}", means(&preview)))?);
    }
    if !args.yes {
        input::confirm(context.out, &means(&preview), "Take the ticket back?")?;
    }
    (call.pack, call.invite, call.dry_run) = (preview.pack.id, preview.invite.id, false);
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    Ok(context.out.data(format!(
        "The ticket {} of {} lets nobody in any more. {}",
        done.invite.id,
        words::pack(&done.pack),
        stays(&done)
    ))?)
}

fn means(preview: &InviteCancelled) -> String {
    format!(
        "The ticket {} of {} would let nobody in any more; whoever comes with it hears that it was \
         taken back. {} The key is changed at the next note.",
        preview.invite.id,
        words::pack(&preview.pack),
        stays(preview)
    )
}

/// Who stays in, and who waits in vain.
fn stays(cancelled: &InviteCancelled) -> String {
    let counts = cancelled.invite.joined.iter().filter(|one| one.counts);
    let names: Vec<String> = counts.map(|one| words::inline(&one.name)).collect();
    let stay = match &names[..] {
        [] => "Nobody has joined with it.".to_owned(),
        [one] => format!("{one} joined with it and stays."),
        some => format!("{} joined with it and stay.", some.join(", ")),
    };
    match cancelled.invite.waiting {
        0 => stay,
        n => format!(
            "{stay} {} for an answer and {} told.",
            words::count(n, "person waits", "people wait"),
            if n == 1 { "is" } else { "are" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{Invite, InviteJoiner, InviteState, PackRef, Role, Sensitivity, Time};

    #[test]
    fn what_cancelling_means_is_said_without_machinery() {
        let at = Time::from_millis(0);
        let mut told = InviteCancelled {
            v: V1,
            pack: PackRef {
                id: "abcdefghijklm".to_owned(),
                title: "Acme".to_owned(),
                name: None,
                archived: false,
            },
            invite: Invite {
                id: "qrstuvwxyz".to_owned(),
                by: "Ana".to_owned(),
                by_me: true,
                role: Role::Reader,
                clearance: Sensitivity::Internal,
                ask: true,
                uses: 3,
                used: 1,
                expires_at: None,
                since: at,
                state: InviteState::Open,
                joined: vec![InviteJoiner {
                    person: String::new(),
                    name: "Be\x1bn".to_owned(),
                    check_words: String::new(),
                    at,
                    counts: true,
                }],
                waiting: 1,
            },
            dry_run: true,
        };
        assert_eq!(
            stays(&told),
            "Be\\u{1b}n joined with it and stays. 1 person waits for an answer and is told."
        );
        told.invite.joined.clear();
        told.invite.waiting = 0;
        assert_eq!(stays(&told), "Nobody has joined with it.");
        let said = means(&told);
        for machinery in ["epoch", "fold", "denial", "rotat", "invite"] {
            assert!(!said.contains(machinery), "{said}");
        }
    }
}
