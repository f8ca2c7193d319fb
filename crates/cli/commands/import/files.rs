//! The files that a person named, and those in the folders that they named.

use super::batch::Batches;
use super::failure_of;
use crate::words;
use kitbag_import::{Bytes, ImportError, Input, Item, Kind, Options, Told};
use kitbag_rpc::{Code, Failure};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Folders inside of folders, at most.
const FOLDERS_DEEP_MAX: usize = 64;

/// What a person named.
#[derive(Debug)]
pub(super) enum Named {
    Standard,
    File(PathBuf),
    Folder(PathBuf),
}

/// Looks whether everything is there, before anything is read.
pub(super) fn named(kind: Kind, paths: &[PathBuf]) -> Result<Vec<Named>, Failure> {
    let mut standard = 0;
    let named = paths.iter().map(|path| {
        if path == Path::new("-") {
            standard += 1;
            return Ok(Named::Standard);
        }
        let name = path.display();
        let found = fs::metadata(path).map_err(|error| {
            let code = match error.kind() {
                io::ErrorKind::NotFound => Code::NotFound,
                _ => Code::Storage,
            };
            let message = match code {
                Code::NotFound => format!("{name} does not exist"),
                _ => format!("{name}: {}", words::of_system(&error)),
            };
            Failure::new(code, message)
                .hint("give a file that can be read, or - for the standard input")
        })?;
        match found.is_dir() {
            false => Ok(Named::File(path.clone())),
            true if !kind.in_folders().is_empty() => Ok(Named::Folder(path.clone())),
            true => {
                let message = format!(
                    "{name} is a folder, and an import of {} takes files",
                    kind.as_str()
                );
                Err(Failure::new(Code::BadInput, message).hint("name the files in it"))
            }
        }
    });
    let named = named.collect::<Result<Vec<Named>, Failure>>()?;
    match standard > 1 {
        true => Err(Failure::new(
            Code::Usage,
            "there is only one standard input",
        )),
        false => Ok(named),
    }
}

/// Reads everything. Gives back why the first file that could not be read was not; a map that does
/// not fit ends it.
pub(super) fn read(
    kind: Kind,
    named: Vec<Named>,
    options: &Options,
    batches: &mut Batches,
) -> Result<Option<Failure>, Failure> {
    let tells_files = named.len() > 1;
    let mut reading = Reading {
        kind,
        options,
        batches,
        tells_files,
        first_error: None,
    };
    for one in named {
        let goes_on = match one {
            Named::Standard => reading.standard(),
            Named::File(path) => reading.file(&path, &file_name(&path), "", false),
            Named::Folder(path) => {
                reading.tells_files = true;
                reading.folder(&path)
            }
        };
        match goes_on {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => break,
            Err(fatal) => return Err(fatal),
        }
    }
    let first_error = reading.first_error;
    // If nobody takes it any more, they know why.
    let _ = batches.pass_on();
    Ok(first_error)
}

struct Reading<'r> {
    kind: Kind,
    options: &'r Options,
    batches: &'r mut Batches,
    /// Whether a report has to say of which file it is.
    tells_files: bool,
    first_error: Option<Failure>,
}

/// Whether to go on, or why the whole import ends.
type Next = Result<ControlFlow<()>, Failure>;

