//! Connections: frames in, frames out, one sync session each.

use crate::asleep::{Shown, Stands};
use crate::intake::Intake;
use crate::{Node, NodeError};
use kitbag_core::codec::CodecError;
use kitbag_core::id::{DeviceId, EndpointId, LogId, PackId, PersonId, Timestamp};
use kitbag_core::policy::fold::Standing;
use kitbag_core::sync::tree::NodeHash;
use kitbag_core::sync::{Breach, Effect, Event, Input, Session, Side};
use kitbag_core::wire::{LogHave, Message, Want};
use kitbag_store::StoreError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A connection, as the shell numbers it; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

pub(crate) struct Link {
    pub(crate) endpoint: EndpointId,
    pub(crate) session: Session,
    /// The root of the peer's last greeting.
    root: Option<NodeHash>,
}

/// What the shell shall do, in this order.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a frame.
    Send {
        /// Over which connection.
        link: LinkId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Close a connection.
    Close {
        /// Which.
        link: LinkId,
        /// Why.
        reason: CloseReason,
    },
    /// Call [`Node::link_retry`] after so many milliseconds.
    RetryAfter {
        /// For which connection.
        link: LinkId,
        /// The pause.
        millis: u64,
    },
    /// Close everything with a peer that may not sync any more.
    Disconnect(EndpointId),
    /// Tell whoever listens.
    Notify(Notice),
}

/// What came of frames.
#[derive(Debug, Default)]
pub struct Taken {
    /// What to do, in this order.
    pub outputs: Vec<Output>,
    /// Connections that are forgotten because one of their frames could not be taken in, and why.
    pub failed: Vec<(LinkId, NodeError)>,
    /// How many frames were taken in; the others are to be given again.
    pub count: usize,
}

/// What was said since the last sync of the disk.
#[derive(Default)]
pub(crate) struct Said {
    packs: BTreeSet<PackId>,
    /// Where packs stand that are not named.
    trees: bool,
}

impl Said {
    fn note(&mut self, message: &Message) {
        match message {
            Message::Hello {
                changed,
                children,
                sketch,
                ..
            } => {
                self.packs.extend(changed);
                self.trees |= children.is_some() || sketch.is_some();
            }
            Message::Tree(_) => self.trees = true,
            Message::Want(want) => _ = self.packs.insert(want.pack),
            Message::Page(page) => _ = self.packs.insert(page.pack),
        }
    }

    /// Whether this message may end somebody to whom something was said.
    fn may_contradict(&self, message: &Message) -> bool {
        matches!(message, Message::Page(page) if self.trees || self.packs.contains(&page.pack))
    }
}

/// Why a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer broke the protocol.
    Breach(&'static str),
    /// It speaks another version.
    Version(u16),
}

/// News.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Roots are equal with this peer and neither side wants anything.
    UpToDate(EndpointId),
    /// No longer so.
    Syncing(EndpointId),
    /// Something in this pack changed.
    Changed(PackId),
    /// Somebody joined this pack.
    Joined {
        /// The pack.
        pack: PackId,
        /// Who.
        person: PersonId,
    },
    /// Somebody asks to be let into this pack, and waits for this person's answer.
    AsksToJoin {
        /// The pack.
        pack: PackId,
        /// Who.
        person: PersonId,
    },
}

impl Node {
    /// Whether this key may open a sync session at all: some pack's policy names it, or it admitted
    /// this device to a pack that has not arrived yet.
    pub fn may_sync(&self, peer: &EndpointId) -> bool {
        self.packs.peers().names(peer) || self.joining.values().any(|peers| peers.contains(peer))
    }

    /// The keys for which [`Node::may_sync`] holds.
    pub fn peers_that_may_sync(&self) -> BTreeSet<EndpointId> {
        let peers = self.packs.peers();
        let named = peers.named().map(|(peer, _)| *peer);
        let asked = self.joining.values().flatten().copied();
        let all = named.chain(asked);
        all.filter(|peer| *peer != self.me.endpoint_id()).collect()
    }

