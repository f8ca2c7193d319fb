//! A document within a budget: it fits, it keeps what matters most, it says what it left out, and notes
//! that change between the two readings do not make it longer.

use crate::sample::plain_note;
use kitbag_render::{
    Choice, Exported, Format, Head, JsonLine, Limit, Overflow, RenderError, Rendered, Rendering,
    Selection, Weighing, tokens,
};
use kitbag_rpc::{ExportedNote, ExportedPack, Listed, NoteFilter, Sensitivity, Withheld};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn head() -> Head {
    Head {
        pack: ExportedPack {
            id: "thepack".into(),
            title: "Acme".into(),
        },
        packs: vec![],
        selection: Selection {
            max_sensitivity: Sensitivity::Internal,
            purpose: None,
            client: None,
            crosses_clients: false,
            listed: Listed::Kept,
            filter: NoteFilter::default(),
            redact_pii: false,
        },
    }
}

/// As long and as mixed as an id is.
fn id(number: usize) -> String {
    format!("{number:04}abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnop")
}

fn notes(lengths: &[usize]) -> Vec<ExportedNote> {
    let numbered = lengths.iter().enumerate();
    numbered
        .map(|(i, words)| plain_note(&id(i), *words))
        .collect()
}

fn plan(notes: &[ExportedNote]) -> Vec<String> {
    notes.iter().map(|note| note.id.clone()).collect()
}

fn choose(
    format: Format,
    notes: &[ExportedNote],
    max_tokens: u64,
    on_overflow: Overflow,
) -> Result<Choice, RenderError> {
    let mut weighing = Weighing::new(format, &head());
    for (at, note) in notes.iter().enumerate() {
        weighing.note(at, note);
    }
    let limit = Limit {
        max_tokens,
        on_overflow,
    };
    weighing.choose(limit, &plan(notes), &Withheld::default())
}

/// The second reading; a note that is not there any more is counted as withheld.
fn render(
    format: Format,
    notes: &[ExportedNote],
    plan: &[String],
    choice: Option<Choice>,
) -> Result<(String, Rendered), RenderError> {
    let places = match &choice {
        Some(choice) => choice.places(),
        None => (0..plan.len()).collect(),
    };
    let mut withheld = Withheld::default();
    let (mut rendering, mut text) = Rendering::begin(format, &head(), plan, choice);
    for at in places {
        let Some(note) = notes.iter().find(|note| note.id == plan[at]) else {
            withheld.notes += 1;
            withheld.deleted += 1;
            continue;
        };
        text.extend(rendering.note(at, note, &withheld)?);
    }
    let (foot, rendered) = rendering.end(&withheld)?;
    Ok((text + &foot, rendered))
}

fn whole(format: Format, notes: &[ExportedNote]) -> (String, Rendered) {
    render(format, notes, &plan(notes), None).unwrap()
}

fn trimmed(format: Format, notes: &[ExportedNote], max: u64) -> (String, Rendered) {
    let choice = choose(format, notes, max, Overflow::Trim).unwrap();
    render(format, notes, &plan(notes), Some(choice)).unwrap()
}

/// Goal: what is counted is the whole text, so that anybody can count it again.
#[test]
fn the_count_is_that_of_the_whole_document() {
    for format in Format::ALL {
        let (text, rendered) = whole(format, &notes(&[3, 0, 40]));
        assert_eq!(rendered.tokens, tokens(&text), "{format:?}");
        assert_eq!((rendered.notes, rendered.over_budget.len()), (3, 0));
    }
}

/// Goal: a document that fits is the one without a budget, but for what its receipt says of the budget;
/// one token less, and it fails, or leaves a note out.
#[test]
fn the_bound_is_exact() {
    let notes = notes(&[30, 30, 30]);
    for format in Format::ALL {
        let (needed, over) = match choose(format, &notes, 1, Overflow::Fail) {
            Err(RenderError::OverBudget { tokens, max_tokens }) => (tokens, max_tokens),
            other => panic!("{other:?}"),
        };
        assert_eq!(over, 1);
        // The bound itself stands in the receipt, and takes a few tokens.
        let fits = (needed..needed + 8)
            .find(|max| choose(format, &notes, *max, Overflow::Fail).is_ok())
            .unwrap();
        let (text, rendered) = trimmed(format, &notes, fits);
        assert_eq!(rendered.notes, 3, "{format:?}");
        assert!(
            rendered.tokens <= fits && fits - rendered.tokens < 8,
            "{text}"
        );
        let (shorter, rendered) = trimmed(format, &notes, fits - 8);
        assert_eq!(rendered.notes, 2, "{format:?}: {shorter}");
        assert_eq!(rendered.over_budget, [id(0)], "the oldest goes first");
        assert!(shorter.contains(&id(0)), "the receipt names it");
        assert!(!shorter.contains("About 0000"), "and the note is not there");
    }
}

