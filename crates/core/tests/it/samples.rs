//! One of each record, from fixed keys and fixed randomness; listed for readers of the vectors in
//! `tests/vectors/README.md`. Nothing here may change: the frozen bytes depend on it.

use kitbag_core::codec;
use kitbag_core::content::report::{
    Exported, ExportedWhole, NoteStart, OwnReport, ReadPart, Report, Reported, Reports,
    SignedOwnReport, Via, Written, WrittenTo,
};
use kitbag_core::content::{
    CONTENT_VERSION, CarriedChange, Creation, EntryBody, EntryHeader, EntryKind, LogOpening,
    LogPosition, Profile, Relocation, Run, TakesOver, VerifiedEntry, VerifiedRun, entry_hash,
    pack_body, profile_tag, write_entry,
};
use kitbag_core::epoch::{EPOCH_VERSION, Epoch, SignedEpoch, WrapSet, seal_parent_key};
use kitbag_core::escalation::{
    Action, Amount, Condition, Days, EscalationRule, Guard, Hours, Name, OffHours, ReasonCode,
    Test, To,
};
use kitbag_core::handoff::Priority;
use kitbag_core::hygiene_receipt::{
    HYGIENE_RECEIPT_VERSION, HygieneReceipt, LeftAlone, PutAway, SignedHygieneReceipt, WentAlong,
};
use kitbag_core::id::{
    EndpointId, EntryHash, EpochId, Incarnation, ItemId, ObjectTag, OpHash, PackId, PersonId,
    Timestamp,
};
use kitbag_core::pack::LongText;
use kitbag_core::pack::Record;
use kitbag_core::pack::index::index_tag;
use kitbag_core::pack::long_text::parts_of;
use kitbag_core::pack::note::{
    BODY_BYTES_MAX, ConsentStatus, NoteType, Pii, Source, SourceKind, Trust, item_id, object_tag,
};
use kitbag_core::person::{Certificate, SUITE, SignedPersonOp};
use kitbag_core::policy::fold::Denial;
use kitbag_core::policy::op::{
    Act, Body, Cutoff, GrantRef, LateDenials, OP_VERSION, Op, Redeem, SignedOp,
};
use kitbag_core::policy::rules::{
    Client, FieldName, IdForm, Limits, NamedField, NamedId, PackKind, Purposes, Rules,
};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::receipt::{
    Asked, AskedBudget, AskedFilter, AskedSelection, Bundle, MaskedKind, RECEIPT_VERSION, Receipt,
    ReceiptNote, ReceiptPack, SignedReceipt, WithheldBy,
};
use kitbag_core::selection::{Chosen, Selection};
use kitbag_core::sync::tree::{LeafHash, Leaves, Prefix};
use kitbag_core::ticket::{PeerHint, Ticket};
use kitbag_core::wire::{
    Blob, JoinAnswer, JoinChannel, JoinRefusal, JoinRequest, LogHave, Message, Page, SYNC_VERSION,
    TreePart, Want,
};
use kitbag_crypto::{
    EpochKey, Hash, HashLabel, ItemKey, SealLabel, SigningKey, TicketSecret, WrapKey, seal,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A device and its person.
pub(crate) struct Device {
    pub(crate) signing: SigningKey,
    pub(crate) endpoint: SigningKey,
    pub(crate) wrap: WrapKey,
    pub(crate) person: SignedPersonOp,
}

pub(crate) fn ada() -> Device {
    device(1)
}

pub(crate) fn ben() -> Device {
    device(2)
}

fn device(n: u8) -> Device {
    let signing = SigningKey::from_seed([n; 32]);
    let endpoint = SigningKey::from_seed([0x40 + n; 32]);
    let wrap = WrapKey::from_seed(&[0x80 + n; 32]);
    let certificate = Certificate {
        suite: SUITE,
        device: signing.verifying_key().into(),
        endpoint: EndpointId::from_bytes(*endpoint.verifying_key().as_bytes()),
        wrap: wrap.public().to_bytes(),
    };
    let person = SignedPersonOp::found([0x10 + n; 16], certificate, &signing, &endpoint);
    Device {
        signing,
        endpoint,
        wrap,
        person,
    }
}

impl Device {
    pub(crate) fn endpoint_id(&self) -> EndpointId {
        self.person.certificate().endpoint
    }
}

/// What the generator returns, from the start for each record.
pub(crate) fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([7; 32])
}

pub(crate) const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const INCARNATION: Incarnation = Incarnation::from_bytes([0xa1; 16]);

// ---- Policy ------------------------------------------------------------------------------------

pub(crate) fn genesis() -> SignedOp {
    let body = Body::Genesis {
        nonce: [0x20; 16],
        default_sensitivity: Sensitivity::Internal,
    };
    let ada = ada();
    SignedOp::sign(op_by(&ada, None, None, body), &ada.signing)
}

pub(crate) fn pack() -> PackId {
    genesis().pack()
}

pub(crate) fn founder() -> GrantRef {
    GrantRef {
        op: genesis().hash(),
        act: 0,
    }
}

/// The first operation of its author's log under `cites`, which has seen Genesis.
fn op_by(author: &Device, pack: Option<PackId>, cites: Option<GrantRef>, body: Body) -> Op {
    Op {
        version: OP_VERSION,
        pack,
        device: author.person.certificate().device,
        person: author.person.person(),
        person_head: author.person.hash(),
        incarnation: INCARNATION,
        cites,
        seq: 0,
        prev: None,
        heads: pack
            .iter()
            .map(|pack| OpHash::from_bytes(*pack.as_bytes()))
            .collect(),
        at: AT,
        body,
    }
}

