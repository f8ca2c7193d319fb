//! The calls, one handler each: resolve what is named, ask the engine, answer.

mod agent_calls;
mod agents;
pub(crate) mod audit;
mod carrying;
mod clip;
mod escalation;
mod explain;
mod finding;
mod handoffs;
mod hygiene;
mod importing;
mod keeping;
mod membership;
mod packs;
mod receipts;
mod rules;
mod selections;
pub(crate) mod sessions;
mod superseding;
mod text;
mod undo;

use crate::convert;
use crate::failure::failed;
use crate::home::Home;
use crate::routes::{Routes, Serves};
use crate::sessions::Session;
use axum::Router;
use kitbag_engine::{
    self as engine, Added, AgentGrant, Arriving, Became, CapturedNote, Elsewhere, Engine,
    EntryHash, Incoming, ItemId, PackId, PackSummary,
};
use kitbag_rpc::{
    AddNote, ApproveJoin, Audience, AudienceMember, BecameElsewhere, Call, Caller, CancelInvite,
    Code, CreatePack, EditNote, Failure, ForgetJoin, History, InviteCancelled, Invites,
    JoinAnswered, JoinForgotten, JoinPack, JoinRequest, JoinRequests, JoinState, Joined,
    ListInvites, ListJoinRequests, ListMembers, ListNotes, ListPacks, Listed, MaskedCopy, Me,
    Members, NoteAnswer, NoteEdited, NoteRef, NoteRelabelled, NoteWritten, Notes, PackAnswer,
    PackRef, PackStatus, Packs, ReadHistory, ReadMetrics, ReadStatus, RefuseJoin, RelabelNote,
    Review, ReviewPack, Secret, Sensitivity, SharePack, Shared, ShowNote, ShowPack, Status,
    SyncPacks, Synced, TakeOver, TakenOver, V1, WaitingJoin, WhoAmI,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What handlers work on.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) engine: Engine,
    /// Who asks.
    pub(crate) caller: Caller,
    /// The agent that asks, if one does: it showed its secret.
    pub(crate) agent: Option<Arc<AgentGrant>>,
    /// Whether a person unlocked the terminal that is asked from.
    pub(crate) session: Session,
    /// The home itself.
    pub(crate) home: Home,
}

type Answered<T> = Result<T, Failure>;

/// All routes of the API.
pub(crate) fn routes(home: Home, daemon_uid: u32) -> Router {
    Routes::new(home, daemon_uid)
        .always(keeping::health)
        .at("/health", keeping::health, keeping::json)
        .at(ReadMetrics::PATH, keeping::metrics, |page| {
            keeping::text(page)
        })
        .always(keeping::lock)
        .always(keeping::unlock)
        .always(keeping::stop_daemon)
        .always(sessions::read)
        .always(sessions::open)
        .always(sessions::close)
        .always(sessions::change_proof)
        .always(read_status)
        .on(who_am_i)
        .on(agent_calls::packs)
        .on(agent_calls::search)
        .on(agent_calls::read)
        .on(agent_calls::context)
        .on(agent_calls::changes)
        .on(agent_calls::add)
        .on(agent_calls::update)
        .on(agent_calls::feedback)
        .on(agent_calls::explain)
        .on(agents::who_am_i)
        .on(agents::add)
        .on(agents::list)
        .on(agents::pause)
        .on(agents::revoke)
        .on(create_pack)
        .on(list_packs)
        .on(show_pack)
        .on(packs::archive)
        .on(packs::rename)
        .on(packs::retitle)
        .on(list_members)
        .on(review_pack)
        .on(take_over)
        .on(membership::unshare)
        .on(membership::set_role)
        .on(add_note)
        .on(importing::import)
        .on(importing::check)
        .on(list_notes)
        .on(show_note)
        .on(text::read_text)
        .on(edit_note)
        .on(relabel_note)
        .on(undo::delete_note)
        .on(superseding::supersede_note)
        .on(superseding::redact_note)
        .on(carrying::carry_note)
        .on(undo::undo)
        .on(read_history)
        .on(share_pack)
        .on(list_invites)
        .on(cancel_invite)
        .on(list_join_requests)
        .on(approve_join)
        .on(refuse_join)
        .on(join_pack)
        .on(forget_join)
        .on(sync)
        .on(explain::ask_who)
        .on(explain::explain_policy)
        .on(explain::show_policy)
        .on(rules::set_rules)
        .on(escalation::list)
        .on(escalation::set)
        .on(escalation::change_team)
        .on(explain::check_pack)
        .on(explain::read_why)
        .on(finding::search)
        .on(finding::plan_export)
        .on(finding::read_export)
        .on(clip::read)
        .on(clip::remember)
        .on(receipts::sign)
        .on(receipts::look)
        .on(selections::change)
        .on(selections::list)
        .on(selections::show)
        .on(selections::save)
        .on(selections::delete)
        .on(handoffs::draft)
        .on(handoffs::act)
        .on(handoffs::show)
        .on(handoffs::list)
        .on(handoffs::inbox)
        .on(handoffs::mark)
        .on(hygiene::look)
        .on(hygiene::act)
        .on(hygiene::goes)
        .on(hygiene::look_at_receipt)
        .on(audit::tell_export)
        .on(audit::read_audit)
        .on(audit::verify_audit)
        .on(audit::keep_audit)
        .into_router()
}

