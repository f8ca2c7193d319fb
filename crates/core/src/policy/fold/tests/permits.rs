//! What a device is told before it makes an operation.

use super::world::*;
use crate::codec;
use crate::id::{Incarnation, OpHash, Timestamp};
use crate::policy::fold::{Policy, Refused, Verdict};
use crate::policy::op::{Act, Body, GrantRef, OP_VERSION, Op, Redeem, SignedOp};
use crate::policy::{Role, Sensitivity};
use kitbag_crypto::SigningKey;

fn ask(policy: &Policy, who: Who, acts: &[Act]) -> Result<GrantRef, Refused> {
    policy.permit(&who.person(), &who.device(), acts)
}

fn signed(w: &World, invite: GrantRef, joiner: Who) -> Act {
    let certificate = joiner.record().certificate();
    let key = SigningKey::from_seed([77; 32]);
    let redeem = Redeem::sign(
        w.pack,
        invite,
        certificate,
        joiner.person(),
        &key,
        &joiner.device_key(),
    );
    Act::Admit {
        invite,
        redeem: codec::encode(&redeem),
    }
}

/// Ana founds; Ben is her admin, Dan her editor; a ticket for one.
fn office() -> (World, OpHash, OpHash, GrantRef) {
    let mut w = World::founded_by(ANA);
    let ben = w.by(ANA).does([grant(BEN, Role::Admin)]);
    let dan = w.by(ANA).does([grant(DAN, Role::Editor)]);
    let ticket = w.by(BEN).does([invite(1)]);
    (w, ben, dan, of(ticket))
}

#[test]
fn only_a_member_on_their_own_device_is_permitted_anything() {
    let (w, ..) = office();
    let policy = w.policy();
    assert_eq!(ask(&policy, EVE, &[leave()]), Err(Refused::NotAMember));
    assert_eq!(
        policy.permit(&BEN.person(), &DAN.device(), &[invite(1)]),
        Err(Refused::NotTheirDevice)
    );
    assert_eq!(ask(&policy, ANA, &[invite(1)]), Ok(w.founder()));
    assert!(matches!(ask(&policy, ANA, &[]), Err(Refused::Malformed(_))));
}

#[test]
fn nothing_is_permitted_beside_an_operation_of_a_newer_version() {
    let (w, ..) = office();
    assert_eq!(
        ask(&w.policy().with_blocked(true), ANA, &[invite(1)]),
        Err(Refused::NewerOperation)
    );
}

#[test]
fn what_an_admin_does_needs_an_admin() {
    let (w, _, dan, ticket) = office();
    let policy = w.policy();
    for act in [
        grant(EVE, Role::Reader),
        remove(BEN),
        invite(1),
        close(ticket, &[]),
    ] {
        assert_eq!(ask(&policy, DAN, &[act]), Err(Refused::NeedsAdmin));
    }
    assert_eq!(ask(&policy, DAN, &[leave()]), Ok(of(dan)));
    assert_eq!(ask(&policy, BEN, &[leave()]), Err(Refused::AdminLeaves));
}

#[test]
fn the_grant_to_cite_is_the_most_senior_that_does() {
    let (mut w, ..) = office();
    let reader = w.by(ANA).does([grant(CYN, Role::Reader)]);
    let admin = w.by(ANA).does([grant(CYN, Role::Admin)]);
    let policy = w.policy();
    assert_eq!(
        ask(&policy, CYN, &[grant(EVE, Role::Reader)]),
        Ok(of(admin))
    );
    assert_eq!(ask(&policy, CYN, &[leave()]), Ok(of(reader)));
    let closest = Err(Refused::NotSenior);
    assert_eq!(
        ask(&policy, CYN, &[remove(ANA)]),
        closest,
        "as an admin, not as a reader"
    );
}

#[test]
fn somebody_without_a_record_here_is_granted_nothing() {
    let (w, ..) = office();
    let without = everybody()
        .into_iter()
        .filter(|person| person.person() != EVE.person());
    let policy = Policy::fold(w.pack, w.ops.clone(), without);
    assert_eq!(
        ask(&policy, ANA, &[grant(EVE, Role::Reader)]),
        Err(Refused::UnknownPerson(EVE.person()))
    );
    assert_eq!(
        ask(&w.policy(), ANA, &[remove(EVE)]),
        Err(Refused::UnknownPerson(EVE.person())),
        "nothing names her"
    );
}

