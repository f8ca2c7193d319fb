//! Selections: notes that somebody put together on this device, kept sealed beside everything else.
//!
//! Each selection is one row, and one list says which row is whose; both are written in one commit. What
//! is chosen leaves this device only in an export, which decides anew.
//! Spec: `docs/spec/selection.md`.

use crate::error::Denied;
use crate::finding::{ReadFilter, Scanned};
use crate::{Node, NodeError, read_list};
use kitbag_core::codec;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::Sensitivity;
use kitbag_core::release::Withheld;
use kitbag_core::selection::{
    Chosen, SELECTIONS_MAX, Selection, SelectionError, WORKING, check_name,
};
use kitbag_store::{Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// What a selection is to become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectionChange {
    /// Everything in it goes first.
    pub clear: bool,
    /// These notes go, of whichever pack.
    pub remove: BTreeSet<ItemId>,
    /// These come to its end.
    pub add: Vec<Chosen>,
    /// Whether a person said that it may hold notes of several clients.
    pub across_clients: bool,
}

/// What became of a selection, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionChanged {
    /// Notes that came.
    pub added: usize,
    /// Notes that were to come and stood in it.
    pub there: usize,
    /// Notes that went.
    pub removed: usize,
    /// The notes in it now.
    pub selection: Selection,
    /// Whether they are of several clients.
    pub crosses_clients: bool,
}

/// A selection by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSelection {
    /// Its name.
    pub name: String,
    /// What is in it; nothing if its row does not read back.
    pub selection: Option<Selection>,
}

/// A note of a selection as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedNote {
    /// Which.
    pub chosen: Chosen,
    /// What is to be seen of it; nothing for one that is gone, or out of sight.
    pub outline: Option<SelectedOutline>,
}

/// What is to be seen of a chosen note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedOutline {
    /// Its title.
    pub title: String,
    /// The label of its source.
    pub source: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Where it stands in its life.
    pub status: &'static str,
}

/// Name → number of its row.
pub(crate) type Rows = BTreeMap<String, u32>;

const LIST: &str = "selections";

pub(crate) fn load(store: &Store, damaged: &mut Vec<&'static str>) -> Result<Rows, NodeError> {
    read_list(store, LIST, "list of selections", damaged)
}

fn row(number: u32) -> String {
    format!("selection/{number}")
}

impl From<SelectionError> for NodeError {
    fn from(error: SelectionError) -> NodeError {
        NodeError::BadInput {
            field: "selection",
            reason: error.to_string(),
        }
    }
}

