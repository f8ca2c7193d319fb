//! What all benchmarks of a run share: sizes, limits, and homes with many packs.

use crate::homes;
use anyhow::{Context as _, Result};
use kitbag_core::id::PackId;
use kitbag_node::Node;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Bytes of a usual body: with title, source and tags about 1.2 KB as JSON.
pub(crate) const BODY: usize = 1024;

/// One run.
pub(crate) struct Context {
    /// Whether sizes are reduced.
    pub(crate) quick: bool,
    /// Whether to search among a million notes too.
    pub(crate) million: bool,
    /// The `kitbag` program.
    pub(crate) kitbag: PathBuf,
    /// A directory with real data, if one was named.
    pub(crate) data: Option<PathBuf>,
    scratch: TempDir,
    many: OnceCell<Many>,
}

impl Context {
    /// A run with a directory of its own.
    pub(crate) fn new(
        quick: bool,
        million: bool,
        kitbag: PathBuf,
        scratch: TempDir,
        data: Option<PathBuf>,
    ) -> Context {
        Context {
            quick,
            million,
            kitbag,
            data,
            scratch,
            many: OnceCell::new(),
        }
    }

    /// A size, or a tenth of it.
    pub(crate) fn size(&self, full: u64) -> u64 {
        if self.quick { (full / 10).max(1) } else { full }
    }

    /// So many repetitions, or so many if sizes are reduced.
    pub(crate) fn times(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// How long one measured step may take.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(if self.quick { 20 } else { 60 })
    }

    /// A path that nothing has yet.
    pub(crate) fn fresh(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The program, with neither a keyring nor a session of the user in sight.
    pub(crate) fn kitbag(&self, home: &Path) -> Command {
        let mut command = Command::new(&self.kitbag);
        command
            .arg("--home")
            .arg(home)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env("XDG_RUNTIME_DIR", self.scratch.path());
        command
    }

    /// Homes with ten thousand packs, made once for a run.
    pub(crate) async fn many(&self) -> Result<&Many> {
        let make = || async {
            let directory = self.fresh("many");
            let (packs, peers) = (self.size(10_000), 10);
            let limit = Duration::from_secs(if self.quick { 60 } else { 300 });
            let made = move || Many::make(&directory, packs, 1, peers, limit);
            tokio::task::spawn_blocking(made).await?
        };
        self.many.get_or_try_init(make).await
    }
}

/// Two homes with many packs in common, up to date with each other, and others with a few of them.
#[derive(Clone, Debug)]
pub(crate) struct Many {
    /// The home that made the packs.
    pub(crate) a: PathBuf,
    /// Where it listens.
    pub(crate) a_port: u16,
    /// The home that joined them all.
    pub(crate) b: PathBuf,
    /// Where it listens.
    pub(crate) b_port: u16,
    /// Homes that joined three of them each, with their ports.
    pub(crate) others: Vec<(PathBuf, u16)>,
    /// The packs that there are: fewer than asked for if making them took too long.
    pub(crate) packs: Vec<PackId>,
    /// How many were asked for.
    pub(crate) asked: u64,
}

/// Packs after which the two are synced while homes are made.
const SYNCED_EVERY: usize = 250;

impl Many {
    /// Makes packs with `notes` notes each until there are enough or `limit` is over, and lets
    /// `peers` devices in, one of them into all.
    pub(crate) fn make(
        directory: &Path,
        packs: u64,
        notes: u64,
        peers: usize,
        limit: Duration,
    ) -> Result<Many> {
        let (mut made, mut of_a, mut of_b) =
            Many::admitted(directory, packs, notes, limit, Some(SYNCED_EVERY))?;
        let until = Instant::now() + limit;
        let mut link = packs; // above those of the syncs so far
        for peer in 1..peers {
            let (home, port, mut node) = device(directory, &format!("c{peer}"))?;
            homes::keep_address(&mut node, homes::endpoint(&of_a), made.a_port)?;
            for pack in made.packs.iter().take(3) {
                homes::admit(&mut of_a, &mut node, *pack)?;
            }
            link += 1;
            homes::sync(&mut node, &mut of_a, link, until)?;
            end(node)?;
            made.others.push((home, port));
        }
        homes::sync(&mut of_b, &mut of_a, link + 1, until)?;
        end(of_a)?;
        end(of_b)?;
        Ok(made)
    }

    /// The same, but nothing is synced and nobody else let in.
    pub(crate) fn make_unsynced(
        directory: &Path,
        packs: u64,
        notes: u64,
        limit: Duration,
    ) -> Result<Many> {
        let (made, of_a, of_b) = Many::admitted(directory, packs, notes, limit, None)?;
        end(of_a)?;
        end(of_b)?;
        Ok(made)
    }

    /// Makes packs on A and lets B into each, until there are enough or `limit` is over.
    fn admitted(
        directory: &Path,
        packs: u64,
        notes: u64,
        limit: Duration,
        sync_every: Option<usize>,
    ) -> Result<(Many, Node, Node)> {
        let until = Instant::now() + limit;
        let (a, a_port, mut of_a) = device(directory, "a")?;
        let (b, b_port, mut of_b) = device(directory, "b")?;
        homes::keep_address(&mut of_b, homes::endpoint(&of_a), a_port)?;
        let mut made = Many {
            a,
            a_port,
            b,
            b_port,
            others: Vec::new(),
            packs: Vec::new(),
            asked: packs,
        };
        for number in 0..packs {
            if Instant::now() >= until {
                break;
            }
            let title = format!("pack {number}");
            let pack = homes::add_pack(&mut of_a, &title, number * notes, notes, BODY)?;
            homes::admit(&mut of_a, &mut of_b, pack)?;
            made.packs.push(pack);
            if sync_every.is_some_and(|every| made.packs.len() % every == 0) {
                homes::sync(&mut of_b, &mut of_a, number, until + limit)?;
            }
        }
        Ok((made, of_a, of_b))
    }

    /// How many packs there are.
    pub(crate) fn count(&self) -> u64 {
        self.packs.len() as u64
    }

    /// What to say if there are fewer than asked for.
    pub(crate) fn shortage(&self) -> Option<String> {
        (self.count() < self.asked).then(|| {
            format!(
                "Only {} packs instead of {} could be made in the time for it.",
                self.count(),
                self.asked
            )
        })
    }

    /// Copies of both homes, for one use.
    pub(crate) fn copies(&self, directory: &Path) -> Result<(PathBuf, PathBuf)> {
        Ok((
            homes::copy(&self.a, &directory.join("a"))?,
            homes::copy(&self.b, &directory.join("b"))?,
        ))
    }
}

/// A new home whose node knows already where an engine will listen for it.
pub(crate) fn device(directory: &Path, name: &str) -> Result<(PathBuf, u16, Node)> {
    let home = directory.join(name);
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    homes::make(&home, name)?;
    let port = free_port()?;
    let mut node = homes::open(&home)?;
    node.set_addresses(homes::now(), vec![format!("127.0.0.1:{port}")], None)?;
    node.keep_shell_setting("port", &port.to_be_bytes())?;
    Ok((home, port, node))
}

/// Lets a node end as an engine does.
fn end(mut node: Node) -> Result<()> {
    Ok(node.keep_summaries(homes::now())?)
}

/// A UDP port that nobody has now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}
