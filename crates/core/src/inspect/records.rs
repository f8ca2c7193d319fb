//! Signed records, taken apart: operations, persons, epochs, wraps, logs and their entries.

use super::{Failed, Part, Value, base32, checked, list, optional};
use crate::codec;
use crate::content::{
    EntryHeader, EntryKind, HEADER_BYTES_MAX, LogOpening, LogPosition, RawEntry, Run, SignedHead,
    VerifiedRun, body_hash, entry_hash, wrap_hash,
};
use crate::epoch::{SignedEpoch, WRAP_SET_BYTES_MAX, WrapSet};
use crate::person::{PersonError, SignedPersonOp};
use crate::policy::fold::Denial;
use crate::policy::op::{Act, Body, Cutoff, GrantRef, LateDenials, OpError, Redeem, SignedOp};
use crate::signed::Envelope;
use crate::wire::FRAME_BYTES_MAX;

pub(super) fn op(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "policy operation";
    let verified = SignedOp::verify(bytes).map(|_| ());
    let signed = match SignedOp::from_store(bytes) {
        Ok(signed) => signed,
        Err(error) => return Err(not_read(KIND, &error, envelope(bytes))),
    };
    let op = signed.op();
    let does = match &op.body {
        Body::Genesis {
            default_sensitivity,
            ..
        } => Value::Part(Part {
            kind: "genesis",
            bytes: None,
            fields: vec![(
                "default_sensitivity",
                Value::text(default_sensitivity.as_str()),
            )],
        }),
        Body::Acts(acts) => list(acts, act),
    };
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: vec![
            ("hash", Value::id(&signed.hash())),
            ("pack", Value::id(&signed.pack())),
            ("log", Value::id(&signed.log())),
            ("version", Value::Number(op.version.into())),
            ("device", Value::id(&op.device)),
            ("person", Value::id(&op.person)),
            ("person_head", Value::id(&op.person_head)),
            ("incarnation", Value::id(&op.incarnation)),
            ("cites", optional(op.cites.as_ref(), place)),
            ("seq", Value::Number(op.seq)),
            ("prev", optional(op.prev.as_ref(), Value::id)),
            ("heads", list(&op.heads, Value::id)),
            ("at", Value::Time(op.at)),
            ("does", does),
            ("signatures", checked(verified)),
        ],
    })
}

/// How far reading a signed record came: an operation whose envelope is well made is closer to one
/// than other bytes.
fn not_read(kind: &'static str, error: &OpError, enveloped: bool) -> Failed {
    match error {
        OpError::Codec(error) => Failed::codec(kind, u8::from(enveloped), error),
        other => Failed {
            depth: 3,
            layer: kind,
            reason: other.to_string(),
        },
    }
}

fn envelope(bytes: &[u8]) -> bool {
    Envelope::decode(bytes, FRAME_BYTES_MAX).is_ok()
}

/// A signed record that says it is newer: its version is all that can be read.
pub(super) fn newer(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "signed record of a newer version";
    let outer = Envelope::decode(bytes, FRAME_BYTES_MAX)
        .map_err(|error| Failed::codec("signed record", 0, &error))?;
    // Every kind of signed record is at version 1.
    let version = codec::newer_version(outer.record(), crate::policy::op::OP_VERSION)
        .ok_or_else(|| Failed::codec("signed record", 1, &codec::CodecError::Malformed))?;
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: vec![
            ("version", Value::Number(version.into())),
            (
                "record",
                Value::Text(format!("{} bytes", outer.record().len())),
            ),
        ],
    })
}

pub(super) fn place(grant: &GrantRef) -> Value {
    Value::Text(format!("{} act {}", grant.op, grant.act))
}

fn denial(denial: &Denial) -> Value {
    match denial.act {
        Denial::FORK => Value::Text(format!("{} fork", denial.op)),
        act => Value::Text(format!("{} act {act}", denial.op)),
    }
}

