//! `kitbag move` and `kitbag copy`: a note into another pack, with its masked copy.

use crate::context::Context;
use crate::{args, input, launch, words};
use clap::Args;
use kitbag_rpc::{CarryNote, NoteCarried, Sensitivity, V1};

#[derive(Debug, Args)]
pub(crate) struct CarryArgs {
    /// The start of the note's id
    note: String,
    /// The pack it goes into: the start of its id, your name for it, or the title you gave it
    #[arg(long, value_name = "PACK")]
    to: String,
    /// Its sensitivity there; its own if it is left out. Only an admin of its pack makes it less sensitive
    #[arg(long, value_parser = args::sensitivity())]
    sensitivity: Option<Sensitivity>,
    /// What it is for: a note whose consent is given for certain purposes needs it
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// Let it go from one client to another all the same
    #[arg(long)]
    across_clients: bool,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask where it becomes less sensitive, or crosses clients
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: CarryArgs, moves: bool) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let mut call = CarryNote {
        v: V1,
        note: args.note,
        to: args.to,
        moves,
        sensitivity: args.sensitivity,
        purpose: args.purpose,
        across_clients: args.across_clients,
        dry_run: true,
    };
    if args.dry_run || !args.yes {
        let plan = client.call(&call).await?;
        if args.dry_run && context.out.is_json() {
            return context.out.document(&plan);
        }
        if args.dry_run {
            let told = format!("Nothing was changed. {}", terms(&plan));
            return Ok(context.out.data(told)?);
        }
        if plan.lowers || plan.crosses_clients {
            let question = match moves {
                true => "Move it?",
                false => "Copy it?",
            };
            input::confirm(context.out, &terms(&plan), question)?;
        }
        // The same ones that were shown.
        call.note = plan.note.id;
        call.to = plan.to.id;
    }
    call.dry_run = false;
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    if let Some(written) = &done.written {
        context.out.data(&written.id)?;
    }
    context.out.say(in_words(&done));
    Ok(())
}

/// Where it goes and who reads it there, before anything is done.
fn terms(plan: &NoteCarried) -> String {
    let audience = words::audience(&plan.to, plan.sensitivity, &plan.audience);
    let title = words::inline(&plan.title);
    let mut lines = vec![match plan.moves {
        true => format!("“{title}” would move to {audience}"),
        false => format!("“{title}” would be copied to {audience}"),
    }];
    if plan.existing {
        lines.push("It is there already.".to_owned());
    }
    if plan.lowers {
        lines.push(format!(
            "It becomes less sensitive: {} here, {} there.",
            plan.note.sensitivity.title(),
            plan.sensitivity.title()
        ));
    }
    if plan.crosses_clients {
        lines.push("It crosses from one client to another, as you said.".to_owned());
    }
    if let Some(copy) = &plan.along {
        lines.push(format!(
            "Its masked copy {} goes along.",
            words::short(&copy.id)
        ));
    }
    lines.join("\n")
}

fn in_words(done: &NoteCarried) -> String {
    let audience = words::audience(&done.to, done.sensitivity, &done.audience);
    let title = words::inline(&done.title);
    let mut lines = vec![match (done.moves, done.existing) {
        (true, false) => format!("Moved to {audience}: “{title}”"),
        (true, true) => {
            format!("It was there already, and is deleted here now: “{title}” in {audience}")
        }
        (false, false) => format!("Copied to {audience}: “{title}”"),
        (false, true) => format!("Nothing copied, it is there already: “{title}” in {audience}"),
    }];
    if let Some(copy) = &done.masked {
        lines.push(format!(
            "Its masked copy is {} in {}",
            words::short(&copy.note.id),
            words::audience(&done.to, copy.note.sensitivity, &copy.audience)
        ));
    }
    if done.crosses_clients {
        lines.push("It crosses from one client to another, as you said".to_owned());
    }
    if let Some(left) = &done.left {
        lines.push(format!("Not all of it: {}", words::inline(left)));
    }
    if done.moves {
        lines.push(format!(
            "Members of {} keep what they had; to take it back: kitbag undo",
            words::pack(&done.pack)
        ));
    }
    lines.join("\n")
}
