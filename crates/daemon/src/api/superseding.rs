//! Putting a note in the place of another, and taking the content of one out.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{ItemId, PackId};
use kitbag_rpc::{
    Code, Failure, NoteRedacted, NoteRef, NoteSuperseded, RedactNote, SupersedeNote, V1,
};

pub(super) async fn supersede_note(
    served: Served,
    call: SupersedeNote,
) -> Answered<NoteSuperseded> {
    let (pack, old) = served.resolve_note(call.note, "supersede").await?;
    let by = served.note_of(pack, call.by).await?;
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    let engine = &served.engine;
    let done = engine.supersede(pack, old, by, call.above, call.dry_run);
    let done = done.await;
    let done = done.map_err(|e| failed(&e))?;
    Ok(NoteSuperseded {
        v: V1,
        title: done.old.title.clone(),
        note: convert::linked(done.old),
        by_title: done.by.title.clone(),
        by: convert::linked(done.by),
        pack: pack_ref,
        changed: done.changed,
        along: convert::note_refs(done.along),
        audience: convert::audience(done.audience),
        above: done.above,
        loses: convert::audience(done.loses),
        dry_run: call.dry_run,
    })
}

pub(super) async fn redact_note(served: Served, call: RedactNote) -> Answered<NoteRedacted> {
    let (pack, id) = served.resolve_note(call.note, "redact").await?;
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    let engine = &served.engine;
    let done = engine.redact(pack, id, call.reason, call.dry_run).await;
    let (done, found) = done.map_err(|e| failed(&e))?;
    Ok(NoteRedacted {
        v: V1,
        note: NoteRef {
            id: done.id.to_string(),
            sensitivity: convert::sensitivity(done.sensitivity),
        },
        pack: pack_ref,
        title: done.title,
        changed: done.changed,
        along: convert::note_refs(done.along),
        audience: convert::audience(done.audience),
        found: convert::kinds(&found),
        dry_run: call.dry_run,
    })
}

impl Served {
    /// A note of this pack, by the start of its id.
    pub(super) async fn note_of(&self, pack: PackId, note: String) -> Answered<ItemId> {
        let (of, id) = self
            .engine
            .resolve_note(note.clone())
            .await
            .map_err(|e| failed(&e))?;
        if of != pack {
            let message = format!("note {note} is in another pack");
            return Err(Failure::new(Code::BadInput, message)
                .hint("only a note of the same pack replaces another"));
        }
        self.may_touch(pack, id, "supersede").await?;
        Ok(id)
    }
}
