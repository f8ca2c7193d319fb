//! What is known of each note: read once, in slices, and put together with what belongs to it.

use super::reads::{Reading, selected};
use super::{HygieneKind, HygieneOptions, Left, refuse_too_many};
use crate::finding::{ReadNote, Scan, admits};
use crate::pairs::Links;
use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::codec;
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{NoteType, Status};
use kitbag_core::policy::Sensitivity;
use kitbag_core::resemblance::{Shingling, Signature};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a note.
pub(super) struct Fact {
    pub(super) pack: PackId,
    pub(super) item: ItemId,
    pub(super) sensitivity: Sensitivity,
    pub(super) status: Status,
    pub(super) captured_at: Timestamp,
    pub(super) added_at: Timestamp,
    pub(super) changed_at: Timestamp,
    pub(super) read_at: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) review_after: Option<Timestamp>,
    pub(super) valid_to: Option<Timestamp>,
    pub(super) pinned: bool,
    /// Whether a filter lets it in.
    pub(super) admitted: bool,
    /// Whether other notes were made from it, or replaced by it.
    pub(super) referred_to: bool,
    pub(super) text_bytes: u64,
    /// Its version as it was looked at: what was written since is not what was judged.
    pub(super) version: [u8; 32],
    /// How its text is found; none if it is not to be compared.
    pub(super) signature: Option<Box<Signature>>,
    /// Why it stays as it is, but for a pin.
    left: Option<Left>,
    /// Whether a pin keeps it, or its masked copy's does.
    left_by_pin: bool,
    /// Whether its end is over.
    pub(super) ended: bool,
    /// Whether it is in use past its end, or a masked copy is that has ended as it has.
    pub(super) in_use_past_end: bool,
    /// Of an original, its masked copies as they were looked at.
    pub(super) family: Vec<(ItemId, [u8; 32])>,
    /// Whether it is a masked copy of a note that is here.
    pub(super) is_copy: bool,
}

impl Fact {
    /// Why it stays as it is, where it is of this kind. An end outranks a pin.
    pub(super) fn left(&self, kind: HygieneKind) -> Option<Left> {
        match kind {
            HygieneKind::Expired => self.left,
            _ if self.left_by_pin => Some(Left::Pinned),
            _ => self.left,
        }
    }
}

/// Notes, as they are looked at.
pub(super) struct Facts {
    scan: Scan,
    packs: Vec<PackId>,
    pub(super) reading: Reading,
    pub(super) shingling: Shingling,
    pub(super) all: Vec<Fact>,
    pub(super) unreadable: u64,
    joining: Option<Joining>,
}

/// Putting together what belongs together, one pack after the other.
struct Joining {
    packs: std::vec::IntoIter<PackId>,
    places: BTreeMap<(PackId, ItemId), usize>,
    selected: BTreeSet<(PackId, ItemId)>,
}

impl Joining {
    fn of(node: &Node, facts: &Facts, options: &HygieneOptions) -> Result<Joining, NodeError> {
        let places = facts.all.iter().zip(0..);
        Ok(Joining {
            packs: facts.packs.clone().into_iter(),
            places: places
                .map(|(fact, at)| ((fact.pack, fact.item), at))
                .collect(),
            selected: match options.selected {
                true => BTreeSet::new(),
                false => selected(node)?,
            },
        })
    }
}

/// Names what texts are compared within: notes of one pack, one sensitivity, one consent, one trust, and
/// with the same end. Something captured from outside never replaces what somebody wrote, and what ends
/// soon never what stays.
pub(super) fn domain(shingling: &Shingling, note: &ReadNote) -> u64 {
    let consent = note.view.consent.as_ref().map(codec::encode);
    let ends = [note.view.expires_at, note.view.valid_to];
    let [expires, valid] = ends.map(|end| end.map(|end| end.as_millis().to_be_bytes()));
    shingling.domain([
        note.pack.as_bytes().as_slice(),
        &[note.sensitivity as u8],
        note.built.record.source.trust.as_str().as_bytes(),
        consent.as_deref().unwrap_or_default(),
        expires.as_ref().map_or(&[], |end| end),
        valid.as_ref().map_or(&[], |end| end),
    ])
}

/// What of a note is compared.
pub(super) fn compared(note: &ReadNote) -> String {
    format!("{}\n{}", note.view.title, note.view.body)
}

impl Facts {
    pub(super) fn new(packs: Vec<PackId>, reading: Reading) -> Facts {
        let (a, b) = reading.key.split_at(8);
        let number = |part: &[u8]| part.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        Facts {
            scan: Scan::new(packs.clone()),
            packs,
            shingling: Shingling::new([number(a), number(b)]),
            reading,
            all: Vec::new(),
            unreadable: 0,
            joining: None,
        }
    }

