//! Packs as a whole: made, listed, named, and who is in them.

use crate::asleep::{PeerIn, Stands, Summary};
use crate::membership::{ending, held_against, rights_of};
use crate::objects::{ObjectState, build_index};
use crate::replica::{Replica, Staged, Touched, branch_heads};
use crate::view::{ForkView, MemberView, PackStatus, PackSummary, PeerState, PeerStatus};
use crate::write::Draft;
use crate::{Node, NodeError, check_name};
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{DeviceId, EndpointId, LogId, PackId, PersonId, Timestamp};
use kitbag_core::pack::index::{IndexEdit, index_tag};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{Member, Policy, Via};
use kitbag_core::policy::op::{Body, OP_VERSION, Op, SignedOp};
use kitbag_core::policy::rules::Rules;
use kitbag_core::ticket::check_words;
use kitbag_crypto::ItemKey;
use kitbag_store::PackRow;
use std::collections::{BTreeMap, BTreeSet};

impl Node {
    /// Makes a pack, with this person as its founder.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for its title, or [`NodeError::Store`].
    pub fn create_pack(
        &mut self,
        now: Timestamp,
        title: &str,
        default_sensitivity: Sensitivity,
    ) -> Result<PackSummary, NodeError> {
        self.create_pack_with(now, title, default_sensitivity, &Rules::default())
    }

    /// Makes a pack that has these release rules from its first moment.
    ///
    /// # Errors
    /// As [`Node::create_pack`]; [`NodeError::BadInput`] for the rules.
    pub fn create_pack_with(
        &mut self,
        now: Timestamp,
        title: &str,
        default_sensitivity: Sensitivity,
        rules: &Rules,
    ) -> Result<PackSummary, NodeError> {
        check_name("title", title)?;
        let mut nonce = [0u8; 16];
        self.rng.fill_bytes(&mut nonce);
        let op = Op {
            version: OP_VERSION,
            pack: None,
            device: self.me.device(),
            person: self.me.person(),
            person_head: self.me.person_op.hash(),
            incarnation: self.life.incarnation,
            cites: None,
            seq: 0,
            prev: None,
            heads: vec![],
            at: now,
            body: Body::Genesis {
                nonce,
                default_sensitivity,
            },
        };
        let genesis = SignedOp::sign(op, &self.me.signing);
        let pack = genesis.pack();
        let row = PackRow {
            id: pack,
            name: None,
            own: true,
            since: now,
            newer_rules: None,
        };
        let persons = vec![self.me.person_op.clone()];
        let mut staged = Staged {
            pack: Some(row.clone()),
            persons: persons.clone(),
            ops: vec![genesis.clone()],
            ..Staged::default()
        };
        // The title is written under a policy that is not durable yet; pack and title become so at once.
        let me = self.me.person();
        let mut draft = Replica::new(self.next_pack, row.clone(), me);
        draft.apply_policy(persons, vec![genesis], &mut Touched::default());
        self.packs.insert(draft);
        let titled = self.stage_title(pack, title, default_sensitivity, now, &mut staged);
        let titled = titled.and_then(|()| match *rules == Rules::default() {
            true => Ok(()),
            false => self.stage_rules(now, pack, rules, &mut staged),
        });
        self.packs.insert(Replica::new(self.next_pack, row, me));
        if let Err(error) = titled.and_then(|()| self.commit(pack, staged)) {
            self.packs.remove(&pack);
            return Err(error);
        }
        self.maintain(pack, now)?;
        self.pack(pack)
    }

