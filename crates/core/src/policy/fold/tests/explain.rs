//! Explanations: each reason as a sentence, and on random histories that they say what is decided.

use super::random::{Dice, history_of};
use super::world::*;
use crate::id::OpHash;
use crate::policy::fold::{Given, Loss, Lost, Policy, Reason, Right, Verdict};
use crate::policy::op::Act;
use crate::policy::{Role, Sensitivity};

fn why(policy: &Policy, who: Who, right: Right, sensitivity: Sensitivity) -> Reason {
    policy.explain(&who.person(), right, sensitivity).reason
}

fn lost(reason: Reason) -> (OpHash, Lost) {
    match reason {
        Reason::Lost(given) => (given.grant.op, given.lost.expect("it is lost")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_grant_that_gives_it_is_named_and_of_several_the_senior_one() {
    let Team { mut w, dan, .. } = team();
    let again = w.by(ANA).does([grant(DAN, Role::Editor)]);
    let policy = w.policy();
    let Reason::Given(given) = why(&policy, DAN, Right::Write, Sensitivity::Internal) else {
        panic!("an editor writes");
    };
    assert_eq!(given.grant, of(again), "Ana's is senior to Ben's");
    assert_ne!(given.grant.op, dan);
}

#[test]
fn what_no_grant_ever_gave_names_the_most_that_is_given() {
    let Team { mut w, dan, .. } = team();
    w.by(ANA).does([grant(EVE, Role::Courier)]);
    let policy = w.policy();
    for (right, sensitivity) in [
        (Right::Read, Sensitivity::Restricted),
        (Right::Write, Sensitivity::Confidential),
        (Right::Share, Sensitivity::Public),
    ] {
        let Reason::NotEnough(given) = why(&policy, DAN, right, sensitivity) else {
            panic!("{right:?} {sensitivity}");
        };
        assert_eq!(given.grant, of(dan));
    }
    let reason = why(&policy, EVE, Right::Read, Sensitivity::Public);
    assert!(matches!(reason, Reason::NotEnough(given) if given.role == Role::Courier));
    assert_eq!(
        why(&policy, FAY, Right::Read, Sensitivity::Public),
        Reason::Never
    );
}

#[test]
fn a_removal_a_leave_and_the_fall_of_the_giver_are_told_apart() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let left = w.by(DAN).after(&[dan]).does([leave()]);
    let gone = w.by(ANA).after(&[cyn]).does([remove(CYN)]);
    let policy = w.policy();
    let read = |who| lost(why(&policy, who, Right::Read, Sensitivity::Internal)).1;
    assert!(matches!(read(DAN), Lost::Ended(Loss::Left(by)) if by.op == left));
    assert!(matches!(read(CYN), Lost::Ended(Loss::Removed(by)) if by.op == gone));

    let Team { mut w, .. } = team();
    let gone = w.by(ANA).does([remove(BEN)]);
    let policy = w.policy();
    let (_, ended) = lost(why(&policy, DAN, Right::Read, Sensitivity::Internal));
    assert!(matches!(ended, Lost::Ended(Loss::GiverEnded(by)) if by.op == gone));
    let reason = why(&policy, DAN, Right::Read, Sensitivity::Restricted);
    assert!(matches!(reason, Reason::LostAll(_)), "{reason:?}");
}

#[test]
fn a_ticket_that_ended_or_does_not_list_the_joiner_is_named() {
    let Team { mut w, .. } = team();
    let ticket = w.by(BEN).does([invite(2)]);
    let admit = w.admit(of(ticket), FAY);
    let admitted = w.by(DAN).after(&[ticket]).does([admit]);
    let closed = w.by(ANA).does([close(of(ticket), &[])]);
    let policy = w.policy();
    let (grant, ended) = lost(why(&policy, FAY, Right::Write, Sensitivity::Internal));
    assert_eq!(grant, admitted);
    assert!(matches!(ended, Lost::Ended(Loss::NotListed(by)) if by.op == closed));
}

#[test]
fn somebody_lowered_hears_what_they_were_given_instead() {
    let Team { mut w, dan, .. } = team();
    let lowered = w
        .by(BEN)
        .after(&[dan])
        .does([remove(DAN), grant(DAN, Role::Reader)]);
    let policy = w.policy();
    let Reason::Lost(given) = why(&policy, DAN, Right::Write, Sensitivity::Public) else {
        panic!("lowered");
    };
    let instead = policy.given_instead(&given).expect("given instead");
    assert_eq!(
        (instead.grant, instead.role),
        (nth(lowered, 1), Role::Reader)
    );
    assert!(
        policy
            .explain(&DAN.person(), Right::Read, Sensitivity::Public)
            .allowed
    );
}

#[test]
fn a_removal_that_waits_keeps_keys_away_and_is_said_to_wait() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let removal = w.by(CYN).after(&[cyn, dan]).does([remove(DAN)]);
    w.by(ANA).after(&[cyn]).does([remove(CYN)]);
    let policy = w.policy();
    assert_eq!(policy.verdict(&removal), Some(Verdict::Held));
    let (_, waits) = lost(why(&policy, DAN, Right::Read, Sensitivity::Public));
    assert!(matches!(waits, Lost::KeptAway(Loss::Removed(by)) if by.op == removal));
}

#[test]
fn newer_operations_stop_writing_and_missing_records_stop_everything() {
    let Team { w, dan, .. } = team();
    let policy = w.policy().with_blocked(true);
    let reason = why(&policy, DAN, Right::Write, Sensitivity::Public);
    assert!(matches!(reason, Reason::NewerOperation(_)));
    assert!(
        policy
            .explain(&DAN.person(), Right::Read, Sensitivity::Public)
            .allowed
    );
    let persons = everybody()
        .into_iter()
        .filter(|p| p.person() != DAN.person());
    let policy = Policy::fold(w.pack, w.ops.clone(), persons);
    let reason = why(&policy, DAN, Right::Read, Sensitivity::Public);
    assert!(matches!(reason, Reason::NoRecord(given) if given.grant == of(dan)));
}

/// Goal: whatever happened, an explanation says what is decided, and names something that decides it.
#[test]
fn explanations_agree_with_decisions_on_random_histories() {
    let (mut lost, mut waits) = (0, 0);
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let w = history_of(&mut dice, 12);
        let mut here = w.ops.clone();
        if dice.chance(40) {
            here.retain(|_| !dice.chance(12));
        }
        let policy = Policy::fold(w.pack, here, everybody()).with_blocked(dice.chance(5));
        for who in EVERYBODY {
            for sensitivity in Sensitivity::ALL {
                for right in Right::ALL {
                    let told = policy.explain(&who.person(), right, sensitivity);
                    let decided = decision(&policy, who, right, sensitivity);
                    assert_eq!(told.allowed, decided, "seed {seed}: {who:?} {told:?}");
                    let what = format!("seed {seed}: {who:?} {told:?}");
                    match &told.reason {
                        Reason::Lost(given) if given.is_live() => waits += 1,
                        Reason::Lost(_) => lost += 1,
                        _ => {}
                    }
                    check_reason(&policy, who, right, sensitivity, &told.reason, &what);
                }
            }
            check_grants(&policy, who, seed);
        }
    }
    assert!(lost > 100 && waits > 10, "{lost} lost, {waits} wait");
}

