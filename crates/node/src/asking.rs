//! Invites that ask: requests to join that wait for a person, and the person's yes or no.
//!
//! A request is kept by the device that was asked and by nobody else: it is no operation, and it is
//! neither synced nor forwarded. It lies in one sealed setting, one for each invite and person, within
//! bounds per invite, per pack and in all; beyond them the newest is turned away, so that nobody who
//! waits is pushed out by others. A no is remembered in the same place until the invite ends.
//! Design: `docs/design/0010-ask.md`.

use crate::error::Denied;
use crate::links::{Notice, Output};
use crate::replica::Staged;
use crate::view::{JoinRequestView, RequestRef};
use crate::{Node, NodeError, read_list};
use kitbag_core::codec;
use kitbag_core::id::{EndpointId, PackId, PersonId, Timestamp};
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::fold::{InviteInfo, InviteState, Refused, Standing};
use kitbag_core::policy::op::{Act, GrantRef};
use kitbag_core::ticket::check_words;
use kitbag_core::wire::{JoinAnswer, JoinRefusal};
use kitbag_store::Store;
use minicbor::{Decode, Encode};

/// Requests that wait, and whom a person turned away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Asking {
    #[n(0)]
    requests: Vec<Request>,
    #[n(1)]
    declined: Vec<RequestRef>,
}

/// A request that was proven over the connection it came by, and waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Request {
    #[n(0)]
    pub(crate) of: RequestRef,
    #[n(1)]
    pub(crate) endpoint: EndpointId,
    /// The joiner's signed person operation.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) record: Vec<u8>,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) redeem: Vec<u8>,
    /// What the joiner calls itself: untrusted text.
    #[n(4)]
    pub(crate) name: String,
    #[n(5)]
    pub(crate) at: Timestamp,
}

impl Asking {
    pub(crate) fn load(
        store: &Store,
        damaged: &mut Vec<&'static str>,
    ) -> Result<Asking, NodeError> {
        read_list(store, ASKING, "list of requests to join", damaged)
    }

    fn holds(&self, of: &RequestRef) -> bool {
        self.requests.iter().any(|request| request.of == *of)
    }

    fn has_room(&self, of: &RequestRef) -> bool {
        let of_pack = self
            .requests
            .iter()
            .filter(|request| request.of.pack == of.pack);
        let of_invite = of_pack
            .clone()
            .filter(|request| request.of.invite == of.invite);
        of_invite.count() < REQUESTS_PER_INVITE
            && of_pack.count() < REQUESTS_PER_PACK
            && self.requests.len() < REQUESTS_MAX
    }

    fn drop_request(&mut self, of: &RequestRef) {
        self.requests.retain(|request| request.of != *of);
    }

    fn decline(&mut self, of: RequestRef) {
        self.drop_request(&of);
        self.declined.push(of);
        let beyond = self.declined.len().saturating_sub(DECLINED_MAX);
        self.declined.drain(..beyond);
    }
}

impl Node {
    /// Keeps a request until a person answers it; one that is kept already stays as it is.
    pub(crate) fn ask_a_person(
        &mut self,
        request: Request,
        out: &mut Vec<Output>,
    ) -> Result<Result<JoinAnswer, JoinRefusal>, NodeError> {
        let of = request.of;
        let Some(invite) = self.invite_of(&of) else {
            return Ok(Err(JoinRefusal::NotRecognised));
        };
        if self.asking.declined.contains(&of) {
            return Ok(Err(JoinRefusal::Declined));
        }
        if !self.may_answer(&of) {
            return Ok(Err(JoinRefusal::TryLater));
        }
        let waiting = JoinAnswer::Waiting {
            by: self.me.person(),
            name: self.me.name.clone(),
            role: invite.role,
            clearance: invite.clearance,
            until: invite.not_after,
        };
        if !self.asking.holds(&of) {
            if !self.asking.has_room(&of) {
                return Ok(Err(JoinRefusal::TryLater));
            }
            let mut asking = self.asking.clone();
            asking.requests.push(request);
            self.keep_asking(asking)?;
            out.push(Output::Notify(Notice::AsksToJoin {
                pack: of.pack,
                person: of.person,
            }));
        }
        Ok(Ok(waiting))
    }

    /// Requests that wait for this person's answer, of one pack or of all, oldest first.
    pub fn join_requests(&self, now: Timestamp, pack: Option<PackId>) -> Vec<JoinRequestView> {
        let of_pack = self
            .asking
            .requests
            .iter()
            .filter(|request| pack.is_none_or(|pack| pack == request.of.pack));
        of_pack
            .filter(|request| self.still_waits(request, now))
            .filter_map(|request| self.request_view(request))
            .collect()
    }

    /// Requests that somebody may mean by a word: an id that begins with it, or the check words. Never
    /// a name: that is whatever the joiner chose.
    pub fn join_requests_called(&self, now: Timestamp, word: &str) -> Vec<RequestRef> {
        let word = word.trim().to_ascii_lowercase();
        let called = |view: &JoinRequestView| {
            !word.is_empty() && (view.id.starts_with(&word) || view.check_words == word)
        };
        self.join_requests(now, None)
            .iter()
            .filter(|view| called(view))
            .map(|view| view.of)
            .collect()
    }

