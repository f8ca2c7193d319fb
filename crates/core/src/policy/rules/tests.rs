//! Rules: their seal, their limits, and what several of them allow together.

use super::*;
use crate::escalation::{Action, Condition, Name, Test};
use crate::id::PersonId;
use crate::id::Timestamp;
use crate::policy::op::OpError;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn client(label: &str) -> Client {
    Client::new(label).unwrap()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn some_rules() -> Rules {
    Rules {
        client: Some(client("Acme GmbH")),
        kind: Some(PackKind::Case),
        default_sensitivity: Some(Sensitivity::Confidential),
        export: Limits {
            max_sensitivity: Some(Sensitivity::Internal),
            formats: Some(set(&["json", "md"])),
            purposes: Some(Purposes::Only(set(&["support"]))),
            require_consent: [Pii::Health].into(),
            redact_pii: true,
        },
        agent: Limits {
            purposes: Some(Purposes::Required),
            ..Limits::default()
        },
        ..Rules::default()
    }
}

fn id(form: &str, kind: Pii) -> NamedId {
    let form = IdForm::new(form).unwrap();
    NamedId { form, kind }
}

fn field(name: &str, kind: Pii) -> NamedField {
    let name = FieldName::new(name).unwrap();
    NamedField { name, kind }
}

/// With ids, fields and a retention beside the rest.
fn naming_rules() -> Rules {
    let change = RulesChange {
        ids: Setting::To(
            [
                id("cust-@@##", Pii::Other),
                id("VOUCHER-*", Pii::PaymentCard),
            ]
            .into(),
        ),
        id_fields: Setting::To([field("loyalty_id", Pii::Other)].into()),
        retention_days: Setting::To(365),
        ..RulesChange::default()
    };
    change.of(&some_rules()).unwrap()
}

fn team(n: u8) -> Name {
    Name::new(&format!("team-{n}")).unwrap()
}

fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 32])
}

fn escalation_rule(id: &str, to: Option<To>) -> EscalationRule {
    EscalationRule {
        id: Name::new(id).unwrap(),
        when: Condition::Test(Test::UserRequest(true)),
        action: Action::Handoff,
        to,
        reason_code: Some(ReasonCode::new("warranty").unwrap()),
        priority: None,
        template: None,
        accept_within: None,
    }
}

/// With escalation rules, a reason code, a guard and teams beside the rest.
fn escalating_rules() -> Rules {
    let change = RulesChange {
        escalation: Setting::To(vec![
            escalation_rule("b", Some(To::Team(team(1)))),
            escalation_rule("a", None),
        ]),
        reason_codes: Setting::To([ReasonCode::new("warranty").unwrap()].into()),
        guard: Setting::To(Guard {
            max_open_per_context: Some(1),
            ..Guard::default()
        }),
        teams: [
            (team(1), TeamChange::Create([person(1), person(2)].into())),
            (team(2), TeamChange::Create(BTreeSet::new())),
        ]
        .into(),
        ..RulesChange::default()
    };
    change.of(&naming_rules()).unwrap()
}

struct Sealed {
    pack: PackId,
    key: EpochKey,
    of: SealedRules,
}

fn sealed(rules: &Rules) -> Sealed {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let pack = PackId::from_bytes([1; 32]);
    let (epoch, device) = (EpochId::from_bytes([2; 32]), DeviceId::from_bytes([3; 32]));
    let key = EpochKey::from_bytes([4; 32]);
    let sealed = rules.seal(pack, epoch, device, &key, &mut rng).unwrap();
    let op = OpHash::from_bytes([5; 32]);
    Sealed {
        pack,
        key,
        of: SealedRules {
            op,
            device,
            epoch,
            sealed,
        },
    }
}

/// What somebody with the key seals who does not keep to the rules.
fn sealed_bytes(record: &[u8], frame: impl Fn(Vec<u8>) -> Vec<u8>) -> Sealed {
    let mut sealed = sealed(&Rules::default());
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let header = header(sealed.pack, sealed.of.epoch, sealed.of.device);
    sealed.of.sealed = seal(
        SealLabel::Rules,
        &NO_SALT,
        sealed.key.danger_expose(),
        &header,
        &frame(record.to_vec()),
        &mut rng,
    );
    sealed
}

fn framed(record: Vec<u8>) -> Vec<u8> {
    pack_frame(record, 1 << 20).unwrap()
}

impl Sealed {
    fn open(&self) -> Result<Rules, RulesError> {
        Rules::open(self.pack, &self.of, &self.key)
    }
}

