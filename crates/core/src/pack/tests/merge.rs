//! Editing on several devices: whatever the order of arrival, all see the same, and nothing is lost.

use super::*;
use crate::pack::note::{Claim, Consent, ConsentStatus, NoteType, Pii, Status};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeSet;

/// A device with its own log: what it has, and what waits for an earlier change.
struct Device {
    number: u8,
    document: NoteDocument,
    waiting: Vec<CheckedChange>,
}

impl Device {
    fn new(number: u8, record: &Record) -> Device {
        Device {
            number,
            document: NoteDocument::derive(item(1), record),
            waiting: Vec::new(),
        }
    }

    /// Takes changes in any order, some of them twice; keeps what misses a dependency.
    fn receive(&mut self, changes: impl IntoIterator<Item = CheckedChange>) {
        self.waiting.extend(changes);
        loop {
            let there = |hash: &ChangeHash| self.document.contains(hash);
            let (ready, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
                .into_iter()
                .partition(|c| c.deps().iter().all(there));
            self.waiting = waiting;
            if ready.is_empty() {
                return;
            }
            match self.number {
                1 => ready
                    .iter()
                    .for_each(|change| self.document.apply(change).expect("honest")),
                _ => self.document.try_apply(&ready).expect("honest"),
            }
        }
    }
}

/// A seeded source of choices.
struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0.next_u32() as usize % limit.max(1)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

/// Characters that occur once in all texts of a run, so that each can be followed.
struct Markers(u32);

impl Markers {
    fn next(&mut self) -> char {
        self.0 += 1;
        char::from_u32(0x4e00 + self.0).expect("within the CJK block")
    }
}

fn random_edit(dice: &mut Dice, markers: &mut Markers, view: &NoteView) -> Edit {
    let mut edit = Edit::default();
    match dice.below(10) {
        0 => edit.status = Some(Status::ALL[dice.below(Status::ALL.len())]),
        1 => edit.pinned = Some(dice.below(2) == 0),
        2 => edit.consent = Some(Consent::new(ConsentStatus::ALL[dice.below(7)])),
        3 => _ = edit.add_tags.insert(format!("tag {}", dice.below(5))),
        4 => _ = edit.remove_tags.insert(format!("tag {}", dice.below(5))),
        5 => edit.expires_at = DateEdit::Set(Timestamp::from_millis(dice.below(9) as u64)),
        6 => edit.title = Some(format!("title {}", dice.below(9))),
        _ => {}
    }
    let mut text: Vec<char> = view.body.chars().collect();
    if dice.below(3) == 0 {
        let begin = dice.below(text.len() + 1);
        let end = text.len().min(begin + dice.below(4));
        text.drain(begin..end);
    }
    let at = dice.below(text.len() + 1);
    for _ in 0..=dice.below(3) {
        text.insert(at, markers.next());
    }
    edit.body = Some(text.into_iter().collect());
    edit
}

#[test]
fn two_hundred_interleavings_converge_and_keep_every_character() {
    for seed in 0..200 {
        interleave(seed);
    }
}

/// Three devices edit one note, and each change reaches each device at some time, in some order.
fn interleave(seed: u64) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let mut markers = Markers(0);
    let first: String = (0..12).map(|_| markers.next()).collect();
    let record = record("title", &first);
    let mut devices = [1, 2, 3].map(|number| Device::new(number, &record));
    let mut everything: Vec<CheckedChange> = Vec::new();
    let mut deleted: BTreeSet<char> = BTreeSet::new();
    let mut inserted: BTreeSet<char> = first.chars().collect();

    for _ in 0..5 + dice.below(5) {
        let device = &mut devices[dice.below(3)];
        let before = device.document.view();
        let wanted = random_edit(&mut dice, &mut markers, &before);
        let after: BTreeSet<char> = wanted.body.iter().flat_map(|body| body.chars()).collect();
        deleted.extend(before.body.chars().filter(|c| !after.contains(c)));
        inserted.extend(after);
        let change = edit(&device.document, device.number, &wanted).checked;
        device
            .document
            .apply(&change)
            .expect("one's own edit applies");
        everything.push(change);

        let receiver = dice.below(3);
        let some: Vec<CheckedChange> = (0..dice.below(3))
            .map(|_| everything[dice.below(everything.len())].clone())
            .collect();
        devices[receiver].receive(some);
    }
    for device in &mut devices {
        let mut all = [everything.clone(), everything.clone()].concat();
        dice.shuffle(&mut all);
        device.receive(all);
        assert!(device.waiting.is_empty(), "seed {seed}: changes still wait");
    }

