//! `kitbag edit --sensitivity`: who can open a note changes, so it is shown before it is done.

use crate::context::Context;
use crate::{input, launch, words};
use kitbag_rpc::{NoteRelabelled, RelabelNote, Sensitivity, V1};

pub(super) async fn run(
    context: &Context,
    note: String,
    sensitivity: Sensitivity,
    dry_run: bool,
    yes: bool,
) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let mut call = RelabelNote {
        v: V1,
        note,
        sensitivity,
        dry_run: true,
    };
    if dry_run || !yes {
        let plan = client.call(&call).await?;
        if dry_run && context.out.is_json() {
            return context.out.document(&plan);
        }
        if dry_run {
            return Ok(context.out.data(would(&plan))?);
        }
        if plan.changed {
            let question = format!("Make it {}?", sensitivity.title());
            input::confirm(context.out, &terms(&plan), &question)?;
        }
        call.note = plan.note.id; // the same one that was shown
    }
    call.dry_run = false;
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    context.out.data(&done.note.id)?;
    context.out.say(in_words(&done));
    Ok(())
}

/// Who gains and who loses the note, before anything is done.
fn terms(plan: &NoteRelabelled) -> String {
    if !plan.changed {
        return unchanged(plan);
    }
    let mut lines = vec![format!(
        "From {} to {}.",
        plan.from.title(),
        words::audience(&plan.pack, plan.note.sensitivity, &plan.audience)
    )];
    if !plan.gains.is_empty() {
        lines.push(format!(
            "{} can open it then, with all of its history.",
            words::names(&plan.gains)
        ));
    }
    if !plan.loses.is_empty() {
        lines.push(format!(
            "{} can open it no longer.",
            words::names(&plan.loses)
        ));
    }
    lines.extend(kept(plan));
    if plan.note.sensitivity < plan.from && !plan.holds.is_empty() {
        let kinds = plan.holds.join(", ").replace('_', " ");
        lines.push(format!("It holds personal data: {kinds}."));
    }
    if plan.brings > 0 {
        let edits = words::count(plan.brings, "edit", "edits");
        lines.push(format!(
            "{edits} made at a higher sensitivity will be in it."
        ));
    }
    lines.join("\n")
}

/// The answer to a dry run.
fn would(plan: &NoteRelabelled) -> String {
    let terms = terms(plan);
    match plan.changed {
        true => format!(
            "Nothing was changed. If you make it {}:\n\n{terms}",
            plan.note.sensitivity.title()
        ),
        false => terms,
    }
}

fn in_words(done: &NoteRelabelled) -> String {
    if !done.changed {
        return unchanged(done);
    }
    let mut lines = vec![format!(
        "Moved to {}",
        words::audience(&done.pack, done.note.sensitivity, &done.audience)
    )];
    lines.extend(kept(done));
    lines.join("\n")
}

fn unchanged(done: &NoteRelabelled) -> String {
    format!(
        "Nothing was changed: it is {} already.",
        done.note.sensitivity.title()
    )
}

/// Taking a note away takes nothing back.
fn kept(done: &NoteRelabelled) -> Option<String> {
    (!done.loses.is_empty()).then(|| {
        let keep = if done.loses.len() == 1 {
            "keeps"
        } else {
            "keep"
        };
        format!(
            "{} {keep} what was there before: it is hidden, not deleted.",
            words::names(&done.loses)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{AudienceMember, NoteRef, PackRef};

    fn member(name: &str, opens: bool) -> AudienceMember {
        AudienceMember {
            person: String::new(),
            name: name.to_owned(),
            is_me: name == "Ana",
            opens,
        }
    }

    fn plan() -> NoteRelabelled {
        NoteRelabelled {
            v: V1,
            note: NoteRef {
                id: "n".to_owned(),
                sensitivity: Sensitivity::Confidential,
            },
            pack: PackRef {
                id: "p".to_owned(),
                title: "Acme".to_owned(),
                name: None,
                archived: false,
            },
            from: Sensitivity::Internal,
            changed: true,
            audience: vec![
                member("Ana", true),
                member("Ben", false),
                member("Cyn", false),
            ],
            gains: vec![],
            loses: vec![member("Ben", false), member("Cyn", false)],
            brings: 0,
            holds: vec!["email".into()],
            dry_run: true,
        }
    }

    #[test]
    fn it_is_said_who_loses_it_and_that_they_keep_what_they_had() {
        assert_eq!(
            terms(&plan()),
            "From Internal to Acme · Confidential · readable by you only; not Ben, Cyn.\n\
             Ben and Cyn can open it no longer.\n\
             Ben and Cyn keep what was there before: it is hidden, not deleted."
        );
        let mut one = plan();
        one.loses.pop();
        assert!(
            in_words(&one).ends_with("Ben keeps what was there before: it is hidden, not deleted.")
        );
    }

    #[test]
    fn it_is_said_who_gains_it_and_what_comes_with_it() {
        let mut plan = plan();
        plan.gains = std::mem::take(&mut plan.loses);
        plan.brings = 1;
        (plan.from, plan.note.sensitivity) = (Sensitivity::Internal, Sensitivity::Public);
        let told = terms(&plan);
        assert!(
            told.ends_with(
                "Ben and Cyn can open it then, with all of its history.\n\
                 It holds personal data: email.\n\
                 1 edit made at a higher sensitivity will be in it."
            ),
            "{told}"
        );
        plan.changed = false;
        assert_eq!(terms(&plan), "Nothing was changed: it is Public already.");
    }
}
