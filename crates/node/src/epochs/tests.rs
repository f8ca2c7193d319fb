//! Epochs that an honest device opens where denials are many, and ones that no honest device opens.

use crate::replica::{Replica, Staged};
use crate::view::{Change, NewNote, NewSource, ShareOptions};
use crate::{JoinOutcome, LinkId, Node, Output};
use kitbag_core::epoch::{ANSWERS_MAX, EPOCH_VERSION, Epoch, SignedEpoch, seal_parent_key};
use kitbag_core::id::{EndpointId, EpochId, OpHash, PackId, PersonId, Timestamp};
use kitbag_core::person::SUITE;
use kitbag_core::policy::fold::{Denial, Loss, Lost};
use kitbag_core::policy::op::{Act, GrantRef, LateDenials, SignedOp};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::sync::Side;
use kitbag_core::ticket::Ticket;
use kitbag_crypto::{EpochKey, MasterKey, SigningKey};
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000);

pub(crate) fn open(dir: &Path, name: &str, seed: u64) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join(name), &master, &mut rng).unwrap();
    Node::initialise(&mut store, name, "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

fn note(text: &str) -> NewNote {
    NewNote {
        body: text.into(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        ..NewNote::default()
    }
}

pub(crate) fn endpoint(node: &Node) -> EndpointId {
    EndpointId::from_bytes(node.me().endpoint)
}

/// Connects two nodes and carries frames until neither has anything more to say.
pub(crate) fn sync(a: &mut Node, b: &mut Node, link: u64) {
    let link = LinkId(link);
    let (of_a, of_b) = (endpoint(a), endpoint(b));
    let mut ways: [VecDeque<Vec<u8>>; 2] = Default::default();
    let send = |out: Vec<Output>, way: &mut VecDeque<Vec<u8>>| {
        for output in out {
            match output {
                Output::Send { frame, .. } => way.push_back(frame),
                Output::Close { reason, .. } => panic!("{reason:?}"),
                _ => {}
            }
        }
    };
    send(
        a.link_opened(NOW, link, of_b, Side::Dialler).unwrap(),
        &mut ways[0],
    );
    send(
        b.link_opened(NOW, link, of_a, Side::Listener).unwrap(),
        &mut ways[1],
    );
    for _ in 0..1_000 {
        if let Some(frame) = ways[0].pop_front() {
            send(b.link_frame(NOW, link, &frame).unwrap(), &mut ways[1]);
        } else if let Some(frame) = ways[1].pop_front() {
            send(a.link_frame(NOW, link, &frame).unwrap(), &mut ways[0]);
        } else {
            return;
        }
    }
    panic!("the two talk without end");
}

fn up_to_date(node: &Node, link: u64) -> bool {
    node.links[&LinkId(link)].session.is_up_to_date()
}

/// A ticket for editors of Internal.
pub(crate) fn share(by: &mut Node, pack: PackId, uses: u32) -> Ticket {
    let options = ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses,
        ask: false,
    };
    Ticket::parse(&by.share(NOW, pack, &options).unwrap().ticket).unwrap()
}

pub(crate) fn join(joiner: &mut Node, admitter: &mut Node, ticket: &Ticket, link: u64) {
    let (of_joiner, of_admitter) = (endpoint(joiner), endpoint(admitter));
    let request = joiner.join_draft(ticket).request(of_admitter, [9; 32]);
    let admitted = admitter.handle_join(NOW, of_joiner, [9; 32], &request);
    let (answer, _) = admitted.unwrap();
    let outcome = joiner.join_answered(NOW, ticket, of_admitter, &answer, None);
    assert_eq!(outcome.unwrap(), JoinOutcome::Admitted);
    sync(admitter, joiner, link);
}

fn invite(key: [u8; 32]) -> Act {
    Act::Invite {
        key: *SigningKey::from_seed(key).verifying_key().as_bytes(),
        role: Role::Reader,
        clearance: Sensitivity::Internal,
        uses: 1,
        not_after: None,
        ask: false,
    }
}

/// Ana's pack with one note, and Ben, an editor in it.
fn ana_and_ben(dir: &Path) -> (Node, Node, PackId) {
    let (mut ana, mut ben) = (open(dir, "ana", 1), open(dir, "ben", 2));
    let pack = ana
        .create_pack(NOW, "Acme", Sensitivity::Internal)
        .unwrap()
        .id;
    ana.add_notes(NOW, pack, &[note("one")]).unwrap();
    let ticket = share(&mut ana, pack, 1);
    join(&mut ben, &mut ana, &ticket, 1);
    assert!(up_to_date(&ana, 1) && up_to_date(&ben, 1));
    (ana, ben, pack)
}

/// The grant that somebody got last, as they know it.
fn last_grant(of: &Node, pack: PackId) -> GrantRef {
    let member = of.packs[&pack].policy.member(&of.me.person()).unwrap();
    member.grants.last().unwrap().grant
}

/// An epoch of Internal that `by` puts above another in a pack as `of` is, allowed or not. What it
/// seals as its parent's key is none: nobody who has that key looks.
fn open_by_hand(
    by: &Node,
    grant: GrantRef,
    of: &Replica,
    above: EpochId,
    answers: Vec<Denial>,
    seed: u64,
) -> (SignedEpoch, EpochKey) {
    let (pack, domain) = (of.id(), Sensitivity::Internal);
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let key = EpochKey::generate(&mut rng);
    let n = of.epochs[&above].signed.epoch().n + 1;
    let no_key = EpochKey::from_bytes([1; 32]);
    let parent_key = seal_parent_key(pack, domain, n, above, &no_key, &key, &mut rng);
    let epoch = Epoch {
        version: EPOCH_VERSION,
        suite: SUITE,
        pack,
        domain,
        n,
        parents: vec![above],
        answers,
        commitment: *key.commitment().as_bytes(),
        parent_keys: vec![parent_key],
        device: by.me.device(),
        grant,
        heads: of.policy.heads(),
    };
    (SignedEpoch::sign(epoch, &by.me.signing), key)
}

/// Stores an epoch and its key, as if somebody had sent both; returns its name.
fn take_in(node: &mut Node, pack: PackId, (signed, key): (SignedEpoch, EpochKey)) -> EpochId {
    let id = signed.id();
    let staged = Staged {
        epochs: vec![signed],
        keys: vec![(id, key)],
        ..Staged::default()
    };
    node.commit(pack, staged).unwrap();
    id
}

/// The epoch under which the next note would be sealed.
fn sealing(node: &Node, pack: PackId) -> Option<EpochId> {
    let usable = node.packs[&pack].usable_epoch(Sensitivity::Internal);
    usable.map(|(id, _)| id)
}

/// Goal: somebody opens epochs and gives nobody their keys. The others still come to be up to date
/// with each other and with him, and write.
#[test]
fn epochs_wrapped_for_nobody_keep_nobody_from_being_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ana, mut ben, pack) = ana_and_ben(dir.path());
    // The used ticket was closed, which is a denial: his first note opens an epoch that answers it.
    ben.add_notes(NOW, pack, &[note("his")]).unwrap();
    let (replica, grant) = (&ben.packs[&pack], last_grant(&ben, pack));
    let above = sealing(&ben, pack).unwrap();
    let for_nobody = |seed| open_by_hand(&ben, grant, replica, above, vec![], seed).0;
    let staged = Staged {
        epochs: (0..40).map(for_nobody).collect(),
        ..Staged::default()
    };
    ben.commit(pack, staged).unwrap();
    sync(&mut ana, &mut ben, 2);
    assert_eq!(ana.packs[&pack].epochs.len(), ben.packs[&pack].epochs.len());
    assert_eq!(
        ana.packs[&pack].lacking_keys(Sensitivity::Internal).len(),
        40
    );
    assert!(up_to_date(&ana, 2) && up_to_date(&ben, 2));
    ana.add_notes(NOW, pack, &[note("two")]).unwrap();
    sync(&mut ana, &mut ben, 3);
    assert!(up_to_date(&ana, 3));
    assert_eq!(ben.notes(pack).unwrap().len(), 3);
}

