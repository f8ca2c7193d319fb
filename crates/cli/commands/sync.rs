//! `kitbag sync`: exchanges changes now.

use crate::commands::status;
use crate::context::Context;
use crate::{launch, when};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{SyncPacks, V1};

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The pack; all if it is left out
    pack: Option<String>,
    /// Return only when everybody who can be reached is up to date
    #[arg(long)]
    wait: bool,
    /// For how long at most: 30s, 2m
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: String,
}

pub(super) async fn run(context: &Context, args: SyncArgs) -> anyhow::Result<()> {
    let timeout = when::parse_duration(&args.timeout, "--timeout", &Zoned::now())?;
    let timeout_ms = u64::try_from(timeout.as_millis()).ok();
    let call = SyncPacks {
        v: V1,
        pack: args.pack,
        wait: args.wait,
        timeout_ms,
    };
    let answer = launch::client(context).await?.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    status::print(context, &answer.packs)
}
