//! What is in the way in packs, and putting it away.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine as engine;
use kitbag_rpc::{
    Code, DoHygiene, Failure, Hex, HygieneActed, HygieneDone, HygieneFound, HygieneGoes,
    HygieneLeft, HygieneReceiptKnown, LookAtHygieneGoes, LookAtHygieneReceipt, LookForHygiene, V1,
};

pub(super) async fn look(served: Served, call: LookForHygiene) -> Answered<HygieneFound> {
    let packs = match call.packs.is_empty() {
        true => None,
        false => {
            let mut packs = Vec::new();
            for selector in &call.packs {
                packs.push(served.pack(selector.clone()).await?);
            }
            Some(packs)
        }
    };
    let mut options = convert::hygiene::options(call, packs)?;
    if (options.kinds).contains(&engine::HygieneKind::OverRetained) {
        let ruled = served.engine.retentions(options.packs.clone()).await;
        options.retention_of_packs = ruled.map_err(|e| failed(&e))?;
    }
    let retention = options.retention_of_packs.clone();
    let found = served.engine.look_for_hygiene(options).await;
    let found = found.map_err(|e| failed(&e))?;
    let mut packs = Vec::new();
    for pack in &found.packs {
        packs.push(served.pack_ref(*pack).await?);
    }
    Ok(convert::hygiene::found(found, packs, &retention))
}

pub(super) async fn act(served: Served, call: DoHygiene) -> Answered<HygieneDone> {
    if call.actions.len() > HygieneFound::ROWS_MAX as usize {
        return Err(Failure::new(
            Code::BadInput,
            format!("actions: at most {} at once", HygieneFound::ROWS_MAX),
        ));
    }
    let pack = served.pack(call.pack.clone()).await?;
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    let actions = convert::hygiene::actions(&call.actions)?;
    for action in &actions {
        served.may_touch(pack, action.note, "hygiene").await?;
    }
    let done = served.engine.do_hygiene(pack, actions).await;
    let (at, all) = done.map_err(|e| failed(&e))?;
    let did = all.iter().any(|one| one.left.is_none());
    let receipt = match call.receipt && did {
        true => Some(receipt(&served, pack, at).await?),
        false => None,
    };
    let (mut done, mut left) = (Vec::new(), Vec::new());
    for one in all {
        match one.left {
            None => done.push(HygieneActed {
                note: one.note.to_string(),
                along: one.along.iter().map(ToString::to_string).collect(),
            }),
            Some(why) => left.push(HygieneLeft {
                note: one.note.to_string(),
                why: why.as_str().to_owned(),
            }),
        }
    }
    Ok(HygieneDone {
        v: V1,
        pack: pack_ref,
        at: convert::time(at),
        done,
        left,
        receipt,
    })
}

/// A signed receipt of what was done in the go that began then.
async fn receipt(served: &Served, pack: engine::PackId, at: engine::Timestamp) -> Answered<Hex> {
    let signed = served.engine.sign_hygiene_receipt(pack, at).await;
    let signed = signed.map_err(|e| failed(&e))?;
    Ok(Hex(signed.bytes().to_vec()))
}

pub(super) async fn goes(served: Served, call: LookAtHygieneGoes) -> Answered<HygieneGoes> {
    let pack = served.pack(call.pack).await?;
    let goes = served.engine.hygiene_goes(pack).await;
    let goes = goes.map_err(|e| failed(&e))?;
    let receipt = match call.receipt_of {
        Some(at) => {
            let at = engine::Timestamp::from_millis(at.as_millis());
            Some(receipt(&served, pack, at).await?)
        }
        None => None,
    };
    Ok(HygieneGoes {
        v: V1,
        pack: served.pack_ref(pack).await?,
        goes: goes.into_iter().map(convert::hygiene::go).collect(),
        receipt,
    })
}

pub(super) async fn look_at_receipt(
    served: Served,
    call: LookAtHygieneReceipt,
) -> Answered<HygieneReceiptKnown> {
    let signed = engine::SignedHygieneReceipt::verify(&call.signed.0);
    let signed = signed.map_err(|error| convert::bad_receipt(&error))?;
    let signer = served.engine.hygiene_signer(&signed).await;
    let (is_me, name) = signer.map_err(|e| failed(&e))?;
    Ok(HygieneReceiptKnown { v: V1, is_me, name })
}
