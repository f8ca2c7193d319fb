//! What was found, as it is told: totals of everything, and the first notes of each kind.

use super::alike::Alike;
use super::facts::Fact;
use super::reads::Reading;
use super::{
    HygieneAlong, HygieneGroup, HygieneKind, HygieneNote, HygieneOptions, HygieneReport,
    KeptBecause, KindFound, Why, is_past,
};
use crate::finding::Spent;
use crate::pairs::Links;
use crate::{Node, NodeError};
use kitbag_core::hygiene_receipt::HYGIENE_ALONG_MAX;
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::pack::note::Status;
use kitbag_store::StoreError;
use std::collections::BTreeMap;

/// Notes that are being told.
pub(super) struct Rows {
    packs: Vec<PackId>,
    alike: Alike,
    kinds: BTreeMap<HygieneKind, KindFound>,
    /// With their numbers.
    groups: Vec<(usize, HygieneGroup)>,
    groups_total: u64,
    looked_at: u64,
    /// What belongs together in each pack that a row is of.
    links: BTreeMap<PackId, Links>,
    /// What is still to be read.
    rest: std::iter::Peekable<std::vec::IntoIter<Row>>,
}

/// A place among the facts, and where it goes.
struct Row {
    fact: u32,
    why: Why,
    since: Option<Timestamp>,
    to: To,
}

enum To {
    Kind(HygieneKind),
    Kept(usize, KeptBecause),
    Other(usize, u16),
}

impl Rows {
    pub(super) fn new(
        packs: Vec<PackId>,
        now: Timestamp,
        options: &HygieneOptions,
        mut alike: Alike,
    ) -> Rows {
        let mut kinds: BTreeMap<HygieneKind, KindFound> = BTreeMap::new();
        for kind in &options.kinds {
            kinds.insert(*kind, KindFound::default());
        }
        let mut rows = Vec::new();
        let (mut looked_at, mut found) = (0, Vec::new());
        for (fact, at) in alike.facts.all.iter().zip(0u32..) {
            if fact.is_copy || !fact.admitted {
                continue;
            }
            looked_at += 1;
            for kind in &options.kinds {
                if let Some((why, since)) = is_of(*kind, fact, now, options) {
                    found.push((*kind, since, fact.captured_at, at, why));
                }
            }
        }
        // The oldest reason first.
        found.sort_unstable();
        for (kind, since, _, fact, why) in found {
            let of = kinds.entry(kind).or_default();
            of.total += 1;
            of.left += u64::from(alike.facts.all[fact as usize].left(kind).is_some());
            if of.total <= options.limit as u64 {
                let to = To::Kind(kind);
                let since = Some(since);
                rows.push(Row {
                    fact,
                    why,
                    since,
                    to,
                });
            }
        }
        let groups = alike.groups();
        let groups_total = groups.len() as u64;
        let mut listed = 0;
        for (number, (kept, others)) in groups.into_iter().enumerate() {
            let of = kinds.entry(HygieneKind::Duplicate).or_default();
            of.total += others.len() as u64;
            let left = |(at, _): &&(u32, u16)| {
                let other = &alike.facts.all[*at as usize];
                other.left(HygieneKind::Duplicate).is_some()
            };
            of.left += others.iter().filter(left).count() as u64;
            if listed >= options.limit {
                continue;
            }
            rows.push(Row {
                fact: kept,
                why: Why::Kept,
                since: None,
                to: To::Kept(number, alike.because(kept, &others)),
            });
            for (other, similarity) in others.into_iter().take(options.limit - listed) {
                listed += 1;
                rows.push(Row {
                    fact: other,
                    why: Why::NearlyTheSame,
                    since: None,
                    to: To::Other(number, similarity),
                });
            }
        }
        Rows {
            packs,
            alike,
            kinds,
            groups: Vec::new(),
            groups_total,
            looked_at,
            links: BTreeMap::new(),
            rest: rows.into_iter().peekable(),
        }
    }

