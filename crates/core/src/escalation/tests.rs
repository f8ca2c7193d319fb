//! Rules beside a second decision, their encoding and limits, guards and hours.

use super::*;
use crate::codec;
use crate::handoff::Priority;
use crate::id::{PersonId, Timestamp};
use crate::pack::note::{ConsentStatus, SourceKind};
use crate::policy::{Role, Sensitivity};
use proptest::prelude::*;

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

fn rule(id: &str, when: Condition, action: Action) -> EscalationRule {
    EscalationRule {
        id: name(id),
        when,
        action,
        to: None,
        reason_code: None,
        priority: None,
        template: None,
        accept_within: None,
    }
}

fn text(keyword: &str) -> Condition {
    Condition::Test(Test::Text(set(&[keyword])))
}

fn tag(tag: &str) -> Condition {
    Condition::Test(Test::Tag(set(&[tag])))
}

fn of(rules: Vec<EscalationRule>) -> Escalation {
    Escalation::new(rules, BTreeSet::new(), Guard::default())
}

fn case_of(text: &str) -> CaseFacts {
    CaseFacts {
        text: text.to_owned(),
        ..CaseFacts::default()
    }
}

fn meets(when: Condition, facts: &CaseFacts) -> bool {
    let rules = of(vec![rule("r", when, Action::Handoff)]);
    decide(&rules, facts).action == Action::Handoff
}

#[test]
fn keywords_are_words_that_follow_each_other_however_they_are_written() {
    let said = "Ich möchte eine R\u{fc}ckbuchung. Charge-back?\nI need a Supervisor’s help, ＲＥＦＵＮＤ now";
    let has = |keyword: &str| meets(text(keyword), &case_of(said));
    for keyword in [
        "rückbuchung",
        "Ru\u{308}ckbuchung",
        "charge back",
        "CHARGE-BACK",
        "refund",
        "refund now",
        "super*",
        "a super*",
        "rück*",
        "now",
    ] {
        assert!(has(keyword), "{keyword}");
    }
    for keyword in [
        "chargeback",
        "fund",
        "refun",
        "back charge",
        "need supervisor*",
        "nowhere",
        "zz*",
    ] {
        assert!(!has(keyword), "{keyword}");
    }
    assert!(!meets(text("a"), &case_of("")));
    // Nobody writes spaces there; each sign is a word.
    assert!(meets(text("返金"), &case_of("すぐに返金してください")));
}

#[test]
fn a_text_that_is_too_long_is_cut_where_a_character_ends_and_that_is_told() {
    let long = format!("{}é chargeback", "ä ".repeat(TEXT_BYTES_MAX / 3));
    let rules = of(vec![rule("r", text("chargeback"), Action::Block)]);
    let facts = case_of(&long);
    let decision = decide(&rules, &facts);
    assert_eq!(decision.action, Action::AgentResolves);
    assert!(decision.text_was_cut);
    let odd = format!("a{long}");
    assert!(decide(&rules, &case_of(&odd)).text_was_cut);
    assert!(!decide(&rules, &case_of("short")).text_was_cut);
}

