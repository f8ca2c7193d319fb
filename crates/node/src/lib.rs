//! Core over store, without a runtime: the device as one state machine.
//!
//! A [`Node`] owns the database and everything derived from it. It takes calls and frames, and gives
//! back answers and [`Output`]s; the shell around it (or the simulator) owns clocks, sockets and
//! threads. The order is always the same: verify, persist, apply, then send and notify. A call that
//! fails has changed nothing; after a failed commit the node refuses everything until it is opened
//! again.

#[cfg(test)]
mod after_removal;
mod applying;
mod aside;
mod asking;
mod authority;
pub mod check;
mod epochs;
mod error;
pub mod explain;
#[cfg(test)]
#[path = "tests/hostile_changes.rs"]
mod hostile_changes;
#[cfg(test)]
mod hostile_entries;
#[cfg(test)]
mod hostile_moves;
#[cfg(test)]
mod hostile_parts;
mod identity;
mod intake;
mod invites;
mod joining;
mod links;
mod logs;
pub mod long_text;
mod membership;
mod notes;
mod objects;
mod packs;
mod placement;
mod relabel;
mod replica;
mod serve;
mod taking_over;
pub mod view;
mod waiting;
pub mod why;
mod write;

pub use error::{Denied, NodeError};
pub use joining::{JoinDraft, JoinOutcome, JoinPlan};
pub use links::{CloseReason, LinkId, Notice, Output};

use identity::{Identity, Life};
use kitbag_core::content::{LogOpening, LogPosition, VerifiedRun};
use kitbag_core::id::{EndpointId, Incarnation, ObjectTag, PackId, PersonId, Timestamp};
use kitbag_core::pack::index::index_tag;
use kitbag_core::policy::Sensitivity;
use kitbag_core::{codec, content};
use kitbag_crypto::CryptoRng;
use kitbag_store::{LogRow, PackRow, Store, StoreError};
use links::Link;
use logs::{Placed, Tail, place_runs};
use objects::{
    BuiltNote, Object, ObjectState, Quarantine, build_index, build_note, has_lost, judge,
    open_profile,
};
use replica::{Replica, Staged, Touched};
use std::collections::{BTreeMap, BTreeSet};
use view::Me;

/// Notes whose documents are kept open, at most.
const BUILT_MAX: usize = 64;

/// One device.
pub struct Node {
    store: Store,
    rng: Box<dyn CryptoRng + Send>,
    me: Identity,
    life: Life,
    packs: BTreeMap<PackId, Replica>,
    next_pack: u32,
    next_log: u32,
    built: BTreeMap<(PackId, ObjectTag), BuiltNote>,
    links: BTreeMap<LinkId, Link>,
    joining: BTreeMap<PackId, BTreeSet<EndpointId>>,
    asking: asking::Asking,
    waiting: Vec<waiting::WaitingJoin>,
    /// Lists that could not be read when this was opened.
    damaged: Vec<&'static str>,
    changed: BTreeSet<PackId>,
    addresses: Vec<String>,
    relay: Option<String>,
    synced: BTreeMap<EndpointId, Timestamp>,
    seen: BTreeMap<(EndpointId, PackId), BTreeMap<kitbag_core::id::LogId, u64>>,
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
        let life = Life::next(life, outside, &mut *rng);
        keep_outside(life.token).map_err(|error| NodeError::BadInput {
            field: "home",
            reason: error.to_string(),
        })?;
        let mut batch = store.batch(&mut *rng)?;
        batch.put_setting(LIFE, &codec::encode(&life))?;
        batch.commit()?;
        let mut damaged = Vec::new();
        let joining = read_list(&store, JOINING, "list of packs being joined", &mut damaged)?;
        let asking = asking::Asking::load(&store, &mut damaged)?;
        let waiting = waiting::load(&store, &mut damaged)?;
        let mut node = Node {
            store,
            rng,
            me,
            life,
            packs: BTreeMap::new(),
            next_pack: 0,
            next_log: 0,
            built: BTreeMap::new(),
            links: BTreeMap::new(),
            joining,
            asking,
            waiting,
            changed: BTreeSet::new(),
            addresses: Vec::new(),
            relay: None,
            synced: BTreeMap::new(),
            seen: BTreeMap::new(),
            not_given: BTreeMap::new(),
            damaged,
        };
        node.load()?;
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

