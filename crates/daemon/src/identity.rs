//! What can be done before a daemon runs: make a person and device, look at a ticket.

use crate::convert;
use crate::failure::failed;
use crate::instance::Instance;
use kitbag_engine::{self as engine, Engine, Examined, KeyChoice, KeyMoved, KeyProtection};
use kitbag_rpc::{Code, Failure, HygieneReceiptShown, Inspected, Me, ReceiptShown, TicketInfo};
use std::path::Path;
use zeroize::Zeroizing;

/// Whether a home can be opened, as far as its files tell.
///
/// # Errors
/// [`Code::NotInitialised`] if none was finished there; [`Code::Integrity`] if what one cannot do
/// without is gone from it.
pub fn check_home(home: &Path) -> Result<(), Failure> {
    engine::check_home(home).map_err(|e| failed(&e))
}

/// Creates a person and device. Without a choice, the keyring keeps the master key if it works,
/// otherwise a key file does.
///
/// # Errors
/// [`Code::AlreadyInitialised`], or what the engine says.
pub fn initialise(
    home: &Path,
    name: &str,
    device_name: &str,
    choice: Option<KeyChoice>,
) -> Result<(Me, KeyProtection), Failure> {
    if engine::home_is_initialised(home) {
        return Err(Failure::new(
            Code::AlreadyInitialised,
            "this home holds a person and device already",
        ));
    }
    let (me, protection) =
        engine::initialise(home, name, device_name, choice).map_err(|e| failed(&e))?;
    Ok((convert::me(me), protection))
}

/// What keeps the master key of this home.
///
/// # Errors
/// [`Code::NotInitialised`], or what the engine says.
pub fn key_protection(home: &Path) -> Result<KeyProtection, Failure> {
    check_home(home)?;
    engine::key_protection(home).map_err(|e| failed(&e))
}

/// Whether acts of a person need a session in this home, which no daemon serves. `passphrase` is for a
/// home that is under one.
///
/// # Errors
/// [`Code::NotInitialised`], [`Code::Locked`], [`Code::AlreadyRunning`], or what else an opening meets.
pub fn needs_sessions(
    home: &Path,
    passphrase: Option<&Zeroizing<String>>,
) -> Result<bool, Failure> {
    check_home(home)?;
    engine::home_needs_sessions(home, passphrase).map_err(|e| failed(&e))
}

/// What a choice of protection comes to in this home. Writes nothing.
///
/// # Errors
/// [`Code::BadInput`] for the path of a key file.
pub fn chosen_protection(home: &Path, choice: &KeyChoice) -> Result<KeyProtection, Failure> {
    engine::chosen_protection(home, choice).map_err(|e| failed(&e))
}

/// Whether there is a keyring that could take the master key. Writes nothing; it may ask a person, and
/// blocks.
///
/// # Errors
/// [`Code::Locked`].
pub fn reach_keyring() -> Result<(), Failure> {
    engine::reach_keyring().map_err(|e| failed(&e))
}

/// Keeps the master key of this home in another way from now on. No daemon is needed, and one that runs
/// goes on with the key it holds. `passphrase` is the one of today, if there is one.
///
/// # Errors
/// [`Code::NotInitialised`], [`Code::Locked`], [`Code::BadInput`] if it would be kept less safely and
/// `may_weaken` is not set, [`Code::Conflict`] if the new key file is there; the key is then where it was.
pub fn protect_key(
    home: &Path,
    passphrase: Option<&Zeroizing<String>>,
    choice: KeyChoice,
    may_weaken: bool,
) -> Result<KeyMoved, Failure> {
    engine::protect_key(home, passphrase, choice, may_weaken).map_err(|e| failed(&e))
}

/// Opens every row of the database of a home that no daemon serves; meanwhile none can start.
///
/// # Errors
/// [`Code::AlreadyRunning`], [`Code::Locked`], [`Code::Integrity`], or what else an opening can meet.
pub fn examine(home: &Path, passphrase: Option<&Zeroizing<String>>) -> Result<Examined, Failure> {
    check_home(home)?;
    let _instance = Instance::take(home)?;
    engine::examine(home, passphrase).map_err(|e| failed(&e))
}

/// What a ticket says, without its secret; asks nobody.
///
/// # Errors
/// One of the `ticket/...` codes.
pub fn inspect_ticket(text: &str) -> Result<TicketInfo, Failure> {
    Engine::inspect_ticket(text)
        .map(convert::ticket_info)
        .map_err(|e| failed(&e))
}

/// What some bytes are: a record, or its text in hex or base32, or a ticket, whose secret is not shown.
/// Asks nobody.
///
/// # Errors
/// [`Code::BadInput`] with the layer at which reading failed.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, Failure> {
    match engine::inspect(bytes) {
        Ok(found) => Ok(convert::inspected(found)),
        Err(error) => Err(Failure::new(
            Code::BadInput,
            format!("nothing that Kitbag writes or sends: {error}"),
        )),
    }
}

/// What a receipt of an export says, once its signature holds; asks nobody.
///
/// # Errors
/// [`Code::Integrity`] if it was changed or is none, [`Code::BadInput`] for one of a newer version.
pub fn read_receipt(bytes: &[u8]) -> Result<ReceiptShown, Failure> {
    engine::SignedReceipt::verify(bytes)
        .map(|signed| convert::receipt_shown(&signed))
        .map_err(|error| convert::bad_receipt(&error))
}

/// Reads a receipt of hygiene and checks its signature; nothing if it is meant as one of an export.
///
/// # Errors
/// As [`read_receipt`].
pub fn read_hygiene_receipt(bytes: &[u8]) -> Result<Option<HygieneReceiptShown>, Failure> {
    match engine::SignedHygieneReceipt::verify(bytes) {
        Ok(signed) => Ok(Some(convert::hygiene::receipt_shown(&signed))),
        Err(error) if engine::is_hygiene_receipt(bytes) => Err(convert::bad_receipt(&error)),
        Err(_) => Ok(None),
    }
}

/// Bytes of a receipt, at most.
pub const RECEIPT_BYTES_MAX: usize = engine::RECEIPT_BYTES_MAX;

pub(crate) fn not_initialised() -> Failure {
    Failure::new(
        Code::NotInitialised,
        "there is no person and device here yet",
    )
}
