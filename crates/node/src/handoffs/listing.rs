//! Lists of hand-offs over all packs, and the inbox: a view, not a second store.

use super::BuiltHandoff;
use super::showing::HandoffParty;
use crate::{Node, NodeError};
use kitbag_core::codec;
use kitbag_core::handoff::fold::Times;
use kitbag_core::handoff::{Folded, Mode, Priority, State};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::{Hash, HashLabel};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Hand-offs of which it is kept what this person read, at most; of more, those that were read first are
/// new again.
pub(super) const READ_MAX: usize = 4_096;
const READ_BYTES_MAX: usize = READ_MAX * 96 + 16;
const READ: &str = "handoffs-read";

/// Whose turn it is, for the person of this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// It waits for this person, or for a team or role of theirs.
    Mine,
    /// This person has it.
    Working,
    /// This person, or an agent of theirs, sent it.
    Sent,
    /// Others.
    Others,
}

/// Which hand-offs are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandoffFilter {
    /// In these packs; in all of this device if absent.
    pub packs: Option<Vec<PackId>>,
    /// In these states; in all if empty.
    pub states: BTreeSet<State>,
    /// Whether those that ended are listed.
    pub ended: bool,
    /// Nothing above this.
    pub up_to: Option<Sensitivity>,
}

/// One hand-off in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffLine {
    /// Its id.
    pub id: ItemId,
    /// Its pack.
    pub pack: PackId,
    /// Where it stands at.
    pub sensitivity: Sensitivity,
    /// Where it stands.
    pub state: State,
    /// What is asked.
    pub mode: Mode,
    /// How much it presses.
    pub priority: Priority,
    /// Whom or what it is about; the start of its summary if nothing says so.
    pub subject: String,
    /// Why.
    pub reason_code: String,
    /// From whom.
    pub from: HandoffParty,
    /// To whom.
    pub to: HandoffParty,
    /// Who has it.
    pub holder: Option<String>,
    /// Whether nobody of the sender's side has seen that yet.
    pub provisional: bool,
    /// Whose turn it is.
    pub side: Side,
    /// Whether something about it is new to this person.
    pub unread: bool,
    /// Until when this person put it aside.
    pub snoozed_until: Option<Timestamp>,
    /// What its own times say now.
    pub times: Times,
    /// When it was written.
    pub at: Timestamp,
    /// When something was last done about it, by whoever did it.
    pub changed_at: Timestamp,
    /// By when somebody is to have taken it.
    pub accept_by: Option<Timestamp>,
}

/// What waits for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// What needs them, the most pressing first.
    pub lines: Vec<HandoffLine>,
    /// How many were put aside and not shown.
    pub snoozed: u64,
}

/// What this person read of a hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Read {
    #[n(0)]
    item: ItemId,
    /// What there was then.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    seen: [u8; 16],
    #[n(2)]
    snoozed_until: Option<Timestamp>,
}

impl Node {
    /// Hand-offs in sight, the newest first.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for a pack; [`NodeError::Store`].
    pub fn handoffs(
        &self,
        now: Timestamp,
        filter: &HandoffFilter,
    ) -> Result<Vec<HandoffLine>, NodeError> {
        let packs = match &filter.packs {
            Some(packs) => packs.clone(),
            None => self.packs_with_handoffs(),
        };
        let read = self.read_handoffs()?;
        let mut lines = Vec::new();
        for pack in packs {
            let replica = self.packs.need(pack)?;
            let ids: Vec<ItemId> = replica.handoffs.keys().copied().collect();
            for id in ids {
                let built = match self.built_handoff(pack, id) {
                    Ok(built) => built,
                    Err(NodeError::Denied(_) | NodeError::NotFound(_) | NodeError::Damaged(_)) => {
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if filter.up_to.is_some_and(|up_to| built.sensitivity > up_to) {
                    continue;
                }
                let line = self.handoff_line(now, pack, &built, &read)?;
                let wanted = filter.states.is_empty() || filter.states.contains(&line.state);
                let open = filter.ended
                    || !filter.states.is_empty()
                    || !(line.state.is_terminal() || line.times.expired);
                if wanted && open {
                    lines.push(line);
                }
            }
        }
        lines.sort_by_key(|line| (std::cmp::Reverse(line.changed_at), line.id));
        Ok(lines)
    }

    /// What waits for this person: what is for them, what they have, and what they sent that is late,
    /// asks something or has ended since they last looked.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn inbox(&self, now: Timestamp) -> Result<Inbox, NodeError> {
        let all = HandoffFilter {
            ended: true,
            ..HandoffFilter::default()
        };
        let mut inbox = Inbox::default();
        for line in self.handoffs(now, &all)? {
            if !needs(&line) {
                continue;
            }
            match line.snoozed_until.is_some_and(|until| until > now) {
                true => inbox.snoozed += 1,
                false => inbox.lines.push(line),
            }
        }
        inbox.lines.sort_by_key(|line| {
            let late = line.times.any();
            let order = (line.side, std::cmp::Reverse((late, line.priority)));
            (order, line.changed_at, line.id)
        });
        Ok(inbox)
    }

    /// Keeps that this person has seen a hand-off as it stands; nobody else learns of it.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn mark_handoff(
        &mut self,
        pack: PackId,
        id: ItemId,
        read: bool,
        snoozed_until: Option<Timestamp>,
    ) -> Result<(), NodeError> {
        let built = self.built_handoff(pack, id)?;
        let seen = match read {
            true => state_of(&built),
            false => [0; 16],
        };
        let mut all: Vec<Read> = self.read_rows()?;
        all.retain(|of| of.item != id);
        all.push(Read {
            item: id,
            seen,
            snoozed_until,
        });
        let surplus = all.len().saturating_sub(READ_MAX);
        all.drain(..surplus);
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(READ, &codec::encode(&all))?;
        Ok(batch.commit()?)
    }

