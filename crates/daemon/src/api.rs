//! The calls, one handler each: resolve what is named, ask the engine, answer.

mod explain;

use crate::convert;
use crate::failure::failed;
use crate::routes::Routes;
use axum::Router;
use kitbag_engine::{self as engine, Added, Engine, PackId, PackSummary};
use kitbag_rpc::{
    AddNote, Code, CreatePack, EditNote, Failure, Health, Healthy, History, JoinPack, JoinState,
    Joined, ListMembers, ListNotes, ListPacks, Me, Members, NoteAnswer, NoteEdited, NoteRef,
    NoteWritten, Notes, PackAnswer, PackRef, PackStatus, Packs, ReadHistory, ReadStatus, Secret,
    Sensitivity, SharePack, Shared, ShowNote, ShowPack, Status, Stop, Stopping, SyncPacks, Synced,
    V1, WhoAmI,
};
use std::collections::HashMap;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// What handlers work on.
#[derive(Clone)]
struct Served {
    engine: Engine,
    stop: CancellationToken,
}

type Answered<T> = Result<T, Failure>;

/// All routes of the API.
pub(crate) fn routes(engine: Engine, stop: CancellationToken, daemon_uid: u32) -> Router {
    Routes::new(Served { engine, stop }, daemon_uid)
        .on(health)
        .on(who_am_i)
        .on(read_status)
        .on(stop_daemon)
        .on(create_pack)
        .on(list_packs)
        .on(show_pack)
        .on(list_members)
        .on(add_note)
        .on(list_notes)
        .on(show_note)
        .on(edit_note)
        .on(read_history)
        .on(share_pack)
        .on(join_pack)
        .on(sync)
        .on(explain::ask_who)
        .on(explain::explain_policy)
        .on(explain::show_policy)
        .on(explain::check_pack)
        .on(explain::read_why)
        .into_router()
}

