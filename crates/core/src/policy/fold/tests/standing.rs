//! Forks, standing, heads, and properties that the pitfalls teach: each as a sentence.

use super::world::*;
use crate::id::{OpHash, Timestamp};
use crate::person::SignedPersonOp;
use crate::policy::fold::{Denial, Policy, Standing, Verdict, Void};
use crate::policy::op::Act;
use crate::policy::op::{GrantRef, SignedOp};
use crate::policy::{Role, Sensitivity};
use kitbag_crypto::SigningKey;

// ---- Forks --------------------------------------------------------------------------------------

#[test]
fn above_a_fork_removes_and_admits_count_while_grants_wait_and_the_fork_is_a_denial() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let ticket = w.by(ANA).does([invite(3)]);
    let admit = w.admit(of(ticket), FAY);
    let past = [dan, cyn, ticket];
    let one = w
        .by(BEN)
        .after(&past)
        .does([grant(EVE, Role::Reader), remove(CYN)]);
    let two = w.by(BEN).after(&past).does([admit]);
    let later = w.by(BEN).after(&[one]).does([grant(EVE, Role::Commenter)]);
    let policy = w.policy();
    assert!(is_member(&policy, DAN), "granted below the fork");
    assert!(!is_member(&policy, CYN), "a Remove counts");
    assert!(is_member(&policy, FAY), "an Admit counts");
    assert!(
        !is_member(&policy, EVE),
        "grants wait, and so do those that follow"
    );
    assert!(matches!(
        policy.verdict(&later),
        Some(Verdict::Void(Void::Forked { .. }))
    ));
    for claimant in [one, two] {
        let fork = Denial {
            op: claimant,
            act: Denial::FORK,
        };
        assert!(policy.denials().contains(&fork) && policy.has_taken_in(&fork));
        assert!(!w.policy_without(&[claimant, later]).has_taken_in(&fork));
    }
    w.by(ANA).does([grant(EVE, Role::Reader)]);
    assert!(
        is_member(&w.policy(), EVE),
        "until somebody makes them anew"
    );
}

#[test]
fn a_cutoff_settles_a_fork_below_it() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let one = w
        .by(BEN)
        .after(&[dan, cyn])
        .does([grant(EVE, Role::Reader)]);
    w.by(BEN)
        .after(&[dan, cyn])
        .does([grant(FAY, Role::Reader)]);
    let cutoff = w.upto(one);
    w.by(ANA).does([remove_at(BEN, vec![cutoff])]);
    let policy = w.policy();
    assert!(is_member(&policy, EVE) && !is_member(&policy, FAY));
}

#[test]
fn whoever_was_removed_with_drop_makes_no_denial_by_forking_their_log() {
    let Team {
        mut w, ben, dan, ..
    } = team();
    let cutoff = w.upto(dan);
    w.by(ANA).does([dropping(remove_at(BEN, vec![cutoff]))]);
    let before = w.policy();
    w.by(BEN)
        .after(&[ben])
        .citing(of(ben))
        .does([grant(EVE, Role::Reader)]);
    let after = w.policy();
    assert_eq!(after.forked_logs().len(), 1);
    assert_eq!(before.denials(), after.denials());
    assert!(is_member(&after, DAN) && !is_member(&after, EVE));
}

/// Goal: an epoch that answered a fork stays usable when a removal settles the fork: what was taken in
/// is not forgotten. Method: the same log, before and after the removal that drops its denials.
#[test]
fn a_fork_that_was_taken_in_stays_so_when_it_is_settled() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let claimants = [EVE, FAY].map(|who| {
        let draft = w.by(BEN).after(&[dan, cyn]);
        draft.does([grant(who, Role::Reader)])
    });
    let forks = claimants.map(|op| Denial {
        op,
        act: Denial::FORK,
    });
    let before = w.policy();
    assert!(forks.iter().all(|fork| before.denials().contains(fork)));
    let cutoff = w.upto(dan);
    w.by(ANA).does([dropping(remove_at(BEN, vec![cutoff]))]);
    let after = w.policy();
    assert!(forks.iter().all(|fork| !after.denials().contains(fork)));
    assert!(forks.iter().all(|fork| after.has_taken_in(fork)));
    let half = w.policy_without(&[claimants[1]]);
    assert!(!forks.iter().any(|fork| half.has_taken_in(fork)));
}

/// Goal: whoever goes through the folded operations meets each after all that it cites, and no parked
/// one.
#[test]
fn folded_operations_come_after_what_they_cite() {
    let Team { mut w, ben, .. } = team();
    let missing = w.by(BEN).after(&[ben]).does([grant(EVE, Role::Reader)]);
    let parked = w.by(BEN).after(&[missing]).does([remove(EVE)]);
    for policy in [w.policy(), w.policy_without(&[missing])] {
        let mut met = std::collections::BTreeSet::new();
        for op in policy.folded_ops() {
            assert!(op.parents().all(|parent| met.contains(&parent)));
            met.insert(op.hash());
        }
        assert_eq!(met.contains(&parked), met.contains(&missing));
        assert_eq!(met.len() + policy.parked().len(), policy.ops().count());
    }
}

