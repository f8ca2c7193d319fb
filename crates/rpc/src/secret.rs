//! Text that must not be seen by accident: tickets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// A secret text: wiped when dropped, hidden in `Debug`.
///
/// It does serialise, which secrets elsewhere in this project never do: it travels over a socket
/// that only its own user can open, and in answers whose point it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(
    #[serde(with = "plain")]
    #[schemars(with = "String")]
    Zeroizing<String>,
);

impl Secret {
    /// Takes over the text.
    pub fn new(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }

    /// The text itself.
    ///
    /// # Security
    /// For handing on, never for a log or an error message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

mod plain {
    //! Zeroizing text as plain text in JSON.
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        text: &Zeroizing<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(deserializer).map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_travels_and_does_not_print() {
        let secret = Secret::new("kitbag1abc".to_owned());
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""kitbag1abc""#);
        assert_eq!(
            serde_json::from_str::<Secret>(r#""kitbag1abc""#).unwrap(),
            secret
        );
        assert_eq!(format!("{secret:?}"), "<redacted>");
    }
}
