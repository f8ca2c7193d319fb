//! What is known of a pack without waking it, and how it is kept on disk: in blocks of many packs,
//! each sealed once.

use crate::asleep::NoteName;
use crate::invites::answers_until;
use crate::joining::name_in;
use crate::objects::ObjectState;
use crate::replica::Replica;
use crate::view::RulesUnclear;
use kitbag_core::codec;
use kitbag_core::content::Profile;
use kitbag_core::id::{DeviceId, EndpointId, EpochId, PackId, PersonId, Timestamp};
use kitbag_core::pack::index::index_tag;
use kitbag_core::policy::fold::{InviteState, Member, Standing};
use kitbag_core::policy::rules::PackKind;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::sync::tree::LeafHash;
use kitbag_store::PackRow;
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Packs in one block, at most.
pub(crate) const BLOCK_PACKS: u32 = 128;
/// Whatever changes what is derived, or how a block is written, changes this.
const BLOCK_VERSION: u32 = 3;

/// One pack as it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) row: PackRow,
    pub(crate) title: String,
    pub(crate) notes: u64,
    /// Hand-offs, whoever may see them.
    pub(crate) handoffs: u64,
    pub(crate) members: u64,
    pub(crate) role: Option<Role>,
    pub(crate) clearance: Option<Sensitivity>,
    pub(crate) default_sensitivity: Sensitivity,
    /// The one client that its rules name.
    pub(crate) client: Option<String>,
    /// The one kind that they name.
    pub(crate) kind: Option<PackKind>,
    /// Why there may be none although the rules name some.
    pub(crate) rules_unclear: Option<RulesUnclear>,
    /// Other devices that the policy names.
    pub(crate) peers: Vec<PeerIn>,
    /// For each clearance that this person shares with somebody.
    pub(crate) leaves: Vec<LeafAt>,
    /// Epochs whose key this device lacks.
    pub(crate) lacking: Vec<(EpochId, Sensitivity)>,
    /// Whether this device is kept out, as far as it knows.
    pub(crate) is_out: bool,
    /// When this person, an admin, owes the end of an invite.
    pub(crate) due: Option<Timestamp>,
    /// Until when somebody may ask to join, or is told why they cannot: absent if nobody may.
    pub(crate) asked_until: Option<Timestamp>,
    /// Whether nothing waits, is set aside, held, owed or forked, and this person is a member. Found out
    /// when the pack falls asleep; until then nobody needs it.
    pub(crate) is_calm: Option<bool>,
}

/// The tree's leaf up to a clearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct LeafAt {
    #[n(0)]
    pub(crate) clearance: Sensitivity,
    #[n(1)]
    pub(crate) hash: LeafHash,
    /// Entries that are kept of logs up to there.
    #[n(2)]
    pub(crate) entries: u64,
}

/// How the policy of one pack sees a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Stands {
    /// A member, with the highest sensitivity that both may open, if any.
    #[n(0)]
    Member(#[n(0)] Option<Sensitivity>),
    /// Not a member any more, or kept out.
    #[n(1)]
    Out,
}

/// One device of one pack.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PeerIn {
    /// Shared with the other packs that name it.
    pub(crate) peer: Arc<Peer>,
    pub(crate) stands: Stands,
    pub(crate) contact: Arc<Contact>,
}

/// A device of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Peer {
    #[n(0)]
    pub(crate) endpoint: EndpointId,
    #[n(1)]
    pub(crate) person: PersonId,
    #[n(2)]
    pub(crate) device: DeviceId,
}

/// What a device told about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Contact {
    /// When, by its clock.
    #[n(0)]
    pub(crate) at: Timestamp,
    /// Its person's name and its own, for people.
    #[n(1)]
    pub(crate) name: String,
    #[n(2)]
    pub(crate) addresses: Vec<String>,
    #[n(3)]
    pub(crate) relay: Option<String>,
}