#[test]
fn acts_that_break_a_rule_of_their_own_are_refused() {
    let (w, ..) = office();
    let uncleared = Act::Grant {
        person: EVE.person(),
        role: Role::Admin,
        clearance: Sensitivity::Internal,
    };
    assert!(matches!(
        ask(&w.policy(), ANA, &[uncleared]),
        Err(Refused::Malformed(_))
    ));
    assert!(matches!(
        ask(&w.policy(), ANA, &[invite(0)]),
        Err(Refused::Malformed(_))
    ));
}

/// Goal: somebody who came in before an admin is lowered by that admin to what they had, not below.
#[test]
fn a_remove_may_leave_what_the_same_operation_grants() {
    let (mut w, ..) = office();
    let cyn = w.by(ANA).does([grant(CYN, Role::Admin)]);
    w.by(ANA).does([grant(DAN, Role::Admin)]);
    let lower = |to| [remove(DAN), grant(DAN, to)];
    for to in [Role::Editor, Role::Admin] {
        assert_eq!(ask(&w.policy(), CYN, &lower(to)), Ok(of(cyn)), "{to:?}");
    }
    let refused = Err(Refused::NotSenior);
    for to in [Role::Reader, Role::Commenter] {
        assert_eq!(ask(&w.policy(), CYN, &lower(to)), refused, "{to:?}");
    }
    assert_eq!(ask(&w.policy(), CYN, &[remove(DAN)]), refused);
    let other = [remove(DAN), grant(EVE, Role::Admin)];
    assert_eq!(ask(&w.policy(), CYN, &other), refused);
    w.by(CYN).does(lower(Role::Editor));
    assert_eq!(role(&w.policy(), DAN), Some(Role::Editor));
}

#[test]
fn a_remove_that_would_leave_its_target_a_senior_grant_is_refused() {
    let (mut w, ..) = office();
    assert_eq!(
        ask(&w.policy(), BEN, &[remove(ANA)]),
        Err(Refused::NotSenior)
    );
    assert_eq!(
        ask(&w.policy(), BEN, &[remove(BEN)]),
        Err(Refused::NotSenior)
    );
    let cyn = w.by(ANA).does([grant(CYN, Role::Admin)]);
    w.by(BEN).does([grant(DAN, Role::Reader)]);
    assert!(ask(&w.policy(), BEN, &[remove(CYN)]).is_ok());
    assert_eq!(
        ask(&w.policy(), CYN, &[remove(DAN)]),
        Err(Refused::NotSenior),
        "Ana granted him before her"
    );
    assert_eq!(
        ask(&w.policy(), CYN, &[grant(EVE, Role::Reader)]),
        Ok(of(cyn))
    );
}

#[test]
fn a_cutoff_of_a_control_log_must_be_folded() {
    let (mut w, ..) = office();
    let cutoffs = w.upto_now(BEN);
    assert!(ask(&w.policy(), ANA, &[remove_at(BEN, cutoffs.clone())]).is_ok());
    let wrong = crate::policy::op::Cutoff {
        seq: 9,
        ..cutoffs[0]
    };
    assert_eq!(
        ask(&w.policy(), ANA, &[remove_at(BEN, vec![wrong])]),
        Err(Refused::UnknownCutoff(wrong))
    );
    let content = crate::policy::op::Cutoff {
        log: crate::id::LogId::from_bytes([8; 32]),
        ..wrong
    };
    assert!(ask(&w.policy(), ANA, &[remove_at(BEN, vec![content])]).is_ok());
    let cited = w.founder();
    let _ = w.by(ANA).citing(cited);
}

#[test]
fn an_admission_is_checked_as_far_as_the_admitting_device_can() {
    let (mut w, ben, dan, ticket) = office();
    let eve = signed(&w, ticket, EVE);
    assert_eq!(
        ask(&w.policy(), DAN, std::slice::from_ref(&eve)),
        Ok(of(dan))
    );
    assert_eq!(
        ask(&w.policy(), DAN, &[w.admit(ticket, EVE)]),
        Err(Refused::BadRedeem),
        "nobody signed it"
    );
    let Act::Admit { redeem, .. } = &eve else {
        unreachable!()
    };
    let other = w.by(BEN).does([invite(1)]);
    let swapped = Act::Admit {
        invite: of(other),
        redeem: redeem.clone(),
    };
    assert_eq!(ask(&w.policy(), DAN, &[swapped]), Err(Refused::BadRedeem));
    let unknown = Act::Admit {
        invite: of(ben),
        redeem: redeem.clone(),
    };
    assert_eq!(
        ask(&w.policy(), DAN, &[unknown]),
        Err(Refused::UnknownInvite)
    );
    let dans_device = Redeem::sign(
        w.pack,
        ticket,
        DAN.record().certificate(),
        EVE.person(),
        &SigningKey::from_seed([77; 32]),
        &DAN.device_key(),
    );
    let mixed = Act::Admit {
        invite: ticket,
        redeem: codec::encode(&dans_device),
    };
    assert_eq!(
        ask(&w.policy(), DAN, &[mixed]),
        Err(Refused::BadRedeem),
        "Dan's device is not Eve's"
    );
}