    /// Lets a joiner in, or, in a dry run, says whether that could be done.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] if no such request waits; [`NodeError::Denied`] if the policy does not
    /// let this person admit it now; [`NodeError::Store`].
    pub fn approve_join(
        &mut self,
        now: Timestamp,
        of: RequestRef,
        dry_run: bool,
    ) -> Result<JoinRequestView, NodeError> {
        let request = self.waiting_request(now, &of)?;
        let view = self
            .request_view(&request)
            .ok_or(NodeError::NotFound("request"))?;
        let person = SignedPersonOp::verify(&request.record)
            .map_err(|_| NodeError::Damaged("request to join"))?;
        let act = Act::Admit {
            invite: of.invite,
            redeem: request.redeem,
        };
        let mut staged = Staged {
            plan: dry_run,
            persons: vec![person],
            told: Some((of.person, request.name)),
            ..Staged::default()
        };
        self.stage_op(of.pack, vec![act], now, &mut staged)?;
        if dry_run {
            return Ok(view);
        }
        self.commit(of.pack, staged)?;
        let mut asking = self.asking.clone();
        asking.drop_request(&of);
        self.keep_asking(asking)?;
        self.maintain(of.pack, now)?;
        Ok(view)
    }

    /// Turns a joiner away until the invite ends, or, in a dry run, says who that would be.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] if no such request waits; [`NodeError::Store`].
    pub fn refuse_join(
        &mut self,
        now: Timestamp,
        of: RequestRef,
        dry_run: bool,
    ) -> Result<JoinRequestView, NodeError> {
        let request = self.waiting_request(now, &of)?;
        let view = self
            .request_view(&request)
            .ok_or(NodeError::NotFound("request"))?;
        if !dry_run {
            let mut asking = self.asking.clone();
            asking.decline(of);
            self.keep_asking(asking)?;
        }
        Ok(view)
    }

    /// Forgets requests and refusals that came to nothing: the invite ended, or the joiner is in.
    pub(crate) fn prune_asking(&mut self, now: Timestamp) -> Result<(), NodeError> {
        let mut asking = self.asking.clone();
        // Of a pack that cannot be read now nothing is known, so nothing is over.
        let unread = |pack: &PackId| self.packs.contains(pack) && self.packs.get(pack).is_none();
        asking
            .requests
            .retain(|request| unread(&request.of.pack) || self.still_waits(request, now));
        asking.declined.retain(|of| {
            let open = self
                .invite_of(of)
                .is_some_and(|invite| is_open(invite, now));
            open || unread(&of.pack)
        });
        if asking == self.asking {
            return Ok(());
        }
        self.keep_asking(asking)
    }

    fn keep_asking(&mut self, asking: Asking) -> Result<(), NodeError> {
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(ASKING, &codec::encode(&asking))?;
        batch.commit()?;
        self.asking = asking;
        Ok(())
    }

    fn waiting_request(&self, now: Timestamp, of: &RequestRef) -> Result<Request, NodeError> {
        let request = self
            .asking
            .requests
            .iter()
            .find(|request| request.of == *of);
        let request = request.ok_or(NodeError::NotFound("request"))?;
        let invite = self.invite_of(of).ok_or(NodeError::NotFound("request"))?;
        if invite.not_after.is_some_and(|end| end <= now) {
            return Err(Denied::Policy(Refused::InviteExpired).into());
        }
        Ok(request.clone())
    }

    fn still_waits(&self, request: &Request, now: Timestamp) -> bool {
        let standing = self
            .packs
            .get(&request.of.pack)
            .map(|replica| replica.policy.standing(&request.endpoint));
        standing == Some(Standing::Unknown)
            && self.may_answer(&request.of)
            && self.invite_of(&request.of).is_some_and(|invite| {
                is_open(invite, now) && (invite.joined() as u64) < u64::from(invite.uses)
            })
    }

    /// Whether this person may let somebody in by that invite: the policy's own rule, before anybody
    /// is bothered.
    fn may_answer(&self, of: &RequestRef) -> bool {
        let Some(replica) = self.packs.get(&of.pack) else {
            return false;
        };
        let me = self.me.person();
        !replica.has_newer_rules() && replica.policy.may_answer(&me, &of.invite)
    }

    fn invite_of(&self, of: &RequestRef) -> Option<&InviteInfo> {
        self.packs.get(&of.pack)?.policy.invite(&of.invite)
    }

    fn request_view(&self, request: &Request) -> Option<JoinRequestView> {
        let of = request.of;
        let invite = self.invite_of(&of)?;
        Some(JoinRequestView {
            of,
            id: request_id(&of),
            name: request.name.clone(),
            check_words: check_words(of.pack, self.me.person(), of.person),
            role: invite.role,
            clearance: invite.clearance,
            opens: self.count_notes(of.pack, invite.clearance),
            since: request.at,
            until: invite.not_after,
        })
    }
}

/// Person and invite, each long enough to be told apart.
fn request_id(of: &RequestRef) -> String {
    format!("{}-{}", of.person.short(), of.invite.op.short())
}

pub(crate) fn is_open(invite: &InviteInfo, now: Timestamp) -> bool {
    invite.state == InviteState::Open && invite.not_after.is_none_or(|end| now < end)
}

/// A name that a stranger told: without control characters, short.
pub(crate) fn told(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_control())
        .take(TOLD_CHARS_MAX)
        .collect()
}

impl RequestRef {
    pub(crate) fn new(pack: PackId, invite: GrantRef, person: PersonId) -> RequestRef {
        RequestRef {
            pack,
            invite,
            person,
        }
    }
}

const ASKING: &str = "asking";
/// Requests that wait for one invite, at most: more than a person answers in a day.
pub(crate) const REQUESTS_PER_INVITE: usize = 16;
/// Requests that wait for one pack, at most.
pub(crate) const REQUESTS_PER_PACK: usize = 48;
/// Requests that wait on this device, at most; each takes about two kilobytes.
pub(crate) const REQUESTS_MAX: usize = 128;
/// Refusals remembered, at most; the oldest is forgotten, and whoever it was may ask again.
const DECLINED_MAX: usize = 512;
/// Characters kept of a name that a stranger told.
const TOLD_CHARS_MAX: usize = 64;