pub(crate) fn acts(acts: Vec<Act>) -> SignedOp {
    let ada = ada();
    SignedOp::sign(
        op_by(&ada, Some(pack()), Some(founder()), Body::Acts(acts)),
        &ada.signing,
    )
}

pub(crate) fn invite_act() -> Act {
    Act::Invite {
        key: *ticket_secret().invite_key().verifying_key().as_bytes(),
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        uses: 1,
        not_after: Some(Timestamp::from_millis(AT.as_millis() + 86_400_000)),
        ask: false,
    }
}

pub(crate) fn invite() -> GrantRef {
    GrantRef {
        op: acts(vec![invite_act()]).hash(),
        act: 0,
    }
}

pub(crate) fn ticket_secret() -> TicketSecret {
    TicketSecret::from_bytes([9; 32])
}

pub(crate) fn redeem() -> Redeem {
    let ben = ben();
    Redeem::sign(
        pack(),
        invite(),
        ben.person.certificate(),
        ben.person.person(),
        &ticket_secret().invite_key(),
        &ben.signing,
    )
}

pub(crate) fn admit_act() -> Act {
    Act::Admit {
        invite: invite(),
        redeem: codec::encode(&redeem()),
    }
}

/// Each act in an operation of its own, and two at once.
pub(crate) fn ops() -> Vec<(&'static str, SignedOp)> {
    let ben_person = ben().person.person();
    let cutoff = |n: u8| Cutoff {
        log: kitbag_core::id::LogId::from_bytes([n; 32]),
        seq: u64::from(n),
        head: [n + 1; 32],
    };
    let grant = Act::Grant {
        person: ben_person,
        role: Role::Editor,
        clearance: Sensitivity::Confidential,
    };
    let remove = Act::Remove {
        person: ben_person,
        cutoffs: vec![cutoff(3), cutoff(5)],
        late_denials: LateDenials::Drop,
    };
    let close = Act::Close {
        invite: invite(),
        admitted: vec![GrantRef {
            op: acts(vec![admit_act()]).hash(),
            act: 0,
        }],
    };
    let lowered = vec![
        Act::Remove {
            person: ben_person,
            cutoffs: vec![],
            late_denials: LateDenials::Keep,
        },
        Act::Grant {
            person: ben_person,
            role: Role::Reader,
            clearance: Sensitivity::Public,
        },
    ];
    vec![
        ("genesis", genesis()),
        ("grant", acts(vec![grant])),
        ("remove", acts(vec![remove])),
        (
            "leave",
            acts(vec![Act::Leave {
                cutoffs: vec![cutoff(4)],
            }]),
        ),
        ("invite", acts(vec![invite_act()])),
        ("admit", acts(vec![admit_act()])),
        ("close", acts(vec![close])),
        ("remove and grant", acts(lowered)),
        ("second of its log", second_op()),
        ("rules", acts(vec![rules_act()])),
    ]
}

/// Rules with something in each field.
pub(crate) fn rules() -> Rules {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Rules {
        client: Some(Client::new("Acme GmbH").expect("a label")),
        kind: Some(PackKind::Account),
        default_sensitivity: Some(Sensitivity::Confidential),
        export: Limits {
            max_sensitivity: Some(Sensitivity::Internal),
            formats: Some(words(&["json", "md"])),
            purposes: Some(Purposes::Only(words(&["audit", "support"]))),
            require_consent: [Pii::Email, Pii::Health].into(),
            redact_pii: true,
        },
        agent: Limits {
            purposes: Some(Purposes::Required),
            ..Limits::default()
        },
        ..Rules::default()
    }
}

/// The same with ids, fields and a retention.
pub(crate) fn naming_rules() -> Rules {
    let id = |form: &str, kind| NamedId {
        form: IdForm::new(form).expect("a form"),
        kind,
    };
    let field = |name: &str, kind| NamedField {
        name: FieldName::new(name).expect("a name"),
        kind,
    };
    Rules {
        version: 2,
        ids: [
            id("CUST-@@##", Pii::Other),
            id("VOUCHER-*", Pii::PaymentCard),
        ]
        .into(),
        id_fields: [field("loyalty_id", Pii::Other)].into(),
        retention_days: Some(730),
        ..rules()
    }
}

