//! `kitbag add`: a note into a pack, from a file, the standard input or an editor.

use crate::consent::ConsentArgs;
use crate::context::Context;
use crate::fields::{self, FieldArgs};
use crate::input::{Standard, standard};
use crate::{args, directory, editor, input, launch, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{
    AddNote, Client, ClientError, Code, Failure, NewSource, NoteWritten, Pack, Role, Sensitivity,
    ShowNote, ShowPack, V1,
};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it; of this directory if it is left out
    pack: Option<String>,
    /// Where the note comes from, for people: "CRM · Acme · row 14"
    #[arg(long, value_name = "LABEL")]
    source: String,
    /// Title
    #[arg(long)]
    title: Option<String>,
    /// Take the text from a file, - for the standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where the source can be found
    #[arg(long)]
    url: Option<String>,
    /// Who may open it at all; the pack's own if it is left out
    #[arg(long, value_parser = args::sensitivity())]
    sensitivity: Option<Sensitivity>,
    /// A tag; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// What sort of source: web, chat, file, …
    #[arg(long, value_name = "KIND")]
    source_kind: Option<String>,
    /// The application it was taken from
    #[arg(long)]
    app: Option<String>,
    /// Who wrote it there
    #[arg(long)]
    author: Option<String>,
    /// Where inside the source: a row, a page, a message number
    #[arg(long)]
    locator: Option<String>,
    /// Leave personal data where the note stands: no Restricted original, no masked copy
    #[arg(long)]
    unmasked: bool,
    #[command(flatten)]
    fields: FieldArgs,
    /// A note of this pack that it replaces; may be given several times
    #[arg(long, value_name = "NOTE")]
    supersedes: Vec<String>,
    /// A note that it was made from, of this pack or another; may be given several times
    #[arg(long, value_name = "NOTE")]
    derived_from: Vec<String>,
    /// Take in what was made from a note of another client all the same
    #[arg(long, requires = "derived_from")]
    across_clients: bool,
    /// When it was true or was said, if not now
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    observed: Option<String>,
    #[command(flatten)]
    consent: ConsentArgs,
}

pub(super) async fn run(context: &Context, args: AddArgs) -> anyhow::Result<()> {
    if args.source.trim().is_empty() {
        return Err(Failure::new(Code::BadInput, "--source: say where the note comes from").into());
    }
    let pack = match args.pack {
        Some(pack) => pack,
        None => directory::pack(context, &launch::client(context).await?, None).await?,
    };
    let consent = args.consent.statement(&Zoned::now())?; // before anything is typed
    let dates = args.fields.dates(&Zoned::now())?;
    let observed = args.observed.as_deref();
    let observed = observed.map(|text| fields::moment(text, "--observed", &Zoned::now()));
    let observed_at = observed.transpose()?;
    let body = body(context, args.file.as_deref()).await?;
    let title = args.title.unwrap_or_default();
    if body.trim().is_empty() && title.trim().is_empty() {
        let failure = Failure::new(Code::BadInput, "there is no text: nothing was added");
        return Err(failure
            .hint("pipe it in, or name a --file, or give a --title")
            .into());
    }
    let call = AddNote {
        v: V1,
        pack,
        title,
        body,
        source: NewSource {
            label: args.source,
            kind: args.source_kind,
            uri: args.url,
            app: args.app,
            author: args.author,
            locator: args.locator,
            observed_at,
        },
        sensitivity: args.sensitivity,
        tags: args.tags,
        note_type: args.fields.note_type,
        unmasked: args.unmasked,
        consent,
        claim: args.fields.claim,
        pinned: args.fields.pin,
        valid_from: dates.valid_from,
        valid_to: dates.valid_to,
        review_after: dates.review_after,
        expires_at: dates.expires_at,
        supersedes: args.supersedes,
        derived_from: args.derived_from,
        across_clients: args.across_clients,
        dry_run: false,
    };
    let client = launch::client(context).await?;
    let written = match client.call(&call).await {
        Ok(written) => written,
        Err(error) => return Err(not_added(&client, &call, error).await.into()),
    };
    if context.out.is_json() {
        return context.out.document(&written);
    }
    let mut untagged = call.tags;
    if written.existing && !untagged.is_empty() {
        let note = written.note.id.clone();
        let there = client.call(&ShowNote { v: V1, note }).await?.note.tags;
        untagged.retain(|tag| !there.contains(tag));
    }
    context.out.data(&written.note.id)?;
    context.out.say(in_words(&written, &untagged));
    if !call.supersedes.is_empty() && written.existing {
        context.out.say(format!(
            "Nothing was replaced. To put it in the place of another: kitbag supersede NOTE --by {}",
            words::short(&written.note.id)
        ));
    } else if !call.supersedes.is_empty() {
        let count = words::count(call.supersedes.len() as u64, "note", "notes");
        context.out.say(format!(
            "It replaces {count}. To take that back: kitbag undo"
        ));
    }
    if let Some(consent) = call.consent.filter(|_| written.existing) {
        let id = words::short(&written.note.id);
        let status = consent.status;
        context.out.say(format!(
            "Its consent is what it was. To state it: kitbag edit {id} --consent {status}"
        ));
    }
    Ok(())
}

