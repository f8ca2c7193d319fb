//! Notes of other systems.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{Arriving, CapturedNotes, LeftFrom, Pii, Screening, ToCapture};
use kitbag_rpc::{
    Became, CheckOrigin, Code, Failure, IMPORT_NOTES_MAX, ImportAudience, ImportNotes,
    ImportOrigin, Imported, ImportedNote, OriginChecked, SEARCH_PACKS_MAX, V1,
};
use std::collections::BTreeSet;

pub(super) async fn import(served: Served, call: ImportNotes) -> Answered<Imported> {
    if call.notes.len() > IMPORT_NOTES_MAX {
        let message = format!("notes: at most {IMPORT_NOTES_MAX} in one call");
        return Err(Failure::new(Code::BadInput, message));
    }
    let id = served.pack(call.pack.clone()).await?;
    let pack = served.pack_ref(id).await?; // first: nothing may fail once it is written
    let screening = screening(call.unmasked);
    let arriving = Arriving {
        from: left_from(call.origin.unwrap_or_default())?,
        across_clients: call.across_clients,
        dry_run: call.dry_run,
        via: Some(served.via()),
    };
    let read: Vec<Result<ToCapture, Failure>> =
        call.notes.into_iter().map(convert::incoming).collect();
    let mut outcomes: Vec<Option<ImportedNote>> = Vec::with_capacity(read.len());
    let mut incoming = Vec::new();
    for note in read {
        match note {
            Ok(note) => {
                incoming.push(note);
                outcomes.push(None);
            }
            Err(failure) => outcomes.push(Some(refused(failure))),
        }
    }
    let engine = &served.engine;
    let done = engine.capture_from(id, incoming, screening, arriving).await;
    let CapturedNotes { notes, audiences } = done.map_err(|e| failed(&e))?;
    let mut captured = notes.into_iter().map(|one| match one.outcome {
        Ok(captured) => convert::imported_note(captured, &one.held, &one.not_found),
        Err(error) => refused(holding(failed(&error), &one.held)),
    });
    let notes = outcomes
        .into_iter()
        .filter_map(|known| known.or_else(|| captured.next()))
        .collect();
    let audience = |(sensitivity, members)| ImportAudience {
        sensitivity: convert::sensitivity(sensitivity),
        audience: convert::audience(members),
    };
    Ok(Imported {
        v: V1,
        pack,
        notes,
        audiences: audiences.into_iter().map(audience).collect(),
    })
}

pub(super) fn screening(unmasked: bool) -> Screening {
    if unmasked {
        Screening::Unmasked
    } else {
        Screening::Masked
    }
}

/// Why a note was not taken in, if that is because its original would stand at restricted.
pub(super) fn holding(failure: Failure, held: &BTreeSet<Pii>) -> Failure {
    if held.is_empty() || failure.code != Code::Denied {
        return failure;
    }
    let kinds = convert::kinds(held).join(", ").replace('_', " ");
    let message = format!(
        "it holds personal data ({kinds}), so its original would be Restricted: {}",
        failure.message
    );
    Failure::new(Code::Denied, message)
        .hint("ask an admin for Restricted, or take the values out; --unmasked leaves them in")
}

fn refused(failure: Failure) -> ImportedNote {
    ImportedNote {
        became: Became::Refused,
        id: None,
        sensitivity: None,
        below: false,
        held: vec![],
        not_found: vec![],
        changed: false,
        masked: None,
        reason: Some(failure.message),
    }
}

pub(super) async fn check(served: Served, call: CheckOrigin) -> Answered<OriginChecked> {
    let origin = left_from(ImportOrigin {
        from: call.from,
        client: call.client,
    })?;
    let pack = served.pack(call.pack).await?;
    let may = served.engine.may_receive(pack, origin, call.across_clients);
    may.await.map_err(|e| failed(&e))?;
    Ok(OriginChecked { v: V1 })
}

fn left_from(origin: ImportOrigin) -> Answered<LeftFrom> {
    if origin.from.len() > SEARCH_PACKS_MAX {
        let message = format!("from: at most {SEARCH_PACKS_MAX} packs are named at once");
        return Err(Failure::new(Code::BadInput, message));
    }
    // What is no whole id is no pack of ours.
    let packs = origin.from.iter().filter_map(|id| id.parse().ok());
    Ok(LeftFrom {
        packs: packs.collect(),
        client: origin.client,
    })
}
