//! Random histories: hostile and honest operations over partial views, from seeds that a failure prints.

use super::oracle::{answers, self_consistent_removes};
use super::order::of_fold;
use super::world::*;
use crate::id::OpHash;
use crate::policy::fold::{Denial, Invalid, Policy, Verdict};
use crate::policy::op::{Act, GrantRef, LateDenials, SignedOp};
use crate::policy::{Role, Sensitivity};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeSet;

/// A seeded source of choices.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n.max(1) as u64) as usize
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        for i in (1..things.len()).rev() {
            things.swap(i, self.below(i + 1));
        }
    }

    pub(super) fn subset<T: Clone>(&mut self, of: &[T], percent: usize) -> Vec<T> {
        of.iter()
            .filter(|_| self.chance(percent))
            .cloned()
            .collect()
    }
}

/// How a history is made.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) steps: usize,
    pub(super) drop: bool,
    /// Percent of operations whose author has seen everything.
    pub(super) informed: usize,
    /// Percent of operations whose author forgot its own newest ones.
    pub(super) forks: usize,
}

pub(super) const STYLE: Style = Style {
    steps: 10,
    drop: true,
    informed: 40,
    forks: 5,
};

/// A few admins in some hierarchy and a ticket, then whatever happens.
pub(super) fn history(dice: &mut Dice, style: Style) -> World {
    let mut w = World::founded_by(ANA);
    let ben = of(w.by(ANA).does([grant(BEN, Role::Admin)]));
    let (maker, cited) = if dice.chance(50) {
        (ANA, w.founder())
    } else {
        (BEN, ben)
    };
    let ticket = if dice.chance(40) {
        asking(2, dice.pick(&Sensitivity::ALL))
    } else {
        invite(2)
    };
    w.by(maker)
        .citing(cited)
        .does([grant(CYN, Role::Admin), ticket]);
    for _ in 0..style.steps {
        step(&mut w, dice, style);
    }
    w
}

/// A history of this many steps in the usual style.
pub(super) fn history_of(dice: &mut Dice, steps: usize) -> World {
    history(dice, Style { steps, ..STYLE })
}

/// One more operation, by somebody whom some grant in their view names.
fn step(w: &mut World, dice: &mut Dice, style: Style) {
    let view = view(w, dice, style);
    let ops: Vec<SignedOp> = w
        .ops
        .iter()
        .filter(|op| view.contains(&op.hash()))
        .cloned()
        .collect();
    let policy = Policy::fold(w.pack, ops, everybody());
    let named = |who: &Who| grants_of(&policy, *who).next().is_some();
    let who = dice.pick(&EVERYBODY.into_iter().filter(named).collect::<Vec<_>>());
    let own: Vec<GrantRef> = grants_of(&policy, who).map(|(name, _)| name).collect();
    let cited = dice.pick(&own);
    let role = policy.grant(&cited).map_or(Role::Reader, |info| info.role);
    let acts = acts(w, dice, &policy, role, style);
    let mut view: Vec<OpHash> = view.into_iter().collect();
    if !dice.chance(style.forks) {
        view.extend(
            w.ops
                .iter()
                .filter(|op| op.op().device == who.device())
                .map(SignedOp::hash),
        );
    }
    let incarnation = if dice.chance(20) { 1 } else { 0 };
    w.by(who)
        .after(&view)
        .citing(cited)
        .incarnation(incarnation)
        .does(acts);
}

fn view(w: &World, dice: &mut Dice, style: Style) -> BTreeSet<OpHash> {
    let all: Vec<OpHash> = w.ops.iter().map(SignedOp::hash).collect();
    let mut seen = if dice.chance(style.informed) {
        all
    } else {
        dice.subset(&all, 30)
    };
    seen.push(w.ops[2].hash());
    w.with_past(&seen)
}

fn acts(w: &World, dice: &mut Dice, policy: &Policy, role: Role, style: Style) -> Vec<Act> {
    let count = if dice.chance(20) { 2 } else { 1 };
    let mut acts: Vec<Act> = Vec::new();
    while acts.len() < count {
        let act = if role == Role::Admin {
            admin_act(w, dice, policy, style)
        } else {
            member_act(w, dice, policy)
        };
        acts.extend(act);
    }
    acts
}

