//! Core over store, without a runtime: the device as one state machine.
//!
//! A [`Node`] owns the database and everything derived from it. It takes calls and frames, and gives
//! back answers and [`Output`]s; the shell around it (or the simulator) owns clocks, sockets and
//! threads. The order is always the same: verify, persist, apply, then send and notify. A call that
//! fails has changed nothing; after a failed commit the node refuses everything until it is opened
//! again.

#[cfg(test)]
mod after_removal;
pub mod agent_changes;
pub mod agent_keys;
pub mod agent_reads;
pub mod agents;
mod applying;
pub mod archive;
mod aside;
mod asking;
mod asleep;
pub mod audit;
mod authority;
pub mod capturing;
pub mod carrying;
pub mod check;
mod deriving;
mod epochs;
mod error;
pub mod explain;
pub mod finding;
pub mod handoffs;
mod history;
#[cfg(test)]
#[path = "tests/hostile_changes.rs"]
mod hostile_changes;
#[cfg(test)]
mod hostile_entries;
#[cfg(test)]
mod hostile_moves;
#[cfg(test)]
mod hostile_parts;
pub mod hygiene;
mod identity;
mod indexing;
mod intake;
mod invites;
mod joining;
mod links;
mod logs;
pub mod long_text;
pub mod made_from;
mod membership;
mod merged;
mod naming;
mod notes;
mod objects;
mod packs;
mod pairs;
mod pens;
mod placement;
pub mod receipts;
pub mod receiving;
mod relabel;
pub mod release;
mod replica;
pub mod selections;
mod serve;
mod sessions;
mod stated_elsewhere;
pub mod superseding;
mod taking_over;
mod telling;
mod twins;
pub mod undo;
pub mod view;
mod waiting;
pub mod why;
mod write;

pub use error::{Denied, NodeError};
pub use indexing::{IndexMerge, IndexMerged, IndexMeters, IndexStep};
pub use joining::{JoinDraft, JoinOutcome, JoinPlan};
pub use links::{CloseReason, LinkId, Notice, Output, Taken};
pub use sessions::needs_sessions;

use asleep::{Kept, Packs, Summary};
use deriving::{BuiltNotes, Deriving};
use identity::{Identity, Life};
use kitbag_core::content::VerifiedRun;
use kitbag_core::id::{EndpointId, Incarnation, PackId, PersonId, Timestamp};
use kitbag_core::{codec, content};
use kitbag_crypto::{CryptoRng, Hash};
use kitbag_store::{LogRow, PackRow, Store, StoreError};
use links::Link;
use logs::{Placed, place_runs};
use objects::Quarantine;
use replica::{Replica, Staged, Touched};
use std::collections::{BTreeMap, BTreeSet};
use view::Me;

/// Notes whose documents are kept open, at most.
const BUILT_MAX: usize = 64;
/// What packs that are awake may take together, in bytes, unless somebody says otherwise.
const AWAKE_BYTES_MAX: usize = 16 << 20;

