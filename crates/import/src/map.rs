//! The map of a table: which columns become which field of a note.

use crate::label::{Piece, braces};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Which columns of a table become what, as a person wrote it down in TOML.
#[derive(Clone, Debug)]
pub struct Map {
    pub(crate) title: Option<Template>,
    pub(crate) body: Option<Template>,
    pub(crate) source: Option<Template>,
    pub(crate) source_kind: Option<Template>,
    pub(crate) sensitivity: Option<Template>,
    pub(crate) tags: Vec<Template>,
    pub(crate) pii: Vec<Template>,
    pub(crate) consent: Option<ConsentMap>,
    pub(crate) note_type: Option<Template>,
    pub(crate) uri: Option<Template>,
    pub(crate) author: Option<Template>,
    pub(crate) observed_at: Option<Template>,
    pub(crate) key: Option<Template>,
    pub(crate) separator: Option<u8>,
}

/// What becomes the consent of a note.
#[derive(Clone, Debug)]
pub(crate) struct ConsentMap {
    pub(crate) status: Template,
    pub(crate) purposes: Vec<Template>,
    pub(crate) subject: Option<Template>,
    pub(crate) given_at: Option<Template>,
    pub(crate) expires_at: Option<Template>,
    pub(crate) evidence: Option<Template>,
}

/// Why a text is no map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MapError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: Option<String>,
    body: Option<String>,
    source: Option<String>,
    source_kind: Option<String>,
    sensitivity: Option<String>,
    #[serde(default)]
    tags: Many,
    #[serde(default)]
    pii: Many,
    consent: Option<WrittenConsent>,
    #[serde(rename = "type")]
    note_type: Option<String>,
    uri: Option<String>,
    author: Option<String>,
    observed_at: Option<String>,
    key: Option<String>,
    separator: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Many {
    One(String),
    All(Vec<String>),
}

impl Default for Many {
    fn default() -> Many {
        Many::All(vec![])
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenConsent {
    Status(String),
    Whole(WholeConsent),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeConsent {
    status: String,
    #[serde(default)]
    purposes: Many,
    subject: Option<String>,
    given_at: Option<String>,
    expires_at: Option<String>,
    evidence: Option<String>,
}

impl Map {
    /// Reads a map.
    ///
    /// # Errors
    /// If it is no TOML, has a field that is not known, or a template that does not close.
    pub fn parse(text: &str) -> Result<Map, MapError> {
        let written: Written =
            toml::from_str(text).map_err(|error| MapError(error.to_string().trim().to_owned()))?;
        let consent = match written.consent {
            None => None,
            Some(WrittenConsent::Status(status)) => Some(WholeConsent {
                status,
                purposes: Many::default(),
                subject: None,
                given_at: None,
                expires_at: None,
                evidence: None,
            }),
            Some(WrittenConsent::Whole(whole)) => Some(whole),
        };
        let consent = consent.map(|consent| {
            Ok::<ConsentMap, MapError>(ConsentMap {
                status: Template::parse("consent", &consent.status)?,
                purposes: many("purposes", consent.purposes)?,
                subject: one("subject", consent.subject)?,
                given_at: one("given_at", consent.given_at)?,
                expires_at: one("expires_at", consent.expires_at)?,
                evidence: one("evidence", consent.evidence)?,
            })
        });
        Ok(Map {
            title: one("title", written.title)?,
            body: one("body", written.body)?,
            source: one("source", written.source)?,
            source_kind: one("source_kind", written.source_kind)?,
            sensitivity: one("sensitivity", written.sensitivity)?,
            tags: many("tags", written.tags)?,
            pii: many("pii", written.pii)?,
            consent: consent.transpose()?,
            note_type: one("type", written.note_type)?,
            uri: one("uri", written.uri)?,
            author: one("author", written.author)?,
            observed_at: one("observed_at", written.observed_at)?,
            key: one("key", written.key)?,
            separator: written.separator.as_deref().map(separator).transpose()?,
        })
    }

    fn templates(&self) -> impl Iterator<Item = &Template> {
        let consent = self.consent.iter().flat_map(|consent| {
            let optional = [
                &consent.subject,
                &consent.given_at,
                &consent.expires_at,
                &consent.evidence,
            ];
            let optional = optional.into_iter().flatten();
            std::iter::once(&consent.status)
                .chain(&consent.purposes)
                .chain(optional)
        });
        [
            &self.title,
            &self.body,
            &self.source,
            &self.source_kind,
            &self.sensitivity,
            &self.note_type,
            &self.uri,
            &self.author,
            &self.observed_at,
            &self.key,
        ]
        .into_iter()
        .flatten()
        .chain(&self.tags)
        .chain(&self.pii)
        .chain(consent)
    }

    /// The columns that it names and the table does not have.
    pub(crate) fn missing(&self, columns: &[String]) -> BTreeSet<&str> {
        let names = self.templates().flat_map(|template| &template.0);
        names
            .filter_map(|part| match part {
                Part::Column(name) => Some(name.as_str()),
                Part::Text(_) => None,
            })
            .filter(|name| !columns.iter().any(|column| column == name))
            .collect()
    }
}

fn one(field: &str, text: Option<String>) -> Result<Option<Template>, MapError> {
    text.map(|text| Template::parse(field, &text)).transpose()
}

fn many(field: &str, texts: Many) -> Result<Vec<Template>, MapError> {
    let texts = match texts {
        Many::One(text) => vec![text],
        Many::All(texts) => texts,
    };
    texts
        .iter()
        .map(|text| Template::parse(field, text))
        .collect()
}

fn separator(text: &str) -> Result<u8, MapError> {
    match text.as_bytes() {
        &[byte] if byte.is_ascii() && !b"\"\n\r".contains(&byte) => Ok(byte),
        _ => Err(MapError(format!(
            "separator: {text:?} is not one character"
        ))),
    }
}

/// A text with places for columns.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Column(String),
}

impl Template {
    fn parse(field: &str, text: &str) -> Result<Template, MapError> {
        let pieces = braces(text).map_err(|why| MapError(format!("{field}: {why}")))?;
        let parts = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => Part::Text(text),
            Piece::Name(name) => Part::Column(name),
        });
        Ok(Template(parts.collect()))
    }

    /// The text of a row.
    pub(crate) fn of<'v>(&self, value: impl Fn(&str) -> &'v str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Column(name) => value(name),
        });
        parts.collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_names_columns_and_nothing_unknown() {
        let map = Map::parse(
            "title = \"{first} {last}\"\ntags = \"crm\"\npii = [\"email\"]\nkey = \"{id}\"\n\
             separator = \";\"\n[consent]\nstatus = \"{ok}\"\npurposes = [\"{why}\"]\n",
        )
        .unwrap();
        let columns = ["first", "id", "why"].map(String::from);
        let missing: Vec<&str> = map.missing(&columns).into_iter().collect();
        assert_eq!(missing, ["last", "ok"]);
        let title = map.title.unwrap().of(|name| match name {
            "first" => "Ana",
            _ => "{last}",
        });
        assert_eq!(title, "Ana {last}", "what a row holds is no template");
        for bad in [
            "titel = \"x\"",
            "title = \"{x\"",
            "title = 1",
            "separator = \"ab\"",
            "=",
            "[consent]\nwhy = \"x\"",
        ] {
            assert!(Map::parse(bad).is_err(), "{bad}");
        }
    }
}
