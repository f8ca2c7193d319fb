//! `kitbag inbox`: what waits for you, over all packs.

use super::handoff::{line_of, rows};
use crate::context::Context;
use crate::launch;
use clap::Args;
use kitbag_rpc::{Handoffs, ReadInbox, V1};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a watched inbox is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(crate) struct InboxArgs {
    /// Go on, and tell what comes and what changes
    #[arg(long)]
    watch: bool,
    /// With --watch: run this for each thing that is new; it gets the id, and nothing of what it says
    #[arg(long, requires = "watch", value_name = "COMMAND")]
    notify: Option<String>,
    /// With --watch: end after so many looks
    #[arg(long, requires = "watch", hide = true, value_name = "N")]
    looks: Option<u64>,
}

pub(super) async fn run(context: &Context, args: InboxArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = ReadInbox { v: V1 };
    let mut answer = client.call(&call).await?;
    if !args.watch {
        if context.out.is_json() {
            return context.out.document(&answer);
        }
        told(context, &answer)?;
        return Ok(());
    }
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut looks = 0;
    loop {
        let before = known.clone();
        known.clear();
        for line in &answer.handoffs {
            let state = format!("{} {}", line.state, line.overdue.join(" "));
            known.insert(line.id.clone(), state.clone());
            if before.get(&line.id) == Some(&state) {
                continue;
            }
            match context.out.is_json() {
                true => context.out.data(serde_json::to_string(line)?)?,
                false => context.out.data(line_of(line))?,
            }
            if let Some(command) = &args.notify {
                notify(context, command, &line.id).await;
            }
        }
        looks += 1;
        if args.looks.is_some_and(|most| looks >= most) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        answer = client.call(&call).await?;
    }
}

/// Runs the command of whoever watches, with the id alone.
async fn notify(context: &Context, command: &str, id: &str) {
    let run = tokio::process::Command::new("sh")
        .arg("-c")
        .arg(format!("{command} \"$1\""))
        .arg("sh")
        .arg(id)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status();
    match run.await {
        Ok(ended) if ended.success() => {}
        Ok(ended) => context.out.say(format!("--notify ended with {ended}")),
        Err(error) => context.out.say(format!("--notify did not start: {error}")),
    }
}

fn told(context: &Context, answer: &Handoffs) -> anyhow::Result<()> {
    if answer.handoffs.is_empty() {
        context.out.say("Nothing needs you.");
    }
    rows(context, &answer.handoffs)?;
    if answer.snoozed > 0 {
        context.out.say(format!(
            "{} put aside: kitbag handoff list shows them too",
            answer.snoozed
        ));
    }
    Ok(())
}