/// One device.
pub struct Node {
    store: Store,
    rng: Box<dyn CryptoRng + Send>,
    me: Identity,
    life: Life,
    packs: Packs,
    awake_bytes_max: usize,
    next_pack: u32,
    next_log: u32,
    built: BuiltNotes,
    links: BTreeMap<LinkId, Link>,
    said: links::Said,
    joining: BTreeMap<PackId, BTreeSet<EndpointId>>,
    asking: asking::Asking,
    waiting: Vec<waiting::WaitingJoin>,
    selections: selections::Rows,
    archived: BTreeSet<PackId>,
    agents: agents::Agents,
    session_guard: Option<kitbag_core::session::SessionGuard>,
    audit: audit::Audit,
    /// Lists that could not be read when this was opened.
    damaged: Vec<&'static str>,
    changed: BTreeSet<PackId>,
    /// Packs that were written to and not looked after since.
    unsettled: BTreeSet<PackId>,
    addresses: Vec<String>,
    relay: Option<String>,
    /// What everybody was told about this device since it was opened, or was tried to be told.
    went_round: Option<Hash>,
    synced: BTreeMap<EndpointId, Timestamp>,
    seen: BTreeMap<(EndpointId, PackId), BTreeMap<kitbag_core::id::LogId, u64>>,
    /// The search index.
    indexing: indexing::Indexing,
    /// When the last go of hygiene began: no two have one moment.
    hygiene_begun: Option<Timestamp>,
    /// Keys that a peer was asked for and did not give, until it has news.
    not_given: BTreeMap<(EndpointId, PackId), BTreeSet<kitbag_core::id::EpochId>>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("packs", &self.packs.len())
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// Whether this database has a person and a device already.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn is_initialised(store: &Store) -> Result<bool, NodeError> {
        Ok(store.setting(IDENTITY)?.is_some())
    }

    /// Checks the names of a person and a device before anything is made.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for a name that is empty, too long, or not one line.
    pub fn check_names(name: &str, device_name: &str) -> Result<(), NodeError> {
        check_name("name", name)?;
        check_name("device name", device_name)
    }

    /// Makes the person and device of a new database. Does nothing if there is one.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for a name that is empty or too long, or [`NodeError::Store`].
    pub fn initialise(
        store: &mut Store,
        name: &str,
        device_name: &str,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), NodeError> {
        if Node::is_initialised(store)? {
            return Ok(());
        }
        Node::check_names(name, device_name)?;
        let identity = Identity::generate(name.into(), device_name.into(), rng);
        let mut batch = store.batch(rng)?;
        batch.put_setting(IDENTITY, &identity.encode())?;
        Ok(batch.commit()?)
    }

    /// Opens the device that a database holds.
    ///
    /// `outside` is the token that the last start left outside the database, and `keep_outside` puts
    /// the new one there, durably, before it is written inside.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] if the database was never initialised; [`NodeError::Store`] and
    /// [`NodeError::Damaged`] by cause; the error of `keep_outside`.
    pub fn open(
        mut store: Store,
        mut rng: Box<dyn CryptoRng + Send>,
        outside: Option<Incarnation>,
        keep_outside: impl FnOnce(Incarnation) -> std::io::Result<()>,
    ) -> Result<Node, NodeError> {
        let me = store
            .setting(IDENTITY)?
            .ok_or(NodeError::NotFound("identity"))?;
        let me = Identity::decode(&me)?;
        let life = store
            .setting(LIFE)?
            .map(|bytes| codec::decode::<Life>(&bytes, SETTING_BYTES_MAX));
        let life = life
            .transpose()
            .map_err(|_| NodeError::Damaged("incarnation"))?;
        let before = life.as_ref().map(|life| life.token);
        let life = Life::next(life, outside, &mut *rng);
        let kept = read_hint(&store, ASLEEP)?
            .and_then(|bytes| codec::decode::<Kept>(&bytes, SETTING_BYTES_MAX).ok())
            .filter(|kept| Some(kept.token) == before);
        let opened = Packs::open(store.reader(), me.person(), me.endpoint_id(), kept)?;
        keep_outside(life.token).map_err(|error| NodeError::BadInput {
            field: "home",
            reason: error.to_string(),
        })?;
        let index_is_known = indexing::is_of_life(&store, before)?;
        let mut batch = store.batch(&mut *rng)?;
        batch.put_setting(LIFE, &codec::encode(&life))?;
        indexing::keep_life(&mut batch, life.token)?;
        if let Some(kept) = kept.filter(|_| opened.is_whole) {
            let kept = Kept {
                token: life.token,
                ..kept
            };
            batch.put_setting(ASLEEP, &codec::encode(&kept))?;
        }
        batch.commit()?;
        let mut damaged = Vec::new();
        let joining = read_list(&store, JOINING, "list of packs being joined", &mut damaged)?;
        let asking = asking::Asking::load(&store, &mut damaged)?;
        let waiting = waiting::load(&store, &mut damaged)?;
        let selections = selections::load(&store, &mut damaged)?;
        let archived = archive::load(&store, &mut damaged)?;
        let agents = agents::load(&store, &mut damaged)?;
        let session_guard = sessions::load(&store, &mut damaged)?;
        let audit = audit::Audit::load(&store, &mut damaged)?;
        hygiene::check_lists(&store, &opened.packs.ids(), &mut damaged)?;
        let mut node = Node {
            store,
            rng,
            me,
            life,
            packs: opened.packs,
            awake_bytes_max: AWAKE_BYTES_MAX,
            next_pack: opened.numbers.next_pack,
            next_log: opened.numbers.next_log,
            built: BuiltNotes::with_room(BUILT_MAX),
            links: BTreeMap::new(),
            said: Default::default(),
            joining,
            asking,
            waiting,
            selections,
            archived,
            agents,
            session_guard,
            audit,
            changed: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            addresses: Vec::new(),
            relay: None,
            went_round: None,
            synced: BTreeMap::new(),
            seen: BTreeMap::new(),
            not_given: BTreeMap::new(),
            indexing: indexing::Indexing::default(),
            hygiene_begun: None,
            damaged,
        };
        node.catch_up()?;
        node.find_index(index_is_known)?;
        Ok(node)
    }

    /// Writes new logs from now on: another copy of this device, or an older state of it, was seen to
    /// write in the old ones.
    pub(crate) fn begin_incarnation(&mut self) -> Result<(), NodeError> {
        let mut bytes = [0u8; 16];
        self.rng.fill_bytes(&mut bytes);
        let life = Life {
            incarnation: Incarnation::from_bytes(bytes),
            ..self.life
        };
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(LIFE, &codec::encode(&life))?;
        batch.commit()?;
        self.life = life;
        Ok(())
    }

    /// This device and its person.
    pub fn me(&self) -> Me {
        Me {
            person: self.me.person(),
            device: self.me.device(),
            name: self.me.name.clone(),
            device_name: self.me.device_name.clone(),
            endpoint: *self.me.endpoint_id().as_bytes(),
        }
    }

    /// Lists of this device alone that could not be read when it was opened. What stood in them is
    /// forgotten, and everything else goes on.
    pub fn damaged(&self) -> &[&'static str] {
        &self.damaged
    }

    /// Whether the database refuses every further write until it is opened again.
    pub fn has_failed(&self) -> bool {
        self.store.is_poisoned()
    }

    /// Refuses every further write until the database is opened again: for whoever saw it fail, be it
    /// before a commit or while reading.
    pub fn refuse_writes(&mut self) {
        self.store.poison();
    }

    /// The seed of the transport key, for the transport.
    ///
    /// # Security
    /// Whoever has it can appear as this device on the network.
    pub fn danger_endpoint_seed(&self) -> [u8; 32] {
        self.me.endpoint.danger_seed()
    }

    /// Sums up every pack that has no summary, one after the other, without keeping it in memory.
    fn catch_up(&mut self) -> Result<(), NodeError> {
        for pack in self.packs.without_summary() {
            self.unsettled.insert(pack);
            self.packs.summary(&pack);
            self.packs.take_failure()?;
            self.rest()?;
        }
        Ok(())
    }

    /// Lets packs that nobody looked at for longest fall asleep, until those that are awake take no more
    /// memory than they may. To be called whenever there is nothing else to do.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn rest(&mut self) -> Result<(), NodeError> {
        if !self.packs.take_restless() {
            return Ok(());
        }
        let mut weight = self.packs.weight();
        if weight <= self.awake_bytes_max {
            return Ok(());
        }
        let tired = match self.awake_bytes_max {
            0 => self.packs.awake(),
            _ => self.packs.tired(),
        };
        for pack in tired {
            if weight <= self.awake_bytes_max {
                break;
            }
            let of = self.packs.weight_of(&pack);
            self.note_calm(pack)?;
            self.packs.put_to_sleep(&pack);
            if self.packs.if_awake(&pack).is_none() {
                self.built.forget_pack(pack);
                weight -= of;
            }
        }
        self.packs.take_failure()
    }

    /// Packs that are in memory now.
    pub fn awake_packs(&self) -> Vec<PackId> {
        self.packs.awake()
    }

    /// How much memory awake packs may take together, in bytes, from now on; by default 16 MiB. The few
    /// packs that were looked at a short while ago stay awake however much they take, unless this is 0.
    pub fn set_awake_bytes(&mut self, max: usize) {
        self.awake_bytes_max = max;
    }

    /// Keeps on disk what the next start needs to know of packs that changed, so that it need not wake
    /// them. To be called now and then, and before the end.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn keep_summaries(&mut self, now: Timestamp) -> Result<(), NodeError> {
        self.look_after_unsettled(now)?;
        for pack in self.packs.marked() {
            self.note_calm(pack)?;
            self.rest()?;
        }
        self.packs.take_failure()?;
        let kept = Kept {
            token: self.life.token,
            next_pack: self.next_pack,
            next_log: self.next_log,
        };
        let mut batch = self.store.batch(&mut *self.rng)?;
        let packs = self.packs.keep_summaries(&mut batch)?;
        if packs.is_empty() {
            return Ok(());
        }
        batch.put_setting(ASLEEP, &codec::encode(&kept))?;
        batch.commit()?;
        self.packs.were_kept(&packs);
        Ok(())
    }

    /// Packs of which a summary says something else than their records: none, unless the summaries are
    /// wrong. Wakes all packs, one after the other.
    pub fn differing_summaries(&mut self) -> Vec<PackId> {
        let mut differing = Vec::new();
        for pack in self.packs.ids() {
            let Some(known) = self.packs.summary(&pack).cloned() else {
                continue;
            };
            let calm = match known.is_calm {
                None => None,
                Some(_) => {
                    self.packs.forget_summary(&pack);
                    self.is_calm(pack).ok()
                }
            };
            self.packs.forget_summary(&pack);
            let anew = self.packs.summary(&pack).cloned();
            let anew = anew.map(|anew| Summary {
                is_calm: calm,
                ..anew
            });
            match anew {
                None => {} // a failing disk; whoever goes on notices
                Some(anew) if anew != known => differing.push(pack),
                Some(_) => {
                    if let Some(calm) = known.is_calm {
                        self.packs.note_calm(&pack, calm);
                    }
                }
            }
            let _ = self.rest(); // a failing disk is noticed by whoever goes on
        }
        differing
    }

    /// Finds out, while a pack is awake, whether it is all well with it.
    fn note_calm(&mut self, pack: PackId) -> Result<(), NodeError> {
        let known = self
            .packs
            .summary(&pack)
            .is_none_or(|of| of.is_calm.is_some());
        if known {
            return Ok(());
        }
        let calm = self.is_calm(pack)?;
        self.packs.note_calm(&pack, calm);
        Ok(())
    }

    /// Makes staged records durable, then applies them.
    pub(crate) fn commit(&mut self, pack: PackId, mut staged: Staged) -> Result<(), NodeError> {
        let replica = self.packs.need(pack)?;
        staged.retain_new(replica);
        let number = replica.number;
        let placed = place_runs(replica, &staged.runs, self.next_log);
        let epochs: Vec<(u64, _)> = (replica.epochs.len() as u64..)
            .zip(&staged.epochs)
            .collect();
        let epoch_order = |id| {
            let held = replica.epochs.get(&id).map(|held| held.order);
            held.or_else(|| {
                epochs
                    .iter()
                    .find(|(_, signed)| signed.id() == id)
                    .map(|(order, _)| *order)
            })
        };
        let mut batch = self.store.batch(&mut *self.rng)?;
        self.packs.mark(&mut batch, number, &pack)?;
        if let Some(row) = &staged.pack {
            batch.put_pack(number, row)?;
        }
        if let Some((person, name)) = &staged.told {
            batch.put_setting(&told_name(pack, *person), name.as_bytes())?;
        }
        for (name, value) in &staged.settings {
            batch.put_setting(name, value)?;
        }
        for (order, person) in (replica.persons.len() as u64..).zip(&staged.persons) {
            batch.put_person(number, order, person)?;
        }
        for (order, op) in (replica.op_order.len() as u64..).zip(&staged.ops) {
            batch.put_op(number, order, op)?;
        }
        for (order, epoch) in &epochs {
            batch.put_epoch(number, *order, epoch)?;
        }
        for (id, key) in &staged.keys {
            if let Some(order) = epoch_order(*id) {
                batch.put_epoch_key(number, order, key)?;
            }
        }
        for (run, at) in staged.runs.iter().zip(&placed) {
            if let Some(begun) = &at.begins {
                let row = LogRow {
                    pack: number,
                    opening: codec::encode(&begun.opening),
                    base: begun.base,
                };
                batch.put_log(at.number, &row)?;
            }
            batch.put_run(at.number, run)?;
            if let Some(seq) = at.superseded {
                batch.remove_head(at.number, seq)?;
            }
        }
        batch.commit()?;
        let new_logs = placed.iter().filter(|at| at.begins.is_some());
        let new_logs: Vec<u32> = new_logs.map(|at| at.number).collect();
        self.packs.was_marked(&pack, new_logs);
        let orders: Vec<u64> = epochs.iter().map(|(order, _)| *order).collect();
        self.next_log += placed.iter().filter(|at| at.begins.is_some()).count() as u32;
        self.next_pack = self.next_pack.max(number + 1);
        self.apply(pack, staged, orders, placed)
            .inspect_err(|_| self.store.poison())
    }

    fn apply(
        &mut self,
        pack: PackId,
        staged: Staged,
        epoch_orders: Vec<u64>,
        placed: Vec<Placed>,
    ) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get_mut(&pack) else {
            return Ok(());
        };
        replica.told_names.extend(staged.told);
        let mut touched = Touched::default();
        replica.apply_policy(staged.persons, staged.ops, &mut touched);
        for (order, signed) in epoch_orders.into_iter().zip(staged.epochs) {
            replica.apply_epoch(order, signed);
        }
        touched.keys = !staged.keys.is_empty();
        for (id, key) in staged.keys {
            replica.apply_key(id, key);
        }
        for (run, at) in staged.runs.into_iter().zip(placed) {
            let number = at.number;
            apply_run(replica, &run, at, &mut touched)?;
            let fresh = run.into_entries().into_iter();
            replica
                .fresh
                .extend(fresh.map(|entry| ((number, entry.header().seq), entry)));
        }
        replica.sort_branches(&mut touched);
        self.changed.insert(pack);
        self.unsettled.insert(pack);
        let refreshed = self.refresh(pack, touched);
        if let Some(replica) = self.packs.get_mut(&pack) {
            replica.fresh.clear();
        }
        refreshed
    }

    /// Looks again at every object that may have changed.
    fn refresh(&mut self, pack: PackId, touched: Touched) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get_mut(&pack) else {
            return Ok(());
        };
        let mut deriving = Deriving {
            replica,
            store: &self.store,
            built: &mut self.built,
            me: self.me.person(),
            looked_at: BTreeSet::new(),
        };
        let quarantine = deriving.refresh(touched)?;
        let looked_at = deriving.looked_at;
        self.changed_for_index(pack, looked_at);
        self.keep_quarantine(pack, quarantine)
    }

    /// A quarantined change stays away from documents after a restart too.
    fn keep_quarantine(
        &mut self,
        pack: PackId,
        quarantine: Vec<Quarantine>,
    ) -> Result<(), NodeError> {
        if quarantine.is_empty() {
            return Ok(());
        }
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(());
        };
        let number = replica.number;
        let rows = quarantine.iter().filter_map(|of| {
            let place = replica.places.get(&of.entry)?;
            Some((replica.row_of(place)?, place.seq, &of.reason))
        });
        let mut batch = self.store.batch(&mut *self.rng)?;
        self.packs.mark(&mut batch, number, &pack)?;
        for (row, seq, reason) in rows {
            batch.quarantine(row, seq, reason)?;
        }
        batch.commit()?;
        self.packs.was_marked(&pack, []);
        if let Some(replica) = self.packs.get_mut(&pack) {
            let kept = quarantine.into_iter().map(|of| (of.entry, of.reason));
            replica.quarantined.extend(kept);
        }
        Ok(())
    }

    /// Makes room for a pack that is joined here, and remembers whom to ask for it.
    pub(crate) fn join_pack(
        &mut self,
        row: PackRow,
        asked: BTreeSet<EndpointId>,
    ) -> Result<(), NodeError> {
        let number = self.next_pack;
        let is_new = !self.packs.contains(&row.id);
        let mut joining = self.joining.clone();
        joining.entry(row.id).or_default().extend(asked);
        let mut batch = self.store.batch(&mut *self.rng)?;
        if is_new {
            batch.put_pack(number, &row)?;
        }
        batch.put_setting(JOINING, &codec::encode(&joining))?;
        batch.commit()?;
        self.joining = joining;
        self.joining_changed(&[row.id]);
        if is_new {
            self.next_pack += 1;
            let reader = self.me.person();
            self.packs.insert(Replica::new(number, row, reader));
        }
        Ok(())
    }

    /// Forgets whom to ask for packs that have arrived.
    pub(crate) fn end_joining_of(&mut self, arrived: &[PackId]) -> Result<(), NodeError> {
        let mut joining = self.joining.clone();
        joining.retain(|pack, _| !arrived.contains(pack));
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(JOINING, &codec::encode(&joining))?;
        batch.commit()?;
        self.joining_changed(arrived);
        self.joining = joining;
        Ok(())
    }

    /// Devices that may be asked for these packs see them otherwise from now on.
    fn joining_changed(&self, packs: &[PackId]) {
        let mut peers = self.packs.peers();
        for pack in packs {
            for peer in self.joining.get(pack).into_iter().flatten() {
                peers.stale(peer, *pack);
            }
        }
    }

    /// A named value that the shell keeps here, sealed.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn shell_setting(&self, name: &str) -> Result<Option<Vec<u8>>, NodeError> {
        Ok(self
            .store
            .setting(&format!("shell/{name}"))?
            .map(|value| value.to_vec()))
    }

    /// Keeps a named value for the shell.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn keep_shell_setting(&mut self, name: &str, value: &[u8]) -> Result<(), NodeError> {
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(&format!("shell/{name}"), value)?;
        Ok(batch.commit()?)
    }
}

