//! Peers that send what no honest peer sends.

use super::support::*;
use kitbag_core::content::{LogPosition, Run, SignedHead};
use kitbag_core::id::{EntryHash, EpochId, LogId, PackId, PersonId, SignatureBytes};
use kitbag_core::policy::op::SignedOp;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::sync::sketch::Sketch;
use kitbag_core::sync::tree::{LeafHash, Leaves, NodeHash, Prefix};
use kitbag_core::wire::{
    Blob, CHANGED_MAX, FRAME_BYTES_MAX, Leaf, LogHave, Message, Page, SYNC_VERSION, TreePart, Want,
};
use kitbag_testkit::{Dice, NetSettings, Who, World};

/// Everything that Ana shows.
fn shown(world: &mut World, who: Who, pack: PackId) -> String {
    let node = world.node(who);
    format!(
        "{:?} {:?} {:?} {:?}",
        node.packs(),
        node.members(pack),
        node.notes(pack),
        node.status(pack).map(|s| (s.waiting, s.set_aside, s.held))
    )
}

/// Sends one frame to Ana as Ben, then checks that nothing changed and that all still works.
fn send(world: &mut World, ana: Who, ben: Who, pack: PackId, frame: Vec<u8>, before: &str) {
    if world.links_between(ana, ben) == 0 {
        world.dial(ben, ana).unwrap();
        settle(world);
    }
    let link = world.last_link();
    world.inject(link, ben, frame);
    world.run(60);
    assert_eq!(shown(world, ana, pack), before);
}

fn still_works(world: &mut World, ana: Who, ben: Who, pack: PackId, text: &str) {
    world.disconnect_all();
    world.dial(ben, ana).unwrap();
    let note = add(world, ana, pack, text, Sensitivity::Internal);
    settle(world);
    assert!(world.node(ben).note(pack, note).is_ok());
}

#[test]
fn random_bytes_and_broken_frames_close_the_link_and_change_nothing() {
    let (mut world, ana, ben, pack) = two_in_one_pack(41, Role::Editor, Sensitivity::Internal);
    add(&mut world, ana, pack, "one", Sensitivity::Internal);
    settle(&mut world);
    let before = shown(&mut world, ana, pack);
    let mut dice = Dice::new(42);
    for _ in 0..300 {
        let len = dice.below(200) as usize;
        let bytes = dice.many_bytes(len);
        send(&mut world, ana, ben, pack, bytes, &before);
    }
    let hello = Message::Hello {
        version: SYNC_VERSION,
        root: NodeHash([7; 32]),
        wants: 1,
        changed: vec![pack],
        children: None,
        sketch: None,
    }
    .encode();
    let want = Message::Want(Want {
        pack,
        persons: vec![],
        control: vec![],
        epochs: vec![],
        keys: vec![],
        content: vec![],
    })
    .encode();
    let page = Message::Page(Page {
        persons: vec![Blob(vec![1, 2, 3])],
        ..Page::empty(pack)
    })
    .encode();
    for frame in [hello, want, page] {
        for cut in 0..frame.len() {
            send(&mut world, ana, ben, pack, frame[..cut].to_vec(), &before);
        }
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 1 << dice.below(8);
            send(&mut world, ana, ben, pack, changed, &before);
        }
    }
    still_works(&mut world, ana, ben, pack, "after the noise");
}

