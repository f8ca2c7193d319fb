//! Notes that are nearly the same: candidates by their bands, then compared as sets of shingles.
//!
//! Of notes with the same text one stands for all. Texts of a cluster are read once more to be compared,
//! and held only until their cluster is done.

use super::facts::{Facts, compared, domain};
use super::{HygieneOptions, KeptBecause};
use crate::finding::Spent;
use crate::{Node, NodeError};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::resemblance::{Clusters, Grouping, Member, SAME, Signature, Star};
use std::collections::BTreeMap;

/// Comparisons of one slice, at most.
const SLICE_COMPARISONS: usize = 4_000;
/// Bytes of shingles that are held to compare the texts of one cluster, at most. A larger cluster is
/// compared in parts, and what was not compared is counted.
const HELD_BYTES_MAX: usize = 48 << 20;

/// Notes as they are compared.
pub(super) struct Alike {
    pub(super) facts: Facts,
    /// Texts that are compared: places among the facts, those to be kept before others first.
    order: Vec<u32>,
    signatures: Vec<Signature>,
    /// By the first with a text, the others with the same: places among the facts.
    same: BTreeMap<u32, Vec<u32>>,
    stage: Stage,
    /// Stars of places among the facts.
    stars: Vec<Star>,
    pub(super) not_compared: u64,
}

enum Stage {
    Clustering(Clusters),
    Reading(Cluster),
    Grouping(Grouping, Cluster),
    Done,
}

/// Clusters that are still to come, and one that is read.
struct Cluster {
    clusters: std::vec::IntoIter<Vec<u32>>,
    texts: std::vec::IntoIter<u32>,
    members: Vec<Member>,
    bytes: usize,
}

/// By what notes are kept before others: smaller comes first.
type Preference = (bool, bool, u64, Timestamp, PackId, ItemId);

fn preference(facts: &Facts, at: u32) -> Preference {
    let fact = &facts.all[at as usize];
    let newest = Timestamp::from_millis(u64::MAX - fact.changed_at.as_millis());
    (
        !fact.pinned,
        !fact.referred_to,
        u64::MAX - fact.text_bytes,
        newest,
        fact.pack,
        fact.item,
    )
}

impl Alike {
    pub(super) fn new(mut facts: Facts) -> Alike {
        let mut order: Vec<u32> = (facts.all.iter().zip(0u32..))
            .filter(|(fact, _)| fact.signature.is_some())
            .map(|(_, at)| at)
            .collect();
        order.sort_by_cached_key(|at| preference(&facts, *at));
        let mut firsts: BTreeMap<u64, u32> = BTreeMap::new();
        let mut same: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let (mut signatures, mut compared) = (Vec::new(), Vec::new());
        for at in order {
            let Some(signature) = facts.all[at as usize].signature.take() else {
                continue;
            };
            match firsts.get(&signature.same) {
                Some(first) => same.entry(*first).or_default().push(at),
                None => {
                    firsts.insert(signature.same, at);
                    compared.push(at);
                    signatures.push(*signature);
                }
            }
        }
        Alike {
            stage: Stage::Clustering(Clusters::new(compared.len())),
            facts,
            order: compared,
            signatures,
            same,
            stars: Vec::new(),
            not_compared: 0,
        }
    }

