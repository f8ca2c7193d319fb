//! A hand-off as people and programs see it.

use super::listing::Side;
use super::{BuiltHandoff, HandoffRefused};
use crate::finding::ReadNote;
use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::handoff::act::{Agent, Feedback};
use kitbag_core::handoff::draft::Heads;
use kitbag_core::handoff::fold::Times;
use kitbag_core::handoff::{
    Act, Addressee, Decision, Disposition, Draft, Folded, NextStep, Outcome, Signed, State, Void,
};
use kitbag_core::id::{EntryHash, ItemId, PackId, PersonId, Timestamp};
use kitbag_core::pack::NoteView;
use kitbag_core::policy::{Role, Sensitivity};

/// One side of a hand-off. The names are untrusted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffParty {
    /// `person`, `team`, `role` or `agent`.
    pub kind: &'static str,
    /// What people call it.
    pub name: String,
    /// The person, if it is one, or whose agent it is.
    pub person: Option<String>,
    /// The persons that it is, as far as they are known here.
    pub persons: Vec<PersonId>,
}

/// What became of a note since it was cited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactState {
    /// Nothing.
    Same,
    /// It was edited.
    Changed,
    /// Another stands in its place.
    Superseded,
    /// Its content was taken out.
    Redacted,
    /// It was deleted.
    Deleted,
    /// It is not here, or not for this person.
    Gone,
}

impl FactState {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Superseded => "superseded",
            Self::Redacted => "redacted",
            Self::Deleted => "deleted",
            Self::Gone => "gone",
        }
    }
}

/// A cited note, beside what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactView {
    /// What is said.
    pub text: String,
    /// The note.
    pub item: ItemId,
    /// Its own words, as they were quoted.
    pub quote: Option<String>,
    /// Its title now, if it is here.
    pub title: Option<String>,
    /// Its source label.
    pub source: Option<String>,
    /// What became of it since.
    pub state: FactState,
    /// What stands in its place.
    pub superseded_by: Vec<ItemId>,
    /// Its text when it was cited, if it was edited since and that can still be told.
    pub was: Option<String>,
    /// Its text now, if it was edited since.
    pub is: Option<String>,
}

/// Something that one side said to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidView {
    /// Who.
    pub by: String,
    /// The agent, if one did.
    pub agent: Option<String>,
    /// When, by their clock.
    pub at: Timestamp,
    /// Whether it answers.
    pub answers: bool,
    /// What.
    pub text: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeView {
    /// By whom.
    pub by: String,
    /// When, by their clock.
    pub at: Timestamp,
    /// In a word.
    pub disposition: Disposition,
    /// In words.
    pub notes: String,
    /// What was wrong, with what stands in its place.
    pub corrections: Vec<WrongView>,
    /// What was written beside that.
    pub new_items: Vec<ItemId>,
    /// What is still to be done.
    pub follow_up: Option<NextStep>,
    /// How good the hand-off was.
    pub feedback: Feedback,
}

/// A note that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongView {
    /// The note.
    pub item: ItemId,
    /// What stands in its place.
    pub by: ItemId,
    /// What that says, if it is here for this person.
    pub text: Option<String>,
}

/// Something that was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepView {
    /// What.
    pub act: &'static str,
    /// Who.
    pub by: String,
    /// The agent, if one did.
    pub agent: Option<Agent>,
    /// When, by their clock.
    pub at: Timestamp,
    /// Why it says nothing, if it does not: a word, and a sentence.
    pub void: Option<(&'static str, String)>,
    /// What was said with it.
    pub text: Option<String>,
}

/// A hand-off in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffView {
    /// Its id.
    pub id: ItemId,
    /// Its pack.
    pub pack: PackId,
    /// Where it stands at.
    pub sensitivity: Sensitivity,
    /// What it belongs to.
    pub context: String,
    /// Earlier ones that it continues.
    pub references: Vec<ItemId>,
    /// Where it stands.
    pub state: State,
    /// Whether it ended without an answer, or is late.
    pub times: Times,
    /// From whom.
    pub from: HandoffParty,
    /// The agent that wrote it, if one did.
    pub agent: Option<Agent>,
    /// To whom now.
    pub to: HandoffParty,
    /// Who has it.
    pub holder: Option<String>,
    /// Whether nobody of the sender's side has seen that yet.
    pub provisional: bool,
    /// Who has to see to it.
    pub responsible: String,
    /// Whose turn it is.
    pub side: Side,
    /// What it says.
    pub draft: Draft,
    /// Which version of the draft that is.
    pub version: EntryHash,
    /// Whether somebody approved that version.
    pub approved: bool,
    /// What it cites.
    pub facts: Vec<FactView>,
    /// Questions and answers.
    pub said: Vec<SaidView>,
    /// How it ended.
    pub outcome: Option<OutcomeView>,
    /// What was decided, and in which words.
    pub decision: Option<(Decision, String)>,
    /// What stands in its place.
    pub superseded_by: Option<ItemId>,
    /// What was done, in order.
    pub steps: Vec<StepView>,
    /// What this person may do now.
    pub may: Vec<&'static str>,
    /// When it was written.
    pub at: Timestamp,
    /// When it was sent.
    pub submitted_at: Option<Timestamp>,
    /// When it was taken.
    pub accepted_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Acts that wait for something else.
    pub waiting: u64,
}

