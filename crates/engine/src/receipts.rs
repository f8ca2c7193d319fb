//! Receipts of exports: signed, and looked at beside what is known here.

use crate::{Engine, EngineError, Receipt, SignedReceipt, Signer, Since};
use kitbag_core::id::{ItemId, PackId};
use kitbag_node::receipts::RECEIPT_STEP_NOTES_MAX;

/// What became of the notes of a receipt since it was signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinceCounts {
    /// They are what they were.
    pub same: u64,
    /// They are something else.
    pub changed: u64,
    /// They are not to be seen here.
    pub absent: u64,
}

impl Engine {
    /// Signs a receipt of an export that was made here. Its time and its person are filled in.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a pack, [`EngineError::BadInput`] for what breaks a rule.
    pub async fn sign_receipt(&self, receipt: Receipt) -> Result<SignedReceipt, EngineError> {
        self.worker()?
            .call(move |node, now| node.sign_receipt(now, receipt))
            .await
    }

    /// Who signed a receipt, as far as that is known here, and what became of its notes.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn look_at_receipt(
        &self,
        signed: SignedReceipt,
    ) -> Result<(Signer, SinceCounts), EngineError> {
        let notes = signed.receipt().notes.iter().filter_map(|note| {
            let pack = signed.receipt().packs.get(note.pack as usize)?.pack;
            Some((pack, note.id, note.version))
        });
        let notes: Vec<(PackId, ItemId, [u8; 32])> = notes.collect();
        let worker = self.worker()?;
        let signer = worker.call(move |node, _| node.signer(&signed)).await?;
        let mut counts = SinceCounts::default();
        for step in notes.chunks(RECEIPT_STEP_NOTES_MAX) {
            let step = step.to_vec();
            for since in worker.call(move |node, _| node.since(&step)).await? {
                match since {
                    Since::Same => counts.same += 1,
                    Since::Changed => counts.changed += 1,
                    Since::Absent => counts.absent += 1,
                }
            }
        }
        Ok((signer, counts))
    }
}
