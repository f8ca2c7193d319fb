//! Pages of exports under way, each durable before it is handed over.
//!
//! What waits and what is under way stand in one setting, which is long: a page adds a short row beside
//! it instead. Once there is no row free, or the setting is written for another reason, it holds all
//! that they said, and they begin anew under the next number of the setting.

use super::{Node, NodeError, Waits};
use crate::read_list;
use kitbag_core::codec;
use kitbag_core::content::report::{NAMED_NOTES_MAX, NoteStart, Reported};
use kitbag_core::id::PackId;
use kitbag_core::policy::Sensitivity;
use kitbag_store::{Store, StoreError};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Rows until all of it is written again: the long setting is written once for so many pages.
const ROWS_MAX: u64 = 64;
/// Bytes of a row, at most: as many notes as a page has, and room beside.
const ROW_BYTES_MAX: usize = 16 << 10;
const GENERATION: &str = "audit/pages";

/// What a page added to an export.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct PageRow {
    /// Which writing of the setting it is added to.
    #[n(0)]
    generation: u64,
    #[n(1)]
    pack: PackId,
    /// The export.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    id: [u8; 16],
    #[n(3)]
    notes: Vec<(Sensitivity, Vec<NoteStart>)>,
}

impl PageRow {
    pub(super) fn new(
        pack: PackId,
        id: [u8; 16],
        notes: &BTreeMap<Sensitivity, BTreeSet<NoteStart>>,
    ) -> PageRow {
        let notes = notes.iter();
        PageRow {
            generation: 0,
            pack,
            id,
            notes: notes
                .map(|(level, of)| (*level, of.iter().copied().collect()))
                .collect(),
        }
    }

    /// Adds its notes to the reports of its export.
    fn add_to(self, waiting: &mut [Waits]) {
        for (level, notes) in self.notes {
            let of = waiting.iter_mut().find_map(|waits| {
                let is_of = (waits.pack, waits.sensitivity) == (self.pack, level);
                match &mut waits.report.what {
                    Reported::Export(export) if is_of && export.id == self.id => Some(export),
                    _ => None,
                }
            });
            let Some(export) = of else { continue };
            let more = u32::try_from(notes.len()).unwrap_or(u32::MAX);
            export.held = export.held.saturating_add(more);
            export.notes.extend(notes);
            export.notes.sort_unstable();
            export.notes.dedup();
            export.notes.truncate(NAMED_NOTES_MAX);
        }
    }
}

/// How many rows stand beside the setting.
#[derive(Debug, Default)]
pub(super) struct Pages {
    generation: u64,
    rows: u64,
}

impl Pages {
    /// Adds what the rows say to what waits.
    pub(super) fn load(
        store: &Store,
        waiting: &mut [Waits],
        damaged: &mut Vec<&'static str>,
    ) -> Result<Pages, NodeError> {
        let generation: Vec<u64> = read_list(store, GENERATION, "pages of exports", damaged)?;
        let generation = generation.first().copied().unwrap_or_default();
        let mut rows = 0;
        while rows < ROWS_MAX {
            let row = match store.setting(&slot(rows)) {
                Ok(None) => break,
                Ok(Some(bytes)) => codec::decode::<PageRow>(&bytes, ROW_BYTES_MAX).ok(),
                Err(StoreError::Damaged { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            let Some(row) = row else {
                damaged.push("pages of exports");
                // Nothing is added to it any more.
                rows = ROWS_MAX;
                break;
            };
            if row.generation != generation {
                break;
            }
            row.add_to(waiting);
            rows += 1;
        }
        Ok(Pages { generation, rows })
    }

    pub(super) fn has_room(&self) -> bool {
        self.rows < ROWS_MAX
    }

    /// Once the long setting is written with all that the rows said.
    pub(super) fn next(&self) -> Pages {
        Pages {
            generation: self.generation + u64::from(self.rows > 0),
            rows: 0,
        }
    }

    /// What is written together with the long setting.
    pub(super) fn setting(&self) -> (String, Vec<u8>) {
        (GENERATION.into(), codec::encode(&vec![self.generation]))
    }
}

impl Node {
    pub(super) fn keep_page(&mut self, row: PageRow) -> Result<(), NodeError> {
        let pages = &self.audit.pages;
        let row = PageRow {
            generation: pages.generation,
            ..row
        };
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(&slot(pages.rows), &codec::encode(&row))?;
        batch.commit()?;
        self.audit.pages.rows += 1;
        Ok(())
    }
}

fn slot(row: u64) -> String {
    format!("audit/pages/{row}")
}
