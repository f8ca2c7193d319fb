//! Symmetric secrets, each a type of its own.
//!
//! None is `Copy`, printable or serialisable; a clone is asked for by name and erases itself too;
//! bytes come out only through `danger_expose`. Honest limit: the compiler may leave copies of moved
//! values in memory.

use crate::hash::derive_secret;
use crate::{BlindKey, Hash, HashLabel, RowKey, SigningKey};
use rand_core::CryptoRng;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Zeroize, ZeroizeOnDrop, Clone)]
        pub struct $name(Box<[u8; 32]>);

        impl $name {
            /// Makes a fresh one.
            pub fn generate(rng: &mut dyn CryptoRng) -> Self {
                let mut bytes = Box::new([0u8; 32]);
                rng.fill_bytes(&mut bytes[..]);
                Self(bytes)
            }

            /// Takes over bytes that were kept or received.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                let mut bytes = bytes;
                let kept = Self(Box::new(bytes));
                bytes.zeroize();
                kept
            }

            /// The secret itself.
            ///
            /// # Security
            /// Only for sealing, wrapping or storing it sealed.
            pub fn danger_expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }
    )*};
}

secrets! {
    /// The content key of one epoch of one key domain.
    EpochKey,
    /// The key that belongs to one note, made once with it.
    ItemKey,
    /// The key above all local keys of a device.
    MasterKey,
    /// The 32 bytes inside a ticket.
    TicketSecret,
    /// What an agent proves itself with.
    AgentSecret,
}

impl EpochKey {
    /// The public commitment that an epoch record carries: `H(EpochCommitment, key)`.
    pub fn commitment(&self) -> Hash {
        Hash::from_bytes(*derive_secret(HashLabel::EpochCommitment, &self.0))
    }

    /// 32 bytes that stand for a place in another system, and tell nothing of it to whoever lacks this
    /// key: BLAKE3 keyed with `H(PlaceKey, key)`.
    pub fn veil(&self, place: &[u8]) -> [u8; 32] {
        let key = derive_secret(HashLabel::PlaceKey, &self.0);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(place);
        let veiled = *hasher.finalize().as_bytes();
        hasher.zeroize();
        veiled
    }
}

impl ItemKey {
    /// The stand-in for objects that have no item key of their own: `H(NoItemKey, object tag)`.
    /// It is public, so such an object is protected by its epoch key alone.
    pub fn absent(object_tag: &[u8; 32]) -> ItemKey {
        ItemKey::from_bytes(*Hash::of(HashLabel::NoItemKey, &[object_tag]).as_bytes())
    }
}

impl MasterKey {
    /// The key that seals the rows of the local database.
    pub fn row_key(&self) -> RowKey {
        RowKey::derive(self)
    }

    /// The key that hides foreign ids in look-ups.
    pub fn blind_key(&self) -> BlindKey {
        BlindKey::derive(self)
    }
}

impl AgentSecret {
    /// What is kept of it: `H(AgentSecret, secret)`. It has the entropy of a key, so nothing is stretched.
    pub fn digest(&self) -> Hash {
        Hash::from_bytes(*derive_secret(HashLabel::AgentSecret, &self.0))
    }

    /// Whether this is the secret of which that is kept. Takes as long whether it is or not.
    pub fn is_of(&self, digest: &Hash) -> bool {
        let own = derive_secret(HashLabel::AgentSecret, &self.0);
        own.ct_eq(digest.as_bytes()).into()
    }
}

