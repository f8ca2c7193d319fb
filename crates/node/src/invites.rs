//! Invites as their pack knows them: listed, with who came in by them, and cancelled.

use crate::Node;
use crate::error::NodeError;
use crate::replica::Replica;
use crate::view::{Change, InviteCondition, InviteView, JoinerView};
use kitbag_core::id::{PackId, PersonId, Timestamp};
use kitbag_core::policy::fold::{Admission, InviteInfo, InviteState};
use kitbag_core::policy::op::{Act, GrantRef};
use kitbag_core::ticket::check_words;
use std::collections::BTreeMap;

impl Node {
    /// Every invite that a pack ever had, oldest first.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn invites(&self, now: Timestamp, pack: PackId) -> Result<Vec<InviteView>, NodeError> {
        let replica = self.packs.need(pack)?;
        let mut views: Vec<InviteView> = replica
            .policy
            .invites()
            .map(|(invite, info)| self.invite_view(replica, invite, info, now))
            .collect();
        views.sort_by_key(|view| (view.since, view.invite));
        Ok(views)
    }

    /// Invites of a pack whose id begins with a word.
    pub fn invites_called(&self, pack: PackId, word: &str) -> Vec<GrantRef> {
        let word = word.trim().to_ascii_lowercase();
        let invites = self
            .packs
            .get(&pack)
            .into_iter()
            .flat_map(|replica| replica.policy.invites());
        invites
            .map(|(invite, _)| invite)
            .filter(|invite| !word.is_empty() && invite.op.to_string().starts_with(&word))
            .collect()
    }

    /// Ends an open invite, keeping who came in by it, or, in a dry run, says whether that could be
    /// done.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::InviteOver`] if it lets nobody in any more;
    /// [`NodeError::Denied`] if the policy does not let this person end it; [`NodeError::Store`].
    pub fn cancel_invite(
        &mut self,
        now: Timestamp,
        pack: PackId,
        invite: GrantRef,
        dry_run: bool,
    ) -> Result<InviteView, NodeError> {
        let replica = self.packs.need(pack)?;
        let info = replica
            .policy
            .invite(&invite)
            .ok_or(NodeError::NotFound("invite"))?;
        match condition(info, now) {
            InviteCondition::Open => {}
            over => return Err(NodeError::InviteOver(over)),
        }
        let view = self.invite_view(replica, invite, info, now);
        let cancel = Change::Cancel { invite };
        if dry_run {
            self.preview(now, pack, &cancel)?;
        } else {
            self.change(now, pack, &cancel)?;
            self.prune_asking(now)?;
        }
        Ok(view)
    }

    fn invite_view(
        &self,
        replica: &Replica,
        invite: GrantRef,
        info: &InviteInfo,
        now: Timestamp,
    ) -> InviteView {
        let pack = replica.id();
        let waiting = self
            .join_requests(now, Some(pack))
            .iter()
            .filter(|request| request.of.invite == invite)
            .count();
        InviteView {
            invite,
            id: invite.op.short(),
            by: self.name_of(replica, info.by),
            by_me: info.by == self.me.person(),
            role: info.role,
            clearance: info.clearance,
            ask: info.ask,
            uses: info.uses,
            expires_at: info.not_after,
            since: info.at,
            condition: condition(info, now),
            joiners: self.joiners(replica, info),
            waiting: waiting as u64,
        }
    }

    /// Each person who came in by an invite, once: whoever counts before who does not.
    fn joiners(&self, replica: &Replica, info: &InviteInfo) -> Vec<JoinerView> {
        let mut of_person: BTreeMap<PersonId, &Admission> = BTreeMap::new();
        for admission in &info.admissions {
            let known = of_person.entry(admission.person).or_insert(admission);
            if (!admission.stands, admission.at) < (!known.stands, known.at) {
                *known = admission;
            }
        }
        let views = of_person.into_values().map(|admission| JoinerView {
            person: admission.person,
            name: self.name_of(replica, admission.person),
            check_words: check_words(replica.id(), info.by, admission.person),
            at: admission.at,
            counts: admission.stands,
        });
        let mut views: Vec<JoinerView> = views.collect();
        views.sort_by_key(|view| (view.at, view.person));
        views
    }
}

