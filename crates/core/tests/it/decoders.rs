//! Every decoder that meets bytes from outside, with samples that it takes.

use crate::samples;
use kitbag_core::codec;
use kitbag_core::content::report::{OwnReport, Report, SignedOwnReport};
use kitbag_core::content::{
    LogOpening, LogPosition, RawEntry, Run, SignedHead, VerifiedEntry, VerifiedRun, pack_body,
    unpack_body,
};
use kitbag_core::epoch::{SignedEpoch, WrapSet};
use kitbag_core::hygiene_receipt::SignedHygieneReceipt;
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::op::{Redeem, SignedOp};
use kitbag_core::policy::rules::Rules;
use kitbag_core::receipt::SignedReceipt;
use kitbag_core::selection::Selection;
use kitbag_core::wire::{FRAME_BYTES_MAX, JOIN_FRAME_BYTES_MAX, JoinAnswer, JoinRequest, Message};
use minicbor::{Decode, Encode};
use std::fmt::Debug;
use std::sync::LazyLock;

/// A decoder: gives back the encoding of what it decoded, or the name of its error.
pub(crate) struct Decoder {
    pub(crate) name: &'static str,
    pub(crate) decode: fn(&[u8]) -> Result<Vec<u8>, String>,
    pub(crate) samples: Vec<Vec<u8>>,
    /// Whether it also decodes the records that stand in its byte strings.
    pub(crate) looks_inside: bool,
}

/// All decoders of CBOR records. Made once: their samples cost signatures and keys.
pub(crate) fn all() -> &'static [Decoder] {
    static ALL: LazyLock<Vec<Decoder>> = LazyLock::new(build);
    &ALL
}