fn apply_run(
    replica: &mut Replica,
    run: &VerifiedRun,
    mut at: Placed,
    touched: &mut Touched,
) -> Result<(), NodeError> {
    let begun = match at.begins.take() {
        None => None,
        Some(begun) => {
            let branch = replica.begin_branch(at.number, begun.opening, begun.base, touched);
            Some(branch.ok_or(NodeError::Damaged("log"))?)
        }
    };
    let branch = at.branch(begun);
    for entry in run.entries() {
        replica.apply_entry(run.log(), branch, entry, touched);
    }
    replica.apply_head(branch, run.head().clone(), at.tail, at.superseded);
    replica.diverging.remove(&run.log());
    Ok(())
}

/// A setting that is derived, or only saves work: one that does not open is as if it were not there.
pub(crate) fn read_hint(
    store: &Store,
    setting: &str,
) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, NodeError> {
    match store.setting(setting) {
        Err(StoreError::Damaged { .. }) => Ok(None),
        other => Ok(other?),
    }
}

/// Reads a list that other things do not hang on: one that does not open or does not decode is left
/// out, and told in `damaged`.
pub(crate) fn read_list<T: Default + minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>>(
    store: &Store,
    setting: &str,
    what: &'static str,
    damaged: &mut Vec<&'static str>,
) -> Result<T, NodeError> {
    read_list_up_to(store, setting, SETTING_BYTES_MAX, what, damaged)
}

