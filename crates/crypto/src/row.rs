//! Seals for the device's own database.
//!
//! A row is bound to its table and key, so that a row that was moved or swapped does not open.
//! Look-ups by foreign ids go through [`BlindKey`], so that the file shows none of them.
//! Spec: `docs/spec/crypto.md`, "Rows and look-ups".

use crate::hash::derive_secret;
use crate::{HashLabel, MasterKey, OpenError, SealLabel, open, seal};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Seals and opens rows of the local database.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RowKey(Box<[u8; 32]>);

impl RowKey {
    pub(crate) fn derive(master: &MasterKey) -> RowKey {
        RowKey(Box::new(*derive_secret(
            HashLabel::RowKey,
            master.danger_expose(),
        )))
    }

    /// Seals the value of the row `key` in `table`.
    pub fn seal(&self, table: &str, key: &[u8], value: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        seal(
            SealLabel::Row,
            &ROW_SALT,
            &self.0,
            &address(table, key),
            value,
            rng,
        )
    }

    /// Opens the value of the row `key` in `table`.
    ///
    /// # Errors
    /// [`OpenError`] when the row was changed, moved, or sealed by another device.
    pub fn open(
        &self,
        table: &str,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        open(
            SealLabel::Row,
            &ROW_SALT,
            &self.0,
            &address(table, key),
            sealed,
        )
    }
}

impl std::fmt::Debug for RowKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RowKey(<redacted>)")
    }
}

/// Hides foreign ids in row keys.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct BlindKey(Box<[u8; 32]>);

impl BlindKey {
    pub(crate) fn derive(master: &MasterKey) -> BlindKey {
        BlindKey(Box::new(*derive_secret(
            HashLabel::BlindKey,
            master.danger_expose(),
        )))
    }

    /// 32 bytes that stand for `id` in `table` and say nothing about it: BLAKE3 keyed with a key
    /// that never leaves the device.
    pub fn blind(&self, table: &str, id: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&address(table, id));
        let blinded = *hasher.finalize().as_bytes();
        hasher.zeroize();
        blinded
    }
}

impl std::fmt::Debug for BlindKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlindKey(<redacted>)")
    }
}

/// Rows have one secret only; HKDF's salt may be constant (RFC 5869, section 3.1).
const ROW_SALT: [u8; 32] = [0; 32];

fn address(table: &str, key: &[u8]) -> Vec<u8> {
    debug_assert!(
        !table.contains('\0'),
        "the first zero byte ends the table's name"
    );
    let mut address = Vec::with_capacity(table.len() + 1 + key.len());
    address.extend_from_slice(table.as_bytes());
    address.push(0);
    address.extend_from_slice(key);
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    #[test]
    fn a_row_opens_only_at_its_own_address() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let key = MasterKey::generate(&mut rng).row_key();
        let sealed = key.seal("notes", b"1", b"value", &mut rng);
        assert_eq!(&key.open("notes", b"1", &sealed).unwrap()[..], b"value");
        assert!(key.open("notes", b"2", &sealed).is_err());
        assert!(key.open("packs", b"1", &sealed).is_err());
        assert!(
            MasterKey::generate(&mut rng)
                .row_key()
                .open("notes", b"1", &sealed)
                .is_err()
        );
    }

    #[test]
    fn the_border_between_table_and_key_counts() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let master = MasterKey::generate(&mut rng);
        let sealed = master.row_key().seal("notes", b"1", b"value", &mut rng);
        assert!(master.row_key().open("note", b"s1", &sealed).is_err());
        let blind = master.blind_key();
        assert_ne!(blind.blind("notes", b"1"), blind.blind("note", b"s1"));
    }
}
