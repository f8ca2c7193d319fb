//! Notes of other systems, from their words.

use super::{engine_sensitivity, sensitivity};
use kitbag_engine as engine;
use kitbag_rpc::{self as rpc, Code, Failure};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

/// A note as it is to be taken in.
///
/// # Errors
/// [`Code::BadInput`] names the field.
pub(crate) fn incoming(note: rpc::ImportNote) -> Result<engine::ToCapture, Failure> {
    let key = key(&note.key)?;
    let from = note.source;
    let source = engine::RecordSource {
        kind: word("source kind", from.kind, engine::SourceKind::File)?,
        label: from.label,
        uri: from.uri,
        app: from.app,
        author: from.author,
        locator: from.locator,
        captured_at: engine::Timestamp::from_millis(0), // filled in
        observed_at: from.observed_at.map(moment),
        captured_by: String::new(),
        trust: engine::Trust::UntrustedExternal,
    };
    let note_type = word("type", note.note_type, engine::NoteType::Note)?;
    let mut record = engine::Record::new([0; 16], note_type, source);
    record.import = Some(key);
    record.title = note.title;
    record.body = note.body;
    record.tags = note.tags.into_iter().collect();
    record.produced_by = note.produced_by.map(|by| engine::RecordProducedBy {
        agent: by.agent,
        model: by.model,
        prompt: by.prompt,
    });
    record.pii = all("pii", note.pii)?;
    record.consent = note.consent.map(consent).transpose()?;
    record.claim = optional("claim", note.claim)?;
    let names = |by: &engine::RecordProducedBy| by.agent.is_some() || by.model.is_some();
    if note.confidence.is_some() && !record.produced_by.as_ref().is_some_and(names) {
        let message = "confidence: only what an agent wrote has one; name it in produced_by";
        return Err(Failure::new(Code::BadInput, message));
    }
    record.confidence = note.confidence;
    record.status = word("status", note.status, engine::NoteStatus::Active)?;
    if record.status.is_deleted() {
        let message = "status: a deleted note is not taken in";
        return Err(Failure::new(Code::BadInput, message));
    }
    record.pinned = note.pinned;
    record.supersedes = all("supersedes", note.supersedes)?;
    record.derived_from = all("derived_from", note.derived_from)?;
    record.valid_from = note.valid_from.map(moment);
    record.valid_to = note.valid_to.map(moment);
    record.review_after = note.review_after.map(moment);
    record.expires_at = note.expires_at.map(moment);
    Ok(engine::ToCapture {
        note: engine::Incoming {
            sensitivity: note.sensitivity.map(engine_sensitivity),
            was: note.was.and_then(|id| id.parse().ok()), // what is no id names no note
            captured_at: from.captured_at.map(moment),
            telling: engine::Telling {
                conversation: note.conversation,
                before: note.before.map(engine_sensitivity),
                more: note.tells_more,
            },
            ..engine::Incoming::new(record)
        },
        asked: note.asked,
        row: note.row,
    })
}

/// What became of a note.
pub(crate) fn imported_note(
    captured: engine::Captured,
    held: &BTreeSet<engine::Pii>,
    not_found: &BTreeSet<engine::Pii>,
) -> rpc::ImportedNote {
    let added = captured.became == engine::Became::Added;
    rpc::ImportedNote {
        became: match captured.became {
            engine::Became::Added => rpc::Became::Added,
            engine::Became::Unchanged => rpc::Became::Unchanged,
            engine::Became::Updated => rpc::Became::Updated,
            engine::Became::Deleted => rpc::Became::Deleted,
            engine::Became::Above => rpc::Became::Above,
        },
        id: captured.id.map(|id| id.to_string()),
        sensitivity: captured.sensitivity.map(sensitivity),
        below: captured.below,
        held: if added { kinds(held) } else { vec![] },
        not_found: if added { kinds(not_found) } else { vec![] },
        changed: captured.changed,
        masked: captured.masked.map(|(id, at)| rpc::NoteRef {
            id: id.to_string(),
            sensitivity: sensitivity(at),
        }),
        reason: None,
    }
}

/// Kinds of personal data as words.
pub(crate) fn kinds(kinds: &BTreeSet<engine::Pii>) -> Vec<String> {
    kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
}

fn consent(consent: rpc::ExportedConsent) -> Result<engine::Consent, Failure> {
    Ok(engine::Consent {
        status: parsed("consent", &consent.status)?,
        purposes: consent.purposes.into_iter().collect(),
        subject: consent.subject,
        given_at: consent.given_at.map(moment),
        expires_at: consent.expires_at.map(moment),
        evidence: consent.evidence,
    })
}

/// Sixteen bytes as hexadecimal digits.
fn key(text: &str) -> Result<engine::ImportKey, Failure> {
    let bad = || Failure::new(Code::BadInput, "key: must be 32 hexadecimal digits");
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return Err(bad());
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        if digits.starts_with('+') {
            return Err(bad());
        }
        *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
    }
    Ok(engine::ImportKey::from_bytes(bytes))
}

fn moment(time: rpc::Time) -> engine::Timestamp {
    engine::Timestamp::from_millis(time.as_millis())
}

fn parsed<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Failure> {
    text.parse()
        .map_err(|e: T::Err| Failure::new(Code::BadInput, format!("{field}: {e}")))
}

fn optional<T: FromStr<Err: Display>>(
    field: &str,
    text: Option<String>,
) -> Result<Option<T>, Failure> {
    text.map(|text| parsed(field, &text)).transpose()
}

fn word<T: FromStr<Err: Display>>(
    field: &str,
    text: Option<String>,
    default: T,
) -> Result<T, Failure> {
    Ok(optional(field, text)?.unwrap_or(default))
}

fn all<T: FromStr<Err: Display> + Ord>(
    field: &str,
    texts: Vec<String>,
) -> Result<BTreeSet<T>, Failure> {
    texts.iter().map(|text| parsed(field, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: how sure something was is what an agent says, and nobody else.
    #[test]
    fn a_confidence_without_an_agent_is_refused() {
        let with = |produced_by: Option<rpc::ProducedBy>| {
            let note = rpc::ImportNote {
                key: "00112233445566778899aabbccddeeff".into(),
                title: "T".into(),
                source: rpc::ImportSource {
                    label: "L".into(),
                    ..Default::default()
                },
                confidence: Some(750),
                produced_by,
                ..Default::default()
            };
            incoming(note).map(|read| read.note.record.confidence)
        };
        let by = |agent: Option<&str>, prompt: Option<&str>| rpc::ProducedBy {
            agent: agent.map(str::to_owned),
            model: None,
            prompt: prompt.map(str::to_owned),
        };
        for nobody in [None, Some(by(None, Some("p")))] {
            let refused = with(nobody).unwrap_err();
            assert_eq!(refused.code, Code::BadInput);
            assert!(refused.message.starts_with("confidence: "), "{refused}");
        }
        assert_eq!(with(Some(by(Some("helper"), None))).unwrap(), Some(750));
    }
}
