//! Devices, the connections between them, and the virtual time on which both run.

mod calls;
mod joining;
mod network;
mod power;
mod time;

use crate::disk::SimDisk;
use crate::ledger::{Ledger, holds_canary};
use crate::{Dice, Loot, Records, Trace};
use kitbag_core::id::{EndpointId, Incarnation, PackId, PersonId, Timestamp};
use kitbag_crypto::MasterKey;
use kitbag_node::{CloseReason, IndexMerge, JoinOutcome, LinkId, Node, NodeError};
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
    starts: u64,
    /// Segments of its search index that are made into one meanwhile.
    merge: Option<IndexMerge>,
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
    /// Whether packs fall asleep every few frames, whatever they need, on devices that start from now on:
    /// in every other world, unless somebody says otherwise. A large pack takes long to wake.
    pub packs_sleep: bool,
    /// What happened.
    pub trace: Trace,
    /// Frames that were sent.
    pub frames: u64,
    /// Frames after which the world stops with a panic: they never end.
    pub frames_max: u64,
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
    closed_with: Vec<(Who, Who, CloseReason)>,
    joined: Vec<(Who, PackId, PersonId)>,
}

/// When every world begins, in milliseconds since 1970.
const START: u64 = 1_900_000_000_000;

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> World {
        World {
            dice: Dice::new(seed),
            net: NetSettings::CALM,
            packs_sleep: seed % 2 == 1,
            trace: Trace::new(std::env::var_os("KITBAG_SIM_SEED").is_some()),
            frames: 0,
            frames_max: u64::MAX,
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
            closed_with: Vec::new(),
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
            starts: 0,
            merge: None,
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

    /// The token that a device keeps beside its disk is gone: at its next start it writes new logs.
    pub fn forget_token(&mut self, who: Who) {
        self.devices[who.0].outside = None;
    }

    /// Starts of a device so far.
    pub fn starts(&self, who: Who) -> u64 {
        self.devices[who.0].starts
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

    /// The same, with whom.
    pub fn closed_with(&self) -> &[(Who, Who, CloseReason)] {
        &self.closed_with
    }

    /// Who was told that somebody joined.
    pub fn joined(&self) -> &[(Who, PackId, PersonId)] {
        &self.joined
    }
}

/// The shell stops a node whose database failed and opens it again.
fn is_disk_error(error: &NodeError) -> bool {
    use kitbag_store::StoreError;
    matches!(
        error,
        NodeError::Store(StoreError::Disk { .. } | StoreError::Poisoned)
    )
}
