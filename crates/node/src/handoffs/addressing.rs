//! Whom a hand-off is for: named by a person, judged by the policy.

use super::HandoffRefused;
use crate::replica::Replica;
use crate::{Denied, Node, NodeError};
use kitbag_core::escalation::Name;
use kitbag_core::handoff::{Addressee, Draft};
use kitbag_core::id::{PackId, PersonId};
use kitbag_core::policy::{Role, Sensitivity};
use std::collections::BTreeSet;

impl Replica {
    /// The members of a team of this pack, as its rules name them; nothing if they name no such team, or
    /// cannot be read here.
    pub(crate) fn team(&self, name: &str) -> Option<BTreeSet<PersonId>> {
        let rules = self.release_rules().ok()?;
        rules.teams.get(&Name::new(name).ok()?).cloned()
    }
}

impl Node {
    /// Whom a person means: `person:NAME` or `NAME`, `team:NAME`, `role:editor`, `role:owner`,
    /// `agent:NAME@PERSON`.
    ///
    /// # Errors
    /// [`NodeError::Handoff`] if nobody of the pack is meant, or several are.
    pub fn addressee(&self, pack: PackId, text: &str) -> Result<Addressee, NodeError> {
        let replica = self.packs.need(pack)?;
        let not_here = || HandoffRefused::NotInPack {
            who: text.trim().chars().take(80).collect(),
        };
        let person = |who: &str| -> Result<PersonId, NodeError> {
            let called = self.persons_called(pack, who)?;
            let called = called.into_iter();
            let mut members: Vec<(PersonId, String)> = called
                .filter(|(person, _)| replica.policy.member(person).is_some())
                .collect();
            match members.len() {
                0 => Err(not_here().into()),
                1 => Ok(members.remove(0).0),
                _ => Err(HandoffRefused::Ambiguous {
                    who: who.to_owned(),
                    names: members.into_iter().map(|(_, name)| name).collect(),
                }
                .into()),
            }
        };
        match text.trim().split_once(':') {
            Some(("person", who)) => Ok(Addressee::Person(person(who.trim())?)),
            Some(("team", name)) => {
                let name = name.trim();
                let of_team = replica.team(name).unwrap_or_default();
                let is_member = |person: &PersonId| replica.policy.member(person).is_some();
                let members: BTreeSet<PersonId> = of_team.into_iter().filter(is_member).collect();
                match members.is_empty() {
                    true => Err(HandoffRefused::EmptyTeam {
                        team: name.chars().take(80).collect(),
                    }
                    .into()),
                    false => Ok(Addressee::Team {
                        name: name.to_owned(),
                        members,
                    }),
                }
            }
            Some(("role", "owner" | "admin")) => Ok(Addressee::Role(Role::Admin)),
            Some(("role", "editor")) => Ok(Addressee::Role(Role::Editor)),
            Some(("role", _)) => Err(NodeError::BadInput {
                field: "to",
                reason: "only editors and owners can answer: role:editor or role:owner".into(),
            }),
            Some(("agent", named)) => match named.trim().split_once('@') {
                Some((name, who)) => Ok(Addressee::Agent {
                    person: person(who)?,
                    name: name.to_owned(),
                }),
                None => Ok(Addressee::Agent {
                    person: self.me.person(),
                    name: named.trim().to_owned(),
                }),
            },
            _ => Ok(Addressee::Person(person(text.trim())?)),
        }
    }

    /// Who may answer, of those whom it is for.
    pub(crate) fn receivers(&self, replica: &Replica, to: &Addressee) -> BTreeSet<PersonId> {
        match to {
            Addressee::Person(person) | Addressee::Agent { person, .. } => {
                BTreeSet::from([*person])
            }
            Addressee::Team { name, members } => {
                let mut all = replica.team(name).unwrap_or_default();
                all.extend(members);
                all.retain(|person| replica.policy.member(person).is_some());
                all
            }
            Addressee::Role(role) => {
                let members = replica.policy.members();
                let holds = members.filter(|member| member.role() >= *role);
                holds.map(|member| member.person).collect()
            }
        }
    }

    /// Where a hand-off for somebody stands: as asked, or as high as what it cites and they open, and
    /// at the pack's default at least if they open that; and whether everybody whom it is for can open it there and answer.
    ///
    /// # Errors
    /// [`NodeError::Handoff`] for whom it is for; [`NodeError::Denied`] above the own clearance.
    pub(crate) fn handoff_sensitivity(
        &self,
        pack: PackId,
        draft: &Draft,
        wanted: Option<Sensitivity>,
    ) -> Result<Sensitivity, NodeError> {
        let to = &draft.to;
        let replica = self.packs.need(pack)?;
        let me = replica.policy.member(&self.me.person());
        let me = me.ok_or_else(|| crate::membership::not_a_member(replica, self.me.person()))?;
        let mut lowest = Sensitivity::Restricted;
        let receivers = self.receivers(replica, to);
        let mut can = 0;
        for person in &receivers {
            let who = || self.name_of(replica, *person);
            let Some(member) = replica.policy.member(person) else {
                return Err(HandoffRefused::NotInPack { who: who() }.into());
            };
            // Of a team, whoever only reads is passed over.
            if !member.role().may_write() {
                if receivers.len() > 1 {
                    continue;
                }
                let (who, role) = (who(), member.role());
                return Err(HandoffRefused::CannotAnswer { who, role }.into());
            }
            let clearance = member.clearance().unwrap_or(Sensitivity::Public);
            if let Some(wanted) = wanted.filter(|wanted| *wanted > clearance) {
                return Err(HandoffRefused::CannotOpen {
                    who: who(),
                    clearance,
                    sensitivity: wanted,
                }
                .into());
            }
            lowest = lowest.min(clearance);
            can += 1;
        }
        if can == 0 {
            return Err(match to {
                Addressee::Team { name, .. } => HandoffRefused::EmptyTeam { team: name.clone() },
                _ => HandoffRefused::NotInPack {
                    who: "whom it is for".to_owned(),
                },
            }
            .into());
        }
        let own = me.clearance().unwrap_or(Sensitivity::Public);
        let reach = lowest.min(own);
        let from = replica.known_default_sensitivity().min(reach);
        let at = match wanted {
            Some(wanted) => wanted,
            None => self.needed_by_cited(pack, draft, from, reach)?,
        };
        match at > own {
            true => Err(Denied::AboveClearance.into()),
            false => Ok(at),
        }
    }
}
