//! What an admin changes in rules, point by point.

use super::teams::{self, TeamChange, Teams};
use super::{Client, Limits, NamedField, NamedId, PackKind, Purposes, Rules, RulesError};
use crate::escalation::{EscalationRule, Guard, Name, ReasonCode};
use crate::pack::note::Pii;
use crate::policy::Sensitivity;
use crate::release::Destination;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of one point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// As it was.
    #[default]
    Keep,
    /// Not ruled any more.
    Clear,
    /// This.
    To(T),
}

impl<T: Clone> Setting<T> {
    fn onto(&self, before: &mut Option<T>) {
        match self {
            Setting::Keep => {}
            Setting::Clear => *before = None,
            Setting::To(value) => *before = Some(value.clone()),
        }
    }

    /// The same of what is never absent: not ruled is as good as none.
    fn onto_set(&self, before: &mut T)
    where
        T: Default,
    {
        match self {
            Setting::Keep => {}
            Setting::Clear => *before = T::default(),
            Setting::To(value) => *before = value.clone(),
        }
    }

    /// With another type inside.
    ///
    /// # Errors
    /// That of `map`.
    pub fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Setting<U>, E> {
        Ok(match self {
            Setting::Keep => Setting::Keep,
            Setting::Clear => Setting::Clear,
            Setting::To(value) => Setting::To(map(value)?),
        })
    }
}

/// A change of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesChange {
    /// Whether to begin from no rules, whatever there are: the way out where they cannot be read.
    pub replace: bool,
    /// Whether a person said that the pack's notes may go from one client to another.
    pub across_clients: bool,
    /// Whom the pack belongs to.
    pub client: Setting<Client>,
    /// What kind of pack it is.
    pub kind: Setting<PackKind>,
    /// The sensitivity of a note for which nobody says one.
    pub default_sensitivity: Setting<Sensitivity>,
    /// What may go where.
    pub limits: BTreeMap<Destination, LimitsChange>,
    /// Ids that count as personal data, all of them.
    pub ids: Setting<BTreeSet<NamedId>>,
    /// Fields whose values count as personal data, all of them.
    pub id_fields: Setting<BTreeSet<NamedField>>,
    /// Days that notes may be kept after they were captured.
    pub retention_days: Setting<u32>,
    /// When a case is handed over, all rules in their order.
    pub escalation: Setting<Vec<EscalationRule>>,
    /// Reason codes of the pack's own, all of them.
    pub reason_codes: Setting<BTreeSet<ReasonCode>>,
    /// What holds a hand-off back, all of it.
    pub guard: Setting<Guard>,
    /// All teams, in the place of those before.
    pub teams_anew: Option<Teams>,
    /// What becomes of single teams.
    pub teams: BTreeMap<Name, TeamChange>,
}

/// A change of what may go to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsChange {
    /// The highest sensitivity.
    pub max_sensitivity: Setting<Sensitivity>,
    /// The formats.
    pub formats: Setting<BTreeSet<String>>,
    /// The purposes.
    pub purposes: Setting<Purposes>,
    /// Kinds of personal data that need a consent.
    pub require_consent: Setting<BTreeSet<Pii>>,
    /// Whether personal data stays unless it is taken out.
    pub redact_pii: Setting<bool>,
}

impl RulesChange {
    /// Whether it says anew all that several records of escalation rules say.
    pub(super) fn sets_escalation(&self) -> bool {
        self.escalation != Setting::Keep
            && self.reason_codes != Setting::Keep
            && self.guard != Setting::Keep
    }

    /// The rules after the change.
    ///
    /// # Errors
    /// [`RulesError::Rule`] if they break one.
    pub fn of(&self, before: &Rules) -> Result<Rules, RulesError> {
        let mut rules = match self.replace {
            true => Rules::default(),
            false => before.clone(),
        };
        self.client.onto(&mut rules.client);
        self.kind.onto(&mut rules.kind);
        self.default_sensitivity
            .onto(&mut rules.default_sensitivity);
        for (destination, change) in &self.limits {
            change.onto(match destination {
                Destination::Export => &mut rules.export,
                Destination::Pack => &mut rules.pack,
                Destination::Agent => &mut rules.agent,
                Destination::Handoff => &mut rules.handoff,
            });
        }
        self.ids.onto_set(&mut rules.ids);
        self.id_fields.onto_set(&mut rules.id_fields);
        self.retention_days.onto(&mut rules.retention_days);
        self.escalation.onto_set(&mut rules.escalation);
        self.reason_codes.onto_set(&mut rules.reason_codes);
        self.guard.onto_set(&mut rules.guard);
        if let Some(anew) = &self.teams_anew {
            rules.teams.clone_from(anew);
        }
        for (name, change) in &self.teams {
            teams::change(&mut rules.teams, name, change)?;
        }
        rules.version = rules.lowest_version();
        rules.check()?;
        Ok(rules)
    }
}

impl LimitsChange {
    fn onto(&self, limits: &mut Limits) {
        self.max_sensitivity.onto(&mut limits.max_sensitivity);
        self.formats.onto(&mut limits.formats);
        self.purposes.onto(&mut limits.purposes);
        self.require_consent.onto_set(&mut limits.require_consent);
        match self.redact_pii {
            Setting::Keep => {}
            Setting::Clear => limits.redact_pii = false,
            Setting::To(redact) => limits.redact_pii = redact,
        }
    }
}
