//! What was found, and notes as they leave.

use super::{engine_sensitivity, sensitivity, time};
use kitbag_engine as engine;
use kitbag_engine::PackId;
use kitbag_rpc::{self as rpc, Code, Failure};
use std::collections::HashMap;

pub(crate) fn filter(filter: rpc::NoteFilter) -> Result<engine::Filter, Failure> {
    let bad = |e: engine::FilterError| Failure::new(Code::BadInput, format!("filter: {e}"));
    let unknown = |field: &'static str| {
        move |e: engine::UnknownWord| Failure::new(Code::BadInput, format!("{field}: {e}"))
    };
    let note_type = filter.note_type.map(|word| word.parse()).transpose();
    let mut wanted = engine::Filter::default()
        .with_tags(&filter.tags)
        .map_err(bad)?;
    wanted.sensitivity = filter.sensitivity.map(engine_sensitivity);
    wanted.since = filter.since.map(moment);
    wanted.until = filter.until.map(moment);
    wanted.note_type = note_type.map_err(unknown("type"))?;
    let source_kind = filter.source_kind.map(|word| word.parse()).transpose();
    wanted.source_kind = source_kind.map_err(unknown("source kind"))?;
    let status = filter.status.map(|word| word.parse()).transpose();
    wanted.status = status.map_err(unknown("status"))?;
    let consent = filter.consent.map(|word| word.parse()).transpose();
    wanted.consent = consent.map_err(unknown("consent"))?;
    if let Some(text) = filter.author {
        wanted = wanted.with_author(&text).map_err(bad)?;
    }
    if let Some(text) = filter.source {
        wanted = wanted.with_source(&text).map_err(bad)?;
    }
    Ok(wanted)
}

pub(crate) fn listed(listed: rpc::Listed) -> engine::Listed {
    match listed {
        rpc::Listed::Kept => engine::Listed::Kept,
        rpc::Listed::Deleted => engine::Listed::Deleted,
        rpc::Listed::All => engine::Listed::All,
    }
}

pub(super) fn moment(time: rpc::Time) -> engine::Timestamp {
    engine::Timestamp::from_millis(time.as_millis())
}

/// Hits with the packs they are in, by what those are called here.
pub(crate) fn found(found: engine::Found, names: &HashMap<PackId, rpc::PackRef>) -> rpc::Found {
    let unnamed = |pack: &PackId| rpc::PackRef {
        id: pack.to_string(),
        title: String::new(),
        name: None,
        archived: false,
    };
    let hit = |hit: engine::Hit| rpc::Hit {
        id: hit.id.to_string(),
        title: hit.title,
        source_label: hit.source,
        snippet: hit.snippet.text,
        sensitivity: sensitivity(hit.sensitivity),
        pack: names
            .get(&hit.pack)
            .cloned()
            .unwrap_or_else(|| unnamed(&hit.pack)),
        note_type: hit.note_type.to_owned(),
        status: hit.status.to_owned(),
        captured_at: time(hit.captured_at),
        terms: hit.terms,
        title_marks: hit.title_marks,
        snippet_marks: hit.snippet.marks,
        fields: hit.fields.iter().map(|f| f.as_str().to_owned()).collect(),
        approximate: hit.approximate,
        explained: hit.explained.map(explained),
    };
    rpc::Found {
        up_to: None,
        v: rpc::V1,
        results: found.results.into_iter().map(hit).collect(),
        total: found.total,
        total_is_exact: found.total_is_exact,
        relaxed: found.relaxed,
        empty_reason: found.empty_reason.map(empty_reason),
        searched: found.searched,
        outside_filters: found.outside_filters,
        deleted: found.deleted,
        unreadable: found.unreadable,
        archived_packs: found.archived_packs,
        left_out: found.left_out,
        approximate: found.approximate,
    }
}

fn explained(explained: engine::Score) -> rpc::Score {
    let part = |part: engine::ScorePart| rpc::ScorePart {
        kind: part.kind.as_str().to_owned(),
        text: part.text,
        notes: part.notes,
        points: part.points,
    };
    let factor = |(kind, thousandths): (engine::ScoreFactor, u32)| rpc::ScoreFactor {
        kind: kind.as_str().to_owned(),
        thousandths,
    };
    rpc::Score {
        points: explained.points,
        notes: explained.notes,
        parts: explained.parts.into_iter().map(part).collect(),
        factors: explained.factors.into_iter().map(factor).collect(),
    }
}

