//! Who this device is: its keys, its person, and the incarnation in which it writes.

use crate::NodeError;
use kitbag_core::codec;
use kitbag_core::id::{DeviceId, EndpointId, Incarnation, PersonId};
use kitbag_core::person::{Certificate, SUITE, SignedPersonOp};
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{CryptoRng, SigningKey, WrapKey};
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, Zeroizing};

/// A device's private keys and its person.
pub(crate) struct Identity {
    pub(crate) signing: SigningKey,
    pub(crate) endpoint: SigningKey,
    pub(crate) wrap: WrapKey,
    pub(crate) person_op: SignedPersonOp,
    pub(crate) name: String,
    pub(crate) device_name: String,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Stored {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    signing: [u8; 32],
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    endpoint: [u8; 32],
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    wrap: [u8; 32],
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    person: Vec<u8>,
    #[n(4)]
    name: String,
    #[n(5)]
    device_name: String,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.signing.zeroize();
        self.endpoint.zeroize();
        self.wrap.zeroize();
    }
}

impl Identity {
    pub(crate) fn generate(name: String, device_name: String, rng: &mut dyn CryptoRng) -> Identity {
        let signing = SigningKey::generate(rng);
        let endpoint = SigningKey::generate(rng);
        let wrap = WrapKey::generate(rng);
        let certificate = Certificate {
            suite: SUITE,
            device: signing.verifying_key().into(),
            endpoint: EndpointId::from_bytes(*endpoint.verifying_key().as_bytes()),
            wrap: wrap.public().to_bytes(),
        };
        let mut nonce = [0u8; 16];
        rng.fill_bytes(&mut nonce);
        let person_op = SignedPersonOp::found(nonce, certificate, &signing, &endpoint);
        Identity {
            signing,
            endpoint,
            wrap,
            person_op,
            name,
            device_name,
        }
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(codec::encode(&Stored {
            signing: self.signing.danger_seed(),
            endpoint: self.endpoint.danger_seed(),
            wrap: *self.wrap.danger_seed(),
            person: self.person_op.bytes().to_vec(),
            name: self.name.clone(),
            device_name: self.device_name.clone(),
        }))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Identity, NodeError> {
        let damaged = || NodeError::Damaged("identity");
        let stored: Stored = codec::decode(bytes, STORED_BYTES_MAX).map_err(|_| damaged())?;
        Ok(Identity {
            signing: SigningKey::from_seed(stored.signing),
            endpoint: SigningKey::from_seed(stored.endpoint),
            wrap: WrapKey::from_seed(&stored.wrap),
            person_op: SignedPersonOp::from_store(&stored.person).map_err(|_| damaged())?,
            name: stored.name.clone(),
            device_name: stored.device_name.clone(),
        })
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.signing.verifying_key().into()
    }

    pub(crate) fn person(&self) -> PersonId {
        self.person_op.person()
    }

    pub(crate) fn endpoint_id(&self) -> EndpointId {
        EndpointId::from_bytes(*self.endpoint.verifying_key().as_bytes())
    }
}

const STORED_BYTES_MAX: usize = 64 * 1024;

/// The incarnation of this database, and the token that must also stand outside it.
///
/// At every start a new token is written outside first and inside second. If the two differ at the
/// next start, this database is not the one that was used last: it was restored, or copied, or a
/// crash fell between the two writes. In each case the device writes new logs, never on at the end
/// of an old one whose later entries it may have forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Life {
    #[n(0)]
    pub(crate) incarnation: Incarnation,
    #[n(1)]
    pub(crate) token: Incarnation,
}

impl Life {
    /// The life after this start; `outside` is the token found outside the database.
    pub(crate) fn next(
        before: Option<Life>,
        outside: Option<Incarnation>,
        rng: &mut dyn CryptoRng,
    ) -> Life {
        let mut fresh = || {
            let mut bytes = [0u8; 16];
            rng.fill_bytes(&mut bytes);
            Incarnation::from_bytes(bytes)
        };
        let token = fresh();
        match before {
            Some(life)
                if outside == Some(life.token) || planted::is(Planted::ReusedIncarnation) =>
            {
                Life {
                    incarnation: life.incarnation,
                    token,
                }
            }
            _ => Life {
                incarnation: fresh(),
                token,
            },
        }
    }
}
