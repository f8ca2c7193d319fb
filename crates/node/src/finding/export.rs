//! Choosing the notes of an export, and reading them page by page.
//!
//! The plan fixes which notes and in which order. Each is read as it stands when its page is read, and
//! judged again then, so that what was withdrawn meanwhile stays.

use super::scan::{ReadNote, Scan, Spent};
use crate::objects::ObjectState;
use crate::pairs::Links;
use crate::{Denied, Node, NodeError};
use kitbag_core::export::{ExportRules, PURPOSE_BYTES_MAX, Withheld};
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{ClientId, ItemId, PackId, PersonId, Timestamp};
use kitbag_core::pack::Record;
use kitbag_core::pack::index::index_tag;
use kitbag_core::pack::note::{LINKS_MAX, Status};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::rules::{Client, Unreadable};
use kitbag_core::release::Facts;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Notes of one export, at most: its plan is one answer.
pub const EXPORT_NOTES_MAX: usize = 200_000;
/// Notes that one page is asked for, at most.
pub const EXPORT_PAGE_NOTES_MAX: usize = 256;

/// What to export.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The pack.
    pub pack: PackId,
    /// Whether deleted notes are in it.
    pub listed: Listed,
    /// Which notes of it.
    pub filter: Filter,
    /// Nothing above this; if absent, the pack's default, or the own clearance if that is lower.
    pub max_sensitivity: Option<Sensitivity>,
    /// What it is for; consents are asked for it.
    pub purpose: Option<String>,
    /// In which format it is written; the pack's rules may allow some only.
    pub format: Option<String>,
    /// For which client it is, if somebody said so.
    pub client: Option<String>,
    /// Whether a person said that it may cross from one client to another.
    pub across_clients: bool,
    /// Only these notes, in this order. Of a page: that its notes were asked for one by one.
    pub only: Option<Vec<ItemId>>,
    /// Packs whose notes leave in the same bundle: their clients count.
    pub beside: Vec<PackId>,
    /// Whether values of personal data are taken out on the way: whoever asks for a page does that.
    pub redacts: bool,
    /// Whether masked copies are in it beside their originals.
    pub with_copies: bool,
}

/// What an export will hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPlan {
    /// The pack's title, if it may be in the export.
    pub title: String,
    /// Nothing above this is in it.
    pub max_sensitivity: Sensitivity,
    /// Its notes by when they were captured; those of one moment the most sensitive first, then in the
    /// order in which they were written.
    pub notes: Vec<ItemId>,
    /// Of each note the place of what was asked for in whose stead it leaves, if single notes were.
    pub places: Vec<usize>,
    /// Whether it crosses from one client to another, because a person said that it may.
    pub crosses_clients: bool,
    /// Notes that the filter leaves out, and those that are not deleted if only deleted ones were
    /// asked for.
    pub not_selected: u64,
    /// Masked copies that are left out because their original is in it.
    pub copies: u64,
    /// Notes that fit the filter and stay.
    pub withheld: WithheldCounts,
    /// Notes in whose place their masked copy leaves.
    pub as_masked_copy: u64,
    /// The same by what the rules say, apart by the sensitivity of the notes: for the audit.
    pub withheld_at: BTreeMap<(Sensitivity, Withheld), u64>,
    /// Entries of the pack that are set aside.
    pub set_aside: u64,
    /// Changes of the pack that wait for earlier ones.
    pub waiting: u64,
}

/// Notes that stay, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WithheldCounts {
    /// By what the rules say.
    pub by: BTreeMap<Withheld, u64>,
    /// They do not open from disk, or were gone when they were read.
    pub unreadable: u64,
}

impl WithheldCounts {
    /// Counts one more.
    pub fn count(&mut self, why: Withheld) {
        *self.by.entry(why).or_default() += 1;
    }

    /// Takes one back.
    fn uncount(&mut self, why: Withheld) {
        if let Some(count) = self.by.get_mut(&why) {
            *count -= 1;
            if *count == 0 {
                self.by.remove(&why);
            }
        }
    }
}

/// Notes of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPage {
    /// Those that may leave.
    pub notes: Vec<ExportedNote>,
    /// How many of the ids were read.
    pub read: usize,
    /// Those that are not what was asked for any more: another tag, another sensitivity, restored.
    pub not_selected: u64,
    /// Those that were to be in it and stay by now.
    pub withheld: WithheldCounts,
}

/// A note as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedNote {
    /// The note.
    pub id: ItemId,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Its fields as they stand now, edits included.
    pub record: Record,
    /// Who added it, if that is known here.
    pub added_by: Option<PersonId>,
    /// Number of edits in it.
    pub edits: u64,
    /// Names what it is at this moment.
    pub version: [u8; 32],
}

