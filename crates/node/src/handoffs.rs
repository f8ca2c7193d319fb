//! Hand-offs of a pack: drafted, acted on, shown.
//!
//! What an act may do is decided by the fold alone: before one is written, the fold is asked what it
//! would come to, so that what is refused here is what would be void everywhere. What a draft may cite
//! is decided by the release rules, for whom it is for.
//! Spec: `docs/spec/handoff.md`.

mod addressing;
mod building;
mod citing;
mod finishing;
mod listing;
mod owed;
mod showing;

pub(crate) use building::{BuiltHandoff, HandoffMeta, build_handoff, is_handoff};
pub use citing::{Cited, Citing, LeftOut};
pub use finishing::{Corrected, Correction, Finishing};
pub use listing::{HandoffFilter, HandoffLine, Inbox, Side};
pub use showing::{
    FactState, FactView, HandoffParty, HandoffView, OutcomeView, SaidView, StepView, WrongView,
};

use crate::pens::Pens;
use crate::replica::Staged;
use crate::write::Draft as EntryDraft;
use crate::{Node, NodeError};
use kitbag_core::content::{EntryBody, EntryKind};
use kitbag_core::handoff::draft::HANDOFF_VERSION;
use kitbag_core::handoff::{
    Act, Addressee, Agent, By, Draft, DraftError, Event, Head, Signed, State, Void,
};
use kitbag_core::id::{EntryHash, ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{Pii, item_id, object_tag};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::ItemKey;
use std::collections::BTreeSet;
use thiserror::Error;

/// Why something is not done about a hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandoffRefused {
    /// The fold would make nothing of it.
    #[error("{}", void(act, *why, *state, taken_by.as_deref()))]
    Void {
        /// What was to be done.
        act: &'static str,
        /// Why it would say nothing.
        why: Void,
        /// Where the hand-off stands.
        state: State,
        /// Who has it, if that is why.
        taken_by: Option<String>,
    },
    /// Somebody expected it to stand elsewhere.
    #[error("it is {state} by now, not {expected}")]
    MovedOn {
        /// Where it was to stand.
        expected: State,
        /// Where it stands.
        state: State,
    },
    /// Nobody of this pack is called so.
    #[error("{who} is not in this pack")]
    NotInPack {
        /// Whom it was to be for.
        who: String,
    },
    /// Several are.
    #[error("{who} may be any of {}", names.join(", "))]
    Ambiguous {
        /// Whom it was to be for.
        who: String,
        /// The names.
        names: Vec<String>,
    },
    /// They may not write here, and so cannot answer.
    #[error("{who} only reads in this pack ({role}), and so cannot answer")]
    CannotAnswer {
        /// Who.
        who: String,
        /// As what.
        role: Role,
    },
    /// They may not open it.
    #[error("{who} opens up to {clearance} here, and it is {sensitivity}")]
    CannotOpen {
        /// Who.
        who: String,
        /// Up to where.
        clearance: Sensitivity,
        /// Where the hand-off would stand.
        sensitivity: Sensitivity,
    },
    /// The team has no members here, or there is no such team.
    #[error("nobody in this pack is in the team {team}")]
    EmptyTeam {
        /// The team.
        team: String,
    },
    /// A text holds what the receiver may not see. By kind, never by value.
    #[error("{field} contains {}", kind_words(*kind))]
    Shows {
        /// Which text.
        field: &'static str,
        /// What it holds.
        kind: Pii,
    },
    /// Nothing that it cites may go there.
    #[error("nothing that it cites may be handed over: {why}")]
    NothingToCite {
        /// The rule, by its name.
        why: String,
    },
    /// A field of it breaks a limit.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

/// The kinds as a sentence names one.
pub(crate) fn kind_words(kind: Pii) -> &'static str {
    match kind {
        Pii::Name => "a name",
        Pii::Email => "a mail address",
        Pii::Phone => "a phone number",
        Pii::Address => "an address",
        Pii::DateOfBirth => "a date of birth",
        Pii::PaymentCard => "a payment method",
        Pii::BankAccount => "a bank account",
        Pii::NationalId => "a number given by a state",
        Pii::Health => "something about health",
        Pii::Location => "a place where somebody was",
        Pii::DeviceIdentifier => "an identifier of a device",
        Pii::Credential => "a password or key",
        Pii::Other => "personal data",
    }
}

