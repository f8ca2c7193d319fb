//! Two devices that share many packs meet again after little has changed: what is said, frame by frame.

use super::support::*;
use kitbag_core::id::PackId;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::sync::Side;
use kitbag_core::sync::sketch::Sketch;
use kitbag_core::wire::{Message, TreePart};
use kitbag_node::view::NewNote;
use kitbag_node::{LinkId, Notice, Output};
use kitbag_testkit::{Dice, Who, World};

/// Two devices that share so many packs and are up to date, without a connection.
fn two_in_many_packs(seed: u64, count: usize) -> (World, Who, Who, Vec<PackId>) {
    let mut world = World::new(seed);
    world.packs_sleep = false;
    let (ana, ben) = (world.add(&secret("Ana")), world.add(&secret("Ben")));
    for who in [ana, ben] {
        listens(&mut world, who);
    }
    let packs = shared_packs(&mut world, ana, ben, count);
    world.dial(ben, ana).unwrap();
    settle(&mut world);
    world.disconnect_all();
    (world, ana, ben, packs)
}

/// A device says where it listens, as each does that has a network.
fn listens(world: &mut World, who: Who) {
    let address = format!("192.0.2.{}:1", who.0 + 1);
    let told = world.call(who, |node, now| {
        node.set_addresses(now, vec![address.clone()], None)
    });
    told.done();
}

/// Packs of one device into which another was let, but that it has not fetched yet.
fn shared_packs(world: &mut World, from: Who, with: Who, count: usize) -> Vec<PackId> {
    let mut packs = Vec::new();
    for n in 0..count {
        let pack = create(world, from, &secret(&format!("plans {n}")));
        add(world, from, pack, "first", Sensitivity::Internal);
        let ticket = share(world, from, pack, Role::Editor, Sensitivity::Internal);
        world.join(with, from, &ticket);
        packs.push(pack);
    }
    packs
}

/// A frame as it was said: in which turn, by whom, what, and how long with the bytes of its length.
struct Frame {
    turn: usize,
    by_dialler: bool,
    kind: String,
    bytes: usize,
}

/// A connection on which every frame of one turn arrives before the next begins.
struct Meeting {
    link: LinkId,
    /// The dialler and the listener.
    ends: [Who; 2],
    outputs: Vec<(usize, Output)>,
    /// Whoever has asked to be called after a pause.
    pausing: Vec<usize>,
    turn: usize,
    frames: Vec<Frame>,
    /// Pauses that were waited for, since nothing else went on.
    pauses: usize,
    up_to_date: [bool; 2],
    /// What the listener's greeting is to say instead of its sketch.
    sketch: Option<Sketch>,
    /// The sketch that it had.
    greeted_with: Option<Sketch>,
}

impl Meeting {
    fn new(world: &mut World, dialler: Who, listener: Who) -> Meeting {
        Meeting {
            // None that the world uses, nor the last meeting.
            link: LinkId((1 << 40) + world.dice.below(1 << 40)),
            ends: [dialler, listener],
            outputs: Vec::new(),
            pausing: Vec::new(),
            turn: 0,
            frames: Vec::new(),
            pauses: 0,
            up_to_date: [false; 2],
            sketch: None,
            greeted_with: None,
        }
    }

    /// Connects both ends and lets them talk until they are up to date, then breaks the connection.
    fn of(world: &mut World, dialler: Who, listener: Who) -> Meeting {
        let mut meeting = Meeting::new(world, dialler, listener);
        meeting.open(world);
        meeting.close(world);
        meeting
    }

    fn open(&mut self, world: &mut World) {
        for (end, side) in [Side::Dialler, Side::Listener].into_iter().enumerate() {
            let peer = world.endpoint(self.ends[1 - end]);
            let now = world.clock(self.ends[end]);
            let node = world.node(self.ends[end]);
            let opened = node.link_opened(now, self.link, peer, side);
            self.say(end, opened.unwrap());
        }
        self.talk(world);
    }

    fn close(&self, world: &mut World) {
        for who in self.ends {
            world.node(who).link_closed(self.link);
        }
    }

    fn say(&mut self, end: usize, outputs: Vec<Output>) {
        self.outputs
            .extend(outputs.into_iter().map(|output| (end, output)));
    }

    fn talk(&mut self, world: &mut World) {
        loop {
            let flight = self.flight();
            for (end, frame) in &flight {
                let now = world.clock(self.ends[*end]);
                let node = world.node(self.ends[*end]);
                let heard = node.link_frame(now, self.link, frame);
                self.say(*end, heard.unwrap());
            }
            let quiet = flight.is_empty() && self.outputs.is_empty();
            if quiet && self.up_to_date == [true; 2] {
                return;
            }
            if quiet {
                self.pauses += 1;
                assert!(self.pauses < 20, "never up to date\n{}", self.table());
                for end in std::mem::take(&mut self.pausing) {
                    let now = world.clock(self.ends[end]);
                    let retried = world.node(self.ends[end]).link_retry(now, self.link);
                    self.say(end, retried.unwrap());
                }
            }
        }
    }

