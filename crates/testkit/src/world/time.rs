//! Virtual time.

use super::{Event, World};
use kitbag_node::LinkId;
use std::cmp::Reverse;

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
        let now = self.clock(to);
        if let Some(node) = self.devices[to.0].node.as_mut() {
            let outputs = node.link_frame(now, link, &frame);
            self.follow(to, outputs);
            self.rest(to);
        }
    }
}
