//! Bare `kitbag`: what needs you, and the next step. Starts nothing.

use crate::context::Context;
use crate::{home, words};
use kitbag_daemon::{check_home, is_served};
use kitbag_rpc::{
    Code, Health, JoinRequest, ListPacks, Pack, PackStatus, ReadStatus, RemovalKind, ServeState,
    SessionShown, V1, WaitingJoin,
};
use serde::Serialize;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Overview {
    v: V1,
    initialised: bool,
    running: bool,
    /// Whether its packs are closed until somebody unlocks it.
    locked: bool,
    /// Whether its daemon was told to reach nobody.
    offline: bool,
    /// Number of packs; none if no daemon runs to say it, or it is locked.
    packs: Option<usize>,
    /// How many of them are archived; what needs somebody there is told all the same.
    archived: usize,
    needs_you: Vec<String>,
    /// What waits for somebody else.
    waiting: Vec<String>,
    /// Whether acts of a person need a session, and whether this terminal has one.
    session: SessionShown,
    next: String,
}

pub(super) async fn run(context: &Context) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    let set_up = match check_home(&context.home) {
        Ok(()) => true,
        Err(failure) if failure.code == Code::NotInitialised => false,
        Err(failure) => return Err(failure.into()),
    };
    let overview = if !set_up {
        Overview::idle(false, "kitbag up --name NAME")
    } else if !is_served(&context.home) {
        Overview::idle(true, "kitbag up")
    } else {
        let client = context.client();
        if client.call(&Health::default()).await?.state == ServeState::Locked {
            return tell(context, &Overview::locked());
        }
        let packs = client.call(&ListPacks::default()).await?.packs;
        let status = client.call(&ReadStatus::default()).await?;
        Overview {
            offline: status.offline,
            ..Overview::running(&packs, &status.packs)
                .with_joining(&status.requests, &status.joins)
                .with_failed(status.failed)
                .with_session(status.session)
        }
    };
    tell(context, &overview)
}

fn tell(context: &Context, overview: &Overview) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(overview);
    }
    Ok(context.out.data(overview.in_words())?)
}

impl Overview {
    fn idle(initialised: bool, next: &str) -> Overview {
        Overview {
            v: V1,
            initialised,
            running: false,
            locked: false,
            offline: false,
            packs: None,
            archived: 0,
            needs_you: Vec::new(),
            waiting: Vec::new(),
            session: SessionShown::default(),
            next: next.to_owned(),
        }
    }

    fn locked() -> Overview {
        Overview {
            running: true,
            locked: true,
            ..Overview::idle(true, "kitbag unlock")
        }
    }

    fn running(packs: &[Pack], statuses: &[PackStatus]) -> Overview {
        let needs_you = statuses.iter().flat_map(|pack| {
            let title = words::status_name(pack);
            needs_of(pack)
                .into_iter()
                .map(move |need| format!("{title}: {need}"))
        });
        // Nothing can be added to, or shared of, a pack that this person is out of.
        let in_use = |pack: &&Pack| pack.role.is_some() && !pack.archived;
        let packs_of_mine: Vec<&Pack> = packs.iter().filter(in_use).collect();
        let next = match &packs_of_mine[..] {
            [] => "kitbag pack create TITLE, or kitbag join if somebody sent you a ticket",
            packs if packs.iter().all(|pack| pack.notes == 0) => "kitbag add PACK --source LABEL",
            packs if packs.iter().all(|pack| pack.members < 2) => "kitbag share PACK",
            _ => "kitbag status",
        };
        Overview {
            v: V1,
            initialised: true,
            running: true,
            locked: false,
            offline: false,
            packs: Some(packs.len()),
            archived: packs.iter().filter(|pack| pack.archived).count(),
            needs_you: needs_you.collect(),
            waiting: Vec::new(),
            session: SessionShown::default(),
            next: next.to_owned(),
        }
    }