impl Contact {
    fn of(replica: &Replica, person: PersonId, profile: Option<&Profile>) -> Contact {
        let name = name_in(replica, person);
        match profile {
            None => Contact {
                name,
                ..Contact::default()
            },
            Some(profile) => Contact {
                at: profile.at,
                name: format!("{name} ({})", profile.device_name),
                addresses: profile.addresses.clone(),
                relay: profile.relay.clone(),
            },
        }
    }
}

impl Summary {
    /// What a replica comes to, for this person and device.
    pub(crate) fn of(replica: &Replica, me: PersonId, own: &EndpointId) -> Summary {
        let policy = &replica.policy;
        let membership = policy.member(&me);
        let mut peers = Vec::new();
        for person in replica.persons.values() {
            let certificate = person.certificate();
            let peer = Peer {
                endpoint: certificate.endpoint,
                person: person.person(),
                device: certificate.device,
            };
            let stands = match policy.standing(&peer.endpoint) {
                Standing::Unknown => continue,
                Standing::Member { .. } => {
                    Stands::Member(replica.shared_clearance(me, &peer.endpoint))
                }
                Standing::Ended { .. } | Standing::Disputed { .. } => Stands::Out,
            };
            if peer.endpoint != *own {
                let profile = replica.profiles.get(&peer.device);
                peers.push(PeerIn {
                    stands,
                    contact: Arc::new(Contact::of(replica, peer.person, profile)),
                    peer: Arc::new(peer),
                });
            }
        }
        let shared: BTreeSet<Sensitivity> = peers
            .iter()
            .filter_map(|peer| match peer.stands {
                Stands::Member(clearance) => clearance,
                Stands::Out => None,
            })
            .collect();
        let leaf = |clearance: Sensitivity| LeafAt {
            clearance,
            hash: replica.leaf(clearance),
            entries: replica.entries_up_to(clearance),
        };
        let (client, kind, rules_unclear) = belongs(replica);
        Summary {
            row: replica.row.clone(),
            title: title_of(replica),
            notes: replica.kept_notes(),
            handoffs: replica.handoffs.len() as u64,
            members: policy.members().count() as u64,
            role: membership.map(Member::role),
            clearance: membership.and_then(Member::clearance),
            default_sensitivity: replica.known_default_sensitivity(),
            client,
            kind,
            rules_unclear,
            peers,
            leaves: shared.into_iter().map(leaf).collect(),
            lacking: replica.lacking(Sensitivity::Restricted),
            is_out: replica.is_out(own),
            due: due(replica, me),
            asked_until: asked_until(replica, me),
            is_calm: None,
        }
    }

    /// Whether an admin's operation of a newer version was seen: read only.
    pub(crate) fn has_newer_rules(&self) -> bool {
        self.row.newer_rules.is_some()
    }

    pub(crate) fn leaf(&self, clearance: Sensitivity) -> Option<&LeafAt> {
        self.leaves.iter().find(|leaf| leaf.clearance == clearance)
    }

    /// What another device shares here, if its policy names it.
    pub(crate) fn stands(&self, endpoint: &EndpointId) -> Option<Stands> {
        let named = self.peers.iter().find(|of| of.peer.endpoint == *endpoint);
        named.map(|of| of.stands)
    }

    /// Devices of other members.
    pub(crate) fn other_devices(&self) -> impl Iterator<Item = &PeerIn> {
        let members = self.peers.iter();
        members.filter(|of| matches!(of.stands, Stands::Member(_)))
    }
}

/// A pack's title, as the highest index document that this device opens has it.
pub(crate) fn title_of(replica: &Replica) -> String {
    title_up_to(replica, Sensitivity::Restricted)
}

/// The same for somebody with this clearance.
pub(crate) fn title_up_to(replica: &Replica, clearance: Sensitivity) -> String {
    let within = Sensitivity::ALL.iter();
    let within = within.filter(|s| **s <= clearance && replica.sees(**s));
    let titles =
        within.filter_map(
            |s| match &replica.objects.get(&index_tag(replica.id(), *s))?.state {
                ObjectState::Index { title, .. } if !title.is_empty() => Some(title.clone()),
                _ => None,
            },
        );
    titles.last().unwrap_or_default()
}

