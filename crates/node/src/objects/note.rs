//! A note put together from its entries, with how it came to be.

use super::NoteMeta;
use crate::placement::Placed;
use kitbag_core::content::{Relocation, TakesOver};
use kitbag_core::id::{EntryHash, ItemId, LogId, ObjectTag, PersonId, Timestamp};
use kitbag_core::pack::note::{Claim, ConsentStatus, NoteType, Pii, Source, Status};
use kitbag_core::pack::{ChangeHash, CheckedChange, NoteDocument, NoteView, Record};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{Hash, HashLabel, ItemKey};
use std::collections::{BTreeMap, BTreeSet};

/// One applied entry of a note.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) entry: EntryHash,
    pub(crate) deps: Vec<EntryHash>,
    pub(crate) by: Option<PersonId>,
    pub(crate) at: Timestamp,
    pub(crate) change: Option<CheckedChange>,
    /// Entries whose content it takes over.
    pub(crate) takes_over: TakesOver,
    /// The log that binds the change.
    pub(crate) log: Option<LogId>,
    /// Where the note went, if this is a move.
    pub(crate) moved: Option<Sensitivity>,
    /// Who told this, if its own entry is not here.
    pub(crate) told_by: Option<PersonId>,
}

/// A change that only a move carries.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) change: CheckedChange,
    pub(crate) log: LogId,
    pub(crate) by: Option<PersonId>,
    pub(crate) at: Timestamp,
    pub(crate) mover: Option<PersonId>,
}

/// A move of the note, for its history.
#[derive(Clone)]
pub(crate) struct Mover {
    pub(crate) entry: EntryHash,
    pub(crate) by: Option<PersonId>,
    pub(crate) at: Timestamp,
    pub(crate) to: Sensitivity,
    pub(crate) heads: Vec<ChangeHash>,
}

/// A note put together from its entries.
#[derive(Clone)]
pub(crate) struct BuiltNote {
    /// The tag under which it stands now.
    pub(crate) tag: ObjectTag,
    pub(crate) item: ItemId,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) record: Record,
    /// Log and number of its create entry.
    pub(crate) origin: (LogId, u64),
    /// Seals new edits.
    pub(crate) item_key: ItemKey,
    /// What edits under each of its tags may be sealed with.
    pub(crate) keys: BTreeMap<ObjectTag, Vec<ItemKey>>,
    /// Present once somebody edited.
    pub(crate) document: Option<NoteDocument>,
    /// Which entry carries which change; the derived first change is the create entry's.
    pub(crate) carriers: BTreeMap<ChangeHash, EntryHash>,
    /// The other way round; several entries may carry one change, and a move carries many.
    pub(crate) carries: BTreeMap<EntryHash, BTreeSet<ChangeHash>>,
    pub(crate) applied: BTreeSet<EntryHash>,
    pub(crate) steps: Vec<Step>,
    pub(crate) told: BTreeMap<ChangeHash, Told>,
    pub(crate) movers: Vec<Mover>,
    pub(crate) placed: Placed,
    pub(crate) waiting: u64,
}

impl BuiltNote {
    /// Its create entry, or what stands for that.
    pub(crate) fn created(&self) -> Option<EntryHash> {
        self.steps.first().map(|step| step.entry)
    }

    /// Which entries of it say of which one that they took it over. What says so of several at once
    /// takes over none of them.
    pub(crate) fn claims(&self) -> BTreeMap<EntryHash, EntryHash> {
        let claim = |step: &Step| match step.takes_over.entries() {
            [taken] => Some((step.entry, *taken)),
            _ => None,
        };
        self.steps.iter().filter_map(claim).collect()
    }

    /// The creates and moves that make it.
    pub(crate) fn openings(&self) -> Vec<EntryHash> {
        match self.placed.openings() {
            [] => self.created().into_iter().collect(),
            openings => openings.to_vec(),
        }
    }

    /// Names what the note is at this moment: the entries that make it, and where it stands.
    pub(crate) fn version(&self) -> [u8; 32] {
        let sensitivity = [self.sensitivity as u8];
        let mut parts: Vec<&[u8]> = vec![self.item.as_bytes(), &sensitivity];
        parts.extend(self.applied.iter().map(|entry| &entry.as_bytes()[..]));
        *Hash::of(HashLabel::NoteVersion, &parts).as_bytes()
    }

