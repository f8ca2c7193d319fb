//! Packs, awake and asleep.
//!
//! A pack is awake while its replica is in memory. One that nobody asked about for long falls asleep:
//! what concerns many packs at once is answered from its summary, and whoever looks inside wakes it.
//! So it makes no difference to anybody else which packs sleep.
//! Why: `docs/design/0011-packs-asleep.md`; rows: `docs/spec/store.md`.

mod peers;
mod summary;

pub(crate) use peers::{Peers, Shown};
pub(crate) use summary::{PeerIn, Stands, Summary, title_up_to};

use crate::deriving::{BuiltNotes, Deriving};
use crate::logs::Tail;
use crate::replica::{Replica, Touched};
use crate::{NodeError, told_name};
use kitbag_core::content::{self, LogOpening, LogPosition};
use kitbag_core::id::{EndpointId, Incarnation, ItemId, PackId, PersonId};
use kitbag_store::{Batch, Reader, StoreError};
use minicbor::{Decode, Encode};
use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The beginning of a note's id: enough to find which pack it may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NoteName([u8; 8]);

/// Characters of an id's text that its first eight bytes decide.
const NAME_CHARS: usize = 12;

impl NoteName {
    pub(crate) fn of(id: &ItemId) -> NoteName {
        let mut name = [0; 8];
        name.copy_from_slice(&id.as_bytes()[..8]);
        NoteName(name)
    }

    /// Whether an id that begins so may begin with this text.
    fn may_begin_with(self, text: &str) -> bool {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.0);
        let whole = ItemId::from_bytes(bytes).to_string();
        let chars = text.len().min(NAME_CHARS);
        text.is_char_boundary(chars) && whole.starts_with(&text[..chars])
    }
}

/// All packs of a device.
pub(crate) struct Packs {
    store: Arc<Reader>,
    me: PersonId,
    own: EndpointId,
    slots: BTreeMap<PackId, Slot>,
    /// In order of arrival.
    by_number: BTreeMap<u32, PackId>,
    peers: RefCell<Peers>,
    /// Packs that cannot be read, and what of them.
    damaged: RefCell<BTreeMap<PackId, Damage>>,
    /// That the disk failed while something was looked at.
    failed: RefCell<Option<StoreError>>,
    /// Packs that are awake.
    awake: RefCell<BTreeSet<PackId>>,
    /// Whether something woke or grew since the last rest.
    is_restless: Cell<bool>,
    /// The last look at any of them, to know who was not looked at for longest.
    looks: Cell<Look>,
}

/// When a pack was looked at: the how manieth look it was, after how many rests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    count: u64,
    rest: u64,
}

/// Packs that stay awake although there is no room for them, at most.
const IN_USE_MAX: usize = 4;
/// They stay for so many rests after somebody looked at them.
const RESTS_AWAKE: u64 = 64;

/// What of a pack cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// A row of this table.
    Row(&'static str),
    /// A record of this kind.
    Record(&'static str),
}

impl From<Damage> for NodeError {
    fn from(damage: Damage) -> NodeError {
        match damage {
            Damage::Row(table) => StoreError::Damaged { table }.into(),
            Damage::Record(what) => NodeError::Damaged(what),
        }
    }
}

/// One pack, awake or asleep.
struct Slot {
    number: u32,
    /// The rows of its logs.
    logs: Vec<u32>,
    /// In memory while it is awake.
    replica: OnceCell<Box<Replica>>,
    /// As the pack stands; made anew after a change, when somebody asks.
    summary: OnceCell<Summary>,
    names: OnceCell<Vec<NoteName>>,
    /// Whether its kept summary is older than its records, and the store says so.
    is_marked: bool,
    /// Whether the store says that the search index is older than its records.
    is_marked_for_index: bool,
    last_look: Cell<Look>,
}

impl Slot {
    fn new(number: u32, logs: Vec<u32>, is_marked: bool) -> Slot {
        Slot {
            number,
            logs,
            replica: OnceCell::new(),
            summary: OnceCell::new(),
            names: OnceCell::new(),
            is_marked,
            is_marked_for_index: false,
            last_look: Cell::default(),
        }
    }
}

/// Where packs and logs go on being numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) next_pack: u32,
    pub(crate) next_log: u32,
}

