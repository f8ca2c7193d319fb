//! Receipts of exports.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::SignedReceipt;
use kitbag_rpc::{
    Hex, LookAtReceipt, NotesSince, PackRef, ReceiptKnown, ReceiptSigned, SignReceipt, SignerIn, V1,
};

pub(super) async fn sign(served: Served, call: SignReceipt) -> Answered<ReceiptSigned> {
    let receipt = convert::receipt(call)?;
    let signed = served.engine.sign_receipt(receipt).await;
    let signed = signed.map_err(|e| failed(&e))?;
    Ok(ReceiptSigned {
        v: V1,
        signed: Hex(signed.bytes().to_vec()),
    })
}

pub(super) async fn look(served: Served, call: LookAtReceipt) -> Answered<ReceiptKnown> {
    let signed = SignedReceipt::verify(&call.signed.0);
    let signed = signed.map_err(|error| convert::bad_receipt(&error))?;
    let looked = served.engine.look_at_receipt(signed).await;
    let (signer, since) = looked.map_err(|e| failed(&e))?;
    let mut packs = Vec::new();
    for of in signer.packs {
        let pack: PackRef = served.pack_ref(of.pack).await?;
        packs.push(SignerIn {
            pack,
            name: of.name,
        });
    }
    Ok(ReceiptKnown {
        v: V1,
        is_me: signer.is_me,
        packs,
        notes: NotesSince {
            same: since.same,
            changed: since.changed,
            absent: since.absent,
        },
    })
}
