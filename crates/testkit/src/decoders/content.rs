//! The content plane: runs of entries, and what stands inside a sealed body.

use super::Verdict;
use super::keys::DEVICE;
use kitbag_core::codec;
use kitbag_core::content::report::{
    OWN_REPORT_BYTES_MAX, OwnReport, REPORT_BYTES_MAX, Report, SignedOwnReport,
};
use kitbag_core::content::{
    BODY_PLAIN_BYTES_MAX, EntryBody, EntryHeader, HEADER_BYTES_MAX, LogOpening, LogPosition,
    RUN_BYTES_MAX, RUN_ENTRIES_MAX, RawEntry, Run, SignedHead, VerifiedEntry, VerifiedRun,
    body_hash, entry_hash, pack_body, unpack_body, wrap_hash,
};
use kitbag_core::handoff::draft::LIST_MAX;
use kitbag_core::id::{DeviceId, ItemId, PackId};
use kitbag_core::pack::note::object_tag;
use kitbag_core::pack::{NoteDocument, NoteView, Record};
use kitbag_core::policy::Sensitivity;
use kitbag_core::wire::FRAME_BYTES_MAX;

/// A run of a content log, and each of the records in it alone.
pub(super) fn run(bytes: &[u8]) -> Verdict {
    parts(bytes);
    let Ok(run) = codec::decode::<Run>(bytes, FRAME_BYTES_MAX) else {
        return Verdict::Refused;
    };
    assert_eq!(codec::encode(&run), bytes, "one encoding");
    let mended = mend(&run);
    one_run(run).or(mended.map_or(Verdict::Refused, one_run))
}

fn parts(bytes: &[u8]) {
    if let Ok(opening) = LogOpening::decode(bytes) {
        assert_eq!(codec::encode(&opening), bytes, "one encoding");
    }
    if let Ok(header) = codec::decode::<EntryHeader>(bytes, HEADER_BYTES_MAX) {
        let _ = header.associated_data(); // must come back
    }
    let raw = RawEntry {
        header: bytes.to_vec(),
        body: None,
        wrap: None,
    };
    if let Ok(entry) = VerifiedEntry::from_store(raw) {
        assert_eq!(codec::encode(entry.header()), bytes, "one encoding");
    }
    if let Ok(head) = codec::decode::<SignedHead>(bytes, FRAME_BYTES_MAX) {
        assert_eq!(codec::encode(&head), bytes, "one encoding");
    }
}

fn one_run(run: Run) -> Verdict {
    let (head, given) = (run.head.position, run.clone());
    let verified = VerifiedRun::verify(run, |_| false);
    if let Ok(Some(run)) = &verified {
        assert_eq!(run.head().position, head);
        assert!(run.entries().len() as u64 <= RUN_ENTRIES_MAX);
        assert!(run.entries().iter().map(|e| e.raw().size()).sum::<usize>() <= RUN_BYTES_MAX);
        let known: Vec<LogPosition> = run.entries().iter().map(VerifiedEntry::position).collect();
        let again = VerifiedRun::verify(given, |at| known.contains(at));
        assert!(matches!(again, Ok(None)), "a repeated run does nothing");
    }
    match verified {
        Ok(Some(_)) => Verdict::Taken,
        Ok(None) | Err(_) => Verdict::Refused,
    }
}

/// The same entries as a chain of one log that the samples' device signed, whatever they say.
fn mend(run: &Run) -> Option<Run> {
    let mut opening = LogOpening::decode(&run.opening).ok()?;
    opening.device = DEVICE.verifying_key().into();
    let log = opening.log_id();
    let mut last = None;
    let mut entries = Vec::new();
    for (seq, raw) in (0..).zip(&run.entries) {
        let header: EntryHeader = codec::decode(&raw.header, HEADER_BYTES_MAX).ok()?;
        let header = codec::encode(&EntryHeader {
            pack: opening.pack,
            log,
            seq,
            prev: last.map(|position: LogPosition| position.hash),
            body: raw.body.as_deref().map(body_hash),
            wrap: raw.wrap.as_deref().map(wrap_hash),
            ..header
        });
        let hash = entry_hash(&header);
        last = Some(LogPosition { log, seq, hash });
        entries.push(RawEntry {
            header,
            ..raw.clone()
        });
    }
    Some(Run {
        opening: codec::encode(&opening),
        entries,
        head: SignedHead::sign(last?, &DEVICE),
    })
}

