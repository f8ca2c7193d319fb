//! Teams that a pack names, and how the youngest fields of rules are written: not at all where empty.
//!
//! A team says who is addressed. It opens nothing: who can read is decided by grants and clearance.
//! Spec: `docs/spec/escalation.md`.

use super::{RulesError, rule};
use crate::escalation::Name;
use crate::id::PersonId;
use std::collections::{BTreeMap, BTreeSet};

/// Teams in one set of rules, at most.
pub const TEAMS_MAX: usize = 16;
/// Teams of several sets of rules together, at most.
pub const TEAMS_TOGETHER_MAX: usize = 4 * TEAMS_MAX;
/// Persons in one team, at most: together they have to fit a record.
pub const TEAM_PERSONS_MAX: usize = 64;

/// Teams by name, with their persons.
pub type Teams = BTreeMap<Name, BTreeSet<PersonId>>;

/// What becomes of one team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TeamChange {
    /// It is made, of these.
    Create(BTreeSet<PersonId>),
    /// These come in.
    Add(BTreeSet<PersonId>),
    /// These go.
    Remove(BTreeSet<PersonId>),
    /// It is not any more.
    Delete,
}

/// The teams of both, each with the persons of each.
pub(super) fn and(a: &Teams, b: &Teams) -> Teams {
    let mut both = a.clone();
    for (name, persons) in b {
        both.entry(name.clone())
            .or_default()
            .extend(persons.iter().copied());
    }
    both
}

pub(super) fn check(teams: &Teams) -> Result<(), RulesError> {
    rule(teams.len() <= TEAMS_MAX, "at most 16 teams")?;
    teams.keys().try_for_each(Name::check)?;
    rule(
        teams.values().all(|all| all.len() <= TEAM_PERSONS_MAX),
        "at most 64 persons in a team",
    )
}

pub(super) fn change(
    teams: &mut Teams,
    name: &Name,
    change: &TeamChange,
) -> Result<(), RulesError> {
    let none = RulesError::Rule("the pack has no team of this name");
    match change {
        TeamChange::Create(persons) => {
            rule(
                !teams.contains_key(name),
                "the pack has a team of this name already",
            )?;
            teams.insert(name.clone(), persons.clone());
        }
        TeamChange::Add(persons) => teams.get_mut(name).ok_or(none)?.extend(persons),
        TeamChange::Remove(persons) => {
            teams
                .get_mut(name)
                .ok_or(none)?
                .retain(|one| !persons.contains(one));
        }
        TeamChange::Delete => {
            teams.remove(name).ok_or(none)?;
        }
    }
    Ok(())
}

/// Teams as a list of pairs, ascending: keys of a map that are texts would be ordered by their length.
pub(super) mod or_absent {
    use super::Teams;
    use minicbor::decode::{Decode, Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    pub(in crate::policy::rules) fn encode<C, W: Write>(
        teams: &Teams,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let pairs: Vec<_> = teams.iter().collect();
        e.encode_with(pairs, ctx)?;
        Ok(())
    }

    pub(in crate::policy::rules) fn decode<C>(
        d: &mut Decoder<'_>,
        ctx: &mut C,
    ) -> Result<Teams, DecodeError> {
        Ok(Vec::decode(d, ctx)?.into_iter().collect())
    }

    pub(in crate::policy::rules) fn is_nil(teams: &Teams) -> bool {
        teams.is_empty()
    }

    pub(in crate::policy::rules) fn nil() -> Option<Teams> {
        Some(Teams::new())
    }
}

/// A list that is left out of a record if it is empty.
pub(super) mod listed {
    use minicbor::decode::{Decode, Decoder, Error as DecodeError};
    use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

    pub(in crate::policy::rules) fn encode<T: Encode<C>, C, W: Write>(
        all: &Vec<T>,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        all.encode(e, ctx)
    }

    pub(in crate::policy::rules) fn decode<'b, T: Decode<'b, C>, C>(
        d: &mut Decoder<'b>,
        ctx: &mut C,
    ) -> Result<Vec<T>, DecodeError> {
        Vec::decode(d, ctx)
    }

    pub(in crate::policy::rules) fn is_nil<T>(all: &[T]) -> bool {
        all.is_empty()
    }

    pub(in crate::policy::rules) fn nil<T>() -> Option<Vec<T>> {
        Some(Vec::new())
    }
}

/// Guards that are left out of a record if they say nothing.
pub(super) mod guard {
    use crate::escalation::Guard;
    use minicbor::decode::{Decode, Decoder, Error as DecodeError};
    use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

    pub(in crate::policy::rules) fn encode<C, W: Write>(
        guard: &Guard,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        guard.encode(e, ctx)
    }

    pub(in crate::policy::rules) fn decode<C>(
        d: &mut Decoder<'_>,
        ctx: &mut C,
    ) -> Result<Guard, DecodeError> {
        Guard::decode(d, ctx)
    }

    pub(in crate::policy::rules) fn is_nil(guard: &Guard) -> bool {
        guard.is_empty()
    }

    pub(in crate::policy::rules) fn nil() -> Option<Guard> {
        Some(Guard::default())
    }
}
