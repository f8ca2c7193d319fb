//! Searching and exporting.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{self as engine, ItemId, PackId};
use kitbag_rpc::{
    Code, ExportPage, ExportPlan, ExportWish, ExportedPack, Failure, Found, PackRef, PlanExport,
    ReadExport, SEARCH_PACKS_MAX, SearchNotes, V1, Withheld,
};
use std::collections::HashMap;

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
    let found = served.engine.search(options).await;
    let found = found.map_err(|e| failed(&e))?;
    let known = served.engine.packs().await.map_err(|e| failed(&e))?;
    let names: HashMap<PackId, PackRef> = known
        .into_iter()
        .map(|pack| (pack.id, convert::pack_ref(pack)))
        .collect();
    Ok(convert::found(found, &names))
}

pub(super) async fn plan_export(served: Served, call: PlanExport) -> Answered<ExportPlan> {
    let options = served.export_options(call.export).await?;
    let pack = options.pack;
    let plan = served.engine.plan_export_for(options, served.via()).await;
    let plan = plan.map_err(|e| failed(&e))?;
    let mut withheld = convert::withheld(&plan.withheld);
    withheld.not_selected = plan.not_selected;
    withheld.set_aside = plan.set_aside;
    withheld.waiting = plan.waiting;
    Ok(ExportPlan {
        v: V1,
        pack: ExportedPack {
            id: pack.to_string(),
            title: plan.title,
        },
        max_sensitivity: convert::sensitivity(plan.max_sensitivity),
        crosses_clients: plan.crosses_clients,
        notes: plan.notes.iter().map(ToString::to_string).collect(),
        withheld,
    })
}

pub(super) async fn read_export(served: Served, call: ReadExport) -> Answered<ExportPage> {
    let options = served.export_options(call.export).await?;
    let ids = call.notes.iter().map(|id| id.parse());
    let ids: Vec<ItemId> = ids.collect::<Result<_, _>>().map_err(|_| {
        Failure::new(
            Code::BadInput,
            "notes: a plan holds whole ids, and nothing else is taken",
        )
    })?;
    let page = served.engine.export_page_for(options, ids, served.via());
    let page = page.await;
    let page = page.map_err(|e| failed(&e))?;
    Ok(ExportPage {
        v: V1,
        notes: page.notes.into_iter().map(convert::exported).collect(),
        read: page.read,
        withheld: Withheld {
            not_selected: page.not_selected,
            ..convert::withheld(&page.withheld)
        },
    })
}

impl Served {
    pub(super) async fn export_options(&self, wish: ExportWish) -> Answered<engine::ExportOptions> {
        Ok(engine::ExportOptions {
            pack: self.pack(wish.pack).await?,
            listed: convert::listed(wish.listed),
            filter: convert::filter(wish.filter)?,
            max_sensitivity: wish.max_sensitivity.map(convert::engine_sensitivity),
            purpose: wish.purpose,
            format: wish.format,
            client: wish.client,
            across_clients: wish.across_clients,
        })
    }
}