    /// Who asks to be let in stands first: somebody waits.
    fn with_joining(mut self, requests: &[JoinRequest], joins: &[WaitingJoin]) -> Overview {
        let (waiting, over): (Vec<_>, Vec<_>) = joins.iter().partition(|join| join.waiting);
        let asking = words::asking(requests);
        if !asking.is_empty() {
            self.next = "kitbag share requests".to_owned();
        } else if self.packs == Some(0) && !waiting.is_empty() {
            self.next = "kitbag status".to_owned();
        }
        self.needs_you.splice(0..0, asking);
        self.needs_you
            .extend(over.into_iter().map(words::waiting_join));
        self.waiting
            .extend(waiting.into_iter().map(words::waiting_join));
        self
    }

    /// What a terminal without a session cannot do.
    fn with_session(self, session: SessionShown) -> Overview {
        Overview { session, ..self }
    }

    /// A device that can keep nothing needs that mended before anything else.
    fn with_failed(mut self, failed: bool) -> Overview {
        if failed {
            self.needs_you.insert(0, words::FAILED.to_owned());
            self.next = "kitbag doctor".to_owned();
        }
        self
    }

    fn in_words(&self) -> String {
        let state = match (self.initialised, self.packs) {
            (false, _) => "Kitbag is not set up on this device yet.".to_owned(),
            (true, None) if self.locked => {
                "This device is locked: its packs are closed.".to_owned()
            }
            (true, None) => "This device is set up; its daemon does not run.".to_owned(),
            (true, Some(packs)) => format!(
                "This device runs, with {}{}.",
                words::count(packs as u64, "pack", "packs"),
                match self.archived {
                    0 => String::new(),
                    some => format!(", {some} archived"),
                }
            ),
        };
        let mut lines = vec![state];
        if self.offline {
            lines.push(words::OFFLINE.to_owned());
        }
        if self.running && !self.locked {
            lines.push(
                if self.needs_you.is_empty() {
                    "Nothing needs you."
                } else {
                    "This needs you:"
                }
                .to_owned(),
            );
        }
        lines.extend(self.needs_you.iter().map(|need| format!("  {need}")));
        if !self.waiting.is_empty() {
            lines.push("This waits for somebody else:".to_owned());
        }
        lines.extend(self.waiting.iter().map(|wait| format!("  {wait}")));
        if self.session.needed {
            lines.push(words::session(&self.session));
        }
        lines.push(format!("Next: {}", self.next));
        lines.push("Commands: kitbag help; all of them: kitbag help --all".to_owned());
        lines.join("\n")
    }
}