/// Goal: somebody who was lowered opens an epoch that answers just that, above all others, and gives
/// everybody its key, so that they go on sealing what is above them for them.
#[test]
fn an_epoch_by_somebody_who_knew_that_they_were_out_seals_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ana, ben, pack) = ana_and_ben(dir.path());
    let grant = last_grant(&ben, pack);
    let lowered = Change::Role {
        person: ben.me.person(),
        role: Role::Reader,
        clearance: Sensitivity::Public,
    };
    ana.change(NOW, pack, &lowered).unwrap();
    for above in [false, true] {
        // The first stands above an epoch that Ben has the key of, the second above one that Ana
        // opened when he was out: what is below answers it for him then.
        let replica = &ana.packs[&pack];
        let tip = replica.epoch_tips(Sensitivity::Internal)[0];
        let answers = replica.owed_answers(Sensitivity::Internal);
        assert_eq!(answers.is_empty(), above);
        let epoch = open_by_hand(&ben, grant, replica, tip, answers, u64::from(above));
        let his = take_in(&mut ana, pack, epoch);
        assert_seals_otherwise(&mut ana, pack, his);
    }
}

/// Goal: the same by somebody whose own grant no denial took: it waits above a fork of the log of
/// whoever let them in, and they answer the fork.
#[test]
fn an_epoch_under_a_grant_that_waits_above_a_fork_seals_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ana, mut ben, pack) = ana_and_ben(dir.path());
    let raised = Change::Role {
        person: ben.me.person(),
        role: Role::Admin,
        clearance: Sensitivity::Restricted,
    };
    ana.change(NOW, pack, &raised).unwrap();
    sync(&mut ana, &mut ben, 2);
    // What Ben says in another place first, in the position where the invite stands here.
    let mut elsewhere = Staged::default();
    let other = invite([1; 32]);
    ben.stage_op(pack, vec![other], NOW, &mut elsewhere)
        .unwrap();
    let mut cyn = open(dir.path(), "cyn", 3);
    let ticket = share(&mut ben, pack, 1);
    join(&mut cyn, &mut ben, &ticket, 3);
    cyn.add_notes(NOW, pack, &[note("hers")]).unwrap();
    sync(&mut ben, &mut cyn, 4);
    sync(&mut ana, &mut ben, 5);
    let hers = sealing(&ana, pack).unwrap();
    let opener = |node: &Node, id| node.packs[&pack].epochs[&id].signed.epoch().device;
    assert_eq!(opener(&ana, hers), cyn.me.device(), "in good faith");

    ana.commit(pack, elsewhere).unwrap();
    let (replica, grant) = (&ana.packs[&pack], last_grant(&cyn, pack));
    let given = replica.policy.given(&grant).unwrap();
    assert!(matches!(given.lost, Some(Lost::Ended(Loss::Forked(_)))));
    let tip = replica.epoch_tips(Sensitivity::Internal)[0];
    let answers = replica.owed_answers(Sensitivity::Internal);
    assert!(!answers.is_empty() && answers.iter().all(|denial| denial.act == Denial::FORK));
    let epoch = open_by_hand(&cyn, grant, replica, tip, answers, 1);
    let hers = take_in(&mut ana, pack, epoch);
    assert_seals_otherwise(&mut ana, pack, hers);
}

