//! Deleting a note, and taking back the last write.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::Along;
use kitbag_rpc::{Code, DeleteNote, Failure, NoteDeleted, NoteRef, RunUndone, Undo, Undone, V1};

pub(super) async fn delete_note(served: Served, call: DeleteNote) -> Answered<NoteDeleted> {
    let (pack, id) = served.resolve_note(call.note, "delete").await?;
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    let along = match call.only {
        true => Along::Alone,
        false => Along::All,
    };
    let engine = &served.engine;
    let done = engine
        .set_deleted(pack, id, !call.restore, along, call.dry_run)
        .await;
    let done = done.map_err(|e| failed(&e))?;
    Ok(NoteDeleted {
        v: V1,
        note: NoteRef {
            id: done.id.to_string(),
            sensitivity: convert::sensitivity(done.sensitivity),
        },
        pack: pack_ref,
        title: done.title,
        deleted: if call.dry_run && done.changed {
            call.restore
        } else {
            !call.restore
        },
        changed: done.changed,
        audience: convert::audience(done.audience),
        along: convert::note_refs(done.along),
        dry_run: call.dry_run,
    })
}

pub(super) async fn undo(served: Served, call: Undo) -> Answered<Undone> {
    let (pack, note) = match call.of {
        Some(of) => served.pack_or_note(of).await?,
        None => {
            let last = served.engine.last_written().await;
            let last = last.map_err(|e| failed(&e))?.ok_or_else(|| {
                Failure::new(Code::Conflict, "there is nothing to undo")
                    .hint("to undo in a pack, name it: kitbag undo PACK")
            })?;
            (last, None)
        }
    };
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    if served.up_to().is_some() {
        let planned = served.engine.undo(pack, note, true).await;
        let planned = planned.map_err(|e| failed(&e))?;
        served.may_touch(pack, planned.id, "undo").await?;
    }
    let undone = served.engine.undo(pack, note, call.dry_run).await;
    let undone = undone.map_err(|e| failed(&e))?;
    Ok(Undone {
        v: V1,
        note: NoteRef {
            id: undone.id.to_string(),
            sensitivity: convert::sensitivity(undone.sensitivity),
        },
        pack: pack_ref,
        title: undone.title,
        what: convert::undone_write(undone.what),
        at: convert::time(undone.at),
        status: undone.status,
        audience: convert::audience(undone.audience),
        along: convert::note_refs(undone.along),
        run: undone.run.map(|run| RunUndone {
            at: convert::time(run.at),
            notes: run.notes,
        }),
        left: undone.left,
        dry_run: call.dry_run,
    })
}
