//! Hand-offs between devices: drafted, taken and completed apart from each other, one state everywhere.

use super::admins::{meet, pack_of, role};
use super::support::*;
use kitbag_core::handoff::{
    Act, Addressee, Agent, Disposition, Draft, Fact, Heads, Mode, Outcome, Reason, State, Void,
};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{Consent, ConsentStatus, Pii};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::handoffs::{
    Citing, Correction, FactState, Finishing, HandoffFilter, HandoffRefused, HandoffView,
    NewHandoff, Side,
};
use kitbag_node::view::NoteEdit;
use kitbag_node::{Denied, NodeError};
use kitbag_testkit::{Called, Who, World};
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp::from_millis(1);

fn to(world: &World, whom: Who) -> Addressee {
    Addressee::Person(world.person(whom))
}

fn say(mode: Mode, to: Addressee, facts: &[ItemId]) -> Draft {
    let reason = Reason {
        code: "complex_billing_dispute".into(),
        text: "beyond what I may do".into(),
        rule: None,
    };
    let fact = |item: &ItemId| Fact {
        text: secret("they were billed twice"),
        item: *item,
        heads: Heads::default(),
        quote: None,
    };
    Draft {
        facts: facts.iter().map(fact).collect(),
        ..Draft::new(mode, to, reason, secret("Wants a refund."))
    }
}

fn new(draft: Draft) -> NewHandoff {
    NewHandoff {
        context: None,
        references: BTreeSet::new(),
        sensitivity: None,
        draft,
    }
}

fn agent(name: &str) -> Option<Agent> {
    Some(Agent {
        name: name.into(),
        model: Some("a model".into()),
        prompt: None,
    })
}

fn write(world: &mut World, who: Who, pack: PackId, draft: Draft) -> ItemId {
    let written = world.call(who, |node, now| {
        node.draft_handoff(now, pack, new(draft.clone()), None)
    });
    written.done().0
}

fn send(world: &mut World, who: Who, pack: PackId, draft: Draft) -> ItemId {
    let id = write(world, who, pack, draft);
    let sent = world.call(who, |node, now| {
        node.submit_handoff(now, pack, id, false, None)
    });
    assert_eq!(sent.done().0, State::Submitted);
    id
}

fn act(world: &mut World, who: Who, pack: PackId, id: ItemId, act: Act) -> State {
    let done = world.call(who, |node, now| {
        node.act_on_handoff(now, pack, id, act.clone(), None, None)
    });
    done.done()
}

fn refused(world: &mut World, who: Who, pack: PackId, id: ItemId, act: Act) -> HandoffRefused {
    let done = world.call(who, |node, now| {
        node.act_on_handoff(now, pack, id, act.clone(), None, None)
    });
    match done {
        Called::Refused(NodeError::Handoff(refused)) => *refused,
        other => panic!("not refused: {other:?}"),
    }
}

fn look(world: &mut World, who: Who, pack: PackId, id: ItemId) -> HandoffView {
    world.node(who).handoff(NOW, pack, id).unwrap()
}

fn finish(
    world: &mut World,
    who: Who,
    pack: PackId,
    id: ItemId,
    wrong: &[(ItemId, &str)],
) -> State {
    let corrections: Vec<Correction> = wrong
        .iter()
        .map(|(item, text)| Correction {
            item: *item,
            text: secret(text),
        })
        .collect();
    let done = world.call(who, |node, now| {
        let notes = node.outcome_notes(now, pack, id, &corrections, "")?;
        let mut outcome = Outcome::new(Disposition::Resolved);
        outcome.notes = secret("Refunded.");
        let finishing = Finishing { outcome, notes };
        node.finish_handoff(now, pack, id, finishing, None, None)
    });
    done.done().state
}

/// What every device must agree about: everything but whose turn it is, and what each may do.
fn verdict(
    world: &mut World,
    who: Who,
    pack: PackId,
    id: ItemId,
) -> impl PartialEq + std::fmt::Debug {
    let view = look(world, who, pack, id);
    let steps: Vec<_> = view
        .steps
        .iter()
        .map(|step| (step.act, step.by.clone(), step.void.clone()))
        .collect();
    (
        view.state,
        view.holder,
        view.provisional,
        view.version,
        steps,
        view.outcome,
    )
}

