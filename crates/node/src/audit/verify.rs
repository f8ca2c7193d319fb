//! Verifying what devices reported: every log of a pack from disk, as if a peer had just sent it.
//!
//! Each log is read again entry by entry, between one signed head that is kept and the next, and goes
//! through the same check as what comes from a peer: each header names the one before it by hash, each
//! body has the hash that its header says, and the head is signed by the log's device. What that
//! proves: nothing in between was changed, left out or put in by anybody but the device itself. What it
//! cannot prove: that the device told everything.

use super::{Node, NodeError};
use crate::explain::Named;
use crate::logs::Branch;
use crate::objects::{epoch_key, open_body};
use crate::replica::Replica;
use kitbag_core::codec;
use kitbag_core::content::report::Report;
use kitbag_core::content::{EntryBody, LogOpening, LogPosition, Run, VerifiedRun};
use kitbag_core::id::{DeviceId, LogId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::ItemKey;
use kitbag_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerified {
    /// Devices that may, or might once, report here; each once.
    pub devices: Vec<VerifiedDevice>,
    /// Sensitivities that this person does not open: what is reported there is not here.
    pub not_readable: Vec<Sensitivity>,
    /// Rows of this device's own list.
    pub own_rows: u64,
    /// The first row of it that does not hold, and why.
    pub own_broken: Option<(u64, &'static str)>,
}

impl AuditVerified {
    /// Whether everything that is here holds.
    pub fn holds(&self) -> bool {
        self.own_broken.is_none() && self.devices.iter().all(|device| device.broken.is_empty())
    }
}

/// What is here of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedDevice {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub by: Option<Named>,
    /// What it calls itself.
    pub device_name: Option<String>,
    /// Whether its person is a member now.
    pub is_member: bool,
    /// Its logs that are here.
    pub logs: u64,
    /// Entries that were verified.
    pub entries: u64,
    /// Reports in them that open here.
    pub reports: u64,
    /// Entries with reports that do not open here, for want of a key or because they hold none.
    pub closed: u64,
    /// When the newest of its reports was made, by its clock.
    pub last: Option<Timestamp>,
    /// Whether one of its logs has two histories.
    pub forked: bool,
    /// Where logs do not hold; the first place of each.
    pub broken: Vec<BrokenLog>,
}

/// A log that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLog {
    /// The log.
    pub log: LogId,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// The entry from which on nothing is proven.
    pub seq: u64,
    /// What is wrong there.
    pub reason: String,
}

impl Node {
    /// Verifies, from disk, every log of a pack that is here, and this device's own list.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn verify_audit(
        &mut self,
        now: Timestamp,
        pack: PackId,
    ) -> Result<AuditVerified, NodeError> {
        self.packs.need(pack)?;
        self.write_reports(now, true)?;
        let replica = self.packs.need(pack)?;
        let me = self.me.person();
        let is_member = replica.policy.member(&me).is_some();
        let mut devices: BTreeMap<DeviceId, VerifiedDevice> = BTreeMap::new();
        let members = replica.policy.members().map(|member| member.device);
        let writers = replica.logs.values().map(|log| log.opening.device);
        let known: BTreeSet<DeviceId> = members.chain(writers).collect();
        for device in known {
            let person = replica.policy.person_of_device(&device);
            let profile = replica.profiles.get(&device);
            let of = VerifiedDevice {
                device,
                by: person.map(|person| self.named(replica, person)),
                device_name: profile.map(|profile| profile.device_name.clone()),
                is_member: person.is_some_and(|person| replica.policy.member(&person).is_some()),
                logs: 0,
                entries: 0,
                reports: 0,
                closed: 0,
                last: None,
                forked: false,
                broken: vec![],
            };
            devices.insert(device, of);
        }
        for (id, log) in &replica.logs {
            let Some(of) = devices.get_mut(&log.opening.device) else {
                continue;
            };
            of.logs += 1;
            of.forked |= log.is_forked();
            for branch in &log.branches {
                if let Some((seq, reason)) =
                    self.verify_branch(replica, &log.opening, branch, of)?
                {
                    of.broken.push(BrokenLog {
                        log: *id,
                        sensitivity: log.opening.sensitivity,
                        seq,
                        reason,
                    });
                }
            }
        }
        let (own_rows, own_broken) = self.verify_own()?;
        let levels = Sensitivity::ALL.into_iter();
        Ok(AuditVerified {
            devices: devices.into_values().collect(),
            not_readable: levels
                .filter(|level| is_member && !replica.policy.may_open(&me, *level))
                .collect(),
            own_rows,
            own_broken,
        })
    }

    /// Verifies one branch; the first place where it does not hold, and why.
    fn verify_branch(
        &self,
        replica: &Replica,
        opening: &LogOpening,
        branch: &Branch,
        of: &mut VerifiedDevice,
    ) -> Result<Option<(u64, String)>, NodeError> {
        let log = opening.log_id();
        let bytes = codec::encode(opening);
        // From disk: what is in memory was verified when it came, and is not in question.
        let heads = match self.store.heads(branch.number) {
            Ok(heads) => heads,
            Err(StoreError::Damaged { .. }) => {
                return Ok(Some((branch.start(), "its signed ends do not open".into())));
            }
            Err(error) => return Err(error.into()),
        };
        let mut next = branch.start();
        let mut verified: Option<LogPosition> = None;
        for head in heads {
            let mut entries = Vec::new();
            for seq in next..=head.position.seq {
                match self.store.entry(branch.number, seq) {
                    Ok(Some(entry)) => entries.push(entry.raw().clone()),
                    Ok(None) => return Ok(Some((seq, "it is not there".into()))),
                    Err(StoreError::Damaged { .. }) => {
                        return Ok(Some((seq, "it does not open from disk".into())));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            let run = Run {
                opening: bytes.clone(),
                entries,
                head: head.clone(),
            };
            let first = next;
            // What comes before is what was just verified, or where the branch begins.
            let continues = |at: &LogPosition| match verified {
                Some(before) => *at == before,
                None => at.seq + 1 == first && at.seq < branch.start() && replica.has_entry(at),
            };
            let run = match VerifiedRun::verify(run, continues) {
                Ok(Some(run)) => run,
                Ok(None) => return Ok(Some((first, "a signed end covers nothing".into()))),
                Err(refused) => return Ok(Some((first, refused.to_string()))),
            };
            for entry in run.entries() {
                of.entries += 1;
                let place = replica.places.get(&entry.hash());
                let Some(place) =
                    place.filter(|place| (place.log, place.seq) == (log, entry.header().seq))
                else {
                    return Ok(Some((
                        entry.header().seq,
                        "it is another than was taken in".into(),
                    )));
                };
                if !place.is_report {
                    continue;
                }
                let body = epoch_key(replica, place).and_then(|key| {
                    let tag = entry.header().object?;
                    open_body(entry, &ItemKey::absent(tag.as_bytes()), key)
                });
                let Some(EntryBody::Reports(reports)) = body else {
                    of.closed += 1;
                    continue;
                };
                for report in reports.iter() {
                    of.reports += 1;
                    if let Ok(report) = Report::from_bytes(report) {
                        of.last = of.last.max(Some(report.until()));
                    }
                }
            }
            next = head.position.seq + 1;
            verified = Some(head.position);
        }
        if next < branch.next_seq() {
            return Ok(Some((next, "no signed end covers it".into())));
        }
        Ok(None)
    }
}