/// Ben, an admin, removed Pia. Ana has the removal without an operation before it, so it waits. She let
/// Cyn in by the invite that Pia came by, which ends with Pia, and cannot know that it does.
struct Waiting {
    ana: Node,
    ben: Node,
    pack: PackId,
    cyn: PersonId,
    removal: Denial,
    before: Vec<SignedOp>,
}

fn removal_that_waits(dir: &Path) -> Waiting {
    let (mut ana, mut ben, pack) = ana_and_ben(dir);
    let raised = Change::Role {
        person: ben.me.person(),
        role: Role::Admin,
        clearance: Sensitivity::Restricted,
    };
    ana.change(NOW, pack, &raised).unwrap();
    let (mut pia, mut cyn) = (open(dir, "pia", 3), open(dir, "cyn", 4));
    let ticket = share(&mut ana, pack, 3);
    join(&mut pia, &mut ana, &ticket, 2);
    sync(&mut ana, &mut ben, 3);
    join(&mut cyn, &mut ana, &ticket, 4);

    let known: BTreeSet<OpHash> = ben.packs[&pack].ops.keys().copied().collect();
    share(&mut ben, pack, 1);
    ben.begin_incarnation().unwrap(); // so that nothing in the log of the removal is missing
    let removed = Change::Remove {
        person: pia.me.person(),
        late_denials: LateDenials::Keep,
    };
    ben.change(NOW, pack, &removed).unwrap();
    let ops = ben.packs[&pack].ops.values().cloned();
    let (removals, before): (Vec<_>, Vec<_>) = ops
        .filter(|op| !known.contains(&op.hash()))
        .partition(|op| matches!(op.acts(), [Act::Remove { .. }]));
    let removal = Denial {
        op: removals[0].hash(),
        act: 0,
    };
    take_in_ops(&mut ana, pack, removals);
    let (policy, cyn) = (&ana.packs[&pack].policy, cyn.me.person());
    assert_eq!(policy.parked(), [removal.op]);
    assert!(policy.denials().contains(&removal));
    assert!(policy.may_open(&cyn, Sensitivity::Internal));
    Waiting {
        ana,
        ben,
        pack,
        cyn,
        removal,
        before,
    }
}

