//! `kitbag import`: files of other systems into a pack, batch by batch.
//!
//! A thread reads the files and holds one record at a time; what it read goes to the daemon in
//! batches, one after the other, each durable before the next is sent. So an import that was
//! interrupted is started again, and ends as if it had not been.

mod batch;
mod files;
mod links;
pub(super) mod tally;

use crate::context::Context;
use crate::{args, directory, input, launch, progress, words};
use batch::{Batch, Batches};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use files::Named;
use kitbag_import::{ImportError, Kind, Label, Map, Options};
use kitbag_rpc::{
    CheckOrigin, Client, ClientError, Code, Failure, ImportNote, ImportNotes, ImportOrigin,
    Imported, Sensitivity, ShowPack, V1,
};
use links::Links;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tally::Report;
use tokio::sync::{mpsc, oneshot};

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// What sort of files: messages, claude-code, chatgpt, claude, csv, markdown, jsonl, kitbag, hcr or mail
    #[arg(value_parser = kind())]
    kind: Kind,
    /// The files, - for the standard input; of claude-code and markdown folders too
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// The pack; of this directory if it is left out
    #[arg(long)]
    pack: Option<String>,
    /// The sensitivity of notes that state none; the pack's own if it is left out
    #[arg(long, value_parser = args::sensitivity())]
    sensitivity: Option<Sensitivity>,
    /// Where the notes come from, for people, instead of the name of the file; or a template: "{file} · {place}"
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// A tag for every note; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// For csv: a file that says which columns become what
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Leave personal data where it is, instead of keeping originals at Restricted and adding masked copies
    #[arg(long)]
    unmasked: bool,
    /// Take in what left a pack of another client all the same
    #[arg(long)]
    across_clients: bool,
    /// Take nothing in, and say what would become of the notes
    #[arg(long)]
    dry_run: bool,
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)).map(|word| {
        Kind::ALL
            .into_iter()
            .find(|one| one.as_str() == word)
            .expect("the parser lets only these words through")
    })
}

/// Bytes of a map, at most.
const MAP_BYTES_MAX: usize = 1024 * 1024;
/// Batches that wait to be sent while the next one is read.
const BATCHES_WAITING: usize = 2;

pub(super) async fn run(context: &Context, args: ImportArgs) -> anyhow::Result<()> {
    let options = options(&args)?;
    let tags = tags(&args.tags)?;
    // Before anything is sent: a name that is mistyped imports nothing.
    let named = files::named(args.kind, &args.paths)?;
    let given = tags.clone();
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, args.pack.clone()).await?;
    let shown = client.call(&ShowPack { v: V1, pack }).await?.pack;
    let mut sending = Sending {
        client: &client,
        pack: shown.id.clone(),
        sensitivity: args.sensitivity,
        tags,
        unmasked: args.unmasked,
        dry_run: args.dry_run,
        links: Links::default(),
        before: None,
        said: None,
        origin: None,
        across_clients: args.across_clients,
        keeps_ids: matches!(args.kind, Kind::Kitbag | Kind::Hcr),
        may_be_ours: args.kind == Kind::Jsonl,
    };
    let mut report = Report::new(directory::reference(&shown), args.dry_run);
    let done = AtomicU64::new(0);
    let news = async || {
        Some(format!(
            "Importing: {} notes…",
            done.load(Ordering::Relaxed)
        ))
    };
    let work = import(args.kind, named, options, &mut sending, &mut report, &done);
    let ended = progress::until_ended(context.out, "Importing…", news, work).await;
    let Some(first_error) = ended else {
        let read = report.read();
        let told = format!(
            "Stopped. {read} notes were taken in; start the same import again, and nothing is added twice."
        );
        context.out.say(told);
        std::process::exit(progress::INTERRUPTED);
    };
    let first_error = first_error?;
    if let Some(failure) = report.failure(first_error.as_ref()) {
        return Err(failure.into());
    }
    if let Some(failure) = report.all_skipped() {
        return Err(failure.into());
    }
    match context.out.is_json() {
        true => context.out.document(&report)?,
        false => context
            .out
            .say(report.in_words(none_found(args.kind), &given)),
    }
    match first_error {
        Some(error) => Err(report.not_whole(error).into()),
        None => Ok(()),
    }
}

/// What there was to find in files of a kind, for whoever wonders why nothing was.
fn none_found(kind: Kind) -> &'static str {
    match kind {
        Kind::Markdown => "there is no file that ends in .md or .markdown",
        Kind::Csv => "there is no row below the header",
        Kind::Messages | Kind::ChatGpt | Kind::Claude | Kind::ClaudeCode => {
            "no message stands there"
        }
        Kind::Mail => "no mail stands there",
        _ => "no note stands there",
    }
}

