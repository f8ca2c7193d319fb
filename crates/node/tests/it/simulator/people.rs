//! Who is in, and as what: sharing, joining, removing, changing roles, cancelling.

use super::history::History;
use kitbag_core::id::PackId;
use kitbag_core::id::Timestamp;
use kitbag_core::policy::op::LateDenials;
use kitbag_core::policy::rules::{Client, LimitsChange, RulesChange, Setting};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::release::Destination;
use kitbag_core::ticket::Ticket;
use kitbag_node::JoinOutcome;
use kitbag_node::release::RulesChanged;
use kitbag_node::view::{Change, ShareOptions};
use kitbag_testkit::{Called, Joining, Who, World};

/// A ticket that somebody made.
pub(super) struct Share {
    pub(super) ticket: Ticket,
    pub(super) by: Who,
    pub(super) step: u64,
    /// Its maker may have forgotten it.
    pub(super) at_risk: bool,
}

impl History {
    /// Most histories begin with several people in one pack.
    pub(super) fn gather(&mut self, world: &mut World) {
        let Some((pack, by)) = self.packs.first().map(|pack| (pack.id, pack.by)) else {
            return;
        };
        let mallory = self.mallory.as_ref().map(|mallory| mallory.who);
        for who in self.members.clone().into_iter().chain(mallory) {
            if who == by || !(world.dice.percent(85) || Some(who) == mallory) {
                continue;
            }
            let role = *world.dice.pick(&[Role::Reader, Role::Editor, Role::Editor]);
            let clearance = *world.dice.pick(&Sensitivity::ALL);
            if self.offer(world, by, pack, role, clearance, 1, None) {
                self.ask(world, who, by, self.shares.len() - 1);
                world.run(500);
                if world.dice.percent(30) {
                    self.give(world, by, pack, who, Role::Admin, Sensitivity::Restricted);
                }
            }
        }
        if world.dice.percent(50) {
            self.lure(world);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the options of a ticket")]
    fn offer(
        &mut self,
        world: &mut World,
        who: Who,
        pack: PackId,
        role: Role,
        clearance: Sensitivity,
        uses: u32,
        expires_at: Option<Timestamp>,
    ) -> bool {
        let options = ShareOptions {
            role,
            clearance,
            expires_at,
            uses,
            ask: world.dice.percent(20),
        };
        let Called::Done(shared) = world.call(who, |node, now| node.share(now, pack, &options))
        else {
            return false;
        };
        world.log(|world| {
            format!(
                "{} shared {pack:?} as {role} {clearance} for {uses}",
                world.name(who)
            )
        });
        self.counts.add("invites", 1);
        self.shares.push(Share {
            ticket: Ticket::parse(&shared.ticket).unwrap(),
            by: who,
            step: self.now,
            at_risk: false,
        });
        true
    }

    pub(super) fn share(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let pack = self.packs[at].id;
        let role = *world
            .dice
            .pick(&[Role::Reader, Role::Commenter, Role::Editor, Role::Editor]);
        let clearance = *world.dice.pick(&Sensitivity::ALL);
        let uses = *world.dice.pick(&[1, 1, 2]);
        let later = world.clock(who).as_millis() + world.dice.between(1, 20_000);
        let expires_at = world
            .dice
            .percent(20)
            .then(|| Timestamp::from_millis(later));
        self.offer(world, who, pack, role, clearance, uses, expires_at);
    }

    pub(super) fn join(&mut self, world: &mut World, who: Who, admitter: Who) {
        if self.shares.is_empty() || who == admitter || !world.is_up(who) {
            return;
        }
        let at = world.dice.below(self.shares.len() as u64) as usize;
        let admitter = if world.dice.percent(50) {
            self.shares[at].by
        } else {
            admitter
        };
        self.ask(world, who, admitter, at);
    }

    pub(super) fn ask(&mut self, world: &mut World, who: Who, admitter: Who, at: usize) {
        let ticket = self.shares[at].ticket.clone();
        if who == admitter
            || !world.is_up(who)
            || world.node(who).plan_join(&ticket).already_member
            || world.person(who) == world.person(admitter)
            || (self.is_copied(admitter) && !is_in(world, admitter, ticket.pack, who))
        {
            return;
        }
        match world.join(who, admitter, &ticket) {
            Joining::Answered(JoinOutcome::Admitted | JoinOutcome::AlreadyMember) => {
                self.counts.add("joins", 1);
                self.joined.push((who, admitter, at));
                if admitter != self.shares[at].by {
                    self.counts.add("joins through others", 1);
                }
                world.dial(who, admitter);
            }
            Joining::Answered(JoinOutcome::Refused(refusal)) => {
                use kitbag_core::wire::JoinRefusal::{Declined, Expired, Removed, Used};
                match refusal {
                    Used { .. } => self.counts.add("used tickets refused", 1),
                    Expired { .. } => self.counts.add("expired tickets refused", 1),
                    Removed => self.counts.add("removed joiners refused", 1),
                    Declined => self.counts.add("declined joiners refused", 1),
                    _ => {}
                }
            }
            Joining::Answered(JoinOutcome::Waiting) => {
                self.counts.add("requests to join", 1);
                self.waiting.push((who, admitter, at));
                if world.dice.percent(70) {
                    self.say_yes(world, who, admitter, at);
                }
            }
            Joining::Answered(_) | Joining::NotOpen => {}
            Joining::NotReached => self.unanswered.push((who, admitter, at)),
        }
    }

    /// Somebody who was asked answers, if they are cleared for what the ticket gives, and there.
    pub(super) fn answer(&mut self, world: &mut World) {
        if self.waiting.is_empty() {
            return;
        }
        let at = world.dice.below(self.waiting.len() as u64) as usize;
        let (who, admitter, share) = self.waiting.swap_remove(at);
        if world.dice.percent(60) {
            return self.say_yes(world, who, admitter, share);
        }
        let pack = self.shares[share].ticket.pack;
        if let Called::Done(()) = world.refuse(admitter, who, pack) {
            self.counts.add("requests declined", 1);
            self.ask(world, who, admitter, share);
        }
    }

    /// Somebody leaves of their own accord.
    pub(super) fn leave(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        if self.is_copied(who) {
            return;
        }
        let pack = self.packs[at].id;
        let left = world.call(who, |node, now| node.change(now, pack, &Change::Leave));
        if let Called::Done(_) = left {
            self.counts.add("members who left", 1);
            world.log(|world| format!("{} left {pack:?}", world.name(who)));
        }
    }

    /// A person says yes; the joiner asks again.
    fn say_yes(&mut self, world: &mut World, who: Who, admitter: Who, at: usize) {
        if self.is_copied(admitter) {
            return;
        }
        match world.approve(admitter, who, self.shares[at].ticket.pack) {
            Called::Done(()) => {
                self.counts.add("requests approved", 1);
                // Each of two copies asks again by itself.
                let person = world.person(who);
                for twin in self.members.clone() {
                    if twin != who && world.person(twin) == person {
                        self.ask(world, twin, admitter, at);
                    }
                }
                self.ask(world, who, admitter, at);
            }
            // It may have become durable; the joiner, who waits, will hear of it.
            Called::Down => self.unanswered.push((who, admitter, at)),
            Called::Refused(_) => {}
        }
    }

    /// Two copies of one device never meet: what one of them does to others' membership, the other
    /// may hear from nobody but those others, whom it does not ask. So they leave that to the rest.
    fn is_copied(&self, who: Who) -> bool {
        self.copy
            .is_some_and(|(original, copy)| who == original || who == copy)
    }

    /// Anybody but `who` who may be meant: honest members, and Mallory three times as often.
    fn somebody(&self, world: &mut World, who: Who) -> Option<Who> {
        let mut all = self.members.clone();
        if let Some(mallory) = &self.mallory {
            all.extend([mallory.who; 3]);
        }
        all.retain(|other| world.person(*other) != world.person(who));
        (!all.is_empty()).then(|| *world.dice.pick(&all))
    }

    /// An admin of the pack, if `who` is none and dice say so: most attempts shall be lawful.
    pub(super) fn an_admin(&self, world: &mut World, who: Who, at: usize) -> Who {
        let pack = self.packs[at].id;
        if world.dice.percent(20) {
            return who;
        }
        let mut admins = self.members.clone();
        admins.retain(|admin| {
            world.is_up(*admin)
                && world
                    .node(*admin)
                    .pack(pack)
                    .is_ok_and(|pack| pack.role == Some(Role::Admin))
        });
        if admins.is_empty() {
            who
        } else {
            *world.dice.pick(&admins)
        }
    }

    pub(super) fn remove(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let who = self.an_admin(world, who, at);
        if let Some(whom) = self.somebody(world, who) {
            self.remove_by(world, who, at, whom);
        }
    }

    pub(super) fn remove_by(&mut self, world: &mut World, who: Who, at: usize, whom: Who) {
        if self.is_copied(who) {
            return;
        }
        let pack = self.packs[at].id;
        let late = if world.dice.percent(70) {
            LateDenials::Keep
        } else {
            LateDenials::Drop
        };
        let person = world.person(whom);
        let was = world.is_up(who)
            && world
                .node(who)
                .policy(pack)
                .is_ok_and(|policy| policy.member(&person).is_some());
        let remove = Change::Remove {
            person,
            late_denials: late,
        };
        let removed = world.call(who, |node, now| node.change(now, pack, &remove));
        match removed {
            Called::Done(made) if made.changes => {
                self.counts.add("removals", 1);
                if !was {
                    self.counts.add("removals of former members", 1);
                }
                if late == LateDenials::Drop {
                    self.counts.add("removals that drop", 1);
                }
                world.log(|world| {
                    format!(
                        "{} removed {} ({late:?})",
                        world.name(who),
                        world.name(whom)
                    )
                });
            }
            Called::Done(_) => self.counts.add("removals of nobody", 1),
            Called::Refused(_) => self.counts.add("removals refused", 1),
            Called::Down => {}
        }
    }

    /// Somebody rules what may leave, anew where what there is cannot be read or names two clients.
    fn rule(
        &mut self,
        world: &mut World,
        who: Who,
        at: usize,
        replace: bool,
    ) -> Called<RulesChanged> {
        let pack = self.packs[at].id;
        let limits = LimitsChange {
            max_sensitivity: Setting::To(*world.dice.pick(&Sensitivity::ALL)),
            ..LimitsChange::default()
        };
        let client = *world.dice.pick(&["Acme", "Globex"]);
        let destination = *world.dice.pick(&Destination::ALL);
        let change = RulesChange {
            replace,
            client: match world.dice.percent(50) || replace {
                true => Setting::To(Client::new(client).unwrap()),
                false => Setting::Keep,
            },
            limits: [(destination, limits)].into(),
            ..RulesChange::default()
        };
        world.call(who, |node, now| {
            node.change_rules(now, pack, &change, false)
        })
    }

    pub(super) fn set_rules(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let who = self.an_admin(world, who, at);
        let replace = world.dice.percent(20);
        match self.rule(world, who, at, replace) {
            Called::Done(made) if made.changes => {
                self.counts.add("rules set", 1);
                if made.before.is_err() {
                    self.counts.add("rules replaced that could not be read", 1);
                }
                world.log(|world| format!("{} set rules", world.name(who)));
            }
            Called::Done(_) | Called::Down => {}
            Called::Refused(_) => self.counts.add("rules refused", 1),
        }
    }

    pub(super) fn change_role(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let who = self.an_admin(world, who, at);
        let Some(whom) = self.somebody(world, who) else {
            return;
        };
        let role = *world
            .dice
            .pick(&[Role::Reader, Role::Commenter, Role::Editor, Role::Admin]);
        let clearance = match role {
            Role::Admin => Sensitivity::Restricted,
            _ => *world.dice.pick(&Sensitivity::ALL),
        };
        let pack = self.packs[at].id;
        self.give(world, who, pack, whom, role, clearance);
    }

    fn give(
        &mut self,
        world: &mut World,
        who: Who,
        pack: PackId,
        whom: Who,
        role: Role,
        clearance: Sensitivity,
    ) {
        if self.is_copied(who) {
            return;
        }
        let person = world.person(whom);
        let before = world
            .is_up(who)
            .then(|| world.node(who).policy(pack).ok().cloned())
            .flatten();
        let given = world.call(who, |node, now| {
            node.change(
                now,
                pack,
                &Change::Role {
                    person,
                    role,
                    clearance,
                },
            )
        });
        if let Called::Done(made) = given
            && made.changes
        {
            let was = before.as_ref().and_then(|policy| policy.member(&person));
            self.counts.add("roles changed", 1);
            match was {
                None => self.counts.add("grants after a removal", 1),
                Some(was) if was.role() > role => self.counts.add("roles lowered", 1),
                Some(_) if role == Role::Admin => self.counts.add("admins made", 1),
                Some(_) => {}
            }
            world.log(|world| {
                format!(
                    "{} made {} {role} {clearance}",
                    world.name(who),
                    world.name(whom)
                )
            });
        }
    }

    pub(super) fn cancel(&mut self, world: &mut World) {
        if self.shares.is_empty() {
            return;
        }
        let share = world.dice.pick(&self.shares);
        let (by, pack, invite) = (share.by, share.ticket.pack, share.ticket.invite);
        if let Called::Done(_) =
            world.call(by, |node, now| node.cancel_invite(now, pack, invite, false))
        {
            self.counts.add("invites cancelled", 1);
            world.log(|world| format!("{} cancelled an invite", world.name(by)));
        }
    }

    /// Two admins who do not hear each other remove each other, or the same third.
    pub(super) fn feud(&mut self, world: &mut World) {
        let Some(pack) = self.packs.first().map(|pack| pack.id) else {
            return;
        };
        let mut admins = self.members.clone();
        admins.retain(|admin| {
            world.is_up(*admin)
                && world
                    .node(*admin)
                    .pack(pack)
                    .is_ok_and(|pack| pack.role == Some(Role::Admin))
        });
        let (Some(a), Some(b)) = (admins.first().copied(), admins.last().copied()) else {
            return;
        };
        if world.person(a) == world.person(b) {
            return;
        }
        world.set_cut(a, b, true);
        self.counts.add("feuds", 1);
        let third = self.somebody(world, a).filter(|_| world.dice.percent(40));
        self.remove_by(world, a, 0, third.unwrap_or(b));
        self.remove_by(world, b, 0, third.unwrap_or(a));
    }
}

/// Whether one has another for a member of a pack.
fn is_in(world: &mut World, who: Who, pack: PackId, other: Who) -> bool {
    let person = world.person(other);
    let up = world.is_up(who);
    up && world
        .node(who)
        .policy(pack)
        .is_ok_and(|policy| policy.member(&person).is_some())
}
