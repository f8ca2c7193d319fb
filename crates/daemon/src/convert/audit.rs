//! What devices reported, as it travels.

use super::{sensitivity, time};
use kitbag_engine::{
    self as engine, AuditState, AuditWhat, Exported, ItemId, Named, ReadPart, Reported, Via,
    WrittenTo,
};
use kitbag_rpc as rpc;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) fn moment(time: rpc::Time) -> engine::Timestamp {
    engine::Timestamp::from_millis(time.as_millis())
}

pub(crate) fn kind(kind: rpc::AuditKind) -> engine::AuditKind {
    match kind {
        rpc::AuditKind::Read => engine::AuditKind::Read,
        rpc::AuditKind::Export => engine::AuditKind::Export,
        rpc::AuditKind::Denial => engine::AuditKind::Denial,
        rpc::AuditKind::Policy => engine::AuditKind::Policy,
        rpc::AuditKind::Unknown => engine::AuditKind::Unknown,
    }
}

fn told_kind(kind: engine::AuditKind) -> rpc::AuditKind {
    match kind {
        engine::AuditKind::Read => rpc::AuditKind::Read,
        engine::AuditKind::Export => rpc::AuditKind::Export,
        engine::AuditKind::Denial => rpc::AuditKind::Denial,
        engine::AuditKind::Policy => rpc::AuditKind::Policy,
        engine::AuditKind::Unknown => rpc::AuditKind::Unknown,
    }
}

fn named(named: Named) -> rpc::Named {
    super::explain::named(named)
}

/// A row, and the note that it says was read.
pub(crate) fn row(row: engine::AuditRow) -> (rpc::AuditRow, Option<ItemId>) {
    let kind = told_kind(row.kind());
    let (via, via_name) = match row.via {
        None => (None, None),
        Some(Via::Command) => (Some("cli"), None),
        Some(Via::Program(name)) => (Some("program"), Some(name)),
        Some(Via::Agent(name)) => (Some("agent"), Some(name)),
        Some(Via::Page) => (Some("page"), None),
    };
    let state = match row.state {
        AuditState::Counts => "counts",
        AuditState::SetAside => "set_aside",
        AuditState::Waits => "waits",
        AuditState::LacksKey => "lacks_key",
        AuditState::Own => "own",
    };
    let mut told = rpc::AuditRow {
        at: time(row.at),
        until: time(row.until),
        times: row.times,
        kind,
        by: row.by.map(named),
        device: row.device.to_string(),
        device_name: row.device_name,
        via: via.map(str::to_owned),
        via_name,
        sensitivity: row.sensitivity.map(sensitivity),
        note: None,
        title: None,
        part: None,
        export: None,
        denial: None,
        policy: None,
        state: state.to_owned(),
        record: row.record,
    };
    let mut note = None;
    match row.what {
        AuditWhat::Reported(Reported::Read { item, part }) => {
            let part = match part {
                ReadPart::Now => "now",
                ReadPart::History => "history",
            };
            note = Some(item);
            told.note = Some(item.to_string());
            told.part = Some(part.to_owned());
        }
        AuditWhat::Reported(Reported::Export(export)) => told.export = Some(exported(export)),
        AuditWhat::Reported(Reported::Denial { asked, rule }) => {
            told.denial = Some(rpc::AuditDenial { asked, rule });
        }
        AuditWhat::Policy { act, of } => {
            told.policy = Some(rpc::AuditPolicy {
                act: act.to_owned(),
                of: of.map(named),
            });
        }
        AuditWhat::Unknown => {}
    }
    (told, note)
}

fn exported(export: Exported) -> rpc::AuditExport {
    let whole = export.whole.as_ref();
    let written = export.written.as_ref();
    rpc::AuditExport {
        id: hex(&export.id),
        held: export.held,
        notes: export
            .notes
            .iter()
            .map(|note| hex(note.as_bytes()))
            .collect(),
        max_sensitivity: whole.map(|whole| sensitivity(whole.max_sensitivity)),
        format: whole.and_then(|whole| whole.format.clone()),
        purpose: whole.and_then(|whole| whole.purpose.clone()),
        crosses_clients: whole.map(|whole| whole.crosses_clients),
        into: whole
            .and_then(|whole| whole.into)
            .map(|pack| pack.to_string()),
        sha256: written.map(|written| hex(&written.sha256)),
        bytes: written.map(|written| written.bytes),
        to: written.map(|written| {
            let to = match written.to {
                WrittenTo::Output => "output",
                WrittenTo::File => "file",
            };
            to.to_owned()
        }),
        withheld: export.withheld.into_iter().collect::<BTreeMap<_, _>>(),
    }
}

pub(crate) fn verified(of: engine::AuditVerified, pack: rpc::PackRef) -> rpc::AuditVerified {
    let holds = of.holds();
    let devices = of.devices.into_iter().map(|device| rpc::AuditDevice {
        device: device.device.to_string(),
        by: device.by.map(named),
        device_name: device.device_name,
        is_member: device.is_member,
        logs: device.logs,
        entries: device.entries,
        reports: device.reports,
        closed: device.closed,
        last: device.last.map(time),
        forked: device.forked,
        broken: device
            .broken
            .into_iter()
            .map(|broken| rpc::AuditBroken {
                log: Some(broken.log.to_string()),
                sensitivity: Some(sensitivity(broken.sensitivity)),
                at: broken.seq,
                reason: broken.reason,
            })
            .collect(),
    });
    rpc::AuditVerified {
        v: rpc::V1,
        pack,
        holds,
        devices: devices.collect(),
        not_readable: of.not_readable.into_iter().map(sensitivity).collect(),
        own_rows: of.own_rows,
        own_broken: of.own_broken.map(|(at, reason)| rpc::AuditBroken {
            log: None,
            sensitivity: None,
            at,
            reason: reason.to_owned(),
        }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string does not fail
        text
    })
}

/// The bytes of a SHA-256 in hexadecimal; none if the text is none.
pub(crate) fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = text
        .chars()
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap_or(0))
        .collect();
    (digits.len() == 64)
        .then(|| bytes.try_into().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text_and_nothing_else_is_one() {
        let bytes: [u8; 32] = std::array::from_fn(|at| at as u8 * 7);
        assert_eq!(sha256(&hex(&bytes)), Some(bytes));
        assert_eq!(sha256(&hex(&bytes).to_uppercase()), Some(bytes));
        for wrong in [
            "",
            "00",
            &hex(&bytes)[1..],
            &format!("{}g", &hex(&bytes)[1..]),
            &"0".repeat(66),
        ] {
            assert_eq!(sha256(wrong), None, "{wrong}");
        }
    }
}
