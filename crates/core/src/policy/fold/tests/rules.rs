//! Release rules in the fold: which acts are in force.

use super::order::{alphabet, check, check_orders, orders};
use super::world::*;
use crate::id::OpHash;
use crate::policy::Role;
use crate::policy::fold::{Invalid, Policy, Refused, Verdict};
use crate::policy::op::SignedOp;

fn in_force(policy: &Policy) -> Vec<OpHash> {
    policy.rules().iter().map(|rules| rules.op).collect()
}

fn sorted(mut ops: Vec<OpHash>) -> Vec<OpHash> {
    ops.sort();
    ops
}

#[test]
fn only_an_admin_sets_rules() {
    let Team { mut w, dan, .. } = team();
    let first = w.by(ANA).does([rules(1)]);
    let by_dan = w.by(DAN).citing(of(dan)).does([rules(2)]);
    let policy = w.policy();
    assert_eq!(
        policy.verdict(&by_dan),
        Some(Verdict::Invalid(Invalid::NeedsAdmin))
    );
    assert_eq!(in_force(&policy), [first]);
    let permit = |who: Who| policy.permit(&who.person(), &who.device(), &[rules(3)]);
    assert_eq!(permit(DAN), Err(Refused::NeedsAdmin));
    assert_eq!(permit(EVE), Err(Refused::NotAMember));
    assert!(permit(CYN).is_ok());
    let set = &policy.rules()[0];
    assert_eq!((set.device, set.sealed.len()), (ANA.device(), 200));
}

#[test]
fn rules_are_set_once_in_an_operation() {
    let Team { mut w, .. } = team();
    let twice = w.by(ANA).does([rules(1), rules(2)]);
    let policy = w.policy();
    assert_eq!(
        policy.verdict(&twice),
        Some(Verdict::Invalid(Invalid::Malformed))
    );
    assert!(policy.rules().is_empty());
    let asked = policy.permit(&ANA.person(), &ANA.device(), &[rules(1), rules(2)]);
    assert!(matches!(asked, Err(Refused::Malformed(_))), "{asked:?}");
}

#[test]
fn later_rules_replace_those_that_their_author_had_seen_and_no_others() {
    let Team { mut w, cyn, .. } = team();
    let first = w.by(ANA).does([rules(1)]);
    assert_eq!(in_force(&w.policy()), [first]);
    let bens = w.by(BEN).does([rules(2)]);
    let cyns = w.by(CYN).after(&[cyn, first]).does([rules(3)]);
    assert_eq!(in_force(&w.policy()), sorted(vec![bens, cyns]));
    let last = w.by(ANA).does([rules(4)]);
    assert_eq!(in_force(&w.policy()), [last]);
    assert_eq!(
        in_force(&w.policy_without(&[last])),
        sorted(vec![bens, cyns])
    );
}

/// Goal: an admin who is out neither sets rules nor takes any away, and what they set before stays.
#[test]
fn rules_of_a_removed_admin_count_up_to_the_cutoff() {
    let Team { mut w, cyn, .. } = team();
    let founders = w.by(ANA).does([rules(1)]);
    let bens = w.by(BEN).does([rules(2)]);
    let cutoffs = w.upto_now(BEN);
    let removal = w.by(ANA).does([remove_at(BEN, cutoffs)]);
    assert_eq!(in_force(&w.policy()), [bens], "set while he was an admin");
    let known: Vec<OpHash> = w.ops.iter().map(SignedOp::hash).collect();
    let unaware: Vec<OpHash> = known.into_iter().filter(|op| *op != removal).collect();
    let late = w.by(BEN).after(&unaware).does([rules(3)]);
    let policy = w.policy();
    assert!(matches!(policy.verdict(&late), Some(Verdict::Void(_))));
    assert_eq!(in_force(&policy), [bens], "too late");
    // Without a cutoff nothing of his counts, and what he replaced is in force again.
    let all = w
        .by(ANA)
        .after(&[founders])
        .incarnation(1)
        .does([remove(BEN)]);
    assert_eq!(in_force(&w.policy()), [founders], "{all}");
    // Whoever built on his void rules replaces what they had seen.
    let built = w.by(CYN).after(&[cyn, late]).does([rules(4)]);
    assert_eq!(in_force(&w.policy()), [built]);
}

