//! Frames of the sync and join protocols, taken apart, with the records inside.

use super::{Failed, Part, Value, base32, list, records};
use crate::codec;
use crate::wire::{
    Blob, FRAME_BYTES_MAX, JOIN_FRAME_BYTES_MAX, JoinAnswer, JoinRefusal, JoinRequest, LogHave,
    Message, Page, TreePart, Want,
};

pub(super) fn message(bytes: &[u8]) -> Result<Part, Failed> {
    let message: Message = codec::decode(bytes, FRAME_BYTES_MAX)
        .map_err(|error| Failed::codec("sync message", 0, &error))?;
    let (kind, fields) = match &message {
        Message::Hello {
            version,
            root,
            wants,
            changed,
            children,
            sketch,
        } => (
            "sync message: hello",
            vec![
                ("version", Value::Number((*version).into())),
                ("root", Value::Text(base32(&root.0))),
                ("wants", Value::Number(*wants)),
                ("changed", list(changed, Value::id)),
                (
                    "children",
                    list(children.as_ref().map_or(&[][..], |of| of), |hash| {
                        Value::Text(base32(&hash.0))
                    }),
                ),
                ("sketch", Value::Flag(sketch.is_some())),
            ],
        ),
        Message::Tree(parts) => (
            "sync message: tree",
            vec![("parts", list(parts, tree_part))],
        ),
        Message::Want(want) => ("sync message: want", self::want(want)),
        Message::Page(page) => ("sync message: page", self::page(page)),
    };
    Ok(Part {
        kind,
        bytes: Some(bytes.len()),
        fields,
    })
}

fn tree_part(part: &TreePart) -> Value {
    let (kind, fields) = match part {
        TreePart::Children { prefix, hashes } => (
            "children",
            vec![
                ("prefix", Value::text(&prefix.to_string())),
                ("hashes", list(hashes, |hash| Value::Text(base32(&hash.0)))),
            ],
        ),
        TreePart::Leaves {
            prefix,
            leaves,
            answer,
        } => (
            "leaves",
            vec![
                ("prefix", Value::text(&prefix.to_string())),
                (
                    "leaves",
                    list(leaves, |leaf| {
                        Value::Text(format!("pack {}: {}", leaf.pack, base32(&leaf.hash.0)))
                    }),
                ),
                ("answer", Value::Flag(*answer)),
            ],
        ),
    };
    Value::Part(Part {
        kind,
        bytes: None,
        fields,
    })
}

fn want(want: &Want) -> Vec<(&'static str, Value)> {
    let have = |have: &LogHave| {
        let head = base32(&have.head);
        Value::Text(format!(
            "log {}: {} entries, the last is {head}",
            have.log, have.len
        ))
    };
    vec![
        ("pack", Value::id(&want.pack)),
        ("persons", list(&want.persons, Value::id)),
        ("control", list(&want.control, have)),
        ("epochs", list(&want.epochs, Value::id)),
        ("keys", list(&want.keys, Value::id)),
        ("content", list(&want.content, have)),
    ]
}

fn page(page: &Page) -> Vec<(&'static str, Value)> {
    let run =
        |run: &crate::content::Run| Value::Part(records::run_part(run, codec::encode(run).len()));
    vec![
        ("pack", Value::id(&page.pack)),
        (
            "persons",
            list(&page.persons, |blob| inside(blob, records::person)),
        ),
        ("ops", list(&page.ops, |blob| inside(blob, records::op))),
        (
            "epochs",
            list(&page.epochs, |blob| inside(blob, records::epoch)),
        ),
        (
            "wraps",
            list(&page.wraps, |blob| inside(blob, records::wrap_set)),
        ),
        ("runs", list(&page.runs, run)),
        ("more", Value::Flag(page.more)),
    ]
}

fn inside(blob: &Blob, read: fn(&[u8]) -> Result<Part, Failed>) -> Value {
    match read(&blob.0) {
        Ok(part) => Value::Part(part),
        Err(failed) => Value::Text(format!(
            "{} bytes, unreadable: {}: {}",
            blob.0.len(),
            failed.layer,
            failed.reason
        )),
    }
}

pub(super) fn join(bytes: &[u8]) -> Result<Part, Failed> {
    let request = codec::decode::<JoinRequest>(bytes, JOIN_FRAME_BYTES_MAX);
    match request {
        Ok(request) => Ok(join_request(&request, bytes.len())),
        Err(error) => join_answer(bytes).ok_or_else(|| Failed::codec("join request", 0, &error)),
    }
}

fn join_request(request: &JoinRequest, bytes: usize) -> Part {
    Part {
        kind: "join request",
        bytes: Some(bytes),
        fields: vec![
            ("version", Value::Number(request.version.into())),
            ("name", Value::text(&request.name)),
            (
                "person",
                inside(&Blob(request.person.clone()), records::person),
            ),
            (
                "request",
                inside(&Blob(request.redeem.clone()), records::redeem),
            ),
            (
                "proof",
                Value::text("present; it can only be checked on its own connection"),
            ),
        ],
    }
}

fn join_answer(bytes: &[u8]) -> Option<Part> {
    let answer: JoinAnswer = codec::decode(bytes, JOIN_FRAME_BYTES_MAX).ok()?;
    let refused = |why: &str| {
        vec![
            ("answer", Value::text("refused")),
            ("why", Value::text(why)),
        ]
    };
    let fields = match &answer {
        JoinAnswer::Admitted => vec![("answer", Value::text("admitted"))],
        JoinAnswer::AlreadyMember => vec![("answer", Value::text("a member already"))],
        JoinAnswer::Waiting {
            by,
            name,
            role,
            clearance,
            until,
        } => vec![
            ("answer", Value::text("waiting for a person")),
            ("by", Value::id(by)),
            ("name", Value::text(name)),
            ("role", Value::text(role.as_str())),
            ("clearance", Value::text(clearance.as_str())),
            ("until", until.map_or(Value::text("none"), Value::Time)),
        ],
        JoinAnswer::Refused(JoinRefusal::Declined) => refused("declined by a person"),
        JoinAnswer::Refused(JoinRefusal::NotRecognised) => refused("not recognised"),
        JoinAnswer::Refused(JoinRefusal::Expired { at }) => {
            let mut fields = refused("expired");
            fields.push(("at", Value::Time(*at)));
            fields
        }
        JoinAnswer::Refused(JoinRefusal::Used { at, by }) => {
            let mut fields = refused("used");
            fields.extend([("at", Value::Time(*at)), ("by", Value::text(by))]);
            fields
        }
        JoinAnswer::Refused(JoinRefusal::Cancelled) => refused("cancelled"),
        JoinAnswer::Refused(JoinRefusal::Removed) => refused("removed"),
        JoinAnswer::Refused(JoinRefusal::NewerVersion) => refused("newer version"),
        JoinAnswer::Refused(JoinRefusal::TryLater) => refused("try later"),
    };
    Some(Part {
        kind: "join answer",
        bytes: Some(bytes.len()),
        fields,
    })
}