/// The same, of a list of at most so many bytes.
pub(crate) fn read_list_up_to<
    T: Default + minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>,
>(
    store: &Store,
    setting: &str,
    bytes_max: usize,
    what: &'static str,
    damaged: &mut Vec<&'static str>,
) -> Result<T, NodeError> {
    let bytes = match store.setting(setting) {
        Ok(None) => return Ok(T::default()),
        Ok(Some(bytes)) => Some(bytes),
        Err(StoreError::Damaged { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let list = bytes.and_then(|bytes| codec::decode(&bytes, bytes_max).ok());
    Ok(list.unwrap_or_else(|| {
        damaged.push(what);
        T::default()
    }))
}

/// Checks a name that a person chose for themselves, a device or a pack.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<(), NodeError> {
    let refuse = |reason: &str| {
        Err(NodeError::BadInput {
            field,
            reason: reason.into(),
        })
    };
    if name.trim().is_empty() {
        refuse("must not be empty")
    } else if name.len() > content::Profile::NAME_BYTES_MAX {
        refuse("is longer than 128 bytes")
    } else if name.chars().any(char::is_control) {
        refuse("must be one line without control characters")
    } else {
        Ok(())
    }
}

/// The setting that keeps what somebody who was let in here told as their name.
pub(crate) fn told_name(pack: PackId, person: PersonId) -> String {
    format!("told-name/{pack}/{person}")
}

const IDENTITY: &str = "identity";
const LIFE: &str = "life";
const JOINING: &str = "joining";
const ASLEEP: &str = "asleep";
const SETTING_BYTES_MAX: usize = 1 << 20;
