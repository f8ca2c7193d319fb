//! A key wrapped to one device: HPKE base mode, single shot (RFC 9180), with X-Wing
//! (ML-KEM-768 and X25519, draft-connolly-cfrg-xwing-kem), HKDF-SHA-256, ChaCha20-Poly1305.
//!
//! Base mode does not say who wrapped; the set of wraps is signed by its maker.
//!
//! X-Wing leaves open whether an X25519 shared secret of zero is refused. Here it is (RFC 9180,
//! section 7.1.4), on both sides and before any work: the points that give one are seven, so they
//! are refused by name.
//! Spec: `docs/spec/crypto.md`, "Wrap".

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use std::fmt;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

/// Length of a public wrap key in bytes.
pub const WRAP_PUBLIC_BYTES: usize = 1216;
/// Length of one wrapped key in bytes: encapsulation 1120, key 32, tag 16.
pub const WRAPPED_BYTES: usize = ENCAPSULATED_BYTES + 32 + 16;

const ENCAPSULATED_BYTES: usize = 1120;
const X25519_BYTES: usize = 32;
/// What HPKE calls `info`.
pub(crate) const INFO: &str = "kitbag/wrap/v1";

type PrivateKey = <XWing as Kem>::PrivateKey;
type PublicKey = <XWing as Kem>::PublicKey;
type EncappedKey = <XWing as Kem>::EncappedKey;

/// A device's private key for receiving wrapped keys.
pub struct WrapKey(PrivateKey);

impl WrapKey {
    /// Makes a fresh key.
    pub fn generate(rng: &mut dyn CryptoRng) -> WrapKey {
        let mut seed = [0u8; 32];
        rng.fill_bytes(&mut seed);
        let key = WrapKey::from_seed(&seed);
        seed.zeroize();
        key
    }

    /// Restores a key from its 32-byte seed (X-Wing's decapsulation key).
    pub fn from_seed(seed: &[u8; 32]) -> WrapKey {
        WrapKey(PrivateKey::from_bytes(seed).expect("an X-Wing private key is any 32 bytes"))
    }

    /// The seed.
    ///
    /// # Security
    /// Only for storing it sealed.
    pub fn danger_seed(&self) -> Zeroizing<[u8; 32]> {
        let mut seed = Zeroizing::new([0u8; 32]);
        self.0.write_exact(&mut seed[..]);
        seed
    }

    /// The public half.
    pub fn public(&self) -> WrapPublic {
        WrapPublic(Box::new(XWing::sk_to_pk(&self.0)))
    }

    /// Unwraps a key that was wrapped to this device with the same `aad`.
    ///
    /// # Errors
    /// [`UnwrapError`] for every failure alike.
    pub fn unwrap_key(
        &self,
        aad: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, UnwrapError> {
        if wrapped.len() != WRAPPED_BYTES {
            return Err(UnwrapError);
        }
        let (encapsulated, ciphertext) = wrapped.split_at(ENCAPSULATED_BYTES);
        let encapsulated = encapsulation(encapsulated)?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            INFO.as_bytes(),
            ciphertext,
            aad,
        )
        .map_err(|_| UnwrapError)?;
        let opened = Zeroizing::new(opened);
        let mut key = Zeroizing::new([0u8; 32]);
        if opened.len() != key.len() {
            return Err(UnwrapError);
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }
}

impl fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrapKey(<redacted>)")
    }
}

/// A device's public key for receiving wrapped keys.
#[derive(Clone, PartialEq, Eq)]
pub struct WrapPublic(Box<PublicKey>);

impl WrapPublic {
    /// Checks and takes over [`WRAP_PUBLIC_BYTES`] bytes.
    ///
    /// # Errors
    /// [`crate::BadKey`] when they encode no X-Wing public key, or one whose X25519 half is of low
    /// order.
    pub fn from_bytes(bytes: &[u8]) -> Result<WrapPublic, crate::BadKey> {
        if ends_in_low_order(bytes) {
            return Err(crate::BadKey);
        }
        PublicKey::from_bytes(bytes)
            .map(|k| WrapPublic(Box::new(k)))
            .map_err(|_| crate::BadKey)
    }