#[test]
fn each_test_looks_at_its_fact_and_what_is_not_said_is_not_so() {
    let nothing = CaseFacts::default();
    let facts = CaseFacts {
        intent: Some("Order_Status ".to_owned()),
        tags: set(&["Contract"]),
        source_kinds: [SourceKind::Email].into(),
        sensitivity: Some(Sensitivity::Confidential),
        failed_attempts: 2,
        confidence: Some(399),
        user_request: true,
        fields: [
            ("Amount", "500.00"),
            ("cabin", "Basic_Economy"),
            ("n", "5 EUR"),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .into(),
        consents: [ConsentStatus::Granted, ConsentStatus::Withdrawn].into(),
        tool_error: true,
        stale: true,
        denied: true,
        ..CaseFacts::default()
    };
    let amount = |name: &str, least: &str| Test::AmountGte(name.to_owned(), least.parse().unwrap());
    let is = |name: &str, value: &str| Test::FieldIn(name.to_owned(), set(&[value]));
    // What holds, what nearly does.
    let pairs = [
        (
            Test::IntentIn(set(&["faq", "order_status"])),
            Test::IntentIn(set(&["order"])),
        ),
        (
            Test::Tag(set(&["contract"])),
            Test::Tag(set(&["contracts"])),
        ),
        (
            Test::SourceKind([SourceKind::Email, SourceKind::Call].into()),
            Test::SourceKind([SourceKind::Call].into()),
        ),
        (
            Test::SensitivityMin(Sensitivity::Confidential),
            Test::SensitivityMin(Sensitivity::Restricted),
        ),
        (
            Test::SensitivityMax(Sensitivity::Confidential),
            Test::SensitivityMax(Sensitivity::Internal),
        ),
        (Test::FailedAttemptsGte(2), Test::FailedAttemptsGte(3)),
        (Test::ConfidenceLt(400), Test::ConfidenceLt(399)),
        (Test::UserRequest(true), Test::UserRequest(false)),
        (amount("amount", "500"), amount("amount", "500.001")),
        (
            Test::ConsentIn([ConsentStatus::Withdrawn].into()),
            Test::ConsentIn([ConsentStatus::Expired].into()),
        ),
        (is("CABIN", "basic_economy"), is("cabin", "economy")),
        (Test::ToolError(true), Test::ToolError(false)),
        (Test::Stale(true), Test::Stale(false)),
        (Test::Denied(true), Test::Denied(false)),
    ];
    for (holds, does_not) in pairs {
        let not = Condition::Not(Box::new(Condition::Test(holds.clone())));
        assert!(!meets(not.clone(), &facts), "{holds:?}");
        assert!(meets(not, &nothing), "{holds:?} of nothing");
        assert!(meets(Condition::Test(holds.clone()), &facts), "{holds:?}");
        assert!(
            !meets(Condition::Test(holds.clone()), &nothing),
            "{holds:?} of nothing"
        );
        assert!(
            !meets(Condition::Test(does_not.clone()), &facts),
            "{does_not:?}"
        );
    }
    assert!(
        !meets(Condition::Test(amount("n", "1")), &facts),
        "no number"
    );
    let both = Condition::All(vec![tag("contract"), tag("other")]);
    let one = Condition::Any(vec![tag("contract"), tag("other")]);
    assert!(!meets(both, &facts) && meets(one, &facts));
}

#[test]
fn amounts_are_plain_numbers() {
    let of = |text: &str| text.parse::<Amount>().map(Amount::as_thousandths);
    for (text, thousandths) in [("0", 0), ("12.5", 12_500), ("0.0019", 1), ("007", 7000)] {
        assert_eq!(of(text), Ok(thousandths), "{text}");
    }
    let long = "9".repeat(100_000);
    for text in [
        "",
        "-",
        "-1",
        ".",
        "1.",
        ".5",
        "1e3",
        "1,5",
        "1 000",
        "+1",
        "١",
        "NaN",
        "18446744073709551615",
        &long,
    ] {
        assert!(of(text).is_err(), "{text:.20}");
    }
    for thousandths in [0, 1, 12_500, 12_050, 999, u64::MAX] {
        let shown = Amount::from_thousandths(thousandths).to_string();
        assert_eq!(of(&shown), Ok(thousandths), "{shown}");
    }
}

#[test]
fn the_strictest_rule_decides_and_of_equal_ones_the_first() {
    let rules = of(vec![
        rule("resolves", tag("a"), Action::AgentResolves),
        rule("second", tag("b"), Action::Handoff),
        rule("first-by-id", tag("a"), Action::Handoff),
        rule("tells", tag("a"), Action::Notify),
        rule("blocks", tag("c"), Action::Block),
        rule("asks", tag("d"), Action::AskApproval),
    ]);
    let by = |tags: &[&str]| {
        let facts = CaseFacts {
            tags: set(tags),
            ..CaseFacts::default()
        };
        let decision = decide(&rules, &facts);
        let id = decision.by.map(|rule| rule.id.as_str().to_owned());
        (
            decision.action,
            id.unwrap_or_default(),
            decision.fired.len(),
        )
    };
    assert_eq!(by(&[]), (Action::AgentResolves, String::new(), 0));
    assert_eq!(by(&["a"]), (Action::Handoff, "first-by-id".into(), 3));
    assert_eq!(by(&["a", "b"]), (Action::Handoff, "second".into(), 4));
    assert_eq!(by(&["a", "d"]), (Action::AskApproval, "asks".into(), 4));
    assert_eq!(
        by(&["a", "b", "c", "d"]),
        (Action::Block, "blocks".into(), 6)
    );
}

#[test]
fn guards_hold_hand_offs_back_and_nothing_else() {
    let guard = Guard {
        max_open_per_context: Some(1),
        max_active_per_agent: Some(5),
        ..Guard::default()
    };
    let rules = Escalation::new(
        vec![
            rule("hands", tag("a"), Action::Handoff),
            rule("asks", tag("b"), Action::AskApproval),
            rule("tells", tag("c"), Action::Notify),
            rule("blocks", tag("d"), Action::Block),
        ],
        BTreeSet::new(),
        guard,
    );
    let held = |tag: &str, open_in_context, active_of_agent| {
        let facts = CaseFacts {
            tags: set(&[tag]),
            open_in_context,
            active_of_agent,
            ..CaseFacts::default()
        };
        let decision = decide(&rules, &facts);
        assert!(decision.by.is_some(), "a guard changes no decision");
        decision.held
    };
    assert_eq!(held("a", 0, 4), None);
    assert_eq!(held("a", 1, 0), Some(Held::OpenInContext));
    assert_eq!(held("b", 0, 5), Some(Held::ActiveOfAgent));
    assert_eq!(held("b", u16::MAX, u16::MAX), Some(Held::OpenInContext));
    assert_eq!((held("c", 9, 9), held("d", 9, 9)), (None, None));
}

fn at(millis_of_day: u64, day: u64) -> Timestamp {
    Timestamp::from_millis(day * 86_400_000 + millis_of_day)
}

/// Goal: hours in a place that is ahead of UTC, over a weekend; method: dates known from a calendar (the
/// 24th of November 2026, day 20,781 since 1970, is a Tuesday).
#[test]
fn out_of_hours_a_hand_off_waits_until_they_begin() {
    const HOUR: u64 = 3_600_000;
    let hours = Hours {
        days: Days(0b001_1111),
        from: 9 * 60,
        to: 17 * 60,
        offset: 60,
    };
    let guards = Guards::from(Guard {
        off_hours: Some(OffHours::Queue),
        hours: Some(hours),
        ..Guard::default()
    });
    const TUESDAY: u64 = 20_781;
    let waits = |time, day| guards.waits_until(at(time, day)).flatten();
    assert_eq!(
        guards.waits_until(at(8 * HOUR, TUESDAY)),
        None,
        "09:00 there"
    );
    assert_eq!(guards.waits_until(at(16 * HOUR - 1, TUESDAY)), None);
    assert_eq!(waits(16 * HOUR, TUESDAY), Some(at(8 * HOUR, TUESDAY + 1)));
    assert_eq!(waits(8 * HOUR - 1, TUESDAY), Some(at(8 * HOUR, TUESDAY)));
    assert_eq!(
        waits(16 * HOUR, TUESDAY + 3),
        Some(at(8 * HOUR, TUESDAY + 6)),
        "Friday"
    );
    // Already Monday there, still Sunday in UTC.
    assert_eq!(
        waits(23 * HOUR, TUESDAY + 5),
        Some(at(8 * HOUR, TUESDAY + 6))
    );
    let without = Guards {
        off_hours: None,
        ..guards.clone()
    };
    assert_eq!(without.waits_until(at(0, TUESDAY)), None);
    // Of two, both; of two that never meet, nothing.
    let other = |days, from, to| Guards {
        off_hours: None,
        hours: [Hours {
            days: Days(days),
            from,
            to,
            offset: 0,
        }]
        .into(),
        ..Guards::default()
    };
    let both = guards.and(&other(0b010, 15 * 60, 24 * 60));
    assert_eq!(both.waits_until(at(15 * HOUR, TUESDAY)), None);
    let tuesday = Some(Some(at(15 * HOUR, TUESDAY + 7)));
    assert_eq!(both.waits_until(at(16 * HOUR, TUESDAY)), tuesday);
    let never = guards.and(&other(0b100_0000, 0, 60));
    assert_eq!(never.waits_until(at(0, TUESDAY)), Some(None));
    // In words of a decision, and without a time not at all.
    let rules = Escalation {
        guards,
        ..of(vec![rule("r", tag("a"), Action::Handoff)])
    };
    let facts = |now| CaseFacts {
        tags: set(&["a"]),
        now,
        ..CaseFacts::default()
    };
    let waits = decide(&rules, &facts(Some(at(0, TUESDAY)))).waits;
    assert_eq!(
        waits,
        Some(Waits {
            until: Some(at(8 * HOUR, TUESDAY))
        })
    );
    assert_eq!(decide(&rules, &facts(None)).waits, None);
    for millis in [0, 1, u64::MAX] {
        let _ = decide(&rules, &facts(Some(Timestamp::from_millis(millis))));
    }
}

/// Goal: `next` is the first moment within hours; method: minute by minute.
#[test]
fn hours_begin_at_the_first_minute_that_has_somebody() {
    for (days, from, to, offset) in [
        (1u8, 0, 1, 0),
        (0b101_0101, 30, 1440, -840),
        (0b111_1111, 1439, 1440, 840),
        (0b010_0000, 600, 660, 345),
    ] {
        let guards = Guards {
            off_hours: Some(OffHours::Queue),
            hours: [Hours {
                days: Days(days),
                from,
                to,
                offset,
            }]
            .into(),
            ..Guards::default()
        };
        let minute =
            |n: u64| Timestamp::from_millis(1_700_000_000_000 / 60_000 * 60_000 + n * 60_000);
        let mut expected = None;
        for n in (0..3 * 10_080).rev() {
            match guards.waits_until(minute(n)) {
                None => expected = Some(minute(n)),
                Some(next) if expected.is_some() => assert_eq!(next, expected, "{days} {n}"),
                Some(_) => {}
            }
        }
        assert!(expected.is_some());
    }
}

#[test]
fn reason_codes_are_known_or_shaped_as_one() {
    for code in ReasonCode::KNOWN {
        assert!(ReasonCode::new(code).unwrap().is_known());
    }
    assert_eq!(BTreeSet::from(ReasonCode::KNOWN).len(), 25);
    assert!(!ReasonCode::new("warranty_claim").unwrap().is_known());
    for bad in ["", "Other", "two words", "a-b", "ä", "a\n", &"a".repeat(65)] {
        assert!(ReasonCode::new(bad).is_err(), "{bad:?}");
    }
}

fn nested(levels: usize) -> Condition {
    (1..levels).fold(tag("a"), |inner, _| Condition::Not(Box::new(inner)))
}

#[test]
fn what_breaks_a_limit_is_refused() {
    let check = |when: Condition| {
        let rules = [rule("r", when, Action::Handoff)];
        check(&rules, &BTreeSet::new(), &Guard::default())
    };
    let test = |test: Test| check(Condition::Test(test));
    let many = |n: usize| -> BTreeSet<String> { (0..n).map(|n| format!("w{n}")).collect() };
    assert_eq!(check(nested(CONDITION_DEPTH_MAX)), Ok(()));
    assert_eq!(test(Test::Tag(many(LIST_MAX))), Ok(()));
    assert_eq!(check(Condition::Any(vec![tag("a"); 31])), Ok(()));
    let broken = [
        nested(CONDITION_DEPTH_MAX + 1),
        Condition::All(vec![]),
        Condition::Any(vec![]),
        Condition::Any(vec![tag("a"); 32]),
        Condition::All(vec![Condition::Any(vec![tag("a"); 15]); 2]),
    ];
    for when in broken {
        assert!(check(when.clone()).is_err(), "{when:?}");
    }
    let long = "a".repeat(65);
    for word in ["", " a", "a\n", "a\u{202e}b", "a\0", long.as_str()] {
        assert!(test(Test::Tag(set(&[word]))).is_err(), "{word:?}");
        assert!(test(Test::FieldIn(word.to_owned(), set(&["a"]))).is_err());
        assert!(
            test(Test::AmountGte(
                word.to_owned(),
                Amount::from_thousandths(1)
            ))
            .is_err()
        );
    }
    for keyword in ["*", "**", "a**", "a*b", "*a", "!!", "a b c d e f g h i"] {
        assert!(test(Test::Text(set(&[keyword]))).is_err(), "{keyword}");
    }
    for refused in [
        Test::Tag(BTreeSet::new()),
        Test::Tag(many(LIST_MAX + 1)),
        Test::SourceKind(BTreeSet::new()),
        Test::ConsentIn(BTreeSet::new()),
        Test::ConfidenceLt(0),
        Test::ConfidenceLt(1001),
        Test::FailedAttemptsGte(0),
    ] {
        assert!(test(refused.clone()).is_err(), "{refused:?}");
    }
    let all = |rules: &[EscalationRule]| super::check(rules, &BTreeSet::new(), &Guard::default());
    let one = rule("r", tag("a"), Action::Handoff);
    assert!(all(&[one.clone(), one.clone()]).is_err(), "two of one id");
    let numbered = |n: usize| rule(&format!("r{n}"), tag("a"), Action::Handoff);
    let most: Vec<_> = (0..RULES_MAX).map(numbered).collect();
    assert_eq!(all(&most), Ok(()));
    assert!(all(&(0..=RULES_MAX).map(numbered).collect::<Vec<_>>()).is_err());
    let own = |code: &str| EscalationRule {
        reason_code: Some(ReasonCode::new(code).unwrap()),
        ..one.clone()
    };
    assert!(all(&[own("warranty")]).is_err());
    assert_eq!(all(&[own("low_confidence")]), Ok(()));
    let warranty: BTreeSet<ReasonCode> = [ReasonCode::new("warranty").unwrap()].into();
    assert_eq!(
        super::check(&[own("warranty")], &warranty, &Guard::default()),
        Ok(())
    );
    let known: BTreeSet<ReasonCode> = [ReasonCode::new("other").unwrap()].into();
    assert!(super::check(&[], &known, &Guard::default()).is_err());
    for seconds in [0, 59, ACCEPT_SECONDS_MAX + 1] {
        let accept_within = Some(seconds);
        assert!(
            all(&[EscalationRule {
                accept_within,
                ..one.clone()
            }])
            .is_err()
        );
    }
    for bad in ["", "A", "-a", "a b", "ä", &"a".repeat(49)] {
        assert!(Name::new(bad).is_err(), "{bad:?}");
    }
    let hours = Hours {
        days: Days(1),
        from: 0,
        to: 1440,
        offset: 0,
    };
    let guard = |hours| Guard {
        off_hours: Some(OffHours::Queue),
        hours,
        ..Guard::default()
    };
    assert_eq!(guard(Some(hours)).check(), Ok(()));
    for broken in [
        None,
        Some(Hours {
            days: Days(0),
            ..hours
        }),
        Some(Hours {
            days: Days(128),
            ..hours
        }),
        Some(Hours {
            from: 1440,
            ..hours
        }),
        Some(Hours { to: 1441, ..hours }),
        Some(Hours {
            offset: 841,
            ..hours
        }),
        Some(Hours {
            offset: i16::MIN,
            ..hours
        }),
    ] {
        assert!(guard(broken).check().is_err(), "{broken:?}");
    }
    let none = Guard {
        max_open_per_context: Some(0),
        ..Guard::default()
    };
    assert!(none.check().is_err());
}

/// Goal: bytes that go deeper than any condition end in an error, not in a full stack.
#[test]
fn a_condition_that_is_too_deep_is_refused_while_it_is_read() {
    for levels in [CONDITION_DEPTH_MAX + 1, 5000] {
        let mut bytes = Vec::new();
        bytes.extend([0x82, 0x02].repeat(levels));
        bytes.extend(codec::encode(&tag("a")));
        assert!(codec::decode::<Condition>(&bytes, 1 << 20).is_err());
        let bytes = [0x82, 0x00, 0x81].repeat(levels);
        assert!(codec::decode::<Condition>(&bytes, 1 << 20).is_err());
    }
    // A list that says that it is long.
    let claims = [
        0x82, 0x00, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    assert!(codec::decode::<Condition>(&claims, 1 << 20).is_err());
    let indefinite = [0x82, 0x00, 0x9f, 0xff];
    assert!(codec::decode::<Condition>(&indefinite, 1 << 20).is_err());
    let kind = [0x82, 0x04, 0x00];
    assert!(codec::decode::<Condition>(&kind, 1 << 20).is_err());
}

fn any_test() -> impl Strategy<Value = Test> {
    let words = || proptest::collection::btree_set("[a-d]", 1..3);
    prop_oneof![
        words().prop_map(Test::IntentIn),
        words().prop_map(Test::Tag),
        words().prop_map(Test::Text),
        (0usize..4).prop_map(|at| Test::SensitivityMin(Sensitivity::ALL[at])),
        (0usize..4).prop_map(|at| Test::SensitivityMax(Sensitivity::ALL[at])),
        (1u16..4).prop_map(Test::FailedAttemptsGte),
        (1u16..=1000).prop_map(Test::ConfidenceLt),
        any::<bool>().prop_map(Test::UserRequest),
        ("[a-b]", 0u64..4)
            .prop_map(|(f, n)| Test::AmountGte(f, Amount::from_thousandths(n * 1000))),
        ("[a-b]", words()).prop_map(|(field, values)| Test::FieldIn(field, values)),
        any::<bool>().prop_map(Test::Stale),
    ]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let leaf = any_test().prop_map(Condition::Test);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            some().prop_map(Condition::All),
            some().prop_map(Condition::Any),
            inner.clone().prop_map(|one| Condition::Not(Box::new(one))),
        ]
    })
}

