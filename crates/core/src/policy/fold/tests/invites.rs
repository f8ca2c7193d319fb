//! Invites, admissions and Closes: each rule as a sentence.

use super::world::*;
use crate::codec;
use crate::id::OpHash;
use crate::policy::fold::{Denial, Invalid, InviteInfo, InviteState, Verdict, Via, Void};
use crate::policy::op::{Act, Redeem, SignedOp};
use crate::policy::{Role, Sensitivity};

#[test]
fn any_member_admits_and_the_joiner_gets_what_the_invite_promised() {
    let Team { mut w, dan, .. } = team();
    let ticket = w.by(ANA).does([invite(1)]);
    let admit = w.admit(of(ticket), EVE);
    w.by(DAN).citing(of(dan)).does([admit]);
    let policy = w.policy();
    let eve = policy.member(&EVE.person()).expect("joined");
    assert_eq!(
        (eve.role(), eve.clearance()),
        (Role::Editor, Some(Sensitivity::Internal))
    );
    assert_eq!(
        eve.grants[0].via,
        Via::Admit {
            invite: of(ticket),
            by: DAN.person()
        }
    );
    let invite = policy.invite(&of(ticket)).expect("known");
    assert_eq!(
        (invite.by, invite.state, invite.joined()),
        (ANA.person(), InviteState::Open, 1)
    );
}

#[test]
fn a_request_for_another_invite_or_under_another_key_never_counts() {
    let mut w = World::founded_by(ANA);
    let ticket = w.by(ANA).does([invite(1)]);
    let other = w.by(ANA).does([invite(1)]);
    let Act::Admit { redeem, .. } = w.admit(of(other), BEN) else {
        unreachable!()
    };
    let swapped = w.by(ANA).does([Act::Admit {
        invite: of(ticket),
        redeem,
    }]);
    let garbage = w.by(ANA).does([Act::Admit {
        invite: of(ticket),
        redeem: vec![1, 2, 3],
    }]);
    let Act::Admit { redeem, .. } = w.admit(of(ticket), BEN) else {
        unreachable!()
    };
    let mut forged: Redeem = codec::decode(&redeem, 4096).expect("a request");
    forged.key = [3; 32];
    let forged = w.by(ANA).does([Act::Admit {
        invite: of(ticket),
        redeem: codec::encode(&forged),
    }]);
    let policy = w.policy();
    assert_eq!(
        policy.verdict(&forged),
        Some(Verdict::Invalid(Invalid::BadRedeem)),
        "whoever lacks the ticket signs under a key of their own"
    );
    assert_eq!(
        policy.verdict(&swapped),
        Some(Verdict::Invalid(Invalid::BadRedeem))
    );
    assert_eq!(
        policy.verdict(&garbage),
        Some(Verdict::Invalid(Invalid::BadRedeem))
    );
}

#[test]
fn an_admission_has_the_rank_of_its_invite() {
    let mut w = World::founded_by(ANA);
    let early = w.by(ANA).does([invite(1)]);
    w.by(ANA).does([grant(BEN, Role::Admin)]);
    let late = w.by(ANA).does([invite(1)]);
    let (by_early, by_late) = (w.admit(of(early), DAN), w.admit(of(late), EVE));
    w.by(BEN).does([by_early, by_late]);
    w.by(BEN).does([remove(DAN)]);
    w.by(BEN).does([remove(EVE)]);
    let policy = w.policy();
    assert!(is_member(&policy, DAN), "invited before Ben was an admin");
    assert!(!is_member(&policy, EVE));
}

#[test]
fn a_remove_ends_the_open_invites_of_its_target_and_what_came_through_them_since() {
    let Team { mut w, .. } = team();
    let ticket = w.by(BEN).does([invite(5)]);
    let (before, after) = (w.admit(of(ticket), EVE), w.admit(of(ticket), FAY));
    w.by(CYN).does([before]);
    let cutoffs = w.upto_now(BEN);
    let concurrent = w.by(CYN).does([after]);
    let past: Vec<OpHash> = w
        .ops
        .iter()
        .map(SignedOp::hash)
        .filter(|op| *op != concurrent)
        .collect();
    let removal = w.by(ANA).after(&past).does([remove_at(BEN, cutoffs)]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE), "the Remove had seen her");
    assert!(!is_member(&policy, FAY));
    assert_eq!(
        policy.verdict(&concurrent),
        Some(Verdict::Void(Void::InviteEnded { by: removal }))
    );
    assert_eq!(
        policy.invite(&of(ticket)).map(|invite| invite.state),
        Some(InviteState::Ended)
    );
}

