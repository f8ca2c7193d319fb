//! How every history ends: everything healed, everybody there, nobody doing anything any more.

use super::check;
use super::history::History;
use kitbag_core::policy::fold::Standing;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::view::Change;
use kitbag_testkit::{Fault, NetSettings, Opened, Who, World};

/// Frames after everything is healed, at most: a livelock sends more.
const QUIET_FRAMES_MAX: u64 = 20_000;
/// Rounds of connecting and settling, at most.
const ROUNDS_MAX: usize = 40;

impl History {
    /// Whoever means harm is gone. Everything is healed, and everybody honest is there, connected,
    /// and up to date in the end.
    pub(super) fn fall_quiet(&mut self, world: &mut World) -> Result<(), String> {
        world.log(|_| "quiet".into());
        world.net = NetSettings::CALM;
        world.heal();
        world.disconnect_all();
        for who in world.everybody() {
            world.device(who).disk.set_fault(Fault::None);
            if !world.is_up(who) {
                if world.start(who) != Opened::Up {
                    return Err(format!(
                        "{} does not start without any fault",
                        world.name(who)
                    ));
                }
                check::own(world, self, who)?;
            }
        }
        // Who joined and forgot it with a backup, or on one of two copies, asks again; so does who never
        // heard the answer, and each of two copies by itself.
        let mut known = std::mem::take(&mut self.unanswered);
        known.extend(self.joined.clone());
        known.extend(std::mem::take(&mut self.waiting));
        let mut asked = Vec::new();
        for (who, admitter, at) in known {
            let person = world.person(who);
            let twins = self.members.iter().copied();
            let others = twins.filter(|twin| *twin != who && world.person(*twin) == person);
            asked.extend(
                [who]
                    .into_iter()
                    .chain(others)
                    .map(|twin| (twin, admitter, at)),
            );
        }
        for (who, admitter, at) in asked {
            self.ask(world, who, admitter, at);
        }
        if let Some(mallory) = self.mallory.as_ref().map(|mallory| mallory.who) {
            world.kill(mallory);
        }
        let mut present = self.honest();
        if !self.named_the_outsider() {
            present.push(self.outsider);
        }
        // Two devices with one transport key are not there at once.
        if let Some((original, copy)) = self.copy {
            world.kill(copy);
            self.converge(world, &present)?;
            // What one of them brings may let others ask for more, which the other lacks then.
            let again = [(original, copy), (copy, original)];
            for (out, back) in again.into_iter().cycle().take(4) {
                world.kill(out);
                world.start(back);
                self.converge(world, &present)?;
            }
        } else {
            self.converge(world, &present)?;
            if world.dice.percent(40) {
                // With everything here, somebody looks at what is set aside.
                for _ in 0..self.members.len() {
                    let who = *world.dice.pick(&self.members);
                    self.take_over(world, who);
                }
                self.converge(world, &present)?;
            }
        }
        self.keep_quiet(world)?;
        if let Some((_, copy)) = self.copy {
            world.disconnect_all();
            world.start(copy);
        }
        Ok(())
    }

    /// Everybody is up to date with everybody, in the end. An admin whose backup forgot a grant does not
    /// listen to its holder, and perhaps nobody else has heard of it: then they grant it once more. Whose
    /// backup is older than a pack of theirs cannot be let in by its other members: these leave it.
    fn converge(&mut self, world: &mut World, present: &[Who]) -> Result<(), String> {
        let outcome = self.settle(world, present);
        if outcome.is_ok() || !self.mend_what_was_forgotten(world) {
            return outcome;
        }
        self.settle(world, present)
    }

    fn mend_what_was_forgotten(&mut self, world: &mut World) -> bool {
        let mut again = false;
        let restored: Vec<Who> = self.forgotten.keys().copied().collect();
        for (who, other) in world.behind() {
            if !restored.contains(&who) || !self.members.contains(&who) {
                continue;
            }
            let (endpoint, person) = (world.endpoint(other), world.person(other));
            let of_who = world.endpoint(who);
            for pack in self.packs.iter().map(|pack| pack.id) {
                let offers = world.node(other).policy(pack).is_ok_and(|policy| {
                    matches!(policy.standing(&of_who), Standing::Member { .. })
                });
                if offers && world.node(who).policy(pack).is_err() {
                    let left =
                        world.call(other, |node, now| node.change(now, pack, &Change::Leave));
                    self.counts.add("packs left that their maker forgot", 1);
                    again |= left.ok().is_some();
                    continue;
                }
                let ended = world.node(who).policy(pack).is_ok_and(|policy| {
                    matches!(policy.standing(&endpoint), Standing::Ended { .. })
                });
                let reader = Change::Role {
                    person,
                    role: Role::Reader,
                    clearance: Sensitivity::Public,
                };
                let given = world.call(who, |node, now| match ended {
                    true => node.change(now, pack, &reader).map(|made| made.changes),
                    false => Ok(false),
                });
                again |= given.ok() == Some(true);
            }
        }
        if again {
            self.counts.add("forgotten grants made again", 1);
        }
        again
    }

    fn settle(&mut self, world: &mut World, present: &[Who]) -> Result<(), String> {
        let before = world.frames;
        for _ in 0..ROUNDS_MAX {
            let (sent, mut dialled) = (world.frames, 0);
            for a in present.iter().copied() {
                world.call(a, |node, now| node.tick(now));
                for b in present.iter().copied() {
                    if a < b && world.links_between(a, b) == 0 && world.dial(a, b).is_some() {
                        dialled += 1;
                    }
                }
            }
            let settled = world.settle(200_000);
            if world.frames - before > QUIET_FRAMES_MAX {
                return Err(format!(
                    "{} frames after everything fell quiet",
                    world.frames - before
                ));
            }
            if dialled == 0 && world.frames == sent && settled {
                return Ok(());
            }
        }
        Err(format!("never up to date: {:?}", world.behind()))
    }

    fn keep_quiet(&mut self, world: &mut World) -> Result<(), String> {
        world.run(120_000); // what was to be asked once more, by whoever is out too
        let sent = world.frames;
        world.run(3_600_000);
        let more = world.frames - sent;
        if more > 0 {
            return Err(format!(
                "{more} frames in an hour in which nobody did anything"
            ));
        }
        Ok(())
    }
}