    /// What people see of it; of a note that is redacted, its shell.
    pub(crate) fn view(&self) -> NoteView {
        self.whole_view().shell()
    }

    /// All that stands in it, even if it is redacted: to edit it, never to be shown.
    pub(crate) fn whole_view(&self) -> NoteView {
        self.document
            .as_ref()
            .map_or_else(|| NoteView::from(&self.record), NoteDocument::view)
    }

    /// Whether its content was taken out.
    pub(crate) fn is_redacted(&self) -> bool {
        self.whole_view().is_redacted()
    }

    /// Where it comes from, as far as that is to be seen.
    pub(crate) fn source(&self, view: &NoteView) -> Source {
        match view.is_redacted() {
            true => self.record.source.shell(),
            false => self.record.source.clone(),
        }
    }

    /// What kind of thing it is.
    pub(crate) fn note_type(&self, view: &NoteView) -> NoteType {
        view.note_type.unwrap_or(self.record.note_type)
    }

    /// What kind of statement it makes.
    pub(crate) fn claim(&self, view: &NoteView) -> Option<Claim> {
        view.claim.or(self.record.claim)
    }

    /// Kinds of personal data in it.
    pub(crate) fn pii(&self, view: &NoteView) -> BTreeSet<Pii> {
        self.record.pii.union(&view.pii).copied().collect()
    }

    /// Who added it.
    pub(crate) fn added_by(&self) -> Option<PersonId> {
        self.steps.first().and_then(|step| step.by)
    }

    pub(crate) fn document(&self) -> NoteDocument {
        self.document
            .clone()
            .unwrap_or_else(|| NoteDocument::derive(self.item, &self.record))
    }

    /// The document to apply changes to; from here on the create entry carries its first change.
    ///
    /// Most notes are never edited, and deriving costs a hundred times what reading a record does.
    pub(crate) fn open_document(&mut self) -> NoteDocument {
        let document = self.document();
        if self.document.is_none() {
            self.document = Some(document.clone());
            self.carry_base();
        }
        document
    }

    /// Notes that what was applied so far, creates and moves, carries the derived first change.
    pub(crate) fn carry_base(&mut self) {
        let Some(base) = self.document.as_ref().map(NoteDocument::base) else {
            return;
        };
        for opening in &self.applied {
            self.carries.entry(*opening).or_default().insert(base);
            self.carriers.entry(base).or_insert(*opening);
        }
    }

    /// The edits in it.
    pub(crate) fn edits(&self) -> u64 {
        self.document
            .as_ref()
            .map_or(0, |document| document.edits() as u64)
    }

    /// The steps, each after those it builds on; of several that could come next the one that was
    /// written first by its author's clock, then the lowest hash. The same on every device that
    /// applied the same entries, in whatever order.
    pub(crate) fn history(&self) -> Vec<Step> {
        let mut rest = self.steps.clone();
        rest.extend(self.told_steps());
        if !planted::is(Planted::HistoryByArrival) {
            rest.sort_by_key(|step| (step.at, step.entry));
        }
        let mut told = BTreeSet::new();
        let mut history = Vec::new();
        while let Some(next) = rest
            .iter()
            .position(|step| step.deps.iter().all(|dep| told.contains(dep)))
        {
            let step = rest.remove(next);
            told.insert(step.entry);
            history.push(step);
        }
        history
    }

