//! The sync session with one peer, as a state machine.
//!
//! Pull only: a device says where it stands ([`Message::Hello`]), the two find out which packs
//! differ ([`sketch`], [`tree`]), and each asks for what it lacks, page by page, so that no side is ever sent
//! what it did not ask for. Every message may be lost with its connection or repeated; nothing in a
//! session is needed to start the next one.
//!
//! The session knows no content and decides no authority: it tells the shell when to build a want,
//! to answer one, or to take in a page, and is told what came of it.
//! Spec: `docs/spec/sync.md`.

pub mod sketch;
pub mod tree;

use crate::id::PackId;
use crate::wire::{CHANGED_MAX, Message, Page, SYNC_VERSION, TreePart, Want};
use sketch::Sketch;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tree::{Leaves, NodeHash, Prefix};

/// Packs that one session pulls at the same time, at most.
pub const PULLS_MAX: usize = 8;
/// Packs that wait to be pulled in one session, at most; the rest is found again by the tree.
pub const PULLS_WAITING_MAX: usize = 100_000;
/// Pages of one pull that bring nothing new before it is given up.
const FRUITLESS_MAX: u32 = 2;
/// Tree parts in one frame, at most.
const PARTS_MAX: usize = 512;
/// First pause before comparing again what could not be made equal, in milliseconds; doubles.
const RETRY_MILLIS_MIN: u64 = 500;
/// Longest such pause.
const RETRY_MILLIS_MAX: u64 = 60_000;

/// What this device and the peer may sync, as this device sees it now.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The packs.
    pub leaves: Leaves,
    /// Keys that this device lacks in those packs and that the peer has not just failed to give.
    pub wants: u64,
    /// Packs to ask for even where heads are equal or unknown: a key or body is missing, or the
    /// pack was joined and has not arrived yet.
    pub wanting: BTreeSet<PackId>,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input {
    /// The connection stands.
    Opened,
    /// The peer sent a message.
    Received(Message),
    /// Packs changed here, by a local write or another session.
    Changed(Vec<PackId>),
    /// The page that the session gave out with [`Effect::TakeIn`] was taken in.
    TakenIn {
        /// Its pack.
        pack: PackId,
        /// Whether anything in it was new.
        progress: bool,
        /// Whether this device wrote to the pack because of it, which the peer cannot know of.
        wrote: bool,
        /// Whether the peer has more.
        more: bool,
    },
    /// The want that the session gave out with [`Effect::Answer`] was answered.
    Answered {
        /// Its pack.
        pack: PackId,
        /// Whether the page held anything, or there is more.
        gave: bool,
    },
    /// A want could not be built: the peer may not be asked for this pack (any more).
    NotAsked(PackId),
    /// The timer that the session asked for.
    Retry,
}

/// What a session wants done, in this order.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a message.
    Send(Message),
    /// Build and send a want for this pack, if the peer may be asked; else say `NotAsked`.
    Ask(PackId),
    /// Answer this want, if the peer may have an answer; else with an empty page.
    Answer(Want),
    /// Verify and store a page, then say `TakenIn`.
    TakeIn(Page),
    /// Say `Retry` after so many milliseconds.
    RetryAfter(u64),
    /// Tell whoever listens.
    Notify(Event),
    /// Close the connection: the peer broke the protocol.
    Close(Breach),
}

/// News about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Roots are equal and neither side wants anything.
    UpToDate,
    /// No longer so.
    Syncing,
}

/// How a peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// It speaks another version.
    Version(u16),
    /// It sent something before its greeting.
    NoGreeting,
    /// It sent a tree part that no tree has, or too many.
    BadTree,
    /// It named too many packs.
    TooMany,
}

/// Who opened the connection: only that side starts comparing trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This device dialled.
    Dialler,
    /// The peer dialled.
    Listener,
}

/// The session with one peer over one connection.
#[derive(Debug)]
pub struct Session {
    side: Side,
    sent: Option<(NodeHash, u64)>,
    peer: Option<(NodeHash, u64)>,
    pulling: BTreeMap<PackId, u32>,
    waiting: VecDeque<PackId>,
    /// What `waiting` holds, to find it.
    queued: BTreeSet<PackId>,
    /// The children of the peer's root, from its last greeting.
    children: Option<[NodeHash; 16]>,
    /// Roots between which the trees were compared last, to notice that comparing again is futile.
    compared: Option<(NodeHash, NodeHash)>,
    /// Packs that the peer was given something of, or was named, since its last greeting: it greets
    /// when it is done with them, and until then there is nothing to compare.
    fetching: BTreeSet<PackId>,
    retry_millis: u64,
    retry_scheduled: bool,
    up_to_date: bool,
}