    /// The frames of one turn, with the end at which they arrive.
    fn flight(&mut self) -> Vec<(usize, Vec<u8>)> {
        let mut flight = Vec::new();
        for (end, output) in std::mem::take(&mut self.outputs) {
            match output {
                Output::Send { frame, .. } => {
                    let frame = self.forged(end, frame);
                    self.frames.push(Frame {
                        turn: self.turn + 1,
                        by_dialler: end == 0,
                        kind: kind(&frame),
                        bytes: frame.len() + 4,
                    });
                    flight.push((1 - end, frame));
                }
                Output::Notify(Notice::UpToDate(_)) => self.up_to_date[end] = true,
                Output::Notify(Notice::Syncing(_)) => self.up_to_date[end] = false,
                Output::RetryAfter { .. } => self.pausing.push(end),
                Output::Notify(_) => {}
                other => panic!("{other:?}\n{}", self.table()),
            }
        }
        self.turn += usize::from(!flight.is_empty());
        flight
    }

    /// A frame as it goes out: perhaps with another sketch.
    fn forged(&mut self, end: usize, frame: Vec<u8>) -> Vec<u8> {
        match Message::decode(&frame).unwrap() {
            Message::Hello {
                version,
                root,
                wants,
                changed,
                children,
                sketch: Some(sketch),
            } => {
                assert_eq!(end, 1, "only a listener sends a sketch");
                self.greeted_with = Some(sketch.clone());
                let sketch = Some(self.sketch.take().unwrap_or(sketch));
                let message = Message::Hello {
                    version,
                    root,
                    wants,
                    changed,
                    children,
                    sketch,
                };
                message.encode()
            }
            _ => frame,
        }
    }

    fn bytes(&self) -> usize {
        self.frames.iter().map(|frame| frame.bytes).sum()
    }

    fn count(&self, kind: &str) -> usize {
        let of_kind = self.frames.iter().filter(|f| f.kind.starts_with(kind));
        of_kind.count()
    }

    fn table(&self) -> String {
        let line = |frame: &Frame| {
            let who = if frame.by_dialler {
                "dialler "
            } else {
                "listener"
            };
            let (turn, bytes, kind) = (frame.turn, frame.bytes, &frame.kind);
            format!("{turn:>3} {who} {bytes:>6} B  {kind}\n")
        };
        let all: String = self.frames.iter().map(line).collect();
        format!("{all}{} turns, {} B", self.turn, self.bytes())
    }
}

fn kind(frame: &[u8]) -> String {
    match Message::decode(frame).unwrap() {
        Message::Hello { changed, .. } => format!("hello, {} changed", changed.len()),
        Message::Tree(parts) => {
            let leaves = |part: &TreePart| match part {
                TreePart::Leaves { leaves, .. } => leaves.len(),
                TreePart::Children { .. } => 0,
            };
            let leaves: usize = parts.iter().map(leaves).sum();
            format!("tree of {} parts, {leaves} leaves", parts.len())
        }
        Message::Want(_) => "want".into(),
        Message::Page(page) if page.is_empty() => "empty page".into(),
        Message::Page(_) => "page".into(),
    }
}

/// A note of a kilobyte that does not compress.
fn news(world: &mut World) -> NewNote {
    let mut dice: Dice = Dice::new(world.dice.below(u64::MAX));
    let letters = dice.many_bytes(PAYLOAD).into_iter();
    NewNote {
        body: letters.map(|b| char::from(b'a' + b % 26)).collect(),
        ..draft("news", Sensitivity::Internal)
    }
}

const PAYLOAD: usize = 1024;

fn write(world: &mut World, who: Who, pack: PackId) {
    let note = news(world);
    let added = world.call(who, |node, now| {
        node.add_notes(now, pack, std::slice::from_ref(&note))
    });
    added.done();
}

fn same_notes(world: &mut World, a: Who, b: Who, packs: &[PackId]) {
    for pack in packs {
        let of_a = world.node(a).pack(*pack).unwrap().notes;
        let of_b = world.node(b).pack(*pack).unwrap().notes;
        assert_eq!(of_a, of_b);
    }
}

/// Goal: whoever changed one pack of many, and whoever dials, three round trips and few bytes are
/// enough: also after both were started anew, since nothing has to be remembered for it.
#[test]
fn one_changed_pack_among_many_is_found_by_the_greeting() {
    let (mut world, ana, ben, packs) = two_in_many_packs(71, 100);
    let nothing = Meeting::of(&mut world, ben, ana);
    assert!(
        nothing.turn == 1 && nothing.bytes() <= 1024,
        "{}",
        nothing.table()
    );
    let cases = [(ana, ben), (ana, ana), (ben, ben), (ben, ana)];
    for (n, (author, dialler)) in cases.into_iter().enumerate() {
        if n % 2 == 0 {
            for who in [ana, ben] {
                world.kill(who);
                world.start(who);
            }
        }
        let listener = if dialler == ana { ben } else { ana };
        write(&mut world, author, packs[17 * (n + 1)]);
        let said = Meeting::of(&mut world, dialler, listener);
        let few = said.turn <= 5 && said.bytes() <= PAYLOAD + 8 * 1024;
        assert!(few && said.pauses == 0, "{}", said.table());
        assert_eq!(said.count("tree"), 0, "{}", said.table());
        same_notes(&mut world, ana, ben, &packs);
    }
    assert_no_violations(&mut world);
}