fn cut(world: &mut World, all: &[Who], is_cut: bool) {
    for (at, a) in all.iter().enumerate() {
        for b in &all[at + 1..] {
            world.set_cut(*a, *b, is_cut);
        }
    }
}

/// Goal: the whole way, the receiver offline from before they accept until they completed: the sender
/// reads the correction, and it stands in the place of what was wrong.
#[test]
fn taken_and_completed_without_a_network_it_comes_back_with_the_correction() {
    let (mut world, ana, ben, pack) = two_in_one_pack(1, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "billed", Sensitivity::Internal);
    let whom = to(&world, ben);
    let id = send(&mut world, ana, pack, say(Mode::Transfer, whom, &[note]));
    let waits = look(&mut world, ana, pack, id);
    assert_eq!((waits.state, waits.side), (State::Submitted, Side::Sent));
    assert_eq!(
        waits.responsible,
        secret("Ana"),
        "it is hers until he takes it"
    );
    settle(&mut world);
    let there = look(&mut world, ben, pack, id);
    assert_eq!((there.state, there.side), (State::Delivered, Side::Mine));
    assert_eq!(there.facts[0].state, FactState::Same);
    let inbox = world.node(ben).inbox(NOW).unwrap();
    assert_eq!(
        inbox.lines.iter().map(|line| line.id).collect::<Vec<_>>(),
        [id]
    );
    assert!(inbox.lines[0].unread);

    cut(&mut world, &[ana, ben], true);
    // Meanwhile the sender changes what it rests on.
    set_body(&mut world, ana, pack, note, &secret("billed three times"));
    assert_eq!(act(&mut world, ben, pack, id, Act::Accept), State::Accepted);
    let taken = look(&mut world, ben, pack, id);
    assert!(taken.provisional && taken.holder == Some(secret("Ben")));
    assert_eq!(taken.responsible, secret("Ben"));
    assert_eq!(
        finish(&mut world, ben, pack, id, &[(note, "billed once")]),
        State::Completed
    );
    assert_eq!(look(&mut world, ana, pack, id).state, State::Delivered);

    cut(&mut world, &[ana, ben], false);
    meet(&mut world, &[ana, ben]);
    settle(&mut world);
    let back = look(&mut world, ana, pack, id);
    assert_eq!(back.state, State::Completed);
    let outcome = back.outcome.unwrap();
    assert_eq!(
        (outcome.by, outcome.notes),
        (secret("Ben"), secret("Refunded."))
    );
    let [wrong] = &outcome.corrections[..] else {
        panic!("one correction")
    };
    assert_eq!(
        (wrong.item, wrong.text.clone()),
        (note, Some(secret("billed once")))
    );
    assert_eq!(back.facts[0].state, FactState::Superseded);
    let old = show(&mut world, ana, pack, note);
    assert_eq!(old.superseded_by, [wrong.by]);
    assert!(
        old.body.contains("billed three times"),
        "nothing of hers is lost"
    );
    let new = show(&mut world, ana, pack, wrong.by);
    assert_eq!(
        (new.note_type.as_str(), new.trust.as_str()),
        ("outcome", "first_party")
    );
    assert_eq!(new.claim, Some(kitbag_core::pack::note::Claim::Verified));
    let told = world.node(ana).inbox(NOW).unwrap();
    assert_eq!(told.lines.len(), 1, "the sender hears how it ended");
    let marked = world.call(ana, |node, _| node.mark_handoff(pack, id, true, None));
    marked.done();
    assert!(world.node(ana).inbox(NOW).unwrap().lines.is_empty());
    assert_no_violations(&mut world);
}