impl Node {
    /// Every selection of this device, by name.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn selections(&self) -> Result<Vec<NamedSelection>, NodeError> {
        let named = |name: &String| {
            let selection = match self.selection(name) {
                Ok(selection) => Some(selection),
                Err(NodeError::Damaged(_)) => None,
                Err(error) => return Err(error),
            };
            Ok(NamedSelection {
                name: name.clone(),
                selection,
            })
        };
        self.selections.keys().map(named).collect()
    }

    /// The notes of a selection. The one that is meant where none is named is always there.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for what is no name; [`NodeError::NotFound`]; [`NodeError::Damaged`] if its
    /// row does not read back; [`NodeError::Store`].
    pub fn selection(&self, name: &str) -> Result<Selection, NodeError> {
        let Some(number) = self.selections.get(name) else {
            return match name {
                WORKING => Ok(Selection::default()),
                _ => {
                    Err(check_name(name)
                        .map_or_else(Into::into, |()| NodeError::NotFound("selection")))
                }
            };
        };
        let bytes = match self.store.setting(&row(*number)) {
            Ok(bytes) => bytes.ok_or(NodeError::Damaged("selection"))?,
            Err(StoreError::Damaged { .. }) => return Err(NodeError::Damaged("selection")),
            Err(error) => return Err(error.into()),
        };
        Selection::decode(&bytes).map_err(|_| NodeError::Damaged("selection"))
    }

    /// Whether notes of these packs are of several clients.
    ///
    /// # Errors
    /// [`NodeError::Denied`] if there are several packs and the rules of one cannot be read here.
    pub fn crosses_clients(&self, packs: &[PackId]) -> Result<bool, NodeError> {
        let here: Vec<PackId> = packs
            .iter()
            .copied()
            .filter(|p| self.packs.contains(p))
            .collect();
        if here.len() < 2 {
            return Ok(false);
        }
        match self.clients_of(&here)? {
            Ok(clients) => Ok(clients.len() > 1),
            Err(why) => Err(Denied::Release(Withheld::Unreadable(why)).into()),
        }
    }

    /// Changes a selection, or with `dry_run` only says what that would do.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for the name, for too many notes or too many selections;
    /// [`NodeError::Denied`] if notes are added and it would hold those of several clients, unless a
    /// person said so; [`NodeError::NotFound`], [`NodeError::Damaged`], [`NodeError::Store`].
    pub fn change_selection(
        &mut self,
        name: &str,
        change: &SelectionChange,
        dry_run: bool,
    ) -> Result<SelectionChanged, NodeError> {
        check_name(name)?;
        let mut selection = match self.selection(name) {
            Err(NodeError::NotFound(_)) if !change.add.is_empty() => Selection::default(),
            // Whoever empties it does not need what was in it.
            Err(NodeError::Damaged(_)) if change.clear => Selection::default(),
            other => other?,
        };
        let mut removed = 0;
        if change.clear {
            removed += selection.notes().len();
            selection = Selection::default();
        }
        removed += selection.remove(&change.remove);
        let added = selection.add(&change.add)?;
        let crosses_clients = match added {
            0 => self.crosses_clients(&selection.packs()).unwrap_or(false),
            _ => self.crosses_clients(&selection.packs())?,
        };
        if added > 0 && crosses_clients && !change.across_clients {
            return Err(Denied::Release(Withheld::Client).into());
        }
        if !dry_run && (added > 0 || removed > 0 || change.clear) {
            self.keep_selection(name, &selection)?;
        }
        Ok(SelectionChanged {
            added,
            there: change.add.len() - added,
            removed,
            selection,
            crosses_clients,
        })
    }

    /// Keeps the notes of one selection under another name, too. Returns them.
    ///
    /// # Errors
    /// [`NodeError::Stale`] if there is one of that name and it may not be replaced;
    /// [`NodeError::BadInput`] for the name, for nothing to keep, or for too many selections;
    /// [`NodeError::NotFound`], [`NodeError::Damaged`], [`NodeError::Store`].
    pub fn save_selection(
        &mut self,
        from: &str,
        name: &str,
        replace: bool,
        dry_run: bool,
    ) -> Result<Selection, NodeError> {
        check_name(name)?;
        let selection = self.selection(from)?;
        let refused = |reason: &str| NodeError::BadInput {
            field: "selection",
            reason: reason.to_owned(),
        };
        if name == WORKING || name == from {
            return Err(refused("it is to be kept under a name of its own"));
        }
        if selection.notes().is_empty() {
            return Err(refused("there is nothing in it"));
        }
        if self.selections.contains_key(name) && !replace {
            return Err(NodeError::Stale(format!(
                "there is a selection {name:?} already"
            )));
        }
        if !dry_run {
            self.keep_selection(name, &selection)?;
        }
        Ok(selection)
    }

    /// Forgets a selection; its notes stay where they are. Returns how many it had, if that can be read.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for what is no name; [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn delete_selection(
        &mut self,
        name: &str,
        dry_run: bool,
    ) -> Result<Option<usize>, NodeError> {
        let notes = match self.selection(name) {
            Ok(selection) => Some(selection.notes().len()),
            Err(NodeError::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        let mut rows = self.selections.clone();
        if let Some(number) = rows.remove(name)
            && !dry_run
        {
            let mut batch = self.store.batch(&mut *self.rng)?;
            batch.put_setting(LIST, &codec::encode(&rows))?;
            batch.put_setting(&row(number), &[])?; // what was chosen is not kept
            batch.commit()?;
            self.selections = rows;
        }
        Ok(notes)
    }

    fn keep_selection(&mut self, name: &str, selection: &Selection) -> Result<(), NodeError> {
        let mut rows = self.selections.clone();
        let number = match rows.get(name) {
            Some(number) => *number,
            None => {
                let taken: BTreeSet<u32> = rows.values().copied().collect();
                let free = (0..).find(|number| !taken.contains(number));
                let number = free.unwrap_or_default();
                let named = rows.keys().filter(|name| *name != WORKING).count();
                if name != WORKING && named >= SELECTIONS_MAX {
                    return Err(NodeError::BadInput {
                        field: "selection",
                        reason: format!("there are {SELECTIONS_MAX} already; delete one first"),
                    });
                }
                rows.insert(name.to_owned(), number);
                number
            }
        };
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(LIST, &codec::encode(&rows))?;
        batch.put_setting(&row(number), &selection.encode())?;
        batch.commit()?;
        self.selections = rows;
        Ok(())
    }

    /// How chosen notes stand now, in their order.
    ///
    /// # Errors
    /// [`NodeError::Store`] if a pack does not open.
    pub fn selected_notes(&self, selection: &Selection) -> Result<Vec<SelectedNote>, NodeError> {
        let outline = |chosen: &Chosen| -> Result<Option<SelectedOutline>, NodeError> {
            if !self.packs.contains(&chosen.pack) {
                return Ok(None);
            }
            let replica = self.packs.need(chosen.pack)?;
            let seen = replica.meta(&chosen.note);
            Ok(seen.map(|(meta, sensitivity)| SelectedOutline {
                title: meta.title.clone(),
                source: meta.source.clone(),
                sensitivity,
                status: meta.status,
            }))
        };
        let note = |chosen: &Chosen| {
            Ok(SelectedNote {
                chosen: *chosen,
                outline: outline(chosen)?,
            })
        };
        selection.notes().iter().map(note).collect()
    }

    /// Begins to look for the notes of packs that are like that, to choose them.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for a pack.
    pub fn begin_choosing(&self, packs: &[PackId], like: ReadFilter) -> Result<Scanned, NodeError> {
        if packs.iter().any(|pack| !self.packs.contains(pack)) {
            return Err(NodeError::NotFound("pack"));
        }
        Ok(Scanned::new(packs.to_vec(), like))
    }

    /// Looks at the next notes; those that are like that, once none is left.
    ///
    /// # Errors
    /// [`NodeError::Store`]; [`NodeError::BadInput`] for more than a selection holds.
    pub fn choose_on(&self, scanned: &mut Scanned) -> Result<Option<Vec<Chosen>>, NodeError> {
        scanned.go_on(self)
    }
}
