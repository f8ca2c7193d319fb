//! What changed since an agent was last told, what people did first.
//!
//! For each agent and pack a setting keeps a position: by log the number of the newest entry that the
//! agent was told of. What has a higher number is a change, whenever and by whichever way it came; an
//! object that did not open then is one once it opens. A position that is offered with an answer holds
//! from the moment at which the agent comes back with its cursor, so an answer that got lost is told
//! again. An edit does not say who held the pen: this device remembers which of its own were an agent's.
//! Spec: `docs/spec/mcp.md`, "Changes".

use crate::agent_reads::{AgentAsks, AgentGate};
use crate::objects::ObjectState;
use crate::replica::Replica;
use crate::{Node, NodeError, read_hint};
use kitbag_core::codec;
use kitbag_core::id::{EntryHash, ItemId, LogId, ObjectTag, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use minicbor::{Decode, Encode};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Notes that one answer tells of, at most.
pub const AGENT_CHANGES_MAX: usize = 50;
/// Steps of one note that are told, the newest.
const STEPS_MAX: usize = 8;
/// Changed notes of a pack that are looked at in one call, at most; the newest, by their entries.
const LOOKED_AT_MAX: usize = 256;
/// Positions that are offered and not taken over, at most.
const OFFERED_MAX: usize = 4;
/// Logs of one position, at most: more than a pack can have.
const LOGS_MAX: usize = 8_192;
/// Notes of one position that were told before the rest, at most.
const TOLD_MAX: usize = 4_096;
/// Objects of one position that did not open, at most.
const WAITING_MAX: usize = 4_096;
/// Bytes of what is kept for one agent and pack, at most.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// Edits of agents that this device remembers as theirs, the newest.
const EDITS_MAX: usize = 8_192;
const EDITS: &str = "agent-edits";

/// Names a position that was offered.
pub type Cursor = [u8; 16];

/// A note that changed, as an agent is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentChange {
    /// Its pack.
    pub pack: PackId,
    /// The note.
    pub id: ItemId,
    /// Its title, or the start of its body.
    pub title: String,
    /// The label of its source.
    pub source: String,
    /// note, outcome, ….
    pub note_type: &'static str,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Where it stands in its life.
    pub status: &'static str,
    /// Whether a person did any of it.
    pub by_human: bool,
    /// What was done, the newest last.
    pub steps: Vec<AgentStep>,
    /// Notes that replaced it, as far as the agent may have them.
    pub superseded_by: Vec<ItemId>,
    /// When the newest of it was written, by its author's clock.
    pub at: Timestamp,
}

/// One thing that was done to a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentStep {
    /// added, edited, superseded, deleted, redacted, ….
    pub what: String,
    /// Whose device wrote it, by the name that they told.
    pub by: String,
    /// The agent that wrote it, if it is known that one did.
    pub agent: Option<String>,
    /// When, by their clock.
    pub at: Timestamp,
    /// The fields that it changed.
    pub fields: Vec<&'static str>,
}

