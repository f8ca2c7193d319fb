//! Changes of membership as documents of the API.

use super::{role, sensitivity, time};
use kitbag_engine as engine;
use kitbag_rpc as rpc;

pub(crate) fn person_change(change: engine::PersonChange) -> rpc::PersonChange {
    rpc::PersonChange {
        person: rpc::PersonRef {
            id: change.person.to_string(),
            name: change.name,
            is_me: change.is_me,
        },
        before: rights(change.before),
        after: rights(change.after),
        gains: change.gains.into_iter().map(note_count).collect(),
        keeps: change.keeps.into_iter().map(note_count).collect(),
    }
}

pub(crate) fn rights(rights: engine::Rights) -> rpc::Rights {
    rpc::Rights {
        role: rights.role.map(role),
        clearance: rights.clearance.map(sensitivity),
        opens: rights.opens.into_iter().map(sensitivity).collect(),
        writes: rights.writes.into_iter().map(sensitivity).collect(),
        waits: rights.waits,
    }
}

fn note_count(count: engine::NoteCount) -> rpc::NoteCount {
    rpc::NoteCount {
        sensitivity: sensitivity(count.sensitivity),
        notes: count.notes,
    }
}

pub(crate) fn ended_ticket(invite: engine::EndedInvite) -> rpc::EndedTicket {
    rpc::EndedTicket {
        invite: invite.invite.op.short(),
        by: invite.by,
        role: role(invite.role),
        clearance: sensitivity(invite.clearance),
    }
}

pub(crate) fn set_aside_of(of: engine::SetAside) -> rpc::SetAsideOf {
    rpc::SetAsideOf {
        person: of.person.to_string(),
        name: of.name,
        edits: of.entries,
    }
}

pub(crate) fn held(held: engine::HeldView) -> rpc::Held {
    rpc::Held {
        text: held.to_string(),
        person: held.person.to_string(),
        name: held.name,
        what: kind(&held.what),
        by: held.by.to_string(),
        by_name: held.by_name,
        at: time(held.at),
    }
}

pub(crate) fn ended(ending: engine::Ending) -> rpc::Ended {
    rpc::Ended {
        text: ending.to_string(),
        what: kind(&ending.how),
        by: ending.by.to_string(),
        by_name: ending.by_name,
        at: time(ending.at),
    }
}

fn kind(of: &engine::Removal) -> rpc::RemovalKind {
    match of {
        engine::Removal::Removed => rpc::RemovalKind::Removed,
        engine::Removal::Left => rpc::RemovalKind::Left,
        engine::Removal::FellWith { .. } => rpc::RemovalKind::FellWith,
        engine::Removal::NotListed => rpc::RemovalKind::NotListed,
        engine::Removal::Forked => rpc::RemovalKind::Forked,
    }
}
