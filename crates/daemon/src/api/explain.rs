//! Who may what, and why: questions that change nothing.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{EngineError, ItemId, PackId};
use kitbag_rpc::{
    AskWho, CheckPack, Checked, Code, ExplainPolicy, Explained, Failure, Policy, ReadWhy,
    ShowPolicy, V1, Who, WhyAnswer,
};

pub(super) async fn ask_who(served: Served, call: AskWho) -> Answered<Who> {
    let (pack, note) = served.pack_or_note(call.of).await?;
    let people = served
        .engine
        .who(pack, note)
        .await
        .map_err(|e| failed(&e))?;
    Ok(Who {
        v: V1,
        pack: served.pack_ref(pack).await?,
        note: note.map(|note| note.to_string()),
        people: people.into_iter().map(convert::access).collect(),
    })
}

pub(super) async fn explain_policy(served: Served, call: ExplainPolicy) -> Answered<Explained> {
    let pack = served.pack(call.pack).await?;
    let note = match call.note {
        Some(note) => Some(served.note_in(pack, note).await?),
        None => None,
    };
    let person = served.person(pack, call.person).await?.0;
    let engine = &served.engine;
    let rules = engine.explain(pack, person, note).await;
    let rules = rules.map_err(|e| failed(&e))?;
    let release = match note {
        Some(note) => engine
            .explain_release(pack, person, note, call.purpose)
            .await
            .map_err(|e| failed(&e))?,
        None => vec![],
    };
    Ok(Explained {
        v: V1,
        pack: served.pack_ref(pack).await?,
        note: note.map(|note| note.to_string()),
        who: served.named_person(pack, person).await?,
        rules: rules.into_iter().map(convert::rule).collect(),
        release: release.into_iter().map(convert::release).collect(),
    })
}

pub(super) async fn show_policy(served: Served, call: ShowPolicy) -> Answered<Policy> {
    let id = served.pack(call.pack).await?;
    let policy = served.engine.policy(id).await.map_err(|e| failed(&e))?;
    Ok(Policy {
        v: V1,
        pack: served.pack_ref(id).await?,
        default_sensitivity: convert::sensitivity(policy.default_sensitivity),
        newer_rules: policy.newer_rules,
        rules_unreadable: policy.rules.as_ref().err().map(ToString::to_string),
        rules: policy.rules.ok().map(convert::pack_rules),
        members: policy.members.into_iter().map(convert::held_by).collect(),
        former: policy.former.into_iter().map(convert::held_by).collect(),
        tickets: policy
            .tickets
            .into_iter()
            .map(convert::ticket_view)
            .collect(),
        waits: policy.waits.into_iter().map(convert::act).collect(),
        waiting: policy.waiting,
    })
}

pub(super) async fn check_pack(served: Served, call: CheckPack) -> Answered<Checked> {
    let pack = served.pack(call.pack).await?;
    let person = served.person(pack, call.person).await?.0;
    let checked = served
        .engine
        .check(pack, person)
        .await
        .map_err(|e| failed(&e))?;
    Ok(convert::checked(checked, served.pack_ref(pack).await?))
}

pub(super) async fn read_why(served: Served, _: ReadWhy) -> Answered<WhyAnswer> {
    let why = served.engine.why().await.map_err(|e| failed(&e))?;
    Ok(WhyAnswer {
        v: V1,
        why: why.into_iter().map(convert::pack_why).collect(),
    })
}

impl Served {
    async fn named_person(
        &self,
        pack: PackId,
        person: kitbag_engine::PersonId,
    ) -> Answered<kitbag_rpc::Named> {
        let people = self.engine.who(pack, None).await.map_err(|e| failed(&e))?;
        let found = people.into_iter().find(|view| view.who.person == person);
        found
            .map(|view| convert::named(view.who))
            .ok_or_else(|| Failure::new(Code::NotFound, "the person is gone"))
    }

    async fn note_in(&self, pack: PackId, selector: String) -> Answered<ItemId> {
        let (of, note) = self
            .engine
            .resolve_note(selector.clone())
            .await
            .map_err(|e| failed(&e))?;
        if of == pack {
            self.may_touch(pack, note, "explain").await?;
            return Ok(note);
        }
        let elsewhere = EngineError::NotFound {
            what: "note",
            selector,
        };
        Err(failed(&elsewhere))
    }

    /// A pack, or a note with its pack. What fits one of each is not guessed.
    pub(super) async fn pack_or_note(
        &self,
        selector: String,
    ) -> Answered<(PackId, Option<ItemId>)> {
        let pack = self.engine.resolve_pack(selector.clone()).await;
        let note = self.engine.resolve_note(selector.clone()).await;
        match (pack, note) {
            (Ok(pack), Err(EngineError::NotFound { .. })) => Ok((pack, None)),
            (Err(EngineError::NotFound { .. }), Ok((pack, note))) => {
                self.may_touch(pack, note, "look").await?;
                Ok((pack, Some(note)))
            }
            (Ok(pack), Ok((_, note))) => Err(failed(&EngineError::Ambiguous {
                what: "pack or note",
                selector,
                candidates: vec![format!("pack {pack}"), format!("note {note}")],
            })),
            (Err(EngineError::NotFound { .. }), Err(EngineError::NotFound { .. })) => {
                let neither = EngineError::NotFound {
                    what: "pack or note",
                    selector,
                };
                Err(failed(&neither).hint("kitbag pack list, or kitbag list PACK, shows the ids"))
            }
            (Err(error @ EngineError::Ambiguous { .. }), _) | (_, Err(error)) | (Err(error), _) => {
                Err(failed(&error))
            }
        }
    }
}
