//! `kitbag clip`: what was copied becomes a note, once or for as long as it is watched.

mod clipboard;

use crate::context::Context;
use crate::{args, directory, launch, words};
use clap::Args;
use clipboard::Clip;
use kitbag_rpc::{
    AddNote, AudienceMember, Client, Code, Failure, MaskedCopy, NewSource, NoteRef, NoteWritten,
    PackRef, ReadClip, RememberClip, Sensitivity, ShowPack, V1,
};
use serde::Serialize;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct ClipArgs {
    /// The pack; the one of the last time if it is left out
    pack: Option<String>,
    /// Where it comes from, for people; in the same pack that of the last time if it is left out
    #[arg(long, value_name = "LABEL")]
    source: Option<String>,
    /// Title; not while watching
    #[arg(long, conflicts_with = "watch")]
    title: Option<String>,
    /// Who may open it at all; the pack's own if it is left out
    #[arg(long, value_parser = args::sensitivity())]
    sensitivity: Option<Sensitivity>,
    /// A tag; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Leave personal data where the note stands: no Restricted original, no masked copy
    #[arg(long)]
    unmasked: bool,
    /// Take every text that is copied from now on, until Ctrl-C
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
    /// End after so many texts
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u32).range(1..=CLIPS_MAX))]
    clips: Option<u32>,
    /// Say where it would go, and add nothing
    #[arg(long)]
    dry_run: bool,
}

/// Texts that one watch takes, at most: nobody reads a list of more.
const CLIPS_MAX: i64 = 1_000;
/// How often the clipboard is looked at.
const PAUSE: Duration = Duration::from_millis(500);

/// What became of what was copied.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Clipped {
    v: V1,
    pack: PackRef,
    /// The label of the source.
    source: String,
    dry_run: bool,
    clips: Vec<OneClip>,
}

/// What became of one text.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct OneClip {
    characters: u64,
    /// The note; null if there is none.
    note: Option<NoteRef>,
    /// Whether it was there already.
    existing: bool,
    /// Kinds of personal data because of which the original stands at restricted.
    held: Vec<String>,
    masked: Option<MaskedCopy>,
    audience: Vec<AudienceMember>,
    /// Why it was not taken.
    reason: Option<String>,
}

pub(super) async fn run(context: &Context, args: ClipArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let (pack, source) = meant(context, &client, &args).await?;
    let mut clipped = Clipped {
        v: V1,
        pack,
        source,
        dry_run: args.dry_run,
        clips: vec![],
    };
    match args.watch {
        true => watch(context, &client, &args, &mut clipped).await?,
        false => once(context, &client, &args, &mut clipped).await?,
    }
    if context.out.is_json() {
        return context.out.document(&clipped);
    }
    Ok(())
}

/// The pack and the source: what is said now, or else what was said the last time.
async fn meant(
    context: &Context,
    client: &Client,
    args: &ClipArgs,
) -> anyhow::Result<(PackRef, String)> {
    let kept = client.call(&ReadClip {}).await?;
    let here = directory::of_here(context)?;
    let asked = match (&args.pack, &kept.pack, here) {
        (Some(pack), ..) => pack.clone(),
        // Into the wrong pack is worse than to be asked.
        (None, Some(kept), Some(here)) if kept.id != here => {
            let message = format!(
                "the last clip went to {}, and this directory means another pack",
                words::pack(kept)
            );
            return Err(Failure::new(Code::Usage, message)
                .hint("say which: kitbag clip PACK")
                .into());
        }
        (None, Some(kept), _) => kept.id.clone(),
        (None, None, _) => directory::pack(context, client, None).await?,
    };
    let pack = client.call(&ShowPack { v: V1, pack: asked }).await?.pack;
    let pack = directory::reference(&pack);
    let of_pack = kept.pack.is_some_and(|kept| kept.id == pack.id);
    let source = args.source.clone().or(kept.source.filter(|_| of_pack));
    let Some(source) = source.filter(|source| !source.trim().is_empty()) else {
        let failure = Failure::new(Code::Usage, "say where it comes from: --source LABEL");
        let window = clipboard::window(context.env.desktop).await;
        let hint = window.map_or_else(
            || "it is remembered for the next clip into this pack".to_owned(),
            |title| format!("the window in front is: {}", words::inline(&title)),
        );
        return Err(failure.hint(hint).into());
    };
    Ok((pack, source))
}