    /// Looks at the notes of one slice. Returns whether none is left, and all is put together.
    pub(super) fn go_on(
        &mut self,
        node: &Node,
        now: Timestamp,
        options: &HygieneOptions,
    ) -> Result<bool, NodeError> {
        let mut scan = std::mem::replace(&mut self.scan, Scan::new(vec![]));
        let done = scan.go_on(node, |note| self.look_at(&note, now, options));
        self.unreadable = scan.unreadable;
        self.scan = scan;
        if !done? {
            return Ok(false);
        }
        let Some(mut joining) = self.joining.take() else {
            self.reading.forget();
            self.joining = Some(Joining::of(node, self, options)?);
            return Ok(false);
        };
        let Some(pack) = joining.packs.next() else {
            return Ok(true);
        };
        if let Some(replica) = node.packs.get(&pack) {
            self.put_together(node, replica, &joining, options);
        }
        self.joining = Some(joining);
        Ok(false)
    }

    fn look_at(
        &mut self,
        note: &ReadNote,
        now: Timestamp,
        options: &HygieneOptions,
    ) -> Result<(), NodeError> {
        let (built, view) = (&note.built, &note.view);
        if !matches!(view.status, Status::Active | Status::Expired) {
            return Ok(());
        }
        refuse_too_many(self.all.len() as u64 + 1)?; // some may have come in meanwhile
        let steps = built.steps.iter().map(|step| step.at);
        let moves = built.movers.iter().map(|mover| mover.at);
        let told = built.told.values().map(|told| told.at);
        let changed = steps.chain(moves).chain(told).max().unwrap_or_default();
        let added = built.steps.first().map(|step| step.at).unwrap_or_default();
        let level = note.sensitivity;
        let read_at = self.reading.read_at(&note.pack, &built.item, level, added);
        let admitted = admits(&options.filter, note);
        let is_message = built.note_type(view) == NoteType::Message;
        let compares = options.asks(HygieneKind::Duplicate)
            && admitted
            && view.status == Status::Active
            && (options.messages || !is_message);
        let looked = compares.then(|| {
            let domain = domain(&self.shingling, note);
            self.shingling.look(domain, &compared(note))
        });
        let ended = view.expires_at.is_some_and(|end| end <= now);
        self.all.push(Fact {
            pack: note.pack,
            item: built.item,
            sensitivity: note.sensitivity,
            status: view.status,
            captured_at: built.record.source.captured_at,
            added_at: added,
            changed_at: changed,
            read_at,
            expires_at: view.expires_at,
            review_after: view.review_after,
            valid_to: view.valid_to,
            pinned: view.pinned,
            admitted,
            referred_to: false,
            version: built.version(),
            text_bytes: (view.title.len() + view.body.len()) as u64,
            signature: looked.flatten().map(|(_, signature)| Box::new(signature)),
            left: None,
            left_by_pin: false,
            ended,
            in_use_past_end: ended && view.status == Status::Active,
            family: vec![],
            is_copy: false,
        });
        Ok(())
    }

    /// What of one pack belongs together becomes one: nothing is known of an original that is not of its
    /// copies.
    fn put_together(
        &mut self,
        node: &Node,
        replica: &Replica,
        joining: &Joining,
        options: &HygieneOptions,
    ) {
        let (pack, me) = (replica.id(), node.me.person());
        let links = Links::of(replica);
        let mut referred: BTreeSet<ItemId> = BTreeSet::new();
        for meta in replica.metas() {
            referred.extend(&meta.superseded_by);
            if links.originals(&meta.item).is_empty() {
                referred.extend(&meta.derived_from);
            }
        }
        let of_pack = joining.places.range((pack, ItemId::from_bytes([0; 32]))..);
        let of_pack = of_pack.take_while(|((of, _), _)| *of == pack);
        for ((_, item), at) in of_pack.clone() {
            let fact = &mut self.all[*at];
            fact.referred_to = referred.contains(item);
            fact.left_by_pin = fact.pinned && !options.pinned;
            fact.left = if joining.selected.contains(&(pack, *item)) {
                Some(Left::Selected)
            } else if !replica.policy.may_write(&me, fact.sensitivity) {
                Some(Left::NotAllowed)
            } else {
                None
            };
        }
        for ((_, item), at) in of_pack {
            let heads = links.originals(item).iter();
            let mut heads = heads.filter_map(|of| joining.places.get(&(pack, *of)));
            if let Some(head) = heads.next().filter(|head| *head != at) {
                self.join(*head, *at);
            }
        }
    }

    fn join(&mut self, head: usize, copy: usize) {
        let of = &mut self.all[copy];
        (of.is_copy, of.signature) = (true, None);
        let (item, changed_at, added_at) = ((of.item, of.version), of.changed_at, of.added_at);
        let (read_at, pinned, left) = (of.read_at, of.pinned, of.left);
        let left_by_pin = of.left_by_pin;
        let (in_use, referred_to) = (of.in_use_past_end, of.referred_to);
        let head = &mut self.all[head];
        head.family.push(item);
        head.changed_at = head.changed_at.max(changed_at);
        head.added_at = head.added_at.max(added_at);
        head.read_at = head.read_at.max(read_at);
        head.pinned |= pinned;
        head.left = head.left.or(left);
        head.left_by_pin |= left_by_pin;
        head.in_use_past_end |= in_use && head.ended; // nobody ends an original by ending its copy
        head.referred_to |= referred_to;
    }
}
