//! Entries of a hostile device: whatever its role and clearance.

use super::Hostile;
use kitbag_core::content::{
    CONTENT_VERSION, EntryBody, EntryHeader, EntryKind, LogOpening, Run, VerifiedEntry,
    VerifiedRun, pack_body, write_entry,
};
use kitbag_core::id::{EntryHash, EpochId, ItemId, OpHash, PackId, Timestamp};
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{NoteType, Source, SourceKind, Trust, item_id, object_tag};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Policy;
use kitbag_core::wire::Page;
use kitbag_crypto::{EpochKey, ItemKey, SealLabel, seal};

impl Hostile {
    pub(super) fn entries(&mut self, pack: PackId, policy: &Policy, forked: bool) -> Page {
        let mut page = Page::empty(pack);
        let own = self.own_grants(policy);
        if own.is_empty() {
            return page;
        }
        let opening = LogOpening {
            version: CONTENT_VERSION,
            pack,
            device: self.me.signing.verifying_key().into(),
            sensitivity: *self.dice.pick(&Sensitivity::ALL),
            incarnation: self.incarnation(),
            grant: *self.dice.pick(&own),
            after: None,
        };
        for _ in 0..=usize::from(forked) {
            let mut entries: Vec<VerifiedEntry> = Vec::new();
            for seq in 0..self.dice.between(1, 4) {
                let prev = entries.last().map(VerifiedEntry::hash);
                entries.push(self.entry(policy, &opening, seq, prev));
            }
            let run = VerifiedRun::write(opening.clone(), entries, &self.me.signing);
            page.runs.push(Run {
                opening: kitbag_core::codec::encode(run.opening()),
                entries: run
                    .entries()
                    .iter()
                    .map(|entry| entry.raw().clone())
                    .collect(),
                head: run.head().clone(),
            });
        }
        page
    }

    pub(super) fn entry(
        &mut self,
        policy: &Policy,
        opening: &LogOpening,
        seq: u64,
        prev: Option<EntryHash>,
    ) -> VerifiedEntry {
        let header = EntryHeader {
            version: CONTENT_VERSION,
            pack: opening.pack,
            log: opening.log_id(),
            seq,
            prev,
            kind: EntryKind::Create,
            epoch: None,
            object: None,
            deps: vec![],
            padded_len: 0,
            body: None,
            wrap: None,
        };
        match self.dice.below(4) {
            0 => {
                let mut heads = match self.dice.percent(50) {
                    true => vec![OpHash::from_bytes(self.dice.bytes())],
                    false => policy.heads_at_most(8),
                };
                heads.sort();
                let kind = EntryKind::Frontier(heads);
                write_entry(EntryHeader { kind, ..header }, None, None)
            }
            1 => self.edit(opening, header),
            _ => self.create(opening, header),
        }
    }

    pub(super) fn create(&mut self, opening: &LogOpening, header: EntryHeader) -> VerifiedEntry {
        let source = Source {
            kind: SourceKind::Manual,
            label: self.text.clone(),
            uri: None,
            app: None,
            author: None,
            locator: None,
            captured_at: Timestamp::from_millis(0),
            observed_at: None,
            captured_by: self.text.clone(),
            trust: Trust::ALL[0],
        };
        let mut record = Record::new(self.dice.bytes(), NoteType::Note, source);
        record.title = format!("{} {}", self.text, self.dice.below(1 << 30));
        let item: ItemId = item_id(header.log, header.seq, &record.salt);
        let object = object_tag(opening.pack, item, opening.sensitivity, 0);
        let at = Timestamp::from_millis(1);
        let plain = pack_body(&EntryBody::Create {
            record,
            at,
            takes_over: Default::default(),
        })
        .expect("a small body");
        let (epoch, key) = self.seal_key(opening);
        let header = EntryHeader {
            kind: EntryKind::Create,
            epoch: Some(epoch),
            object: Some(object),
            padded_len: plain.len() as u32,
            ..header
        };
        let aad = header.associated_data();
        let mut rng = self.dice.fork();
        let item_key = ItemKey::generate(&mut *rng);
        let body = seal(
            SealLabel::Record,
            item_key.danger_expose(),
            key.danger_expose(),
            &aad,
            &plain,
            &mut *rng,
        );
        let wrap = seal(
            SealLabel::ItemKey,
            &[0; 32],
            key.danger_expose(),
            &aad,
            item_key.danger_expose(),
            &mut *rng,
        );
        write_entry(header, Some(body), Some(wrap))
    }

    /// An edit of anybody's note, of which nothing can be read as a change.
    pub(super) fn edit(&mut self, opening: &LogOpening, header: EntryHeader) -> VerifiedEntry {
        let known: Vec<(EntryHash, kitbag_core::id::ObjectTag)> = self
            .records
            .entries()
            .filter(|(log, _)| log.pack == opening.pack)
            .filter_map(|(_, entry)| Some((entry.hash(), entry.header().object?)))
            .collect();
        if known.is_empty() {
            return self.create(opening, header);
        }
        let (dep, object) = *self.dice.pick(&known);
        let change = EntryBody::Change {
            change: self.dice.many_bytes(40),
            at: Timestamp::from_millis(1),
            takes_over: Default::default(),
        };
        let plain = pack_body(&change).expect("a small body");
        let (epoch, key) = self.seal_key(opening);
        let header = EntryHeader {
            kind: EntryKind::Edit,
            epoch: Some(epoch),
            object: Some(object),
            deps: vec![dep],
            padded_len: plain.len() as u32,
            ..header
        };
        let salt = *ItemKey::absent(object.as_bytes()).danger_expose();
        let mut rng = self.dice.fork();
        let aad = header.associated_data();
        let body = seal(
            SealLabel::Record,
            &salt,
            key.danger_expose(),
            &aad,
            &plain,
            &mut *rng,
        );
        write_entry(header, Some(body), None)
    }

    /// A key that it holds, of this sensitivity if there is one; else one that nobody has.
    pub(super) fn seal_key(&mut self, opening: &LogOpening) -> (EpochId, EpochKey) {
        let domain = |id: &EpochId| {
            let mut of_pack = self.records.epochs(opening.pack);
            of_pack
                .find(|epoch| epoch.id() == *id)
                .map(|epoch| epoch.epoch().domain)
        };
        let fits: Vec<(EpochId, EpochKey)> = self
            .loot
            .epochs()
            .filter(|(id, _)| domain(id) == Some(opening.sensitivity))
            .map(|(id, key)| (*id, key.clone()))
            .collect();
        if fits.is_empty() {
            let id = EpochId::from_bytes(self.dice.bytes());
            return (id, EpochKey::from_bytes(self.dice.bytes()));
        }
        self.dice.pick(&fits).clone()
    }
}
