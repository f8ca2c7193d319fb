//! What proves that a person asks, and how wrong answers are slowed.

use crate::home::{KeyRecord, Unlocked, read_record};
use crate::random::SystemRandom;
use crate::{Engine, EngineError, KeyProtection, key_protection};
use kitbag_core::content::report::Via;
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::session::{PIN_BYTES_MAX, PIN_CHARS_MIN};
use kitbag_crypto::{
    MasterKey, PassphraseError, PassphraseParams, is_pin, keep_pin, unlock_master_key,
};
use std::path::Path;
use zeroize::Zeroizing;

/// Whether acts of a person need a session here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionNeeds {
    /// Whether they do.
    pub needed: bool,
    /// What proves a person here; nothing if no PIN was set, or what was kept of it is damaged.
    pub proof: Option<SessionProof>,
    /// Until when no try is taken, if so.
    pub waits_until: Option<Timestamp>,
}

/// What proves a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionProof {
    /// The passphrase of the home.
    Passphrase,
    /// The PIN of this device.
    Pin,
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// It was right.
    Yes,
    /// It was not; until when no other is taken, if so.
    No(Option<Timestamp>),
    /// None is taken until then.
    Wait(Timestamp),
}

/// What tells the master key of this home from another, without being it.
pub(crate) fn mark_of(master: &MasterKey) -> [u8; 32] {
    master.blind_key().blind("session", b"mark")
}

/// What is kept of a new PIN. Whoever reads it has the database open, so this is no place to be slower
/// than the least.
///
/// # Errors
/// [`EngineError::BadInput`] for one that anybody would guess.
fn kept_pin(pin: &str) -> Result<Vec<u8>, EngineError> {
    let refused = |reason: String| EngineError::BadInput {
        field: "PIN",
        reason,
    };
    let mut chars = pin.chars();
    let first = chars.next();
    if pin.chars().count() < PIN_CHARS_MIN || pin.len() > PIN_BYTES_MAX {
        return Err(refused(format!(
            "takes {PIN_CHARS_MIN} digits or letters, or more"
        )));
    }
    if chars.all(|c| Some(c) == first) || "01234567890123456789".contains(pin) {
        return Err(refused("is the first that anybody would try".into()));
    }
    keep_pin(pin.as_bytes(), PassphraseParams::FLOOR, &mut SystemRandom).map_err(no_memory)
}

fn no_memory(error: PassphraseError) -> EngineError {
    EngineError::Storage {
        reason: error.to_string(),
    }
}

/// Whether this passphrase opens the key that this engine holds: a record that somebody else put there
/// opens another.
fn is_passphrase(home: &Path, passphrase: &str, mark: &[u8; 32]) -> Result<bool, EngineError> {
    let KeyRecord::Passphrase(sealed) = read_record(home)? else {
        return Ok(false);
    };
    match unlock_master_key(&sealed, passphrase.as_bytes()) {
        Ok(master) => Ok(mark_of(&master) == *mark),
        Err(PassphraseError::NoMemory) => Err(no_memory(PassphraseError::NoMemory)),
        Err(_) => Ok(false),
    }
}

/// Whether acts of a person need a session in a home that nobody has open.
///
/// # Errors
/// [`EngineError::Locked`], [`EngineError::AlreadyRunning`], [`EngineError::Storage`].
pub fn home_needs_sessions(
    home: &Path,
    passphrase: Option<&Zeroizing<String>>,
) -> Result<bool, EngineError> {
    let store = Unlocked::unlock(home, passphrase)?.open_store()?;
    Ok(kitbag_node::needs_sessions(&store)?)
}