#[test]
fn rules_open_where_they_were_sealed_and_nowhere_else() {
    for rules in [Rules::default(), naming_rules(), escalating_rules()] {
        assert_eq!(sealed(&rules).open(), Ok(rules));
    }
    let rules = some_rules();
    let sealed = sealed(&rules);
    assert_eq!(sealed.open(), Ok(rules));
    let elsewhere = [
        Sealed {
            pack: PackId::from_bytes([9; 32]),
            ..self::sealed(&some_rules())
        },
        Sealed {
            key: EpochKey::from_bytes([9; 32]),
            ..self::sealed(&some_rules())
        },
        Sealed {
            of: SealedRules {
                device: DeviceId::from_bytes([9; 32]),
                ..sealed.of.clone()
            },
            ..self::sealed(&some_rules())
        },
        Sealed {
            of: SealedRules {
                epoch: EpochId::from_bytes([9; 32]),
                ..sealed.of.clone()
            },
            ..self::sealed(&some_rules())
        },
    ];
    for other in elsewhere {
        assert_eq!(other.open(), Err(RulesError::Malformed));
    }
    for at in 0..sealed.of.sealed.len() {
        let mut changed = sealed.of.clone();
        changed.sealed[at] ^= 1;
        let opened = Rules::open(sealed.pack, &changed, &sealed.key);
        assert_eq!(opened, Err(RulesError::Malformed), "byte {at}");
    }
}

/// Goal: the length of an act says no more of a client's name than a bucket does.
#[test]
fn rules_that_differ_in_a_name_have_one_length() {
    let of = |label: &str| {
        let rules = Rules {
            client: Some(client(label)),
            ..Rules::default()
        };
        sealed(&rules).of.sealed.len()
    };
    assert_eq!(of("A"), SEALED_RULES_BYTES_MIN);
    assert_eq!(of("A"), of(&"Ab c".repeat(20)));
}

#[test]
fn whoever_holds_the_key_and_seals_something_else_has_made_malformed_rules() {
    let record = codec::encode(&some_rules());
    let malformed = Err(RulesError::Malformed);
    assert_eq!(sealed_bytes(&record, |record| record).open(), malformed);
    let is_codec = |opened: Result<Rules, RulesError>| matches!(opened, Err(RulesError::Codec(_)));
    assert!(is_codec(sealed_bytes(b"", framed).open()));
    assert!(is_codec(sealed_bytes(&[0xff; 40], framed).open()));
    let mut longer = record.clone();
    longer.push(0);
    assert!(is_codec(sealed_bytes(&longer, framed).open()));
    let bomb = vec![0; 1 << 19];
    assert_eq!(sealed_bytes(&bomb, framed).open(), malformed);
    for cut in 0..record.len() {
        assert!(is_codec(sealed_bytes(&record[..cut], framed).open()));
    }
    let mut unknown_key = [&record[..], &[0x0f, 0x01]].concat();
    unknown_key[0] += 1; // a map of one more
    assert!(is_codec(sealed_bytes(&unknown_key, framed).open()));
}

#[test]
fn a_newer_version_is_told_from_nonsense() {
    let newer = Rules {
        version: RULES_VERSION + 1,
        ..some_rules()
    };
    let of = |rules: &Rules| sealed_bytes(&codec::encode(rules), framed).open();
    assert_eq!(of(&newer), Err(RulesError::NewerVersion(4)));
    // Of another shape, too: key 0 says it.
    let shaped = sealed_bytes(&[0xa2, 0x00, 0x05, 0x18, 0x63, 0xf5], framed);
    assert_eq!(shaped.open(), Err(RulesError::NewerVersion(5)));
    let none = Rules {
        version: 0,
        ..some_rules()
    };
    assert!(matches!(of(&none), Err(RulesError::Rule(_))));
}

