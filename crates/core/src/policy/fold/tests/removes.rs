//! Ranks, Removes, late denials and Leaves: each rule as a sentence.

use super::world::*;
use crate::id::OpHash;
use crate::policy::fold::{Denial, Invalid, Standing, Verdict, Void};
use crate::policy::op::{Act, Cutoff};
use crate::policy::{Role, Sensitivity};

// ---- Ranks and Removes --------------------------------------------------------------------------

#[test]
fn a_remove_kills_only_strictly_junior_grants() {
    let Team { mut w, .. } = team();
    w.by(BEN).does([remove(CYN)]);
    assert!(!is_member(&w.policy(), CYN), "made admin after Ben");

    let Team { mut w, .. } = team();
    w.by(CYN).does([remove(BEN)]);
    assert!(is_member(&w.policy(), BEN), "made admin before Cyn");
    w.by(CYN).does([remove(DAN)]);
    assert!(
        !is_member(&w.policy(), DAN),
        "one level below, whoever granted it"
    );
    w.by(BEN).does([remove(BEN)]);
    assert!(
        is_member(&w.policy(), BEN),
        "nobody is junior to themselves"
    );
}

#[test]
fn a_senior_is_never_removed_by_a_junior_not_even_by_many() {
    let Team { mut w, .. } = team();
    for who in [BEN, CYN] {
        w.by(who).does([dropping(remove(ANA))]);
    }
    let policy = w.policy();
    assert_eq!(role(&policy, ANA), Some(Role::Admin));
    assert!(has_keys(&policy, ANA));
}

#[test]
fn regranting_never_restores_an_old_rank_and_opens_a_new_log() {
    let Team { mut w, .. } = team();
    let before = w.by(BEN).does([grant(EVE, Role::Reader)]);
    w.by(ANA).does([remove(BEN)]);
    w.by(ANA).does([grant(BEN, Role::Admin)]);
    let after = w.by(BEN).does([remove(CYN)]);
    let policy = w.policy();
    assert!(
        is_member(&policy, CYN),
        "Cyn's grant is older than Ben's new one"
    );
    assert_ne!(w.op(before).log(), w.op(after).log());
    w.by(CYN).does([remove(BEN)]);
    assert!(!is_member(&w.policy(), BEN));
}

#[test]
fn a_grant_that_has_the_remove_in_its_past_or_beside_it_is_not_killed() {
    let Team { mut w, .. } = team();
    w.by(ANA).does([remove(DAN), grant(DAN, Role::Reader)]);
    assert_eq!(
        role(&w.policy(), DAN),
        Some(Role::Reader),
        "lowered in one operation"
    );
    let removal = w.by(ANA).does([remove(DAN)]);
    assert!(!is_member(&w.policy(), DAN));
    w.by(BEN)
        .after(&[removal])
        .does([grant(DAN, Role::Commenter)]);
    assert_eq!(
        role(&w.policy(), DAN),
        Some(Role::Commenter),
        "granted anew by somebody who knew"
    );
}

#[test]
fn a_concurrent_grant_to_the_removed_person_is_killed() {
    let Team { mut w, dan, .. } = team();
    w.by(ANA).after(&[dan]).does([remove(DAN)]);
    let promoted = w.by(BEN).after(&[dan]).does([grant(DAN, Role::Reader)]);
    let policy = w.policy();
    assert!(!is_member(&policy, DAN));
    let info = policy.grant(&of(promoted)).expect("known");
    assert!(
        info.stands && !info.live,
        "Ben's operation stands; the grant is dead"
    );
}

#[test]
fn what_lies_within_the_named_cutoff_stands_and_everything_else_of_the_log_is_void() {
    let Team { mut w, .. } = team();
    let within = w.by(BEN).does([grant(EVE, Role::Reader)]);
    let cutoff = w.upto(within);
    let seen: Vec<OpHash> = vec![within];
    let beyond = w.by(BEN).does([grant(FAY, Role::Reader)]);
    let removal = w.by(ANA).after(&seen).does([remove_at(BEN, vec![cutoff])]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE) && is_member(&policy, DAN));
    assert!(!is_member(&policy, FAY) && !is_member(&policy, BEN));
    assert_eq!(
        policy.verdict(&beyond),
        Some(Verdict::Void(Void::Denied { by: removal }))
    );
}

