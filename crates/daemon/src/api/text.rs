//! A note's text in pieces.

use super::{Answered, Served};
use crate::failure::failed;
use kitbag_rpc::{ReadText, TextPiece, V1};

pub(super) async fn read_text(served: Served, call: ReadText) -> Answered<TextPiece> {
    let (pack, id) = served.resolve_note(call.note, "read").await?;
    let page = served.engine.read_text(pack, id, call.from, served.via());
    let page = page.await;
    let page = page.map_err(|e| failed(&e))?;
    Ok(TextPiece {
        v: V1,
        note: id.to_string(),
        text: page.text,
        next: page.next,
        bytes: page.bytes,
    })
}

/// What a client may send is what a note may hold.
const _: () = assert!(kitbag_rpc::TEXT_BYTES_MAX == kitbag_engine::TEXT_BYTES_MAX);
