//! The master key under a passphrase: Argon2id (RFC 9106), then the one seal.
//!
//! The parameters stand in the file, so they are bounded in both directions before any work: a
//! floor against downgrade, a ceiling against a hostile file. The seal commits to its key, which
//! matters most where the key has little entropy.
//! Spec: `docs/spec/crypto.md`, "Passphrase".

use crate::{MasterKey, SealLabel, open, seal};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

/// How much work a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseParams {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl PassphraseParams {
    /// What new files use: 256 MiB, three passes, four lanes (RFC 9106's second option with four
    /// times its memory).
    pub const DEFAULT: PassphraseParams = PassphraseParams {
        memory_kib: 256 * 1024,
        passes: 3,
        lanes: 4,
    };
    /// The least that is opened or written: memory and passes of RFC 9106's second recommended
    /// option, in one lane.
    pub const FLOOR: PassphraseParams = PassphraseParams {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };
    /// The most that is opened.
    pub const CEILING: PassphraseParams = PassphraseParams {
        memory_kib: 2 * 1024 * 1024,
        passes: 10,
        lanes: 16,
    };

    fn check(self) -> Result<(), PassphraseError> {
        let within = |value, floor, ceiling| floor <= value && value <= ceiling;
        let (low, high) = (Self::FLOOR, Self::CEILING);
        if within(self.memory_kib, low.memory_kib, high.memory_kib)
            && within(self.passes, low.passes, high.passes)
            && within(self.lanes, low.lanes, high.lanes)
        {
            Ok(())
        } else {
            Err(PassphraseError::Unreasonable)
        }
    }
}

/// Why a protected master key did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Not bytes of this format.
    #[error("not a protected master key")]
    Malformed,
    /// Made by a newer version.
    #[error("protected master key of a newer version")]
    NewerVersion,
    /// Parameters below the floor or above the ceiling; nothing was computed.
    #[error("unreasonable passphrase parameters")]
    Unreasonable,
    /// The passphrase is wrong, or the bytes were changed.
    #[error("wrong passphrase")]
    Wrong,
    /// The machine has not got the memory that the parameters ask for.
    #[error("not enough memory to stretch the passphrase")]
    NoMemory,
    /// An empty passphrase protects nothing.
    #[error("empty passphrase")]
    Empty,
}

