//! Who gets in, who is put out, and what a panic costs.

use std::net::UdpSocket;

use kitbag_net::{ALPN_SYNC, Arrival, CloseCode, DialError, LinkError, PeerAddress};

use crate::support::{Hostile, Node, close_code, framed, linked, soon};

const NOT_AUTHORISED: u64 = 403;

#[tokio::test]
async fn a_key_that_the_gate_refuses_is_told_so_and_reaches_nobody() {
    let (ada, mut ben, eve) = (
        Node::start(1).await,
        Node::start(2).await,
        Node::start(3).await,
    );
    ben.gate.refuse(eve.id());
    assert_eq!(
        soon(eve.net.dial(&ben.net.address())).await.err(),
        Some(DialError::NotAuthorised)
    );
    assert_eq!(ben.gate.asked(), 1, "once refused, not asked again");
    assert!(ben.net.connected().is_empty() && eve.net.connected().is_empty());
    ben.assert_that_nobody_arrived(&ada).await;
}

/// The refused peer does not wait for anything and sends all it has.
#[tokio::test]
async fn what_a_refused_key_sends_at_once_is_never_read() {
    let (ada, mut ben, mallory) = (
        Node::start(1).await,
        Node::start(2).await,
        Hostile::start(66).await,
    );
    ben.gate.refuse(mallory.address().peer);
    let conn = mallory.connect(&ben, ALPN_SYNC).await;
    if let Ok((mut send, _recv)) = soon(conn.open_bi()).await {
        let _ = soon(send.write_all(&[b"KBS1", &framed(b"let me in")[..]].concat())).await;
    }
    assert_eq!(close_code(&conn).await, NOT_AUTHORISED);
    ben.assert_that_nobody_arrived(&ada).await;
}

/// The answer changes after the hook has asked: the handler asks again.
#[tokio::test]
async fn a_refusal_between_the_hook_and_the_handler_counts() {
    let (ada, ben) = (Node::start(1).await, Node::start(2).await);
    ben.gate.refuse_at(2);
    assert_eq!(
        soon(ada.net.dial(&ben.net.address())).await.err(),
        Some(DialError::NotAuthorised)
    );
    assert_eq!(ben.gate.asked(), 2);
    soon(ada.net.dial(&ben.net.address()))
        .await
        .expect("admitted now");
}

#[tokio::test]
async fn a_panic_in_the_hook_or_in_a_handler_leaves_the_rest_running() {
    let (ada, mut ben, eve) = (
        Node::start(1).await,
        Node::start(2).await,
        Node::start(3).await,
    );
    let address = ben.net.address();
    let link = soon(ada.net.dial(&address)).await.expect("admitted");
    let (_to_ada, mut from_ada) = ben.next_link().await.into_split();

    ben.gate.panic_at(1); // in the hook
    soon(eve.net.dial(&address)).await.expect_err("refused");
    ben.gate.panic_at(2); // in the handler
    let refused = soon(eve.net.dial(&address)).await.err();
    assert_eq!(refused, Some(DialError::Closed(CloseCode::INTERNAL)));

    let (mut to_ben, _from_ben) = link.into_split();
    soon(to_ben.send(b"still here")).await.expect("sent");
    assert_eq!(
        soon(from_ada.receive()).await,
        Ok(Some(b"still here".to_vec()))
    );
    soon(eve.net.dial(&address))
        .await
        .expect("new connections are accepted as before");
    assert_eq!(ben.next_link().await.peer(), eve.id());
}

#[tokio::test]
async fn disconnect_ends_every_link_with_that_peer_and_no_other() {
    let (ada, mut ben, outgoing, accepted) = linked().await;
    let second = soon(ben.net.dial(&ada.net.address()))
        .await
        .expect("the other way round");
    let cleo = Node::start(3).await;
    let bystander = soon(cleo.net.dial(&ben.net.address()))
        .await
        .expect("admitted");
    let theirs = ben.next_link().await;
    let mut connected = vec![ada.id(), cleo.id()];
    connected.sort();
    assert_eq!(ben.net.connected(), connected);

    ben.gate.refuse(ada.id());
    ben.net.disconnect(&ada.id());
    let (mut to_ben, mut from_ben) = outgoing.into_split();
    assert_eq!(
        soon(from_ben.receive()).await,
        Err(LinkError::NotAuthorised)
    );
    assert_eq!(soon(to_ben.send(b"?")).await, Err(LinkError::NotAuthorised));
    for mine in [accepted, second] {
        assert_eq!(
            soon(mine.into_split().1.receive()).await,
            Err(LinkError::ClosedHere)
        );
    }
    assert_eq!(ben.net.connected(), [cleo.id()]);
    assert_eq!(
        soon(ada.net.dial(&ben.net.address())).await.err(),
        Some(DialError::NotAuthorised)
    );

    let (mut to_ben, _) = bystander.into_split();
    soon(to_ben.send(b"not me")).await.expect("sent");
    assert_eq!(
        soon(theirs.into_split().1.receive()).await,
        Ok(Some(b"not me".to_vec()))
    );
}

