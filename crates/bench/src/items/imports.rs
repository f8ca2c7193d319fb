//! Files of other systems into packs: that nothing comes in twice, what becomes of personal data, how
//! long a large table takes, and that an import that was killed ends as one that was not.

mod held;
mod home;
mod real;
mod shuffled;
mod table;

use crate::context::Context;
use crate::report::Item;
use anyhow::Result;

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "imports",
        "Import",
        "`kitbag import` of the program itself, with a daemon of its own. Real data: every file comes in, then again with its conversations, \
         rows and lines in another order and under another name. In the airline conversations, which values are personal data is read from \
         the records themselves (birth dates, addresses, postcodes, ids of payment methods, in answers and arguments of tools too) and looked \
         for in every note, whatever the scan says. A table: made up, with values that need quotes, one import in a new home each; killed with \
         SIGKILL once a third of its notes are there. What is compared then are titles, bodies and sensitivity of all notes.",
    );
    real::run(context, &mut item).await?;
    table::run(context, &mut item).await?;
    Ok(item)
}
