//! The engine's views as documents of the API, and back. Exhaustive matches: a new word in the
//! policy does not compile until it has one here.

pub(crate) mod agents;
pub(crate) mod audit;
pub(crate) mod escalation;
mod explain;
mod finding;
pub(crate) mod handoffs;
pub(crate) mod hygiene;
mod importing;
mod membership;
mod receipts;
mod rules;

pub(crate) use explain::{
    access, act, checked, held_by, inspected, named, pack_why, rule, ticket_view,
};
pub(crate) use finding::{empty_reason, exported, filter, found, listed, withheld};
pub(crate) use importing::{imported_note, incoming, kinds};
pub(crate) use membership::{ended, ended_ticket, held, person_change, set_aside_of};
pub(crate) use receipts::{bad_receipt, receipt, receipt_shown};
pub(crate) use rules::{first_rules, new_consent, pack_rules, release, rules_change};

use kitbag_engine as engine;
use kitbag_rpc as rpc;

pub(crate) fn me(me: engine::Me) -> rpc::Me {
    rpc::Me {
        v: rpc::V1,
        person: rpc::Person {
            id: me.person.to_string(),
            name: me.name,
        },
        device: rpc::Device {
            id: me.device.to_string(),
            name: me.device_name,
        },
    }
}

pub(crate) fn pack(pack: engine::PackSummary) -> rpc::Pack {
    rpc::Pack {
        id: pack.id.to_string(),
        title: pack.title,
        name: pack.name,
        notes: pack.notes,
        members: pack.members,
        role: pack.role.map(role),
        clearance: pack.clearance.map(sensitivity),
        default_sensitivity: sensitivity(pack.default_sensitivity),
        client: pack.client,
        kind: pack.kind.map(|kind| kind.as_str().to_owned()),
        rules_unclear: pack.rules_unclear.map(|why| match why {
            engine::RulesUnclear::SeveralClients => rpc::RulesUnclear::SeveralClients,
            engine::RulesUnclear::SeveralKinds => rpc::RulesUnclear::SeveralKinds,
            engine::RulesUnclear::SeveralOfBoth => rpc::RulesUnclear::SeveralOfBoth,
            engine::RulesUnclear::Unreadable => rpc::RulesUnclear::Unreadable,
        }),
        archived: pack.archived,
    }
}

pub(crate) fn pack_ref(pack: engine::PackSummary) -> rpc::PackRef {
    rpc::PackRef {
        id: pack.id.to_string(),
        title: pack.title,
        name: pack.name,
        archived: pack.archived,
    }
}

pub(crate) fn new_note(
    note: rpc::AddNote,
    supersedes: Vec<engine::ItemId>,
    derived_from: Vec<engine::ItemId>,
) -> Result<engine::NewNote, rpc::Failure> {
    Ok(engine::NewNote {
        title: note.title,
        body: note.body,
        source: engine::NewSource {
            label: note.source.label,
            kind: note.source.kind,
            uri: note.source.uri,
            app: note.source.app,
            author: note.source.author,
            locator: note.source.locator,
            observed_at: note.source.observed_at.map(moment),
        },
        sensitivity: note.sensitivity.map(engine_sensitivity),
        tags: note.tags,
        note_type: note.note_type,
        consent: note.consent.map(new_consent).transpose()?,
        claim: stated(note.claim, "claim")?,
        pinned: note.pinned,
        valid_from: note.valid_from.map(moment),
        valid_to: note.valid_to.map(moment),
        review_after: note.review_after.map(moment),
        expires_at: note.expires_at.map(moment),
        supersedes,
        derived_from,
        across_clients: note.across_clients,
    })
}

fn moment(at: rpc::Time) -> engine::Timestamp {
    engine::Timestamp::from_millis(at.as_millis())
}

/// A word of a kind.
fn stated<T: std::str::FromStr<Err: std::fmt::Display>>(
    word: Option<String>,
    field: &str,
) -> Result<Option<T>, rpc::Failure> {
    let word = word.map(|word| word.parse());
    word.transpose()
        .map_err(|e: T::Err| rpc::Failure::new(rpc::Code::BadInput, format!("{field}: {e}")))
}

/// Words of a kind.
fn all_stated<T: std::str::FromStr<Err: std::fmt::Display> + Ord>(
    words: Vec<String>,
    field: &str,
) -> Result<std::collections::BTreeSet<T>, rpc::Failure> {
    let words = words.into_iter().map(|word| stated(Some(word), field));
    let words: Result<Vec<Option<T>>, rpc::Failure> = words.collect();
    Ok(words?.into_iter().flatten().collect())
}

