//! Genesis, grants, what parks and what never counts: each rule as a sentence.

use super::world::*;
use crate::id::OpHash;
use crate::policy::fold::{Invalid, Member, Policy, Standing, Verdict, Via};
use crate::policy::op::{Act, Body, Op, SignedOp};
use crate::policy::{Role, Sensitivity};

#[test]
fn genesis_makes_its_author_the_first_admin_cleared_for_restricted() {
    let w = World::founded_by(ANA);
    let policy = w.policy();
    let ana = policy.member(&ANA.person()).expect("founder");
    assert_eq!(
        (ana.role(), ana.clearance()),
        (Role::Admin, Some(Sensitivity::Restricted))
    );
    assert_eq!(
        (ana.grants[0].grant, ana.grants[0].via),
        (w.founder(), Via::Genesis)
    );
    assert_eq!(policy.genesis().map(SignedOp::hash), Some(w.genesis()));
    assert_eq!(policy.default_sensitivity(), Sensitivity::Internal);
    assert!(policy.may_write(&ANA.person(), Sensitivity::Restricted));
}

#[test]
fn a_pack_without_its_genesis_has_no_members_and_no_panic() {
    let mut w = World::founded_by(ANA);
    w.by(ANA).does([grant(BEN, Role::Admin)]);
    let policy = w.policy_without(&[w.genesis()]);
    assert_eq!(policy.members().count(), 0);
    assert_eq!(policy.parked().len(), 1);
    assert!(policy.genesis().is_none() && policy.heads().is_empty());
}

#[test]
fn an_operation_whose_past_is_unknown_parks_and_counts_once_it_is_here() {
    let Team { w, ben, dan, .. } = team();
    let without = w.policy_without(&[ben]);
    assert!(without.parked().contains(&dan));
    assert_eq!(without.verdict(&dan), Some(Verdict::Parked));
    assert!(!is_member(&without, DAN));
    assert!(is_member(&w.policy(), DAN) && w.policy().parked().is_empty());
}

#[test]
fn an_operation_whose_person_head_is_unknown_parks_with_what_builds_on_it() {
    let Team { w, ben, dan, .. } = team();
    let all_but_ben = everybody()
        .into_iter()
        .filter(|person| person.person() != BEN.person());
    let policy = Policy::fold(w.pack, w.ops.clone(), all_but_ben);
    assert_eq!(policy.parked(), &[dan]);
    assert_eq!(policy.verdict(&ben), Some(Verdict::Stands));
    assert!(
        policy.awaited_persons().contains(&BEN.person()),
        "a grant names him, so his record is asked for"
    );
}

#[test]
fn operations_of_other_packs_and_duplicates_are_ignored() {
    let Team { w, .. } = team();
    let mut other = World::founded_by(BEN);
    other.by(BEN).does([grant(EVE, Role::Reader)]);
    let twice = w.ops.iter().chain(&w.ops).chain(&other.ops).cloned();
    assert_eq!(Policy::fold(w.pack, twice, everybody()), w.policy());
}

#[test]
fn an_operation_must_cite_a_grant_in_its_past_that_names_its_author() {
    let Team {
        mut w, ben, cyn, ..
    } = team();
    let genesis = w.genesis();
    // Several, so that some stand behind the grant in any causal order, and some before it.
    let unseen: Vec<OpHash> = (1..9)
        .map(|incarnation| {
            let draft = w.by(BEN).after(&[genesis]).incarnation(incarnation);
            draft.citing(of(ben)).does([grant(EVE, Role::Reader)])
        })
        .collect();
    let anothers = w.by(BEN).citing(of(cyn)).does([grant(EVE, Role::Reader)]);
    let none = w
        .by(BEN)
        .citing(nth(ben, 5))
        .does([grant(EVE, Role::Reader)]);
    let policy = w.policy();
    for op in &unseen {
        let verdict = policy.verdict(op);
        assert_eq!(verdict, Some(Verdict::Invalid(Invalid::CitesNoGrant)));
    }
    assert_eq!(
        policy.verdict(&anothers),
        Some(Verdict::Invalid(Invalid::CitesAnothersGrant))
    );
    assert_eq!(
        policy.verdict(&none),
        Some(Verdict::Invalid(Invalid::CitesNoGrant))
    );
    assert!(!is_member(&policy, EVE));
    assert!(
        !policy.heads().contains(&none),
        "what never counts need not be cited"
    );
}

#[test]
fn a_device_that_the_cited_person_does_not_link_never_counts() {
    let Team { mut w, ben, .. } = team();
    let draft = w
        .by(BEN)
        .citing(of(ben))
        .incarnation(1)
        .build(vec![grant(EVE, Role::Reader)]);
    let stolen = SignedOp::danger_unsigned(Op {
        device: EVE.device(),
        ..draft.op().clone()
    });
    let hash = w.add(stolen);
    assert_eq!(
        w.policy().verdict(&hash),
        Some(Verdict::Invalid(Invalid::DeviceNotLinked))
    );
}