    /// The seed of the transport key, for the transport.
    ///
    /// # Security
    /// Whoever has it can appear as this device on the network.
    pub fn danger_endpoint_seed(&self) -> [u8; 32] {
        self.me.endpoint.danger_seed()
    }

    /// Reads everything back through the same functions that apply new records.
    fn load(&mut self) -> Result<(), NodeError> {
        let mut by_number = BTreeMap::new();
        for (number, row) in self.store.packs()? {
            by_number.insert(number, row.id);
            self.next_pack = self.next_pack.max(number + 1);
            let mut replica = Replica::new(number, row);
            let (persons, ops) = (self.store.persons(number)?, self.store.ops(number)?);
            replica.apply_policy(persons, ops, &mut Touched::default());
            for person in replica.persons.keys() {
                if let Some(name) = self.store.setting(&told_name(replica.id(), *person))? {
                    replica
                        .told_names
                        .insert(*person, String::from_utf8_lossy(&name).into_owned());
                }
            }
            for (order, signed, key) in self.store.epochs(number)? {
                let id = signed.id();
                replica.apply_epoch(order, signed);
                if let Some(key) = key {
                    replica.apply_key(id, key);
                }
            }
            self.packs.insert(replica.id(), replica);
        }
        for (number, row) in self.store.logs()? {
            self.next_log = self.next_log.max(number + 1);
            let opening =
                LogOpening::decode(&row.opening).map_err(|_| NodeError::Damaged("log"))?;
            let pack = by_number
                .get(&row.pack)
                .copied()
                .ok_or(NodeError::Damaged("log"))?;
            self.load_branch(pack, number, opening, row.base)?;
        }
        let packs: Vec<PackId> = self.packs.keys().copied().collect();
        for pack in packs {
            let mut touched = Touched {
                policy: true,
                branches: true,
                ..Touched::default()
            };
            if let Some(replica) = self.packs.get_mut(&pack) {
                replica.sort_branches(&mut touched);
            }
            self.refresh(pack, touched)?;
        }
        self.changed.clear();
        Ok(())
    }

    fn load_branch(
        &mut self,
        pack: PackId,
        number: u32,
        opening: LogOpening,
        base: Option<LogPosition>,
    ) -> Result<(), NodeError> {
        let (id, heads, headers) = (
            opening.log_id(),
            self.store.heads(number)?,
            self.store.headers(number, 0)?,
        );
        let quarantined = self.store.quarantined(number)?;
        let replica = self.packs.get_mut(&pack).ok_or(NodeError::Damaged("log"))?;
        let mut touched = Touched::default();
        let branch = replica
            .begin_branch(number, opening, base, &mut touched)
            .ok_or(NodeError::Damaged("log"))?;
        let mut size = vec![];
        for entry in &headers {
            size.push(
                entry.raw().header.len()
                    + entry.header().padded_len as usize
                    + content::ENTRY_OVERHEAD,
            );
            replica.apply_entry(id, branch, entry, &mut touched);
        }
        let start = base.map_or(0, |base| base.seq + 1);
        let mut from = 0;
        for head in heads {
            let seq = head.position.seq;
            let end = seq.checked_sub(start).ok_or(NodeError::Damaged("log"))?;
            let bytes = size
                .get(from as usize..=end as usize)
                .ok_or(NodeError::Damaged("log"))?
                .iter()
                .sum();
            let tail = Tail::between(seq, end + 1 - from, bytes);
            from = end + 1;
            replica.apply_head(branch, head, tail, None);
        }
        if from != headers.len() as u64 {
            return Err(NodeError::Damaged("log"));
        }
        for (seq, reason) in quarantined {
            let at = seq
                .checked_sub(start)
                .and_then(|at| headers.get(at as usize));
            replica
                .quarantined
                .extend(at.map(|entry| (entry.hash(), reason)));
        }
        Ok(())
    }

