//! Asking to be admitted: what an unknown device may do, and how much of it.

use std::time::{Duration, Instant};

use kitbag_net::{
    ALPN_JOIN, CloseCode, JOIN_CONCURRENT_MAX, JOIN_FRAME_BYTES_MAX, JOIN_FRAME_TIMEOUT,
    JOIN_PER_MINUTE_MAX, JoinError, LINKS_PER_PEER_MAX, LinkError, Net, PeerAddress,
};

use crate::support::{Hostile, MISBEHAVED, Node, close_code, framed, soon};

/// A node that admits joins, and one that wants in.
async fn inviter_and_joiner() -> (Node, Node) {
    let (inviter, joiner) = (Node::start(1).await, Node::start(2).await);
    inviter.gate.open_join();
    (inviter, joiner)
}

async fn ask(net: &Net, to: &PeerAddress) -> Result<Vec<u8>, JoinError> {
    soon(net.join(to, |_| b"please".to_vec())).await
}

#[tokio::test]
async fn without_a_live_invite_nobody_may_ask() {
    let (ada, mut ben) = (Node::start(1).await, Node::start(2).await);
    assert_eq!(
        ask(&ada.net, &ben.net.address()).await,
        Err(JoinError::NotAuthorised)
    );
    ben.assert_that_nobody_arrived(&ada).await;
}

/// Both ends sign over the same channel, so they must see the same one, each from its side.
#[tokio::test]
async fn the_answer_arrives_and_both_sides_saw_the_same_channel() {
    let (mut inviter, joiner) = inviter_and_joiner().await;
    let address = inviter.net.address();
    let mut exporters = Vec::new();
    for _ in 0..2 {
        let mut seen = None;
        let asked = soon(joiner.net.join(&address, |binding| {
            seen = Some(binding.clone());
            b"a proof over the channel".to_vec()
        }));
        let answer = async {
            let attempt = inviter.next_join().await;
            assert_eq!(attempt.request(), b"a proof over the channel");
            assert_eq!(attempt.peer(), joiner.id());
            let binding = attempt.binding().clone();
            soon(attempt.reply(vec![9; 300_000]))
                .await
                .expect("delivered");
            binding
        };
        let (answered, theirs) = tokio::join!(asked, answer);
        assert_eq!(answered, Ok(vec![9; 300_000]));
        let ours = seen.expect("the request was asked for");
        assert_eq!(ours.exporter, theirs.exporter);
        assert_eq!((ours.local, ours.remote), (theirs.remote, theirs.local));
        assert_eq!(
            (ours.local, ours.remote),
            (joiner.id(), inviter.net.peer_id())
        );
        assert_eq!(
            (ours.dialler(), ours.acceptor()),
            (theirs.dialler(), theirs.acceptor())
        );
        assert_eq!(ours.dialler(), joiner.id());
        assert!(ours.is_outgoing && !theirs.is_outgoing);
        exporters.push(ours.exporter);
    }
    assert_ne!(
        exporters[0], exporters[1],
        "a proof is good for one connection"
    );
}

#[tokio::test]
async fn a_request_of_the_largest_size_passes_and_others_are_not_even_sent() {
    let (mut inviter, joiner) = inviter_and_joiner().await;
    let address = inviter.net.address();
    let asked = soon(joiner.net.join(&address, |_| vec![1; JOIN_FRAME_BYTES_MAX]));
    let answer = async {
        let attempt = inviter.next_join().await;
        assert_eq!(attempt.request().len(), JOIN_FRAME_BYTES_MAX);
        soon(attempt.reply(b"yes".to_vec())).await
    };
    assert_eq!(tokio::join!(asked, answer), (Ok(b"yes".to_vec()), Ok(())));

    for bytes in [0, JOIN_FRAME_BYTES_MAX + 1] {
        let asked = soon(joiner.net.join(&address, |_| vec![1; bytes])).await;
        assert_eq!(asked, Err(JoinError::RequestLength { bytes }));
    }
}

#[tokio::test]
async fn a_refused_and_a_dropped_request_are_told_apart() {
    let (mut inviter, joiner) = inviter_and_joiner().await;
    let address = inviter.net.address();
    let refuse = async { inviter.next_join().await.refuse() };
    assert_eq!(
        tokio::join!(ask(&joiner.net, &address), refuse).0,
        Err(JoinError::NotAuthorised)
    );
    let abandon = async { drop(inviter.next_join().await) };
    let no_answer = JoinError::NoAnswer(LinkError::Closed(CloseCode::ABANDONED));
    assert_eq!(
        tokio::join!(ask(&joiner.net, &address), abandon).0,
        Err(no_answer)
    );
}

/// The invite is used up while a request is on its way: the gate is asked a third time.
#[tokio::test]
async fn an_invite_that_ends_while_a_request_arrives_lets_nobody_in() {
    let (inviter, joiner) = inviter_and_joiner().await;
    inviter.gate.refuse_at(3);
    assert_eq!(
        ask(&joiner.net, &inviter.net.address()).await,
        Err(JoinError::NotAuthorised)
    );
    assert_eq!(inviter.gate.asked(), 3);
}

