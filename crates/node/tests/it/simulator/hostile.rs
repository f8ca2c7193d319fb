//! Those who mean harm: an outsider whom one member knows from elsewhere, and a member.

use super::history::History;
use crate::it::support::secret;
use kitbag_core::id::PackId;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::sync::tree::NodeHash;
use kitbag_core::ticket::Ticket;
use kitbag_core::wire::{Message, SYNC_VERSION};
use kitbag_node::JoinOutcome;
use kitbag_node::view::ShareOptions;
use kitbag_testkit::{Called, Dice, Hostile, Joining, Trick, Who, World};
use std::collections::BTreeSet;

/// A member whose device runs on while somebody else speaks with its keys.
pub(super) struct Mallory {
    pub(super) who: Who,
    pub(super) hostile: Option<Hostile>,
    pub(super) played: BTreeSet<Trick>,
}

impl Mallory {
    pub(super) fn new(who: Who) -> Mallory {
        Mallory {
            who,
            hostile: None,
            played: BTreeSet::new(),
        }
    }
}

impl History {
    /// The outsider gets somebody to join a pack of its own: then the two have a connection.
    pub(super) fn lure(&mut self, world: &mut World) {
        let (outsider, victim) = (self.outsider, self.members[0]);
        let made = world.call(outsider, |node, now| {
            node.create_pack(now, &secret("lure"), Sensitivity::Internal)
        });
        let Called::Done(pack) = made else { return };
        let options = ShareOptions {
            role: Role::Reader,
            clearance: Sensitivity::Internal,
            expires_at: None,
            uses: 1,
            ask: false,
        };
        let shared = world.call(outsider, |node, now| node.share(now, pack.id, &options));
        self.lure = Some(pack.id);
        if let Called::Done(shared) = shared {
            let ticket = Ticket::parse(&shared.ticket).unwrap();
            world.join(victim, outsider, &ticket);
            world.dial(victim, outsider);
            world.run(1_000);
        }
    }

    /// The outsider tries what it can: it has no ticket.
    pub(super) fn intrude(&mut self, world: &mut World) -> Result<(), String> {
        let target = *world.dice.pick(&self.members);
        let outsider = self.outsider;
        if !world.is_up(outsider) || !world.is_up(target) {
            return Ok(());
        }
        if self.lure.is_none()
            && !self.named_the_outsider()
            && world.dial(outsider, target).is_some()
        {
            return Err("the outsider was let in".into());
        }
        if !self.shares.is_empty() {
            let real = world.dice.pick(&self.shares).ticket.clone();
            let forged_secret = kitbag_crypto::TicketSecret::from_bytes(world.dice.bytes());
            let forged = Ticket::new(real.pack, real.invite, forged_secret, vec![]);
            self.counts.add("forged tickets", 1);
            match world.join(outsider, target, &forged) {
                Joining::Answered(JoinOutcome::Refused(
                    kitbag_core::wire::JoinRefusal::NotRecognised,
                )) => {}
                Joining::NotReached | Joining::NotOpen => {}
                other => return Err(format!("a forged ticket got {other:?}")),
            }
        }
        let Some(pack) = self.packs.first().map(|pack| pack.id) else {
            return Ok(());
        };
        let (loot, mut records) = world.loot(outsider);
        if let Some(friend) = self
            .mallory
            .as_ref()
            .and_then(|mallory| mallory.hostile.as_ref())
        {
            records.extend(friend.records.clone()); // Mallory told everything
        }
        let dice = Dice::new(world.dice.below(u64::MAX));
        let Some(mut hostile) = Hostile::new(loot, records, dice) else {
            return Ok(());
        };
        let trick = *world
            .dice
            .pick(&[Trick::Wants, Trick::Shuffled, Trick::Noise]);
        for message in hostile.play(pack, trick) {
            if speak(world, outsider, target, pack, trick, &mut hostile, &message) {
                self.counts.add("frames of an outsider", 1);
            }
        }
        Ok(())
    }

    /// Mallory plays a trick on one or two others.
    pub(super) fn be_hostile(&mut self, world: &mut World) {
        let Some(pack) = self.packs.first().map(|pack| pack.id) else {
            return;
        };
        let Some(mallory) = &mut self.mallory else {
            return;
        };
        if !world.is_up(mallory.who) {
            return;
        }
        let (loot, records) = world.loot(mallory.who);
        match &mut mallory.hostile {
            Some(hostile) => hostile.learn(&loot, records),
            None => {
                let dice = Dice::new(world.dice.below(u64::MAX));
                mallory.hostile = Hostile::new(loot, records, dice);
                let friend = world.loot(self.outsider).0;
                if let (Some(hostile), Some(friend)) = (&mut mallory.hostile, friend.identity()) {
                    hostile.friends.push(friend.person.clone());
                    hostile.text = secret("by Mallory");
                }
            }
        }
        let Some(hostile) = &mut mallory.hostile else {
            return;
        };
        let trick = *world.dice.pick(&Trick::ALL);
        mallory.played.insert(trick);
        let messages = hostile.play(pack, trick);
        world.log(|_| format!("Mallory plays {trick:?}"));
        for message in messages {
            let victim = *world.dice.pick(&self.members);
            if speak(world, mallory.who, victim, pack, trick, hostile, &message) {
                self.counts.add(trick_name(trick), 1);
            }
        }
    }
}

/// Puts a frame into a connection where it will be read: a page, while one is waited for.
fn speak(
    world: &mut World,
    from: Who,
    to: Who,
    pack: PackId,
    trick: Trick,
    hostile: &mut Hostile,
    message: &Message,
) -> bool {
    let link = world
        .link_between(from, to)
        .or_else(|| world.dial(from, to));
    let Some(link) = link else {
        return false;
    };
    let hello = Message::Hello {
        version: SYNC_VERSION,
        root: NodeHash(world.dice.bytes()),
        wants: 0,
        changed: vec![pack],
        children: None,
        sketch: None,
    };
    world.inject(link, from, hello.encode());
    let mut frame = message.encode();
    if trick == Trick::Noise {
        hostile.mutate(&mut frame);
    }
    if frame.len() <= kitbag_core::wire::FRAME_BYTES_MAX {
        world.inject(link, from, frame);
    }
    true
}

fn trick_name(trick: Trick) -> &'static str {
    match trick {
        Trick::Shuffled => "hostile: records of others",
        Trick::Acts => "hostile: operations",
        Trick::ForkedActs => "hostile: forked operations",
        Trick::Entries => "hostile: entries",
        Trick::ForkedEntries => "hostile: forked entries",
        Trick::Epochs => "hostile: epochs",
        Trick::Wraps => "hostile: wraps",
        Trick::Noise => "hostile: noise",
        Trick::Wants => "hostile: wants",
    }
}
