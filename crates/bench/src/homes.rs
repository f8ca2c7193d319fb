//! Homes made quickly: many packs with two members, without a network, through the same node that
//! an engine drives. What comes out are ordinary homes that an engine or a daemon opens.

use crate::corpus;
use anyhow::{Context, Result, bail, ensure};
use data_encoding::BASE32_NOPAD;
use kitbag_core::id::{EndpointId, Incarnation, PackId, Timestamp};
use kitbag_core::sync::Side;
use kitbag_core::ticket::Ticket;
use kitbag_crypto::MasterKey;
use kitbag_engine::{KeyChoice, Role, Sensitivity, ShareOptions, initialise};
use kitbag_node::{JoinOutcome, LinkId, Node, Notice, Output};
use kitbag_store::Store;
use rand_core::{TryCryptoRng, TryRng};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Notes that are added in one durable step.
pub(crate) const NOTES_AT_ONCE: u64 = 500;

/// Frames that a node takes in together, as in an engine.
const FRAMES_AT_ONCE: usize = 8;

/// The system's random numbers, for whoever opens a node without an engine.
pub(crate) struct SystemRandom;

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(getrandom::u32().expect("the system has random numbers"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(getrandom::u64().expect("the system has random numbers"))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        getrandom::fill(bytes).expect("the system has random numbers");
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}

/// The time, as a node takes it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Makes a home whose key lies in a file.
pub(crate) fn make(home: &Path, name: &str) -> Result<()> {
    initialise(home, name, "bench", Some(KeyChoice::KeyFile(None)))?;
    Ok(())
}

/// Opens the node of a home that no engine has open.
pub(crate) fn open(home: &Path) -> Result<Node> {
    let path = home.join("incarnation");
    let outside: Option<Incarnation> = fs::read_to_string(&path)?.trim().parse().ok();
    let keep = |token: Incarnation| fs::write(&path, token.to_string());
    let store = Store::open(
        &home.join("kitbag.redb"),
        &master_key(home)?,
        &mut SystemRandom,
    )?;
    Ok(Node::open(store, Box::new(SystemRandom), outside, keep)?)
}

fn master_key(home: &Path) -> Result<MasterKey> {
    let text = fs::read_to_string(home.join("key"))?;
    let (_, key) = text
        .trim()
        .rsplit_once(':')
        .context("no key in the key file")?;
    let bytes = BASE32_NOPAD.decode(key.to_ascii_uppercase().as_bytes())?;
    let bytes = bytes[..].try_into().context("the key has another length")?;
    Ok(MasterKey::from_bytes(bytes))
}

/// Copies a home that nobody has open. Never run two copies against the same peers.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<PathBuf> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(to, fs::Permissions::from_mode(0o700))?;
    Ok(to.to_owned())
}

/// Makes a pack with notes numbered from `first`.
pub(crate) fn add_pack(
    node: &mut Node,
    title: &str,
    first: u64,
    notes: u64,
    bytes: usize,
) -> Result<PackId> {
    let pack = node.create_pack(now(), title, Sensitivity::Internal)?.id;
    add_notes(node, pack, first, notes, bytes)?;
    Ok(pack)
}

/// Adds notes to a pack.
pub(crate) fn add_notes(
    node: &mut Node,
    pack: PackId,
    first: u64,
    notes: u64,
    bytes: usize,
) -> Result<()> {
    let mut number = first;
    while number < first + notes {
        let upto = (number + NOTES_AT_ONCE).min(first + notes);
        let batch: Vec<_> = (number..upto)
            .map(|number| corpus::note(number, bytes))
            .collect();
        node.add_notes(now(), pack, &batch)?;
        node.announce(now())?;
        number = upto;
    }
    Ok(())
}

/// What a teammate gets.
pub(crate) fn teammate(uses: u32) -> ShareOptions {
    ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses,
        ask: false,
    }
}

/// Lets `joiner` into a pack of `admitter`; the pack itself is still to be synced.
pub(crate) fn admit(admitter: &mut Node, joiner: &mut Node, pack: PackId) -> Result<()> {
    let text = admitter.share(now(), pack, &teammate(1))?.ticket;
    admitter.announce(now())?;
    let ticket = Ticket::parse(&text)?;
    let (of_joiner, of_admitter) = (endpoint(joiner), endpoint(admitter));
    let exporter = [7; 32]; // stands for the connection's secret; nobody else is on this wire
    let request = joiner.join_draft(&ticket).request(of_admitter, exporter);
    let (answer, _) = admitter.handle_join(now(), of_joiner, exporter, &request)?;
    match joiner.join_answered(now(), &ticket, of_admitter, &answer, None)? {
        JoinOutcome::Admitted | JoinOutcome::AlreadyMember => {}
        other => bail!("not let in: {other:?}"),
    }
    joiner.announce(now())?;
    Ok(())
}

