//! The signature of a webhook: HMAC-SHA-256, which whoever receives one can check in any language.
//!
//! Spec: `docs/spec/handoff-templates.md`, "As a webhook".

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The secret that one webhook and its receiver share.
pub struct WebhookSecret(Zeroizing<[u8; 32]>);

impl WebhookSecret {
    /// Takes over random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> WebhookSecret {
        WebhookSecret(Zeroizing::new(bytes))
    }

    /// The bytes, to be shown to whoever sets the receiver up, once.
    pub fn danger_expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// What goes beside a body that is sent at this second: `v1=` and the hex of
    /// HMAC-SHA-256(secret, seconds "." body).
    pub fn signature(&self, seconds: u64, body: &[u8]) -> String {
        let code = mac(&self.0[..], &[seconds.to_string().as_bytes(), b".", body]);
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("v1={hex}")
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231, test cases 1 and 2.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let one = mac(&[0x0b; 20], &[b"Hi There"]);
        assert_eq!(
            hex(&one),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        let two = mac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(
            hex(&two),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_signature_is_of_the_time_and_the_body() {
        let secret = WebhookSecret::from_bytes([7; 32]);
        let one = secret.signature(12, b"3.body");
        assert!(one.starts_with("v1=") && one.len() == 67);
        assert_ne!(one, secret.signature(12, b"4.body"));
        assert_ne!(one, secret.signature(13, b"3.body"));
        assert_ne!(
            one,
            WebhookSecret::from_bytes([8; 32]).signature(12, b"3.body")
        );
        // The time has no point, so no body takes a part of it.
        assert_ne!(secret.signature(1, b"2.x"), secret.signature(12, b"x"));
        assert!(!format!("{secret:?}").contains('7'));
    }
}
