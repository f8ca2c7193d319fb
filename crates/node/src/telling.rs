//! Telling the other devices who this one is and where it can be dialled: its profile, in packs.

use crate::asleep::Stands;
use crate::replica::{Place, Staged};
use crate::write::Draft;
use crate::{Node, NodeError, read_hint};
use kitbag_core::codec;
use kitbag_core::content::{EntryBody, EntryKind, Profile, profile_tag};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::{Hash, HashLabel, ItemKey};
use std::collections::BTreeSet;

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

    /// Tells where this device can be dialled, if that changed, in one pack that is shared with each
    /// other device, and is awake if one is. Any other pack is told when something happens in it: who
    /// is in several hears it from the newest. Telling all would have each peer ask for each pack, at
    /// every start on another port.
    pub(crate) fn tell_everybody(&mut self, now: Timestamp) -> Result<(), NodeError> {
        let told = Hash::of(
            HashLabel::Item,
            &[b"told", &codec::encode(&self.profile(Timestamp::default()))],
        );
        if read_hint(&self.store, TOLD)?.as_deref().map(Vec::as_slice) == Some(told.as_bytes()) {
            return Ok(());
        }
        let awake: BTreeSet<PackId> = self.packs.awake().into_iter().collect();
        let mut packs = BTreeSet::new();
        for (endpoint, of) in self.packs.peers().members() {
            let tells = |pack: &&PackId| {
                let summary = self.packs.summary(pack);
                summary.is_some_and(|summary| {
                    let stands = summary.stands(endpoint);
                    summary.role.is_some() && matches!(stands, Some(Stands::Member(_)))
                })
            };
            if !of.named_in.intersection(&packs).any(|pack| tells(&pack)) {
                let cheap = of.named_in.intersection(&awake).find(tells);
                packs.extend(cheap.or_else(|| of.named_in.iter().find(tells)));
            }
        }
        for pack in packs {
            self.maintain(pack, now)?;
            self.tell(pack, now, Staged::default())?;
        }
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(TOLD, told.as_bytes())?;
        Ok(batch.commit()?)
    }

    /// Tells in a pack who and where this device is, with what is staged already, even if a copy of it
    /// told something else since.
    pub(crate) fn tell(
        &mut self,
        pack: PackId,
        now: Timestamp,
        mut staged: Staged,
    ) -> Result<(), NodeError> {
        match self.stage_profile(pack, now, &mut staged) {
            Ok(()) if staged.is_empty() => Ok(()),
            Ok(()) => self.commit(pack, staged),
            Err(NodeError::Denied(_)) => Ok(()),
            Err(error) => Err(error),
        }
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

    /// Stages this device's profile if the pack has not this one yet.
    fn stage_profile(
        &mut self,
        pack: PackId,
        now: Timestamp,
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        let device = self.me.device();
        let profile = self.profile(now);
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(());
        };
        let known = replica.profiles.get(&device);
        let told = known.is_some_and(|known| {
            Profile {
                at: profile.at,
                ..known.clone()
            } == profile
        });
        // A clock that went back must not make what is told now older than what was told before.
        let after_known = known.map_or(0, |known| known.at.as_millis().saturating_add(1));
        let profile = Profile {
            at: Timestamp::from_millis(now.as_millis().max(after_known)),
            ..profile
        };
        if told || replica.policy.member(&self.me.person()).is_none() {
            return Ok(());
        }
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
        Ok(())
    }

    /// Whether this device told about itself in a pack, and a copy of it has told something else since.
    /// Were it told again whenever that differs, two copies would go on answering each other for ever.
    pub(crate) fn is_outdone(&self, pack: PackId) -> bool {
        let Some(replica) = self.packs.get(&pack) else {
            return false;
        };
        let device = self.me.device();
        let is_own = |place: &Place| {
            let log = replica.logs.get(&place.log);
            log.is_some_and(|log| self.goes_on_in(&log.opening))
        };
        let latest = replica.profile_entries.get(&device);
        let latest = latest.and_then(|entry| replica.places.get(entry));
        if latest.is_none_or(is_own) {
            return false;
        }
        let mut places = replica.places.values();
        places.any(|place| place.kind == EntryKind::Profile && is_own(place))
    }
}

/// The setting that keeps what this device told last about itself, as a hash.
const TOLD: &str = "told";
