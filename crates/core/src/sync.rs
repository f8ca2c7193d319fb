//! The sync session with one peer, as a state machine.
//!
//! Pull only: a device says where it stands ([`Message::Hello`]), the two find out which packs
//! differ ([`tree`]), and each asks for what it lacks, page by page, so that no side is ever sent
//! what it did not ask for. Every message may be lost with its connection or repeated; nothing in a
//! session is needed to start the next one.
//!
//! The session knows no content and decides no authority: it tells the shell when to build a want,
//! to answer one, or to take in a page, and is told what came of it.
//! Spec: `docs/spec/sync.md`.

pub mod tree;

use crate::id::PackId;
use crate::wire::{CHANGED_MAX, Message, Page, SYNC_VERSION, TreePart, Want};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tree::{Leaves, NodeHash, Prefix};

/// Packs that one session pulls at the same time, at most.
pub const PULLS_MAX: usize = 4;
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
        /// Whether the peer has more.
        more: bool,
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
                more,
            } => self.taken_in(view, pack, progress, more, out),
            Input::NotAsked(pack) => {
                self.pulling.remove(&pack);
                self.settle(view, &[], out);
            }
            Input::Retry => {
                self.retry_scheduled = false;
                self.compared = None;
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
                ..
            } => {
                self.peer = Some((root, wants));
                self.children = children;
                self.pull_all(view, changed);
                self.pull_wanting(view);
                self.settle(view, &[], out);
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

    fn taken_in(
        &mut self,
        view: &View,
        pack: PackId,
        progress: bool,
        more: bool,
        out: &mut Vec<Effect>,
    ) {
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
        self.settle(view, &[], out);
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
    /// when everything is equal.
    fn settle(&mut self, view: &View, changed: &[PackId], out: &mut Vec<Effect>) {
        while self.pulling.len() < PULLS_MAX {
            let Some(pack) = self.waiting.pop_front() else {
                break;
            };
            self.queued.remove(&pack);
            self.pulling.insert(pack, 0);
            out.push(Effect::Ask(pack));
        }
        let now = (view.leaves.root(), view.wants);
        // A key that arrived here changes no root, and may be just what the peer lacks.
        let news = changed.iter().any(|pack| view.leaves.leaf(pack).is_some());
        if self.sent != Some(now) || news {
            // Whoever answers the dial says one level more at once, which saves the first question.
            let children = match self.side {
                Side::Listener if self.sent.is_none() => view.leaves.children(),
                _ => None,
            };
            self.sent = Some(now);
            out.push(Effect::Send(hello(view, now, changed, children)));
        }
        let Some(peer) = self.peer else { return };
        let idle = self.pulling.is_empty() && self.waiting.is_empty();
        self.tell(idle && peer == (now.0, 0) && now.1 == 0, out);
        if idle && !self.up_to_date {
            if self.side == Side::Dialler
                && peer.0 != now.0
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

    fn tell(&mut self, up_to_date: bool, out: &mut Vec<Effect>) {
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

/// A greeting names only packs that the peer may sync.
fn hello(
    view: &View,
    now: (NodeHash, u64),
    changed: &[PackId],
    children: Option<[NodeHash; 16]>,
) -> Message {
    let mut changed: Vec<PackId> = changed
        .iter()
        .copied()
        .filter(|pack| view.leaves.leaf(pack).is_some())
        .collect();
    if changed.len() > CHANGED_MAX {
        changed.clear(); // the tree finds them
    }
    Message::Hello {
        version: SYNC_VERSION,
        root: now.0,
        wants: now.1,
        changed,
        children,
    }
}