    /// Goes on for one slice. Returns whether everything is compared.
    pub(super) fn go_on(
        &mut self,
        node: &Node,
        options: &HygieneOptions,
    ) -> Result<bool, NodeError> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Clustering(mut clusters) => {
                self.stage = match clusters.go_on(&self.signatures) {
                    false => Stage::Clustering(clusters),
                    true => Stage::Reading(Cluster {
                        clusters: clusters.found().into_iter(),
                        texts: vec![].into_iter(),
                        members: Vec::new(),
                        bytes: 0,
                    }),
                };
            }
            Stage::Reading(cluster) => self.read(node, cluster, options)?,
            Stage::Grouping(mut grouping, cluster) => {
                let mut comparisons = 0;
                while comparisons < SLICE_COMPARISONS {
                    match grouping.go_on() {
                        Some(more) => comparisons += more + 1,
                        None => {
                            let (stars, given_up) = grouping.found();
                            self.stars.extend(stars);
                            self.not_compared += given_up;
                            self.stage = Stage::Reading(cluster);
                            return Ok(false);
                        }
                    }
                }
                self.stage = Stage::Grouping(grouping, cluster);
            }
            Stage::Done => return Ok(true),
        }
        Ok(false)
    }

    /// Reads texts of a cluster until all, or as many as may be held, are here.
    fn read(
        &mut self,
        node: &Node,
        mut cluster: Cluster,
        options: &HygieneOptions,
    ) -> Result<(), NodeError> {
        let mut spent = Spent::default();
        while !spent.is_over() {
            let full = cluster.bytes >= HELD_BYTES_MAX;
            let next = if full { None } else { cluster.texts.next() };
            let Some(text) = next else {
                if cluster.members.len() > 1 {
                    if full && cluster.texts.len() > 0 {
                        // What comes after was not compared with what was read.
                        self.not_compared += cluster.texts.len() as u64;
                    }
                    let members = std::mem::take(&mut cluster.members);
                    cluster.bytes = 0;
                    let grouping = Grouping::new(members, options.similarity);
                    self.stage = Stage::Grouping(grouping, cluster);
                    return Ok(());
                }
                cluster.members.clear();
                cluster.bytes = 0;
                if cluster.texts.len() == 0 {
                    let Some(texts) = cluster.clusters.next() else {
                        return Ok(()); // done
                    };
                    cluster.texts = texts.into_iter();
                }
                continue;
            };
            spent.add_one();
            let fact = &self.facts.all[self.order[text as usize] as usize];
            let note = match node.note_to_read(fact.pack, fact.item) {
                Ok(Some(note)) => note,
                Ok(None) | Err(NodeError::Damaged(_)) => continue, // gone meanwhile
                Err(error) => return Err(error),
            };
            spent.add(&note);
            let shingling = &mut self.facts.shingling;
            let looked = shingling.look(domain(shingling, &note), &compared(&note));
            let Some((shingles, signature)) = looked else {
                continue;
            };
            // What changed since it was looked at first is found the next time.
            if signature != self.signatures[text as usize] {
                continue;
            }
            cluster.bytes += shingles.bytes();
            let text = self.order[text as usize];
            cluster.members.push(Member {
                text,
                signature,
                shingles,
            });
        }
        self.stage = Stage::Reading(cluster);
        Ok(())
    }

    /// The groups, largest first: which note stays, and the others with how alike they are.
    pub(super) fn groups(&mut self) -> Vec<(u32, Vec<(u32, u16)>)> {
        let mut same = std::mem::take(&mut self.same);
        let mut groups = Vec::new();
        for star in std::mem::take(&mut self.stars) {
            let mut others = Vec::new();
            let at = |others: &mut Vec<(u32, u16)>, notes: Option<Vec<u32>>, alike| {
                others.extend(notes.into_iter().flatten().map(|note| (note, alike)));
            };
            at(&mut others, same.remove(&star.middle), SAME);
            for (other, alike) in star.others {
                others.push((other, alike));
                at(&mut others, same.remove(&other), alike);
            }
            groups.push((star.middle, others));
        }
        let rest = same.into_iter();
        groups.extend(rest.map(|(first, notes)| {
            let others = notes.into_iter().map(|note| (note, SAME));
            (first, others.collect())
        }));
        groups.sort_by_cached_key(|(kept, others)| {
            (usize::MAX - others.len(), preference(&self.facts, *kept))
        });
        groups
    }

    /// Why one note is kept and not these.
    pub(super) fn because(&self, kept: u32, others: &[(u32, u16)]) -> KeptBecause {
        let fact = |at: u32| &self.facts.all[at as usize];
        let (kept, others) = (fact(kept), others.iter().map(|(at, _)| fact(*at)));
        let others: Vec<_> = others.collect();
        if kept.pinned && !others.iter().all(|other| other.pinned) {
            KeptBecause::Pinned
        } else if kept.referred_to && !others.iter().all(|other| other.referred_to) {
            KeptBecause::ReferredTo
        } else if others
            .iter()
            .any(|other| other.text_bytes < kept.text_bytes)
        {
            KeptBecause::Longest
        } else if others
            .iter()
            .any(|other| other.changed_at < kept.changed_at)
        {
            KeptBecause::Newest
        } else {
            KeptBecause::Same
        }
    }
}