/// Goal: rules that name no ids are, byte for byte, what older programs read; others say a version that
/// they do not know, in the one way that both read.
#[test]
fn rules_say_the_lowest_version_that_has_what_they_say() {
    assert_eq!((some_rules().version, naming_rules().version), (1, 2));
    let plain = RulesChange {
        ids: Setting::Clear,
        id_fields: Setting::Clear,
        retention_days: Setting::Clear,
        ..RulesChange::default()
    };
    assert_eq!(plain.of(&naming_rules()), Ok(some_rules()));
    let encoded = codec::encode(&naming_rules());
    assert_eq!(codec::newer_version(&encoded, 1), Some(2));
    let swapped = [
        Rules {
            version: 2,
            ..some_rules()
        },
        Rules {
            version: 1,
            ..naming_rules()
        },
    ];
    for rules in swapped {
        let opened = sealed_bytes(&codec::encode(&rules), framed).open();
        assert!(matches!(opened, Err(RulesError::Rule(_))), "{opened:?}");
        assert!(rules.check().is_err());
    }
    // An empty list, and one that does not ascend, are no valid encodings.
    let only = |retention_days| Rules {
        version: 2,
        retention_days,
        ..Rules::default()
    };
    let mut empty = codec::encode(&only(None));
    empty[0] += 1;
    empty.extend([0x08, 0x80]);
    assert!(matches!(Rules::decode(&empty), Err(RulesError::Codec(_))));
    for days in [0, RETENTION_DAYS_MAX + 1] {
        let read = Rules::decode(&codec::encode(&only(Some(days))));
        assert!(matches!(read, Err(RulesError::Rule(_))), "{days}");
    }
    let most = only(Some(RETENTION_DAYS_MAX));
    assert_eq!(Rules::decode(&codec::encode(&most)), Ok(most));
    let mut turned = codec::encode(&Rules {
        ids: [id("AAAAA-#", Pii::Other), id("BBBBB-#", Pii::Other)].into(),
        ..only(None)
    });
    let at = |bytes: &[u8], of: &[u8]| bytes.windows(of.len()).position(|w| w == of).unwrap();
    let (a, b) = (at(&turned, b"AAAAA-#"), at(&turned, b"BBBBB-#"));
    assert!(Rules::decode(&turned).is_ok());
    for n in 0..7 {
        turned.swap(a + n, b + n);
    }
    assert!(matches!(Rules::decode(&turned), Err(RulesError::Codec(_))));
}

/// Goal: rules that say nothing of escalation and teams are, byte for byte, what older programs read.
#[test]
fn rules_with_escalation_or_teams_alone_are_of_version_three() {
    assert_eq!(escalating_rules().version, 3);
    let encoded = codec::encode(&escalating_rules());
    assert_eq!(codec::newer_version(&encoded, 2), Some(3));
    assert_eq!(Rules::decode(&encoded), Ok(escalating_rules()));
    let back = RulesChange {
        escalation: Setting::Clear,
        reason_codes: Setting::Clear,
        guard: Setting::Clear,
        teams_anew: Some(Teams::new()),
        ..RulesChange::default()
    };
    assert_eq!(back.of(&escalating_rules()), Ok(naming_rules()));
    for version in [1, 2, 4] {
        let rules = Rules {
            version,
            ..escalating_rules()
        };
        assert!(Rules::decode(&codec::encode(&rules)).is_err(), "{version}");
    }
    // Empty lists, and a guard that says nothing, are no valid encodings.
    for (key, empty) in [(11, 0x80), (12, 0x80), (13, 0xa0), (14, 0x80)] {
        let mut bytes = codec::encode(&Rules {
            version: 3,
            ..Rules::default()
        });
        bytes[0] += 1;
        bytes.extend([key, empty]);
        assert!(
            matches!(Rules::decode(&bytes), Err(RulesError::Codec(_))),
            "{key}"
        );
    }
    // Nor are teams that do not ascend, or one that stands there twice.
    let teams = |first: &[u8], second: &[u8]| {
        let mut bytes = codec::encode(&Rules {
            version: 3,
            ..Rules::default()
        });
        bytes[0] += 1;
        bytes.extend([0x0e, 0x82]);
        for name in [first, second] {
            bytes.extend([&[0x82, 0x61][..], name, &[0x80]].concat());
        }
        Rules::decode(&bytes)
    };
    assert_eq!(teams(b"a", b"b").map(|rules| rules.teams.len()), Ok(2));
    assert!(matches!(teams(b"b", b"a"), Err(RulesError::Codec(_))));
    assert!(matches!(teams(b"a", b"a"), Err(RulesError::Codec(_))));
    assert!(matches!(
        teams(b"a", b"B"),
        Err(RulesError::Codec(_) | RulesError::Rule(_))
    ));
}