async fn once(
    context: &Context,
    client: &Client,
    args: &ClipArgs,
    clipped: &mut Clipped,
) -> anyhow::Result<()> {
    let text = text_of(clipboard::read(context.env.desktop).await?)?;
    let characters = text.chars().count() as u64;
    if args.dry_run {
        let written = add(client, args, clipped, text, None).await?;
        context
            .out
            .say(planned(characters, &clipped.source, &written));
        let mut clip = added(characters, written);
        clip.note = clip.note.filter(|_| clip.existing);
        clip.masked = None; // neither is there
        clipped.clips.push(clip);
        return Ok(());
    }
    let written = add(client, args, clipped, text, None).await?;
    if !context.out.is_json() {
        context.out.data(&written.note.id)?;
        context.out.say(in_words(&written));
    }
    remember(client, clipped).await?;
    clipped.clips.push(added(characters, written));
    Ok(())
}

/// The text of a clip, or why it is none.
fn text_of(clip: Clip) -> Result<String, Failure> {
    let failure = |message: &str| Failure::new(Code::BadInput, message);
    match clip {
        Clip::Text(text) => Ok(text),
        Clip::Nothing => Err(failure("the clipboard holds no text: nothing was added")
            .hint("copy a text first; other things go in with kitbag add --file")),
        Clip::Secret => Err(failure(
            "a password manager marks what is in the clipboard as secret: nothing was added",
        )
        .hint("to keep it all the same, type or paste it into kitbag add")),
        Clip::TooLong => Err(failure(
            "the clipboard holds more than a note can: nothing was added",
        )
        .hint("save it to a file; kitbag import takes longer texts, in parts")),
        Clip::NotText => Err(failure(
            "what the clipboard holds is not UTF-8: nothing was added",
        )),
    }
}