/// Dials an address that swallows everything, so the dial is still under way.
#[tokio::test]
async fn disconnect_also_ends_a_dial_under_way() {
    let (ada, ben) = (Node::start(1).await, Node::start(2).await);
    let black_hole = UdpSocket::bind("127.0.0.1:0").expect("binds");
    let direct = vec![black_hole.local_addr().expect("bound")];
    let nowhere = PeerAddress {
        peer: ben.id(),
        direct,
        relay: None,
    };
    let dial = ada.net.dial(&nowhere);
    let disconnect = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(ada.net.connected().is_empty(), "a dial is no link yet");
        ada.net.disconnect(&ben.id());
    };
    let (dialled, ()) = soon(async { tokio::join!(dial, disconnect) }).await;
    assert_eq!(dialled.err(), Some(DialError::Disconnected));
}

#[tokio::test]
async fn peers_that_speak_other_protocols_are_told_apart_from_a_bad_network() {
    let (ada, mut ben) = (Node::start(1).await, Node::start(2).await);
    let other = Hostile::speaking(66, b"other/1").await;
    let raw = crate::support::raw_address(&ben);
    soon(other.0.connect(raw, b"other/1"))
        .await
        .expect_err("no common protocol");

    let serve = async {
        while let Some(first) = other.0.accept().await {
            let _ = first.await;
        }
    };
    let address = other.address();
    let dialled = tokio::select! {
        dialled = soon(ada.net.dial(&address)) => dialled,
        () = serve => unreachable!("the endpoint stays open"),
    };
    assert_eq!(dialled.err(), Some(DialError::Incompatible));
    ben.assert_that_nobody_arrived(&ada).await;
}

/// The acceptor's preamble is checked as well as the dialler's.
#[tokio::test]
async fn a_peer_that_answers_with_something_else_is_incompatible() {
    let (ada, mallory) = (Node::start(1).await, Hostile::start(66).await);
    let serve = async {
        let conn = mallory
            .0
            .accept()
            .await
            .expect("open")
            .await
            .expect("handshake");
        let (mut send, _recv) = conn.accept_bi().await.expect("a stream");
        send.write_all(b"HTTP/1.1 200 OK").await.expect("sent");
        close_code(&conn).await
    };
    let address = mallory.address();
    let (dialled, told) = soon(async { tokio::join!(ada.net.dial(&address), serve) }).await;
    assert_eq!((dialled.err(), told), (Some(DialError::Incompatible), 400));
}

/// A link is one stream: there is no second one to hide data in.
#[tokio::test]
async fn a_peer_cannot_open_a_second_stream() {
    let (mut ben, mallory) = (Node::start(2).await, Hostile::start(66).await);
    let raw = mallory.link(&ben, b"").await;
    let _link = ben.next_link().await;
    let wait = std::time::Duration::from_millis(200);
    assert!(
        tokio::time::timeout(wait, raw.conn.open_bi())
            .await
            .is_err()
    );
    assert!(
        tokio::time::timeout(wait, raw.conn.open_uni())
            .await
            .is_err()
    );
}

/// Nor can the one we dialled open any.
#[tokio::test]
async fn a_peer_that_we_dialled_cannot_open_a_stream() {
    let (ada, mallory) = (Node::start(1).await, Hostile::start(66).await);
    let serve = async {
        let conn = mallory
            .0
            .accept()
            .await
            .expect("open")
            .await
            .expect("handshake");
        let (mut send, recv) = conn.accept_bi().await.expect("a stream");
        send.write_all(b"KBS1").await.expect("sent");
        (conn, send, recv)
    };
    let address = mallory.address();
    let (dialled, (conn, _send, _recv)) =
        soon(async { tokio::join!(ada.net.dial(&address), serve) }).await;
    let _link = dialled.expect("admitted");
    let wait = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(wait, conn.open_bi()).await.is_err());
    assert!(tokio::time::timeout(wait, conn.open_uni()).await.is_err());
}

/// The queue holds what the engine has not taken; the rest is told to come back.
#[tokio::test]
async fn arrivals_wait_in_a_bounded_queue() {
    let mut ben = Node::start(2).await;
    let address = ben.net.address();
    let (mut peers, mut links, mut busy) = (Vec::new(), Vec::new(), 0);
    for seed in 100..109 {
        let peer = Node::start(seed).await;
        for _ in 0..4 {
            match soon(peer.net.dial(&address)).await {
                Ok(link) => links.push(link),
                Err(error) => {
                    assert_eq!(error, DialError::Busy);
                    busy += 1;
                }
            }
        }
        peers.push(peer);
    }
    assert_eq!(
        (links.len(), busy),
        (kitbag_net::ARRIVALS_MAX, 36 - kitbag_net::ARRIVALS_MAX)
    );
    assert!(matches!(
        soon(ben.incoming.next()).await,
        Some(Arrival::Sync(_))
    ));
    soon(peers[8].net.dial(&address))
        .await
        .expect("a seat is free again");
}