/// Protects a master key with a passphrase.
///
/// # Errors
/// [`PassphraseError::Empty`], [`PassphraseError::NoMemory`], or [`PassphraseError::Unreasonable`]
/// for `params` out of bounds.
pub fn protect_master_key(
    key: &MasterKey,
    passphrase: &[u8],
    params: PassphraseParams,
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, PassphraseError> {
    params.check()?;
    let mut salt = [0u8; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    let mut file = Vec::new();
    file.extend_from_slice(MAGIC);
    file.push(VERSION);
    for number in [params.memory_kib, params.passes, params.lanes] {
        file.extend_from_slice(&number.to_be_bytes());
    }
    file.extend_from_slice(&salt);
    let kek = stretch(passphrase, &salt, params)?;
    let sealed = seal(
        SealLabel::MasterKey,
        &NO_SALT,
        &kek,
        &file,
        key.danger_expose(),
        rng,
    );
    file.extend_from_slice(&sealed);
    Ok(file)
}

/// Opens what [`protect_master_key`] made.
///
/// # Errors
/// [`PassphraseError`] by cause; a wrong passphrase and changed bytes look alike.
pub fn unlock_master_key(file: &[u8], passphrase: &[u8]) -> Result<MasterKey, PassphraseError> {
    if !file.starts_with(MAGIC) {
        return Err(PassphraseError::Malformed);
    }
    match file.get(MAGIC.len()) {
        None => return Err(PassphraseError::Malformed),
        Some(version) if *version > VERSION => return Err(PassphraseError::NewerVersion),
        Some(version) if *version != VERSION => return Err(PassphraseError::Malformed),
        Some(_) => {}
    }
    if file.len() != FILE_BYTES {
        return Err(PassphraseError::Malformed);
    }
    let (header, sealed) = file.split_at(HEADER_BYTES);
    let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let at = MAGIC.len() + 1;
    let params = PassphraseParams {
        memory_kib: number(at),
        passes: number(at + 4),
        lanes: number(at + 8),
    };
    params.check()?;
    let kek = stretch(passphrase, &header[at + 12..], params)?;
    let opened = open(SealLabel::MasterKey, &NO_SALT, &kek, header, sealed)
        .map_err(|_| PassphraseError::Wrong)?;
    let bytes: [u8; 32] = opened[..].try_into().map_err(|_| PassphraseError::Wrong)?;
    Ok(MasterKey::from_bytes(bytes))
}

/// What is kept of a PIN: enough to know it again, and as slow to try as a passphrase. It is what
/// [`protect_master_key`] makes of a key that nobody has.
///
/// # Errors
/// As [`protect_master_key`].
pub fn keep_pin(
    pin: &[u8],
    params: PassphraseParams,
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, PassphraseError> {
    let key = MasterKey::generate(rng);
    protect_master_key(&key, pin, params, rng)
}

/// Whether this is the PIN of which that is kept.
///
/// # Errors
/// [`PassphraseError`], except that a wrong one is an answer.
pub fn is_pin(kept: &[u8], pin: &[u8]) -> Result<bool, PassphraseError> {
    match unlock_master_key(kept, pin) {
        Ok(_) => Ok(true),
        Err(PassphraseError::Wrong | PassphraseError::Empty) => Ok(false),
        Err(error) => Err(error),
    }
}

const MAGIC: &[u8] = b"kitbag-master-key";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const HEADER_BYTES: usize = MAGIC.len() + 1 + 12 + SALT_BYTES;
/// Length of a protected master key in bytes.
pub(crate) const FILE_BYTES: usize = HEADER_BYTES + 32 + crate::SEAL_OVERHEAD;
const NO_SALT: [u8; 32] = [0; 32];

fn stretch(
    passphrase: &[u8],
    salt: &[u8],
    params: PassphraseParams,
) -> Result<Zeroizing<[u8; 32]>, PassphraseError> {
    if passphrase.is_empty() {
        return Err(PassphraseError::Empty);
    }
    let mut key = Zeroizing::new([0u8; 32]);
    let params = Params::new(params.memory_kib, params.passes, params.lanes, Some(32))
        .map_err(|_| PassphraseError::Unreasonable)?;
    // The last blocks give the key away, so the memory is ours, and erased.
    let mut memory = Zeroizing::new(Vec::new());
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| PassphraseError::NoMemory)?;
    memory.resize(params.block_count(), Block::new());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, &mut key[..], &mut memory[..])
        .map_err(|_| PassphraseError::Unreasonable)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Stuck;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const PASSPHRASE: &[u8] = b"correct horse battery staple";
    const KEY: [u8; 32] = [0x5a; 32];
    const NUMBERS_AT: usize = MAGIC.len() + 1;
    const SALT_AT: usize = NUMBERS_AT + 12;

    static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        protect_master_key(
            &MasterKey::from_bytes(KEY),
            PASSPHRASE,
            PassphraseParams::FLOOR,
            &mut Stuck(3),
        )
        .unwrap()
    });

    #[test]
    fn the_passphrase_opens_and_another_does_not() {
        assert_eq!(FILE.len(), FILE_BYTES);
        assert_eq!(
            unlock_master_key(&FILE, PASSPHRASE)
                .unwrap()
                .danger_expose(),
            &KEY
        );
        assert_eq!(
            why(&FILE, b"correct horse battery stapl"),
            PassphraseError::Wrong
        );
        assert_eq!(
            why(&FILE, b"correct horse battery staple\0"),
            PassphraseError::Wrong
        );
    }

    #[test]
    fn a_pin_is_known_again_and_no_other_is() {
        let kept = keep_pin(b"493027", PassphraseParams::FLOOR, &mut Stuck(5)).unwrap();
        assert_eq!(is_pin(&kept, b"493027"), Ok(true));
        for other in [&b"493028"[..], b"49302", b"4930270", b""] {
            assert_eq!(is_pin(&kept, other), Ok(false));
        }
        assert_eq!(is_pin(b"", b"493027"), Err(PassphraseError::Malformed));
    }

    #[test]
    fn an_empty_passphrase_is_refused_both_ways() {
        let key = MasterKey::from_bytes(KEY);
        let made = protect_master_key(&key, b"", PassphraseParams::FLOOR, &mut Stuck(3));
        assert_eq!(made, Err(PassphraseError::Empty));
        assert_eq!(why(&FILE, b""), PassphraseError::Empty);
    }

    #[test]
    fn every_other_length_is_refused() {
        for length in 0..FILE.len() {
            assert_eq!(
                why(&FILE[..length], PASSPHRASE),
                PassphraseError::Malformed,
                "first {length} bytes"
            );
        }
        assert_eq!(
            why(&[&FILE[..], &[0]].concat(), PASSPHRASE),
            PassphraseError::Malformed
        );
    }

    #[test]
    fn another_beginning_is_no_file_of_ours_and_a_newer_version_says_so() {
        for at in 0..MAGIC.len() {
            for bit in 0..8 {
                assert_eq!(
                    why(&with(at, FILE[at] ^ (1 << bit)), PASSPHRASE),
                    PassphraseError::Malformed
                );
            }
        }
        assert_eq!(
            why(&with(MAGIC.len(), 0), PASSPHRASE),
            PassphraseError::Malformed
        );
        for version in VERSION + 1..=u8::MAX {
            assert_eq!(
                why(&with(MAGIC.len(), version), PASSPHRASE),
                PassphraseError::NewerVersion
            );
            let longer = [&with(MAGIC.len(), version)[..], b"and what we do not know"].concat();
            assert_eq!(why(&longer, PASSPHRASE), PassphraseError::NewerVersion);
        }
    }

    /// Nothing is computed: the largest of these would ask for four terabytes.
    #[test]
    fn parameters_out_of_bounds_are_refused_before_any_work() {
        let (low, high) = (PassphraseParams::FLOOR, PassphraseParams::CEILING);
        for (memory_kib, passes, lanes) in [
            (low.memory_kib - 1, low.passes, low.lanes),
            (low.memory_kib, low.passes - 1, low.lanes),
            (low.memory_kib, low.passes, low.lanes - 1),
            (high.memory_kib + 1, low.passes, low.lanes),
            (low.memory_kib, high.passes + 1, low.lanes),
            (low.memory_kib, low.passes, high.lanes + 1),
            (0, 0, 0),
            (u32::MAX, low.passes, low.lanes),
            (low.memory_kib, u32::MAX, low.lanes),
            (low.memory_kib, low.passes, u32::MAX),
        ] {
            let params = PassphraseParams {
                memory_kib,
                passes,
                lanes,
            };
            assert_eq!(
                why(&with_params(params), PASSPHRASE),
                PassphraseError::Unreasonable,
                "{params:?}"
            );
            let made = protect_master_key(
                &MasterKey::from_bytes(KEY),
                PASSPHRASE,
                params,
                &mut Stuck(3),
            );
            assert_eq!(made, Err(PassphraseError::Unreasonable), "{params:?}");
        }
        for params in [low, PassphraseParams::DEFAULT, high] {
            assert_eq!(params.check(), Ok(()));
        }
    }

    /// One changed byte in each field that does not show by itself; the rest is the seal's business.
    #[test]
    fn what_was_changed_looks_like_a_wrong_passphrase() {
        let sealed_at = HEADER_BYTES;
        let floor = PassphraseParams::FLOOR;
        let other_params = with_params(PassphraseParams {
            lanes: floor.lanes + 1,
            ..floor
        });
        assert_eq!(why(&other_params, PASSPHRASE), PassphraseError::Wrong);
        for at in [
            SALT_AT,
            sealed_at,
            sealed_at + 24,
            sealed_at + 24 + 32,
            FILE.len() - 1,
        ] {
            assert_eq!(
                why(&with(at, FILE[at] ^ 1), PASSPHRASE),
                PassphraseError::Wrong,
                "byte {at}"
            );
        }
    }

    /// The reference implementation's own answers, without our bounds (phc-winner-argon2, `src/test.c`).
    #[test]
    fn stretching_agrees_with_the_reference_implementation() {
        for (lanes, expected) in [
            (
                1,
                "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
            ),
            (
                2,
                "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037",
            ),
        ] {
            let params = PassphraseParams {
                memory_kib: 256,
                passes: 2,
                lanes,
            };
            let key = stretch(b"password", b"somesalt", params).unwrap();
            assert_eq!(data_encoding::HEXLOWER.encode(&key[..]), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever follows the magic never panics, and does not reach the work: noise has no
        /// reasonable parameters.
        #[test]
        fn noise_does_not_unlock(noise in prop::collection::vec(any::<u8>(), 0..200), numbers in prop::array::uniform12(0x80u8..)) {
            prop_assert_eq!(why(&noise, PASSPHRASE), PassphraseError::Malformed);
            let mut file = FILE.clone();
            file[NUMBERS_AT..SALT_AT].copy_from_slice(&numbers);
            prop_assert_eq!(why(&file, PASSPHRASE), PassphraseError::Unreasonable);
        }
    }

    fn why(file: &[u8], passphrase: &[u8]) -> PassphraseError {
        unlock_master_key(file, passphrase).expect_err("must not unlock")
    }

    fn with(at: usize, byte: u8) -> Vec<u8> {
        let mut file = FILE.clone();
        file[at] = byte;
        file
    }

    fn with_params(params: PassphraseParams) -> Vec<u8> {
        let mut file = FILE.clone();
        for (index, number) in [params.memory_kib, params.passes, params.lanes]
            .into_iter()
            .enumerate()
        {
            file[NUMBERS_AT + 4 * index..][..4].copy_from_slice(&number.to_be_bytes());
        }
        file
    }
}
