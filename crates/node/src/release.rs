//! A pack's release rules on this device: read with the keys it holds, changed, and explained.
//!
//! What they decide is [`kitbag_core::release`]'s; here is where the keys are. Where the rules cannot
//! be read nothing leaves, and whoever asks is told why.
//! Spec: `docs/spec/release.md`.

use crate::error::Denied;
use crate::finding::ReadNote;
use crate::made_from::Crossing;
use crate::objects::{Object, ObjectState};
use crate::replica::{Replica, Staged};
use crate::{Node, NodeError};
use kitbag_core::id::{ItemId, PackId, PersonId, Timestamp};
use kitbag_core::pack::note::Pii;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::op::Act;
use kitbag_core::policy::rules::{
    ReleaseRules, Rules, RulesChange, RulesError, Unreadable, in_force,
};
use kitbag_core::release::{
    Destination, Facts, Request, Target, Verdict, Withheld, crosses, decide, limits, loses,
};
use std::collections::BTreeSet;

/// What a change of rules did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesChanged {
    /// What is in force before, if it can be read.
    pub before: Result<ReleaseRules, Unreadable>,
    /// What is in force afterwards.
    pub after: ReleaseRules,
    /// Whether that is something else; nothing is written otherwise.
    pub changes: bool,
    /// How many notes, as known here, it takes from one client to another, because a person said that it
    /// may.
    pub crossing: u64,
}

/// Whether a note may leave by one way, and what decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseView {
    /// Where to.
    pub destination: Destination,
    /// The answer.
    pub verdict: Verdict,
}

impl Replica {
    /// The rules in force, as far as the keys that are here open them.
    pub(crate) fn release_rules(&self) -> Result<&ReleaseRules, Unreadable> {
        if self.has_newer_rules() {
            return Err(Unreadable::NewerOperation);
        }
        let ruled = self.ruled.get_or_init(|| {
            in_force(&self.policy, |epoch| {
                let held = self.epochs.get(epoch)?;
                Some((held.signed.epoch().domain, held.key.clone()?))
            })
        });
        ruled.as_ref().map_err(|why| *why)
    }

    /// Sensitivity of a note for which nobody says another: the pack's own default, or what the rules
    /// say if that is more.
    ///
    /// # Errors
    /// While the rules cannot be read here: they may say more than is known.
    pub(crate) fn default_sensitivity(&self) -> Result<Sensitivity, Unreadable> {
        let ruled = self.release_rules()?.default_sensitivity;
        let own = self.policy.default_sensitivity();
        Ok(ruled.map_or(own, |ruled| ruled.max(own)))
    }

    /// The same for a list: as far as it is known.
    pub(crate) fn known_default_sensitivity(&self) -> Sensitivity {
        let own = self.policy.default_sensitivity();
        self.default_sensitivity().unwrap_or(own)
    }
}

impl ReadNote {
    /// What a decision looks at in it; `kinds` are its kinds of personal data.
    pub(crate) fn facts<'a>(&'a self, kinds: &'a BTreeSet<Pii>) -> Facts<'a> {
        Facts {
            sensitivity: self.sensitivity,
            consent: self.view.consent.as_ref(),
            status: self.view.status_to_judge(),
            expires_at: self.view.expires_at,
            pii: kinds,
        }
    }

    /// Kinds of personal data in it.
    pub(crate) fn kinds(&self) -> BTreeSet<Pii> {
        self.built.pii(&self.view)
    }
}

/// The request of whoever brings something from one pack into another.
pub(crate) fn into_pack<'a>(
    node: &Node,
    (from, to): (PackId, PackId),
    crossing: &'a Crossing,
) -> Result<Request<'a>, NodeError> {
    let me = node.packs.need(from)?.policy.member(&node.me.person());
    let target = match node.packs.need(to)?.release_rules() {
        Ok(rules) => Target::Of(rules.clients.keys().copied().collect()),
        Err(why) => Target::Unreadable(why),
    };
    Ok(Request {
        target,
        up_to: me.and_then(|me| me.clearance()),
        purpose: crossing.purpose.as_deref(),
        across_clients: crossing.across_clients,
        ..Request::to(Destination::Pack)
    })
}

impl Node {
    /// The rule of a note's pack that would not hold for it in another, if there is one. Rules that cannot be
    /// read are asked about before.
    pub(crate) fn lost_rule(
        &self,
        note: &ReadNote,
        to: PackId,
        at: Sensitivity,
    ) -> Result<Option<Withheld>, NodeError> {
        let own = self.packs.need(note.pack)?.release_rules();
        let there = self.packs.need(to)?.release_rules();
        let (Ok(own), Ok(there)) = (own, there) else {
            return Ok(None);
        };
        let lost = loses(own, there, &note.facts(&note.kinds()), at);
        Ok(lost.map(Withheld::Lost))
    }