    let expected = state(&devices[0].document);
    for device in &devices {
        assert_eq!(state(&device.document), expected, "seed {seed}");
        let stored =
            NoteDocument::from_cache(&device.document.to_cache(), &expected.1).expect("loads");
        assert_eq!(state(&stored), expected, "seed {seed}");
    }
    let left: BTreeSet<char> = expected.0.body.chars().collect();
    let wanted: BTreeSet<char> = inserted.difference(&deleted).copied().collect();
    assert_eq!(
        left, wanted,
        "seed {seed}: a character was lost or came back"
    );
    assert_eq!(
        expected.0.body.chars().count(),
        left.len(),
        "seed {seed}: a character came twice"
    );
}

#[test]
fn edits_of_both_sides_offline_stand_in_one_text() {
    let mut one = NoteDocument::derive(item(1), &record("call", "She asked about the refund."));
    let mut two = one.clone();
    let left = edit(&one, 1, &body("On Monday she asked about the refund."));
    let right = edit(
        &two,
        2,
        &body("She asked about the refund. Call back by Friday."),
    );
    for document in [&mut one, &mut two] {
        document.apply(&left.checked).expect("applies");
        document.apply(&right.checked).expect("applies");
    }
    assert_eq!(state(&one), state(&two));
    assert_eq!(
        one.view().body,
        "On Monday she asked about the refund. Call back by Friday."
    );
}

/// Goal: what two people put in the place of the same word, number, name or line stays whole, one after
/// the other, and what only one of them changed is as they left it.
#[test]
fn two_versions_of_a_word_or_line_stand_one_after_the_other() {
    for (old, one, two, pieces) in [
        (
            "Price: 100 EUR",
            "Price: 250 EUR",
            "Price: 175 EUR",
            ["Price:", " 250", " 175", " EUR"],
        ),
        (
            "Contact is Anna Berger.",
            "Contact is Maria Lopez.",
            "Contact is Peter Schmidt.",
            ["Contact is", " Maria Lopez", " Peter Schmidt", "."],
        ),
        (
            "Call at 10:30 on 24.11.2026",
            "Call at 10:45 on 24.11.2026",
            "Call at 11:00 on 24.11.2026",
            ["Call at", " 10:45", " 11:00", " on 24.11.2026"],
        ),
        (
            "first\nask for a refund\nlast",
            "first\nCall her on Monday\nlast",
            "first\nWrite to him by Friday\nlast",
            [
                "first\n",
                "Call her on Monday\n",
                "Write to him by Friday\n",
                "last",
            ],
        ),
        (
            "one two three",
            "one TWO three",
            "one three",
            ["one", " TWO", "", " three"],
        ),
        (
            "one two three",
            "ONE two three",
            "one two THREE",
            ["ONE", " two", "", " THREE"],
        ),
        (
            "one two",
            "one TWO",
            "one two, three",
            ["one", " TWO", ",", " three"],
        ),
        ("one two", "one x two", "one TWO", ["one", " x", " TWO", ""]),
        (
            "one\ntwo\nend",
            "one more\ntwo\nend",
            "one\nTWO\nend",
            ["one", " more", "\n", "TWO\nend"],
        ),
    ] {
        let mut document = NoteDocument::derive(item(1), &record("", old));
        let (left, right) = (
            edit(&document, 1, &body(one)),
            edit(&document, 2, &body(two)),
        );
        document
            .try_apply(&[left.checked, right.checked])
            .expect("applies");
        let [begin, a, b, end] = pieces;
        let merged = document.view().body;
        let orders = [[begin, a, b, end].concat(), [begin, b, a, end].concat()];
        assert!(
            orders.contains(&merged),
            "{merged:?} of {one:?} and {two:?}"
        );
    }
}