impl Node {
    /// A hand-off in full, with what became of everything that it cites.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Denied`] above the own clearance; [`NodeError::Store`].
    pub fn handoff(
        &self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
    ) -> Result<HandoffView, NodeError> {
        let built = self.built_handoff(pack, id)?;
        let replica = self.packs.need(pack)?;
        let folded = built.fold(replica);
        let at_of = |hash: &EntryHash| built.act(hash).map(|act| act.at);
        let mut facts = Vec::new();
        for fact in &folded.draft.facts {
            let read = self.note_to_read(pack, fact.item)?;
            let mut view = FactView {
                text: fact.text.clone(),
                item: fact.item,
                quote: fact.quote.clone(),
                title: None,
                source: None,
                state: FactState::Gone,
                superseded_by: vec![],
                was: None,
                is: None,
            };
            if let Some(read) = read {
                tell_fact(replica, &mut view, &read, &fact.heads);
            }
            facts.push(view);
        }
        let holder = folded
            .holder
            .map(|(person, _)| self.name_of(replica, person));
        let from = self.sender(replica, &built);
        let responsible = match &holder {
            Some(holder) if !folded.is_with_sender() => holder.clone(),
            _ => from.name.clone(),
        };
        let mut view = HandoffView {
            id,
            pack,
            sensitivity: built.sensitivity,
            context: built.head.context.clone(),
            references: built.head.references.clone(),
            state: folded.state,
            times: Times::at(&folded, now),
            from,
            agent: built.signed.agent.clone(),
            to: self.party(replica, folded.to),
            holder,
            provisional: folded.state.is_held() && !folded.confirmed,
            responsible,
            side: self.side(replica, &built, &folded),
            draft: folded.draft.clone(),
            version: folded.version,
            approved: folded.approved == Some(folded.version),
            facts,
            said: self.said(replica, &built, &folded),
            outcome: self.outcome(replica, &built, &folded)?,
            decision: folded
                .decision
                .map(|(decision, text)| (decision, text.to_owned())),
            superseded_by: folded.superseded_by,
            steps: self.steps(replica, &built, &folded),
            may: vec![],
            at: built.signed.at,
            submitted_at: folded.submitted.as_ref().and_then(at_of),
            accepted_at: folded.holder.and_then(|(_, accept)| at_of(&accept)),
            ended_at: folded.ended.as_ref().and_then(at_of),
            waiting: built.waiting,
        };
        view.may = self.may_now(now, pack, &built, folded.version)?;
        Ok(view)
    }