#[test]
fn what_a_held_grants_holder_denies_is_held() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let one = w.by(BEN).after(&[dan, cyn]).does([grant(EVE, Role::Admin)]);
    let removal = w.by(EVE).after(&[one]).does([remove(FAY), remove(DAN)]);
    let fay = w
        .by(EVE)
        .after(&[one])
        .incarnation(1)
        .does([grant(FAY, Role::Reader)]);
    assert!(is_member(&w.policy(), FAY) || fay != removal);
    w.by(BEN)
        .after(&[dan, cyn])
        .does([grant(EVE, Role::Reader)]);
    let policy = w.policy();
    assert_eq!(policy.verdict(&removal), Some(Verdict::Held));
    assert!(!is_member(&policy, FAY));
}

#[test]
fn branch_heads_show_every_branch_of_a_fork_parked_ones_included() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let one = w
        .by(BEN)
        .after(&[dan, cyn])
        .does([grant(EVE, Role::Reader)]);
    let two = w
        .by(BEN)
        .after(&[dan, cyn])
        .does([grant(FAY, Role::Reader)]);
    let log = w.op(one).log();
    let policy = w.policy();
    let mut branches = vec![(1, one), (1, two)];
    branches.sort();
    assert_eq!(policy.branch_heads()[&log], branches);
    assert_eq!(policy.log_heads()[&log], branches[0]);
    assert_eq!(policy.forked_logs(), &[log].into());
    let parked = w.policy_without(&[cyn]);
    assert_eq!(parked.branch_heads()[&log], branches);
}

// ---- Standing -----------------------------------------------------------------------------------

#[test]
fn an_endpoint_that_nothing_names_is_unknown() {
    let Team { w, .. } = team();
    assert_eq!(w.policy().standing(&EVE.endpoint()), Standing::Unknown);
    assert!(w.policy().ended_ops_for(&EVE.endpoint()).is_empty());
}

#[test]
fn a_key_once_named_gets_the_operations_that_ended_it_and_what_verifies_them() {
    let Team {
        mut w,
        ben,
        cyn,
        dan,
    } = team();
    let removal = w.by(BEN).after(&[dan]).does([remove(DAN)]);
    let later = w.by(ANA).does([grant(FAY, Role::Reader)]);
    let policy = w.policy();
    assert_eq!(
        policy.standing(&DAN.endpoint()),
        Standing::Ended {
            person: DAN.person(),
            device: DAN.device()
        }
    );
    let ended = policy.ended_ops_for(&DAN.endpoint());
    assert_eq!(ended, vec![w.genesis(), ben, dan, removal], "parents first");
    assert!(!ended.contains(&later) && !ended.contains(&cyn));
    assert!(
        policy.ended_ops_for(&BEN.endpoint()).is_empty(),
        "a member gets the log itself"
    );
    let alone = w
        .ops
        .iter()
        .filter(|op| ended.contains(&op.hash()))
        .cloned();
    assert_eq!(
        Policy::fold(w.pack, alone, everybody()).standing(&DAN.endpoint()),
        policy.standing(&DAN.endpoint())
    );
}

#[test]
fn whoever_falls_with_their_admin_is_told_by_what() {
    let Team { mut w, .. } = team();
    let removal = w.by(ANA).does([remove(BEN)]);
    let policy = w.policy();
    assert!(matches!(
        policy.standing(&DAN.endpoint()),
        Standing::Ended { .. }
    ));
    assert!(policy.ended_ops_for(&DAN.endpoint()).contains(&removal));
}

#[test]
fn of_two_persons_on_one_endpoint_the_member_speaks_for_it() {
    let Team { mut w, .. } = team();
    w.by(ANA).does([grant(EVE, Role::Reader)]);
    w.by(ANA).does([remove(EVE)]);
    let endpoint = SigningKey::from_seed([100 + EVE.0 as u8; 32]);
    let links = EVE.record().certificate().clone();
    let second = SignedPersonOp::found([99; 16], links, &EVE.device_key(), &endpoint);
    let persons = || everybody().into_iter().chain([second.clone()]);
    let before = Policy::fold(w.pack, w.ops.clone(), persons());
    assert!(matches!(
        before.standing(&EVE.endpoint()),
        Standing::Ended { .. }
    ));
    let (role, clearance) = (Role::Reader, Sensitivity::Public);
    w.by(ANA).does([Act::Grant {
        person: second.person(),
        role,
        clearance,
    }]);
    let after = Policy::fold(w.pack, w.ops.clone(), persons());
    assert_eq!(after.person_of_device(&EVE.device()), Some(second.person()));
    let Standing::Member { person, .. } = after.standing(&EVE.endpoint()) else {
        panic!("no member")
    };
    assert_eq!(person, second.person());
    assert!(after.ended_ops_for(&EVE.endpoint()).is_empty());
}