fn build() -> Vec<Decoder> {
    let run = samples::run();
    vec![
        Decoder {
            name: "person operation",
            decode: |bytes| named(SignedPersonOp::verify(bytes)).map(|op| op.bytes().to_vec()),
            samples: vec![samples::ada().person.bytes().to_vec()],
            looks_inside: true,
        },
        Decoder {
            name: "person operation from store",
            decode: |bytes| named(SignedPersonOp::from_store(bytes)).map(|op| op.bytes().to_vec()),
            samples: vec![samples::ada().person.bytes().to_vec()],
            looks_inside: true,
        },
        Decoder {
            name: "policy operation",
            decode: |bytes| named(SignedOp::verify(bytes)).map(|op| op.bytes().to_vec()),
            samples: samples::ops()
                .iter()
                .map(|(_, op)| op.bytes().to_vec())
                .collect(),
            looks_inside: true,
        },
        Decoder {
            name: "policy operation from store",
            decode: |bytes| named(SignedOp::from_store(bytes)).map(|op| op.bytes().to_vec()),
            samples: samples::ops()
                .iter()
                .map(|(_, op)| op.bytes().to_vec())
                .collect(),
            looks_inside: true,
        },
        Decoder {
            name: "release rules",
            decode: |bytes| named(Rules::decode(bytes)).map(|rules| codec::encode(&rules)),
            samples: vec![
                codec::encode(&samples::rules()),
                codec::encode(&samples::naming_rules()),
                codec::encode(&samples::escalating_rules()),
            ],
            looks_inside: false,
        },
        Decoder {
            name: "receipt",
            decode: |bytes| named(SignedReceipt::verify(bytes)).map(|one| one.bytes().to_vec()),
            samples: samples::receipts()
                .iter()
                .map(|(_, receipt)| receipt.bytes().to_vec())
                .collect(),
            looks_inside: true,
        },
        Decoder {
            name: "hygiene receipt",
            decode: |bytes| {
                let signed = named(SignedHygieneReceipt::verify(bytes));
                signed.map(|one| one.bytes().to_vec())
            },
            samples: (samples::hygiene_receipts().iter())
                .map(|(_, receipt)| receipt.bytes().to_vec())
                .collect(),
            looks_inside: true,
        },
        Decoder {
            name: "selection",
            decode: |bytes| named(Selection::decode(bytes)).map(|one| one.encode()),
            samples: vec![samples::selection().encode()],
            looks_inside: false,
        },
        Decoder {
            name: "redeem request",
            decode: |bytes| {
                named(Redeem::verify_signatures(bytes)).map(|redeem| codec::encode(&redeem))
            },
            samples: vec![codec::encode(&samples::redeem())],
            looks_inside: true,
        },
        Decoder {
            name: "log opening",
            decode: |bytes| named(LogOpening::decode(bytes)).map(|opening| codec::encode(&opening)),
            samples: vec![
                codec::encode(&samples::opening()),
                codec::encode(&samples::opening_after()),
            ],
            looks_inside: true,
        },
        Decoder {
            name: "entry header",
            decode: |bytes| {
                let raw = RawEntry {
                    header: bytes.to_vec(),
                    body: None,
                    wrap: None,
                };
                named(VerifiedEntry::from_store(raw)).map(|entry| codec::encode(entry.header()))
            },
            samples: run
                .entries
                .iter()
                .map(|entry| entry.header.clone())
                .collect(),
            looks_inside: true,
        },
        Decoder {
            name: "report",
            decode: plain::<Report>,
            samples: samples::reports()
                .iter()
                .map(|(_, report)| report.to_bytes())
                .collect(),
            looks_inside: false,
        },
        Decoder {
            name: "row of a device's own list",
            decode: plain::<OwnReport>,
            samples: samples::own_reports()
                .iter()
                .map(|(_, row, _)| codec::encode(row))
                .collect(),
            looks_inside: false,
        },
        Decoder {
            name: "signed row of a device's own list",
            decode: plain::<SignedOwnReport>,
            samples: samples::own_reports()
                .iter()
                .map(|(_, _, signed)| signed.to_bytes())
                .collect(),
            looks_inside: false,
        },
        Decoder {
            name: "entry",
            decode: plain::<RawEntry>,
            samples: run.entries.iter().map(codec::encode).collect(),
            looks_inside: false,
        },
        Decoder {
            name: "log position",
            decode: plain::<LogPosition>,
            samples: vec![codec::encode(&run.head.position)],
            looks_inside: false,
        },
        Decoder {
            name: "signed head",
            decode: plain::<SignedHead>,
            samples: vec![codec::encode(&run.head)],
            looks_inside: false,
        },
        Decoder {
            name: "run",
            decode: |bytes| {
                let run: Run = named(codec::decode(bytes, FRAME_BYTES_MAX))?;
                let again = codec::encode(&run);
                named(VerifiedRun::verify(run, |_| false)).map(|_| again)
            },
            samples: vec![codec::encode(&run)],
            looks_inside: true,
        },
        Decoder {
            name: "epoch",
            decode: |bytes| named(SignedEpoch::verify(bytes)).map(|epoch| epoch.bytes().to_vec()),
            samples: vec![
                samples::epoch().bytes().to_vec(),
                samples::second_epoch().bytes().to_vec(),
            ],
            looks_inside: true,
        },
        Decoder {
            name: "epoch from store",
            decode: |bytes| {
                named(SignedEpoch::from_store(bytes)).map(|epoch| epoch.bytes().to_vec())
            },
            samples: vec![samples::second_epoch().bytes().to_vec()],
            looks_inside: true,
        },
        Decoder {
            name: "wrap set",
            decode: |bytes| named(WrapSet::verify(bytes)).map(|_| bytes.to_vec()),
            samples: vec![samples::wrap_set()],
            looks_inside: true,
        },
        Decoder {
            name: "message",
            decode: |bytes| named(Message::decode(bytes)).map(|message| message.encode()),
            samples: samples::messages()
                .iter()
                .map(|(_, message)| message.encode())
                .collect(),
            looks_inside: false,
        },
        Decoder {
            name: "join request",
            decode: join::<JoinRequest>,
            samples: vec![codec::encode(&samples::join_request())],
            looks_inside: false,
        },
        Decoder {
            name: "join answer",
            decode: join::<JoinAnswer>,
            samples: samples::join_answers()
                .iter()
                .chain(&samples::waiting_answers())
                .map(|(_, answer)| codec::encode(answer))
                .collect(),
            looks_inside: false,
        },
    ]
}

/// The frame of a body, which is no CBOR outside.
pub(crate) fn body_frame() -> &'static Decoder {
    static FRAME: LazyLock<Decoder> = LazyLock::new(build_body_frame);
    &FRAME
}

fn build_body_frame() -> Decoder {
    let short = |(_, body): &(&str, _)| pack_body(body).expect("short");
    Decoder {
        name: "body frame",
        decode: |bytes| named(unpack_body(bytes)).map(|body| codec::encode(&body)),
        samples: samples::bodies().iter().map(short).collect(),
        looks_inside: false,
    }
}

/// An error by its name, as tests state it.
pub(crate) fn named<T, E: Debug>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("{error:?}"))
}

fn plain<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    named(codec::decode::<T>(bytes, FRAME_BYTES_MAX)).map(|value| codec::encode(&value))
}

fn join<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    named(codec::decode::<T>(bytes, JOIN_FRAME_BYTES_MAX)).map(|value| codec::encode(&value))
}