impl Engine {
    /// Whether acts of a person need a session, and what opens one.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn session_needs(&self) -> Result<SessionNeeds, EngineError> {
        let call = |node: &mut kitbag_node::Node, now| {
            let guard = node.session_guard();
            let waits_until = guard.and_then(|guard| guard.waits_until(now));
            Ok((guard.map(|guard| guard.pin.is_some()), waits_until))
        };
        let (guard, waits_until) = self.worker()?.call(call).await?;
        let proof = match guard {
            Some(true) => Some(SessionProof::Pin),
            _ => match key_protection(&self.inner.settings.home) {
                Ok(KeyProtection::Passphrase) => Some(SessionProof::Passphrase),
                _ => None,
            },
        };
        Ok(SessionNeeds {
            needed: guard.is_some(),
            proof,
            waits_until,
        })
    }

    /// Sessions are needed from now on, or go by another PIN; without one by the passphrase of the home.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for a PIN that anybody would guess, or without one if the home has no
    /// passphrase; [`EngineError::Storage`].
    pub async fn guard_sessions(&self, pin: Option<Zeroizing<String>>) -> Result<(), EngineError> {
        let home = self.inner.settings.home.clone();
        let keep = move || match pin {
            Some(pin) => kept_pin(&pin).map(Some),
            None if key_protection(&home)? == KeyProtection::Passphrase => Ok(None),
            None => Err(EngineError::BadInput {
                field: "PIN",
                reason: "is needed on a device without a passphrase".into(),
            }),
        };
        let kept = tokio::task::spawn_blocking(keep)
            .await
            .map_err(|_| EngineError::Stopped)??;
        self.worker()?
            .call(move |node, _| node.guard_sessions(kept))
            .await
    }

    /// Whether this is what proves a person here. Each try is counted, durably, before it is made.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] if sessions are not needed, or nothing opens one; [`EngineError::Storage`].
    pub async fn prove_person(&self, secret: Zeroizing<String>) -> Result<Proven, EngineError> {
        let needs = self.session_needs().await?;
        if needs.needed && needs.proof.is_none() {
            return Err(EngineError::BadInput {
                field: "session",
                reason: "this device has neither a passphrase nor a PIN that could be asked".into(),
            });
        }
        let tried = self
            .worker()?
            .call(|node, now| node.try_session(now))
            .await?;
        let guard = match tried {
            Ok(guard) => guard,
            Err(until) => return Ok(Proven::Wait(until)),
        };
        let (home, mark) = (self.inner.settings.home.clone(), self.inner.mark);
        let check = move || match &guard.pin {
            Some(kept) => is_pin(kept, secret.as_bytes()).map_err(no_memory),
            None => is_passphrase(&home, &secret, &mark),
        };
        let right = tokio::task::spawn_blocking(check)
            .await
            .map_err(|_| EngineError::Stopped)??;
        let worker = self.worker()?;
        if right {
            worker.call(|node, _| node.session_was_right()).await?;
            return Ok(Proven::Yes);
        }
        let waits = |node: &mut kitbag_node::Node, now| {
            let guard = node.session_guard();
            Ok(guard.and_then(|guard| guard.waits_until(now)))
        };
        Ok(Proven::No(worker.call(waits).await?))
    }

    /// The sensitivity at which a note stands here.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn sensitivity_of(
        &self,
        pack: PackId,
        note: ItemId,
    ) -> Result<Sensitivity, EngineError> {
        self.worker()?
            .call(move |node, _| node.sensitivity_of(pack, note))
            .await
    }

    /// Something was refused about one note: told to whoever may read it.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn report_denial_of_note(
        &self,
        pack: PackId,
        note: ItemId,
        asked: &'static str,
        rule: &'static str,
        via: Via,
    ) -> Result<(), EngineError> {
        self.worker()?
            .call(move |node, now| node.report_denial_of_note(now, pack, note, asked, rule, via))
            .await
    }

    /// Something was refused about a pack.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn report_denial_in(
        &self,
        pack: PackId,
        asked: &'static str,
        rule: &'static str,
        via: Via,
    ) -> Result<(), EngineError> {
        self.worker()?
            .call(move |node, now| node.report_denial(now, Some(pack), asked, rule, via))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_that_anybody_would_try_is_refused() {
        for bad in [
            "",
            "12345",
            "000000",
            "123456",
            "0123456",
            "aaaaaaaa",
            &"9".repeat(300),
        ] {
            assert!(kept_pin(bad).is_err(), "{bad}");
        }
        let kept = kept_pin("493027").unwrap();
        assert!(is_pin(&kept, b"493027").unwrap() && !is_pin(&kept, b"493028").unwrap());
    }

    /// Goal: a record of the key that somebody else wrote, under a passphrase of their own, proves nobody.
    #[test]
    fn only_the_passphrase_of_the_key_that_is_held_proves_anybody() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        let choice = |text: &str| Some(crate::KeyChoice::Passphrase(Zeroizing::new(text.into())));
        crate::initialise(&home, "Ana", "laptop", choice("correct horse")).unwrap();
        let own =
            crate::home::read_master_key(&home, Some(&Zeroizing::new("correct horse".into())));
        let mark = mark_of(&own.unwrap());
        assert!(is_passphrase(&home, "correct horse", &mark).unwrap());
        assert!(!is_passphrase(&home, "correct cow", &mark).unwrap());
        let other = dir.path().join("other");
        crate::initialise(&other, "Eve", "laptop", choice("eve's own words")).unwrap();
        std::fs::copy(other.join("master-key"), home.join("master-key")).unwrap();
        assert!(!is_passphrase(&home, "eve's own words", &mark).unwrap());
    }
}
