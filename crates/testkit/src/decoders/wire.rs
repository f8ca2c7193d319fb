//! Frames between two devices, and what a session makes of them.

use super::Verdict;
use kitbag_core::codec::{self};
use kitbag_core::sync::tree::Leaves;
use kitbag_core::sync::{Effect, Input, Session, Side, View};
use kitbag_core::wire::{
    FRAME_BYTES_MAX, JOIN_FRAME_BYTES_MAX, JoinAnswer, JoinRequest, Message, SYNC_VERSION,
};
use minicbor::{Decode, Encode};

/// A sync frame, a join request or its answer.
pub(super) fn message(bytes: &[u8]) -> Verdict {
    let _ = kitbag_core::inspect::inspect(bytes); // must come back, whatever it is
    let request = join::<JoinRequest>(bytes);
    let answer = join::<JoinAnswer>(bytes);
    let message = Message::decode(bytes);
    if let Ok(message) = &message {
        assert!(bytes.len() <= FRAME_BYTES_MAX);
        assert_eq!(message.encode(), bytes, "one encoding");
        converse(message);
    }
    Verdict::of(&message).or(request).or(answer)
}

fn join<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Verdict {
    let decoded = codec::decode::<T>(bytes, JOIN_FRAME_BYTES_MAX);
    if let Ok(value) = &decoded {
        assert_eq!(codec::encode(value), bytes, "one encoding");
    }
    Verdict::of(&decoded)
}

/// A session that hears this message, before a greeting and after one, comes back with little to do.
fn converse(message: &Message) {
    let leaves: Leaves = (0..40u8)
        .map(|n| {
            let pack = kitbag_core::id::PackId::from_bytes([n.wrapping_mul(37); 32]);
            (pack, kitbag_core::sync::tree::LeafHash([n; 32]))
        })
        .collect();
    let root = leaves.root();
    let view = View {
        leaves,
        ..View::default()
    };
    let greeting = Message::Hello {
        version: SYNC_VERSION,
        root,
        wants: 1,
        changed: vec![],
        children: None,
        sketch: None,
    };
    for side in [Side::Dialler, Side::Listener] {
        for greeted in [false, true] {
            let mut session = Session::new(side);
            let mut effects: Vec<Effect> = Vec::new();
            session.handle(&view, Input::Opened, &mut effects);
            if greeted {
                session.handle(&view, Input::Received(greeting.clone()), &mut effects);
            }
            session.handle(&view, Input::Received(message.clone()), &mut effects);
            assert!(
                effects.len() < 100,
                "one message makes {} effects",
                effects.len()
            );
        }
    }
}
