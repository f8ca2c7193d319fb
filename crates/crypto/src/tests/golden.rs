//! Our own vectors: fixed inputs and what came out when the format was made. They never change; when
//! one of these tests fails, the code has broken the format.

use super::{Replay, hex, unhex, unhex_array};
use crate::{
    EpochKey, Hash, HashLabel, ItemKey, MasterKey, PassphraseParams, SealLabel, SignLabel,
    Signature, SigningKey, TicketSecret, VerifyingKey, WrapKey, open, protect_master_key, seal,
    unlock_master_key, wrap_key,
};
use serde::Deserialize;

#[test]
fn hashes_are_as_frozen() {
    let vectors = golden().hash;
    assert_labels(
        &vectors,
        |vector| &vector.label,
        HashLabel::ALL,
        HashLabel::as_str,
    );
    for vector in vectors {
        let parts: Vec<Vec<u8>> = vector.parts.iter().map(|part| unhex(part)).collect();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let label = find(HashLabel::ALL, HashLabel::as_str, &vector.label);
        assert_eq!(
            hex(Hash::of(label, &parts).as_bytes()),
            vector.hash,
            "{}",
            vector.label
        );
    }
}

#[test]
fn signatures_are_as_frozen() {
    let vectors = golden().signature;
    assert_labels(
        &vectors,
        |vector| &vector.label,
        SignLabel::ALL,
        SignLabel::as_str,
    );
    for vector in vectors {
        let label = find(SignLabel::ALL, SignLabel::as_str, &vector.label);
        let (key, message) = (
            SigningKey::from_seed(unhex_array(&vector.seed)),
            unhex(&vector.message),
        );
        assert_eq!(
            hex(key.verifying_key().as_bytes()),
            vector.public,
            "{}",
            vector.label
        );
        assert_eq!(
            hex(key.sign(label, &message).as_bytes()),
            vector.signature,
            "{}",
            vector.label
        );
        let public = VerifyingKey::from_bytes(unhex_array(&vector.public)).expect("a good key");
        let signature = Signature::from_bytes(unhex_array(&vector.signature));
        assert_eq!(
            public.verify(label, &message, &signature),
            Ok(()),
            "{}",
            vector.label
        );
    }
}

#[test]
fn seals_are_as_frozen() {
    let vectors = golden().seal;
    assert_labels(
        &vectors,
        |vector| &vector.label,
        SealLabel::ALL,
        SealLabel::as_str,
    );
    for vector in vectors {
        let label = find(SealLabel::ALL, SealLabel::as_str, &vector.label);
        let (salt, ikm) = (unhex_array(&vector.salt), unhex_array(&vector.ikm));
        let (header, plaintext) = (unhex(&vector.header), unhex(&vector.plaintext));
        let sealed = seal(
            label,
            &salt,
            &ikm,
            &header,
            &plaintext,
            &mut Replay(&unhex(&vector.random)),
        );
        assert_eq!(hex(&sealed), vector.sealed, "{}", vector.label);
        let opened = open(label, &salt, &ikm, &header, &unhex(&vector.sealed)).expect("opens");
        assert_eq!(*opened, plaintext, "{}", vector.label);
    }
}

#[test]
fn rows_and_look_ups_are_as_frozen() {
    for vector in golden().row {
        let row_key = MasterKey::from_bytes(unhex_array(&vector.master)).row_key();
        let (key, value) = (unhex(&vector.key), unhex(&vector.value));
        let sealed = row_key.seal(
            &vector.table,
            &key,
            &value,
            &mut Replay(&unhex(&vector.random)),
        );
        assert_eq!(hex(&sealed), vector.sealed);
        assert_eq!(
            *row_key
                .open(&vector.table, &key, &unhex(&vector.sealed))
                .expect("opens"),
            value
        );
    }
    for vector in golden().blind {
        let blind_key = MasterKey::from_bytes(unhex_array(&vector.master)).blind_key();
        assert_eq!(
            hex(&blind_key.blind(&vector.table, &unhex(&vector.id))),
            vector.blinded
        );
    }
}

