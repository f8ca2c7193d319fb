//! Which notes an export holds, of one pack or of a selection of several, and in which order.

use super::target::NewFile;
use kitbag_render::{ESTIMATOR, Format, Head, Limit, Selection};
use kitbag_rpc::{
    Client, Code, ExportPlan, ExportWish, ExportedPack, Failure, Hex, Listed, NoteFilter,
    PlanExport, ReceiptAsked, ReceiptBundle, ReceiptFilter, ReceiptNote, ReceiptPack,
    ReceiptSelection, ReceiptShown, SEARCH_PACKS_MAX, Sensitivity, ShowSelection, SignReceipt, V1,
    Withheld,
};
use std::collections::BTreeMap;

/// The notes of one pack, as they are asked for in every page, and as they were planned.
pub(super) struct Part {
    pub(super) wish: ExportWish,
    plan: ExportPlan,
}

/// All notes of an export.
pub(super) struct Planned {
    pub(super) parts: Vec<Part>,
    /// Part and place in its plan, for each note.
    pub(super) order: Vec<(usize, usize)>,
    pub(super) withheld: Withheld,
    /// Name and digest of the selection, if it is of one.
    selection: Option<(String, Hex)>,
}

/// What a receipt says besides its notes.
pub(super) struct Signing {
    pub(super) format: Format,
    pub(super) limit: Option<Limit>,
    pub(super) bundle: ReceiptBundle,
    pub(super) withheld: Withheld,
    pub(super) over_budget: u64,
}

impl Planned {
    /// The notes of a pack.
    pub(super) async fn of_pack(client: &Client, wish: ExportWish) -> anyhow::Result<Planned> {
        let part = Part::plan(client, wish, None).await?;
        Ok(Planned {
            order: (0..part.plan.notes.len()).map(|at| (0, at)).collect(),
            withheld: part.plan.withheld.clone(),
            parts: vec![part],
            selection: None,
        })
    }

    /// The notes of a selection, in its order; each by the rules of its pack.
    pub(super) async fn of_selection(
        client: &Client,
        wish: ExportWish,
        name: &str,
    ) -> anyhow::Result<Planned> {
        let shown = client
            .call(&ShowSelection {
                v: V1,
                selection: Some(name.to_owned()),
            })
            .await?;
        if shown.notes.is_empty() {
            let failure = Failure::new(Code::NotFound, "there is no note in the selection");
            return Err(failure.hint("kitbag select add NOTE puts one in").into());
        }
        let mut withheld = Withheld::default();
        // A pack of which nothing is to be seen may be gone, and has no rules then.
        let seen = |pack: &str| {
            let mut notes = shown.notes.iter();
            notes.any(|note| note.pack == pack && note.status != "gone")
        };
        let packs = shown.packs.iter().map(|pack| pack.id.clone());
        let packs: Vec<String> = packs.filter(|pack| seen(pack)).collect();
        let lost = shown
            .notes
            .iter()
            .filter(|note| !packs.contains(&note.pack));
        withheld.unreadable = lost.count() as u64;
        withheld.notes = withheld.unreadable;
        if packs.is_empty() {
            let message = "none of the notes in the selection is to be seen here any more";
            return Err(Failure::new(Code::NotFound, message).into());
        }
        if packs.len() > SEARCH_PACKS_MAX {
            let message = format!("notes of at most {SEARCH_PACKS_MAX} packs leave at once");
            return Err(Failure::new(Code::BadInput, message).into());
        }
        let mut parts = Vec::new();
        let mut order: Vec<(usize, usize, usize)> = Vec::new();
        for pack in &packs {
            let of_pack = shown.notes.iter().enumerate();
            let of_pack: Vec<(usize, &str)> = of_pack
                .filter(|(_, note)| note.pack == *pack)
                .map(|(place, note)| (place, note.id.as_str()))
                .collect();
            let only = of_pack.iter().map(|(_, id)| (*id).to_owned()).collect();
            let others = packs.iter().filter(|other| *other != pack);
            let wish = ExportWish {
                pack: pack.clone(),
                beside: others.cloned().collect(),
                single: true,
                ..wish.clone()
            };
            let part = Part::plan(client, wish, Some(only)).await?;
            withheld.add(&part.plan.withheld);
            for (at, place) in part.plan.places.iter().enumerate() {
                let (place, _) = of_pack.get(*place).copied().unwrap_or((usize::MAX, ""));
                order.push((place, parts.len(), at));
            }
            parts.push(part);
        }
        order.sort_unstable();
        Ok(Planned {
            parts,
            order: order.into_iter().map(|(_, part, at)| (part, at)).collect(),
            withheld,
            selection: Some((shown.selection, shown.digest)),
        })
    }

    /// Whether each note says which pack it is of.
    pub(super) fn names_packs(&self) -> bool {
        self.parts.len() > 1
    }

    /// The id of the note at this place.
    pub(super) fn id(&self, at: usize) -> String {
        let (part, at) = self.order[at];
        self.parts[part].plan.notes[at].clone()
    }

    /// The ids of all notes, in their order.
    pub(super) fn ids(&self) -> Vec<String> {
        (0..self.order.len()).map(|at| self.id(at)).collect()
    }

    /// What the document begins with.
    pub(super) fn head(&self) -> Head {
        let first = &self.parts[0];
        let packs = self.parts.iter().map(|part| part.plan.pack.clone());
        let packs: Vec<ExportedPack> = packs.filter(|_| self.names_packs()).collect();
        let highest = self.parts.iter().map(|part| part.plan.max_sensitivity);
        Head {
            pack: first.plan.pack.clone(),
            packs,
            selection: Selection {
                max_sensitivity: highest.max().unwrap_or(Sensitivity::Public),
                purpose: first.wish.purpose.clone(),
                client: first.wish.client.clone(),
                crosses_clients: self.parts.iter().any(|part| part.plan.crosses_clients),
                listed: first.wish.listed,
                filter: first.wish.filter.clone(),
                redact_pii: first.wish.redact_pii,
            },
        }
    }

