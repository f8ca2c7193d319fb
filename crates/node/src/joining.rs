//! Sharing and joining: invites, tickets, and the one exchange that lets somebody in.
//!
//! Whoever holds a ticket may ask any standing member; the member writes the Admit. An admin's
//! device writes the Close as soon as an invite is used up or its time is over, so that a stolen
//! ticket cannot push out somebody who came in properly.

use crate::asking::{Request, told};
use crate::asleep::title_up_to;
use crate::error::Denied;
use crate::invites::{close, condition};
use crate::links::{Notice, Output};
use crate::replica::{Replica, Staged};
use crate::view::{InviteCondition, RequestRef, ShareOptions, ShareTerms, Shared};
use crate::waiting::AskedOf;
use crate::{Node, NodeError};
use kitbag_core::codec;
use kitbag_core::id::{EndpointId, PackId, PersonId, Timestamp};
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::fold::{InviteInfo, InviteState, Standing};
use kitbag_core::policy::op::{Act, GrantRef, OP_BYTES_MAX, Redeem};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::ticket::{PeerHint, Ticket};
use kitbag_core::wire::{
    JOIN_FRAME_BYTES_MAX, JoinAnswer, JoinChannel, JoinRefusal, JoinRequest, SYNC_VERSION,
};
use kitbag_crypto::{SigningKey, TicketSecret};
use kitbag_store::PackRow;
use std::collections::BTreeSet;

/// Whom to ask with a ticket.
#[derive(Clone, Debug)]
pub struct JoinPlan {
    /// The pack.
    pub pack: PackId,
    /// Devices to ask, in this order.
    pub peers: Vec<PeerHint>,
    /// This person is a member already: nothing need be asked.
    pub already_member: bool,
}

/// A join request without the proof that binds it to one connection.
pub struct JoinDraft {
    key: SigningKey,
    joiner: EndpointId,
    person: Vec<u8>,
    redeem: Vec<u8>,
    name: String,
}

impl JoinDraft {
    /// The request to send to `admitter` over a connection with this exported keying material.
    pub fn request(&self, admitter: EndpointId, exporter: [u8; 32]) -> Vec<u8> {
        let channel = JoinChannel {
            exporter,
            joiner: self.joiner,
            admitter,
        };
        codec::encode(&JoinRequest {
            version: SYNC_VERSION,
            person: self.person.clone(),
            redeem: self.redeem.clone(),
            name: self.name.clone(),
            proof: channel.prove(&self.key),
        })
    }
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinOutcome {
    /// A member now; sync brings the rest.
    Admitted,
    /// Was one before.
    AlreadyMember,
    /// A person is asked; this device asks again until there is an answer.
    Waiting,
    /// Refused.
    Refused(JoinRefusal),
    /// The answer was none.
    NoAnswer,
}

impl Node {
    /// What a ticket would give, once the policy permits it.
    ///
    /// # Errors
    /// As [`Node::share`].
    pub fn preview_share(
        &mut self,
        now: Timestamp,
        pack: PackId,
        options: &ShareOptions,
    ) -> Result<ShareTerms, NodeError> {
        check_options(now, options)?;
        let (_, act) = self.new_invite(options);
        self.stage_op(pack, vec![act], now, &mut Staged::plan())?;
        Ok(self.terms(pack, options))
    }

    /// Opens an invite and makes its ticket. Above Internal each joiner is asked about, whatever the
    /// options say.
    ///
    /// # Errors
    /// [`NodeError::Denied`] if the policy does not let this person share so much;
    /// [`NodeError::BadInput`] for zero uses or a time that is over.
    pub fn share(
        &mut self,
        now: Timestamp,
        pack: PackId,
        options: &ShareOptions,
    ) -> Result<Shared, NodeError> {
        check_options(now, options)?;
        let (secret, act) = self.new_invite(options);
        let mut staged = Staged::default();
        let op = self.stage_op(pack, vec![act], now, &mut staged)?;
        self.remember(pack, &mut staged)?;
        self.commit(pack, staged)?;
        let invite = GrantRef { op, act: 0 };
        let ticket =
            Ticket::new(pack, invite, secret, self.peer_hints(pack)).for_uses(options.uses);
        Ok(Shared {
            ticket: ticket.danger_text().to_string(),
            invite: invite.op.short(),
            terms: self.terms(pack, options),
        })
    }

