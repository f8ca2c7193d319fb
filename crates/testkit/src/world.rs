//! Devices, the connections between them, and the virtual time on which both run.

use crate::disk::{Backend, DiskImage, SimDisk};
use crate::ledger::{Ledger, holds_canary};
use crate::{Dice, Loot, Records, Trace};
use kitbag_core::codec;
use kitbag_core::id::{EndpointId, Incarnation, PackId, PersonId, Timestamp};
use kitbag_core::sync::Side;
use kitbag_core::ticket::Ticket;
use kitbag_core::wire::{JOIN_FRAME_BYTES_MAX, JoinAnswer};
use kitbag_crypto::MasterKey;
use kitbag_node::{CloseReason, JoinOutcome, LinkId, Node, NodeError, Notice, Output};
use kitbag_store::Store;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

/// One device of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who(pub usize);

/// How connections behave.
#[derive(Clone, Copy, Debug)]
pub struct NetSettings {
    /// Longest way of a frame, in milliseconds.
    pub delay_millis_max: u64,
    /// How often, in percent, a frame breaks its connection instead of arriving.
    pub loss_percent: u64,
    /// How often a frame of an earlier connection arrives again on a new one.
    pub replay_percent: u64,
    /// How often a frame arrives twice within its connection, which QUIC never does.
    pub duplicate_percent: u64,
    /// How often a frame overtakes another within its connection, which QUIC never does.
    pub reorder_percent: u64,
    /// How often the answer to a join request is lost.
    pub lost_answer_percent: u64,
}

impl NetSettings {
    /// A network without faults.
    pub const CALM: NetSettings = NetSettings {
        delay_millis_max: 20,
        loss_percent: 0,
        replay_percent: 0,
        duplicate_percent: 0,
        reorder_percent: 0,
        lost_answer_percent: 0,
    };
}

/// What became of a call.
#[derive(Debug)]
pub enum Called<T> {
    /// It was acknowledged.
    Done(T),
    /// The node said no; nothing changed.
    Refused(NodeError),
    /// The device went down before it answered, or was down.
    Down,
}

impl<T> Called<T> {
    /// The answer.
    ///
    /// # Panics
    /// If there is none.
    pub fn done(self) -> T {
        match self {
            Called::Done(value) => value,
            Called::Refused(error) => panic!("refused: {error}"),
            Called::Down => panic!("the device is down"),
        }
    }

    /// The answer, if there is one.
    pub fn ok(self) -> Option<T> {
        match self {
            Called::Done(value) => Some(value),
            Called::Refused(_) | Called::Down => None,
        }
    }

    /// Why the node said no.
    pub fn refused(self) -> Option<NodeError> {
        match self {
            Called::Refused(error) => Some(error),
            Called::Done(_) | Called::Down => None,
        }
    }
}

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It runs.
    Up,
    /// Power was lost again, or the disk is full.
    Down,
}

/// What became of asking to join.
#[derive(Debug, PartialEq, Eq)]
pub enum Joining {
    /// The joiner has its answer.
    Answered(JoinOutcome),
    /// The two do not reach each other, or one is down.
    NotReached,
    /// The admitter lets nobody ask now.
    NotOpen,
}

/// One device: its disk, what is kept beside it, and its node while it runs.
pub struct Device {
    /// Its disk.
    pub disk: SimDisk,
    /// Milliseconds by which its clock is wrong.
    pub skew_millis: i64,
    name: String,
    master: [u8; 32],
    outside: Option<Incarnation>,
    node: Option<Node>,
    endpoint: Option<EndpointId>,
    person: Option<PersonId>,
}

/// One direction of a connection.
#[derive(Default)]
struct Way {
    frames: VecDeque<(u64, Vec<u8>)>,
    last_due: u64,
}

struct Wire {
    ends: [Who; 2],
    ways: [Way; 2],
}

enum Event {
    Arrive { link: LinkId, from_end: usize },
    Retry { link: LinkId, who: Who },
}

