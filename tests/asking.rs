//! Invites that ask, with real daemons: a confidential pack, a person's yes and no, a ticket taken back.

use crate::support::{Device, eventually, find, text};
use kitbag_core::codec;
use kitbag_core::id::EndpointId;
use kitbag_core::person::{Certificate, SUITE, SignedPersonOp};
use kitbag_core::policy::op::Redeem;
use kitbag_core::ticket::Ticket;
use kitbag_core::wire::{JOIN_FRAME_BYTES_MAX, JoinAnswer, JoinChannel, JoinRequest, SYNC_VERSION};
use kitbag_crypto::{SigningKey, WrapKey};
use kitbag_net::{Config, EndpointSecret, Gate, Listen, Net, PeerAddress, PeerId};
use serde_json::Value;
use std::sync::Arc;

fn share_confidential(device: &Device, pack: &str, more: &[&str]) -> Value {
    let args = [
        &["share", pack, "--clearance", "confidential", "--yes"],
        more,
    ]
    .concat();
    device.json(&args)
}

fn requests(device: &Device) -> Vec<Value> {
    let told = device.json(&["share", "requests"]);
    told["requests"].as_array().unwrap().clone()
}

/// Goal: the whole way of a confidential note to a teammate: the ticket alone opens nothing; both see
/// the same words; a yes lets the joiner in without another command; restarts lose nothing.
#[test]
fn a_confidential_pack_is_joined_once_a_person_says_yes() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let secret = ["add", &pack, "--source", "test", "--title", "terms"];
    let args = [&secret[..], &["--sensitivity", "confidential"]].concat();
    ada.json_with(&args, b"the real price");
    let shared = share_confidential(&ada, &pack, &[]);
    assert_eq!(
        (&shared["ask"], &shared["opens"]),
        (&true.into(), &1.into())
    );
    let ticket = text(&shared["ticket"]);

    let joined = ben.json_with(&["join", "-", "--as", "acme"], ticket.as_bytes());
    assert_eq!(joined["state"], "waiting", "{joined}");
    assert_eq!(joined["invited_by"], "Ada");
    assert_eq!(joined["clearance"], "confidential");
    let told = ben.ok_with(&["join", "-"], ticket.as_bytes());
    assert!(told.starts_with("Waiting for Ada to let you in."), "{told}");
    assert_eq!(
        ada.json(&["members", &pack])["members"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    for device in [&ada, &ben] {
        device.ok(&["down"]);
        device.ok(&["up", "--detach"]);
    }
    let waiting = &ben.json(&["pack", "list"])["joins"][0];
    assert_eq!(
        (&waiting["waiting"], &waiting["id"]),
        (&true.into(), &shared["invite"])
    );
    assert_eq!(waiting["asked"][0]["check_words"], joined["check_words"]);
    assert!(ben.ok(&["status"]).contains("waiting for Ada"));
    assert!(ada.ok(&["status"]).contains("1 person asks to be let in"));
    assert!(ada.ok(&[]).contains("1 person asks to be let in"));
    let asks = requests(&ada);
    assert_eq!((asks.len(), &asks[0]["name"]), (1, &"Ben".into()));
    assert_eq!(asks[0]["check_words"], joined["check_words"]);

    let words = text(&asks[0]["check_words"]);
    let (code, error) = ada.fails(&["share", "approve", &words], b"");
    assert_eq!((code, &error["code"]), (2, &"confirmation-required".into()));
    let dry = ada.json(&["share", "approve", &words, "--dry-run"]);
    assert_eq!((&dry["dry_run"], requests(&ada).len()), (&true.into(), 1));
    assert_eq!(dry["approved"], false, "nobody was");
    let (code, _) = ada.fails(&["share", "approve", "Ben", "--yes"], b"");
    assert_eq!(code, 3, "a name is what anybody says of themselves");
    let told = ada.ok(&["share", "approve", &words, "--yes"]);
    assert!(
        told.starts_with(
            "Ben is in Acme now and can read and write its notes up to Confidential: 1 note"
        ),
        "{told}"
    );
    eventually("the pack arrives by itself", || {
        ben.run(&["list", "acme"], b"").status.success()
            && ben.contents("acme") == [("terms".to_owned(), "the real price".to_owned())]
    });
    assert_eq!(
        ben.json(&["pack", "list"])["joins"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let listed = &ada.json(&["share", "list", &pack])["invites"][0];
    assert_eq!(
        (&listed["state"], &listed["used"]),
        (&"used".into(), &1.into())
    );
    assert_eq!(listed["joined"][0]["name"], "Ben");
    assert_eq!(listed["joined"][0]["check_words"], joined["check_words"]);
}

/// Goal: a no ends the asking, a ticket that was taken back says so to whoever waits and to whoever
/// comes later, and both can be forgotten.
#[test]
fn a_no_and_a_cancelled_ticket_are_told_to_whoever_waits() {
    let (ada, ben, cleo) = (Device::up("Ada"), Device::up("Ben"), Device::up("Cleo"));
    let pack = ada.create_pack("Acme");
    let shared = share_confidential(&ada, &pack, &["--uses", "3"]);
    let (ticket, invite) = (text(&shared["ticket"]), text(&shared["invite"]));
    for device in [&ben, &cleo] {
        let joined = device.json_with(&["join", "-"], ticket.as_bytes());
        assert_eq!(joined["state"], "waiting");
    }
    let id = |name: &str| {
        let all = requests(&ada);
        text(&all.iter().find(|it| it["name"] == name).unwrap()["id"])
    };
    let refused = ada.json(&["share", "refuse", &id("Ben")]);
    assert_eq!(refused["approved"], false);
    let over = |device: &Device| device.json(&["status"])["joins"][0]["waiting"] == false;
    eventually("Ben hears the no", || over(&ben));
    assert!(ben.ok(&[]).contains("did not let you in"));
    let (code, error) = ben.fails(&["join", "-"], ticket.as_bytes());
    assert_eq!((code, &error["code"]), (4, &"ticket/declined".into()));
    ben.ok(&["join", "--forget", &invite]);
    assert_eq!(ben.json(&["status"])["joins"].as_array().unwrap().len(), 0);

    let told = ada.ok(&["share", "cancel", &pack, &invite, "--dry-run"]);
    assert!(told.contains("1 person waits"), "{told}");
    let (code, _) = ada.fails(&["share", "cancel", &pack, &invite], b"");
    assert_eq!(code, 2);
    ada.ok(&["share", "cancel", &pack, &invite, "--yes"]);
    let (code, error) = ada.fails(&["share", "cancel", &pack, &invite, "--yes"], b"");
    assert_eq!(code, 7, "{error}");
    assert!(text(&error["message"]).contains("was cancelled"), "{error}");
    eventually("Cleo hears that it was taken back", || over(&cleo));
    let (code, error) = cleo.fails(&["join", "-"], ticket.as_bytes());
    assert_eq!((code, &error["code"]), (7, &"ticket/cancelled".into()));
    assert_eq!(
        ada.json(&["share", "list", &pack])["invites"][0]["state"],
        "cancelled"
    );
}

/// Goal: a ticket for several is good for long, so it is not taken where others can read it.
#[test]
fn a_ticket_for_several_is_no_argument_and_who_may_not_share_sees_no_terms() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let shared = ada.json(&["share", &pack, "--uses", "2", "--yes"]);
    let ticket = text(&shared["ticket"]);
    for args in [
        ["join", &ticket].as_slice(),
        &["ticket", "inspect", &ticket],
    ] {
        let (code, error) = ben.fails(args, b"");
        assert_eq!(code, 2, "{error}");
        assert_eq!(
            find(error.to_string().as_bytes(), &ticket.as_bytes()[20..60]),
            None
        );
    }
    let told = ben.json_with(&["ticket", "inspect", "-"], ticket.as_bytes());
    assert_eq!(told["ticket"]["uses"], 2);
    assert_eq!(
        ben.json_with(&["join", "-"], ticket.as_bytes())["state"],
        "joined"
    );
    let one = ada.share(&pack);
    assert_eq!(ben.json(&["join", &one])["state"], "already_member");

    let (code, error) = ben.fails(&["share", &pack, "--dry-run"], b"");
    assert_eq!((code, &error["code"]), (4, &"denied".into()));
    let invite = text(&shared["invite"]);
    let (code, error) = ben.fails(&["share", "cancel", &pack, &invite, "--dry-run"], b"");
    assert_eq!((code, &error["code"]), (4, &"denied".into()));
}

struct Nobody;

impl Gate for Nobody {
    fn may_sync(&self, _: &PeerId) -> bool {
        false
    }

    fn join_is_open(&self) -> bool {
        false
    }
}

/// Goal: a joiner chooses its name; whatever that is, it does not steer the terminal of whoever reads
/// the list, and stays in its place there.
#[tokio::test]
async fn a_hostile_name_in_a_request_is_shown_neutral() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let ticket = Ticket::parse(&text(&share_confidential(&ada, &pack, &[])["ticket"])).unwrap();
    let (device, endpoint) = (
        SigningKey::from_seed([7; 32]),
        SigningKey::from_seed([8; 32]),
    );
    let links = Certificate {
        suite: SUITE,
        device: device.verifying_key().into(),
        endpoint: EndpointId::from_bytes(*endpoint.verifying_key().as_bytes()),
        wrap: WrapKey::from_seed(&[9; 32]).public().to_bytes(),
    };
    let person = SignedPersonOp::found([1; 16], links, &device, &endpoint);
    let key = ticket.invite_key();
    let (of, joiner) = (person.person(), person.certificate().endpoint);
    let redeem = Redeem::sign(
        ticket.pack,
        ticket.invite,
        person.certificate(),
        of,
        &key,
        &device,
    );
    let (net, _arrivals) = Net::bind(
        EndpointSecret::from_bytes(&[8; 32]),
        Config {
            listen: Listen::Loopback(0),
            ..Config::default()
        },
        Arc::new(Nobody),
    )
    .await
    .unwrap();
    let peer = &ticket.peers[0];
    let address = PeerAddress {
        peer: PeerId(*peer.endpoint.as_bytes()),
        direct: peer
            .addresses
            .iter()
            .map(|it| it.parse().unwrap())
            .collect(),
        relay: None,
    };
    let answer = net
        .join(&address, |binding| {
            let channel = JoinChannel {
                exporter: binding.exporter,
                joiner,
                admitter: peer.endpoint,
            };
            codec::encode(&JoinRequest {
                version: SYNC_VERSION,
                person: person.bytes().to_vec(),
                redeem: codec::encode(&redeem),
                name: "Ben\u{1b}[2J\u{202e}\u{7}\n\tAda".into(),
                proof: channel.prove(&key),
            })
        })
        .await
        .unwrap();
    let answer: JoinAnswer = codec::decode(&answer, JOIN_FRAME_BYTES_MAX).unwrap();
    assert!(matches!(answer, JoinAnswer::Waiting { .. }), "{answer:?}");
    net.shutdown().await;

    let rows = ada.ok(&["share", "requests"]);
    let row: Vec<&str> = rows.trim_end().split('\t').collect();
    assert_eq!(row.len(), 7, "{rows:?}");
    let name = row[2];
    assert!(
        name.starts_with("Ben[2J") && name.contains("\\u{202e}"),
        "{name:?}"
    );
    assert!(!rows.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{rows:?}");
    let told = ada.ok(&["share", "approve", row[0], "--yes"]);
    assert!(
        !told.contains(['\u{1b}', '\u{202e}']) && told.lines().count() == 1,
        "{told:?}"
    );
}