/// The packs of a device that was just started.
pub(crate) struct Opened {
    pub(crate) packs: Packs,
    pub(crate) numbers: Numbers,
    /// Whether every pack that was there is in a block: if not, what is written of the others has no
    /// mark, and the blocks must not be believed again before they are kept anew.
    pub(crate) is_whole: bool,
}

/// Up to where kept summaries speak for the records, and in which life of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Kept {
    /// The token of the start that this was written in. Another program that does not know of summaries
    /// draws a new one and writes records without marks.
    #[n(0)]
    pub(crate) token: Incarnation,
    #[n(1)]
    pub(crate) next_pack: u32,
    #[n(2)]
    pub(crate) next_log: u32,
}

impl Packs {
    /// All packs asleep, as far as their kept summaries can be believed: those that were written to
    /// since, and all if there is none `kept`, have none.
    pub(crate) fn open(
        store: Arc<Reader>,
        me: PersonId,
        own: EndpointId,
        kept: Option<Kept>,
    ) -> Result<Opened, NodeError> {
        let marked = store.marks()?;
        let kept = kept.filter(|_| marked.is_some());
        let marked: BTreeSet<u32> = marked.into_iter().flatten().collect();
        let mut is_whole = kept.is_some();
        let mut slots: BTreeMap<PackId, Slot> = BTreeMap::new();
        let mut by_number: BTreeMap<u32, PackId> = BTreeMap::new();
        let mut first_log = 0;
        if let Some(kept) = &kept {
            for block in store.summaries()? {
                for of in summary::decode_block(&block) {
                    let (number, id) = (of.number, of.summary.id());
                    let slot = Slot::new(number, of.logs, marked.contains(&number));
                    if !slot.is_marked {
                        let _ = slot.summary.set(of.summary); // it was empty
                    }
                    by_number.insert(number, id);
                    slots.insert(id, slot);
                }
            }
            let missing: Vec<u32> = (0..kept.next_pack)
                .filter(|number| !by_number.contains_key(number))
                .collect();
            is_whole = missing.is_empty();
            // Which logs are theirs stands in no block.
            first_log = if missing.is_empty() { kept.next_log } else { 0 };
            for number in missing {
                if let Some(row) = store.pack(number)? {
                    by_number.insert(number, row.id);
                    slots.insert(row.id, Slot::new(number, vec![], true));
                }
            }
        }
        let mut numbers = Numbers {
            next_pack: kept.map_or(0, |kept| kept.next_pack),
            next_log: kept.map_or(0, |kept| kept.next_log),
        };
        for (number, row) in store.packs_from(numbers.next_pack)? {
            by_number.insert(number, row.id);
            slots.insert(row.id, Slot::new(number, vec![], true));
            numbers.next_pack = numbers.next_pack.max(number + 1);
        }
        for (number, row) in store.logs_from(first_log)? {
            numbers.next_log = numbers.next_log.max(number + 1);
            let slot = by_number.get(&row.pack).and_then(|id| slots.get_mut(id));
            let slot = slot.ok_or(NodeError::Damaged("log"))?;
            if !slot.logs.contains(&number) {
                slot.logs.push(number);
            }
        }
        let peers = Peers::new(slots.keys().copied());
        let packs = Packs {
            store,
            me,
            own,
            slots,
            by_number,
            peers: RefCell::new(peers),
            damaged: RefCell::default(),
            failed: RefCell::default(),
            awake: RefCell::default(),
            is_restless: Cell::new(false),
            looks: Cell::default(),
        };
        Ok(Opened {
            packs,
            numbers,
            is_whole,
        })
    }

    /// Packs without a summary, in order of arrival.
    pub(crate) fn without_summary(&self) -> Vec<PackId> {
        let without = |slot: &Slot| slot.summary.get().is_none() && slot.replica.get().is_none();
        self.ids_where(without)
    }

    /// All packs, in order of arrival.
    pub(crate) fn ids(&self) -> Vec<PackId> {
        self.ids_where(|_| true)
    }

