//! Connections between devices, and the frames on them.

use super::{Event, Who, Wire, World};
use kitbag_core::id::EndpointId;
use kitbag_core::sync::Side;
use kitbag_node::LinkId;
use std::cmp::Reverse;

impl World {
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

    /// A connection between two devices.
    pub fn link_between(&self, a: Who, b: Who) -> Option<LinkId> {
        let between = |wire: &Wire| wire.ends.contains(&a) && wire.ends.contains(&b);
        self.wires
            .iter()
            .find(|(_, wire)| between(wire))
            .map(|(link, _)| *link)
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

    pub(super) fn open_end(&mut self, who: Who, link: LinkId, peer: EndpointId, side: Side) {
        let now = self.clock(who);
        let Some(node) = self.devices[who.0].node.as_mut() else {
            return;
        };
        let outputs = node.link_opened(now, link, peer, side);
        self.up_to_date.remove(&(who, peer));
        self.follow(who, outputs);
        self.rest(who);
    }

    pub(super) fn replay_on(&mut self, link: LinkId) {
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

    pub(super) fn send(&mut self, from: Who, link: LinkId, frame: Vec<u8>) {
        self.frames += 1;
        assert!(self.frames <= self.frames_max, "frames without end");
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

    pub(super) fn enqueue(&mut self, link: LinkId, end: usize, frame: Vec<u8>) {
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

    pub(super) fn after(&mut self, millis: u64, event: Event) {
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

    pub(super) fn disconnect(&mut self, who: Who) {
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
}

/// Frames kept per pair for replay.
const OLD_FRAMES_MAX: usize = 40;

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
