//! What a pack's rules say of a case, and what guards against hand-offs without end.

use super::BuiltHandoff;
use crate::replica::Replica;
use crate::{Denied, Node, NodeError};
use kitbag_core::escalation::{CaseFacts, Decision, Held, To, decide};
use kitbag_core::handoff::Draft;
use kitbag_core::id::{ItemId, PackId, Timestamp};

/// What is to be done with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesChecked {
    /// What: agent_resolves, notify, handoff, ask_approval or block.
    pub action: &'static str,
    /// The rule that decides.
    pub rule: Option<String>,
    /// Why, by a word.
    pub reason_code: Option<String>,
    /// To whom, as a hand-off takes it.
    pub to: Option<String>,
    /// How much it presses.
    pub priority: Option<&'static str>,
    /// By which template.
    pub template: Option<String>,
    /// In how many seconds somebody is to have taken it.
    pub accept_within: Option<u32>,
    /// All rules that fired.
    pub fired: Vec<String>,
    /// What holds a hand-off back.
    pub held: Option<Held>,
    /// Whether nobody is there now.
    pub waits: bool,
}

impl Node {
    /// What a pack's escalation rules say of a case. What is open already is counted here.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Denied`] while the rules cannot be read here.
    pub fn check_rules(
        &self,
        now: Timestamp,
        pack: PackId,
        mut facts: CaseFacts,
        agent: &str,
        context: Option<&str>,
    ) -> Result<RulesChecked, NodeError> {
        let replica = self.packs.need(pack)?;
        let rules = replica.release_rules().map_err(Denied::RulesUnreadable)?;
        let (open, active) = self.open_handoffs(replica, agent, context)?;
        facts.open_in_context = open;
        facts.active_of_agent = active;
        facts.now = Some(now);
        let decided = decide(&rules.escalation, &facts);
        Ok(self.told(replica, &decided))
    }

    fn told(&self, replica: &Replica, decided: &Decision<'_>) -> RulesChecked {
        let by = decided.by;
        RulesChecked {
            action: decided.action.as_str(),
            rule: by.map(|rule| rule.id.to_string()),
            reason_code: by
                .and_then(|rule| rule.reason_code.as_ref())
                .map(ToString::to_string),
            to: by.and_then(|rule| rule.to.as_ref()).map(|to| match to {
                To::Person(person) => format!("person:{}", self.name_of(replica, *person)),
                To::Team(team) => format!("team:{team}"),
                To::Role(role) => format!("role:{role}"),
            }),
            priority: by
                .and_then(|rule| rule.priority)
                .map(|priority| priority.as_str()),
            template: by
                .and_then(|rule| rule.template.as_ref())
                .map(ToString::to_string),
            accept_within: by.and_then(|rule| rule.accept_within),
            fired: decided
                .fired
                .iter()
                .map(|rule| rule.id.to_string())
                .collect(),
            held: decided.held,
            waits: decided.waits.is_some(),
        }
    }

    /// Whether a guard of a pack holds back one more hand-off of an agent of this person. Without a guard
    /// that says otherwise, one is open in a context that the agent names.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Denied`] while the rules cannot be read here.
    pub fn handoff_is_held(
        &self,
        pack: PackId,
        agent: &str,
        context: Option<&str>,
    ) -> Result<Option<Held>, NodeError> {
        let replica = self.packs.need(pack)?;
        let rules = replica.release_rules().map_err(Denied::RulesUnreadable)?;
        let (open, active) = self.open_handoffs(replica, agent, context)?;
        let guards = &rules.escalation.guards;
        let reached = |most: Option<u16>, are: u16| most.is_some_and(|most| are >= most);
        let in_context = guards
            .max_open_per_context
            .or(context.map(|_| OPEN_IN_CONTEXT));
        Ok(if reached(in_context, open) {
            Some(Held::OpenInContext)
        } else if reached(guards.max_active_per_agent, active) {
            Some(Held::ActiveOfAgent)
        } else {
            None
        })
    }

    /// A hand-off that is open and says the same, by the same agent of this person in the same context.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn same_handoff(
        &self,
        pack: PackId,
        agent: &str,
        context: Option<&str>,
        draft: &Draft,
    ) -> Result<Option<ItemId>, NodeError> {
        let replica = self.packs.need(pack)?;
        let texts = |draft: &Draft| -> Vec<(&'static str, String)> {
            let texts = draft.texts().into_iter();
            texts
                .map(|(field, text)| (field, text.to_owned()))
                .collect()
        };
        let wanted = texts(draft);
        let same = self.own_open(replica, agent)?.into_iter().find(|built| {
            let context = context.is_none_or(|context| built.head.context == context);
            context && built.draft.mode == draft.mode && texts(&built.draft) == wanted
        });
        Ok(same.map(|built| built.item))
    }

    /// Hand-offs of an agent of this person that are open: in a context, and in all.
    fn open_handoffs(
        &self,
        replica: &Replica,
        agent: &str,
        context: Option<&str>,
    ) -> Result<(u16, u16), NodeError> {
        let open = self.own_open(replica, agent)?;
        let here = |built: &&BuiltHandoff| Some(built.head.context.as_str()) == context;
        let count = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        Ok((count(open.iter().filter(here).count()), count(open.len())))
    }

    fn own_open(&self, replica: &Replica, agent: &str) -> Result<Vec<BuiltHandoff>, NodeError> {
        let ids: Vec<ItemId> = replica.handoffs.keys().copied().collect();
        let mut open = Vec::new();
        for id in ids {
            let built = match self.built_handoff(replica.id(), id) {
                Ok(built) => built,
                Err(NodeError::Denied(_) | NodeError::NotFound(_) | NodeError::Damaged(_)) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let by = built.signed.agent.as_ref().map(|agent| agent.name.as_str());
            let own = built.hand.person == self.me.person() && by == Some(agent);
            if own && !built.fold(replica).state.is_terminal() {
                open.push(built);
            }
        }
        Ok(open)
    }
}

/// Hand-offs that are open in one context, unless the pack's rules say another number: a second one
/// about the same thing is a loop.
const OPEN_IN_CONTEXT: u16 = 1;