/// What changed in the packs of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentChanges {
    /// What people did first, each by its time, the newest first.
    pub changes: Vec<AgentChange>,
    /// Whoever comes back with it was told this.
    pub cursor: Cursor,
    /// Whether there is more.
    pub more: bool,
    /// Changes too old to be told, of a pack in which the agent was told of nothing yet.
    pub older: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Position {
    /// By the beginning of a log's id.
    #[n(0)]
    logs: BTreeMap<u64, u64>,
    /// Objects that did not open.
    #[n(1)]
    waiting: BTreeSet<ObjectTag>,
    /// Of what came after, up to there, notes that were told.
    #[n(2)]
    told: BTreeSet<ItemId>,
    #[n(3)]
    up_to: BTreeMap<u64, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Offered {
    #[n(0)]
    cursor: [u8; 16],
    #[n(1)]
    position: Position,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Kept {
    #[n(0)]
    taken: Option<Position>,
    #[n(1)]
    offered: Vec<Offered>,
}

/// An entry that an agent wrote here.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Penned {
    #[n(0)]
    entry: EntryHash,
    #[n(1)]
    agent: String,
}

/// A note of which something is new, with the entries that are.
struct Changed {
    item: ItemId,
    entries: BTreeSet<EntryHash>,
    /// The highest number among them, to look at the newest first.
    newest: u64,
}

impl Node {
    /// What changed in packs of an agent since it was last told; `packs` are some of its own, all if
    /// absent. With a cursor it takes over what it was told with it.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for a pack that it was not given; [`NodeError::BadInput`] for a cursor that
    /// is not known any more; [`NodeError::Store`].
    pub fn agent_changes(
        &mut self,
        now: Timestamp,
        asks: &AgentAsks,
        packs: Option<Vec<PackId>>,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<AgentChanges, NodeError> {
        let gate = self.agent_gate(now, asks)?;
        let packs = packs.unwrap_or_else(|| gate.packs());
        if packs.iter().any(|pack| !gate.knows(pack)) {
            return Err(NodeError::NotFound("pack"));
        }
        let packs: Vec<PackId> = BTreeSet::from_iter(packs).into_iter().collect();
        let mut kept = Vec::new();
        for pack in &packs {
            kept.push(self.agent_kept(&asks.reach.id, *pack)?);
        }
        let (mut known, mut taken_over) = (cursor.is_none(), false);
        for kept in &mut kept {
            let at = cursor.and_then(|cursor| kept.offered.iter().position(|o| o.cursor == cursor));
            if let Some(at) = at {
                kept.taken = Some(kept.offered.swap_remove(at).position);
                kept.offered.clear();
                (known, taken_over) = (true, true);
            }
        }
        if !known {
            return Err(NodeError::BadInput {
                field: "cursor",
                reason: "is not known any more; leave it out to go on from where you were".into(),
            });
        }
        let mut all = Vec::new();
        let (mut older, mut cut) = (0, BTreeSet::new());
        for (pack, kept) in packs.iter().zip(&kept) {
            let (changes, beyond) =
                self.changes_of_pack(&gate, *pack, kept.taken.as_ref(), &asks.reach.name)?;
            all.extend(changes);
            if beyond > 0 {
                older += beyond;
                cut.insert(*pack);
            }
        }
        all.sort_by_key(|change| (!change.by_human, Reverse(change.at), change.id));
        let limit = limit.clamp(1, AGENT_CHANGES_MAX);
        let more = all.len() > limit;
        let left: BTreeSet<PackId> = all.iter().skip(limit).map(|change| change.pack).collect();
        all.truncate(limit);
        let mut fresh = [0; 16];
        self.rng.fill_bytes(&mut fresh);
        let mut offers = Vec::new();
        for (pack, kept) in packs.iter().zip(&kept) {
            let told = all
                .iter()
                .filter(|change| change.pack == *pack)
                .map(|change| change.id);
            let next = self.next_position(*pack, kept.taken.as_ref(), told, left.contains(pack))?;
            offers.push(next);
        }
        // The same position again needs no new cursor, and nothing to be written.
        let same = |(kept, next): (&Kept, &Position)| {
            let offered = kept.offered.last()?;
            (offered.position == *next).then_some(offered.cursor)
        };
        let mut sames = kept.iter().zip(&offers).map(same);
        let first = sames.next().flatten();
        if !taken_over
            && let Some(cursor) = first
            && sames.all(|same| same == Some(cursor))
        {
            let changes = all;
            return Ok(AgentChanges {
                changes,
                cursor,
                more,
                older,
            });
        }
        let mut rows = Vec::new();
        for ((pack, mut kept), position) in packs.iter().zip(kept).zip(offers) {
            kept.offered.push(Offered {
                cursor: fresh,
                position,
            });
            while kept.offered.len() > OFFERED_MAX || codec::encode(&kept).len() > KEPT_BYTES_MAX {
                if kept.offered.len() == 1 {
                    break; // a pack of more logs than any has
                }
                kept.offered.remove(0);
            }
            rows.push((changes_row(&asks.reach.id, *pack), codec::encode(&kept)));
        }
        let mut batch = self.store.batch(&mut *self.rng)?;
        for (name, value) in &rows {
            batch.put_setting(name, value)?;
        }
        batch.commit()?;
        Ok(AgentChanges {
            changes: all,
            cursor: fresh,
            more,
            older,
        })
    }

    fn agent_kept(&self, agent: &str, pack: PackId) -> Result<Kept, NodeError> {
        // One that does not open is as if nothing had been told: then more is told, not less.
        let bytes = read_hint(&self.store, &changes_row(agent, pack))?;
        let kept = bytes.and_then(|bytes| codec::decode(&bytes, KEPT_BYTES_MAX).ok());
        Ok(kept.unwrap_or_default())
    }

    /// What changed in one pack, and how many notes were too old to be looked at.
    fn changes_of_pack(
        &mut self,
        gate: &AgentGate,
        pack: PackId,
        since: Option<&Position>,
        agent: &str,
    ) -> Result<(Vec<AgentChange>, u64), NodeError> {
        let mut changed = changed_notes(self.packs.need(pack)?, since, gate.up_to(&pack));
        changed.sort_by_key(|of| Reverse(of.newest));
        let beyond = changed.len().saturating_sub(LOOKED_AT_MAX) as u64;
        changed.truncate(LOOKED_AT_MAX);
        let penned = self.penned()?;
        let mut changes = Vec::new();
        for of in changed {
            if let Some(change) = self.agent_change(gate, pack, &of, &penned, agent)? {
                changes.push(change);
            }
        }
        Ok((changes, beyond))
    }

    fn agent_change(
        &mut self,
        gate: &AgentGate,
        pack: PackId,
        of: &Changed,
        penned: &BTreeMap<EntryHash, String>,
        agent: &str,
    ) -> Result<Option<AgentChange>, NodeError> {
        let Some(note) = self.agent_look(pack, of.item)? else {
            return Ok(None);
        };
        let is_deleted = note.view.status.is_deleted();
        // That a note which it could have had is gone is something to be told; what it said is not.
        let mut kept = note;
        if is_deleted {
            kept.view.status = kitbag_core::pack::note::Status::Active;
        }
        if !gate.lets(self, &kept) {
            return Ok(None);
        }
        let history = match self.history(pack, of.item) {
            Err(NodeError::Damaged(_)) => return Ok(None),
            other => other?,
        };
        let steps = kept.built.history();
        let by_agent = |entry: &EntryHash, what: &str| {
            let produced = kept.built.record.produced_by.as_ref();
            let produced = produced.and_then(|by| by.agent.clone());
            penned
                .get(entry)
                .cloned()
                .or(produced.filter(|_| what == "added"))
        };
        let mut told: Vec<AgentStep> = Vec::new();
        for (step, revision) in steps.iter().zip(history) {
            if of.entries.contains(&step.entry) {
                told.push(AgentStep {
                    agent: by_agent(&step.entry, &revision.what),
                    what: revision.what,
                    by: revision.by,
                    at: revision.at,
                    fields: revision.changes.iter().map(|change| change.field).collect(),
                });
            }
        }
        // What it did itself it knows.
        told.retain(|step| step.agent.as_deref() != Some(agent));
        let Some(at) = told.iter().map(|step| step.at).max() else {
            return Ok(None);
        };
        told.drain(..told.len().saturating_sub(STEPS_MAX));
        let meta = kept.built.meta();
        let mut superseded_by = Vec::new();
        for id in &meta.superseded_by {
            if self.agent_knows(gate, id)? {
                superseded_by.push(*id);
            }
        }
        Ok(Some(AgentChange {
            pack,
            id: of.item,
            title: if is_deleted {
                String::new()
            } else {
                meta.title
            },
            source: meta.source,
            note_type: kept.built.note_type(&kept.view).as_str(),
            sensitivity: kept.sensitivity,
            status: meta.status,
            by_human: told.iter().any(|step| step.agent.is_none()),
            steps: told,
            superseded_by,
            at,
        }))
    }

    /// Where an agent stands once it was told of some notes, and of all others unless some are left.
    fn next_position(
        &self,
        pack: PackId,
        since: Option<&Position>,
        told: impl Iterator<Item = ItemId>,
        some_left: bool,
    ) -> Result<Position, NodeError> {
        let replica = self.packs.need(pack)?;
        let mut logs = BTreeMap::new();
        for place in replica.places.values() {
            let newest = logs.entry(short(&place.log)).or_insert(0);
            *newest = place.seq.max(*newest);
        }
        while logs.len() > LOGS_MAX {
            logs.pop_last();
        }
        if some_left {
            let mut position = since.cloned().unwrap_or_default();
            if position.up_to != logs {
                // What was told before and changed since is told again.
                let before = std::mem::replace(&mut position.up_to, logs);
                let again = changed_after(replica, &before);
                position.told.retain(|item| !again.contains(item));
            }
            position.told.extend(told);
            if position.told.len() <= TOLD_MAX {
                return Ok(position);
            }
            logs = position.up_to;
        }
        let waiting = replica.objects.iter().filter_map(|(tag, object)| {
            matches!(object.state, ObjectState::Waiting).then_some(*tag)
        });
        Ok(Position {
            logs,
            waiting: waiting.take(WAITING_MAX).collect(),
            ..Position::default()
        })
    }

    fn penned(&self) -> Result<BTreeMap<EntryHash, String>, NodeError> {
        let penned = self.penned_list()?.into_iter();
        Ok(penned.map(|of| (of.entry, of.agent)).collect())
    }

    fn penned_list(&self) -> Result<Vec<Penned>, NodeError> {
        let bytes = read_hint(&self.store, EDITS)?;
        let list = bytes.and_then(|bytes| codec::decode(&bytes, KEPT_BYTES_MAX).ok());
        Ok(list.unwrap_or_default())
    }

    /// Remembers that the newest edit of this person in each of these notes was an agent's.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn remember_agent_edits(
        &mut self,
        agent: &str,
        notes: &[(PackId, ItemId)],
    ) -> Result<(), NodeError> {
        let mut list = self.penned_list()?;
        for (pack, item) in notes {
            let (_, _, built) = self.built_note(*pack, *item)?;
            let me = Some(self.me.person());
            let own = built.history().into_iter().rev().find(|step| step.by == me);
            if let Some(step) = own {
                list.push(Penned {
                    entry: step.entry,
                    agent: agent.to_owned(),
                });
            }
        }
        let surplus = list.len().saturating_sub(EDITS_MAX);
        list.drain(..surplus);
        while codec::encode(&list).len() > KEPT_BYTES_MAX {
            list.drain(..list.len() / 2);
        }
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(EDITS, &codec::encode(&list))?;
        Ok(batch.commit()?)
    }
}

/// The notes of a pack of which something came after a position, up to a sensitivity.
fn changed_notes(
    replica: &Replica,
    since: Option<&Position>,
    up_to: Option<Sensitivity>,
) -> Vec<Changed> {
    let nothing = Position::default();
    let since = since.unwrap_or(&nothing);
    let mut found: BTreeMap<ItemId, Changed> = BTreeMap::new();
    let mut beyond = BTreeSet::new();
    for (hash, place) in &replica.places {
        let Some(tag) = place.object else { continue };
        let log = short(&place.log);
        let is_new = since.logs.get(&log).is_none_or(|seen| place.seq > *seen)
            || since.waiting.contains(&tag);
        if !is_new {
            continue;
        }
        let Some(item) = item_of(replica, &tag, up_to) else {
            continue;
        };
        let changed = found.entry(item).or_insert_with(|| Changed {
            item,
            entries: BTreeSet::new(),
            newest: 0,
        });
        changed.entries.insert(*hash);
        changed.newest = changed.newest.max(place.seq);
        if since.up_to.get(&log).is_none_or(|up_to| place.seq > *up_to) {
            beyond.insert(item);
        }
    }
    let left = found.into_values();
    left.filter(|of| !since.told.contains(&of.item) || beyond.contains(&of.item))
        .collect()
}

/// The notes that have an entry beyond these numbers.
fn changed_after(replica: &Replica, logs: &BTreeMap<u64, u64>) -> BTreeSet<ItemId> {
    let places = replica.places.values();
    let after = places.filter(|place| {
        let seen = logs.get(&short(&place.log));
        seen.is_none_or(|seen| place.seq > *seen)
    });
    after
        .filter_map(|place| item_of(replica, &place.object?, Some(Sensitivity::Restricted)))
        .collect()
}

/// The note that an object is, or was before it moved, if it stands no higher than this now.
fn item_of(replica: &Replica, tag: &ObjectTag, up_to: Option<Sensitivity>) -> Option<ItemId> {
    let object = replica.objects.get(tag)?;
    let item = match &object.state {
        ObjectState::Note(meta) => meta.item,
        ObjectState::Left => replica.placements.item(tag)?,
        _ => return None,
    };
    let (_, sensitivity) = replica.meta(&item)?;
    (Some(sensitivity) <= up_to).then_some(item)
}

fn short(log: &LogId) -> u64 {
    let bytes = log.as_bytes();
    u64::from_be_bytes(bytes[..8].try_into().expect("an id has more bytes"))
}

fn changes_row(agent: &str, pack: PackId) -> String {
    format!("agent-changes/{agent}/{pack}")
}