#[test]
fn an_operation_that_does_not_continue_its_log_never_counts_nor_what_follows_it() {
    let Team { mut w, .. } = team();
    let draft = w.by(ANA).build(vec![grant(EVE, Role::Reader)]);
    let skipping = SignedOp::danger_unsigned(Op {
        seq: 7,
        ..draft.op().clone()
    });
    let skipping = w.add(skipping);
    let follows = w
        .by(ANA)
        .after(&[skipping])
        .does([grant(FAY, Role::Reader)]);
    let policy = w.policy();
    assert_eq!(
        policy.verdict(&skipping),
        Some(Verdict::Invalid(Invalid::BrokenChain))
    );
    assert_eq!(
        policy.verdict(&follows),
        Some(Verdict::Invalid(Invalid::BrokenChain))
    );
    assert!(!is_member(&policy, EVE) && !is_member(&policy, FAY));
}

#[test]
fn a_second_genesis_inside_a_pack_never_counts() {
    let mut w = World::founded_by(ANA);
    let body = Body::Genesis {
        nonce: [1; 16],
        default_sensitivity: Sensitivity::Public,
    };
    let draft = w.by(ANA).build(vec![leave()]);
    let second = w.add(SignedOp::danger_unsigned(Op {
        body,
        ..draft.op().clone()
    }));
    assert!(matches!(
        w.policy().verdict(&second),
        Some(Verdict::Invalid(_))
    ));
    assert_eq!(w.policy().default_sensitivity(), Sensitivity::Internal);
}

/// Pitfall 4: any member could revoke any device.
#[test]
fn every_act_has_an_authority_row_and_whoever_has_no_row_never_counts() {
    let Team { mut w, dan, .. } = team();
    let ticket = w.by(ANA).does([invite(5)]);
    let admits = w.admit(of(ticket), EVE);
    let reader = w.by(ANA).does([grant(FAY, Role::Reader)]);
    for (who, cited) in [(DAN, of(dan)), (FAY, of(reader))] {
        for act in [
            grant(EVE, Role::Reader),
            remove(ANA),
            invite(1),
            close(of(ticket), &[]),
        ] {
            let refused = w.by(who).citing(cited).does([act]);
            assert_eq!(
                w.policy().verdict(&refused),
                Some(Verdict::Invalid(Invalid::NeedsAdmin))
            );
        }
        let admitted = w.by(who).citing(cited).does([admits.clone()]);
        assert_eq!(w.policy().verdict(&admitted), Some(Verdict::Stands));
    }
    let courier = w.by(ANA).does([grant(CYN, Role::Courier)]);
    let by_courier = w.by(CYN).citing(of(courier)).does([admits]);
    assert_eq!(w.policy().verdict(&by_courier), Some(Verdict::Stands));
    let admin_leaves = w.by(ANA).does([leave()]);
    assert_eq!(
        w.policy().verdict(&admin_leaves),
        Some(Verdict::Invalid(Invalid::AdminLeaves))
    );
}

#[test]
fn one_act_without_the_right_voids_the_whole_operation() {
    let Team { mut w, dan, .. } = team();
    let ticket = w.by(ANA).does([invite(5)]);
    let admit = w.admit(of(ticket), EVE);
    let both = w.by(DAN).citing(of(dan)).does([admit, remove(BEN)]);
    assert_eq!(
        w.policy().verdict(&both),
        Some(Verdict::Invalid(Invalid::NeedsAdmin))
    );
    assert!(!is_member(&w.policy(), EVE));
}

#[test]
fn a_ticket_never_makes_an_admin() {
    let mut w = World::founded_by(ANA);
    let Act::Invite {
        key,
        uses,
        not_after,
        ask,
        ..
    } = invite(1)
    else {
        unreachable!()
    };
    let acts = [Act::Invite {
        key,
        role: Role::Admin,
        clearance: Sensitivity::Restricted,
        uses,
        not_after,
        ask,
    }];
    let ticket = w.by(ANA).does(acts);
    assert_eq!(
        w.policy().verdict(&ticket),
        Some(Verdict::Invalid(Invalid::AboveOwnRole))
    );
}

#[test]
fn several_live_grants_are_a_set_of_pairs_and_never_mix() {
    let mut w = World::founded_by(ANA);
    let write_public = Act::Grant {
        person: BEN.person(),
        role: Role::Editor,
        clearance: Sensitivity::Public,
    };
    let read_all = Act::Grant {
        person: BEN.person(),
        role: Role::Reader,
        clearance: Sensitivity::Restricted,
    };
    w.by(ANA).does([write_public]);
    w.by(ANA).does([read_all]);
    let policy = w.policy();
    assert_eq!(
        policy.member(&BEN.person()).map(|ben| ben.grants.len()),
        Some(2)
    );
    assert!(policy.may_write(&BEN.person(), Sensitivity::Public));
    assert!(
        !policy.may_write(&BEN.person(), Sensitivity::Internal),
        "the editor's grant is cleared for public only"
    );
    assert!(policy.may_open(&BEN.person(), Sensitivity::Restricted));
}

#[test]
fn a_courier_stands_but_opens_nothing() {
    let mut w = World::founded_by(ANA);
    w.by(ANA).does([Act::Grant {
        person: BEN.person(),
        role: Role::Courier,
        clearance: Sensitivity::Restricted,
    }]);
    let policy = w.policy();
    assert!(!policy.may_open(&BEN.person(), Sensitivity::Public));
    assert_eq!(
        policy.member(&BEN.person()).and_then(Member::clearance),
        None
    );
    let Standing::Member {
        clearance, role, ..
    } = policy.standing(&BEN.endpoint())
    else {
        panic!("no member")
    };
    assert_eq!((clearance, role), (None, Role::Courier));
}