async fn health(_: Served, _: Health) -> Answered<Healthy> {
    Ok(Healthy {
        v: V1,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

async fn who_am_i(served: Served, _: WhoAmI) -> Answered<Me> {
    Ok(convert::me(served.engine.me().await))
}

async fn read_status(served: Served, _: ReadStatus) -> Answered<Status> {
    let status = served.engine.status().await.map_err(|e| failed(&e))?;
    Ok(Status {
        v: V1,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoint: status.endpoint.id,
        addresses: status.endpoint.addresses,
        peers: status.peers.into_iter().map(convert::peer).collect(),
        packs: served.named(status.packs).await?,
    })
}

async fn stop_daemon(served: Served, _: Stop) -> Answered<Stopping> {
    served.stop.cancel();
    Ok(Stopping {
        v: V1,
        pid: std::process::id(),
    })
}

async fn create_pack(served: Served, call: CreatePack) -> Answered<PackAnswer> {
    let default = convert::engine_sensitivity(call.sensitivity.unwrap_or(Sensitivity::Internal));
    let pack = served
        .engine
        .create_pack(call.title, default)
        .await
        .map_err(|e| failed(&e))?;
    Ok(PackAnswer {
        v: V1,
        pack: convert::pack(pack),
    })
}

async fn list_packs(served: Served, _: ListPacks) -> Answered<Packs> {
    let packs = served.engine.packs().await.map_err(|e| failed(&e))?;
    Ok(Packs {
        v: V1,
        packs: packs.into_iter().map(convert::pack).collect(),
    })
}

async fn show_pack(served: Served, call: ShowPack) -> Answered<PackAnswer> {
    let id = served.pack(call.pack).await?;
    Ok(PackAnswer {
        v: V1,
        pack: convert::pack(served.summary(id).await?),
    })
}

async fn list_members(served: Served, call: ListMembers) -> Answered<Members> {
    let id = served.pack(call.pack).await?;
    let members = served.engine.members(id).await.map_err(|e| failed(&e))?;
    let members = members.into_iter().map(convert::member).collect();
    Ok(Members {
        v: V1,
        pack: served.pack_ref(id).await?,
        members,
    })
}

async fn add_note(served: Served, call: AddNote) -> Answered<NoteWritten> {
    let id = served.pack(call.pack.clone()).await?;
    let pack = served.pack_ref(id).await?; // first: nothing may fail once it is written
    let added = served
        .engine
        .add_note(id, convert::new_note(call))
        .await
        .map_err(|e| failed(&e))?;
    Ok(NoteWritten {
        v: V1,
        note: note_ref(&added),
        pack,
        existing: added.existing,
        audience: convert::audience(added.audience),
    })
}

async fn list_notes(served: Served, call: ListNotes) -> Answered<Notes> {
    let id = served.pack(call.pack).await?;
    let notes = served.engine.notes(id).await.map_err(|e| failed(&e))?;
    Ok(Notes {
        v: V1,
        pack: served.pack_ref(id).await?,
        notes: notes.into_iter().map(convert::note_line).collect(),
    })
}

async fn show_note(served: Served, call: ShowNote) -> Answered<NoteAnswer> {
    let (pack, id) = served
        .engine
        .resolve_note(call.note)
        .await
        .map_err(|e| failed(&e))?;
    let note = served.engine.note(pack, id).await.map_err(|e| failed(&e))?;
    Ok(NoteAnswer {
        v: V1,
        note: convert::note(note, served.pack_ref(pack).await?),
    })
}

async fn edit_note(served: Served, call: EditNote) -> Answered<NoteEdited> {
    let (pack, id) = served
        .engine
        .resolve_note(call.note.clone())
        .await
        .map_err(|e| failed(&e))?;
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    let edited = served
        .engine
        .edit_note(pack, id, convert::note_edit(call))
        .await
        .map_err(|e| failed(&e))?;
    match edited {
        Some(added) => Ok(NoteEdited {
            v: V1,
            note: note_ref(&added),
            pack: pack_ref,
            changed: true,
            audience: convert::audience(added.audience),
        }),
        None => {
            let note = served.engine.note(pack, id).await.map_err(|e| failed(&e))?;
            let note = NoteRef {
                id: id.to_string(),
                sensitivity: convert::sensitivity(note.sensitivity),
            };
            Ok(NoteEdited {
                v: V1,
                note,
                pack: pack_ref,
                changed: false,
                audience: Vec::new(),
            })
        }
    }
}

async fn read_history(served: Served, call: ReadHistory) -> Answered<History> {
    let (pack, id) = served
        .engine
        .resolve_note(call.note)
        .await
        .map_err(|e| failed(&e))?;
    let history = served
        .engine
        .history(pack, id)
        .await
        .map_err(|e| failed(&e))?;
    Ok(History {
        v: V1,
        note: id.to_string(),
        history: history.into_iter().map(convert::revision).collect(),
    })
}

async fn share_pack(served: Served, call: SharePack) -> Answered<Shared> {
    let id = served.pack(call.pack.clone()).await?;
    let pack = served.pack_ref(id).await?;
    if call.dry_run {
        let opens = served.opens(id, call.clearance).await?;
        let (role, clearance, expires_at, uses) =
            (call.role, call.clearance, call.expires_at, call.uses);
        return Ok(Shared {
            v: V1,
            ticket: None,
            invite: None,
            expires_at,
            pack,
            role,
            clearance,
            opens,
            uses,
            dry_run: true,
        });
    }
    let shared = served
        .engine
        .share(id, convert::share_options(&call))
        .await
        .map_err(|e| failed(&e))?;
    Ok(Shared {
        v: V1,
        ticket: Some(Secret::new(shared.ticket)),
        invite: Some(shared.invite),
        expires_at: shared.expires_at.map(convert::time),
        pack,
        role: convert::role(shared.role),
        clearance: convert::sensitivity(shared.clearance),
        opens: shared.opens,
        uses: shared.uses,
        dry_run: false,
    })
}

async fn join_pack(served: Served, call: JoinPack) -> Answered<Joined> {
    let ticket = Zeroizing::new(call.ticket.expose().to_owned());
    let joined = served
        .engine
        .join(ticket, call.name)
        .await
        .map_err(|e| failed(&e))?;
    Ok(Joined {
        v: V1,
        pack: served.pack_ref(joined.pack).await?,
        role: convert::role(joined.role),
        clearance: convert::sensitivity(joined.clearance),
        state: if joined.already_member {
            JoinState::AlreadyMember
        } else {
            JoinState::Joined
        },
        check_words: joined.check_words,
        invited_by: joined.invited_by,
        notes: joined.notes,
    })
}

async fn sync(served: Served, call: SyncPacks) -> Answered<Synced> {
    let timeout = call.timeout();
    let pack = match call.pack {
        Some(selector) => Some(served.pack(selector).await?),
        None => None,
    };
    let packs = served
        .engine
        .sync(pack, call.wait, timeout)
        .await
        .map_err(|e| failed(&e))?;
    Ok(Synced {
        v: V1,
        packs: served.named(packs).await?,
    })
}

impl Served {
    async fn pack(&self, selector: String) -> Answered<PackId> {
        self.engine
            .resolve_pack(selector)
            .await
            .map_err(|e| failed(&e))
    }

    async fn summary(&self, id: PackId) -> Answered<PackSummary> {
        let packs = self.engine.packs().await.map_err(|e| failed(&e))?;
        packs
            .into_iter()
            .find(|pack| pack.id == id)
            .ok_or_else(|| Failure::new(Code::NotFound, "the pack is gone"))
    }

    async fn pack_ref(&self, id: PackId) -> Answered<PackRef> {
        Ok(convert::pack_ref(self.summary(id).await?))
    }

    /// Packs by the names that this person gave them.
    async fn named(&self, packs: Vec<engine::PackStatus>) -> Answered<Vec<PackStatus>> {
        let known = self.engine.packs().await.map_err(|e| failed(&e))?;
        let mut names: HashMap<PackId, Option<String>> =
            known.into_iter().map(|pack| (pack.id, pack.name)).collect();
        let named = packs.into_iter().map(|pack| {
            let name = names.remove(&pack.id).flatten();
            convert::pack_status(pack, name)
        });
        Ok(named.collect())
    }

    /// How many of a pack's notes this clearance opens.
    async fn opens(&self, id: PackId, clearance: Sensitivity) -> Answered<u64> {
        let notes = self.engine.notes(id).await.map_err(|e| failed(&e))?;
        let clearance = convert::engine_sensitivity(clearance);
        Ok(notes
            .iter()
            .filter(|note| note.sensitivity <= clearance)
            .count() as u64)
    }
}

fn note_ref(added: &Added) -> NoteRef {
    NoteRef {
        id: added.id.to_string(),
        sensitivity: convert::sensitivity(added.sensitivity),
    }
}
