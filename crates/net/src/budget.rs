//! What strangers may take up: handshakes under way, and join attempts per minute.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iroh::EndpointId;
use iroh::endpoint::IncomingAddr;
use tokio::time::Instant;

use crate::limits::{HANDSHAKES_MAX, HANDSHAKES_PER_SOURCE_MAX, JOIN_PER_MINUTE_MAX};

/// Where a connection comes from, as far as one host can be told from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Not counted by source.
    Local,
    /// An IPv4 address, or the /64 of an IPv6 address, since a host has all of those.
    Network(IpAddr),
    /// A peer whose id the relay vouches for.
    Relayed(EndpointId),
    Other,
}

impl Source {
    pub(crate) fn of(address: &IncomingAddr) -> Self {
        match address {
            IncomingAddr::Ip(socket) => Self::of_ip(socket.ip().to_canonical()),
            IncomingAddr::Relay { endpoint_id, .. } => Self::Relayed(*endpoint_id),
            _ => Self::Other,
        }
    }

    fn of_ip(ip: IpAddr) -> Self {
        match ip {
            _ if ip.is_loopback() => Self::Local,
            IpAddr::V4(_) => Self::Network(ip),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::Network(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
        }
    }
}

/// Counts handshakes under way, in all and by source.
#[derive(Debug, Default)]
pub(crate) struct Handshakes(Mutex<HashMap<Source, usize>>);

/// A place among the handshakes; free again when dropped.
#[derive(Debug)]
pub(crate) struct Handshake {
    all: Arc<Handshakes>,
    source: Source,
}

impl Handshakes {
    /// Takes a place, or `None` when there is none left, at all or for this source.
    pub(crate) fn begin(self: &Arc<Self>, source: Source) -> Option<Handshake> {
        let mut places = self.lock();
        let of_source = places.get(&source).copied().unwrap_or(0);
        let source_is_full = of_source >= HANDSHAKES_PER_SOURCE_MAX && source != Source::Local;
        if source_is_full || places.values().sum::<usize>() >= HANDSHAKES_MAX {
            return None;
        }
        places.insert(source, of_source + 1);
        Some(Handshake {
            all: self.clone(),
            source,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        // Every change under the lock is a single map operation, so a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut places = self.all.lock();
        match places.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = places.remove(&self.source),
        }
    }
}

/// When the last join attempts were admitted: a window that slides, so that the bound holds for any
/// 60 seconds and not only for calendar minutes.
#[derive(Debug, Default)]
pub(crate) struct JoinWindow(VecDeque<Instant>);

impl JoinWindow {
    /// Counts an attempt at `now`, or refuses it.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        while self
            .0
            .front()
            .is_some_and(|oldest| now.duration_since(*oldest) >= MINUTE)
        {
            self.0.pop_front();
        }
        let is_admitted = self.0.len() < JOIN_PER_MINUTE_MAX;
        if is_admitted {
            self.0.push_back(now);
        }
        is_admitted
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn source(ip: &str) -> Source {
        Source::of_ip(ip.parse().expect("an address"))
    }

    #[test]
    fn one_source_cannot_hold_every_handshake() {
        let all = Arc::new(Handshakes::default());
        let mut held: Vec<_> = (0..HANDSHAKES_PER_SOURCE_MAX)
            .map(|_| all.begin(source("192.0.2.1")))
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(all.begin(source("192.0.2.1")).is_none());
        assert!(all.begin(source("192.0.2.2")).is_some());
        held.pop();
        assert!(all.begin(source("192.0.2.1")).is_some());
    }

    #[test]
    fn handshakes_are_bounded_in_all_even_on_loopback() {
        let all = Arc::new(Handshakes::default());
        let held: Vec<_> = (0..HANDSHAKES_MAX)
            .filter_map(|_| all.begin(source("127.0.0.1")))
            .collect();
        assert_eq!(held.len(), HANDSHAKES_MAX);
        assert!(all.begin(source("127.0.0.1")).is_none());
        assert!(all.begin(source("192.0.2.1")).is_none());
        drop(held);
        assert!(all.lock().is_empty());
    }

    #[test]
    fn the_addresses_of_one_ipv6_host_count_as_one_source() {
        assert_eq!(source("2001:db8:1:2::3"), source("2001:db8:1:2:ffff::4"));
        assert_ne!(source("2001:db8:1:2::3"), source("2001:db8:1:3::3"));
        assert_eq!(source("::1"), Source::Local);
    }

    /// Fills the window at uneven times and looks at both of its edges.
    #[test]
    fn no_sixty_seconds_hold_more_joins_than_the_budget() {
        let (start, mut window) = (Instant::now(), JoinWindow::default());
        let at = |millis| start + Duration::from_millis(millis);
        for attempt in 0..JOIN_PER_MINUTE_MAX {
            assert!(window.admit(at(500 * attempt as u64)));
        }
        assert!(!window.admit(at(30_000)));
        assert!(!window.admit(at(59_999)));
        assert!(window.admit(at(60_000)));
        assert!(!window.admit(at(60_001)));
        assert!(window.admit(at(60_500)));
    }
}