/// Goal: pinned notes stay longest, then those that were captured last; the order in the document stays
/// that of the plan.
#[test]
fn what_matters_most_stays() {
    let mut all = notes(&[20; 10]);
    all[0].pinned = true;
    all[4].pinned = true;
    let full = whole(Format::Jsonl, &all).1.tokens;
    let mut seen = BTreeSet::new();
    for max in (1..full + 100).rev().step_by(20) {
        let Ok(choice) = choose(Format::Jsonl, &all, max, Overflow::Trim) else {
            continue;
        };
        let places = choice.places();
        let ranked = [4, 0, 9, 8, 7, 6, 5, 3, 2, 1];
        let mut expected = ranked[..places.len()].to_vec();
        expected.sort_unstable();
        assert_eq!(places, expected);
        seen.insert(places.len());
        let (text, rendered) = render(Format::Jsonl, &all, &plan(&all), Some(choice)).unwrap();
        assert!(rendered.tokens <= max && rendered.tokens == tokens(&text));
        let out = ranked[places.len()..].iter().map(|at| id(*at));
        assert_eq!(rendered.over_budget, out.collect::<Vec<_>>());
        let receipt = text.lines().last().unwrap();
        let JsonLine::Receipt { receipt } = serde_json::from_str(receipt).unwrap() else {
            panic!("{receipt}")
        };
        let budget = receipt.budget.unwrap();
        assert_eq!(budget.notes, rendered.over_budget.len() as u64);
        let named = rendered.over_budget.iter().take(8).cloned();
        assert_eq!(budget.over_budget, named.collect::<Vec<_>>());
    }
    assert_eq!(seen, (0..=10).collect(), "every length was met");
}

/// Goal: one note that is longer than the budget does not keep all others out.
#[test]
fn a_note_that_can_never_fit_goes_first() {
    let mut all = notes(&[20, 20_000, 20, 20]);
    all[1].pinned = true;
    for format in Format::ALL {
        let (_, rendered) = trimmed(format, &all, 4_000);
        assert_eq!(rendered.over_budget, [id(1)], "{format:?}");
    }
}

/// Goal: many notes that are left out cost a bounded part of the budget, and are all counted.
#[test]
fn the_receipt_of_many_is_short() {
    let all = notes(&[10; 3_000]);
    for format in Format::ALL {
        let (text, rendered) = trimmed(format, &all, 8_000);
        assert_eq!(rendered.notes + rendered.over_budget.len() as u64, 3_000);
        assert!(rendered.tokens > 7_500, "{}", rendered.tokens);
        let named = rendered.over_budget.iter().filter(|id| text.contains(*id));
        assert_eq!(named.count(), 20, "{format:?}");
        assert!(text.contains(&rendered.over_budget.len().to_string()));
    }
    let (text, _) = trimmed(Format::Json, &all, 8_000);
    let read: Exported = serde_json::from_str(&text).unwrap();
    assert_eq!(read.budget.unwrap().max_tokens, 8_000);
}

/// Goal: where not even the receipt has room, nothing is written, and it is said what it takes.
#[test]
fn a_budget_below_head_and_receipt_fails_whatever_was_said() {
    let all = notes(&[20; 3]);
    for format in Format::ALL {
        for overflow in Overflow::ALL {
            let failed = choose(format, &all, 20, overflow).unwrap_err();
            let RenderError::OverBudget { tokens, max_tokens } = failed else {
                panic!("{failed:?}")
            };
            assert!(tokens > max_tokens, "{failed}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: whatever happens to notes between the two readings, a document that is finished keeps its
    /// bound, and has each note of the plan once: in it, left out, or withheld.
    #[test]
    fn notes_that_change_meanwhile_do_not_break_the_bound(
        lengths in vec(0..60usize, 1..30),
        changes in vec((0..30usize, 0..4u8, 0..400usize), 0..12),
        pins in vec(any::<bool>(), 30),
        share in 1..120u64,
        format in prop::sample::select(&Format::ALL[..]),
        overflow in prop::sample::select(&Overflow::ALL[..]),
    ) {
        let mut all = notes(&lengths);
        for (note, pin) in all.iter_mut().zip(&pins) {
            note.pinned = *pin;
        }
        let plan = plan(&all);
        let max = whole(format, &all).1.tokens * share / 100;
        let Ok(choice) = choose(format, &all, max, overflow) else { return Ok(()) };
        let chosen = choice.places().len();
        for (at, what, length) in changes {
            let Some(at) = all.len().checked_sub(1).map(|last| at.min(last)) else { break };
            match what {
                0 => { all.remove(at); }
                1 => all[at].pinned = !all[at].pinned,
                _ => all[at].body = "word\n".repeat(length),
            }
        }
        match render(format, &all, &plan, Some(choice)) {
            Ok((text, rendered)) => {
                prop_assert!(rendered.tokens <= max);
                prop_assert_eq!(rendered.tokens, tokens(&text));
                prop_assert!(rendered.notes <= chosen as u64);
                let out: BTreeSet<&String> = rendered.over_budget.iter().collect();
                prop_assert_eq!(out.len(), rendered.over_budget.len());
                prop_assert!(out.len() as u64 + rendered.notes <= plan.len() as u64);
            }
            Err(error) => prop_assert_eq!(error, RenderError::Changed { max_tokens: max }),
        }
    }

    /// Goal: without changes a budget is never missed: what was chosen is what is written.
    #[test]
    fn what_was_chosen_is_written(
        lengths in vec(0..60usize, 0..30),
        share in 1..120u64,
        format in prop::sample::select(&Format::ALL[..]),
    ) {
        let all = notes(&lengths);
        let max = whole(format, &all).1.tokens * share / 100;
        let Ok(choice) = choose(format, &all, max, Overflow::Trim) else { return Ok(()) };
        let chosen = choice.places().len();
        let (text, rendered) = render(format, &all, &plan(&all), Some(choice)).unwrap();
        prop_assert!(rendered.tokens <= max && rendered.tokens == tokens(&text));
        prop_assert_eq!(rendered.notes, chosen as u64);
        prop_assert_eq!(rendered.notes + rendered.over_budget.len() as u64, all.len() as u64);
    }
}
