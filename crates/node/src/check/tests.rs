//! Trying records as somebody else, on one device: what is counted is what really opens.

use super::{Counted, Tally, Trial, keys_of};
use crate::Node;
use crate::explain::{AccessState, ActKind, Right, Why};
use crate::replica::Staged;
use crate::view::{NewNote, NewSource, NoteEdit};
use kitbag_core::id::{EndpointId, ItemId, PackId, PersonId, Timestamp};
use kitbag_core::person::{Certificate, SUITE, SignedPersonOp};
use kitbag_core::policy::op::{Act, LateDenials};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::{MasterKey, SigningKey, WrapKey};
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn ana(dir: &std::path::Path) -> (Node, PackId) {
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    let mut node = Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap();
    let pack = node
        .create_pack(NOW, "Acme", Sensitivity::Internal)
        .unwrap()
        .id;
    (node, pack)
}

fn add(node: &mut Node, pack: PackId, sensitivity: Sensitivity, body: &str) -> ItemId {
    let note = NewNote {
        body: body.into(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        sensitivity: Some(sensitivity),
        ..NewNote::default()
    };
    node.add_notes(NOW, pack, &[note]).unwrap()[0].id
}

fn act(node: &mut Node, pack: PackId, acts: Vec<Act>, persons: Vec<SignedPersonOp>) {
    let mut staged = Staged {
        persons,
        ..Staged::default()
    };
    node.stage_op(pack, acts, NOW, &mut staged).unwrap();
    node.commit(pack, staged).unwrap();
}

/// Somebody whom an admin grants a role, without a device of their own in this test.
fn granted(node: &mut Node, pack: PackId, clearance: Sensitivity) -> PersonId {
    let (device, endpoint) = (
        SigningKey::from_seed([21; 32]),
        SigningKey::from_seed([22; 32]),
    );
    let links = Certificate {
        suite: SUITE,
        device: device.verifying_key().into(),
        endpoint: EndpointId::from_bytes(*endpoint.verifying_key().as_bytes()),
        wrap: WrapKey::from_seed(&[23; 32]).public().to_bytes(),
    };
    let ben = SignedPersonOp::found([24; 16], links, &device, &endpoint);
    let person = ben.person();
    let grant = Act::Grant {
        person,
        role: Role::Editor,
        clearance,
    };
    act(node, pack, vec![grant], vec![ben]);
    person
}

fn remove(node: &mut Node, pack: PackId, person: PersonId) {
    let remove = Act::Remove {
        person,
        cutoffs: vec![],
        late_denials: LateDenials::Keep,
    };
    act(node, pack, vec![remove], vec![]);
}

fn notes(node: &Node, pack: PackId, person: PersonId) -> Vec<(AccessState, Tally)> {
    let checked = node.check_as(pack, person).unwrap();
    checked
        .tried
        .iter()
        .map(|tried| (tried.access, tried.notes))
        .collect()
}

fn opens(opens: u64) -> Tally {
    Tally {
        opens,
        ..Tally::default()
    }
}

fn no_key(no_key: u64) -> Tally {
    Tally {
        no_key,
        ..Tally::default()
    }
}

/// Goal: a member opens exactly what their grant's keys open, notes and edits, and one key too many
/// shows, whatever the labels say.
#[test]
fn what_is_counted_is_what_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    for (sensitivity, count) in Sensitivity::ALL.into_iter().zip(1..) {
        for n in 0..count {
            let note = add(&mut node, pack, sensitivity, &format!("note {n}"));
            let edit = NoteEdit {
                body: Some(format!("note {n}, changed")),
                ..NoteEdit::default()
            };
            node.edit_note(NOW, pack, note, &edit).unwrap().unwrap();
        }
    }
    let ben = granted(&mut node, pack, Sensitivity::Internal);
    let (now, never) = (AccessState::Now, AccessState::Never);
    assert_eq!(
        notes(&node, pack, ben),
        [
            (now, opens(1)),
            (now, opens(2)),
            (never, no_key(3)),
            (never, no_key(4))
        ]
    );
    let checked = node.check_as(pack, ben).unwrap();
    let restricted = &checked.tried[3];
    assert_eq!(restricted.records, no_key(8), "edits too");
    assert!(checked.tried[1].records.opens >= 4 && checked.out_of_reach.is_empty());

    let replica = &node.packs[&pack];
    let mut keys = keys_of(replica, ben);
    let by_mistake = replica
        .epochs
        .iter()
        .find(|(_, held)| held.signed.epoch().domain == Sensitivity::Restricted)
        .map(|(id, held)| (*id, held.key.clone().unwrap()))
        .unwrap();
    keys.extend([by_mistake]);
    let mut trial = Trial::new(replica, keys);
    while !trial.go_on(replica, &node.store).unwrap() {}
    let counted = trial.counted(replica);
    let all = Counted {
        records: opens(8),
        notes: opens(4),
        ..Counted::default()
    };
    assert_eq!(counted[&Sensitivity::Restricted], all);
    assert_eq!(counted[&Sensitivity::Confidential].notes, no_key(3));
}