fn void(act: &str, why: Void, state: State, taken_by: Option<&str>) -> String {
    let act = act.replace('_', " ");
    match why {
        Void::NotNow(_) => format!("it is {state}: {act} does not follow"),
        Void::TakenBy(_) => format!("{} has it already", taken_by.unwrap_or("somebody else")),
        Void::NotAuthor => format!("only whoever wrote the draft may {act} it"),
        Void::NotSender => format!("only the sender may {act} it"),
        Void::NotSenderNorOwner => format!("only the sender or an owner may {act} it"),
        Void::NotAddressee => format!("only whom it is for may {act} it"),
        Void::NotHolder => format!("only whoever took it may {act} it"),
        Void::NotHolderNorOwner => format!("only whoever took it, or an owner, may {act} it"),
        Void::PeopleOnly => format!("only a person may {act} it: it is for people"),
        Void::OwnDraft => "nobody reviews what they wrote themselves".to_owned(),
        Void::OtherVersion => "the draft is another by now".to_owned(),
        Void::NotApproved => "this pack asks for a person's yes before it is sent".to_owned(),
        Void::TooLate => "its own end has passed".to_owned(),
        Void::OtherMode => match act.as_str() {
            "decide" => "it asks for no decision".to_owned(),
            _ => "it asks for a decision: approve, edit, reject or respond".to_owned(),
        },
    }
}

impl From<HandoffRefused> for NodeError {
    fn from(refused: HandoffRefused) -> NodeError {
        NodeError::Handoff(Box::new(refused))
    }
}

impl From<DraftError> for NodeError {
    fn from(error: DraftError) -> NodeError {
        HandoffRefused::Draft(error).into()
    }
}

/// A hand-off to be drafted. Of the draft, what the device says itself is filled in: heads and privacy.
#[derive(Clone, Debug)]
pub struct NewHandoff {
    /// What it belongs to: a key of the sender's; its own id if absent.
    pub context: Option<String>,
    /// Earlier hand-offs that it continues.
    pub references: BTreeSet<ItemId>,
    /// Where it stands; the pack's default, or what the receiver opens if that is less, if absent.
    pub sensitivity: Option<Sensitivity>,
    /// What it says.
    pub draft: Draft,
}

impl Node {
    /// Writes a draft, and gives back its id.
    ///
    /// The texts of the draft have to be looked through for personal data before: a device that knows
    /// how does that.
    ///
    /// # Errors
    /// [`NodeError::Handoff`] for whom it is for, what it cites, or a field; [`NodeError::Denied`] if
    /// this person may not write there.
    pub fn draft_handoff(
        &mut self,
        now: Timestamp,
        pack: PackId,
        new: NewHandoff,
        agent: Option<Agent>,
    ) -> Result<(ItemId, Citing), NodeError> {
        let sensitivity = self.handoff_sensitivity(pack, &new.draft, new.sensitivity)?;
        let citing = self.cite(now, pack, new.draft, sensitivity)?;
        let mut salt = [0; 16];
        self.rng.fill_bytes(&mut salt);
        let (mut staged, mut pens) = (Staged::default(), Pens::default());
        self.open_pen(pack, sensitivity, &mut pens, &mut staged)?;
        let pen = pens.of(sensitivity).ok_or(NodeError::Damaged("log"))?;
        let id = item_id(pen.log, pen.next_seq(), &salt);
        let tag = object_tag(pack, id, sensitivity, 0);
        let head = Head {
            version: HANDOFF_VERSION,
            salt,
            context: new.context.unwrap_or_else(|| id.to_string()),
            references: new.references.into_iter().collect(),
        };
        head.check()?;
        let signed = Signed { at: now, agent };
        if let Some(agent) = &signed.agent {
            agent.check()?;
        }
        let body = EntryBody::Handoff {
            head,
            draft: Box::new(citing.draft.clone()),
            signed,
        };
        let item_key = ItemKey::generate(&mut *self.rng);
        let entry = EntryDraft {
            kind: EntryKind::Create,
            object: tag,
            deps: BTreeSet::new(),
            body: &body,
            item_key: &item_key,
        };
        self.append(pen, &entry)?;
        self.put_down_all(pens, &mut staged);
        self.commit(pack, staged)?;
        Ok((id, citing))
    }

    /// Says where a draft would stand and what it would cite, and writes nothing.
    ///
    /// # Errors
    /// As [`Node::draft_handoff`].
    pub fn plan_handoff(
        &self,
        now: Timestamp,
        pack: PackId,
        new: &NewHandoff,
        revise: Option<ItemId>,
    ) -> Result<(Sensitivity, Citing), NodeError> {
        let wanted = match revise {
            Some(id) => Some(self.built_handoff(pack, id)?.sensitivity),
            None => new.sensitivity,
        };
        let sensitivity = self.handoff_sensitivity(pack, &new.draft, wanted)?;
        let citing = self.cite(now, pack, new.draft.clone(), sensitivity)?;
        Ok((sensitivity, citing))
    }