/// Says where `peer` listens, as if the ticket had said so.
pub(crate) fn keep_address(node: &mut Node, peer: EndpointId, port: u16) -> Result<()> {
    node.keep_shell_setting(
        &format!("addresses/{peer}"),
        format!("127.0.0.1:{port}").as_bytes(),
    )?;
    Ok(())
}

/// A node's transport id.
pub(crate) fn endpoint(node: &Node) -> EndpointId {
    EndpointId::from_bytes(node.me().endpoint)
}

/// What went between two nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Frames of both.
    pub(crate) frames: u64,
    /// Bytes of both, with the four bytes that say each frame's length.
    pub(crate) bytes: u64,
    /// How often somebody had to wait for the other: two are a round trip.
    pub(crate) turns: u64,
}

/// Two nodes on a wire that loses nothing: every frame of one turn arrives before the next begins.
pub(crate) struct Wire {
    link: LinkId,
    ends: [EndpointId; 2],
    ways: [VecDeque<Vec<u8>>; 2],
    equal: [bool; 2],
    /// What went over it.
    pub(crate) traffic: Traffic,
}

impl Wire {
    /// Connects two nodes; the first dials.
    pub(crate) fn connect(dialler: &mut Node, listener: &mut Node, link: u64) -> Result<Wire> {
        let mut wire = Wire {
            link: LinkId(link),
            ends: [endpoint(dialler), endpoint(listener)],
            ways: Default::default(),
            equal: [false; 2],
            traffic: Traffic::default(),
        };
        let outputs = dialler.link_opened(now(), wire.link, wire.ends[1], Side::Dialler)?;
        wire.follow(0, outputs)?;
        let outputs = listener.link_opened(now(), wire.link, wire.ends[0], Side::Listener)?;
        wire.follow(1, outputs)?;
        Ok(wire)
    }

    /// Lets frames go to and fro until none is left; says whether both are up to date then.
    pub(crate) fn settle(
        &mut self,
        dialler: &mut Node,
        listener: &mut Node,
        until: Instant,
    ) -> Result<bool> {
        while self.ways.iter().any(|way| !way.is_empty()) {
            self.traffic.turns += 1;
            let flights = [
                Vec::from(std::mem::take(&mut self.ways[0])),
                Vec::from(std::mem::take(&mut self.ways[1])),
            ];
            for (from, flight) in flights.into_iter().enumerate() {
                let to = 1 - from;
                let mut rest = &flight[..];
                while !rest.is_empty() {
                    ensure!(Instant::now() < until, "not synced within the time for it");
                    let node = if to == 0 {
                        &mut *dialler
                    } else {
                        &mut *listener
                    };
                    let some = rest.iter().take(FRAMES_AT_ONCE);
                    let frames = some.map(|frame| (self.link, frame.as_slice()));
                    let taken = node.link_frames(now(), frames)?;
                    if let Some((_, error)) = taken.failed.into_iter().next() {
                        return Err(error.into());
                    }
                    rest = &rest[taken.count..];
                    self.follow(to, taken.outputs)?;
                }
            }
        }
        Ok(self.equal == [true; 2])
    }

    fn follow(&mut self, end: usize, outputs: Vec<Output>) -> Result<()> {
        for output in outputs {
            match output {
                Output::Send { frame, .. } => {
                    self.traffic.frames += 1;
                    self.traffic.bytes += frame.len() as u64 + 4;
                    self.ways[end].push_back(frame);
                }
                Output::Close { reason, .. } => bail!("a node closes the wire: {reason:?}"),
                Output::Notify(Notice::UpToDate(_)) => self.equal[end] = true,
                Output::Notify(Notice::Syncing(_)) => self.equal[end] = false,
                Output::RetryAfter { .. } | Output::Disconnect(_) | Output::Notify(_) => {}
            }
        }
        Ok(())
    }
}

/// Syncs two nodes until both are up to date.
pub(crate) fn sync(a: &mut Node, b: &mut Node, link: u64, until: Instant) -> Result<Traffic> {
    let mut wire = Wire::connect(a, b, link)?;
    let equal = wire.settle(a, b, until)?;
    a.link_closed(wire.link);
    b.link_closed(wire.link);
    ensure!(equal, "two nodes went quiet before they were up to date");
    Ok(wire.traffic)
}