/// Whose a pack is and of what kind, as far as its rules say one thing and are read here.
fn belongs(replica: &Replica) -> (Option<String>, Option<PackKind>, Option<RulesUnclear>) {
    let Ok(rules) = replica.release_rules() else {
        return (None, None, Some(RulesUnclear::Unreadable));
    };
    let (clients, kinds) = (&rules.clients, &rules.kinds);
    let client = clients.values().next().filter(|_| clients.len() == 1);
    let kind = kinds.first().copied().filter(|_| kinds.len() == 1);
    let unclear = match (clients.len() > 1, kinds.len() > 1) {
        (false, false) => None,
        (true, false) => Some(RulesUnclear::SeveralClients),
        (false, true) => Some(RulesUnclear::SeveralKinds),
        (true, true) => Some(RulesUnclear::SeveralOfBoth),
    };
    (
        client.map(|client| client.label().to_owned()),
        kind,
        unclear,
    )
}

/// When the next invite is over, if this person has to say so.
fn due(replica: &Replica, me: PersonId) -> Option<Timestamp> {
    let admin = replica.policy.member(&me)?.role() == Role::Admin;
    let open = replica.policy.invites().filter(|(_, invite)| {
        admin && !replica.has_newer_rules() && invite.state == InviteState::Open
    });
    open.filter_map(|(_, invite)| invite.not_after).min()
}

fn asked_until(replica: &Replica, me: PersonId) -> Option<Timestamp> {
    replica.policy.member(&me)?;
    let until = replica
        .policy
        .invites()
        .map(|(_, invite)| answers_until(invite));
    until.max()
}

/// A summary as it stands in a block.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Kept {
    #[n(0)]
    number: u32,
    #[n(1)]
    row: PackRow,
    #[n(2)]
    title: String,
    #[n(3)]
    notes: u64,
    #[n(4)]
    members: u64,
    #[n(5)]
    role: Option<Role>,
    #[n(6)]
    clearance: Option<Sensitivity>,
    #[n(7)]
    default_sensitivity: Sensitivity,
    /// Which device of the block, which contact of the block, and how it stands.
    #[n(8)]
    peers: Vec<KeptPeer>,
    #[n(9)]
    leaves: Vec<LeafAt>,
    #[n(10)]
    lacking: Vec<(EpochId, Sensitivity)>,
    #[n(11)]
    is_out: bool,
    #[n(12)]
    due: Option<Timestamp>,
    #[n(13)]
    asked_until: Option<Timestamp>,
    #[n(14)]
    is_calm: Option<bool>,
    /// The rows of its logs.
    #[n(15)]
    logs: Vec<u32>,
    #[n(16)]
    client: Option<String>,
    #[n(17)]
    kind: Option<PackKind>,
    #[n(18)]
    rules_unclear: Option<RulesUnclear>,
    #[n(19)]
    handoffs: u64,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct KeptPeer {
    #[n(0)]
    peer: u32,
    #[n(1)]
    contact: u32,
    #[n(2)]
    stands: Stands,
}

/// The summaries of the packs whose numbers fall into one block.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Block {
    #[n(0)]
    version: u32,
    #[n(1)]
    peers: Vec<Peer>,
    #[n(2)]
    contacts: Vec<Contact>,
    #[n(3)]
    packs: Vec<Kept>,
}

/// One pack of a block: its number, its summary, and the rows of its logs.
pub(crate) struct InBlock {
    pub(crate) number: u32,
    pub(crate) summary: Summary,
    pub(crate) logs: Vec<u32>,
}

/// Numbers things in the order in which they first come.
struct Table<T> {
    known: BTreeMap<T, u32>,
    list: Vec<T>,
}

impl<T: Ord + Clone> Table<T> {
    fn new() -> Table<T> {
        Table {
            known: BTreeMap::new(),
            list: Vec::new(),
        }
    }