/// Goal: packs that changed on both sides are found by one greeting too.
#[test]
fn few_packs_changed_on_both_sides_are_found_by_the_greeting() {
    let (mut world, ana, ben, packs) = two_in_many_packs(72, 20);
    for (n, who) in [ana, ana, ana, ben, ben].into_iter().enumerate() {
        write(&mut world, who, packs[n * 3]);
    }
    write(&mut world, ben, packs[0]);
    let said = Meeting::of(&mut world, ana, ben);
    assert_eq!(
        (said.count("tree"), said.pauses),
        (0, 0),
        "{}",
        said.table()
    );
    assert!(said.turn <= 7, "{}", said.table());
    same_notes(&mut world, ana, ben, &packs);
    assert_no_violations(&mut world);
}

/// Goal: what a sketch does not tell, the trees do.
#[test]
fn more_changed_packs_than_a_sketch_tells_are_found_by_the_trees() {
    let (mut world, ana, ben, packs) = two_in_many_packs(73, 30);
    for pack in &packs[..25] {
        write(&mut world, ana, *pack);
    }
    let said = Meeting::of(&mut world, ben, ana);
    assert!(
        said.count("tree") > 0 && said.pauses == 0,
        "{}",
        said.table()
    );
    same_notes(&mut world, ana, ben, &packs);
}

/// Goal: whatever a greeting's sketch says, an old truth, nothing, or another pack, both get up to date.
#[test]
fn a_wrong_sketch_does_no_harm() {
    let (mut world, ana, ben, packs) = two_in_many_packs(74, 12);
    let before = Meeting::of(&mut world, ben, ana).greeted_with.unwrap();
    write(&mut world, ana, packs[1]);
    let with_1 = Meeting::of(&mut world, ben, ana).greeted_with.unwrap();
    assert_ne!(before, with_1);
    // After this there is another pack to be found than the one by which the sketch is wrong.
    for (sketch, author) in [
        (with_1.clone(), ana),
        (with_1, ben),
        (before.clone(), ana),
        (before, ben),
        (Sketch::default(), ana),
        (Sketch::default(), ben),
    ] {
        write(&mut world, author, packs[2]);
        let mut meeting = Meeting::new(&mut world, ben, ana);
        meeting.sketch = Some(sketch);
        meeting.open(&mut world);
        meeting.close(&mut world);
        assert!(meeting.pauses <= 1, "{}", meeting.table());
        same_notes(&mut world, ana, ben, &packs);
    }
}

/// Goal: a greeting says nothing of packs that the other side is not in.
#[test]
fn a_greeting_does_not_depend_on_packs_of_others() {
    let (mut world, ana, ben, packs) = two_in_many_packs(75, 6);
    let cyn = world.add(&secret("Cyn"));
    let first = Meeting::of(&mut world, ben, ana).greeted_with;
    assert!(first.is_some());

    let with_cyn = shared_packs(&mut world, ana, cyn, 6);
    write(&mut world, ana, with_cyn[0]);
    let second = Meeting::of(&mut world, ben, ana).greeted_with;
    assert_eq!(first, second);

    // Nor of what is above the clearance of the other side.
    add(&mut world, ana, packs[0], "secret", Sensitivity::Restricted);
    let third = Meeting::of(&mut world, ben, ana);
    assert_eq!(first, third.greeted_with);

    write(&mut world, ana, packs[0]);
    let fourth = Meeting::of(&mut world, ben, ana).greeted_with;
    assert_ne!(first, fourth);
    assert_no_violations(&mut world);
}

/// Goal: an edit while both are connected is named and fetched; nobody compares trees for it.
#[test]
fn an_edit_while_connected_compares_no_trees() {
    let (mut world, ana, ben, packs) = two_in_many_packs(76, 12);
    let mut meeting = Meeting::new(&mut world, ben, ana);
    meeting.open(&mut world);
    for end in [0, 1, 0] {
        let (who, note) = (meeting.ends[end], news(&mut world));
        let (now, turn) = (world.clock(who), meeting.turn);
        let node = world.node(who);
        node.add_notes(now, packs[3], &[note]).unwrap();
        let told = node.announce(now).unwrap();
        meeting.say(end, told);
        meeting.talk(&mut world);
        assert!(meeting.turn - turn <= 4, "{}", meeting.table());
        same_notes(&mut world, ana, ben, &packs);
    }
    assert_eq!(
        (meeting.count("tree"), meeting.pauses),
        (0, 0),
        "{}",
        meeting.table()
    );
}