/// Goal: whoever was removed could have opened what was there, and nothing that came after.
#[test]
fn somebody_removed_could_have_opened_what_was_there_before() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let old = add(&mut node, pack, Sensitivity::Internal, "old");
    let ben = granted(&mut node, pack, Sensitivity::Internal);
    add(&mut node, pack, Sensitivity::Restricted, "closed");
    remove(&mut node, pack, ben);
    let why = node.why(Some(pack)).unwrap().remove(0);
    let renewed: Vec<_> = why
        .renewals
        .iter()
        .map(|r| (r.sensitivity, r.by_me))
        .collect();
    assert!(
        renewed.contains(&(Sensitivity::Internal, true)),
        "{renewed:?}"
    );
    assert!(why.renewals.iter().all(|renewal| {
        let [act] = &renewal.after[..] else {
            return false;
        };
        act.kind == ActKind::Removed && act.by.is_me && act.of.as_ref().unwrap().person == ben
    }));
    let new = add(&mut node, pack, Sensitivity::Internal, "new");
    let why = node.why(Some(pack)).unwrap().remove(0);
    assert!(
        why.renewals
            .iter()
            .all(|r| r.sensitivity != Sensitivity::Internal)
    );

    let tried = notes(&node, pack, ben);
    let internal = Tally {
        opens: 1,
        no_key: 1,
        ..Tally::default()
    };
    assert_eq!(tried[1], (AccessState::Before, internal));
    assert_eq!(tried[3], (AccessState::Never, no_key(1)));

    let mut state = |note| {
        let who = node.who(pack, Some(note)).unwrap();
        let of_ben = who.into_iter().find(|view| view.who.person == ben).unwrap();
        assert_eq!((of_ben.role, of_ben.access.len()), (None, 1));
        of_ben.access[0].state
    };
    assert_eq!(state(old), AccessState::Before);
    assert_eq!(state(new), AccessState::Never, "written after the removal");
    let rules = node.explain(pack, ben, Some(old)).unwrap();
    assert_eq!(rules.len(), 3);
    let read = rules.iter().find(|rule| rule.right == Right::Read).unwrap();
    assert_eq!((read.allowed, read.why), (false, Why::Lost));
    assert_eq!(read.act.as_ref().unwrap().kind, ActKind::Removed);

    let policy = node.policy_view(NOW, pack).unwrap();
    assert_eq!((policy.members.len(), policy.former.len()), (1, 1));
    assert_eq!(policy.former[0].who.person, ben);
    assert!(policy.former[0].grants[0].act.is_some());
}

/// Goal: a member lowered keeps what they had in words, and a person granted anew opens what came
/// between.
#[test]
fn somebody_granted_anew_opens_everything_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    add(&mut node, pack, Sensitivity::Confidential, "one");
    let ben = granted(&mut node, pack, Sensitivity::Confidential);
    let lowered = |clearance| {
        vec![
            Act::Remove {
                person: ben,
                cutoffs: vec![],
                late_denials: LateDenials::Keep,
            },
            Act::Grant {
                person: ben,
                role: Role::Reader,
                clearance,
            },
        ]
    };
    act(&mut node, pack, lowered(Sensitivity::Public), vec![]);
    let why = node.why(Some(pack)).unwrap().remove(0);
    let told: Vec<_> = why.renewals.iter().flat_map(|of| &of.after).collect();
    assert!(!told.is_empty());
    for act in told {
        let instead = Some((Role::Reader, Sensitivity::Public));
        assert_eq!((act.kind, act.instead), (ActKind::Removed, instead));
    }
    add(&mut node, pack, Sensitivity::Confidential, "two");
    let rules = node.explain(pack, ben, None).unwrap();
    let rule = rules
        .iter()
        .find(|rule| (rule.right, rule.sensitivity) == (Right::Read, Sensitivity::Internal))
        .unwrap();
    let instead = rule.act.as_ref().unwrap().instead;
    assert_eq!(instead, Some((Role::Reader, Sensitivity::Public)));
    let tried = notes(&node, pack, ben);
    assert_eq!(tried[2].0, AccessState::Before);
    assert_eq!((tried[2].1.opens, tried[2].1.no_key), (1, 1));
    act(&mut node, pack, lowered(Sensitivity::Restricted), vec![]);
    assert_eq!(notes(&node, pack, ben)[2], (AccessState::Now, opens(2)));
    let called = |word: &str| -> Vec<PersonId> {
        let found = node.persons_called(pack, word).unwrap();
        found.into_iter().map(|(person, _)| person).collect()
    };
    assert_eq!(called(&ben.to_string()[..12]), [ben]);
    assert_eq!(called("ANA"), [node.me().person]);
    assert_eq!(called("me"), [node.me().person]);
    assert!(called("nobody at all").is_empty());
    assert!(called("").is_empty());
}