    fn number(&mut self, of: &T) -> u32 {
        if let Some(known) = self.known.get(of) {
            return *known;
        }
        let number = self.list.len() as u32;
        self.known.insert(of.clone(), number);
        self.list.push(of.clone());
        number
    }
}

pub(crate) fn encode_block<'a>(
    packs: impl IntoIterator<Item = (u32, &'a Summary, &'a [u32])>,
) -> Vec<u8> {
    codec::encode(&block_of(packs))
}

fn block_of<'a>(packs: impl IntoIterator<Item = (u32, &'a Summary, &'a [u32])>) -> Block {
    let (mut peers, mut contacts) = (Table::new(), Table::new());
    let mut kept = Vec::new();
    for (number, summary, logs) in packs {
        let of = summary.clone();
        let named = summary.peers.iter().map(|of| KeptPeer {
            peer: peers.number(&*of.peer),
            contact: contacts.number(&*of.contact),
            stands: of.stands,
        });
        kept.push(Kept {
            number,
            peers: named.collect(),
            row: of.row,
            title: of.title,
            notes: of.notes,
            members: of.members,
            role: of.role,
            clearance: of.clearance,
            default_sensitivity: of.default_sensitivity,
            leaves: of.leaves,
            lacking: of.lacking,
            is_out: of.is_out,
            due: of.due,
            asked_until: of.asked_until,
            is_calm: of.is_calm,
            logs: logs.to_vec(),
            client: of.client,
            kind: of.kind,
            rules_unclear: of.rules_unclear,
            handoffs: of.handoffs,
        });
    }
    Block {
        version: BLOCK_VERSION,
        peers: peers.list,
        contacts: contacts.list,
        packs: kept,
    }
}

/// Nothing of a block that another version wrote, or that is none.
pub(crate) fn decode_block(bytes: &[u8]) -> Vec<InBlock> {
    let block = minicbor::decode::<Block>(bytes).ok();
    let Some(block) = block.filter(|block| block.version == BLOCK_VERSION) else {
        return vec![];
    };
    let peers: Vec<Arc<Peer>> = block.peers.into_iter().map(Arc::new).collect();
    let contacts: Vec<Arc<Contact>> = block.contacts.into_iter().map(Arc::new).collect();
    let peer = |of: &KeptPeer| {
        Some(PeerIn {
            peer: peers.get(of.peer as usize)?.clone(),
            stands: of.stands,
            contact: contacts.get(of.contact as usize)?.clone(),
        })
    };
    let packs = block.packs.into_iter().filter_map(|of| {
        Some(InBlock {
            number: of.number,
            summary: Summary {
                peers: of.peers.iter().map(peer).collect::<Option<_>>()?,
                row: of.row,
                title: of.title,
                notes: of.notes,
                members: of.members,
                role: of.role,
                clearance: of.clearance,
                default_sensitivity: of.default_sensitivity,
                client: of.client,
                kind: of.kind,
                rules_unclear: of.rules_unclear,
                handoffs: of.handoffs,
                leaves: of.leaves,
                lacking: of.lacking,
                is_out: of.is_out,
                due: of.due,
                asked_until: of.asked_until,
                is_calm: of.is_calm,
            },
            logs: of.logs,
        })
    });
    packs.collect()
}

/// The beginnings of a pack's note ids, ascending.
pub(crate) fn note_names(replica: &Replica) -> Vec<NoteName> {
    let all = replica.notes.keys().chain(replica.handoffs.keys());
    let mut names: Vec<NoteName> = all.map(NoteName::of).collect();
    names.sort_unstable();
    names
}

pub(crate) fn encode_names(names: &[NoteName]) -> Vec<u8> {
    names.iter().flat_map(|name| name.0).collect()
}

pub(crate) fn decode_names(bytes: &[u8]) -> Vec<NoteName> {
    let names = bytes.as_chunks::<8>().0.iter();
    names.map(|name| NoteName(*name)).collect()
}

impl Summary {
    pub(crate) fn id(&self) -> PackId {
        self.row.id
    }
}

#[cfg(test)]
mod tests;
