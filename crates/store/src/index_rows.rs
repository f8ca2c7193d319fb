//! Rows of the search index: blocks of files, what is said of them, and marks. All of it is derived;
//! what is missing or does not open is found anew by whoever owns it.
//! Spec: `docs/spec/search-index.md`, "Rows".

use crate::tables::{
    INDEX, INDEX_BLOCKS, INDEX_BLOCKS_NAME, INDEX_MARKS, INDEX_MARKS_NAME, INDEX_NAME,
};
use crate::{Batch, Reader, StoreError, disk, position};
use redb::{ReadableDatabase, ReadableTable, TableError};
use zeroize::Zeroizing;

impl Reader {
    /// A block of a file of the index, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it does not open; [`StoreError::Disk`].
    pub fn index_block(
        &self,
        file: u32,
        block: u32,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = match read.open_table(INDEX_BLOCKS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            other => other.map_err(disk("read"))?,
        };
        let at = (file, u64::from(block));
        let Some(sealed) = table.get(at).map_err(disk("read"))? else {
            return Ok(None);
        };
        self.open_row(INDEX_BLOCKS_NAME, &position(at.0, at.1), sealed.value())
            .map(Some)
    }

    /// What is said of the index under a number.
    ///
    /// # Errors
    /// As [`Reader::index_block`].
    pub fn index_row(&self, number: u32) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = match read.open_table(INDEX) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            other => other.map_err(disk("read"))?,
        };
        let Some(sealed) = table.get(number).map_err(disk("read"))? else {
            return Ok(None);
        };
        self.open_row(INDEX_NAME, &number.to_be_bytes(), sealed.value())
            .map(Some)
    }

    /// Packs that were written to since the index took them in; nothing if a mark does not open.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn index_marks(&self) -> Result<Option<Vec<u32>>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = match read.open_table(INDEX_MARKS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Some(vec![])),
            other => other.map_err(disk("read"))?,
        };
        let mut marks = Vec::new();
        for row in table.iter().map_err(disk("read"))? {
            let (key, sealed) = row.map_err(disk("read"))?;
            let number = key.value();
            let opened = self.open_row(INDEX_MARKS_NAME, &number.to_be_bytes(), sealed.value());
            if opened.is_err() {
                return Ok(None);
            }
            marks.push(number);
        }
        Ok(Some(marks))
    }
}

impl Batch<'_> {
    /// Keeps a block of a file of the index.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_index_block(
        &mut self,
        file: u32,
        block: u32,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.put(INDEX_BLOCKS, INDEX_BLOCKS_NAME, file, block.into(), bytes)
    }

    /// Forgets a file of the index.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn remove_index_file(&mut self, file: u32) -> Result<(), StoreError> {
        let table = self.write.open_table(INDEX_BLOCKS);
        let mut table = table.map_err(disk("write"))?;
        let blocks = (file, 0)..=(file, u64::MAX);
        table.retain_in(blocks, |_, _| false).map_err(disk("write"))
    }

    /// Says something of the index under a number.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_index_row(&mut self, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_numbered(INDEX, INDEX_NAME, number, bytes)
    }

    /// Takes it back.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn remove_index_row(&mut self, number: u32) -> Result<(), StoreError> {
        let mut table = self.write.open_table(INDEX).map_err(disk("write"))?;
        table.remove(number).map_err(disk("write"))?;
        Ok(())
    }

    /// Says that a pack is written to in this transaction, and the index does not know.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn mark_for_index(&mut self, pack: u32) -> Result<(), StoreError> {
        self.put_numbered(INDEX_MARKS, INDEX_MARKS_NAME, pack, &[])
    }

    /// Says that the index is as new as a pack's records.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn unmark_for_index(&mut self, pack: u32) -> Result<(), StoreError> {
        let table = self.write.open_table(INDEX_MARKS);
        table
            .map_err(disk("write"))?
            .remove(pack)
            .map_err(disk("write"))?;
        Ok(())
    }

    /// Forgets all of the index: files, what is said of them, and marks.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn drop_index(&mut self) -> Result<(), StoreError> {
        self.write
            .delete_table(INDEX_BLOCKS)
            .map_err(disk("write"))?;
        self.write.delete_table(INDEX).map_err(disk("write"))?;
        self.write
            .delete_table(INDEX_MARKS)
            .map_err(disk("write"))?;
        Ok(())
    }
}