#[test]
fn uses_are_counted_per_joiner() {
    let (mut w, _, _, ticket) = office();
    let (eve, fay) = (signed(&w, ticket, EVE), signed(&w, ticket, FAY));
    assert_eq!(
        ask(&w.policy(), ANA, &[eve.clone(), fay.clone()]),
        Err(Refused::InviteUsedUp)
    );
    let admitted = w.by(DAN).does([eve.clone()]);
    assert_eq!(
        ask(&w.policy(), ANA, std::slice::from_ref(&fay)),
        Err(Refused::InviteUsedUp)
    );
    assert_eq!(
        ask(&w.policy(), ANA, std::slice::from_ref(&eve)),
        Err(Refused::AlreadyMember)
    );
    w.by(EVE).citing(of(admitted)).does([leave()]);
    assert!(
        ask(&w.policy(), ANA, &[eve]).is_ok(),
        "she may come back on her own use"
    );
    assert_eq!(ask(&w.policy(), ANA, &[fay]), Err(Refused::InviteUsedUp));
}

#[test]
fn whoever_has_a_use_keeps_it_when_others_over_used_the_invite() {
    let (mut w, _, _, ticket) = office();
    let (eve, fay) = (signed(&w, ticket, EVE), signed(&w, ticket, FAY));
    let past = w.policy().heads();
    let one = w.by(DAN).after(&past).does([eve.clone()]);
    w.by(ANA).after(&past).does([fay]);
    w.by(EVE).citing(of(one)).does([leave()]);
    assert!(ask(&w.policy(), ANA, std::slice::from_ref(&eve)).is_ok());
}

#[test]
fn a_remove_by_a_junior_does_not_bar_from_a_seniors_invite() {
    let (mut w, _, _, _) = office();
    let senior = of(w.by(ANA).does([invite(1)]));
    w.by(ANA).does([grant(CYN, Role::Admin)]);
    w.by(CYN).does([grant(EVE, Role::Reader)]);
    w.by(CYN).does([remove(EVE)]);
    let eve = signed(&w, senior, EVE);
    assert!(ask(&w.policy(), DAN, std::slice::from_ref(&eve)).is_ok());
    w.by(DAN).does([eve]);
    assert!(is_member(&w.policy(), EVE), "the fold says the same");
}

#[test]
fn a_use_is_free_again_when_its_admitter_fell() {
    let (mut w, _, _, ticket) = office();
    let (eve, fay) = (signed(&w, ticket, EVE), signed(&w, ticket, FAY));
    w.by(DAN).does([eve]);
    w.by(ANA).does([remove(DAN)]);
    assert!(ask(&w.policy(), ANA, &[fay]).is_ok());
}

#[test]
fn a_closed_or_ended_invite_lets_nobody_in() {
    let (mut w, _, _, ticket) = office();
    let eve = signed(&w, ticket, EVE);
    let mut closed = w.clone();
    closed.by(BEN).does([close(ticket, &[])]);
    assert_eq!(
        ask(&closed.policy(), ANA, std::slice::from_ref(&eve)),
        Err(Refused::InviteClosed)
    );
    w.by(ANA).does([remove(BEN)]);
    assert_eq!(ask(&w.policy(), ANA, &[eve]), Err(Refused::InviteEnded));
}

#[test]
fn whoever_was_removed_is_let_in_by_no_ticket_under_no_name() {
    let (mut w, _, _, ticket) = office();
    w.by(ANA).does([grant(EVE, Role::Reader)]);
    w.by(ANA).does([remove(EVE)]);
    assert_eq!(
        ask(&w.policy(), ANA, &[signed(&w, ticket, EVE)]),
        Err(Refused::JoinerRemoved)
    );

    let endpoint = SigningKey::from_seed([100 + EVE.0 as u8; 32]);
    let second = crate::person::SignedPersonOp::found(
        [99; 16],
        EVE.record().certificate().clone(),
        &EVE.device_key(),
        &endpoint,
    );
    let redeem = Redeem::sign(
        w.pack,
        ticket,
        second.certificate(),
        second.person(),
        &SigningKey::from_seed([77; 32]),
        &EVE.device_key(),
    );
    let under_a_new_name = Act::Admit {
        invite: ticket,
        redeem: codec::encode(&redeem),
    };
    let persons = everybody().into_iter().chain([second.clone()]);
    let policy = Policy::fold(w.pack, w.ops.clone(), persons);
    assert_eq!(
        ask(&policy, ANA, &[under_a_new_name]),
        Err(Refused::JoinerRemoved)
    );
    assert_eq!(
        policy.person_of_device(&EVE.device()),
        Some(EVE.person().min(second.person()))
    );
}

