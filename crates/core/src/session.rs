//! Whether acts of a person need an unlocked session, what proves the person, and how guesses are slowed.
//!
//! Deliberately absent: whose session is open where. That is the daemon's, in memory, and ends with it.
//! Spec: `docs/spec/agents.md`, "Sessions".

use crate::codec::{self, CodecError};
use crate::id::Timestamp;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// How long a session lasts, in milliseconds: ten minutes.
pub const SESSION_MILLIS: u64 = 10 * 60 * 1000;
/// Characters of a PIN, at least: a million of them, at 24 tries a day.
pub const PIN_CHARS_MIN: usize = 6;
/// Bytes of a PIN, at most: one that is longer is a passphrase, and a mistake.
pub const PIN_BYTES_MAX: usize = 256;
/// Wrong tries in a row that cost no wait.
const TRIES_FREE: u32 = 3;
/// The first wait, in milliseconds: half a minute. Each further one is twice as long.
const WAIT_MILLIS: u64 = 30 * 1000;
/// The longest wait, in milliseconds: an hour, so that whoever guesses has 24 tries a day.
const WAIT_MILLIS_MAX: u64 = 60 * 60 * 1000;
/// Bytes of the kept record, at most: a protected key takes 126.
const GUARD_BYTES_MAX: usize = 1024;
const GUARD_VERSION: u16 = 1;

/// What is kept once sessions are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionGuard {
    /// What is kept of the PIN; without one, the passphrase of the home is what proves a person.
    pub pin: Option<Vec<u8>>,
    /// Tries since the last right one.
    tries: u32,
    /// When the last of them was.
    tried_at: Timestamp,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Kept {
    #[n(0)]
    version: u16,
    #[n(1)]
    pin: Option<ByteVec>,
    #[n(2)]
    tries: u32,
    #[n(3)]
    tried_at: Timestamp,
}

impl SessionGuard {
    /// With this PIN, or with the passphrase.
    pub fn new(pin: Option<Vec<u8>>) -> SessionGuard {
        SessionGuard {
            pin,
            ..SessionGuard::default()
        }
    }

    /// Until when no try is taken, if so.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let over = self.tries.checked_sub(TRIES_FREE)?;
        let wait = WAIT_MILLIS
            .saturating_mul(1 << over.min(16))
            .min(WAIT_MILLIS_MAX);
        // A clock that went back makes nobody wait longer than the longest wait.
        let from = self.tried_at.min(now).as_millis();
        let until = from.saturating_add(wait);
        (until > now.as_millis()).then_some(Timestamp::from_millis(until))
    }

    /// Counts a try before it is made, so that one that is cut off counts too.
    ///
    /// # Errors
    /// Until when none is taken.
    pub fn try_once(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(until) = self.waits_until(now) {
            return Err(until);
        }
        self.tries = self.tries.saturating_add(1);
        self.tried_at = now;
        Ok(())
    }

    /// A try was right.
    pub fn was_right(&mut self) {
        self.tries = 0;
    }

    /// The bytes in which it is kept.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&Kept {
            version: GUARD_VERSION,
            pin: self.pin.clone().map(ByteVec::from),
            tries: self.tries,
            tried_at: self.tried_at,
        })
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// [`CodecError`] if it is not what [`SessionGuard::encode`] gives.
    pub fn decode(bytes: &[u8]) -> Result<SessionGuard, CodecError> {
        let kept: Kept = codec::decode(bytes, GUARD_BYTES_MAX)?;
        if kept.version != GUARD_VERSION {
            return Err(CodecError::Malformed);
        }
        Ok(SessionGuard {
            pin: kept.pin.map(Vec::from),
            tries: kept.tries,
            tried_at: kept.tried_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    /// Goal: whoever guesses without end has few tries a day, also through restarts.
    #[test]
    fn guesses_are_slowed_to_one_an_hour() {
        let mut guard = SessionGuard::new(Some(vec![1; 120]));
        let (mut now, mut tries, mut waits) = (0, 0, Vec::new());
        while now < 48 * 60 * 60 * 1000 {
            match guard.try_once(at(now)) {
                Ok(()) => tries += 1,
                Err(until) => {
                    waits.push(until.as_millis() - at(now).as_millis());
                    now = until.as_millis() - at(0).as_millis();
                }
            }
            guard = SessionGuard::decode(&guard.encode()).unwrap();
        }
        assert!((48..60).contains(&tries), "{tries}");
        assert_eq!(waits[..4], [30_000, 60_000, 120_000, 240_000]);
        assert_eq!(waits.last(), Some(&WAIT_MILLIS_MAX));
        guard.was_right();
        assert_eq!(guard.waits_until(at(now)), None);
    }

    #[test]
    fn a_clock_that_goes_back_keeps_nobody_out_for_long_and_lets_nobody_in() {
        let mut guard = SessionGuard::new(None);
        for _ in 0..TRIES_FREE {
            guard.try_once(at(5_000_000)).unwrap();
        }
        assert_eq!(guard.waits_until(at(0)), Some(at(WAIT_MILLIS)));
        assert!(guard.try_once(at(0)).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(guard) = SessionGuard::decode(&bytes) {
                prop_assert_eq!(guard.encode(), bytes);
            }
        }
    }
}