#[test]
fn person_of_device_and_certificate_find_everybody_whose_record_is_here() {
    let Team { w, .. } = team();
    let policy = w.policy();
    assert_eq!(policy.person_of_device(&DAN.device()), Some(DAN.person()));
    assert_eq!(
        policy.certificate(&DAN.person()),
        Some(DAN.record().certificate())
    );
}

// ---- Properties that pitfalls teach -------------------------------------------------------------

/// Pitfall 6: a descendant's later entries changed whether a removal applied.
#[test]
fn later_operations_of_whom_a_removed_admin_let_in_change_no_verdict() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let seen = [dan, cyn];
    let cutoffs = w.upto_now(BEN);
    let removal = w
        .by(ANA)
        .after(&seen)
        .does([dropping(remove_at(BEN, cutoffs))]);
    let before = w.policy();
    let eve = w
        .by(BEN)
        .after(&seen)
        .does([grant(EVE, Role::Admin), remove(CYN)]);
    let again = w.by(EVE).after(&[eve]).does([
        grant(BEN, Role::Admin),
        grant(FAY, Role::Admin),
        remove(CYN),
    ]);
    w.by(BEN)
        .after(&[again])
        .citing(of(again))
        .does([remove(CYN), remove(EVE)]);
    w.by(FAY)
        .after(&[again, removal])
        .citing(nth(again, 1))
        .does([remove(DAN)]);
    let after = w.policy();
    assert_eq!(
        before.members().collect::<Vec<_>>(),
        after.members().collect::<Vec<_>>()
    );
    assert_eq!(before.denials(), after.denials());
    assert_eq!(after.verdict(&removal), Some(Verdict::Stands));
}

/// Pitfall 13: a wall clock decided.
#[test]
fn clocks_are_display_data() {
    let Team { w, .. } = team();
    let ten_years = 315_360_000_000;
    let mut moved = World::founded_by(ANA);
    let mut names: std::collections::BTreeMap<OpHash, OpHash> =
        [(w.genesis(), moved.genesis())].into();
    for (i, op) in w.ops.iter().enumerate().skip(1) {
        let mut draft = op.op().clone();
        let far = if i % 2 == 0 { u64::MAX } else { ten_years };
        draft.at = Timestamp::from_millis(far);
        let rename = |hash: OpHash| names.get(&hash).copied().unwrap_or(hash);
        draft.prev = draft.prev.map(rename);
        draft.heads = draft.heads.into_iter().map(rename).collect();
        draft.heads.sort();
        draft.cites = draft.cites.map(|cited| GrantRef {
            op: rename(cited.op),
            ..cited
        });
        let renamed = moved.add(SignedOp::danger_unsigned(draft));
        names.insert(op.hash(), renamed);
    }
    let shape = |policy: &Policy| -> Vec<_> {
        policy
            .members()
            .map(|m| (m.person, m.role(), m.clearance(), m.has_keys()))
            .collect()
    };
    assert_eq!(shape(&w.policy()), shape(&moved.policy()));
}

#[test]
fn a_pack_with_an_operation_of_a_newer_version_lets_nobody_write() {
    let Team { w, .. } = team();
    let policy = w.policy().with_blocked(true);
    assert!(policy.is_blocked() && !policy.may_write(&ANA.person(), Sensitivity::Public));
    assert!(
        policy.may_open(&ANA.person(), Sensitivity::Public),
        "what is here can still be read"
    );
}

#[test]
fn heads_are_the_tips_and_seniors_come_first_when_there_are_too_many() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    assert_eq!(w.policy().heads(), {
        let mut tips = vec![dan, cyn];
        tips.sort();
        tips
    });
    let past = [dan, cyn];
    let by_ana = w.by(ANA).after(&past).does([grant(FAY, Role::Reader)]);
    for incarnation in 0..5 {
        w.by(DAN)
            .after(&past)
            .incarnation(incarnation)
            .does([leave()]);
    }
    let policy = w.policy();
    assert_eq!(policy.heads().len(), 6);
    assert_eq!(policy.heads_at_most(1), vec![by_ana]);
}

#[test]
fn a_frontier_folds_by_itself() {
    let Team {
        mut w, dan, cyn, ..
    } = team();
    let then = w.policy();
    w.by(ANA).does([remove(BEN)]);
    let now = w.policy();
    let back = now.at(&[dan, cyn]).expect("known");
    assert!(is_member(&back, BEN) && !is_member(&now, BEN));
    assert_eq!(
        back.members().collect::<Vec<_>>(),
        then.members().collect::<Vec<_>>()
    );
    assert!(now.at(&[OpHash::from_bytes([4; 32])]).is_none());
}

#[test]
fn a_denials_name_has_one_encoding() {
    let denial = Denial {
        op: OpHash::from_bytes([7; 32]),
        act: Denial::FORK,
    };
    let bytes = crate::codec::encode(&denial);
    assert_eq!(crate::codec::decode::<Denial>(&bytes, 64), Ok(denial));
    let grant = GrantRef {
        op: denial.op,
        act: denial.act,
    };
    assert_eq!(bytes, crate::codec::encode(&grant));
}