/// The dates that an edit may change.
const DATES: [&str; 4] = ["valid_from", "valid_to", "review_after", "expires_at"];

pub(crate) fn note_edit(edit: rpc::EditNote) -> Result<engine::NoteEdit, rpc::Failure> {
    if let Some(other) = edit
        .clear
        .iter()
        .find(|date| !DATES.contains(&date.as_str()))
    {
        let message = format!("clear: {other:?} is none of {}", DATES.join(", "));
        return Err(rpc::Failure::new(rpc::Code::BadInput, message));
    }
    let date = |name: &str, at: Option<rpc::Time>| match at {
        Some(at) => engine::DateEdit::Set(moment(at)),
        None if edit.clear.iter().any(|clear| clear == name) => engine::DateEdit::Clear,
        None => engine::DateEdit::Keep,
    };
    Ok(engine::NoteEdit {
        valid_from: date("valid_from", edit.valid_from),
        valid_to: date("valid_to", edit.valid_to),
        review_after: date("review_after", edit.review_after),
        expires_at: date("expires_at", edit.expires_at),
        note_type: stated(edit.note_type, "type")?,
        claim: stated(edit.claim, "claim")?,
        found: all_stated(edit.pii, "pii")?,
        pinned: edit.pinned,
        reactivate: edit.reactivate,
        title: edit.title,
        body: edit.body,
        seen: edit.seen,
        add_tags: edit.add_tags,
        remove_tags: edit.remove_tags,
        consent: edit.consent.map(new_consent).transpose()?,
        ..engine::NoteEdit::default()
    })
}

pub(crate) fn note_line(note: engine::NoteSummary) -> rpc::NoteLine {
    rpc::NoteLine {
        id: note.id.to_string(),
        title: note.title,
        sensitivity: sensitivity(note.sensitivity),
        source: note.source,
        status: note.status,
        edited: note.edited,
        derived_from: ids(note.derived_from),
        masked_copies: ids(note.masked_copies),
        masked_copy_of: ids(note.masked_copy_of),
        pii: note.pii.iter().map(ToString::to_string).collect(),
        superseded_by: ids(note.superseded_by),
        pinned: note.pinned,
    }
}

fn ids(ids: Vec<engine::ItemId>) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

pub(crate) fn linked(note: engine::Linked) -> rpc::NoteRef {
    rpc::NoteRef {
        id: note.id.to_string(),
        sensitivity: sensitivity(note.sensitivity),
    }
}

pub(crate) fn note_refs(notes: Vec<engine::Linked>) -> Vec<rpc::NoteRef> {
    notes.into_iter().map(linked).collect()
}

pub(crate) fn note(note: engine::Note, pack: rpc::PackRef) -> rpc::Note {
    rpc::Note {
        id: note.id.to_string(),
        pack,
        note_type: note.note_type,
        title: note.title,
        body: note.body,
        long_text_bytes: note.long_text_bytes,
        tags: note.tags,
        source: rpc::Source {
            label: note.source.label,
            kind: note.source.kind,
            uri: note.source.uri,
            app: note.source.app,
            author: note.source.author,
            locator: note.source.locator,
            observed_at: note.source.observed_at.map(time),
        },
        produced_by: note.produced_by.map(|by| rpc::ProducedBy {
            agent: by.agent,
            model: by.model,
            prompt: by.prompt,
        }),
        confidence: note.confidence,
        captured_by: note.captured_by,
        trust: note.trust,
        sensitivity: sensitivity(note.sensitivity),
        status: note.status,
        consent: note.consent.map(finding::exported_consent),
        captured_at: time(note.captured_at),
        added_by: note.added_by,
        version: note.version,
        edits: note.edits,
        waiting: note.waiting,
        left_above: note.left_above,
        hidden_below: note.hidden_below,
        shown_below: note.shown_below.map(sensitivity),
        merged: note.merged.into_iter().map(merged).collect(),
        deleted: note.deleted.map(|deletion| rpc::Deletion {
            by: deletion.by,
            at: time(deletion.at),
        }),
        derived_from: ids(note.derived_from),
        masked_copies: note_refs(note.masked_copies),
        masked_copy_of: note_refs(note.masked_copy_of),
        pii: note.pii.iter().map(ToString::to_string).collect(),
        supersedes: ids(note.supersedes),
        superseded_by: ids(note.superseded_by),
        redacted: note.redacted.map(|redaction| rpc::Redaction {
            by: redaction.by,
            at: redaction.at.map(time),
            reason: redaction.reason,
        }),
        pinned: note.pinned,
        claim: note.claim.map(|claim| claim.to_string()),
        valid_from: note.valid_from.map(time),
        valid_to: note.valid_to.map(time),
        review_after: note.review_after.map(time),
        expires_at: note.expires_at.map(time),
    }
}

