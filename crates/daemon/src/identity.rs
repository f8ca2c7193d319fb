//! What can be done before a daemon runs: make a person and device, look at a ticket.

use crate::convert;
use crate::failure::failed;
use kitbag_engine::{self as engine, Engine, KeyChoice, KeyProtection};
use kitbag_rpc::{Code, Failure, Inspected, Me, TicketInfo};
use std::path::Path;

/// Whether this home holds a person and device.
pub fn home_is_initialised(home: &Path) -> bool {
    engine::home_is_initialised(home)
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
    if home_is_initialised(home) {
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
    if !home_is_initialised(home) {
        return Err(not_initialised());
    }
    engine::key_protection(home).map_err(|e| failed(&e))
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

pub(crate) fn not_initialised() -> Failure {
    Failure::new(
        Code::NotInitialised,
        "there is no person and device here yet",
    )
}
