//! Calls of a node, as its shell would make them, and what follows of its outputs.

use super::{Called, Device, Event, Who, Wire, World, is_disk_error};
use kitbag_core::id::Timestamp;
use kitbag_node::{IndexMerge, IndexStep, LinkId, Node, NodeError, Notice, Output};

/// After so many frames devices rest.
const REST_EVERY: u64 = 5;
/// After so many they keep summaries.
const KEEP_EVERY: u64 = 7 * REST_EVERY;

impl World {
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
        let called = match answer {
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
        };
        self.rest(who);
        called
    }

    /// What a shell does between two calls: now and then, since waking costs time.
    pub(super) fn rest(&mut self, who: Who) {
        if !self.frames.is_multiple_of(REST_EVERY) {
            return;
        }
        let now = self.clock(who);
        let keep = self.packs_sleep && self.frames.is_multiple_of(KEEP_EVERY);
        let Device { node, merge, .. } = &mut self.devices[who.0];
        let Some(node) = node else { return };
        let kept = match keep {
            true => node
                .keep_summaries(now)
                .and_then(|()| index_on(node, merge)),
            false => Ok(()),
        };
        let rested = kept.and_then(|()| node.rest());
        self.follow(who, rested.map(|()| vec![]));
    }

    pub(super) fn follow(&mut self, who: Who, outputs: Result<Vec<Output>, NodeError>) {
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

    pub(super) fn output(&mut self, who: Who, output: Output) {
        match output {
            Output::Send { link, frame } => self.send(who, link, frame),
            Output::Close { link, reason } => {
                self.log(|world| format!("{} closes {link:?}: {reason:?}", world.name(who)));
                let ends = self.wires.get(&link).map(|wire| wire.ends);
                if let Some(peer) = ends.and_then(|ends| ends.into_iter().find(|end| *end != who)) {
                    self.closed_with.push((who, peer, reason.clone()));
                }
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
            Output::Notify(Notice::Changed(_) | Notice::AsksToJoin { .. }) => {}
        }
    }
}

/// One more step for the search index. What is to be made into one is done until the next.
fn index_on(node: &mut Node, merge: &mut Option<IndexMerge>) -> Result<(), NodeError> {
    if let Some(merge) = merge.take() {
        node.index_merged(merge.run());
    }
    if node.index_step()? == IndexStep::Merge {
        *merge = node.take_index_merge();
    }
    Ok(())
}