#[tokio::test]
async fn requests_that_are_not_one_frame_of_admissible_length_are_refused() {
    let (mut inviter, joiner) = inviter_and_joiner().await;
    let mallory = Hostile::start(66).await;
    let over = u32::try_from(JOIN_FRAME_BYTES_MAX + 1)
        .expect("fits")
        .to_be_bytes()
        .to_vec();
    let two_frames = [framed(b"one"), framed(b"two")].concat();
    let cut = framed(b"cut short")[..6].to_vec();
    for request in [
        over,
        0u32.to_be_bytes().to_vec(),
        two_frames,
        cut,
        Vec::new(),
    ] {
        let mut raw = mallory.stream(&inviter, ALPN_JOIN, &request).await;
        raw.send.finish().expect("open");
        assert_eq!(close_code(&raw.conn).await, MISBEHAVED, "{request:?}");
    }
    assert_that_joining_still_works(&mut inviter, &joiner).await;
}

/// Requests that are never sent, or never end, must not hold their places.
#[tokio::test]
async fn a_request_that_does_not_arrive_is_dropped_in_time() {
    let (mut inviter, joiner) = inviter_and_joiner().await;
    let mallory = Hostile::start(66).await;
    let start = Instant::now();
    let silent = mallory.connect(&inviter, ALPN_JOIN).await;
    let dripping = mallory
        .stream(&inviter, ALPN_JOIN, &framed(&[0; 100])[..50])
        .await;
    for conn in [&silent, &dripping.conn] {
        assert_eq!(close_code(conn).await, CloseCode::STALLED.as_u64());
    }
    // Not sooner than it may; that it ends at all is what was waited for.
    let took = start.elapsed();
    assert!(took >= JOIN_FRAME_TIMEOUT, "{took:?}");
    assert_that_joining_still_works(&mut inviter, &joiner).await;
}

#[tokio::test]
async fn so_many_requests_may_be_in_work_at_once_and_no_more() {
    let (mut inviter, joiner) = inviter_and_joiner().await;
    let mut held = Vec::new();
    for seed in 0..JOIN_CONCURRENT_MAX / LINKS_PER_PEER_MAX {
        let stranger = Hostile::start(60 + seed as u8).await;
        for _ in 0..LINKS_PER_PEER_MAX {
            let mut raw = stranger
                .stream(&inviter, ALPN_JOIN, &framed(b"please"))
                .await;
            raw.send.finish().expect("open");
            held.push((inviter.next_join().await, raw));
        }
    }
    assert_eq!(
        ask(&joiner.net, &inviter.net.address()).await,
        Err(JoinError::Busy)
    );
    assert!(inviter.net.connected().is_empty(), "a join is no link");
    held.pop();
    assert_that_joining_still_works(&mut inviter, &joiner).await;
}

/// Uses up the budget of a minute with requests that are refused at once: not sooner than it may, and
/// not much later than it must, which depends on how many a machine can make.
#[tokio::test]
async fn so_many_requests_may_be_made_in_a_minute_and_no_more() {
    let (mut inviter, joiner) = inviter_and_joiner().await;
    let address = inviter.net.address();
    let (mut asked, mut refused) = (Instant::now(), 0);
    loop {
        let refuse = async {
            let attempt = inviter.next_join().await;
            attempt.refuse();
        };
        let ask = ask(&joiner.net, &address);
        tokio::pin!(ask, refuse);
        let answer = tokio::select! {
            answer = &mut ask => answer,
            () = &mut refuse => ask.await,
        };
        match answer {
            Err(JoinError::NotAuthorised) => refused += 1,
            other => {
                assert_eq!(other, Err(JoinError::Busy));
                break;
            }
        }
        // A machine that cannot ask as often as the budget allows is never told that it is used up.
        if refused % JOIN_PER_MINUTE_MAX == 0 {
            let took = asked.elapsed();
            if took >= Duration::from_secs(55) {
                println!("{JOIN_PER_MINUTE_MAX} requests took {took:?}: the budget is not reached");
                return;
            }
            asked = Instant::now();
        }
        assert!(refused < 20 * JOIN_PER_MINUTE_MAX, "there is no budget");
    }
    assert!(refused >= JOIN_PER_MINUTE_MAX, "after {refused}");
    soon(joiner.net.dial(&address))
        .await
        .expect("syncing has budgets of its own");
}

#[tokio::test]
async fn an_answer_that_is_no_frame_is_no_answer() {
    let (joiner, mallory) = (Node::start(2).await, Hostile::speaking(66, ALPN_JOIN).await);
    let serve = async {
        let conn = mallory
            .0
            .accept()
            .await
            .expect("open")
            .await
            .expect("handshake");
        let (mut send, mut recv) = conn.accept_bi().await.expect("a stream");
        recv.read_to_end(100).await.expect("the request");
        send.write_all(&u32::MAX.to_be_bytes()).await.expect("sent");
        close_code(&conn).await
    };
    let address = mallory.address();
    let (asked, told) = tokio::join!(ask(&joiner.net, &address), soon(serve));
    let fault = LinkError::TooLong { bytes: u32::MAX };
    assert_eq!((asked, told), (Err(JoinError::NoAnswer(fault)), MISBEHAVED));
}

async fn assert_that_joining_still_works(inviter: &mut Node, joiner: &Node) {
    let address = inviter.net.address();
    let welcome = async { soon(inviter.next_join().await.reply(b"welcome".to_vec())).await };
    assert_eq!(
        tokio::join!(ask(&joiner.net, &address), welcome).0,
        Ok(b"welcome".to_vec())
    );
}