#[test]
fn teams_are_changed_one_by_one_and_those_that_rules_name_stay() {
    let changed = |name: Name, change| {
        let change = RulesChange {
            teams: [(name, change)].into(),
            ..RulesChange::default()
        };
        change.of(&escalating_rules()).map(|rules| rules.teams)
    };
    let added = changed(team(2), TeamChange::Add([person(3)].into())).unwrap();
    assert_eq!(added[&team(2)], [person(3)].into());
    let removed = changed(team(1), TeamChange::Remove([person(1), person(9)].into())).unwrap();
    assert_eq!(removed[&team(1)], [person(2)].into());
    assert_eq!(changed(team(2), TeamChange::Delete).unwrap().len(), 1);
    let named = changed(team(1), TeamChange::Delete);
    assert!(named.is_err_and(|e| e.to_string().contains("names a team")));
    let none: BTreeSet<PersonId> = BTreeSet::new();
    for change in [
        TeamChange::Add(none.clone()),
        TeamChange::Remove(none.clone()),
        TeamChange::Delete,
    ] {
        assert!(changed(team(7), change).is_err());
    }
    assert!(changed(team(1), TeamChange::Create(none)).is_err());
    let many = |n: u8| TeamChange::Create((0..n).map(person).collect());
    assert!(changed(team(3), many(64)).is_ok());
    assert!(changed(team(3), many(65)).is_err());
    let all = RulesChange {
        teams: (3..18).map(|n| (team(n), many(0))).collect(),
        ..RulesChange::default()
    };
    assert!(all.of(&escalating_rules()).is_err(), "17 teams");
}

#[test]
fn teams_and_rules_of_acts_apart_stand_beside_each_other() {
    let with = |change: RulesChange| ReleaseRules::from(change.of(&escalating_rules()).unwrap());
    let a = with(RulesChange {
        teams: [(team(1), TeamChange::Remove([person(1)].into()))].into(),
        ..RulesChange::default()
    });
    let b = with(RulesChange {
        escalation: Setting::To(vec![escalation_rule("a", Some(To::Team(team(2))))]),
        teams: [(team(1), TeamChange::Add([person(3)].into()))].into(),
        ..RulesChange::default()
    });
    let both = a.and(&b);
    let all: BTreeSet<PersonId> = [person(1), person(2), person(3)].into();
    assert_eq!(both.teams[&team(1)], all);
    assert_eq!(both.escalation.rules.len(), 3, "both of one id");
    assert_eq!(both.escalation.ids_of_several().len(), 1);
    // What else is changed has to say which rules hold.
    let other = RulesChange {
        retention_days: Setting::To(5),
        ..RulesChange::default()
    };
    assert!(both.changed(&other).is_err());
    let anew = RulesChange {
        escalation: Setting::To(vec![escalation_rule("a", Some(To::Team(team(1))))]),
        reason_codes: Setting::To([ReasonCode::new("warranty").unwrap()].into()),
        guard: Setting::Clear,
        ..other
    };
    let settled = both.changed(&anew).unwrap();
    assert_eq!(
        (settled.escalation.len(), settled.teams[&team(1)].len()),
        (1, 3)
    );
    // Too many together shut the pack.
    let numbered = |n: usize| Rules {
        escalation: (0..64)
            .map(|at| EscalationRule {
                reason_code: None,
                ..escalation_rule(&format!("r{n}-{at}"), None)
            })
            .collect(),
        ..Rules::default()
    };
    let acts: Vec<Rules> = (0..5).map(numbered).collect();
    let in_force = |acts: &[Rules]| together(acts.iter().cloned().map(Ok));
    assert!(in_force(&acts[..4]).is_ok());
    assert_eq!(in_force(&acts), Err(Unreadable::TooManyRules));
}

