//! Who may connect to a daemon: a key that no policy names gets nothing but, while an invite is live,
//! one bounded request.

use crate::support::{Device, text};
use kitbag_net::{
    Config, DialError, EndpointSecret, Gate, JoinError, Listen, Net, PeerAddress, PeerId,
};
use std::sync::Arc;

struct Nobody;

impl Gate for Nobody {
    fn may_sync(&self, _: &PeerId) -> bool {
        true
    }

    fn join_is_open(&self) -> bool {
        false
    }
}

fn address_of(device: &Device) -> PeerAddress {
    let status = device.json(&["daemon", "status"]);
    let id: kitbag_core::id::EndpointId = text(&status["endpoint"]).parse().unwrap();
    let direct = status["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| text(a).parse().unwrap())
        .collect();
    PeerAddress {
        peer: PeerId(*id.as_bytes()),
        direct,
        relay: None,
    }
}

/// Goal: a stranger's key is refused before a handler sees a byte; a join request is taken only while
/// an invite is live, and garbage in it is answered coarsely and changes nothing.
#[tokio::test]
async fn a_stranger_is_refused_and_may_only_ask_while_an_invite_is_live() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let address = address_of(&ada);
    let (stranger, _arrivals) = Net::bind(
        EndpointSecret::from_bytes(&[42; 32]),
        Config {
            listen: Listen::Loopback(0),
            ..Config::default()
        },
        Arc::new(Nobody),
    )
    .await
    .unwrap();
    assert_eq!(
        stranger.dial(&address).await.err(),
        Some(DialError::NotAuthorised)
    );
    assert_eq!(
        stranger
            .join(&address, |_| b"anything".to_vec())
            .await
            .err(),
        Some(JoinError::NotAuthorised)
    );

    ada.share(&pack);
    assert_eq!(
        stranger.dial(&address).await.err(),
        Some(DialError::NotAuthorised),
        "an invite opens no sync"
    );
    for garbage in [vec![0u8], vec![0xff; 60_000], b"{}".to_vec()] {
        let answer = stranger.join(&address, |_| garbage).await.unwrap();
        assert!(
            answer.len() < 16,
            "a stranger learns nothing: {} bytes",
            answer.len()
        );
    }
    assert_eq!(
        ada.json(&["members", &pack])["members"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    ada.add(&pack, "still", "here");
    stranger.shutdown().await;
}