    /// The release rules of a pack that are in force, or why they cannot be read here.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn release_rules(
        &self,
        pack: PackId,
    ) -> Result<Result<ReleaseRules, Unreadable>, NodeError> {
        Ok(self.packs.need(pack)?.release_rules().cloned())
    }

    /// Changes the release rules of a pack, or with `dry_run` only says what that would do.
    ///
    /// # Errors
    /// [`NodeError::Denied`] for whoever is no admin, where the present rules cannot be read and the
    /// change does not replace them, or by the wall between clients where the pack's notes would become
    /// another client's; [`NodeError::BadInput`] for rules that break one.
    pub fn change_rules(
        &mut self,
        now: Timestamp,
        pack: PackId,
        change: &RulesChange,
        dry_run: bool,
    ) -> Result<RulesChanged, NodeError> {
        let replica = self.packs.need(pack)?;
        let before = replica.release_rules().cloned();
        let known = match before.clone() {
            Ok(known) => known,
            Err(Unreadable::NewerOperation) => return Err(Denied::NewerRules.into()),
            Err(_) if change.replace => ReleaseRules::default(),
            Err(why) => return Err(Denied::RulesUnreadable(why).into()),
        };
        let rules = known.changed(change).map_err(bad_rules)?;
        let after = ReleaseRules::from(rules.clone());
        let changes = before.as_ref() != Ok(&after);
        let crossing = self.crossing_by_rules(pack, before.as_ref(), &after)?;
        if changes || dry_run {
            let mut staged = if dry_run {
                Staged::plan()
            } else {
                Staged::default()
            };
            self.stage_rules(now, pack, &rules, &mut staged)?;
            if crossing > 0 && !change.across_clients {
                return Err(Denied::Release(Withheld::Client).into());
            }
            if !dry_run {
                self.remember(pack, &mut staged)?;
                self.commit(pack, staged)?;
                self.maintain(pack, now)?;
            }
        }
        Ok(RulesChanged {
            before,
            after,
            changes,
            crossing,
        })
    }

    /// How many notes go from one client to another by rules that name another one, or none: as if each
    /// were moved into a pack with these rules. What cannot be opened here yet counts as one. Whose the notes are is not known where the rules before
    /// cannot be read; they may be anybody's.
    fn crossing_by_rules(
        &self,
        pack: PackId,
        before: Result<&ReleaseRules, &Unreadable>,
        after: &ReleaseRules,
    ) -> Result<u64, NodeError> {
        let is_note =
            |object: &&Object| matches!(object.state, ObjectState::Note(_) | ObjectState::Waiting);
        let objects = self.packs.need(pack)?.objects.values();
        let notes = objects.filter(is_note).count() as u64;
        let request = Request {
            target: Target::Of(after.clients.keys().copied().collect()),
            ..Request::to(Destination::Pack)
        };
        let all_cross = before.map_or(true, |before| crosses(&request, before));
        Ok(if all_cross { notes } else { 0 })
    }

    /// Stages an operation that sets these rules, sealed under the epoch in which this device would
    /// write a public note now.
    pub(crate) fn stage_rules(
        &mut self,
        now: Timestamp,
        pack: PackId,
        rules: &Rules,
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        // Before an epoch is opened for it: whoever is no admin is told so.
        let replica = self.packs.need(pack)?;
        let shape = Act::Rules {
            epoch: kitbag_core::id::EpochId::from_bytes([0; 32]),
            sealed: vec![0; kitbag_core::policy::rules::SEALED_RULES_BYTES_MIN],
        };
        let (me, device) = (self.me.person(), self.me.device());
        if replica.has_newer_rules() {
            return Err(Denied::NewerRules.into());
        }
        if replica.policy.member(&me).is_none() {
            return Err(crate::membership::not_a_member(replica, me).into());
        }
        replica.policy.permit(&me, &device, &[shape])?;
        let (epoch, key) = self.epoch_to_seal(pack, Sensitivity::Public, staged)?;
        let sealed = rules
            .seal(pack, epoch, device, &key, &mut *self.rng)
            .map_err(bad_rules)?;
        self.stage_op(pack, vec![Act::Rules { epoch, sealed }], now, staged)?;
        Ok(())
    }

    /// Whether a note may leave by each way for this person, and what decides: as far as they open it, for
    /// this purpose, in any format that may be, to nobody's client. Nothing for a note that this device
    /// does not open itself.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn explain_release(
        &self,
        now: Timestamp,
        pack: PackId,
        person: PersonId,
        note: ItemId,
        purpose: Option<&str>,
    ) -> Result<Vec<ReleaseView>, NodeError> {
        let replica = self.packs.need(pack)?;
        let opens = |s: &Sensitivity| replica.policy.may_open(&person, *s);
        let up_to = Sensitivity::ALL.into_iter().rev().find(opens);
        let rules = replica.release_rules();
        let Some(read) = self.note_to_read(pack, note)? else {
            return Ok(vec![]);
        };
        let kinds = read.kinds();
        let by = |destination| {
            // The question is not about one format: any that may be.
            let formats = rules.ok().map(|rules| &limits(rules, destination).formats);
            let format = formats.and_then(|formats| formats.as_ref()?.first());
            let request = Request {
                up_to,
                purpose,
                format: format.map(String::as_str),
                deleted: true,
                ..Request::to(destination)
            };
            ReleaseView {
                destination,
                verdict: decide(&request, read.facts(&kinds), rules, now),
            }
        };
        Ok(Destination::ALL.map(by).to_vec())
    }
}

fn bad_rules(error: RulesError) -> NodeError {
    NodeError::BadInput {
        field: "rules",
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