    /// One pack.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn pack(&self, pack: PackId) -> Result<PackSummary, NodeError> {
        match self.packs.summary(&pack) {
            Some(summary) => Ok(self.pack_summary(summary)),
            None => Err(self.packs.why_not(&pack)),
        }
    }

    /// All packs that can be read, in order of arrival.
    pub fn packs(&self) -> Vec<PackSummary> {
        let summaries = self.packs.summaries();
        summaries.map(|of| self.pack_summary(of)).collect()
    }

    fn pack_summary(&self, of: &Summary) -> PackSummary {
        PackSummary {
            id: of.id(),
            title: of.title.clone(),
            name: of.row.name.clone(),
            notes: of.notes,
            members: of.members,
            role: of.role,
            clearance: of.clearance,
            default_sensitivity: of.default_sensitivity,
            client: of.client.clone(),
            kind: of.kind,
            rules_unclear: of.rules_unclear,
            archived: self.is_archived(&of.id()),
        }
    }

    /// Packs that cannot be read, and what of them. The others go on.
    pub fn damaged_packs(&self) -> Vec<(PackId, String)> {
        self.packs.damaged()
    }

    /// Packs that a person may mean by a word: an id that begins with it, or, exactly, the name they
    /// gave it or the title of a pack they made. Never a title that somebody else chose.
    pub fn packs_called(&self, word: &str) -> Vec<PackId> {
        let lower = word.to_ascii_lowercase();
        let named = self.packs.summaries().filter(|of| goes_by(of, word));
        let by_name: Vec<PackId> = named.map(Summary::id).collect();
        if !by_name.is_empty() || lower.is_empty() {
            return by_name;
        }
        let ids = self.packs.ids().into_iter();
        ids.filter(|id| id.to_string().starts_with(&lower))
            .collect()
    }

    /// A pack's title, as the highest index document that this device opens has it.
    pub(crate) fn title(&self, pack: PackId) -> String {
        let summary = self.packs.summary(&pack);
        summary
            .map(|summary| summary.title.clone())
            .unwrap_or_default()
    }

    pub(crate) fn stage_title(
        &mut self,
        pack: PackId,
        title: &str,
        sensitivity: Sensitivity,
        now: Timestamp,
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        let mut pen = self.pen(pack, sensitivity, true, staged)?;
        let tag = index_tag(pack, sensitivity);
        let index = build_index(
            self.packs.need(pack)?,
            &self.store,
            tag,
            sensitivity,
            &mut vec![],
        )?;
        if let Some(change) = index.document.edit(
            pen.log,
            &IndexEdit {
                title: Some(title.into()),
            },
        )? {
            let deps = change
                .deps
                .iter()
                .filter_map(|dep| index.carriers.get(dep).copied())
                .collect();
            let body = EntryBody::Change {
                change: change.bytes.clone(),
                at: now,
                takes_over: TakesOver::default(),
            };
            let item_key = ItemKey::absent(tag.as_bytes());
            self.append(
                &mut pen,
                &Draft {
                    kind: EntryKind::Index,
                    object: tag,
                    deps,
                    body: &body,
                    item_key: &item_key,
                },
            )?;
        }
        self.put_down(pen, staged);
        Ok(())
    }

    /// Looks after what time alone changes, an invite that is over and whoever waits for an answer to it,
    /// and after packs that were written to and left in the middle.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn tick(&mut self, now: Timestamp) -> Result<(), NodeError> {
        self.prune_asking(now)?;
        self.prune_waiting(now)?;
        let due = self.packs.peers().due(now);
        for pack in due {
            self.maintain(pack, now)?;
        }
        self.look_after_unsettled(now)?;
        self.tell_everybody(now)
    }

    /// Does what is owed in packs that were written to and not looked after since: the next page never
    /// came, or the last start ended in between.
    pub(crate) fn look_after_unsettled(&mut self, now: Timestamp) -> Result<(), NodeError> {
        let unsettled: Vec<PackId> = self.unsettled.iter().copied().collect();
        let mut outcome = Ok(());
        for pack in unsettled {
            let settled = self.maintain(pack, now).and_then(|()| self.rest());
            outcome = outcome.and(settled); // one that cannot be settled holds up no other
        }
        outcome
    }

    /// The policy of a pack as this device folds it now, for whoever checks the device from outside.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn policy(&self, pack: PackId) -> Result<&Policy, NodeError> {
        let replica = self.packs.need(pack)?;
        Ok(&replica.policy)
    }

    /// A pack's members, the founder first, then in order of joining.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn members(&self, pack: PackId) -> Result<Vec<MemberView>, NodeError> {
        let replica = self.packs.need(pack)?;
        let founded = |member: &Member| member.grants.iter().any(|grant| grant.via == Via::Genesis);
        let views = replica
            .policy
            .members()
            .map(|member| (!founded(member), self.member_view(replica, member)));
        let mut views: Vec<(bool, MemberView)> = views.collect();
        views.sort_by(|(a_later, a), (b_later, b)| {
            (a_later, a.since, a.person).cmp(&(b_later, b.since, b.person))
        });
        Ok(views.into_iter().map(|(_, view)| view).collect())
    }

    fn member_view(&self, replica: &Replica, member: &Member) -> MemberView {
        let profile = replica.profiles.get(&member.device);
        MemberView {
            person: member.person,
            name: self.name_of(replica, member.person),
            devices: profile
                .map(|profile| profile.device_name.clone())
                .into_iter()
                .collect(),
            kind: "person",
            role: member.role(),
            clearance: member.clearance().unwrap_or(Sensitivity::Public),
            is_me: member.person == self.me.person(),
            check_words: self.check_words_with(replica, member.person),
            since: member
                .grants
                .iter()
                .map(|grant| grant.at)
                .min()
                .unwrap_or_default(),
            rights: rights_of(&replica.policy, &member.person),
            held: held_against(replica, &member.person),
        }
    }

    /// The check words between this person and another, if one of them invited the other or was asked
    /// about them.
    pub(crate) fn check_words_with(&self, replica: &Replica, other: PersonId) -> Option<String> {
        let me = self.me.person();
        let invited = |whom: PersonId, by: PersonId| {
            let member = replica.policy.member(&whom);
            member.is_some_and(|member| {
                member
                    .grants
                    .iter()
                    .any(|grant| vouchers(replica, grant.via).contains(&Some(by)))
            })
        };
        (other != me && (invited(other, me) || invited(me, other)))
            .then(|| check_words(replica.id(), me, other))
    }

    /// Who invited this person to a pack, if anybody did.
    pub fn inviter_of_me(&self, pack: PackId) -> Option<(String, String)> {
        let replica = self.packs.get(&pack)?;
        let me = replica.policy.member(&self.me.person())?;
        let by = me
            .grants
            .iter()
            .find_map(|grant| inviter(replica, grant.via))?;
        Some((
            self.name_of(replica, by),
            check_words(pack, self.me.person(), by),
        ))
    }

    /// How packs stand with their other members' devices.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn status(&self, pack: PackId) -> Result<PackStatus, NodeError> {
        let Some(summary) = self.packs.summary(&pack) else {
            return Err(self.packs.why_not(&pack));
        };
        let peers = summary
            .other_devices()
            .map(|of| self.peer_status(summary, of));
        let calm = PackStatus {
            id: pack,
            title: summary.title.clone(),
            peers: peers.collect(),
            waiting: 0,
            set_aside: 0,
            held: 0,
            rotation_debt: 0,
            forks: vec![],
            disputes: vec![],
            ended: None,
        };
        if summary.is_calm == Some(true) {
            return Ok(calm);
        }
        let replica = self.packs.need(pack)?;
        let mut waiting = 0;
        for object in replica.objects.values() {
            waiting += match &object.state {
                ObjectState::Note(meta) => meta.waiting,
                ObjectState::Handoff(meta) => meta.waiting,
                ObjectState::Waiting => replica.waiting_in(object),
                ObjectState::Index { waiting, .. } => *waiting,
                ObjectState::Left => 0,
            };
        }
        let held: usize = replica.policy.disputes().values().map(BTreeSet::len).sum();
        Ok(PackStatus {
            waiting: waiting + replica.policy.parked().len() as u64,
            set_aside: self.listed_aside(replica)?.len() as u64,
            held: held as u64,
            rotation_debt: replica.rotation_debt(),
            forks: self.forks(replica),
            disputes: self.disputes(pack)?,
            ended: ending(replica, &self.me.person()),
            ..calm
        })
    }

    /// Devices that wrote more than one history, with the most that a log of theirs has.
    fn forks(&self, replica: &Replica) -> Vec<ForkView> {
        let mut forked: BTreeMap<DeviceId, (u64, u64)> = BTreeMap::new();
        let mut note = |device: DeviceId, branches: usize, kept: usize| {
            let most = forked.entry(device).or_default();
            *most = (*most).max((branches as u64, kept as u64));
        };
        for log in replica.logs.values().filter(|log| log.is_forked()) {
            let kept = replica.kept_heads(log).len();
            note(log.opening.device, log.branches.len(), kept);
        }
        if !replica.policy.forked_logs().is_empty() {
            for (log, ops) in replica.control_logs() {
                let branches = branch_heads(&ops).len();
                if let Some(op) = ops
                    .first()
                    .filter(|_| replica.policy.forked_logs().contains(&log))
                {
                    note(op.op().device, branches, branches);
                }
            }
        }
        let view = |(device, (branches, kept))| ForkView {
            name: match replica.policy.person_of_device(&device) {
                Some(person) => self.device_name(replica, person, device),
                None => device.short(),
            },
            is_me: device == self.me.device(),
            branches,
            kept,
        };
        forked.into_iter().map(view).collect()
    }

    /// How devices of other members stand, of one pack or of all.
    pub fn peer_states(&self, pack: Option<PackId>) -> Vec<(EndpointId, PeerState)> {
        let endpoints: Vec<EndpointId> = match pack {
            None => self.packs.peers().members().map(|(of, _)| *of).collect(),
            Some(pack) => {
                let summary = self.packs.summary(&pack).into_iter();
                let devices = summary.flat_map(Summary::other_devices);
                devices.map(|of| of.peer.endpoint).collect()
            }
        };
        let states = endpoints.into_iter();
        states.map(|of| (of, self.peer_state(&of))).collect()
    }

    /// Devices of other members, with the names of their person and their own.
    pub fn peer_names(&self) -> BTreeMap<EndpointId, String> {
        let peers = self.packs.peers();
        let names = peers.members();
        names
            .map(|(of, known)| (*of, known.contact.name.clone()))
            .collect()
    }

    fn device_name(&self, replica: &Replica, person: PersonId, device: DeviceId) -> String {
        let device_name = replica
            .profiles
            .get(&device)
            .map(|profile| format!(" ({})", profile.device_name));
        self.name_of(replica, person) + &device_name.unwrap_or_default()
    }

    fn peer_state(&self, endpoint: &EndpointId) -> PeerState {
        let mut links = self
            .links
            .values()
            .filter(|link| link.endpoint == *endpoint);
        let first = links.next();
        let mut all = first.into_iter().chain(links);
        match first {
            None => PeerState::Unreachable,
            Some(_) if all.any(|link| link.session.is_up_to_date()) => PeerState::Synced,
            Some(_) => PeerState::Syncing,
        }
    }

    fn peer_status(&self, summary: &Summary, of: &PeerIn) -> PeerStatus {
        let endpoint = of.peer.endpoint;
        let state = self.peer_state(&endpoint);
        PeerStatus {
            name: of.contact.name.clone(),
            state,
            at: self.synced.get(&endpoint).copied(),
            to_send: match state {
                PeerState::Synced => 0,
                _ => self.not_seen_at(summary, of),
            },
        }
    }

    /// Entries that a peer may hold and was not seen to hold.
    fn not_seen_at(&self, summary: &Summary, of: &PeerIn) -> u64 {
        let Stands::Member(Some(clearance)) = of.stands else {
            return 0;
        };
        let seen = self.seen.get(&(of.peer.endpoint, summary.id()));
        let known = |log: &LogId| seen.and_then(|seen| seen.get(log)).copied().unwrap_or(0);
        match self.packs.if_awake(&summary.id()) {
            Some(replica) => {
                let logs = replica.logs.iter();
                let visible = logs.filter(|(_, log)| log.opening.sensitivity <= clearance);
                let unseen = visible.map(|(id, log)| {
                    let kept = log.branches.iter().map(|branch| replica.kept_len(branch));
                    let unseen = (kept.sum::<usize>() as u64).saturating_sub(known(id));
                    // What was read here is no news that anybody waits for.
                    let newest = log.branches.iter().flat_map(|of| of.entries.iter().rev());
                    let newest = newest.take(usize::try_from(unseen).unwrap_or(usize::MAX));
                    let reports = newest.filter(|hash| {
                        let place = replica.places.get(*hash);
                        place.is_some_and(|place| place.is_report)
                    });
                    unseen - reports.count() as u64
                });
                unseen.sum()
            }
            // A little less than that, if the peer was ahead in some log and never heard again.
            None => {
                let held = summary.leaf(clearance).map_or(0, |leaf| leaf.entries);
                let seen = seen.into_iter().flat_map(BTreeMap::values);
                held.saturating_sub(seen.sum())
            }
        }
    }

    /// Devices of other members that this device could dial, with their addresses.
    pub fn dial_hints(&self) -> Vec<(EndpointId, Vec<String>, Option<String>)> {
        let peers = self.packs.peers();
        let members = peers.members().map(|(of, known)| {
            let contact = &known.contact;
            (*of, (contact.addresses.clone(), contact.relay.clone()))
        });
        let mut hints: BTreeMap<_, _> = members.collect();
        let joining = self
            .joining
            .values()
            .flatten()
            .map(|peer| (*peer, (vec![], None)));
        for (peer, hint) in joining {
            hints.entry(peer).or_insert(hint);
        }
        hints
            .into_iter()
            .map(|(endpoint, (addresses, relay))| (endpoint, addresses, relay))
            .collect()
    }
}

/// Whether this person calls a pack by exactly this word.
pub(crate) fn goes_by(of: &Summary, word: &str) -> bool {
    of.row.name.as_deref() == Some(word) || (of.row.own && of.title == word)
}

/// Who can know whom an invite was meant for: who made it, and, if it asks, who said yes.
fn vouchers(replica: &Replica, via: Via) -> [Option<PersonId>; 2] {
    let approver = match via {
        Via::Admit { invite, by } => replica
            .policy
            .invite(&invite)
            .filter(|invite| invite.ask)
            .map(|_| by),
        _ => None,
    };
    [inviter(replica, via), approver]
}

fn inviter(replica: &Replica, via: Via) -> Option<PersonId> {
    match via {
        Via::Admit { invite, .. } => replica.policy.invite(&invite).map(|invite| invite.by),
        _ => None,
    }
}
