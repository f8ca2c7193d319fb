//! Short stories for bugs that a random history meets too rarely, or cannot meet.

use crate::it::support::{add, create, join, secret, share};
use kitbag_core::content::{CONTENT_VERSION, EntryHeader, EntryKind};
use kitbag_core::epoch::{EPOCH_VERSION, Epoch, SignedEpoch, WrapSet};
use kitbag_core::id::{EndpointId, ItemId, LogId, OpHash, PackId, Timestamp};
use kitbag_core::pack::note::{NoteType, Source, SourceKind, Trust};
use kitbag_core::pack::{Edit, NoteDocument, Record, Schema, check_change};
use kitbag_core::person::{Certificate, SUITE};
use kitbag_core::policy::op::{GrantRef, LateDenials, SignedOp};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::sync::tree::NodeHash;
use kitbag_core::wire::{Blob, Message, Page, SYNC_VERSION};
use kitbag_crypto::{
    EpochKey, SealLabel, SignLabel, Signature, SigningKey, VerifyingKey, WrapKey, open, seal,
};
use kitbag_node::JoinOutcome;
use kitbag_node::view::Change;
use kitbag_testkit::{Dice, Hostile, Joining, Opened, Trick, Who, World};

type Scenario = fn() -> Result<(), String>;

pub(super) const ALL: &[(&str, Scenario)] = &[
    (
        "a key of low order is refused",
        a_key_of_low_order_is_refused,
    ),
    (
        "a signature of low order is refused",
        a_signature_of_low_order_is_refused,
    ),
    (
        "a seal that commits to another key is refused",
        another_commitment_is_refused,
    ),
    (
        "an epoch key that misses its commitment is refused",
        a_wrong_epoch_key_is_refused,
    ),
    (
        "a body opens only in its own log",
        a_body_opens_only_in_its_own_log,
    ),
    ("a change is its log's own", a_change_is_its_logs_own),
    ("a rotation is paid once", a_rotation_is_paid_once),
    ("a late denial is held", a_late_denial_is_held),
    (
        "an admission that the Remove has not seen falls",
        an_unseen_admission_falls,
    ),
    (
        "an admission that the Close does not list falls",
        an_unlisted_admission_falls,
    ),
    (
        "what was written before a removal stays",
        what_was_written_before_stays,
    ),
    (
        "an entry above its writer's clearance is not kept",
        an_entry_above_a_clearance_is_not_kept,
    ),
    (
        "what was written after a removal is set aside",
        what_was_written_after_is_set_aside,
    ),
    (
        "whoever comes back from a backup writes in new logs",
        a_restored_device_writes_in_new_logs,
    ),
    (
        "a record that came twice is stored once",
        a_record_that_came_twice_is_stored_once,
    ),
];