/// Goal: a note that was moved is tried where it stands, with its edits there, and counted once; what
/// stood where it was before is told apart. Nothing is called missing that is here.
#[test]
fn a_note_that_moved_is_tried_where_it_stands() {
    use Sensitivity::{Confidential, Internal, Restricted};
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let ben = granted(&mut node, pack, Internal);
    let (down, up) = (
        add(&mut node, pack, Restricted, "comes down"),
        add(&mut node, pack, Internal, "goes up"),
    );
    for (note, to) in [(down, Internal), (up, Confidential)] {
        node.relabel(NOW, pack, note, to).unwrap();
        let edit = NoteEdit {
            body: Some("changed there".into()),
            ..NoteEdit::default()
        };
        node.edit_note(NOW, pack, note, &edit).unwrap().unwrap();
    }
    let checked = node.check_as(pack, ben).unwrap();
    let of = |sensitivity| {
        let mut tried = checked.tried.iter();
        let tried = tried
            .find(|tried| tried.sensitivity == sensitivity)
            .unwrap();
        (tried.notes, tried.left)
    };
    assert_eq!(of(Internal), (opens(1), opens(1)));
    assert_eq!(of(Confidential), (no_key(1), opens(0)));
    assert_eq!(of(Restricted), (opens(0), no_key(1)));
    for tried in &checked.tried {
        assert_eq!((tried.records.not_here, tried.records.damaged), (0, 0));
    }

    let me = node.me().person;
    let own = node.check_as(pack, me).unwrap();
    let opened = |tally: fn(&super::Tried) -> Tally| -> u64 {
        own.tried.iter().map(|tried| tally(tried).opens).sum()
    };
    assert_eq!((opened(|t| t.notes), opened(|t| t.left)), (2, 2));
    assert!(node.why(Some(pack)).unwrap()[0].waiting.is_empty());
}

/// Goal: a check that goes on in slices says what one in one go says, and lets others work between.
#[test]
fn a_check_in_slices_lets_others_work() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    for n in 0..super::SLICE + 3 {
        add(&mut node, pack, Sensitivity::Public, &format!("note {n}"));
    }
    let me = node.me().person;
    let expected = node.check_as(pack, me).unwrap();
    let mut checking = node.begin_check(pack, me).unwrap();
    assert!(node.check_on(&mut checking).unwrap().is_none());
    add(&mut node, pack, Sensitivity::Public, "meanwhile");
    let mut answer = None;
    while answer.is_none() {
        answer = node.check_on(&mut checking).unwrap();
    }
    assert_eq!(answer.unwrap(), expected);
}

/// Goal: who could read a note before it was raised is told so, with who raised it; whoever came to
/// see it by a lowering sees it now, and whoever was removed before that never did.
#[test]
fn whoever_read_a_note_before_it_was_raised_is_told() {
    use Sensitivity::{Confidential, Internal, Restricted};
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let ben = granted(&mut node, pack, Internal);
    let (note, never) = (
        add(&mut node, pack, Internal, "one"),
        add(&mut node, pack, Restricted, "two"),
    );
    node.relabel(NOW, pack, note, Confidential).unwrap();
    let later = Timestamp::from_millis(2_000);
    node.relabel(later, pack, note, Restricted).unwrap();
    let of_ben = |node: &mut Node, note| {
        let who = node.who(pack, Some(note)).unwrap();
        let view = who.into_iter().find(|view| view.who.person == ben).unwrap();
        view.access.into_iter().next().unwrap()
    };
    let access = of_ben(&mut node, note);
    assert_eq!(access.state, AccessState::Before);
    let raised = access.raised.unwrap();
    assert_eq!((raised.from, raised.at), (Internal, NOW));
    assert!(raised.by.unwrap().is_me);
    assert_eq!(of_ben(&mut node, never).state, AccessState::Never);

    // Removed afterwards, they could read it all the same; what comes down now they never could.
    remove(&mut node, pack, ben);
    let access = of_ben(&mut node, note);
    assert_eq!(
        (access.state, access.raised.is_some()),
        (AccessState::Before, true)
    );
    node.relabel(later, pack, never, Internal).unwrap();
    assert_eq!(of_ben(&mut node, never).state, AccessState::Never);
}