fn act(act: &Act) -> Value {
    let (kind, fields) = match act {
        Act::Grant {
            person,
            role,
            clearance,
        } => (
            "grant",
            vec![
                ("person", Value::id(person)),
                ("role", Value::text(role.as_str())),
                ("clearance", Value::text(clearance.as_str())),
            ],
        ),
        Act::Remove {
            person,
            cutoffs,
            late_denials,
        } => {
            let late = match late_denials {
                LateDenials::Keep => "keep",
                LateDenials::Drop => "drop",
            };
            (
                "remove",
                vec![
                    ("person", Value::id(person)),
                    ("cutoffs", list(cutoffs, cutoff)),
                    ("late_denials", Value::text(late)),
                ],
            )
        }
        Act::Leave { cutoffs } => ("leave", vec![("cutoffs", list(cutoffs, cutoff))]),
        Act::Invite {
            key,
            role,
            clearance,
            uses,
            not_after,
            ask,
        } => (
            "invite",
            vec![
                ("key", Value::Text(base32(key))),
                ("role", Value::text(role.as_str())),
                ("clearance", Value::text(clearance.as_str())),
                ("uses", Value::Number((*uses).into())),
                ("not_after", optional(*not_after, Value::Time)),
                ("ask", Value::Flag(*ask)),
            ],
        ),
        Act::Admit { invite, redeem } => {
            let request = match self::redeem(redeem) {
                Ok(part) => Value::Part(part),
                Err(failed) => Value::Text(format!("unreadable: {}", failed.reason)),
            };
            (
                "admit",
                vec![("invite", place(invite)), ("request", request)],
            )
        }
        Act::Close { invite, admitted } => (
            "close",
            vec![
                ("invite", place(invite)),
                ("admitted", list(admitted, place)),
            ],
        ),
        Act::Rules { epoch, sealed } => (
            "rules",
            vec![
                ("epoch", Value::id(epoch)),
                ("sealed", Value::Text(format!("{} bytes", sealed.len()))),
            ],
        ),
    };
    Value::Part(Part {
        kind,
        bytes: None,
        fields,
    })
}

fn cutoff(cutoff: &Cutoff) -> Value {
    let head = base32(&cutoff.head);
    Value::Text(format!("log {} up to {} at {head}", cutoff.log, cutoff.seq))
}

pub(super) fn redeem(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "request to redeem";
    let redeem = Redeem::decode_unverified(bytes).map_err(|error| not_read(KIND, &error, false))?;
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: vec![
            ("version", Value::Number(redeem.version.into())),
            ("pack", Value::id(&redeem.pack)),
            ("invite", place(&redeem.invite)),
            ("key", Value::Text(base32(&redeem.key))),
            ("person", Value::id(&redeem.person)),
            ("device", Value::id(&redeem.device)),
            (
                "signatures",
                checked(Redeem::verify_signatures(bytes).map(|_| ())),
            ),
        ],
    })
}

pub(super) fn person(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "person record";
    let verified = SignedPersonOp::verify(bytes).map(|_| ());
    let signed = match (SignedPersonOp::from_store(bytes), &verified) {
        (Ok(signed), _) => signed,
        (Err(_), Err(PersonError::NewerVersion)) => {
            return Err(Failed {
                depth: 3,
                layer: KIND,
                reason: PersonError::NewerVersion.to_string(),
            });
        }
        (Err(PersonError::Codec(error)), _) => return Err(Failed::codec(KIND, 0, &error)),
        (Err(error), _) => {
            return Err(Failed {
                depth: 1,
                layer: KIND,
                reason: error.to_string(),
            });
        }
    };
    let (op, links) = (signed.op(), signed.certificate());
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: vec![
            ("person", Value::id(&signed.person())),
            ("head", Value::id(&signed.hash())),
            ("version", Value::Number(op.version.into())),
            ("seq", Value::Number(op.seq)),
            ("suite", Value::Number(links.suite.into())),
            ("device", Value::id(&links.device)),
            ("endpoint", Value::id(&links.endpoint)),
            ("wrap_key_usable", Value::Flag(links.wrap_public().is_ok())),
            ("recovery_key", Value::Flag(op.recovery.is_some())),
            ("signatures", checked(verified)),
        ],
    })
}

