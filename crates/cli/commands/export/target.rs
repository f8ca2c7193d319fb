//! Where an export goes: the standard output, or a file that is there whole or not at all.

use crate::output::Output;
use kitbag_rpc::{Code, Failure};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Something to write an export to.
pub(super) enum Target {
    Standard(Output),
    File(NewFile),
}

/// A file under another name until it is whole.
pub(in crate::commands) struct NewFile {
    path: PathBuf,
    force: bool,
    file: BufWriter<NamedTempFile>,
}

impl Target {
    /// The file, or without one (or with `-`) the standard output.
    ///
    /// # Errors
    /// [`Code::Conflict`] if the file is there and `force` is not said, [`Code::BadInput`] if it is
    /// something else than a file, [`Code::Storage`].
    pub(super) fn open(out: Output, file: Option<&Path>, force: bool) -> Result<Target, Failure> {
        match file {
            None => Ok(Target::Standard(out)),
            Some(path) if path == Path::new("-") => Ok(Target::Standard(out)),
            Some(path) => NewFile::open(path, force).map(Target::File),
        }
    }

    pub(super) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        match self {
            Target::Standard(out) => out.part(text)?,
            Target::File(new) => new.write(text.as_bytes())?,
        }
        Ok(())
    }

    /// Puts the file in its place, and says where that is.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, Failure> {
        match self {
            Target::Standard(_) => Ok(None),
            Target::File(new) => new.finish().map(Some),
        }
    }
}

impl NewFile {
    /// A file that is there once it is finished.
    ///
    /// # Errors
    /// As [`Target::open`].
    pub(in crate::commands) fn open(path: &Path, force: bool) -> Result<NewFile, Failure> {
        match std::fs::metadata(path) {
            Ok(found) if !found.is_file() => {
                let message = format!("{} is not a file", path.display());
                return Err(Failure::new(Code::BadInput, message));
            }
            Ok(_) if !force => return Err(is_there(path)),
            _ => {}
        }
        let file = NamedTempFile::new_in(directory(path)).map_err(|e| not_opened(path, &e))?;
        Ok(NewFile {
            path: path.to_owned(),
            force,
            file: BufWriter::new(file),
        })
    }

    pub(in crate::commands) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(bytes);
        written.map_err(|e| failed(&self.path, &e))
    }

    /// Durable before it has its name, and the name durable before anybody is told.
    pub(in crate::commands) fn finish(self) -> Result<PathBuf, Failure> {
        let path = self.path;
        let file = self
            .file
            .into_inner()
            .map_err(|e| failed(&path, e.error()))?;
        file.as_file().sync_all().map_err(|e| failed(&path, &e))?;
        let placed = if self.force {
            file.persist(&path)
        } else {
            file.persist_noclobber(&path)
        };
        placed.map_err(|e| match e.error.kind() {
            std::io::ErrorKind::AlreadyExists => is_there(&path),
            _ => failed(&path, &e.error),
        })?;
        File::open(directory(&path))
            .and_then(|directory| directory.sync_all())
            .map_err(|e| failed(&path, &e))?;
        Ok(path)
    }
}

/// Refuses two files that are one: the second would take the place of the first.
pub(super) fn apart(one: &Path, other: &Path) -> Result<(), Failure> {
    let place = |path: &Path| {
        let directory = std::fs::canonicalize(directory(path)).ok()?;
        Some((directory, path.file_name()?.to_owned()))
    };
    if one == other || place(one).is_some_and(|one| Some(one) == place(other)) {
        let message = format!("{} would be both the export and its receipt", one.display());
        return Err(Failure::new(Code::BadInput, message).hint("name two files"));
    }
    Ok(())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn is_there(path: &Path) -> Failure {
    let message = format!("{} is there already", path.display());
    Failure::new(Code::Conflict, message).hint("name another file, or say --force to replace it")
}

fn not_opened(path: &Path, error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::NotFound && !directory(path).is_dir() {
        let message = format!("the directory {} does not exist", directory(path).display());
        return Failure::new(Code::NotFound, message).hint("make it, or name another with --out");
    }
    // The error as it is names a file that nobody asked for.
    failed(path, &error.kind().into())
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Storage, format!("write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn written(path: &Path, force: bool, text: &str) -> Result<(), Failure> {
        let mut target = Target::open(
            Output::new(true, crate::colour::Colour::Never),
            Some(path),
            force,
        )?;
        target.write(text).unwrap();
        target.finish().map(drop)
    }

    /// Goal: what was there stays, whole, unless somebody says so; nobody else reads what is new.
    #[test]
    fn a_file_is_replaced_whole_and_only_if_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.md");
        written(&path, false, "first").unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            written(&path, false, "second").unwrap_err().code,
            Code::Conflict
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
        written(&path, true, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");

        let late = dir.path().join("late.md");
        let mut target = Target::open(
            Output::new(true, crate::colour::Colour::Never),
            Some(&late),
            false,
        )
        .unwrap();
        target.write("mine").unwrap();
        std::fs::write(&late, "theirs").unwrap();
        assert_eq!(target.finish().unwrap_err().code, Code::Conflict);
        assert_eq!(std::fs::read_to_string(&late).unwrap(), "theirs");

        let mut target = Target::open(
            Output::new(true, crate::colour::Colour::Never),
            Some(&path),
            true,
        )
        .unwrap();
        target.write("half").unwrap();
        drop(target);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(
            written(dir.path(), true, "x").unwrap_err().code,
            Code::BadInput
        );
        let nowhere = dir.path().join("no/where.md");
        let told = written(&nowhere, true, "x").unwrap_err();
        assert_eq!(told.code, Code::NotFound);
        assert!(told.message.ends_with("no does not exist"), "{told}");
        let below_a_file = written(&path.join("x"), true, "x").unwrap_err();
        assert_eq!(below_a_file.code, Code::Storage);
        assert!(
            below_a_file.message.ends_with("out.md/x: not a directory"),
            "it names what was asked for, and nothing else: {below_a_file}"
        );
    }
}
