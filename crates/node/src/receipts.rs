//! Receipts of exports: signed here, and looked at beside what is known here.
//!
//! Whoever exported says what left and what stayed; this device says when, and whose it is, and signs.
//! Spec: `docs/spec/receipt.md`.

use crate::{Node, NodeError};
use kitbag_core::id::{DeviceId, ItemId, PackId, PersonId, Timestamp};
use kitbag_core::receipt::{RECEIPT_VERSION, Receipt, SignedReceipt};

/// Who signed a receipt, as far as that is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Whether it was this device.
    pub is_me: bool,
    /// The packs of the receipt that are here.
    pub packs: Vec<SignerIn>,
}

/// Who signed a receipt, in one pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerIn {
    /// The pack.
    pub pack: PackId,
    /// What the person is called there; nothing for whoever is no member now.
    pub name: Option<String>,
}

/// What became of a note since a receipt was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// It is what it was.
    Same,
    /// It is something else by now, or was something else here.
    Changed,
    /// It is not to be seen here.
    Absent,
}

/// Notes that are looked at in one step, at most.
pub const RECEIPT_STEP_NOTES_MAX: usize = 64;

impl Node {
    /// Signs a receipt. Its version, time and person are filled in.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for a pack that is not here; [`NodeError::BadInput`] for what breaks a
    /// rule of receipts.
    pub fn sign_receipt(
        &self,
        now: Timestamp,
        mut receipt: Receipt,
    ) -> Result<SignedReceipt, NodeError> {
        if receipt
            .packs
            .iter()
            .any(|of| !self.packs.contains(&of.pack))
        {
            return Err(NodeError::NotFound("pack"));
        }
        receipt.version = RECEIPT_VERSION;
        receipt.at = now;
        receipt.person = self.me.person_op.bytes().to_vec();
        receipt.withheld.sort_unstable();
        receipt.masked.sort_unstable();
        receipt.asked.filters.sort_unstable();
        SignedReceipt::sign(&receipt, &self.me.signing).map_err(|error| NodeError::BadInput {
            field: "receipt",
            reason: error.to_string(),
        })
    }

    /// What a person is called in a pack, if they are a member of it with this device.
    ///
    /// # Errors
    /// [`NodeError::Store`] if the pack does not open.
    pub fn signer_in(
        &self,
        pack: PackId,
        person: PersonId,
        device: DeviceId,
    ) -> Result<Option<String>, NodeError> {
        if !self.packs.contains(&pack) {
            return Ok(None);
        }
        let replica = self.packs.need(pack)?;
        let member = replica.policy.member(&person);
        let member = member.filter(|member| member.device == device);
        Ok(member.map(|_| self.name_of(replica, person)))
    }

    /// Who signed a receipt.
    ///
    /// # Errors
    /// [`NodeError::Store`] if a pack does not open.
    pub fn signer(&self, signed: &SignedReceipt) -> Result<Signer, NodeError> {
        let person = signed.person();
        let mut packs = Vec::new();
        for of in &signed.receipt().packs {
            if !self.packs.contains(&of.pack) {
                continue;
            }
            let replica = self.packs.need(of.pack)?;
            let member = replica.policy.member(&person);
            let member = member.filter(|member| member.device == signed.device());
            packs.push(SignerIn {
                pack: of.pack,
                name: member.map(|_| self.name_of(replica, person)),
            });
        }
        Ok(Signer {
            is_me: person == self.me.person() && signed.device() == self.me.device(),
            packs,
        })
    }

    /// What became of notes since: each with the version that a receipt says.
    ///
    /// # Errors
    /// [`NodeError::Store`]; [`NodeError::BadInput`] for more than [`RECEIPT_STEP_NOTES_MAX`].
    pub fn since(&self, notes: &[(PackId, ItemId, [u8; 32])]) -> Result<Vec<Since>, NodeError> {
        if notes.len() > RECEIPT_STEP_NOTES_MAX {
            return Err(NodeError::BadInput {
                field: "notes",
                reason: format!("at most {RECEIPT_STEP_NOTES_MAX} at once"),
            });
        }
        let one = |(pack, item, version): &(PackId, ItemId, [u8; 32])| {
            if !self.packs.contains(pack) {
                return Ok(Since::Absent);
            }
            match self.read_note(*pack, *item) {
                Ok((_, _, built)) if built.version() == *version => Ok(Since::Same),
                Ok(_) => Ok(Since::Changed),
                Err(NodeError::NotFound(_) | NodeError::Denied(_) | NodeError::Damaged(_)) => {
                    Ok(Since::Absent)
                }
                Err(error) => Err(error),
            }
        };
        notes.iter().map(one).collect()
    }
}
