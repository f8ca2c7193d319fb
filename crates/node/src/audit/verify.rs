//! Verifying what devices reported: every log of a pack from disk, as if a peer had just sent it.
//!
//! Each log is read again entry by entry, between one signed head that is kept and the next, and goes
//! through the same check as what comes from a peer: each header names the one before it by hash, each
//! body has the hash that its header says, and the head is signed by the log's device. What that
//! proves: nothing in between was changed, left out or put in by anybody but the device itself. What it
//! cannot prove: that the device told everything.
//!
//! It goes from one signed head to the next in slices, so that the device does its other work between.

use super::log::last_of;
use super::{Node, NodeError};
use crate::explain::Named;
use crate::finding::Spent;
use crate::logs::Branch;
use crate::objects::{epoch_key, open_body};
use crate::replica::{Place, Replica};
use kitbag_core::codec;
use kitbag_core::content::report::Report;
use kitbag_core::content::{
    EntryBody, LogOpening, LogPosition, Run, SignedHead, VerifiedEntry, VerifiedRun,
};
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
        let mut verifying = self.begin_verify_audit(now, pack)?;
        loop {
            if let Some(verified) = self.verify_audit_on(&mut verifying)? {
                return Ok(verified);
            }
        }
    }

    /// Begins to verify the logs of a pack. Logs that come in afterwards are not verified.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn begin_verify_audit(
        &mut self,
        now: Timestamp,
        pack: PackId,
    ) -> Result<VerifyingAudit, NodeError> {
        self.packs.need(pack)?;
        self.write_to_look(now)?;
        let replica = self.packs.need(pack)?;
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
        let mut branches = vec![];
        for (id, log) in &replica.logs {
            if let Some(of) = devices.get_mut(&log.opening.device) {
                of.logs += 1;
                of.forked |= log.is_forked();
            }
            branches.extend(log.branches.iter().map(|branch| (*id, branch.number)));
        }
        Ok(VerifyingAudit {
            pack,
            devices,
            branches: branches.into_iter(),
            under_way: None,
        })
    }

    /// Verifies the next entries; what was found, once none is left.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn verify_audit_on(
        &self,
        verifying: &mut VerifyingAudit,
    ) -> Result<Option<AuditVerified>, NodeError> {
        let replica = self.packs.need(verifying.pack)?;
        let mut spent = Spent::default();
        while !spent.is_over() {
            let mut at = match verifying.under_way.take() {
                Some(at) => at,
                None => match verifying.branches.next() {
                    Some((log, number)) => BranchAt::new(log, number),
                    None => return self.verified(verifying).map(Some),
                },
            };
            spent.add_one();
            let Some(log) = replica.logs.get(&at.log) else {
                continue;
            };
            let branch = log
                .branches
                .iter()
                .find(|branch| branch.number == at.number);
            let of = verifying.devices.get_mut(&log.opening.device);
            let (Some(branch), Some(of)) = (branch, of) else {
                continue;
            };
            match self.verify_next(replica, &log.opening, branch, &mut at, of, &mut spent)? {
                Next::Run => verifying.under_way = Some(at),
                Next::End => {}
                Next::Broken(seq, reason) => of.broken.push(BrokenLog {
                    log: at.log,
                    sensitivity: log.opening.sensitivity,
                    seq,
                    reason,
                }),
            }
        }
        Ok(None)
    }

    fn verified(&self, verifying: &mut VerifyingAudit) -> Result<AuditVerified, NodeError> {
        let replica = self.packs.need(verifying.pack)?;
        let (own_rows, own_broken) = self.verify_own()?;
        let levels = Sensitivity::ALL.into_iter();
        Ok(AuditVerified {
            devices: std::mem::take(&mut verifying.devices)
                .into_values()
                .collect(),
            not_readable: levels
                .filter(|level| !self.may_see_reports(replica, *level))
                .collect(),
            own_rows,
            own_broken,
        })
    }

    /// Whether this person may see reports at a sensitivity. Who is no member any more sees what they
    /// could until then.
    pub(super) fn may_see_reports(&self, replica: &Replica, level: Sensitivity) -> bool {
        replica.policy.may_see(&self.me.person(), level)
    }

    /// Verifies the entries up to the next signed end of a branch.
    fn verify_next(
        &self,
        replica: &Replica,
        opening: &LogOpening,
        branch: &Branch,
        at: &mut BranchAt,
        of: &mut VerifiedDevice,
        spent: &mut Spent,
    ) -> Result<Next, NodeError> {
        let first = at.next.unwrap_or(branch.start());
        if at.heads.as_slice().is_empty() {
            if at.next.is_some() && first >= branch.next_seq() {
                return Ok(Next::End);
            }
            // From disk: what is in memory was verified when it came, and is not in question. While it
            // was verified more may have come.
            let heads = match self.store.heads(branch.number) {
                Ok(heads) => heads,
                Err(StoreError::Damaged { .. }) => {
                    return Ok(Next::Broken(first, "its signed ends do not open".into()));
                }
                Err(error) => return Err(error.into()),
            };
            let mut heads: Vec<SignedHead> = heads;
            heads.retain(|head| at.next.is_none() || head.position.seq >= first);
            at.heads = heads.into_iter();
        }
        let Some(head) = at.heads.next() else {
            return Ok(match first < branch.next_seq() {
                true => Next::Broken(first, "no signed end covers it".into()),
                false => Next::End,
            });
        };
        let mut entries = Vec::new();
        for seq in first..=head.position.seq {
            match self.store.entry(branch.number, seq) {
                Ok(Some(entry)) => entries.push(entry.raw().clone()),
                Ok(None) => return Ok(Next::Broken(seq, "it is not there".into())),
                Err(StoreError::Damaged { .. }) => {
                    return Ok(Next::Broken(seq, "it does not open from disk".into()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let run = Run {
            opening: codec::encode(opening),
            entries,
            head: head.clone(),
        };
        // What comes before is what was just verified, or where the branch begins.
        let continues = |before: &LogPosition| match at.verified {
            Some(verified) => *before == verified,
            None => {
                before.seq + 1 == first && before.seq < branch.start() && replica.has_entry(before)
            }
        };
        let run = match VerifiedRun::verify(run, continues) {
            Ok(Some(run)) => run,
            Ok(None) => return Ok(Next::Broken(first, "a signed end covers nothing".into())),
            Err(refused) => return Ok(Next::Broken(first, refused.to_string())),
        };
        let may_see = self.may_see_reports(replica, opening.sensitivity);
        for entry in run.entries() {
            of.entries += 1;
            spent.add_one();
            spent.add_bytes(entry.raw().size());
            let place = replica.places.get(&entry.hash());
            let Some(place) =
                place.filter(|place| (place.log, place.seq) == (at.log, entry.header().seq))
            else {
                let reason = "it is another than was taken in";
                return Ok(Next::Broken(entry.header().seq, reason.into()));
            };
            if place.is_report && may_see {
                count_reports(replica, place, entry, of);
            }
        }
        at.next = Some(head.position.seq + 1);
        at.verified = Some(head.position);
        Ok(Next::Run)
    }
}

/// Counts the reports of an entry that this person may read.
fn count_reports(replica: &Replica, place: &Place, entry: &VerifiedEntry, of: &mut VerifiedDevice) {
    let body = epoch_key(replica, place).and_then(|key| {
        let tag = entry.header().object?;
        open_body(entry, &ItemKey::absent(tag.as_bytes()), key)
    });
    let Some(EntryBody::Reports(reports)) = body else {
        of.closed += 1;
        return;
    };
    for report in reports.iter() {
        of.reports += 1;
        if let Ok(report) = Report::from_bytes(report) {
            of.last = of.last.max(Some(last_of(&report)));
        }
    }
}

/// Verifying that is under way.
#[derive(Debug)]
pub struct VerifyingAudit {
    pack: PackId,
    devices: BTreeMap<DeviceId, VerifiedDevice>,
    /// Branches of logs that were not begun yet.
    branches: std::vec::IntoIter<(LogId, u32)>,
    under_way: Option<BranchAt>,
}

/// How far a branch was verified.
#[derive(Debug)]
struct BranchAt {
    log: LogId,
    number: u32,
    /// Signed ends that come.
    heads: std::vec::IntoIter<SignedHead>,
    /// The first entry that was not verified; none before the first.
    next: Option<u64>,
    verified: Option<LogPosition>,
}

impl BranchAt {
    fn new(log: LogId, number: u32) -> BranchAt {
        BranchAt {
            log,
            number,
            heads: vec![].into_iter(),
            next: None,
            verified: None,
        }
    }
}

/// What came of the next entries of a branch.
enum Next {
    /// They hold.
    Run,
    /// There are none.
    End,
    /// From this one on nothing is proven.
    Broken(u64, String),
}