pub(crate) fn empty_reason(reason: engine::EmptyReason) -> rpc::EmptyReason {
    match reason {
        engine::EmptyReason::NoPacks => rpc::EmptyReason::NoPacks,
        engine::EmptyReason::NoNotes => rpc::EmptyReason::NoNotes,
        engine::EmptyReason::OnlyOutsideFilters => rpc::EmptyReason::OnlyOutsideFilters,
        engine::EmptyReason::FiltersExcludeAll => rpc::EmptyReason::FiltersExcludeAll,
        engine::EmptyReason::NotFound => rpc::EmptyReason::NotFound,
    }
}

pub(crate) fn withheld(counts: &engine::WithheldCounts) -> rpc::Withheld {
    let mut withheld = rpc::Withheld {
        notes: counts.unreadable + counts.by.values().sum::<u64>(),
        unreadable: counts.unreadable,
        ..rpc::Withheld::default()
    };
    for (why, count) in &counts.by {
        match why {
            engine::Withheld::Deleted => withheld.deleted = *count,
            engine::Withheld::Sensitivity(of) => {
                withheld.sensitivity.insert(sensitivity(*of), *count);
            }
            engine::Withheld::Consent(gap) => {
                withheld.consent.insert(gap.as_str().to_owned(), *count);
            }
            engine::Withheld::Redacted => withheld.redacted = *count,
            engine::Withheld::Expired => withheld.expired = *count,
            engine::Withheld::Client => withheld.client = *count,
            engine::Withheld::Unreadable(_) => {
                *withheld.rule.entry("unreadable".to_owned()).or_default() += count;
            }
            engine::Withheld::Rule(name) | engine::Withheld::Lost(name) => {
                withheld.rule.insert(name.to_string(), *count);
            }
        }
    }
    withheld
}

/// Every field of a note. The record is taken apart, so that a new field does not compile until it
/// leaves too.
pub(crate) fn exported(note: engine::ExportedNote) -> rpc::ExportedNote {
    let engine::Record {
        version: _,
        salt: _,
        note_type,
        title,
        body,
        long: _, // the whole text is in the body here
        tags,
        source,
        produced_by,
        pii,
        consent,
        claim,
        confidence,
        status,
        pinned,
        supersedes,
        derived_from,
        valid_from,
        valid_to,
        review_after,
        expires_at,
        import: _, // says something of another system, and nothing of the note
    } = note.record;
    let ids = |ids: std::collections::BTreeSet<engine::ItemId>| -> Vec<String> {
        ids.iter().map(ToString::to_string).collect()
    };
    rpc::ExportedNote {
        id: note.id.to_string(),
        note_type: note_type.as_str().to_owned(),
        title,
        body,
        tags: tags.into_iter().collect(),
        source: rpc::ExportedSource {
            kind: source.kind.as_str().to_owned(),
            label: source.label,
            uri: source.uri,
            app: source.app,
            author: source.author,
            locator: source.locator,
            captured_at: time(source.captured_at),
            observed_at: source.observed_at.map(time),
            captured_by: source.captured_by,
            trust: source.trust.as_str().to_owned(),
        },
        produced_by: produced_by.map(|by| rpc::ProducedBy {
            agent: by.agent,
            model: by.model,
            prompt: by.prompt,
        }),
        sensitivity: sensitivity(note.sensitivity),
        pii: pii.iter().map(|kind| kind.as_str().to_owned()).collect(),
        consent: consent.map(exported_consent),
        claim: claim.map(|claim| claim.as_str().to_owned()),
        confidence,
        status: status.as_str().to_owned(),
        pinned,
        supersedes: ids(supersedes),
        derived_from: ids(derived_from),
        valid_from: valid_from.map(time),
        valid_to: valid_to.map(time),
        review_after: review_after.map(time),
        expires_at: expires_at.map(time),
        added_by: note.added_by.map(|person| person.to_string()),
        edits: note.edits,
        pack: None, // said where a document has notes of several
    }
}