/// Why there is no answer, and what to do about it.
async fn not_added(client: &Client, call: &AddNote, error: ClientError) -> Failure {
    if matches!(error, ClientError::HungUp) {
        let message = "the daemon ended before it answered: the note may be there, or not";
        return Failure::new(Code::DaemonUnreachable, message)
            .hint("look before you add it again: kitbag list");
    }
    let failure = error.into_failure();
    if failure.code != Code::Denied {
        return failure;
    }
    let show = ShowPack {
        v: V1,
        pack: call.pack.clone(),
    };
    let may = client.call(&show).await.ok();
    match may.and_then(|answer| writes_up_to(&answer.pack, call.sensitivity)) {
        Some(highest) => failure.hint(format!(
            "you may add up to {}: --sensitivity {highest}; for more ask an admin: kitbag members PACK",
            highest.title()
        )),
        None => failure,
    }
}

/// The highest that this person may add, if what they asked for is above it.
fn writes_up_to(pack: &Pack, asked: Option<Sensitivity>) -> Option<Sensitivity> {
    let may_write = matches!(pack.role, Some(Role::Editor | Role::Admin));
    let highest = pack.clearance.filter(|_| may_write)?;
    (asked.unwrap_or(pack.default_sensitivity) > highest).then_some(highest)
}

async fn body(context: &Context, file: Option<&Path>) -> anyhow::Result<String> {
    match file {
        Some(file) => input::text(file),
        None if standard() == Standard::Stream => input::text(Path::new("-")),
        None => editor::edit(context, "").await,
    }
}

/// What was done. `untagged` are the tags that the note would have, if it was there already.
fn in_words(written: &NoteWritten, untagged: &[String]) -> String {
    let audience = words::audience(&written.pack, written.note.sensitivity, &written.audience);
    if !written.existing {
        return format!("Added to {audience}{}", copied(written));
    }
    let mut told = format!("Nothing added, the same note is already in {audience}");
    if !untagged.is_empty() {
        let tags = untagged
            .iter()
            .flat_map(|tag| ["--tag".to_owned(), tag.clone()]);
        let tags: Vec<String> = tags.collect();
        told.push_str(&format!(
            "\nIts tags are what they were. To add yours: kitbag edit {} {}",
            words::short(&written.note.id),
            words::shell(&tags)
        ));
    }
    told
}

/// What was written beside a note that holds personal data.
fn copied(written: &NoteWritten) -> String {
    let Some(copy) = &written.masked else {
        return String::new();
    };
    let kinds: Vec<String> = written
        .held
        .iter()
        .map(|kind| kind.replace('_', " "))
        .collect();
    format!(
        "\nIt holds personal data ({}), so the original is Restricted. A masked copy {} is in {}",
        kinds.join(", "),
        words::short(&copy.note.id),
        words::audience(&written.pack, copy.note.sensitivity, &copy.audience),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{NoteRef, PackRef};

    /// Goal: tags of a note that is there already are not dropped in silence.
    #[test]
    fn tags_that_were_not_added_are_told_with_the_way_to_add_them() {
        let mut written = NoteWritten {
            v: V1,
            note: NoteRef {
                id: "abcdefghijklmnop".to_owned(),
                sensitivity: Sensitivity::Internal,
            },
            pack: PackRef {
                id: "qrstuvwxyz234567".to_owned(),
                title: "Acme".to_owned(),
                name: None,
                archived: false,
            },
            existing: true,
            audience: vec![],
            held: vec![],
            masked: None,
        };
        let tags = ["urgent".to_owned(), "to do".to_owned()];
        let told = in_words(&written, &tags);
        assert!(
            told.starts_with("Nothing added")
                && told.ends_with("kitbag edit abcdefghij --tag urgent --tag 'to do'"),
            "{told}"
        );
        assert!(!in_words(&written, &[]).contains("tag"));
        written.existing = false;
        assert!(!in_words(&written, &tags).contains("tag"));
    }

    /// Goal: the level that is named is one at which the person may write, and only when that helps.
    #[test]
    fn what_is_above_the_clearance_names_what_is_not() {
        use Sensitivity::{Confidential, Internal, Public};
        let pack = |role, clearance| Pack {
            id: String::new(),
            title: String::new(),
            name: None,
            notes: 0,
            members: 2,
            role,
            clearance,
            default_sensitivity: Internal,
            client: None,
            kind: None,
            rules_unclear: None,
            archived: false,
        };
        let editor = pack(Some(Role::Editor), Some(Public));
        assert_eq!(writes_up_to(&editor, None), Some(Public));
        assert_eq!(writes_up_to(&editor, Some(Confidential)), Some(Public));
        assert_eq!(writes_up_to(&editor, Some(Public)), None);
        assert_eq!(
            writes_up_to(&pack(Some(Role::Reader), Some(Public)), None),
            None
        );
        assert_eq!(writes_up_to(&pack(None, None), None), None);
    }
}