fn merged(place: engine::MergedPlace) -> rpc::MergedPlace {
    rpc::MergedPlace {
        at: [place.at.start as u64, place.at.end as u64],
        by: place.by,
    }
}

pub(crate) fn undone_write(what: engine::UndoneWrite) -> rpc::UndoneWrite {
    match what {
        engine::UndoneWrite::Added => rpc::UndoneWrite::Added,
        engine::UndoneWrite::Edited => rpc::UndoneWrite::Edited,
        engine::UndoneWrite::Deleted => rpc::UndoneWrite::Deleted,
        engine::UndoneWrite::Restored => rpc::UndoneWrite::Restored,
        engine::UndoneWrite::Superseded => rpc::UndoneWrite::Superseded,
        engine::UndoneWrite::Redacted => rpc::UndoneWrite::Redacted,
        engine::UndoneWrite::Moved => rpc::UndoneWrite::Moved,
    }
}

pub(crate) fn relabelled(
    done: engine::Relabelled,
    pack: rpc::PackRef,
    dry_run: bool,
) -> rpc::NoteRelabelled {
    rpc::NoteRelabelled {
        v: rpc::V1,
        note: rpc::NoteRef {
            id: done.id.to_string(),
            sensitivity: sensitivity(done.to),
        },
        pack,
        from: sensitivity(done.from),
        changed: done.changed,
        audience: audience(done.audience),
        gains: audience(done.gains),
        loses: audience(done.loses),
        brings: done.brings,
        holds: done
            .holds
            .iter()
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        dry_run,
    }
}

pub(crate) fn audience(members: Vec<engine::AudienceMember>) -> Vec<rpc::AudienceMember> {
    let member = |member: engine::AudienceMember| rpc::AudienceMember {
        person: member.person.to_string(),
        name: member.name,
        is_me: member.is_me,
        opens: member.opens,
    };
    members.into_iter().map(member).collect()
}

pub(crate) fn revision(revision: engine::Revision) -> rpc::Revision {
    rpc::Revision {
        by: revision.by,
        at: time(revision.at),
        what: revision.what,
        reason: revision.reason,
        to: revision.to.map(sensitivity),
        told_by: revision.told_by,
        title: revision.title,
        body: revision.body,
        changes: revision.changes.into_iter().map(field_change).collect(),
    }
}

fn field_change(change: engine::FieldChange) -> rpc::FieldChange {
    let value = |value: engine::ChangedValue| match value {
        engine::ChangedValue::Text(text) => text,
        engine::ChangedValue::At(at) => time(at).to_string(),
    };
    rpc::FieldChange {
        field: change.field.to_owned(),
        from: change.from.map(value),
        to: change.to.map(value),
        added: change.added,
        removed: change.removed,
    }
}

pub(crate) fn member(member: engine::MemberView) -> rpc::Member {
    rpc::Member {
        person: member.person.to_string(),
        name: member.name,
        kind: member.kind.to_owned(),
        role: role(member.role),
        clearance: sensitivity(member.clearance),
        devices: member.devices,
        is_me: member.is_me,
        check_words: member.check_words,
        since: time(member.since),
        opens: member.rights.opens.into_iter().map(sensitivity).collect(),
        writes: member.rights.writes.into_iter().map(sensitivity).collect(),
        held: member.held.into_iter().map(held).collect(),
    }
}

pub(crate) fn set_aside(view: engine::SetAsideView) -> rpc::SetAside {
    let (why, reason) = match view.why {
        engine::AsideWhy::AfterRemoval => (rpc::SetAsideWhy::AfterRemoval, None),
        engine::AsideWhy::BuildsOnSetAside => (rpc::SetAsideWhy::BuildsOnSetAside, None),
        engine::AsideWhy::NotAllowed => (rpc::SetAsideWhy::NotAllowed, None),
        engine::AsideWhy::Refused { reason } => (rpc::SetAsideWhy::Refused, Some(reason)),
    };
    rpc::SetAside {
        entry: view.entry.to_string(),
        kind: match view.kind {
            engine::AsideKind::Note => rpc::SetAsideKind::Note,
            engine::AsideKind::Edit => rpc::SetAsideKind::Edit,
            engine::AsideKind::Title => rpc::SetAsideKind::Title,
            engine::AsideKind::Move => rpc::SetAsideKind::Move,
            engine::AsideKind::MoveAway => rpc::SetAsideKind::MoveAway,
        },
        note: view.note.map(|note| note.to_string()),
        title: view.title,
        sensitivity: sensitivity(view.sensitivity),
        author: view.author,
        device: view.device,
        person: view.person.map(|person| person.to_string()),
        at: view.at.map(time),
        why,
        reason,
        is_member: view.is_member,
        removed_by: view.removed_by,
        dependents: view.dependents,
        text: view.text,
    }
}