async fn who_am_i(served: Served, _: WhoAmI) -> Answered<Me> {
    Ok(convert::me(served.engine.me().await))
}

async fn read_status(home: Home, _: ReadStatus) -> Answered<Status> {
    let served = match home.open() {
        Ok(served) => served,
        Err(_) => return Ok(keeping::status_of_locked(&home)),
    };
    let session = home.session_shown().await?;
    let status = served.engine.status().await.map_err(|e| failed(&e))?;
    Ok(Status {
        v: V1,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        locked: false,
        offline: home.offline(),
        failed: served
            .engine
            .meters()
            .await
            .is_some_and(|meters| meters.failed),
        endpoint: status.endpoint.id,
        addresses: status.endpoint.addresses,
        peers: status.peers.into_iter().map(convert::peer).collect(),
        packs: served.named(status.packs).await?,
        requests: served.join_requests(None).await?,
        joins: served.waiting_joins().await?,
        session,
    })
}

async fn create_pack(served: Served, call: CreatePack) -> Answered<PackAnswer> {
    let default = convert::engine_sensitivity(call.sensitivity.unwrap_or(Sensitivity::Internal));
    let rules = convert::first_rules(call.kind, call.client)?;
    let pack = served
        .engine
        .create_pack_with(call.title, default, rules)
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
        archived: packs.iter().filter(|pack| pack.archived).count() as u64,
        packs: packs.into_iter().map(convert::pack).collect(),
        joins: served.waiting_joins().await?,
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

async fn review_pack(served: Served, call: ReviewPack) -> Answered<Review> {
    let id = served.pack(call.pack).await?;
    // First: nothing may fail once it is reported.
    let summary = served.summary(id).await?;
    let listed =
        served
            .engine
            .read_set_aside(id, Review::LISTED_MAX, served.shown_up_to(), served.via());
    let (listed, total) = listed.await.map_err(|e| failed(&e))?;
    Ok(Review {
        v: V1,
        may_take: summary.role.is_some_and(engine::Role::may_write),
        pack: convert::pack_ref(summary),
        total,
        set_aside: listed.into_iter().map(convert::set_aside).collect(),
    })
}

async fn take_over(served: Served, call: TakeOver) -> Answered<TakenOver> {
    if call.all != call.entries.is_empty() {
        let failure = Failure::new(
            Code::BadInput,
            "say which edits to take over, or all of them",
        );
        return Err(failure);
    }
    let id = served.pack(call.pack).await?;
    let pack = served.pack_ref(id).await?; // first: nothing may fail once it is written
    let mut listed = served.engine.set_aside(id).await.map_err(|e| failed(&e))?;
    let up_to = served.shown_up_to();
    listed.retain(|view| view.sensitivity <= up_to);
    let mut entries: Vec<EntryHash> = Vec::new();
    if call.all {
        entries.extend(listed.iter().map(|view| view.entry));
    }
    for selector in call.entries {
        let entry = Engine::pick_set_aside(&listed, selector);
        entries.push(entry.map_err(|e| failed(&e))?);
    }
    let concerned = listed.iter().filter(|view| entries.contains(&view.entry));
    let sensitivities: BTreeSet<_> = concerned.map(|view| view.sensitivity).collect();
    let mut audiences = Vec::new();
    for sensitivity in sensitivities {
        let audience = served.engine.audience(id, sensitivity).await;
        audiences.push(Audience {
            sensitivity: convert::sensitivity(sensitivity),
            audience: convert::audience(audience.map_err(|e| failed(&e))?),
        });
    }
    let taken = match call.dry_run {
        true => served.engine.plan_take_over(id, entries).await,
        false => served.engine.take_over(id, entries).await,
    };
    let taken = taken.map_err(|e| failed(&e))?.into_iter();
    Ok(TakenOver {
        v: V1,
        pack,
        dry_run: call.dry_run,
        taken: taken
            .map(|taken| convert::taken(taken, call.dry_run))
            .collect(),
        audiences,
    })
}

async fn add_note(served: Served, call: AddNote) -> Answered<NoteWritten> {
    let id = served.pack(call.pack.clone()).await?;
    let pack = served.pack_ref(id).await?; // first: nothing may fail once it is written
    let screening = importing::screening(call.unmasked);
    let mut supersedes = Vec::new();
    for note in &call.supersedes {
        supersedes.push(served.note_of(id, note.clone()).await?);
    }
    let mut derived_from = Vec::new();
    for note in &call.derived_from {
        let found = served.engine.resolve_note(note.clone()).await;
        derived_from.push(found.map_err(|e| failed(&e))?.1);
    }
    let arriving = Arriving {
        via: Some(served.via()),
        dry_run: call.dry_run,
        ..Arriving::default()
    };
    let note = Incoming::stated(&convert::new_note(call, supersedes, derived_from)?);
    let note = note.map_err(|e| failed(&e.into()))?;
    let engine = &served.engine;
    let done = engine.capture_from(id, vec![note.into()], screening, arriving);
    let mut done = done.await.map_err(|e| failed(&e))?;
    let Some(CapturedNote { outcome, held, .. }) = done.notes.pop() else {
        return Err(Failure::new(Code::Internal, "no note came back"));
    };
    let captured = outcome.map_err(|e| importing::holding(failed(&e), &held))?;
    let existing = captured.became != Became::Added;
    let (Some(note), Some(at)) = (captured.id, captured.sensitivity) else {
        return Err(Failure::new(Code::Internal, "no note came back"));
    };
    let note_ref = |id: ItemId, at| NoteRef {
        id: id.to_string(),
        sensitivity: convert::sensitivity(at),
    };
    let mut audiences = done.audiences;
    let audience = match audiences.get(&at) {
        Some(audience) => audience.clone(),
        None => served
            .engine
            .audience(id, at)
            .await
            .map_err(|e| failed(&e))?,
    };
    let copy = captured.masked.map(|(copy, at)| MaskedCopy {
        note: note_ref(copy, at),
        audience: convert::audience(audiences.remove(&at).unwrap_or_default()),
    });
    Ok(NoteWritten {
        v: V1,
        note: note_ref(note, at),
        pack,
        existing,
        audience: convert::audience(audience),
        held: convert::kinds(&held),
        masked: copy,
    })
}

async fn list_notes(served: Served, call: ListNotes) -> Answered<Notes> {
    let id = served.pack(call.pack).await?;
    let mut notes = served.engine.notes(id).await.map_err(|e| failed(&e))?;
    let up_to = served.shown_up_to();
    notes.retain(|note| note.sensitivity <= up_to);
    let ended = served.engine.ending(id).await.map_err(|e| failed(&e))?;
    let unreadable = served.engine.unreadable_notes(id).await;
    let unreadable = unreadable.map_err(|e| failed(&e))?;
    Ok(Notes {
        v: V1,
        pack: served.pack_ref(id).await?,
        superseded: match call.listed {
            Listed::Kept => notes.iter().filter(|n| n.status == "superseded").count() as u64,
            Listed::Deleted | Listed::All => 0,
        },
        notes: notes
            .into_iter()
            .filter(|note| call.listed.holds(&note.status))
            .map(convert::note_line)
            .collect(),
        unreadable,
        ended: ended.map(convert::ended),
        up_to: served.up_to(),
    })
}

async fn show_note(served: Served, call: ShowNote) -> Answered<NoteAnswer> {
    let (pack, id) = served.resolve_note(call.note, "read").await?;
    let note = served.engine.read_note(pack, id, served.via()).await;
    let note = note.map_err(|e| failed(&e))?;
    Ok(NoteAnswer {
        v: V1,
        note: convert::note(note, served.pack_ref(pack).await?),
    })
}

async fn edit_note(served: Served, call: EditNote) -> Answered<NoteEdited> {
    let (pack, id) = served.resolve_note(call.note.clone(), "edit").await?;
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    let edited = served
        .engine
        .edit_note(pack, id, convert::note_edit(call)?)
        .await
        .map_err(|e| failed(&e))?;
    let found = convert::kinds(&edited.found);
    match edited.written {
        Some(edited) => Ok(NoteEdited {
            v: V1,
            note: note_ref(&edited.note),
            pack: pack_ref,
            changed: true,
            audience: convert::audience(edited.note.audience),
            found,
            copies: convert::note_refs(edited.copies),
            stricter: convert::note_refs(edited.stricter),
            elsewhere: served.elsewhere(edited.elsewhere).await,
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
                found,
                copies: Vec::new(),
                stricter: Vec::new(),
                elsewhere: Vec::new(),
            })
        }
    }
}

