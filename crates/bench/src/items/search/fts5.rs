//! The same notes and queries in SQLite's FTS5.

use super::texts::{Fits, Query, Text};
use anyhow::Result;
use rusqlite::Connection;
use std::path::Path;
use std::time::Instant;

/// Notes of one transaction, as on our side.
const NOTES_AT_ONCE: u64 = 500;

/// Makes a database with so many notes; says in how many seconds.
pub(super) fn fill(path: &Path, notes: u64) -> Result<f64> {
    let mut db = Connection::open(path)?;
    // Ranked as ours: a title threefold, tags twofold. As `rank`, FTS5 sorts before it makes snippets.
    db.execute_batch(
        "create virtual table note using
             fts5(id unindexed, title, tags, source, body, tokenize = 'unicode61');
         insert into note(note, rank) values ('rank', 'bm25(0, 3, 2, 1, 1)');",
    )?;
    let begun = Instant::now();
    for first in (0..notes).step_by(usize::try_from(NOTES_AT_ONCE)?) {
        let some = db.transaction()?;
        {
            let mut add = some.prepare_cached("insert into note values (?1, ?2, ?3, ?4, ?5)")?;
            for number in first..notes.min(first + NOTES_AT_ONCE) {
                let text = Text::of(number);
                let tag = text.tag.unwrap_or_default();
                add.execute((
                    i64::try_from(number)?,
                    text.title,
                    tag,
                    text.source,
                    text.body,
                ))?;
            }
        }
        some.commit()?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    db.execute("insert into note(note) values ('optimize')", ())?;
    Ok(seconds)
}

/// Milliseconds of each query, one after the other, and how many found something.
pub(super) struct Asked {
    pub(super) millis: Vec<f64>,
    pub(super) found: usize,
}

/// Somebody who asks.
pub(super) struct Fts5(Connection);

impl Fts5 {
    pub(super) fn open(path: &Path) -> Result<Fts5> {
        Ok(Fts5(Connection::open(path)?))
    }

    /// The first twenty of each, with title and snippet: of the notes that hold every part, or, if there
    /// is none, of those that hold any.
    pub(super) fn ask(&self, queries: &[Query]) -> Result<Asked> {
        let mut asked = Asked {
            millis: Vec::new(),
            found: 0,
        };
        for query in queries {
            let begun = Instant::now();
            let mut found = self.first(&query.fts5(Fits::Every))?;
            if found == 0 {
                found = self.first(&query.fts5(Fits::Any))?;
            }
            asked.millis.push(begun.elapsed().as_secs_f64() * 1e3);
            asked.found += usize::from(found > 0);
        }
        Ok(asked)
    }

    fn first(&self, query: &str) -> Result<usize> {
        let mut ask = self.0.prepare_cached(
            "select id, title, snippet(note, 4, '[', ']', '…', 24), rank from note
             where note match ?1 order by rank limit 20",
        )?;
        let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(i64, String, String, f64)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        };
        let rows: Vec<_> = ask.query_map([query], row)?.collect::<Result<_, _>>()?;
        Ok(rows.len())
    }
}