prop_compose! {
    pub(crate) fn any_rule()(
        id in "[a-c]",
        when in any_condition(),
        action in 0usize..5,
        to in proptest::option::of(0u8..3),
        reason in proptest::option::of(0usize..25),
        priority in proptest::option::of(0usize..4),
        accept_within in proptest::option::of(60u32..100),
    ) -> EscalationRule {
        EscalationRule {
            id: name(&id),
            when,
            action: Action::ALL[action],
            to: to.map(|to| match to {
                0 => To::Person(PersonId::from_bytes([to; 32])),
                1 => To::Role(Role::Admin),
                _ => To::Role(Role::Editor),
            }),
            reason_code: reason.map(|at| ReasonCode::new(ReasonCode::KNOWN[at]).unwrap()),
            priority: priority.map(|at| Priority::ALL[at]),
            template: None,
            accept_within,
        }
    }
}

prop_compose! {
    fn any_guard()(
        context in proptest::option::of(1u16..4),
        agent in proptest::option::of(1u16..4),
        hours in proptest::option::of((1u8..128, 0u16..700, 701u16..1441, -100i16..100)),
    ) -> Guard {
        Guard {
            max_open_per_context: context,
            max_active_per_agent: agent,
            off_hours: hours.map(|_| OffHours::Queue),
            hours: hours.map(|(days, from, to, offset)| Hours { days: Days(days), from, to, offset }),
        }
    }
}