async fn relabel_note(served: Served, call: RelabelNote) -> Answered<NoteRelabelled> {
    let (pack, id) = served.resolve_note(call.note, "relabel").await?;
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    let to = convert::engine_sensitivity(call.sensitivity);
    served.may_lower(pack, id, to).await?;
    let relabelled = served
        .engine
        .relabel_note(pack, id, to, call.dry_run)
        .await
        .map_err(|e| failed(&e))?;
    Ok(convert::relabelled(relabelled, pack_ref, call.dry_run))
}

async fn read_history(served: Served, call: ReadHistory) -> Answered<History> {
    let (pack, id) = served.resolve_note(call.note, "history").await?;
    let history = served
        .engine
        .read_history(pack, id, served.via())
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
    let options = convert::share_options(&call);
    let (ticket, invite, terms) = if call.dry_run {
        let terms = served.engine.preview_share(id, options).await;
        (None, None, terms.map_err(|e| failed(&e))?)
    } else {
        let shared = served.engine.share(id, options).await;
        let shared = shared.map_err(|e| failed(&e))?;
        (
            Some(Secret::new(shared.ticket)),
            Some(shared.invite),
            shared.terms,
        )
    };
    Ok(Shared {
        v: V1,
        ticket,
        invite,
        expires_at: terms.expires_at.map(convert::time),
        pack,
        joiner_title: terms.joiner_title,
        role: convert::role(terms.role),
        clearance: convert::sensitivity(terms.clearance),
        opens: terms.opens,
        uses: terms.uses,
        ask: terms.ask,
        dry_run: call.dry_run,
    })
}