    /// A connection with an authenticated peer stands.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn link_opened(
        &mut self,
        now: Timestamp,
        link: LinkId,
        peer: EndpointId,
        side: Side,
    ) -> Result<Vec<Output>, NodeError> {
        self.refuse_if_failed()?;
        self.links.insert(
            link,
            Link {
                endpoint: peer,
                session: Session::new(side),
                root: None,
            },
        );
        self.ask_again(&peer);
        let mut out = Vec::new();
        self.drive(now, link, Input::Opened, &mut out)?;
        self.flush(now, None, &mut out)?;
        Ok(out)
    }

    /// A frame arrived.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn link_frame(
        &mut self,
        now: Timestamp,
        link: LinkId,
        frame: &[u8],
    ) -> Result<Vec<Output>, NodeError> {
        let mut taken = self.link_frames(now, [(link, frame)])?;
        match taken.failed.pop() {
            Some((_, error)) => Err(error),
            None => Ok(taken.outputs),
        }
    }

    /// Frames arrived, in this order on each connection. What the first of them bring, one at least, is
    /// made durable together.
    ///
    /// A page may bring that somebody is out, so it does not come with frames because of which something
    /// is about to be said of its pack: that must have been sent before.
    ///
    /// # Errors
    /// [`NodeError::Store`] if the database must be opened again; none of the frames counts then, and
    /// every connection is forgotten.
    pub fn link_frames<'f>(
        &mut self,
        now: Timestamp,
        frames: impl IntoIterator<Item = (LinkId, &'f [u8])>,
    ) -> Result<Taken, NodeError> {
        self.refuse_if_failed()?;
        let mut taken = Taken::default();
        self.said = Said::default();
        self.store.put_off_sync();
        for (link, frame) in frames {
            let message = Message::decode(frame);
            if message
                .as_ref()
                .is_ok_and(|message| self.said.may_contradict(message))
            {
                break;
            }
            taken.count += 1;
            if let Err(error) = self.take_frame(now, link, message, &mut taken.outputs) {
                self.links.remove(&link); // and its later frames are ignored
                taken.failed.push((link, error));
                if self.has_failed() {
                    break;
                }
            }
        }
        let synced = self.store.sync();
        if self.has_failed() {
            self.links.clear();
            let failed = taken.failed.pop().map(|(_, error)| error);
            return Err(failed
                .or(synced.err().map(NodeError::from))
                .unwrap_or(StoreError::Poisoned.into()));
        }
        synced?;
        Ok(taken)
    }

    /// What is in memory may not be on the disk any more: nobody hears of it.
    pub(crate) fn refuse_if_failed(&mut self) -> Result<(), NodeError> {
        if self.has_failed() {
            self.links.clear();
            return Err(StoreError::Poisoned.into());
        }
        Ok(())
    }

    fn take_frame(
        &mut self,
        now: Timestamp,
        link: LinkId,
        message: Result<Message, CodecError>,
        out: &mut Vec<Output>,
    ) -> Result<(), NodeError> {
        if !self.links.contains_key(&link) {
            return Ok(());
        }
        match message {
            Ok(message) => {
                self.hear(link, &message);
                self.drive(now, link, Input::Received(message), out)?;
            }
            Err(_) => self.breach(link, CloseReason::Breach("a frame is no message"), out),
        }
        self.flush(now, Some(link), out)
    }

    /// A greeting with another root, or with packs that changed, may come with keys that were missing.
    fn hear(&mut self, link: LinkId, message: &Message) {
        let Message::Hello { root, changed, .. } = message else {
            return;
        };
        if let Some(link) = self.links.get_mut(&link)
            && (link.root.replace(*root) != Some(*root) || !changed.is_empty())
        {
            let peer = link.endpoint;
            self.ask_again(&peer);
        }
    }

    /// Forgets which keys this peer could not give.
    fn ask_again(&mut self, peer: &EndpointId) {
        let mut peers = self.packs.peers();
        let first = (*peer, PackId::from_bytes([0; 32]));
        let of = self.not_given.range(first..).map(|(key, _)| *key);
        let of: Vec<_> = of.take_while(|(asked, _)| asked == peer).collect();
        for key in of {
            peers.stale(&key.0, key.1);
            self.not_given.remove(&key);
        }
    }

    /// A peer has sent all that it gives of a pack: keys that are missing still it does not have, or
    /// does not give. They stay missing, and are no reason to say that the two are not up to date.
    fn note_not_given(&mut self, peer: EndpointId, pack: PackId) {
        let Some(replica) = self.packs.get(&pack) else {
            return;
        };
        let lacking = replica
            .shared_clearance(self.me.person(), &peer)
            .map(|clearance| replica.lacking_keys(clearance))
            .unwrap_or_default();
        // Most lack nothing, and are not written down.
        let before = if lacking.is_empty() {
            self.not_given.remove(&(peer, pack)).unwrap_or_default()
        } else {
            let lacking = lacking.iter().copied().collect();
            let before = self.not_given.insert((peer, pack), lacking);
            before.unwrap_or_default()
        };
        if !lacking.is_empty() || !before.is_empty() {
            self.packs.peers().stale(&peer, pack);
        }
    }

    /// The pause that the node asked for is over.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn link_retry(&mut self, now: Timestamp, link: LinkId) -> Result<Vec<Output>, NodeError> {
        self.refuse_if_failed()?;
        let mut out = Vec::new();
        self.drive(now, link, Input::Retry, &mut out)?;
        self.flush(now, None, &mut out)?;
        Ok(out)
    }

    /// A connection is gone.
    pub fn link_closed(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// Tells all sessions what changed since the last call; every public call that may change a pack
    /// is followed by this one. After a failed write it tells nobody, and forgets all connections.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn announce(&mut self, now: Timestamp) -> Result<Vec<Output>, NodeError> {
        let mut out = Vec::new();
        if self.refuse_if_failed().is_err() {
            return Ok(out);
        }
        let written: Vec<PackId> = self.changed.iter().copied().collect();
        for pack in written {
            self.tell_move(pack, now)?;
        }
        self.flush(now, None, &mut out)?;
        Ok(out)
    }

    /// What one pack is to a peer, as it stands.
    fn shown_to(&self, peer: &EndpointId, pack: &PackId) -> Shown {
        let mut shown = Shown {
            wanting: self
                .joining
                .get(pack)
                .is_some_and(|peers| peers.contains(peer)),
            ..Shown::default()
        };
        let Some(summary) = self.packs.summary(pack) else {
            return shown;
        };
        let Some(Stands::Member(clearance)) = summary.stands(peer) else {
            return shown;
        };
        shown.wanting |= clearance.is_none() && summary.is_out;
        let Some(leaf) = clearance.and_then(|clearance| summary.leaf(clearance)) else {
            return shown;
        };
        let not_given = self.not_given.get(&(*peer, *pack));
        let lacking = summary.lacking.iter().filter(|(epoch, domain)| {
            *domain <= leaf.clearance
                && not_given.is_none_or(|not_given| !not_given.contains(epoch))
        });
        shown.leaf = Some(leaf.hash);
        shown.wants = lacking.count() as u64;
        shown.wanting |= shown.wants > 0;
        shown
    }

    /// Lets a session take one input, with what this device and the peer may sync as it stands.
    fn handle(&mut self, link: LinkId, peer: &EndpointId, input: Input, effects: &mut Vec<Effect>) {
        let mut links = std::mem::take(&mut self.links);
        if let Some(link) = links.get_mut(&link) {
            let asked = self.joining.iter();
            let asked = asked.filter(|(_, peers)| peers.contains(peer));
            let mut peers = self.packs.peers();
            let view = peers.view(peer, asked.map(|(pack, _)| *pack), |pack| {
                self.shown_to(peer, pack)
            });
            link.session.handle(view, input, effects);
        }
        self.links = links;
    }

    /// Runs one session until it has nothing more to do.
    fn drive(
        &mut self,
        now: Timestamp,
        link: LinkId,
        input: Input,
        out: &mut Vec<Output>,
    ) -> Result<(), NodeError> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let Some(peer) = self.links.get(&link).map(|link| link.endpoint) else {
                return Ok(());
            };
            let mut effects = Vec::new();
            self.handle(link, &peer, input, &mut effects);
            self.packs.take_failure()?;
            for effect in effects {
                match effect {
                    Effect::Send(message) => self.say(link, &message, out),
                    Effect::Ask(pack) => {
                        self.tell_move(pack, now)?;
                        match self.want(&peer, pack) {
                            Some(want) => self.say(link, &Message::Want(want), out),
                            None => inputs.push_back(Input::NotAsked(pack)),
                        }
                    }
                    Effect::Answer(want) => {
                        let page = self.answer(&peer, &want)?;
                        self.note_seen(peer, &want);
                        inputs.push_back(Input::Answered {
                            pack: page.pack,
                            gave: page.more || !page.is_empty(),
                        });
                        self.say(link, &Message::Page(page), out);
                    }
                    Effect::TakeIn(page) => {
                        let (pack, more) = (page.pack, page.more);
                        let Intake {
                            progress,
                            wrote,
                            breach,
                        } = self.take_in(now, page)?;
                        match breach {
                            Some(breach) => self.breach(link, CloseReason::Breach(breach), out),
                            None => {
                                if !more {
                                    self.note_not_given(peer, pack);
                                }
                                inputs.push_back(Input::TakenIn {
                                    pack,
                                    progress,
                                    wrote,
                                    more,
                                });
                            }
                        }
                    }
                    Effect::RetryAfter(millis) => out.push(Output::RetryAfter { link, millis }),
                    Effect::Notify(event) => self.notice(now, peer, event, out),
                    Effect::Close(breach) => self.breach(link, close_reason(breach), out),
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, link: LinkId, message: &Message, out: &mut Vec<Output>) {
        self.said.note(message);
        let frame = message.encode();
        out.push(Output::Send { link, frame });
    }

    fn flush(
        &mut self,
        now: Timestamp,
        origin: Option<LinkId>,
        out: &mut Vec<Output>,
    ) -> Result<(), NodeError> {
        self.packs.take_failure()?;
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return Ok(());
        }
        self.end_joining()?;
        out.extend(
            changed
                .iter()
                .map(|pack| Output::Notify(Notice::Changed(*pack))),
        );
        let packs: Vec<PackId> = changed.into_iter().collect();
        let links: Vec<(LinkId, EndpointId)> = self
            .links
            .iter()
            .map(|(id, link)| (*id, link.endpoint))
            .collect();
        for (link, peer) in links {
            if !self.may_sync(&peer) {
                self.links.remove(&link);
                out.push(Output::Disconnect(peer));
            } else if Some(link) != origin {
                self.drive(now, link, Input::Changed(packs.clone()), out)?;
            } else {
                self.drive(now, link, Input::Changed(vec![]), out)?;
            }
        }
        Ok(())
    }

    fn breach(&mut self, link: LinkId, reason: CloseReason, out: &mut Vec<Output>) {
        if self.links.remove(&link).is_some() {
            out.push(Output::Close { link, reason });
        }
    }

    fn notice(&mut self, now: Timestamp, peer: EndpointId, event: Event, out: &mut Vec<Output>) {
        let notice = match event {
            Event::UpToDate => {
                self.synced.insert(peer, now);
                Notice::UpToDate(peer)
            }
            Event::Syncing => Notice::Syncing(peer),
        };
        out.push(Output::Notify(notice));
    }

    /// Remembers how far a peer said it is, for "to send".
    fn note_seen(&mut self, peer: EndpointId, want: &Want) {
        let Some(replica) = self.packs.get(&want.pack) else {
            return;
        };
        if replica.policy.standing(&peer) == Standing::Unknown {
            return;
        }
        let mut haves: BTreeMap<LogId, Vec<&LogHave>> = BTreeMap::new();
        for have in &want.content {
            haves.entry(have.log).or_default().push(have);
        }
        let known = haves.into_iter().map(|(id, haves)| {
            let Some(log) = replica.logs.get(&id) else {
                let longest = haves.iter().map(|have| have.len).max();
                return (id, longest.unwrap_or(0));
            };
            let coverage = replica.coverage(id, log, haves);
            let known = coverage.covered.iter().sum::<u64>();
            (id, known.max(coverage.unknown.unwrap_or(0)))
        });
        let known = known.collect();
        self.seen.insert((peer, want.pack), known);
    }

    /// Packs whose policy has arrived and names this device, be it as somebody whom a Close left out,
    /// are no longer being joined.
    fn end_joining(&mut self) -> Result<(), NodeError> {
        let me = self.me.endpoint_id();
        let arrived = |pack: &PackId| {
            self.packs
                .get(pack)
                .is_some_and(|replica| replica.policy.standing(&me) != Standing::Unknown)
        };
        let done: Vec<PackId> = self
            .joining
            .keys()
            .filter(|pack| arrived(pack))
            .copied()
            .collect();
        if done.is_empty() {
            return Ok(());
        }
        self.end_joining_of(&done)
    }

    /// Devices of other members of a pack, with their persons.
    pub(crate) fn other_devices(&self, pack: PackId) -> Vec<(PersonId, DeviceId, EndpointId)> {
        let Some(replica) = self.packs.get(&pack) else {
            return vec![];
        };
        let others = replica
            .policy
            .members()
            .filter(|member| member.person != self.me.person());
        let certified = others.filter_map(|member| {
            replica
                .policy
                .certificate(&member.person)
                .map(|c| (member.person, c.device, c.endpoint))
        });
        certified.collect()
    }
}

fn close_reason(breach: Breach) -> CloseReason {
    match breach {
        Breach::Version(version) => CloseReason::Version(version),
        Breach::NoGreeting => CloseReason::Breach("no greeting"),
        Breach::BadTree => CloseReason::Breach("not a part of any tree"),
        Breach::TooMany => CloseReason::Breach("too many packs named at once"),
    }
}
