//! Moves that no honest member writes, and moves whose author was removed.

use crate::logs::Log;
use crate::objects::{epoch_key, open_item_key, read};
use crate::relabel::{deps, may_move_again, relocation};
use crate::replica::Staged;
use crate::view::{AsideKind, Change, NewNote, NewSource, NoteEdit, TakeOver};
use crate::why::WaitingFor;
use crate::write::Draft;
use crate::{Node, NodeError};
use kitbag_core::content::{
    EntryBody, EntryKind, MOVES_AT_ONCE_MAX, MOVES_OF_ONE_MAX, Relocation, VerifiedRun,
};
use kitbag_core::id::{EntryHash, ItemId, LogId, ObjectTag, PackId, Timestamp};
use kitbag_core::pack::note::object_tag;
use kitbag_core::policy::op::{Act, Cutoff, LateDenials};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::{ItemKey, MasterKey, SealLabel, open};
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::collections::BTreeSet;

use Sensitivity::{Confidential, Internal, Restricted};

const NOW: Timestamp = Timestamp::from_millis(1_000);
/// Places in the group below.
const ANA: usize = 0;
const BEN: usize = 1;
const CYN: usize = 2;

/// Members of one pack of Ana's, who hand each other what they hold without a network.
struct Group {
    nodes: Vec<Node>,
    clearances: Vec<Sensitivity>,
    pack: PackId,
    _dir: tempfile::TempDir,
}

impl Group {
    /// Ana, and Ben and Cyn with what she granted them.
    fn new(ben: (Role, Sensitivity), cyn: (Role, Sensitivity)) -> Group {
        let dir = tempfile::tempdir().unwrap();
        let mut nodes: Vec<Node> = ["Ana", "Ben", "Cyn"]
            .into_iter()
            .enumerate()
            .map(|(n, name)| {
                let mut rng = ChaCha20Rng::seed_from_u64(n as u64);
                let master = MasterKey::from_bytes([7; 32]);
                let mut store = Store::open(&dir.path().join(name), &master, &mut rng).unwrap();
                Node::initialise(&mut store, name, "laptop", &mut rng).unwrap();
                Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
            })
            .collect();
        let pack = nodes[ANA].create_pack(NOW, "Acme", Internal).unwrap().id;
        for (n, (role, clearance)) in [(BEN, ben), (CYN, cyn)] {
            let person = nodes[n].me.person();
            let mut staged = Staged {
                persons: vec![nodes[n].me.person_op.clone()],
                ..Staged::default()
            };
            let grant = Act::Grant {
                person,
                role,
                clearance,
            };
            let ana = &mut nodes[ANA];
            ana.stage_op(pack, vec![grant], NOW, &mut staged).unwrap();
            ana.commit(pack, staged).unwrap();
            let (row, endpoint) = (
                nodes[ANA].packs[&pack].row.clone(),
                nodes[ANA].me.endpoint_id(),
            );
            nodes[n].join_pack(row, [endpoint].into()).unwrap();
        }
        let mut group = Group {
            nodes,
            clearances: vec![Restricted, ben.1, cyn.1],
            pack,
            _dir: dir,
        };
        group.share();
        group
    }

    /// Everybody gets everything up to their clearance.
    fn share(&mut self) {
        for _ in 0..2 {
            for from in [ANA, BEN, CYN] {
                for to in [ANA, BEN, CYN] {
                    if from != to {
                        self.hand_over(from, to, |_| true);
                    }
                }
            }
        }
    }

