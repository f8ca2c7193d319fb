//! Explanations as documents. Exhaustive matches, as everywhere in this module.

use super::{role, sensitivity, time};
use kitbag_engine as engine;
use kitbag_rpc as rpc;

pub(crate) fn named(named: engine::Named) -> rpc::Named {
    rpc::Named {
        person: named.person.to_string(),
        name: named.name,
        is_me: named.is_me,
    }
}

fn grant(grant: engine::GrantView) -> rpc::GrantShown {
    let (via, by, admitted_by) = match grant.origin {
        engine::Origin::Founder => (rpc::Via::Founder, None, None),
        engine::Origin::Granted { by } => (rpc::Via::Grant, Some(by), None),
        engine::Origin::Ticket {
            invited_by,
            admitted_by,
        } => (rpc::Via::Ticket, Some(invited_by), Some(admitted_by)),
    };
    rpc::GrantShown {
        op: grant.op,
        role: role(grant.role),
        clearance: sensitivity(grant.clearance),
        via,
        by: by.map(named),
        admitted_by: admitted_by.map(named),
        at: time(grant.at),
    }
}

pub(crate) fn act(act: engine::ActView) -> rpc::ActShown {
    rpc::ActShown {
        op: act.op,
        kind: match act.kind {
            engine::ActKind::Removed => rpc::ActKind::Removed,
            engine::ActKind::Left => rpc::ActKind::Left,
            engine::ActKind::TicketClosed => rpc::ActKind::TicketClosed,
            engine::ActKind::GiverEnded => rpc::ActKind::GiverEnded,
            engine::ActKind::TicketEnded => rpc::ActKind::TicketEnded,
            engine::ActKind::NotCounted => rpc::ActKind::NotCounted,
            engine::ActKind::Copied => rpc::ActKind::Copied,
        },
        by: named(act.by),
        of: act.of.map(named),
        at: time(act.at),
        waits_for: act.waits_for.map(|waits| match waits {
            engine::WaitsFor::Confirmation => rpc::WaitsFor::Confirmation,
            engine::WaitsFor::Earlier => rpc::WaitsFor::Earlier,
        }),
        instead: act.instead.map(|(given, clearance)| rpc::Terms {
            role: role(given),
            clearance: sensitivity(clearance),
        }),
    }
}

pub(crate) fn rule(rule: engine::Rule) -> rpc::Rule {
    rpc::Rule {
        right: match rule.right {
            engine::Right::Read => rpc::Right::Read,
            engine::Right::Write => rpc::Right::Write,
            engine::Right::Share => rpc::Right::Share,
        },
        sensitivity: sensitivity(rule.sensitivity),
        allowed: rule.allowed,
        why: match rule.why {
            engine::Why::Given => rpc::Why::Given,
            engine::Why::NewerRules => rpc::Why::NewerRules,
            engine::Why::NoRecord => rpc::Why::NoRecord,
            engine::Why::Lost => rpc::Why::Lost,
            engine::Why::NotEnough => rpc::Why::NotEnough,
            engine::Why::LostAll => rpc::Why::LostAll,
            engine::Why::Never => rpc::Why::Never,
        },
        grant: rule.grant.map(grant),
        act: rule.act.map(act),
    }
}

fn access_state(state: engine::AccessState) -> rpc::AccessState {
    match state {
        engine::AccessState::Now => rpc::AccessState::Now,
        engine::AccessState::Before => rpc::AccessState::Before,
        engine::AccessState::Never => rpc::AccessState::Never,
    }
}

pub(crate) fn access(view: engine::WhoView) -> rpc::PersonOpens {
    let one = |access: engine::Access| {
        let before = access.state == engine::AccessState::Before;
        let ended = access.rule.act.as_ref().map(|act| act.at);
        let until = access.raised.as_ref().map(|raised| raised.at).or(ended);
        rpc::Access {
            sensitivity: sensitivity(access.sensitivity),
            state: access_state(access.state),
            until: until.filter(|_| before).map(time),
            rule: rule(access.rule),
            raised: access.raised.map(|raised| rpc::Raised {
                from: sensitivity(raised.from),
                by: raised.by.map(named),
                at: time(raised.at),
            }),
        }
    };
    rpc::PersonOpens {
        who: named(view.who),
        role: view.role.map(role),
        opens: view.access.into_iter().map(one).collect(),
    }
}

pub(crate) fn held_by(member: engine::PolicyMember) -> rpc::PolicyMember {
    let held = |held: engine::Held| rpc::GrantHeld {
        grant: grant(held.grant),
        act: held.act.map(act),
    };
    rpc::PolicyMember {
        who: named(member.who),
        grants: member.grants.into_iter().map(held).collect(),
    }
}

