//! A disk in memory that loses power.
//!
//! What was written since the last sync is pending: at a power loss any part of it survives, torn at
//! 512-byte sectors, in any order. A fault may be set to strike at the n-th call; from then on every
//! call fails until the device is started again from what survived. A full disk refuses to grow or
//! to be written for a while.

use crate::Dice;
use crate::ledger::holds_canary;
use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR: usize = 512;

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing does.
    None,
    /// Power is lost at this call, counted from now, from 1.
    PowerLoss(u64),
    /// The n-th call fails once, without power being lost.
    FailOnce(u64),
    /// No more space from the n-th call on: writes and growing fail, reading works.
    Full(u64),
}

/// The bytes on a disk, as a backup would have them.
#[derive(Clone)]
pub struct DiskImage(Vec<u8>);

impl std::fmt::Debug for DiskImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DiskImage({} bytes)", self.0.len())
    }
}

impl DiskImage {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<Inner>>);

#[derive(Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug)]
struct Inner {
    synced: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Pending>,
    calls: u64,
    fault: Fault,
    dead: bool,
    leaked: bool,
    /// Counts starts: a backend of an earlier start does nothing any more.
    start: u64,
}

impl SimDisk {
    /// An empty disk.
    #[expect(clippy::new_without_default, reason = "a disk is made, not defaulted")]
    pub fn new() -> SimDisk {
        SimDisk::from_image(DiskImage(Vec::new()))
    }

    /// A disk that holds an image.
    pub fn from_image(image: DiskImage) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(Inner {
            synced: image.0.clone(),
            current: image.0,
            pending: Vec::new(),
            calls: 0,
            fault: Fault::None,
            dead: false,
            leaked: false,
            start: 0,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file on this disk for one start of a device; those of earlier starts fail from now on.
    pub fn backend(&self) -> Backend {
        let mut inner = self.inner();
        inner.start += 1;
        Backend {
            disk: self.clone(),
            start: inner.start,
        }
    }

    /// Sets what goes wrong next.
    pub fn set_fault(&self, fault: Fault) {
        let mut inner = self.inner();
        inner.calls = 0;
        inner.fault = fault;
    }

    /// Calls since the fault was set.
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// Whether power was lost.
    pub fn is_dead(&self) -> bool {
        self.inner().dead
    }

    /// Whether anything readable was ever written.
    pub fn leaked(&self) -> bool {
        self.inner().leaked
    }

    /// What is on the disk now, whether or not it was synced: what a killed process leaves.
    pub fn image(&self) -> DiskImage {
        DiskImage(self.inner().current.clone())
    }

    /// The process is gone, the machine is not: everything written is kept.
    pub fn process_ends(&self) {
        let mut inner = self.inner();
        inner.synced = inner.current.clone();
        inner.restart();
    }

    /// The machine is gone: of what was not synced, any part is kept.
    pub fn power_returns(&self, dice: &mut Dice) {
        let mut inner = self.inner();
        let mut pending = std::mem::take(&mut inner.pending);
        let keep = *dice.pick(&[0, 20, 50, 80, 100]);
        if dice.percent(50) {
            dice.shuffle(&mut pending);
        }
        let mut image = std::mem::take(&mut inner.synced);
        for write in pending {
            match write {
                Pending::Length(len) if dice.percent(keep) => image.resize(len, 0),
                Pending::Length(_) => {}
                Pending::Write(at, data) => keep_sectors(&mut image, at, &data, keep, dice),
            }
        }
        inner.current = image.clone();
        inner.synced = image;
        inner.restart();
    }

    /// Puts an older image back.
    pub fn restore(&self, image: &DiskImage) {
        let mut inner = self.inner();
        inner.current = image.0.clone();
        inner.synced = image.0.clone();
        inner.restart();
    }
}

impl Inner {
    fn restart(&mut self) {
        self.pending.clear();
        self.calls = 0;
        self.fault = Fault::None;
        self.dead = false;
        self.start += 1;
    }

    fn call(&mut self, start: u64, writes: bool) -> io::Result<()> {
        if self.dead || start != self.start {
            return Err(io::Error::other("simulated power loss"));
        }
        self.calls += 1;
        match self.fault {
            Fault::PowerLoss(at) if self.calls >= at => {
                self.dead = true;
                Err(io::Error::other("simulated power loss"))
            }
            Fault::FailOnce(at) if self.calls == at => {
                Err(io::Error::other("simulated failure of a disk call"))
            }
            Fault::Full(at) if self.calls >= at && writes => {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            _ => Ok(()),
        }
    }
}

fn keep_sectors(image: &mut Vec<u8>, at: usize, data: &[u8], keep: u64, dice: &mut Dice) {
    let mut from = 0;
    while from < data.len() {
        let sector_end = ((at + from) / SECTOR + 1) * SECTOR;
        let to = data.len().min(sector_end - at);
        if dice.percent(keep) {
            if image.len() < at + to {
                image.resize(at + to, 0);
            }
            image[at + from..at + to].copy_from_slice(&data[from..to]);
        }
        from = to;
    }
}

/// A [`SimDisk`] as redb sees it.
#[derive(Debug)]
pub struct Backend {
    disk: SimDisk,
    start: u64,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        let inner = self.disk.inner();
        if inner.dead || inner.start != self.start {
            return Err(io::Error::other("simulated power loss"));
        }
        Ok(inner.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.call(self.start, false)?;
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = inner
            .current
            .get(from..from + out.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let grows = len > inner.current.len();
        inner.call(self.start, grows)?;
        inner.current.resize(len, 0);
        inner.pending.push(Pending::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.call(self.start, false)?;
        let pending = std::mem::take(&mut inner.pending);
        for write in pending {
            match write {
                Pending::Length(len) => inner.synced.resize(len, 0),
                Pending::Write(at, data) => {
                    if inner.synced.len() < at + data.len() {
                        inner.synced.resize(at + data.len(), 0);
                    }
                    inner.synced[at..at + data.len()].copy_from_slice(&data);
                }
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.call(self.start, true)?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        inner.leaked |= holds_canary(data);
        if inner.current.len() < at + data.len() {
            inner.current.resize(at + data.len(), 0);
        }
        inner.current[at..at + data.len()].copy_from_slice(data);
        inner.pending.push(Pending::Write(at, data.to_vec()));
        Ok(())
    }
}
