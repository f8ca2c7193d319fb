//! The files of one segment, as tantivy sees a directory.
//!
//! What tantivy writes stays in memory until somebody takes it. What is on disk is only read.

use crate::blocks::BlockFile;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, FileHandle, OwnedBytes, TerminatingWrite, WatchCallback, WatchHandle,
    WritePtr,
};

/// Files by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(Arc<Mutex<BTreeMap<PathBuf, File>>>);

#[derive(Clone, Debug)]
enum File {
    Written(OwnedBytes),
    Stored(BlockFile),
}

impl Files {
    pub(crate) fn stored(files: impl IntoIterator<Item = (String, BlockFile)>) -> Files {
        let files = files.into_iter();
        let files = files.map(|(name, file)| (name.into(), File::Stored(file)));
        Files(Arc::new(Mutex::new(files.collect())))
    }

    /// What was written, by name; nothing that was read.
    pub(crate) fn take_written(&self) -> Vec<(String, OwnedBytes)> {
        let files = std::mem::take(&mut *self.files());
        let written = files.into_iter().filter_map(|(path, file)| match file {
            File::Written(bytes) => Some((path.to_str()?.to_owned(), bytes)),
            File::Stored(_) => None,
        });
        written.collect()
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory for Files {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        match self.files().get(path) {
            Some(File::Written(bytes)) => Ok(Arc::new(bytes.clone())),
            Some(File::Stored(file)) => Ok(Arc::new(file.clone())),
            None => Err(OpenReadError::FileDoesNotExist(path.into())),
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        match self.files().remove(path) {
            Some(_) => Ok(()),
            None => Err(DeleteError::FileDoesNotExist(path.into())),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.files().contains_key(path))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let empty = File::Written(OwnedBytes::empty());
        if self.files().insert(path.into(), empty).is_some() {
            return Err(OpenWriteError::FileAlreadyExists(path.into()));
        }
        let writer = Writer {
            files: self.clone(),
            path: path.into(),
            bytes: Vec::new(),
        };
        Ok(BufWriter::new(Box::new(writer)))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let file = self.get_file_handle(path)?;
        let bytes = file.read_bytes(0..file.len());
        let bytes = bytes.map_err(|error| OpenReadError::wrap_io_error(error, path.into()))?;
        Ok(bytes.as_slice().to_vec())
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        let written = File::Written(OwnedBytes::new(data.to_vec()));
        self.files().insert(path.into(), written);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

struct Writer {
    files: Files,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for Writer {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        let bytes = OwnedBytes::new(std::mem::take(&mut self.bytes));
        let path = std::mem::take(&mut self.path);
        self.files.files().insert(path, File::Written(bytes));
        Ok(())
    }
}