/// The opened bytes of a body: a new note, a change or a profile.
pub(super) fn body(bytes: &[u8]) -> Verdict {
    one_body(bytes)
        .or(one_body(&stored(bytes)))
        .or(record(bytes))
}

/// A record in the frame of a body, not compressed.
fn stored(record: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend_from_slice(&(record.len() as u32).to_be_bytes());
    frame.extend_from_slice(record);
    frame.resize(bucket(frame.len()), 0);
    frame
}

/// The Padmé bucket of a length, never below 128; from `docs/spec/content.md`.
fn bucket(length: usize) -> usize {
    if length <= 128 {
        return 128;
    }
    let exponent = length.ilog2();
    let step = 1usize << (exponent - exponent.ilog2() - 1);
    length.div_ceil(step) * step
}

fn one_body(bytes: &[u8]) -> Verdict {
    let opened = unpack_body(bytes);
    if let Ok(body) = &opened {
        let record = codec::encode(body);
        assert!(record.len() <= BODY_PLAIN_BYTES_MAX);
        let packed = pack_body(body).expect("what was unpacked is within the limit");
        assert!(
            packed.len() <= bucket(record.len() + 5),
            "packing never grows"
        );
        assert_eq!(unpack_body(&packed).as_ref(), Ok(body));
        match body {
            EntryBody::Create { record, .. } => check_record(record),
            EntryBody::Profile(profile) => drop(profile.is_within_limits()),
            EntryBody::Change { .. } | EntryBody::Part(_) => {}
            EntryBody::Handoff { head, draft, .. } => {
                if head.check().is_ok() && draft.check().is_ok() {
                    assert!(draft.cited().len() <= 2 * LIST_MAX + 1);
                }
            }
            EntryBody::HandoffAct { act, .. } => drop(act.check()),
            EntryBody::Reports(reports) => reports.iter().for_each(|bytes| {
                report(bytes);
            }),
            EntryBody::Move(relocation) => {
                let item = relocation.item();
                let pack = PackId::from_bytes([8; 32]);
                let level = Sensitivity::Internal;
                let tag = object_tag(pack, item, level, relocation.placement);
                if relocation.check(pack, level, tag).is_ok() {
                    check_record(&relocation.record);
                }
            }
        }
    }
    Verdict::of(&opened)
}

/// A report that a device makes, and a row of a device's own list.
pub(super) fn report(bytes: &[u8]) -> Verdict {
    let read = Report::from_bytes(bytes);
    if let Ok(report) = &read {
        assert_eq!(report.to_bytes(), bytes, "one encoding");
        assert!(bytes.len() <= REPORT_BYTES_MAX);
        assert!(report.until() >= report.at && report.count() > 0);
    }
    let device = DeviceId::from(DEVICE.verifying_key());
    let row = SignedOwnReport::open(bytes, device);
    // Behind the signature: the same row, as the samples' device would have written it.
    let mended = codec::decode::<OwnReport>(bytes, OWN_REPORT_BYTES_MAX).map(|row| {
        let row = OwnReport { device, ..row };
        let signed = SignedOwnReport::sign(&row, &DEVICE);
        let opened = SignedOwnReport::open(&signed.to_bytes(), device);
        assert!(
            opened.is_ok_and(|(opened, hash)| opened == row && hash == signed.hash())
                || row.version != 1
                || (row.seq == 0) != row.prev.is_none()
        );
    });
    Verdict::of(&read)
        .or(Verdict::of(&row))
        .or(Verdict::of(&mended))
}

fn record(bytes: &[u8]) -> Verdict {
    let read = Record::from_bytes(bytes);
    if let Ok(record) = &read {
        assert_eq!(record.to_bytes(), bytes, "one encoding");
        check_record(record);
    }
    Verdict::of(&read)
}

/// A record that keeps to its limits becomes a document that says the same, and survives storing.
fn check_record(record: &Record) {
    if record.check().is_err() {
        return;
    }
    let document = NoteDocument::derive(ItemId::from_bytes([8; 32]), record);
    assert_eq!(
        document.view(),
        NoteView::from(record),
        "the document says what the record says"
    );
    let stored = NoteDocument::from_cache(&document.to_cache(), &document.heads());
    let stored = stored.expect("a document's own cache is its own");
    assert_eq!(stored.view(), document.view());
}