    fn hand_over(&mut self, from: usize, to: usize, wanted: impl Fn(Sensitivity) -> bool) {
        let (giver, taker) = (
            &self.nodes[from].packs[&self.pack],
            &self.nodes[to].packs[&self.pack],
        );
        let limit = self.clearances[to].min(self.clearances[from]);
        let mut staged = Staged {
            persons: giver.persons.values().cloned().collect(),
            ops: giver
                .op_order
                .iter()
                .map(|hash| giver.ops[hash].clone())
                .collect(),
            ..Staged::default()
        };
        let mut epochs: Vec<_> = giver.epochs.values().collect();
        epochs.sort_by_key(|held| held.order);
        for held in epochs {
            if held.signed.epoch().domain <= limit {
                staged.epochs.push(held.signed.clone());
                let key = held.key.clone().expect("honest members share keys");
                staged.keys.push((held.signed.id(), key));
            }
        }
        for (id, log) in &giver.logs {
            let known = taker.logs.get(id).and_then(Log::trunk);
            let known = known.map_or(0, |log| log.next_seq());
            let trunk = log.trunk().unwrap();
            let own = log.opening.sensitivity;
            if own > limit || !wanted(own) || known >= trunk.next_seq() {
                continue;
            }
            let entries = (known..trunk.next_seq())
                .map(|seq| {
                    self.nodes[from]
                        .store
                        .entry(trunk.number, seq)
                        .unwrap()
                        .unwrap()
                })
                .collect();
            let author = self
                .nodes
                .iter()
                .find(|node| node.me.device() == log.opening.device)
                .unwrap();
            let run = VerifiedRun::write(log.opening.clone(), entries, &author.me.signing);
            staged.runs.push(run);
        }
        self.nodes[to].commit(self.pack, staged).unwrap();
    }

    fn add(&mut self, who: usize, sensitivity: Sensitivity) -> ItemId {
        let note = NewNote {
            body: "one".into(),
            source: NewSource {
                label: "test".into(),
                ..NewSource::default()
            },
            sensitivity: Some(sensitivity),
            ..NewNote::default()
        };
        let added = self.nodes[who].add_notes(NOW, self.pack, &[note]).unwrap();
        let id = added[0].id;
        self.set_body(who, id, "one two");
        self.share();
        id
    }

    fn set_body(&mut self, who: usize, note: ItemId, body: &str) {
        let edit = NoteEdit {
            body: Some(body.into()),
            ..NoteEdit::default()
        };
        self.nodes[who]
            .edit_note(NOW, self.pack, note, &edit)
            .unwrap();
    }

