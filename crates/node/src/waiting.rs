//! The joiner's side of an invite that asks: tickets of this person whose answer is a person's.
//!
//! The ticket is kept, sealed, until it is answered for good, so that the device can ask again by
//! itself, after a restart too. A device that was asked and said no is not asked again; when all of
//! them did, the ticket is forgotten and only the reason is kept, until it is told.
//! Design: `docs/design/0010-ask.md`.

use crate::asking::told;
use crate::view::{AskedView, WaitingJoinView};
use crate::{Node, NodeError, read_list};
use kitbag_core::codec;
use kitbag_core::id::{EndpointId, PackId, PersonId, Timestamp};
use kitbag_core::policy::op::GrantRef;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::ticket::{Ticket, check_words};
use kitbag_core::wire::JoinRefusal;
use kitbag_store::Store;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

/// A ticket that waits for a person.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct WaitingJoin {
    #[n(0)]
    pack: PackId,
    #[n(1)]
    invite: GrantRef,
    /// The ticket's text; empty once it is over.
    #[n(2)]
    #[cbor(with = "secret_text")]
    ticket: Zeroizing<Vec<u8>>,
    /// What this person wants to call the pack.
    #[n(3)]
    name: Option<String>,
    #[n(4)]
    since: Timestamp,
    #[n(5)]
    asked: Vec<Asked>,
    /// Why it is over.
    #[n(6)]
    over: Option<JoinRefusal>,
}

/// A device that was asked, and what it said of itself.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
struct Asked {
    #[n(0)]
    endpoint: EndpointId,
    #[n(1)]
    person: PersonId,
    #[n(2)]
    name: String,
    #[n(3)]
    role: Role,
    #[n(4)]
    clearance: Sensitivity,
    #[n(5)]
    until: Option<Timestamp>,
    /// Its no, if it said one.
    #[n(6)]
    no: Option<JoinRefusal>,
}

/// What a device that keeps the request says of itself.
pub(crate) struct AskedOf {
    pub(crate) endpoint: EndpointId,
    pub(crate) person: PersonId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) clearance: Sensitivity,
    pub(crate) until: Option<Timestamp>,
}

/// Reads the tickets that wait.
pub(crate) fn load(
    store: &Store,
    damaged: &mut Vec<&'static str>,
) -> Result<Vec<WaitingJoin>, NodeError> {
    read_list(store, WAITING, "list of tickets that wait", damaged)
}

impl Node {
    /// Tickets of this person that wait for somebody's answer, and those that got a no, oldest first.
    pub fn waiting_joins(&self) -> Vec<WaitingJoinView> {
        self.waiting
            .iter()
            .map(|join| self.join_view(join))
            .collect()
    }

    /// Tickets to ask with again, each with the own name for its pack.
    pub fn tickets_to_ask(&self) -> Vec<(Ticket, Option<String>)> {
        let open = self.waiting.iter().filter(|join| join.over.is_none());
        open.filter_map(|join| {
            let text = std::str::from_utf8(&join.ticket).ok()?;
            let mut ticket = Ticket::parse(text).ok()?;
            let said_no = |endpoint: &EndpointId| {
                join.asked
                    .iter()
                    .any(|asked| asked.endpoint == *endpoint && asked.no.is_some())
            };
            ticket.peers.retain(|peer| !said_no(&peer.endpoint));
            Some((ticket, join.name.clone()))
        })
        .collect()
    }

    /// Stops asking with a ticket and forgets it, by the start of its invite's id.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] if none waits by this id, [`NodeError::BadInput`] if several do;
    /// [`NodeError::Store`].
    pub fn forget_join(&mut self, id: &str) -> Result<WaitingJoinView, NodeError> {
        let id = id.trim().to_ascii_lowercase();
        let fits = |join: &&WaitingJoin| !id.is_empty() && join_id(join).starts_with(&id);
        let found: Vec<&WaitingJoin> = self.waiting.iter().filter(fits).collect();
        let (view, invite) = match found[..] {
            [] => return Err(NodeError::NotFound("ticket that waits")),
            [one] => (self.join_view(one), one.invite),
            _ => {
                return Err(NodeError::BadInput {
                    field: "ticket",
                    reason: "fits more than one ticket that waits".into(),
                });
            }
        };
        self.stop_waiting(&invite)?;
        Ok(view)
    }

    /// A device keeps the request for its person: goes on asking.
    pub(crate) fn now_waiting(
        &mut self,
        now: Timestamp,
        ticket: &Ticket,
        name: Option<String>,
        of: AskedOf,
    ) -> Result<(), NodeError> {
        let mut joins = self.waiting.clone();
        let known = joins
            .iter()
            .position(|join| join.invite == ticket.invite && join.over.is_none());
        let at = match known {
            Some(at) => at,
            None => {
                joins.retain(|join| join.invite != ticket.invite);
                make_room(&mut joins)?;
                joins.push(WaitingJoin {
                    pack: ticket.pack,
                    invite: ticket.invite,
                    ticket: Zeroizing::new(ticket.danger_text().as_bytes().to_vec()),
                    name: None,
                    since: now,
                    asked: vec![],
                    over: None,
                });
                joins.len() - 1
            }
        };
        let join = &mut joins[at];
        join.name = name.or(join.name.take());
        let asked = Asked {
            endpoint: of.endpoint,
            person: of.person,
            name: told(&of.name),
            role: of.role,
            clearance: of.clearance,
            until: of.until,
            no: None,
        };
        match join
            .asked
            .iter_mut()
            .find(|known| known.endpoint == asked.endpoint)
        {
            Some(known) => *known = asked,
            None => join.asked.push(asked),
        }
        self.keep_waiting(joins)
    }

