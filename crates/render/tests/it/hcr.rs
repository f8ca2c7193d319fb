//! Notes as a Handoff Continuity Record: valid, bounded, and read back with every field.

use crate::sample::{any_head, any_note, any_receipt, plain_note};
use kitbag_render::{Format, Head, RenderError, Rendering, is_hostile};
use kitbag_rpc::{ExportedNote, Withheld};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::Value;
use std::collections::BTreeSet;

const EXTENSION: &str = "urn:kitbag:context-pack:1";

fn written(
    head: &Head,
    notes: &[ExportedNote],
    withheld: &Withheld,
) -> Result<String, RenderError> {
    let plan: Vec<String> = notes.iter().map(|note| note.id.clone()).collect();
    let (mut rendering, begun) = Rendering::begin(Format::Hcr, head, &plan, None);
    let mut text = begun;
    for (at, note) in notes.iter().enumerate() {
        text.extend(rendering.note(at, note, withheld)?);
    }
    let (end, rendered) = rendering.end(withheld)?;
    text.push_str(&end);
    assert_eq!(rendered.tokens, kitbag_render::tokens(&text));
    assert_eq!(rendered.notes, notes.len() as u64);
    Ok(text)
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn has_only(value: &Value, required: &[&str], optional: &[&str]) -> bool {
    let Some(object) = value.as_object() else {
        return false;
    };
    let known =
        |name: &String| required.contains(&name.as_str()) || optional.contains(&name.as_str());
    object.keys().all(known) && required.iter().all(|name| object.contains_key(*name))
}

/// What the schema of the record asks for, point by point.
fn is_valid(record: &Value) -> Result<(), TestCaseError> {
    let required = [
        "schemaVersion",
        "objective",
        "currentState",
        "decisions",
        "evidence",
        "constraints",
        "nextAction",
        "ownership",
        "openReview",
    ];
    prop_assert!(
        has_only(record, &required, &["recordId", "extensions"]),
        "{}",
        record
    );
    prop_assert_eq!(&record["schemaVersion"], "1.0");
    if let Some(id) = record.get("recordId") {
        let chars = id.as_str().unwrap().chars().count();
        prop_assert!((1..=200).contains(&chars));
    }
    let texts = |list: &Value| {
        let all = list.as_array().unwrap();
        let distinct: BTreeSet<&str> = all.iter().filter_map(Value::as_str).collect();
        all.iter().all(is_text) && distinct.len() == all.len()
    };
    let objective = &record["objective"];
    prop_assert!(has_only(objective, &["summary", "acceptanceCriteria"], &[]));
    prop_assert!(is_text(&objective["summary"]) && texts(&objective["acceptanceCriteria"]));
    let state = &record["currentState"];
    prop_assert!(has_only(
        state,
        &["complete", "inProgress", "blocked", "unverified"],
        &[]
    ));
    prop_assert!(state.as_object().unwrap().values().all(texts));
    for one in record["decisions"].as_array().unwrap() {
        prop_assert!(has_only(one, &["summary", "rationale", "status"], &[]));
        prop_assert!(is_text(&one["summary"]) && is_text(&one["rationale"]));
        prop_assert!(one["status"] == "active" || one["status"] == "superseded");
    }
    for one in record["evidence"].as_array().unwrap() {
        prop_assert!(has_only(
            one,
            &["id", "label", "artifactRef"],
            &["claim", "contentType"]
        ));
        prop_assert!(one.as_object().unwrap().values().all(is_text), "{}", one);
    }
    for one in record["constraints"].as_array().unwrap() {
        prop_assert!(has_only(one, &["kind", "text"], &[]));
        prop_assert!(is_text(&one["text"]));
        let kinds = ["permission", "safety", "exclusion", "other"];
        prop_assert!(kinds.contains(&one["kind"].as_str().unwrap()));
    }
    prop_assert!(has_only(
        &record["nextAction"],
        &["summary", "verification"],
        &[]
    ));
    prop_assert!(
        record["nextAction"]
            .as_object()
            .unwrap()
            .values()
            .all(is_text)
    );
    let actor = &record["ownership"]["nextActor"];
    prop_assert!(has_only(actor, &["id", "type"], &[]) && is_text(&actor["id"]));
    Ok(())
}

/// The notes that a record carries, put together by its page.
fn carried(record: &Value) -> Vec<ExportedNote> {
    let evidence = record["evidence"].as_array().unwrap();
    let notes = record["extensions"][EXTENSION]["notes"].as_array().unwrap();
    let mut claims = evidence.iter().filter_map(|one| one.get("claim"));
    let one = |note: &Value| {
        let mut note = note.clone();
        let fields = note.as_object_mut().unwrap();
        if fields.remove("body_is_claim").is_some() {
            fields.insert("body".into(), claims.next().unwrap().clone());
        }
        serde_json::from_value(note).unwrap()
    };
    notes.iter().map(one).collect()
}

/// Notes that stand in every list of a record.
fn any_place() -> impl Strategy<Value = ExportedNote> {
    let places = [
        None,
        Some("/objective/summary"),
        Some("/objective/acceptanceCriteria/0"),
        Some("/currentState/complete/3"),
        Some("/currentState/inProgress/0"),
        Some("/currentState/blocked/0"),
        Some("/currentState/unverified/0"),
    ];
    let types = prop::sample::select(vec!["note", "decision"]);
    let claims = prop::sample::select(vec![None, Some("directive")]);
    let place = prop::sample::select(places.to_vec());
    (any_note(), types, claims, place, any::<bool>()).prop_map(
        |(mut note, kind, claim, place, replaced)| {
            note.note_type = kind.to_owned();
            note.claim = claim.map(str::to_owned);
            if let Some(place) = place {
                note.source.app = Some("HCR".into());
                note.source.locator = Some(place.into());
            }
            if replaced {
                note.status = "superseded".into();
            }
            note
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: whatever the notes hold, the record is valid, shows nothing that a terminal would obey,
    /// gives back every field of every note, and is the same each time.
    #[test]
    fn a_record_is_valid_and_carries_everything(
        head in any_head(), notes in vec(any_place(), 0..6), receipt in any_receipt()
    ) {
        let text = written(&head, &notes, &receipt.withheld).unwrap();
        prop_assert_eq!(&text, &written(&head, &notes, &receipt.withheld).unwrap());
        prop_assert!(!text.chars().any(|c| is_hostile(c) && c != '\n'));
        prop_assert!(text.ends_with("}}}\n"), "its end");
        let record: Value = serde_json::from_str(&text).unwrap();
        is_valid(&record)?;
        prop_assert_eq!(carried(&record), notes);
        let ours = &record["extensions"][EXTENSION];
        prop_assert_eq!(&ours["withheld"], &serde_json::to_value(&receipt.withheld).unwrap());
        prop_assert_eq!(&ours["selection"], &serde_json::to_value(&head.selection).unwrap());
        let kinds = record["constraints"].as_array().unwrap().iter().map(|one| &one["kind"]);
        let stays = kinds.filter(|kind| **kind == "exclusion").count();
        prop_assert_eq!(stays, usize::from(receipt.withheld.notes > 0));
    }
}

fn head() -> Head {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    any_head().new_tree(&mut runner).unwrap().current()
}

#[test]
fn more_notes_than_a_record_holds_are_refused() {
    let notes: Vec<ExportedNote> = (0..=kitbag_render::HCR_NOTES_MAX)
        .map(|number| plain_note(&format!("n{number}"), 1))
        .collect();
    let all = written(&head(), &notes, &Withheld::default());
    assert_eq!(all, Err(RenderError::TooMuch));
    assert!(written(&head(), &notes[1..], &Withheld::default()).is_ok());
    let long = plain_note("long", 2_000_000);
    let long = written(&head(), &[long.clone(), long], &Withheld::default());
    assert_eq!(long, Err(RenderError::TooMuch));
}