    /// Texts of notes that this device opens and that stand above a hand-off: of what it cites first, then
    /// of the newest. So many notes and bytes at most.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn texts_above(
        &self,
        pack: PackId,
        at: Sensitivity,
        cited: &BTreeSet<ItemId>,
        notes_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<String>, NodeError> {
        let replica = self.packs.need(pack)?;
        let near: BTreeSet<ItemId> = cited
            .iter()
            .flat_map(|item| replica.originals_of(item))
            .chain(cited.iter().copied())
            .collect();
        let above = replica
            .in_sight()
            .filter(|(_, sensitivity)| *sensitivity > at);
        let mut above: Vec<_> = above
            .map(|(meta, _)| {
                let order = (
                    !near.contains(&meta.item),
                    std::cmp::Reverse(meta.captured_at),
                );
                (order, meta.item)
            })
            .collect();
        above.sort_unstable();
        let (mut texts, mut bytes) = (Vec::new(), 0);
        for (_, item) in above.into_iter().take(notes_max) {
            let Some(read) = self.note_to_read(pack, item)? else {
                continue;
            };
            let source = read.built.source(&read.view);
            let told = [source.uri, source.author, source.locator]
                .into_iter()
                .flatten();
            let all = [read.view.title, read.view.body, source.label]
                .into_iter()
                .chain(told);
            for text in all.filter(|text| !text.is_empty()) {
                bytes += text.len();
                texts.push(text);
            }
            if bytes > bytes_max {
                break;
            }
        }
        Ok(texts)
    }

    /// Writes a draft anew.
    ///
    /// # Errors
    /// As [`Node::draft_handoff`] and [`Node::act_on_handoff`].
    pub fn revise_handoff(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        draft: Draft,
        agent: Option<Agent>,
    ) -> Result<Citing, NodeError> {
        let built = self.built_handoff(pack, id)?;
        let at = self.handoff_sensitivity(pack, &draft, Some(built.sensitivity))?;
        let citing = self.cite(now, pack, draft, at)?;
        let act = Act::Revise(Box::new(citing.draft.clone()));
        self.act_on_handoff(now, pack, id, act, agent, None)?;
        Ok(citing)
    }

    /// Does something about a hand-off, if the fold would make something of it.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Handoff`] if the fold would make nothing of it, or if it
    /// stands elsewhere than `expected`; [`NodeError::Denied`] if this person may not write there.
    pub fn act_on_handoff(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        act: Act,
        agent: Option<Agent>,
        expected: Option<State>,
    ) -> Result<State, NodeError> {
        act.check()?;
        let signed = Signed { at: now, agent };
        let built = self.built_handoff(pack, id)?;
        self.may_act(pack, &built, &act, &signed, expected)?;
        let (mut staged, mut pens) = (Staged::default(), Pens::default());
        self.stage_act(pack, &built, act, signed, &mut pens, &mut staged)?;
        self.put_down_all(pens, &mut staged);
        self.commit(pack, staged)?;
        let replica = self.packs.need(pack)?;
        Ok(self.built_handoff(pack, id)?.fold(replica).state)
    }

    /// Sends a draft. What it cites is pinned and judged again first, so that what goes out is what may
    /// go now; then the version that goes is a new one if anything differs.
    ///
    /// # Errors
    /// As [`Node::revise_handoff`].
    pub fn submit_handoff(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        needs_approval: bool,
        agent: Option<Agent>,
    ) -> Result<(State, Citing), NodeError> {
        let built = self.built_handoff(pack, id)?;
        let replica = self.packs.need(pack)?;
        let folded = built.fold(replica);
        let (version, draft) = (folded.version, folded.draft.clone());
        let at = self.handoff_sensitivity(pack, &draft, Some(built.sensitivity))?;
        let citing = self.cite(now, pack, draft.clone(), at)?;
        let version = match same_but_for_pins(&citing.draft, &draft) {
            true => version,
            false => {
                let act = Act::Revise(Box::new(citing.draft.clone()));
                self.act_on_handoff(now, pack, id, act, agent.clone(), None)?;
                let built = self.built_handoff(pack, id)?;
                built.fold(self.packs.need(pack)?).version
            }
        };
        let act = Act::Submit {
            version,
            needs_approval,
        };
        let state = self.act_on_handoff(now, pack, id, act, agent, None)?;
        Ok((state, citing))
    }