    fn new_invite(&mut self, options: &ShareOptions) -> (TicketSecret, Act) {
        let secret = TicketSecret::generate(&mut *self.rng);
        let act = Act::Invite {
            key: *secret.invite_key().verifying_key().as_bytes(),
            role: options.role,
            clearance: options.clearance,
            uses: options.uses,
            not_after: options.expires_at,
            ask: options.asks(),
        };
        (secret, act)
    }

    fn terms(&self, pack: PackId, options: &ShareOptions) -> ShareTerms {
        ShareTerms {
            expires_at: options.expires_at,
            title: self.title(pack),
            joiner_title: self
                .packs
                .get(&pack)
                .map(|replica| title_up_to(replica, options.clearance))
                .unwrap_or_default(),
            role: options.role,
            clearance: options.clearance,
            opens: self.count_notes(pack, options.clearance),
            uses: options.uses,
            ask: options.asks(),
        }
    }

    /// Whether anybody may ask to join anything here now.
    pub fn join_is_open(&self, now: Timestamp) -> bool {
        self.packs.peers().may_be_asked(now)
    }

    /// What to do with a ticket.
    pub fn plan_join(&self, ticket: &Ticket) -> JoinPlan {
        let replica = self.packs.get(&ticket.pack);
        let already_member =
            replica.is_some_and(|replica| replica.policy.member(&self.me.person()).is_some());
        let peers = ticket
            .peers
            .iter()
            .filter(|peer| peer.endpoint != self.me.endpoint_id())
            .cloned()
            .collect();
        JoinPlan {
            pack: ticket.pack,
            peers,
            already_member,
        }
    }

    /// What a join request with this ticket needs of this device; the connection is still missing.
    pub fn join_draft(&self, ticket: &Ticket) -> JoinDraft {
        let key = ticket.invite_key();
        let redeem = Redeem::sign(
            ticket.pack,
            ticket.invite,
            self.me.person_op.certificate(),
            self.me.person(),
            &key,
            &self.me.signing,
        );
        JoinDraft {
            key,
            joiner: self.me.endpoint_id(),
            person: self.me.person_op.bytes().to_vec(),
            redeem: codec::encode(&redeem),
            name: self.me.name.clone(),
        }
    }

    /// Takes in the answer to a join request; after an admission this device will ask `admitter` for
    /// the pack.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn join_answered(
        &mut self,
        now: Timestamp,
        ticket: &Ticket,
        admitter: EndpointId,
        answer: &[u8],
        name: Option<String>,
    ) -> Result<JoinOutcome, NodeError> {
        let Ok(answer) = codec::decode::<JoinAnswer>(answer, JOIN_FRAME_BYTES_MAX) else {
            return Ok(JoinOutcome::NoAnswer);
        };
        let outcome = match answer {
            JoinAnswer::Refused(refusal) => {
                let refusal = refusal_told(refusal);
                self.waiting_refused(&ticket.invite, admitter, &refusal)?;
                return Ok(JoinOutcome::Refused(refusal));
            }
            JoinAnswer::Waiting {
                by,
                name: asked,
                role,
                clearance,
                until,
            } => {
                let of = AskedOf {
                    endpoint: admitter,
                    person: by,
                    name: asked,
                    role,
                    clearance,
                    until,
                };
                self.now_waiting(now, ticket, name, of)?;
                return Ok(JoinOutcome::Waiting);
            }
            JoinAnswer::Admitted => JoinOutcome::Admitted,
            JoinAnswer::AlreadyMember => JoinOutcome::AlreadyMember,
        };
        // Whoever let this device in may go away before the pack is here: any of them may have it.
        let named = ticket.peers.iter().map(|peer| peer.endpoint);
        let asked: BTreeSet<EndpointId> = named
            .chain([admitter])
            .filter(|peer| *peer != self.me.endpoint_id())
            .collect();
        self.join_pack(
            PackRow {
                id: ticket.pack,
                name,
                own: false,
                since: now,
                newer_rules: None,
            },
            asked,
        )?;
        self.stop_waiting(&ticket.invite)?;
        self.changed.insert(ticket.pack);
        Ok(outcome)
    }