fn hold(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

fn a_key_of_low_order_is_refused() -> Result<(), String> {
    let mut identity = [0; 32];
    identity[0] = 1;
    hold(
        VerifyingKey::from_bytes(identity).is_err(),
        "the identity is taken for a key",
    )
}

/// The owner of a key signs with R of order 1 and S = k·a: plain verification takes it.
fn a_signature_of_low_order_is_refused() -> Result<(), String> {
    let s = "1c047a3ee38c0e12522e06d2d5cdd10ddadbe7581df0b17e1a2b4b3db5491307";
    let mut forged = [0; 64];
    forged[0] = 1;
    for (at, pair) in s.as_bytes().chunks(2).enumerate() {
        let text = std::str::from_utf8(pair).unwrap();
        forged[32 + at] = u8::from_str_radix(text, 16).unwrap();
    }
    let key = SigningKey::from_seed([7; 32]).verifying_key();
    let verdict = key.verify(SignLabel::Epoch, b"bytes", &Signature::from_bytes(forged));
    hold(verdict.is_err(), "a signature with R of order 1 verifies")
}

fn another_commitment_is_refused() -> Result<(), String> {
    let mut rng = Dice::new(1).fork();
    let (salt, key) = ([1; 32], [2; 32]);
    let mut sealed = seal(
        SealLabel::Record,
        &salt,
        &key,
        b"header",
        b"plain",
        &mut *rng,
    );
    sealed[24] ^= 1; // the first byte after the nonce
    let opened = open(SealLabel::Record, &salt, &key, b"header", &sealed);
    hold(opened.is_err(), "a seal opens whose commitment is another")
}

fn a_wrong_epoch_key_is_refused() -> Result<(), String> {
    let mut rng = Dice::new(2).fork();
    let (device, wrap) = (
        SigningKey::generate(&mut *rng),
        WrapKey::generate(&mut *rng),
    );
    let certificate = Certificate {
        suite: SUITE,
        device: device.verifying_key().into(),
        endpoint: EndpointId::from_bytes([3; 32]),
        wrap: wrap.public().to_bytes(),
    };
    let (real, other) = (EpochKey::generate(&mut *rng), EpochKey::generate(&mut *rng));
    let epoch = Epoch {
        version: EPOCH_VERSION,
        suite: SUITE,
        pack: PackId::from_bytes([4; 32]),
        domain: Sensitivity::Internal,
        n: 0,
        parents: vec![],
        answers: vec![],
        commitment: *real.commitment().as_bytes(),
        parent_keys: vec![],
        device: device.verifying_key().into(),
        grant: GrantRef {
            op: OpHash::from_bytes([4; 32]),
            act: 0,
        },
        heads: vec![],
    };
    let signed = SignedEpoch::sign(epoch, &device);
    let opens = |key: &EpochKey, rng: &mut dyn kitbag_crypto::CryptoRng| {
        let set = WrapSet::make(&signed, key, &certificate, &device, rng).unwrap();
        let set = WrapSet::verify(&set).unwrap();
        set.open(&signed, device.verifying_key().into(), &wrap)
            .is_some()
    };
    hold(opens(&real, &mut *rng), "the right key does not open")?;
    hold(
        !opens(&other, &mut *rng),
        "another key is taken for the epoch's",
    )
}

fn a_body_opens_only_in_its_own_log() -> Result<(), String> {
    let header = |log: u8| EntryHeader {
        version: CONTENT_VERSION,
        pack: PackId::from_bytes([1; 32]),
        log: LogId::from_bytes([log; 32]),
        seq: 3,
        prev: None,
        kind: EntryKind::Create,
        epoch: None,
        object: None,
        deps: vec![],
        padded_len: 9,
        body: None,
        wrap: None,
    };
    let (one, two) = (header(1).associated_data(), header(2).associated_data());
    hold(one != two, "two logs bind the same associated data")
}

fn a_change_is_its_logs_own() -> Result<(), String> {
    let (log, other) = (LogId::from_bytes([1; 32]), LogId::from_bytes([2; 32]));
    let source = Source {
        kind: SourceKind::Manual,
        label: "test".into(),
        uri: None,
        app: None,
        author: None,
        locator: None,
        captured_at: Timestamp::from_millis(1),
        observed_at: None,
        captured_by: "test".into(),
        trust: Trust::ALL[0],
    };
    let mut record = Record::new([5; 16], NoteType::Note, source);
    record.title = "one".into();
    let document = NoteDocument::derive(ItemId::from_bytes([6; 32]), &record);
    let edit = Edit {
        title: Some("two".into()),
        ..Edit::default()
    };
    let change = document.edit(log, &edit).unwrap().unwrap();
    hold(
        check_change(&change.bytes, log, Schema::Note).is_ok(),
        "an honest change is refused",
    )?;
    let stolen = check_change(&change.bytes, other, Schema::Note);
    hold(stolen.is_err(), "a change passes in another's log")
}

/// One device alone: others would answer a rotation that never ends with theirs.
fn a_rotation_is_paid_once() -> Result<(), String> {
    let mut world = World::new(70);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    add(&mut world, ana, pack, "before", Sensitivity::Internal);
    let invite = share(&mut world, ana, pack, Role::Reader, Sensitivity::Public).invite;
    let ended = world.call(ana, |node, now| {
        node.cancel_invite(now, pack, invite, false)
    });
    ended.done();
    add(&mut world, ana, pack, "after", Sensitivity::Internal);
    let owed = world.node(ana).status(pack).unwrap().rotation_debt;
    hold(
        owed == 0,
        "a new epoch does not answer what it was opened for",
    )
}

fn editor(world: &mut World, by: Who, pack: PackId, who: Who) {
    let ticket = share(world, by, pack, Role::Editor, Sensitivity::Internal);
    join(world, who, by, &ticket);
}

fn admin(world: &mut World, by: Who, pack: PackId, who: Who) {
    let person = world.person(who);
    let made = world.call(by, |node, now| {
        let (role, clearance) = (Role::Admin, Sensitivity::Restricted);
        node.change(
            now,
            pack,
            &Change::Role {
                person,
                role,
                clearance,
            },
        )
    });
    made.done();
}

fn remove(world: &mut World, by: Who, pack: PackId, who: Who) {
    let person = world.person(who);
    let removed = world.call(by, |node, now| {
        let late_denials = LateDenials::Keep;
        node.change(
            now,
            pack,
            &Change::Remove {
                person,
                late_denials,
            },
        )
    });
    removed.done();
}

fn meet(world: &mut World) {
    world.heal();
    let all = world.everybody();
    for a in &all {
        for b in all.iter().filter(|b| *b > a) {
            if world.links_between(*a, *b) == 0 {
                world.dial(*a, *b);
            }
        }
    }
    world.settle(120_000);
}

/// Ana, the founder; Ben, an admin; Cyn, an editor; Dan, whom they may let in.
fn four(seed: u64) -> (World, [Who; 4], PackId) {
    let mut world = World::new(seed);
    let [ana, ben, cyn, dan] = ["Ana", "Ben", "Cyn", "Dan"].map(|name| world.add(&secret(name)));
    let pack = create(&mut world, ana, &secret("plans"));
    editor(&mut world, ana, pack, ben);
    admin(&mut world, ana, pack, ben);
    editor(&mut world, ana, pack, cyn);
    meet(&mut world);
    (world, [ana, ben, cyn, dan], pack)
}

fn opens(world: &mut World, who: Who, pack: PackId, whom: Who) -> bool {
    let person = world.person(whom);
    let node = world.node(who);
    node.policy(pack)
        .unwrap()
        .may_open(&person, Sensitivity::Public)
}

fn a_late_denial_is_held() -> Result<(), String> {
    let (mut world, [ana, ben, cyn, _], pack) = four(71);
    world.set_cut(ana, ben, true);
    world.set_cut(ana, cyn, true); // or she hears first that Ben is out, and asks him nothing
    world.set_cut(ben, cyn, true);
    remove(&mut world, ben, pack, cyn);
    remove(&mut world, ana, pack, ben);
    world.set_cut(ben, cyn, false);
    world.dial(ben, cyn);
    world.run(30_000);
    world.set_cut(ana, cyn, false);
    meet(&mut world);
    let known = world.node(ana).policy(pack).unwrap().ops().count();
    // Cyn heard of it from Ben and tells it on.
    hold(
        !opens(&mut world, cyn, pack, cyn),
        "Cyn keeps keys although Ben removed her",
    )?;
    hold(
        known > 0 && !opens(&mut world, ana, pack, cyn),
        "Ana gives keys to Cyn",
    )
}

fn an_unseen_admission_falls() -> Result<(), String> {
    let (mut world, [ana, ben, cyn, dan], pack) = four(72);
    let ticket = share(&mut world, ben, pack, Role::Editor, Sensitivity::Internal);
    meet(&mut world);
    for away in [ben, cyn, dan] {
        world.set_cut(ana, away, true);
    }
    remove(&mut world, ana, pack, ben);
    let let_in = world.join(dan, cyn, &ticket) == Joining::Answered(JoinOutcome::Admitted);
    hold(let_in, "Cyn cannot let Dan in while she has not heard")?;
    world.dial(dan, cyn);
    world.run(30_000);
    meet(&mut world);
    hold(
        !opens(&mut world, cyn, pack, dan),
        "Dan came in by a removed admin's invite",
    )?;
    hold(
        !opens(&mut world, ana, pack, dan),
        "Dan came in by a removed admin's invite",
    )
}

fn an_unlisted_admission_falls() -> Result<(), String> {
    let (mut world, [ana, ben, cyn, dan], pack) = four(73);
    let eve = world.add(&secret("Eve"));
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    meet(&mut world);
    for away in [ben, cyn, dan] {
        world.set_cut(ana, away, true);
    }
    // Ben is an admin too: told of one alone, he would list that one.
    for other in [cyn, dan, eve] {
        world.set_cut(ben, other, true);
    }
    world.set_cut(eve, cyn, true);
    for (who, by) in [(dan, cyn), (eve, ana)] {
        let let_in = world.join(who, by, &ticket) == Joining::Answered(JoinOutcome::Admitted);
        hold(let_in, "nobody is let in")?;
        world.dial(who, by);
        world.run(30_000);
    }
    // So he hears of it when those who let them in have met.
    world.set_cut(ana, cyn, false);
    world.dial(ana, cyn);
    world.run(30_000);
    meet(&mut world);
    hold(
        opens(&mut world, ana, pack, eve),
        "Eve, whom Ana's Close lists, is out",
    )?;
    hold(
        !opens(&mut world, cyn, pack, dan),
        "Dan is in by a ticket that was used up",
    )
}

fn what_was_written_before_stays() -> Result<(), String> {
    let (mut world, [ana, ben, cyn, _], pack) = four(74);
    let note = add(&mut world, ben, pack, "kept", Sensitivity::Internal);
    meet(&mut world);
    remove(&mut world, ana, pack, ben);
    meet(&mut world);
    let kept = |world: &mut World, who: Who| world.node(who).note(pack, note).is_ok();
    hold(
        kept(&mut world, ana) && kept(&mut world, cyn),
        "Ben's note went with him",
    )
}

fn what_was_written_after_is_set_aside() -> Result<(), String> {
    let (mut world, [ana, ben, cyn, _], pack) = four(75);
    world.set_cut(ana, ben, true);
    world.set_cut(ana, cyn, true);
    remove(&mut world, ana, pack, ben);
    let note = add(&mut world, ben, pack, "late", Sensitivity::Internal);
    world.run(30_000);
    let heard = world.node(cyn).note(pack, note).is_ok();
    hold(
        heard,
        "Cyn, who has not heard either, does not get Ben's note",
    )?;
    meet(&mut world);
    let shown = world.node(ana).note(pack, note).is_ok();
    hold(!shown, "Ana is shown what Ben wrote after she removed him")
}

/// Branches of one log end well; that there are none after a backup is asked here alone.
fn a_restored_device_writes_in_new_logs() -> Result<(), String> {
    let mut world = World::new(78);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    add(&mut world, ana, pack, "before", Sensitivity::Internal);
    let image = world.device(ana).disk.image();
    world.kill(ana);
    world.start(ana);
    add(&mut world, ana, pack, "forgotten", Sensitivity::Internal);
    world.restore(ana, &image);
    hold(world.start(ana) == Opened::Up, "Ana does not start")?;
    add(&mut world, ana, pack, "after", Sensitivity::Internal);
    let (_, kept) = world.loot(ana);
    let internal = kept
        .logs(pack)
        .filter(|(log, _)| log.sensitivity == Sensitivity::Internal);
    hold(
        internal.count() == 2,
        "a restored device writes on where it wrote before",
    )
}

fn a_record_that_came_twice_is_stored_once() -> Result<(), String> {
    let (mut world, [ana, _, cyn, _], pack) = four(76);
    world.disconnect_all();
    let before: Vec<OpHash> = ops(&mut world, ana, pack)
        .iter()
        .map(|op| op.hash())
        .collect();
    for _ in 0..2 {
        share(&mut world, ana, pack, Role::Reader, Sensitivity::Public);
    }
    let mut new = ops(&mut world, ana, pack);
    new.retain(|op| !before.contains(&op.hash()));
    new.sort_by_key(|op| op.op().seq);
    hold(new.len() == 2, "two shares are not two operations")?;
    let blob = |op: &SignedOp| Blob(op.bytes().to_vec());
    let page = Page {
        ops: vec![blob(&new[0]), blob(&new[0]), blob(&new[1])],
        ..Page::empty(pack)
    };
    say(&mut world, ana, cyn, pack, Message::Page(page))?;
    share(&mut world, ana, pack, Role::Reader, Sensitivity::Public);
    meet(&mut world);
    let known = ops(&mut world, cyn, pack).len();
    world.kill(cyn);
    world.start(cyn);
    let kept = ops(&mut world, cyn, pack).len();
    hold(kept == known, "a restart loses operations")
}

fn ops(world: &mut World, who: Who, pack: PackId) -> Vec<SignedOp> {
    world
        .node(who)
        .policy(pack)
        .unwrap()
        .ops()
        .cloned()
        .collect()
}

/// Puts a frame into a new connection, while its pack is asked for.
fn say(world: &mut World, from: Who, to: Who, pack: PackId, frame: Message) -> Result<(), String> {
    world.disconnect_all();
    let link = world.dial(from, to).ok_or("they do not meet")?;
    let hello = Message::Hello {
        version: SYNC_VERSION,
        root: NodeHash([7; 32]),
        wants: 0,
        changed: vec![pack],
        children: None,
        sketch: None,
    };
    world.inject(link, from, hello.encode());
    world.inject(link, from, frame.encode());
    world.run(5_000);
    Ok(())
}

fn an_entry_above_a_clearance_is_not_kept() -> Result<(), String> {
    let (mut world, [ana, _, cyn, _], pack) = four(77);
    let (loot, records) = world.loot(cyn);
    let mut hostile = Hostile::new(loot, records, Dice::new(77)).ok_or("Cyn has no keys")?;
    for _ in 0..8 {
        for page in hostile.play(pack, Trick::Entries) {
            say(&mut world, cyn, ana, pack, page)?;
        }
    }
    let (_, kept) = world.loot(ana);
    let cyn = world.person(cyn);
    let device = world
        .node(ana)
        .policy(pack)
        .unwrap()
        .certificate(&cyn)
        .unwrap()
        .device;
    let theirs = || kept.logs(pack).filter(|(log, _)| log.device == device);
    hold(theirs().count() > 2, "nothing of Cyn's arrives")?;
    let above = theirs().any(|(log, _)| log.sensitivity > Sensitivity::Internal);
    hold(!above, "Ana keeps a log above Cyn's clearance")
}