/// A choice that is under way.
pub struct Exporting {
    scan: Scan,
    options: ExportOptions,
    rules: ExportRules,
    chosen: Vec<(Place, ItemId)>,
    /// Where each note stands in what was asked for, if single ones were.
    asked: Option<HashMap<ItemId, usize>>,
    /// How many of those were read.
    read: usize,
    /// Of each note that was selected how it was judged, if values are taken out.
    judged: HashMap<ItemId, Judged>,
    not_selected: u64,
    withheld: WithheldCounts,
    withheld_at: BTreeMap<(Sensitivity, Withheld), u64>,
}

/// Where a note stands in an export: where it was asked for, then when it was captured; of one moment
/// the most sensitive first, then where in its log it was written.
type Place = (usize, Timestamp, Reverse<Sensitivity>, u64);

/// What is known of a note that may be a masked copy, or may have one.
struct Judged {
    place: Place,
    sensitivity: Sensitivity,
    stays: Option<Withheld>,
}

impl Exporting {
    pub(super) fn new(options: ExportOptions, rules: ExportRules) -> Exporting {
        let places = |notes: &Vec<ItemId>| -> HashMap<ItemId, usize> {
            notes.iter().copied().zip(0..).collect()
        };
        let asked = options.only.as_ref().map(places);
        let scan = match &options.only {
            // A masked copy of one that was asked for may be any other note.
            Some(notes) if !options.redacts => Scan::of_notes(options.pack, notes.clone()),
            _ => Scan::new(vec![options.pack]),
        };
        Exporting {
            scan,
            options,
            rules,
            chosen: Vec::new(),
            asked,
            read: 0,
            judged: HashMap::new(),
            not_selected: 0,
            withheld: WithheldCounts::default(),
            withheld_at: BTreeMap::new(),
        }
    }

    pub(super) fn go_on(&mut self, node: &Node) -> Result<bool, NodeError> {
        let mut scan = std::mem::replace(&mut self.scan, Scan::new(vec![]));
        let done = scan.go_on(node, |note| self.look_at(&note));
        self.scan = scan;
        done
    }

    fn look_at(&mut self, note: &ReadNote) -> Result<(), NodeError> {
        let item = note.built.item;
        let (rank, seq) = (Reverse(note.sensitivity), note.built.origin.1);
        let at = note.built.record.source.captured_at;
        let place = match &self.asked {
            Some(asked) => asked.get(&item).copied(),
            None => Some(0),
        };
        let selected = is_selected(&self.options, note);
        let stays = withholds(&self.rules, note);
        if self.options.redacts && selected {
            let judged = Judged {
                place: (place.unwrap_or_default(), at, rank, seq),
                sensitivity: note.sensitivity,
                stays,
            };
            self.judged.insert(item, judged);
        }
        let Some(place) = place else {
            return Ok(()); // nobody asked for it
        };
        self.read += 1;
        if !selected {
            self.not_selected += 1;
        } else if let Some(why) = stays {
            self.withheld.count(why);
            *self.withheld_at.entry((note.sensitivity, why)).or_default() += 1;
        } else if self.chosen.len() == EXPORT_NOTES_MAX {
            return Err(NodeError::BadInput {
                field: "export",
                reason: format!(
                    "more than {EXPORT_NOTES_MAX} notes at once; choose fewer by tag, source or time"
                ),
            });
        } else {
            self.chosen.push(((place, at, rank, seq), item));
        }
        Ok(())
    }

    /// Puts masked copies in the place of their originals.
    fn settle_copies(&mut self, links: &Links) -> u64 {
        let mut taken: HashSet<ItemId> = self.chosen.iter().map(|(_, item)| *item).collect();
        let mut instead = 0;
        let mut gone: HashSet<ItemId> = HashSet::new();
        let judged = std::mem::take(&mut self.judged);
        for (original, of) in &judged {
            let asked = match &self.asked {
                Some(asked) => asked.get(original).copied(),
                None => of.stays.is_none().then_some(0),
            };
            // Of several always the same one, in whatever order they are read.
            let copies = links.copies(original).iter();
            let copies = copies.filter_map(|copy| Some((judged.get(copy)?, copy)));
            let leaving = copies.filter(|(copy, _)| copy.stays.is_none());
            let copy = leaving.min_by_key(|(copy, id)| (copy.place, **id));
            let (Some(place), Some((copy, id))) = (asked, copy) else {
                continue;
            };
            match of.stays {
                None => drop(gone.insert(*original)),
                Some(why) => {
                    self.withheld.uncount(why);
                    if let Some(count) = self.withheld_at.get_mut(&(of.sensitivity, why)) {
                        *count -= 1;
                    }
                }
            }
            if taken.insert(*id) {
                let (_, at, rank, seq) = copy.place;
                self.chosen.push(((place, at, rank, seq), *id));
            }
            instead += 1;
        }
        self.chosen.retain(|(_, item)| !gone.contains(item));
        instead
    }
}