    /// The encoded key, [`WRAP_PUBLIC_BYTES`] long.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }
}

impl fmt::Debug for WrapPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrapPublic(…)")
    }
}

/// Wraps 32 bytes to `recipient`; `aad` says what for, and must be given again to unwrap.
///
/// # Errors
/// [`crate::BadKey`] when nothing can be encapsulated to this key.
pub fn wrap_key(
    recipient: &WrapPublic,
    aad: &[u8],
    key: &[u8; 32],
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, crate::BadKey> {
    let mut rng = rng;
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            &recipient.0,
            INFO.as_bytes(),
            key,
            aad,
            &mut rng,
        )
        .map_err(|_| crate::BadKey)?;
    let mut wrapped = encapsulated.to_bytes().to_vec();
    wrapped.extend_from_slice(&ciphertext);
    Ok(wrapped)
}

/// Does not unwrap: wrong device, wrong purpose, or changed bytes; it never says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("wrapped key does not open")]
pub struct UnwrapError;

fn encapsulation(bytes: &[u8]) -> Result<EncappedKey, UnwrapError> {
    if ends_in_low_order(bytes) {
        return Err(UnwrapError);
    }
    EncappedKey::from_bytes(bytes).map_err(|_| UnwrapError)
}

/// Whether the last 32 bytes, where X-Wing's public keys and encapsulations keep their X25519 half,
/// give zero with every private key. All of this is public, so it need not take constant time.
pub(crate) fn ends_in_low_order(bytes: &[u8]) -> bool {
    let Some(point) = bytes.last_chunk::<X25519_BYTES>() else {
        return false;
    };
    let mut point = *point;
    point[X25519_BYTES - 1] &= 0x7f; // X25519 ignores the highest bit (RFC 7748, section 5)
    LOW_ORDER.contains(&point)
}

/// The u coordinates of order 1, 2, 4 and 8 on the curve and its twist, and what reduces to them
/// (Cremers and Jackson, "Prime, Order Please!", 2019).
const LOW_ORDER: [[u8; X25519_BYTES]; 7] = [
    filled(0x00, 0x00, 0x00), // 0
    filled(0x01, 0x00, 0x00), // 1
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    filled(0xec, 0xff, 0x7f), // p - 1
    filled(0xed, 0xff, 0x7f), // p, which is 0
    filled(0xee, 0xff, 0x7f), // p + 1, which is 1
];

