//! Release rules and consents, from documents and into them.

use super::finding::moment;
use super::{engine_sensitivity, sensitivity};
use kitbag_engine as engine;
use kitbag_rpc as rpc;
use rpc::{Code, Failure};
use std::str::FromStr;

fn word<T: FromStr<Err = engine::UnknownWord>>(field: &str, word: &str) -> Result<T, Failure> {
    let bad = |error| Failure::new(Code::BadInput, format!("{field}: {error}"));
    word.parse().map_err(bad)
}

fn client(label: &str) -> Result<engine::Client, Failure> {
    let bad = |error| Failure::new(Code::BadInput, format!("client: {error}"));
    engine::Client::new(label).map_err(bad)
}

/// The rules that a pack has from its first moment.
pub(crate) fn first_rules(
    kind: Option<String>,
    of: Option<String>,
) -> Result<engine::Rules, Failure> {
    Ok(engine::Rules {
        client: of.map(|label| client(&label)).transpose()?,
        kind: kind.map(|kind| word("kind", &kind)).transpose()?,
        ..engine::Rules::default()
    })
}

fn setting<T>(setting: Option<rpc::Setting<T>>) -> engine::Setting<T> {
    match setting {
        None => engine::Setting::Keep,
        Some(rpc::Setting::Clear) => engine::Setting::Clear,
        Some(rpc::Setting::To(value)) => engine::Setting::To(value),
    }
}

/// What is to change.
pub(crate) fn rules_change(call: rpc::SetRules) -> Result<engine::RulesChange, Failure> {
    let mut change = engine::RulesChange {
        replace: call.replace,
        across_clients: call.across_clients,
        client: setting(call.client).try_map(|label| client(&label))?,
        kind: setting(call.kind).try_map(|kind| word("kind", &kind))?,
        default_sensitivity: setting(call.default_sensitivity)
            .try_map(|s| Ok::<_, Failure>(engine_sensitivity(s)))?,
        ids: setting(call.ids).try_map(|all| all.iter().map(named_id).collect())?,
        id_fields: setting(call.id_fields).try_map(|all| all.iter().map(named_field).collect())?,
        retention_days: setting(call.retention_days),
        ..engine::RulesChange::default()
    };
    for (name, limits) in call.limits {
        let mut all = engine::Destination::ALL.into_iter();
        let destination = all.find(|one| one.as_str() == name).ok_or_else(|| {
            Failure::new(Code::BadInput, "limits: export, pack, agent or handoff")
        })?;
        change.limits.insert(destination, limits_change(limits)?);
    }
    Ok(change)
}

fn named_id(id: &rpc::NamedId) -> Result<engine::NamedId, Failure> {
    let form = engine::IdForm::new(&id.form);
    let form = form.map_err(|error| bad_name("ids", &id.form, &error))?;
    let kind = word("ids", &id.kind)?;
    Ok(engine::NamedId { form, kind })
}

fn named_field(field: &rpc::NamedField) -> Result<engine::NamedField, Failure> {
    let name = engine::FieldName::new(&field.name);
    let name = name.map_err(|error| bad_name("id_fields", &field.name, &error))?;
    let kind = word("id_fields", &field.kind)?;
    Ok(engine::NamedField { name, kind })
}

/// Names what was refused by its beginning: it can be long, and be anything.
fn bad_name(field: &str, given: &str, error: &engine::RulesError) -> Failure {
    let mut shown: String = given.chars().take(SHOWN_CHARS).collect();
    if shown.len() < given.len() {
        shown.push('…');
    }
    Failure::new(Code::BadInput, format!("{field}: {shown:?}: {error}"))
}

/// Characters of a name that was refused, in the error.
const SHOWN_CHARS: usize = 40;

fn limits_change(limits: rpc::SetLimits) -> Result<engine::LimitsChange, Failure> {
    let purposes = |listed: Vec<String>| match listed.is_empty() {
        true => engine::Purposes::Required,
        false => engine::Purposes::Only(listed.into_iter().collect()),
    };
    Ok(engine::LimitsChange {
        max_sensitivity: setting(limits.max_sensitivity)
            .try_map(|s| Ok::<_, Failure>(engine_sensitivity(s)))?,
        formats: setting(limits.formats)
            .try_map(|formats| Ok::<_, Failure>(formats.into_iter().collect()))?,
        purposes: setting(limits.purposes).try_map(|p| Ok::<_, Failure>(purposes(p)))?,
        require_consent: setting(limits.require_consent).try_map(|kinds| {
            let kinds = kinds.iter().map(|kind| word("require_consent", kind));
            kinds.collect::<Result<_, _>>()
        })?,
        redact_pii: limits
            .redact_pii
            .map_or(engine::Setting::Keep, engine::Setting::To),
    })
}

pub(crate) fn pack_rules(rules: engine::ReleaseRules) -> rpc::PackRules {
    let clients = rules.clients.into_values();
    rpc::PackRules {
        clients: clients.map(|client| client.label().to_owned()).collect(),
        kinds: rules
            .kinds
            .iter()
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        default_sensitivity: rules.default_sensitivity.map(sensitivity),
        export: limits(rules.export),
        pack: limits(rules.pack),
        agent: limits(rules.agent),
        handoff: limits(rules.handoff),
        ids: (rules.ids.iter())
            .map(|id| rpc::NamedId {
                form: id.form.as_str().to_owned(),
                kind: id.kind.as_str().to_owned(),
            })
            .collect(),
        id_fields: (rules.id_fields.iter())
            .map(|field| rpc::NamedField {
                name: field.name.as_str().to_owned(),
                kind: field.kind.as_str().to_owned(),
            })
            .collect(),
        retention_days: rules.retention_days,
        escalation: (rules.escalation.in_order().iter())
            .map(|rule| rule.id.to_string())
            .collect(),
        teams: rules.teams.keys().map(ToString::to_string).collect(),
    }
}

fn limits(limits: engine::Limits) -> rpc::PackLimits {
    rpc::PackLimits {
        max_sensitivity: limits.max_sensitivity.map(sensitivity),
        formats: limits.formats.map(|formats| formats.into_iter().collect()),
        purpose_required: limits.purposes.is_some(),
        purposes: match limits.purposes {
            Some(engine::Purposes::Only(listed)) => Some(listed.into_iter().collect()),
            Some(engine::Purposes::Required) | None => None,
        },
        require_consent: limits
            .require_consent
            .iter()
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        redact_pii: limits.redact_pii,
    }
}

pub(crate) fn release(view: engine::ReleaseView) -> rpc::ReleaseShown {
    let rule = match view.verdict {
        engine::Verdict::Allowed => None,
        engine::Verdict::Withheld(why) => Some(why.rule()),
    };
    rpc::ReleaseShown {
        destination: view.destination.as_str().to_owned(),
        allowed: rule.is_none(),
        rule,
    }
}

/// A statement that the caller makes.
pub(crate) fn new_consent(consent: rpc::NewConsent) -> Result<engine::Consent, Failure> {
    Ok(engine::Consent {
        status: word("consent", &consent.status)?,
        purposes: consent.purposes.into_iter().collect(),
        subject: consent.subject,
        given_at: consent.given_at.map(moment),
        expires_at: consent.expires_at.map(moment),
        evidence: consent.evidence,
    })
}
