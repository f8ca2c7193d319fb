//! What is written is read back, whatever it says; what is changed wrongly says where.

use super::*;
use crate::handoff::template::Template;
use crate::handoff::{Addressee, Mode, Reason};
use crate::id::Timestamp;
use crate::pack::ChangeHash;
use crate::policy::Role;
use proptest::prelude::*;

fn note(n: u8) -> ItemId {
    ItemId::from_bytes([n; 32])
}

fn draft() -> Draft {
    let reason = Reason {
        code: "other".to_owned(),
        text: String::new(),
        rule: None,
    };
    let to = Addressee::Role(Role::Editor);
    Draft::new(
        Mode::Transfer,
        to,
        reason,
        "They want to cancel.".to_owned(),
    )
}

fn full() -> Draft {
    Draft {
        subject: Some("Reservation".to_owned()),
        needs: vec!["A refund".to_owned(), "two\nlines".to_owned()],
        facts: vec![Fact {
            text: "Booked in May".to_owned(),
            item: note(1),
            heads: Heads::new([ChangeHash([7; 32])]),
            quote: Some("created_at\nMay".to_owned()),
        }],
        tried: vec![Attempt {
            action: "Cancel".to_owned(),
            outcome: Tried::Failed,
            item: Some(note(2)),
        }],
        decisions: vec![Decided {
            summary: "No voucher".to_owned(),
            rationale: "regular member".to_owned(),
        }],
        next_steps: vec![NextStep {
            text: "Decide".to_owned(),
            owner: Some("exceptions team".to_owned()),
            due: Some(Timestamp::from_millis(5)),
        }],
        transcript: Some(note(3)),
        ..draft()
    }
}

#[test]
fn a_draft_is_read_back_as_it_was_in_every_template() {
    for template in Template::built_in() {
        let text = write(&template, &full());
        let read = read(&template, &text, &full()).unwrap();
        assert_eq!((read.draft, read.to_pin), (full(), vec![]), "{text}");
    }
    let template = Template::named("handoff.support.v1").unwrap();
    let text = write(&template, &full());
    assert!(text.starts_with("## Summary\n<!-- What happened"), "{text}");
    assert!(text.contains("- failed: Cancel ["), "{text}");
    assert!(text.contains("  because: regular member\n"), "{text}");
    assert!(text.find("## Needs").unwrap() < text.find("## Already tried").unwrap());
}

#[test]
fn what_somebody_changes_is_taken_and_new_notes_are_to_be_pinned() {
    let template = Template::named("handoff.support.v1").unwrap();
    let text = write(&template, &full());
    let text = text.replace("They want", "She wants");
    let fact = format!("## Evidence\n- More [{}]\n", note(9));
    let text = text.replace("## Evidence\n", &fact);
    let changed = read(&template, &text, &full());
    let read = changed.unwrap();
    assert_eq!(read.draft.summary, "She wants to cancel.");
    assert_eq!(read.to_pin, [note(9)]);
    assert_eq!(read.draft.facts.len(), 2);
    assert_eq!(read.draft.facts[1].heads, full().facts[0].heads);
}

#[test]
fn a_text_that_is_wrong_names_the_field_and_the_line() {
    let template = Template::named("handoff.support.v1").unwrap();
    let told = |text: &str| -> Vec<String> {
        let problems = read(&template, text, &draft()).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    };
    for (text, problem) in [
        (
            "hello\n## Summary\na\n",
            "line 1: stands before the first heading",
        ),
        (
            "## Sumary\na\n",
            "line 1: there is no field of this heading",
        ),
        (
            "## Summary\na\n## Summary\nb\n",
            "line 3: summary: stands there twice",
        ),
        (
            "## Needs and concerns\nplain\n",
            "line 2: needs: an entry begins",
        ),
        ("## Evidence\n- a fact\n", "line 2: facts: names no note"),
        (
            "## Evidence\n- a fact [abc]\n",
            "line 2: facts: ends with what is no id",
        ),
        (
            "## Already tried\n- cancelled it\n",
            "line 2: tried: begins with",
        ),
        ("## Conversation\nabc\n", "line 2: transcript: is no id"),
    ] {
        assert!(
            told(text)[0].starts_with(problem),
            "{text:?}: {:?}",
            told(text)
        );
    }
    assert_eq!(told(&"## X\n".repeat(1000)).len(), PROBLEMS_MAX);
    assert!(told(&"a".repeat(WRITTEN_BYTES_MAX + 1))[0].contains("256 KiB"));
    assert!(
        read(&template, "", &draft())
            .unwrap()
            .draft
            .summary
            .is_empty()
    );
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("## Summary"),
        Just("<!-- x -->"),
        Just("- "),
        Just("  "),
        Just("\\"),
        Just("]"),
        Just(" ["),
        Just("\n"),
        Just("> "),
        Just("because: "),
        Just("owner: "),
        Just("ok: "),
        Just("a"),
        Just("é"),
        Just("\t"),
        Just("\u{2028}"),
        Just("#"),
    ];
    proptest::collection::vec(piece, 1..8).prop_map(|all| all.concat())
}

proptest! {
    /// Goal: nothing that a field says becomes another field, entry or note.
    #[test]
    fn no_text_breaks_out_of_its_field(
        one in hostile(), list in proptest::collection::vec(hostile(), 0..3),
        texts in proptest::collection::vec(hostile(), 6), with_note: bool, which in 0usize..4,
    ) {
        let template = &Template::built_in()[which];
        let said = Draft {
            summary: one.clone(),
            subject: Some(one.clone()),
            intent: Some(one),
            needs: list.clone(),
            constraints: list.clone(),
            unverified: list,
            facts: vec![Fact {
                text: texts[0].clone(),
                item: note(1),
                heads: Heads::new([ChangeHash([1; 32])]),
                quote: Some(texts[1].clone()),
            }],
            tried: vec![Attempt {
                action: texts[2].clone(),
                outcome: Tried::Unknown,
                item: with_note.then(|| note(2)),
            }],
            decisions: vec![Decided { summary: texts[3].clone(), rationale: texts[4].clone() }],
            next_steps: vec![NextStep {
                text: texts[5].clone(),
                owner: Some(texts[0].clone()),
                due: None,
            }],
            ..draft()
        };
        let text = write(template, &said);
        let read = read(template, &text, &said);
        prop_assert_eq!(read.map(|read| read.draft), Ok(said), "{}", text);
    }

    #[test]
    fn random_texts_end_in_a_draft_or_problems(text in "(## Summary\n|## Evidence\n|- |\\PC|\n){0,20}") {
        for template in Template::built_in() {
            let _ = read(&template, &text, &draft());
        }
    }
}
