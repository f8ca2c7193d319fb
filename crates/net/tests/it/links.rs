//! Frames: what passes, what is refused, and how each side learns of the end.

use std::time::Duration;

use kitbag_net::{CloseCode, DialError, FRAME_BYTES_MAX, LINKS_PER_PEER_MAX, LinkError};

use crate::support::{Hostile, MISBEHAVED, Node, close_code, framed, linked, soon};

#[tokio::test]
async fn frames_pass_in_both_directions() {
    let (ada, ben, outgoing, accepted) = linked().await;
    assert_eq!((outgoing.peer(), accepted.peer()), (ben.id(), ada.id()));
    assert!(outgoing.is_outgoing() && !accepted.is_outgoing());
    let (mut to_ben, mut from_ben) = outgoing.into_split();
    let (mut to_ada, mut from_ada) = accepted.into_split();
    for round in 0..50u8 {
        let (ping, pong) = (vec![round; 1 + 37 * usize::from(round)], vec![round; 5000]);
        soon(to_ben.send(&ping)).await.expect("sent");
        soon(to_ada.send(&pong)).await.expect("sent");
        assert_eq!(soon(from_ada.receive()).await, Ok(Some(ping)));
        assert_eq!(soon(from_ben.receive()).await, Ok(Some(pong)));
    }
}

#[tokio::test]
async fn the_longest_frame_passes_and_one_byte_more_is_refused_by_the_sender() {
    let (_ada, _ben, outgoing, accepted) = linked().await;
    let (mut sender, _from_ben) = outgoing.into_split();
    let (_to_ada, mut receiver) = accepted.into_split();
    let longest: Vec<u8> = (0..FRAME_BYTES_MAX).map(|i| (i % 251) as u8).collect();
    let (sent, received) =
        soon(async { tokio::join!(sender.send(&longest), receiver.receive()) }).await;
    assert_eq!((sent, received), (Ok(()), Ok(Some(longest))));

    let too_long = vec![0; FRAME_BYTES_MAX + 1];
    assert_eq!(
        sender.send(&too_long).await,
        Err(LinkError::SendTooLong {
            bytes: FRAME_BYTES_MAX + 1
        })
    );
    assert_eq!(sender.send(b"").await, Err(LinkError::SendEmpty));
    soon(sender.send(b"the link still stands"))
        .await
        .expect("sent");
    assert_eq!(
        soon(receiver.receive()).await,
        Ok(Some(b"the link still stands".to_vec()))
    );
}