/// The same with escalation rules, a reason code of the pack's own, guards and teams.
pub(crate) fn escalating_rules() -> Rules {
    let name = |name: &str| Name::new(name).expect("a name");
    let code = |code: &str| ReasonCode::new(code).expect("a code");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let one = |test| Condition::Test(test);
    let billing = EscalationRule {
        id: name("billing-to-human"),
        when: Condition::Any(vec![
            one(Test::Tag(words(&["billing_dispute", "contract"]))),
            Condition::All(vec![
                one(Test::Text(words(&["charge back", "refund*"]))),
                Condition::Not(Box::new(one(Test::SensitivityMax(Sensitivity::Public)))),
            ]),
            one(Test::AmountGte(
                "amount".to_owned(),
                Amount::from_thousandths(500_500),
            )),
            one(Test::FieldIn("cabin".to_owned(), words(&["business"]))),
        ]),
        action: Action::Handoff,
        to: Some(To::Team(name("billing"))),
        reason_code: Some(code("warranty_claim")),
        priority: Some(Priority::High),
        template: Some(name("handoff.support.v1")),
        accept_within: Some(14_400),
    };
    let consent = EscalationRule {
        id: name("no-consent-no-share"),
        when: one(Test::ConsentIn(
            [ConsentStatus::Pending, ConsentStatus::Withdrawn].into(),
        )),
        action: Action::Block,
        to: None,
        reason_code: Some(code("consent_missing")),
        priority: None,
        template: None,
        accept_within: None,
    };
    Rules {
        version: 3,
        escalation: vec![billing, consent],
        reason_codes: [code("warranty_claim")].into(),
        guard: Guard {
            max_open_per_context: Some(1),
            max_active_per_agent: Some(5),
            off_hours: Some(OffHours::Queue),
            hours: Some(Hours {
                days: Days(31),
                from: 540,
                to: 1020,
                offset: -210,
            }),
        },
        teams: [
            (name("billing"), [ben().person.person()].into()),
            (name("nobody-yet"), [].into()),
        ]
        .into(),
        ..naming_rules()
    }
}

/// The epoch that the sealed rules name: the hash of no record, under the key of the first.
pub(crate) const RULES_EPOCH: EpochId = EpochId::from_bytes([0x0d; 32]);

pub(crate) fn rules_act() -> Act {
    let device = ada().person.certificate().device;
    let sealed = rules()
        .seal(pack(), RULES_EPOCH, device, &epoch_key(), &mut rng())
        .expect("within their limits");
    Act::Rules {
        epoch: RULES_EPOCH,
        sealed,
    }
}

/// Continues the log of [`acts`], and has seen another log.
fn second_op() -> SignedOp {
    let ada = ada();
    let body = Body::Acts(vec![Act::Grant {
        person: ben().person.person(),
        role: Role::Courier,
        clearance: Sensitivity::Public,
    }]);
    let op = op_by(&ada, Some(pack()), Some(founder()), body);
    let op = Op {
        seq: 1,
        prev: Some(acts(vec![invite_act()]).hash()),
        heads: vec![OpHash::from_bytes([0x0c; 32])],
        ..op
    };
    SignedOp::sign(op, &ada.signing)
}

// ---- Content -----------------------------------------------------------------------------------

pub(crate) fn epoch_key() -> EpochKey {
    EpochKey::from_bytes([3; 32])
}

pub(crate) fn item_key() -> ItemKey {
    ItemKey::from_bytes([4; 32])
}

pub(crate) fn opening() -> LogOpening {
    LogOpening {
        version: CONTENT_VERSION,
        pack: pack(),
        device: ada().person.certificate().device,
        sensitivity: Sensitivity::Internal,
        incarnation: INCARNATION,
        grant: founder(),
        after: None,
    }
}

/// A log that a new incarnation of the same device opens after it lost its place.
pub(crate) fn opening_after() -> LogOpening {
    let entries = entries();
    let last = entries.last().expect("there are entries");
    LogOpening {
        incarnation: Incarnation::from_bytes([0xa2; 16]),
        after: Some(LogPosition {
            log: opening().log_id(),
            seq: last.1.header().seq,
            hash: last.1.hash(),
        }),
        ..opening()
    }
}

pub(crate) fn record() -> Record {
    let source = Source {
        kind: SourceKind::Manual,
        label: "desk".into(),
        uri: None,
        app: None,
        author: None,
        locator: None,
        captured_at: AT,
        observed_at: None,
        captured_by: "Ada (laptop)".into(),
        trust: Trust::FirstParty,
    };
    let mut record = Record::new([0x30; 16], NoteType::Note, source);
    record.title = "Call back".into();
    record.tags.insert("acme".into());
    record
}

pub(crate) fn note() -> ItemId {
    item_id(opening().log_id(), 1, &record().salt)
}

pub(crate) fn note_tag() -> ObjectTag {
    object_tag(pack(), note(), Sensitivity::Internal, 0)
}

/// What stands inside sealed bodies. The change is no change that Automerge would take: the frame
/// around it is what is frozen here.
pub(crate) fn bodies() -> Vec<(&'static str, EntryBody)> {
    let mut long = record();
    long.body = "all work and no play ".repeat(40);
    assert!(long.body.len() < BODY_BYTES_MAX);
    let mut bodies = vec![
        (
            "create",
            EntryBody::Create {
                record: record(),
                at: AT,
                takes_over: TakesOver::default(),
            },
        ),
        (
            "change",
            EntryBody::Change {
                change: (0..=200).collect(),
                at: AT,
                takes_over: TakesOver::default(),
            },
        ),
        ("profile", EntryBody::Profile(profile())),
        (
            "long create",
            EntryBody::Create {
                record: long,
                at: AT,
                takes_over: TakesOver::default(),
            },
        ),
        ("move", EntryBody::Move(relocation())),
        (
            "part",
            EntryBody::Part(long_text().as_bytes()[..400].into()),
        ),
        (
            "create of a long text",
            EntryBody::Create {
                record: long_record(),
                at: AT,
                takes_over: TakesOver::default(),
            },
        ),
        ("reports", EntryBody::Reports(all_reports())),
        (
            "hand-off",
            EntryBody::Handoff {
                head: handoffs::head(),
                draft: Box::new(handoffs::draft()),
                signed: handoffs::signed(),
            },
        ),
    ];
    bodies.extend(handoffs::acts().into_iter().map(|act| {
        let name = act.name();
        let signed = handoffs::signed();
        (name, EntryBody::HandoffAct { act, signed })
    }));
    bodies
}