async fn list_invites(served: Served, call: ListInvites) -> Answered<Invites> {
    let id = served.pack(call.pack).await?;
    let invites = served.engine.invites(id).await.map_err(|e| failed(&e))?;
    Ok(Invites {
        v: V1,
        pack: served.pack_ref(id).await?,
        invites: invites.into_iter().map(convert::invite).collect(),
    })
}

async fn cancel_invite(served: Served, call: CancelInvite) -> Answered<InviteCancelled> {
    let id = served.pack(call.pack).await?;
    let pack = served.pack_ref(id).await?; // first: nothing may fail once it is done
    let invite = served
        .engine
        .cancel_invite(id, call.invite, call.dry_run)
        .await
        .map_err(|e| failed(&e))?;
    Ok(InviteCancelled {
        v: V1,
        pack,
        invite: convert::invite(invite),
        dry_run: call.dry_run,
    })
}

async fn list_join_requests(served: Served, call: ListJoinRequests) -> Answered<JoinRequests> {
    let pack = match call.pack {
        Some(selector) => Some(served.pack(selector).await?),
        None => None,
    };
    Ok(JoinRequests {
        v: V1,
        requests: served.join_requests(pack).await?,
    })
}

async fn approve_join(served: Served, call: ApproveJoin) -> Answered<JoinAnswered> {
    let request = served
        .engine
        .approve_join(call.request, call.dry_run)
        .await
        .map_err(|e| failed(&e))?;
    served.answer(request, !call.dry_run, call.dry_run).await
}

async fn refuse_join(served: Served, call: RefuseJoin) -> Answered<JoinAnswered> {
    let request = served
        .engine
        .refuse_join(call.request, call.dry_run)
        .await
        .map_err(|e| failed(&e))?;
    served.answer(request, false, call.dry_run).await
}

async fn join_pack(served: Served, call: JoinPack) -> Answered<Joined> {
    let ticket = Zeroizing::new(call.ticket.expose().to_owned());
    let name = call.name.clone();
    let joined = served
        .engine
        .join(ticket, call.name)
        .await
        .map_err(|e| failed(&e))?;
    let (state, waiting) = match joined.state {
        engine::JoinState::Joined => (JoinState::Joined, None),
        engine::JoinState::AlreadyMember => (JoinState::AlreadyMember, None),
        engine::JoinState::Waiting { id } => (JoinState::Waiting, Some(id)),
    };
    let pack = match &waiting {
        None => served.pack_ref(joined.pack).await?,
        Some(_) => PackRef {
            id: joined.pack.to_string(),
            title: String::new(),
            name,
            archived: false,
        },
    };
    let audience = match &waiting {
        None => served.audience_of_additions(joined.pack).await,
        Some(_) => Vec::new(),
    };
    Ok(Joined {
        v: V1,
        pack,
        role: convert::role(joined.role),
        clearance: convert::sensitivity(joined.clearance),
        state,
        check_words: joined.check_words,
        invited_by: joined.invited_by,
        waiting,
        notes: joined.notes,
        audience,
    })
}