impl TicketSecret {
    /// The invite key; the policy log carries only its public half.
    pub fn invite_key(&self) -> SigningKey {
        SigningKey::from_seed(*derive_secret(HashLabel::InviteKey, &self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veil_depends_on_key_and_place() {
        let veil = |key: u8, place: &[u8]| EpochKey::from_bytes([key; 32]).veil(place);
        assert_eq!(veil(1, b"a"), veil(1, b"a"));
        assert_ne!(veil(1, b"a"), veil(2, b"a"));
        assert_ne!(veil(1, b"a"), veil(1, b"b"));
    }

    use crate::WrapKey;
    use crate::tests::Stuck;

    #[test]
    fn debug_output_shows_nothing() {
        let bytes = [0xab; 32];
        let master = MasterKey::from_bytes(bytes);
        let shown = [
            (
                format!("{:?}", EpochKey::from_bytes(bytes)),
                "EpochKey(<redacted>)",
            ),
            (
                format!("{:?}", ItemKey::from_bytes(bytes)),
                "ItemKey(<redacted>)",
            ),
            (format!("{master:?}"), "MasterKey(<redacted>)"),
            (
                format!("{:?}", TicketSecret::from_bytes(bytes)),
                "TicketSecret(<redacted>)",
            ),
            (
                format!("{:?}", AgentSecret::from_bytes(bytes)),
                "AgentSecret(<redacted>)",
            ),
            (format!("{:?}", master.row_key()), "RowKey(<redacted>)"),
            (format!("{:?}", master.blind_key()), "BlindKey(<redacted>)"),
            (
                format!("{:?}", WrapKey::from_seed(&bytes)),
                "WrapKey(<redacted>)",
            ),
            (
                format!("{:#?}", Some(EpochKey::from_bytes(bytes))),
                "Some(\n    EpochKey(<redacted>),\n)",
            ),
        ];
        for (shown, expected) in shown {
            assert_eq!(shown, expected);
        }
        // A signing key shows the beginning of its public half.
        let signing = SigningKey::from_seed(bytes);
        assert_eq!(
            format!("{signing:?}"),
            format!("SigningKey({:?}, <redacted>)", signing.verifying_key())
        );
    }

    /// Goal: nobody drops the erasing derive. Method: this does not compile without it.
    #[test]
    fn every_secret_erases_itself() {
        fn erases_itself<T: ZeroizeOnDrop>() {}
        erases_itself::<EpochKey>();
        erases_itself::<ItemKey>();
        erases_itself::<MasterKey>();
        erases_itself::<TicketSecret>();
        erases_itself::<AgentSecret>();
        erases_itself::<RowKey>();
        erases_itself::<BlindKey>();
        erases_itself::<ed25519_dalek::SigningKey>();
    }

    #[test]
    fn keys_that_are_made_from_one_secret_differ() {
        let bytes = [0xab; 32];
        let absent = ItemKey::absent(&bytes);
        let master = MasterKey::from_bytes(bytes);
        assert_ne!(
            absent.danger_expose(),
            ItemKey::absent(&[0xac; 32]).danger_expose()
        );
        let made = [
            *absent.danger_expose(),
            *EpochKey::from_bytes(bytes).commitment().as_bytes(),
            TicketSecret::from_bytes(bytes).invite_key().danger_seed(),
            master.blind_key().blind("table", b"id"),
            master.blind_key().blind("table", b"other"),
            master.blind_key().blind("other", b"id"),
            MasterKey::from_bytes([0xac; 32])
                .blind_key()
                .blind("table", b"id"),
        ];
        for (index, one) in made.iter().enumerate() {
            assert!(*one != bytes && made.iter().skip(index + 1).all(|other| one != other));
        }
    }

    #[test]
    fn the_secret_of_an_agent_is_known_by_its_digest_alone() {
        let secret = AgentSecret::from_bytes([7; 32]);
        let digest = secret.digest();
        assert!(digest.as_bytes() != secret.danger_expose() && secret.is_of(&digest));
        for bit in 0..256 {
            let mut other = [7; 32];
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!AgentSecret::from_bytes(other).is_of(&digest));
        }
    }

    #[test]
    fn fresh_secrets_come_from_the_generator_alone() {
        assert_eq!(EpochKey::generate(&mut Stuck(7)).danger_expose(), &[7; 32]);
    }
}