/// Hand-offs, in a room of their own: their words are those of others too.
mod handoffs {
    use super::{AT, ada, note};
    use kitbag_core::handoff::draft::HANDOFF_VERSION;
    use kitbag_core::handoff::{
        Act, Addressee, Agent, Attempt, Decided, Decision, Disposition, Draft, Fact, Feedback,
        Head, Heads, Mode, NextStep, Outcome, Priority, Privacy, Reason, RequestedAction, Signed,
        Sla, Tried, WithheldNotes,
    };
    use kitbag_core::id::EntryHash;
    use kitbag_core::pack::ChangeHash;
    use kitbag_core::pack::note::Pii;
    use kitbag_core::policy::{Role, Sensitivity};
    use std::collections::BTreeSet;

    pub(super) fn head() -> Head {
        Head {
            version: HANDOFF_VERSION,
            salt: [0x41; 16],
            context: "case 18".into(),
            references: vec![note()],
        }
    }

    pub(super) fn signed() -> Signed {
        Signed {
            at: AT,
            agent: Some(Agent {
                name: "claude".into(),
                model: Some("a model".into()),
                prompt: None,
            }),
        }
    }

    /// With something in every field.
    pub(super) fn draft() -> Draft {
        let person = ada().person.person();
        let to = Addressee::Team {
            name: "billing".into(),
            members: BTreeSet::from([person]),
        };
        let reason = Reason {
            code: "complex_billing_dispute".into(),
            text: "above the limit".into(),
            rule: Some("r-12".into()),
        };
        let heads = Heads::new([ChangeHash([6; 32]), ChangeHash([5; 32])]);
        Draft {
            priority: Priority::High,
            sla: Sla {
                accept_by: Some(AT),
                respond_by: None,
                resolve_by: None,
                expires_at: Some(AT),
            },
            subject: Some("Maria".into()),
            intent: Some("a refund".into()),
            needs: vec!["soon".into()],
            facts: vec![Fact {
                text: "billed twice".into(),
                item: note(),
                heads,
                quote: Some("2 x 40".into()),
            }],
            tried: vec![Attempt {
                action: "refund".into(),
                outcome: Tried::Failed,
                item: Some(note()),
            }],
            decisions: vec![Decided {
                summary: "no voucher".into(),
                rationale: "policy".into(),
            }],
            unverified: vec!["a regular".into()],
            unresolved: vec!["an exception?".into()],
            talking_points: vec!["do not ask again".into()],
            next_steps: vec![NextStep {
                text: "decide".into(),
                owner: Some("billing".into()),
                due: Some(AT),
            }],
            constraints: vec!["no discount".into()],
            transcript: Some(note()),
            requested: Some(RequestedAction {
                action: "refund".into(),
                args: "40".into(),
            }),
            template: Some("support".into()),
            privacy: Privacy {
                max_sensitivity: Some(Sensitivity::Internal),
                pii: BTreeSet::from([Pii::Email]),
                purpose: Some("support".into()),
                withheld: vec![WithheldNotes {
                    count: 2,
                    why: "sensitivity restricted".into(),
                    pii: BTreeSet::from([Pii::DateOfBirth]),
                }],
            },
            ..Draft::new(Mode::Approve, to, reason, "Wants a refund.".into())
        }
    }

    /// One of each.
    pub(super) fn acts() -> Vec<Act> {
        let version = EntryHash::from_bytes([0x51; 32]);
        let person = ada().person.person();
        let small = Draft::new(
            Mode::Transfer,
            Addressee::Person(person),
            Reason {
                code: "other".into(),
                text: String::new(),
                rule: None,
            },
            "again".into(),
        );
        vec![
            Act::Revise(Box::new(small)),
            Act::RequestReview(version),
            Act::ApproveDraft(version),
            Act::ReturnDraft {
                version,
                reason: "longer".into(),
            },
            Act::Submit {
                version,
                needs_approval: true,
            },
            Act::Deliver,
            Act::Accept,
            Act::Confirm(version),
            Act::Reject("not mine".into()),
            Act::Cancel("a mistake".into()),
            Act::Start,
            Act::Ask("which?".into()),
            Act::Answer("both".into()),
            Act::Reassign {
                to: Addressee::Agent {
                    person,
                    name: "claude".into(),
                },
                reason: "it knows".into(),
            },
            Act::Complete(Box::new(Outcome {
                notes: "done".into(),
                corrections: vec![(note(), note())],
                new_items: vec![note()],
                follow_up: Some(NextStep {
                    text: "call".into(),
                    owner: None,
                    due: None,
                }),
                feedback: Feedback {
                    helpful: Some(true),
                    missing: vec!["membership".into()],
                    escalation_needed: Some(false),
                },
                ..Outcome::new(Disposition::Resolved)
            })),
            Act::Decide {
                decision: Decision::Edit,
                text: "20".into(),
            },
            Act::Supersede(note()),
            Act::Reassign {
                to: Addressee::Role(Role::Admin),
                reason: String::new(),
            },
        ]
    }
}