    /// Has the receipt signed and writes it; the file gets its name afterwards.
    pub(super) async fn receipt(
        &self,
        client: &Client,
        signing: Signing,
        notes: Vec<ReceiptNote>,
        mut file: NewFile,
    ) -> anyhow::Result<(NewFile, ReceiptShown)> {
        let wish = &self.parts[0].wish;
        let packs = self.parts.iter().map(|part| ReceiptPack {
            id: part.plan.pack.id.clone(),
            max_sensitivity: part.plan.max_sensitivity,
            crosses_clients: part.plan.crosses_clients,
        });
        let selection = self.selection.clone();
        let call = SignReceipt {
            v: V1,
            packs: packs.collect(),
            asked: ReceiptAsked {
                format: signing.format.as_str().to_owned(),
                listed: match wish.listed {
                    Listed::Kept => "kept",
                    Listed::Deleted => "deleted",
                    Listed::All => "all",
                }
                .to_owned(),
                filters: filters(&wish.filter),
                purpose: wish.purpose.clone(),
                client: wish.client.clone(),
                redact_pii: wish.redact_pii,
                max_tokens: signing.limit.map(|limit| limit.max_tokens),
                estimator: signing.limit.map(|_| ESTIMATOR.to_owned()),
                selection: selection.map(|(name, digest)| ReceiptSelection { name, digest }),
            },
            notes,
            bundle: signing.bundle,
            withheld: signing.withheld,
            over_budget: signing.over_budget,
        };
        let signed = client.call(&call).await?.signed;
        let says = kitbag_daemon::read_receipt(&signed.0)?;
        file.write(&signed.0)?;
        Ok((file, says))
    }
}

impl Part {
    /// Plans the notes of one pack. Every page has the pack by its id, since somebody may give its name
    /// to another one meanwhile, and the bound and the crossing that the head says, whatever becomes of
    /// a role or a client.
    async fn plan(
        client: &Client,
        wish: ExportWish,
        only: Option<Vec<String>>,
    ) -> anyhow::Result<Part> {
        let call = PlanExport {
            v: V1,
            export: wish.clone(),
            only,
        };
        let plan = client.call(&call).await?;
        Ok(Part {
            wish: pinned(wish, &plan),
            plan,
        })
    }
}

fn pinned(wish: ExportWish, plan: &ExportPlan) -> ExportWish {
    ExportWish {
        pack: plan.pack.id.clone(),
        max_sensitivity: Some(plan.max_sensitivity),
        across_clients: plan.crosses_clients,
        ..wish
    }
}

/// The points of a filter as a receipt has them, by name and value.
fn filters(filter: &NoteFilter) -> Vec<ReceiptFilter> {
    let time = |time: Option<kitbag_rpc::Time>| time.map(|time| time.to_string());
    let one = [
        ("author", filter.author.clone()),
        ("consent", filter.consent.clone()),
        (
            "sensitivity",
            filter.sensitivity.map(|s| s.as_str().to_owned()),
        ),
        ("since", time(filter.since)),
        ("source", filter.source.clone()),
        ("source_kind", filter.source_kind.clone()),
        ("status", filter.status.clone()),
        ("type", filter.note_type.clone()),
        ("until", time(filter.until)),
    ];
    let one = one
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let tags = filter.tags.iter().map(|tag| ("tag", tag.clone()));
    let mut all: BTreeMap<(&str, String), ()> = BTreeMap::new();
    all.extend(one.chain(tags).map(|point| (point, ())));
    let point = |((name, value), ()): ((&str, String), ())| ReceiptFilter {
        name: name.to_owned(),
        value,
    };
    all.into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: no page goes beyond what the head says, even if this person's role was raised meanwhile.
    #[test]
    fn pages_have_the_bound_and_the_pack_of_the_plan() {
        let plan = ExportPlan {
            v: V1,
            pack: ExportedPack {
                id: "abcdefghijkl".into(),
                title: "Acme".into(),
            },
            max_sensitivity: Sensitivity::Public,
            crosses_clients: false,
            notes: vec![],
            places: vec![],
            withheld: Withheld::default(),
        };
        let wish = ExportWish {
            pack: "mine".into(),
            listed: Listed::Kept,
            filter: NoteFilter::default(),
            max_sensitivity: None,
            purpose: Some("support".into()),
            format: Some("md".into()),
            client: None,
            across_clients: false,
            beside: vec!["other".into()],
            redact_pii: true,
            with_copies: false,
            single: false,
        };
        let page = pinned(wish.clone(), &plan);
        assert_eq!(page.max_sensitivity, Some(Sensitivity::Public));
        assert_eq!((&page.beside, page.redact_pii), (&wish.beside, true));
        assert_eq!(
            (page.pack.as_str(), page.purpose),
            ("abcdefghijkl", wish.purpose)
        );
    }

    #[test]
    fn a_filter_is_told_point_by_point_each_once() {
        let filter = NoteFilter {
            tags: vec!["b".into(), "a".into(), "b".into()],
            source: Some("CRM".into()),
            ..NoteFilter::default()
        };
        let told: Vec<(String, String)> = filters(&filter)
            .into_iter()
            .map(|point| (point.name, point.value))
            .collect();
        let expected = [("source", "CRM"), ("tag", "a"), ("tag", "b")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(told, expected);
    }
}