impl Reading<'_> {
    fn standard(&mut self) -> Next {
        let mut stdin = io::stdin().lock();
        self.bytes("standard input", "", Bytes::Stream(&mut stdin))
    }

    fn file(&mut self, path: &Path, name: &str, below: &str, no_links: bool) -> Next {
        match open(path, no_links) {
            Ok(Opened::Regular(mut file)) => self.bytes(name, below, Bytes::File(&mut file)),
            Ok(Opened::Stream(mut file)) => self.bytes(name, below, Bytes::Stream(&mut file)),
            Err(error) => {
                let place = if below.is_empty() { name } else { below };
                Ok(self.unreadable(place, &ImportError::Read(error)))
            }
        }
    }

    fn bytes<'b>(&mut self, name: &'b str, below: &'b str, bytes: Bytes<'b>) -> Next {
        let input = Input {
            name,
            path: below,
            bytes,
        };
        let told_as = if below.is_empty() { name } else { below };
        let file = self.tells_files.then_some(told_as);
        let mut stopped = false;
        let batches = &mut *self.batches;
        let done = kitbag_import::read(self.kind, input, self.options, &mut |item| {
            let next = batches.take(file, item);
            stopped = next.is_break();
            next
        });
        match done {
            _ if stopped => Ok(ControlFlow::Break(())),
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error @ ImportError::Map(_)) => Err(failure_of(told_as, &error)),
            Err(error) => Ok(self.unreadable(told_as, &error)),
        }
    }

    fn unreadable(&mut self, name: &str, error: &ImportError) -> ControlFlow<()> {
        let failure = failure_of(name, error);
        self.first_error.get_or_insert(failure);
        self.skip(name, &error.to_string())
    }

    fn skip(&mut self, place: &str, reason: &str) -> ControlFlow<()> {
        let told = Told {
            place: place.to_owned(),
            reason: reason.to_owned(),
        };
        self.batches.take(None, Item::Skipped(told))
    }

    /// Every file of the kind in a folder, in the order of their names. What is hidden is passed
    /// over; links are not followed, wherever they lead.
    fn folder(&mut self, root: &Path) -> Next {
        let name = file_name(root);
        let mut open = vec![Found {
            path: root.to_owned(),
            below: String::new(),
            deep: 0,
            is_folder: true,
        }];
        while let Some(found) = open.pop() {
            if !found.is_folder {
                if self
                    .file(&found.path, &name, &found.below, true)?
                    .is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            match self.inside(&found, &name) {
                ControlFlow::Continue(inside) => open.extend(inside),
                ControlFlow::Break(()) => return Ok(ControlFlow::Break(())),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What is in a folder and concerns the import, the last name first.
    fn inside(&mut self, folder: &Found, root: &str) -> ControlFlow<(), Vec<Found>> {
        let mut inside = Vec::new();
        if folder.deep == FOLDERS_DEEP_MAX {
            self.skip(&folder.below, "it stands in too many folders")?;
            return ControlFlow::Continue(inside);
        }
        let entries = fs::read_dir(&folder.path);
        let entries = match entries.and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                let place = [root, &folder.below][usize::from(folder.deep > 0)];
                self.unreadable(place, &ImportError::Read(error))?;
                return ControlFlow::Continue(inside);
            }
        };
        for entry in entries {
            let file = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else {
                continue; // gone meanwhile
            };
            let ends = self.kind.in_folders();
            let is_of = ends.iter().any(|end| file.to_lowercase().ends_with(end));
            if file.starts_with('.') || !(kind.is_dir() || is_of) {
                continue;
            }
            let below = match folder.below.as_str() {
                "" => file,
                above => format!("{above}/{file}"),
            };
            if kind.is_symlink() {
                self.skip(&below, "it is a link")?;
                continue;
            }
            inside.push(Found {
                path: entry.path(),
                below,
                deep: folder.deep + 1,
                is_folder: kind.is_dir(),
            });
        }
        inside.sort_by(|a, b| b.below.cmp(&a.below));
        ControlFlow::Continue(inside)
    }
}

/// A file or folder below the one that was named.
struct Found {
    path: PathBuf,
    /// Its names below that, with `/` between them.
    below: String,
    deep: usize,
    is_folder: bool,
}

enum Opened {
    Regular(File),
    /// A pipe: it is read once.
    Stream(File),
}

fn open(path: &Path, no_links: bool) -> io::Result<Opened> {
    let mut options = OpenOptions::new();
    options.read(true);
    if no_links {
        // What was a file a moment ago may be a link by now, or a pipe that nobody writes to.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(Opened::Regular(file)),
        false if no_links => Err(io::Error::other("it is no file")),
        false => Ok(Opened::Stream(file)),
    }
}

/// How people know a file: by its last name.
fn file_name(path: &Path) -> String {
    let whole = || fs::canonicalize(path).ok();
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.or_else(|| Some(whole()?.file_name()?.to_string_lossy().into_owned()));
    name.unwrap_or_else(|| path.display().to_string())
}