pub(super) fn epoch(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "epoch";
    let enveloped = u8::from(envelope(bytes));
    let verified = SignedEpoch::verify(bytes).map(|_| ());
    let signed = SignedEpoch::from_store(bytes).map_err(|error| match error {
        crate::epoch::EpochError::Codec(error) => Failed::codec(KIND, enveloped, &error),
        other => Failed {
            depth: enveloped,
            layer: KIND,
            reason: other.to_string(),
        },
    })?;
    let epoch = signed.epoch();
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: vec![
            ("id", Value::id(&signed.id())),
            ("version", Value::Number(epoch.version.into())),
            ("suite", Value::Number(epoch.suite.into())),
            ("pack", Value::id(&epoch.pack)),
            ("domain", Value::text(epoch.domain.as_str())),
            ("n", Value::Number(epoch.n)),
            ("parents", list(&epoch.parents, Value::id)),
            ("answers", list(&epoch.answers, denial)),
            ("commitment", Value::Text(base32(&epoch.commitment))),
            (
                "parent_keys",
                list(&epoch.parent_keys, |key| Value::length(&key.0)),
            ),
            ("device", Value::id(&epoch.device)),
            ("grant", place(&epoch.grant)),
            ("heads", list(&epoch.heads, Value::id)),
            ("signatures", checked(verified)),
        ],
    })
}

pub(super) fn wrap_set(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "set of wraps";
    let outer = Envelope::decode(bytes, WRAP_SET_BYTES_MAX)
        .map_err(|error| Failed::codec(KIND, 0, &error))?;
    let set: WrapSet = codec::decode(outer.record(), WRAP_SET_BYTES_MAX)
        .map_err(|error| Failed::codec(KIND, 1, &error))?;
    let wrap = |wrap: &crate::epoch::Wrap| {
        Value::Part(Part {
            kind: "wrap",
            bytes: Some(wrap.sealed.len()),
            fields: vec![("recipient", Value::id(&wrap.recipient))],
        })
    };
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: vec![
            ("version", Value::Number(set.version.into())),
            ("pack", Value::id(&set.pack)),
            ("domain", Value::text(set.domain.as_str())),
            ("epoch", Value::id(&set.epoch)),
            ("device", Value::id(&set.device)),
            ("wraps", list(&set.wraps, wrap)),
            ("signatures", checked(WrapSet::verify(bytes).map(|_| ()))),
        ],
    })
}

pub(super) fn opening(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "opening of a content log";
    let opening: LogOpening = codec::decode(bytes, crate::content::SMALL_RECORD_BYTES_MAX)
        .map_err(|error| Failed::codec(KIND, 0, &error))?;
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: vec![
            ("log", Value::id(&opening.log_id())),
            ("version", Value::Number(opening.version.into())),
            ("pack", Value::id(&opening.pack)),
            ("device", Value::id(&opening.device)),
            ("sensitivity", Value::text(opening.sensitivity.as_str())),
            ("incarnation", Value::id(&opening.incarnation)),
            ("grant", place(&opening.grant)),
            ("after", optional(opening.after.as_ref(), position)),
        ],
    })
}

fn position(position: &LogPosition) -> Value {
    Value::Text(format!(
        "log {} at {}: {}",
        position.log, position.seq, position.hash
    ))
}

pub(super) fn run(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "run of entries";
    let run: Run =
        codec::decode(bytes, FRAME_BYTES_MAX).map_err(|error| Failed::codec(KIND, 0, &error))?;
    Ok(run_part(&run, bytes.len()))
}

/// A run is checked against the place before its first entry, wherever that is.
pub(super) fn run_part(run: &Run, bytes: usize) -> Part {
    let before = LogOpening::decode(&run.opening).ok().and_then(|opening| {
        let first = run.entries.first()?;
        let first: EntryHeader = codec::decode(&first.header, HEADER_BYTES_MAX).ok()?;
        Some(LogPosition {
            log: opening.log_id(),
            seq: first.seq.checked_sub(1)?,
            hash: first.prev?,
        })
    });
    let opening = match opening(&run.opening) {
        Ok(part) => Value::Part(part),
        Err(failed) => Value::Text(format!("unreadable: {}", failed.reason)),
    };
    let entry = |raw: &RawEntry| match entry_part(raw) {
        Ok(part) => Value::Part(part),
        Err(failed) => Value::Text(format!("unreadable: {}", failed.reason)),
    };
    let verified = VerifiedRun::verify(run.clone(), |at| before.as_ref() == Some(at)).map(|_| ());
    Part {
        kind: "run of entries",
        bytes: Some(bytes),
        fields: vec![
            ("opening", opening),
            ("entries", list(&run.entries, entry)),
            ("head", position(&run.head.position)),
            ("signatures", checked(verified)),
        ],
    }
}