    /// Reads the notes of one slice. Returns whether none is left.
    pub(super) fn go_on(&mut self, node: &Node) -> Result<bool, NodeError> {
        let mut spent = Spent::default();
        while !spent.is_over() {
            let Some(row) = self.rest.peek() else {
                return Ok(true);
            };
            let fact = &self.alike.facts.all[row.fact as usize];
            let Some(links) = self.links.get(&fact.pack) else {
                let links = node.packs.get(&fact.pack).map(Links::of);
                self.links.insert(fact.pack, links.unwrap_or_default());
                return Ok(false); // one pass over its notes is a slice
            };
            let Some(row) = self.rest.next() else {
                return Ok(true);
            };
            spent.add_one();
            let note = match told(node, fact, &row, links) {
                Ok(note) => note,
                // Gone meanwhile: it is not listed any more.
                Err(NodeError::NotFound(_) | NodeError::Denied(_) | NodeError::Damaged(_)) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            match row.to {
                To::Kind(kind) => self.kinds.entry(kind).or_default().notes.push(note),
                To::Kept(number, because) => {
                    let group = HygieneGroup {
                        kept: note,
                        because,
                        others: vec![],
                    };
                    self.groups.push((number, group));
                }
                To::Other(number, similarity) => {
                    // Nothing if the one that stays is gone: there is no such group any more.
                    if let Some((of, group)) = self.groups.last_mut()
                        && *of == number
                    {
                        group.others.push((note, similarity));
                    }
                }
            }
        }
        Ok(false)
    }

    pub(super) fn report(self, at: Timestamp) -> HygieneReport {
        let facts = self.alike.facts;
        let Reading { since, waiting, .. } = facts.reading;
        let groups = self.groups.into_iter().map(|(_, group)| group);
        HygieneReport {
            at,
            packs: self.packs,
            looked_at: self.looked_at,
            unreadable: facts.unreadable,
            kinds: self.kinds,
            groups: groups.filter(|group| !group.others.is_empty()).collect(),
            groups_total: self.groups_total,
            not_compared: self.alike.not_compared,
            reads_since: since,
            reads_waiting: waiting,
        }
    }
}

/// A note as it is told.
fn told(node: &Node, fact: &Fact, row: &Row, links: &Links) -> Result<HygieneNote, NodeError> {
    let (_, sensitivity, built) = node.read_note(fact.pack, fact.item)?;
    let meta = built.meta();
    // Of one with more the rest is in no plan, and it stays.
    let partners = links.partners(&fact.item).into_iter();
    let mut along = Vec::new();
    for id in partners.take(HYGIENE_ALONG_MAX) {
        let (_, sensitivity, built) = match node.read_note(fact.pack, id) {
            Err(NodeError::NotFound(_) | NodeError::Denied(_)) => continue,
            // Unreadable, it keeps the note where it is once it comes to that.
            Err(NodeError::Damaged(_) | NodeError::Store(StoreError::Damaged { .. })) => continue,
            other => other?,
        };
        if matches!(built.view().status, Status::Archived | Status::Redacted) {
            continue;
        }
        let looked_at = fact.family.iter().find(|(of, _)| *of == id);
        along.push(HygieneAlong {
            id,
            sensitivity,
            version: looked_at.map_or_else(|| built.version(), |(_, version)| *version),
        });
    }
    Ok(HygieneNote {
        pack: fact.pack,
        id: fact.item,
        title: meta.title,
        sensitivity,
        status: meta.status,
        captured_at: fact.captured_at,
        changed_at: fact.changed_at,
        read_at: fact.read_at,
        why: row.why,
        since: row.since,
        along,
        left: match row.to {
            To::Kind(kind) => fact.left(kind),
            To::Other(..) => fact.left(HygieneKind::Duplicate),
            To::Kept(..) => None,
        },
        version: fact.version,
    })
}

/// Whether a note is of a kind, why, and since when.
fn is_of(
    kind: HygieneKind,
    fact: &Fact,
    now: Timestamp,
    options: &HygieneOptions,
) -> Option<(Why, Timestamp)> {
    let is_active = fact.status == Status::Active;
    match kind {
        HygieneKind::Stale => {
            let over = |moment: Option<Timestamp>| moment.filter(|moment| *moment <= now);
            let touched = fact.read_at.unwrap_or_default().max(fact.changed_at);
            if !is_active {
                None
            } else if let Some(at) = over(fact.valid_to) {
                Some((Why::NoLongerValid, at))
            } else if let Some(at) = over(fact.review_after).filter(|at| fact.changed_at < *at) {
                Some((Why::ReviewDue, at))
            } else {
                is_past(touched, options.stale_days, now).then_some((Why::Untouched, touched))
            }
        }
        HygieneKind::NeverRead => {
            let long_here = is_past(fact.added_at, options.unread_days, now);
            let is = is_active && fact.read_at.is_none() && long_here;
            is.then_some((Why::NoReadReported, fact.added_at))
        }
        HygieneKind::Expired => {
            let end = fact.expires_at.filter(|end| *end <= now);
            let in_use = fact.in_use_past_end;
            in_use.then(|| (Why::PastEnd, end.unwrap_or(fact.changed_at)))
        }
        HygieneKind::LongExpired => {
            let (why, since) = match fact.expires_at.filter(|end| *end <= now) {
                Some(end) => (Why::PastEnd, end),
                None if fact.status == Status::Expired => (Why::MarkedExpired, fact.changed_at),
                None => return None,
            };
            is_past(since, options.ended_days, now).then_some((why, since))
        }
        HygieneKind::OverRetained => {
            let days = options.retention_in(&fact.pack)?;
            let at = fact.captured_at;
            is_past(at, days, now).then_some((Why::PastRetention, at))
        }
        HygieneKind::Duplicate => None, // they stand in groups
    }
}