#[test]
fn well_formed_nonsense_changes_nothing() {
    let (mut world, ana, ben, pack) = two_in_one_pack(43, Role::Editor, Sensitivity::Internal);
    add(&mut world, ana, pack, "one", Sensitivity::Internal);
    settle(&mut world);
    let before = shown(&mut world, ana, pack);
    let other = PackId::from_bytes([9; 32]);
    let blob = || Blob(vec![0x5a; 100]);
    let empty = Page::empty(pack);
    let head = SignedHead {
        position: LogPosition {
            log: LogId::from_bytes([1; 32]),
            seq: u64::MAX,
            hash: EntryHash::from_bytes([2; 32]),
        },
        signature: SignatureBytes(kitbag_crypto::Signature::from_bytes([0; 64])),
    };
    let leaf = |pack| (pack, LeafHash([3; 32]));
    let strange: Leaves = [pack, other].into_iter().map(leaf).collect();
    let nonsense = vec![
        Message::Hello {
            version: 99,
            root: NodeHash([0; 32]),
            wants: 0,
            changed: vec![],
            children: None,
            sketch: None,
        },
        Message::Hello {
            version: SYNC_VERSION,
            root: NodeHash([0; 32]),
            wants: u64::MAX,
            changed: vec![other; CHANGED_MAX],
            children: None,
            sketch: None,
        },
        Message::Hello {
            version: SYNC_VERSION,
            root: NodeHash([0; 32]),
            wants: 0,
            changed: vec![other; CHANGED_MAX + 1],
            children: None,
            sketch: None,
        },
        Message::Hello {
            version: SYNC_VERSION,
            root: NodeHash([0; 32]),
            wants: 0,
            changed: vec![],
            children: Some([NodeHash([1; 32]); 16]),
            sketch: None,
        },
        Message::Hello {
            version: SYNC_VERSION,
            root: NodeHash([0; 32]),
            wants: 0,
            changed: vec![],
            children: None,
            sketch: Some(Sketch::default()),
        },
        Message::Hello {
            version: SYNC_VERSION,
            root: NodeHash([0; 32]),
            wants: 0,
            changed: vec![],
            children: None,
            sketch: strange.sketch().cloned(),
        },
        Message::Tree(vec![]),
        Message::Tree(vec![TreePart::Children {
            prefix: Prefix::root(),
            hashes: vec![],
        }]),
        Message::Tree(vec![
            TreePart::Children {
                prefix: Prefix::root(),
                hashes: vec![NodeHash([1; 32]); 16]
            };
            512
        ]),
        Message::Tree(vec![
            TreePart::Children {
                prefix: Prefix::root(),
                hashes: vec![NodeHash([1; 32]); 16]
            };
            513
        ]),
        Message::Tree(vec![TreePart::Leaves {
            prefix: Prefix::root(),
            leaves: vec![Leaf {
                pack: other,
                hash: LeafHash([0; 32]),
            }],
            answer: true,
        }]),
        Message::Page(Page::empty(other)),
        Message::Page(Page {
            more: true,
            ..empty.clone()
        }),
        Message::Page(Page {
            persons: vec![blob()],
            ..empty.clone()
        }),
        Message::Page(Page {
            ops: vec![blob()],
            ..empty.clone()
        }),
        Message::Page(Page {
            epochs: vec![blob()],
            ..empty.clone()
        }),
        Message::Page(Page {
            wraps: vec![blob()],
            ..empty.clone()
        }),
        Message::Page(Page {
            runs: vec![Run {
                opening: vec![1],
                entries: vec![],
                head,
            }],
            ..empty.clone()
        }),
        Message::Want(Want {
            pack: other,
            persons: vec![],
            control: vec![],
            epochs: vec![],
            keys: vec![],
            content: vec![],
        }),
        Message::Want(Want {
            pack,
            persons: vec![PersonId::from_bytes([3; 32]); 2_000],
            control: vec![
                LogHave {
                    log: LogId::from_bytes([4; 32]),
                    len: u64::MAX,
                    head: [5; 32]
                };
                2_000
            ],
            epochs: vec![EpochId::from_bytes([6; 32]); 2_000],
            keys: vec![EpochId::from_bytes([7; 32]); 2_000],
            content: vec![
                LogHave {
                    log: LogId::from_bytes([8; 32]),
                    len: 0,
                    head: [9; 32]
                };
                2_000
            ],
        }),
    ];
    for message in nonsense {
        let frame = message.encode();
        assert!(frame.len() <= FRAME_BYTES_MAX);
        send(&mut world, ana, ben, pack, frame.clone(), &before);
        // While Ana waits for a page, too: a hello that names the pack makes her ask.
        let hello = Message::Hello {
            version: SYNC_VERSION,
            root: NodeHash([7; 32]),
            wants: 0,
            changed: vec![pack],
            children: None,
            sketch: None,
        };
        send(&mut world, ana, ben, pack, hello.encode(), &before);
        if world.links_between(ana, ben) > 0 {
            send(&mut world, ana, ben, pack, frame, &before);
        }
        world.disconnect_all();
    }
    still_works(&mut world, ana, ben, pack, "after the nonsense");
    assert_no_violations(&mut world);
}

