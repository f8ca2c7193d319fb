//! Release rules, changed.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_rpc::{RulesChanged, SetRules, V1};

pub(super) async fn set_rules(served: Served, call: SetRules) -> Answered<RulesChanged> {
    let id = served.pack(call.pack.clone()).await?;
    let pack = served.pack_ref(id).await?; // first: nothing may fail once it is done
    let dry_run = call.dry_run;
    let change = convert::rules_change(call)?;
    let changed = served
        .engine
        .change_rules(id, change, dry_run, served.via());
    let changed = changed.await;
    let changed = changed.map_err(|e| failed(&e))?;
    Ok(RulesChanged {
        v: V1,
        pack,
        changes: changed.changes,
        dry_run,
        before: changed.before.ok().map(convert::pack_rules),
        after: convert::pack_rules(changed.after),
        crossing: changed.crossing,
    })
}