/// A note that a dry run would make gets its id only when it is made.
pub(crate) fn taken(taken: engine::TakenOver, dry_run: bool) -> rpc::Taken {
    let (outcome, note) = match taken.outcome {
        engine::TakeOver::NewNote(note) => (rpc::TakeOverOutcome::NewNote, Some(note)),
        engine::TakeOver::Edited(note) => (rpc::TakeOverOutcome::Edited, Some(note)),
        engine::TakeOver::ChangesNothing => (rpc::TakeOverOutcome::ChangesNothing, None),
        engine::TakeOver::Unreadable => (rpc::TakeOverOutcome::Unreadable, None),
        engine::TakeOver::ByHand => (rpc::TakeOverOutcome::ByHand, None),
        engine::TakeOver::DoesNotFit => (rpc::TakeOverOutcome::DoesNotFit, None),
    };
    rpc::Taken {
        entry: taken.entry.to_string(),
        outcome,
        note: note.filter(|_| !dry_run).map(|note| note.to_string()),
    }
}

pub(crate) fn share_options(share: &rpc::SharePack) -> engine::ShareOptions {
    engine::ShareOptions {
        role: engine_role(share.role),
        clearance: engine_sensitivity(share.clearance),
        expires_at: share
            .expires_at
            .map(|at| engine::Timestamp::from_millis(at.as_millis())),
        uses: share.uses,
        ask: share.ask,
    }
}

pub(crate) fn invite(invite: engine::InviteView) -> rpc::Invite {
    let state = match invite.condition {
        engine::InviteCondition::Open => rpc::InviteState::Open,
        engine::InviteCondition::Used => rpc::InviteState::Used,
        engine::InviteCondition::Expired => rpc::InviteState::Expired,
        engine::InviteCondition::Cancelled => rpc::InviteState::Cancelled,
        engine::InviteCondition::Ended => rpc::InviteState::Ended,
    };
    rpc::Invite {
        used: invite.used(),
        id: invite.id,
        by: invite.by,
        by_me: invite.by_me,
        role: role(invite.role),
        clearance: sensitivity(invite.clearance),
        ask: invite.ask,
        uses: invite.uses,
        expires_at: invite.expires_at.map(time),
        since: time(invite.since),
        state,
        joined: invite.joiners.into_iter().map(invite_joiner).collect(),
        waiting: invite.waiting,
    }
}

fn invite_joiner(joiner: engine::JoinerView) -> rpc::InviteJoiner {
    rpc::InviteJoiner {
        person: joiner.person.to_string(),
        name: joiner.name,
        check_words: joiner.check_words,
        at: time(joiner.at),
        counts: joiner.counts,
    }
}

pub(crate) fn join_request(
    request: engine::JoinRequestView,
    pack: rpc::PackRef,
) -> rpc::JoinRequest {
    rpc::JoinRequest {
        id: request.id,
        pack,
        person: request.of.person.to_string(),
        name: request.name,
        check_words: request.check_words,
        role: role(request.role),
        clearance: sensitivity(request.clearance),
        opens: request.opens,
        since: time(request.since),
        until: request.until.map(time),
    }
}

pub(crate) fn waiting_join(join: engine::WaitingJoinView) -> rpc::WaitingJoin {
    let asked = join.asked.into_iter().map(|asked| rpc::Asked {
        name: asked.name,
        check_words: asked.check_words,
        role: role(asked.role),
        clearance: sensitivity(asked.clearance),
        until: asked.until.map(time),
        declined: asked.declined,
    });
    rpc::WaitingJoin {
        id: join.id,
        pack: rpc::PackRef {
            id: join.pack.to_string(),
            title: String::new(),
            name: join.name,
            archived: false,
        },
        since: time(join.since),
        asked: asked.collect(),
        waiting: join.over.is_none(),
        reason: join
            .over
            .map(|refusal| crate::failure::ticket(&refusal.into()).message),
    }
}

pub(crate) fn ticket_info(info: engine::TicketInfo) -> rpc::TicketInfo {
    rpc::TicketInfo {
        version: info.version,
        pack: info.pack.to_string(),
        peers: info.peers,
        uses: info.uses,
    }
}

pub(crate) fn peer(peer: engine::PeerView) -> rpc::Peer {
    rpc::Peer {
        name: peer.name,
        endpoint: peer.endpoint,
        connected: peer.connected,
        since: peer.since.map(time),
    }
}

