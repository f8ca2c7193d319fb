//! One edit, from the call on A to its commit on B.

use super::one_pack::holder;
use super::{Side, faster};
use crate::clock;
use crate::context::{BODY, Context};
use crate::homes;
use crate::report::Item;
use crate::role::{PATIENCE, Player, kitbag, samod};
use anyhow::{Context as _, Result};

pub(super) async fn run(context: &Context) -> Result<Item> {
    let notes = context.size(10_000);
    let mut item = Item::new(
        "edit",
        &format!("One edit in a pack of {notes} notes"),
        "Both sides are connected and up to date. One word is put at the end of a note's body, another note each time. Time runs from \
         the call on A until B says that something changed, if the word is there then: with Kitbag, durable on A and on B. samod's \
         changes stream is its word for the same, in memory.",
    );
    let mut ours = Pair::kitbag(context, notes).await?;
    let mut string = Pair::samod(notes, false).await?;
    let mut text = Pair::samod(context.size(1000), true).await?;
    let (mut of_ours, mut of_string, mut of_text) =
        (Side::default(), Side::default(), Side::default());
    for turn in 0..context.times(60, 10) {
        for (pair, side) in [
            (&mut ours, &mut of_ours),
            (&mut string, &mut of_string),
            (&mut text, &mut of_text),
        ] {
            if side.goes_on() {
                side.take(pair.edit(context, turn).await)?;
            }
        }
    }
    for pair in [ours, string, text] {
        pair.stop().await?;
    }
    of_ours.put(&mut item, "call to commit", "Kitbag", "ms");
    of_string.put(&mut item, "call to change", "samod, string bodies", "ms");
    let side = format!("samod, Text bodies, {} notes", context.size(1000));
    of_text.put(&mut item, "call to change", &side, "ms");
    item.at_least(
        &format!("one edit in a pack of {notes} notes, beside samod with string bodies"),
        2.5,
        "times as fast",
        faster(&of_ours, &of_string),
    );
    item.remark(
        "samod with Text bodies has a tenth of the notes: ten thousand of them take minutes to build and load.",
    );
    Ok(item)
}

/// Two connected sides.
struct Pair {
    a: Player,
    b: Player,
    /// The pack, or the document.
    within: String,
    /// Notes by id; samod names them by number.
    notes: Vec<String>,
    /// Whose they are.
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Kitbag,
    Samod { text: bool },
}

impl Pair {
    async fn kitbag(context: &Context, notes: u64) -> Result<Pair> {
        let (mut a, pack) = holder(&context.fresh("edit-a"), notes).await?;
        let home = context.fresh("edit-b");
        homes::make(&home, "Ben")?;
        let mut b = Player::start("kitbag")?;
        let open = kitbag::Ask::Open {
            home,
            port: 0,
            offline: false,
        };
        kitbag::ask(&mut b, open).await?;
        let share = kitbag::Ask::Share {
            pack: pack.clone(),
            uses: 1,
        };
        let ticket = kitbag::ask(&mut a, share).await?.text;
        let join = kitbag::Ask::Join {
            ticket: ticket.into_iter().next().context("a ticket")?,
            notes,
            within: PATIENCE.as_secs(),
        };
        b.ask(&join, PATIENCE * 2).await?;
        let list = kitbag::Ask::List { pack: pack.clone() };
        let notes = b.ask(&list, PATIENCE).await?.text;
        Ok(Pair {
            a,
            b,
            within: pack,
            notes,
            kind: Kind::Kitbag,
        })
    }

    async fn samod(notes: u64, text: bool) -> Result<Pair> {
        let (mut a, mut b) = (Player::start("samod")?, Player::start("samod")?);
        let fill = samod::Ask::Fill {
            docs: 1,
            notes,
            bytes: BODY,
            text,
        };
        let ids = a.ask(&fill, PATIENCE * 2).await?.text;
        let port = a.ask(&samod::Ask::Listen, PATIENCE).await?.count;
        let find = samod::Ask::Find {
            ids: ids.clone(),
            notes,
            port: u16::try_from(port)?,
            within: PATIENCE.as_secs(),
        };
        b.ask(&find, PATIENCE * 2).await?;
        Ok(Pair {
            a,
            b,
            within: ids.into_iter().next().context("a document has an id")?,
            notes: (0..notes.min(100))
                .map(|number| number.to_string())
                .collect(),
            kind: Kind::Samod { text },
        })
    }

    /// Milliseconds of one edit.
    async fn edit(&mut self, context: &Context, turn: usize) -> Result<f64> {
        let note = self.notes[turn % self.notes.len()].clone();
        let (word, within) = (format!("word{turn}"), context.limit().as_secs());
        let limit = context.limit() + PATIENCE;
        let (edited, seen) = match self.kind {
            Kind::Kitbag => {
                let want = kitbag::Want::Body {
                    pack: self.within.clone(),
                    note: note.clone(),
                    word: word.clone(),
                };
                self.b.prepare(&kitbag::Ask::Await { want, within }).await?;
                let pack = self.within.clone();
                let edit = kitbag::Ask::Edit { pack, note, word };
                (self.a.ask(&edit, limit).await?, self.b.answer(limit).await?)
            }
            Kind::Samod { text } => {
                let (id, number) = (self.within.clone(), note.parse()?);
                let wait = samod::Ask::Await {
                    id: id.clone(),
                    number,
                    word: word.clone(),
                    within,
                };
                self.b.prepare(&wait).await?;
                let edit = samod::Ask::Edit {
                    id,
                    number,
                    word,
                    text,
                };
                (self.a.ask(&edit, limit).await?, self.b.answer(limit).await?)
            }
        };
        Ok(clock::millis(edited.started, seen.ended))
    }

    async fn stop(self) -> Result<()> {
        self.b.stop().await?;
        self.a.stop().await
    }
}