/// Devices on one virtual time.
pub struct World {
    /// Chance.
    pub dice: Dice,
    /// How connections behave.
    pub net: NetSettings,
    /// What happened.
    pub trace: Trace,
    /// Frames that were sent.
    pub frames: u64,
    /// Bytes that were sent.
    pub bytes: u64,
    /// The longest frame so far, in bytes.
    pub frame_bytes_max: usize,
    seed: u64,
    now: u64,
    devices: Vec<Device>,
    wires: BTreeMap<LinkId, Wire>,
    next_link: u64,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    due: BTreeMap<u64, Event>,
    next_event: u64,
    cut: BTreeSet<(Who, Who)>,
    ledger: Ledger,
    old_frames: BTreeMap<(Who, Who), VecDeque<Vec<u8>>>,
    kept: Option<Vec<Vec<u8>>>,
    up_to_date: BTreeSet<(Who, EndpointId)>,
    closed: Vec<(Who, CloseReason)>,
    joined: Vec<(Who, PackId, PersonId)>,
}

/// Frames kept per pair for replay.
const OLD_FRAMES_MAX: usize = 40;
/// When every world begins, in milliseconds since 1970.
const START: u64 = 1_900_000_000_000;

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> World {
        World {
            dice: Dice::new(seed),
            net: NetSettings::CALM,
            trace: Trace::new(std::env::var_os("KITBAG_SIM_SEED").is_some()),
            frames: 0,
            bytes: 0,
            frame_bytes_max: 0,
            seed,
            now: START,
            devices: Vec::new(),
            wires: BTreeMap::new(),
            next_link: 0,
            events: BinaryHeap::new(),
            due: BTreeMap::new(),
            next_event: 0,
            cut: BTreeSet::new(),
            ledger: Ledger::default(),
            old_frames: BTreeMap::new(),
            kept: None,
            up_to_date: BTreeSet::new(),
            closed: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Virtual milliseconds since the world began.
    pub fn elapsed_millis(&self) -> u64 {
        self.now - START
    }

    /// A new device of a new person, running.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn add(&mut self, name: &str) -> Who {
        let who = self.add_on(name, SimDisk::new(), None);
        assert_eq!(self.start(who), Opened::Up, "an empty disk opens");
        who
    }

    /// A new device with an empty disk, not started yet.
    pub fn add_stopped(&mut self, name: &str) -> Who {
        self.add_on(name, SimDisk::new(), None)
    }

    /// A device with a key of its own on a disk; not started yet.
    fn add_on(&mut self, name: &str, disk: SimDisk, of: Option<Who>) -> Who {
        let who = Who(self.devices.len());
        let (master, outside) = match of {
            None => (self.dice.bytes(), None),
            Some(of) => (self.devices[of.0].master, self.devices[of.0].outside),
        };
        let device = Device {
            disk,
            skew_millis: 0,
            name: name.into(),
            master,
            outside,
            node: None,
            endpoint: None,
            person: None,
        };
        self.devices.push(device);
        who
    }

    /// A copy of a running device, with everything beside its disk, as somebody makes who copies a
    /// virtual machine; not started yet.
    pub fn add_clone(&mut self, of: Who, name: &str) -> Who {
        let disk = SimDisk::from_image(self.devices[of.0].disk.image());
        self.add_on(name, disk, Some(of))
    }

    /// The devices.
    pub fn everybody(&self) -> Vec<Who> {
        (0..self.devices.len()).map(Who).collect()
    }

    /// A device.
    pub fn device(&mut self, who: Who) -> &mut Device {
        &mut self.devices[who.0]
    }

    /// Whether a device runs.
    pub fn is_up(&self, who: Who) -> bool {
        self.devices[who.0].node.is_some()
    }

    /// A device's name.
    pub fn name(&self, who: Who) -> &str {
        &self.devices[who.0].name
    }

    /// A device's person.
    ///
    /// # Panics
    /// If it never ran.
    pub fn person(&self, who: Who) -> PersonId {
        self.devices[who.0].person.expect("the device ran once")
    }

    /// A device's transport key.
    ///
    /// # Panics
    /// If it never ran.
    pub fn endpoint(&self, who: Who) -> EndpointId {
        self.devices[who.0].endpoint.expect("the device ran once")
    }

    /// The node of a running device, to be asked; use [`World::call`] for whatever changes it.
    ///
    /// # Panics
    /// If the device is down.
    pub fn node(&mut self, who: Who) -> &mut Node {
        self.devices[who.0].node.as_mut().expect("the device is up")
    }

    /// A device's clock.
    pub fn clock(&self, who: Who) -> Timestamp {
        Timestamp::from_millis(
            self.now
                .saturating_add_signed(self.devices[who.0].skew_millis),
        )
    }

    /// Everything that a device holds, keys and records, as whoever has its disk and key file finds it.
    ///
    /// # Panics
    /// If its database does not open.
    pub fn loot(&mut self, who: Who) -> (Loot, Records) {
        let image = self.devices[who.0].disk.image();
        let master = MasterKey::from_bytes(self.devices[who.0].master);
        let mut rng = self.dice.fork();
        let store = Store::open_backend(SimDisk::from_image(image).backend(), &master, &mut *rng)
            .expect("the database opens");
        let loot = Loot::of(&store).expect("its keys can be read");
        (loot, Records::of(&store).expect("its records can be read"))
    }

    /// Adds a line to the trace.
    pub fn log(&mut self, line: impl FnOnce(&World) -> String) {
        let line = format!("{:>9} {}", self.elapsed_millis(), line(self));
        self.trace.push(line);
    }

    /// What was sent that should not have been, and everything else that must never be.
    pub fn violations(&mut self) -> Vec<String> {
        self.ledger.settle();
        let leaks = self
            .devices
            .iter()
            .filter(|device| device.disk.leaked() || holds_canary(device.disk.image().bytes()));
        let leaks: Vec<String> = leaks
            .map(|device| format!("a readable text on the disk of {}", device.name))
            .collect();
        self.ledger
            .violations
            .iter()
            .cloned()
            .chain(leaks)
            .collect()
    }

    /// Connections that nodes closed because a peer broke the protocol.
    pub fn closed(&self) -> &[(Who, CloseReason)] {
        &self.closed
    }

    /// Who was told that somebody joined.
    pub fn joined(&self) -> &[(Who, PackId, PersonId)] {
        &self.joined
    }

    // Starting and stopping.

    /// Starts a device on whatever its disk holds.
    ///
    /// # Panics
    /// If what the disk holds does not open although no fault struck: that is a loss.
    pub fn start(&mut self, who: Who) -> Opened {
        let name = self.devices[who.0].name.clone();
        let rng = self.dice.fork();
        let device = &mut self.devices[who.0];
        let backend = device.disk.backend();
        let mut outside = device.outside;
        let opened = open(backend, &device.master, rng, &name, &mut outside);
        device.outside = outside;
        match opened {
            Ok(node) => {
                let me = node.me();
                device.endpoint = Some(EndpointId::from_bytes(me.endpoint));
                device.person = Some(me.person);
                device.node = Some(node);
                self.log(|world| format!("{} starts", world.name(who)));
                Opened::Up
            }
            Err(error) => {
                let faulty = device.disk.is_dead() || is_disk_error(&error);
                assert!(
                    faulty,
                    "{name} does not open: {error:?}\n{}",
                    self.trace.text()
                );
                self.log(|world| format!("{} does not start: {error}", world.name(who)));
                self.goes_down(who);
                Opened::Down
            }
        }
    }

    /// Power is lost now, whatever the device is doing.
    pub fn lose_power(&mut self, who: Who) {
        self.devices[who.0]
            .disk
            .set_fault(crate::Fault::PowerLoss(1));
        let _ = self.call(who, |node, _| node.keep_shell_setting("power", b"gone"));
    }

    /// The process is killed; the machine goes on.
    pub fn kill(&mut self, who: Who) {
        self.log(|world| format!("{} is killed", world.name(who)));
        self.stop(who);
    }

    /// Stops, with an older image put back onto the disk.
    pub fn restore(&mut self, who: Who, image: &DiskImage) {
        self.stop(who);
        self.devices[who.0].disk.restore(image);
        self.log(|world| format!("an old backup is put back on {}", world.name(who)));
    }

    fn stop(&mut self, who: Who) {
        self.disconnect(who);
        let image = self.devices[who.0].disk.image();
        drop(self.devices[who.0].node.take());
        self.devices[who.0].disk.restore(&image);
    }

    /// After a failure of its disk.
    fn goes_down(&mut self, who: Who) {
        self.disconnect(who);
        drop(self.devices[who.0].node.take());
        let device = &self.devices[who.0];
        if device.disk.is_dead() {
            device.disk.clone().power_returns(&mut self.dice);
            self.log(|world| format!("{} lost its power", world.name(who)));
        } else {
            device.disk.process_ends();
            self.log(|world| format!("{} stops after a failed disk call", world.name(who)));
        }
    }

    // Calls.

    /// Calls a node as the shell would: what it answers is acknowledged, then its peers are told.
    pub fn call<T>(
        &mut self,
        who: Who,
        act: impl FnOnce(&mut Node, Timestamp) -> Result<T, NodeError>,
    ) -> Called<T> {
        let now = self.clock(who);
        let Some(node) = self.devices[who.0].node.as_mut() else {
            return Called::Down;
        };
        let answer = act(node, now);
        match answer {
            Ok(value) => {
                let outputs = node.announce(now);
                self.follow(who, outputs);
                Called::Done(value)
            }
            Err(error) if is_disk_error(&error) => {
                self.goes_down(who);
                Called::Down
            }
            Err(error) => {
                let outputs = node.announce(now);
                self.follow(who, outputs);
                Called::Refused(error)
            }
        }
    }

    fn follow(&mut self, who: Who, outputs: Result<Vec<Output>, NodeError>) {
        match outputs {
            Ok(outputs) => outputs
                .into_iter()
                .for_each(|output| self.output(who, output)),
            Err(error) => {
                assert!(
                    is_disk_error(&error),
                    "{} fails: {error:?}\n{}",
                    self.name(who),
                    self.trace.text()
                );
                self.goes_down(who);
            }
        }
    }

    fn output(&mut self, who: Who, output: Output) {
        match output {
            Output::Send { link, frame } => self.send(who, link, frame),
            Output::Close { link, reason } => {
                self.log(|world| format!("{} closes {link:?}: {reason:?}", world.name(who)));
                self.closed.push((who, reason));
                self.break_link(link);
            }
            Output::RetryAfter { link, millis } => self.after(millis, Event::Retry { link, who }),
            Output::Disconnect(peer) => {
                let with_peer = |wire: &Wire| {
                    wire.ends.contains(&who)
                        && wire
                            .ends
                            .iter()
                            .any(|end| self.devices[end.0].endpoint == Some(peer))
                };
                let links: Vec<LinkId> = self
                    .wires
                    .iter()
                    .filter(|(_, wire)| with_peer(wire))
                    .map(|(link, _)| *link)
                    .collect();
                self.log(|world| format!("{} disconnects {peer:?}", world.name(who)));
                links.into_iter().for_each(|link| self.break_link(link));
            }
            Output::Notify(Notice::UpToDate(peer)) => {
                self.up_to_date.insert((who, peer));
                self.log(|world| format!("{} is up to date with {peer:?}", world.name(who)));
            }
            Output::Notify(Notice::Syncing(peer)) => {
                self.up_to_date.remove(&(who, peer));
            }
            Output::Notify(Notice::Joined { pack, person }) => {
                self.joined.push((who, pack, person))
            }
            Output::Notify(Notice::Changed(_)) => {}
        }
    }

    // The network.

    /// Cuts or heals the way between two devices; cutting breaks their connections.
    pub fn set_cut(&mut self, a: Who, b: Who, cut: bool) {
        let pair = (a.min(b), a.max(b));
        if !cut {
            self.cut.remove(&pair);
            return;
        }
        self.cut.insert(pair);
        let between = |wire: &Wire| wire.ends.contains(&a) && wire.ends.contains(&b);
        let links: Vec<LinkId> = self
            .wires
            .iter()
            .filter(|(_, wire)| between(wire))
            .map(|(link, _)| *link)
            .collect();
        links.into_iter().for_each(|link| self.break_link(link));
    }

    /// Heals every cut.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Whether frames could go between two devices.
    pub fn reaches(&self, a: Who, b: Who) -> bool {
        a != b && self.is_up(a) && self.is_up(b) && !self.cut.contains(&(a.min(b), a.max(b)))
    }

    /// How many connections stand between two devices.
    pub fn links_between(&self, a: Who, b: Who) -> usize {
        self.wires
            .values()
            .filter(|wire| wire.ends.contains(&a) && wire.ends.contains(&b))
            .count()
    }

    /// Connects two devices, if they reach each other and both let the other in.
    pub fn dial(&mut self, dialler: Who, listener: Who) -> Option<LinkId> {
        if !self.reaches(dialler, listener) {
            return None;
        }
        let (of_dialler, of_listener) = (self.endpoint(dialler), self.endpoint(listener));
        if of_dialler == of_listener
            || !self.node(dialler).may_sync(&of_listener)
            || !self.node(listener).may_sync(&of_dialler)
        {
            return None;
        }
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.log(|world| {
            format!(
                "{} dials {} as {link:?}",
                world.name(dialler),
                world.name(listener)
            )
        });
        self.wires.insert(
            link,
            Wire {
                ends: [dialler, listener],
                ways: Default::default(),
            },
        );
        self.open_end(dialler, link, of_listener, Side::Dialler);
        if self.wires.contains_key(&link) {
            self.open_end(listener, link, of_dialler, Side::Listener);
        }
        self.replay_on(link);
        Some(link)
    }

    fn open_end(&mut self, who: Who, link: LinkId, peer: EndpointId, side: Side) {
        let now = self.clock(who);
        let Some(node) = self.devices[who.0].node.as_mut() else {
            return;
        };
        let outputs = node.link_opened(now, link, peer, side);
        self.up_to_date.remove(&(who, peer));
        self.follow(who, outputs);
    }

    fn replay_on(&mut self, link: LinkId) {
        if self.net.replay_percent == 0 {
            return;
        }
        let Some(ends) = self.wires.get(&link).map(|wire| wire.ends) else {
            return;
        };
        for end in [0, 1] {
            let frames: Vec<Vec<u8>> = self
                .old_frames
                .get(&(ends[end], ends[1 - end]))
                .into_iter()
                .flatten()
                .cloned()
                .collect();
            for frame in frames {
                if self.dice.percent(self.net.replay_percent) {
                    self.enqueue(link, end, frame);
                }
            }
        }
    }

    /// The newest connection.
    ///
    /// # Panics
    /// If there never was one.
    pub fn last_link(&self) -> LinkId {
        LinkId(self.next_link.checked_sub(1).expect("somebody dialled"))
    }

    /// Keeps every frame from now on.
    pub fn keep_frames(&mut self) {
        self.kept = Some(Vec::new());
    }

    /// The frames kept so far, oldest first.
    pub fn kept_frames(&self) -> Vec<Vec<u8>> {
        self.kept.clone().unwrap_or_default()
    }

    /// Puts bytes of anybody's making into a connection, as if `from` had sent them.
    pub fn inject(&mut self, link: LinkId, from: Who, frame: Vec<u8>) {
        if let Some(end) = self
            .wires
            .get(&link)
            .and_then(|wire| wire.ends.iter().position(|end| *end == from))
        {
            self.enqueue(link, end, frame);
        }
    }

    fn send(&mut self, from: Who, link: LinkId, frame: Vec<u8>) {
        self.frames += 1;
        self.bytes += frame.len() as u64;
        self.frame_bytes_max = self.frame_bytes_max.max(frame.len());
        let Some(end) = self
            .wires
            .get(&link)
            .and_then(|wire| wire.ends.iter().position(|end| *end == from))
        else {
            return;
        };
        let to = self.wires[&link].ends[1 - end];
        let person = self.person(to);
        let known = self.ledger.violations.len();
        if let Some(node) = &self.devices[from.0].node {
            self.ledger.frame(node, person, &frame);
        }
        if self.ledger.violations.len() > known {
            let what = self.ledger.violations[known].clone();
            self.log(|world| {
                format!(
                    "VIOLATION by {} to {}: {what}",
                    world.name(from),
                    world.name(to)
                )
            });
        }
        self.log(|world| {
            format!(
                "{} to {}: {}",
                world.name(from),
                world.name(to),
                outline(&frame)
            )
        });
        if self.net.replay_percent > 0 {
            let old = self.old_frames.entry((from, to)).or_default();
            old.push_back(frame.clone());
            if old.len() > OLD_FRAMES_MAX {
                old.pop_front();
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.push(frame.clone());
        }
        self.enqueue(link, end, frame);
    }

    fn enqueue(&mut self, link: LinkId, end: usize, frame: Vec<u8>) {
        let twice = self.dice.percent(self.net.duplicate_percent);
        let overtakes = self.dice.percent(self.net.reorder_percent);
        let delay = self.dice.below(self.net.delay_millis_max + 1);
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&link) else {
            return;
        };
        let way = &mut wire.ways[end];
        let due = way.last_due.max(now + delay);
        way.last_due = due;
        if twice {
            way.frames.push_back((due, frame.clone()));
        }
        way.frames.push_back((due, frame));
        let len = way.frames.len();
        if overtakes && len > 1 {
            way.frames.swap(len - 1, len - 2);
        }
        for _ in 0..=usize::from(twice) {
            self.after(
                due - now,
                Event::Arrive {
                    link,
                    from_end: end,
                },
            );
        }
    }

    fn after(&mut self, millis: u64, event: Event) {
        let id = self.next_event;
        self.next_event += 1;
        self.events.push(Reverse((self.now + millis, id)));
        self.due.insert(id, event);
    }

    /// Breaks a connection: both ends are told, what was on its way is lost.
    pub fn break_link(&mut self, link: LinkId) {
        let Some(wire) = self.wires.remove(&link) else {
            return;
        };
        for (end, who) in wire.ends.into_iter().enumerate() {
            if let Some(node) = self.devices[who.0].node.as_mut() {
                node.link_closed(link);
            }
            if let Some(peer) = self.devices[wire.ends[1 - end].0].endpoint {
                self.up_to_date.remove(&(who, peer));
            }
        }
    }

    fn disconnect(&mut self, who: Who) {
        let links: Vec<LinkId> = self
            .wires
            .iter()
            .filter(|(_, wire)| wire.ends.contains(&who))
            .map(|(link, _)| *link)
            .collect();
        links.into_iter().for_each(|link| self.break_link(link));
    }

    /// Breaks every connection.
    pub fn disconnect_all(&mut self) {
        let links: Vec<LinkId> = self.wires.keys().copied().collect();
        links.into_iter().for_each(|link| self.break_link(link));
    }

    /// Whether both sides of every standing connection say that they are up to date.
    pub fn all_up_to_date(&self) -> bool {
        self.behind().is_empty()
    }

    /// Who is not up to date with whom, over standing connections.
    pub fn behind(&self) -> Vec<(Who, Who)> {
        let pairs = self
            .wires
            .values()
            .flat_map(|wire| [(wire.ends[0], wire.ends[1]), (wire.ends[1], wire.ends[0])]);
        pairs
            .filter(|(who, peer)| {
                !self.devices[peer.0]
                    .endpoint
                    .is_some_and(|peer| self.up_to_date.contains(&(*who, peer)))
            })
            .collect()
    }

    // Joining.

    /// Asks `admitter` to be let in with a ticket.
    ///
    /// # Panics
    /// If a request or answer can be read, or is no answer.
    pub fn join(&mut self, joiner: Who, admitter: Who, ticket: &Ticket) -> Joining {
        if !self.reaches(joiner, admitter) {
            return Joining::NotReached;
        }
        let exporter: [u8; 32] = self.dice.bytes();
        let (of_joiner, of_admitter) = (self.endpoint(joiner), self.endpoint(admitter));
        let now = self.clock(admitter);
        if !self.node(admitter).join_is_open(now) {
            return Joining::NotOpen;
        }
        let request = self
            .node(joiner)
            .join_draft(ticket)
            .request(of_admitter, exporter);
        let Some(answer) = self.ask_to_join(admitter, of_joiner, exporter, &request) else {
            return Joining::NotReached;
        };
        if self.dice.percent(self.net.lost_answer_percent) {
            self.log(|world| {
                format!(
                    "the answer of {} to {} is lost",
                    world.name(admitter),
                    world.name(joiner)
                )
            });
            return Joining::NotReached;
        }
        let now = self.clock(joiner);
        let admits = codec::decode(&answer, JOIN_FRAME_BYTES_MAX)
            .is_ok_and(|answer| matches!(answer, JoinAnswer::Admitted | JoinAnswer::AlreadyMember));
        if admits {
            self.ledger
                .asking
                .insert((self.person(joiner), ticket.pack, self.person(admitter)));
        }
        match self.call(joiner, |node, _| {
            node.join_answered(now, ticket, of_admitter, &answer, None)
        }) {
            Called::Done(outcome) => {
                self.log(|world| {
                    format!(
                        "{} asked {} to join {:?}: {outcome:?}",
                        world.name(joiner),
                        world.name(admitter),
                        ticket.pack
                    )
                });
                Joining::Answered(outcome)
            }
            Called::Down => Joining::NotReached,
            Called::Refused(error) => panic!("an answer was refused: {error}"),
        }
    }

    /// Hands a join request to a device, as its shell would; gives the answer.
    pub fn ask_to_join(
        &mut self,
        admitter: Who,
        joiner: EndpointId,
        exporter: [u8; 32],
        request: &[u8],
    ) -> Option<Vec<u8>> {
        let now = self.clock(admitter);
        let handled = self.devices[admitter.0]
            .node
            .as_mut()?
            .handle_join(now, joiner, exporter, request);
        match handled {
            Ok((answer, outputs)) => {
                for output in &outputs {
                    if let Output::Notify(Notice::Joined { pack, person }) = output {
                        self.ledger.admitted.insert((*pack, *person));
                    }
                }
                self.follow(admitter, Ok(outputs));
                Some(answer)
            }
            Err(error) => {
                self.follow(admitter, Err(error));
                None
            }
        }
    }

    // Time.

    /// Lets everything happen that happens within so many milliseconds.
    pub fn run(&mut self, millis: u64) {
        let until = self.now + millis;
        while let Some(Reverse((at, _))) = self.events.peek().copied() {
            if at > until {
                break;
            }
            self.step();
        }
        self.now = until;
    }

    /// Lets frames arrive until none is on its way and everybody is up to date, for at most so many
    /// milliseconds; says whether it came to that.
    pub fn settle(&mut self, millis_max: u64) -> bool {
        let until = self.now + millis_max;
        loop {
            let quiet = self
                .wires
                .values()
                .all(|wire| wire.ways.iter().all(|way| way.frames.is_empty()));
            if quiet && self.all_up_to_date() {
                return true;
            }
            match self.events.peek() {
                Some(Reverse((at, _))) if *at <= until => self.step(),
                _ => {
                    self.now = until;
                    return false;
                }
            }
        }
    }

    fn step(&mut self) {
        let Some(Reverse((at, id))) = self.events.pop() else {
            return;
        };
        self.now = self.now.max(at);
        match self.due.remove(&id) {
            Some(Event::Arrive { link, from_end }) => self.arrive(link, from_end),
            Some(Event::Retry { link, who }) => {
                let now = self.clock(who);
                let stands = self.wires.contains_key(&link);
                if let Some(node) = self.devices[who.0].node.as_mut().filter(|_| stands) {
                    let outputs = node.link_retry(now, link);
                    self.follow(who, outputs);
                }
            }
            None => {}
        }
    }

    fn arrive(&mut self, link: LinkId, from_end: usize) {
        let lost = self.dice.percent(self.net.loss_percent);
        let Some(wire) = self.wires.get_mut(&link) else {
            return;
        };
        let to = wire.ends[1 - from_end];
        let Some((_, frame)) = wire.ways[from_end].frames.pop_front() else {
            return;
        };
        if lost {
            self.log(|_| format!("{link:?} breaks"));
            self.break_link(link);
            return;
        }
        let now = self.clock(to);
        if let Some(node) = self.devices[to.0].node.as_mut() {
            let outputs = node.link_frame(now, link, &frame);
            self.follow(to, outputs);
        }
    }
}