pub(crate) fn engine_meters(meters: engine::Meters) -> rpc::EngineMeters {
    let buckets = engine::STEP_BUCKETS.into_iter().zip(meters.step_buckets);
    rpc::EngineMeters {
        offline: meters.offline,
        failed: meters.failed,
        damaged: meters.damaged,
        sessions: meters.sessions,
        steps_waiting: meters.steps_waiting,
        steps: meters.steps,
        step_micros: meters.step_micros,
        step_micros_max: meters.step_micros_max,
        step_buckets: buckets.collect(),
        faults: meters.faults,
        frames_in: meters.frames_in,
        bytes_in: meters.bytes_in,
        frames_out: meters.frames_out,
        bytes_out: meters.bytes_out,
        slow_readers: meters.slow_readers,
        index_notes: meters.index_notes,
        index_bytes: meters.index_bytes,
        index_drops: meters.index_drops,
    }
}

pub(crate) fn pack_status(
    pack: engine::PackStatus,
    name: Option<String>,
    archived: bool,
) -> rpc::PackStatus {
    rpc::PackStatus {
        id: pack.id.to_string(),
        title: pack.title,
        name,
        archived,
        peers: pack.peers.into_iter().map(peer_status).collect(),
        waiting: pack.waiting,
        set_aside: pack.set_aside,
        held: pack.held,
        rotation_debt: pack.rotation_debt,
        forks: pack.forks.into_iter().map(fork).collect(),
        disputes: pack.disputes.into_iter().map(held).collect(),
        ended: pack.ended.map(ended),
    }
}

fn fork(fork: engine::ForkView) -> rpc::Fork {
    rpc::Fork {
        name: fork.name,
        is_me: fork.is_me,
        branches: fork.branches,
        kept: fork.kept,
    }
}

fn peer_status(peer: engine::PeerStatus) -> rpc::PeerStatus {
    let state = match peer.state {
        engine::PeerState::Synced => rpc::PeerState::Synced,
        engine::PeerState::Syncing => rpc::PeerState::Syncing,
        engine::PeerState::Unreachable => rpc::PeerState::Unreachable,
    };
    rpc::PeerStatus {
        name: peer.name,
        state,
        at: peer.at.map(time),
        to_send: peer.to_send,
    }
}

pub(crate) fn time(at: engine::Timestamp) -> rpc::Time {
    rpc::Time::from_millis(at.as_millis())
}

pub(crate) fn sensitivity(sensitivity: engine::Sensitivity) -> rpc::Sensitivity {
    match sensitivity {
        engine::Sensitivity::Public => rpc::Sensitivity::Public,
        engine::Sensitivity::Internal => rpc::Sensitivity::Internal,
        engine::Sensitivity::Confidential => rpc::Sensitivity::Confidential,
        engine::Sensitivity::Restricted => rpc::Sensitivity::Restricted,
    }
}

pub(crate) fn engine_sensitivity(sensitivity: rpc::Sensitivity) -> engine::Sensitivity {
    match sensitivity {
        rpc::Sensitivity::Public => engine::Sensitivity::Public,
        rpc::Sensitivity::Internal => engine::Sensitivity::Internal,
        rpc::Sensitivity::Confidential => engine::Sensitivity::Confidential,
        rpc::Sensitivity::Restricted => engine::Sensitivity::Restricted,
    }
}

pub(crate) fn role(role: engine::Role) -> rpc::Role {
    match role {
        engine::Role::Courier => rpc::Role::Courier,
        engine::Role::Reader => rpc::Role::Reader,
        engine::Role::Commenter => rpc::Role::Commenter,
        engine::Role::Editor => rpc::Role::Editor,
        engine::Role::Admin => rpc::Role::Admin,
    }
}

pub(crate) fn engine_role(role: rpc::Role) -> engine::Role {
    match role {
        rpc::Role::Courier => engine::Role::Courier,
        rpc::Role::Reader => engine::Role::Reader,
        rpc::Role::Commenter => engine::Role::Commenter,
        rpc::Role::Editor => engine::Role::Editor,
        rpc::Role::Admin => engine::Role::Admin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_the_same_on_both_sides() {
        for word in engine::Sensitivity::ALL {
            assert_eq!(sensitivity(word).as_str(), word.as_str());
            assert_eq!(engine_sensitivity(sensitivity(word)), word);
        }
        for word in engine::Role::ALL {
            assert_eq!(role(word).as_str(), word.as_str());
            assert_eq!(engine_role(role(word)), word);
        }
    }
}