    /// Packs that are awake and may fall asleep, those that nobody looked at for longest first. The few
    /// that were looked at a short while ago may not: a search through a large pack looks at it in many
    /// slices, and what happens in others in between must not have it read anew for each.
    pub(crate) fn tired(&self) -> Vec<PackId> {
        let awake = self.awake.borrow();
        let looks = awake
            .iter()
            .filter_map(|id| Some((self.slots.get(id)?.last_look.get(), *id)));
        let mut awake: Vec<(Look, PackId)> = looks.collect();
        awake.sort();
        let rests = self.looks.get().rest;
        let in_use = |look: &Look| look.rest + RESTS_AWAKE >= rests;
        let looks = awake.iter().rev().take(IN_USE_MAX);
        let kept = looks.take_while(|(look, _)| in_use(look)).count().max(1);
        awake.truncate(awake.len().saturating_sub(kept));
        awake.into_iter().map(|(_, id)| id).collect()
    }

    /// Packs that were written to since their summary was kept.
    pub(crate) fn marked(&self) -> Vec<PackId> {
        self.ids_where(|slot| slot.is_marked)
    }

    fn ids_where(&self, which: impl Fn(&Slot) -> bool) -> Vec<PackId> {
        let ids = self.by_number.values();
        ids.filter(|id| self.slots.get(id).is_some_and(&which))
            .copied()
            .collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is a pack with this id, readable or not.
    pub(crate) fn contains(&self, pack: &PackId) -> bool {
        self.slots.contains_key(pack)
    }

    /// A pack, woken if it sleeps; none if there is no such pack, or it cannot be read.
    pub(crate) fn get(&self, pack: &PackId) -> Option<&Replica> {
        let slot = self.slots.get(pack)?;
        let Look { count, rest } = self.looks.get();
        let count = count + 1;
        self.looks.set(Look { count, rest });
        slot.last_look.set(self.looks.get());
        if slot.replica.get().is_none() {
            let replica = self.remember(*pack, || self.wake(slot))?;
            let _ = slot.replica.set(Box::new(replica)); // it was empty
            self.awake.borrow_mut().insert(*pack);
            self.is_restless.set(true);
        }
        slot.replica.get().map(Box::as_ref)
    }

    /// The same, with why there is none.
    pub(crate) fn need(&self, pack: PackId) -> Result<&Replica, NodeError> {
        self.get(&pack).ok_or_else(|| self.why_not(&pack))
    }

    pub(crate) fn why_not(&self, pack: &PackId) -> NodeError {
        if let Some(failed) = self.failed.borrow_mut().take() {
            return failed.into();
        }
        let damage = self.damaged.borrow().get(pack).copied();
        damage.map_or(NodeError::NotFound("pack"), NodeError::from)
    }

    /// A pack that shall be changed.
    pub(crate) fn get_mut(&mut self, pack: &PackId) -> Option<&mut Replica> {
        self.get(pack)?;
        self.look_again(*pack);
        self.is_restless.set(true);
        let slot = self.slots.get_mut(pack)?;
        slot.summary.take();
        slot.names.take();
        slot.replica.get_mut().map(Box::as_mut)
    }

    /// The same, with why there is none.
    pub(crate) fn need_mut(&mut self, pack: PackId) -> Result<&mut Replica, NodeError> {
        if self.get(&pack).is_none() {
            return Err(self.why_not(&pack));
        }
        self.get_mut(&pack).ok_or(NodeError::NotFound("pack"))
    }

    /// Notes that something about a pack changed that peers may be shown.
    pub(crate) fn look_again(&self, pack: PackId) {
        self.peers.borrow_mut().look_again(pack);
    }

    /// A new pack, awake; or another state of one.
    pub(crate) fn insert(&mut self, replica: Replica) {
        let id = replica.id();
        self.by_number.insert(replica.number, id);
        let slot = self
            .slots
            .entry(id)
            .or_insert_with(|| Slot::new(replica.number, vec![], true));
        slot.summary.take();
        slot.names.take();
        slot.replica = OnceCell::from(Box::new(replica));
        self.awake.borrow_mut().insert(id);
        self.is_restless.set(true);
        self.look_again(id);
    }

    /// Takes out a pack that was never made durable.
    pub(crate) fn remove(&mut self, pack: &PackId) {
        if let Some(slot) = self.slots.remove(pack) {
            self.by_number.remove(&slot.number);
        }
        self.awake.borrow_mut().remove(pack);
        self.look_again(*pack);
    }

    /// What is known of a pack without waking it; awake ones are summed up, and one that has no summary
    /// is woken for it.
    pub(crate) fn summary(&self, pack: &PackId) -> Option<&Summary> {
        let slot = self.slots.get(pack)?;
        if slot.summary.get().is_none() {
            let looked = slot.last_look.get();
            let summary = Summary::of(self.get(pack)?, self.me, &self.own);
            slot.last_look.set(looked); // nobody asked for what is inside
            let _ = slot.summary.set(summary); // it was empty
        }
        slot.summary.get()
    }

    /// Summaries of all packs that can be read, in order of arrival.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = &Summary> {
        let ids = self.by_number.values();
        ids.filter_map(|id| self.summary(id))
    }

