//! `kitbag status`: who is up to date, and what waits; with `--why`, why it is not all well.

use crate::context::Context;
use crate::{launch, membership, reasons, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{
    ActKind, AsideBy, Because, PackStatus, PackWhy, PeerState, ReadStatus, ReadWhy, Renewal,
    Status, Waiting, WaitingFor,
};
use serde::Serialize;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Say why something is not up to date, waits, or is set aside
    #[arg(long)]
    why: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Explained {
    #[serde(flatten)]
    status: Status,
    why: Vec<PackWhy>,
}

pub(super) async fn run(context: &Context, args: StatusArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let status = client.call(&ReadStatus::default()).await?;
    if status.locked && !context.out.is_json() {
        return Ok(context.out.data(words::LOCKED)?);
    }
    if status.offline {
        context.out.say(words::OFFLINE);
    }
    if status.failed && !context.out.is_json() {
        context.out.data(words::FAILED)?;
    }
    if status.session.needed && !context.out.is_json() {
        context.out.data(words::session(&status.session))?;
    }
    if !args.why {
        if context.out.is_json() {
            return context.out.document(&status);
        }
        if !status.packs.is_empty() || status.joins.is_empty() {
            print(context, &status.packs)?;
        }
        return print_joining(context, &status);
    }
    let why = client.call(&ReadWhy::default()).await?.why;
    if context.out.is_json() {
        return context.out.document(&Explained { status, why });
    }
    if !status.packs.is_empty() || status.joins.is_empty() {
        print_why(context, &status.packs, &why)?;
    }
    print_joining(context, &status)
}

/// Tells who asks to be let in here, and where this device waits.
fn print_joining(context: &Context, status: &Status) -> anyhow::Result<()> {
    let joining = words::asking(&status.requests)
        .into_iter()
        .chain(status.joins.iter().map(words::waiting_join));
    for line in joining {
        context.out.data(line)?;
    }
    Ok(())
}

/// Tells how packs are.
pub(super) fn print(context: &Context, packs: &[PackStatus]) -> anyhow::Result<()> {
    if packs.is_empty() {
        context
            .out
            .say("No packs yet. Next: kitbag pack create TITLE, or kitbag join");
        return Ok(());
    }
    let now = Zoned::now();
    let (told, quiet) = split(packs);
    let mut lines: Vec<_> = told.into_iter().map(|pack| in_words(pack, &now)).collect();
    lines.extend(quiet_in_words(quiet));
    Ok(context.out.data(lines.join("\n"))?)
}

/// Packs that are told of one by one, and how many archived ones are not: nothing waits there. That the
/// next note will be locked anew waits for nobody.
fn split(packs: &[PackStatus]) -> (Vec<&PackStatus>, u64) {
    let is_quiet = |pack: &&PackStatus| {
        let sent = pack.peers.iter().all(|peer| peer.to_send == 0);
        let calm = words::troubles(pack).is_empty() && words::forks(pack).is_empty();
        let settled = pack.waiting == 0 && pack.held == 0;
        pack.archived && packs.len() > 1 && sent && calm && settled
    };
    let (quiet, told): (Vec<_>, Vec<_>) = packs.iter().partition(is_quiet);
    (told, quiet.len() as u64)
}

/// That there are archived packs of which nothing is to be told.
fn quiet_in_words(quiet: u64) -> Option<String> {
    let packs = words::count(quiet, "archived pack", "archived packs");
    (quiet > 0).then(|| format!("{packs}, where nothing waits: kitbag pack list --archived"))
}

fn in_words(pack: &PackStatus, now: &Zoned) -> String {
    let mut lines = vec![title(pack)];
    if let Some(ended) = &pack.ended {
        lines.push(membership::ended(ended, now));
        return lines.join("\n  ");
    }
    lines.extend(pack.peers.iter().map(|peer| words::peer(peer, now)));
    if pack.peers.is_empty() {
        lines.push("nobody else is in it".to_owned());
    }
    lines.extend(words::troubles(pack));
    lines.extend(words::forks(pack));
    lines.extend(words::due(pack).map(str::to_owned));
    lines.join("\n  ")
}

fn title(pack: &PackStatus) -> String {
    let archived = if pack.archived { ", archived" } else { "" };
    format!(
        "{} ({}{archived})",
        words::status_name(pack),
        words::short(&pack.id)
    )
}

fn print_why(context: &Context, packs: &[PackStatus], why: &[PackWhy]) -> anyhow::Result<()> {
    if packs.is_empty() {
        return print(context, packs);
    }
    let now = Zoned::now();
    let told = packs.iter().map(|pack| {
        let mut lines = vec![title(pack)];
        if pack.ended.is_none() {
            lines.extend(pack.peers.iter().map(|peer| words::peer(peer, &now)));
        }
        if let Some(why) = why.iter().find(|why| why.id == pack.id) {
            lines.extend(reasons_of(pack, why, &now));
        }
        lines.join("\n  ")
    });
    let told: Vec<String> = told.collect();
    Ok(context.out.data(told.join("\n"))?)
}

/// Why a pack is not all well, one sentence each; if it is, that.
fn reasons_of(pack: &PackStatus, why: &PackWhy, now: &Zoned) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let aside = || why.set_aside.iter().map(|aside| set_aside(aside, now));
    if let Some(ended) = &pack.ended {
        // Nothing comes or goes any more, so nothing else is due here.
        lines.push(membership::ended(ended, now));
        lines.extend(aside());
        return lines;
    }
    let away = |state| pack.peers.iter().filter(|peer| peer.state == state).count() as u64;
    match away(PeerState::Unreachable) {
        0 => {}
        n => lines.push(format!(
            "{} not reachable: off, elsewhere, or cut off; what is new goes out when they are back",
            if n == 1 {
                "one device is".to_owned()
            } else {
                format!("{n} devices are")
            }
        )),
    }
    if why.newer_rules {
        lines.push(
            "it uses rules of a newer Kitbag, so it can only be read here until an update".into(),
        );
    }
    lines.extend(why.waiting.iter().map(waiting));
    if why.policy_waiting > 0 {
        let changes = words::count(
            why.policy_waiting,
            "change of the members waits",
            "changes of the members wait",
        );
        lines.push(format!("{changes} for an earlier one"));
    }
    lines.extend(aside());
    lines.extend(words::forks(pack));
    lines.extend(
        why.removals_waiting
            .iter()
            .map(|act| reasons::act(act, now)),
    );
    lines.extend(why.renewals.iter().map(|renewal| renewed(renewal, now)));
    if lines.is_empty() {
        lines.push("all is well".to_owned());
    }
    lines
}

