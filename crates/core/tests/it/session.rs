//! The sync session as a state machine: what it says when a peer does not do its part.

use crate::samples;
use kitbag_core::id::PackId;
use kitbag_core::sync::tree::LeafHash;
use kitbag_core::sync::{Effect, Input, Session, Side, View};
use kitbag_core::wire::{Message, SYNC_VERSION};

fn handle(session: &mut Session, view: &View, input: Input) -> Vec<Effect> {
    let mut effects = Vec::new();
    session.handle(view, input, &mut effects);
    effects
}

fn compares(effects: &[Effect]) -> bool {
    let tree = |effect: &Effect| matches!(effect, Effect::Send(Message::Tree(_)));
    effects.iter().any(tree)
}

/// Goal: a peer that is named what differs and never fetches it holds up the trees for one pause only.
#[test]
fn whoever_does_not_fetch_what_is_named_is_compared_with_after_a_pause() {
    let leaves = samples::leaves(100);
    let pack: PackId = leaves.iter().nth(40).expect("a hundred packs").0;
    let mut theirs = leaves.clone();
    theirs.set(pack, Some(LeafHash([0xee; 32])));
    let view = View {
        leaves,
        ..View::default()
    };
    let mut session = Session::new(Side::Dialler);
    handle(&mut session, &view, Input::Opened);
    let greeting = Message::Hello {
        version: SYNC_VERSION,
        root: theirs.root(),
        wants: 0,
        changed: vec![],
        children: theirs.children(),
        sketch: theirs.sketch().cloned(),
    };
    let effects = handle(&mut session, &view, Input::Received(greeting));
    let named = effects.iter().any(|effect| {
        matches!(effect, Effect::Send(Message::Hello { changed, .. }) if *changed == [pack])
    });
    assert!(named && effects.contains(&Effect::Ask(pack)));
    assert!(!compares(&effects));

    let nothing = Input::TakenIn {
        pack,
        progress: false,
        wrote: false,
        more: false,
    };
    let effects = handle(&mut session, &view, nothing);
    let waits = |effect: &Effect| matches!(effect, Effect::RetryAfter(_));
    assert!(!compares(&effects) && effects.iter().any(waits));
    assert!(compares(&handle(&mut session, &view, Input::Retry)));
}
