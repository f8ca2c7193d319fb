//! `kitbag edit`: a change to a note, from options, a file, the standard input or an editor.

use crate::consent::ConsentArgs;
use crate::context::Context;
use crate::fields::FieldArgs;
use crate::input::{Standard, standard};
use crate::{args, editor, input, launch, words};
use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Zoned;
use kitbag_rpc::{
    BecameElsewhere, Client, Code, EditNote, Failure, NoteEdited, Sensitivity, ShowNote,
    StatedElsewhere, V1,
};
use std::path::{Path, PathBuf};

/// The words of kinds of personal data.
const PII: [&str; 13] = [
    "name",
    "email",
    "phone",
    "address",
    "date_of_birth",
    "payment_card",
    "bank_account",
    "national_id",
    "health",
    "location",
    "device_identifier",
    "credential",
    "other",
];

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The start of the note's id
    note: String,
    /// The new title
    #[arg(long)]
    title: Option<String>,
    /// Take the new text from a file, - for the standard input; without any other option a pipe is read by itself
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A tag to add; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    add_tags: Vec<String>,
    /// A tag to remove; may be given several times
    #[arg(long = "untag", value_name = "TAG")]
    remove_tags: Vec<String>,
    /// The version that the new text was made from, as `show --json` names it: what arrived since is kept
    #[arg(long, value_name = "VERSION")]
    seen: Option<String>,
    #[command(flatten)]
    fields: FieldArgs,
    /// No longer keep it in front
    #[arg(long, conflicts_with = "pin")]
    unpin: bool,
    /// Put a note that was superseded back in use
    #[arg(long, value_name = "STATUS", value_parser = ["active"])]
    status: Option<String>,
    #[command(flatten)]
    consent: ConsentArgs,
    /// A kind of personal data that it holds besides those that are known: email, phone, …; may be given several times
    #[arg(long = "pii", value_name = "KIND", value_parser = PossibleValuesParser::new(PII))]
    pii: Vec<String>,
    /// Make the note more or less sensitive: who can open it changes. A step of its own
    #[arg(long, value_parser = args::sensitivity(), conflicts_with_all = ["title", "file", "add_tags", "remove_tags", "seen", "consent", "pii", "unpin", "status", "note_type", "claim", "pin", "expires", "review_after", "valid_from", "valid_to"])]
    sensitivity: Option<Sensitivity>,
    /// Say who gains and who loses the note, and change nothing
    #[arg(long, requires = "sensitivity", conflicts_with_all = ["title", "file", "add_tags", "remove_tags", "seen", "consent", "pii", "unpin", "status", "note_type", "claim", "pin", "expires", "review_after", "valid_from", "valid_to"])]
    dry_run: bool,
    /// Do not ask
    #[arg(long, requires = "sensitivity", conflicts_with_all = ["title", "file", "add_tags", "remove_tags", "seen", "consent", "pii", "unpin", "status", "note_type", "claim", "pin", "expires", "review_after", "valid_from", "valid_to"])]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: EditArgs) -> anyhow::Result<()> {
    if let Some(sensitivity) = args.sensitivity {
        return super::relabel::run(context, args.note, sensitivity, args.dry_run, args.yes).await;
    }
    let consent = args.consent.statement(&Zoned::now())?;
    let dates = args.fields.dates(&Zoned::now())?;
    let pinned = match (args.fields.pin, args.unpin) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let only_options = args.title.is_some()
        || !dates.is_empty()
        || pinned.is_some()
        || args.status.is_some()
        || args.fields.note_type.is_some()
        || args.fields.claim.is_some()
        || !args.add_tags.is_empty()
        || !args.remove_tags.is_empty()
        || !args.pii.is_empty()
        || consent.is_some();
    let mut call = EditNote {
        v: V1,
        note: args.note,
        title: args.title,
        body: None,
        seen: args.seen,
        add_tags: args.add_tags,
        remove_tags: args.remove_tags,
        consent,
        note_type: args.fields.note_type,
        claim: args.fields.claim,
        pinned,
        valid_from: dates.valid_from,
        valid_to: dates.valid_to,
        review_after: dates.review_after,
        expires_at: dates.expires_at,
        clear: dates.clear,
        reactivate: args.status.is_some(),
        pii: args.pii,
    };
    let client = match args.file {
        Some(file) => {
            call.body = Some(input::text(&file)?);
            launch::client(context).await?
        }
        None if only_options => {
            if input::may_hold_text() {
                context.out.say(
                    "The standard input was not read: only what the options say is changed. \
                     To take the text from it as well: --file -",
                );
            }
            launch::client(context).await?
        }
        None if standard() == Standard::Stream => {
            call.body = Some(some_text(input::text(Path::new("-"))?)?);
            launch::client(context).await?
        }
        None => {
            let client = launch::client(context).await?;
            in_editor(context, &client, &mut call).await?;
            client
        }
    };
    change(context, &client, &call).await
}

