//! Which pack is meant in which directory: kept in the home, so that nothing is written where the
//! person works.
//!
//! The nearest directory upwards decides. A file of the home says which directory has which pack, by
//! its id: packs can be renamed.

use crate::context::Context;
use crate::words;
use anyhow::Context as _;
use kitbag_rpc::{Client, ClientError, Code, Failure, Pack, PackRef, ShowPack, V1};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FILE: &str = "directories.toml";
const FILE_HEADER: &str = "# Which pack is meant in which directory: kept by `kitbag use`.\n";

/// The packs that directories have.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Directories {
    packs: BTreeMap<String, String>,
}

impl Directories {
    pub(crate) fn read(home: &Path) -> anyhow::Result<Directories> {
        let path = home.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Directories::default()),
            Err(e) => return Err(e).with_context(|| format!("read {}", path.display())),
        };
        toml::from_str(&text).map_err(|e| {
            let message = format!("{}: {}", path.display(), e.to_string().trim_end());
            let failure = Failure::new(Code::BadInput, message);
            failure
                .hint("mend the line, or remove the file: then no directory has a pack")
                .into()
        })
    }

    /// Only this user can read it: a path may name a client.
    pub(crate) fn write(&self, home: &Path) -> anyhow::Result<()> {
        let text = format!("{FILE_HEADER}{}", toml::to_string(self)?);
        let (path, new) = (home.join(FILE), home.join(format!("{FILE}.new")));
        let open = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&new)?.write_all(text.as_bytes())?;
            fs::rename(&new, &path)
        };
        open().with_context(|| format!("write {}", path.display()))
    }

    /// The nearest directory from here upwards that has a pack, and the pack's id.
    pub(crate) fn nearest(&self, directory: &Path) -> Option<(&Path, &str)> {
        let named = |directory: &Path| self.packs.get_key_value(directory.to_str()?);
        let (directory, pack) = directory.ancestors().find_map(named)?;
        Some((Path::new(directory), pack))
    }

    pub(crate) fn set(&mut self, directory: &str, pack: String) {
        self.packs.insert(directory.to_owned(), pack);
    }

    /// Whether the directory had one.
    pub(crate) fn clear(&mut self, directory: &str) -> bool {
        self.packs.remove(directory).is_some()
    }
}

/// Where the command runs.
pub(crate) fn current() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|e| {
        let message = format!("the directory that this runs in cannot be found: {e}");
        Failure::new(Code::Storage, message)
    })
}

/// The pack that was named; if none was, the one of this directory, which is then said.
pub(crate) async fn pack(
    context: &Context,
    client: &Client,
    named: Option<String>,
) -> anyhow::Result<String> {
    if let Some(named) = named {
        return Ok(named);
    }
    let (of, pack) = used(context, client).await?.ok_or_else(|| {
        Failure::new(
            Code::Usage,
            "no pack was named, and this directory has none",
        )
        .hint("name a pack, or choose one for this directory: kitbag use PACK")
    })?;
    let title = words::pack(&reference(&pack));
    context.out.say(format!(
        "Pack: {title} · of {}",
        words::inline(&of.to_string_lossy())
    ));
    Ok(pack.id)
}

/// The id of the pack of this directory, if it has one; asks nobody whether that is here.
pub(crate) fn of_here(context: &Context) -> anyhow::Result<Option<String>> {
    let kept = Directories::read(&context.home)?;
    let here = current()?;
    Ok(kept.nearest(&here).map(|(_, pack)| pack.to_owned()))
}

/// The directory that decides here, and its pack.
pub(crate) async fn used(
    context: &Context,
    client: &Client,
) -> anyhow::Result<Option<(PathBuf, Pack)>> {
    let kept = Directories::read(&context.home)?;
    let here = current()?;
    let Some((of, id)) = kept.nearest(&here) else {
        return Ok(None);
    };
    let call = ShowPack {
        v: V1,
        pack: id.to_owned(),
    };
    match client.call(&call).await {
        Ok(answer) => Ok(Some((of.to_owned(), answer.pack))),
        Err(ClientError::Failed(failure)) if failure.code == Code::NotFound => {
            let of = of.display();
            let message = format!("the pack of {of} is no longer on this device");
            let gone = Failure::new(Code::NotFound, message);
            Err(gone
                .hint(format!(
                    "choose another: kitbag use PACK; or none, in {of}: kitbag use --clear"
                ))
                .into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A pack beside something else.
pub(crate) fn reference(pack: &Pack) -> PackRef {
    PackRef {
        id: pack.id.clone(),
        title: pack.title.clone(),
        name: pack.name.clone(),
        archived: pack.archived,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_nearest_directory_decides_and_only_its_user_reads_the_list() {
        let home = tempfile::tempdir().unwrap();
        let mut kept = Directories::read(home.path()).unwrap();
        assert_eq!(kept.nearest(Path::new("/clients/acme")), None);
        kept.set("/clients", "outer".to_owned());
        kept.set("/clients/acme", "inner".to_owned());
        kept.write(home.path()).unwrap();
        let mode = fs::metadata(home.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);

        let mut kept = Directories::read(home.path()).unwrap();
        let near = |kept: &Directories, path: &str| {
            kept.nearest(Path::new(path))
                .map(|(of, pack)| (of.to_owned(), pack.to_owned()))
        };
        let inner = Some((PathBuf::from("/clients/acme"), "inner".to_owned()));
        let outer = Some((PathBuf::from("/clients"), "outer".to_owned()));
        assert_eq!(near(&kept, "/clients/acme/a/b"), inner);
        assert_eq!(
            near(&kept, "/clients/acme2"),
            outer,
            "a sibling whose name begins the same"
        );
        assert_eq!(near(&kept, "/"), None);
        assert!(kept.clear("/clients/acme") && !kept.clear("/clients/acme"));
        assert_eq!(near(&kept, "/clients/acme"), outer);
    }

    #[test]
    fn a_damaged_list_is_named_not_guessed() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(FILE), "[packs]\n\"/a\" = 3\n").unwrap();
        let error = Directories::read(home.path()).unwrap_err();
        let failure = error.downcast::<Failure>().unwrap();
        assert_eq!(failure.code, Code::BadInput);
        assert!(
            failure.message.contains(FILE) && failure.message.contains("line 2"),
            "{failure}"
        );
    }
}
