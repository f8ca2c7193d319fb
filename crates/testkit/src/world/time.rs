//! Virtual time.

use super::{Event, Who, World};
use kitbag_node::LinkId;
use std::cmp::Reverse;

/// How often a frame arrives together with others.
const TOGETHER_PERCENT: u64 = 30;
/// With how many, itself among them.
const TOGETHER_MAX: usize = 8;

impl World {
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

    pub(super) fn step(&mut self) {
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
                    self.rest(who);
                }
            }
            None => {}
        }
    }

    pub(super) fn arrive(&mut self, link: LinkId, from_end: usize) {
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
        let mut frames = vec![(link, frame)];
        if self.dice.percent(TOGETHER_PERCENT) {
            self.more_frames_for(to, &mut frames);
        }
        let mut rest = &frames[..];
        let now = self.clock(to);
        while let Some(node) = self.devices[to.0]
            .node
            .as_mut()
            .filter(|_| !rest.is_empty())
        {
            let taken = node.link_frames(now, rest.iter().map(|(link, frame)| (*link, &frame[..])));
            rest = &rest[taken.as_ref().map_or(0, |taken| taken.count)..];
            let outputs = taken.and_then(|mut taken| match taken.failed.pop() {
                Some((_, error)) => Err(error),
                None => Ok(taken.outputs),
            });
            self.follow(to, outputs);
            self.rest(to);
        }
    }

    /// Frames on their way to a device that arrive together with one that just did.
    fn more_frames_for(&mut self, to: Who, frames: &mut Vec<(LinkId, Vec<u8>)>) {
        for (link, wire) in &mut self.wires {
            for (end, way) in wire.ways.iter_mut().enumerate() {
                while wire.ends[1 - end] == to && frames.len() < TOGETHER_MAX {
                    let Some((_, frame)) = way.frames.pop_front() else {
                        break;
                    };
                    frames.push((*link, frame));
                }
            }
        }
    }
}