    /// Answers a join request that arrived over a connection authenticated as `joiner`.
    ///
    /// # Errors
    /// [`NodeError::Store`]; everything that is wrong with the request is in the answer.
    pub fn handle_join(
        &mut self,
        now: Timestamp,
        joiner: EndpointId,
        exporter: [u8; 32],
        request: &[u8],
    ) -> Result<(Vec<u8>, Vec<Output>), NodeError> {
        self.refuse_if_failed()?;
        let mut out = Vec::new();
        let answer = match self.admit(now, joiner, exporter, request, &mut out)? {
            Ok(answer) => answer,
            Err(refusal) => JoinAnswer::Refused(refusal),
        };
        out.extend(self.announce(now)?);
        Ok((codec::encode(&answer), out))
    }

    fn admit(
        &mut self,
        now: Timestamp,
        joiner: EndpointId,
        exporter: [u8; 32],
        request: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<Result<JoinAnswer, JoinRefusal>, NodeError> {
        let unknown = || Ok(Err(JoinRefusal::NotRecognised));
        let Ok(request) = codec::decode::<JoinRequest>(request, JOIN_FRAME_BYTES_MAX) else {
            return unknown();
        };
        if request.version != SYNC_VERSION {
            return Ok(Err(JoinRefusal::NewerVersion));
        }
        let Ok(claimed) = codec::decode::<Redeem>(&request.redeem, OP_BYTES_MAX) else {
            return unknown();
        };
        let Some(replica) = self.packs.get(&claimed.pack) else {
            return unknown();
        };
        let Some(invite) = replica.policy.invite(&claimed.invite) else {
            return unknown();
        };
        let channel = JoinChannel {
            exporter,
            joiner,
            admitter: self.me.endpoint_id(),
        };
        if !channel.is_proven_by(&invite.key, &request.proof) {
            return unknown();
        }
        let Ok(redeem) = Redeem::verify(&request.redeem, &invite.key) else {
            return unknown();
        };
        let Ok(person) = SignedPersonOp::verify(&request.person) else {
            return unknown();
        };
        let certificate = person.certificate();
        if certificate.endpoint != joiner
            || certificate.device != redeem.device
            || person.person() != redeem.person
        {
            return unknown();
        }
        match replica.policy.standing(&joiner) {
            Standing::Member { .. } => return Ok(Ok(JoinAnswer::AlreadyMember)),
            Standing::Ended { .. } | Standing::Disputed { .. } => {
                return Ok(Err(JoinRefusal::Removed));
            }
            Standing::Unknown => {}
        }
        if let Some(refusal) = self.closed_to(replica, invite, now) {
            return Ok(Err(refusal));
        }
        let (pack, who) = (claimed.pack, person.person());
        if invite.ask {
            let request = Request {
                of: RequestRef::new(pack, claimed.invite, who),
                endpoint: joiner,
                record: request.person,
                redeem: request.redeem,
                name: told(&request.name),
                at: now,
            };
            return self.ask_a_person(request, out);
        }
        let act = Act::Admit {
            invite: claimed.invite,
            redeem: request.redeem,
        };
        let told = told(&request.name);
        let mut staged = Staged {
            persons: vec![person],
            told: Some((who, told)),
            ..Staged::default()
        };
        match self.stage_op(pack, vec![act], now, &mut staged) {
            Ok(_) => {}
            Err(NodeError::Denied(Denied::Policy(_) | Denied::NewerRules)) => {
                return Ok(Err(JoinRefusal::TryLater));
            }
            Err(error) => return Err(error),
        }
        self.commit(pack, staged)?;
        self.maintain(pack, now)?;
        out.push(Output::Notify(Notice::Joined { pack, person: who }));
        Ok(Ok(JoinAnswer::Admitted))
    }

    /// Why an invite admits nobody now, in words for the holder of its ticket.
    fn closed_to(
        &self,
        replica: &Replica,
        invite: &InviteInfo,
        now: Timestamp,
    ) -> Option<JoinRefusal> {
        match condition(invite, now) {
            InviteCondition::Open => None,
            InviteCondition::Used => {
                let standing = invite
                    .admissions
                    .iter()
                    .filter(|admission| admission.stands);
                let last = standing.max_by_key(|admission| admission.at);
                Some(
                    last.map_or(JoinRefusal::Cancelled, |last| JoinRefusal::Used {
                        at: last.at,
                        by: self.name_of(replica, last.person),
                    }),
                )
            }
            InviteCondition::Expired => Some(JoinRefusal::Expired {
                at: invite.not_after.unwrap_or(now),
            }),
            InviteCondition::Cancelled | InviteCondition::Ended => Some(JoinRefusal::Cancelled),
        }
    }

    /// What this device owes a pack: closing invites that are used up or over, and telling its
    /// members who and where it is. Does what it may; the rest is somebody else's to do.
    pub(crate) fn maintain(&mut self, pack: PackId, now: Timestamp) -> Result<(), NodeError> {
        self.unsettled.remove(&pack);
        self.settle(pack, now).inspect_err(|_| {
            self.unsettled.insert(pack);
        })
    }

    fn settle(&mut self, pack: PackId, now: Timestamp) -> Result<(), NodeError> {
        let mut staged = Staged::default();
        if let Some(acts) = self.owed_closes(pack, now) {
            match self.stage_op(pack, acts, now, &mut staged) {
                Ok(_) => self.commit(pack, std::mem::take(&mut staged))?,
                Err(NodeError::Denied(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.stage_continuations(pack, &mut staged)?;
        if !staged.is_empty() {
            self.commit(pack, std::mem::take(&mut staged))?;
        }
        self.stage_public_epoch(pack, &mut staged)?;
        self.tell_unless_outdone(pack, now, staged)?;
        self.settle_handoffs(pack, now)
    }

    /// Whoever may not write notes still tells a name and addresses, but opens no epoch for it: an
    /// admin does, as soon as a denial leaves none to be used.
    fn stage_public_epoch(&mut self, pack: PackId, staged: &mut Staged) -> Result<(), NodeError> {
        let admin = self
            .packs
            .get(&pack)
            .and_then(|replica| replica.policy.member(&self.me.person()))
            .is_some_and(|me| me.role() == Role::Admin);
        if !admin {
            return Ok(());
        }
        match self.pen(pack, Sensitivity::Public, true, staged) {
            Ok(_) | Err(NodeError::Denied(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn owed_closes(&self, pack: PackId, now: Timestamp) -> Option<Vec<Act>> {
        let replica = self.packs.get(&pack)?;
        let admin = replica.policy.member(&self.me.person())?.role() == Role::Admin;
        let over = |invite: &InviteInfo| {
            invite.joined() as u64 >= u64::from(invite.uses)
                || invite.not_after.is_some_and(|at| at <= now)
        };
        let owed = replica
            .policy
            .invites()
            .filter(|(_, invite)| admin && invite.state == InviteState::Open && over(invite));
        let acts: Vec<Act> = owed
            .take(kitbag_core::policy::op::ACTS_MAX)
            .map(|(invite, info)| close(invite, info))
            .collect();
        (!acts.is_empty()).then_some(acts)
    }

    /// Who can be asked with a ticket: this device first, then others whose addresses are known.
    fn peer_hints(&self, pack: PackId) -> Vec<PeerHint> {
        let own = PeerHint {
            endpoint: self.me.endpoint_id(),
            addresses: self.addresses.clone(),
            relay: self.relay.clone(),
        };
        let mut hints = vec![own];
        if let Some(replica) = self.packs.get(&pack) {
            for (_, device, endpoint) in self.other_devices(pack) {
                if let Some(profile) = replica
                    .profiles
                    .get(&device)
                    .filter(|p| !p.addresses.is_empty() || p.relay.is_some())
                {
                    hints.push(PeerHint {
                        endpoint,
                        addresses: profile.addresses.clone(),
                        relay: profile.relay.clone(),
                    });
                }
            }
        }
        hints.truncate(TICKET_PEERS);
        hints
    }

    /// A person's name as this pack's members tell it; a short id until one arrived.
    pub(crate) fn name_of(&self, replica: &Replica, person: PersonId) -> String {
        if person == self.me.person() {
            return self.me.name.clone();
        }
        name_in(replica, person)
    }

    /// Notes of a pack that somebody with this clearance opens.
    pub(crate) fn count_notes(&self, pack: PackId, clearance: Sensitivity) -> u64 {
        let Some(replica) = self.packs.get(&pack) else {
            return 0;
        };
        let within = |tag| {
            let object = replica.objects.get(tag);
            object.is_some_and(|of| of.sensitivity <= clearance && replica.sees(of.sensitivity))
                && !replica.deleted.contains(tag)
        };
        replica.notes.values().filter(|tag| within(tag)).count() as u64
    }
}

/// A refusal with the name in it as short as a name is: it comes from a peer, and is kept.
fn refusal_told(refusal: JoinRefusal) -> JoinRefusal {
    match refusal {
        JoinRefusal::Used { at, by } => JoinRefusal::Used { at, by: told(&by) },
        other => other,
    }
}

fn check_options(now: Timestamp, options: &ShareOptions) -> Result<(), NodeError> {
    if options.uses == 0 {
        return Err(NodeError::BadInput {
            field: "uses",
            reason: "must be at least 1".into(),
        });
    }
    if options.expires_at.is_some_and(|at| at <= now) {
        return Err(NodeError::BadInput {
            field: "expires",
            reason: "lies in the past".into(),
        });
    }
    if !matches!(options.role, Role::Reader | Role::Commenter | Role::Editor) {
        return Err(NodeError::BadInput {
            field: "role",
            reason: "a ticket gives reader, commenter or editor".into(),
        });
    }
    Ok(())
}

/// Devices named in a ticket: more make it long, and one that answers is enough.
const TICKET_PEERS: usize = 3;

/// A person's name as this pack's members tell it, also of those who are out; a short id until one
/// arrived.
pub(crate) fn name_in(replica: &Replica, person: PersonId) -> String {
    let profile = replica
        .policy
        .certificate(&person)
        .and_then(|c| replica.profiles.get(&c.device));
    let told = replica
        .told_names
        .get(&person)
        .filter(|name| !name.trim().is_empty());
    profile
        .map(|profile| profile.name.clone())
        .or_else(|| told.cloned())
        .unwrap_or_else(|| person.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what a peer says of a used ticket is kept, so it is never longer than a name.
    #[test]
    fn the_name_in_a_refusal_is_short_and_one_line() {
        let at = Timestamp::from_millis(1);
        let by = format!("Eve\n{}", "x".repeat(60_000));
        let JoinRefusal::Used { by, .. } = refusal_told(JoinRefusal::Used { at, by }) else {
            panic!("it stays the same refusal");
        };
        assert!(
            by.starts_with("Evex") && by.len() < 200,
            "{} bytes",
            by.len()
        );
    }
}