    /// Whether the fold would make something of an act of this device now.
    pub(crate) fn may_act(
        &self,
        pack: PackId,
        built: &BuiltHandoff,
        act: &Act,
        signed: &Signed,
        expected: Option<State>,
    ) -> Result<(), NodeError> {
        let replica = self.packs.need(pack)?;
        let state = built.fold(replica).state;
        if let Some(expected) = expected.filter(|expected| *expected != state) {
            return Err(HandoffRefused::MovedOn { expected, state }.into());
        }
        if let Some(agent) = &signed.agent {
            agent.check()?;
        }
        let member = replica.policy.member(&self.me.person());
        let role = member.map_or(Role::Reader, |member| member.role());
        let deps: Vec<EntryHash> = built.frontier().into_iter().collect();
        let next = EntryHash::from_bytes([0xff; 32]);
        let by = By {
            person: self.me.person(),
            role,
            agent: signed.agent.as_ref().map(|agent| agent.name.as_str()),
        };
        let event = Event {
            hash: next,
            deps: &deps,
            by,
            at: signed.at,
            act,
        };
        let after = built.fold_with(replica, [event]);
        match after.is_void(&next) {
            None => Ok(()),
            Some(why) => {
                let taken_by = match why {
                    Void::TakenBy(person) => Some(self.name_of(replica, person)),
                    _ => None,
                };
                Err(HandoffRefused::Void {
                    act: act.name(),
                    why,
                    state,
                    taken_by,
                }
                .into())
            }
        }
    }

    /// Appends an act; its pen is opened.
    pub(crate) fn stage_act(
        &mut self,
        pack: PackId,
        built: &BuiltHandoff,
        act: Act,
        signed: Signed,
        pens: &mut Pens,
        staged: &mut Staged,
    ) -> Result<EntryHash, NodeError> {
        self.open_pen(pack, built.sensitivity, pens, staged)?;
        let pen = pens
            .of(built.sensitivity)
            .ok_or(NodeError::Damaged("log"))?;
        let body = EntryBody::HandoffAct { act, signed };
        let entry = EntryDraft {
            kind: EntryKind::Edit,
            object: built.tag,
            deps: built.frontier(),
            body: &body,
            item_key: &built.item_key,
        };
        self.append(pen, &entry)
    }

    /// A hand-off put together, if this person may see it.
    pub(crate) fn built_handoff(
        &self,
        pack: PackId,
        id: ItemId,
    ) -> Result<BuiltHandoff, NodeError> {
        let replica = self.packs.need(pack)?;
        let not_found = || NodeError::NotFound("hand-off");
        let tag = *replica.handoffs.get(&id).ok_or_else(not_found)?;
        let object = replica.objects.get(&tag).ok_or_else(not_found)?;
        if !replica.sees(object.sensitivity) {
            return Err(crate::Denied::AboveClearance.into());
        }
        let built = build_handoff(replica, &self.store, tag, &mut vec![])?;
        built.ok_or(NodeError::Damaged("hand-off"))
    }

    /// Hand-offs in sight whose id begins with this text, in all packs.
    pub fn handoffs_called(&self, prefix: &str) -> Vec<(PackId, ItemId)> {
        let lower = prefix.to_ascii_lowercase();
        if lower.is_empty() {
            return vec![];
        }
        let packs = self.packs.that_may_hold(&lower);
        let replicas = packs.iter().filter_map(|pack| self.packs.get(pack));
        let mut found = Vec::new();
        for replica in replicas {
            let sight = replica.sight();
            let called = replica.handoffs.iter().filter(|(id, tag)| {
                let object = replica.objects.get(*tag);
                object.is_some_and(|object| sight[object.sensitivity as usize])
                    && id.to_string().starts_with(&lower)
            });
            found.extend(called.map(|(id, _)| (replica.id(), *id)));
        }
        found
    }
}

/// Whether two drafts say the same, up to the heads of what they cite.
fn same_but_for_pins(one: &Draft, other: &Draft) -> bool {
    let unpinned = |draft: &Draft| {
        let mut draft = draft.clone();
        for fact in &mut draft.facts {
            fact.heads = Default::default();
        }
        if let Addressee::Team { members, .. } = &mut draft.to {
            members.clear();
        }
        draft
    };
    unpinned(one) == unpinned(other)
}