/// Real frames of one pack, said to be of another, cut, repeated and mixed: whatever arrives, what
/// is kept is what was signed.
#[test]
fn frames_of_another_pack_another_time_and_another_peer_do_no_harm() {
    let (mut world, ana, ben, pack) = two_in_one_pack(44, Role::Editor, Sensitivity::Internal);
    let elsewhere = create(&mut world, ana, &secret("elsewhere"));
    let ticket = share(
        &mut world,
        ana,
        elsewhere,
        Role::Editor,
        Sensitivity::Internal,
    );
    world.keep_frames();
    join(&mut world, ben, ana, &ticket);
    for n in 0..5 {
        add(
            &mut world,
            ben,
            pack,
            &format!("here {n}"),
            Sensitivity::Internal,
        );
        add(
            &mut world,
            ben,
            elsewhere,
            &format!("there {n}"),
            Sensitivity::Internal,
        );
        settle(&mut world);
    }
    let frames = world.kept_frames();
    let before = shown(&mut world, ana, pack);
    let mut dice = Dice::new(45);
    for frame in frames {
        send(&mut world, ana, ben, pack, frame.clone(), &before);
        if let Ok(Message::Page(mut page)) = Message::decode(&frame) {
            page.pack = if page.pack == pack { elsewhere } else { pack };
            let hello = Message::Hello {
                version: SYNC_VERSION,
                root: NodeHash([7; 32]),
                wants: 0,
                changed: vec![page.pack],
                children: None,
                sketch: None,
            };
            send(&mut world, ana, ben, pack, hello.encode(), &before);
            send(
                &mut world,
                ana,
                ben,
                pack,
                Message::Page(page.clone()).encode(),
                &before,
            );
            page.ops = page
                .ops
                .iter()
                .flat_map(|op| [op.clone(), op.clone()])
                .collect();
            page.runs.reverse();
            send(
                &mut world,
                ana,
                ben,
                pack,
                Message::Page(page).encode(),
                &before,
            );
        }
        let mut changed = frame.clone();
        let at = dice.below(changed.len() as u64) as usize;
        changed[at] ^= 0x10;
        send(&mut world, ana, ben, pack, changed, &before);
    }
    still_works(&mut world, ana, ben, pack, "after the replays");
    world.kill(ana);
    world.start(ana);
    still_works(&mut world, ana, ben, pack, "after a restart");
}

/// QUIC keeps order and sends nothing twice; a transport that does not may slow us down, no more.
#[test]
fn frames_that_come_twice_or_out_of_order_within_a_connection_only_cost_time() {
    for seed in 0..20 {
        let (mut world, ana, ben, pack) =
            two_in_one_pack(4_600 + seed, Role::Editor, Sensitivity::Internal);
        world.net = NetSettings {
            duplicate_percent: 30,
            reorder_percent: 30,
            ..NetSettings::CALM
        };
        world.disconnect_all();
        for n in 0..10 {
            let who = if n % 2 == 0 { ana } else { ben };
            add(
                &mut world,
                who,
                pack,
                &format!("note {n}"),
                Sensitivity::Internal,
            );
            world.dial(ana, ben);
            world.run(200);
        }
        world.net = NetSettings::CALM;
        world.disconnect_all();
        world.dial(ana, ben).unwrap();
        settle(&mut world);
        for who in [ana, ben] {
            assert_eq!(world.node(who).pack(pack).unwrap().notes, 10);
        }
        assert_no_violations(&mut world);
    }
}

/// Goal: whoever sends an operation without the one before it keeps nobody from getting that one. Method:
/// Cyn shows Ben the second of two that Ana made; then Ben meets Ana.
#[test]
fn an_operation_without_the_one_before_it_leaves_no_gap() {
    let (mut world, ana, ben, pack) = two_in_one_pack(47, Role::Editor, Sensitivity::Internal);
    let cyn = world.add(&secret("Cyn"));
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    join(&mut world, cyn, ana, &ticket);
    world.dial(cyn, ben).unwrap();
    settle(&mut world);
    world.disconnect_all();
    let known = |world: &mut World, who: Who| -> Vec<SignedOp> {
        let policy = world.node(who).policy(pack).unwrap();
        policy.ops().cloned().collect()
    };
    let before = known(&mut world, ana);
    for _ in 0..2 {
        share(&mut world, ana, pack, Role::Reader, Sensitivity::Public);
    }
    let mut new = known(&mut world, ana);
    new.retain(|op| !before.iter().any(|old| old.hash() == op.hash()));
    let second = new.iter().max_by_key(|op| op.op().seq).unwrap();
    let page = Page {
        ops: vec![Blob(second.bytes().to_vec())],
        ..Page::empty(pack)
    };
    let link = world.dial(cyn, ben).unwrap();
    let hello = Message::Hello {
        version: SYNC_VERSION,
        root: NodeHash([7; 32]),
        wants: 0,
        changed: vec![pack],
        children: None,
        sketch: None,
    };
    world.inject(link, cyn, hello.encode());
    world.inject(link, cyn, Message::Page(page).encode());
    world.run(5_000);
    world.disconnect_all();
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    assert_eq!(known(&mut world, ben).len(), before.len() + 2);
}