impl Session {
    /// A session that has just been connected.
    pub fn new(side: Side) -> Session {
        Session {
            side,
            sent: None,
            peer: None,
            pulling: BTreeMap::new(),
            waiting: VecDeque::new(),
            queued: BTreeSet::new(),
            children: None,
            compared: None,
            fetching: BTreeSet::new(),
            retry_millis: RETRY_MILLIS_MIN,
            retry_scheduled: false,
            up_to_date: false,
        }
    }

    /// Whether roots are equal and neither side wants anything.
    pub fn is_up_to_date(&self) -> bool {
        self.up_to_date
    }

    /// Takes one input; `view` is how things stand after it.
    pub fn handle(&mut self, view: &View, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Opened => self.settle(view, &[], out),
            Input::Received(message) => self.receive(view, message, out),
            Input::Changed(packs) => {
                self.retry_millis = RETRY_MILLIS_MIN;
                self.pull_wanting(view);
                self.settle(view, &packs, out);
            }
            Input::TakenIn {
                pack,
                progress,
                wrote,
                more,
            } => {
                self.taken_in(pack, progress, more, out);
                let news = if wrote { &[pack][..] } else { &[] };
                self.settle(view, news, out);
            }
            Input::Answered { pack, gave: true } => {
                self.fetching.insert(pack);
            }
            Input::Answered { pack, gave: false } => {
                self.fetching.remove(&pack);
                self.settle(view, &[], out);
            }
            Input::NotAsked(pack) => {
                self.pulling.remove(&pack);
                self.settle(view, &[], out);
            }
            Input::Retry => {
                self.retry_scheduled = false;
                self.compared = None;
                self.fetching.clear();
                self.pull_wanting(view);
                self.settle(view, &[], out);
            }
        }
    }

    fn receive(&mut self, view: &View, message: Message, out: &mut Vec<Effect>) {
        if self.peer.is_none() && !matches!(message, Message::Hello { .. }) {
            return out.push(Effect::Close(Breach::NoGreeting));
        }
        match message {
            Message::Hello { version, .. } if version != SYNC_VERSION => {
                out.push(Effect::Close(Breach::Version(version)))
            }
            Message::Hello { changed, .. } if changed.len() > CHANGED_MAX => {
                out.push(Effect::Close(Breach::TooMany))
            }
            Message::Hello {
                root,
                wants,
                changed,
                children,
                sketch,
                ..
            } => {
                self.peer = Some((root, wants));
                self.children = children;
                let differing = self.differing(view, root, sketch);
                self.fetching = differing.iter().copied().collect();
                self.pull_all(view, changed);
                self.pull_all(view, differing.clone());
                self.pull_wanting(view);
                self.settle(view, &differing, out);
            }
            Message::Tree(parts) if parts.len() > PARTS_MAX => {
                out.push(Effect::Close(Breach::BadTree))
            }
            Message::Tree(parts) => self.compare(view, &parts, out),
            Message::Want(want) => out.push(Effect::Answer(want)),
            Message::Page(page) if self.pulling.contains_key(&page.pack) => {
                out.push(Effect::TakeIn(page))
            }
            Message::Page(_) => {} // not asked for, or answered twice
        }
    }

    /// The packs that differ, if the peer's sketch tells them all.
    fn differing(&self, view: &View, root: NodeHash, sketch: Option<Sketch>) -> Vec<PackId> {
        let sketch = sketch.filter(|_| self.side == Side::Dialler && root != view.leaves.root());
        let differing = sketch.and_then(|sketch| view.leaves.differing(&sketch));
        differing.unwrap_or_default()
    }

    fn compare(&mut self, view: &View, parts: &[TreePart], out: &mut Vec<Effect>) {
        if !tree::are_apart(parts) {
            return out.push(Effect::Close(Breach::BadTree));
        }
        let mut answers = Vec::new();
        for part in parts {
            let Some((packs, own)) = view.leaves.compare(part) else {
                return out.push(Effect::Close(Breach::BadTree));
            };
            self.pull_all(view, packs);
            self.pull_all(view, view.leaves.unnamed_in(part));
            answers.extend(own);
        }
        for parts in answers.chunks(PARTS_MAX) {
            out.push(Effect::Send(Message::Tree(parts.to_vec())));
        }
        self.settle(view, &[], out);
    }

    fn taken_in(&mut self, pack: PackId, progress: bool, more: bool, out: &mut Vec<Effect>) {
        if progress {
            self.retry_millis = RETRY_MILLIS_MIN;
        }
        match self.pulling.get_mut(&pack) {
            Some(fruitless) if more && (progress || *fruitless < FRUITLESS_MAX) => {
                *fruitless = if progress { 0 } else { *fruitless + 1 };
                out.push(Effect::Ask(pack));
            }
            _ => {
                self.pulling.remove(&pack);
            }
        }
    }

    /// Queues pulls of packs that are synced with this peer or wanted from it.
    fn pull_all(&mut self, view: &View, packs: Vec<PackId>) {
        for pack in packs {
            let known = view.leaves.leaf(&pack).is_some() || view.wanting.contains(&pack);
            let queued = self.pulling.contains_key(&pack) || self.queued.contains(&pack);
            if known && !queued && self.waiting.len() < PULLS_WAITING_MAX {
                self.queued.insert(pack);
                self.waiting.push_back(pack);
            }
        }
    }

    /// Starts waiting pulls, greets if anything changed, compares trees if it helps, and notices
    /// when everything is equal. What was pulled is no news to who gave it: that greeting waits for
    /// the last pull, and says so that it was the last.
    fn settle(&mut self, view: &View, changed: &[PackId], out: &mut Vec<Effect>) {
        let mut asks = Vec::new();
        while self.pulling.len() < PULLS_MAX {
            let Some(pack) = self.waiting.pop_front() else {
                break;
            };
            self.queued.remove(&pack);
            self.pulling.insert(pack, 0);
            asks.push(Effect::Ask(pack));
        }
        let now = (view.leaves.root(), view.wants);
        // A key that arrived here changes no root, and may be just what the peer lacks.
        let shared = changed.iter().any(|pack| view.leaves.leaf(pack).is_some());
        let left = !changed.is_empty() && self.sent.is_some_and(|(root, _)| root != now.0);
        let news = shared || left;
        let idle = self.pulling.is_empty() && self.waiting.is_empty();
        if self.sent.is_none() || news || (idle && self.sent != Some(now)) {
            // Whoever answers the dial says at once what the other would ask for.
            let first = self.side == Side::Listener && self.sent.is_none();
            let changed = self.name(view, changed);
            self.sent = Some(now);
            out.push(Effect::Send(Message::Hello {
                version: SYNC_VERSION,
                root: now.0,
                wants: now.1,
                changed,
                children: view.leaves.children().filter(|_| first),
                sketch: view.leaves.sketch().filter(|_| first).cloned(),
            }));
        }
        // After the greeting: whoever hears first that a pack changed answers with what it owes there.
        out.append(&mut asks);
        let Some(peer) = self.peer else { return };
        self.tell(idle && peer == (now.0, 0) && now.1 == 0, out);
        if idle && !self.up_to_date {
            if self.side == Side::Dialler
                && peer.0 != now.0
                && self.fetching.is_empty()
                && self.compared != Some((now.0, peer.0))
            {
                self.compared = Some((now.0, peer.0));
                let parts = self.first_parts(view);
                out.push(Effect::Send(Message::Tree(parts)));
            }
            self.wait(out);
        }
    }

    /// What to begin comparing with, when the roots differ.
    fn first_parts(&mut self, view: &View) -> Vec<TreePart> {
        let whole = || vec![view.leaves.describe(&Prefix::root(), true)];
        let Some(hashes) = self
            .children
            .take()
            .filter(|_| view.leaves.children().is_some())
        else {
            return whole();
        };
        let root = TreePart::Children {
            prefix: Prefix::root(),
            hashes: hashes.to_vec(),
        };
        match view.leaves.compare(&root) {
            Some((_, parts)) if !parts.is_empty() => parts,
            // Since that greeting the two have changed to differ elsewhere.
            _ => whole(),
        }
    }

    fn pull_wanting(&mut self, view: &View) {
        self.pull_all(view, view.wanting.iter().copied().collect());
    }

    fn wait(&mut self, out: &mut Vec<Effect>) {
        if !self.retry_scheduled {
            self.retry_scheduled = true;
            out.push(Effect::RetryAfter(self.retry_millis));
            self.retry_millis = (self.retry_millis * 2).min(RETRY_MILLIS_MAX);
        }
    }

    /// What a greeting names: only packs that the peer may sync. Too many are left to the trees.
    fn name(&mut self, view: &View, changed: &[PackId]) -> Vec<PackId> {
        let known = |pack: &&PackId| view.leaves.leaf(pack).is_some();
        let mut changed: Vec<PackId> = changed.iter().filter(known).copied().collect();
        if changed.len() > CHANGED_MAX {
            changed.clear();
            self.fetching.clear();
        } else {
            self.fetching.extend(&changed);
        }
        changed
    }

    fn tell(&mut self, up_to_date: bool, out: &mut Vec<Effect>) {
        if up_to_date {
            self.fetching.clear();
        }
        if self.up_to_date != up_to_date {
            self.up_to_date = up_to_date;
            let event = if up_to_date {
                Event::UpToDate
            } else {
                Event::Syncing
            };
            out.push(Effect::Notify(event));
        }
    }
}
