//! Who may what, and why, with names: what the policy explains, for people.
//!
//! Every answer is read off [`kitbag_core::policy::fold::Policy`], whose explanations agree with its
//! decisions; this module adds the names that this device knows, and what a note's own history says
//! of who could ever have opened it. Nothing is counted from labels: see [`crate::check`].

mod view;

pub use view::*;

use crate::authority::Authority;
use crate::objects::sensitivity_of;
use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, EpochId, ItemId, PackId, PersonId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{Denial, Given, InviteState, Loss, Lost, Reason, Verdict, Via};
use kitbag_core::policy::op::Act;
use std::collections::BTreeSet;

impl Node {
    /// Who opens which sensitivity of a pack, who could before, and why; of a note, for it alone.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn who(&mut self, pack: PackId, note: Option<ItemId>) -> Result<Vec<WhoView>, NodeError> {
        let (asked, stood) = match note {
            Some(note) => {
                let now = self.sensitivity_of_note(pack, note)?;
                (vec![now], self.stood(pack, note)?)
            }
            None => (Sensitivity::ALL.to_vec(), vec![]),
        };
        let replica = self.packs.need(pack)?;
        let asked_of = note.map(|note| NoteAsked {
            epochs: opening_epochs(replica, note),
            stood,
        });
        let people = self.ever_named(replica).into_iter();
        Ok(people
            .map(|who| {
                let access = asked
                    .iter()
                    .map(|sensitivity| self.access(replica, &who, *sensitivity, asked_of.as_ref()));
                WhoView {
                    role: replica
                        .policy
                        .member(&who.person)
                        .map(|member| member.role()),
                    access: access.collect(),
                    who,
                }
            })
            .collect())
    }

    /// What decides whether a person may read, write and share, for each sensitivity or for a note's.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn explain(
        &self,
        pack: PackId,
        person: PersonId,
        note: Option<ItemId>,
    ) -> Result<Vec<Rule>, NodeError> {
        let replica = self.packs.need(pack)?;
        let asked = match note {
            Some(note) => vec![self.sensitivity_of_note(pack, note)?],
            None => Sensitivity::ALL.to_vec(),
        };
        let each = asked.iter().flat_map(|sensitivity| {
            Right::ALL.map(|right| self.rule(replica, person, right, *sensitivity))
        });
        Ok(each.collect())
    }

    /// A pack's policy in full.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn policy_view(&self, now: Timestamp, pack: PackId) -> Result<PolicyView, NodeError> {
        let replica = self.packs.need(pack)?;
        let policy = &replica.policy;
        let (members, former) = self
            .ever_named(replica)
            .into_iter()
            .map(|who| self.policy_member(replica, who))
            .partition(|member| policy.member(&member.who.person).is_some());
        let open = policy.invites().filter(|(_, invite)| {
            invite.state == InviteState::Open
                && invite.joined() < invite.uses as usize
                && invite.not_after.is_none_or(|end| now <= end)
        });
        let tickets = open.map(|(name, invite)| TicketView {
            invite: name.op.short(),
            by: self.named(replica, invite.by),
            at: invite.at,
            role: invite.role,
            clearance: invite.clearance,
            uses: invite.uses,
            used: invite.joined() as u64,
            until: invite.not_after,
            asks: invite.ask,
        });
        Ok(PolicyView {
            default_sensitivity: replica.known_default_sensitivity(),
            rules: replica.release_rules().cloned(),
            newer_rules: replica.has_newer_rules(),
            members,
            former,
            tickets: tickets.collect(),
            waits: self.waiting_acts(replica),
            waiting: policy.parked().len() as u64,
        })
    }

    /// Acts that keep a member's keys away and do not count yet.
    pub(crate) fn waiting_acts(&self, replica: &Replica) -> Vec<ActView> {
        let denials: BTreeSet<Denial> = replica
            .policy
            .disputes()
            .values()
            .flatten()
            .copied()
            .collect();
        denials
            .into_iter()
            .filter_map(|denial| self.act(replica, denial))
            .collect()
    }

    /// Everybody whom the policy ever named: members, the founder first, then former ones.
    fn ever_named(&self, replica: &Replica) -> Vec<Named> {
        let order = |person: &PersonId| {
            let member = replica.policy.member(person);
            let grants = replica.policy.grants_to(person);
            let founded = grants.iter().any(|given| given.via == Via::Genesis);
            let since = grants.iter().map(|given| given.at).min();
            (member.is_none(), !founded, since, *person)
        };
        let mut people: Vec<PersonId> = replica.policy.ever_named().copied().collect();
        people.sort_by_key(order);
        let named = people.into_iter().map(|person| self.named(replica, person));
        named.collect()
    }

    pub(crate) fn named(&self, replica: &Replica, person: PersonId) -> Named {
        Named {
            person,
            name: self.name_of(replica, person),
            is_me: person == self.me.person(),
        }
    }

    fn policy_member(&self, replica: &Replica, who: Named) -> PolicyMember {
        let all = replica.policy.grants_to(&who.person);
        let live: Vec<&Given> = all
            .iter()
            .copied()
            .filter(|given| given.is_live())
            .collect();
        let shown = if live.is_empty() {
            all.last().copied().into_iter().collect()
        } else {
            live
        };
        let held = shown.into_iter().map(|given| Held {
            grant: self.grant_view(replica, given),
            act: self.lost_by(replica, given),
        });
        PolicyMember {
            grants: held.collect(),
            who,
        }
    }

    fn access(
        &self,
        replica: &Replica,
        who: &Named,
        sensitivity: Sensitivity,
        note: Option<&NoteAsked>,
    ) -> Access {
        let rule = self.rule(replica, who.person, Right::Read, sensitivity);
        let reached = || {
            note.is_none_or(|NoteAsked { epochs, .. }| {
                let could =
                    |epoch: &EpochId| could_have_had(replica, who.person, sensitivity, *epoch);
                epochs.is_empty() || epochs.iter().any(could)
            })
        };
        let state = match rule.why {
            _ if rule.allowed => AccessState::Now,
            Why::Lost if reached() => AccessState::Before,
            _ => AccessState::Never,
        };
        let now = Access {
            sensitivity,
            state,
            rule,
            raised: None,
        };
        match note {
            Some(note) if now.state == AccessState::Never => {
                let before = self.stood_before(replica, who, &note.stood);
                before.map_or(now.clone(), |before| before.of(now))
            }
            _ => now,
        }
    }

    /// Where somebody could read a note that stands where they never could.
    fn stood_before(&self, replica: &Replica, who: &Named, stood: &[Stood]) -> Option<ReadBefore> {
        let could =
            |stood: &&Stood| could_have_had(replica, who.person, stood.sensitivity, stood.epoch);
        let last = stood.iter().rposition(|stood| could(&stood))?;
        let from = stood[last].sensitivity;
        let mut later = stood[last + 1..].iter();
        let raised = later.find_map(|stood| stood.moved.filter(|_| !could(&stood)));
        let rule = self.rule(replica, who.person, Right::Read, from);
        let ended = rule.act.as_ref().map(|act| act.at);
        // By clocks alone, for people: what came first took it away.
        Some(match raised {
            Some((by, at)) if rule.allowed || ended.is_none_or(|ended| at <= ended) => {
                ReadBefore::Raised(Raised {
                    from,
                    by: by.map(|by| self.named(replica, by)),
                    at,
                })
            }
            _ => ReadBefore::Ended(rule),
        })
    }

    /// Where a note stood before, and stands; nothing of one that never moved.
    fn stood(&mut self, pack: PackId, note: ItemId) -> Result<Vec<Stood>, NodeError> {
        let built = match self.built_note(pack, note) {
            Ok((_, _, built)) => built,
            Err(error @ NodeError::Store(_)) => return Err(error),
            // It cannot be looked into here: then it is known by where it stands alone.
            Err(_) => return Ok(vec![]),
        };
        let replica = self.packs.need(pack)?;
        let stood = |hash: &EntryHash| {
            let place = replica.places.get(hash)?;
            let opens = matches!(place.kind, EntryKind::Create | EntryKind::Move);
            let mover = built.movers.iter().find(|mover| mover.entry == *hash);
            Some(Stood {
                sensitivity: sensitivity_of(replica, place)?,
                epoch: place.epoch.filter(|_| opens)?,
                moved: mover.map(|mover| (mover.by, mover.at)),
            })
        };
        Ok(built.placed.openings().iter().filter_map(stood).collect())
    }

    pub(crate) fn rule(
        &self,
        replica: &Replica,
        person: PersonId,
        right: Right,
        sensitivity: Sensitivity,
    ) -> Rule {
        // What lies here of a newer version stops every change, as the fold is told elsewhere.
        let policy = replica.policy.clone();
        let policy = policy.with_blocked(replica.has_newer_rules());
        let explained = policy.explain(&person, right, sensitivity);
        let (why, given) = match &explained.reason {
            Reason::Given(given) => (Why::Given, Some(given)),
            Reason::NewerOperation(given) => (Why::NewerRules, Some(given)),
            Reason::NoRecord(given) => (Why::NoRecord, Some(given)),
            Reason::Lost(given) => (Why::Lost, Some(given)),
            Reason::NotEnough(given) => (Why::NotEnough, Some(given)),
            Reason::LostAll(given) => (Why::LostAll, Some(given)),
            Reason::Never => (Why::Never, None),
        };
        let taken = matches!(why, Why::Lost | Why::LostAll);
        Rule {
            right,
            sensitivity,
            allowed: explained.allowed,
            why,
            grant: given.map(|given| self.grant_view(replica, given)),
            act: given
                .filter(|_| taken)
                .and_then(|given| self.lost_by(replica, given)),
        }
    }

    fn grant_view(&self, replica: &Replica, given: &Given) -> GrantView {
        let origin = match given.via {
            Via::Genesis => Origin::Founder,
            Via::Grant { by } => Origin::Granted {
                by: self.named(replica, by),
            },
            Via::Admit { invite, by } => {
                let admitted_by = self.named(replica, by);
                let invited = replica.policy.invite(&invite).map(|invite| invite.by);
                Origin::Ticket {
                    invited_by: self.named(replica, invited.unwrap_or(by)),
                    admitted_by,
                }
            }
        };
        GrantView {
            op: given.grant.op.to_string(),
            role: given.role,
            clearance: given.clearance,
            origin,
            at: given.at,
        }
    }

    /// What took a grant away, as seen from its holder.
    pub(crate) fn lost_by(&self, replica: &Replica, given: &Given) -> Option<ActView> {
        let lost = given.lost?;
        let (kind, denial) = match lost.loss() {
            Loss::Removed(denial) => (ActKind::Removed, denial),
            Loss::Left(denial) => (ActKind::Left, denial),
            Loss::GiverEnded(denial) => (ActKind::GiverEnded, denial),
            Loss::InviteEnded(denial) => (ActKind::TicketEnded, denial),
            Loss::NotListed(denial) => (ActKind::NotCounted, denial),
            Loss::Forked(op) => (
                ActKind::Copied,
                Denial {
                    op,
                    act: Denial::FORK,
                },
            ),
        };
        let instead = replica.policy.given_instead(given);
        let act = self.act(replica, denial)?;
        let kept_away = matches!(lost, Lost::KeptAway(_));
        Some(ActView {
            kind,
            instead: instead.map(|given| (given.role, given.clearance)),
            // What keeps keys away through something that counts waits for the same answer.
            waits_for: act
                .waits_for
                .or(kept_away.then_some(WaitsFor::Confirmation)),
            ..act
        })
    }

    /// A denial by itself.
    pub(crate) fn act(&self, replica: &Replica, denial: Denial) -> Option<ActView> {
        let signed = replica.policy.op(&denial.op)?;
        let author = signed.op().person;
        let instead = |whom: &PersonId| {
            signed.acts().iter().find_map(|act| match act {
                Act::Grant {
                    person,
                    role,
                    clearance,
                } if person == whom => Some((*role, *clearance)),
                _ => None,
            })
        };
        let (kind, of) = match signed.acts().get(denial.act as usize) {
            Some(Act::Remove { person, .. }) => (ActKind::Removed, Some(*person)),
            Some(Act::Leave { .. }) => (ActKind::Left, Some(author)),
            Some(Act::Close { .. }) => (ActKind::TicketClosed, None),
            _ => (ActKind::Copied, None),
        };
        let waits_for = match replica.policy.verdict(&denial.op) {
            Some(Verdict::Held) => Some(WaitsFor::Confirmation),
            Some(Verdict::Parked) => Some(WaitsFor::Earlier),
            _ => None,
        };
        Some(ActView {
            op: denial.op.to_string(),
            kind,
            by: self.named(replica, author),
            of: of.map(|person| self.named(replica, person)),
            at: signed.op().at,
            waits_for,
            // A removal that gives its target something else in the same step lowers them.
            instead: of
                .as_ref()
                .filter(|_| kind == ActKind::Removed)
                .and_then(instead),
        })
    }

    fn sensitivity_of_note(&self, pack: PackId, note: ItemId) -> Result<Sensitivity, NodeError> {
        let replica = self.packs.need(pack)?;
        let tag = replica
            .notes
            .get(&note)
            .ok_or(NodeError::NotFound("note"))?;
        let object = replica
            .objects
            .get(tag)
            .ok_or(NodeError::NotFound("note"))?;
        Ok(object.sensitivity)
    }
}