#[test]
fn an_invite_falls_with_its_author_and_waits_in_a_fork_like_a_grant() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let past = [dan, cyn];
    let secret = w.by(BEN).after(&past).does([invite(5)]);
    let admit = w.admit(of(secret), EVE);
    w.by(CYN).does([admit]);
    assert!(is_member(&w.policy(), EVE));
    let ended = {
        let mut w = w.clone();
        w.by(ANA).after(&past).does([remove(BEN)]);
        w.policy()
    };
    let forked = {
        let mut w = w.clone();
        w.by(BEN).after(&past).does([grant(FAY, Role::Reader)]);
        w.policy()
    };
    for policy in [ended, forked] {
        assert!(!is_member(&policy, EVE));
        let state = policy.invite(&of(secret)).map(|invite| invite.state);
        assert_eq!(state, Some(InviteState::Ended));
    }
}

#[test]
fn a_remove_ends_the_invite_by_which_its_target_came_in() {
    let mut w = World::founded_by(ANA);
    let ticket = w.by(ANA).does([invite(5)]);
    let (eve, fay) = (w.admit(of(ticket), EVE), w.admit(of(ticket), FAY));
    w.by(ANA).does([eve]);
    w.by(ANA).does([remove(EVE)]);
    let policy = w.policy();
    assert_eq!(
        policy.invite(&of(ticket)).map(|invite| invite.state),
        Some(InviteState::Ended)
    );
    w.by(ANA).does([fay]);
    assert!(!is_member(&w.policy(), FAY));
}

#[test]
fn whoever_was_removed_ends_no_invite_by_being_admitted_again() {
    let Team { mut w, dan, .. } = team();
    w.by(ANA).does([remove(DAN)]);
    let ticket = w.by(ANA).does([invite(5)]);
    let (again, fay) = (w.admit(of(ticket), DAN), w.admit(of(ticket), FAY));
    w.by(CYN).does([again]);
    w.by(CYN).does([fay]);
    let policy = w.policy();
    assert!(!is_member(&policy, DAN) && is_member(&policy, FAY));
    assert_eq!(
        policy.invite(&of(ticket)).map(|invite| invite.state),
        Some(InviteState::Open)
    );
    assert!(!policy.grant(&of(dan)).expect("known").live);
}

#[test]
fn after_a_remove_only_a_grant_restores_its_target_never_an_admit() {
    let Team { mut w, .. } = team();
    w.by(ANA).does([remove(DAN)]);
    let ticket = w.by(ANA).does([invite(5)]);
    let admit = w.admit(of(ticket), DAN);
    w.by(ANA).does([admit]);
    assert!(!is_member(&w.policy(), DAN));
    w.by(ANA).does([grant(DAN, Role::Reader)]);
    assert_eq!(role(&w.policy(), DAN), Some(Role::Reader));
}

#[test]
fn after_a_held_remove_too_only_a_grant_restores_keys_never_an_admit() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    w.by(ANA).after(&[dan, cyn]).does([remove(BEN)]);
    let ticket = w.by(CYN).does([invite(5)]);
    w.by(BEN).after(&[dan, cyn]).does([remove(EVE)]);
    let admit = w.admit(of(ticket), EVE);
    w.by(CYN).does([admit]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE) && !has_keys(&policy, EVE));
    w.by(CYN).does([grant(EVE, Role::Reader)]);
    assert!(has_keys(&w.policy(), EVE));
}

#[test]
fn over_use_before_a_close_stays() {
    let mut w = World::founded_by(ANA);
    let ticket = w.by(ANA).does([invite(1)]);
    let (ben, cyn) = (w.admit(of(ticket), BEN), w.admit(of(ticket), CYN));
    w.by(ANA).after(&[ticket]).does([ben]);
    w.by(ANA).after(&[ticket]).incarnation(1).does([cyn]);
    let policy = w.policy();
    assert!(is_member(&policy, BEN) && is_member(&policy, CYN));
    assert_eq!(policy.invite(&of(ticket)).map(InviteInfo::joined), Some(2));
}