fn take_in_ops(node: &mut Node, pack: PackId, ops: Vec<SignedOp>) {
    let staged = Staged {
        ops,
        ..Staged::default()
    };
    node.commit(pack, staged).unwrap();
}

/// Goal: a removal turns out to end somebody more than it seemed to while it waited. What is sealed
/// afterwards does not open for them, although the epoch of before answers it; and one new epoch is
/// enough, for everybody.
#[test]
fn a_removal_that_waited_when_it_was_answered_is_answered_again() {
    let dir = tempfile::tempdir().unwrap();
    let Waiting {
        mut ana,
        mut ben,
        pack,
        cyn,
        removal,
        before,
    } = removal_that_waits(dir.path());
    ana.add_notes(NOW, pack, &[note("while it waits")]).unwrap();
    let first = sealing(&ana, pack).unwrap();
    let answers = |node: &Node, id| node.packs[&pack].epochs[&id].signed.epoch().answers.clone();
    assert!(answers(&ana, first).contains(&removal));
    ana.add_notes(NOW, pack, &[note("still")]).unwrap();
    assert_eq!(sealing(&ana, pack), Some(first));

    take_in_ops(&mut ana, pack, before);
    let policy = &ana.packs[&pack].policy;
    assert!(!policy.may_open(&cyn, Sensitivity::Internal));
    assert_eq!(sealing(&ana, pack), None, "Cyn may have its key");
    ana.add_notes(NOW, pack, &[note("not for Cyn")]).unwrap();
    let second = sealing(&ana, pack).unwrap();
    assert!(answers(&ana, second).contains(&removal));
    for n in 10..12 {
        sync(&mut ana, &mut ben, n);
        for node in [&mut ana, &mut ben] {
            node.add_notes(NOW, pack, &[note("more")]).unwrap();
            assert_eq!(sealing(node, pack), Some(second));
        }
    }
}

/// Goal: nobody hands on the key of an epoch whose opener knew more of a removal than they do: they
/// would give it to somebody whom it ends.
#[test]
fn an_epoch_by_somebody_who_knew_more_of_a_removal_is_not_used_before_that_is_here() {
    let dir = tempfile::tempdir().unwrap();
    let Waiting {
        mut ana,
        mut ben,
        pack,
        removal,
        before,
        ..
    } = removal_that_waits(dir.path());
    ben.add_notes(NOW, pack, &[note("not for Cyn")]).unwrap();
    let his = sealing(&ben, pack).unwrap();
    let held = &ben.packs[&pack].epochs[&his];
    assert!(held.signed.epoch().answers.contains(&removal));
    let epoch = (held.signed.clone(), held.key.clone().unwrap());
    take_in(&mut ana, pack, epoch);
    assert!(!ana.packs[&pack].is_usable(&his));

    take_in_ops(&mut ana, pack, before);
    assert!(ana.packs[&pack].is_usable(&his));
    assert_eq!(sealing(&ana, pack), Some(his));
}

/// Ana writes, and seals under an epoch that she opened. The other one is handed on and built upon all
/// the same: what is sealed under it, by whomever, is found from above.
fn assert_seals_otherwise(ana: &mut Node, pack: PackId, than: EpochId) {
    ana.add_notes(NOW, pack, &[note("not for them")]).unwrap();
    let sealed = sealing(ana, pack).unwrap();
    assert_ne!(sealed, than);
    let replica = &ana.packs[&pack];
    let opener = replica.epochs[&sealed].signed.epoch().device;
    assert_eq!(opener, ana.me.device());
    assert!(replica.is_usable(&than));
}

