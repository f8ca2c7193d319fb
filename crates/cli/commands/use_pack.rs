//! `kitbag use`: the pack of this directory.

use crate::context::Context;
use crate::directory::{self, Directories, current, reference};
use crate::{launch, words};
use clap::Args;
use kitbag_rpc::{Code, Failure, PackRef, ShowPack, V1};
use serde::Serialize;
use std::path::Path;

#[derive(Debug, Args)]
pub(crate) struct UseArgs {
    /// The pack that is meant here and below from now on, where a command names none
    pack: Option<String>,
    /// This directory has no pack any more
    #[arg(long, conflicts_with = "pack")]
    clear: bool,
}

/// The document of `use`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Used {
    v: V1,
    /// The directory that decides; none if no directory from here upwards has a pack.
    directory: Option<String>,
    pack: Option<PackRef>,
}

pub(super) async fn run(context: &Context, args: UseArgs) -> anyhow::Result<()> {
    let here = current()?;
    let shown = words::inline(&here.to_string_lossy());
    if args.clear {
        let mut kept = Directories::read(&context.home)?;
        if !kept.clear(text(&here)?) {
            let failure = Failure::new(Code::NotFound, format!("{shown} has no pack of its own"));
            return Err(match kept.nearest(&here) {
                Some((of, _)) => {
                    failure.hint(format!("it is chosen in {}: clear it there", of.display()))
                }
                None => failure,
            }
            .into());
        }
        kept.write(&context.home)?;
        context.out.say(format!("{shown} has no pack any more."));
        return told(context, None);
    }
    let client = launch::client(context).await?;
    let Some(pack) = args.pack else {
        let used = directory::used(context, &client).await?;
        let used = used.map(|(of, pack)| (of.to_string_lossy().into_owned(), reference(&pack)));
        if used.is_none() {
            let next = "Choose one: kitbag use PACK";
            context.out.say(format!("{shown} has no pack. {next}"));
        }
        return told(context, used);
    };
    let pack = client.call(&ShowPack { v: V1, pack }).await?.pack;
    let pack = reference(&pack);
    let mut kept = Directories::read(&context.home)?;
    kept.set(text(&here)?, pack.id.clone());
    kept.write(&context.home)?;
    let title = words::pack(&pack);
    context.out.say(format!(
        "In {shown} and below, a command that names no pack means {title}."
    ));
    told(context, Some((text(&here)?.to_owned(), pack)))
}

fn told(context: &Context, used: Option<(String, PackRef)>) -> anyhow::Result<()> {
    if context.out.is_json() {
        let (directory, pack) = used.unzip();
        let document = Used {
            v: V1,
            directory,
            pack,
        };
        return context.out.document(&document);
    }
    match used {
        Some((of, pack)) => {
            let title = words::inline(pack.name.as_deref().unwrap_or(&pack.title));
            let of = words::inline(&of);
            Ok(context.out.data(format!("{}\t{title}\t{of}", pack.id))?)
        }
        None => Ok(()),
    }
}

fn text(directory: &Path) -> Result<&str, Failure> {
    directory
        .to_str()
        .ok_or_else(|| Failure::new(Code::BadInput, "the path of this directory is not UTF-8"))
}