    /// The steps of which a move told, and the moves themselves.
    fn told_steps(&self) -> Vec<Step> {
        let mut names: BTreeMap<ChangeHash, EntryHash> = self
            .told
            .keys()
            .map(|change| (*change, EntryHash::from_bytes(change.0)))
            .collect();
        for step in &self.steps {
            names.extend(step.change.iter().map(|change| (change.hash(), step.entry)));
        }
        let created = self.steps.first().map(|step| step.entry);
        let after = |changes: &[ChangeHash]| -> Vec<EntryHash> {
            let known = changes.iter().filter_map(|change| names.get(change));
            known.copied().chain(created).collect()
        };
        let own = |change: &ChangeHash| names.get(change) != Some(&EntryHash::from_bytes(change.0));
        let told = self.told.iter().filter(|(change, _)| !own(change));
        let mut steps: Vec<Step> = told
            .map(|(change, told)| Step {
                entry: EntryHash::from_bytes(change.0),
                deps: after(told.change.deps()),
                by: told.by,
                at: told.at,
                change: Some(told.change.clone()),
                log: Some(told.log),
                moved: None,
                told_by: told.mover,
                takes_over: TakesOver::default(),
            })
            .collect();
        let mut before: Vec<EntryHash> = Vec::new();
        for mover in &self.movers {
            let mut deps = after(&mover.heads);
            deps.append(&mut before);
            before.push(mover.entry);
            steps.push(Step {
                entry: mover.entry,
                deps,
                by: mover.by,
                at: mover.at,
                change: None,
                log: None,
                moved: Some(mover.to),
                told_by: None,
                takes_over: TakesOver::default(),
            });
        }
        steps
    }

    /// A note by what a mover told of its creation.
    pub(crate) fn told(
        tag: ObjectTag,
        sensitivity: Sensitivity,
        relocation: &Relocation,
        item_key: ItemKey,
        mover: Option<PersonId>,
    ) -> BuiltNote {
        let item = relocation.item();
        let created = Step {
            entry: EntryHash::from_bytes(*item.as_bytes()),
            deps: vec![],
            by: relocation.created.by,
            at: relocation.created.at,
            change: None,
            log: None,
            moved: None,
            told_by: mover,
            takes_over: TakesOver::default(),
        };
        BuiltNote {
            tag,
            sensitivity,
            item,
            record: relocation.record.clone(),
            origin: (relocation.created.log, relocation.created.seq),
            item_key,
            keys: BTreeMap::new(),
            document: None,
            carriers: BTreeMap::new(),
            carries: BTreeMap::new(),
            applied: BTreeSet::new(),
            steps: vec![created],
            told: BTreeMap::new(),
            movers: vec![],
            placed: Placed::never(sensitivity),
            waiting: 0,
        }
    }

    /// Notes which changes a move carries.
    pub(crate) fn carry(&mut self, entry: EntryHash, changes: &[CheckedChange]) {
        for change in changes.iter().map(CheckedChange::hash) {
            self.carriers.entry(change).or_insert(entry);
            self.carries.entry(entry).or_default().insert(change);
        }
    }

    /// New edits shall build on this entry for every change that it carries.
    pub(crate) fn prefer_carrier(&mut self, entry: EntryHash) {
        for change in self.carries.get(&entry).into_iter().flatten() {
            self.carriers.insert(*change, entry);
        }
    }

    pub(crate) fn meta(&self) -> NoteMeta {
        let view = self.view();
        let pii = self.pii(&view);
        NoteMeta {
            item: self.item,
            captured_at: self.record.source.captured_at,
            seq: self.origin.1,
            title: outline(&view),
            source: self.source(&view).label,
            status: view.status.as_str(),
            edits: self.edits(),
            waiting: self.waiting,
            fingerprint: *self.record.fingerprint().as_bytes(),
            import: self.record.import,
            import_of_copy: (self.record.import).map(|key| key.of_masked_copy(&self.record.salt)),
            by: self.added_by(),
            derived_from: self.record.derived_from.clone(),
            stated_pii: self.record.pii.clone(),
            is_gated: is_gated(&view) || !pii.is_empty(),
            pii,
            superseded_by: view.superseded_by,
            pinned: view.pinned,
            claims: self.claims(),
        }
    }
}

/// Whether a release decision may turn on more than its sensitivity and personal data. Deleted ones are
/// never looked at for others.
fn is_gated(view: &NoteView) -> bool {
    let consent = view.consent.as_ref();
    consent.is_some_and(|consent| consent.status != ConsentStatus::NotRequired)
        || view.expires_at.is_some()
        || matches!(view.status, Status::Expired | Status::Redacted)
}

/// The title, or the start of the body where there is none.
fn outline(view: &NoteView) -> String {
    let text = if view.title.trim().is_empty() {
        &view.body
    } else {
        &view.title
    };
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    line.trim().chars().take(OUTLINE_CHARS).collect()
}

const OUTLINE_CHARS: usize = 120;