/// Makes a change, and says what became of it.
pub(super) async fn change(
    context: &Context,
    client: &Client,
    call: &EditNote,
) -> anyhow::Result<()> {
    let edited = client.call(call).await?;
    if let Some(warning) = warning(&edited) {
        context.out.say(warning);
    }
    if context.out.is_json() {
        return context.out.document(&edited);
    }
    context.out.data(&edited.note.id)?;
    context.out.say(in_words(&edited));
    Ok(())
}

/// What was found in what is new, where more people read it than that is for.
fn warning(edited: &NoteEdited) -> Option<String> {
    if edited.found.is_empty() || edited.note.sensitivity == Sensitivity::Restricted {
        return None;
    }
    let kinds = edited.found.join(", ").replace('_', " ");
    let id = words::short(&edited.note.id);
    Some(format!(
        "Careful: what you wrote holds personal data ({kinds}), and the note is {}. \
         To let fewer people read it: kitbag edit {id} --sensitivity restricted. To take it back: kitbag undo",
        edited.note.sensitivity.title()
    ))
}

/// The person edits what they see; what arrives meanwhile is kept, since the call names what they saw.
async fn in_editor(context: &Context, client: &Client, call: &mut EditNote) -> anyhow::Result<()> {
    let note = client
        .call(&ShowNote {
            v: V1,
            note: call.note.clone(),
        })
        .await?
        .note;
    if note.long_text_bytes.is_some() {
        let message = "the text of this note is longer than 64 KiB: it can only be read";
        let failure = Failure::new(Code::BadInput, message);
        let hint = "change its title or tags with options, or add the text anew";
        return Err(failure.hint(hint).into());
    }
    call.body = Some(editor::edit(context, &format!("{}\n", note.body)).await?);
    call.note = note.id;
    call.seen = Some(note.version);
    Ok(())
}

/// An empty pipe is more often a mistake than a wish to empty the note.
fn some_text(text: String) -> Result<String, Failure> {
    if text.is_empty() {
        let failure = Failure::new(Code::BadInput, "there is no new text: nothing was changed");
        return Err(failure.hint("to empty the note all the same: --file -"));
    }
    Ok(text)
}

fn in_words(edited: &NoteEdited) -> String {
    if !edited.changed {
        return "Nothing changed.".to_owned();
    }
    let audience = words::audience(&edited.pack, edited.note.sensitivity, &edited.audience);
    let mut said = format!("Changed in {audience}");
    if !edited.copies.is_empty() {
        let copies = words::along(&edited.copies);
        said.push_str(&format!(
            "\nThe same holds for its masked copy, never looser than before: {copies}"
        ));
    }
    for copy in &edited.stricter {
        said.push_str(&format!(
            "\nIts masked copy keeps a stricter consent: {}. To lift that too: kitbag edit {} --consent STATUS",
            words::along(std::slice::from_ref(copy)),
            words::short(&copy.id)
        ));
    }
    for other in &edited.elsewhere {
        said.push_str(&elsewhere(other));
    }
    said
}

/// What became of a note of another pack, on a line of its own.
fn elsewhere(other: &StatedElsewhere) -> String {
    let note = words::along(std::slice::from_ref(&other.note));
    let pack = words::pack(&other.pack);
    match other.became {
        BecameElsewhere::Reached => format!("\nThe same holds for its note in {pack}: {note}"),
        BecameElsewhere::Stricter => {
            format!("\nIts note in {pack} keeps a stricter consent: {note}")
        }
        BecameElsewhere::Failed => format!(
            "\nCareful: its note in {pack} was not reached, and stands as before: {note}, {}",
            words::inline(other.reason.as_deref().unwrap_or("for an unknown reason"))
        ),
    }
}