    /// A device said no. The others go on being asked; if nobody is left who keeps the request, the
    /// ticket is over.
    pub(crate) fn waiting_refused(
        &mut self,
        invite: &GrantRef,
        by: EndpointId,
        refusal: &JoinRefusal,
    ) -> Result<(), NodeError> {
        if !is_final(refusal) {
            return Ok(());
        }
        let mut joins = self.waiting.clone();
        let open = |join: &&mut WaitingJoin| join.invite == *invite && join.over.is_none();
        let Some(join) = joins.iter_mut().find(open) else {
            return Ok(());
        };
        for asked in join.asked.iter_mut().filter(|asked| asked.endpoint == by) {
            asked.no = Some(refusal.clone());
        }
        if join.asked.iter().all(|asked| asked.no.is_some()) {
            join.end(refusal.clone());
        }
        self.keep_waiting(joins)
    }

    /// The ticket is not needed any more.
    pub(crate) fn stop_waiting(&mut self, invite: &GrantRef) -> Result<(), NodeError> {
        if !self.waiting.iter().any(|join| join.invite == *invite) {
            return Ok(());
        }
        let mut joins = self.waiting.clone();
        joins.retain(|join| join.invite != *invite);
        self.keep_waiting(joins)
    }

    /// Drops tickets of packs in which this person is by now, and gives up those whose time is over by
    /// everybody's word, an hour later: clocks differ.
    pub(crate) fn prune_waiting(&mut self, now: Timestamp) -> Result<(), NodeError> {
        let me = self.me.person();
        let is_in = |join: &WaitingJoin| {
            let replica = self.packs.get(&join.pack);
            replica.is_some_and(|replica| replica.policy.member(&me).is_some())
        };
        let mut joins = self.waiting.clone();
        joins.retain(|join| !is_in(join));
        let mut changed = joins.len() < self.waiting.len();
        for join in joins.iter_mut().filter(|join| join.over.is_none()) {
            let ends = join.asked.iter().map(|asked| asked.until);
            let last: Option<Vec<Timestamp>> = ends.collect();
            let Some(end) = last.and_then(|ends| ends.into_iter().max()) else {
                continue; // somebody named no end
            };
            if end.as_millis().saturating_add(GRACE_MILLIS) <= now.as_millis() {
                join.end(JoinRefusal::Expired { at: end });
                changed = true;
            }
        }
        if changed {
            self.keep_waiting(joins)
        } else {
            Ok(())
        }
    }

    fn keep_waiting(&mut self, joins: Vec<WaitingJoin>) -> Result<(), NodeError> {
        let bytes = Zeroizing::new(codec::encode(&joins));
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(WAITING, &bytes)?;
        batch.commit()?;
        self.waiting = joins;
        Ok(())
    }

    fn join_view(&self, join: &WaitingJoin) -> WaitingJoinView {
        let asked = join.asked.iter().map(|asked| AskedView {
            name: asked.name.clone(),
            check_words: check_words(join.pack, self.me.person(), asked.person),
            role: asked.role,
            clearance: asked.clearance,
            until: asked.until,
            declined: asked.no.is_some(),
        });
        WaitingJoinView {
            id: join_id(join),
            pack: join.pack,
            name: join.name.clone(),
            since: join.since,
            asked: asked.collect(),
            over: join.over.clone(),
        }
    }
}

impl WaitingJoin {
    fn end(&mut self, why: JoinRefusal) {
        self.over = Some(why);
        self.ticket = Zeroizing::new(vec![]);
    }
}

/// Whether asking the same device again is pointless.
fn is_final(refusal: &JoinRefusal) -> bool {
    match refusal {
        JoinRefusal::Declined
        | JoinRefusal::Cancelled
        | JoinRefusal::Removed
        | JoinRefusal::Expired { .. }
        | JoinRefusal::Used { .. } => true,
        JoinRefusal::NotRecognised | JoinRefusal::NewerVersion | JoinRefusal::TryLater => false,
    }
}

fn make_room(joins: &mut Vec<WaitingJoin>) -> Result<(), NodeError> {
    if joins.len() < WAITING_MAX {
        return Ok(());
    }
    let over = joins.iter().position(|join| join.over.is_some());
    let over = over.ok_or_else(|| NodeError::BadInput {
        field: "ticket",
        reason: format!("{WAITING_MAX} tickets wait already; stop waiting for one of them first"),
    })?;
    joins.remove(over);
    Ok(())
}

fn join_id(join: &WaitingJoin) -> String {
    join.invite.op.short()
}

mod secret_text {
    //! Bytes that are wiped when dropped, as plain bytes inside a record that is sealed.
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};
    use zeroize::Zeroizing;

    pub(super) fn encode<C, W: Write>(
        text: &Zeroizing<Vec<u8>>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(text)?.ok()
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(d.bytes()?.to_vec()))
    }
}

const WAITING: &str = "waiting-joins";
/// Tickets that wait at once, at most.
const WAITING_MAX: usize = 16;
/// How long after the end that was told a ticket is still asked with, in milliseconds: an hour.
const GRACE_MILLIS: u64 = 3600 * 1000;
