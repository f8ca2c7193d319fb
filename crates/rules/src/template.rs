//! A template that somebody made: the body of a note of type `template`, as TOML.

use crate::file::{At, FILE_BYTES_MAX, FileError, flag, line_of, number, shown_line, text, word};
use kitbag_core::escalation::Name;
use kitbag_core::handoff::template::{DraftField, Template, TemplateField};
use toml::{Table, Value};

const KEYS: &str = "id, title, field";
const FIELD_KEYS: &str = "field, required, heading, prompt, max_words, max_chars, max_entries";

/// Reads a template.
///
/// # Errors
/// [`FileError`], with the field.
pub fn template(toml: &str) -> Result<Template, FileError> {
    let file = At::of("the template".to_owned());
    if toml.len() > FILE_BYTES_MAX {
        return Err(file.error("longer than 256 KiB"));
    }
    let table: Table = toml.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| line_of(toml, span.start));
        let at = line.map_or("the template".to_owned(), |line| format!("line {line}"));
        At::of(at).error(&shown_line(error.message()))
    })?;
    known(&table, KEYS, &file)?;
    let needed = |key: &str| {
        let value = table.get(key);
        value.ok_or_else(|| file.key(key).error("is missing"))
    };
    let id = text(needed("id")?, &file.key("id"))?;
    let fields = needed("field")?.as_array();
    let fields =
        fields.ok_or_else(|| file.key("field").error("each field begins with [[field]]"))?;
    if fields.len() > DraftField::ALL.len() {
        return Err(file.key("field").error("more fields than a hand-off has"));
    }
    let fields = fields
        .iter()
        .enumerate()
        .map(|(n, value)| field(value, n + 1));
    let template = Template {
        id: Name::new(&id).map_err(|error| file.key("id").error(error.0))?,
        title: text(needed("title")?, &file.key("title"))?,
        fields: fields.collect::<Result<_, _>>()?,
    };
    template.check().map_err(|error| file.error(error.0))?;
    Ok(template)
}

fn field(value: &Value, n: usize) -> Result<TemplateField, FileError> {
    let named = value.get("field").and_then(Value::as_str);
    let known_field = named.and_then(|name| name.parse::<DraftField>().ok());
    let at = At::of(match known_field {
        Some(field) => format!("field \"{field}\""),
        None => format!("field {n}"),
    });
    let table = value
        .as_table()
        .ok_or_else(|| at.error("each field begins with [[field]]"))?;
    known(table, FIELD_KEYS, &at)?;
    let which = table.get("field");
    let which = which.ok_or_else(|| at.key("field").error("is missing"))?;
    let limit = |key: &str| {
        table
            .get(key)
            .map(|value| number(value, &at.key(key)))
            .transpose()
    };
    let said = |key: &str| {
        table
            .get(key)
            .map(|value| text(value, &at.key(key)))
            .transpose()
    };
    Ok(TemplateField {
        field: word(which, &at.key("field"), DraftField::ALL, DraftField::as_str)?,
        required: match table.get("required") {
            Some(value) => flag(value, &at.key("required"))?,
            None => false,
        },
        heading: said("heading")?,
        prompt: said("prompt")?.unwrap_or_default(),
        max_words: limit("max_words")?,
        max_chars: limit("max_chars")?,
        max_entries: limit("max_entries")?,
    })
}

fn known(table: &Table, keys: &str, at: &At) -> Result<(), FileError> {
    let unknown = table
        .keys()
        .find(|key| !keys.split(", ").any(|known| known == *key));
    match unknown {
        None => Ok(()),
        Some(key) => Err(at
            .key(key)
            .error(&format!("there is no such field; there are: {keys}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r#"
id = "acme.refunds.v1"
title = "Refunds"

[[field]]
field = "summary"
required = true
heading = "In short"
prompt = "What is to be refunded, and why?"
max_words = 60

[[field]]
field = "facts"
"#;

    #[test]
    fn a_template_says_what_it_says_and_an_error_names_the_field() {
        let own = template(OWN).unwrap();
        assert_eq!(own.fields.len(), 2);
        assert_eq!(own.fields[0].heading(), "In short");
        assert_eq!(
            (own.fields[0].required, own.fields[0].max_words),
            (true, Some(60))
        );
        assert!(!own.fields[1].required);
        for (from, to, at) in [
            ("id = \"acme.refunds.v1\"\n", "", "the template: id"),
            ("acme.refunds.v1", "Acme", "the template: id"),
            ("acme.refunds.v1", "handoff.support.v1", "the template"),
            ("title = \"Refunds\"\n", "", "the template: title"),
            ("title =", "titel =", "the template: titel"),
            ("\"facts\"", "\"fact\"", "field 2: field"),
            ("\"facts\"", "\"summary\"", "the template"),
            (
                "max_words = 60",
                "max_words = 0",
                "field \"summary\": max_words",
            ),
            (
                "required = true",
                "required = \"yes\"",
                "field \"summary\": required",
            ),
            ("heading =", "headline =", "field \"summary\": headline"),
            ("In short", "Evidence", "the template"),
            ("[[field]]\nfield = \"facts\"", "field = 1", "line"),
        ] {
            let error = template(&OWN.replacen(from, to, 1)).unwrap_err();
            assert!(error.at.starts_with(at), "{to}: {error}");
        }
        for text in [
            "",
            "\0",
            "field = []",
            &"[[field]]\n".repeat(20),
            &"#".repeat(FILE_BYTES_MAX + 1),
        ] {
            assert!(template(text).is_err());
        }
    }
}