#[test]
fn forms_of_ids_are_what_people_can_write_and_nothing_hostile() {
    let longest = format!("{}#", "A".repeat(31));
    for form in [
        "CUST-####",
        "cust-@@##",
        "INV-*",
        "E######",
        "K-####",
        "DE ### ###",
        "a.b/c_1#",
        "*-AB",
        "##-###",
        longest.as_str(),
    ] {
        let made = IdForm::new(form).unwrap();
        assert_eq!(made.as_str(), form.to_ascii_uppercase());
        assert_eq!(IdForm::new(&format!(" {made} ")), Ok(made));
    }
    let long = "A".repeat(33) + "#";
    let bomb = "#".repeat(1 << 20);
    for form in [
        "",
        " ",
        "####",
        "@@@@@",
        "CUSTOMER",
        "*",
        "A*",
        "**-CUST",
        "CUST-**",
        "-CUST-##",
        "CUST-##-",
        "CUST  ####",
        "(a+)+$ ##",
        "CUST-[0-9]{4}",
        "CUST-\\d+1",
        "CUST-\u{661}\u{661}##",
        "K\u{dc}CHE-####",
        "CUST-####\n",
        "CUST\n-####",
        "CUST\0####",
        "CUST\u{202e}####",
        "CUST:####",
        "CUST,####",
        "CUST=####",
        long.as_str(),
        bomb.as_str(),
    ] {
        let shown = form.chars().take(40).collect::<String>();
        match form.trim() == form {
            true => {
                let refused = IdForm::new(form);
                assert!(matches!(refused, Err(RulesError::Rule(_))), "{shown:?}");
            }
            false => assert!(form.trim().is_empty() || IdForm::new(form).is_ok()),
        }
        // Nor does one arrive from somebody who does not keep to it.
        let rules = Rules {
            version: 2,
            ids: [NamedId {
                form: IdForm(form.to_owned()),
                kind: Pii::Other,
            }]
            .into(),
            ..Rules::default()
        };
        assert!(Rules::decode(&codec::encode(&rules)).is_err(), "{shown:?}");
    }
    let small = Rules {
        version: 2,
        ids: [NamedId {
            form: IdForm("cust-####".to_owned()),
            kind: Pii::Other,
        }]
        .into(),
        ..Rules::default()
    };
    assert!(
        Rules::decode(&codec::encode(&small)).is_err(),
        "one spelling"
    );
    for name in ["loyalty_id", "Kundennummer", "Führer-Nr. 2", "ab"] {
        assert!(FieldName::new(name).is_ok(), "{name}");
    }
    let long = "a".repeat(65);
    for name in [
        "",
        "a",
        "_-_",
        "a\nb",
        "a:b",
        "a\u{200b}b",
        "\u{202e}ab",
        "{ab}",
        long.as_str(),
    ] {
        assert!(FieldName::new(name).is_err(), "{name:?}");
    }
    for name in ["", " ab", "a\nb", "a\u{200b}b", long.as_str()] {
        let rules = Rules {
            version: 2,
            id_fields: [NamedField {
                name: FieldName(name.to_owned()),
                kind: Pii::Other,
            }]
            .into(),
            ..Rules::default()
        };
        assert!(Rules::decode(&codec::encode(&rules)).is_err(), "{name:?}");
    }
}

#[test]
fn ids_that_are_named_apart_are_all_looked_for_and_a_change_says_which_if_they_are_too_many() {
    let of = |from: usize, n: usize| -> BTreeSet<NamedId> {
        (from..from + n)
            .map(|n| id(&format!("C{n:04}-#"), Pii::Other))
            .collect()
    };
    let naming = |ids: BTreeSet<NamedId>, retention_days| {
        ReleaseRules::from(Rules {
            ids,
            retention_days,
            ..Rules::default()
        })
    };
    let (a, b) = (naming(of(0, 20), Some(30)), naming(of(10, 22), Some(400)));
    let both = a.and(&b);
    assert_eq!((both.ids.len(), both.retention_days), (32, Some(30)));
    assert_eq!(a.and(&naming(BTreeSet::new(), None)), a);
    let keep = RulesChange::default();
    assert_eq!(both.changed(&keep).unwrap().ids, both.ids);
    let more = both.and(&naming(of(40, 1), None));
    assert!(!more.names_too_many(), "they are looked for");
    assert!(more.changed(&keep).is_err());
    let which = RulesChange {
        ids: Setting::To(of(0, 1)),
        ..RulesChange::default()
    };
    let changed = more.changed(&which).unwrap();
    assert_eq!((changed.ids, changed.retention_days), (of(0, 1), Some(30)));
    let anew = RulesChange {
        replace: true,
        ..RulesChange::default()
    };
    assert_eq!(more.changed(&anew), Ok(Rules::default()));
    let fits = (0..4).map(|n| naming(of(n * 32, 32), None));
    let fits = fits.fold(ReleaseRules::default(), |all, one| all.and(&one));
    assert!(!fits.names_too_many());
    assert!(fits.and(&naming(of(128, 1), None)).names_too_many());
    // In force they shut the pack, and in no order another way.
    let acts: Vec<Rules> = (0..5)
        .map(|n| Rules {
            ids: of(n * 32, if n == 4 { 1 } else { 32 }),
            ..Rules::default()
        })
        .collect();
    let in_force = |acts: &[Rules]| together(acts.iter().cloned().map(Ok));
    assert_eq!(in_force(&acts[..4]), Ok(fits.clone()));
    assert_eq!(in_force(&acts), Err(Unreadable::TooManyIds));
    let turned: Vec<Rules> = acts.iter().rev().cloned().collect();
    assert_eq!(in_force(&turned), Err(Unreadable::TooManyIds));
    let unread = [Err(Unreadable::NoKey), Err(Unreadable::NewerVersion)];
    for why in unread {
        let worst = together(acts.iter().cloned().map(Ok).chain([why.clone()]));
        assert_eq!(worst, Err(why.unwrap_err().max(Unreadable::TooManyIds)));
    }
    let too_many = RulesChange {
        ids: Setting::To(of(0, 33)),
        ..RulesChange::default()
    };
    assert!(too_many.of(&Rules::default()).is_err());
}

