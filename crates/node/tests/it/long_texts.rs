//! Texts that are too long for one record: whole everywhere or nowhere, and never half.

use super::support::*;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::pack::long_text::{BEGINNING_BYTES_MAX, PART_BYTES, TEXT_BYTES_MAX};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::FRAME_BYTES_MAX;
use kitbag_node::NodeError;
use kitbag_node::long_text::TEXT_PAGE_BYTES_MAX;
use kitbag_node::view::{AsideKind, AsideWhy, NewNote, NoteEdit};
use kitbag_node::why::WaitingFor;
use kitbag_testkit::{Called, Dice, Fault, Opened, Who, World};

const INTERNAL: Sensitivity = Sensitivity::Internal;

/// A text of so many bytes that does not compress, with characters that parts and pages cut.
fn long(seed: u64, bytes: usize) -> String {
    let mut dice = Dice::new(seed);
    let mut text = secret("a long text ");
    while text.len() + 4 <= bytes {
        match dice.below(8) {
            0 => text.push('é'),
            1 => text.push('𝄞'),
            2 => text.push('\n'),
            n => text.push(char::from(b'a' + dice.below(20) as u8 + n as u8 % 6)),
        }
    }
    text.extend(std::iter::repeat_n('.', bytes - text.len()));
    text
}

fn long_note(text: &str) -> NewNote {
    NewNote {
        title: String::new(),
        body: text.into(),
        ..draft("long", INTERNAL)
    }
}

fn add_long(world: &mut World, who: Who, pack: PackId, text: &str) -> ItemId {
    let note = long_note(text);
    let added = world.call(who, |node, now| node.add_notes(now, pack, &[note]));
    added.done()[0].id
}

/// The whole text, page by page.
fn read(world: &mut World, who: Who, pack: PackId, note: ItemId) -> String {
    let (mut text, mut from) = (String::new(), Some(0));
    while let Some(at) = from {
        let page = world.node(who).text(pack, note, at).unwrap();
        assert!(!page.text.is_empty() && page.text.len() <= TEXT_PAGE_BYTES_MAX);
        text.push_str(&page.text);
        from = page.next;
        assert_eq!(page.next.is_none(), text.len() as u64 == page.bytes);
    }
    text
}

/// Nothing of a note is to be seen, or all of it.
fn whole_or_nothing(world: &mut World, who: Who, pack: PackId, text: &str) -> bool {
    let notes = world.node(who).notes(pack).unwrap();
    match &notes[..] {
        [] => false,
        [note] => {
            assert_eq!(read(world, who, pack, note.id), text);
            true
        }
        more => panic!("{more:?}"),
    }
}

