//! Which terminals have an unlocked session, for how long.
//!
//! In memory alone: a daemon that ends takes them with it. A session lasts ten minutes by both clocks
//! that the machine has, so that a laptop that slept wakes without one.

use crate::terminal::Terminal;
use kitbag_engine::SESSION_MILLIS;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Terminals with a session, at most; the one that ends first makes room.
const OPEN_MAX: usize = 64;

/// Whether a request of a person comes from where somebody proved to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// This device needs none.
    NotNeeded,
    /// There is one.
    Open,
    /// There is none.
    Closed,
}

impl Session {
    /// Whether what needs one may be done.
    pub(crate) const fn is_enough(self) -> bool {
        !matches!(self, Session::Closed)
    }
}

/// Those of one daemon.
#[derive(Default)]
pub(crate) struct Sessions {
    needed: AtomicBool,
    open: Mutex<BTreeMap<Terminal, Opened>>,
}

/// When a session was opened, by the clock that never goes back and by that which a sleep does not stop.
#[derive(Clone, Copy)]
struct Opened {
    steady: Instant,
    wall: SystemTime,
}

const LASTS: Duration = Duration::from_millis(SESSION_MILLIS);

impl Opened {
    fn now() -> Opened {
        Opened {
            steady: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// What is left of it; nothing if a clock says that it is over, or went back behind its beginning.
    fn left(&self, now: Opened) -> Option<Duration> {
        let steady = now.steady.checked_duration_since(self.steady)?;
        let wall = now.wall.duration_since(self.wall).ok()?;
        LASTS
            .checked_sub(steady.max(wall))
            .filter(|left| !left.is_zero())
    }
}

impl Sessions {
    pub(crate) fn set_needed(&self, needed: bool) {
        self.needed.store(needed, Relaxed);
    }

    /// Whether a process at this terminal has one, or needs none.
    pub(crate) fn of(&self, terminal: Option<Terminal>) -> Session {
        if !self.needed.load(Relaxed) {
            return Session::NotNeeded;
        }
        match terminal.and_then(|terminal| self.left(terminal)) {
            Some(_) => Session::Open,
            None => Session::Closed,
        }
    }

    /// How long the one of this terminal still lasts.
    pub(crate) fn left(&self, terminal: Terminal) -> Option<Duration> {
        self.lock().get(&terminal)?.left(Opened::now())
    }

    pub(crate) fn open(&self, terminal: Terminal) {
        let now = Opened::now();
        let mut open = self.lock();
        open.retain(|_, opened| opened.left(now).is_some());
        if open.len() >= OPEN_MAX {
            let first = open.iter().min_by_key(|(_, opened)| opened.steady);
            if let Some(first) = first.map(|(terminal, _)| *terminal) {
                open.remove(&first);
            }
        }
        open.insert(terminal, now);
    }

    /// Ends one; says whether there was one.
    pub(crate) fn close(&self, terminal: Terminal) -> bool {
        let closed = self.lock().remove(&terminal);
        closed.is_some_and(|opened| opened.left(Opened::now()).is_some())
    }

    pub(crate) fn close_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Terminal, Opened>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_of_one_terminal_until_somebody_ends_it() {
        let sessions = Sessions::default();
        let (one, two) = (Terminal::numbered(1), Terminal::numbered(2));
        sessions.open(one);
        assert_eq!(sessions.of(None), Session::NotNeeded);
        sessions.set_needed(true);
        assert_eq!(sessions.of(Some(one)), Session::Open);
        assert_eq!(sessions.of(Some(two)), Session::Closed);
        assert_eq!(sessions.of(None), Session::Closed);
        assert!(sessions.close(one) && !sessions.close(one));
        assert_eq!(sessions.of(Some(one)), Session::Closed);
        for n in 0..100 {
            sessions.open(Terminal::numbered(n));
        }
        assert_eq!(sessions.lock().len(), OPEN_MAX);
        assert_eq!(sessions.of(Some(Terminal::numbered(99))), Session::Open);
        sessions.close_all();
        assert_eq!(sessions.of(Some(Terminal::numbered(99))), Session::Closed);
    }

    /// Goal: ten minutes by either clock, and none by a clock that was set back.
    #[test]
    fn a_session_ends_when_either_clock_says_so() {
        let opened = Opened::now();
        let after = |steady: u64, wall: i64| {
            let step = Duration::from_secs(wall.unsigned_abs());
            opened.left(Opened {
                steady: opened.steady + Duration::from_secs(steady),
                wall: match wall < 0 {
                    true => opened.wall - step,
                    false => opened.wall + step,
                },
            })
        };
        assert_eq!(after(0, 0), Some(LASTS));
        assert_eq!(after(599, 599), Some(Duration::from_secs(1)));
        assert_eq!(after(600, 600), None);
        assert_eq!(after(5, 3600), None, "the laptop slept");
        assert_eq!(after(700, 5), None);
        assert_eq!(after(5, -1), None, "the clock was set back");
    }
}
