//! What a report may say, and what is refused.

use super::*;
use crate::content::{EntryBody, pack_body, unpack_body};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn read() -> Report {
    let what = Reported::Read {
        item: ItemId::from_bytes([7; 32]),
        part: ReadPart::Now,
    };
    Report::once(at(5), Via::Command, what)
}

fn export() -> Exported {
    let mut notes: Vec<NoteStart> = (0..3)
        .map(|n| NoteStart::of(&ItemId::from_bytes([n; 32])))
        .collect();
    notes.sort();
    Exported {
        id: [3; 16],
        held: 3,
        withheld: vec![("consent withdrawn".into(), 1), ("note deleted".into(), 2)],
        notes,
        whole: Some(ExportedWhole {
            max_sensitivity: Sensitivity::Internal,
            format: Some("md".into()),
            purpose: Some("support".into()),
            crosses_clients: false,
            into: None,
        }),
        written: Some(Written {
            sha256: [9; 32],
            bytes: 1_234,
            to: WrittenTo::File,
        }),
    }
}

fn of_export(export: Exported) -> Report {
    Report::once(at(5), Via::Program("tool".into()), Reported::Export(export))
}

#[test]
fn reports_survive_their_bytes_and_no_truncation_passes() {
    let denial = Reported::Denial {
        asked: "export".into(),
        rule: "rule export.formats".into(),
    };
    let mut often = read();
    often.again(at(9));
    often.again(at(7));
    assert_eq!((often.count(), often.until()), (3, at(9)));
    let all = [
        read(),
        often,
        of_export(export()),
        Report::once(at(0), Via::Agent("claude".into()), denial),
    ];
    for report in &all {
        let bytes = report.to_bytes();
        assert_eq!(Report::from_bytes(&bytes), Ok(report.clone()));
        for cut in 0..bytes.len() {
            assert_eq!(Report::from_bytes(&bytes[..cut]), Err(UnknownReport));
        }
    }
    let body = Reports::new(all.iter().map(Report::to_bytes).collect()).unwrap();
    let body = EntryBody::Reports(body);
    let packed = pack_body(&body).unwrap();
    assert_eq!(unpack_body(&packed).unwrap(), body);
}

/// Goal: what breaks a limit or says two things at once is no report, however well it is encoded.
#[test]
fn reports_beyond_their_limits_are_refused() {
    let long = "x".repeat(WORD_BYTES_MAX + 1);
    let denied = |asked: &str, rule: &str| {
        let what = Reported::Denial {
            asked: asked.into(),
            rule: rule.into(),
        };
        Report::once(at(1), Via::Command, what)
    };
    let counted = |times, last| Report {
        times,
        last,
        ..read()
    };
    let via = |via| Report { via, ..read() };
    let with = |change: &dyn Fn(&mut Exported)| {
        let mut export = export();
        change(&mut export);
        of_export(export)
    };
    let many: Vec<NoteStart> = (0..=NAMED_NOTES_MAX as u64)
        .map(|n| NoteStart(n.to_be_bytes()))
        .collect();
    let refused = [
        denied("", "rule"),
        denied("export", &long),
        denied("export", "two\nlines"),
        denied("ex\u{1b}[2Jport", "rule"),
        via(Via::Agent(long.clone())),
        via(Via::Program(String::new())),
        counted(Some(1), Some(at(6))),
        counted(Some(2), None),
        counted(None, Some(at(6))),
        counted(Some(2), Some(at(4))),
        with(&|export| export.withheld.reverse()),
        with(&|export| export.withheld[0].1 = 0),
        with(&|export| export.withheld.push(("note deleted".into(), 1))),
        with(&|export| export.notes.reverse()),
        with(&|export| export.held = 2),
        with(&|export| {
            export.held = u32::MAX;
            export.notes = many.clone();
        }),
        with(&|export| {
            let whole = export.whole.as_mut().unwrap();
            whole.purpose = Some("x".repeat(WORD_BYTES_MAX + 1));
        }),
    ];
    for report in refused {
        let bytes = report.to_bytes();
        assert_eq!(Report::from_bytes(&bytes), Err(UnknownReport), "{report:?}");
    }
    let mut newer = read().to_bytes();
    newer[0] += 1; // one more field, of a number that is not known
    newer.extend([0x18, 0x63, 0x00]);
    assert_eq!(Report::from_bytes(&newer), Err(UnknownReport));
}

