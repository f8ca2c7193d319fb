//! Looking at what a change would do changes nothing, also where doing it would begin a new log.

use super::*;
use crate::view::ShareOptions;
use kitbag_core::policy::fold::Policy;
use kitbag_core::ticket::Ticket;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Desk {
    /// Everything on the disk, and where the next entry would go.
    fn stands(&self) -> (Vec<u8>, kitbag_core::id::Incarnation) {
        let bytes = std::fs::read(self.dir.path().join("db")).unwrap();
        (bytes, self.node.life.incarnation)
    }
}

/// Ana, whose log forked, and who did not begin a new one; and a late entry of Ben's.
fn forked() -> (Desk, Desk, PackId, Vec<EntryHash>) {
    let (mut ana, [mut ben, cyn], pack, note) =
        team([("Ben", Role::Editor), ("Cyn", Role::Editor)]);
    ben.set_body(pack, note, "one\nlate");
    ana.remove(pack, &ben);
    let pages = news(&ben, &ana, pack);
    pages.iter().for_each(|page| ana.take(page.clone()));
    let (mut ana, mut twin) = ana.copied();
    let life = ana.node.life.incarnation;
    ana.add(pack, "by the original");
    twin.node.life.incarnation = life;
    twin.add(pack, "by the copy");
    for page in whole_logs(&twin, pack) {
        ana.take(page);
    }
    assert_ne!(ana.node.life.incarnation, life, "it noticed");
    ana.node.life.incarnation = life;
    let forks = |log: &crate::logs::Log| log.is_forked() && log.opening.incarnation == life;
    assert!(ana.node.packs[&pack].logs.values().any(forks));
    let late = entries(&ana.aside(pack));
    assert!(!late.is_empty());
    (ana, cyn, pack, late)
}

/// Whole logs of `from` by its current incarnation.
fn whole_logs(from: &Desk, pack: PackId) -> Vec<Page> {
    let replica = &from.node.packs[&pack];
    let life = from.node.life.incarnation;
    let own = replica.logs.values().filter(|log| {
        log.opening.device == from.node.me().device && log.opening.incarnation == life
    });
    let mut pages = Vec::new();
    for log in own {
        let trunk = log.trunk().unwrap();
        let mut next = 0;
        let mut page = Page::empty(pack);
        for head in &trunk.heads {
            let entry = |seq| from.node.store.entry(trunk.number, seq).unwrap().unwrap();
            page.runs.push(Run {
                opening: kitbag_core::codec::encode(&log.opening),
                entries: (next..=head.position.seq)
                    .map(|seq| entry(seq).raw().clone())
                    .collect(),
                head: head.clone(),
            });
            next = head.position.seq + 1;
        }
        pages.push(page);
    }
    pages
}

fn options(ask: bool) -> ShareOptions {
    ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses: 1,
        ask,
    }
}

/// Goal: no dry run writes, in memory or on disk, on a device whose log forked; the real thing does.
#[test]
fn a_dry_run_changes_nothing_on_a_device_whose_log_forked() {
    let (mut ana, cyn, pack, late) = forked();
    let life = ana.node.life.incarnation;
    let shared = ana.node.share(NOW, pack, &options(true)).unwrap();
    let ticket = Ticket::parse(&shared.ticket).unwrap();
    let stranger = Desk::new("Dan");
    let (asked, exporter) = (ana.endpoint(), [1; 32]);
    let request = stranger.node.join_draft(&ticket).request(asked, exporter);
    ana.node
        .handle_join(NOW, stranger.endpoint(), exporter, &request)
        .unwrap();
    let of = ana.node.join_requests(NOW, Some(pack))[0].of;
    let invite = ticket.invite;
    ana.node.life.incarnation = life;

    let remove = Change::Remove {
        person: cyn.person(),
        late_denials: LateDenials::Keep,
    };
    let before = ana.stands();
    ana.node.preview_share(NOW, pack, &options(false)).unwrap();
    assert!(ana.stands() == before, "share");
    ana.node.approve_join(NOW, of, true).unwrap();
    assert!(ana.stands() == before, "approve");
    ana.node.refuse_join(NOW, of, true).unwrap();
    assert!(ana.stands() == before, "refuse");
    ana.node.plan_take_over(NOW, pack, &late).unwrap();
    assert!(ana.stands() == before, "take over");
    assert!(ana.node.preview(NOW, pack, &remove).unwrap().changes);
    assert!(ana.stands() == before, "remove");
    let cancel = Change::Cancel { invite };
    assert!(ana.node.preview(NOW, pack, &cancel).unwrap().changes);
    assert!(ana.stands() == before, "cancel");

    // What is refused, or changes nothing, begins no log either.
    let nobody = Change::Remove {
        person: PersonId::from_bytes([9; 32]),
        late_denials: LateDenials::Keep,
    };
    ana.node.change(NOW, pack, &nobody).unwrap_err();
    ana.node.change(NOW, pack, &Change::Leave).unwrap_err();
    assert!(ana.stands() == before, "refused");

    ana.node.change(NOW, pack, &remove).unwrap();
    assert_ne!(ana.node.life.incarnation, life, "the real thing does");
}

/// Goal: a member who may not share so much begins no new log by trying.
#[test]
fn what_the_policy_refuses_begins_no_log() {
    let (mut ana, [mut ben], pack, _) = team([("Ben", Role::Reader)]);
    ben.pull(&mut ana, pack);
    let before = ben.stands();
    ben.node.share(NOW, pack, &options(false)).unwrap_err();
    ben.node
        .preview_share(NOW, pack, &options(false))
        .unwrap_err();
    assert!(ben.stands() == before);
}

/// Goal: however a look at another policy ends, the present one stands again.
#[test]
fn a_look_at_another_policy_leaves_none_of_it_behind() {
    let (mut ana, [ben], pack, _) = team([("Ben", Role::Editor)]);
    let replica = ana.node.packs.get_mut(&pack).unwrap();
    let mut empty = Policy::fold(pack, [], []);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        replica.under(&mut empty, |replica| {
            assert!(replica.policy.member(&ben.person()).is_none());
            panic!("in the middle")
        })
    }));
    assert!(ended.is_err());
    assert!(replica.policy.member(&ben.person()).is_some());
    assert!(empty.member(&ben.person()).is_none());
}
