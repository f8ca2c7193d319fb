//! The one seal: XChaCha20-Poly1305 under a key that is derived per record and committed to.
//!
//! `okm = HKDF-Expand(HKDF-Extract(salt, ikm), label ‖ 0x00 ‖ len32(header) ‖ header ‖ nonce, 64)`
//! (RFC 5869, SHA-256); the first 32 bytes are the key, the last 32 the commitment.
//! `sealed = nonce (24) ‖ commitment (32) ‖ XChaCha20-Poly1305(key, nonce, aad = header, plaintext)`.
//!
//! Without the commitment one ciphertext can be made to open under two keys (Len, Grubbs,
//! Ristenpart, "Partitioning Oracle Attacks", USENIX Security 2021), and a signature over it would
//! not bind its plaintext. The commitment is compared in constant time before anything is opened.
//! Spec: `docs/spec/crypto.md`, "Seal".

use crate::{HashLabel, SealLabel};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

/// What a seal adds to its plaintext, in bytes: nonce 24, commitment 32, tag 16.
pub const SEAL_OVERHEAD: usize = NONCE_BYTES + COMMITMENT_BYTES + TAG_BYTES;

const NONCE_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// Does not open: wrong key, wrong header, or changed bytes; it never says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("sealed bytes do not open")]
pub struct OpenError;

/// Seals `plaintext` for the purpose `label`, bound to `header`.
///
/// `salt` and `ikm` are the two secrets that are both needed to open: an item key and an epoch
/// key. The result is [`SEAL_OVERHEAD`] bytes longer than the plaintext. The nonce is random and
/// hedged with the plaintext, so that a generator that repeats itself after a machine was restored
/// from a snapshot does not repeat a nonce for another plaintext.
pub fn seal(
    label: SealLabel,
    salt: &[u8; 32],
    ikm: &[u8; 32],
    header: &[u8],
    plaintext: &[u8],
    rng: &mut dyn CryptoRng,
) -> Vec<u8> {
    let nonce = hedged_nonce(ikm, plaintext, rng);
    let keys = derive(label, salt, ikm, header, &nonce);
    let mut sealed = Vec::with_capacity(plaintext.len() + SEAL_OVERHEAD);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&keys[32..]);
    sealed.extend_from_slice(&raw_seal(first_half(&keys), &nonce, header, plaintext));
    sealed
}

/// Opens what [`seal`] made with the same label, secrets and header.
///
/// # Errors
/// [`OpenError`] for every failure alike.
pub fn open(
    label: SealLabel,
    salt: &[u8; 32],
    ikm: &[u8; 32],
    header: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if sealed.len() < SEAL_OVERHEAD {
        return Err(OpenError);
    }
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError)?;
    let (commitment, ciphertext) = rest
        .split_first_chunk::<COMMITMENT_BYTES>()
        .ok_or(OpenError)?;
    let keys = derive(label, salt, ikm, header, nonce);
    if !bool::from(keys[32..].ct_eq(&commitment[..]))
        && !crate::planted::is(crate::planted::Planted::NoCommitment)
    {
        return Err(OpenError);
    }
    raw_open(first_half(&keys), nonce, header, ciphertext)
}

pub(crate) fn derive(
    label: SealLabel,
    salt: &[u8; 32],
    ikm: &[u8; 32],
    header: &[u8],
    nonce: &[u8; 24],
) -> Zeroizing<[u8; 64]> {
    let mut okm = Zeroizing::new([0u8; 64]);
    let length = u32::try_from(header.len())
        .expect("headers are bounded far below 4 GiB")
        .to_be_bytes();
    Hkdf::<Sha256>::new(Some(salt), ikm)
        .expand_multi_info(
            &[label.as_str().as_bytes(), &[0], &length, header, nonce],
            &mut okm[..],
        )
        .expect("64 bytes are within HKDF's limit of 255 blocks");
    okm
}