    fn read_rows(&self) -> Result<Vec<Read>, NodeError> {
        // What was read is no loss: what cannot be read is new again.
        let kept = crate::read_hint(&self.store, READ)?;
        Ok(kept
            .and_then(|bytes| codec::decode(&bytes, READ_BYTES_MAX).ok())
            .unwrap_or_default())
    }

    fn read_handoffs(&self) -> Result<BTreeMap<ItemId, Read>, NodeError> {
        let rows = self.read_rows()?.into_iter();
        Ok(rows.map(|of| (of.item, of)).collect())
    }

    /// Packs in which there are hand-offs, those that sleep too.
    fn packs_with_handoffs(&self) -> Vec<PackId> {
        let all = self.packs.ids().into_iter();
        let has = |pack: &PackId| self.packs.summary(pack).is_some_and(|of| of.handoffs > 0);
        all.filter(has).collect()
    }

    fn handoff_line(
        &self,
        now: Timestamp,
        pack: PackId,
        built: &BuiltHandoff,
        read: &BTreeMap<ItemId, Read>,
    ) -> Result<HandoffLine, NodeError> {
        let replica = self.packs.need(pack)?;
        let folded = built.fold(replica);
        let known = read.get(&built.item);
        let subject = folded
            .draft
            .subject
            .as_deref()
            .unwrap_or(&folded.draft.summary);
        let last = built.acts.iter().map(|act| act.at).max();
        Ok(HandoffLine {
            id: built.item,
            pack,
            sensitivity: built.sensitivity,
            state: folded.state,
            mode: folded.draft.mode,
            priority: folded.draft.priority,
            subject: subject
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(120)
                .collect(),
            reason_code: folded.draft.reason.code.clone(),
            from: self.sender(replica, built),
            to: self.party(replica, folded.to),
            holder: folded
                .holder
                .map(|(person, _)| self.name_of(replica, person)),
            provisional: folded.state.is_held() && !folded.confirmed,
            side: self.side(replica, built, &folded),
            unread: known.is_none_or(|of| of.seen != state_of(built)) && !self.is_only_mine(built),
            snoozed_until: known.and_then(|of| of.snoozed_until),
            times: Times::at(&folded, now),
            at: built.signed.at,
            changed_at: last.map_or(built.signed.at, |last| last.max(built.signed.at)),
            accept_by: folded.draft.sla.accept_by,
        })
    }

    /// Whether this person alone wrote all there is of it.
    fn is_only_mine(&self, built: &BuiltHandoff) -> bool {
        let me = self.me.person();
        let mine = |hand: &super::building::Hand, agent: bool| hand.person == me && !agent;
        mine(&built.hand, built.signed.agent.is_some())
            && built
                .acts
                .iter()
                .all(|act| mine(&act.hand, act.agent.is_some()))
    }

    pub(super) fn side(
        &self,
        replica: &crate::replica::Replica,
        built: &BuiltHandoff,
        folded: &Folded<'_>,
    ) -> Side {
        let me = self.me.person();
        let held = folded.holder.is_some_and(|(person, _)| person == me);
        let for_people = folded.to.is_human();
        if folded.state.is_held() && held {
            Side::Working
        } else if folded.state.awaits_acceptance()
            && for_people
            && self.receivers(replica, folded.to).contains(&me)
        {
            Side::Mine
        } else if built.hand.person == me {
            Side::Sent
        } else {
            Side::Others
        }
    }
}

/// Whether somebody has to look at it.
fn needs(line: &HandoffLine) -> bool {
    let open = !line.state.is_terminal() && !line.times.expired;
    match line.side {
        Side::Mine => open,
        Side::Working => true,
        Side::Sent => {
            line.times.any()
                || line.state == State::InputRequired
                || line.state == State::InReview
                || (line.unread && line.state.is_terminal())
        }
        Side::Others => line.state == State::InReview,
    }
}

/// Names what there is of a hand-off.
fn state_of(built: &BuiltHandoff) -> [u8; 16] {
    let told = |act: &&super::building::OpenedAct| {
        !matches!(
            act.act,
            kitbag_core::handoff::Act::Deliver | kitbag_core::handoff::Act::Confirm(_)
        )
    };
    let mut parts: Vec<&[u8]> = vec![b"hand-off read", built.created.as_bytes()];
    parts.extend(
        built
            .acts
            .iter()
            .filter(told)
            .map(|act| &act.hash.as_bytes()[..]),
    );
    Hash::of(HashLabel::Item, &parts).first_half()
}
