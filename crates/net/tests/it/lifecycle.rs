//! From bind to shutdown, and addresses that lead nowhere.

use std::net::SocketAddr;
use std::sync::Arc;

use kitbag_net::{
    BindError, CloseCode, Config, DialError, EndpointSecret, Incoming, JoinError, LinkError,
    Listen, Net, PeerAddress, PeerId, Relay,
};

use crate::support::{Doorman, Node, linked, soon};

async fn bind(config: Config) -> Result<(Net, Incoming), BindError> {
    soon(Net::bind(
        EndpointSecret::from_bytes(&[9; 32]),
        config,
        Arc::new(Doorman::default()),
    ))
    .await
}

fn loopback() -> Config {
    Config {
        listen: Listen::Loopback(0),
        ..Config::default()
    }
}

#[tokio::test]
async fn an_endpoint_on_loopback_says_where_it_listens_and_nothing_else() {
    let secret = EndpointSecret::from_bytes(&[9; 32]);
    let (net, _incoming) = bind(loopback()).await.expect("binds");
    let address = net.address();
    assert_eq!(
        (net.peer_id(), address.peer),
        (secret.peer_id(), secret.peer_id())
    );
    assert!(
        matches!(address.direct[..], [socket] if socket.ip().is_loopback() && socket.port() != 0)
    );
    assert_eq!(address.relay, None);
}

/// Only looks at the addresses, so that nothing leaves this host.
#[tokio::test]
async fn an_endpoint_on_every_interface_says_the_addresses_of_the_host() {
    let config = Config {
        listen: Listen::Any(0),
        ..Config::default()
    };
    let (net, _incoming) = bind(config).await.expect("binds");
    let direct = net.address().direct;
    assert!(!direct.is_empty());
    assert!(
        direct
            .iter()
            .all(|socket| !socket.ip().is_unspecified() && socket.port() != 0),
        "{direct:?}"
    );
}

#[tokio::test]
async fn a_configuration_that_cannot_be_met_is_refused_at_bind() {
    let (net, _incoming) = bind(loopback()).await.expect("binds");
    let taken = Listen::Addr(net.address().direct[0]);
    let refused = bind(Config {
        listen: taken,
        ..Config::default()
    })
    .await
    .err();
    assert!(
        matches!(refused, Some(BindError::Listen { listen, .. }) if listen == taken),
        "{refused:?}"
    );

    let refused = bind(Config {
        relay: Relay::Custom("no url".into()),
        ..loopback()
    })
    .await
    .err();
    assert!(
        matches!(refused, Some(BindError::InvalidRelay { .. })),
        "{refused:?}"
    );
    let refused = bind(Config {
        public_lookup: true,
        ..loopback()
    })
    .await
    .err();
    assert!(
        matches!(refused, Some(BindError::LookupNeedsRelay)),
        "{refused:?}"
    );
}

/// None of these needs the network to fail, so none waits for it.
#[tokio::test]
async fn addresses_that_cannot_be_dialled_fail_at_once() {
    let (ada, ben) = (Node::start(1).await, Node::start(2).await);
    let no_key = (0..=255u8)
        .map(|byte| PeerId([byte; 32]))
        .find(|id| !is_key(id))
        .expect("half of all bytes");
    let at = |peer, direct: &[SocketAddr], relay: Option<&str>| PeerAddress {
        peer,
        direct: direct.to_vec(),
        relay: relay.map(str::to_owned),
    };
    let somewhere = ben.net.address().direct;
    let cases = [
        (at(no_key, &somewhere, None), DialError::InvalidAddress),
        (at(ben.id(), &[], None), DialError::NoAddress),
        (
            at(ben.id(), &[], Some("https://relay.example")),
            DialError::NoAddress,
        ), // we use none
        (ada.net.address(), DialError::OwnAddress),
    ];
    for (address, error) in cases {
        assert_eq!(
            soon(ada.net.dial(&address)).await.err(),
            Some(error),
            "{address:?}"
        );
    }
}

/// Somebody answers at the address, with another key.
#[tokio::test]
async fn the_wrong_peer_at_an_address_is_not_the_peer() {
    let (ada, ben, eve) = (
        Node::start(1).await,
        Node::start(2).await,
        Node::start(3).await,
    );
    let address = PeerAddress {
        peer: ben.id(),
        ..eve.net.address()
    };
    assert_eq!(
        soon(ada.net.dial(&address)).await.err(),
        Some(DialError::Unreachable)
    );
    assert!(eve.net.connected().is_empty());
}

#[tokio::test]
async fn shutdown_ends_everything() {
    let (ada, mut ben, outgoing, accepted) = linked().await;
    let (address, clone) = (ben.net.address(), ben.net.clone());
    let waiting = soon(ada.net.dial(&address))
        .await
        .expect("admitted, and not yet taken from the queue");
    soon(ben.net.shutdown()).await;

    for theirs in [outgoing, waiting] {
        let end = soon(theirs.into_split().1.receive()).await;
        assert_eq!(end, Err(LinkError::Closed(CloseCode::LEAVING)));
    }
    assert_eq!(
        soon(accepted.into_split().1.receive()).await,
        Err(LinkError::ClosedHere)
    );
    while soon(ben.incoming.next()).await.is_some() {}
    assert!(clone.connected().is_empty());
    assert_eq!(
        soon(clone.dial(&ada.net.address())).await.err(),
        Some(DialError::Stopped)
    );
    let joined = soon(clone.join(&ada.net.address(), |_| vec![1])).await;
    assert_eq!(joined, Err(JoinError::Dial(DialError::Stopped)));
    soon(clone.shutdown()).await; // once more does no harm
}

/// The second best end: the port is free again and nobody is served.
#[tokio::test]
async fn dropping_the_last_handle_stops_the_endpoint() {
    let (net, mut incoming) = bind(loopback()).await.expect("binds");
    drop(net);
    assert!(soon(incoming.next()).await.is_none());
}

#[tokio::test]
async fn dropping_the_queue_refuses_what_comes() {
    let (ada, ben) = (Node::start(1).await, Node::start(2).await);
    drop(ben.incoming);
    let refused = soon(ada.net.dial(&ben.net.address())).await.err();
    assert_eq!(refused, Some(DialError::Closed(CloseCode::LEAVING)));
}

fn is_key(id: &PeerId) -> bool {
    iroh::EndpointId::from_bytes(&id.0).is_ok()
}
