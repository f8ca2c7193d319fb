//! The calls that change who is in a pack.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{Change, LateDenials, PackId, PersonId};
use kitbag_rpc::{Code, Failure, MembershipChange, PersonRef, SetRole, UnsharePack, V1};

pub(super) async fn unshare(served: Served, call: UnsharePack) -> Answered<MembershipChange> {
    let id = served.pack(call.pack).await?;
    let person = served.person(id, call.person).await?;
    let change = match (served.is_me(person.0).await, call.hostile) {
        (true, false) => Change::Leave,
        (true, true) => {
            return Err(Failure::new(
                Code::BadInput,
                "hostile: leaving is not removing",
            ));
        }
        (false, hostile) => Change::Remove {
            person: person.0,
            late_denials: if hostile {
                LateDenials::Drop
            } else {
                LateDenials::Keep
            },
        },
    };
    served.change(id, person, change, call.dry_run).await
}

pub(super) async fn set_role(served: Served, call: SetRole) -> Answered<MembershipChange> {
    let id = served.pack(call.pack).await?;
    let person = served.person(id, call.person).await?;
    let role = convert::engine_role(call.role);
    let clearance = match call.clearance {
        Some(clearance) => convert::engine_sensitivity(clearance),
        None => served
            .engine
            .usual_clearance(id, person.0, role)
            .await
            .map_err(|e| failed(&e))?,
    };
    let change = Change::Role {
        person: person.0,
        role,
        clearance,
    };
    served.change(id, person, change, call.dry_run).await
}

impl Served {
    pub(super) async fn person(
        &self,
        pack: PackId,
        selector: String,
    ) -> Answered<(PersonId, String)> {
        self.engine
            .resolve_person(pack, selector)
            .await
            .map_err(|e| failed(&e))
    }

    async fn is_me(&self, person: PersonId) -> bool {
        self.engine.me().await.person == person
    }

    async fn change(
        &self,
        id: PackId,
        (person, name): (PersonId, String),
        change: Change,
        dry_run: bool,
    ) -> Answered<MembershipChange> {
        let pack = self.pack_ref(id).await?; // first: nothing may fail once it is done
        let is_me = self.is_me(person).await;
        let told = if dry_run {
            self.engine.preview_change(id, change).await
        } else {
            self.engine.change_membership(id, change).await
        };
        let told = told.map_err(|e| failed(&e))?;
        Ok(MembershipChange {
            v: V1,
            pack,
            person: PersonRef {
                id: person.to_string(),
                name,
                is_me,
            },
            changes: told.changes,
            dry_run,
            people: told
                .people
                .into_iter()
                .map(convert::person_change)
                .collect(),
            tickets: told
                .invites
                .into_iter()
                .map(convert::ended_ticket)
                .collect(),
            set_aside: told
                .set_aside
                .into_iter()
                .map(convert::set_aside_of)
                .collect(),
            held: told.held.into_iter().map(convert::held).collect(),
            dropped: told.dropped.into_iter().map(convert::held).collect(),
            rotates: told.owed.into_iter().map(convert::sensitivity).collect(),
            cuts_off: told.cuts_off,
            not_here: told.unseen,
            last_synced: told.last_synced.map(convert::time),
        })
    }
}
