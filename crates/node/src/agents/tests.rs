//! Agents over a real database: kept, changed, spending, after restarts and with damaged rows.

use super::*;
use kitbag_core::agent::{AGENT_TTL_MILLIS_DEFAULT, Scope};
use kitbag_crypto::MasterKey;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::path::Path;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn open(dir: &Path, seed: u64) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

fn pack(node: &mut Node, title: &str) -> PackId {
    let pack = node.create_pack(NOW, title, Sensitivity::Internal);
    pack.unwrap().id
}

fn terms(name: &str, packs: &[PackId]) -> AgentTerms {
    AgentTerms {
        name: name.parse().unwrap(),
        packs: packs.iter().copied().collect(),
        clearance: Sensitivity::Internal,
        scopes: [Scope::Read].into(),
        expires_at: Timestamp::from_millis(NOW.as_millis() + AGENT_TTL_MILLIS_DEFAULT),
        max_tokens: 100_000,
        proposes: false,
        purpose: None,
        reads_go_to: "a provider".into(),
    }
}

fn put(node: &mut Node, name: &str, value: &[u8]) {
    let mut batch = node.store.batch(&mut *node.rng).unwrap();
    batch.put_setting(name, value).unwrap();
    batch.commit().unwrap();
}

#[test]
fn an_agent_survives_restarts_and_every_change_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let acme = pack(&mut node, "Acme");
    let (added, secret) = node.add_agent(NOW, terms("one", &[acme])).unwrap();
    let again = node.add_agent(NOW, terms("one", &[acme]));
    assert!(matches!(again, Err(NodeError::Stale(_))));
    drop(node);

    let mut node = open(dir.path(), 2);
    assert_eq!(node.agents(), std::slice::from_ref(&added));
    let let_in = |node: &Node| node.agent_by_secret(NOW, "one", Some(&secret));
    assert_eq!(let_in(&node).unwrap().agent(), &added);
    assert!(node.pause_agent("one", true).unwrap().1);
    assert!(!node.pause_agent("one", true).unwrap().1);
    drop(node);
    let mut node = open(dir.path(), 3);
    let paused = let_in(&node);
    assert!(matches!(paused, Err(NodeError::Agent(AgentDenied::Paused))));
    assert!(node.revoke_agent(NOW, "one").unwrap().1);
    assert!(node.revoke_agent(NOW, "none").is_err());
    drop(node);
    let mut node = open(dir.path(), 4);
    let revoked = let_in(&node);
    assert!(matches!(
        revoked,
        Err(NodeError::Agent(AgentDenied::Revoked))
    ));

    let (new, _) = node.add_agent(NOW, terms("one", &[acme])).unwrap();
    assert_ne!(new.id(), added.id());
    let old_secret = let_in(&node);
    assert!(matches!(
        old_secret,
        Err(NodeError::Agent(AgentDenied::Secret))
    ));
}

#[test]
fn nobody_gives_more_than_they_have() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let acme = pack(&mut node, "Acme");
    let above = AgentTerms {
        clearance: Sensitivity::Restricted,
        ..terms("own", &[acme])
    };
    node.add_agent(NOW, above).unwrap(); // whoever made a pack opens all of it
    let nowhere = PackId::from_bytes([9; 32]);
    let gone = node.add_agent(NOW, terms("two", &[acme, nowhere]));
    assert!(matches!(gone, Err(NodeError::NotFound("pack"))));
    assert_eq!(node.agents().len(), 1);
}

/// Goal: a restart, and a row that does not read back, give no tokens.
#[test]
fn tokens_of_a_day_survive_restarts_and_damage() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let acme = pack(&mut node, "Acme");
    let (agent, _) = node.add_agent(NOW, terms("one", &[acme])).unwrap();
    let id = agent.id();
    assert_eq!(node.spend_agent_tokens(NOW, id, 0).unwrap(), 100_000);
    let mut left = 100_000;
    for seed in 2..6 {
        let after = node.spend_agent_tokens(NOW, id, 1_000).unwrap();
        assert!(
            after <= left - 1_000 && after >= left - 1_000 - 6_250,
            "{after}"
        );
        left = after;
        drop(node);
        node = open(dir.path(), seed);
    }
    let now = node.spend_agent_tokens(NOW, id, 0).unwrap();
    let over = node.spend_agent_tokens(NOW, id, now + 1);
    assert!(matches!(over, Err(NodeError::Agent(AgentDenied::Tokens { left })) if left == now));
    put(&mut node, &spent_row(id), b"\xff");
    drop(node);
    let mut node = open(dir.path(), 7);
    assert_eq!(node.spend_agent_tokens(NOW, id, 0).unwrap(), 0);
    let tomorrow = Timestamp::from_millis(NOW.as_millis() + 24 * 60 * 60 * 1000);
    assert_eq!(node.spend_agent_tokens(tomorrow, id, 0).unwrap(), 100_000);
}

#[test]
fn a_damaged_list_lets_nobody_in_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let acme = pack(&mut node, "Acme");
    let (_, secret) = node.add_agent(NOW, terms("one", &[acme])).unwrap();
    put(&mut node, LIST, b"\x81\xa0");
    drop(node);
    let node = open(dir.path(), 2);
    assert_eq!(node.damaged(), ["list of agents"]);
    let denied = node.agent_by_secret(NOW, "one", Some(&secret));
    assert!(matches!(denied, Err(NodeError::Agent(AgentDenied::Secret))));
}

#[test]
fn the_longest_list_is_kept_and_only_ended_agents_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let acme = pack(&mut node, "Acme");
    for n in 0..AGENTS_MAX {
        node.add_agent(NOW, terms(&format!("a{n}"), &[acme]))
            .unwrap();
    }
    let full = node.add_agent(NOW, terms("more", &[acme]));
    assert!(matches!(full, Err(NodeError::BadInput { .. })));
    node.revoke_agent(NOW, "a7").unwrap();
    node.add_agent(NOW, terms("more", &[acme])).unwrap();
    drop(node);
    let node = open(dir.path(), 2);
    assert_eq!(node.agents().len(), AGENTS_MAX);
    assert!(
        node.agents()
            .iter()
            .all(|agent| agent.name().as_str() != "a7")
    );
}

/// Goal: an agent learns no title that stands above its clearance.
#[test]
fn an_agent_knows_a_pack_by_what_it_may_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let open_pack = pack(&mut node, "Acme");
    let secret_pack = node.create_pack(NOW, "Merger", Sensitivity::Restricted);
    let secret_pack = secret_pack.unwrap().id;
    let packs = [open_pack, secret_pack];
    let (_, secret) = node.add_agent(NOW, terms("one", &packs)).unwrap();
    let grant = node.agent_by_secret(NOW, "one", Some(&secret)).unwrap();
    let known = node.agent_packs(&grant);
    let title = |pack| {
        known
            .iter()
            .find(|of| of.id == pack)
            .unwrap()
            .title
            .as_str()
    };
    assert_eq!((title(open_pack), title(secret_pack)), ("Acme", ""));
    assert!(
        known
            .iter()
            .all(|of| of.clearance == Some(Sensitivity::Internal))
    );
}