/// Goal: a place that two changed at once is told, with both and no third, until somebody who has both
/// writes; what stands apart, or was written one after the other, is no such place.
#[test]
fn a_place_that_two_changed_at_once_is_told_until_somebody_writes() {
    let base = NoteDocument::derive(item(1), &record("", "Price: 100 EUR, paid by card"));
    assert_eq!(base.meetings(), []);
    let mut document = base.clone();
    let left = edit(&base, 1, &body("Price: 250 EUR, paid by card")).checked;
    let right = edit(&base, 2, &body("Price: 175 EUR, paid by card")).checked;
    let apart = edit(&base, 3, &body("Price: 100 EUR, paid by cash")).checked;
    document.try_apply(&[left.clone(), apart]).expect("applies");
    assert_eq!(document.meetings(), []);
    document.apply(&right).expect("applies");
    let [place] = document.meetings().try_into().expect("one place");
    let mut both = place.changes;
    both.sort_unstable();
    let mut wanted = [left.hash(), right.hash()];
    wanted.sort_unstable();
    assert_eq!(both, wanted);
    let text: Vec<char> = document.view().body.chars().collect();
    let told: String = text[place.at].iter().collect();
    assert!([" 250 175", " 175 250"].contains(&told.as_str()), "{told}");
    let tagged = Edit {
        add_tags: BTreeSet::from(["seen".into()]),
        ..Edit::default()
    };
    let tagged = edit(&document, 1, &tagged).checked;
    document.apply(&tagged).expect("applies");
    assert_eq!(document.meetings().len(), 1);
    let text = document.view().body.replace("cash", "cheque");
    let read = edit(&document, 1, &body(&text)).checked;
    document.apply(&read).expect("applies");
    assert_eq!(document.meetings(), []);

    let mut document = base;
    for (device, text) in [(1, "Price: 250 EUR"), (2, "Price: 250 175 EUR")] {
        let next = edit(&document, device, &body(text)).checked;
        document.apply(&next).expect("applies");
    }
    assert_eq!(document.meetings(), []);
}

/// Goal: titles are short and made anew, so each of two new ones stays whole.
#[test]
fn two_new_titles_at_once_both_stay_whole() {
    let mut one = NoteDocument::derive(item(1), &record("Base", "text"));
    let title = |text: &str| Edit {
        title: Some(text.into()),
        ..Edit::default()
    };
    let (ada, ben) = ("Title by Ada", "Title by Ben");
    let left = edit(&one, 1, &title(ada));
    let right = edit(&one, 2, &title(ben));
    one.try_apply(&[left.checked, right.checked])
        .expect("applies");
    let merged = one.view().title;
    assert!(merged.contains(ada) && merged.contains(ben), "{merged}");
}

#[test]
fn an_edit_of_an_older_state_leaves_what_came_since() {
    let mut document = NoteDocument::derive(item(1), &record("call", "one two"));
    let seen = document.heads();
    let other = edit(&document, 2, &body("one two three"));
    document.apply(&other.checked).expect("applies");
    let late = document
        .edit_at(&seen, log(1), &body("zero one two"))
        .expect("known")
        .expect("changes");
    assert_eq!(late.deps, seen);
    document.apply(&late.checked).expect("applies");
    assert_eq!(document.view().body, "zero one two three");
    let unknown = document.edit_at(&[ChangeHash([0; 32])], log(1), &body("x"));
    assert_eq!(unknown.err(), Some(EditError::UnknownHeads));
    assert_eq!(
        document.edit_at(&[], log(1), &body("x")).err(),
        Some(EditError::UnknownHeads)
    );
}

#[test]
fn an_edit_that_changes_nothing_is_no_change() {
    let record = Record {
        tags: BTreeSet::from(["a".into()]),
        ..record("title", "text")
    };
    let document = NoteDocument::derive(item(1), &record);
    let same = Edit {
        title: Some("title".into()),
        body: Some("text".into()),
        add_tags: BTreeSet::from(["a".into()]),
        remove_tags: BTreeSet::from(["a".into(), "b".into()]),
        status: Some(Status::Active),
        pinned: Some(false),
        expires_at: DateEdit::Clear,
        ..Edit::default()
    };
    assert!(
        document
            .edit(log(1), &same)
            .expect("within limits")
            .is_none()
    );
    assert!(
        document
            .edit(log(1), &Edit::default())
            .expect("within limits")
            .is_none()
    );
}

