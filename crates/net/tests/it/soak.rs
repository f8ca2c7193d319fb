//! Many connections, slow readers, and peers that never finish: what they cost the others.

use std::time::Duration;

use kitbag_net::{
    CloseCode, DialError, FRAME_BYTES_MAX, LINKS_PER_PEER_MAX, LinkError, PeerAddress,
};
use tokio::net::UdpSocket;

use crate::support::{Hostile, Node, framed, linked, soon};

/// Goal: a peer that comes and goes all day leaves nothing behind that keeps it out.
#[tokio::test]
async fn three_hundred_connections_in_a_row_leave_no_trace() {
    let (ada, mut ben) = (Node::start(1).await, Node::start(2).await);
    let address = ben.net.address();
    for round in 0..300u32 {
        let link = soon(ada.net.dial(&address)).await;
        let link = link.unwrap_or_else(|error| panic!("connection {round}: {error}"));
        let accepted = ben.next_link().await;
        let (mut to_ben, mut from_ben) = link.into_split();
        let (_to_ada, mut from_ada) = accepted.into_split();
        let body = round.to_be_bytes().to_vec();
        soon(to_ben.send(&body)).await.expect("sent");
        assert_eq!(soon(from_ada.receive()).await, Ok(Some(body)));
        // Ended now by one side, now by the other, now by nobody who says so.
        match round % 3 {
            0 => to_ben.close(CloseCode::DONE),
            1 => {
                from_ada.close(CloseCode::DONE);
                let end = soon(from_ben.receive()).await;
                assert_eq!(end, Err(LinkError::Closed(CloseCode::DONE)));
            }
            _ => drop((to_ben, from_ben)),
        }
    }
    let gone = async {
        while !ada.net.connected().is_empty() || !ben.net.connected().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(gone).await;
}

/// Goal: a storm of peers at once is served, each with its own link, and none with another's bytes.
#[tokio::test]
async fn twenty_connections_at_once_are_all_served() {
    let mut ben = Node::start(2).await;
    let address = ben.net.address();
    let mut peers = Vec::new();
    for seed in 100..105 {
        peers.push(Node::start(seed).await);
    }
    let mut dials = tokio::task::JoinSet::new();
    for peer in &peers {
        for number in 0..LINKS_PER_PEER_MAX {
            let (net, address) = (peer.net.clone(), address.clone());
            dials.spawn(async move {
                let link = soon(net.dial(&address)).await.expect("admitted");
                let (mut sender, mut receiver) = link.into_split();
                let body = [&net.peer_id().0[..], &number.to_be_bytes()].concat();
                soon(sender.send(&body)).await.expect("sent");
                assert_eq!(soon(receiver.receive()).await, Ok(Some(body)));
                (sender, receiver)
            });
        }
    }
    let mut served = Vec::new();
    for _ in 0..peers.len() * LINKS_PER_PEER_MAX {
        let link = ben.next_link().await;
        let peer = link.peer();
        let (mut sender, mut receiver) = link.into_split();
        let body = soon(receiver.receive())
            .await
            .expect("clean")
            .expect("a frame");
        assert_eq!(body[..32], peer.0);
        soon(sender.send(&body)).await.expect("sent");
        served.push((sender, receiver));
    }
    while let Some(dial) = dials.join_next().await {
        dial.expect("no dial panicked");
    }
}

/// Goal: a reader that pauses holds its own sender back and nothing more: no connection is lost, and
/// no more than a window of it waits in memory.
#[tokio::test]
async fn a_reader_that_pauses_keeps_its_link_and_a_bounded_amount_waits() {
    let (_ada, _ben, outgoing, accepted) = linked().await;
    let (mut sender, _from_ben) = outgoing.into_split();
    let (_to_ada, mut receiver) = accepted.into_split();
    let (count, bytes) = (40usize, 256 * 1024);
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = sent.clone();
    let sending = tokio::spawn(async move {
        for number in 0..count {
            let body = vec![u8::try_from(number).expect("few"); bytes];
            sender.send(&body).await?;
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        sender.finish().await
    });
    for number in 0..count {
        if number % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(400)).await; // the peer looks elsewhere
            let ahead = sent.load(std::sync::atomic::Ordering::SeqCst) - number;
            assert!(
                ahead * bytes <= 16 * FRAME_BYTES_MAX,
                "{ahead} frames wait for a reader that pauses"
            );
        }
        let body = soon(receiver.receive()).await.expect("the link stands");
        assert_eq!(body, Some(vec![u8::try_from(number).expect("few"); bytes]));
    }
    assert_eq!(soon(receiver.receive()).await, Ok(None));
    soon(sending)
        .await
        .expect("no panic")
        .expect("the slow reader lost no connection");
}

/// Goal: whoever begins a frame and never ends it takes its own places and nobody else's time.
#[tokio::test]
async fn peers_that_stop_inside_a_frame_cost_the_others_nothing() {
    let mut ben = Node::start(2).await;
    let mut stuck = Vec::new();
    for seed in 60..64 {
        let mallory = Hostile::start(seed).await;
        for _ in 0..LINKS_PER_PEER_MAX {
            let half = &framed(&[7; 1000])[..500];
            let raw = mallory.link(&ben, half).await;
            let (to_mallory, mut receiver) = ben.next_link().await.into_split();
            let waiting = tokio::spawn(async move { receiver.receive().await });
            stuck.push((raw, to_mallory, waiting));
        }
    }
    let ada = Node::start(1).await;
    for round in 0..20u8 {
        let link = soon(ada.net.dial(&ben.net.address()))
            .await
            .expect("admitted");
        let (_to_ada, mut from_ada) = ben.next_link().await.into_split();
        let (mut to_ben, _from_ben) = link.into_split();
        for size in [1, 70_000, 300_000] {
            let body = vec![round; size];
            let (sent, received) =
                soon(async { tokio::join!(to_ben.send(&body), from_ada.receive()) }).await;
            assert_eq!((sent, received), (Ok(()), Ok(Some(body))));
        }
    }
    assert!(
        stuck.iter().all(|(.., waiting)| !waiting.is_finished()),
        "half a frame is no frame"
    );
    stuck.iter().for_each(|(.., waiting)| waiting.abort());
}

/// Goal: a device that tried to reach somebody who is away goes offline as fast as any other. What a
/// dial leaves behind drains for a few times what a round trip may take, which nobody has measured.
#[tokio::test]
async fn a_dial_to_somebody_who_is_away_does_not_hold_up_the_shutdown() {
    let (ada, ben) = (Node::start(1).await, Node::start(2).await);
    let black_hole = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    let nowhere = PeerAddress {
        peer: ben.id(),
        direct: vec![black_hole.local_addr().expect("bound")],
        relay: None,
    };
    let (net, dialler) = (ada.net.clone(), ada.net.clone());
    let dial = tokio::spawn(async move { dialler.dial(&nowhere).await.err() });
    soon(black_hole.recv_from(&mut [0; 2048]))
        .await
        .expect("the first packet is out");
    // Nobody answers, so all that is waited for is time-outs: on a clock that jumps from one to the next
    // it is they that are counted, not the machine.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    net.shutdown().await;
    let waited = start.elapsed();
    tokio::time::resume();
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    assert_eq!(
        soon(dial).await.expect("no panic"),
        Some(DialError::Stopped)
    );
}
