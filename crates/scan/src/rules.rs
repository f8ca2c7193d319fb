//! What a scanner looks for: the kinds, the ids that a pack names, further keys.

use std::collections::BTreeSet;

/// A kind of personal data. The words are those of a note's field `pii`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Pii {
    /// A person's name.
    Name,
    /// A mail address.
    Email,
    /// A phone number.
    Phone,
    /// A postal address.
    Address,
    /// A date of birth.
    DateOfBirth,
    /// A payment card, or the id of a way to pay.
    PaymentCard,
    /// A bank account.
    BankAccount,
    /// A number given by a state: passport, tax, social security.
    NationalId,
    /// Health.
    Health,
    /// A place where somebody was.
    Location,
    /// A network address or a device's identifier.
    DeviceIdentifier,
    /// A password, key or token.
    Credential,
    /// Any other.
    Other,
}

impl Pii {
    /// All kinds, in the order of a note's field.
    pub const ALL: [Pii; 13] = [
        Pii::Name,
        Pii::Email,
        Pii::Phone,
        Pii::Address,
        Pii::DateOfBirth,
        Pii::PaymentCard,
        Pii::BankAccount,
        Pii::NationalId,
        Pii::Health,
        Pii::Location,
        Pii::DeviceIdentifier,
        Pii::Credential,
        Pii::Other,
    ];

    /// The word of a note's field: `date_of_birth`.
    pub fn word(self) -> &'static str {
        match self {
            Pii::Name => "name",
            Pii::Email => "email",
            Pii::Phone => "phone",
            Pii::Address => "address",
            Pii::DateOfBirth => "date_of_birth",
            Pii::PaymentCard => "payment_card",
            Pii::BankAccount => "bank_account",
            Pii::NationalId => "national_id",
            Pii::Health => "health",
            Pii::Location => "location",
            Pii::DeviceIdentifier => "device_identifier",
            Pii::Credential => "credential",
            Pii::Other => "other",
        }
    }

    /// What stands in a masked text: `[date of birth]`.
    pub fn mask_word(self) -> &'static str {
        match self {
            Pii::Name => "[name]",
            Pii::Email => "[email]",
            Pii::Phone => "[phone]",
            Pii::Address => "[address]",
            Pii::DateOfBirth => "[date of birth]",
            Pii::PaymentCard => "[payment card]",
            Pii::BankAccount => "[bank account]",
            Pii::NationalId => "[national id]",
            Pii::Health => "[health]",
            Pii::Location => "[location]",
            Pii::DeviceIdentifier => "[device identifier]",
            Pii::Credential => "[credential]",
            Pii::Other => "[other]",
        }
    }
}

/// Why a pack's own rule was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// Not 2 to 64 ASCII letters and digits in words joined by `_` or `-`.
    #[error("an id's prefix is 2 to 64 letters and digits, in words joined by '_' or '-'")]
    Prefix,
    /// Not 2 to 64 letters and digits.
    #[error("a key is 2 to 64 letters, digits, '_' or '-'")]
    Key,
    /// Not 1 to 32 ASCII characters.
    #[error("a form of ids has 1 to 32 ASCII characters")]
    Form,
    /// More than [`Rules::ENTRIES_MAX`].
    #[error("too many rules of a pack's own")]
    TooMany,
}

/// What to look for. [`Rules::default`] has all kinds and the ids of payment methods listed in
/// [`Rules::DEFAULT_IDS`].
#[derive(Clone, Debug)]
pub struct Rules {
    pub(crate) kinds: BTreeSet<Pii>,
    pub(crate) ids: Vec<(String, Pii)>,
    pub(crate) keys: Vec<(String, Pii)>,
}

impl Rules {
    /// Prefixes of ids of payment methods, as shops and airlines make them: `gift_card_7815826`.
    pub const DEFAULT_IDS: [&str; 8] = [
        "credit_card",
        "debit_card",
        "gift_card",
        "payment_card",
        "certificate",
        "paypal",
        "bank_account",
        "payment_method",
    ];

    /// Rules of a pack's own, ids and keys each. A pattern of all ids stays small enough to compile
    /// in a few milliseconds.
    pub const ENTRIES_MAX: usize = 256;

    /// No kind at all; add with [`Rules::with_kind`].
    pub fn none() -> Rules {
        Rules {
            kinds: BTreeSet::new(),
            ids: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Looks for this kind too.
    pub fn with_kind(mut self, kind: Pii) -> Rules {
        self.kinds.insert(kind);
        self
    }

    /// Does not look for this kind.
    pub fn without_kind(mut self, kind: Pii) -> Rules {
        self.kinds.remove(&kind);
        self
    }

    /// Names ids that start with `prefix`, such as `loyalty_card` for `loyalty_card_55120`.
    ///
    /// # Errors
    ///
    /// The prefix is not of letters and digits in words, or there are too many.
    pub fn with_id(mut self, prefix: &str, kind: Pii) -> Result<Rules, RuleError> {
        let ok = (2..=64).contains(&prefix.len())
            && prefix
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            && prefix.split(['_', '-']).all(|word| !word.is_empty());
        if !ok {
            return Err(RuleError::Prefix);
        }
        if self.ids.len() >= Self::ENTRIES_MAX {
            return Err(RuleError::TooMany);
        }
        self.ids.push((prefix.to_ascii_lowercase(), kind));
        Ok(self)
    }

    /// Names a field whose whole value is of this kind, in JSON and in `key: value` lines.
    ///
    /// # Errors
    ///
    /// The key is not of letters and digits, or there are too many.
    pub fn with_key(mut self, key: &str, kind: Pii) -> Result<Rules, RuleError> {
        let joined = crate::keys::joined(key);
        let ok = (2..=64).contains(&joined.len())
            && key
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if !ok {
            return Err(RuleError::Key);
        }
        if self.keys.len() >= Self::ENTRIES_MAX {
            return Err(RuleError::TooMany);
        }
        self.keys.push((joined, kind));
        Ok(self)
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            kinds: Pii::ALL.into_iter().collect(),
            ids: Self::DEFAULT_IDS
                .iter()
                .map(|id| (id.to_string(), id_kind(id)))
                .collect(),
            keys: Vec::new(),
        }
    }
}

fn id_kind(prefix: &str) -> Pii {
    if prefix == "bank_account" {
        Pii::BankAccount
    } else {
        Pii::PaymentCard
    }
}
