//! What an endpoint listens on, and which third parties it may talk to. The default talks to none.

use std::error::Error;
use std::net::SocketAddr;

/// How an endpoint is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The sockets to bind.
    pub listen: Listen,
    /// The relay, for peers that cannot reach each other directly.
    pub relay: Relay,
    /// Whether peers on the local network are found.
    pub discovery: Discovery,
    /// Publishes this endpoint's id and relay (not its addresses) to the public DNS service of n0, the
    /// makers of iroh, and looks peers up there. Off by default: the service learns who looks for whom.
    /// Needs a relay.
    pub public_lookup: bool,
}

/// The sockets to bind; port 0 takes any free port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// 127.0.0.1 only; peers elsewhere can neither be dialled nor dial us.
    Loopback(u16),
    /// Every interface, IPv4 and, where there is any, IPv6.
    Any(u16),
    /// This address only.
    Addr(SocketAddr),
}

impl Default for Listen {
    /// Every interface: two laptops without a courier must be able to meet.
    fn default() -> Self {
        Self::Any(0)
    }
}

/// The relay an endpoint keeps a connection to. A relay sees who talks to whom and how much, never what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Relay {
    /// None: direct connections only, and no third party learns anything.
    #[default]
    None,
    /// The public relays of n0, the makers of iroh.
    Default,
    /// The relay at this URL, for instance a team's own.
    Custom(String),
}

/// Finding peers on the local network by multicast DNS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discovery {
    /// Neither asks nor answers.
    #[default]
    Off,
    /// Asks the network for endpoints of this product and listens to their answers; says nothing of its own.
    Resolve,
    /// Also tells everybody on the network this endpoint's id and addresses.
    Advertise,
}

/// Why an endpoint could not be bound. All of these are for whoever wrote the configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The relay's URL does not parse.
    #[error("the relay {url:?} is not a URL")]
    InvalidRelay {
        /// As configured.
        url: String,
    },
    /// A public look-up publishes the relay, so there must be one.
    #[error("public look-up needs a relay")]
    LookupNeedsRelay,
    /// The socket could not be bound, for instance because the port is taken.
    #[error("cannot listen on {listen:?}")]
    Listen {
        /// As configured.
        listen: Listen,
        /// What iroh reported.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Multicast DNS could not be started.
    #[error("cannot start discovery on the local network")]
    Discovery(#[source] Box<dyn Error + Send + Sync>),
}