fn options(args: &ImportArgs) -> anyhow::Result<Options> {
    let map = match &args.map {
        None => None,
        Some(file) if args.kind != Kind::Csv => {
            let message = "--map: only csv has columns";
            let hint = format!(
                "leave it out, or import a table: kitbag import csv FILE --map {}",
                words::shell(&[file.display().to_string()])
            );
            return Err(Failure::new(Code::Usage, message).hint(hint).into());
        }
        Some(file) => {
            let name = file.display();
            let bytes = input::bytes(file, MAP_BYTES_MAX)?;
            let bad = |why: String| Failure::new(Code::BadInput, format!("{name}: {why}"));
            let text =
                String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8 text".to_owned()))?;
            let map = Map::parse(&text).map_err(|error| {
                bad(error.to_string()).hint("fields and templates of a map: docs/spec/import.md")
            })?;
            Some(map)
        }
    };
    let label = match &args.source {
        None => Label::default(),
        Some(text) => Label::parse(text)
            .map_err(|error| Failure::new(Code::BadInput, format!("--source: {error}")))?,
    };
    Ok(Options { map, label })
}

/// The tags that every note gets.
fn tags(tags: &[String]) -> Result<Vec<String>, Failure> {
    let mut all: Vec<String> = tags.iter().map(|tag| tag.trim().to_owned()).collect();
    let bad = |tag: &String| {
        tag.is_empty()
            || tag.len() > kitbag_import::TAG_BYTES_MAX
            || tag.chars().any(char::is_control)
    };
    if all.iter().any(bad) || all.len() > kitbag_import::TAGS_MAX {
        let message = format!(
            "--tag: at most {} tags of one line, of at most {} bytes",
            kitbag_import::TAGS_MAX,
            kitbag_import::TAG_BYTES_MAX
        );
        return Err(Failure::new(Code::BadInput, message));
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// Reads and sends until the end. Gives back why the first file that could not be read was not.
async fn import(
    kind: Kind,
    named: Vec<Named>,
    options: Options,
    sending: &mut Sending<'_>,
    report: &mut Report,
    done: &AtomicU64,
) -> anyhow::Result<Option<Failure>> {
    let (batches, mut read) = mpsc::channel::<Batch>(BATCHES_WAITING);
    let (tell, ended) = oneshot::channel();
    let mut batches = Batches::new(batches, &sending.tags);
    // A thread of its own: nobody waits for it when the command ends, though it may wait for a pipe.
    std::thread::spawn(move || {
        let _ = tell.send(files::read(kind, named, &options, &mut batches));
    });
    while let Some(batch) = read.recv().await {
        report.left(&batch.left);
        for origin in batch.origins {
            sending.check(origin).await?;
        }
        sending.send_all(batch.notes, report).await?;
        done.store(report.read(), Ordering::Relaxed);
    }
    while let Some(held) = sending.links.next_held() {
        for notes in batch::of_held(held) {
            sending.send(notes, report).await?;
        }
        done.store(report.read(), Ordering::Relaxed);
    }
    let ended = ended.await.map_err(|_| {
        Failure::new(
            Code::Internal,
            "the thread that reads the files ended early",
        )
    })?;
    Ok(ended?)
}

/// What is the same for every batch, and the ids that the daemon told.
struct Sending<'c> {
    client: &'c Client,
    pack: String,
    sensitivity: Option<Sensitivity>,
    tags: Vec<String>,
    unmasked: bool,
    dry_run: bool,
    /// Whether its ids are those of our export: references are led to what its notes are here.
    keeps_ids: bool,
    /// Whether a file that says where it comes from is our export, as lines.
    may_be_ours: bool,
    across_clients: bool,
    links: Links,
    /// The end of the message before, if it was one.
    before: Option<String>,
    /// The conversation that was sent last, and the highest place of what was said in it.
    said: Option<(u64, Sensitivity)>,
    /// Where the file that is read says that it comes from.
    origin: Option<ImportOrigin>,
}

/// Where a note stands in its file.
struct InFile {
    place: String,
    /// Its id there.
    id: Option<String>,
    /// Whether its key names no place: another text there before is no older self of it.
    is_nowhere: bool,
}

/// A note that is to be sent.
type Waiting = (InFile, ImportNote);

impl Sending<'_> {
    /// Fails if what left a pack of one client would come into one of another.
    async fn check(&mut self, origin: kitbag_import::Origin) -> Result<(), Failure> {
        let call = CheckOrigin {
            v: V1,
            pack: self.pack.clone(),
            from: origin.packs.clone(),
            client: origin.client.clone(),
            across_clients: self.across_clients,
        };
        let checked = self.client.call(&call).await;
        checked.map_err(|error| error.into_failure())?;
        self.keeps_ids |= self.may_be_ours;
        self.origin = Some(ImportOrigin {
            from: origin.packs,
            client: origin.client,
        });
        Ok(())
    }

    async fn send_all(
        &mut self,
        notes: Vec<kitbag_import::Note>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        if !self.keeps_ids {
            return self.send(notes, report).await;
        }
        for notes in self.links.calls(notes) {
            self.send(notes, report).await?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        notes: Vec<kitbag_import::Note>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut waiting = Vec::with_capacity(notes.len());
        for note in notes {
            let in_file = InFile {
                place: note.place.clone(),
                id: note.id.clone(),
                is_nowhere: note.is_nowhere,
            };
            let is_message = note.note_type == "message";
            let said = is_message.then(|| batch::end_of(&note.body));
            let was = note.id.clone().filter(|_| self.keeps_ids);
            let asked = std::mem::replace(&mut self.before, said).filter(|_| is_message);
            match batch::request(note, self.sensitivity, &self.tags, self.links.ids()) {
                Ok(request) => waiting.push((
                    in_file,
                    ImportNote {
                        was,
                        asked,
                        ..request
                    },
                )),
                Err(why) => report.refuse(in_file.place, why),
            }
        }
        // The last one is sent next.
        let mut waiting = vec![waiting];
        while let Some(notes) = waiting.pop() {
            if let Some(halves) = self.call(notes, report).await? {
                waiting.extend(halves);
            }
        }
        Ok(())
    }

    /// Sends one request. If it is too large it comes back as halves, the later one first; a note
    /// that is too large alone is refused, and ends nothing.
    async fn call(
        &mut self,
        notes: Vec<Waiting>,
        report: &mut Report,
    ) -> Result<Option<[Vec<Waiting>; 2]>, Failure> {
        if notes.is_empty() {
            return Ok(None);
        }
        let (mut places, mut notes): (Vec<_>, Vec<_>) = notes.into_iter().unzip();
        for note in &mut notes {
            note.before = self.said_before(note.conversation);
        }
        let said: Vec<Option<u64>> = notes.iter().map(|note| note.conversation).collect();
        let mut call = ImportNotes {
            v: V1,
            pack: self.pack.clone(),
            notes,
            unmasked: self.unmasked,
            origin: self.origin.clone(),
            across_clients: self.across_clients,
            dry_run: self.dry_run,
        };
        let mut imported = match self.client.call(&call).await {
            Ok(imported) => imported,
            Err(ClientError::Failed(failure)) if failure.code == Code::RequestTooLarge => {
                if places.len() == 1 {
                    if let Some(conversation) = said[0] {
                        self.said = Some((conversation, Sensitivity::Restricted));
                    }
                    let place = places.pop().map(|of| of.place);
                    report.refuse(place.unwrap_or_default(), failure.message);
                    return Ok(None);
                }
                let half = places.len() / 2;
                let later = places.split_off(half).into_iter();
                let later = later.zip(call.notes.split_off(half)).collect();
                let first = places.into_iter().zip(call.notes).collect();
                return Ok(Some([later, first]));
            }
            Err(error) => return Err(ended(error, report)),
        };
        if imported.notes.len() != places.len() {
            let message = "the daemon answered for another number of notes than it was sent";
            return Err(Failure::new(Code::Internal, message));
        }
        self.keep_ids(&places, &imported);
        self.keep_said(&said, &imported);
        for (of, note) in places.iter().zip(&mut imported.notes) {
            note.changed &= !of.is_nowhere;
        }
        let places: Vec<String> = places.into_iter().map(|of| of.place).collect();
        report.imported(&places, imported);
        Ok(None)
    }

    /// The highest place of what was said in a conversation so far.
    fn said_before(&self, conversation: Option<u64>) -> Option<Sensitivity> {
        let (said, at) = self.said?;
        (conversation == Some(said)).then_some(at)
    }

    /// Keeps that for the conversation that may go on. What was refused, or stands above this person's
    /// clearance, counts as restricted.
    fn keep_said(&mut self, said: &[Option<u64>], imported: &Imported) {
        for (conversation, note) in said.iter().zip(&imported.notes) {
            let Some(conversation) = *conversation else {
                continue;
            };
            let at = note.sensitivity.unwrap_or(Sensitivity::Restricted);
            let before = self.said_before(Some(conversation));
            self.said = Some((conversation, before.map_or(at, |before| before.max(at))));
        }
    }

    fn keep_ids(&mut self, places: &[InFile], imported: &Imported) {
        for (of, note) in places.iter().zip(&imported.notes) {
            if let (true, Some(of_file), Some(here)) = (self.keeps_ids, &of.id, &note.id) {
                self.links.keep(of_file, here);
            }
        }
    }
}

/// Why a batch has no answer, and that starting again does no harm.
fn ended(error: ClientError, report: &Report) -> Failure {
    let failure = match error {
        ClientError::HungUp => Failure::new(
            Code::DaemonUnreachable,
            "the daemon ended before it answered",
        ),
        error => error.into_failure(),
    };
    match report.read() {
        0 => failure,
        read => failure.hint(format!(
            "{read} notes were taken in before; start the same import again, and nothing is added twice"
        )),
    }
}

/// A file that cannot be read, as a failure of the command.
fn failure_of(name: &str, error: &ImportError) -> Failure {
    let code = match error {
        ImportError::Read(_) => Code::Storage,
        _ => Code::BadInput,
    };
    Failure::new(code, format!("{name}: {error}"))
}

#[cfg(test)]
mod tests;
