//! `kitbag status`: who is up to date, and what waits.

use crate::context::Context;
use crate::{launch, membership, words};
use jiff::Zoned;
use kitbag_rpc::{PackStatus, ReadStatus};

pub(super) async fn run(context: &Context) -> anyhow::Result<()> {
    let answer = launch::client(context)
        .await?
        .call(&ReadStatus::default())
        .await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    print(context, &answer.packs)?;
    let joining = words::asking(&answer.requests)
        .into_iter()
        .chain(answer.joins.iter().map(words::waiting_join));
    for line in joining {
        context.out.data(line)?;
    }
    Ok(())
}

/// Tells how packs are.
pub(super) fn print(context: &Context, packs: &[PackStatus]) -> anyhow::Result<()> {
    if packs.is_empty() {
        context
            .out
            .say("No packs yet. Next: kitbag pack create TITLE, or kitbag join");
        return Ok(());
    }
    let now = Zoned::now();
    let packs: Vec<_> = packs.iter().map(|pack| in_words(pack, &now)).collect();
    Ok(context.out.data(packs.join("\n"))?)
}

fn in_words(pack: &PackStatus, now: &Zoned) -> String {
    let mut lines = vec![format!(
        "{} ({})",
        words::status_name(pack),
        words::short(&pack.id)
    )];
    if let Some(ended) = &pack.ended {
        lines.push(membership::ended(ended, now));
        return lines.join("\n  ");
    }
    lines.extend(pack.peers.iter().map(|peer| words::peer(peer, now)));
    if pack.peers.is_empty() {
        lines.push("nobody else is in it".to_owned());
    }
    lines.extend(words::troubles(pack));
    lines.extend(words::forks(pack));
    lines.extend(words::due(pack).map(str::to_owned));
    lines.join("\n  ")
}
