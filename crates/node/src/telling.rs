//! Telling the other devices who this one is and where it can be dialled: its profile, in packs.

#[cfg(test)]
mod tests;

use crate::asleep::Stands;
use crate::replica::{Place, Staged};
use crate::write::Draft;
use crate::{Node, NodeError, read_hint};
use kitbag_core::codec;
use kitbag_core::content::{EntryBody, EntryKind, Profile, profile_tag};
use kitbag_core::id::{EndpointId, LogId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::{Hash, HashLabel, ItemKey};
use std::collections::{BTreeMap, BTreeSet};

impl Node {
    /// Where this device can be dialled from now on; told in packs that are awake, and to each device in
    /// one pack at least.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn set_addresses(
        &mut self,
        now: Timestamp,
        addresses: Vec<String>,
        relay: Option<String>,
    ) -> Result<(), NodeError> {
        self.addresses = addresses;
        self.addresses.truncate(Profile::ADDRESSES_MAX);
        self.relay = relay;
        self.tick(now)
    }

    /// Where this device can be dialled, as [`Node::set_addresses`] had it: addresses, and the relay.
    pub fn addresses(&self) -> (Vec<String>, Option<String>) {
        (self.addresses.clone(), self.relay.clone())
    }

    /// Tells where this device can be dialled, if that changed, in one pack that is shared with each
    /// other device, and is awake if one is. Any other pack is told when something happens in it: who
    /// is in several hears it from the newest. Telling all would have each peer ask for each pack, at
    /// every start on another port.
    ///
    /// Whom nothing can be told in any pack now is kept, and tried again after the next start: what
    /// happens in a pack until then tells them anyway.
    pub(crate) fn tell_everybody(&mut self, now: Timestamp) -> Result<(), NodeError> {
        let profile = Hash::of(
            HashLabel::Item,
            &[b"told", &codec::encode(&self.profile(Timestamp::default()))],
        );
        if self.went_round == Some(profile) {
            return Ok(());
        }
        let kept = read_hint(&self.store, TOLD)?;
        let untold = kept.and_then(|kept| untold(&kept, &profile));
        if !untold.as_ref().is_some_and(BTreeSet::is_empty) {
            let untold = self.go_round(now, untold.as_ref())?;
            let mut kept = profile.as_bytes().to_vec();
            kept.extend(untold.iter().flat_map(EndpointId::as_bytes));
            let mut batch = self.store.batch(&mut *self.rng)?;
            batch.put_setting(TOLD, &kept)?;
            batch.commit()?;
        }
        self.went_round = Some(profile);
        Ok(())
    }

    /// Tells everybody, or only these; gives back whom it could not.
    fn go_round(
        &mut self,
        now: Timestamp,
        only: Option<&BTreeSet<EndpointId>>,
    ) -> Result<BTreeSet<EndpointId>, NodeError> {
        let mut tried = BTreeMap::new();
        loop {
            let (packs, untold) = self.where_to_tell(only, &tried);
            if packs.is_empty() {
                return Ok(untold);
            }
            for pack in packs {
                self.maintain(pack, now)?;
                let told = self.tell(pack, now, Staged::default(), None)?;
                tried.insert(pack, told);
            }
        }
    }

    /// Packs that reach whoever is not reached by those in which it was told, and devices for which
    /// none is left. `tried` says of packs whether telling there went well.
    fn where_to_tell(
        &self,
        only: Option<&BTreeSet<EndpointId>>,
        tried: &BTreeMap<PackId, bool>,
    ) -> (BTreeSet<PackId>, BTreeSet<EndpointId>) {
        let awake: BTreeSet<PackId> = self.packs.awake().into_iter().collect();
        let (mut packs, mut untold) = (BTreeSet::new(), BTreeSet::new());
        for (endpoint, of) in self.packs.peers().members() {
            if only.is_some_and(|only| !only.contains(endpoint)) {
                continue;
            }
            let shared = |pack: &&PackId| {
                let summary = self.packs.summary(pack);
                summary.is_some_and(|summary| {
                    let stands = summary.stands(endpoint);
                    summary.role.is_some() && matches!(stands, Some(Stands::Member(_)))
                })
            };
            let may_tell = |pack: &&PackId| {
                let summary = self.packs.summary(pack);
                !tried.contains_key(*pack)
                    && summary.is_some_and(|of| of.clearance.is_some() && !of.has_newer_rules())
                    && shared(pack)
            };
            let told = |pack: &&PackId| packs.contains(*pack) || tried.get(*pack) == Some(&true);
            if of.named_in.iter().filter(told).any(|pack| shared(&pack)) {
                continue;
            }
            let cheap = of.named_in.intersection(&awake).find(may_tell);
            match cheap.or_else(|| of.named_in.iter().find(may_tell)) {
                Some(pack) => _ = packs.insert(*pack),
                None if of.named_in.iter().any(|pack| shared(&pack)) => {
                    _ = untold.insert(*endpoint)
                }
                None => {}
            }
        }
        (packs, untold)
    }

    /// Tells in a pack who and where this device is, with what is staged already, even if a copy of it
    /// told something else since: in answer to what that copy told in a log of its own, or because
    /// something changed here. Says whether the pack has it now.
    fn tell(
        &mut self,
        pack: PackId,
        now: Timestamp,
        mut staged: Staged,
        answers: Option<LogId>,
    ) -> Result<bool, NodeError> {
        let before = staged.runs.len();
        match self.stage_profile(pack, now, &mut staged) {
            Ok(told) if staged.is_empty() => Ok(told),
            Ok(told) => {
                if staged.runs.len() > before {
                    let answered = answers.map(|log| (answered(&log), vec![]));
                    staged.settings.extend(answered);
                }
                self.commit(pack, staged).map(|()| told)
            }
            Err(NodeError::Denied(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The same, unless this device told it already and a copy of it has told something else since.
    /// Each log of a copy is answered once: it may be an older state of this device, whose clock was
    /// ahead. Were it answered whenever it differs, two copies would go on for ever.
    pub(crate) fn tell_unless_outdone(
        &mut self,
        pack: PackId,
        now: Timestamp,
        staged: Staged,
    ) -> Result<(), NodeError> {
        let copy = self.outdone_by(pack);
        let is_answered = match &copy {
            None => false,
            Some(log) => read_hint(&self.store, &answered(log))?.is_some(),
        };
        if !is_answered {
            self.tell(pack, now, staged, copy).map(drop)
        } else if staged.is_empty() {
            Ok(())
        } else {
            self.commit(pack, staged)
        }
    }

    /// Tells in a pack where this device can be dialled, if it told something else there before. Done
    /// when the pack is written to here or about to be fetched, so that whoever fetches it in the same
    /// exchange gets that with it, instead of hearing of another change afterwards.
    pub(crate) fn tell_move(&mut self, pack: PackId, now: Timestamp) -> Result<(), NodeError> {
        let own = self.profile(now);
        let moved = self.packs.get(&pack).is_some_and(|replica| {
            let known = replica.profiles.get(&self.me.device());
            // No epoch is opened for it: the key of one that is here may still be on its way.
            known.is_some_and(|known| !tells_the_same(known, &own))
                && replica.usable_epoch(Sensitivity::Public).is_some()
        });
        if moved {
            self.tell_unless_outdone(pack, now, Staged::default())?;
        }
        Ok(())
    }

    /// What this device tells about itself.
    fn profile(&self, at: Timestamp) -> Profile {
        Profile {
            person: self.me.person(),
            name: self.me.name.clone(),
            device_name: self.me.device_name.clone(),
            addresses: self.addresses.clone(),
            relay: self.relay.clone(),
            at,
        }
    }

    /// Stages this device's profile if the pack has not this one yet. Says whether it has it then.
    fn stage_profile(
        &mut self,
        pack: PackId,
        now: Timestamp,
        staged: &mut Staged,
    ) -> Result<bool, NodeError> {
        let device = self.me.device();
        let profile = self.profile(now);
        let replica = self.packs.get(&pack);
        let me = &self.me.person();
        let Some(replica) = replica.filter(|of| of.policy.member(me).is_some()) else {
            return Ok(false);
        };
        let known = replica.profiles.get(&device);
        if known.is_some_and(|known| tells_the_same(known, &profile)) {
            return Ok(true);
        }
        // A clock that went back must not make what is told now older than what was told before, here
        // or in another pack: who is in several goes by the newest.
        let here = known.map_or(Timestamp::default(), |known| known.at);
        let anywhere = read_hint(&self.store, TOLD_AT)?
            .and_then(|kept| codec::decode(&kept, TOLD_AT_BYTES_MAX).ok())
            .unwrap_or_default();
        let before = here.max(anywhere).as_millis();
        let profile = Profile {
            at: Timestamp::from_millis(now.as_millis().max(before.saturating_add(1))),
            ..profile
        };
        let told_at = (TOLD_AT.into(), codec::encode(&profile.at));
        let tag = profile_tag(pack, device);
        let mut pen = self.pen(pack, Sensitivity::Public, false, staged)?;
        let item_key = ItemKey::absent(tag.as_bytes());
        let body = EntryBody::Profile(profile);
        self.append(
            &mut pen,
            &Draft {
                kind: EntryKind::Profile,
                object: tag,
                deps: BTreeSet::new(),
                body: &body,
                item_key: &item_key,
            },
        )?;
        self.put_down(pen, staged);
        staged.settings.push(told_at);
        Ok(true)
    }

    /// The log in which a copy of this device, or an older state of it, has told about it last in a
    /// pack, if this one has told about itself there too.
    fn outdone_by(&self, pack: PackId) -> Option<LogId> {
        let replica = self.packs.get(&pack)?;
        let is_own = |place: &Place| {
            let log = replica.logs.get(&place.log);
            log.is_some_and(|log| self.goes_on_in(&log.opening))
        };
        let latest = replica.profile_entries.get(&self.me.device())?;
        let latest = replica.places.get(latest).filter(|place| !is_own(place))?;
        let mut places = replica.places.values();
        let told = places
            .any(|place| place.kind == EntryKind::Profile && !place.is_report && is_own(place));
        told.then_some(latest.log)
    }
}

/// Whether two profiles of a device say the same, whenever they were told.
fn tells_the_same(one: &Profile, other: &Profile) -> bool {
    let at = other.at;
    Profile { at, ..one.clone() } == *other
}

/// The setting that says that what a copy of this device told in a log was answered.
fn answered(log: &LogId) -> String {
    format!("answered/{log}")
}

/// The setting that keeps what this device told last about itself, as a hash, and after it the
/// endpoints of those whom it could not tell.
const TOLD: &str = "told";

/// The setting that keeps the time of the profile that this device told last.
const TOLD_AT: &str = "told-at";
const TOLD_AT_BYTES_MAX: usize = 16;

/// Who is untold of a profile; none if something else was told last.
fn untold(kept: &[u8], profile: &Hash) -> Option<BTreeSet<EndpointId>> {
    let (endpoints, _) = kept.strip_prefix(profile.as_bytes())?.as_chunks();
    Some(
        endpoints
            .iter()
            .copied()
            .map(EndpointId::from_bytes)
            .collect(),
    )
}