fn hedged_nonce(ikm: &[u8; 32], plaintext: &[u8], rng: &mut dyn CryptoRng) -> [u8; NONCE_BYTES] {
    let mut input = Zeroizing::new([0u8; 64]);
    rng.fill_bytes(&mut input[..32]);
    input[32..].copy_from_slice(crate::Hash::of(HashLabel::Nonce, &[plaintext]).as_bytes());
    let mut nonce = [0u8; NONCE_BYTES];
    Hkdf::<Sha256>::new(Some(ikm), &input[..])
        .expand(HashLabel::Nonce.as_str().as_bytes(), &mut nonce)
        .expect("24 bytes are within HKDF's limit");
    nonce
}

fn first_half(keys: &[u8; 64]) -> &[u8; 32] {
    keys.first_chunk().expect("64 bytes have a first half")
}

/// XChaCha20-Poly1305 without a commitment; the vectors run through it.
pub(crate) fn raw_seal(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(plaintext.len() + TAG_BYTES);
    buffer.extend_from_slice(plaintext);
    XChaCha20Poly1305::new(key.into())
        .encrypt_in_place(&XNonce::from(*nonce), aad, &mut buffer)
        .expect("plaintexts are far below the cipher's limit");
    buffer
}

/// Opens what [`raw_seal`] made; alone it does not bind a plaintext.
pub(crate) fn raw_open(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut buffer = ciphertext.to_vec();
    match XChaCha20Poly1305::new(key.into()).decrypt_in_place(
        &XNonce::from(*nonce),
        aad,
        &mut buffer,
    ) {
        Ok(()) => Ok(Zeroizing::new(buffer)),
        Err(_) => {
            buffer.zeroize();
            Err(OpenError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Replay, Stuck, one_bit_flipped};
    use proptest::prelude::*;

    const SALT: [u8; 32] = [1; 32];
    const IKM: [u8; 32] = [2; 32];
    const HEADER: &[u8] = b"header";

    #[test]
    fn what_was_sealed_opens() {
        for length in [0, 1, 15, 16, 17, 63, 64, 65, 64 * 1024] {
            let plaintext = vec![0x5a; length];
            let sealed = seal(
                SealLabel::Record,
                &SALT,
                &IKM,
                HEADER,
                &plaintext,
                &mut Stuck(0),
            );
            assert_eq!(sealed.len(), length + SEAL_OVERHEAD);
            assert_eq!(
                *open(SealLabel::Record, &SALT, &IKM, HEADER, &sealed).unwrap(),
                plaintext
            );
        }
    }

    #[test]
    fn every_cut_every_flipped_bit_and_every_addition_is_refused() {
        let sealed = sealed(SealLabel::Record, HEADER);
        let opens = |bytes: &[u8]| open(SealLabel::Record, &SALT, &IKM, HEADER, bytes);
        for length in 0..sealed.len() {
            assert_eq!(
                opens(&sealed[..length]),
                Err(OpenError),
                "first {length} bytes"
            );
            assert_eq!(
                opens(&sealed[sealed.len() - length..]),
                Err(OpenError),
                "last {length} bytes"
            );
        }
        for (bit, flipped) in one_bit_flipped(&sealed).enumerate() {
            assert_eq!(opens(&flipped), Err(OpenError), "bit {bit}");
        }
        for added in 0..=255 {
            assert_eq!(opens(&[&sealed[..], &[added]].concat()), Err(OpenError));
            assert_eq!(opens(&[&[added], &sealed[..]].concat()), Err(OpenError));
        }
    }

    #[test]
    fn a_seal_opens_only_under_its_own_label() {
        for made in SealLabel::ALL {
            let sealed = sealed(*made, HEADER);
            for tried in SealLabel::ALL {
                assert_eq!(
                    open(*tried, &SALT, &IKM, HEADER, &sealed).is_ok(),
                    made == tried,
                    "{made:?} as {tried:?}"
                );
            }
        }
    }

    #[test]
    fn a_seal_opens_only_with_both_secrets() {
        let sealed = sealed(SealLabel::Record, HEADER);
        let opens = |salt: &[u8; 32], ikm: &[u8; 32]| {
            open(SealLabel::Record, salt, ikm, HEADER, &sealed).is_ok()
        };
        for flipped in one_bit_flipped(&SALT) {
            assert!(!opens(flipped[..].try_into().unwrap(), &IKM));
        }
        for flipped in one_bit_flipped(&IKM) {
            assert!(!opens(&SALT, flipped[..].try_into().unwrap()));
        }
        assert!(
            opens(&SALT, &IKM) && !opens(&IKM, &SALT) && !opens(&SALT, &SALT) && !opens(&IKM, &IKM)
        );
    }

    #[test]
    fn a_seal_opens_only_with_its_own_header() {
        let sealed = sealed(SealLabel::Record, HEADER);
        let opens = |header: &[u8]| open(SealLabel::Record, &SALT, &IKM, header, &sealed).is_ok();
        assert!(opens(HEADER));
        assert!(one_bit_flipped(HEADER).all(|flipped| !opens(&flipped)));
        assert!((0..HEADER.len()).all(|length| !opens(&HEADER[..length])));
        assert!(!opens(b"header\0") && !opens(b"\0header"));
    }

    /// Header and nonce stand side by side in the derivation: shifting the border between them must
    /// give another key.
    #[test]
    fn the_border_between_header_and_nonce_counts() {
        let a = derive(SealLabel::Record, &SALT, &IKM, b"ab", &[b'c'; 24]);
        let b = derive(SealLabel::Record, &SALT, &IKM, b"abc", &[b'c'; 24]);
        assert_ne!(a[..], b[..]);
    }

    /// The generator says the same twice, as after a restored snapshot of a machine: the nonce still
    /// differs as soon as the plaintext or the key does, and it is the only thing that may repeat.
    #[test]
    fn a_generator_that_repeats_repeats_no_nonce_for_another_plaintext() {
        let random = [0x77; 32];
        let again = |ikm: &[u8; 32], header: &[u8], plaintext: &[u8]| {
            seal(
                SealLabel::Record,
                &SALT,
                ikm,
                header,
                plaintext,
                &mut Replay(&random),
            )
        };
        let first = again(&IKM, HEADER, b"one");
        let nonce = |sealed: &[u8]| sealed[..NONCE_BYTES].to_vec();
        assert_eq!(first, again(&IKM, HEADER, b"one"));
        assert_ne!(nonce(&first), nonce(&again(&IKM, HEADER, b"two")));
        assert_ne!(nonce(&first), nonce(&again(&IKM, HEADER, b"")));
        assert_ne!(nonce(&first), nonce(&again(&SALT, HEADER, b"one")));

        // The header is not hedged: there the nonce may repeat, because the key does not.
        let elsewhere = again(&IKM, b"another header", b"one");
        assert_eq!(nonce(&first), nonce(&elsewhere));
        assert_ne!(first[NONCE_BYTES..], elsewhere[NONCE_BYTES..]);
    }

    #[test]
    fn a_generator_that_works_gives_every_seal_its_own_nonce() {
        let seal_with = |random: u8| {
            seal(
                SealLabel::Record,
                &SALT,
                &IKM,
                HEADER,
                b"same",
                &mut Stuck(random),
            )
        };
        assert_ne!(seal_with(0)[..NONCE_BYTES], seal_with(1)[..NONCE_BYTES]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Opening whatever bytes, under whatever header, never panics and never opens.
        #[test]
        fn noise_does_not_open(sealed in prop::collection::vec(any::<u8>(), 0..300), header in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(open(SealLabel::Row, &SALT, &IKM, &header, &sealed), Err(OpenError));
        }
    }

    fn sealed(label: SealLabel, header: &[u8]) -> Vec<u8> {
        seal(
            label,
            &SALT,
            &IKM,
            header,
            b"what nobody else may read",
            &mut Stuck(3),
        )
    }
}
