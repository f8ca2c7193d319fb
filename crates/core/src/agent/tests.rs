//! Agents: limits, the secret, what they may, days of tokens, and what is kept.

use super::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn later(millis: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

fn pack(n: u8) -> PackId {
    PackId::from_bytes([n; 32])
}

fn terms(name: &str) -> AgentTerms {
    AgentTerms {
        name: name.parse().unwrap(),
        packs: [pack(1), pack(2)].into(),
        clearance: Sensitivity::Internal,
        scopes: [Scope::Read, Scope::Search].into(),
        expires_at: later(AGENT_TTL_MILLIS_DEFAULT),
        max_tokens: AGENT_TOKENS_DEFAULT,
        proposes: false,
        purpose: Some("support".into()),
        reads_go_to: "Anthropic".into(),
    }
}

fn secret(n: u8) -> AgentSecret {
    AgentSecret::from_bytes([n; 32])
}

fn agent(name: &str, n: u8) -> Agent {
    Agent::new(AgentId::from_bytes([n; 16]), &secret(n), NOW, terms(name)).unwrap()
}

#[test]
fn names_are_short_lower_case_and_plain() {
    let long = "a".repeat(AGENT_NAME_BYTES_MAX + 1);
    for good in ["a", "claude-code@laptop", "9lives", &long[1..]] {
        assert_eq!(good.parse::<AgentName>().unwrap().as_str(), good);
    }
    for bad in [
        "",
        "A",
        "-a",
        ".a",
        "@x",
        "a b",
        "a/b",
        "ä",
        "a\n",
        "a\u{202e}",
        &long,
    ] {
        assert_eq!(bad.parse::<AgentName>(), Err(AgentError::Name), "{bad:?}");
    }
}

#[test]
fn every_limit_is_kept() {
    let with = |change: fn(&mut AgentTerms)| {
        let mut terms = terms("a");
        change(&mut terms);
        Agent::new(AgentId::from_bytes([0; 16]), &secret(1), NOW, terms).map(drop)
    };
    assert_eq!(with(|_| {}), Ok(()));
    assert_eq!(with(|t| t.scopes.clear()), Err(AgentError::NoScope));
    assert_eq!(with(|t| t.packs.clear()), Err(AgentError::Packs));
    assert_eq!(
        with(|t| t.packs = (0..=64).map(pack).collect()),
        Err(AgentError::Packs)
    );
    assert_eq!(with(|t| t.expires_at = NOW), Err(AgentError::Lifetime));
    assert_eq!(
        with(|t| t.expires_at = later(AGENT_TTL_MILLIS_MAX + 1)),
        Err(AgentError::Lifetime)
    );
    assert_eq!(with(|t| t.expires_at = later(AGENT_TTL_MILLIS_MAX)), Ok(()));
    assert_eq!(with(|t| t.max_tokens = 0), Err(AgentError::Tokens));
    assert_eq!(
        with(|t| t.max_tokens = AGENT_TOKENS_MAX + 1),
        Err(AgentError::Tokens)
    );
    assert_eq!(
        with(|t| t.purpose = Some(" ".into())),
        Err(AgentError::Purpose)
    );
    assert_eq!(
        with(|t| t.reads_go_to = "a\nb".into()),
        Err(AgentError::ReadsGo)
    );
    assert_eq!(
        with(|t| t.reads_go_to = "x".repeat(121)),
        Err(AgentError::ReadsGo)
    );
}

/// Goal: nobody learns from an answer which names there are, and standing is told to the right secret only.
#[test]
fn only_the_secret_lets_in_and_only_then_is_more_told() {
    let mut agents = vec![agent("one", 1), agent("two", 2)];
    let of = |agents: &[Agent], name: &str, with: Option<AgentSecret>| {
        AgentGrant::of(agents, name, with.as_ref(), NOW).map(|grant| grant.agent().id())
    };
    assert_eq!(
        of(&agents, "one", Some(secret(1))),
        Ok(AgentId::from_bytes([1; 16]))
    );
    for (name, with) in [
        ("one", Some(secret(2))),
        ("one", None),
        ("one", Some(secret(0))),
        ("none", Some(secret(1))),
        ("none", Some(secret(0))),
        ("none", None),
        ("", None),
    ] {
        assert_eq!(of(&agents, name, with), Err(AgentDenied::Secret), "{name}");
    }
    assert!(agents[0].pause(true) && !agents[0].pause(true));
    assert_eq!(
        of(&agents, "one", Some(secret(1))),
        Err(AgentDenied::Paused)
    );
    assert_eq!(
        of(&agents, "one", Some(secret(2))),
        Err(AgentDenied::Secret)
    );
    assert!(agents[0].revoke(NOW) && !agents[0].revoke(later(1)));
    assert_eq!(
        of(&agents, "one", Some(secret(1))),
        Err(AgentDenied::Revoked)
    );
    let ended = AgentGrant::of(
        &agents,
        "two",
        Some(&secret(2)),
        later(AGENT_TTL_MILLIS_DEFAULT),
    );
    assert_eq!(ended, Err(AgentDenied::Expired));
}

#[test]
fn what_it_may_is_scope_pack_and_clearance_in_this_order() {
    let agents = [agent("one", 1)];
    let grant = AgentGrant::of(&agents, "one", Some(&secret(1)), NOW).unwrap();
    let may = |scope, pack_n, sensitivity| grant.may(scope, &pack(pack_n), sensitivity, NOW);
    for scope in Scope::ALL {
        let given = matches!(scope, Scope::Read | Scope::Search);
        for pack_n in [1, 2, 3] {
            for sensitivity in Sensitivity::ALL {
                let expected = if !given {
                    Err(AgentDenied::Scope(scope))
                } else if pack_n == 3 {
                    Err(AgentDenied::Pack)
                } else if sensitivity > Sensitivity::Internal {
                    Err(AgentDenied::Clearance)
                } else {
                    Ok(())
                };
                assert_eq!(may(scope, pack_n, sensitivity), expected);
            }
        }
    }
    let end = later(AGENT_TTL_MILLIS_DEFAULT);
    let after = grant.may(Scope::Read, &pack(1), Sensitivity::Public, end);
    assert_eq!(after, Err(AgentDenied::Expired));
}

#[test]
fn a_secret_survives_its_text_and_nothing_else_is_one() {
    let text = secret_text(&secret(0xa7));
    assert_eq!(text.len(), SECRET_TEXT_BYTES);
    let back = secret_of(&format!(" {}\n", text.as_str())).unwrap();
    assert_eq!(back.danger_expose(), &[0xa7; 32]);
    for length in 0..text.len() {
        assert!(secret_of(&text[..length]).is_none());
    }
    for bad in ["", "kitbag-agent-", &text[1..], &text.replace('u', "1")] {
        assert!(secret_of(bad).is_none(), "{bad}");
    }
}

/// Goal: however a day is spent and wherever it is cut off, a restart never gives tokens back.
#[test]
fn a_restart_costs_at_most_a_mark_and_gives_nothing() {
    let max = 200_000;
    let mut spent = Spent::default();
    let mut kept = spent.encode();
    let mut writes = 0;
    let mut handed = 0;
    while let Ok(spending) = spent.spend(700, max, NOW) {
        spent = spending.spent;
        if spending.to_keep {
            kept = spent.encode();
            writes += 1;
        }
        handed += 700;
        let after = Spent::decode(&kept).unwrap();
        assert!(after.left(max, NOW) <= max - handed);
        assert!(after.left(max, NOW) + max / MARKS_PER_DAY >= spent.left(max, NOW));
    }
    assert_eq!(handed, 199_500);
    assert!(writes <= 17, "{writes}");
    let over = spent.spend(501, max, NOW);
    assert_eq!(over, Err(AgentDenied::Tokens { left: 500 }));
    assert_eq!(
        spent
            .spend(500, max, NOW)
            .unwrap()
            .spent
            .left(max, later(1)),
        0
    );
    let tomorrow = later(DAY_MILLIS);
    assert_eq!(spent.left(max, tomorrow), max);
    let next = spent.spend(10, max, tomorrow).unwrap().spent;
    assert_eq!(next.left(max, NOW), max - 10, "the clock went back");
    assert_eq!(Spent::all_of(max, NOW).left(max, NOW), 0);
    assert_eq!(
        Spent::default().spend(u64::MAX, max, NOW),
        Err(AgentDenied::Tokens { left: max })
    );
}

#[test]
fn what_was_kept_reads_back_and_nothing_else() {
    let mut agents = vec![agent("one", 1), agent("two", 2)];
    agents[1].revoke(later(5));
    agents[0].pause(true);
    let bytes = encode_agents(&agents);
    assert_eq!(decode_agents(&bytes), Ok(agents.clone()));
    for length in 0..bytes.len() {
        assert!(decode_agents(&bytes[..length]).is_err());
    }
    let twice = encode_agents(&[agent("one", 1), agent("one", 2)]);
    assert!(decode_agents(&twice).is_err(), "two of one name");
    let many: Vec<Agent> = (0..=64u8).map(|n| agent(&format!("a{n}"), n)).collect();
    assert!(decode_agents(&encode_agents(&many)).is_err());
    let mut full = terms("full");
    full.packs = (0..64).map(pack).collect();
    full.reads_go_to = "x".repeat(AGENT_READS_GO_BYTES_MAX);
    let full = |n: u8| {
        let name = format!("{:0>32}", n).parse().unwrap();
        let terms = AgentTerms {
            name,
            ..full.clone()
        };
        Agent::new(AgentId::from_bytes([n; 16]), &secret(n), NOW, terms).unwrap()
    };
    let most: Vec<Agent> = (0..64).map(full).collect();
    assert_eq!(decode_agents(&encode_agents(&most)), Ok(most));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(agents) = decode_agents(&bytes) {
            prop_assert_eq!(encode_agents(&agents), bytes.clone());
        }
        if let Ok(spent) = Spent::decode(&bytes) {
            prop_assert_eq!(spent.encode(), bytes);
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_or_another_list(at in 0usize..10_000, to in any::<u8>()) {
        let bytes = encode_agents(&[agent("one", 1)]);
        let mut changed = bytes.clone();
        let at = at % bytes.len();
        changed[at] = to;
        if let Ok(agents) = decode_agents(&changed) {
            prop_assert_eq!(encode_agents(&agents), changed);
        }
    }
}