#[test]
fn of_a_log_that_no_cutoff_names_everything_is_void() {
    let Team { mut w, .. } = team();
    w.by(ANA).does([remove(BEN)]);
    let policy = w.policy();
    assert!(!is_member(&policy, DAN));
    assert!(is_member(&policy, CYN));
}

#[test]
fn of_several_cutoffs_the_lowest_holds() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let eve = w
        .by(BEN)
        .after(&[dan, cyn])
        .does([grant(EVE, Role::Reader)]);
    let (low, high) = (w.upto(dan), w.upto(eve));
    w.by(ANA).after(&[eve]).does([remove_at(BEN, vec![high])]);
    w.by(ANA)
        .after(&[eve])
        .incarnation(1)
        .does([remove_at(BEN, vec![low])]);
    let policy = w.policy();
    assert!(is_member(&policy, DAN) && !is_member(&policy, EVE));
}

#[test]
fn a_cutoff_of_a_control_log_names_something_in_the_operations_past() {
    let Team {
        mut w,
        ben,
        cyn,
        dan,
    } = team();
    let cutoff = w.upto(dan);
    let eve = w.by(BEN).does([grant(EVE, Role::Reader)]);
    let wrong_seq = Cutoff { seq: 5, ..cutoff };
    let wrong_head = Cutoff {
        head: [3; 32],
        ..cutoff
    };
    for bad in [wrong_seq, wrong_head, w.upto(eve)] {
        let removal = w
            .by(ANA)
            .after(&[dan, cyn])
            .does([remove_at(BEN, vec![bad])]);
        assert_eq!(
            w.policy().verdict(&removal),
            Some(Verdict::Invalid(Invalid::CutoffNotInPast))
        );
    }
    // A log of which its past holds nothing cannot be told from a content log: it spares nothing.
    let blind = w
        .by(ANA)
        .after(&[ben])
        .incarnation(1)
        .does([remove_at(BEN, vec![cutoff])]);
    let policy = w.policy();
    assert_eq!(policy.verdict(&blind), Some(Verdict::Stands));
    assert!(!is_member(&policy, DAN));
}

#[test]
fn whatever_a_removed_admins_later_grants_did_falls_with_them() {
    let Team { mut w, dan, .. } = team();
    let fay = w.by(CYN).does([grant(FAY, Role::Reader)]);
    let cutoffs = w.upto_now(BEN);
    w.by(ANA).after(&[dan, fay]).does([remove_at(BEN, cutoffs)]);
    let secret = w.by(BEN).after(&[dan, fay]).does([grant(EVE, Role::Admin)]);
    w.by(EVE)
        .after(&[secret])
        .citing(of(secret))
        .does([remove(FAY), grant(EVE, Role::Reader)]);
    let policy = w.policy();
    assert!(is_member(&policy, DAN) && is_member(&policy, FAY) && !is_member(&policy, EVE));
    assert!(
        has_keys(&policy, DAN) && !has_keys(&policy, FAY),
        "Eve's Remove is held until somebody answers it"
    );
}

/// Pitfall 12: mutual removal left packs without any admin.
#[test]
fn of_two_who_remove_each_other_the_senior_stays() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    w.by(BEN).after(&[dan, cyn]).does([remove(CYN)]);
    w.by(CYN).after(&[dan, cyn]).does([remove(BEN)]);
    let policy = w.policy();
    assert!(is_member(&policy, BEN) && !is_member(&policy, CYN));
    assert!(
        has_keys(&policy, BEN),
        "a Remove never reaches a senior, held or not"
    );
}

#[test]
fn a_remove_by_somebody_whom_a_senior_removed_concurrently_does_not_count_but_is_held() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let removal = w.by(ANA).after(&[dan, cyn]).does([remove(BEN)]);
    let by_ben = w.by(BEN).after(&[dan, cyn]).does([remove(CYN)]);
    let policy = w.policy();
    assert!(is_member(&policy, CYN) && !has_keys(&policy, CYN));
    assert_eq!(policy.verdict(&by_ben), Some(Verdict::Held));
    assert!(matches!(
        policy.standing(&CYN.endpoint()),
        Standing::Disputed { .. }
    ));
    let behind = [(CYN.person(), [Denial { op: by_ben, act: 0 }].into())].into();
    assert_eq!(policy.disputes(), &behind);
    assert!(
        policy.denials().contains(&Denial { op: by_ben, act: 0 })
            && policy.denials().contains(&Denial {
                op: removal,
                act: 0
            })
    );
}