fn open(
    backend: Backend,
    master: &[u8; 32],
    mut rng: Box<dyn kitbag_crypto::CryptoRng + Send>,
    name: &str,
    outside: &mut Option<Incarnation>,
) -> Result<Node, NodeError> {
    let mut store = Store::open_backend(backend, &MasterKey::from_bytes(*master), &mut *rng)?;
    if !Node::is_initialised(&store)? {
        Node::initialise(&mut store, name, "laptop", &mut *rng)?;
    }
    let known = *outside;
    Node::open(store, rng, known, |token| {
        *outside = Some(token);
        Ok(())
    })
}

/// The shell stops a node whose database failed and opens it again.
fn is_disk_error(error: &NodeError) -> bool {
    use kitbag_store::StoreError;
    matches!(
        error,
        NodeError::Store(StoreError::Disk { .. } | StoreError::Poisoned)
    )
}

/// A frame in a few words.
fn outline(frame: &[u8]) -> String {
    use kitbag_core::wire::Message;
    match Message::decode(frame) {
        Ok(Message::Hello {
            root,
            wants,
            changed,
            ..
        }) => format!("hello {root:?} wants {wants}, changed {changed:?}"),
        Ok(Message::Tree(parts)) => format!("tree of {} parts", parts.len()),
        Ok(Message::Want(want)) => {
            let (ops, epochs, keys, logs) = (
                want.control.len(),
                want.epochs.len(),
                want.keys.len(),
                want.content.len(),
            );
            format!(
                "want {:?} having {} persons, {ops} control logs, {epochs} epochs lacking {keys} keys, {logs} logs",
                want.pack,
                want.persons.len()
            )
        }
        Ok(Message::Page(page)) => format!(
            "page {:?}: {} persons, {} ops, {} epochs, {} wraps, {} runs of {} entries{}",
            page.pack,
            page.persons.len(),
            page.ops.len(),
            page.epochs.len(),
            page.wraps.len(),
            page.runs.len(),
            page.runs.iter().map(|run| run.entries.len()).sum::<usize>(),
            if page.more { ", more" } else { "" },
        ),
        Err(_) => format!("{} bytes of nothing", frame.len()),
    }
}
