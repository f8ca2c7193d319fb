//! `kitbag join`: becomes a member of somebody's pack.

use crate::context::Context;
use crate::{input, launch, progress, words};
use clap::Args;
use kitbag_daemon::inspect_ticket;
use kitbag_rpc::{ForgetJoin, JoinPack, JoinState, Joined, Secret, V1};

#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The ticket, - for the standard input; asked for without showing it if it is left out on a terminal
    ticket: Option<String>,
    /// Your own name for the pack
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Stop waiting to be let in: the id that join and status show
    #[arg(long, value_name = "ID", conflicts_with_all = ["ticket", "name"])]
    forget: Option<String>,
}

pub(super) async fn run(context: &Context, args: JoinArgs) -> anyhow::Result<()> {
    if let Some(id) = args.forget {
        return forget(context, id).await;
    }
    let ticket = input::ticket(args.ticket)?;
    // A text that is no ticket is told at once, and starts nothing.
    let told = inspect_ticket(&ticket)?;
    let call = JoinPack {
        v: V1,
        ticket: Secret::new(ticket.to_string()),
        name: args.name.clone(),
    };
    let client = launch::client(context).await?;
    let asked = asked(&told.peers);
    let joining = client.call(&call);
    let joined = progress::during(context.out, &asked, progress::no_news, joining).await?;
    if context.out.is_json() {
        return context.out.document(&joined);
    }
    context.out.data(in_words(&joined))?;
    if let Some(name) = &args.name {
        words::warn_if_shared(context, &client, name).await;
    }
    if let Some(unused) = unused_name(&joined, args.name.as_deref()) {
        context.out.say(unused);
    }
    context.out.say(next(&joined));
    Ok(())
}

async fn forget(context: &Context, id: String) -> anyhow::Result<()> {
    let call = ForgetJoin { v: V1, id };
    let answer = launch::client(context).await?.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    Ok(context.out.data(format!(
        "You no longer ask to join {}; the ticket is forgotten here.",
        words::pack(&answer.join.pack)
    ))?)
}

/// Whom it asks; several are asked at once.
fn asked(peers: &[String]) -> String {
    match peers {
        [] => "Looking for whoever made the ticket…".to_owned(),
        [one] => format!("Dialling {}…", words::inline(one)),
        [first, rest @ ..] => format!("Dialling {} and {} more…", words::inline(first), rest.len()),
    }
}

fn in_words(joined: &Joined) -> String {
    let pack = words::pack(&joined.pack);
    let from = words::inline(&joined.invited_by);
    let state = match joined.state {
        JoinState::Joined if from.is_empty() => format!("Joined {pack}."),
        JoinState::Joined => format!("Joined {pack}, invited by {from}."),
        JoinState::AlreadyMember => format!("You are in {pack} already; the ticket was not used."),
        JoinState::Waiting => format!("Waiting for {from} to let you in."),
    };
    let (can, up_to) = (words::can(joined.role), joined.clearance.title());
    let notes = words::count(joined.notes, "note", "notes");
    let reach = match joined.state {
        JoinState::Waiting => format!("You could then {can} up to {up_to}."),
        _ => format!("You can {can} up to {up_to}: {notes} so far."),
    };
    let mut lines = vec![state, reach];
    if !joined.audience.is_empty() {
        let readers = words::readers(&joined.audience);
        lines.push(format!(
            "What you add is {readers}, unless you say another sensitivity."
        ));
    }
    if !joined.check_words.is_empty() {
        lines.push(format!(
            "Check words: {}",
            words::inline(&joined.check_words)
        ));
    }
    lines.push(format!("id: {}", joined.pack.id));
    lines.join("\n")
}

/// Whoever is in a pack already keeps their own name for it.
fn unused_name(joined: &Joined, name: Option<&str>) -> Option<String> {
    let name = name.filter(|_| joined.state == JoinState::AlreadyMember)?;
    (joined.pack.name.as_deref() != Some(name)).then(|| {
        let name = words::inline(name);
        match &joined.pack.name {
            Some(own) => format!(
                "--as {name} was not used: you still call it {}.",
                words::inline(own)
            ),
            None => format!("--as {name} was not used: a name is given when you join."),
        }
    })
}

fn next(joined: &Joined) -> String {
    if let Some(id) = &joined.waiting {
        return format!(
            "Tell {} the check words, by voice or face to face: the same three, the same people.\n\
             The pack arrives by itself once you are let in: kitbag status. To stop waiting: kitbag join --forget {id}",
            words::inline(&joined.invited_by)
        );
    }
    let compare = if joined.check_words.is_empty() {
        ""
    } else {
        "Compare the check words with whoever invited you, by voice or face to face: the same three, the same people.\n"
    };
    format!(
        "{compare}Next: kitbag list {}",
        words::short(&joined.pack.id)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{PackRef, Role, Sensitivity};

    #[test]
    fn what_became_of_a_ticket_is_told_in_words() {
        let mut joined = Joined {
            v: V1,
            pack: PackRef {
                id: "abcdefghijklm".to_owned(),
                title: "Ac\x1bme".to_owned(),
                name: None,
                archived: false,
            },
            role: Role::Reader,
            clearance: Sensitivity::Public,
            state: JoinState::Joined,
            check_words: "one two three".to_owned(),
            invited_by: "Ben".to_owned(),
            waiting: None,
            notes: 1,
            audience: vec![],
        };
        assert_eq!(
            in_words(&joined),
            "Joined Ac\\u{1b}me, invited by Ben.\nYou can read its notes up to Public: 1 note so far.\n\
             Check words: one two three\nid: abcdefghijklm"
        );
        joined.state = JoinState::AlreadyMember;
        joined.invited_by.clear();
        assert!(
            in_words(&joined)
                .starts_with("You are in Ac\\u{1b}me already; the ticket was not used.\n")
        );
        let unused = unused_name(&joined, Some("mine")).unwrap();
        assert!(
            unused.starts_with("--as mine was not used: a name"),
            "{unused}"
        );
        joined.pack.name = Some("own\x1b".to_owned());
        let unused = unused_name(&joined, Some("mine")).unwrap();
        assert_eq!(
            unused,
            "--as mine was not used: you still call it own\\u{1b}."
        );
        assert_eq!(unused_name(&joined, None), None);
        joined.state = JoinState::Waiting;
        joined.pack.name = None;
        assert_eq!(unused_name(&joined, Some("mine")), None);
        joined.waiting = Some("qrstuvwxyz".to_owned());
        joined.invited_by = "A\x1bna".to_owned();
        assert!(in_words(&joined).starts_with(
            "Waiting for A\\u{1b}na to let you in.\nYou could then read its notes up to Public.\n\
             Check words: one two three\n"
        ));
        assert!(next(&joined).ends_with("kitbag join --forget qrstuvwxyz"));
    }
}