fn refused<T: std::fmt::Debug>(called: Called<T>) -> String {
    match called {
        Called::Refused(error @ NodeError::BadInput { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Goal: a text of a megabyte goes from Ana over Ben to Cyn, in frames within the limit, and each of
/// them lists its beginning and reads all of it, after a restart as well. Everything but the text can
/// be edited.
#[test]
fn a_long_text_reaches_everybody_and_is_read_page_by_page() {
    let (mut world, ana, ben, pack) = two_in_one_pack(71, Role::Editor, INTERNAL);
    let text = long(72, 1_000_000);
    let note = add_long(&mut world, ana, pack, &text);
    settle(&mut world);
    let cyn = world.add(&secret("Cyn"));
    let ticket = share(&mut world, ana, pack, Role::Reader, INTERNAL);
    settle(&mut world);
    world.kill(ana);
    join(&mut world, cyn, ben, &ticket);
    world.start(ana);
    assert!(world.frame_bytes_max <= FRAME_BYTES_MAX);

    for who in [ana, ben, cyn] {
        let shown = show(&mut world, who, pack, note);
        assert_eq!(shown.long_text_bytes, Some(text.len() as u64));
        assert!(text.starts_with(&shown.body) && shown.body.len() > BEGINNING_BYTES_MAX - 4);
        let listed = world.node(who).notes(pack).unwrap();
        assert!(listed[0].title.starts_with(&secret("a long text")));
        assert_eq!(read(&mut world, who, pack, note), text);
        let status = world.node(who).status(pack).unwrap();
        assert_eq!((status.waiting, status.set_aside), (0, 0));
        assert_eq!(world.node(who).history(pack, note).unwrap().len(), 1);
        world.kill(who);
        assert_eq!(world.start(who), Opened::Up);
        assert_eq!(read(&mut world, who, pack, note), text);
    }

    // The same text from the same source is there already; another end makes another note.
    let again = long_note(&text);
    let added = world.call(ana, |node, now| node.add_notes(now, pack, &[again]));
    let added = added.done();
    assert_eq!((added[0].id, added[0].existing), (note, true));
    let other = long_note(&format!("{text}."));
    let added = world.call(ana, |node, now| node.add_notes(now, pack, &[other]));
    assert!(!added.done()[0].existing);

    // All but the text is edited as ever.
    let edit = NoteEdit {
        title: Some(secret("titled")),
        add_tags: vec!["read".into()],
        ..NoteEdit::default()
    };
    let edited = world.call(ben, |node, now| node.edit_note(now, pack, note, &edit));
    edited.done().unwrap();
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    let shown = show(&mut world, ana, pack, note);
    assert_eq!((shown.title, shown.edits), (secret("titled"), 1));
    assert_eq!(read(&mut world, ana, pack, note), text);
    let edit = NoteEdit {
        body: Some("short now".into()),
        ..NoteEdit::default()
    };
    let edited = world.call(ana, |node, now| node.edit_note(now, pack, note, &edit));
    assert!(refused(edited).contains("can only be read"));
    let moved = world.call(ana, |node, now| {
        node.relabel(now, pack, note, Sensitivity::Confidential)
    });
    assert!(refused(moved).contains("does not move"));
    assert_eq!(world.node(ana).status(pack).unwrap().set_aside, 0);
    assert_no_violations(&mut world);
}

/// Goal: the limits stand where the specification says, and places that are none are refused.
#[test]
fn a_text_is_long_from_one_byte_more_than_a_record_holds_to_the_limit() {
    let mut world = World::new(73);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    for (bytes, parts) in [
        (64 * 1024, 0),
        (64 * 1024 + 1, 2),
        (2 * PART_BYTES, 2),
        (2 * PART_BYTES + 1, 3),
    ] {
        let text = long(bytes as u64, bytes);
        let note = add_long(&mut world, ana, pack, &text);
        let shown = show(&mut world, ana, pack, note);
        let long = (parts > 0).then_some(bytes as u64);
        assert_eq!(shown.long_text_bytes, long, "{bytes}");
        assert_eq!(read(&mut world, ana, pack, note), text, "{bytes}");
    }
    let much = long_note(&"x".repeat(TEXT_BYTES_MAX + 1));
    let added = world.call(ana, |node, now| node.add_notes(now, pack, &[much]));
    assert!(refused(added).contains("at most 4000000"));
    // What compresses well is as long as it is.
    let note = add_long(&mut world, ana, pack, &"x".repeat(TEXT_BYTES_MAX));
    assert_eq!(read(&mut world, ana, pack, note).len(), TEXT_BYTES_MAX);

    let text = format!("a{}", "é".repeat(50_000));
    let note = add_long(&mut world, ana, pack, &text);
    for (from, is_place) in [(0, true), (1, true), (2, false), (3, true)] {
        let page = world.node(ana).text(pack, note, from);
        assert_eq!(page.is_ok(), is_place, "{from}");
    }
    let end = text.len() as u64;
    let page = world.node(ana).text(pack, note, end).unwrap();
    assert_eq!((page.text.as_str(), page.next), ("", None));
    for beyond in [end + 1, end + (1 << 20), u64::MAX] {
        let page = world.node(ana).text(pack, note, beyond);
        assert!(matches!(
            page,
            Err(NodeError::BadInput { field: "from", .. })
        ));
    }
}

/// Goal: whichever disk call of adding a long note fails, afterwards there is all of it or nothing,
/// and nothing waits.
#[test]
fn a_crash_while_a_long_text_is_added_leaves_all_or_nothing() {
    let text = long(74, 200_000);
    let run = |fault: fn(u64) -> Fault, n: u64| {
        let mut world = World::new(75);
        let ana = world.add(&secret("Ana"));
        let pack = create(&mut world, ana, &secret("plans"));
        world.device(ana).disk.set_fault(fault(n));
        let note = long_note(&text);
        let added = world.call(ana, |node, now| node.add_notes(now, pack, &[note]));
        let calls = world.device(ana).disk.calls();
        world.device(ana).disk.set_fault(Fault::None);
        if !world.is_up(ana) {
            assert_eq!(world.start(ana), Opened::Up);
        }
        let whole = whole_or_nothing(&mut world, ana, pack, &text);
        let acknowledged = matches!(added, Called::Done(_));
        assert!(whole || !acknowledged, "{n}: acknowledged and lost");
        assert_eq!(world.node(ana).status(pack).unwrap().waiting, 0, "{n}");
        (acknowledged, calls)
    };
    let (acknowledged, calls) = run(|_| Fault::None, 0);
    assert!(acknowledged && calls > 5, "{calls} disk calls");
    let mut failed = 0;
    for n in (1..=calls).step_by((calls as usize / 6).max(1)) {
        for fault in [Fault::PowerLoss, Fault::FailOnce, Fault::Full] {
            failed += u32::from(!run(fault, n).0);
        }
    }
    assert!(failed > 5, "only {failed} failures were seen");
}

/// Goal: a link that breaks between two parts leaves a note that waits for the rest, and is told so;
/// the next connection brings it.
#[test]
fn a_link_that_breaks_between_parts_leaves_a_note_that_waits() {
    let (mut world, ana, ben, pack) = two_in_one_pack(76, Role::Editor, INTERNAL);
    world.disconnect_all();
    let text = long(77, 3_000_000);
    let note = add_long(&mut world, ana, pack, &text);
    let mut waited = 0;
    for _ in 0..200 {
        if let Some(link) = world.dial(ben, ana) {
            world.run(45);
            world.break_link(link);
        }
        let whole = whole_or_nothing(&mut world, ben, pack, &text);
        let status = world.node(ben).status(pack).unwrap();
        let why = world.node(ben).why(Some(pack)).unwrap().remove(0);
        let waiting: Vec<_> = why.waiting.iter().map(|of| (&of.what, of.notes)).collect();
        if whole {
            assert_eq!((status.waiting, waiting), (0, vec![]));
            break;
        }
        if status.waiting > 0 {
            assert_eq!(waiting, [(&WaitingFor::Earlier, 1)]);
            assert!(world.node(ben).note(pack, note).is_err());
            waited += 1;
            if waited % 2 == 0 {
                world.kill(ben);
                assert_eq!(world.start(ben), Opened::Up);
            }
        }
    }
    assert!(waited > 1, "no link broke between two parts");
    assert!(whole_or_nothing(&mut world, ben, pack, &text));
    assert_no_violations(&mut world);
}

/// Three people of one pack, all connected; Ana founded it.
fn three(seed: u64) -> (World, [Who; 3], PackId) {
    let mut world = World::new(seed);
    let [ana, ben, cyn] = ["Ana", "Ben", "Cyn"].map(|name| world.add(&secret(name)));
    let pack = create(&mut world, ana, &secret("plans"));
    for who in [ben, cyn] {
        let ticket = share(&mut world, ana, pack, Role::Editor, INTERNAL);
        join(&mut world, who, ana, &ticket);
    }
    world.dial(ben, cyn).unwrap();
    settle(&mut world);
    (world, [ana, ben, cyn], pack)
}

/// Goal: a long note written after a removal is set aside as one thing, and taken over whole.
#[test]
fn a_long_note_after_a_removal_is_one_entry_of_the_list_and_is_taken_over_whole() {
    let (mut world, [ana, ben, cyn], pack) = three(78);
    world.set_cut(ana, ben, true);
    world.set_cut(ana, cyn, true);
    let person = world.person(ben);
    remove_person(&mut world, ana, pack, person);
    let text = long(79, 300_000);
    let note = add_long(&mut world, ben, pack, &text);
    settle(&mut world);
    assert_eq!(read(&mut world, cyn, pack, note), text);
    world.set_cut(ben, cyn, true);
    world.set_cut(ana, cyn, false);
    world.dial(ana, cyn).unwrap();
    settle(&mut world);
    let mut entry = None;
    for who in [ana, cyn] {
        for _ in 0..2 {
            assert!(world.node(who).note(pack, note).is_err());
            let aside = world.node(who).set_aside(pack).unwrap();
            assert_eq!(aside.len(), 1, "{aside:?}");
            assert_eq!(
                (aside[0].kind, &aside[0].why, aside[0].note),
                (AsideKind::Note, &AsideWhy::AfterRemoval, Some(note))
            );
            let told = aside[0].text.as_ref().unwrap();
            assert!(text.starts_with(told.as_str()) && !told.is_empty());
            let status = world.node(who).status(pack).unwrap();
            assert_eq!((status.waiting, status.set_aside), (0, 1));
            entry = Some(aside[0].entry);
            world.kill(who);
            assert_eq!(world.start(who), Opened::Up);
        }
    }
    world.dial(ana, cyn).unwrap();
    let entry = entry.unwrap();
    world
        .call(cyn, |node, now| node.take_over(now, pack, &[entry]))
        .done();
    settle(&mut world);
    for who in [ana, cyn] {
        assert!(whole_or_nothing(&mut world, who, pack, &text));
        let status = world.node(who).status(pack).unwrap();
        assert_eq!((status.waiting, status.set_aside), (0, 0));
    }
    assert_no_violations(&mut world);
}

/// Goal: where a removal's cutoff lies between the parts and the create, nobody shows half a note; who
/// builds on it in good faith brings back all of it.
#[test]
fn a_cutoff_between_parts_sets_the_whole_note_aside_until_somebody_vouches() {
    for vouched in [false, true] {
        let (mut world, [ana, ben, cyn], pack) = three(80);
        world.disconnect_all();
        let text = long(81, 2_500_000);
        let note = add_long(&mut world, ben, pack, &text);
        while world.node(ana).status(pack).unwrap().waiting == 0 {
            let link = world.dial(ana, ben).unwrap();
            world.run(45);
            world.break_link(link);
        }
        assert!(world.node(ana).notes(pack).unwrap().is_empty());
        let person = world.person(ben);
        remove_person(&mut world, ana, pack, person);
        world.dial(cyn, ben).unwrap();
        settle(&mut world);
        assert_eq!(read(&mut world, cyn, pack, note), text);
        if vouched {
            let edit = NoteEdit {
                add_tags: vec!["seen".into()],
                ..NoteEdit::default()
            };
            let edited = world.call(cyn, |node, now| node.edit_note(now, pack, note, &edit));
            edited.done().unwrap();
        }
        world.disconnect_all();
        world.dial(ana, cyn).unwrap();
        settle(&mut world);
        for who in [ana, cyn] {
            assert_eq!(
                whole_or_nothing(&mut world, who, pack, &text),
                vouched,
                "{vouched}"
            );
            let status = world.node(who).status(pack).unwrap();
            let aside = u64::from(!vouched);
            assert_eq!((status.waiting, status.set_aside), (0, aside), "{vouched}");
        }
        assert_no_violations(&mut world);
    }
}
