//! The Wycheproof files through our own functions: mostly inputs on which others went wrong.

use super::{unhex, unhex_array};
use crate::seal::{raw_open, raw_seal};
use crate::sign::verify_strict;
use crate::wrap::{WRAP_PUBLIC_BYTES, ends_in_low_order};
use crate::{BadKey, VerifyingKey, WrapKey, WrapPublic};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Every XChaCha20-Poly1305 vector, sealed and opened by the functions under our seal.
#[test]
fn the_cipher_agrees_with_wycheproof() {
    let mut seen = Seen::default();
    for test in vectors::<AeadGroup>(include_str!(
        "../../tests/vectors/xchacha20_poly1305_test.json"
    )) {
        let Ok(nonce) = <[u8; 24]>::try_from(unhex(&test.iv)) else {
            assert_eq!(test.result, "invalid", "vector {}", test.tc_id);
            seen.unrepresentable += 1;
            continue;
        };
        let key = unhex_array(&test.key);
        let (aad, plaintext) = (unhex(&test.aad), unhex(&test.msg));
        let ciphertext = unhex(&(test.ct + &test.tag));
        let opened = raw_open(&key, &nonce, &aad, &ciphertext);
        if test.result == "valid" {
            assert_eq!(
                raw_seal(&key, &nonce, &aad, &plaintext),
                ciphertext,
                "vector {}",
                test.tc_id
            );
            assert_eq!(
                *opened.expect("a valid vector opens"),
                plaintext,
                "vector {}",
                test.tc_id
            );
            seen.valid += 1;
        } else {
            assert!(opened.is_err(), "vector {}", test.tc_id);
            seen.invalid += 1;
        }
    }
    assert_eq!(
        seen,
        Seen {
            valid: 246,
            invalid: 60,
            unrepresentable: 9
        }
    );
}

/// Every Ed25519 vector through our strict verification.
#[test]
fn strict_verification_agrees_with_wycheproof() {
    let mut seen = Seen::default();
    for test in vectors::<EddsaGroup>(include_str!("../../tests/vectors/ed25519_test.json")) {
        let Ok(signature) = <[u8; 64]>::try_from(unhex(&test.sig)) else {
            assert_eq!(test.result, "invalid", "vector {}", test.tc_id);
            seen.unrepresentable += 1;
            continue;
        };
        let key = unhex_array(&test.key);
        let verdict = verify_strict(&key, &unhex(&test.msg), &signature);
        assert_eq!(
            verdict.is_ok(),
            test.result == "valid",
            "vector {}",
            test.tc_id
        );
        if verdict.is_ok() {
            assert!(
                VerifyingKey::from_bytes(key).is_ok(),
                "vector {}",
                test.tc_id
            );
            seen.valid += 1;
        } else {
            seen.invalid += 1;
        }
    }
    assert_eq!(
        seen,
        Seen {
            valid: 88,
            invalid: 51,
            unrepresentable: 12
        }
    );
}

/// Every X25519 vector against x25519-dalek of this lock file, which is the curve that X-Wing uses;
/// then the points that give a shared secret of zero against the check in our own wrap.
#[test]
fn the_curve_of_x_wing_agrees_with_wycheproof_and_our_wrap_refuses_shared_secrets_of_zero() {
    let good = WrapKey::from_seed(&[9; 32]).public().to_bytes();
    let (mut zero, mut all) = (0, 0);
    for test in vectors::<XdhGroup>(include_str!("../../tests/vectors/x25519_test.json")) {
        let public = unhex_array(&test.public);
        let private = x25519_dalek::StaticSecret::from(unhex_array::<32>(&test.private));
        let shared = private.diffie_hellman(&x25519_dalek::PublicKey::from(public));
        assert_eq!(
            shared.as_bytes(),
            &unhex_array(&test.shared),
            "vector {}",
            test.tc_id
        );

        let is_zero = test.flags.iter().any(|flag| flag == "ZeroSharedSecret");
        assert_eq!(shared.was_contributory(), !is_zero, "vector {}", test.tc_id);
        assert_eq!(ends_in_low_order(&public), is_zero, "vector {}", test.tc_id);
        let mut recipient = good.clone();
        recipient[WRAP_PUBLIC_BYTES - 32..].copy_from_slice(&public);
        let expected = if is_zero { Err(BadKey) } else { Ok(()) };
        assert_eq!(
            WrapPublic::from_bytes(&recipient).map(|_| ()),
            expected,
            "vector {}",
            test.tc_id
        );
        zero += usize::from(is_zero);
        all += 1;
    }
    assert_eq!((zero, all), (31, 518));
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    valid: usize,
    invalid: usize,
    /// Invalid by its length, which the types of our functions exclude.
    unrepresentable: usize,
}

fn vectors<G: Group + DeserializeOwned>(file: &str) -> Vec<G::Test> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File<G> {
        number_of_tests: usize,
        test_groups: Vec<G>,
    }
    let file: File<G> = serde_json::from_str(file).expect("a Wycheproof file");
    let tests: Vec<G::Test> = file.test_groups.into_iter().flat_map(G::tests).collect();
    assert_eq!(tests.len(), file.number_of_tests);
    tests
}

trait Group {
    type Test;
    fn tests(self) -> Vec<Self::Test>;
}

#[derive(Deserialize)]
struct AeadGroup {
    tests: Vec<AeadTest>,
}

#[derive(Deserialize)]
struct AeadTest {
    #[serde(rename = "tcId")]
    tc_id: u32,
    key: String,
    iv: String,
    aad: String,
    msg: String,
    ct: String,
    tag: String,
    result: String,
}

impl Group for AeadGroup {
    type Test = AeadTest;

    fn tests(self) -> Vec<AeadTest> {
        self.tests
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EddsaGroup {
    public_key: EddsaKey,
    tests: Vec<EddsaTest>,
}

#[derive(Deserialize)]
struct EddsaKey {
    pk: String,
}

#[derive(Deserialize)]
struct EddsaTest {
    #[serde(rename = "tcId")]
    tc_id: u32,
    /// Stands beside the tests in the file; every test takes a copy.
    #[serde(skip)]
    key: String,
    msg: String,
    sig: String,
    result: String,
}

impl Group for EddsaGroup {
    type Test = EddsaTest;

    fn tests(self) -> Vec<EddsaTest> {
        let key = self.public_key.pk;
        self.tests
            .into_iter()
            .map(|test| EddsaTest {
                key: key.clone(),
                ..test
            })
            .collect()
    }
}

#[derive(Deserialize)]
struct XdhGroup {
    tests: Vec<XdhTest>,
}

#[derive(Deserialize)]
struct XdhTest {
    #[serde(rename = "tcId")]
    tc_id: u32,
    flags: Vec<String>,
    public: String,
    private: String,
    shared: String,
}

impl Group for XdhGroup {
    type Test = XdhTest;

    fn tests(self) -> Vec<XdhTest> {
        self.tests
    }
}