#[test]
fn derived_keys_are_as_frozen() {
    for vector in golden().invite_key {
        let key = TicketSecret::from_bytes(unhex_array(&vector.ticket_secret)).invite_key();
        assert_eq!(hex(&key.danger_seed()), vector.seed);
        assert_eq!(hex(key.verifying_key().as_bytes()), vector.public);
    }
    for vector in golden().epoch_commitment {
        let key = EpochKey::from_bytes(unhex_array(&vector.epoch_key));
        assert_eq!(hex(key.commitment().as_bytes()), vector.commitment);
    }
    for vector in golden().absent_item_key {
        let key = ItemKey::absent(&unhex_array(&vector.object_tag));
        assert_eq!(hex(key.danger_expose()), vector.item_key);
    }
}

#[test]
fn wraps_are_as_frozen() {
    for vector in golden().wrap {
        let recipient = WrapKey::from_seed(&unhex_array(&vector.seed));
        let (key, aad) = (unhex_array(&vector.key), unhex(&vector.aad));
        assert_eq!(hex(&recipient.public().to_bytes()), vector.public);
        let wrapped = wrap_key(
            &recipient.public(),
            &aad,
            &key,
            &mut Replay(&unhex(&vector.random)),
        );
        assert_eq!(hex(&wrapped.expect("a good key")), vector.wrapped);
        assert_eq!(
            *recipient
                .unwrap_key(&aad, &unhex(&vector.wrapped))
                .expect("unwraps"),
            key
        );
    }
}

#[test]
fn protected_master_keys_are_as_frozen() {
    for vector in golden().passphrase {
        let (memory_kib, passes, lanes) = (vector.memory_kib, vector.passes, vector.lanes);
        let params = PassphraseParams {
            memory_kib,
            passes,
            lanes,
        };
        let (key, passphrase) = (
            MasterKey::from_bytes(unhex_array(&vector.master)),
            vector.passphrase.as_bytes(),
        );
        let file = protect_master_key(
            &key,
            passphrase,
            params,
            &mut Replay(&unhex(&vector.random)),
        );
        assert_eq!(hex(&file.expect("good parameters")), vector.file);
        let unlocked = unlock_master_key(&unhex(&vector.file), passphrase).expect("unlocks");
        assert_eq!(unlocked.danger_expose(), key.danger_expose());
    }
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../tests/vectors/golden.json")).expect("our own file")
}

fn find<L: Copy>(all: &[L], as_str: fn(L) -> &'static str, text: &str) -> L {
    *all.iter()
        .find(|label| as_str(**label) == text)
        .expect("a label of the code")
}

/// Every label is frozen by one vector at least.
fn assert_labels<V, L: Copy>(
    vectors: &[V],
    label_of: fn(&V) -> &str,
    all: &[L],
    as_str: fn(L) -> &'static str,
) {
    for label in all {
        assert!(
            vectors
                .iter()
                .any(|vector| label_of(vector) == as_str(*label)),
            "no vector for {}",
            as_str(*label)
        );
    }
}

macro_rules! vectors {
    ($($name:ident { $($field:ident: $type:ty,)* })*) => {$(
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name { $($field: $type,)* }
    )*};
}

vectors! {
    Golden {
        hash: Vec<HashVector>,
        signature: Vec<SignatureVector>,
        seal: Vec<SealVector>,
        row: Vec<RowVector>,
        blind: Vec<BlindVector>,
        invite_key: Vec<InviteKeyVector>,
        epoch_commitment: Vec<EpochCommitmentVector>,
        absent_item_key: Vec<AbsentItemKeyVector>,
        wrap: Vec<WrapVector>,
        passphrase: Vec<PassphraseVector>,
    }
    HashVector { label: String, parts: Vec<String>, hash: String, }
    SignatureVector { label: String, seed: String, message: String, public: String, signature: String, }
    SealVector {
        label: String,
        salt: String,
        ikm: String,
        header: String,
        plaintext: String,
        random: String,
        sealed: String,
    }
    RowVector { master: String, table: String, key: String, value: String, random: String, sealed: String, }
    BlindVector { master: String, table: String, id: String, blinded: String, }
    InviteKeyVector { ticket_secret: String, seed: String, public: String, }
    EpochCommitmentVector { epoch_key: String, commitment: String, }
    AbsentItemKeyVector { object_tag: String, item_key: String, }
    WrapVector { seed: String, public: String, aad: String, key: String, random: String, wrapped: String, }
    PassphraseVector {
        passphrase: String,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        random: String,
        master: String,
        file: String,
    }
}
