//! What is in the way in packs, as documents of the API, and back.

use super::{filter, sensitivity, time};
use kitbag_engine as engine;
use kitbag_rpc::{self as rpc, Code, Failure, Hex, V1};
use std::collections::{BTreeMap, BTreeSet};

const STALE_DAYS: u32 = 180;
const UNREAD_DAYS: u32 = 90;
const ENDED_DAYS: u32 = 30;
const SIMILARITY_PERCENT: u16 = 80;
const ROWS: u32 = 20;

pub(crate) fn options(
    call: rpc::LookForHygiene,
    packs: Option<Vec<engine::PackId>>,
) -> Result<engine::HygieneOptions, Failure> {
    let kinds: BTreeSet<_> = match call.kinds.is_empty() {
        true => engine::HygieneKind::ALL.into(),
        false => call.kinds.into_iter().map(engine_kind).collect(),
    };
    let similarity = call.similarity.unwrap_or(SIMILARITY_PERCENT);
    if !(60..=100).contains(&similarity) {
        return Err(Failure::new(
            Code::BadInput,
            "similarity: has to be between 60 and 100 percent",
        ));
    }
    let limit = call.limit.unwrap_or(ROWS);
    Ok(engine::HygieneOptions {
        packs,
        kinds,
        filter: filter(call.filter)?,
        stale_days: call.stale_days.unwrap_or(STALE_DAYS).into(),
        unread_days: call.unread_days.unwrap_or(UNREAD_DAYS).into(),
        ended_days: call.ended_days.unwrap_or(ENDED_DAYS).into(),
        retention_days: call.retention_days.map(u64::from),
        retention_of_packs: BTreeMap::new(),
        similarity: similarity * 10,
        messages: call.messages,
        pinned: call.pinned,
        selected: call.selected,
        limit: limit as usize,
    })
}

pub(crate) fn found(
    report: engine::HygieneReport,
    packs: Vec<rpc::PackRef>,
    retention: &BTreeMap<engine::PackId, u64>,
) -> rpc::HygieneFound {
    let kinds: BTreeMap<_, _> = (report.kinds.into_iter())
        .map(|(of, found)| {
            let found = rpc::HygieneOfKind {
                total: found.total,
                left: found.left,
                notes: found.notes.into_iter().map(note).collect(),
            };
            (kind(of), found)
        })
        .collect();
    rpc::HygieneFound {
        v: V1,
        at: time(report.at),
        packs,
        looked_at: report.looked_at,
        unreadable: report.unreadable,
        kinds,
        groups: report.groups.into_iter().map(group).collect(),
        groups_total: report.groups_total,
        not_compared: report.not_compared,
        retention_days: (retention.iter())
            .map(|(pack, days)| (pack.to_string(), *days))
            .collect(),
        reads: rpc::HygieneReads {
            since: time(report.reads_since),
            waiting: report.reads_waiting,
            basis: rpc::HygieneReads::BASIS.to_owned(),
        },
    }
}

fn group(group: engine::HygieneGroup) -> rpc::HygieneGroup {
    let others = group.others.into_iter();
    let others = others.map(|(other, similarity)| rpc::HygieneDuplicate {
        note: note(other),
        similarity,
    });
    rpc::HygieneGroup {
        kept: note(group.kept),
        because: match group.because {
            engine::KeptBecause::Pinned => "pinned",
            engine::KeptBecause::ReferredTo => "referred_to",
            engine::KeptBecause::Longest => "longest",
            engine::KeptBecause::Newest => "newest",
            engine::KeptBecause::Same => "same",
        }
        .to_owned(),
        others: others.collect(),
    }
}

fn note(note: engine::HygieneNote) -> rpc::HygieneNote {
    rpc::HygieneNote {
        id: note.id.to_string(),
        pack: note.pack.to_string(),
        title: note.title,
        sensitivity: sensitivity(note.sensitivity),
        status: note.status.to_owned(),
        captured_at: time(note.captured_at),
        changed_at: time(note.changed_at),
        read_at: note.read_at.map(time),
        why: why(note.why).to_owned(),
        since: note.since.map(time),
        along: note.along.iter().map(along).collect(),
        left: note.left.map(|why| why.as_str().to_owned()),
        version: Hex(note.version.to_vec()),
    }
}

fn along(note: &engine::HygieneAlong) -> rpc::HygieneAlong {
    rpc::HygieneAlong {
        id: note.id.to_string(),
        sensitivity: sensitivity(note.sensitivity),
        version: Hex(note.version.to_vec()),
    }
}