pub(super) fn exported_consent(consent: engine::Consent) -> rpc::ExportedConsent {
    rpc::ExportedConsent {
        status: consent.status.as_str().to_owned(),
        purposes: consent.purposes.into_iter().collect(),
        subject: consent.subject,
        given_at: consent.given_at.map(time),
        expires_at: consent.expires_at.map(time),
        evidence: consent.evidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_core::pack::note::{
        Claim, Consent, ConsentStatus, NoteType, Pii, ProducedBy, Source, SourceKind, Status, Trust,
    };
    use serde_json::json;

    /// Goal: every field of a note leaves, under its own name, with its own value.
    #[test]
    fn a_note_leaves_with_every_field() {
        let at = engine::Timestamp::from_millis;
        let some = |text: &str| Some(text.to_owned());
        let id = |byte| engine::ItemId::from_bytes([byte; 32]);
        let source = Source {
            kind: SourceKind::Crm,
            label: "label".into(),
            uri: some("uri"),
            app: some("app"),
            author: some("author"),
            locator: some("locator"),
            captured_at: at(1),
            observed_at: Some(at(2)),
            captured_by: "captured by".into(),
            trust: Trust::ThirdParty,
        };
        let mut record = engine::Record::new([9; 16], NoteType::Decision, source);
        record.title = "title".into();
        record.body = "body\n\u{1b}".into();
        record.tags = ["b".to_owned(), "a".to_owned()].into();
        record.produced_by = Some(ProducedBy {
            agent: some("agent"),
            model: some("model"),
            prompt: some("prompt"),
        });
        record.pii = [Pii::Email].into();
        record.consent = Some(Consent {
            status: ConsentStatus::Limited,
            purposes: ["support".to_owned()].into(),
            subject: some("subject"),
            given_at: Some(at(3)),
            expires_at: Some(at(4)),
            evidence: some("evidence"),
        });
        record.claim = Some(Claim::Verified);
        record.confidence = Some(750);
        record.status = Status::Archived;
        record.pinned = true;
        record.supersedes = [id(1)].into();
        record.derived_from = [id(2)].into();
        record.valid_from = Some(at(5));
        record.valid_to = Some(at(6));
        record.review_after = Some(at(7));
        record.expires_at = Some(at(8));
        let note = exported(engine::ExportedNote {
            id: id(3),
            sensitivity: engine::Sensitivity::Confidential,
            record,
            added_by: Some(engine::PersonId::from_bytes([4; 32])),
            edits: 5,
            version: [5; 32],
        });
        let time = |millis: u64| format!("1970-01-01T00:00:00.00{millis}Z");
        let expected = json!({
            "id": id(3).to_string(),
            "type": "decision",
            "title": "title",
            "body": "body\n\u{1b}",
            "tags": ["a", "b"],
            "source": {
                "kind": "crm", "label": "label", "uri": "uri", "app": "app", "author": "author",
                "locator": "locator", "captured_at": time(1), "observed_at": time(2),
                "captured_by": "captured by", "trust": "third_party",
            },
            "produced_by": {"agent": "agent", "model": "model", "prompt": "prompt"},
            "sensitivity": "confidential",
            "pii": ["email"],
            "consent": {
                "status": "limited", "purposes": ["support"], "subject": "subject",
                "given_at": time(3), "expires_at": time(4), "evidence": "evidence",
            },
            "claim": "verified",
            "confidence": 750,
            "status": "archived",
            "pinned": true,
            "supersedes": [id(1).to_string()],
            "derived_from": [id(2).to_string()],
            "valid_from": time(5),
            "valid_to": time(6),
            "review_after": time(7),
            "expires_at": time(8),
            "added_by": engine::PersonId::from_bytes([4; 32]).to_string(),
            "edits": 5,
        });
        assert_eq!(serde_json::to_value(&note).unwrap(), expected);
        let back: rpc::ExportedNote = serde_json::from_value(expected).unwrap();
        assert_eq!(back, note);
    }

    #[test]
    fn what_stays_adds_up() {
        let by = [
            (
                engine::Withheld::Sensitivity(engine::Sensitivity::Restricted),
                2,
            ),
            (engine::Withheld::Consent(engine::ConsentGap::Refused), 3),
            (engine::Withheld::Expired, 4),
            (engine::Withheld::Redacted, 5),
            (engine::Withheld::Deleted, 7),
        ];
        let counts = engine::WithheldCounts {
            by: by.into(),
            unreadable: 6,
        };
        let mut withheld = withheld(&counts);
        assert_eq!(withheld.notes, 27);
        withheld.add(&withheld.clone());
        let json = serde_json::to_value(&withheld).unwrap();
        assert_eq!(json["sensitivity"], json!({"restricted": 4}));
        assert_eq!(json["consent"], json!({"refused": 6}));
        let rest = ["notes", "expired", "redacted", "unreadable", "deleted"]
            .map(|name| json[name].clone());
        assert_eq!(rest, [54, 8, 10, 12, 14].map(|count| json!(count)));
    }
}
