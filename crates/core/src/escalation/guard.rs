//! Guards: what holds a hand-off back that rules ask for, so that no loop fills a person's inbox.

use super::{EscalationError, holds};
use crate::id::Timestamp;
use crate::pack::note::{UnknownWord, words};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Minutes from UTC, at most, either way: no place on earth is further.
const OFFSET_MAX: i16 = 14 * 60;
const MINUTE_MILLIS: u64 = 60_000;

/// What one record says about guards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Guard {
    /// Open hand-offs in one context, at most.
    #[n(0)]
    pub max_open_per_context: Option<u16>,
    /// Open hand-offs of one agent, at most.
    #[n(1)]
    pub max_active_per_agent: Option<u16>,
    /// What becomes of a hand-off out of hours.
    #[n(2)]
    pub off_hours: Option<OffHours>,
    /// When somebody is there.
    #[n(3)]
    pub hours: Option<Hours>,
}

words! {
    /// What becomes of a hand-off out of hours.
    OffHours, "word for out of hours" {
        /// It is opened, and waits.
        Queue: 0 = "queue",
    }
}

/// Days of the week, and from when to when on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Hours {
    /// Which days.
    #[n(0)]
    pub days: Days,
    /// The minute of the day at which they begin.
    #[n(1)]
    pub from: u16,
    /// The minute at which they end.
    #[n(2)]
    pub to: u16,
    /// Minutes that the place is before UTC.
    #[cbor(n(3), with = "from_the_last_place")]
    pub offset: i16,
}

/// An offset as minutes after the place that is furthest behind, since no record has negative numbers.
mod from_the_last_place {
    use super::OFFSET_MAX;
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    pub(super) fn encode<C, W: Write>(
        offset: &i16,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let after = u16::try_from(offset.saturating_add(OFFSET_MAX)).unwrap_or(u16::MAX);
        e.u16(after)?.ok()
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<i16, DecodeError> {
        let after = i16::try_from(d.u16()?).unwrap_or(i16::MAX);
        Ok(after - OFFSET_MAX)
    }
}

/// Days of the week as bits: Monday is 1, Sunday 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Days(#[n(0)] pub u8);

impl Days {
    /// Their words, Monday first.
    pub const WORDS: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// Whether this day is one, Monday being 0.
    pub const fn has(self, day: u8) -> bool {
        day < 7 && self.0 & (1 << day) != 0
    }

    /// Their words.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        (0u8..)
            .zip(Self::WORDS)
            .filter(move |(day, _)| self.has(*day))
            .map(|(_, word)| word)
    }
}

impl Guard {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Guard::default()
    }

    pub(super) fn check(&self) -> Result<(), EscalationError> {
        let counts = [self.max_open_per_context, self.max_active_per_agent];
        holds(
            counts.into_iter().flatten().all(|most| most > 0),
            "a guard that lets no hand-off through is no guard: from 1",
        )?;
        let Some(hours) = &self.hours else {
            return holds(
                self.off_hours.is_none(),
                "a guard that says what is done out of hours says the hours",
            );
        };
        holds(
            (1..128).contains(&hours.days.0),
            "hours have at least one day of the week",
        )?;
        holds(
            hours.from < hours.to && hours.to <= DAY,
            "hours begin before they end, on one day",
        )?;
        holds(
            (-OFFSET_MAX..=OFFSET_MAX).contains(&hours.offset),
            "hours are at most 14 hours from UTC",
        )
    }
}

impl Hours {
    /// Whether this moment is within them.
    fn has(&self, at: Timestamp) -> bool {
        let (day, minute) = self.day_and_minute(at);
        self.days.has(day) && (self.from..self.to).contains(&minute)
    }

    /// Day of the week, Monday being 0, and minute of the day, there.
    fn day_and_minute(&self, at: Timestamp) -> (u8, u16) {
        let minutes = i128::from(at.as_millis() / MINUTE_MILLIS) + i128::from(self.offset);
        let days = minutes.div_euclid(i128::from(DAY));
        let minute = minutes.rem_euclid(i128::from(DAY));
        // The first of January 1970 was a Thursday.
        let day = (days + 3).rem_euclid(7);
        (
            u8::try_from(day).expect("less than seven"),
            u16::try_from(minute).expect("less than a day"),
        )
    }

    /// When they begin next: the first moment from `at` on that is within them.
    fn next(&self, at: Timestamp) -> Timestamp {
        if self.has(at) {
            return at;
        }
        let (day, minute) = self.day_and_minute(at);
        let begins = |ahead: &u64| {
            let then = u8::try_from((u64::from(day) + ahead) % 7).expect("less than seven");
            self.days.has(then) && (*ahead > 0 || minute < self.from)
        };
        // Seven days ahead is the same day of the week.
        let ahead = (0..=7).find(begins).unwrap_or(7);
        let midnight =
            at.as_millis() / MINUTE_MILLIS - u64::from(minute).min(at.as_millis() / MINUTE_MILLIS);
        let minutes = midnight + ahead * u64::from(DAY) + u64::from(self.from);
        Timestamp::from_millis(minutes.saturating_mul(MINUTE_MILLIS))
    }
}

/// Guards as they are in force: of all acts that count together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// Open hand-offs in one context, at most.
    pub max_open_per_context: Option<u16>,
    /// Open hand-offs of one agent, at most.
    pub max_active_per_agent: Option<u16>,
    /// What becomes of a hand-off out of hours.
    pub off_hours: Option<OffHours>,
    /// Somebody is there when all of these say so.
    pub hours: BTreeSet<Hours>,
}

/// How often the beginning of hours is looked for, where several have to meet: two weeks of each.
const MEETINGS_MAX: usize = 64;

impl Guards {
    pub(super) fn and(&self, other: &Guards) -> Guards {
        let least = |a: Option<u16>, b: Option<u16>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
        Guards {
            max_open_per_context: least(self.max_open_per_context, other.max_open_per_context),
            max_active_per_agent: least(self.max_active_per_agent, other.max_active_per_agent),
            off_hours: self.off_hours.max(other.off_hours),
            hours: &self.hours | &other.hours,
        }
    }

    /// When a hand-off of this moment finds somebody: none if it does at once; the inner is none where
    /// hours never meet.
    pub(super) fn waits_until(&self, now: Timestamp) -> Option<Option<Timestamp>> {
        self.off_hours?;
        if self.hours.iter().all(|hours| hours.has(now)) {
            return None;
        }
        let mut at = now;
        for _ in 0..MEETINGS_MAX {
            let next = self.hours.iter().map(|hours| hours.next(at)).max()?;
            if self.hours.iter().all(|hours| hours.has(next)) {
                return Some(Some(next));
            }
            at = next;
        }
        Some(None)
    }

    /// What one record says of them: of several hours the first.
    pub fn one(&self) -> Guard {
        Guard {
            max_open_per_context: self.max_open_per_context,
            max_active_per_agent: self.max_active_per_agent,
            off_hours: self.off_hours,
            hours: self.hours.first().copied(),
        }
    }
}

impl From<Guard> for Guards {
    fn from(guard: Guard) -> Guards {
        Guards {
            max_open_per_context: guard.max_open_per_context,
            max_active_per_agent: guard.max_active_per_agent,
            off_hours: guard.off_hours,
            hours: guard.hours.into_iter().collect(),
        }
    }
}