/// What a person should know of a pack. Of one that they are out of: that, unless they left.
fn needs_of(pack: &PackStatus) -> Vec<String> {
    match &pack.ended {
        None => words::troubles(pack),
        Some(ended) if ended.what == RemovalKind::Left => Vec::new(),
        Some(ended) => vec![format!(
            "{}; nothing new reaches you",
            words::inline(&ended.text)
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{Ended, Sensitivity, Time};

    fn pack(notes: u64, members: u64) -> Pack {
        let default_sensitivity = Sensitivity::Internal;
        Pack {
            id: String::new(),
            title: "Acme".to_owned(),
            name: None,
            notes,
            members,
            role: Some(kitbag_rpc::Role::Admin),
            clearance: None,
            default_sensitivity,
            client: None,
            kind: None,
            rules_unclear: None,
            archived: false,
        }
    }

    #[test]
    fn each_state_has_its_next_step() {
        assert!(
            Overview::idle(false, "kitbag up --name NAME")
                .in_words()
                .contains("Next: kitbag up --name")
        );
        assert!(Overview::running(&[], &[]).next.contains("pack create"));
        assert!(Overview::running(&[pack(0, 1)], &[]).next.contains("add"));
        let out = Pack {
            role: None,
            ..pack(1, 1)
        };
        assert!(Overview::running(&[out], &[]).next.contains("pack create"));
        assert!(Overview::running(&[pack(1, 1)], &[]).next.contains("share"));
        assert!(
            Overview::running(&[pack(1, 1), pack(0, 2)], &[])
                .next
                .contains("status")
        );
    }

    #[test]
    fn a_device_that_can_keep_nothing_says_so_first() {
        let told = |failed| {
            let overview = Overview::running(&[pack(1, 2)], &[]).with_failed(failed);
            overview.in_words()
        };
        let failed = told(true);
        assert!(
            failed.contains("This needs you:\n  A write failed") && failed.contains("make room"),
            "{failed}"
        );
        assert!(!failed.contains("Nothing needs you"), "{failed}");
        assert!(told(false).contains("Nothing needs you"));
    }

    #[test]
    fn who_asks_to_be_let_in_stands_first() {
        let request = |name: &str| JoinRequest {
            id: String::new(),
            pack: kitbag_rpc::PackRef {
                id: "abcdefghijklm".to_owned(),
                title: "Acme".to_owned(),
                name: None,
                archived: false,
            },
            person: String::new(),
            name: name.to_owned(),
            check_words: String::new(),
            role: kitbag_rpc::Role::Reader,
            clearance: Sensitivity::Internal,
            opens: 0,
            since: kitbag_rpc::Time::from_millis(0),
            until: None,
        };
        let overview = Overview::running(&[pack(1, 2)], &[])
            .with_joining(&[request("Ben"), request("Eve")], &[]);
        assert_eq!(
            overview.needs_you,
            ["Acme: 2 people ask to be let in: kitbag share requests"]
        );
        assert_eq!(overview.next, "kitbag share requests");

        let join = WaitingJoin {
            id: "qrstuvwxyz".to_owned(),
            pack: request("").pack,
            since: kitbag_rpc::Time::from_millis(0),
            asked: vec![],
            waiting: true,
            reason: None,
        };
        let overview = Overview::running(&[], &[]).with_joining(&[], &[join]);
        let told = overview.in_words();
        assert!(
            told.contains("Nothing needs you.\nThis waits for somebody else:\n  Acme: waiting for"),
            "{told}"
        );
        assert_eq!(overview.next, "kitbag status");
    }

    #[test]
    fn what_needs_you_is_told_per_pack() {
        let status = PackStatus {
            id: String::new(),
            title: "Ac\nme".to_owned(),
            name: None,
            archived: false,
            peers: Vec::new(),
            waiting: 0,
            set_aside: 2,
            held: 0,
            rotation_debt: 0,
            forks: Vec::new(),
            disputes: Vec::new(),
            ended: None,
        };
        let words = Overview::running(&[pack(1, 2)], std::slice::from_ref(&status)).in_words();
        assert!(
            words.contains("with 1 pack.\nThis needs you:\n  Ac\\nme: 2 edits set aside"),
            "{words}"
        );
        assert!(words.ends_with("kitbag help --all"), "{words}");

        let ended = |what| PackStatus {
            ended: Some(Ended {
                what,
                by: String::new(),
                by_name: "Ana".to_owned(),
                at: Time::from_millis(0),
                text: "Ana removed you from this pack".to_owned(),
            }),
            ..status.clone()
        };
        let told = |what| Overview::running(&[pack(1, 2)], &[ended(what)]).needs_you;
        assert_eq!(
            told(RemovalKind::Removed),
            ["Ac\\nme: Ana removed you from this pack; nothing new reaches you"]
        );
        assert!(told(RemovalKind::Left).is_empty());
    }

    #[test]
    fn a_device_that_is_offline_says_so() {
        let online = Overview::running(&[pack(1, 2)], &[]);
        assert!(!online.in_words().contains("ffline"));
        let offline = Overview {
            offline: true,
            ..online
        };
        let told = offline.in_words();
        assert!(told.contains("Offline: nobody is reached"), "{told}");
    }
}