pub(crate) fn ticket_view(ticket: engine::TicketView) -> rpc::OpenTicket {
    rpc::OpenTicket {
        invite: ticket.invite,
        by: named(ticket.by),
        at: time(ticket.at),
        role: role(ticket.role),
        clearance: sensitivity(ticket.clearance),
        uses: ticket.uses,
        used: ticket.used,
        until: ticket.until.map(time),
        asks: ticket.asks,
    }
}

fn tally(tally: engine::Tally) -> rpc::Tally {
    rpc::Tally {
        opens: tally.opens,
        no_key: tally.no_key,
        untried: tally.untried,
        not_here: tally.not_here,
        damaged: tally.damaged,
    }
}

pub(crate) fn checked(checked: engine::Checked, pack: rpc::PackRef) -> rpc::Checked {
    let tried = |tried: engine::Tried| rpc::Tried {
        sensitivity: sensitivity(tried.sensitivity),
        access: access_state(tried.access),
        records: tally(tried.records),
        notes: tally(tried.notes),
        left: tally(tried.left),
    };
    let tried: Vec<rpc::Tried> = checked.tried.into_iter().map(tried).collect();
    let sum = |of: fn(&rpc::Tried) -> rpc::Tally| {
        tried
            .iter()
            .map(of)
            .fold(rpc::Tally::default(), rpc::Tally::plus)
    };
    rpc::Checked {
        v: rpc::V1,
        pack,
        who: named(checked.who),
        notes: sum(|tried| tried.notes),
        left: sum(|tried| tried.left),
        records: sum(|tried| tried.records),
        out_of_reach: checked.out_of_reach.into_iter().map(sensitivity).collect(),
        newer_rules: checked.newer_rules,
        tried,
    }
}

pub(crate) fn pack_why(why: engine::PackWhy) -> rpc::PackWhy {
    let waiting = |waiting: engine::Waiting| rpc::Waiting {
        what: match waiting.what {
            engine::WaitingFor::Earlier => rpc::WaitingFor::Earlier,
            engine::WaitingFor::Key => rpc::WaitingFor::Key,
        },
        sensitivity: sensitivity(waiting.sensitivity),
        notes: waiting.notes,
    };
    let set_aside = |aside: engine::AsideBy| rpc::AsideBy {
        by: aside.by.map(named),
        because: match aside.because {
            engine::Because::AfterEnd => rpc::Because::AfterEnd,
            engine::Because::BuildsOn => rpc::Because::BuildsOn,
            engine::Because::NotAllowed => rpc::Because::NotAllowed,
            engine::Because::Unreadable => rpc::Because::Unreadable,
        },
        act: aside.act.map(act),
        changes: aside.changes,
    };
    let renewal = |renewal: engine::Renewal| rpc::Renewal {
        sensitivity: sensitivity(renewal.sensitivity),
        after: renewal.after.into_iter().map(act).collect(),
        by_me: renewal.by_me,
    };
    rpc::PackWhy {
        id: why.id.to_string(),
        waiting: why.waiting.into_iter().map(waiting).collect(),
        policy_waiting: why.policy_waiting,
        set_aside: why.set_aside.into_iter().map(set_aside).collect(),
        removals_waiting: why.removals_waiting.into_iter().map(act).collect(),
        renewals: why.renewals.into_iter().map(renewal).collect(),
        newer_rules: why.newer_rules,
    }
}

pub(crate) fn inspected(found: engine::Inspection) -> rpc::Inspected {
    rpc::Inspected {
        v: rpc::V1,
        read_as: found.read_as.to_owned(),
        record: part(found.record),
    }
}

fn part(found: engine::Part) -> rpc::Part {
    let field = |(name, found): (&str, engine::Value)| rpc::Field {
        name: name.to_owned(),
        value: value(found),
    };
    rpc::Part {
        kind: found.kind.to_owned(),
        bytes: found.bytes.map(|bytes| bytes as u64),
        fields: found.fields.into_iter().map(field).collect(),
    }
}

fn value(found: engine::Value) -> rpc::Value {
    match found {
        engine::Value::Text(text) => rpc::Value::Text(text),
        engine::Value::Number(number) => rpc::Value::Number(number),
        engine::Value::Flag(flag) => rpc::Value::Flag(flag),
        engine::Value::Time(at) => rpc::Value::Text(time(at).to_string()),
        engine::Value::List(items, more) => rpc::Value::List {
            items: items.into_iter().map(value).collect(),
            more,
        },
        engine::Value::Part(found) => rpc::Value::Part(part(found)),
    }
}