fn decision(policy: &Policy, who: Who, right: Right, sensitivity: Sensitivity) -> bool {
    match right {
        Right::Read => policy.may_open(&who.person(), sensitivity),
        Right::Write => policy.may_write(&who.person(), sensitivity),
        Right::Share => {
            let invite = Act::Invite {
                key: [3; 32],
                role: Role::Reader,
                clearance: sensitivity,
                uses: 1,
                not_after: None,
                ask: true,
            };
            policy
                .permit(&who.person(), &who.device(), &[invite])
                .is_ok()
        }
    }
}

fn check_reason(
    policy: &Policy,
    who: Who,
    right: Right,
    sensitivity: Sensitivity,
    reason: &Reason,
    what: &str,
) {
    let given = match reason {
        Reason::Never => {
            assert_eq!(grants_of(policy, who).count(), 0, "{what}");
            return;
        }
        Reason::Given(given)
        | Reason::NewerOperation(given)
        | Reason::NoRecord(given)
        | Reason::Lost(given)
        | Reason::NotEnough(given)
        | Reason::LostAll(given) => given,
    };
    assert_eq!(given.person, who.person(), "{what}");
    let enough = right.is_given_by(given.role, given.clearance, sensitivity);
    let too_little = matches!(reason, Reason::NotEnough(_) | Reason::LostAll(_));
    assert_eq!(enough, !too_little, "{what}");
    match (reason, given.lost) {
        (Reason::Lost(_), None) => panic!("{what}"),
        (Reason::LostAll(_), lost) => assert!(matches!(lost, Some(Lost::Ended(_))), "{what}"),
        _ => {}
    }
}

/// The act that is said to have taken a grant away is there, aims at it, and counts or waits as said.
fn check_grants(policy: &Policy, who: Who, seed: u64) {
    let known: std::collections::BTreeSet<_> = grants_of(policy, who).map(|(n, _)| n).collect();
    let told = policy.grants_to(&who.person());
    assert_eq!(known, told.iter().map(|given| given.grant).collect());
    for given in told {
        let what = format!("seed {seed}: {given:?}");
        let info = policy.grant(&given.grant).expect("a grant");
        assert_eq!(given.is_live(), info.live, "{what}");
        let keyed = policy.member(&who.person()).is_some_and(|member| {
            let mut keyed = member.grants.iter().filter(|live| live.keys);
            keyed.any(|live| live.grant == given.grant)
        });
        assert_eq!(given.lost.is_none(), keyed, "{what}");
        if let Some(lost) = given.lost {
            check_lost(policy, given, lost, &what);
        }
    }
}

fn check_lost(policy: &Policy, given: &Given, lost: Lost, what: &str) {
    let loss = lost.loss();
    let op = policy.op(&loss.op()).expect("the act that decides is here");
    let verdict = policy.verdict(&op.hash());
    let act = |denial: crate::policy::fold::Denial| &op.acts()[denial.act as usize];
    match loss {
        Loss::Removed(by) => assert!(
            matches!(act(by), Act::Remove { person, .. } if *person == given.person),
            "{what}"
        ),
        Loss::Left(by) => {
            assert!(matches!(act(by), Act::Leave { .. }), "{what}");
            assert_eq!(op.op().cites, Some(given.grant), "{what}");
        }
        Loss::GiverEnded(by) | Loss::InviteEnded(by) => assert!(
            matches!(act(by), Act::Remove { .. } | Act::Leave { .. }),
            "{what}"
        ),
        Loss::NotListed(by) => assert!(matches!(act(by), Act::Close { .. }), "{what}"),
        Loss::Forked(_) => return,
    }
    match lost {
        Lost::Ended(_) => assert_eq!(verdict, Some(Verdict::Stands), "{what}"),
        Lost::KeptAway(_) => assert!(
            matches!(
                verdict,
                Some(Verdict::Held | Verdict::Parked | Verdict::Stands)
            ),
            "{what} {verdict:?}"
        ),
    }
    assert!(
        given.denied_by.iter().any(|by| by.op == op.hash()),
        "{what}"
    );
}