prop_compose! {
    pub(crate) fn any_escalation()(
        rules in proptest::collection::vec(any_rule(), 0..4),
        own in proptest::collection::btree_set("own_[a-c]", 0..3),
        guard in any_guard(),
    ) -> Escalation {
        let own = own.iter().map(|code| ReasonCode::new(code).unwrap());
        Escalation::new(rules, own.collect(), guard)
    }
}

prop_compose! {
    fn any_facts()(
        intent in proptest::option::of("[a-d]"),
        tags in proptest::collection::btree_set("[a-d]", 0..3),
        text in "[a-d ]{0,6}",
        sensitivity in proptest::option::of(0usize..4),
        failed_attempts in 0u16..4,
        confidence in proptest::option::of(0u16..=1000),
        user_request: bool,
        fields in proptest::collection::btree_map("[a-b]", "[a-d]|[0-3]", 0..3),
        stale: bool,
        open in 0u16..4,
        active in 0u16..4,
        now in proptest::option::of(0u64..4_000_000_000_000),
    ) -> CaseFacts {
        CaseFacts {
            intent,
            tags,
            text,
            sensitivity: sensitivity.map(|at| Sensitivity::ALL[at]),
            failed_attempts,
            confidence,
            user_request,
            fields,
            stale,
            open_in_context: open,
            active_of_agent: active,
            now: now.map(Timestamp::from_millis),
            ..CaseFacts::default()
        }
    }
}