/// One report of each kind.
pub(crate) fn reports() -> Vec<(&'static str, Report)> {
    let read = |part| Reported::Read { item: note(), part };
    let mut often = Report::once(AT, Via::Command, read(ReadPart::Now));
    often.again(AT);
    let export = Exported {
        id: [6; 16],
        held: 1,
        withheld: vec![("consent withdrawn".into(), 2)],
        notes: vec![NoteStart::of(&note())],
        whole: Some(ExportedWhole {
            max_sensitivity: Sensitivity::Internal,
            format: Some("md".into()),
            purpose: Some("support".into()),
            crosses_clients: false,
            into: None,
        }),
        written: Some(Written {
            sha256: [7; 32],
            bytes: 4_096,
            to: WrittenTo::File,
        }),
    };
    let lower = Exported {
        withheld: vec![],
        whole: None,
        written: None,
        ..export.clone()
    };
    let denial = Reported::Denial {
        asked: "export".into(),
        rule: "wall client".into(),
    };
    let program = || Via::Program("notes-tool".into());
    vec![
        ("read", Report::once(AT, program(), read(ReadPart::Now))),
        ("reads", often),
        (
            "history",
            Report::once(AT, Via::Agent("helper".into()), read(ReadPart::History)),
        ),
        (
            "export",
            Report::once(AT, Via::Command, Reported::Export(export)),
        ),
        (
            "export below its whole",
            Report::once(AT, Via::Page, Reported::Export(lower)),
        ),
        ("denial", Report::once(AT, Via::Command, denial)),
    ]
}

fn all_reports() -> Reports {
    let reports = reports().into_iter().map(|(_, report)| report.to_bytes());
    Reports::new(reports.collect()).expect("few and short")
}

/// Two rows of a device's own list, the second after the first.
pub(crate) fn own_reports() -> Vec<(&'static str, OwnReport, SignedOwnReport)> {
    let ada = ada();
    let report = |at: usize| reports()[at].1.to_bytes();
    let first = OwnReport {
        version: 1,
        device: ada.signing.verifying_key().into(),
        seq: 0,
        prev: None,
        pack: None,
        report: report(5),
    };
    let signed = SignedOwnReport::sign(&first, &ada.signing);
    let second = OwnReport {
        seq: 1,
        prev: Some(signed.hash()),
        pack: Some(pack()),
        report: report(0),
        ..first.clone()
    };
    let after = SignedOwnReport::sign(&second, &ada.signing);
    vec![("first row", first, signed), ("second row", second, after)]
}

/// A text of two parts, of which each cuts a character.
pub(crate) fn long_text() -> String {
    format!("a{}", "é".repeat(50_000))
}

/// A record whose text stands in parts.
fn long_record() -> Record {
    let mut record = record();
    record.long = Some(LongText::of(&long_text()).expect("long"));
    record.body = long_text()[..41].into();
    record
}

/// The two parts of the long text and the create that names them, at the end of the log.
pub(crate) fn long_entries() -> Vec<(&'static str, VerifiedEntry)> {
    let mut log = Log { entries: entries() };
    let record = long_record();
    let seq = log.entries.len() as u64 + 2;
    let item = item_id(opening().log_id(), seq, &record.salt);
    let tag = object_tag(pack(), item, Sensitivity::Internal, 0);
    let mut deps = Vec::new();
    for (name, part) in ["first part", "last part"]
        .into_iter()
        .zip(parts_of(&long_text()))
    {
        let body = EntryBody::Part(part.to_vec());
        let sealed = Some((&body, &item_key()));
        deps.push(log.push(name, EntryKind::Part, Some(tag), vec![], sealed));
    }
    deps.sort();
    let create = EntryBody::Create {
        record,
        at: AT,
        takes_over: TakesOver::default(),
    };
    log.push(
        "create of a long text",
        EntryKind::Create,
        Some(tag),
        deps,
        Some((&create, &item_key())),
    );
    log.entries.split_off(entries().len())
}

/// The sample note at another sensitivity; the change is as above.
fn relocation() -> Relocation {
    Relocation {
        record: record(),
        created: Creation {
            log: opening().log_id(),
            seq: 1,
            by: Some(ada().person.person()),
            at: AT,
        },
        placement: 1,
        changes: vec![CarriedChange {
            change: (0..=200).collect(),
            log: opening().log_id(),
            by: None,
            at: AT,
        }],
        at: AT,
    }
}

fn profile() -> Profile {
    Profile {
        person: ada().person.person(),
        name: "Ada".into(),
        device_name: "laptop".into(),
        addresses: vec!["192.0.2.7:4433".into()],
        relay: Some("https://relay.example".into()),
        at: AT,
    }
}

/// A log of one entry of each kind, in order.
pub(crate) fn entries() -> Vec<(&'static str, VerifiedEntry)> {
    let mut log = Log {
        entries: Vec::new(),
    };
    log.push(
        "frontier",
        EntryKind::Frontier(vec![genesis().hash()]),
        None,
        vec![],
        None,
    );
    let body = bodies();
    let create = log.push(
        "create",
        EntryKind::Create,
        Some(note_tag()),
        vec![],
        Some((&body[0].1, &item_key())),
    );
    log.push(
        "edit",
        EntryKind::Edit,
        Some(note_tag()),
        vec![create],
        Some((&body[1].1, &item_key())),
    );
    let tag = index_tag(pack(), Sensitivity::Internal);
    let absent = ItemKey::absent(tag.as_bytes());
    log.push(
        "index",
        EntryKind::Index,
        Some(tag),
        vec![],
        Some((&body[1].1, &absent)),
    );
    let tag = profile_tag(pack(), opening().device);
    let absent = ItemKey::absent(tag.as_bytes());
    log.push(
        "profile",
        EntryKind::Profile,
        Some(tag),
        vec![],
        Some((&body[2].1, &absent)),
    );
    log.entries
}

