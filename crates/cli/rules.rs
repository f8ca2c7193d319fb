//! A pack's release rules in words, and what a change of them changes.

use crate::words;
use kitbag_rpc::{PackLimits, PackRules};

/// Each point with what is ruled about it, in one fixed order.
fn points(rules: &PackRules) -> Vec<(&'static str, String)> {
    let several = |named: &[String]| match named {
        [] => "none".to_owned(),
        [one] => words::inline(one),
        all => {
            let all: Vec<String> = all.iter().map(|one| words::inline(one)).collect();
            format!(
                "{}, as admins said at once; one of them has to say which",
                all.join(" and ")
            )
        }
    };
    let default = rules.default_sensitivity;
    vec![
        ("client", several(&rules.clients)),
        ("kind", several(&rules.kinds)),
        (
            "notes for which nobody says",
            default.map_or("as the pack says".to_owned(), |s| {
                format!("at least {}", s.title())
            }),
        ),
        ("exports", limits(&rules.export)),
        ("other packs", limits(&rules.pack)),
        ("agents", limits(&rules.agent)),
        ("hand-offs", limits(&rules.handoff)),
        (
            "ids",
            named(rules.ids.iter().map(|id| (&id.form, &id.kind))),
        ),
        (
            "fields of ids",
            named(rules.id_fields.iter().map(|of| (&of.name, &of.kind))),
        ),
        (
            "kept",
            rules.retention_days.map_or("for ever".to_owned(), |days| {
                let days = words::count(days.into(), "day", "days");
                format!("for {days} after they were captured")
            }),
        ),
        ("escalation rules", list_or_none(&rules.escalation)),
        ("teams", list_or_none(&rules.teams)),
    ]
}

fn list_or_none(all: &[String]) -> String {
    let all: Vec<String> = all.iter().map(|one| words::inline(one)).collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => all.join(", "),
    }
}

/// What is named, each with its kind, if that is said: `CUST-####, VOUCHER-* (payment card)`.
fn named<'n>(all: impl Iterator<Item = (&'n String, &'n String)>) -> String {
    let one = |(name, kind): (&String, &String)| match kind.as_str() {
        OTHER => words::inline(name),
        kind => {
            let kind = words::inline(kind).replace('_', " ");
            format!("{} ({kind})", words::inline(name))
        }
    };
    let all: Vec<String> = all.map(one).collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => all.join(", "),
    }
}

/// The kind of what is named without one.
pub(crate) const OTHER: &str = "other";

fn limits(limits: &PackLimits) -> String {
    let list = |all: &[String]| {
        let all: Vec<String> = all.iter().map(|one| words::inline(one)).collect();
        all.join(", ")
    };
    let mut said = Vec::new();
    if let Some(max) = limits.max_sensitivity {
        said.push(format!("up to {}", max.title()));
    }
    match &limits.formats {
        Some(none) if none.is_empty() => said.push("in no format".to_owned()),
        Some(formats) => said.push(format!("only as {}", list(formats))),
        None => {}
    }
    match &limits.purposes {
        Some(none) if none.is_empty() => said.push("for no purpose".to_owned()),
        Some(purposes) => said.push(format!("only for {}", list(purposes))),
        None if limits.purpose_required => said.push("only for a purpose that is named".to_owned()),
        None => {}
    }
    if !limits.require_consent.is_empty() {
        said.push(format!(
            "with a consent that was given, where there is {}",
            list(&limits.require_consent)
        ));
    }
    if limits.redact_pii {
        said.push("without personal data".to_owned());
    }
    match said.is_empty() {
        true => "nothing ruled".to_owned(),
        false => said.join("; "),
    }
}

/// What is ruled, a line for each point.
pub(crate) fn lines(rules: &PackRules) -> Vec<String> {
    let nothing = points(&PackRules::default());
    let ruled = points(rules).into_iter().zip(nothing);
    ruled
        .filter(|((_, now), (_, nothing))| now != nothing)
        .map(|((point, now), _)| format!("{point}: {now}"))
        .collect()
}

/// What a change changes, a line for each point; of rules that could not be read, all that is ruled.
pub(crate) fn changes(before: Option<&PackRules>, after: &PackRules) -> Vec<String> {
    let Some(before) = before else {
        let mut lines = vec!["the rules that cannot be read here go".to_owned()];
        lines.extend(self::lines(after));
        return lines;
    };
    let both = points(before).into_iter().zip(points(after));
    both.filter(|((_, before), (_, after))| before != after)
        .map(|((point, before), (_, after))| format!("{point}: {after} (before: {before})"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{NamedField, NamedId, Sensitivity};

    fn some() -> PackRules {
        PackRules {
            clients: vec!["Acme\x1b".to_owned()],
            kinds: vec!["case".to_owned()],
            default_sensitivity: Some(Sensitivity::Confidential),
            export: PackLimits {
                max_sensitivity: Some(Sensitivity::Internal),
                formats: Some(vec!["json".to_owned(), "md".to_owned()]),
                purpose_required: true,
                purposes: Some(vec!["support".to_owned()]),
                require_consent: vec!["health".to_owned()],
                redact_pii: true,
            },
            ids: vec![
                named_id("CUST-####", "other"),
                named_id("VOUCHER-*", "payment_card"),
            ],
            id_fields: vec![NamedField {
                name: "loyalty_id".to_owned(),
                kind: "other".to_owned(),
            }],
            retention_days: Some(365),
            ..PackRules::default()
        }
    }

    fn named_id(form: &str, kind: &str) -> NamedId {
        NamedId {
            form: form.to_owned(),
            kind: kind.to_owned(),
        }
    }

    #[test]
    fn rules_are_told_point_by_point_and_what_is_not_ruled_is_not() {
        assert_eq!(
            lines(&some()),
            [
                "client: Acme\\u{1b}",
                "kind: case",
                "notes for which nobody says: at least Confidential",
                "exports: up to Internal; only as json, md; only for support; with a consent that was \
                 given, where there is health; without personal data",
                "ids: CUST-####, VOUCHER-* (payment card)",
                "fields of ids: loyalty_id",
                "kept: for 365 days after they were captured",
            ]
        );
        assert!(lines(&PackRules::default()).is_empty());
    }

    #[test]
    fn a_change_says_what_was_and_what_is() {
        let mut after = some();
        after.clients.clear();
        after.export = PackLimits {
            purpose_required: true,
            formats: Some(vec![]),
            ..PackLimits::default()
        };
        let told = changes(Some(&some()), &after);
        assert_eq!(told[0], "client: none (before: Acme\\u{1b})");
        assert!(
            told[1].starts_with(
                "exports: in no format; only for a purpose that is named (before: up to"
            ),
            "{told:?}"
        );
        assert_eq!(told.len(), 2);
        after.ids.remove(0);
        after.retention_days = None;
        let told = changes(Some(&some()), &after);
        assert_eq!(
            told[2..],
            [
                "ids: VOUCHER-* (payment card) (before: CUST-####, VOUCHER-* (payment card))",
                "kept: for ever (before: for 365 days after they were captured)"
            ]
        );
        assert!(changes(Some(&some()), &some()).is_empty());
        assert_eq!(changes(None, &some()).len(), 8);
    }

    #[test]
    fn two_clients_are_told_as_what_they_are() {
        let rules = PackRules {
            clients: vec!["Acme".to_owned(), "Globex".to_owned()],
            ..PackRules::default()
        };
        assert!(lines(&rules)[0].starts_with("client: Acme and Globex, as admins said at once"));
    }
}
