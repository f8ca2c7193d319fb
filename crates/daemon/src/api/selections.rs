//! Selections of this device.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{self as engine, Chosen, ItemId, PackId};
use kitbag_rpc::{
    ChangeSelection, Code, DeleteSelection, Failure, Hex, ListSelections, PackRef,
    SELECTION_NAMES_MAX, SaveSelection, SelectMatching, SelectedNote, SelectionChanged,
    SelectionDeleted, SelectionLine, SelectionSaved, SelectionShown, Selections, ShowSelection, V1,
    WORKING_SELECTION,
};
use std::collections::{BTreeMap, BTreeSet};

/// Of what a search finds, so many are taken if nobody says.
const FOUND_DEFAULT: u32 = 100;

fn named(name: Option<String>) -> String {
    name.unwrap_or_else(|| WORKING_SELECTION.to_owned())
}

pub(super) async fn change(served: Served, call: ChangeSelection) -> Answered<SelectionChanged> {
    if call.add.len() + call.remove.len() > SELECTION_NAMES_MAX {
        let message = format!("notes: at most {SELECTION_NAMES_MAX} are named at once");
        return Err(Failure::new(Code::BadInput, message));
    }
    let name = named(call.selection);
    let mut change = engine::SelectionChange {
        clear: call.clear,
        across_clients: call.across_clients,
        ..engine::SelectionChange::default()
    };
    if !call.remove.is_empty() {
        let selection = served.engine.selection(name.clone()).await;
        let (selection, ..) = selection.map_err(|e| failed(&e))?;
        for selector in &call.remove {
            change.remove.insert(in_selection(&selection, selector)?);
        }
    }
    for selector in call.add {
        let found = served.engine.resolve_note(selector).await;
        let (pack, note) = found.map_err(|e| failed(&e))?;
        change.add.push(Chosen { pack, note });
    }
    let mut beyond = 0;
    if let Some(matching) = call.matching {
        let (found, more) = served.matching(matching).await?;
        change.add.extend(found);
        beyond = more;
    }
    let changed = served
        .engine
        .change_selection(name.clone(), change, call.dry_run);
    let changed = changed.await.map_err(|e| failed(&e))?;
    Ok(SelectionChanged {
        v: V1,
        selection: name,
        added: changed.added as u64,
        there: changed.there as u64,
        removed: changed.removed as u64,
        beyond,
        notes: changed.selection.notes().len() as u64,
        packs: served.packs_of(&changed.selection).await?,
        crosses_clients: changed.crosses_clients,
        dry_run: call.dry_run,
    })
}

/// The note of a selection that somebody means: it need not be here any more.
fn in_selection(selection: &engine::Selection, selector: &str) -> Answered<ItemId> {
    let lower = selector.to_ascii_lowercase();
    let notes = selection.notes().iter().map(|chosen| chosen.note);
    let found: BTreeSet<ItemId> = notes
        .filter(|note| !lower.is_empty() && note.to_string().starts_with(&lower))
        .collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(note), None) => Ok(note),
        (None, _) => {
            let message = format!("no note {selector:?} in the selection");
            Err(Failure::new(Code::NotFound, message)
                .hint("kitbag select show shows the ids of its notes"))
        }
        (Some(_), Some(_)) => {
            let message = format!("{selector:?} fits more than one note of the selection");
            Err(Failure::new(Code::Ambiguous, message).hint("say more of its id"))
        }
    }
}

pub(super) async fn list(served: Served, _: ListSelections) -> Answered<Selections> {
    let known = served.engine.selections().await.map_err(|e| failed(&e))?;
    let mut selections = Vec::new();
    for one in known {
        let packs = match &one.selection {
            Some(selection) => served.packs_of(selection).await?,
            None => vec![],
        };
        selections.push(SelectionLine {
            name: one.name,
            notes: one
                .selection
                .map(|selection| selection.notes().len() as u64),
            packs,
        });
    }
    Ok(Selections { v: V1, selections })
}