#[test]
fn after_a_close_only_the_admissions_it_lists_count() {
    let mut w = World::founded_by(ANA);
    let ticket = w.by(ANA).does([invite(1)]);
    let (thief, ben) = (w.admit(of(ticket), EVE), w.admit(of(ticket), BEN));
    let own = nth(OpHash::from_bytes([0; 32]), 0);
    let closed = w.by(ANA).does([ben, close(of(ticket), &[own])]);
    let late = w.by(ANA).after(&[ticket]).incarnation(1).does([thief]);
    let policy = w.policy();
    assert!(is_member(&policy, BEN) && !is_member(&policy, EVE));
    assert_eq!(
        policy.verdict(&late),
        Some(Verdict::Void(Void::NotListed { by: closed }))
    );
    assert_eq!(
        policy.invite(&of(ticket)).map(|invite| invite.state),
        Some(InviteState::Closed)
    );
    assert!(policy.denials().contains(&Denial { op: closed, act: 1 }));
}

#[test]
fn of_several_closes_an_admission_must_be_listed_in_all() {
    let Team { mut w, .. } = team();
    let ticket = w.by(BEN).does([invite(2)]);
    let (eve, fay) = (w.admit(of(ticket), EVE), w.admit(of(ticket), FAY));
    let both = w.by(CYN).does([eve, fay]);
    w.by(ANA)
        .after(&[both])
        .does([close(of(ticket), &[nth(both, 0), nth(both, 1)])]);
    w.by(BEN)
        .after(&[both])
        .does([close(of(ticket), &[nth(both, 1)])]);
    let policy = w.policy();
    assert!(!is_member(&policy, EVE) && is_member(&policy, FAY));
}

#[test]
fn a_listed_admission_stands_without_its_admitter() {
    let Team { mut w, dan, .. } = team();
    let ticket = w.by(ANA).does([invite(2)]);
    let (eve, fay) = (w.admit(of(ticket), EVE), w.admit(of(ticket), FAY));
    let listed = w.by(DAN).citing(of(dan)).does([eve]);
    w.by(DAN).citing(of(dan)).does([fay]);
    w.by(ANA).does([remove(DAN)]);
    assert!(!is_member(&w.policy(), EVE) && !is_member(&w.policy(), FAY));
    w.by(ANA).does([close(of(ticket), &[of(listed)])]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE) && has_keys(&policy, EVE) && !is_member(&policy, FAY));
    assert_eq!(policy.verdict(&listed), Some(Verdict::Stands));
}

#[test]
fn a_joiner_whom_a_close_keeps_may_leave() {
    let Team { mut w, dan, .. } = team();
    let ticket = w.by(ANA).does([invite(2)]);
    let admit = w.admit(of(ticket), EVE);
    let eve = w.by(DAN).citing(of(dan)).does([admit]);
    w.by(ANA).does([close(of(ticket), &[of(eve)])]);
    w.by(ANA).does([remove(DAN)]);
    let left = w.by(EVE).does([leave()]);
    assert_eq!(w.policy().verdict(&left), Some(Verdict::Stands));
    assert!(!is_member(&w.policy(), EVE));
}

#[test]
fn a_close_reaches_only_admissions_junior_to_the_grant_it_cites() {
    let mut w = World::founded_by(ANA);
    let ticket = w.by(ANA).does([invite(2)]);
    w.by(ANA).does([grant(BEN, Role::Admin)]);
    let admit = w.admit(of(ticket), EVE);
    w.by(ANA).does([admit]);
    w.by(BEN).does([close(of(ticket), &[])]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE) && has_keys(&policy, EVE));
    assert_eq!(
        policy.invite(&of(ticket)).map(|invite| invite.state),
        Some(InviteState::Open)
    );
}

#[test]
fn a_close_lists_only_admissions_of_its_invite_that_it_has_seen() {
    let mut w = World::founded_by(ANA);
    let ticket = w.by(ANA).does([invite(2)]);
    let admit = w.admit(of(ticket), EVE);
    let unseen = w.by(ANA).after(&[ticket]).incarnation(1).does([admit]);
    let own_but_no_admit = nth(OpHash::from_bytes([0; 32]), 0);
    for listed in [of(unseen), w.founder(), own_but_no_admit] {
        let closed = w
            .by(ANA)
            .after(&[ticket])
            .does([close(of(ticket), &[listed])]);
        assert_eq!(
            w.policy().verdict(&closed),
            Some(Verdict::Invalid(Invalid::UnknownAdmission))
        );
    }
}

