//! Archives: an export as it was downloaded. Nothing is written anywhere, and nothing is believed.

use crate::error::Stop;
use crate::out::Out;
use crate::{
    DIRECTORY_BYTES_MAX, ENTRIES_MAX, INFLATED_BYTES_MAX, ImportError, Kind, Options,
    RATIO_FROM_BYTES, RATIO_MAX, ReadSeek, lines, plain,
};
use std::cell::Cell;
use std::io::{self, BufReader, Read, SeekFrom};

/// How an archive begins.
pub(crate) const MAGIC: &[u8] = b"PK\x03\x04";

/// Whether a file is an archive; goes back to its beginning.
pub(crate) fn is_one(file: &mut dyn ReadSeek) -> Result<bool, ImportError> {
    let mut head = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head == MAGIC)
}

/// Reads every entry of an archive that is of this kind. Others are counted.
pub(crate) fn each(
    file: &mut dyn ReadSeek,
    kind: Kind,
    options: &Options,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let listed = check_directory(file)?;
    let mut archive = zip::ZipArchive::new(file).map_err(|_| refused("it is a damaged archive"))?;
    let twice = listed.saturating_sub(archive.len() as u64);
    if twice > 0 {
        let what = format!("files of which the archive holds another of the same name: {twice}");
        let place = out.file().to_owned();
        out.left_out(&place, what)?;
    }
    let mut entries = Vec::new();
    for at in 0..archive.len() {
        let entry = archive
            .by_index_raw(at)
            .map_err(|_| refused("it is a damaged archive"))?;
        let name = entry
            .name()
            .map_err(|_| refused("it is a damaged archive"))?
            .into_owned();
        if is_hostile(&name) {
            return Err(refused("the archive names a file outside of itself"));
        }
        match entry.is_file() && is_of(kind, &name) {
            true if entry.encrypted() => {
                return Err(refused("the archive is locked with a password"));
            }
            true => entries.push((name, at)),
            false if entry.is_file() => out.unknown(&kind_of_file(&name))?,
            false => {}
        }
    }
    if entries.is_empty() {
        return Err(refused("the archive holds no file of this kind"));
    }
    // By name, so that the order in which they were packed changes nothing.
    entries.sort();
    let left = Cell::new(INFLATED_BYTES_MAX);
    for (name, at) in entries {
        let entry = archive
            .by_index(at)
            .map_err(|_| refused("the archive is packed in a way that is not read"))?;
        let packed = entry.compressed_size();
        let bounded = Bounded {
            most: packed.saturating_mul(RATIO_MAX).max(RATIO_FROM_BYTES),
            read: 0,
            left: &left,
            entry,
        };
        let read = lines::start(BufReader::new(bounded))
            .map_err(Stop::Failed)
            .and_then(|mut input| plain(kind, &mut input, &name, options, out));
        match read {
            // One file of a folder never ends the import; a bomb does.
            Err(Stop::Failed(ImportError::OtherKind(why))) => out.skip(&name, why)?,
            Err(Stop::Failed(ImportError::Read(error)))
                if error.get_ref().is_some_and(|e| e.is::<Bomb>()) =>
            {
                return Err(refused("the archive unpacks to far more than it holds"));
            }
            Err(Stop::Failed(ImportError::Read(_))) => {
                out.skip(&name, "it is damaged in the archive")?
            }
            other => other?,
        }
    }
    Ok(())
}

fn refused(why: &'static str) -> Stop {
    Stop::Failed(ImportError::Archive(why))
}

/// Whether an entry is read.
fn is_of(kind: Kind, name: &str) -> bool {
    let hidden = |part: &str| part.starts_with('.') || part == "__MACOSX";
    if name.split('/').any(hidden) {
        return false;
    }
    let file = name.rsplit('/').next().unwrap_or_default();
    match kind {
        Kind::Markdown => kind
            .in_folders()
            .iter()
            .any(|end| file.to_lowercase().ends_with(end)),
        // One, or as many as an export of long use is cut into.
        _ => file.starts_with("conversations") && file.ends_with(".json"),
    }
}

/// What is told of a file that is not read.
fn kind_of_file(name: &str) -> String {
    match name
        .rsplit('/')
        .next()
        .and_then(|file| file.rsplit_once('.'))
    {
        Some((_, end)) => format!("file .{end}"),
        None => "file".to_owned(),
    }
}

fn is_hostile(name: &str) -> bool {
    let drive = name.as_bytes().get(1) == Some(&b':');
    name.starts_with(['/', '\\'])
        || drive
        || name.contains('\0')
        || name.split(['/', '\\']).any(|part| part == "..")
}

/// Bytes at the end of a file in which an archive says how many entries it has: its own record, and
/// a comment.
const TAIL_BYTES: u64 = 22 + 65_535 + 20;

/// Asks every record at the end of a file that could be the archive's how many entries there are,
/// before anything takes room for them.
fn check_directory(file: &mut dyn ReadSeek) -> Result<u64, Stop> {
    let mut listed = 0;
    let length = file.seek(SeekFrom::End(0))?;
    let tail_at = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(tail_at))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    for (at, record) in tail.windows(22).enumerate() {
        if !record.starts_with(b"PK\x05\x06") {
            continue;
        }
        let entries = u16::from_le_bytes([record[10], record[11]]);
        let bytes = u32::from_le_bytes([record[12], record[13], record[14], record[15]]);
        listed = u64::from(entries);
        within(
            listed,
            u64::from(bytes).saturating_sub(u64::from(bytes == u32::MAX) * u64::from(u32::MAX)),
        )?;
        let locator = at.checked_sub(20).map(|from| &tail[from..at]);
        let locator = locator.filter(|locator| locator.starts_with(b"PK\x06\x07"));
        if let Some(long_at) = locator.and_then(|locator| locator[8..16].try_into().ok()) {
            let mut long = Vec::new();
            file.seek(SeekFrom::Start(u64::from_le_bytes(long_at).min(length)))?;
            file.take(56).read_to_end(&mut long)?;
            let number = |from: usize| {
                let bytes = long.get(from..from + 8)?.try_into().ok()?;
                Some(u64::from_le_bytes(bytes))
            };
            if let (Some(entries), Some(bytes)) = (number(32), number(40)) {
                within(entries, bytes)?;
                listed = entries;
            }
        }
    }
    file.rewind()?;
    Ok(listed)
}

fn within(entries: u64, bytes: u64) -> Result<(), Stop> {
    match entries > ENTRIES_MAX || bytes > DIRECTORY_BYTES_MAX {
        true => Err(refused("the archive has too many entries")),
        false => Ok(()),
    }
}

/// What comes out of an entry, until it is more than can be meant.
struct Bounded<'a, R> {
    entry: R,
    read: u64,
    most: u64,
    left: &'a Cell<u64>,
}

/// Why reading ends.
#[derive(Debug, thiserror::Error)]
#[error("too much comes out of it")]
struct Bomb;

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.entry.read(buffer)?;
        self.read += count as u64;
        let left = self.left.get().checked_sub(count as u64);
        match left.filter(|_| self.read <= self.most) {
            Some(left) => {
                self.left.set(left);
                Ok(count)
            }
            None => Err(io::Error::other(Bomb)),
        }
    }
}
