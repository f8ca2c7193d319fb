//! `kitbag history`: how a note came to be.

use crate::context::Context;
use crate::table::Table;
use crate::{launch, when};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{ReadHistory, V1};

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
    let mut table = Table::new(["when", "who", "what", "title", "text"], 4);
    for step in &answer.history {
        let at = if context.out.terminal().is_some() {
            when::shown(step.at, &now)
        } else {
            step.at.to_string()
        };
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
        table.row([&at, &step.by, &what, &step.title, &step.body]);
    }
    Ok(table.print(context.out)?)
}
