//! The decision: every rule for every destination, the wall, and which reason comes first.

use super::*;
use crate::policy::rules::{Client, Rules};

const NOW: Timestamp = Timestamp::from_millis(1000);
static NO_PII: BTreeSet<Pii> = BTreeSet::new();

fn id(label: &str) -> ClientId {
    Client::new(label).unwrap().id()
}

fn of_client(label: &str) -> ReleaseRules {
    ReleaseRules::from(Rules {
        client: Some(Client::new(label).unwrap()),
        ..Rules::default()
    })
}

fn note() -> Facts<'static> {
    Facts {
        sensitivity: Sensitivity::Internal,
        consent: None,
        status: Status::Active,
        expires_at: None,
        pii: &NO_PII,
    }
}

fn request(destination: Destination) -> Request<'static> {
    Request {
        up_to: Some(Sensitivity::Restricted),
        ..Request::to(destination)
    }
}

/// The same limits for one destination, and none for the others.
fn limited(destination: Destination, limits: Limits) -> ReleaseRules {
    let mut rules = ReleaseRules::default();
    let of = match destination {
        Destination::Export => &mut rules.export,
        Destination::Pack => &mut rules.pack,
        Destination::Agent => &mut rules.agent,
        Destination::Handoff => &mut rules.handoff,
    };
    *of = limits;
    rules
}

fn why(request: &Request<'_>, note: Facts<'_>, rules: &ReleaseRules) -> Option<Withheld> {
    match decide(request, note, Ok(rules), NOW) {
        Verdict::Allowed => None,
        Verdict::Withheld(why) => Some(why),
    }
}

fn ruled(destination: Destination, point: Point) -> Option<Withheld> {
    Some(Withheld::Rule(RuleName { destination, point }))
}

#[test]
fn without_rules_nothing_is_ruled() {
    for destination in Destination::ALL {
        let rules = ReleaseRules::default();
        assert_eq!(why(&request(destination), note(), &rules), None);
        assert_eq!(refuses(&request(destination), Ok(&rules)), None);
    }
}