    /// A pack, unless it sleeps.
    pub(crate) fn if_awake(&self, pack: &PackId) -> Option<&Replica> {
        self.slots.get(pack)?.replica.get().map(Box::as_ref)
    }

    /// How peers see what is here, as it stands.
    pub(crate) fn peers(&self) -> RefMut<'_, Peers> {
        let changed = self.peers.borrow_mut().take_changed();
        for pack in changed {
            let summary = self.summary(&pack); // may wake it, which looks at no peers
            self.peers.borrow_mut().take_in(pack, summary);
        }
        self.peers.borrow_mut()
    }

    /// Packs that may hold a note or hand-off whose id begins with this text.
    pub(crate) fn that_may_hold(&self, prefix: &str) -> Vec<PackId> {
        let holds = |slot: &Slot| match slot.replica.get() {
            Some(replica) => {
                let mut all = replica.notes.keys().chain(replica.handoffs.keys());
                all.any(|id| NoteName::of(id).may_begin_with(prefix))
            }
            None => {
                let names = self.names(slot);
                names.is_none_or(|names| names.iter().any(|name| name.may_begin_with(prefix)))
            }
        };
        self.ids_where(holds)
    }

    /// Packs that hold a note, as far as they can be read.
    pub(crate) fn that_hold(&self, id: &ItemId) -> Vec<PackId> {
        let name = NoteName::of(id);
        let holds = |slot: &Slot| match slot.replica.get() {
            Some(replica) => replica.notes.contains_key(id),
            None => {
                let names = self.names(slot);
                names.is_none_or(|names| names.binary_search(&name).is_ok())
            }
        };
        let mut packs = self.ids_where(holds);
        // A name is the beginning of an id.
        packs.retain(|pack| {
            let replica = self.get(pack);
            replica.is_some_and(|replica| replica.notes.contains_key(id))
        });
        packs
    }

    /// The names of a sleeping pack's notes; none if they were not kept since it changed.
    fn names<'s>(&self, slot: &'s Slot) -> Option<&'s [NoteName]> {
        if slot.names.get().is_none() && !slot.is_marked && slot.summary.get().is_some() {
            let kept = self.store.note_names(slot.number).ok().flatten()?;
            let _ = slot.names.set(summary::decode_names(&kept)); // it was empty
        }
        slot.names.get().map(Vec::as_slice)
    }

    /// That the disk failed while something was looked at, once.
    pub(crate) fn take_failure(&self) -> Result<(), NodeError> {
        match self.failed.borrow_mut().take() {
            Some(failed) => Err(failed.into()),
            None => Ok(()),
        }
    }

    /// Packs that cannot be read, and why.
    pub(crate) fn damaged(&self) -> Vec<(PackId, String)> {
        let damaged = self.damaged.borrow();
        let told = damaged.iter();
        told.map(|(pack, damage)| (*pack, NodeError::from(*damage).to_string()))
            .collect()
    }

    /// Notes in a transaction that a pack is written to, unless the store knows; say
    /// [`Packs::was_marked`] once it is durable.
    pub(crate) fn mark(
        &self,
        batch: &mut Batch<'_>,
        number: u32,
        pack: &PackId,
    ) -> Result<(), StoreError> {
        let slot = self.slots.get(pack);
        if !slot.is_some_and(|slot| slot.is_marked) {
            batch.mark(number)?;
        }
        if !slot.is_some_and(|slot| slot.is_marked_for_index) {
            batch.mark_for_index(number)?;
        }
        Ok(())
    }

    /// The transaction with this pack's mark, and with the rows of these new logs, is durable.
    pub(crate) fn was_marked(&mut self, pack: &PackId, new_logs: impl IntoIterator<Item = u32>) {
        if let Some(slot) = self.slots.get_mut(pack) {
            slot.is_marked = true;
            slot.is_marked_for_index = true;
            slot.logs.extend(new_logs);
        }
    }

    /// Whether a pack was written to since the search index took all of it in, as the store says.
    pub(crate) fn is_marked_for_index(&self, pack: &PackId) -> bool {
        let slot = self.slots.get(pack);
        slot.is_some_and(|slot| slot.is_marked_for_index)
    }

    /// What the store says of these packs, all others aside.
    pub(crate) fn set_marked_for_index(&mut self, packs: &[PackId], is_marked: bool) {
        for pack in packs {
            if let Some(slot) = self.slots.get_mut(pack) {
                slot.is_marked_for_index = is_marked;
            }
        }
    }

    /// The number of a pack's rows.
    pub(crate) fn number(&self, pack: &PackId) -> Option<u32> {
        self.slots.get(pack).map(|slot| slot.number)
    }

    /// The pack with these rows.
    pub(crate) fn with_number(&self, number: u32) -> Option<PackId> {
        self.by_number.get(&number).copied()
    }

    /// Whether a pack is known to be unreadable.
    pub(crate) fn is_damaged(&self, pack: &PackId) -> bool {
        self.damaged.borrow().contains_key(pack)
    }

    /// Makes a summary anew when the next asks.
    pub(crate) fn forget_summary(&mut self, pack: &PackId) {
        if let Some(slot) = self.slots.get_mut(pack) {
            slot.summary.take();
        }
    }

    /// Keeps what was found out about a pack while it is still awake.
    pub(crate) fn note_calm(&mut self, pack: &PackId, is_calm: bool) {
        self.summary(pack);
        if let Some(summary) = self
            .slots
            .get_mut(pack)
            .and_then(|slot| slot.summary.get_mut())
        {
            summary.is_calm = Some(is_calm);
        }
    }

    /// Lets go of a replica, keeping its summary. Stays awake what a peer is just being asked about.
    pub(crate) fn put_to_sleep(&mut self, pack: &PackId) {
        if self.summary(pack).is_none() {
            return;
        }
        if let Some(slot) = self.slots.get_mut(pack)
            && let Some(replica) = slot.replica.get()
        {
            if !replica.diverging.is_empty() {
                return; // what a peer showed is in no record
            }
            let _ = slot.names.set(summary::note_names(replica)); // or they are known
            slot.replica.take();
            self.awake.borrow_mut().remove(pack);
        }
    }

    /// About how much memory awake packs take, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let awake = self.awake.borrow();
        awake.iter().map(|pack| self.weight_of(pack)).sum()
    }

    /// Whether something woke or grew since this was asked last: that is one rest.
    pub(crate) fn take_restless(&self) -> bool {
        let Look { count, rest } = self.looks.get();
        let rest = rest + 1;
        self.looks.set(Look { count, rest });
        self.is_restless.take()
    }

    /// Every pack that is awake.
    pub(crate) fn awake(&self) -> Vec<PackId> {
        self.awake.borrow().iter().copied().collect()
    }

    pub(crate) fn weight_of(&self, pack: &PackId) -> usize {
        self.if_awake(pack).map_or(0, Replica::weight)
    }

    /// Puts the summaries of all packs that changed into a transaction, so that the next start need
    /// not wake them; say [`Packs::were_kept`] once it is durable. Gives back which.
    pub(crate) fn keep_summaries(&self, batch: &mut Batch<'_>) -> Result<Vec<PackId>, NodeError> {
        let marked = self.marked();
        let blocks: BTreeSet<u32> = marked
            .iter()
            .filter_map(|pack| Some(self.slots.get(pack)?.number / summary::BLOCK_PACKS))
            .collect();
        let mut in_blocks: BTreeMap<u32, Vec<PackId>> = BTreeMap::new();
        for id in self.ids() {
            let block = self.slots[&id].number / summary::BLOCK_PACKS;
            if blocks.contains(&block) {
                in_blocks.entry(block).or_default().push(id);
            }
        }
        let mut kept = Vec::new();
        for (block, ids) in in_blocks {
            let packs = ids.iter().filter_map(|id| {
                let slot = self.slots.get(id)?;
                Some((slot.number, self.summary(id)?, slot.logs.as_slice()))
            });
            batch.put_summaries(block, &summary::encode_block(packs))?;
            for id in ids {
                let slot = &self.slots[&id];
                if !slot.is_marked || self.summary(&id).is_none() {
                    continue; // what cannot be read is missing in the block
                }
                let names = match slot.replica.get() {
                    Some(replica) => summary::note_names(replica),
                    None => slot.names.get().cloned().unwrap_or_default(),
                };
                batch.put_note_names(slot.number, &summary::encode_names(&names))?;
                batch.unmark(slot.number)?;
                kept.push(id);
            }
        }
        Ok(kept)
    }

    /// The transaction with these packs' summaries is durable.
    pub(crate) fn were_kept(&mut self, packs: &[PackId]) {
        for pack in packs {
            if let Some(slot) = self.slots.get_mut(pack) {
                slot.is_marked = false;
            }
        }
    }

    /// Reads a pack, and remembers why if that fails.
    fn remember<T>(&self, pack: PackId, read: impl FnOnce() -> Result<T, NodeError>) -> Option<T> {
        if self.damaged.borrow().contains_key(&pack) {
            return None;
        }
        match read() {
            Ok(value) => Some(value),
            Err(NodeError::Store(StoreError::Damaged { table })) => {
                self.damaged.borrow_mut().insert(pack, Damage::Row(table));
                None
            }
            Err(NodeError::Store(error)) => {
                *self.failed.borrow_mut() = Some(error);
                None
            }
            Err(NodeError::Damaged(what)) => {
                self.damaged.borrow_mut().insert(pack, Damage::Record(what));
                None
            }
            Err(_) => {
                self.damaged
                    .borrow_mut()
                    .insert(pack, Damage::Record("pack"));
                None
            }
        }
    }

    /// Reads a pack back through the same functions that apply new records.
    fn wake(&self, slot: &Slot) -> Result<Replica, NodeError> {
        let (store, number) = (&*self.store, slot.number);
        let row = store.pack(number)?.ok_or(NodeError::Damaged("pack"))?;
        let mut replica = Replica::new(number, row, self.me);
        let (persons, ops) = (store.persons(number)?, store.ops(number)?);
        replica.apply_policy(persons, ops, &mut Touched::default());
        for person in replica.persons.keys() {
            if let Some(name) = store.setting(&told_name(replica.id(), *person))? {
                let name = String::from_utf8_lossy(&name).into_owned();
                replica.told_names.insert(*person, name);
            }
        }
        for (order, signed, key) in store.epochs(number)? {
            let id = signed.id();
            replica.apply_epoch(order, signed);
            if let Some(key) = key {
                replica.apply_key(id, key);
            }
        }
        let mut logs = slot.logs.clone();
        logs.sort_unstable();
        for log in logs {
            let row = store.log(log)?.ok_or(NodeError::Damaged("log"))?;
            let opening =
                LogOpening::decode(&row.opening).map_err(|_| NodeError::Damaged("log"))?;
            if row.pack != number {
                return Err(NodeError::Damaged("log"));
            }
            load_branch(&mut replica, store, log, opening, row.base)?;
        }
        let mut touched = Touched {
            policy: true,
            branches: true,
            ..Touched::default()
        };
        replica.sort_branches(&mut touched);
        let mut deriving = Deriving {
            replica: &mut replica,
            store,
            built: &mut BuiltNotes::with_room(0),
            me: self.me,
            looked_at: BTreeSet::new(),
        };
        let found = deriving.refresh(touched)?;
        let found = found.into_iter().map(|of| (of.entry, of.reason));
        replica.quarantined.extend(found);
        Ok(replica)
    }
}

impl std::ops::Index<&PackId> for Packs {
    type Output = Replica;

    /// For tests.
    ///
    /// # Panics
    /// If there is no such pack.
    fn index(&self, pack: &PackId) -> &Replica {
        self.get(pack).expect("the pack is here")
    }
}

fn load_branch(
    replica: &mut Replica,
    store: &Reader,
    number: u32,
    opening: LogOpening,
    base: Option<LogPosition>,
) -> Result<(), NodeError> {
    let (id, heads, headers) = (
        opening.log_id(),
        store.heads(number)?,
        store.headers(number, 0)?,
    );
    let quarantined = store.quarantined(number)?;
    let mut touched = Touched::default();
    let branch = replica
        .begin_branch(number, opening, base, &mut touched)
        .ok_or(NodeError::Damaged("log"))?;
    let mut size = vec![];
    for entry in &headers {
        size.push(
            entry.raw().header.len() + entry.header().padded_len as usize + content::ENTRY_OVERHEAD,
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