async fn watch(
    context: &Context,
    client: &Client,
    args: &ClipArgs,
    clipped: &mut Clipped,
) -> anyhow::Result<()> {
    let desktop = context.env.desktop;
    // What lies there already was copied for something else.
    let mut last = clipboard::read(desktop).await?;
    let (pack, source) = (words::pack(&clipped.pack), words::inline(&clipped.source));
    context.out.say(format!(
        "WATCHING: every text that you copy from now on goes to {pack}, as from {source}, until Ctrl-C. \
         What lies in the clipboard now does not"
    ));
    let wanted = args
        .clips
        .map_or(CLIPS_MAX as usize, |clips| clips as usize);
    let mut ended = std::pin::pin!(tokio::signal::ctrl_c());
    while clipped.clips.len() < wanted {
        tokio::select! {
            _ = &mut ended => break,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let clip = clipboard::read(desktop).await?;
        if clip == last {
            continue;
        }
        last = clip.clone();
        if clip == Clip::Nothing {
            continue;
        }
        let (characters, outcome) = match text_of(clip) {
            Err(failure) => (0, Err(failure)),
            Ok(text) => {
                let characters = text.chars().count() as u64;
                let window = clipboard::window(desktop).await;
                (characters, add(client, args, clipped, text, window).await)
            }
        };
        match outcome {
            Ok(written) => {
                context.out.say(in_words(&written));
                remember(client, clipped).await?;
                clipped.clips.push(added(characters, written));
            }
            Err(failure) if is_over(failure.code) => return Err(failure.into()),
            Err(failure) => {
                context.out.say(format!("NOT ADDED: {}", failure.message));
                clipped
                    .clips
                    .push(not_added(characters, Some(failure.message)));
            }
        }
    }
    let notes = clipped
        .clips
        .iter()
        .filter(|clip| clip.note.is_some())
        .count();
    let notes = words::count(notes as u64, "text", "texts");
    context
        .out
        .say(format!("Not watching any more: {notes} went to {pack}"));
    Ok(())
}

/// Whether nothing more can be added, whatever is copied.
fn is_over(code: Code) -> bool {
    matches!(
        code,
        Code::Denied | Code::Locked | Code::DaemonUnreachable | Code::Storage | Code::NotFound
    )
}

async fn add(
    client: &Client,
    args: &ClipArgs,
    clipped: &Clipped,
    text: String,
    window: Option<String>,
) -> Result<NoteWritten, Failure> {
    let call = AddNote {
        v: V1,
        pack: clipped.pack.id.clone(),
        title: args.title.clone().unwrap_or_default(),
        body: text,
        source: NewSource {
            label: clipped.source.clone(),
            kind: Some("clipboard".to_owned()),
            app: window,
            ..NewSource::default()
        },
        sensitivity: args.sensitivity,
        tags: args.tags.clone(),
        note_type: Some("snippet".to_owned()),
        unmasked: args.unmasked,
        dry_run: args.dry_run,
        ..AddNote::default()
    };
    let written = client.call(&call).await;
    written.map_err(|error| error.into_failure())
}

async fn remember(client: &Client, clipped: &Clipped) -> anyhow::Result<()> {
    client
        .call(&RememberClip {
            v: V1,
            pack: clipped.pack.id.clone(),
            source: clipped.source.clone(),
        })
        .await?;
    Ok(())
}

fn added(characters: u64, written: NoteWritten) -> OneClip {
    OneClip {
        characters,
        note: Some(written.note),
        existing: written.existing,
        held: written.held,
        masked: written.masked,
        audience: written.audience,
        reason: None,
    }
}

fn not_added(characters: u64, reason: Option<String>) -> OneClip {
    OneClip {
        characters,
        note: None,
        existing: false,
        held: vec![],
        masked: None,
        audience: vec![],
        reason,
    }
}

/// What would become of a clip.
fn planned(characters: u64, source: &str, written: &NoteWritten) -> String {
    let audience = words::audience(&written.pack, written.note.sensitivity, &written.audience);
    if written.existing {
        let short = words::short(&written.note.id);
        return format!("Nothing would be added: the same clip is already in {audience} ({short})");
    }
    let length = words::count(characters, "character", "characters");
    let copied = written.masked.as_ref().map(|copy| {
        let at = words::audience(&written.pack, copy.note.sensitivity, &copy.audience);
        let kinds: Vec<String> = written.held.iter().map(|kind| kind.replace('_', " ")).collect();
        format!(
            "\nIt holds personal data ({}), so the original would be Restricted, and a masked copy in {at}",
            kinds.join(", ")
        )
    });
    format!(
        "Would add {length} to {audience}, from {}{}; nothing was added",
        words::inline(source),
        copied.unwrap_or_default()
    )
}

fn in_words(written: &NoteWritten) -> String {
    let audience = words::audience(&written.pack, written.note.sensitivity, &written.audience);
    let short = words::short(&written.note.id);
    if written.existing {
        return format!("Nothing added, the same clip is already in {audience} ({short})");
    }
    let copied = written.masked.as_ref().map(|copy| {
        let at = words::audience(&written.pack, copy.note.sensitivity, &copy.audience);
        let kinds: Vec<String> = written.held.iter().map(|kind| kind.replace('_', " ")).collect();
        format!(
            "\nIt holds personal data ({}), so the original is Restricted. A masked copy {} is in {at}",
            kinds.join(", "),
            words::short(&copy.note.id)
        )
    });
    format!(
        "Added to {audience}{}\nTo take it back: kitbag undo {short}",
        copied.unwrap_or_default()
    )
}