#[test]
fn a_held_close_keeps_keys_from_whom_it_does_not_list() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let ticket = w.by(CYN).does([invite(2)]);
    let admit = w.admit(of(ticket), EVE);
    let eve = w.by(CYN).does([admit]);
    w.by(BEN).after(&[eve]).does([close(of(ticket), &[])]);
    w.by(ANA).after(&[eve, dan, cyn]).does([remove(BEN)]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE) && !has_keys(&policy, EVE));
}

#[test]
fn if_an_admitter_falls_the_same_joiner_is_admitted_again_and_counts_once() {
    let Team { mut w, dan, .. } = team();
    let ticket = w.by(ANA).does([invite(1)]);
    let admit = w.admit(of(ticket), EVE);
    w.by(DAN).citing(of(dan)).does([admit.clone()]);
    w.by(ANA).does([remove(DAN)]);
    assert!(!is_member(&w.policy(), EVE));
    w.by(CYN).does([admit.clone()]);
    w.by(BEN).does([admit]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE));
    let invite = policy.invite(&of(ticket)).expect("known");
    assert_eq!((invite.admissions.len(), invite.joined()), (3, 1));
}

/// Pitfall 8: a cancelled invite left the keys as they were.
#[test]
fn cancelling_an_invite_is_a_denial_like_any_other() {
    let mut w = World::founded_by(ANA);
    let ticket = w.by(ANA).does([invite(2)]);
    let admit = w.admit(of(ticket), EVE);
    let before = w.policy().denials().clone();
    let cancelled = w.by(ANA).does([close(of(ticket), &[])]);
    w.by(ANA).does([admit]);
    let policy = w.policy();
    assert!(!is_member(&policy, EVE));
    assert!(
        before.is_empty()
            && policy.denials().contains(&Denial {
                op: cancelled,
                act: 0
            })
    );
}

/// Goal: where a person is asked, nobody lets somebody in to what they cannot open themselves: not a
/// reader of less, not an editor of less, not a courier; and whoever opens it may, admin or not.
#[test]
fn through_an_invite_that_asks_only_those_admit_who_open_what_it_gives() {
    use Sensitivity::{Confidential, Internal, Public, Restricted};
    for (role, clearance, up_to, admits) in [
        (Role::Reader, Internal, Confidential, false),
        (Role::Editor, Internal, Confidential, false),
        (Role::Editor, Confidential, Restricted, false),
        (Role::Courier, Restricted, Public, false),
        (Role::Reader, Confidential, Confidential, true),
        (Role::Commenter, Restricted, Confidential, true),
        (Role::Admin, Restricted, Restricted, true),
    ] {
        let mut w = World::founded_by(ANA);
        let person = BEN.person();
        let ben = w.by(ANA).does([Act::Grant {
            person,
            role,
            clearance,
        }]);
        let ticket = w.by(ANA).does([asking(1, up_to)]);
        let admit = w.admit(of(ticket), EVE);
        let op = w.by(BEN).citing(of(ben)).does([admit]);
        let policy = w.policy();
        let expected = if admits {
            Verdict::Stands
        } else {
            Verdict::Invalid(Invalid::AdmitsAboveClearance)
        };
        let what = format!("{role} cleared for {clearance} admits to {up_to}");
        assert_eq!(policy.verdict(&op), Some(expected), "{what}");
        assert_eq!(is_member(&policy, EVE), admits, "{what}");
    }
}

#[test]
fn of_several_grants_the_cited_one_says_whether_its_holder_may_answer() {
    let mut w = World::founded_by(ANA);
    let low = w.by(ANA).does([grant(BEN, Role::Editor)]);
    let high = w.by(ANA).does([Act::Grant {
        person: BEN.person(),
        role: Role::Reader,
        clearance: Sensitivity::Confidential,
    }]);
    let ticket = w.by(ANA).does([asking(2, Sensitivity::Confidential)]);
    let (eve, fay) = (w.admit(of(ticket), EVE), w.admit(of(ticket), FAY));
    w.by(BEN).citing(of(low)).does([eve]);
    w.by(BEN).citing(of(high)).does([fay]);
    let policy = w.policy();
    assert!(!is_member(&policy, EVE) && is_member(&policy, FAY));
}

#[test]
fn an_invite_that_does_not_ask_is_answered_by_whoever_has_a_grant() {
    let mut w = World::founded_by(ANA);
    let ben = w.by(ANA).does([grant(BEN, Role::Courier)]);
    let ticket = w.by(ANA).does([invite(1)]);
    let admit = w.admit(of(ticket), EVE);
    w.by(BEN).citing(of(ben)).does([admit]);
    assert!(is_member(&w.policy(), EVE));
}