/// The two entries that move the sample note, in one log: what binds them to two is the policy's.
pub(crate) fn moving_entries() -> Vec<(&'static str, VerifiedEntry)> {
    let mut log = Log { entries: entries() };
    let create = log.entries[1].1.hash();
    let tag = object_tag(pack(), note(), Sensitivity::Confidential, 1);
    let body = EntryBody::Move(relocation());
    let moved = log.push(
        "move",
        EntryKind::Move,
        Some(tag),
        vec![create],
        Some((&body, &item_key())),
    );
    log.push(
        "moved",
        EntryKind::Moved(moved),
        Some(note_tag()),
        vec![create],
        None,
    );
    log.entries.split_off(entries().len())
}

struct Log {
    entries: Vec<(&'static str, VerifiedEntry)>,
}

impl Log {
    fn push(
        &mut self,
        name: &'static str,
        kind: EntryKind,
        object: Option<ObjectTag>,
        deps: Vec<EntryHash>,
        body: Option<(&EntryBody, &ItemKey)>,
    ) -> EntryHash {
        let creates = matches!(kind, EntryKind::Create | EntryKind::Move);
        let plain = body.map(|(body, _)| pack_body(body).expect("short"));
        let header = EntryHeader {
            version: CONTENT_VERSION,
            pack: pack(),
            log: opening().log_id(),
            seq: self.entries.len() as u64,
            prev: self.entries.last().map(|(_, entry)| entry.hash()),
            kind,
            epoch: body.map(|_| epoch().id()),
            object,
            deps,
            padded_len: plain
                .as_ref()
                .map_or(0, |plain| u32::try_from(plain.len()).expect("short")),
            body: None,
            wrap: None,
        };
        let (aad, key) = (header.associated_data(), epoch_key());
        let sealed = body.zip(plain).map(|((_, item_key), plain)| {
            let salt = item_key.danger_expose();
            seal(
                SealLabel::Record,
                salt,
                key.danger_expose(),
                &aad,
                &plain,
                &mut rng(),
            )
        });
        let wrap = creates.then(|| {
            seal(
                SealLabel::ItemKey,
                &[0; 32],
                key.danger_expose(),
                &aad,
                item_key().danger_expose(),
                &mut rng(),
            )
        });
        let entry = write_entry(header, sealed, wrap);
        let hash = entry.hash();
        self.entries.push((name, entry));
        hash
    }
}

pub(crate) fn run() -> Run {
    run_of(entries())
}

/// The same, and a long text with its create.
pub(crate) fn long_run() -> Run {
    run_of(entries().into_iter().chain(long_entries()).collect())
}

/// The same, and the two entries of a move.
pub(crate) fn moving_run() -> Run {
    run_of(entries().into_iter().chain(moving_entries()).collect())
}

fn run_of(entries: Vec<(&'static str, VerifiedEntry)>) -> Run {
    let entries: Vec<VerifiedEntry> = entries.into_iter().map(|(_, entry)| entry).collect();
    let raw = entries.iter().map(|entry| entry.raw().clone()).collect();
    let written = VerifiedRun::write(opening(), entries, &ada().signing);
    Run {
        opening: codec::encode(&opening()),
        entries: raw,
        head: written.head().clone(),
    }
}

// ---- Epochs ------------------------------------------------------------------------------------

pub(crate) fn epoch() -> SignedEpoch {
    SignedEpoch::sign(first_epoch(), &ada().signing)
}

pub(crate) fn first_epoch() -> Epoch {
    Epoch {
        version: EPOCH_VERSION,
        suite: SUITE,
        pack: pack(),
        domain: Sensitivity::Internal,
        n: 0,
        parents: vec![],
        answers: vec![],
        commitment: *epoch_key().commitment().as_bytes(),
        parent_keys: vec![],
        device: ada().person.certificate().device,
        grant: founder(),
        heads: vec![genesis().hash()],
    }
}

pub(crate) fn second_epoch_key() -> EpochKey {
    EpochKey::from_bytes([5; 32])
}

pub(crate) fn second_epoch() -> SignedEpoch {
    let parent = epoch().id();
    let parent_key = seal_parent_key(
        pack(),
        Sensitivity::Internal,
        1,
        parent,
        &epoch_key(),
        &second_epoch_key(),
        &mut rng(),
    );
    let epoch = Epoch {
        n: 1,
        parents: vec![parent],
        answers: vec![Denial {
            op: acts(vec![invite_act()]).hash(),
            act: 0,
        }],
        commitment: *second_epoch_key().commitment().as_bytes(),
        parent_keys: vec![parent_key],
        ..first_epoch()
    };
    SignedEpoch::sign(epoch, &ada().signing)
}

pub(crate) fn wrap_set() -> Vec<u8> {
    let (ada, ben) = (ada(), ben());
    let epoch = second_epoch();
    let to = ben.person.certificate();
    WrapSet::make(&epoch, &second_epoch_key(), to, &ada.signing, &mut rng()).expect("wraps")
}

// ---- Tickets and joining -----------------------------------------------------------------------

pub(crate) fn tickets() -> Vec<(&'static str, Ticket)> {
    let peer = PeerHint {
        endpoint: ada().endpoint_id(),
        addresses: vec!["192.0.2.7:4433".into(), "[2001:db8::7]:4433".into()],
        relay: Some("https://relay.example".into()),
    };
    vec![
        (
            "ticket",
            Ticket::new(pack(), invite(), ticket_secret(), vec![peer]),
        ),
        (
            "ticket without peers",
            Ticket::new(pack(), invite(), ticket_secret(), vec![]),
        ),
    ]
}

pub(crate) fn ticket_for_several() -> (&'static str, Ticket) {
    let ticket = Ticket::new(pack(), invite(), ticket_secret(), vec![]);
    ("ticket for several", ticket.for_uses(3))
}

pub(crate) fn waiting_answers() -> Vec<(&'static str, JoinAnswer)> {
    let waiting = |until| JoinAnswer::Waiting {
        by: ada().person.person(),
        name: "Ada".into(),
        role: Role::Editor,
        clearance: Sensitivity::Confidential,
        until,
    };
    vec![
        ("waiting", waiting(Some(AT))),
        ("waiting without an end", waiting(None)),
        ("declined", JoinAnswer::Refused(JoinRefusal::Declined)),
    ]
}

pub(crate) fn channel() -> JoinChannel {
    JoinChannel {
        exporter: [0x0e; 32],
        joiner: ben().endpoint_id(),
        admitter: ada().endpoint_id(),
    }
}

pub(crate) fn join_request() -> JoinRequest {
    JoinRequest {
        version: SYNC_VERSION,
        person: ben().person.bytes().to_vec(),
        redeem: codec::encode(&redeem()),
        name: "Ben".into(),
        proof: channel().prove(&ticket_secret().invite_key()),
    }
}

pub(crate) fn join_answers() -> Vec<(&'static str, JoinAnswer)> {
    let refused = JoinAnswer::Refused;
    vec![
        ("admitted", JoinAnswer::Admitted),
        ("already member", JoinAnswer::AlreadyMember),
        ("not recognised", refused(JoinRefusal::NotRecognised)),
        ("expired", refused(JoinRefusal::Expired { at: AT })),
        (
            "used",
            refused(JoinRefusal::Used {
                at: AT,
                by: "Cleo".into(),
            }),
        ),
        ("cancelled", refused(JoinRefusal::Cancelled)),
        ("removed", refused(JoinRefusal::Removed)),
        ("newer version", refused(JoinRefusal::NewerVersion)),
        ("try later", refused(JoinRefusal::TryLater)),
    ]
}

// ---- Sync --------------------------------------------------------------------------------------

/// `n` packs with made-up heads.
pub(crate) fn leaves(n: u32) -> Leaves {
    let name = |i: u32| PackId::from(Hash::of(HashLabel::Item, &[&i.to_be_bytes()]));
    (0..n)
        .map(|i| (name(i), LeafHash([(i % 251) as u8; 32])))
        .collect()
}

pub(crate) fn tree_parts() -> Vec<(&'static str, TreePart)> {
    vec![
        ("children", leaves(65).describe(&Prefix::root(), true)),
        ("leaves", leaves(2).describe(&Prefix::root(), true)),
    ]
}

pub(crate) fn want() -> Want {
    let have = |n: u8| LogHave {
        log: kitbag_core::id::LogId::from_bytes([n; 32]),
        len: u64::from(n),
        head: [n + 1; 32],
    };
    Want {
        pack: pack(),
        persons: vec![PersonId::from_bytes([0x51; 32])],
        control: vec![have(0x61), have(0x62)],
        epochs: vec![EpochId::from_bytes([0x71; 32])],
        keys: vec![EpochId::from_bytes([0x72; 32])],
        content: vec![have(0x81)],
    }
}

pub(crate) fn page() -> Page {
    Page {
        pack: pack(),
        persons: vec![Blob(ada().person.bytes().to_vec())],
        ops: vec![Blob(genesis().bytes().to_vec())],
        epochs: vec![Blob(epoch().bytes().to_vec())],
        wraps: vec![Blob(wrap_set())],
        runs: vec![run()],
        more: true,
    }
}

pub(crate) fn messages() -> Vec<(&'static str, Message)> {
    let hello = Message::Hello {
        version: SYNC_VERSION,
        root: leaves(2).root(),
        wants: 3,
        changed: vec![pack()],
        children: None,
        sketch: None,
    };
    let first_of_listener = Message::Hello {
        version: SYNC_VERSION,
        root: leaves(65).root(),
        wants: 0,
        changed: vec![],
        children: leaves(65).children(),
        sketch: None,
    };
    let with_sketch = Message::Hello {
        version: SYNC_VERSION,
        root: leaves(5).root(),
        wants: 0,
        changed: vec![],
        children: None,
        sketch: leaves(5).sketch().cloned(),
    };
    let parts = tree_parts().into_iter().map(|(_, part)| part).collect();
    vec![
        ("hello", hello),
        (
            "first hello of a listener with many packs",
            first_of_listener,
        ),
        ("tree", Message::Tree(parts)),
        ("want", Message::Want(want())),
        ("page", Message::Page(page())),
        ("empty page", Message::Page(Page::empty(pack()))),
        ("first hello of a listener with five packs", with_sketch),
    ]
}

/// The hash of a header that was built by hand.
pub(crate) fn hash_of(header: &EntryHeader) -> EntryHash {
    entry_hash(&codec::encode(header))
}

// ---- Receipts ----------------------------------------------------------------------------------

/// A receipt of hygiene with everything in it; the first as it was before notes went along by version.
pub(crate) fn hygiene_receipts() -> [(&'static str, SignedHygieneReceipt); 2] {
    let of = |version: u16| {
        let ada = ada();
        let along = |n: &u8| WentAlong {
            note: ItemId::from_bytes([*n; 32]),
            before: (version > 1).then_some([n + 1; 32]),
        };
        let note = |n: u8, act: &str, why: Option<&str>, by: Option<u8>, with: &[u8]| PutAway {
            note: ItemId::from_bytes([n; 32]),
            before: [n + 1; 32],
            act: act.into(),
            why: why.map(str::to_owned),
            by: by.map(|n| ItemId::from_bytes([n; 32])),
            along: with.iter().map(along).collect(),
        };
        let receipt = HygieneReceipt {
            version,
            at: AT,
            person: ada.person.bytes().to_vec(),
            pack: pack(),
            began: AT,
            notes: vec![
                note(0x51, "delete", Some("over_retained"), None, &[0x53, 0x54]),
                note(0x61, "expire", None, None, &[]),
                note(0x71, "supersede", Some("duplicate"), Some(0x73), &[]),
            ],
            left: vec![LeftAlone {
                why: "changed".into(),
                notes: 2,
            }],
            unreached: (version > 1).then_some(4),
        };
        SignedHygieneReceipt::sign(&receipt, &ada.signing).unwrap()
    };
    [
        ("hygiene receipt", of(1)),
        ("hygiene receipt 2", of(HYGIENE_RECEIPT_VERSION)),
    ]
}

/// A receipt of an export of two notes, with everything in it; and one with nothing that may be absent.
pub(crate) fn receipts() -> Vec<(&'static str, SignedReceipt)> {
    let ada = ada();
    let count = |rule: &str, what: Option<&str>, notes| WithheldBy {
        rule: rule.into(),
        what: what.map(str::to_owned),
        notes,
    };
    let filter = |name: &str, value: &str| AskedFilter {
        name: name.into(),
        value: value.into(),
    };
    let least = Receipt {
        version: RECEIPT_VERSION,
        at: AT,
        person: ada.person.bytes().to_vec(),
        packs: vec![ReceiptPack {
            pack: pack(),
            max_sensitivity: Sensitivity::Internal,
            crosses_clients: false,
        }],
        asked: Asked {
            format: "json".into(),
            listed: "kept".into(),
            ..Asked::default()
        },
        notes: vec![],
        bundle: Bundle {
            bytes: 0,
            sha256: [0x31; 32],
        },
        withheld: vec![],
        not_selected: 0,
        set_aside: 0,
        waiting: 0,
        masked: vec![],
        as_masked_copy: 0,
    };
    let note = |n: u8, pack| ReceiptNote {
        id: ItemId::from_bytes([n; 32]),
        version: [n + 1; 32],
        pack,
    };
    let other = ReceiptPack {
        pack: PackId::from_bytes([0x33; 32]),
        max_sensitivity: Sensitivity::Restricted,
        crosses_clients: true,
    };
    let whole = Receipt {
        packs: vec![least.packs[0].clone(), other],
        asked: Asked {
            format: "xml".into(),
            listed: "all".into(),
            filters: vec![
                filter("tag", "a"),
                filter("tag", "vip"),
                filter("type", "record"),
            ],
            purpose: Some("support".into()),
            client: Some("Acme GmbH".into()),
            redacts: true,
            budget: Some(AskedBudget {
                max_tokens: 8_000,
                estimator: "kitbag-1".into(),
            }),
            selection: Some(AskedSelection {
                name: "renewal".into(),
                digest: [0x32; 32],
            }),
        },
        notes: vec![note(0x41, 1), note(0x43, 0)],
        bundle: Bundle {
            bytes: 70_000,
            sha256: [0x31; 32],
        },
        withheld: vec![
            count("consent withdrawn", None, 1),
            count("request max_sensitivity", Some("confidential"), 2),
            count("request max_sensitivity", Some("restricted"), 300),
        ],
        not_selected: 4,
        set_aside: 5,
        waiting: 6,
        masked: vec![
            MaskedKind {
                kind: "email".into(),
                values: 7,
            },
            MaskedKind {
                kind: "phone".into(),
                values: 8,
            },
        ],
        as_masked_copy: 9,
        ..least.clone()
    };
    let signed = |receipt| SignedReceipt::sign(receipt, &ada.signing).expect("it breaks no rule");
    vec![
        ("nothing left", signed(&least)),
        ("with everything", signed(&whole)),
    ]
}

/// A selection of three notes of two packs, the second of them first.
pub(crate) fn selection() -> Selection {
    let chosen = |pack, n: u8| Chosen {
        pack,
        note: ItemId::from_bytes([n; 32]),
    };
    let other = PackId::from_bytes([0x33; 32]);
    let notes = [
        chosen(other, 0x41),
        chosen(pack(), 0x43),
        chosen(other, 0x42),
    ];
    let mut selection = Selection::default();
    selection.add(&notes).expect("three fit");
    selection
}
