//! The published vectors of X-Wing, followed through HPKE by a key schedule written down here.

use super::{Replay, unhex, unhex_array};
use crate::wrap::INFO;
use crate::{WRAPPED_BYTES, WrapKey, WrapPublic, wrap_key};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use serde::Deserialize;
use sha2::Sha256;

/// Key pair, encapsulation and shared secret of the X-Wing draft: our wrap must give exactly these,
/// and what stands sealed behind them must be what RFC 9180 says, computed without the HPKE crate.
#[test]
fn wraps_agree_with_the_x_wing_draft_and_rfc_9180() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../tests/vectors/x_wing_test.json"))
            .expect("the draft's file");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let recipient = WrapKey::from_seed(&unhex_array(&vector.sk));
        assert_eq!(
            WrapKey::generate(&mut Replay(&unhex(&vector.seed))).danger_seed(),
            recipient.danger_seed()
        );
        assert_eq!(recipient.public().to_bytes(), unhex(&vector.pk));
        let public = WrapPublic::from_bytes(&unhex(&vector.pk)).expect("a good key");

        let (key, aad) = ([0x5a; 32], b"what this wrap is for");
        let mut expected = unhex(&vector.ct);
        expected.extend(rfc_9180_seal(
            &unhex(&vector.ss),
            INFO.as_bytes(),
            aad,
            &key,
        ));
        assert_eq!(expected.len(), WRAPPED_BYTES);

        let wrapped =
            wrap_key(&public, aad, &key, &mut Replay(&unhex(&vector.eseed))).expect("a good key");
        assert_eq!(wrapped, expected);
        assert_eq!(*recipient.unwrap_key(aad, &expected).expect("opens"), key);
    }
}

#[derive(Deserialize)]
struct Vector {
    seed: String,
    eseed: String,
    ss: String,
    sk: String,
    pk: String,
    ct: String,
}

/// RFC 9180, section 5.1, `KeySchedule` in base mode, then the first `ContextS.Seal`, for which the
/// nonce is the base nonce (section 5.2).
fn rfc_9180_seal(shared_secret: &[u8], info: &[u8], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut context = vec![0u8]; // mode_base
    context.extend(labeled_extract(b"", b"psk_id_hash", b""));
    context.extend(labeled_extract(b"", b"info_hash", info));
    let secret = labeled_extract(shared_secret, b"secret", b"");
    let key: [u8; 32] = labeled_expand(&secret, b"key", &context);
    let base_nonce: [u8; 12] = labeled_expand(&secret, b"base_nonce", &context);
    let mut sealed = plaintext.to_vec();
    ChaCha20Poly1305::new(&key.into())
        .encrypt_in_place(&Nonce::from(base_nonce), aad, &mut sealed)
        .expect("short");
    sealed
}

/// `"HPKE" ‖ 0x647a (X-Wing) ‖ 0x0001 (HKDF-SHA-256) ‖ 0x0003 (ChaCha20-Poly1305)`
const SUITE_ID: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

fn labeled_extract(salt: &[u8], label: &[u8], ikm: &[u8]) -> [u8; 32] {
    Hkdf::<Sha256>::extract(Some(salt), &[b"HPKE-v1", SUITE_ID, label, ikm].concat())
        .0
        .into()
}

fn labeled_expand<const N: usize>(secret: &[u8; 32], label: &[u8], context: &[u8]) -> [u8; N] {
    let length = u16::try_from(N).expect("short").to_be_bytes();
    let mut expanded = [0; N];
    Hkdf::<Sha256>::from_prk(secret)
        .expect("32 bytes are a key")
        .expand_multi_info(
            &[&length, b"HPKE-v1", SUITE_ID, label, context],
            &mut expanded,
        )
        .expect("short");
    expanded
}
