//! `kitbag sync`: exchanges changes now.

use crate::commands::status;
use crate::context::Context;
use crate::{launch, progress, when, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{Client, Code, Failure, PackStatus, PeerState, ReadStatus, SyncPacks, V1};
use std::collections::BTreeMap;

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
    let client = launch::client(context).await?;
    let exchange = client.call(&call);
    let answer = if args.wait {
        let news = async || pending(&context.client(), call.pack.as_deref()).await;
        progress::during(context.out, "Exchanging changes…", news, exchange).await
    } else {
        exchange.await
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(not_synced(&client, error.into_failure()).await.into()),
    };
    if client
        .call(&ReadStatus::default())
        .await
        .is_ok_and(|status| status.offline)
    {
        context.out.say(words::OFFLINE);
    }
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    status::print(context, &answer.packs)
}

/// Why it was not: of a device that was told to reach nobody, that.
async fn not_synced(client: &Client, failure: Failure) -> Failure {
    if !matches!(failure.code, Code::NoPeer | Code::TimedOut) {
        return failure;
    }
    match client.call(&ReadStatus::default()).await {
        Ok(status) if status.offline => Failure::new(
            failure.code,
            "this device is offline, so nobody could be reached",
        )
        .hint("to go online: kitbag down, then kitbag up"),
        _ => failure,
    }
}

/// With whom there is still something to exchange.
async fn pending(client: &Client, only: Option<&str>) -> Option<String> {
    let status = client.call(&ReadStatus::default()).await.ok()?;
    let meant = |pack: &&PackStatus| {
        let names = [Some(pack.title.as_str()), pack.name.as_deref()];
        only.is_none_or(|word| pack.id.starts_with(word) || names.contains(&Some(word)))
    };
    let packs: Vec<&PackStatus> = status.packs.iter().filter(meant).collect();
    waits_for(&packs)
}

/// `Exchanging with Ben (laptop), 3 to send. Dialling Cleo (phone)…`
fn waits_for(packs: &[&PackStatus]) -> Option<String> {
    let mut exchanging: BTreeMap<&str, u64> = BTreeMap::new();
    let mut dialling: BTreeMap<&str, ()> = BTreeMap::new();
    for peer in packs.iter().flat_map(|pack| &pack.peers) {
        match peer.state {
            PeerState::Synced => {}
            PeerState::Syncing => *exchanging.entry(&peer.name).or_default() += peer.to_send,
            PeerState::Unreachable => {
                dialling.insert(&peer.name, ());
            }
        }
    }
    let mut told = Vec::new();
    if !exchanging.is_empty() {
        let to_send: u64 = exchanging.values().sum();
        let names = listed(exchanging.keys());
        told.push(match to_send {
            0 => format!("Exchanging with {names}"),
            some => format!("Exchanging with {names}, {some} to send"),
        });
    }
    if !dialling.is_empty() {
        told.push(format!("Dialling {}", listed(dialling.keys())));
    }
    (!told.is_empty()).then(|| format!("{}…", told.join(". ")))
}

fn listed<'n>(names: impl Iterator<Item = &'n &'n str>) -> String {
    let names: Vec<String> = names.map(|name| words::inline(name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::PeerStatus;

    #[test]
    fn it_is_said_who_is_waited_for() {
        let peer = |name: &str, state, to_send| PeerStatus {
            name: name.to_owned(),
            state,
            at: None,
            to_send,
        };
        let pack = |peers| PackStatus {
            id: "p".to_owned(),
            title: "Acme".to_owned(),
            name: None,
            archived: false,
            peers,
            waiting: 0,
            set_aside: 0,
            held: 0,
            rotation_debt: 0,
            forks: vec![],
            disputes: vec![],
            ended: None,
        };
        let one = pack(vec![
            peer("Ben (laptop)", PeerState::Syncing, 3),
            peer("Cleo (phone)", PeerState::Unreachable, 9),
            peer("Dan", PeerState::Synced, 0),
        ]);
        let two = pack(vec![peer("Ben (laptop)", PeerState::Syncing, 2)]);
        assert_eq!(
            waits_for(&[&one, &two]).unwrap(),
            "Exchanging with Ben (laptop), 5 to send. Dialling Cleo (phone)…"
        );
        assert_eq!(
            waits_for(&[&pack(vec![peer("Dan", PeerState::Synced, 0)])]),
            None
        );
    }
}
