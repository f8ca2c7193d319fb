//! Ed25519 signatures over `label ‖ 0x00 ‖ bytes`, verified strictly.
//!
//! `verify_strict` only (RFC 8032 with the checks of Chalkias et al., "Taming the many EdDSAs"):
//! plain verification accepts signatures by low-order keys. A [`VerifyingKey`] of low order, or in a
//! second encoding, cannot be constructed. Signing goes through a type that owns both halves (RUSTSEC-2022-0093).
//! Spec: `docs/spec/crypto.md`, "Signatures".

use crate::SignLabel;
use ed25519_dalek::Signer;
use rand_core::CryptoRng;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroize;

/// A private signing key with its public half.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Makes a fresh key.
    pub fn generate(rng: &mut dyn CryptoRng) -> SigningKey {
        let mut seed = [0u8; 32];
        rng.fill_bytes(&mut seed);
        let key = SigningKey::from_seed(seed);
        seed.zeroize();
        key
    }

    /// Restores a key from its 32-byte seed.
    pub fn from_seed(mut seed: [u8; 32]) -> SigningKey {
        let key = SigningKey(ed25519_dalek::SigningKey::from_bytes(&seed));
        seed.zeroize();
        key
    }

    /// The seed.
    ///
    /// # Security
    /// Only for storing it sealed, or for handing the endpoint key to the transport.
    pub fn danger_seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `bytes` for the purpose `label`.
    pub fn sign(&self, label: SignLabel, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(&message(label, bytes)).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, <redacted>)", self.verifying_key())
    }
}

/// A public signing key: the one encoding of a point that is not of low order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// Checks and takes over 32 bytes.
    ///
    /// # Errors
    /// [`BadKey`] when they are no point of the curve, one of low order, or not its one encoding
    /// (RFC 8032, section 5.1.3, step 1).
    pub fn from_bytes(bytes: [u8; 32]) -> Result<VerifyingKey, BadKey> {
        if !is_reduced(&bytes) {
            return Err(BadKey);
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| BadKey)?;
        if key.is_weak() && !crate::planted::is(crate::planted::Planted::WeakKeys) {
            Err(BadKey)
        } else {
            Ok(VerifyingKey(bytes))
        }
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks that the owner of this key signed `bytes` for the purpose `label`.
    ///
    /// # Errors
    /// [`BadSignature`], without a reason.
    pub fn verify(
        &self,
        label: SignLabel,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        verify_strict(&self.0, &message(label, bytes), &signature.0)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", data_encoding::HEXLOWER.encode(&self.0[..4]))
    }
}

/// 64 bytes that claim to be a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes over 64 bytes; they are checked when verified.
    pub const fn from_bytes(bytes: [u8; 64]) -> Signature {
        Signature(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Signature({}…)",
            data_encoding::HEXLOWER.encode(&self.0[..4])
        )
    }
}

/// Bytes that are no usable public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a usable public key")]
pub struct BadKey;

/// A signature that does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("signature does not verify")]
pub struct BadSignature;

/// Whether the y coordinate is below p = 2^255 - 19. The curve library reduces it silently, which
/// would give one key two ids.
fn is_reduced(point: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = point;
    *first < 0xed || middle.iter().any(|byte| *byte != 0xff) || last & 0x7f != 0x7f
}

fn message(label: SignLabel, bytes: &[u8]) -> Vec<u8> {
    let label = label.as_str().as_bytes();
    let mut message = Vec::with_capacity(label.len() + 1 + bytes.len());
    message.extend_from_slice(label);
    message.push(0);
    message.extend_from_slice(bytes);
    message
}

