//! How a device behaves on the network. Everything that reaches beyond it is off unless asked for.

use std::net::SocketAddr;
use std::path::PathBuf;

/// How to open an engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The home directory.
    pub home: PathBuf,
    /// Where to listen; by default on every address, so that two laptops on one network meet, at a
    /// port that is kept from start to start.
    pub listen: Listen,
    /// Which relay to use; by default none, so that no third party learns who talks.
    pub relay: Relay,
    /// Whether to look for peers on the local network, and to be found there; off by default, since
    /// it shows this device's key to the whole network.
    pub discovery: bool,
    /// Whether to start without any network.
    pub offline: bool,
}

impl Settings {
    /// The defaults for a home.
    pub fn new(home: impl Into<PathBuf>) -> Settings {
        Settings {
            home: home.into(),
            listen: Listen::Any(0),
            relay: Relay::None,
            discovery: false,
            offline: false,
        }
    }
}

/// Where to listen. Port 0 means the port of last time, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Only on this machine.
    Loopback(u16),
    /// On every address.
    Any(u16),
    /// On this one.
    Addr(SocketAddr),
}

/// Which relay helps devices that cannot reach each other directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relay {
    /// None.
    None,
    /// iroh's public ones.
    Default,
    /// The one at this URL.
    Custom(String),
}