// ---- Late denials -------------------------------------------------------------------------------

#[test]
fn whoever_hangs_on_somebody_in_dispute_is_in_dispute_too() {
    let Team { mut w, dan, .. } = team();
    let eve = w.by(CYN).does([grant(EVE, Role::Reader)]);
    w.by(ANA).after(&[dan, eve]).does([remove(BEN)]);
    let by_ben = w.by(BEN).after(&[dan, eve]).does([remove(CYN)]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE) && !has_keys(&policy, EVE));
    let behind = [Denial { op: by_ben, act: 0 }].into();
    assert_eq!(policy.disputes().get(&EVE.person()), Some(&behind));
}

#[test]
fn a_held_denial_ends_when_a_live_admin_grants_anew() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    w.by(ANA).after(&[dan, cyn]).does([remove(BEN)]);
    w.by(BEN).after(&[dan, cyn]).does([remove(CYN)]);
    assert!(!has_keys(&w.policy(), CYN));
    w.by(ANA).does([grant(CYN, Role::Editor)]);
    let policy = w.policy();
    assert!(has_keys(&policy, CYN));
    assert!(policy.may_write(&CYN.person(), Sensitivity::Internal));
    assert!(
        !policy.may_write(&CYN.person(), Sensitivity::Confidential),
        "only the fresh grant gives keys"
    );
}

#[test]
fn a_held_denial_counts_once_a_live_admin_makes_it_anew() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    w.by(ANA).after(&[dan, cyn]).does([remove(BEN)]);
    w.by(BEN).after(&[dan, cyn]).does([remove(CYN)]);
    w.by(ANA).does([remove(CYN)]);
    assert!(!is_member(&w.policy(), CYN));
}

#[test]
fn with_drop_late_denials_fall_directly_and_through_the_chain() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    w.by(ANA).after(&[dan, cyn]).does([dropping(remove(BEN))]);
    let secret = w
        .by(BEN)
        .after(&[dan, cyn])
        .does([remove(CYN), grant(EVE, Role::Admin)]);
    let below = w
        .by(EVE)
        .after(&[secret])
        .citing(nth(secret, 1))
        .does([remove(CYN)]);
    let policy = w.policy();
    assert!(has_keys(&policy, CYN));
    assert!(
        !policy
            .denials()
            .iter()
            .any(|denial| denial.op == secret || denial.op == below)
    );
    assert!(matches!(
        policy.verdict(&secret),
        Some(Verdict::Void(Void::Denied { .. }))
    ));
}

#[test]
fn a_second_remove_may_add_drop() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    w.by(ANA).after(&[dan, cyn]).does([remove(BEN)]);
    w.by(BEN).after(&[dan, cyn]).does([remove(CYN)]);
    assert!(!has_keys(&w.policy(), CYN));
    w.by(ANA).does([dropping(remove(BEN))]);
    assert!(has_keys(&w.policy(), CYN));
}

#[test]
fn a_denial_within_the_cutoff_counts_whatever_late_denials_says() {
    let Team { mut w, .. } = team();
    w.by(BEN).does([remove(CYN)]);
    let cutoffs = w.upto_now(BEN);
    w.by(ANA).does([dropping(remove_at(BEN, cutoffs))]);
    assert!(!is_member(&w.policy(), CYN));
}