/// What is known of a note about which somebody asks.
struct NoteAsked {
    /// Under which it was put where it stands.
    epochs: BTreeSet<EpochId>,
    stood: Vec<Stood>,
}

/// Where a note stood once, each after those before it.
struct Stood {
    sensitivity: Sensitivity,
    epoch: EpochId,
    /// Who moved it there, and when by their clock; none where it was created.
    moved: Option<(Option<PersonId>, Timestamp)>,
}

/// What ended somebody's sight of a note that stood elsewhere.
enum ReadBefore {
    Raised(Raised),
    Ended(Rule),
}

impl ReadBefore {
    fn of(self, now: Access) -> Access {
        let (rule, raised) = match self {
            ReadBefore::Raised(raised) => (now.rule, Some(raised)),
            ReadBefore::Ended(rule) => (rule, None),
        };
        Access {
            state: AccessState::Before,
            rule,
            raised,
            ..now
        }
    }
}

/// The epochs under which a note was put where it stands.
fn opening_epochs(replica: &Replica, note: ItemId) -> BTreeSet<EpochId> {
    let object = replica
        .notes
        .get(&note)
        .and_then(|tag| replica.objects.get(tag));
    let Some(object) = object else {
        return BTreeSet::new();
    };
    let openings = object
        .entries
        .iter()
        .filter_map(|hash| Some((hash, replica.places.get(hash)?)))
        .filter(|(_, place)| matches!(place.kind, EntryKind::Create | EntryKind::Move))
        .filter(|(hash, place)| replica.authority(place, **hash) == Authority::Valid)
        .map(|(_, place)| place);
    let own = openings.filter(|place| {
        let log = replica.logs.get(&place.log);
        log.is_some_and(|log| log.opening.sensitivity == object.sensitivity)
    });
    own.filter_map(|place| place.epoch).collect()
}

/// Whether an epoch's key can have reached somebody who once had a grant for its sensitivity: unless
/// it covers what ended each such grant, for then whoever opened it gave it to them no more.
pub(crate) fn could_have_had(
    replica: &Replica,
    person: PersonId,
    sensitivity: Sensitivity,
    epoch: EpochId,
) -> bool {
    let grants = replica.policy.grants_to(&person);
    let mut gave = grants
        .iter()
        .filter(|given| Right::Read.is_given_by(given.role, given.clearance, sensitivity));
    gave.any(|given| !replica.covers_any(&epoch, &given.denied_by))
}