    fn seen(&mut self, who: usize, note: ItemId) -> Option<(Sensitivity, String)> {
        match self.nodes[who].note(self.pack, note) {
            Ok(note) => Some((note.sensitivity, note.body)),
            Err(NodeError::NotFound(_)) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Reads one member's database anew.
    fn reopen(&mut self, who: usize) {
        let name = ["Ana", "Ben", "Cyn"][who];
        let dir = self._dir.path().join(name);
        drop(self.nodes.remove(who));
        let mut rng = ChaCha20Rng::seed_from_u64(90 + who as u64);
        let store = Store::open(&dir, &MasterKey::from_bytes([7; 32]), &mut rng).unwrap();
        let node = Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap();
        self.nodes.insert(who, node);
    }

    /// Writes a moved, under the tag at which its author sees the note.
    fn write_moved(&mut self, who: usize, note: ItemId, to: EntryHash) {
        let node = &mut self.nodes[who];
        let (_, own, built) = node.built_note(self.pack, note).unwrap();
        let mut staged = Staged::default();
        let mut pen = node.pen(self.pack, own, true, &mut staged).unwrap();
        let on = deps(&node.packs[&self.pack], &built, own).unwrap();
        node.append_bare(&mut pen, EntryKind::Moved(to), built.tag, on);
        node.put_down(pen, &mut staged);
        node.commit(self.pack, staged).unwrap();
    }

    /// Writes a move that `spoil` changed, and, if `whole`, its moved.
    fn write_move(
        &mut self,
        who: usize,
        note: ItemId,
        to: Sensitivity,
        whole: bool,
        spoil: impl FnOnce(&mut Relocation),
    ) -> EntryHash {
        let node = &mut self.nodes[who];
        let (_, _, built) = node.built_note(self.pack, note).unwrap();
        let on = deps(&node.packs[&self.pack], &built, to).unwrap();
        let mut relocation = relocation(&built, NOW).unwrap();
        spoil(&mut relocation);
        let tag = object_tag(self.pack, note, to, relocation.placement);
        let mut staged = Staged::default();
        let mut pen = node.pen(self.pack, to, true, &mut staged).unwrap();
        let draft = Draft {
            kind: EntryKind::Move,
            object: tag,
            deps: on,
            body: &EntryBody::Move(relocation),
            item_key: &ItemKey::from_bytes([5; 32]),
        };
        let hash = node.append(&mut pen, &draft).unwrap();
        node.put_down(pen, &mut staged);
        node.commit(self.pack, staged).unwrap();
        if whole {
            self.write_moved(who, note, hash);
        }
        hash
    }
}

/// Goal: an editor who is cleared for no more than a note's own sensitivity can hide it from nobody.
#[test]
fn an_editor_cleared_no_higher_makes_no_note_vanish() {
    let mut group = Group::new((Role::Editor, Internal), (Role::Reader, Internal));
    let note = group.add(ANA, Internal);
    group.write_moved(BEN, note, EntryHash::from_bytes([9; 32]));
    group.share();
    for who in [ANA, BEN, CYN] {
        assert_eq!(
            group.seen(who, note),
            Some((Internal, "one two".into())),
            "{who}"
        );
    }
    assert!(
        !group.nodes[ANA]
            .note(group.pack, note)
            .unwrap()
            .hidden_below
    );
}

/// Goal: an editor who is cleared higher hides a note from those below, which the others are told,
/// and an admin gives it back.
#[test]
fn a_moved_that_leads_nowhere_is_told_and_undone() {
    let mut group = Group::new((Role::Editor, Confidential), (Role::Reader, Internal));
    let note = group.add(ANA, Internal);
    group.write_moved(BEN, note, EntryHash::from_bytes([9; 32]));
    group.share();
    for who in [ANA, BEN] {
        let shown = group.nodes[who].note(group.pack, note).unwrap();
        assert_eq!((shown.sensitivity, shown.hidden_below), (Internal, true));
    }
    assert_eq!(group.seen(CYN, note), None);
    group.reopen(CYN);
    assert_eq!(group.seen(CYN, note), None);

    let done = group.nodes[ANA].relabel(NOW, group.pack, note, Internal);
    assert!(done.unwrap().changed);
    group.share();
    for who in [ANA, BEN, CYN] {
        assert_eq!(
            group.seen(who, note),
            Some((Internal, "one two".into())),
            "{who}"
        );
        let shown = group.nodes[who].note(group.pack, note).unwrap();
        assert!(!shown.hidden_below);
    }
}

/// Goal: a moved under a note's tag that stands in a log of another sensitivity changes nothing.
#[test]
fn a_moved_in_another_sensitivity_changes_nothing() {
    let mut group = Group::new((Role::Editor, Confidential), (Role::Reader, Internal));
    let note = group.add(ANA, Internal);
    let tag = group.nodes[BEN].packs[&group.pack].notes[&note];
    let create = group.nodes[BEN].packs[&group.pack].objects[&tag].entries[0];
    let (pack, ben) = (group.pack, &mut group.nodes[BEN]);
    let mut staged = Staged::default();
    let mut pen = ben
        .pen(pack, Sensitivity::Public, true, &mut staged)
        .unwrap();
    let nowhere = EntryKind::Moved(EntryHash::from_bytes([9; 32]));
    ben.append_bare(&mut pen, nowhere, tag, BTreeSet::from([create]));
    ben.put_down(pen, &mut staged);
    ben.commit(pack, staged).unwrap();
    group.share();
    for who in [ANA, BEN, CYN] {
        assert_eq!(group.seen(who, note), Some((Internal, "one two".into())));
    }
}

/// Goal: an editor who moves one note a hundred times at once moves it once, for everybody, in
/// whatever order that arrives; no more is kept in memory than counts, and an admin moves it on.
#[test]
fn a_flood_of_moves_moves_a_note_and_blocks_nobody() {
    const FLOOD: u8 = 100;
    for first in [Internal, Confidential] {
        let mut group = Group::new((Role::Editor, Confidential), (Role::Reader, Confidential));
        let note = group.add(ANA, Internal);
        let (pack, ben) = (group.pack, &mut group.nodes[BEN]);
        let (_, _, built) = ben.built_note(pack, note).unwrap();
        let on = deps(&ben.packs[&pack], &built, Confidential).unwrap();
        let relocation = relocation(&built, NOW).unwrap();
        let tag = object_tag(pack, note, Confidential, relocation.placement);
        let body = EntryBody::Move(relocation);
        let mut staged = Staged::default();
        let mut above = ben.pen(pack, Confidential, true, &mut staged).unwrap();
        let mut below = ben.pen(pack, Internal, true, &mut staged).unwrap();
        for n in 0..FLOOD {
            let draft = Draft {
                kind: EntryKind::Move,
                object: tag,
                deps: on.clone(),
                body: &body,
                item_key: &ItemKey::from_bytes([n; 32]),
            };
            let hash = ben.append(&mut above, &draft).unwrap();
            ben.append_bare(&mut below, EntryKind::Moved(hash), built.tag, on.clone());
        }
        for pen in [above, below] {
            ben.put_down(pen, &mut staged);
        }
        ben.commit(pack, staged).unwrap();
        group.hand_over(BEN, CYN, |of| of == first);
        group.share();
        let mut tips = vec![];
        for who in [ANA, BEN, CYN] {
            let expected = Some((Confidential, "one two".to_owned()));
            assert_eq!(group.seen(who, note), expected);
            group.reopen(who);
            assert_eq!(group.seen(who, note), expected, "read back");
            let (_, _, built) = group.nodes[who].built_note(pack, note).unwrap();
            assert_eq!(built.placed.openings().len(), 1 + MOVES_AT_ONCE_MAX);
            assert!(built.placed.kept_open() <= MOVES_AT_ONCE_MAX);
            let mut kept = group.nodes[who].built.values();
            assert!(kept.all(|built| built.placed.kept_open() == 0));
            tips.push(built.placed.tip());
        }
        assert!(tips.iter().all(|tip| *tip == tips[0]), "{tips:?}");

        group.set_body(ANA, note, "one two by Ana");
        group.share();
        for to in [Restricted, Internal] {
            let done = group.nodes[ANA].relabel(NOW, pack, note, to).unwrap();
            assert!(done.changed);
            group.share();
        }
        for who in [ANA, BEN, CYN] {
            let expected = Some((Internal, "one two by Ana".to_owned()));
            assert_eq!(group.seen(who, note), expected);
        }
    }
}

/// Goal: who moved a note as often as counts is told so, and nothing is written.
#[test]
fn a_move_that_would_not_count_is_refused_to_its_own_writer() {
    let mut group = Group::new((Role::Editor, Confidential), (Role::Reader, Confidential));
    let note = group.add(ANA, Internal);
    let ana = &mut group.nodes[ANA];
    ana.relabel(NOW, group.pack, note, Confidential).unwrap();
    let (_, _, mut built) = ana.built_note(group.pack, note).unwrap();
    let (me, mover) = (ana.me.person(), built.movers[0].clone());
    for (times, may) in [(MOVES_OF_ONE_MAX - 1, true), (MOVES_OF_ONE_MAX, false)] {
        built.movers = vec![mover.clone(); times];
        assert_eq!(may_move_again(&built, me).is_ok(), may, "{times}");
    }
}

/// Goal: half a move is no move, whichever half comes first.
#[test]
fn a_raise_counts_when_both_halves_are_here() {
    for first in [Internal, Confidential] {
        let mut group = Group::new((Role::Editor, Confidential), (Role::Reader, Confidential));
        let note = group.add(ANA, Internal);
        group.nodes[BEN]
            .relabel(NOW, group.pack, note, Confidential)
            .unwrap();
        group.hand_over(BEN, CYN, |of| of == first);
        assert_eq!(group.seen(CYN, note), Some((Internal, "one two".into())));
        group.reopen(CYN);
        assert_eq!(group.seen(CYN, note), Some((Internal, "one two".into())));
        group.share();
        for who in [ANA, BEN, CYN] {
            let expected = Some((Confidential, "one two".into()));
            assert_eq!(group.seen(who, note), expected);
        }
    }
}

/// Goal: half of a move waits for the other half, once, and not for a key: what says that a note went
/// is not sealed.
#[test]
fn half_of_a_move_waits_for_the_other_and_for_no_key() {
    let mut group = Group::new((Role::Editor, Restricted), (Role::Reader, Internal));
    let note = group.add(ANA, Internal);
    let (pack, ben) = (group.pack, &mut group.nodes[BEN]);
    ben.relabel(NOW, pack, note, Confidential).unwrap();
    group.write_move(BEN, note, Restricted, false, |_| {});
    group.share();
    let why = group.nodes[ANA].why(Some(pack)).unwrap().remove(0);
    let waiting: Vec<_> = why.waiting.iter().map(|of| (of.what, of.notes)).collect();
    assert_eq!(waiting, [(WaitingFor::Earlier, 1)]);
}

/// Goal: each move that says something else than the note it moves leaves the note where it was.
#[test]
fn a_forged_move_leaves_the_note_where_it_was() {
    type Spoil = fn(&mut Relocation);
    let cases: [(&str, Spoil); 5] = [
        ("another text", |r| r.record.title = "two".into()),
        ("another placement", |r| r.placement = 7),
        ("a change that is none", |r| {
            r.changes[0].change = vec![1, 2, 3]
        }),
        ("a change of another log", |r| {
            r.changes[0].log = LogId::from_bytes([1; 32])
        }),
        ("a change twice", |r| r.changes.push(r.changes[0].clone())),
    ];
    for (what, spoil) in cases {
        let mut group = Group::new((Role::Editor, Confidential), (Role::Reader, Confidential));
        let note = group.add(ANA, Internal);
        group.write_move(BEN, note, Confidential, true, spoil);
        group.share();
        for who in [ANA, CYN] {
            let expected = Some((Internal, "one two".to_owned()));
            assert_eq!(group.seen(who, note), expected, "{what}");
            group.reopen(who);
            assert_eq!(group.seen(who, note), expected, "{what}, read back");
            let status = group.nodes[who].status(group.pack).unwrap();
            // A move that is well made and merely does not count is not listed.
            let counted = status.set_aside > 0;
            assert_eq!(counted, what != "another placement", "{what}");
        }
        group.set_body(ANA, note, "one two three");
        group.share();
        assert_eq!(
            group.seen(CYN, note),
            Some((Internal, "one two three".into())),
            "{what}"
        );
    }
}

/// Goal: an editor lowers nothing, with or without the moved.
#[test]
fn a_lowering_by_an_editor_counts_for_nobody() {
    for whole in [true, false] {
        let mut group = Group::new((Role::Editor, Confidential), (Role::Reader, Internal));
        let note = group.add(ANA, Confidential);
        group.write_move(BEN, note, Internal, whole, |_| {});
        group.share();
        assert_eq!(group.seen(CYN, note), None);
        assert!(group.nodes[CYN].notes(group.pack).unwrap().is_empty());
        for who in [ANA, BEN] {
            assert_eq!(
                group.seen(who, note),
                Some((Confidential, "one two".into()))
            );
        }
    }
}

/// Goal: a mover who is removed with everything they wrote kept has moved the note for good, and what
/// others wrote there stays; so it is when an editor of it is removed.
#[test]
fn a_note_stays_where_somebody_moved_it_who_is_removed_later() {
    for gone in [BEN, CYN] {
        let mut group = Group::new((Role::Editor, Confidential), (Role::Editor, Confidential));
        let note = group.add(ANA, Internal);
        group.share();
        group.nodes[BEN]
            .relabel(NOW, group.pack, note, Confidential)
            .unwrap();
        group.share();
        group.set_body(CYN, note, "one two by Cyn");
        group.share();
        let expected = Some((Confidential, "one two by Cyn".to_owned()));
        assert_eq!(group.seen(ANA, note), expected);
        let device = group.nodes[gone].me.device();
        let remove = Act::Remove {
            person: group.nodes[gone].me.person(),
            cutoffs: ends(&group.nodes[ANA], group.pack, device),
            late_denials: LateDenials::Keep,
        };
        let (pack, ana) = (group.pack, &mut group.nodes[ANA]);
        let mut staged = Staged::default();
        ana.stage_op(pack, vec![remove], NOW, &mut staged).unwrap();
        ana.commit(pack, staged).unwrap();
        assert_eq!(group.seen(ANA, note), expected, "{gone} is out");
        group.reopen(ANA);
        assert_eq!(group.seen(ANA, note), expected, "{gone} is out, read back");
        assert_eq!(group.nodes[ANA].status(pack).unwrap().set_aside, 0);
        group.set_body(ANA, note, "one two by Ana");
        let after = Some((Confidential, "one two by Ana".to_owned()));
        assert_eq!(group.seen(ANA, note), after);
    }
}

/// Goal: a mover who is removed with a cutoff before the move moved nothing.
#[test]
fn the_move_of_somebody_removed_leaves_the_note_where_it_was() {
    let mut group = Group::new((Role::Editor, Confidential), (Role::Reader, Internal));
    let note = group.add(ANA, Internal);
    group.set_body(BEN, note, "one two by Ben");
    group.share();
    let ben = group.nodes[BEN].me.device();
    let before = ends(&group.nodes[ANA], group.pack, ben);
    group.nodes[BEN]
        .relabel(NOW, group.pack, note, Confidential)
        .unwrap();
    group.share();
    assert_eq!(group.seen(CYN, note), None);
    let remove = Act::Remove {
        person: group.nodes[BEN].me.person(),
        cutoffs: before,
        late_denials: LateDenials::Keep,
    };
    let (pack, ana) = (group.pack, &mut group.nodes[ANA]);
    let mut staged = Staged::default();
    ana.stage_op(pack, vec![remove], NOW, &mut staged).unwrap();
    let preview = ana.preview_of(pack, &Change::Leave, &staged).unwrap();
    let announced: Vec<u64> = preview.set_aside.iter().map(|of| of.entries).collect();
    assert_eq!(announced, [1], "as many as are listed below");
    ana.commit(pack, staged).unwrap();
    group.hand_over(ANA, CYN, |_| true);
    for who in [ANA, CYN] {
        let expected = Some((Internal, "one two by Ben".to_owned()));
        assert_eq!(group.seen(who, note), expected);
        let linked = |group: &Group| group.nodes[who].packs[&pack].placements.linked();
        assert_eq!(linked(&group), 0, "no move counts any more");
        group.reopen(who);
        assert_eq!(group.seen(who, note), expected);
        assert_eq!(linked(&group), 0, "as at a start");
    }
    let ana = &mut group.nodes[ANA];
    let listed = ana.set_aside(pack).unwrap();
    let kinds: Vec<_> = listed.iter().map(|of| (of.kind, of.sensitivity)).collect();
    assert_eq!(
        kinds,
        [(AsideKind::Move, Confidential)],
        "both halves are one move"
    );
    let taken = ana.take_over(NOW, pack, &[listed[0].entry]).unwrap();
    assert_eq!(taken[0].outcome, TakeOver::ByHand);
    // Who is not cleared for where it would have gone sees only that it left.
    let listed = group.nodes[CYN].set_aside(pack).unwrap();
    let kinds: Vec<_> = listed.iter().map(|of| (of.kind, of.sensitivity)).collect();
    assert_eq!(kinds, [(AsideKind::MoveAway, Internal)]);
}

/// Where the content logs of a device end on this one, as a removal names them.
fn ends(node: &Node, pack: PackId, device: kitbag_core::id::DeviceId) -> Vec<Cutoff> {
    let logs = node.packs[&pack].logs.iter();
    let theirs = logs.filter(|(_, log)| log.opening.device == device);
    theirs
        .filter_map(|(id, log)| {
            let end = log.trunk()?.end()?;
            Some(Cutoff {
                log: *id,
                seq: end.seq,
                head: *end.hash.as_bytes(),
            })
        })
        .collect()
}

/// Goal: no key that somebody below holds opens any part of a move, even if the bytes reach them.
#[test]
fn nothing_of_a_move_opens_with_the_keys_of_those_below() {
    let mut group = Group::new((Role::Editor, Confidential), (Role::Editor, Internal));
    let note = group.add(CYN, Internal);
    let (_, _, old) = group.nodes[CYN].built_note(group.pack, note).unwrap();
    group.nodes[BEN]
        .relabel(NOW, group.pack, note, Confidential)
        .unwrap();
    group.share();
    let ben = &group.nodes[BEN].packs[&group.pack];
    let tag: ObjectTag = ben.notes[&note];
    let place = &ben.places[&ben.objects[&tag].entries[0]];
    let entry = read(ben, &group.nodes[BEN].store, place).unwrap().unwrap();
    let own = epoch_key(ben, place).unwrap();
    assert!(open_item_key(&entry, own).is_some(), "it opens for Ben");

    let cyn = &group.nodes[CYN].packs[&group.pack];
    assert!(!cyn.objects.contains_key(&tag), "nobody hands it to Cyn");
    let held: Vec<_> = cyn
        .epochs
        .values()
        .filter_map(|held| held.key.as_ref())
        .collect();
    assert!(held.len() >= 2, "of public and internal");
    let aad = entry.header().associated_data();
    for key in held {
        assert!(open_item_key(&entry, key).is_none());
        let salts = [old.item_key.danger_expose(), &[0; 32]];
        for salt in salts {
            let body = entry.raw().body.as_ref().unwrap();
            assert!(open(SealLabel::Record, salt, key.danger_expose(), &aad, body).is_err());
        }
    }
}