/// Goal: a key that a peer lacked when asked is fetched as soon as the peer has it.
#[test]
fn a_key_that_a_peer_gets_later_is_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ana, mut ben, pack) = ana_and_ben(dir.path());
    // Ben forgets the keys that he has of Internal, so that Ana's are news to him.
    let ids: Vec<_> = ben.packs[&pack].epochs.keys().copied().collect();
    let keys: Vec<_> = ids
        .iter()
        .filter_map(|id| Some((*id, ben.packs[&pack].epochs[id].key.clone()?)))
        .collect();
    let forget = |node: &mut Node| {
        let replica = node.packs.get_mut(&pack).unwrap();
        for held in replica.epochs.values_mut() {
            held.key = None;
        }
        replica.found.take();
    };
    forget(&mut ana);
    forget(&mut ben);
    sync(&mut ana, &mut ben, 4);
    assert!(
        up_to_date(&ana, 4) && up_to_date(&ben, 4),
        "neither has them"
    );
    let staged = Staged {
        keys,
        ..Staged::default()
    };
    ana.commit(pack, staged).unwrap();
    let out = ana.announce(NOW).unwrap();
    let frames: Vec<_> = out
        .into_iter()
        .filter_map(|output| match output {
            Output::Send {
                link: LinkId(4),
                frame,
            } => Some(frame),
            _ => None,
        })
        .collect();
    assert!(!frames.is_empty(), "Ben is told");
    let mut answers = Vec::new();
    for frame in frames {
        answers.extend(ben.link_frame(NOW, LinkId(4), &frame).unwrap());
    }
    let mut rounds = 0;
    while !answers.is_empty() && rounds < 100 {
        rounds += 1;
        let mut next = Vec::new();
        for output in std::mem::take(&mut answers) {
            if let Output::Send { frame, .. } = output {
                next.extend(ana.link_frame(NOW, LinkId(4), &frame).unwrap());
            }
        }
        for output in next {
            if let Output::Send { frame, .. } = output {
                answers.extend(ben.link_frame(NOW, LinkId(4), &frame).unwrap());
            }
        }
    }
    assert!(
        ben.packs[&pack]
            .lacking_keys(Sensitivity::Internal)
            .is_empty()
    );
}

/// Goal: more denials than one epoch may answer do not stop anybody from writing.
#[test]
fn many_denials_are_answered_by_a_chain() {
    let dir = tempfile::tempdir().unwrap();
    let mut ana = open(dir.path(), "ana", 3);
    let pack = ana
        .create_pack(NOW, "Acme", Sensitivity::Internal)
        .unwrap()
        .id;
    ana.add_notes(NOW, pack, &[note("one")]).unwrap();
    // Invites, each closed: as many denials.
    let mut left = ANSWERS_MAX + 40;
    while left > 0 {
        let some = left.min(32);
        left -= some;
        let invites: Vec<Act> = (0..some).map(|i| invite([i as u8 + 1; 32])).collect();
        let mut staged = Staged::default();
        let op = ana.stage_op(pack, invites, NOW, &mut staged).unwrap();
        ana.commit(pack, staged).unwrap();
        let closes: Vec<Act> = (0..some as u32)
            .map(|act| Act::Close {
                invite: GrantRef { op, act },
                admitted: vec![],
            })
            .collect();
        let mut staged = Staged::default();
        ana.stage_op(pack, closes, NOW, &mut staged).unwrap();
        ana.commit(pack, staged).unwrap();
    }
    assert!(ana.packs[&pack].policy.denials().len() > ANSWERS_MAX);
    assert!(
        ana.packs[&pack]
            .usable_epoch(Sensitivity::Internal)
            .is_none()
    );
    ana.add_notes(NOW, pack, &[note("two")]).unwrap();
    assert!(
        ana.packs[&pack]
            .usable_epoch(Sensitivity::Internal)
            .is_some()
    );
    drop(ana);
    let ana = open(dir.path(), "ana", 4);
    assert_eq!(ana.notes(pack).unwrap().len(), 2);
}