#[test]
fn the_most_restrictive_of_concurrent_values_shows_and_can_be_settled() {
    let mut base = NoteDocument::derive(item(1), &record("title", "text"));
    let consent = |status, purposes: &[&str], until| Consent {
        purposes: purposes.iter().map(|p| (*p).to_owned()).collect(),
        expires_at: Some(Timestamp::from_millis(until)),
        ..Consent::new(status)
    };
    let choose = |status, consent, at| Edit {
        status: Some(status),
        consent: Some(consent),
        valid_from: DateEdit::Set(Timestamp::from_millis(at)),
        valid_to: DateEdit::Set(Timestamp::from_millis(at)),
        ..Edit::default()
    };
    let edits = [
        choose(
            Status::Archived,
            consent(ConsentStatus::Granted, &["export", "handoff"], 9),
            1,
        ),
        choose(
            Status::Redacted,
            consent(ConsentStatus::Limited, &["handoff", "agent"], 7),
            2,
        ),
        choose(
            Status::Superseded,
            consent(ConsentStatus::Granted, &[], 8),
            3,
        ),
    ];
    let changes: Vec<CheckedChange> = edits
        .iter()
        .zip(1..)
        .map(|(wanted, device)| edit(&base, device, wanted).checked)
        .collect();
    base.try_apply(&changes).expect("applies");
    let view = base.view();
    assert_eq!(view.status, Status::Redacted);
    assert_eq!(
        view.consent,
        Some(consent(ConsentStatus::Limited, &["handoff"], 7))
    );
    assert_eq!(view.valid_from, Some(Timestamp::from_millis(3)));
    assert_eq!(view.valid_to, Some(Timestamp::from_millis(1)));

    // The same word again is an answer to the others, and leaves one value.
    let settle = edit(
        &base,
        1,
        &Edit {
            status: Some(Status::Redacted),
            ..Edit::default()
        },
    );
    base.apply(&settle.checked).expect("applies");
    let back = edit(
        &base,
        2,
        &Edit {
            status: Some(Status::Active),
            ..Edit::default()
        },
    );
    base.apply(&back.checked).expect("applies");
    assert_eq!(base.view().status, Status::Active);
}

#[test]
fn withdrawn_consent_outranks_everything_and_no_two_grants_make_a_third() {
    let with = |status, purposes: &[&str]| Consent {
        purposes: purposes.iter().map(|p| (*p).to_owned()).collect(),
        ..Consent::new(status)
    };
    for other in ConsentStatus::ALL {
        let both = Consent::strictest([with(*other, &[]), with(ConsentStatus::Withdrawn, &[])]);
        assert_eq!(both.map(|c| c.status), Some(ConsentStatus::Withdrawn));
    }
    let apart = Consent::strictest([
        with(ConsentStatus::Granted, &["export"]),
        with(ConsentStatus::Granted, &["handoff"]),
    ])
    .expect("two statements");
    assert!(
        !["export", "handoff", "agent"]
            .iter()
            .any(|purpose| apart.allows(purpose))
    );
    assert_eq!(Consent::strictest([]), None);
}