#[test]
fn rules_of_whom_a_removed_admin_let_in_fall_with_them() {
    let Team { mut w, ben, .. } = team();
    let founders = w.by(ANA).does([rules(1)]);
    let eve = w.by(BEN).citing(of(ben)).does([grant(EVE, Role::Admin)]);
    let eves = w.by(EVE).citing(of(eve)).does([rules(2)]);
    assert_eq!(in_force(&w.policy()), [eves]);
    w.by(ANA).does([dropping(remove(BEN))]);
    assert_eq!(in_force(&w.policy()), [founders]);
}

/// Goal: a copy of an admin's device takes back nothing that its owner forbade. Both branches hold
/// until somebody sets rules anew, or a removal says which branch counts.
#[test]
fn rules_in_a_fork_hold_beside_what_they_would_replace() {
    let Team { mut w, ben, .. } = team();
    let founders = w.by(ANA).does([rules(1)]);
    let seen = [founders, ben];
    let one = w.by(BEN).after(&seen).citing(of(ben)).does([rules(2)]);
    assert_eq!(in_force(&w.policy()), [one]);
    let other = w.by(BEN).after(&seen).citing(of(ben)).does([rules(3)]);
    let above = w.by(BEN).after(&[one]).citing(of(ben)).does([rules(4)]);
    assert_eq!(
        in_force(&w.policy()),
        sorted(vec![founders, one, other, above])
    );
    let upto = vec![w.upto(above)];
    let settles = w.by(ANA).does([remove_at(BEN, upto)]);
    assert_eq!(
        in_force(&w.policy()),
        [above],
        "the other branch is beyond the cutoff"
    );
    let anew = w.by(ANA).does([rules(5)]);
    assert_eq!(
        in_force(&w.policy_without(&[settles])),
        sorted(vec![founders, one, other, above])
    );
    assert_eq!(in_force(&w.policy()), [anew]);
}

#[test]
fn parked_rules_do_nothing_until_what_they_cite_is_here() {
    let Team { mut w, .. } = team();
    let first = w.by(ANA).does([rules(1)]);
    let between = w.by(BEN).does([invite(1)]);
    let parked = w.by(CYN).does([rules(2)]);
    let policy = w.policy_without(&[between]);
    assert_eq!(policy.verdict(&parked), Some(Verdict::Parked));
    assert_eq!(in_force(&policy), [first]);
    assert_eq!(in_force(&w.policy()), [parked]);
}

/// Goal: with any two of the other operations, rules by each admin fold alike in every order, and as
/// the second fold says.
#[test]
fn rules_beside_every_pair_of_operations_fold_alike_in_every_order() {
    let (mut w, letters) = alphabet();
    w.by(ANA).does([rules(9)]);
    let founder = w.founder();
    let of_rules = [
        w.by(BEN).build(vec![rules(1)]),
        w.by(CYN).incarnation(5).build(vec![rules(2)]),
        w.by(ANA).citing(founder).build(vec![rules(3), remove(CYN)]),
    ];
    let triples = orders(3);
    for rules in &of_rules {
        for other in &of_rules {
            check(&w, &[rules, other]);
        }
        for (i, one) in letters.iter().enumerate() {
            for two in &letters[i + 1..] {
                check(&w, &[rules, one, two]);
                check_orders(&w, &[rules, one, two], &triples);
            }
        }
    }
}

#[test]
fn rules_in_a_view_of_the_past_are_those_of_then() {
    let Team { mut w, .. } = team();
    let first = w.by(ANA).does([rules(1)]);
    let heads = w.policy().heads();
    w.by(BEN).does([rules(2)]);
    let then = w.policy().at(&heads).expect("heads of this pack");
    assert_eq!(in_force(&then), [first]);
}
