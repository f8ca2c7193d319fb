//! How other devices see what is here: for each, the packs whose policy names it, and what the two may
//! sync. Kept up pack by pack, so that a change of one costs nothing for the others.

use crate::asleep::summary::{Contact, Peer, Stands, Summary};
use kitbag_core::id::{EndpointId, PackId, Timestamp};
use kitbag_core::sync::View;
use kitbag_core::sync::tree::LeafHash;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every device that some pack's policy names.
pub(crate) struct Peers {
    /// Packs that were not looked at since they changed.
    changed: BTreeSet<PackId>,
    of_pack: BTreeMap<PackId, Vec<(Arc<Peer>, bool)>>,
    by_endpoint: BTreeMap<EndpointId, PeerPacks>,
    /// Packs in which an invite of this person's ends, and when.
    due: BTreeMap<PackId, Timestamp>,
    /// Packs that somebody may ask to join, or be told why not, and until when.
    asked: BTreeMap<PackId, Timestamp>,
}

/// What is known of one device.
#[derive(Default)]
pub(crate) struct PeerPacks {
    /// Packs whose policy names it.
    pub(crate) named_in: BTreeSet<PackId>,
    /// In how many of them it is a member.
    pub(crate) member_in: usize,
    /// What it told last, by its clock, in any of them.
    pub(crate) contact: Arc<Contact>,
    view: Option<Box<PeerView>>,
}

/// What this device and one peer may sync.
#[derive(Default)]
pub(crate) struct PeerView {
    pub(crate) view: View,
    wants: BTreeMap<PackId, u64>,
    stale: BTreeSet<PackId>,
}

/// What one pack is to one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its leaf, if both may open something.
    pub(crate) leaf: Option<LeafHash>,
    /// Keys that are missing here and that the peer has not just failed to give.
    pub(crate) wants: u64,
    /// Whether to ask for it even where leaves are equal or there is none.
    pub(crate) wanting: bool,
}

impl PeerView {
    fn set(&mut self, pack: PackId, shown: Shown) {
        self.view.leaves.set(pack, shown.leaf);
        let before = match shown.wants {
            0 => self.wants.remove(&pack),
            wants => self.wants.insert(pack, wants),
        };
        self.view.wants = self.view.wants - before.unwrap_or(0) + shown.wants;
        if shown.wanting {
            self.view.wanting.insert(pack);
        } else {
            self.view.wanting.remove(&pack);
        }
    }
}

impl Peers {
    pub(crate) fn new(packs: impl IntoIterator<Item = PackId>) -> Peers {
        Peers {
            changed: packs.into_iter().collect(),
            of_pack: BTreeMap::new(),
            by_endpoint: BTreeMap::new(),
            due: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    pub(crate) fn look_again(&mut self, pack: PackId) {
        self.changed.insert(pack);
    }

    pub(crate) fn take_changed(&mut self) -> BTreeSet<PackId> {
        std::mem::take(&mut self.changed)
    }

    /// Takes in how a pack stands now; none if it is gone or cannot be read.
    pub(crate) fn take_in(&mut self, pack: PackId, summary: Option<&Summary>) {
        self.due.remove(&pack);
        self.asked.remove(&pack);
        for (peer, is_member) in self.of_pack.remove(&pack).unwrap_or_default() {
            if let Some(of) = self.by_endpoint.get_mut(&peer.endpoint) {
                of.named_in.remove(&pack);
                of.member_in -= usize::from(is_member);
            }
            self.stale(&peer.endpoint, pack);
        }
        let Some(summary) = summary else { return };
        self.due.extend(summary.due.map(|at| (pack, at)));
        self.asked
            .extend(summary.asked_until.map(|until| (pack, until)));
        let mut named = Vec::with_capacity(summary.peers.len());
        for of in &summary.peers {
            let is_member = matches!(of.stands, Stands::Member(_));
            named.push((of.peer.clone(), is_member));
            let packs = self.by_endpoint.entry(of.peer.endpoint).or_default();
            packs.named_in.insert(pack);
            packs.member_in += usize::from(is_member);
            if packs.contact.name.is_empty() || packs.contact.at < of.contact.at {
                packs.contact = of.contact.clone();
            }
            self.stale(&of.peer.endpoint, pack);
        }
        self.of_pack.insert(pack, named);
    }

    /// Notes that a pack may be something else to a peer than before.
    pub(crate) fn stale(&mut self, endpoint: &EndpointId, pack: PackId) {
        let of = self.by_endpoint.get_mut(endpoint);
        if let Some(view) = of.and_then(|of| of.view.as_mut()) {
            view.stale.insert(pack);
        }
    }

    /// Whether some pack's policy names this device.
    pub(crate) fn names(&self, endpoint: &EndpointId) -> bool {
        let of = self.by_endpoint.get(endpoint);
        of.is_some_and(|of| !of.named_in.is_empty())
    }

    /// Devices that some pack's policy names.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&EndpointId, &PeerPacks)> {
        let all = self.by_endpoint.iter();
        all.filter(|(_, of)| !of.named_in.is_empty())
    }

    /// Devices that are a member's in some pack.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&EndpointId, &PeerPacks)> {
        self.named().filter(|(_, of)| of.member_in > 0)
    }

    /// Packs in which the end of an invite is owed now.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<PackId> {
        let due = self.due.iter().filter(|(_, at)| **at <= now);
        due.map(|(pack, _)| *pack).collect()
    }

    /// Whether anybody may ask to join anything, or is told why not.
    pub(crate) fn may_be_asked(&self, now: Timestamp) -> bool {
        self.asked.values().any(|until| now < *until)
    }

    /// What a peer and this device may sync, as it stands. `shown` says of one pack what it is to the
    /// peer; `besides` are packs whose policy does not name it and that may be something to it.
    pub(crate) fn view(
        &mut self,
        endpoint: &EndpointId,
        besides: impl IntoIterator<Item = PackId>,
        shown: impl Fn(&PackId) -> Shown,
    ) -> &View {
        let of = self.by_endpoint.entry(*endpoint).or_default();
        let named = &of.named_in;
        let known = of.view.get_or_insert_with(|| {
            let stale = named.iter().copied().chain(besides).collect();
            let view = PeerView {
                stale,
                ..PeerView::default()
            };
            Box::new(view)
        });
        for pack in std::mem::take(&mut known.stale) {
            known.set(pack, shown(&pack));
        }
        &known.view
    }
}