/// Goal: who takes it at the same time elsewhere is told who has it, by the same verdict on all three
/// devices, in whatever order they meet again, and keeps what they wrote.
#[test]
fn of_two_who_take_it_at_once_all_devices_name_the_same() {
    let mut winners = BTreeSet::new();
    for order in 0..6 {
        let (mut world, all, pack) = pack_of(40 + order, ["Ana", "Ben", "Cyn"]);
        let [ana, ben, cyn] = all;
        let note = add(&mut world, ana, pack, "billed", Sensitivity::Internal);
        let draft = say(Mode::Transfer, Addressee::Role(Role::Editor), &[note]);
        let id = send(&mut world, ana, pack, draft);
        settle(&mut world);
        cut(&mut world, &all, true);
        act(&mut world, ben, pack, id, Act::Accept);
        act(&mut world, cyn, pack, id, Act::Accept);
        finish(&mut world, cyn, pack, id, &[(note, "billed by Cyn")]);
        let meetings = [(ana, ben), (ana, cyn), (ben, cyn)];
        let first = meetings[order as usize % 3];
        world.set_cut(first.0, first.1, false);
        meet(&mut world, &[first.0, first.1]);
        cut(&mut world, &all, false);
        meet(&mut world, &all);
        settle(&mut world);
        let verdicts = all.map(|who| format!("{:?}", verdict(&mut world, who, pack, id)));
        assert_eq!(verdicts[0], verdicts[1]);
        assert_eq!(verdicts[0], verdicts[2]);
        let view = look(&mut world, ana, pack, id);
        let holder = view.holder.clone().unwrap();
        winners.insert((holder.clone(), first.0 == ana));
        assert!(!view.provisional, "an owner's device has seen it");
        let lost = view
            .steps
            .iter()
            .filter(|step| step.act == "accept" && step.void.is_some());
        let lost: Vec<_> = lost.map(|step| step.void.clone().unwrap()).collect();
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].0, "taken");
        assert!(lost[0].1.contains(&holder), "{lost:?}");
        // What Cyn wrote stays, whoever has it.
        let notes = world.node(ana).notes(pack).unwrap();
        assert_eq!(notes.len(), 2);
        match holder == secret("Cyn") {
            true => assert_eq!(view.state, State::Completed),
            false => assert_eq!(view.state, State::Accepted),
        }
        if first == (ana, ben) {
            assert_eq!(
                holder,
                secret("Ben"),
                "the owner had confirmed him before Cyn was heard"
            );
        }
        if first == (ana, cyn) {
            assert_eq!(holder, secret("Cyn"));
        }
        assert_no_violations(&mut world);
    }
    assert!(winners.len() > 1, "{winners:?}");
}

/// Goal: every pair of acts, each on a device of its own that heard of nothing since, comes to one
/// verdict on three devices.
#[test]
fn every_pair_of_acts_on_two_devices_comes_to_one_verdict_on_three() {
    let acts: [fn() -> Act; 6] = [
        || Act::Accept,
        || Act::Reject(secret("not mine")),
        || Act::Cancel(secret("a mistake")),
        || Act::Start,
        || Act::Ask(secret("which one?")),
        || Act::Complete(Box::new(Outcome::new(Disposition::Partial))),
    ];
    let mut written = 0;
    for taken in [false, true] {
        let (mut world, all, pack) = pack_of(70, ["Ana", "Ben", "Cyn"]);
        let [ana, ben, cyn] = all;
        let mut pairs = Vec::new();
        for one in &acts {
            for other in &acts {
                let draft = say(Mode::Transfer, Addressee::Role(Role::Editor), &[]);
                let id = send(&mut world, ana, pack, draft);
                pairs.push((id, one(), other()));
            }
        }
        settle(&mut world);
        for (id, _, _) in pairs.iter().filter(|_| taken) {
            act(&mut world, ben, pack, *id, Act::Accept);
        }
        settle(&mut world);
        cut(&mut world, &all, true);
        for (id, one, other) in &pairs {
            for (who, act) in [(ben, one), (cyn, other), (ana, one)] {
                let tried = world.call(who, |node, now| {
                    node.act_on_handoff(now, pack, *id, act.clone(), None, None)
                });
                written += usize::from(matches!(tried, Called::Done(_)));
            }
        }
        cut(&mut world, &all, false);
        meet(&mut world, &all);
        settle(&mut world);
        for (id, _, _) in &pairs {
            let verdicts = all.map(|who| format!("{:?}", verdict(&mut world, who, pack, *id)));
            assert_eq!(verdicts[0], verdicts[1]);
            assert_eq!(verdicts[0], verdicts[2]);
        }
        assert_no_violations(&mut world);
    }
    assert!(written >= 60, "only {written} acts were possible");
}