pub(super) fn head(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "signed head";
    let head: SignedHead = codec::decode(bytes, crate::content::SMALL_RECORD_BYTES_MAX)
        .map_err(|error| Failed::codec(KIND, 0, &error))?;
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: vec![
            ("head", position(&head.position)),
            (
                "signatures",
                Value::text("cannot be checked without the opening of the log"),
            ),
        ],
    })
}

pub(super) fn entry(bytes: &[u8]) -> Result<Part, Failed> {
    let raw: RawEntry =
        codec::decode(bytes, FRAME_BYTES_MAX).map_err(|error| Failed::codec("entry", 0, &error))?;
    entry_part(&raw)
}

fn entry_part(raw: &RawEntry) -> Result<Part, Failed> {
    let header: EntryHeader = codec::decode(&raw.header, HEADER_BYTES_MAX)
        .map_err(|error| Failed::codec("header of an entry", 1, &error))?;
    let mut fields = header_fields(&raw.header, &header);
    let matches =
        |named: Option<[u8; 32]>, part: &Option<Vec<u8>>, hash: fn(&[u8]) -> [u8; 32]| match (
            named, part,
        ) {
            (None, None) => Value::text("none"),
            (Some(_), None) => Value::text("not here"),
            (None, Some(_)) => Value::text("here, but the header names none"),
            (Some(named), Some(part)) if hash(part) == named => Value::length(part),
            (Some(_), Some(_)) => Value::text("does not match the header"),
        };
    fields.push(("body", matches(header.body, &raw.body, body_hash)));
    fields.push(("item_key", matches(header.wrap, &raw.wrap, wrap_hash)));
    Ok(Part {
        kind: "entry",
        bytes: Some(raw.size()),
        fields,
    })
}

pub(super) fn header(bytes: &[u8]) -> Result<Part, Failed> {
    const KIND: &str = "header of an entry";
    let header: EntryHeader =
        codec::decode(bytes, HEADER_BYTES_MAX).map_err(|error| Failed::codec(KIND, 0, &error))?;
    Ok(Part {
        kind: KIND,
        bytes: Some(bytes.len()),
        fields: header_fields(bytes, &header),
    })
}

fn header_fields(bytes: &[u8], header: &EntryHeader) -> Vec<(&'static str, Value)> {
    let (kind, frontier) = match &header.kind {
        EntryKind::Frontier(heads) => ("frontier", Some(heads)),
        EntryKind::Create => ("create", None),
        EntryKind::Edit => ("edit", None),
        EntryKind::Index => ("index", None),
        EntryKind::Profile => ("profile", None),
        EntryKind::Move => ("move", None),
        EntryKind::Moved(_) => ("moved", None),
        EntryKind::Part => ("part of a text", None),
    };
    let mut fields = vec![
        ("hash", Value::id(&entry_hash(bytes))),
        ("version", Value::Number(header.version.into())),
        ("pack", Value::id(&header.pack)),
        ("log", Value::id(&header.log)),
        ("seq", Value::Number(header.seq)),
        ("prev", optional(header.prev.as_ref(), Value::id)),
        ("is", Value::text(kind)),
        ("epoch", optional(header.epoch.as_ref(), Value::id)),
        ("object", optional(header.object.as_ref(), Value::id)),
        ("deps", list(&header.deps, Value::id)),
        ("padded_len", Value::Number(header.padded_len.into())),
    ];
    fields.extend(frontier.map(|heads| ("heads", list(heads, Value::id))));
    if let EntryKind::Moved(by) = &header.kind {
        fields.push(("moved_by", Value::id(by)));
    }
    fields
}
