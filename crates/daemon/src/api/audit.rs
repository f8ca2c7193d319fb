//! What devices reported, and what this one reports of who asks it.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{self as engine, AuditQuery, ItemId, Via, Written, WrittenTo};
use kitbag_rpc::{
    Audit, AuditKept, AuditMost, AuditVerified, Caller, Code, ExportTold, Failure, KeepAudit,
    ReadAudit, TellExport, V1, VerifyAudit,
};

/// Rows of an answer for which nobody says how many.
const ROWS_DEFAULT: u32 = 50;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// A caller as a report names it.
pub(crate) fn via(caller: &Caller) -> Via {
    match caller {
        Caller::Cli => Via::Command,
        Caller::Library { name } => engine::via_program(name),
        Caller::Agent { name } => engine::via_agent(name),
        _ => engine::via_program("unknown"),
    }
}

impl Served {
    /// Who asks, as a report names them.
    pub(super) fn via(&self) -> Via {
        via(&self.caller)
    }
}

pub(super) async fn read_audit(served: Served, call: ReadAudit) -> Answered<Audit> {
    let mut note = None;
    let mut pack = match call.pack {
        Some(selector) => Some(served.pack(selector).await?),
        None => None,
    };
    if let Some(selector) = call.note {
        let (of, id) = served.resolve_note(selector, "audit").await?;
        if pack.is_some_and(|pack| pack != of) {
            return Err(Failure::new(Code::NotFound, "the note is in another pack"));
        }
        (pack, note) = (Some(of), Some(id));
    }
    let query = AuditQuery {
        since: call.since.map(convert::audit::moment),
        until: call.until.map(convert::audit::moment),
        who: call.who,
        kinds: call.kinds.into_iter().map(convert::audit::kind).collect(),
        note,
        skip: usize::try_from(call.skip).unwrap_or(usize::MAX),
        limit: usize::try_from(call.limit.unwrap_or(ROWS_DEFAULT)).unwrap_or(usize::MAX),
    };
    let page = served.engine.audit(pack, query).await;
    let page = page.map_err(|e| failed(&e))?;
    let mut rows: Vec<_> = page.rows.into_iter().map(convert::audit::row).collect();
    if let (true, Some(pack)) = (call.titles, pack) {
        let notes = rows.iter().map(|(_, note)| *note);
        let wanted: Vec<ItemId> = notes.flatten().collect();
        let titles = served.engine.titles(pack, wanted).await;
        let mut titles = titles.map_err(|e| failed(&e))?.into_iter();
        let up_to = Some(convert::sensitivity(served.shown_up_to()));
        for (row, _) in rows.iter_mut().filter(|(_, note)| note.is_some()) {
            let title = titles.next().flatten();
            row.title = title.filter(|_| row.sensitivity <= up_to);
        }
    }
    let pack = match pack {
        Some(pack) => Some(served.pack_ref(pack).await?),
        None => None,
    };
    Ok(Audit {
        v: V1,
        pack,
        note: note.map(|note| note.to_string()),
        basis: Audit::BASIS.to_owned(),
        kept_since: convert::time(page.kept_since),
        readable: page
            .readable
            .into_iter()
            .map(convert::sensitivity)
            .collect(),
        waiting: page.waiting,
        total: page.total,
        ahead: page.ahead,
        beyond: page.beyond,
        most: page.most.map(|(device, rows)| AuditMost {
            device: device.to_string(),
            rows,
        }),
        rows: rows.into_iter().map(|(row, _)| row).collect(),
    })
}

pub(super) async fn verify_audit(served: Served, call: VerifyAudit) -> Answered<AuditVerified> {
    let pack = served.pack(call.pack).await?;
    let verified = served.engine.verify_audit(pack).await;
    let verified = verified.map_err(|e| failed(&e))?;
    Ok(convert::audit::verified(
        verified,
        served.pack_ref(pack).await?,
    ))
}

pub(super) async fn keep_audit(served: Served, call: KeepAudit) -> Answered<AuditKept> {
    if call.days == Some(0) {
        return Err(Failure::new(Code::BadInput, "days: at least one"));
    }
    let millis = call.days.map(|days| u64::from(days) * DAY_MILLIS);
    let kept = served.engine.audit_keep(millis, call.dry_run).await;
    let (kept, deleted) = kept.map_err(|e| failed(&e))?;
    Ok(AuditKept {
        v: V1,
        days: u32::try_from(kept.div_ceil(DAY_MILLIS)).unwrap_or(u32::MAX),
        deleted,
        dry_run: call.dry_run,
    })
}

pub(super) async fn tell_export(served: Served, call: TellExport) -> Answered<ExportTold> {
    let options = served.export_options(call.export).await?;
    let sha256 = convert::audit::sha256(&call.sha256);
    let written = Written {
        sha256: sha256.ok_or_else(|| {
            Failure::new(Code::BadInput, "sha256: 64 hexadecimal digits are wanted")
        })?,
        bytes: call.bytes,
        to: match call.file {
            true => WrittenTo::File,
            false => WrittenTo::Output,
        },
    };
    let told = served.engine.export_written(options, written, served.via());
    told.await.map_err(|e| failed(&e))?;
    Ok(ExportTold { v: V1 })
}