/// Goal: what is above what the receiver opens, or what they may not have for want of a consent, is left
/// out and counted by its rule; a masked copy goes in the place of its original.
#[test]
fn only_what_the_receiver_may_have_is_cited() {
    let (mut world, ana, ben, pack) = two_in_one_pack(2, Role::Editor, Sensitivity::Internal);
    let open = add(&mut world, ana, pack, "open", Sensitivity::Internal);
    let high = add(&mut world, ana, pack, "high", Sensitivity::Restricted);
    let refused_one = add(&mut world, ana, pack, "refused", Sensitivity::Internal);
    let edit = NoteEdit {
        consent: Some(Consent::new(ConsentStatus::Refused)),
        ..NoteEdit::default()
    };
    world
        .call(ana, |node, now| {
            node.edit_note(now, pack, refused_one, &edit)
        })
        .done();
    let whom = to(&world, ben);
    let draft = say(Mode::Transfer, whom.clone(), &[open, high, refused_one]);
    let written = world.call(ana, |node, now| {
        node.draft_handoff(now, pack, new(draft.clone()), None)
    });
    let (
        id,
        Citing {
            draft, left_out, ..
        },
    ) = written.done();
    assert_eq!(left_out.iter().map(|of| of.at).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(draft.facts.len(), 1);
    let withheld: Vec<_> = draft
        .privacy
        .withheld
        .iter()
        .map(|of| (of.count, of.why.as_str()))
        .collect();
    assert_eq!(
        withheld,
        [(1, "consent refused"), (1, "sensitivity restricted")]
    );
    assert_eq!(
        look(&mut world, ana, pack, id).sensitivity,
        Sensitivity::Internal
    );

    let nothing = say(Mode::Transfer, whom.clone(), &[high]);
    let none = world.call(ana, |node, now| {
        node.draft_handoff(now, pack, new(nothing.clone()), None)
    });
    let Called::Refused(NodeError::Handoff(why)) = none else {
        panic!("there is nothing left to cite")
    };
    assert!(
        matches!(*why, HandoffRefused::NothingToCite { .. }),
        "{why}"
    );

    let above = NewHandoff {
        sensitivity: Some(Sensitivity::Confidential),
        ..new(say(Mode::Transfer, whom, &[open]))
    };
    let above = world.call(ana, |node, now| {
        node.draft_handoff(now, pack, above.clone(), None)
    });
    let Called::Refused(NodeError::Handoff(why)) = above else {
        panic!("he does not open it")
    };
    let expected = HandoffRefused::CannotOpen {
        who: secret("Ben"),
        clearance: Sensitivity::Internal,
        sensitivity: Sensitivity::Confidential,
    };
    assert_eq!(*why, expected);
    assert_no_violations(&mut world);
}

/// Goal: a hand-off stands as high as what it cites, and a member cleared lower learns nothing of it.
#[test]
fn a_hand_off_stands_where_what_it_cites_stands() {
    let (mut world, all, pack) = pack_of(3, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let higher = role(&world, ben, Role::Editor, Sensitivity::Confidential);
    super::admins::change(&mut world, ana, pack, &higher);
    meet(&mut world, &all);
    let note = add(&mut world, ana, pack, "contract", Sensitivity::Confidential);
    let whom = to(&world, ben);
    let id = send(&mut world, ana, pack, say(Mode::Transfer, whom, &[note]));
    settle(&mut world);
    let there = look(&mut world, ben, pack, id);
    assert_eq!(
        (there.sensitivity, there.state),
        (Sensitivity::Confidential, State::Delivered)
    );
    let Err(NodeError::NotFound(_)) = world.node(cyn).handoff(NOW, pack, id) else {
        panic!("Cyn opens up to Internal")
    };
    let all = HandoffFilter {
        ended: true,
        ..HandoffFilter::default()
    };
    assert_eq!(world.node(cyn).handoffs(NOW, &all).unwrap(), vec![]);
    assert!(world.node(cyn).handoffs_called(&id.to_string()).is_empty());
    assert_eq!(
        world.node(ben).handoffs_called(&id.to_string()[..8]),
        [(pack, id)]
    );
    assert_no_violations(&mut world);
}

/// Goal: an agent of a person drafts, sends and cancels, and neither takes, decides nor completes what
/// is for people; nobody answers who is not meant.
#[test]
fn the_device_refuses_what_the_fold_would_void() {
    let (mut world, all, pack) = pack_of(4, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let whom = to(&world, ben);
    let written = world.call(ana, |node, now| {
        node.draft_handoff(
            now,
            pack,
            new(say(Mode::Transfer, whom.clone(), &[])),
            agent("claude"),
        )
    });
    let id = written.done().0;
    let by_other = world.call(ana, |node, now| {
        node.submit_handoff(now, pack, id, false, agent("cursor"))
    });
    assert!(matches!(by_other, Called::Refused(NodeError::Handoff(_))));
    let unapproved = world.call(ana, |node, now| {
        node.submit_handoff(now, pack, id, true, agent("claude"))
    });
    assert!(matches!(unapproved, Called::Refused(NodeError::Handoff(_))));
    let version = look(&mut world, ana, pack, id).version;
    let asked = world.call(ana, |node, now| {
        node.act_on_handoff(
            now,
            pack,
            id,
            Act::RequestReview(version),
            agent("claude"),
            None,
        )
    });
    assert_eq!(asked.done(), State::InReview);
    settle(&mut world);
    assert_eq!(
        world.node(cyn).inbox(NOW).unwrap().lines.len(),
        1,
        "any editor may review it"
    );
    let by_agent = world.call(ana, |node, now| {
        node.act_on_handoff(
            now,
            pack,
            id,
            Act::ApproveDraft(version),
            agent("claude"),
            None,
        )
    });
    assert!(matches!(by_agent, Called::Refused(NodeError::Handoff(_))));
    assert_eq!(
        act(&mut world, cyn, pack, id, Act::ApproveDraft(version)),
        State::Draft
    );
    settle(&mut world);
    let sent = world.call(ana, |node, now| {
        node.submit_handoff(now, pack, id, true, agent("claude"))
    });
    assert_eq!(sent.done().0, State::Submitted);
    settle(&mut world);
    let view = look(&mut world, ben, pack, id);
    assert!(view.approved);
    assert_eq!(
        (view.from.kind, view.from.name.as_str()),
        ("agent", "claude")
    );
    assert_eq!(view.from.person, Some(secret("Ana")));
    assert_eq!(view.may, ["accept", "reject"]);

    let not_hers = refused(&mut world, cyn, pack, id, Act::Accept);
    assert!(matches!(
        not_hers,
        HandoffRefused::Void {
            why: Void::NotAddressee,
            ..
        }
    ));
    let by_agent = world.call(ben, |node, now| {
        node.act_on_handoff(now, pack, id, Act::Accept, agent("claude"), None)
    });
    let Called::Refused(NodeError::Handoff(why)) = by_agent else {
        panic!("an agent accepted")
    };
    assert!(
        matches!(
            *why,
            HandoffRefused::Void {
                why: Void::PeopleOnly,
                ..
            }
        ),
        "{why}"
    );
    let moved_on = world.call(ben, |node, now| {
        node.act_on_handoff(now, pack, id, Act::Accept, None, Some(State::Submitted))
    });
    let Called::Refused(NodeError::Handoff(why)) = moved_on else {
        panic!("it was delivered since")
    };
    assert!(
        matches!(
            *why,
            HandoffRefused::MovedOn {
                state: State::Delivered,
                ..
            }
        ),
        "{why}"
    );
    assert_eq!(act(&mut world, ben, pack, id, Act::Accept), State::Accepted);
    settle(&mut world);
    let late = refused(&mut world, ana, pack, id, Act::Cancel(String::new()));
    assert!(matches!(
        late,
        HandoffRefused::Void {
            why: Void::NotNow(State::Accepted),
            ..
        }
    ));
    assert_no_violations(&mut world);
}

/// Goal: whoever may only read is told so before anything is sent, and so is whoever is not in the pack.
#[test]
fn whom_it_is_for_has_to_be_able_to_answer() {
    let (mut world, ana, ben, pack) = two_in_one_pack(5, Role::Reader, Sensitivity::Internal);
    let whom = to(&world, ben);
    let tried = world.call(ana, |node, now| {
        node.draft_handoff(now, pack, new(say(Mode::Transfer, whom.clone(), &[])), None)
    });
    let Called::Refused(NodeError::Handoff(why)) = tried else {
        panic!("a reader cannot accept")
    };
    assert!(
        matches!(
            *why,
            HandoffRefused::CannotAnswer {
                role: Role::Reader,
                ..
            }
        ),
        "{why}"
    );
    let node = world.node(ana);
    assert!(node.addressee(pack, &secret("Ben")).is_ok());
    for nobody in ["person:Zoe", "Zoe", "agent:claude@Zoe"] {
        let Err(NodeError::Handoff(why)) = node.addressee(pack, nobody) else {
            panic!("{nobody} is somebody")
        };
        assert!(matches!(*why, HandoffRefused::NotInPack { .. }), "{why}");
    }
    assert!(matches!(
        node.addressee(pack, "role:reader"),
        Err(NodeError::BadInput { .. })
    ));
    let Err(NodeError::Handoff(why)) = node.addressee(pack, "team:billing") else {
        panic!("there is no such team")
    };
    assert!(matches!(*why, HandoffRefused::EmptyTeam { .. }), "{why}");
    // A reader has no part in it, and reads along.
    let own = send(
        &mut world,
        ana,
        pack,
        say(Mode::Fyi, Addressee::Role(Role::Admin), &[]),
    );
    settle(&mut world);
    let view = look(&mut world, ben, pack, own);
    assert_eq!((view.side, view.may), (Side::Others, vec![]));
    let by_reader = world.call(ben, |node, now| {
        node.draft_handoff(
            now,
            pack,
            new(say(Mode::Fyi, Addressee::Role(Role::Admin), &[])),
            None,
        )
    });
    assert!(matches!(
        by_reader,
        Called::Refused(NodeError::Denied(Denied::NotAWriter))
    ));
    assert_no_violations(&mut world);
}

/// Goal: what somebody did after they were removed counts for nothing; what they did before stays.
#[test]
fn a_removed_member_takes_nothing_any_more() {
    let (mut world, all, pack) = pack_of(6, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let kept = send(
        &mut world,
        ana,
        pack,
        say(Mode::Transfer, Addressee::Role(Role::Editor), &[]),
    );
    let open = send(
        &mut world,
        ana,
        pack,
        say(Mode::Transfer, Addressee::Role(Role::Editor), &[]),
    );
    settle(&mut world);
    act(&mut world, ben, pack, kept, Act::Accept);
    settle(&mut world);
    cut(&mut world, &all, true);
    let gone = world.person(ben);
    remove_person(&mut world, ana, pack, gone);
    act(&mut world, ben, pack, open, Act::Accept);
    cut(&mut world, &all, false);
    meet(&mut world, &all);
    let view = look(&mut world, ana, pack, kept);
    assert_eq!(
        (view.state, view.holder),
        (State::Accepted, Some(secret("Ben")))
    );
    for who in [ana, cyn] {
        let view = look(&mut world, who, pack, open);
        assert_eq!((view.state, view.holder), (State::Delivered, None));
    }
    assert_eq!(
        act(&mut world, cyn, pack, open, Act::Accept),
        State::Accepted
    );
    // An owner gives on what the one who is gone has.
    let whom = to(&world, cyn);
    let given = Act::Reassign {
        to: whom,
        reason: secret("he left"),
    };
    assert_eq!(act(&mut world, ana, pack, kept, given), State::Submitted);
    assert_no_violations(&mut world);
}

/// Goal: hand-offs survive a restart and a sleeping pack, and are found by the start of their id.
#[test]
fn after_a_restart_everything_is_as_it_was() {
    let (mut world, ana, ben, pack) = two_in_one_pack(7, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "billed", Sensitivity::Internal);
    let whom = to(&world, ben);
    let id = send(&mut world, ana, pack, say(Mode::Transfer, whom, &[note]));
    settle(&mut world);
    act(&mut world, ben, pack, id, Act::Accept);
    settle(&mut world);
    let before = [ana, ben].map(|who| look(&mut world, who, pack, id));
    for who in [ana, ben] {
        world.kill(who);
        world.start(who);
        world.call(who, |node, now| {
            node.set_awake_bytes(0);
            node.keep_summaries(now)?;
            node.rest()
        });
    }
    let after = [ana, ben].map(|who| look(&mut world, who, pack, id));
    assert_eq!(before, after);
    for who in [ana, ben] {
        assert_eq!(
            world.node(who).handoffs_called(&id.to_string()[..6]),
            [(pack, id)]
        );
        assert!(world.node(who).differing_summaries().is_empty());
        assert_eq!(
            world.node(who).notes(pack).unwrap().len(),
            1,
            "it is no note"
        );
    }
    assert_eq!(before[1].facts[0].state, FactState::Same);
    assert!(!before[0].draft.privacy.pii.contains(&Pii::Email));
    assert_no_violations(&mut world);
}