fn is_selected(options: &ExportOptions, note: &ReadNote) -> bool {
    if options.listed == Listed::Deleted && !note.view.status.is_deleted() {
        return false;
    }
    // One that was asked for by its id leaves as it is, and says that it was replaced.
    if options.only.is_none()
        && !options
            .listed
            .lists(note.view.status, options.filter.status)
        && note.view.status == Status::Superseded
    {
        return false;
    }
    super::search::admits(&options.filter, note)
}

fn withholds(rules: &ExportRules, note: &ReadNote) -> Option<Withheld> {
    rules.withholds(Facts {
        sensitivity: note.sensitivity,
        consent: note.view.consent.as_ref(),
        status: note.view.status_to_judge(),
        expires_at: note.view.expires_at,
        pii: &note.built.pii(&note.view),
    })
}

impl Node {
    /// What an export may hold now.
    pub(super) fn export_rules(
        &self,
        now: Timestamp,
        options: &ExportOptions,
    ) -> Result<ExportRules, NodeError> {
        let replica = self.packs.get(&options.pack);
        let replica = replica.ok_or(NodeError::NotFound("pack"))?;
        let me = replica.policy.member(&self.me.person());
        let clearance = me.and_then(|me| me.clearance());
        // Rules that raise the default of new notes let no more leave.
        let default = replica.policy.default_sensitivity();
        let max_sensitivity = match (options.max_sensitivity, clearance) {
            (Some(wanted), Some(own)) if wanted > own => {
                return Err(Denied::AboveClearance.into());
            }
            (Some(wanted), _) => wanted,
            (None, own) => own.map_or(default, |own| own.min(default)),
        };
        if let Some(purpose) = &options.purpose
            && (purpose.trim().is_empty() || purpose.len() > PURPOSE_BYTES_MAX)
        {
            return Err(NodeError::BadInput {
                field: "purpose",
                reason: format!("has to be between one and {PURPOSE_BYTES_MAX} bytes long"),
            });
        }
        let beside = self.clients_of(&options.beside)?;
        let client = options.client.as_deref().map(Client::new).transpose();
        let client = client.map_err(|error| NodeError::BadInput {
            field: "client",
            reason: error.to_string(),
        })?;
        Ok(ExportRules {
            max_sensitivity,
            purpose: options.purpose.clone(),
            format: options.format.clone(),
            client: client.map(|client| client.id()),
            across_clients: options.across_clients,
            redacts: options.redacts,
            beside: beside.clone().unwrap_or_default(),
            release: match beside {
                Ok(_) => replica.release_rules().cloned(),
                Err(why) => Err(why),
            },
            at: now,
            deleted: options.listed.takes_deleted(),
        })
    }

    pub(super) fn export_plan(&self, exporting: &mut Exporting) -> Result<ExportPlan, NodeError> {
        let pack = exporting.options.pack;
        let links = match exporting.options.redacts || !exporting.options.with_copies {
            true => Links::of(self.packs.need(pack)?),
            false => Links::default(),
        };
        let as_masked_copy = match exporting.options.redacts {
            true => exporting.settle_copies(&links),
            false => 0,
        };
        let mut chosen = std::mem::take(&mut exporting.chosen);
        chosen.sort_unstable();
        let mut copies = 0;
        if !exporting.options.with_copies {
            let all: BTreeSet<ItemId> = chosen.iter().map(|(_, item)| *item).collect();
            let has_original =
                |item: &ItemId| links.originals(item).iter().any(|of| all.contains(of));
            let before = chosen.len();
            chosen.retain(|(_, item)| !has_original(item));
            copies = (before - chosen.len()) as u64;
        }
        let status = self.status(pack)?;
        let mut withheld = std::mem::take(&mut exporting.withheld);
        withheld.unreadable += match &exporting.asked {
            Some(asked) => (asked.len() - exporting.read) as u64,
            None => exporting.scan.unreadable,
        };
        let max_sensitivity = exporting.rules.max_sensitivity;
        let ruled = exporting.rules.release.as_ref().ok();
        let ruled = ruled.and_then(|rules| rules.export.max_sensitivity);
        let titled = ruled.map_or(max_sensitivity, |ruled| ruled.min(max_sensitivity));
        Ok(ExportPlan {
            title: self.title_up_to(pack, titled),
            max_sensitivity,
            crosses_clients: exporting.rules.crosses(),
            places: match exporting.asked {
                Some(_) => chosen.iter().map(|((place, ..), _)| *place).collect(),
                None => vec![],
            },
            notes: chosen.into_iter().map(|(_, item)| item).collect(),
            as_masked_copy,
            not_selected: exporting.not_selected,
            copies,
            withheld,
            withheld_at: {
                exporting.withheld_at.retain(|_, count| *count > 0);
                std::mem::take(&mut exporting.withheld_at)
            },
            set_aside: status.set_aside,
            waiting: status.waiting,
        })
    }