fn admin_act(w: &World, dice: &mut Dice, policy: &Policy, style: Style) -> Option<Act> {
    let whom = dice.pick(&EVERYBODY);
    match dice.below(14) {
        0..=2 => Some(grant(
            whom,
            dice.pick(&[
                Role::Admin,
                Role::Admin,
                Role::Editor,
                Role::Reader,
                Role::Courier,
            ]),
        )),
        3..=5 => {
            let late_denials = if style.drop && dice.chance(30) {
                LateDenials::Drop
            } else {
                LateDenials::Keep
            };
            let cutoffs = cutoffs(w, dice, policy, whom);
            Some(Act::Remove {
                person: whom.person(),
                cutoffs,
                late_denials,
            })
        }
        6 if dice.chance(50) => Some(asking(
            1 + dice.below(2) as u32,
            dice.pick(&Sensitivity::ALL),
        )),
        6 => Some(invite(1 + dice.below(2) as u32)),
        7 | 8 => closing(dice, policy),
        9 | 10 => Some(rules(dice.below(200) as u8)),
        _ => admitting(w, dice, policy),
    }
}

fn member_act(w: &World, dice: &mut Dice, policy: &Policy) -> Option<Act> {
    match dice.below(8) {
        0 | 1 => leave_now(),
        2 => Some(grant(dice.pick(&EVERYBODY), Role::Admin)),
        3 => Some(rules(0)),
        _ => admitting(w, dice, policy).or_else(leave_now),
    }
}

fn leave_now() -> Option<Act> {
    Some(leave())
}

fn admitting(w: &World, dice: &mut Dice, policy: &Policy) -> Option<Act> {
    let invites: Vec<GrantRef> = policy.invites().map(|(name, _)| name).collect();
    let joiner = dice.pick(&EVERYBODY);
    (!invites.is_empty()).then(|| w.admit(dice.pick(&invites), joiner))
}

fn closing(dice: &mut Dice, policy: &Policy) -> Option<Act> {
    let invites: Vec<_> = policy.invites().collect();
    if invites.is_empty() {
        return None;
    }
    let (name, info) = dice.pick(&invites);
    let admitted: Vec<GrantRef> = info
        .admissions
        .iter()
        .map(|admission| admission.grant)
        .collect();
    Some(close(name, &dice.subset(&admitted, 60)))
}

/// For each log of the target in view: nothing, its newest operation, or some earlier one.
fn cutoffs(
    w: &World,
    dice: &mut Dice,
    policy: &Policy,
    whom: Who,
) -> Vec<crate::policy::op::Cutoff> {
    let mut cutoffs: std::collections::BTreeMap<_, _> = Default::default();
    for op in policy
        .ops()
        .filter(|op| op.op().device == whom.device() && op.op().pack.is_some())
    {
        if dice.chance(60) {
            cutoffs.insert(op.log(), w.upto(op.hash()));
        }
    }
    cutoffs.into_values().collect()
}

fn seeds(count: u64) -> impl Iterator<Item = (u64, Dice)> {
    (0..count).map(|seed| (seed, Dice::new(seed)))
}

#[test]
fn both_folds_agree_on_random_histories_whatever_is_missing() {
    for (seed, mut dice) in seeds(200) {
        let w = history(&mut dice, STYLE);
        let mut here = w.ops.clone();
        if dice.chance(50) {
            here = dice.subset(&here, 85);
        }
        dice.shuffle(&mut here);
        let persons = if dice.chance(80) {
            everybody()
        } else {
            dice.subset(&everybody(), 80)
        };
        let policy = Policy::fold(w.pack, here.clone(), persons.clone());
        let mut of_second = answers(w.pack, &here, &persons);
        of_second.keys.retain(|name| {
            policy
                .grant(name)
                .is_some_and(|info| persons.iter().any(|p| p.person() == info.person))
        });
        assert_eq!(of_fold(&policy), of_second, "seed {seed}");
    }
}

#[test]
fn the_removes_that_count_are_the_only_set_that_voids_exactly_the_others() {
    let mut tried = 0;
    for (seed, mut dice) in seeds(120) {
        let w = history(&mut dice, STYLE);
        let Some(sets) = self_consistent_removes(w.pack, &w.ops, &everybody(), 6) else {
            continue;
        };
        let policy = w.policy();
        let counts = |denial: &Denial| policy.verdict(&denial.op) == Some(Verdict::Stands);
        let removes = |op: &SignedOp| -> Vec<Denial> {
            let acts = op
                .acts()
                .iter()
                .enumerate()
                .filter(|(_, act)| matches!(act, Act::Remove { .. }));
            acts.map(|(i, _)| Denial {
                op: op.hash(),
                act: i as u32,
            })
            .collect()
        };
        let counted: BTreeSet<Denial> = policy.ops().flat_map(removes).filter(counts).collect();
        assert_eq!(sets, [counted], "seed {seed}");
        tried += 1;
    }
    assert!(tried > 50, "{tried} histories were small enough");
}

