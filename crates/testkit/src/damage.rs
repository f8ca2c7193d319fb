//! Bits that turn over on a disk, or that somebody turned: rows of a database that do not open any more.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::error::Error;
use std::path::Path;

/// A row of a table whose rows are named by an owner's number and a position.
pub type At = (u32, u64);

/// Names the rows of such a table, in a database that nobody has open.
///
/// # Errors
/// If the file does not open, or has no such table.
pub fn rows(database: &Path, table: &str) -> Result<Vec<At>, Box<dyn Error>> {
    let database = Database::open(database)?;
    let read = database.begin_read()?;
    let table = read.open_table(of(table))?;
    let rows = table.iter()?.map(|row| Ok(row?.0.value()));
    rows.collect()
}

/// Turns one bit in a row.
///
/// # Errors
/// If the file does not open, or has no such row.
pub fn turn_bit(database: &Path, table: &str, at: At) -> Result<(), Box<dyn Error>> {
    change(database, table, at, |sealed| {
        if let Some(last) = sealed.last_mut() {
            *last ^= 1;
        }
        true
    })
}

/// Takes a row away.
///
/// # Errors
/// As of [`turn_bit`].
pub fn remove(database: &Path, table: &str, at: At) -> Result<(), Box<dyn Error>> {
    change(database, table, at, |_| false)
}

/// `stays` changes the row, and says whether it stays.
fn change(
    database: &Path,
    table: &str,
    at: At,
    stays: impl FnOnce(&mut Vec<u8>) -> bool,
) -> Result<(), Box<dyn Error>> {
    let database = Database::open(database)?;
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(of(table))?;
        let row = table.remove(at)?.map(|row| row.value().to_vec());
        let mut row = row.ok_or("no such row")?;
        if stays(&mut row) {
            table.insert(at, &row[..])?;
        }
    }
    Ok(write.commit()?)
}

fn of(table: &str) -> TableDefinition<'_, At, &'static [u8]> {
    TableDefinition::new(table)
}