/// Goal: a list that is empty, too long or too large is refused as a whole; one report in it that is
/// not understood hides no other.
#[test]
fn lists_of_reports_are_bounded_and_one_unknown_report_hides_no_other() {
    let body = |list: Vec<Vec<u8>>| {
        let list: Vec<ByteVec> = list.into_iter().map(ByteVec::from).collect();
        let mut bytes = vec![0x82, 0x05, 0x81];
        bytes.extend(codec::encode(&list));
        codec::decode::<EntryBody>(&bytes, 1 << 20)
    };
    assert!(body(vec![]).is_err());
    assert!(body(vec![vec![0]; REPORTS_MAX]).is_ok());
    assert!(body(vec![vec![0]; REPORTS_MAX + 1]).is_err());
    assert!(body(vec![vec![0; REPORT_BYTES_MAX]]).is_ok());
    assert!(body(vec![vec![0; REPORT_BYTES_MAX + 1]]).is_err());
    assert!(body(vec![vec![0; REPORT_BYTES_MAX]; 3]).is_err());
    let Ok(EntryBody::Reports(reports)) = body(vec![vec![0xff; 40], read().to_bytes()]) else {
        panic!("a list of two");
    };
    let read_as: Vec<_> = reports.iter().map(Report::from_bytes).collect();
    assert_eq!(read_as, [Err(UnknownReport), Ok(read())]);
}

/// Goal: where a note was carried to survives its bytes; a note that is named twice makes no report, so
/// that few bytes do not stand for many names.
#[test]
fn an_export_names_each_note_once_and_where_it_went() {
    let whole = export().whole.map(|whole| ExportedWhole {
        into: Some(PackId::from_bytes([5; 32])),
        ..whole
    });
    let carried = of_export(Exported { whole, ..export() });
    assert_eq!(Report::from_bytes(&carried.to_bytes()), Ok(carried));
    let twice = of_export(Exported {
        notes: vec![NoteStart([1; 8]); 3],
        ..export()
    });
    assert_eq!(Report::from_bytes(&twice.to_bytes()), Err(UnknownReport));
}

/// Goal: an export that names as many notes as it may, with the longest of everything, fits.
#[test]
fn the_largest_report_fits() {
    let word = |n: usize| format!("{n:0>WORD_BYTES_MAX$}");
    let whole = export().whole.map(|whole| ExportedWhole {
        format: Some(word(1)),
        purpose: Some(word(2)),
        ..whole
    });
    let largest = of_export(Exported {
        held: u32::MAX,
        withheld: (0..RULES_MAX).map(|n| (word(n), u32::MAX)).collect(),
        notes: (0..NAMED_NOTES_MAX as u64)
            .map(|n| NoteStart((u64::MAX / 2 + n).to_be_bytes()))
            .collect(),
        whole,
        ..export()
    });
    let bytes = largest.to_bytes();
    assert!(bytes.len() <= REPORT_BYTES_MAX, "{}", bytes.len());
    assert_eq!(Report::from_bytes(&bytes), Ok(largest));
}

#[test]
fn a_row_of_a_devices_own_list_is_its_devices_and_nobody_elses() {
    let [ana, ben] = [1, 2].map(|seed| SigningKey::from_seed([seed; 32]));
    let device = DeviceId::from(ana.verifying_key());
    let row = OwnReport {
        version: 1,
        device,
        seq: 1,
        prev: Some(EntryHash::from_bytes([4; 32])),
        pack: None,
        report: read().to_bytes(),
    };
    let bytes = SignedOwnReport::sign(&row, &ana).to_bytes();
    let (opened, _) = SignedOwnReport::open(&bytes, device).unwrap();
    assert_eq!(opened, row);
    let other = DeviceId::from(ben.verifying_key());
    assert_eq!(
        SignedOwnReport::open(&bytes, other),
        Err(OwnReportRefused::OtherDevice)
    );
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(SignedOwnReport::open(&changed, device).is_err(), "{at}");
        assert!(SignedOwnReport::open(&bytes[..at], device).is_err());
    }
    let first = OwnReport { seq: 0, ..row };
    let bytes = SignedOwnReport::sign(&first, &ana).to_bytes();
    assert_eq!(
        SignedOwnReport::open(&bytes, device),
        Err(OwnReportRefused::Malformed),
        "the first continues nothing"
    );
}