    /// What this person may do: what the fold would make something of.
    fn may_now(
        &self,
        now: Timestamp,
        pack: PackId,
        built: &BuiltHandoff,
        version: EntryHash,
    ) -> Result<Vec<&'static str>, NodeError> {
        let replica = self.packs.need(pack)?;
        if !replica
            .policy
            .may_write(&self.me.person(), built.sensitivity)
        {
            return Ok(vec![]);
        }
        let words = String::new;
        let acts = [
            Act::Accept,
            Act::Reject(words()),
            Act::Start,
            Act::Ask(words()),
            Act::Answer(words()),
            Act::Reassign {
                to: Addressee::Role(Role::Admin),
                reason: words(),
            },
            Act::Complete(Box::new(Outcome::new(Disposition::Resolved))),
            Act::Decide {
                decision: Decision::Approve,
                text: words(),
            },
            Act::Revise(Box::new(built.draft.clone())),
            Act::RequestReview(version),
            Act::ApproveDraft(version),
            Act::ReturnDraft {
                version,
                reason: words(),
            },
            Act::Submit {
                version,
                needs_approval: false,
            },
            Act::Cancel(words()),
            Act::Supersede(built.item),
        ];
        let signed = Signed {
            at: now,
            agent: None,
        };
        let mut may = Vec::new();
        for act in &acts {
            match self.may_act(pack, built, act, &signed, None) {
                Ok(()) => may.push(act.name()),
                Err(NodeError::Handoff(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(may)
    }

    /// How people call whom a hand-off is for.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn handoff_party(&self, pack: PackId, to: &Addressee) -> Result<HandoffParty, NodeError> {
        Ok(self.party(self.packs.need(pack)?, to))
    }

    pub(super) fn sender(&self, replica: &Replica, built: &BuiltHandoff) -> HandoffParty {
        let person = self.name_of(replica, built.hand.person);
        match &built.signed.agent {
            Some(agent) => HandoffParty {
                kind: "agent",
                name: agent.name.clone(),
                person: Some(person),
                persons: vec![built.hand.person],
            },
            None => HandoffParty {
                kind: "person",
                name: person.clone(),
                person: Some(person),
                persons: vec![built.hand.person],
            },
        }
    }

    pub(super) fn party(&self, replica: &Replica, to: &Addressee) -> HandoffParty {
        let persons: Vec<PersonId> = self.receivers(replica, to).into_iter().collect();
        match to {
            Addressee::Person(person) => HandoffParty {
                kind: "person",
                name: self.name_of(replica, *person),
                person: Some(self.name_of(replica, *person)),
                persons,
            },
            Addressee::Team { name, .. } => HandoffParty {
                kind: "team",
                name: name.clone(),
                person: None,
                persons,
            },
            Addressee::Role(role) => HandoffParty {
                kind: "role",
                name: match role {
                    Role::Admin => "owner".to_owned(),
                    role => role.as_str().to_owned(),
                },
                person: None,
                persons,
            },
            Addressee::Agent { person, name } => HandoffParty {
                kind: "agent",
                name: name.clone(),
                person: Some(self.name_of(replica, *person)),
                persons,
            },
        }
    }

    fn said(&self, replica: &Replica, built: &BuiltHandoff, folded: &Folded<'_>) -> Vec<SaidView> {
        let said = folded.said.iter().filter_map(|said| {
            let act = built.act(&said.hash)?;
            let (Act::Ask(text) | Act::Answer(text)) = &act.act else {
                return None;
            };
            Some(SaidView {
                by: self.name_of(replica, act.hand.person),
                agent: act.agent.as_ref().map(|agent| agent.name.clone()),
                at: act.at,
                answers: said.answers,
                text: text.clone(),
            })
        });
        said.collect()
    }

    fn outcome(
        &self,
        replica: &Replica,
        built: &BuiltHandoff,
        folded: &Folded<'_>,
    ) -> Result<Option<OutcomeView>, NodeError> {
        let ended = folded.ended.as_ref().and_then(|hash| built.act(hash));
        let (Some(outcome), Some(act)) = (folded.outcome, ended) else {
            return Ok(None);
        };
        let mut corrections = Vec::new();
        for (item, by) in &outcome.corrections {
            let read = self.note_to_read(replica.id(), *by)?;
            corrections.push(WrongView {
                item: *item,
                by: *by,
                text: read.map(|read| read.view.body),
            });
        }
        Ok(Some(OutcomeView {
            by: self.name_of(replica, act.hand.person),
            at: act.at,
            disposition: outcome.disposition,
            notes: outcome.notes.clone(),
            corrections,
            new_items: outcome.new_items.clone(),
            follow_up: outcome.follow_up.clone(),
            feedback: outcome.feedback.clone(),
        }))
    }

    fn steps(&self, replica: &Replica, built: &BuiltHandoff, folded: &Folded<'_>) -> Vec<StepView> {
        let first = StepView {
            act: "draft",
            by: self.name_of(replica, built.hand.person),
            agent: built.signed.agent.clone(),
            at: built.signed.at,
            void: None,
            text: None,
        };
        let acts = folded.order.iter().filter_map(|hash| {
            let act = built.act(hash)?;
            let void = folded.is_void(hash).map(|why| {
                let refused = HandoffRefused::Void {
                    act: act.act.name(),
                    why,
                    state: folded.state,
                    taken_by: match why {
                        Void::TakenBy(person) => Some(self.name_of(replica, person)),
                        _ => None,
                    },
                };
                (why.as_str(), refused.to_string())
            });
            let text = match &act.act {
                Act::Reject(text)
                | Act::Cancel(text)
                | Act::Ask(text)
                | Act::Answer(text)
                | Act::ReturnDraft { reason: text, .. }
                | Act::Reassign { reason: text, .. }
                | Act::Decide { text, .. } => Some(text.clone()),
                Act::Complete(outcome) => Some(outcome.notes.clone()),
                _ => None,
            };
            Some(StepView {
                act: act.act.name(),
                by: self.name_of(replica, act.hand.person),
                agent: act.agent.clone(),
                at: act.at,
                void,
                text: text.filter(|text| !text.is_empty()),
            })
        });
        std::iter::once(first).chain(acts).collect()
    }
}

fn tell_fact(replica: &Replica, view: &mut FactView, read: &ReadNote, pinned: &Heads) {
    use kitbag_core::pack::note::Status;
    let now = super::citing::heads(read);
    view.title = Some(read.view.title.clone());
    view.source = Some(read.built.source(&read.view).label);
    view.superseded_by = replica.readable(&read.view.superseded_by);
    view.state = if read.view.is_redacted() {
        FactState::Redacted
    } else if read.view.status == Status::Archived {
        FactState::Deleted
    } else if read.view.status == Status::Superseded {
        FactState::Superseded
    } else if now != *pinned {
        FactState::Changed
    } else {
        FactState::Same
    };
    if view.state == FactState::Changed {
        let was = read.built.document.as_ref().and_then(|document| {
            let base = [document.base()];
            let heads = match pinned.as_slice() {
                [] => &base[..],
                heads => heads,
            };
            document.view_at(heads).ok()
        });
        view.was = was.map(|was| text_of(&was));
        view.is = Some(text_of(&read.view));
    }
}

fn text_of(view: &NoteView) -> String {
    match view.title.is_empty() {
        true => view.body.clone(),
        false => format!("{}\n{}", view.title, view.body),
    }
}