proptest! {
    #[test]
    fn what_several_statements_allow_each_of_them_allows(
        statements in prop::collection::vec((0..7usize, prop::collection::btree_set("[abc]", 0..3)), 1..4)
    ) {
        let statements: Vec<Consent> = statements
            .into_iter()
            .map(|(status, purposes)| Consent { purposes, ..Consent::new(ConsentStatus::ALL[status]) })
            .collect();
        let all = Consent::strictest(statements.clone()).expect("at least one");
        for purpose in ["a", "b", "c", "d"] {
            let allowed = statements.iter().all(|statement| statement.allows(purpose));
            prop_assert_eq!(all.allows(purpose), allowed, "{}", purpose);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_becomes_any_text(old in "\\PC{0,40}", new in "(?s).{0,40}") {
        let mut document = NoteDocument::derive(item(1), &record("", &old));
        if let Some(change) = document.edit(log(1), &body(&new)).expect("within limits") {
            document.apply(&change.checked).expect("applies");
        }
        prop_assert_eq!(document.view().body, new);
    }
}

#[test]
fn changes_come_twice_and_in_batches_without_effect() {
    let mut document = NoteDocument::derive(item(1), &record("title", "text"));
    let first = edit(&document, 1, &body("text a")).checked;
    document.apply(&first).expect("applies");
    let second = edit(&document, 1, &body("text a b")).checked;
    let mut other = NoteDocument::derive(item(1), &record("title", "text"));
    let missing = other.apply(&second);
    assert_eq!(
        missing,
        Err(ChangeRefused::MissingDependency { hash: first.hash() })
    );
    let batch = [first.clone(), first.clone(), second.clone(), first, second];
    other.try_apply(&batch).expect("applies");
    let once = state(&other);
    other.try_apply(&batch).expect("known");
    assert_eq!(state(&other), once);
    assert_eq!((other.view().body.as_str(), other.edits()), ("text a b", 2));
}

#[test]
fn two_edits_of_one_device_from_one_state_both_apply() {
    // What a restored backup or a device that equivocates makes: two firsts of one log.
    let mut document = NoteDocument::derive(item(1), &record("title", "text"));
    let (one, two) = (
        edit(&document, 1, &body("text one")),
        edit(&document, 1, &body("two text")),
    );
    assert_ne!(
        one.checked.change().actor_id(),
        two.checked.change().actor_id()
    );
    document
        .try_apply(&[one.checked, two.checked])
        .expect("both apply");
    assert_eq!(document.view().body, "two text one");
    let third = edit(&document, 1, &body("two text one three"));
    assert_eq!(third.deps, document.heads());
    document.apply(&third.checked).expect("and it goes on");
}

#[test]
fn the_same_edit_in_two_logs_is_two_changes() {
    let mut document = NoteDocument::derive(item(1), &record("title", "text"));
    let (one, two) = (
        edit(&document, 1, &body("text!")),
        edit(&document, 2, &body("text!")),
    );
    assert_ne!(one.hash, two.hash);
    assert_ne!(
        one.checked.change().actor_id(),
        two.checked.change().actor_id()
    );
    assert_eq!(
        check_change(&one.bytes, log(2), Schema::Note).err(),
        Some(ChangeRefused::WrongActor)
    );
    document
        .try_apply(&[one.checked, two.checked])
        .expect("both apply");
    assert_eq!(document.view().body, "text!!");
}

#[test]
fn any_number_of_concurrent_edits_can_be_built_upon() {
    let mut document = NoteDocument::derive(item(1), &record("title", "text"));
    assert!(document.join(log(1)).expect("works").is_none());
    let concurrent: Vec<CheckedChange> = (0..140)
        .map(|device| edit(&document, device, &body(&format!("{device} text"))).checked)
        .collect();
    document.try_apply(&concurrent).expect("applies");
    let before = document.view();
    assert_eq!(
        document.edit(log(1), &body("x")).err(),
        Some(EditError::TooManyHeads)
    );
    let mut joins = 0;
    while let Some(join) = document.join(log(1)).expect("works") {
        document.apply(&join.checked).expect("applies");
        joins += 1;
    }
    assert_eq!((joins, document.view()), (2, before));
    document
        .apply(&edit(&document, 1, &body("x")).checked)
        .expect("applies");
    assert_eq!(
        (document.view().body.as_str(), document.heads().len()),
        ("x", 1)
    );
}

#[test]
fn changes_of_another_base_never_mix_in() {
    let document = NoteDocument::derive(item(1), &record("title", "text"));
    for other in [
        NoteDocument::derive(item(2), &record("title", "text")),
        NoteDocument::derive(item(1), &record("title", "text.")),
    ] {
        let mut document = document.clone();
        let foreign = edit(&other, 1, &body("other"));
        let refused = document.apply(&foreign.checked);
        assert_eq!(
            refused,
            Err(ChangeRefused::MissingDependency { hash: other.base() })
        );
        assert_eq!(document.heads(), [document.base()]);
    }
}

#[test]
fn a_stored_document_opens_only_at_its_heads() {
    let mut document = NoteDocument::derive(item(1), &record("title", "text"));
    let old = document.to_cache();
    let base = document.heads();
    document
        .apply(&edit(&document, 1, &body("text two")).checked)
        .expect("applies");
    assert!(NoteDocument::from_cache(&old, &base).is_ok());
    assert!(NoteDocument::from_cache(&old, &document.heads()).is_err());
    assert!(NoteDocument::from_cache(&document.to_cache(), &base).is_err());
    assert!(NoteDocument::from_cache(b"", &base).is_err());
    let mut reopened = NoteDocument::from_cache(&old, &base).expect("opens");
    reopened
        .apply(&edit(&reopened, 1, &body("text two")).checked)
        .expect("applies");
    assert_eq!(state(&reopened), state(&document));
}

#[test]
fn a_long_text_is_compared_by_lines_when_too_much_differs() {
    let lines = |word: &str| {
        (0..200)
            .map(|n| format!("{word} line number {n}\n"))
            .collect::<String>()
    };
    let (old, new) = (
        lines("old") + "the same line\n" + &lines("x"),
        lines("new") + "the same line\n" + &lines("y"),
    );
    let mut document = NoteDocument::derive(item(1), &record("title", &old));
    let within = edit(&document, 2, &body(&old.replace("same", "very same"))).checked;
    let change = edit(&document, 1, &body(&new));
    document
        .try_apply(&[within, change.checked])
        .expect("applies");
    assert!(document.view().body == new.replace("same", "very same"));
}

#[test]
fn a_whole_new_text_of_the_largest_size_fits_one_change() {
    // Characters of four bytes, no two of one kind beside each other, all of them replaced.
    let text = |shift: u32| -> String {
        let char = |n: u32| char::from_u32(0x1f600 + (n * 7 + shift) % 64).expect("an emoji");
        (0..note::BODY_BYTES_MAX as u32 / 4).map(char).collect()
    };
    let document = NoteDocument::derive(item(1), &record("title", &text(0)));
    let change = edit(&document, 1, &body(&text(9)));
    assert_eq!(text(9).len(), note::BODY_BYTES_MAX);
    assert!(change.bytes.len() < 2 * note::BODY_BYTES_MAX);
}

#[test]
fn limits_hold_for_edits_too() {
    let document = NoteDocument::derive(item(1), &record("title", "text"));
    let refused = |edit: Edit| document.edit(log(1), &edit).expect_err("out of limits");
    let tag = |tag: &str| Edit {
        add_tags: BTreeSet::from([tag.to_owned()]),
        ..Edit::default()
    };
    let many = (0..65).map(|n| n.to_string()).collect();
    let far = DateEdit::Set(Timestamp::from_millis(u64::MAX));
    for edit in [
        body(&"x".repeat(note::BODY_BYTES_MAX + 1)),
        Edit {
            title: Some("two\nlines".into()),
            ..Edit::default()
        },
        Edit {
            title: Some("x".repeat(note::TITLE_BYTES_MAX + 1)),
            ..Edit::default()
        },
        tag(""),
        tag("a\tb"),
        tag(&"x".repeat(note::TAG_BYTES_MAX + 1)),
        Edit {
            add_tags: many,
            ..Edit::default()
        },
        Edit {
            valid_to: far,
            ..Edit::default()
        },
    ] {
        assert!(matches!(refused(edit), EditError::Note(_)));
    }
}

#[test]
fn a_pack_title_merges_like_a_note() {
    let pack = crate::id::PackId::from_bytes([5; 32]);
    let mut one = IndexDocument::derive(pack, crate::policy::Sensitivity::Internal);
    assert_eq!(one.view(), IndexView::default());
    assert_ne!(
        one.base(),
        IndexDocument::derive(pack, crate::policy::Sensitivity::Public).base()
    );
    let title = |title: &str| IndexEdit {
        title: Some(title.into()),
    };
    let mut two = one.clone();
    let left = one
        .edit(log(1), &title("Acme"))
        .expect("one line")
        .expect("changes");
    let right = two
        .edit(log(2), &title("ACME Ltd"))
        .expect("one line")
        .expect("changes");
    one.try_apply(&[left.checked.clone(), right.checked.clone()])
        .expect("applies");
    two.try_apply(&[right.checked, left.checked])
        .expect("applies");
    assert_eq!((one.view(), one.heads()), (two.view(), two.heads()));
    assert!(["Acme", "ACME Ltd"].contains(&one.view().title.as_str()));
    let settled = one
        .edit(log(1), &title(&one.view().title))
        .expect("one line")
        .expect("settles");
    one.apply(&settled.checked).expect("applies");
    assert!(
        one.edit(log(1), &title(&one.view().title))
            .expect("one line")
            .is_none()
    );
    assert!(one.edit(log(1), &title("a\nb")).is_err());
    let stored = IndexDocument::from_cache(&one.to_cache(), &one.heads()).expect("opens");
    assert_eq!(stored.view(), one.view());
    let note = NoteDocument::from_cache(&one.to_cache(), &one.heads());
    assert!(note.is_err(), "an index is no note");
}

/// Goal: what no base has merges without anybody's statement being lost: all kinds of personal data,
/// all notes that replaced it, the weakest claim; and a redaction stands whatever status is put beside it.
#[test]
fn fields_that_only_edits_have_merge_cautiously_and_can_be_taken_back() {
    let mut base = NoteDocument::derive(item(1), &record("title", "text"));
    let untouched = base.view();
    let one = Edit {
        note_type: FieldEdit::Set(NoteType::Prompt),
        claim: FieldEdit::Set(Claim::Verified),
        pii: FieldEdit::Set([Pii::Email].into()),
        superseded_by: FieldEdit::Set([item(8)].into()),
        status: Some(Status::Superseded),
        ..Edit::default()
    };
    let two = Edit {
        note_type: FieldEdit::Set(NoteType::Decision),
        claim: FieldEdit::Set(Claim::Inference),
        pii: FieldEdit::Set([Pii::Phone].into()),
        superseded_by: FieldEdit::Set([item(9)].into()),
        status: Some(Status::Superseded),
        ..Edit::default()
    };
    let redacted = Edit {
        redacted: FieldEdit::Set("asked by the customer".into()),
        status: Some(Status::Redacted),
        ..Edit::default()
    };
    let changes = [(1, &one), (2, &two), (3, &redacted)];
    let changes: Vec<CheckedChange> = changes
        .into_iter()
        .map(|(device, wanted)| edit(&base, device, wanted).checked)
        .collect();
    base.try_apply(&changes).expect("applies");
    let view = base.view();
    assert_eq!(view.note_type, Some(NoteType::Prompt));
    assert_eq!(view.claim, Some(Claim::Inference));
    assert_eq!(view.pii, [Pii::Email, Pii::Phone].into());
    assert_eq!(view.superseded_by, [item(8), item(9)].into());
    assert_eq!(view.status, Status::Redacted);
    let shell = view.clone().shell();
    assert!(shell.title.is_empty() && shell.body.is_empty());
    assert_eq!(shell.redacted.as_deref(), Some("asked by the customer"));

    // A status alone brings nothing back.
    let active = edit(
        &base,
        4,
        &Edit {
            status: Some(Status::Active),
            ..Edit::default()
        },
    );
    base.apply(&active.checked).expect("applies");
    assert_eq!(base.view().status, Status::Redacted);

    let back = Edit::between(&base.view(), &untouched);
    let back = edit(&base, 5, &back);
    base.apply(&back.checked).expect("applies");
    assert_eq!(base.view(), untouched);
}

/// Goal: what an edit changed is carried to another state with these fields in it, and takes none away.
#[test]
fn carrying_an_edit_keeps_what_only_edits_have() {
    let before = NoteView {
        pii: [Pii::Email].into(),
        superseded_by: [item(8)].into(),
        claim: Some(Claim::Observation),
        ..NoteView::from(&record("title", "text"))
    };
    let after = NoteView {
        body: "text and more".into(),
        pii: [Pii::Email, Pii::Phone].into(),
        ..before.clone()
    };
    let standing = NoteView {
        title: "other".into(),
        ..before.clone()
    };
    let carried = Edit::carried(&before, &after, &standing).expect("within limits");
    let wanted = Edit {
        body: Some("text and more".into()),
        pii: FieldEdit::Set([Pii::Email, Pii::Phone].into()),
        ..Edit::default()
    };
    assert_eq!(carried, wanted);
    let back = Edit::carried(&after, &before, &after).expect("within limits");
    assert_eq!(back.pii, FieldEdit::Set([Pii::Email].into()));
}