#[test]
fn a_parked_remove_by_a_known_admin_takes_keys_at_once_and_nothing_else() {
    let Team { mut w, .. } = team();
    let unseen = w.by(ANA).does([grant(EVE, Role::Reader)]);
    let removal = w.by(BEN).does([remove(DAN)]);
    let by_editor = w.by(DAN).after(&[unseen]).does([remove(EVE)]);
    let policy = w.policy_without(&[unseen]);
    assert_eq!(policy.parked().len(), 2);
    assert!(is_member(&policy, DAN) && !has_keys(&policy, DAN));
    assert!(matches!(
        policy.standing(&DAN.endpoint()),
        Standing::Disputed { .. }
    ));
    let denial = Denial {
        op: removal,
        act: 0,
    };
    assert!(policy.denials().contains(&denial) && policy.has_taken_in(&denial));
    assert!(
        !policy.denials().contains(&Denial {
            op: by_editor,
            act: 0
        }),
        "an editor removes nobody"
    );
    assert!(!is_member(&w.policy(), DAN));
}

#[test]
fn a_parked_remove_by_somebody_removed_with_drop_is_dropped() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    w.by(ANA).after(&[dan, cyn]).does([dropping(remove(BEN))]);
    let unseen = w
        .by(BEN)
        .after(&[dan, cyn])
        .does([grant(EVE, Role::Reader)]);
    let op = w.by(BEN).after(&[unseen]).does([remove(CYN)]);
    let policy = w.policy_without(&[unseen]);
    assert!(has_keys(&policy, CYN));
    let denial = Denial { op, act: 0 };
    assert!(
        !policy.denials().contains(&denial),
        "nobody answers it any more"
    );
    assert!(policy.has_taken_in(&denial), "who answered it did no harm");
    assert!(!policy.has_taken_in(&Denial { op, act: 1 }));
}

// ---- Leaves -------------------------------------------------------------------------------------

#[test]
fn a_leave_gives_up_the_cited_grant_and_no_other() {
    let Team { mut w, dan, .. } = team();
    let second = w.by(ANA).does([grant(DAN, Role::Reader)]);
    let left = w.by(DAN).citing(of(dan)).does([leave()]);
    let policy = w.policy();
    assert_eq!(role(&policy, DAN), Some(Role::Reader));
    assert_eq!(policy.verdict(&left), Some(Verdict::Stands));
    w.by(DAN).citing(of(second)).does([leave()]);
    assert!(!is_member(&w.policy(), DAN));
    assert!(w.policy().denials().contains(&Denial { op: left, act: 0 }));
}

#[test]
fn a_leave_may_spare_what_its_holder_did_before() {
    let Team { mut w, dan, .. } = team();
    let ticket = w.by(ANA).does([invite(3)]);
    for (joiner, stays) in [(EVE, true), (FAY, false)] {
        let mut w = w.clone();
        let admit = w.admit(of(ticket), joiner);
        let admitted = w.by(DAN).citing(of(dan)).does([admit]);
        let cutoffs = if stays {
            vec![w.upto(admitted)]
        } else {
            Vec::new()
        };
        w.by(DAN).citing(of(dan)).does([Act::Leave { cutoffs }]);
        assert_eq!(is_member(&w.policy(), joiner), stays);
        assert!(!is_member(&w.policy(), DAN));
    }
}

#[test]
fn leaves_are_judged_after_all_removes_and_never_by_each_other() {
    let Team { mut w, dan, .. } = team();
    let ticket = w.by(ANA).does([invite(3)]);
    let admit = w.admit(of(ticket), EVE);
    let eve = w.by(DAN).citing(of(dan)).does([admit]);
    w.by(DAN).after(&[eve]).citing(of(dan)).does([leave()]);
    let of_eve = w.by(EVE).after(&[eve]).citing(of(eve)).does([leave()]);
    assert_eq!(
        w.policy().verdict(&of_eve),
        Some(Verdict::Stands),
        "though her admitter left without a cutoff"
    );
    w.by(ANA).after(&[eve]).does([remove(DAN)]);
    assert_eq!(
        w.policy().verdict(&of_eve),
        Some(Verdict::Held),
        "a Remove of her admitter comes first"
    );
}

#[test]
fn whoever_left_may_come_back_by_ticket() {
    let mut w = World::founded_by(ANA);
    let ticket = w.by(ANA).does([invite(1)]);
    let admit = w.admit(of(ticket), BEN);
    w.by(ANA).does([admit.clone()]);
    w.by(BEN).does([leave()]);
    assert!(!is_member(&w.policy(), BEN));
    w.by(ANA).does([admit]);
    assert!(is_member(&w.policy(), BEN));
}
