//! What a pack names beside what every pack has: forms of ids, and fields that hold them.

use crate::forms::Forms;
use crate::keys;
use crate::rules::{Pii, RuleError, Rules};

/// Ids that a pack names, for [`Scanner::naming`](crate::Scanner::naming). The default names none.
#[derive(Clone, Debug, Default)]
pub struct Named {
    pub(crate) forms: Forms,
    pub(crate) fields: Vec<(String, Pii)>,
}

impl Named {
    /// Forms of ids, and names of fields whose whole value is one.
    ///
    /// In a form `#` is a digit, `@` a letter, `*` one or more of both; anything else is itself, letters
    /// in either case. Names of fields are compared by their letters and digits; one with fewer than two
    /// names no field.
    ///
    /// # Errors
    /// [`RuleError::Form`] for one that is not 1 to 32 ASCII characters; [`RuleError::TooMany`] for more
    /// than [`Rules::ENTRIES_MAX`] of each.
    pub fn new<'a>(
        forms: impl IntoIterator<Item = (&'a str, Pii)>,
        fields: impl IntoIterator<Item = (&'a str, Pii)>,
    ) -> Result<Named, RuleError> {
        let forms: Vec<(&str, Pii)> = forms.into_iter().take(Rules::ENTRIES_MAX + 1).collect();
        let fields: Vec<(&str, Pii)> = fields.into_iter().take(Rules::ENTRIES_MAX + 1).collect();
        if forms.len().max(fields.len()) > Rules::ENTRIES_MAX {
            return Err(RuleError::TooMany);
        }
        let fields = fields.into_iter();
        let fields = fields.map(|(name, kind)| (keys::joined(name), kind));
        Ok(Named {
            forms: Forms::new(forms)?,
            fields: fields.filter(|(name, _)| name.len() >= 2).collect(),
        })
    }
}