#[test]
fn each_limit_binds_its_destination_and_no_other() {
    let pii: BTreeSet<Pii> = [Pii::Health].into();
    let personal = Facts {
        pii: &pii,
        ..note()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let table: [(Point, Limits); 6] = [
        (
            Point::MaxSensitivity,
            Limits {
                max_sensitivity: Some(Sensitivity::Public),
                ..Limits::default()
            },
        ),
        (
            Point::Formats,
            Limits {
                formats: Some(words(&["json"])),
                ..Limits::default()
            },
        ),
        (
            Point::Purposes,
            Limits {
                purposes: Some(Purposes::Required),
                ..Limits::default()
            },
        ),
        (
            Point::Purposes,
            Limits {
                purposes: Some(Purposes::Only(words(&["audit"]))),
                ..Limits::default()
            },
        ),
        (
            Point::RequireConsent,
            Limits {
                require_consent: pii.clone(),
                ..Limits::default()
            },
        ),
        (
            Point::RedactPii,
            Limits {
                redact_pii: true,
                ..Limits::default()
            },
        ),
    ];
    for (point, limits) in table {
        for destination in Destination::ALL {
            let rules = limited(destination, limits.clone());
            for asked in Destination::ALL {
                let expected = (asked == destination)
                    .then(|| ruled(destination, point))
                    .flatten();
                assert_eq!(
                    why(&request(asked), personal, &rules),
                    expected,
                    "{point:?}"
                );
                let of_all = matches!(point, Point::Formats | Point::Purposes);
                let refused = refuses(&request(asked), Ok(&rules));
                assert_eq!(refused, expected.filter(|_| of_all), "{point:?}");
            }
        }
    }
}

#[test]
fn what_keeps_to_the_limits_leaves() {
    let pii: BTreeSet<Pii> = [Pii::Health].into();
    let granted = Consent::new(ConsentStatus::Granted);
    let not_required = Consent::new(ConsentStatus::NotRequired);
    let mut for_audit = Consent::new(ConsentStatus::Limited);
    for_audit.purposes = ["audit".to_owned()].into();
    let rules = limited(
        Destination::Export,
        Limits {
            max_sensitivity: Some(Sensitivity::Internal),
            formats: Some(["json".to_owned()].into()),
            purposes: Some(Purposes::Only(["audit".to_owned()].into())),
            require_consent: pii.clone(),
            redact_pii: true,
        },
    );
    let fitting = Request {
        format: Some("json"),
        purpose: Some("audit"),
        redacts: true,
        ..request(Destination::Export)
    };
    let personal = |consent| Facts {
        pii: &pii,
        consent,
        ..note()
    };
    let no_consent = ruled(Destination::Export, Point::RequireConsent);
    let table = [
        (fitting.clone(), note(), None),
        (fitting.clone(), personal(Some(&granted)), None),
        (fitting.clone(), personal(Some(&for_audit)), None),
        (fitting.clone(), personal(None), no_consent),
        (fitting.clone(), personal(Some(&not_required)), no_consent),
        (
            Request {
                purpose: Some("sales"),
                ..fitting.clone()
            },
            note(),
            ruled(Destination::Export, Point::Purposes),
        ),
        (
            Request {
                format: Some("md"),
                ..fitting.clone()
            },
            note(),
            ruled(Destination::Export, Point::Formats),
        ),
        (
            Request {
                redacts: false,
                ..fitting.clone()
            },
            personal(Some(&granted)),
            ruled(Destination::Export, Point::RedactPii),
        ),
        (
            fitting,
            Facts {
                sensitivity: Sensitivity::Confidential,
                ..note()
            },
            ruled(Destination::Export, Point::MaxSensitivity),
        ),
    ];
    for (request, note, expected) in table {
        assert_eq!(
            why(&request, note, &rules),
            expected,
            "{request:?} {note:?}"
        );
    }
}

/// Goal: whatever a consent allows or the rules do, above what whoever it is for opens nothing goes.
#[test]
fn nothing_goes_above_what_was_asked_for_or_is_opened() {
    for destination in Destination::ALL {
        let mut asked = request(destination);
        let rules = ReleaseRules::default();
        asked.up_to = Some(Sensitivity::Public);
        let above = Some(Withheld::Sensitivity(Sensitivity::Internal));
        assert_eq!(why(&asked, note(), &rules), above);
        asked.up_to = None;
        assert_eq!(why(&asked, note(), &rules), above);
    }
}

#[test]
fn nothing_crosses_from_one_client_to_another_unless_a_person_says_so() {
    let (a, b, none) = (
        of_client("Acme"),
        of_client("Globex"),
        ReleaseRules::default(),
    );
    let [to_a, to_b] = ["ACME", "globex"].map(|label| Target::Of([id(label)].into()));
    let nobodys = Target::Of(BTreeSet::new());
    for destination in Destination::ALL {
        let into_pack = destination == Destination::Pack;
        let table = [
            (&a, &to_a, false),
            (&a, &to_b, true),
            (&a, &nobodys, into_pack),
            (&a, &Target::Unbound, false),
            (&none, &to_a, false),
            (&none, &nobodys, false),
            (&b, &to_b, false),
            (&b, &to_a, true),
            (&a.and(&b), &to_a, true),
            (&a.and(&b), &Target::Unbound, true),
        ];
        for (rules, target, is_crossing) in table {
            let asked = Request {
                target: target.clone(),
                ..request(destination)
            };
            let expected = is_crossing.then_some(Withheld::Client);
            assert_eq!(why(&asked, note(), rules), expected, "{target:?}");
            assert_eq!(refuses(&asked, Ok(rules)), expected);
            assert_eq!(crosses(&asked, rules), is_crossing);
            let said = Request {
                across_clients: true,
                ..asked
            };
            assert_eq!(why(&said, note(), rules), None);
        }
    }
}

#[test]
fn packs_of_two_clients_do_not_leave_together() {
    let a = of_client("Acme");
    let beside = |labels: &[&str]| Request {
        beside: labels.iter().map(|label| id(label)).collect(),
        ..request(Destination::Export)
    };
    assert_eq!(why(&beside(&["acme"]), note(), &a), None);
    assert_eq!(
        why(&beside(&["Globex"]), note(), &a),
        Some(Withheld::Client)
    );
    let none = ReleaseRules::default();
    assert_eq!(why(&beside(&["Globex"]), note(), &none), None);
    assert_eq!(
        why(&beside(&["Globex", "Acme"]), note(), &none),
        Some(Withheld::Client)
    );
}

/// Goal: each rule that keeps a note in, by each way out, is lost where the other pack has none as strict, and
/// by nothing else.
#[test]
fn a_rule_is_lost_where_the_other_pack_has_none_as_strict() {
    let pii: BTreeSet<Pii> = [Pii::Health].into();
    let held = Facts {
        pii: &pii,
        ..note()
    };
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let plain = Limits::default;
    let max = |max| Limits {
        max_sensitivity: Some(max),
        ..plain()
    };
    let formats = |all: &[&str]| Limits {
        formats: Some(set(all)),
        ..plain()
    };
    let purposes = |all| Limits {
        purposes: Some(all),
        ..plain()
    };
    let only = |all: &[&str]| purposes(Purposes::Only(set(all)));
    let consent = |kinds: &[Pii]| Limits {
        require_consent: kinds.iter().copied().collect(),
        ..plain()
    };
    let redact = Limits {
        redact_pii: true,
        ..plain()
    };
    let named = purposes(Purposes::Required);
    let (public, internal) = (Sensitivity::Public, Sensitivity::Internal);
    let table = [
        (max(public), plain(), Some(Point::MaxSensitivity)),
        (max(public), max(internal), Some(Point::MaxSensitivity)),
        (max(public), max(public), None),
        (max(internal), plain(), None), // the note is Internal: it may leave here, too
        (formats(&["md"]), plain(), Some(Point::Formats)),
        (
            formats(&["md"]),
            formats(&["md", "json"]),
            Some(Point::Formats),
        ),
        (formats(&["md", "json"]), formats(&["md"]), None),
        (named.clone(), plain(), Some(Point::Purposes)),
        (named.clone(), only(&["support"]), None),
        (only(&["support"]), named, Some(Point::Purposes)),
        (only(&["support"]), only(&["sales"]), Some(Point::Purposes)),
        (only(&["support", "sales"]), only(&["sales"]), None),
        (
            consent(&[Pii::Health]),
            plain(),
            Some(Point::RequireConsent),
        ),
        (
            consent(&[Pii::Health]),
            consent(&[Pii::Email]),
            Some(Point::RequireConsent),
        ),
        (
            consent(&[Pii::Health]),
            consent(&[Pii::Health, Pii::Email]),
            None,
        ),
        (consent(&[Pii::Email]), plain(), None), // it holds none of these
        (redact.clone(), plain(), Some(Point::RedactPii)),
        (redact.clone(), redact, None),
        (plain(), formats(&[]), None),
    ];
    for destination in Destination::ALL {
        let ruled = |limits: &Limits| {
            let mut rules = ReleaseRules::default();
            *match destination {
                Destination::Export => &mut rules.export,
                Destination::Pack => &mut rules.pack,
                Destination::Agent => &mut rules.agent,
                Destination::Handoff => &mut rules.handoff,
            } = limits.clone();
            rules
        };
        for (own, there, lost) in &table {
            let (own, there) = (ruled(own), ruled(there));
            let lost = lost.map(|point| RuleName { destination, point });
            assert_eq!(
                loses(&own, &there, &held, internal),
                lost,
                "{own:?} {there:?}"
            );
            assert_eq!(loses(&own, &own, &held, internal), None);
        }
        let (own, none) = (ruled(&max(public)), ReleaseRules::default());
        assert_eq!(
            loses(&own, &none, &held, public),
            None,
            "an admin lowers it"
        );
        let given = Consent::new(ConsentStatus::Granted);
        let allowed = Facts {
            consent: Some(&given),
            ..held
        };
        let own = ruled(&consent(&[Pii::Health]));
        assert_eq!(
            loses(&own, &none, &allowed, internal),
            None,
            "a consent goes along"
        );
        let bare = ruled(&Limits {
            redact_pii: true,
            ..consent(&[Pii::Health])
        });
        assert_eq!(
            loses(&bare, &none, &note(), internal),
            None,
            "it holds nothing of it"
        );
    }
}

/// Goal: what a person says about clients lifts the wall and nothing else.
#[test]
fn crossing_clients_lifts_no_other_rule() {
    let mut rules = of_client("Acme");
    rules.pack.max_sensitivity = Some(Sensitivity::Public);
    let said = Request {
        target: Target::Of([id("Globex")].into()),
        across_clients: true,
        ..request(Destination::Pack)
    };
    assert_eq!(
        why(&said, note(), &rules),
        ruled(Destination::Pack, Point::MaxSensitivity)
    );
    let withdrawn = Consent::new(ConsentStatus::Withdrawn);
    let noted = Facts {
        consent: Some(&withdrawn),
        ..note()
    };
    assert_eq!(
        why(&said, noted, &of_client("Acme")),
        Some(Withheld::Consent(ConsentGap::Withdrawn))
    );
}

#[test]
fn where_rules_cannot_be_read_nothing_leaves() {
    for destination in Destination::ALL {
        for unreadable in [
            Unreadable::NoKey,
            Unreadable::Malformed,
            Unreadable::TooManyIds,
            Unreadable::TooManyRules,
            Unreadable::NewerVersion,
            Unreadable::NewerOperation,
        ] {
            let asked = Request {
                across_clients: true,
                ..request(destination)
            };
            let stays = Withheld::Unreadable(unreadable);
            let verdict = decide(&asked, note(), Err(unreadable), NOW);
            assert_eq!(verdict, Verdict::Withheld(stays));
            let onto_unreadable = Request {
                target: Target::Unreadable(unreadable),
                ..asked
            };
            let rules = ReleaseRules::default();
            assert_eq!(why(&onto_unreadable, note(), &rules), Some(stays));
        }
    }
}

/// Goal: consent gates every channel alike, and its withdrawal is told before all else.
#[test]
fn a_withdrawn_consent_outranks_everything_everywhere() {
    let withdrawn = Consent::new(ConsentStatus::Withdrawn);
    let refused = Consent::new(ConsentStatus::Refused);
    let worst = Facts {
        sensitivity: Sensitivity::Restricted,
        consent: Some(&withdrawn),
        status: Status::Archived,
        expires_at: Some(Timestamp::from_millis(1)),
        ..note()
    };
    for destination in Destination::ALL {
        let asked = Request {
            up_to: Some(Sensitivity::Public),
            ..request(destination)
        };
        let told = Verdict::Withheld(Withheld::Consent(ConsentGap::Withdrawn));
        assert_eq!(decide(&asked, worst, Err(Unreadable::NoKey), NOW), told);
        let only_refused = Facts {
            consent: Some(&refused),
            ..note()
        };
        let rules = ReleaseRules::default();
        assert_eq!(
            why(&request(destination), only_refused, &rules),
            Some(Withheld::Consent(ConsentGap::Refused))
        );
    }
}

#[test]
fn every_reason_names_its_rule() {
    let name = |point| {
        Withheld::Rule(RuleName {
            destination: Destination::Export,
            point,
        })
    };
    let table = [
        (Withheld::Client, "wall client"),
        (Withheld::Unreadable(Unreadable::NoKey), "rules unreadable"),
        (name(Point::MaxSensitivity), "rule export.max_sensitivity"),
        (name(Point::RequireConsent), "rule export.require_consent"),
        (
            Withheld::Consent(ConsentGap::Withdrawn),
            "consent withdrawn",
        ),
        (
            Withheld::Sensitivity(Sensitivity::Restricted),
            "request max_sensitivity",
        ),
        (Withheld::Deleted, "note deleted"),
    ];
    for (why, expected) in table {
        assert_eq!(why.rule(), expected);
    }
}

/// Goal: more rules never let more leave, over every note and request of a small world.
#[test]
fn what_two_sets_of_rules_allow_together_each_of_them_allows() {
    let word = |word: &str| -> BTreeSet<String> { [word.to_owned()].into() };
    let some: Vec<ReleaseRules> = [
        Limits::default(),
        Limits {
            max_sensitivity: Some(Sensitivity::Public),
            formats: Some(word("md")),
            ..Limits::default()
        },
        Limits {
            purposes: Some(Purposes::Only(word("audit"))),
            require_consent: [Pii::Email].into(),
            ..Limits::default()
        },
        Limits {
            purposes: Some(Purposes::Required),
            redact_pii: true,
            ..Limits::default()
        },
    ]
    .into_iter()
    .map(|limits| limited(Destination::Export, limits))
    .chain([of_client("Acme"), of_client("Globex")])
    .collect();
    let email: BTreeSet<Pii> = [Pii::Email].into();
    let granted = Consent::new(ConsentStatus::Granted);
    let mut allowed = 0;
    for (a, b) in some.iter().flat_map(|a| some.iter().map(move |b| (a, b))) {
        for sensitivity in Sensitivity::ALL {
            for (pii, consent) in [(&NO_PII, None), (&email, None), (&email, Some(&granted))] {
                for (purpose, format) in [(None, None), (Some("audit"), Some("md"))] {
                    let asked = Request {
                        purpose,
                        format,
                        ..request(Destination::Export)
                    };
                    let facts = Facts {
                        sensitivity,
                        pii,
                        consent,
                        ..note()
                    };
                    if why(&asked, facts, &a.and(b)).is_none() {
                        assert_eq!(why(&asked, facts, a), None);
                        assert_eq!(why(&asked, facts, b), None);
                        allowed += 1;
                    }
                }
            }
        }
    }
    assert!(allowed > 50, "{allowed}");
}