#[test]
fn rules_keep_to_their_limits_when_made_and_when_read() {
    let with = |limits: Limits| Rules {
        handoff: limits,
        ..Rules::default()
    };
    let formats = |formats: BTreeSet<String>| {
        with(Limits {
            formats: Some(formats),
            ..Limits::default()
        })
    };
    let purposes = |purposes: BTreeSet<String>| {
        with(Limits {
            purposes: Some(Purposes::Only(purposes)),
            ..Limits::default()
        })
    };
    let many = |n: usize| -> BTreeSet<String> { (0..n).map(|n| format!("f{n}")).collect() };
    let broken = [
        formats(set(&[""])),
        formats(set(&["MD"])),
        formats(set(&["a".repeat(17).as_str()])),
        formats(many(17)),
        purposes(set(&[" "])),
        purposes(set(&["a\nb"])),
        purposes(set(&["a".repeat(65).as_str()])),
        purposes(many(33)),
        Rules {
            client: Some(Client("a\u{202e}b".into())),
            ..Rules::default()
        },
        Rules {
            client: Some(Client(String::new())),
            ..Rules::default()
        },
        Rules {
            client: Some(Client("a ".into())),
            ..Rules::default()
        },
    ];
    for rules in broken {
        assert!(
            matches!(rules.check(), Err(RulesError::Rule(_))),
            "{rules:?}"
        );
        let read = Rules::decode(&codec::encode(&rules));
        assert!(matches!(read, Err(RulesError::Rule(_))), "{read:?}");
    }
    assert_eq!(formats(many(16)).check(), Ok(()));
    assert_eq!(purposes(many(32)).check(), Ok(()));
    assert_eq!(formats(set(&[])).check(), Ok(()), "no format may be");
    // All limits at their longest fit.
    let purpose = |n: usize| format!("{n:064}");
    // (Not with as many escalation rules as there may be: a record has room for either.)
    let longest = Limits {
        max_sensitivity: Some(Sensitivity::Public),
        formats: Some((0..16).map(|n| format!("{n:016}")).collect()),
        purposes: Some(Purposes::Only((0..32).map(purpose).collect())),
        require_consent: Pii::ALL.iter().copied().collect(),
        redact_pii: true,
    };
    let most = Rules {
        client: Some(client(&"\u{1f600}".repeat(80))),
        export: longest.clone(),
        pack: longest.clone(),
        agent: longest.clone(),
        handoff: longest,
        version: NAMING_VERSION,
        ids: (0..IDS_MAX)
            .map(|n| id(&format!("{n:031}#"), Pii::Other))
            .collect(),
        id_fields: (0..IDS_MAX)
            .map(|n| field(&format!("{n:064}"), Pii::Other))
            .collect(),
        retention_days: Some(RETENTION_DAYS_MAX),
        ..some_rules()
    };
    assert!(sealed(&most).of.sealed.len() <= SEALED_RULES_BYTES_MAX);
}

#[test]
fn spellings_of_a_client_that_read_alike_are_one_client() {
    let acme = client("Acme GmbH").id();
    for same in [
        "acme gmbh",
        "  ACME   GMBH ",
        "Acme\u{a0}GmbH",
        "\u{ff21}cme GmbH",
    ] {
        assert_eq!(client(same).id(), acme, "{same:?}");
    }
    assert_eq!(client("Caf\u{e9}").id(), client("Cafe\u{301}").id());
    assert_ne!(client("Acme AG").id(), acme);
    assert_ne!(client("AcmeGmbH").id(), acme);
    for refused in [
        "",
        "   ",
        "a\tb\nc",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{2028}b",
        "a\0b",
        &"a".repeat(81),
    ] {
        assert!(Client::new(refused).is_err(), "{refused:?}");
    }
    assert!(Client::new(&"\u{e9}".repeat(80)).is_ok());
}