    /// The clients that these packs belong to, or why that is not known here.
    pub(crate) fn clients_of(
        &self,
        packs: &[PackId],
    ) -> Result<Result<BTreeSet<ClientId>, Unreadable>, NodeError> {
        let mut clients = BTreeSet::new();
        for pack in packs {
            match self.packs.need(*pack)?.release_rules() {
                Ok(rules) => clients.extend(rules.clients.keys().copied()),
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(clients))
    }

    pub(super) fn read_page(
        &self,
        options: &ExportOptions,
        rules: &ExportRules,
        notes: &[ItemId],
    ) -> Result<ExportPage, NodeError> {
        if notes.len() > EXPORT_PAGE_NOTES_MAX {
            return Err(NodeError::BadInput {
                field: "notes",
                reason: format!("at most {EXPORT_PAGE_NOTES_MAX} at once"),
            });
        }
        let mut page = ExportPage {
            notes: Vec::new(),
            read: 0,
            not_selected: 0,
            withheld: WithheldCounts::default(),
        };
        let mut spent = Spent::default();
        let replica = self.packs.need(options.pack)?;
        for item in notes {
            if spent.is_over() {
                break;
            }
            page.read += 1;
            match self.note_to_read(options.pack, *item) {
                Ok(Some(note)) => {
                    spent.add(&note);
                    if !is_selected(options, &note) {
                        page.not_selected += 1;
                    } else if let Some(why) = withholds(rules, &note) {
                        page.withheld.count(why);
                    } else {
                        let mut note = exported(note);
                        // What an edit of the other note says, as a reader of this one sees it.
                        let replaced = replica.replaced_by(item);
                        let supersedes = &mut note.record.supersedes;
                        let room = LINKS_MAX.saturating_sub(supersedes.len());
                        supersedes.extend(replaced.into_iter().take(room));
                        page.notes.push(note);
                    }
                }
                Ok(None) | Err(NodeError::Damaged(_)) => page.withheld.unreadable += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// The pack's title as the highest index document has it that the export may show.
    pub(crate) fn title_up_to(&self, pack: PackId, max: Sensitivity) -> String {
        let Some(replica) = self.packs.get(&pack) else {
            return String::new();
        };
        let shown = Sensitivity::ALL.iter().rev().filter(|s| **s <= max);
        let mut titles = shown.filter_map(|sensitivity| {
            match &replica.objects.get(&index_tag(pack, *sensitivity))?.state {
                ObjectState::Index { title, .. } if !title.is_empty() => Some(title.clone()),
                _ => None,
            }
        });
        titles.next().unwrap_or_default()
    }
}

pub(crate) fn exported(note: ReadNote) -> ExportedNote {
    let (edits, version) = (note.built.edits(), note.built.version());
    let (item, by) = (
        note.built.item,
        note.built.steps.first().and_then(|step| step.by),
    );
    let view = note.view;
    let (source, pii) = (note.built.source(&view), note.built.pii(&view));
    let (note_type, claim) = (note.built.note_type(&view), note.built.claim(&view));
    let mut record = note.built.record;
    record.source = source;
    record.pii = pii;
    record.note_type = note_type;
    record.claim = claim;
    record.title = view.title;
    record.body = view.body;
    record.tags = view.tags;
    record.status = view.status;
    record.pinned = view.pinned;
    record.consent = view.consent;
    record.valid_from = view.valid_from;
    record.valid_to = view.valid_to;
    record.review_after = view.review_after;
    record.expires_at = view.expires_at;
    ExportedNote {
        id: item,
        sensitivity: note.sensitivity,
        record,
        added_by: by,
        edits,
        version,
    }
}
