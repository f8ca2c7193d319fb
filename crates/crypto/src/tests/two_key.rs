//! One ciphertext that opens under two keys, which is why every seal carries a commitment.

use super::{unhex, unhex_array};
use crate::seal::{derive, raw_open};
use crate::{OpenError, SealLabel, open};
use serde::Deserialize;

/// A ciphertext made for two cipher keys: the cipher opens it under both; our `open` refuses it under
/// both, with no commitment, with nonsense, and with the commitments that belong to the two keys.
#[test]
fn what_the_cipher_opens_under_two_keys_our_seal_refuses_under_both() {
    let vector = file().cipher_keys;
    let (keys, nonce) = (
        vector.keys.each_ref().map(|key| unhex_array::<32>(key)),
        unhex_array(&vector.nonce),
    );
    let (header, ciphertext) = (unhex(&vector.aad), unhex(&vector.ciphertext));
    let opened =
        keys.map(|key| raw_open(&key, &nonce, &header, &ciphertext).expect("the cipher opens it"));
    assert_ne!(opened[0], opened[1]);

    for key in &keys {
        let bare = [&nonce[..], &ciphertext].concat();
        assert_eq!(
            open(SealLabel::Record, &SALT, key, &header, &bare),
            Err(OpenError)
        );
        for forged in [
            [0; 32],
            [0xff; 32],
            keys[0],
            keys[1],
            commitment(&keys[0], &header, &nonce),
            commitment(&keys[1], &header, &nonce),
        ] {
            let framed = [&nonce[..], &forged, &ciphertext].concat();
            for label in SealLabel::ALL {
                assert_eq!(open(*label, &SALT, key, &header, &framed), Err(OpenError));
                assert_eq!(open(*label, key, &SALT, &header, &framed), Err(OpenError));
            }
        }
    }
}

/// The stronger attack: a ciphertext made for the two keys that our own derivation gives for two
/// epoch keys. Without the commitment both would open it; with it, one at most.
#[test]
fn a_ciphertext_made_for_two_derived_keys_opens_under_one_epoch_key_at_most() {
    let vector = file().derived_keys;
    let (ikms, nonce) = (
        vector.ikms.each_ref().map(|ikm| unhex_array::<32>(ikm)),
        unhex_array(&vector.nonce),
    );
    let (salt, header) = (unhex_array(&vector.salt), unhex(&vector.header));
    let ciphertext = unhex(&vector.ciphertext);
    let derived = ikms.map(|ikm| derive(SealLabel::Record, &salt, &ikm, &header, &nonce));
    for keys in &derived {
        assert!(
            raw_open(
                keys[..32].try_into().expect("half"),
                &nonce,
                &header,
                &ciphertext
            )
            .is_ok()
        );
    }
    for (committed, keys) in derived.iter().enumerate() {
        let framed = [&nonce[..], &keys[32..], &ciphertext].concat();
        for (tried, ikm) in ikms.iter().enumerate() {
            let opened = open(SealLabel::Record, &salt, ikm, &header, &framed);
            assert_eq!(opened.is_ok(), tried == committed);
        }
    }
}

const SALT: [u8; 32] = [0; 32];

fn commitment(ikm: &[u8; 32], header: &[u8], nonce: &[u8; 24]) -> [u8; 32] {
    derive(SealLabel::Record, &SALT, ikm, header, nonce)[32..]
        .try_into()
        .expect("half")
}

fn file() -> File {
    serde_json::from_str(include_str!("../../tests/vectors/two_key.json")).expect("our own file")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cipher_keys: CipherKeys,
    derived_keys: DerivedKeys,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CipherKeys {
    keys: [String; 2],
    nonce: String,
    aad: String,
    ciphertext: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DerivedKeys {
    salt: String,
    ikms: [String; 2],
    header: String,
    nonce: String,
    ciphertext: String,
}
