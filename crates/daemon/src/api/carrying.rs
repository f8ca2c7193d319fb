//! Moving and copying a note into another pack.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{Carry, CarryOptions};
use kitbag_rpc::{CarryNote, MaskedCopy, NoteCarried, NoteRef, V1};

pub(super) async fn carry_note(served: Served, call: CarryNote) -> Answered<NoteCarried> {
    let (pack, id) = served.resolve_note(call.note, "carry").await?;
    let to = served.pack(call.to).await?;
    // First: nothing may fail once it is written.
    let (pack_ref, to_ref) = (served.pack_ref(pack).await?, served.pack_ref(to).await?);
    let options = CarryOptions {
        to,
        carry: match call.moves {
            true => Carry::Move,
            false => Carry::Copy,
        },
        sensitivity: call.sensitivity.map(convert::engine_sensitivity),
        purpose: call.purpose,
        across_clients: call.across_clients,
    };
    let via = served.via();
    let done = served
        .engine
        .carry_for(pack, id, options, call.dry_run, via);
    let done = done.await;
    let done = done.map_err(|e| failed(&e))?;
    let sensitivity = convert::sensitivity(done.sensitivity);
    let audience_of_copy = convert::audience(done.audience_of_copy);
    Ok(NoteCarried {
        v: V1,
        title: done.note.title.clone(),
        note: convert::linked(done.note),
        pack: pack_ref,
        along: done.along.map(convert::linked),
        to: to_ref,
        written: done.written.map(|id| NoteRef {
            id: id.to_string(),
            sensitivity,
        }),
        sensitivity,
        existing: done.existing,
        masked: done.masked.map(|(id, at)| MaskedCopy {
            note: NoteRef {
                id: id.to_string(),
                sensitivity: convert::sensitivity(at),
            },
            audience: audience_of_copy,
        }),
        audience: convert::audience(done.audience),
        moves: call.moves,
        lowers: done.lowers,
        crosses_clients: done.crosses_clients,
        left: done.left,
        dry_run: call.dry_run,
    })
}
