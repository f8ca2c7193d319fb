//! One clock for every process of this machine, and what the system says of a process.

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use std::fs;

/// Nanoseconds of the system's monotonic clock: the same in every process.
pub(crate) fn nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// Milliseconds between two moments of [`nanos`]; negative if the second came first.
#[expect(clippy::cast_precision_loss, reason = "a run lasts minutes, not years")]
pub(crate) fn millis(from: u64, to: u64) -> f64 {
    if to >= from {
        (to - from) as f64 / 1e6
    } else {
        -((from - to) as f64 / 1e6)
    }
}

/// Resident memory of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Now, in MiB.
    pub(crate) now: f64,
    /// At its highest since the start or the last [`forget_peak`], in MiB.
    pub(crate) peak: f64,
}

/// What a process holds in memory.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    let field = |name: &str| -> Result<f64> {
        let line = text.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        let kib: f64 = kib.with_context(|| format!("{path}: no {name}"))?.parse()?;
        Ok(kib / 1024.0)
    };
    Ok(Memory {
        now: field("VmRSS:")?,
        peak: field("VmHWM:")?,
    })
}

/// Lets the peak of a process begin anew from what it holds now.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").with_context(|| path.clone())
}

/// Seconds of processor time that a process has used, threads that have ended included. The kernel
/// counts in hundredths.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name of the program stands in brackets and may hold anything.
    let (_, fields) = text.rsplit_once(')').context("no name in it")?;
    let mut ticks = 0.0;
    for field in fields.split_whitespace().skip(11).take(2) {
        ticks += field.parse::<f64>()?; // in user mode, in the kernel
    }
    Ok(ticks / TICKS_PER_SECOND)
}

/// What the kernel tells other programs, whatever it counts in itself.
const TICKS_PER_SECOND: f64 = 100.0;

/// Bytes that went over the loopback device since the system started, headers included. Everything
/// on the machine counts, so the least of several differences is the one to believe.
pub(crate) fn loopback_bytes() -> Result<u64> {
    let path = "/sys/class/net/lo/statistics/tx_bytes";
    let text = fs::read_to_string(path).context(path)?;
    Ok(text.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// Goal: processor time grows while threads work, and what an ended thread used stays counted.
    #[test]
    fn an_ended_thread_stays_counted() {
        let own = std::process::id();
        let before = cpu_seconds(own).expect("this process exists");
        let work = std::thread::spawn(|| {
            let until = Instant::now() + Duration::from_millis(400);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        });
        work.join().expect("it spins");
        let used = cpu_seconds(own).expect("it still does") - before;
        assert!((0.02..10.0).contains(&used), "{used}");
        let memory = memory(own).expect("it has memory");
        assert!(memory.now > 0.0 && memory.peak >= memory.now);
    }
}