#[test]
fn rules_together_allow_what_each_of_them_allows() {
    let a = ReleaseRules::from(some_rules());
    let b = ReleaseRules::from(Rules {
        client: Some(client("ACME gmbh")),
        kind: Some(PackKind::Account),
        default_sensitivity: Some(Sensitivity::Internal),
        export: Limits {
            max_sensitivity: Some(Sensitivity::Public),
            formats: Some(set(&["md", "xml"])),
            purposes: Some(Purposes::Required),
            require_consent: [Pii::Email].into(),
            redact_pii: false,
        },
        agent: Limits {
            purposes: Some(Purposes::Only(set(&["audit"]))),
            ..Limits::default()
        },
        pack: Limits {
            max_sensitivity: Some(Sensitivity::Internal),
            ..Limits::default()
        },
        ..Rules::default()
    });
    let both = a.and(&b);
    assert_eq!(both.clients.len(), 1, "two spellings of one client");
    assert_eq!(both.clients.values().next().unwrap().label(), "ACME gmbh");
    assert_eq!(both.kinds, [PackKind::Case, PackKind::Account].into());
    assert_eq!(both.default_sensitivity, Some(Sensitivity::Confidential));
    let together = Limits {
        max_sensitivity: Some(Sensitivity::Public),
        formats: Some(set(&["md"])),
        purposes: Some(Purposes::Only(set(&["support"]))),
        require_consent: [Pii::Email, Pii::Health].into(),
        redact_pii: true,
    };
    assert_eq!(both.export, together);
    assert_eq!(both.agent.purposes, Some(Purposes::Only(set(&["audit"]))));
    assert_eq!(both.pack.max_sensitivity, Some(Sensitivity::Internal));
    let none = Purposes::Only(set(&["a"])).and(&Purposes::Only(set(&["b"])));
    assert!(!none.allow(Some("a")) && !none.allow(Some("b")) && !none.allow(None));
    assert_eq!(a.and(&ReleaseRules::default()), a);
    let other = ReleaseRules::from(Rules {
        client: Some(client("Globex")),
        ..Rules::default()
    });
    assert_eq!(a.and(&other).clients.len(), 2);
    let keep = RulesChange::default();
    assert!(a.and(&other).changed(&keep).is_err());
    assert_eq!(a.changed(&keep), Ok(some_rules()));
    let says = RulesChange {
        client: Setting::To(client("Globex")),
        ..RulesChange::default()
    };
    let settled = a.and(&other).changed(&says).unwrap();
    assert_eq!(settled.client, Some(client("Globex")));
    assert_eq!(settled.export, some_rules().export, "the rest is kept");
    let anew = RulesChange {
        replace: true,
        ..RulesChange::default()
    };
    assert_eq!(a.changed(&anew), Ok(Rules::default()));
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let words = || proptest::collection::btree_set("[a-c]", 0..3);
    let purposes = prop_oneof![Just(Purposes::Required), words().prop_map(Purposes::Only)];
    (
        proptest::option::of(0usize..4),
        proptest::option::of(words()),
        proptest::option::of(purposes),
        proptest::collection::btree_set(0usize..Pii::ALL.len(), 0..3),
        any::<bool>(),
    )
        .prop_map(|(max, formats, purposes, pii, redact_pii)| Limits {
            max_sensitivity: max.map(|at| Sensitivity::ALL[at]),
            formats,
            purposes,
            require_consent: pii.into_iter().map(|at| Pii::ALL[at]).collect(),
            redact_pii,
        })
}

fn any_ids() -> impl Strategy<Value = (BTreeSet<NamedId>, BTreeSet<NamedField>, Option<u32>)> {
    let kind = || (0usize..3).prop_map(|at| Pii::ALL[at]);
    let one = ("CUST-[#@*1]", kind()).prop_filter_map("no form", |(form, kind)| {
        let form = IdForm::new(&form).ok()?;
        Some(NamedId { form, kind })
    });
    let name = ("[a-c]{2}", kind()).prop_map(|(name, kind)| field(&name, kind));
    let days = proptest::option::of(1u32..4);
    (
        proptest::collection::btree_set(one, 0..3),
        proptest::collection::btree_set(name, 0..3),
        days,
    )
}