const fn filled(first: u8, middle: u8, last: u8) -> [u8; X25519_BYTES] {
    let mut bytes = [middle; X25519_BYTES];
    bytes[0] = first;
    bytes[X25519_BYTES - 1] = last;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BadKey;
    use crate::tests::Stuck;
    use rand_core::SeedableRng;

    const AAD: &[u8] = b"pack, domain, epoch, recipient";
    const KEY: [u8; 32] = [0x5a; 32];

    #[test]
    fn a_wrap_opens_for_its_recipient_and_its_purpose_only() {
        let (recipient, other) = (WrapKey::from_seed(&[1; 32]), WrapKey::from_seed(&[2; 32]));
        let wrapped = wrap_key(&recipient.public(), AAD, &KEY, &mut Stuck(3)).unwrap();
        assert_eq!(wrapped.len(), WRAPPED_BYTES);
        assert_eq!(*recipient.unwrap_key(AAD, &wrapped).unwrap(), KEY);
        assert_eq!(other.unwrap_key(AAD, &wrapped), Err(UnwrapError));
        for aad in [
            &b""[..],
            b"pack, domain, epoch, recipienT",
            b"pack, domain, epoch, recipient\0",
            &AAD[1..],
        ] {
            assert_eq!(recipient.unwrap_key(aad, &wrapped), Err(UnwrapError));
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused() {
        let recipient = WrapKey::from_seed(&[1; 32]);
        let wrapped = wrap_key(&recipient.public(), AAD, &KEY, &mut Stuck(3)).unwrap();
        for length in 0..wrapped.len() {
            assert_eq!(
                recipient.unwrap_key(AAD, &wrapped[..length]),
                Err(UnwrapError),
                "first {length} bytes"
            );
        }
        assert_eq!(
            recipient.unwrap_key(AAD, &[&wrapped[..], &[0]].concat()),
            Err(UnwrapError)
        );
        assert_eq!(
            recipient.unwrap_key(AAD, &[&[0], &wrapped[..]].concat()),
            Err(UnwrapError)
        );
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1 << (at % 8);
            assert_eq!(
                recipient.unwrap_key(AAD, &changed),
                Err(UnwrapError),
                "byte {at}"
            );
        }
    }

    #[test]
    fn two_wraps_of_one_key_have_nothing_in_common() {
        let recipient = WrapKey::from_seed(&[1; 32]).public();
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let one = wrap_key(&recipient, AAD, &KEY, &mut rng).unwrap();
        let two = wrap_key(&recipient, AAD, &KEY, &mut rng).unwrap();
        assert_ne!(one[..ENCAPSULATED_BYTES], two[..ENCAPSULATED_BYTES]);
        assert_ne!(one[ENCAPSULATED_BYTES..], two[ENCAPSULATED_BYTES..]);
    }

    #[test]
    fn public_keys_have_one_length_and_one_encoding() {
        let good = WrapKey::from_seed(&[1; 32]).public();
        let bytes = good.to_bytes();
        assert_eq!(bytes.len(), WRAP_PUBLIC_BYTES);
        assert!(WrapPublic::from_bytes(&bytes).is_ok_and(|key| key == good));
        for length in [0, 31, 32, 1184, WRAP_PUBLIC_BYTES - 1] {
            assert_eq!(WrapPublic::from_bytes(&bytes[..length]), Err(BadKey));
        }
        assert_eq!(
            WrapPublic::from_bytes(&[&bytes[..], &[0]].concat()),
            Err(BadKey)
        );

        // FIPS 203, section 7.2: a coefficient that is not below q is no second name for another.
        let mut unreduced = bytes.clone();
        unreduced[..3].fill(0xff);
        assert_eq!(WrapPublic::from_bytes(&unreduced), Err(BadKey));
    }

    /// Every encoding of a point of low order, on both sides, against the curve itself.
    #[test]
    fn an_x25519_half_of_low_order_is_refused_on_both_sides() {
        let recipient = WrapKey::from_seed(&[1; 32]);
        let public = recipient.public().to_bytes();
        let wrapped = wrap_key(&recipient.public(), AAD, &KEY, &mut Stuck(3)).unwrap();
        assert!(encapsulation(&wrapped[..ENCAPSULATED_BYTES]).is_ok());
        for mut point in LOW_ORDER.into_iter().chain(LOW_ORDER.map(set_highest_bit)) {
            let shared = x25519_dalek::x25519([0x42; 32], point);
            assert_eq!(shared, [0; 32]);

            let at = WRAP_PUBLIC_BYTES - X25519_BYTES;
            assert_eq!(
                WrapPublic::from_bytes(&[&public[..at], &point].concat()),
                Err(BadKey)
            );
            let at = ENCAPSULATED_BYTES - X25519_BYTES;
            assert!(encapsulation(&[&wrapped[..at], &point].concat()).is_err());
            let forged = [&wrapped[..at], &point, &wrapped[ENCAPSULATED_BYTES..]].concat();
            assert_eq!(recipient.unwrap_key(AAD, &forged), Err(UnwrapError));

            point[1] ^= 1;
            assert!(!ends_in_low_order(&point));
        }
    }

    #[test]
    fn a_key_comes_back_from_its_seed() {
        let key = WrapKey::generate(&mut Stuck(9));
        assert_eq!(*key.danger_seed(), [9; 32]);
        assert!(WrapKey::from_seed(&key.danger_seed()).public() == key.public());
    }

    fn set_highest_bit(mut point: [u8; X25519_BYTES]) -> [u8; X25519_BYTES] {
        point[X25519_BYTES - 1] |= 0x80;
        point
    }
}