/// Pitfall 12: concurrent admin wars left nobody in charge.
#[test]
fn random_admin_wars_never_reach_zero_admins() {
    for (seed, mut dice) in seeds(120) {
        let w = history(&mut dice, Style { steps: 16, ..STYLE });
        let policy = w.policy();
        let ana = policy.member(&ANA.person());
        assert!(
            ana.is_some_and(|ana| ana.role() == Role::Admin && ana.has_keys()),
            "seed {seed}"
        );
        assert!(
            policy.may_write(&ANA.person(), Sensitivity::Restricted),
            "seed {seed}"
        );
    }
}

#[test]
fn without_drop_no_further_record_takes_a_denial_away() {
    for (seed, mut dice) in seeds(120) {
        let w = history(
            &mut dice,
            Style {
                drop: false,
                steps: 12,
                ..STYLE
            },
        );
        let all: Vec<OpHash> = w.ops.iter().map(SignedOp::hash).collect();
        let fewer = dice.subset(&all, 70);
        let closed = w.with_past(&fewer);
        let early = Policy::fold(
            w.pack,
            w.ops
                .iter()
                .filter(|op| closed.contains(&op.hash()))
                .cloned(),
            everybody(),
        );
        let late = w.policy();
        assert!(early.denials().is_subset(late.denials()), "seed {seed}");
        let torn = Policy::fold(
            w.pack,
            w.ops
                .iter()
                .filter(|op| fewer.contains(&op.hash()))
                .cloned(),
            everybody(),
        );
        let lost: Vec<&Denial> = torn.denials().difference(late.denials()).collect();
        let excused =
            |denial: &&Denial| matches!(late.verdict(&denial.op), Some(Verdict::Invalid(_)));
        assert!(
            lost.iter().all(excused),
            "seed {seed}: a parked denial may turn out invalid, and only that"
        );
    }
}

#[test]
fn later_operations_of_the_removed_and_of_whom_they_let_in_change_nothing() {
    for (seed, mut dice) in seeds(120) {
        let mut w = history(&mut dice, Style { steps: 8, ..STYLE });
        let cutoffs = if dice.chance(70) {
            w.upto_now(BEN)
        } else {
            Vec::new()
        };
        let founder = w.founder();
        let removal = w
            .by(ANA)
            .citing(founder)
            .incarnation(9)
            .does([dropping(remove_at(BEN, cutoffs))]);
        let before = w.policy();
        let old: BTreeSet<GrantRef> = grants_of(&before, BEN)
            .filter(|(_, info)| !info.live)
            .map(|(name, _)| name)
            .collect();
        let tainted = continue_as_removed(&mut w, &mut dice, &old, removal);
        let after = w.policy();
        let untouched = |policy: &Policy| -> Vec<_> {
            policy
                .members()
                .flat_map(|member| member.grants.iter().cloned())
                .collect()
        };
        assert_eq!(untouched(&before), untouched(&after), "seed {seed}");
        assert_eq!(before.denials(), after.denials(), "seed {seed}");
        assert_eq!(before.rules(), after.rules(), "seed {seed}");
        for (name, invite) in before.invites() {
            assert_eq!(
                after.invite(&name).map(|later| later.state),
                Some(invite.state),
                "seed {seed}"
            );
        }
        for op in &tainted {
            assert!(
                !matches!(after.verdict(op), Some(Verdict::Stands | Verdict::Held)),
                "seed {seed}"
            );
        }
    }
}