/// The receiver judges a bare length, from a peer that never sends the body.
#[tokio::test]
async fn inadmissible_lengths_are_refused_by_the_receiver_and_the_peer_is_told() {
    let (mut ben, mallory) = (Node::start(2).await, Hostile::start(66).await);
    let over = u32::try_from(FRAME_BYTES_MAX).expect("fits") + 1;
    let faults = [
        (over, LinkError::TooLong { bytes: over }),
        (u32::MAX, LinkError::TooLong { bytes: u32::MAX }),
        (0, LinkError::Empty),
    ];
    for (length, fault) in faults {
        let raw = mallory.link(&ben, &length.to_be_bytes()).await;
        let (_sender, mut receiver) = ben.next_link().await.into_split();
        assert_eq!(soon(receiver.receive()).await, Err(fault));
        assert_eq!(close_code(&raw.conn).await, MISBEHAVED);
        assert_eq!(
            soon(receiver.receive()).await,
            Err(LinkError::ClosedHere),
            "no way on after a fault"
        );
    }
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_frame_is_truncated_and_not_clean() {
    let (mut ben, mallory) = (Node::start(2).await, Hostile::start(66).await);
    for cut in [1, 3, 4, 7] {
        let bytes = [framed(b"whole"), framed(b"half")[..cut].to_vec()].concat();
        let mut raw = mallory.link(&ben, &bytes).await;
        raw.send.finish().expect("open");
        let (_sender, mut receiver) = ben.next_link().await.into_split();
        assert_eq!(soon(receiver.receive()).await, Ok(Some(b"whole".to_vec())));
        assert_eq!(soon(receiver.receive()).await, Err(LinkError::Truncated));
        assert_eq!(close_code(&raw.conn).await, MISBEHAVED);
    }
}

#[tokio::test]
async fn a_peer_that_opens_with_something_else_never_arrives() {
    let (ada, mut ben, mallory) = (
        Node::start(1).await,
        Node::start(2).await,
        Hostile::start(66).await,
    );
    for opening in [&b"GET / HTTP/1.1\r\n"[..], b"KBS2", b"K???"] {
        let raw = mallory.stream(&ben, kitbag_net::ALPN_SYNC, opening).await;
        assert_eq!(close_code(&raw.conn).await, MISBEHAVED);
    }
    let mut raw = mallory.stream(&ben, kitbag_net::ALPN_SYNC, b"KB").await;
    raw.send.finish().expect("open");
    assert_eq!(close_code(&raw.conn).await, MISBEHAVED);
    ben.assert_that_nobody_arrived(&ada).await;
}

/// The preamble may come in pieces, as the network likes.
#[tokio::test]
async fn a_preamble_in_pieces_is_a_preamble() {
    let (mut ben, slow) = (Node::start(2).await, Hostile::start(3).await);
    let mut raw = slow.stream(&ben, kitbag_net::ALPN_SYNC, b"K").await;
    for byte in [b"B", b"S", b"1"] {
        tokio::time::sleep(Duration::from_millis(20)).await;
        soon(raw.send.write_all(byte)).await.expect("sent");
    }
    soon(raw.send.write_all(&framed(b"hello")))
        .await
        .expect("sent");
    let (_sender, mut receiver) = ben.next_link().await.into_split();
    assert_eq!(soon(receiver.receive()).await, Ok(Some(b"hello".to_vec())));
}

#[tokio::test]
async fn everything_sent_before_finish_is_read_even_when_the_sender_is_gone() {
    let (_ada, _ben, outgoing, accepted) = linked().await;
    let (mut sender, from_ben) = outgoing.into_split();
    let (_to_ada, mut receiver) = accepted.into_split();
    for body in [vec![1; 10], vec![2; 200_000], vec![3; 1]] {
        soon(sender.send(&body)).await.expect("sent");
    }
    soon(sender.finish()).await.expect("acknowledged");
    drop(from_ben); // the last handle: the connection closes
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut lengths = Vec::new();
    while let Some(body) = soon(receiver.receive()).await.expect("clean") {
        lengths.push(body.len());
    }
    assert_eq!(lengths, [10, 200_000, 1]);
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    let (_ada, _ben, outgoing, accepted) = linked().await;
    let (to_ben, mut from_ben) = outgoing.into_split();
    let (mut to_ada, mut from_ada) = accepted.into_split();
    soon(to_ben.finish()).await.expect("acknowledged");
    assert_eq!(soon(from_ada.receive()).await, Ok(None));
    assert_eq!(soon(from_ada.receive()).await, Ok(None), "and stays so");
    soon(to_ada.send(b"still here")).await.expect("sent");
    soon(to_ada.finish()).await.expect("acknowledged");
    assert_eq!(
        soon(from_ben.receive()).await,
        Ok(Some(b"still here".to_vec()))
    );
    assert_eq!(soon(from_ben.receive()).await, Ok(None));
}

/// A session cut off by an error or a panic must not look complete to the peer.
#[tokio::test]
async fn a_sender_dropped_without_finishing_is_no_clean_end() {
    let (_ada, _ben, outgoing, accepted) = linked().await;
    let (mut sender, _from_ben) = outgoing.into_split();
    let (_to_ada, mut receiver) = accepted.into_split();
    soon(sender.send(b"first of many")).await.expect("sent");
    assert_eq!(
        soon(receiver.receive()).await,
        Ok(Some(b"first of many".to_vec()))
    );
    drop(sender);
    assert_eq!(
        soon(receiver.receive()).await,
        Err(LinkError::Closed(CloseCode::ABANDONED))
    );
}

#[tokio::test]
async fn a_close_code_reaches_the_other_side() {
    let (_ada, _ben, outgoing, accepted) = linked().await;
    let (mut to_ada, mut from_ada) = accepted.into_split();
    outgoing.close(CloseCode::BUSY);
    assert_eq!(
        soon(from_ada.receive()).await,
        Err(LinkError::Closed(CloseCode::BUSY))
    );
    assert_eq!(
        soon(to_ada.send(b"anyone?")).await,
        Err(LinkError::Closed(CloseCode::BUSY))
    );
}

/// Drops a waiting `receive` again and again while a frame trickles in.
#[tokio::test]
async fn a_cancelled_receive_loses_nothing() {
    let (mut ben, slow) = (Node::start(2).await, Hostile::start(3).await);
    let mut raw = slow.link(&ben, b"").await;
    let (_sender, mut receiver) = ben.next_link().await.into_split();
    let trickle = async {
        for byte in framed(b"trickling") {
            soon(raw.send.write_all(&[byte])).await.expect("sent");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        raw
    };
    let receive = async {
        let mut cancelled = 0;
        loop {
            match tokio::time::timeout(Duration::from_millis(3), receiver.receive()).await {
                Ok(received) => return (received, cancelled),
                Err(_) => cancelled += 1,
            }
        }
    };
    let (_raw, (received, cancelled)) = soon(async { tokio::join!(trickle, receive) }).await;
    assert_eq!(received, Ok(Some(b"trickling".to_vec())));
    assert!(cancelled > 5, "only {cancelled} times");
}

/// Nobody reads, so a send gets stuck inside a frame and is dropped there.
#[tokio::test]
async fn a_cancelled_send_closes_the_link_instead_of_garbling_it() {
    let (_ada, _ben, outgoing, accepted) = linked().await;
    let (mut sender, _from_ben) = outgoing.into_split();
    let (_to_ada, mut receiver) = accepted.into_split();
    let body = vec![7; FRAME_BYTES_MAX];
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_millis(300), sender.send(&body))
        .await
        .is_ok()
    {
        sent += 1;
    }
    assert!(
        sent < 20,
        "a peer that does not read holds the sender back, yet {sent} MiB left"
    );
    assert_eq!(
        soon(sender.send(b"next")).await,
        Err(LinkError::SendInterrupted)
    );
    let end = loop {
        match soon(receiver.receive()).await {
            Ok(Some(whole)) => assert!(whole == body),
            end => break end,
        }
    };
    assert_eq!(end, Err(LinkError::Closed(CloseCode::ABANDONED)));
}

#[tokio::test]
async fn one_peer_may_have_several_links_up_to_a_bound() {
    let (ada, mut ben) = (Node::start(1).await, Node::start(2).await);
    let address = ben.net.address();
    let mut links = Vec::new();
    for _ in 0..LINKS_PER_PEER_MAX {
        links.push(soon(ada.net.dial(&address)).await.expect("admitted"));
        links.push(ben.next_link().await);
    }
    assert_eq!(
        (ada.net.connected(), ben.net.connected()),
        (vec![ben.id()], vec![ada.id()])
    );
    assert_eq!(
        soon(ada.net.dial(&address)).await.err(),
        Some(DialError::Busy)
    );

    drop(links.drain(..2));
    soon(ada.net.dial(&address))
        .await
        .expect("a place is free again");
    soon(ben.net.dial(&ada.net.address()))
        .await
        .expect("the other direction counts for itself");
}