/// A second way to ask a condition: written down without the first, over letters only.
fn holds_plainly(when: &Condition, facts: &CaseFacts) -> bool {
    let any =
        |words: &BTreeSet<String>, said: &[&str]| words.iter().any(|w| said.contains(&w.as_str()));
    match when {
        Condition::All(all) => !all.iter().any(|one| !holds_plainly(one, facts)),
        Condition::Any(all) => all.iter().filter(|one| holds_plainly(one, facts)).count() > 0,
        Condition::Not(one) => !holds_plainly(one, facts),
        Condition::Test(test) => match test {
            Test::IntentIn(words) => any(
                words,
                &facts.intent.iter().map(String::as_str).collect::<Vec<_>>(),
            ),
            Test::Tag(words) => any(
                words,
                &facts.tags.iter().map(String::as_str).collect::<Vec<_>>(),
            ),
            Test::Text(words) => any(words, &facts.text.split(' ').collect::<Vec<_>>()),
            Test::SensitivityMin(s) => facts.sensitivity >= Some(*s),
            Test::SensitivityMax(s) => facts.sensitivity.is_some() && facts.sensitivity <= Some(*s),
            Test::FailedAttemptsGte(n) => facts.failed_attempts >= *n,
            Test::ConfidenceLt(c) => facts.confidence.unwrap_or(u16::MAX) < *c,
            Test::UserRequest(is) => !(facts.user_request ^ is),
            Test::AmountGte(name, least) => {
                let value = facts.fields.get(name).and_then(|v| v.parse::<u64>().ok());
                value.is_some_and(|value| value * 1000 >= least.as_thousandths())
            }
            Test::FieldIn(name, words) => any(
                words,
                &facts
                    .fields
                    .get(name)
                    .iter()
                    .map(|s| s.as_str())
                    .collect::<Vec<_>>(),
            ),
            Test::Stale(is) => !(facts.stale ^ is),
            other => unreachable!("not generated: {other:?}"),
        },
    }
}

