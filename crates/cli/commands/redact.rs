//! `kitbag redact`: nobody is shown what a note said any more. It says plainly what that does not do.

use crate::context::Context;
use crate::{input, launch, words};
use clap::Args;
use kitbag_rpc::{NoteRedacted, RedactNote, Sensitivity, V1};

#[derive(Debug, Args)]
pub(crate) struct RedactArgs {
    /// The start of the note's id
    note: String,
    /// Why: one line, which everybody who has the note reads
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Say for whom it would be redacted, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: RedactArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let mut call = RedactNote {
        v: V1,
        note: args.note,
        reason: args.reason,
        dry_run: true,
    };
    if args.dry_run || !args.yes {
        let plan = client.call(&call).await?;
        if args.dry_run && context.out.is_json() {
            return context.out.document(&plan);
        }
        if args.dry_run {
            return Ok(context.out.data(terms(&plan))?);
        }
        input::confirm(context.out, &terms(&plan), "Redact it?")?;
        call.note = plan.note.id; // the same one that was shown
    }
    call.dry_run = false;
    let done = client.call(&call).await?;
    if let Some(warning) = warning(&done).filter(|_| args.yes) {
        context.out.say(warning); // otherwise it stood in the question
    }
    if context.out.is_json() {
        return context.out.document(&done);
    }
    context.out.data(&done.note.id)?;
    context.out.say(in_words(&done));
    Ok(())
}

/// What was found in the reason, where more people read it than that is for.
fn warning(redacted: &NoteRedacted) -> Option<String> {
    if redacted.found.is_empty() || redacted.note.sensitivity == Sensitivity::Restricted {
        return None;
    }
    let kinds = redacted.found.join(", ").replace('_', " ");
    let (reader, way) = match redacted.dry_run {
        true => ("would read", "leave that out of --reason"),
        false => (
            "reads",
            "take it back with kitbag undo, and give another --reason",
        ),
    };
    Some(format!(
        "Careful: the reason holds personal data ({kinds}), and whoever has the note {reader} it: {way}"
    ))
}

/// What it does not do, in every answer.
const KEPT: &str = "Its title, text, tags and source are shown to nobody any more. They are not erased: \
     whoever has the note keeps what was written in the files of their device, until it can be erased.";

fn terms(plan: &NoteRedacted) -> String {
    let audience = words::audience(&plan.pack, plan.note.sensitivity, &plan.audience);
    let mut told = format!(
        "This would be redacted in {audience}: “{}”",
        words::inline(&plan.title)
    );
    told.push_str(&copies(plan));
    if let Some(warning) = warning(plan) {
        told = format!("{warning}\n{told}");
    }
    format!("{told}\n{KEPT}")
}

fn in_words(done: &NoteRedacted) -> String {
    if !done.changed {
        return "Nothing changed: it is redacted for that reason already.".to_owned();
    }
    let audience = words::audience(&done.pack, done.note.sensitivity, &done.audience);
    format!(
        "Redacted in {audience}{}\n{KEPT}\nTo take it back on this device: kitbag undo",
        copies(done)
    )
}

fn copies(done: &NoteRedacted) -> String {
    match done.along.is_empty() {
        true => String::new(),
        false => format!("\nIts masked copy too: {}", words::along(&done.along)),
    }
}
