//! Searching and exporting.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{self as engine, ItemId, PackId, Pii, RedactedPage};
use kitbag_rpc::{
    Code, ExportPage, ExportPlan, ExportWish, ExportedPack, Failure, Found, Hex, PackRef,
    PlanExport, ReadExport, SEARCH_PACKS_MAX, SearchNotes, V1, Withheld,
};
use std::collections::{BTreeMap, HashMap};

/// Results of a search for which nobody says how many.
const RESULTS_DEFAULT: u32 = 20;

pub(super) async fn search(served: Served, call: SearchNotes) -> Answered<Found> {
    if call.packs.len() > SEARCH_PACKS_MAX {
        let message = format!("pack: at most {SEARCH_PACKS_MAX} are named at once");
        return Err(Failure::new(Code::BadInput, message).hint("without --pack, all are searched"));
    }
    let mut packs: Vec<PackId> = Vec::new();
    for selector in call.packs {
        let pack = served.pack(selector).await?;
        if !packs.contains(&pack) {
            packs.push(pack);
        }
    }
    let options = engine::SearchOptions {
        query: call.query,
        packs: (!packs.is_empty()).then_some(packs),
        listed: convert::listed(call.listed),
        filter: convert::filter(call.filter)?,
        limit: usize::try_from(call.limit.unwrap_or(RESULTS_DEFAULT)).unwrap_or(usize::MAX),
        explain: call.explain,
    };
    let found = served.engine.search_up_to(options, served.shown_up_to());
    let found = found.await;
    let found = found.map_err(|e| failed(&e))?;
    let known = served.engine.packs().await.map_err(|e| failed(&e))?;
    let names: HashMap<PackId, PackRef> = known
        .into_iter()
        .map(|pack| (pack.id, convert::pack_ref(pack)))
        .collect();
    Ok(Found {
        up_to: served.up_to(),
        ..convert::found(found, &names)
    })
}

pub(super) async fn plan_export(served: Served, call: PlanExport) -> Answered<ExportPlan> {
    let mut options = served.export_options(call.export).await?;
    served
        .may_take_out(options.pack, options.max_sensitivity)
        .await?;
    options.only = match call.only {
        Some(ids) => Some(whole_ids(&ids)?),
        None => None,
    };
    let pack = options.pack;
    let plan = served.engine.plan_export_for(options, served.via()).await;
    let plan = plan.map_err(|e| failed(&e))?;
    let mut withheld = convert::withheld(&plan.withheld);
    withheld.not_selected = plan.not_selected;
    withheld.set_aside = plan.set_aside;
    withheld.waiting = plan.waiting;
    withheld.as_masked_copy = plan.as_masked_copy;
    withheld.copies = plan.copies;
    Ok(ExportPlan {
        v: V1,
        pack: ExportedPack {
            id: pack.to_string(),
            title: plan.title,
        },
        max_sensitivity: convert::sensitivity(plan.max_sensitivity),
        crosses_clients: plan.crosses_clients,
        places: plan.places,
        notes: plan.notes.iter().map(ToString::to_string).collect(),
        withheld,
    })
}

pub(super) async fn read_export(served: Served, call: ReadExport) -> Answered<ExportPage> {
    let single = call.export.single;
    let mut options = served.export_options(call.export).await?;
    served
        .may_take_out(options.pack, options.max_sensitivity)
        .await?;
    let ids = whole_ids(&call.notes)?;
    options.only = single.then(|| ids.clone());
    let read = served
        .engine
        .export_page_for(options, ids, served.via())
        .await;
    let RedactedPage { page, masked } = read.map_err(|e| failed(&e))?;
    let versions = page.notes.iter().map(|note| Hex(note.version.to_vec()));
    let by_word = |masked: BTreeMap<Pii, u64>| {
        let masked = masked.into_iter();
        masked.map(|(kind, values)| (kind.as_str().to_owned(), values))
    };
    Ok(ExportPage {
        v: V1,
        versions: versions.collect(),
        masked: masked.into_iter().map(|of| by_word(of).collect()).collect(),
        notes: page.notes.into_iter().map(convert::exported).collect(),
        read: page.read,
        withheld: Withheld {
            not_selected: page.not_selected,
            ..convert::withheld(&page.withheld)
        },
    })
}

fn whole_ids(ids: &[String]) -> Answered<Vec<ItemId>> {
    let ids = ids.iter().map(|id| id.parse());
    ids.collect::<Result<_, _>>().map_err(|_| {
        Failure::new(
            Code::BadInput,
            "notes: a plan holds whole ids, and nothing else is taken",
        )
    })
}

impl Served {
    pub(super) async fn export_options(&self, wish: ExportWish) -> Answered<engine::ExportOptions> {
        if wish.beside.len() > SEARCH_PACKS_MAX {
            let message = format!("beside: at most {SEARCH_PACKS_MAX} packs leave at once");
            return Err(Failure::new(Code::BadInput, message));
        }
        let mut beside = Vec::new();
        for selector in wish.beside {
            beside.push(self.pack(selector).await?);
        }
        Ok(engine::ExportOptions {
            pack: self.pack(wish.pack).await?,
            only: None,
            beside,
            redacts: wish.redact_pii,
            listed: convert::listed(wish.listed),
            filter: convert::filter(wish.filter)?,
            max_sensitivity: wish.max_sensitivity.map(convert::engine_sensitivity),
            purpose: wish.purpose,
            format: wish.format,
            client: wish.client,
            across_clients: wish.across_clients,
            with_copies: wish.with_copies,
        })
    }
}