fn any_teams() -> impl Strategy<Value = (Vec<EscalationRule>, Teams)> {
    let persons = || proptest::collection::btree_set((0u8..4).prop_map(person), 0..3);
    let teams = proptest::collection::btree_map((0u8..3).prop_map(team), persons(), 0..3);
    let rules = proptest::collection::btree_set("[a-c]", 0..3);
    (rules, teams).prop_map(|(ids, teams)| {
        let to = teams.keys().next().cloned().map(To::Team);
        let rules = ids.iter().map(|id| EscalationRule {
            reason_code: None,
            ..escalation_rule(id, to.clone())
        });
        (rules.collect(), teams)
    })
}

fn any_rules() -> impl Strategy<Value = ReleaseRules> {
    let clients = proptest::option::of(prop_oneof!["[aA]", Just("b".to_owned())]);
    (
        clients,
        proptest::option::of(0usize..5),
        proptest::option::of(0usize..4),
        any_limits(),
        any_limits(),
        any_ids(),
        any_teams(),
    )
        .prop_map(
            |(label, kind, default, export, agent, named, (escalation, teams))| {
                let (ids, id_fields, retention_days) = named;
                let rules = Rules {
                    ids,
                    id_fields,
                    retention_days,
                    client: label.map(|label| client(&label)),
                    kind: kind.map(|at| PackKind::ALL[at]),
                    default_sensitivity: default.map(|at| Sensitivity::ALL[at]),
                    export,
                    agent,
                    escalation,
                    teams,
                    ..Rules::default()
                };
                ReleaseRules::from(Rules {
                    version: rules.lowest_version(),
                    ..rules
                })
            },
        )
}

proptest! {
    /// Goal: what is in force depends on no order, grouping or repetition.
    #[test]
    fn rules_together_are_a_semilattice(a in any_rules(), b in any_rules(), c in any_rules()) {
        prop_assert_eq!(a.and(&b), b.and(&a));
        prop_assert_eq!(a.and(&b).and(&c), a.and(&b.and(&c)));
        prop_assert_eq!(a.and(&a), a.clone());
        prop_assert_eq!(a.and(&ReleaseRules::default()), a);
    }

    #[test]
    fn rules_survive_their_seal(a in any_rules()) {
        let one = a.changed(&RulesChange::default()).unwrap();
        prop_assert_eq!(sealed(&one).open().unwrap(), one);
    }

    #[test]
    fn random_records_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Rules::decode(&bytes);
        let _ = sealed_bytes(&bytes, |record| record).open();
        let _ = sealed_bytes(&bytes, framed).open();
    }
}

/// Goal: bytes that are no sealed rules are stored by nobody.
#[test]
fn an_operation_holds_rules_of_a_bounded_size() {
    use crate::policy::op::{Act, Body, GrantRef, OP_VERSION, Op, SignedOp};
    let key = kitbag_crypto::SigningKey::from_seed([1; 32]);
    let verify = |acts: Vec<Act>| {
        let op = Op {
            version: OP_VERSION,
            pack: Some(PackId::from_bytes([1; 32])),
            device: key.verifying_key().into(),
            person: crate::id::PersonId::from_bytes([2; 32]),
            person_head: crate::id::PersonOpHash::from_bytes([3; 32]),
            incarnation: crate::id::Incarnation::from_bytes([4; 16]),
            cites: Some(GrantRef {
                op: OpHash::from_bytes([5; 32]),
                act: 0,
            }),
            seq: 0,
            prev: None,
            heads: vec![],
            at: Timestamp::from_millis(0),
            body: Body::Acts(acts),
        };
        SignedOp::verify(SignedOp::sign(op, &key).bytes()).map(|_| ())
    };
    let of = |len: usize| Act::Rules {
        epoch: EpochId::from_bytes([6; 32]),
        sealed: vec![0; len],
    };
    for len in [SEALED_RULES_BYTES_MIN, SEALED_RULES_BYTES_MAX] {
        assert_eq!(verify(vec![of(len)]), Ok(()));
    }
    for len in [0, SEALED_RULES_BYTES_MIN - 1, SEALED_RULES_BYTES_MAX + 1] {
        assert!(
            matches!(verify(vec![of(len)]), Err(OpError::Rule(_))),
            "{len}"
        );
    }
    let twice = vec![of(SEALED_RULES_BYTES_MIN), of(SEALED_RULES_BYTES_MIN)];
    assert!(matches!(verify(twice), Err(OpError::Rule(_))));
}