#[test]
fn only_the_admitting_devices_clock_ends_an_invite() {
    let (mut w, _, _, _) = office();
    let Act::Invite {
        key,
        role,
        clearance,
        uses,
        ask: asks,
        ..
    } = invite(1)
    else {
        unreachable!()
    };
    let not_after = Some(Timestamp::from_millis(1000));
    let ticket = of(w.by(BEN).does([Act::Invite {
        key,
        role,
        clearance,
        uses,
        not_after,
        ask: asks,
    }]));
    let eve = signed(&w, ticket, EVE);
    let at = |now: u64| {
        w.policy().permit_admit(
            Timestamp::from_millis(now),
            &DAN.person(),
            &DAN.device(),
            std::slice::from_ref(&eve),
        )
    };
    assert!(at(1000).is_ok());
    assert_eq!(at(1001), Err(Refused::InviteExpired));
    let late = w.clone().by(DAN).does([eve.clone()]);
    w.by(DAN).does([eve]);
    assert_eq!(
        w.policy().verdict(&late),
        Some(Verdict::Stands),
        "the fold knows no clock"
    );
}

#[test]
fn a_close_lists_admissions_of_its_invite_and_may_admit_in_the_same_operation() {
    let (mut w, ben, dan, ticket) = office();
    let own = GrantRef {
        op: OpHash::from_bytes([0; 32]),
        act: 0,
    };
    let both = [signed(&w, ticket, EVE), close(ticket, &[own])];
    assert_eq!(ask(&w.policy(), BEN, &both), Ok(of(ben)));
    assert_eq!(
        ask(&w.policy(), BEN, &[close(ticket, &[of(dan)])]),
        Err(Refused::UnknownAdmission)
    );
    assert_eq!(
        ask(&w.policy(), BEN, &[close(of(dan), &[])]),
        Err(Refused::UnknownInvite)
    );
    let early = w.by(ANA).does([invite(1)]);
    let cyn = w.by(ANA).does([grant(CYN, Role::Admin)]);
    assert_eq!(
        ask(&w.policy(), CYN, &[close(of(early), &[])]),
        Err(Refused::NotSenior)
    );
    assert_eq!(
        ask(&w.policy(), CYN, &[close(ticket, &[])]),
        Ok(of(cyn)),
        "Ben's is one level below"
    );
}

#[test]
fn an_admission_survives_the_wire_only_with_both_signatures() {
    let (w, _, dan, ticket) = office();
    let make = |acts: Vec<Act>| {
        let op = Op {
            version: OP_VERSION,
            pack: Some(w.pack),
            device: DAN.device(),
            person: DAN.person(),
            person_head: DAN.record().hash(),
            incarnation: Incarnation::from_bytes([0; 16]),
            cites: Some(of(dan)),
            seq: 0,
            prev: None,
            heads: w.policy().heads(),
            at: Timestamp::from_millis(1),
            body: Body::Acts(acts),
        };
        SignedOp::sign(op, &DAN.device_key())
    };
    let good = make(vec![signed(&w, ticket, EVE)]);
    assert_eq!(SignedOp::verify(good.bytes()).as_ref(), Ok(&good));
    assert!(SignedOp::verify(make(vec![w.admit(ticket, EVE)]).bytes()).is_err());
    let mut w = w.clone();
    let op = w.add(good);
    assert_eq!(w.policy().verdict(&op), Some(Verdict::Stands));
    assert!(w.policy().may_write(&EVE.person(), Sensitivity::Internal));
}

#[test]
fn whoever_opens_less_than_an_invite_that_asks_gives_is_told_before_signing() {
    let mut w = World::founded_by(ANA);
    w.by(ANA).does([grant(DAN, Role::Editor)]);
    let ticket = of(w.by(ANA).does([asking(1, Sensitivity::Confidential)]));
    let policy = w.policy();
    let admit = signed(&w, ticket, EVE);
    assert_eq!(
        ask(&policy, DAN, std::slice::from_ref(&admit)),
        Err(Refused::AdmitsAboveClearance)
    );
    assert_eq!(ask(&policy, ANA, &[admit]), Ok(w.founder()));
}
