//! What a pack is to this person alone: its name here, and whether it is put away.

use super::{Answered, Served};
use crate::failure::failed;
use kitbag_rpc::{ArchivePack, Code, PackArchived, PackRenamed, RenamePack, V1};

pub(super) async fn archive(served: Served, call: ArchivePack) -> Answered<PackArchived> {
    let id = served.pack(call.pack).await?;
    // First: nothing may fail once it is written.
    let mut pack = served.pack_ref(id).await?;
    let changed = served.engine.set_archived(id, call.archived).await;
    let changed = changed.map_err(|e| failed(&e))?;
    pack.archived = call.archived;
    Ok(PackArchived {
        v: V1,
        pack,
        changed,
    })
}

pub(super) async fn rename(served: Served, call: RenamePack) -> Answered<PackRenamed> {
    let id = served.pack(call.pack).await?;
    let mut pack = served.pack_ref(id).await?;
    let renamed = served.engine.name_pack(id, call.name.clone()).await;
    let before = renamed.map_err(|error| match failed(&error) {
        failure if failure.code == Code::Conflict => {
            failure.hint("say another name, or give that pack another first: kitbag pack list")
        }
        failure => failure,
    })?;
    let (changed, had) = (before.is_some(), pack.name.take());
    pack.name = call.name;
    Ok(PackRenamed {
        v: V1,
        pack,
        before: before.unwrap_or(had),
        changed,
    })
}