pub(super) async fn show(served: Served, call: ShowSelection) -> Answered<SelectionShown> {
    let name = named(call.selection);
    let found = served.engine.selection(name.clone()).await;
    let (selection, notes, crosses_clients) = found.map_err(|e| failed(&e))?;
    let up_to = served.shown_up_to();
    let line = |note: engine::SelectedNote| {
        let outline = note.outline.filter(|of| of.sensitivity <= up_to);
        let status = outline.as_ref().map_or("gone", |outline| outline.status);
        SelectedNote {
            id: note.chosen.note.to_string(),
            pack: note.chosen.pack.to_string(),
            status: status.to_owned(),
            title: outline.as_ref().map(|outline| outline.title.clone()),
            source_label: outline.as_ref().map(|outline| outline.source.clone()),
            sensitivity: outline.map(|outline| convert::sensitivity(outline.sensitivity)),
        }
    };
    Ok(SelectionShown {
        v: V1,
        selection: name,
        digest: Hex(selection.digest().to_vec()),
        packs: served.packs_of(&selection).await?,
        notes: notes.into_iter().map(line).collect(),
        crosses_clients,
    })
}

pub(super) async fn save(served: Served, call: SaveSelection) -> Answered<SelectionSaved> {
    let saving = served.engine.save_selection(
        named(call.from),
        call.name.clone(),
        call.replace,
        call.dry_run,
    );
    let saved = saving.await.map_err(|error| match failed(&error) {
        failure if failure.code == Code::Conflict => {
            failure.hint("say --replace to have it replaced, or another name")
        }
        failure => failure,
    })?;
    Ok(SelectionSaved {
        v: V1,
        selection: call.name,
        notes: saved.notes().len() as u64,
        dry_run: call.dry_run,
    })
}

pub(super) async fn delete(served: Served, call: DeleteSelection) -> Answered<SelectionDeleted> {
    let deleting = served
        .engine
        .delete_selection(call.selection.clone(), call.dry_run);
    let notes = deleting.await.map_err(|e| failed(&e))?;
    Ok(SelectionDeleted {
        v: V1,
        selection: call.selection,
        notes: notes.map(|notes| notes as u64),
        dry_run: call.dry_run,
    })
}

impl Served {
    /// Notes that are like that, and how many more there are than were taken.
    async fn matching(&self, matching: SelectMatching) -> Answered<(Vec<Chosen>, u64)> {
        let mut packs: Vec<PackId> = Vec::new();
        for selector in matching.packs {
            let pack = self.pack(selector).await?;
            if !packs.contains(&pack) {
                packs.push(pack);
            }
        }
        let listed = convert::listed(matching.listed);
        let filter = convert::filter(matching.filter)?;
        let Some(query) = matching.query else {
            if packs.is_empty() {
                let known = self.engine.packs().await.map_err(|e| failed(&e))?;
                let known = known.into_iter().filter(|pack| !pack.archived);
                packs.extend(known.map(|pack| pack.id));
            }
            let like = engine::ReadFilter { listed, filter };
            let found = self.engine.choose(packs, like).await;
            return Ok((found.map_err(|e| failed(&e))?, 0));
        };
        let limit = matching.limit.unwrap_or(FOUND_DEFAULT);
        let options = engine::SearchOptions {
            query,
            packs: (!packs.is_empty()).then_some(packs),
            listed,
            filter,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            explain: false,
        };
        let found = self.engine.search_up_to(options, self.shown_up_to());
        let found = found.await.map_err(|e| failed(&e))?;
        let beyond = found.total.saturating_sub(found.results.len() as u64);
        let chosen = found.results.into_iter().map(|hit| Chosen {
            pack: hit.pack,
            note: hit.id,
        });
        Ok((chosen.collect(), beyond))
    }

    /// The packs of a selection by what they are called here; one that is gone by its id.
    async fn packs_of(&self, selection: &engine::Selection) -> Answered<Vec<PackRef>> {
        let known = self.engine.packs().await.map_err(|e| failed(&e))?;
        let mut names: BTreeMap<PackId, PackRef> = known
            .into_iter()
            .map(|pack| (pack.id, convert::pack_ref(pack)))
            .collect();
        let named = |pack: PackId| {
            names.remove(&pack).unwrap_or_else(|| PackRef {
                id: pack.to_string(),
                title: String::new(),
                name: None,
                archived: false,
            })
        };
        Ok(selection.packs().into_iter().map(named).collect())
    }
}

const _: () = assert!(same(engine::WORKING, WORKING_SELECTION));

/// Whether two names are the same, for the compiler.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
