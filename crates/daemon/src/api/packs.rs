//! What a pack is called, and whether it is put away here.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::EngineError;
use kitbag_rpc::{
    ArchivePack, Code, Failure, PackArchived, PackRenamed, PackRetitled, RenamePack, RetitlePack,
    V1,
};

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
    let before = renamed.map_err(|error| taken(&error))?;
    let (changed, had) = (before.is_some(), pack.name.take());
    pack.name = call.name;
    Ok(PackRenamed {
        v: V1,
        pack,
        before: before.unwrap_or(had),
        changed,
    })
}

pub(super) async fn retitle(served: Served, call: RetitlePack) -> Answered<PackRetitled> {
    let id = served.pack(call.pack).await?;
    let pack = served.pack_ref(id).await?;
    // Planned first: nothing may fail once it is written.
    let planned = served.engine.retitle_pack(id, call.title.clone(), true);
    let sensitivity = planned.await.map_err(|error| taken(&error))?.pop();
    let audience = match sensitivity {
        Some(at) => served.engine.audience(id, at).await,
        None => Ok(vec![]),
    };
    let audience = convert::audience(audience.map_err(|e| failed(&e))?);
    if !call.dry_run {
        let done = served.engine.retitle_pack(id, call.title.clone(), false);
        done.await.map_err(|error| taken(&error))?;
    }
    Ok(PackRetitled {
        v: V1,
        pack,
        title: call.title,
        changed: sensitivity.is_some(),
        dry_run: call.dry_run,
        sensitivity: sensitivity.map(convert::sensitivity),
        audience,
    })
}

/// The failure, with the way out if another pack goes by that word.
fn taken(error: &EngineError) -> Failure {
    match failed(error) {
        failure if failure.code == Code::Conflict => {
            failure.hint("say another name, or give that pack another first: kitbag pack list")
        }
        failure => failure,
    }
}