/// Strict Ed25519 verification of an unlabelled message; the vectors run through this function.
pub(crate) fn verify_strict(
    key: &[u8; 32],
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), BadSignature> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(key).map_err(|_| BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    #[cfg(feature = "planted")]
    if crate::planted::is(crate::planted::Planted::LooseVerification) {
        return ed25519_dalek::Verifier::verify(&key, message, &signature)
            .map_err(|_| BadSignature);
    }
    key.verify_strict(message, &signature)
        .map_err(|_| BadSignature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::one_bit_flipped;
    use ed25519_dalek::Verifier;

    #[test]
    fn a_signature_verifies_only_under_its_own_label() {
        let key = SigningKey::from_seed([7; 32]);
        for made in SignLabel::ALL {
            let signature = key.sign(*made, b"bytes");
            for checked in SignLabel::ALL {
                let verdict = key.verifying_key().verify(*checked, b"bytes", &signature);
                assert_eq!(verdict.is_ok(), made == checked, "{made:?} as {checked:?}");
            }
        }
    }

    #[test]
    fn what_was_not_signed_does_not_verify() {
        let key = SigningKey::from_seed([7; 32]);
        let public = key.verifying_key();
        let signature = key.sign(SignLabel::Epoch, b"bytes");
        let verifies = |bytes: &[u8], signature: &Signature| {
            public.verify(SignLabel::Epoch, bytes, signature).is_ok()
        };
        assert!(verifies(b"bytes", &signature));
        for bytes in [&b""[..], b"byte", b"bytes\0", b"\0bytes", b"Bytes"] {
            assert!(!verifies(bytes, &signature));
        }
        for flipped in one_bit_flipped(signature.as_bytes()) {
            assert!(!verifies(
                b"bytes",
                &Signature::from_bytes(flipped.try_into().unwrap())
            ));
        }
        let other = SigningKey::from_seed([8; 32]).verifying_key();
        assert_eq!(
            other.verify(SignLabel::Epoch, b"bytes", &signature),
            Err(BadSignature)
        );
    }

    /// Two forgeries that plain verification accepts; the vectors of others have none such. Under the
    /// key of order 1 the signature (R = B, S = 1) fits every message; and who owns a key can sign
    /// with R of order 1 and S = k·a.
    #[test]
    fn strict_verification_refuses_points_of_low_order_on_both_sides() {
        let base_point = "5866666666666666666666666666666666666666666666666666666666666666";
        let s = "bb3be4bb645818ea347ac8827b628ab61eea3ef24d6c178d75e8e25efc062609";
        let owner = *SigningKey::from_seed([7; 32]).verifying_key().as_bytes();
        for (key, r, s) in [(y(1), unhex(base_point), y(1)), (owner, y(1), unhex(s))] {
            let signature: [u8; 64] = [r, s].concat().try_into().unwrap();
            let loose = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
            let accepted =
                loose.verify(b"bytes", &ed25519_dalek::Signature::from_bytes(&signature));
            assert!(accepted.is_ok(), "the forgery is one");
            assert_eq!(verify_strict(&key, b"bytes", &signature), Err(BadSignature));
        }
    }

    /// The eight points of low order, in all fourteen encodings.
    #[test]
    fn keys_of_low_order_are_refused() {
        let order_8 = [
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ];
        let order_8 = order_8.map(unhex);
        let others = [y(0), y(1), minus(1), minus(0), p_plus(1)];
        for mut point in others.into_iter().chain(order_8) {
            for sign in [0, 0x80] {
                point[31] = point[31] & 0x7f | sign;
                assert_eq!(VerifyingKey::from_bytes(point), Err(BadKey), "{point:02x?}");
                // The library calls it a point, so it is our check that refuses it.
                assert!(
                    ed25519_dalek::VerifyingKey::from_bytes(&point)
                        .unwrap()
                        .is_weak(),
                    "{point:02x?}"
                );
            }
        }
    }

    /// A y coordinate of p + k is another name for k; the library takes both, we take k alone.
    #[test]
    fn a_key_has_one_encoding() {
        let mut second_names = 0;
        for k in 0..19 {
            for sign in [0, 0x80] {
                let (mut second, mut first) = (p_plus(k), y(k));
                second[31] |= sign;
                first[31] |= sign;
                assert_eq!(VerifyingKey::from_bytes(second), Err(BadKey));
                let taken = ed25519_dalek::VerifyingKey::from_bytes(&second)
                    .is_ok_and(|key| !key.is_weak());
                assert_eq!(VerifyingKey::from_bytes(first).is_ok(), taken);
                second_names += usize::from(taken);
            }
        }
        assert!(second_names > 0, "the check is needed");
        assert!(is_reduced(&minus(1)) && !is_reduced(&minus(0)));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let key = SigningKey::from_seed([0xab; 32]);
        assert!(!format!("{key:?}").contains("abab"));
    }

    fn unhex(text: &str) -> [u8; 32] {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        bytes.try_into().unwrap()
    }

    /// The encoding of the y coordinate k, which for 1 is the point of order 1.
    fn y(k: u8) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = k;
        bytes
    }

    /// p + k, for k below 19.
    fn p_plus(k: u8) -> [u8; 32] {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed + k;
        bytes[31] = 0x7f;
        bytes
    }

    /// p - k.
    fn minus(k: u8) -> [u8; 32] {
        let mut bytes = p_plus(0);
        bytes[0] -= k;
        bytes
    }
}