proptest! {
    /// Goal: what is in force depends on no order, grouping or repetition.
    #[test]
    fn escalation_rules_together_are_a_semilattice(
        a in any_escalation(), b in any_escalation(), c in any_escalation(),
    ) {
        prop_assert_eq!(a.and(&b), b.and(&a));
        prop_assert_eq!(a.and(&b).and(&c), a.and(&b.and(&c)));
        prop_assert_eq!(a.and(&a), a.clone());
        prop_assert_eq!(a.and(&Escalation::default()), a);
    }

    /// Goal: rules of another admin make no decision more permissive, and lift no guard.
    #[test]
    fn rules_that_come_beside_others_only_make_a_decision_stricter(
        a in any_escalation(), b in any_escalation(), facts in any_facts(),
    ) {
        let both = a.and(&b);
        let (alone, together) = (decide(&a, &facts), decide(&both, &facts));
        prop_assert!(together.action >= alone.action);
        let fired: BTreeSet<_> = together.fired.iter().collect();
        prop_assert!(alone.fired.iter().all(|rule| fired.contains(rule)));
        if together.action == alone.action {
            prop_assert!(together.held.is_some() || alone.held.is_none());
        }
    }

    /// Goal: the decision is what the page says; method: a second one, written down without the first.
    #[test]
    fn decisions_agree_with_a_second_way_to_ask(all in any_escalation(), facts in any_facts()) {
        let decision = decide(&all, &facts);
        let mut best: Option<&EscalationRule> = None;
        let mut fired = 0;
        for rule in all.in_order() {
            if holds_plainly(&rule.when, &facts) {
                fired += 1;
                if best.is_none_or(|best| rule.action > best.action) {
                    best = Some(rule);
                }
            }
        }
        prop_assert_eq!(decision.by, best);
        prop_assert_eq!(decision.fired.len(), fired);
        prop_assert_eq!(decision.action, best.map_or(Action::AgentResolves, |rule| rule.action));
    }

    #[test]
    fn rules_have_one_encoding(rule in any_rule()) {
        let bytes = codec::encode(&rule);
        prop_assert_eq!(codec::decode::<EscalationRule>(&bytes, 1 << 16), Ok(rule));
    }

    #[test]
    fn random_bytes_are_no_reason_to_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), said in ".{0,60}", keyword in ".{0,20}",
    ) {
        let _ = codec::decode::<EscalationRule>(&bytes, 1 << 16);
        let _ = codec::decode::<Condition>(&bytes, 1 << 16);
        let when = text(&keyword);
        if when.check().is_ok() {
            let _ = meets(when, &case_of(&said));
        }
    }
}