fn why(why: engine::HygieneWhy) -> &'static str {
    match why {
        engine::HygieneWhy::Untouched => "untouched",
        engine::HygieneWhy::ReviewDue => "review_due",
        engine::HygieneWhy::NoLongerValid => "no_longer_valid",
        engine::HygieneWhy::NoReadReported => "no_read_reported",
        engine::HygieneWhy::PastEnd => "past_end",
        engine::HygieneWhy::MarkedExpired => "marked_expired",
        engine::HygieneWhy::PastRetention => "past_retention",
        engine::HygieneWhy::NearlyTheSame => "nearly_the_same",
        engine::HygieneWhy::Kept => "kept",
    }
}

fn kind(kind: engine::HygieneKind) -> rpc::HygieneKind {
    match kind {
        engine::HygieneKind::Stale => rpc::HygieneKind::Stale,
        engine::HygieneKind::NeverRead => rpc::HygieneKind::NeverRead,
        engine::HygieneKind::Expired => rpc::HygieneKind::Expired,
        engine::HygieneKind::LongExpired => rpc::HygieneKind::LongExpired,
        engine::HygieneKind::OverRetained => rpc::HygieneKind::OverRetained,
        engine::HygieneKind::Duplicate => rpc::HygieneKind::Duplicate,
    }
}

fn engine_kind(kind: rpc::HygieneKind) -> engine::HygieneKind {
    match kind {
        rpc::HygieneKind::Stale => engine::HygieneKind::Stale,
        rpc::HygieneKind::NeverRead => engine::HygieneKind::NeverRead,
        rpc::HygieneKind::Expired => engine::HygieneKind::Expired,
        rpc::HygieneKind::LongExpired => engine::HygieneKind::LongExpired,
        rpc::HygieneKind::OverRetained => engine::HygieneKind::OverRetained,
        rpc::HygieneKind::Duplicate => engine::HygieneKind::Duplicate,
    }
}

/// What is asked for, by whole ids: whoever says yes says it to these notes.
pub(crate) fn actions(
    actions: &[rpc::HygieneAction],
) -> Result<Vec<engine::HygieneAction>, Failure> {
    let bad = |what: &str| Failure::new(Code::BadInput, format!("actions: {what}"));
    let id = |text: &str| text.parse().map_err(|_| bad("a note has no whole id"));
    let version =
        |hex: &Hex| <[u8; 32]>::try_from(&hex.0[..]).map_err(|_| bad("a version has 32 bytes"));
    let one = |action: &rpc::HygieneAction| {
        let act = match (action.act, &action.by, &action.by_version) {
            (rpc::HygieneAct::Expire, None, None) => engine::HygieneAct::Expire,
            (rpc::HygieneAct::Delete, None, None) => engine::HygieneAct::Delete,
            (rpc::HygieneAct::Supersede, Some(by), Some(of)) => engine::HygieneAct::Supersede {
                by: id(by)?,
                version: version(of)?,
            },
            _ => {
                let what = "what replaces a note, and its version, belong to supersede alone";
                return Err(bad(what));
            }
        };
        if action.along.len() > engine::HYGIENE_ALONG_MAX {
            let most = engine::HYGIENE_ALONG_MAX;
            return Err(bad(&format!("at most {most} go along with a note")));
        }
        let with = |with: &rpc::HygieneWith| Ok((id(&with.note)?, version(&with.version)?));
        let along: Result<_, Failure> = action.along.iter().map(with).collect();
        Ok(engine::HygieneAction {
            note: id(&action.note)?,
            version: version(&action.version)?,
            act,
            along: along?,
            why: action.why.map(|why| why.as_str().to_owned()),
        })
    };
    actions.iter().map(one).collect()
}

/// How far a go came.
pub(crate) fn go(go: engine::GoKept) -> rpc::HygieneGo {
    let left = go.stayed.into_iter().map(|one| (one.why, one.notes));
    rpc::HygieneGo {
        at: time(go.at),
        planned: go.planned,
        done: go.done,
        left: left.collect(),
        unreached: go.unreached,
    }
}

/// What a receipt says.
pub(crate) fn receipt_shown(signed: &engine::SignedHygieneReceipt) -> rpc::HygieneReceiptShown {
    let receipt = signed.receipt();
    let notes = receipt.notes.iter().map(|one| rpc::HygieneReceiptNote {
        id: one.note.to_string(),
        before: Hex(one.before.to_vec()),
        act: one.act.clone(),
        why: one.why.clone(),
        by: one.by.map(|by| by.to_string()),
        along: (one.along.iter())
            .map(|with| rpc::HygieneWent {
                id: with.note.to_string(),
                before: with.before.map(|before| Hex(before.to_vec())),
            })
            .collect(),
    });
    rpc::HygieneReceiptShown {
        at: time(receipt.at),
        person: signed.person().to_string(),
        device: signed.device().to_string(),
        pack: receipt.pack.to_string(),
        began: time(receipt.began),
        notes: notes.collect(),
        left: (receipt.left.iter().map(|one| (one.why.clone(), one.notes))).collect(),
        unreached: receipt.unreached,
    }
}