/// What an invite is to somebody who comes with its ticket now.
pub(crate) fn condition(info: &InviteInfo, now: Timestamp) -> InviteCondition {
    let used = info.joined() as u64 >= u64::from(info.uses);
    match info.state {
        _ if used => InviteCondition::Used,
        InviteState::Ended => InviteCondition::Ended,
        _ if info.not_after.is_some_and(|at| at <= now) => InviteCondition::Expired,
        InviteState::Closed => InviteCondition::Cancelled,
        InviteState::Open => InviteCondition::Open,
    }
}

/// The Close of an invite, naming the admissions that count. One that does not stand is left out: a
/// listed admission stands without its admitter, so naming it would bring somebody in.
pub(crate) fn close(invite: GrantRef, info: &InviteInfo) -> Act {
    let standing = info.admissions.iter().filter(|admission| admission.stands);
    let mut admitted: Vec<GrantRef> = standing.map(|admission| admission.grant).collect();
    admitted.sort();
    Act::Close { invite, admitted }
}

/// Until when whoever holds an invite's ticket is answered: while it lets people in, and some time after
/// that, to say why it does not.
pub(crate) fn answers_until(info: &InviteInfo) -> Timestamp {
    let last = if info.state == InviteState::Open {
        info.not_after.unwrap_or(Timestamp::from_millis(u64::MAX))
    } else {
        let admitted = info.admissions.iter().map(|admission| admission.at);
        admitted.chain(info.ended_at).max().unwrap_or_default()
    };
    Timestamp::from_millis(last.as_millis().saturating_add(TELL_MILLIS))
}

/// How long it says why, in milliseconds: a day.
const TELL_MILLIS: u64 = 24 * 3600 * 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_core::id::{DeviceId, OpHash};
    use kitbag_core::policy::{Role, Sensitivity};

    /// Goal: nobody is asked to prove anything to an invite that has been over for more than a day.
    #[test]
    fn an_invite_answers_while_it_is_open_and_a_day_longer() {
        let at = Timestamp::from_millis;
        let cases = [
            (InviteState::Open, None, None, at(u64::MAX)),
            (
                InviteState::Open,
                Some(at(1000)),
                None,
                at(1000 + TELL_MILLIS),
            ),
            (
                InviteState::Closed,
                Some(at(9_000_000_000)),
                Some(at(500)),
                at(500 + TELL_MILLIS),
            ),
            (InviteState::Closed, None, None, at(TELL_MILLIS)),
        ];
        for (state, not_after, ended_at, until) in cases {
            let info = InviteInfo {
                state,
                not_after,
                ended_at,
                ..info(vec![])
            };
            assert_eq!(answers_until(&info), until);
        }
    }

    /// Goal: ending an invite brings nobody in whom the removal of their admitter put out.
    #[test]
    fn a_close_names_only_admissions_that_stand() {
        let place = |n: u8| GrantRef {
            op: OpHash::from_bytes([n; 32]),
            act: 0,
        };
        let admission = |n: u8, stands: bool| Admission {
            grant: place(n),
            person: PersonId::from_bytes([n; 32]),
            device: DeviceId::from_bytes([n; 32]),
            at: Timestamp::from_millis(0),
            stands,
        };
        let info = info(vec![
            admission(3, true),
            admission(2, false),
            admission(1, true),
        ]);
        let Act::Close { admitted, .. } = close(place(9), &info) else {
            panic!("no Close")
        };
        assert_eq!(admitted, [place(1), place(3)]);
    }

    fn info(admissions: Vec<Admission>) -> InviteInfo {
        InviteInfo {
            by: PersonId::from_bytes([0; 32]),
            key: [0; 32],
            role: Role::Reader,
            clearance: Sensitivity::Internal,
            uses: 2,
            not_after: None,
            ask: false,
            state: InviteState::Open,
            ended_at: None,
            admissions,
            at: Timestamp::from_millis(0),
        }
    }
}