/// Operations by Ben under dead grants, and by whoever got a grant through those.
fn continue_as_removed(
    w: &mut World,
    dice: &mut Dice,
    old: &BTreeSet<GrantRef>,
    removal: OpHash,
) -> Vec<OpHash> {
    let mut usable: Vec<(Who, GrantRef)> = old.iter().map(|grant| (BEN, *grant)).collect();
    let mut tainted = Vec::new();
    for _ in 0..6 {
        if usable.is_empty() {
            break;
        }
        let (who, cited) = dice.pick(&usable);
        let knows = dice.chance(50);
        let seen: Vec<OpHash> = w
            .ops
            .iter()
            .map(SignedOp::hash)
            .filter(|op| knows || *op != removal)
            .collect();
        let policy = w.policy();
        let admin = policy
            .grant(&cited)
            .is_some_and(|info| info.role == Role::Admin);
        let whom = dice.pick(&EVERYBODY);
        let acts = match dice.below(5) {
            4 if admin => vec![rules(7)],
            0 if admin => vec![remove(whom)],
            1 if admin => closing(dice, &policy).into_iter().collect(),
            2 => admitting(w, dice, &policy).into_iter().collect(),
            _ if admin => vec![grant(whom, Role::Admin)],
            _ => vec![leave()],
        };
        if acts.is_empty() || policy.grant(&cited).is_none() {
            continue;
        }
        let gave = matches!(acts[0], Act::Grant { .. });
        let op = w.by(who).after(&seen).citing(cited).does(acts);
        tainted.push(op);
        if gave {
            usable.push((whom, of(op)));
        }
    }
    tainted
}

#[test]
fn what_is_permitted_stands_once_it_is_made() {
    let mut permitted = 0;
    for (seed, mut dice) in seeds(120) {
        let mut w = history(&mut dice, Style { forks: 0, ..STYLE });
        for who in EVERYBODY {
            let policy = w.policy();
            let acts = acts(&w, &mut dice, &policy, Role::Admin, STYLE);
            if acts.iter().any(|act| matches!(act, Act::Admit { .. })) {
                continue;
            }
            let Ok(cited) = policy.permit(&who.person(), &who.device(), &acts) else {
                continue;
            };
            permitted += 1;
            let heads = policy.heads();
            let op = w
                .by(who)
                .after(&heads)
                .citing(cited)
                .incarnation(7)
                .does(acts.clone());
            let after = w.policy();
            assert_eq!(
                after.verdict(&op),
                Some(Verdict::Stands),
                "seed {seed}: {acts:?}"
            );
            for act in &acts {
                if let (Act::Remove { person, .. }, 1) = (act, acts.len()) {
                    assert!(
                        after.member(person).is_none(),
                        "seed {seed}: removed and still here"
                    );
                }
            }
        }
    }
    assert!(permitted > 100, "{permitted} of the acts were permitted");
}

#[test]
fn the_fold_of_all_heads_is_the_fold() {
    for (seed, mut dice) in seeds(100) {
        let policy = history(&mut dice, STYLE).policy();
        let again = policy.at(&policy.heads()).expect("own heads");
        let members = |policy: &Policy| policy.members().cloned().collect::<Vec<_>>();
        assert_eq!(members(&policy), members(&again), "seed {seed}");
        assert_eq!(again.heads(), policy.heads(), "seed {seed}");
    }
}

#[test]
fn garbage_graphs_do_not_panic_and_give_nobody_anything() {
    for (seed, mut dice) in seeds(120) {
        let mut w = history(&mut dice, Style { steps: 5, ..STYLE });
        for _ in 0..8 {
            let mut op = dice.pick(&w.ops).op().clone();
            let other = dice.pick(&w.ops);
            match dice.below(9) {
                0 => op.seq = [0, 1, u64::MAX, u64::MAX - 1][dice.below(4)],
                1 => op.prev = Some(other.hash()),
                2 => op.heads = vec![other.hash(), OpHash::from_bytes([5; 32])],
                3 => op.cites = Some(nth(other.hash(), dice.below(3) as u32)),
                4 => op.body = other.op().body.clone(),
                5 => op.person = EVE.person(),
                6 => op.person_head = FAY.record().hash(),
                7 => op.cites = None,
                _ => op.device = BEN.device(),
            }
            op.pack = Some(w.pack);
            w.add(SignedOp::danger_unsigned(op));
        }
        let policy = w.policy();
        assert!(policy.member(&ANA.person()).is_some(), "seed {seed}");
        let ops = w.ops.clone();
        assert_eq!(
            of_fold(&policy),
            answers(w.pack, &ops, &everybody()),
            "seed {seed}"
        );
        for who in EVERYBODY {
            let _ = policy.standing(&who.endpoint());
            let _ = policy.ended_ops_for(&who.endpoint());
        }
        let _ = (policy.log_heads(), policy.heads());
        assert!(policy.ops().all(|op| policy.verdict(&op.hash()).is_some()));
        assert_ne!(
            policy.verdict(&w.genesis()),
            Some(Verdict::Invalid(Invalid::Malformed))
        );
    }
}