    /// Makes staged records durable, then applies them.
    pub(crate) fn commit(&mut self, pack: PackId, mut staged: Staged) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get(&pack) else {
            return Err(NodeError::NotFound("pack"));
        };
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
        if let Some(row) = &staged.pack {
            batch.put_pack(number, row)?;
        }
        if let Some((person, name)) = &staged.told {
            batch.put_setting(&told_name(pack, *person), name.as_bytes())?;
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
        for (run, at) in staged.runs.iter().zip(placed) {
            apply_run(replica, run, at, &mut touched)?;
        }
        replica.sort_branches(&mut touched);
        self.changed.insert(pack);
        self.refresh(pack, touched)
    }

    /// Looks again at every object that may have changed. New policy or keys may change any.
    fn refresh(&mut self, pack: PackId, touched: Touched) -> Result<(), NodeError> {
        if let Some(replica) = self.packs.get_mut(&pack) {
            replica.taken.look_again();
        }
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(());
        };
        let all = touched.policy || touched.keys;
        let tags: Vec<ObjectTag> = if all || touched.ended {
            // Whether a moved note is shown depends on this person's clearance too.
            let moved = |tag: &ObjectTag| replica.placements.item(tag).is_some();
            let changed = |tag: &ObjectTag, object: &Object| {
                touched.objects.contains(tag)
                    || moved(tag)
                    || judge(replica, object) != object.judged
            };
            replica
                .objects
                .iter()
                .filter(|(tag, object)| changed(tag, object))
                .map(|(tag, _)| *tag)
                .collect()
        } else {
            touched.objects.into_iter().collect()
        };
        let profiles: Vec<_> = if all {
            let entries = replica
                .places
                .iter()
                .filter(|(_, place)| place.kind == content::EntryKind::Profile);
            let entries = entries.map(|(hash, _)| *hash).collect();
            if let Some(replica) = self.packs.get_mut(&pack) {
                replica.profiles.clear();
                replica.profile_entries.clear();
            }
            entries
        } else {
            touched.profiles
        };
        if touched.policy {
            for tag in &tags {
                self.built.remove(&(pack, *tag));
            }
        }
        let tags = if all || touched.ended {
            self.link_again(pack, tags)?
        } else {
            tags.iter()
                .try_for_each(|tag| self.link_moved(pack, *tag))?;
            tags.into_iter().collect()
        };
        let mut quarantine = Vec::new();
        let mut done = BTreeSet::new();
        for tag in tags {
            let moved = self
                .packs
                .get(&pack)
                .and_then(|replica| replica.placements.item(&tag));
            let mut found = Vec::new(); // of this object alone, however much there is in the pack
            match moved {
                None => self.refresh_object(pack, tag, &mut found)?,
                Some(item) if done.insert(item) => {
                    self.refresh_moved(pack, item, &mut found)?;
                }
                Some(_) => {}
            }
            quarantine.extend(found.into_iter().filter(|of| of.lasts));
        }
        for hash in profiles {
            let Some(replica) = self.packs.get(&pack) else {
                break;
            };
            if let Some(profile) = open_profile(replica, &self.store, hash)? {
                let device = replica
                    .places
                    .get(&hash)
                    .and_then(|place| replica.logs.get(&place.log))
                    .map(|log| log.opening.device);
                if let (Some(device), Some(replica)) = (device, self.packs.get_mut(&pack)) {
                    let known = replica
                        .profiles
                        .get(&device)
                        .zip(replica.profile_entries.get(&device));
                    if known.is_none_or(|(known, entry)| (known.at, *entry) < (profile.at, hash)) {
                        replica.profiles.insert(device, profile);
                        replica.profile_entries.insert(device, hash);
                    }
                }
            }
        }
        self.keep_quarantine(pack, quarantine)
    }

    fn refresh_object(
        &mut self,
        pack: PackId,
        tag: ObjectTag,
        quarantine: &mut Vec<Quarantine>,
    ) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(());
        };
        let Some(object) = replica.objects.get(&tag) else {
            return Ok(());
        };
        let judged = judge(replica, object);
        if has_lost(object, &judged) {
            self.built.remove(&(pack, tag));
        }
        let mut openings = vec![];
        let mut sensitivity = object.sensitivity;
        let index_of = |sensitivity: &Sensitivity| index_tag(pack, *sensitivity) == tag;
        let state = if let Some(of) = Sensitivity::ALL.into_iter().find(index_of) {
            sensitivity = of;
            let index = build_index(replica, &self.store, tag, of, quarantine)?;
            ObjectState::Index {
                title: index.document.view().title,
                waiting: index.waiting,
            }
        } else {
            let known = self.built.remove(&(pack, tag));
            match build_note(replica, &self.store, tag, known, quarantine)? {
                None => ObjectState::Waiting,
                Some(note) => {
                    let meta = note.meta();
                    sensitivity = note.sensitivity;
                    openings = note.openings();
                    if note.document.is_some() {
                        self.keep_built(pack, tag, note);
                    }
                    ObjectState::Note(meta)
                }
            }
        };
        let Some(replica) = self.packs.get_mut(&pack) else {
            return Ok(());
        };
        if let ObjectState::Note(meta) = &state {
            replica.notes.insert(meta.item, tag);
        } else {
            replica.notes.retain(|_, of| *of != tag);
        }
        if let Some(object) = replica.objects.get_mut(&tag) {
            object.state = state;
            object.sensitivity = sensitivity;
            object.judged = judged;
        }
        replica.keep_refused([tag], &openings, quarantine);
        Ok(())
    }

    pub(crate) fn keep_built(&mut self, pack: PackId, tag: ObjectTag, mut note: BuiltNote) {
        note.placed.close_moves();
        while self.built.len() >= BUILT_MAX {
            self.built.pop_first();
        }
        self.built.insert((pack, tag), note);
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
        let Some(replica) = self.packs.get_mut(&pack) else {
            return Ok(());
        };
        let mut batch = self.store.batch(&mut *self.rng)?;
        for Quarantine { entry, reason, .. } in &quarantine {
            let place = replica.places.get(entry);
            if let Some((place, row)) =
                place.and_then(|place| Some((place, replica.row_of(place)?)))
            {
                batch.quarantine(row, place.seq, reason)?;
            }
        }
        batch.commit()?;
        replica
            .quarantined
            .extend(quarantine.into_iter().map(|q| (q.entry, q.reason)));
        Ok(())
    }

    /// Makes room for a pack that is joined here, and remembers whom to ask for it.
    pub(crate) fn join_pack(
        &mut self,
        row: PackRow,
        asked: BTreeSet<EndpointId>,
    ) -> Result<(), NodeError> {
        let number = self.next_pack;
        let is_new = !self.packs.contains_key(&row.id);
        let mut joining = self.joining.clone();
        joining.entry(row.id).or_default().extend(asked);
        let mut batch = self.store.batch(&mut *self.rng)?;
        if is_new {
            batch.put_pack(number, &row)?;
        }
        batch.put_setting(JOINING, &codec::encode(&joining))?;
        batch.commit()?;
        self.joining = joining;
        if is_new {
            self.next_pack += 1;
            self.packs.insert(row.id, Replica::new(number, row));
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
        self.joining = joining;
        Ok(())
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

/// Reads a list that other things do not hang on: one that does not open or does not decode is left
/// out, and told in `damaged`.
pub(crate) fn read_list<T: Default + minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>>(
    store: &Store,
    setting: &str,
    what: &'static str,
    damaged: &mut Vec<&'static str>,
) -> Result<T, NodeError> {
    let bytes = match store.setting(setting) {
        Ok(None) => return Ok(T::default()),
        Ok(Some(bytes)) => Some(bytes),
        Err(StoreError::Damaged { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let list = bytes.and_then(|bytes| codec::decode(&bytes, SETTING_BYTES_MAX).ok());
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
fn told_name(pack: PackId, person: PersonId) -> String {
    format!("told-name/{pack}/{person}")
}

const IDENTITY: &str = "identity";
const LIFE: &str = "life";
const JOINING: &str = "joining";
const SETTING_BYTES_MAX: usize = 1 << 20;
