//! The machine on which numbers were measured, and the versions of what was measured.

use crate::clock;
use crate::stats::{Summary, summary};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Facts of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// When the run began, in UTC.
    pub(crate) at: String,
    /// The processor.
    pub(crate) cpu: String,
    /// Cores that the process may use.
    pub(crate) cores: usize,
    /// Memory, in GiB.
    pub(crate) memory: f64,
    /// The kernel.
    pub(crate) kernel: String,
    /// The file system under the homes.
    pub(crate) filesystem: String,
    /// Appending 1 KiB and `fdatasync`, in milliseconds.
    pub(crate) sync: Option<Summary>,
    /// Load average of one minute when the run began: what else the machine did.
    pub(crate) load: String,
    /// The compiler.
    pub(crate) rustc: String,
    /// The commit of Kitbag.
    pub(crate) commit: String,
    /// Versions of crates that decide.
    pub(crate) crates: Vec<String>,
}

/// Crates whose version says what was compared.
const CRATES: [&str; 6] = ["automerge", "samod", "iroh", "redb", "criterion", "tokio"];

impl Facts {
    /// Asks the machine.
    pub(crate) fn gather(scratch: &Path, root: &Path) -> Result<Facts> {
        let kernel = rustix::system::uname();
        let lock = include_str!("../Cargo.lock");
        Ok(Facts {
            at: run("date", &["-u", "+%Y-%m-%d %H:%M"], root),
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism()?.get(),
            memory: memory()?,
            kernel: format!(
                "{} {}",
                kernel.sysname().to_string_lossy(),
                kernel.release().to_string_lossy()
            ),
            filesystem: filesystem(scratch),
            sync: summary(&sync_times(scratch, 200)?),
            load: fs::read_to_string("/proc/loadavg")
                .unwrap_or_default()
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .into(),
            rustc: run("rustc", &["--version"], root),
            commit: run("git", &["describe", "--always", "--dirty"], root),
            crates: CRATES
                .iter()
                .map(|name| format!("{name} {}", versions(lock, name)))
                .collect(),
        })
    }
}

/// How long it takes until 1 KiB more is on the disk, in milliseconds.
fn sync_times(scratch: &Path, n: usize) -> Result<Vec<f64>> {
    let path = scratch.join("sync");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut times = Vec::new();
    for _ in 0..n {
        let from = clock::nanos();
        file.write_all(&[7; 1024])?;
        file.sync_data()?;
        times.push(clock::millis(from, clock::nanos()));
    }
    fs::remove_file(&path)?;
    Ok(times)
}

fn memory() -> Result<f64> {
    let kib = field("/proc/meminfo", "MemTotal").context("no memory size")?;
    let kib: f64 = kib.split_whitespace().next().unwrap_or("0").parse()?;
    Ok(kib / 1024.0 / 1024.0)
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The file system with the longest mount point above a path.
fn filesystem(path: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (_, at, kind) = (words.next()?, words.next()?, words.next()?);
        path.starts_with(at).then_some((at.len(), kind))
    });
    let longest = above.max_by_key(|(len, _)| *len);
    longest.map_or_else(|| "unknown".into(), |(_, kind)| kind.to_owned())
}

fn run(program: &str, args: &[&str], dir: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(dir).output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".into(),
    }
}

fn versions(lock: &str, name: &str) -> String {
    let named = format!("name = \"{name}\"");
    let mut lines = lock.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line == named {
            let version = lines.next().and_then(|line| line.split('"').nth(1));
            found.extend(version.map(str::to_owned));
        }
    }
    found.join(" and ")
}