fn waiting(waiting: &Waiting) -> String {
    let notes = words::count(waiting.notes, "note waits", "notes wait");
    let title = waiting.sensitivity.title();
    match waiting.what {
        WaitingFor::Earlier => format!("{notes} for an earlier change ({title})"),
        WaitingFor::Key => format!("{notes} for what opens {title}, from somebody who has it"),
    }
}

fn set_aside(aside: &AsideBy, now: &Zoned) -> String {
    let edits = words::count(aside.changes, "change", "changes");
    let by = match &aside.by {
        Some(by) => format!(" by {}", reasons::name(by)),
        None => String::new(),
    };
    match (aside.because, &aside.act) {
        (Because::AfterEnd, Some(act)) => {
            format!("{edits}{by} set aside: {}", reasons::act(act, now))
        }
        (Because::AfterEnd, None) => format!("{edits}{by} set aside: their access had ended"),
        (Because::BuildsOn, _) => {
            format!("{edits}{by} set aside: made on top of something set aside")
        }
        (Because::NotAllowed, _) => format!("{edits}{by} set aside: not theirs to write"),
        (Because::Unreadable, _) => format!("{edits}{by} set aside: unreadable"),
    }
}

/// `the next Internal note is locked anew: Ben was removed by Cyn, 10:47`.
fn renewed(renewal: &Renewal, now: &Zoned) -> String {
    let title = renewal.sensitivity.title();
    let whose = if renewal.by_me {
        ""
    } else {
        ", by somebody who may write it,"
    };
    // Removals say more than a ticket that was used up.
    let is_ticket = |act: &&kitbag_rpc::ActShown| act.kind == ActKind::TicketClosed;
    let mut because: Vec<String> = renewal
        .after
        .iter()
        .filter(|act| !is_ticket(act))
        .map(|act| reasons::act(act, now))
        .collect();
    if renewal.after.iter().any(|act| is_ticket(&act)) {
        because.push("a ticket was used up or closed".to_owned());
    }
    if because.is_empty() {
        because.push("several devices did so at once".to_owned());
    }
    format!(
        "the next {title} note{whose} is locked anew: {}",
        because.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{ActShown, Named, Sensitivity, Time};

    fn named(name: &str) -> Named {
        Named {
            person: name.to_lowercase(),
            name: name.to_owned(),
            is_me: false,
        }
    }

    fn act(kind: ActKind) -> ActShown {
        ActShown {
            op: "x".into(),
            kind,
            by: named("Ana"),
            of: (kind == ActKind::Removed).then(|| named("Ben")),
            at: Time::from_millis(1_795_344_420_000),
            waits_for: None,
            instead: None,
        }
    }

    /// Goal: every reason is a plain sentence, and a pack without any is said to be well.
    #[test]
    fn reasons_are_told_in_plain_words() {
        let now: Zoned = "2026-11-22T12:00:00+00:00[UTC]".parse().unwrap();
        let pack = PackStatus {
            id: "a".into(),
            title: "Acme".into(),
            name: None,
            archived: false,
            peers: vec![],
            waiting: 0,
            set_aside: 0,
            held: 0,
            rotation_debt: 0,
            forks: Vec::new(),
            disputes: Vec::new(),
            ended: None,
        };
        let mut why = PackWhy {
            id: "a".into(),
            waiting: vec![],
            policy_waiting: 0,
            set_aside: vec![],
            removals_waiting: vec![],
            renewals: vec![],
            newer_rules: false,
        };
        assert_eq!(reasons_of(&pack, &why, &now), ["all is well"]);
        let out = PackStatus {
            ended: Some(kitbag_rpc::Ended {
                what: kitbag_rpc::RemovalKind::Removed,
                by: "a".into(),
                by_name: "Ana".into(),
                at: Time::from_millis(1_795_344_420_000),
                text: "Ana removed you from this pack".into(),
            }),
            ..pack.clone()
        };
        let told = reasons_of(&out, &why, &now);
        assert!(
            told.len() == 1 && told[0].starts_with("Ana removed you from this pack"),
            "{told:?}"
        );
        let wait = |what, notes| Waiting {
            what,
            sensitivity: Sensitivity::Confidential,
            notes,
        };
        why.waiting = vec![wait(WaitingFor::Earlier, 3), wait(WaitingFor::Key, 1)];
        why.set_aside = vec![AsideBy {
            by: Some(named("Ben")),
            because: Because::AfterEnd,
            act: Some(act(ActKind::Removed)),
            changes: 2,
        }];
        why.renewals = vec![Renewal {
            sensitivity: Sensitivity::Internal,
            after: vec![act(ActKind::TicketClosed), act(ActKind::Removed)],
            by_me: true,
        }];
        (why.policy_waiting, why.newer_rules) = (1, true);
        let told = reasons_of(&pack, &why, &now);
        for sentence in [
            "3 notes wait for an earlier change (Confidential)",
            "1 note waits for what opens Confidential, from somebody who has it",
            "1 change of the members waits for an earlier one",
            "2 changes by Ben set aside: Ben was removed by Ana, 10:47",
            "the next Internal note is locked anew: Ben was removed by Ana, 10:47; a ticket was used up or closed",
        ] {
            assert!(
                told.iter().any(|line| line == sentence),
                "{sentence}\n{told:#?}"
            );
        }
        for word in ["epoch", "fold", "parked", "void", "key", "rotat", "denial"] {
            assert!(!told.join("\n").contains(word), "{word}: {told:#?}");
        }
    }
}
