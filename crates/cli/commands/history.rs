//! `kitbag history`: how a note came to be.

use crate::context::Context;
use crate::table::Table;
use crate::{launch, when, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{FieldChange, ReadHistory, Revision, V1};

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The start of the note's id
    note: String,
}

pub(super) async fn run(context: &Context, args: HistoryArgs) -> anyhow::Result<()> {
    let answer = launch::client(context)
        .await?
        .call(&ReadHistory {
            v: V1,
            note: args.note,
        })
        .await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    let now = Zoned::now();
    let for_person = context.out.terminal().is_some();
    let mut table = match for_person {
        true => Table::new(["when", "who", "what", "title", "changed"], 4),
        false => Table::new(["when", "who", "what", "title", "text", "changed"], 4),
    };
    for step in &answer.history {
        let mut what = match step.to {
            Some(to) => format!("{} to {}", step.what, to.title()),
            None => step.what.clone(),
        };
        if let Some(reason) = &step.reason {
            what = format!("{what}: {reason}");
        }
        if let Some(teller) = &step.told_by {
            what = format!("{what}, says {teller}");
        }
        let changed = changed(step);
        if for_person {
            let at = when::shown(step.at, &now);
            table.row([&at, &step.by, &what, &step.title, &with_text(step, changed)]);
        } else {
            let at = step.at.to_string();
            table.row([&at, &step.by, &what, &step.title, &step.body, &changed]);
        }
    }
    Ok(table.print(context.out)?)
}

/// On the one column that a person sees: the text only where it came or changed.
fn with_text(step: &Revision, changed: String) -> String {
    let has_text = step.changes.iter().any(|change| change.field == "text");
    match (changed.is_empty(), has_text) {
        (true, _) => step.body.clone(),
        (false, true) => format!("{changed}: {}", step.body),
        (false, false) => changed,
    }
}

/// What a step changed, in words, the text last. What is said by its name already is left out.
fn changed(step: &Revision) -> String {
    let is_said = |change: &FieldChange| change.field == "status" && step.what != "edited";
    let (texts, others): (Vec<_>, Vec<_>) = step
        .changes
        .iter()
        .filter(|change| !is_said(change))
        .partition(|change| change.field == "text");
    let said: Vec<String> = others.into_iter().chain(texts).map(in_words).collect();
    said.join("; ")
}

fn in_words(change: &FieldChange) -> String {
    let name = match change.field.as_str() {
        "pinned" if change.to.as_deref() == Some("yes") => return "pinned".to_owned(),
        "pinned" => return "not pinned any more".to_owned(),
        "expires_at" => "expires".to_owned(),
        "consent.status" => "consent".to_owned(),
        "consent.expires_at" => "consent until".to_owned(),
        "pii" => "personal data".to_owned(),
        name => name.replace(['_', '.'], " "),
    };
    let is_id = change.field == "superseded_by";
    let word = |word: &String| match is_id {
        true => words::short(word).to_owned(),
        false => word.clone(),
    };
    let added = change.added.iter().map(|one| format!("+{}", word(one)));
    let removed = change.removed.iter().map(|one| format!("-{}", word(one)));
    let listed: Vec<String> = added.chain(removed).collect();
    match (&change.from, &change.to) {
        (None, None) if listed.is_empty() => name,
        (None, None) => format!("{name} {}", listed.join(", ")),
        (None, Some(to)) => format!("{name}: {to}"),
        (from, to) => {
            let value = |value: &Option<String>| match value.as_deref() {
                None | Some("") => "none".to_owned(),
                Some(value) => value.to_owned(),
            };
            format!("{name}: {} → {}", value(from), value(to))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(field: &str, from: Option<&str>, to: Option<&str>) -> FieldChange {
        FieldChange {
            field: field.to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            added: vec![],
            removed: vec![],
        }
    }

    #[test]
    fn a_step_says_what_it_changed() {
        let tags = FieldChange {
            added: vec!["a".to_owned(), "b c".to_owned()],
            removed: vec!["d".to_owned()],
            ..change("tags", None, None)
        };
        let mut step = Revision {
            by: "Ana".to_owned(),
            at: kitbag_rpc::Time::from_millis(0),
            what: "edited".to_owned(),
            reason: None,
            to: None,
            told_by: None,
            title: String::new(),
            body: "new".to_owned(),
            changes: vec![
                change("status", Some("active"), Some("expired")),
                change("text", None, None),
                tags,
                change("pinned", Some("yes"), Some("no")),
                change("expires_at", Some("2026"), None),
                change("consent.status", None, Some("granted")),
            ],
        };
        assert_eq!(
            changed(&step),
            "status: active → expired; tags +a, +b c, -d; not pinned any more; expires: 2026 → none; \
             consent: granted; text"
        );
        assert!(with_text(&step, changed(&step)).ends_with("; text: new"));
        step.what = "deleted".to_owned();
        step.changes.truncate(1);
        assert_eq!(changed(&step), "");
        assert_eq!(with_text(&step, String::new()), "new");
    }
}
