//! The fold against the second one, on as many sets of operations as there is time for.
//!
//! `KITBAG_FOLD_SETS` random sets (800) are compared, for at most `KITBAG_FOLD_SECONDS` (600);
//! reaching fewer than `KITBAG_FOLD_FLOOR` (as many as were asked for) is a failure.
//! `KITBAG_FOLD_FIRST` is the first seed. `KITBAG_FOLD_SIZE` (3) is how many of the sixteen
//! concurrent operations of the alphabet stand in one set at most; 16 means every set there is.

#![expect(
    clippy::disallowed_methods,
    reason = "how far a proof goes is said from outside, and by the clock"
)]

use super::oracle::answers;
use super::order::{alphabet, of_fold};
use super::random::{Dice, STYLE, Style, history};
use super::world::everybody;
use crate::policy::fold::Policy;
use crate::policy::op::SignedOp;
use std::time::{Duration, Instant};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

/// Sets drawn from one history: making a history costs more than comparing a set.
const SETS_PER_HISTORY: u64 = 16;

#[test]
fn both_folds_agree_on_many_random_sets() {
    let sets = number("KITBAG_FOLD_SETS", 800);
    let first = number("KITBAG_FOLD_FIRST", 0);
    let floor = number("KITBAG_FOLD_FLOOR", sets);
    let limit = Duration::from_secs(number("KITBAG_FOLD_SECONDS", 600));
    let started = Instant::now();
    let (mut done, mut seed, mut sizes, mut parked) = (0, first, 0, 0);
    while done < sets && started.elapsed() < limit {
        let mut dice = Dice::new(0x0005_ca1e_0000_0000 + seed);
        let style = Style {
            steps: 4 + dice.below(12),
            informed: 20 + dice.below(60),
            forks: dice.below(12),
            ..STYLE
        };
        let w = history(&mut dice, style);
        for nth in 0..SETS_PER_HISTORY {
            let set = subset(&mut dice, &w, nth);
            let persons = if dice.chance(80) {
                everybody()
            } else {
                dice.subset(&everybody(), 80)
            };
            let policy = Policy::fold(w.pack, set.clone(), persons.clone());
            let mut of_second = answers(w.pack, &set, &persons);
            of_second.keys.retain(|name| {
                policy
                    .grant(name)
                    .is_some_and(|info| persons.iter().any(|p| p.person() == info.person))
            });
            assert_eq!(of_fold(&policy), of_second, "seed {seed}, set {nth}");
            sizes += set.len();
            parked += of_second.parked.len();
            done += 1;
        }
        seed += 1;
    }
    println!(
        "{done} sets of {} histories agree, {:.1} operations in each, {parked} of them parked, in {:.0} s",
        seed - first,
        sizes as f64 / done as f64,
        started.elapsed().as_secs_f64()
    );
    assert!(done >= floor, "only {done} sets of at least {floor}");
}

/// Everything; or a closed past; or what is left when some operations are missing.
fn subset(dice: &mut Dice, w: &super::world::World, nth: u64) -> Vec<SignedOp> {
    let all: Vec<_> = w.ops.iter().map(SignedOp::hash).collect();
    let mut set = match nth {
        0 => w.ops.clone(),
        n if n % 2 == 0 => {
            let percent = 15 + dice.below(70);
            let heads = dice.subset(&all, percent);
            let past = w.with_past(&heads);
            let within = |op: &&SignedOp| past.contains(&op.hash());
            w.ops.iter().filter(within).cloned().collect()
        }
        _ => {
            let percent = 60 + dice.below(38);
            dice.subset(&w.ops, percent)
        }
    };
    dice.shuffle(&mut set);
    set
}

/// Goal: no set of the alphabet's operations, up to the size asked for, folds otherwise than in the
/// second fold.
#[test]
fn both_folds_agree_on_every_set_of_the_alphabet() {
    let size = number("KITBAG_FOLD_SIZE", 3) as u32;
    let (w, letters) = alphabet();
    let (mut sets, mut members) = (0u64, 0);
    for bits in 0..1u32 << letters.len() {
        if bits.count_ones() > size {
            continue;
        }
        let chosen = letters
            .iter()
            .enumerate()
            .filter(|(i, _)| bits >> i & 1 == 1)
            .map(|(_, letter)| letter);
        let ops: Vec<SignedOp> = w.ops.iter().chain(chosen).cloned().collect();
        let policy = Policy::fold(w.pack, ops.clone(), everybody());
        assert_eq!(
            of_fold(&policy),
            answers(w.pack, &ops, &everybody()),
            "set {bits:#b}"
        );
        sets += 1;
        members += policy.members().count();
    }
    println!(
        "{sets} sets of at most {size} of {} concurrent operations agree; {:.1} members each",
        letters.len(),
        members as f64 / sets as f64
    );
    assert!(sets > 16, "{sets} sets are no proof");
}
