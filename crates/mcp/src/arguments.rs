//! The arguments of a call, under the names that models guess too.
//!
//! Each is taken once; what is left over is told with the names that there are, so that a model that
//! guessed wrong can mend it.

use crate::failure::{bad, shown};
use kitbag_rpc::{Code, Failure, Sensitivity, Time};
use rmcp::model::JsonObject;
use serde_json::Value;

/// Characters of a name that is not known, as it is told.
const NAME_CHARS_MAX: usize = 40;
/// Values of one list, at most.
const LIST_MAX: usize = 64;

/// Arguments that are still to be taken.
pub(crate) struct Arguments {
    given: JsonObject,
    known: Vec<&'static str>,
}

impl Arguments {
    pub(crate) fn new(given: Option<JsonObject>) -> Arguments {
        Arguments {
            given: given.unwrap_or_default(),
            known: Vec::new(),
        }
    }

    /// The value under the first of these names that has one; null is none.
    fn take(&mut self, names: &[&'static str]) -> Option<Value> {
        self.known.extend(names.first());
        let mut found = None;
        for name in names {
            let value = self.given.remove(*name).filter(|value| !value.is_null());
            found = found.or(value);
        }
        found
    }

    /// A text that may be missing.
    pub(crate) fn text(&mut self, names: &[&'static str]) -> Result<Option<String>, Failure> {
        match self.take(names) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(bad(names[0], "has to be a string")),
        }
    }

    /// A text that has to be there.
    pub(crate) fn need(&mut self, names: &[&'static str]) -> Result<String, Failure> {
        let text = self.text(names)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| bad(names[0], "is missing"))
    }

    /// A whole number.
    pub(crate) fn number(&mut self, names: &[&'static str]) -> Result<Option<u32>, Failure> {
        let wrong = || bad(names[0], "has to be a whole number, 0 or more");
        match self.take(names) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                let whole = number.as_u64().or_else(|| {
                    let float = number.as_f64()?;
                    (float.fract() == 0.0 && float >= 0.0 && float <= f64::from(u32::MAX))
                        .then_some(float as u64)
                });
                let whole = whole.and_then(|whole| u32::try_from(whole).ok());
                whole.map(Some).ok_or_else(wrong)
            }
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    /// A number from 0 to 1, in thousandths.
    pub(crate) fn share(&mut self, names: &[&'static str]) -> Result<Option<u16>, Failure> {
        let wrong = || bad(names[0], "has to be a number from 0 to 1");
        match self.take(names) {
            None => Ok(None),
            Some(Value::Number(number)) => match number.as_f64() {
                Some(share) if (0.0..=1.0).contains(&share) => {
                    Ok(Some((share * 1000.0).round() as u16))
                }
                _ => Err(wrong()),
            },
            Some(_) => Err(wrong()),
        }
    }

    /// Yes or no; no if nobody says.
    pub(crate) fn flag(&mut self, names: &[&'static str]) -> Result<bool, Failure> {
        match self.take(names) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(_) => Err(bad(names[0], "has to be true or false")),
        }
    }

    /// Texts; a single one is a list too.
    pub(crate) fn list(&mut self, names: &[&'static str]) -> Result<Vec<String>, Failure> {
        let wrong = || bad(names[0], "has to be a list of strings");
        match self.take(names) {
            None => Ok(vec![]),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(values)) if values.len() > LIST_MAX => {
                Err(bad(names[0], &format!("holds more than {LIST_MAX}")))
            }
            Some(Value::Array(values)) => {
                let texts = values.into_iter().map(|value| match value {
                    Value::String(text) => Ok(text),
                    _ => Err(wrong()),
                });
                texts.collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    /// A moment: RFC 3339, or a day.
    pub(crate) fn time(&mut self, names: &[&'static str]) -> Result<Option<Time>, Failure> {
        let Some(text) = self.text(names)? else {
            return Ok(None);
        };
        let whole = match text.len() {
            10 => format!("{text}T00:00:00Z"),
            _ => text,
        };
        let time = serde_json::from_value(Value::String(whole));
        let time = time.map_err(|_| {
            bad(
                names[0],
                "has to be like 2026-11-24 or 2026-11-24T10:00:00Z",
            )
        });
        time.map(Some)
    }

    /// A sensitivity.
    pub(crate) fn sensitivity(
        &mut self,
        names: &[&'static str],
    ) -> Result<Option<Sensitivity>, Failure> {
        let Some(text) = self.text(names)? else {
            return Ok(None);
        };
        let sensitivity = serde_json::from_value(Value::String(text.to_ascii_lowercase()));
        let wrong = "is one of public, internal, confidential, restricted";
        sensitivity.map(Some).map_err(|_| bad(names[0], wrong))
    }

    /// Nothing is left.
    pub(crate) fn end(self) -> Result<(), Failure> {
        let Some(name) = self.given.keys().next() else {
            return Ok(());
        };
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let known = match self.known.is_empty() {
            true => "none".to_owned(),
            false => self.known.join(", "),
        };
        Err(Failure::new(
            Code::BadInput,
            format!("there is no argument {}; there are: {known}", shown(&name)),
        ))
    }
}