async fn forget_join(served: Served, call: ForgetJoin) -> Answered<JoinForgotten> {
    let join = served.engine.forget_join(call.id).await;
    Ok(JoinForgotten {
        v: V1,
        join: convert::waiting_join(join.map_err(|e| failed(&e))?),
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
    /// Who opens what this person adds without saying a sensitivity; nobody if they may not add that.
    async fn audience_of_additions(&self, pack: PackId) -> Vec<AudienceMember> {
        let Ok(summary) = self.summary(pack).await else {
            return Vec::new();
        };
        let default = summary.default_sensitivity;
        let writes =
            summary.role.is_some_and(engine::Role::may_write) && summary.clearance >= Some(default);
        match self.engine.audience(pack, default).await {
            Ok(audience) if writes => convert::audience(audience),
            _ => Vec::new(),
        }
    }

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

    /// Notes of other packs of which a consent was stated; by their ids alone if their packs cannot be told.
    async fn elsewhere(
        &self,
        notes: Vec<kitbag_engine::StatedElsewhere>,
    ) -> Vec<kitbag_rpc::StatedElsewhere> {
        let mut told = Vec::with_capacity(notes.len());
        for stated in notes {
            let pack = self.pack_ref(stated.pack).await;
            let pack = pack.unwrap_or_else(|_| kitbag_rpc::PackRef {
                id: stated.pack.to_string(),
                title: String::new(),
                name: None,
                archived: false,
            });
            let (became, reason) = match stated.became {
                Elsewhere::Reached => (BecameElsewhere::Reached, None),
                Elsewhere::Stricter => (BecameElsewhere::Stricter, None),
                Elsewhere::Failed(why) => (BecameElsewhere::Failed, Some(why)),
            };
            told.push(kitbag_rpc::StatedElsewhere {
                pack,
                note: convert::linked(stated.note),
                became,
                reason,
            });
        }
        told
    }

    async fn pack_ref(&self, id: PackId) -> Answered<PackRef> {
        Ok(convert::pack_ref(self.summary(id).await?))
    }

    /// Packs by the names that this person gave them.
    async fn named(&self, packs: Vec<engine::PackStatus>) -> Answered<Vec<PackStatus>> {
        let known = self.engine.packs().await.map_err(|e| failed(&e))?;
        let own = known.into_iter().map(|of| (of.id, (of.name, of.archived)));
        let mut own: HashMap<PackId, (Option<String>, bool)> = own.collect();
        let named = packs.into_iter().map(|pack| {
            let (name, archived) = own.remove(&pack.id).unwrap_or_default();
            convert::pack_status(pack, name, archived)
        });
        Ok(named.collect())
    }

    /// Who waits for this person's answer.
    async fn join_requests(&self, pack: Option<PackId>) -> Answered<Vec<JoinRequest>> {
        let requests = self.engine.join_requests(pack).await;
        let mut named = Vec::new();
        for request in requests.map_err(|e| failed(&e))? {
            let pack = self.pack_ref(request.of.pack).await?;
            named.push(convert::join_request(request, pack));
        }
        Ok(named)
    }

    async fn waiting_joins(&self) -> Answered<Vec<WaitingJoin>> {
        let joins = self.engine.waiting_joins().await.map_err(|e| failed(&e))?;
        Ok(joins.into_iter().map(convert::waiting_join).collect())
    }

    async fn answer(
        &self,
        request: engine::JoinRequestView,
        approved: bool,
        dry_run: bool,
    ) -> Answered<JoinAnswered> {
        let pack = self.pack_ref(request.of.pack).await?;
        Ok(JoinAnswered {
            v: V1,
            approved,
            request: convert::join_request(request, pack),
            dry_run,
        })
    }
}

fn note_ref(added: &Added) -> NoteRef {
    NoteRef {
        id: added.id.to_string(),
        sensitivity: convert::sensitivity(added.sensitivity),
    }
}
