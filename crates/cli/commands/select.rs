//! `kitbag select`: notes put together on this device, to be exported.

use crate::context::Context;
use crate::note_filter::{FilterArgs, ListedArgs};
use crate::table::Table;
use crate::{args, launch, words};
use clap::{ArgGroup, Args, Subcommand};
use kitbag_rpc::{
    ChangeSelection, Code, DeleteSelection, Failure, ListSelections, NoteFilter, PackRef,
    SaveSelection, SelectMatching, SelectionChanged, SelectionShown, ShowSelection, V1,
    WORKING_SELECTION,
};

#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    #[command(subcommand)]
    command: SelectCommand,
}

#[derive(Debug, Subcommand)]
enum SelectCommand {
    /// Put notes into a selection: named ones, what a search finds, or what filters admit
    Add(AddArgs),
    /// Take notes out of a selection; they stay where they are
    Rm(RmArgs),
    /// List the selections of this device
    List,
    /// Show the notes of a selection as they stand now
    Show(Which),
    /// Keep the notes of a selection under a name
    Save(SaveArgs),
    /// Forget a selection; its notes stay where they are
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
struct Which {
    /// The selection; the working one if it is left out
    #[arg(value_name = "NAME", value_parser = args::name)]
    selection: Option<String>,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Starts of ids of notes
    #[arg(value_name = "NOTE")]
    notes: Vec<String>,
    /// What a search for these words finds, best first
    #[arg(long, value_name = "WORDS")]
    query: Option<String>,
    /// In this pack; give it again for others; in all without it
    #[arg(long = "pack", value_name = "PACK")]
    packs: Vec<String>,
    /// Of what a search finds, so many at most; 100 if nobody says
    #[arg(long, value_name = "N", requires = "query", value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: Option<u32>,
    #[command(flatten)]
    listed: ListedArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// The selection, which is made if it is not there; the working one if nobody says
    #[arg(long, value_name = "NAME", value_parser = args::name)]
    selection: Option<String>,
    /// Let it hold notes of several clients
    #[arg(long)]
    across_clients: bool,
    /// Say what would come, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["notes", "all"]).required(true)))]
struct RmArgs {
    /// Starts of ids of notes
    #[arg(value_name = "NOTE")]
    notes: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// The selection; the working one if nobody says
    #[arg(long, value_name = "NAME", value_parser = args::name)]
    selection: Option<String>,
    /// Say what would go, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct SaveArgs {
    /// The name
    #[arg(value_parser = args::name)]
    name: String,
    /// Whose notes; those of the working one if nobody says
    #[arg(long, value_name = "NAME", value_parser = args::name)]
    selection: Option<String>,
    /// Replace the selection of that name
    #[arg(long)]
    replace: bool,
    /// Say what would be kept, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    /// The name
    #[arg(value_parser = args::name)]
    name: String,
    /// Say what would be forgotten, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(context: &Context, args: SelectArgs) -> anyhow::Result<()> {
    match args.command {
        SelectCommand::Add(args) => add(context, args).await,
        SelectCommand::Rm(args) => rm(context, args).await,
        SelectCommand::List => list(context).await,
        SelectCommand::Show(args) => show(context, args).await,
        SelectCommand::Save(args) => save(context, args).await,
        SelectCommand::Delete(args) => delete(context, args).await,
    }
}

async fn add(context: &Context, args: AddArgs) -> anyhow::Result<()> {
    let listed = args.listed.listed();
    let filter = args.filter.filter()?;
    let is_asked = args.query.is_some()
        || !args.packs.is_empty()
        || filter != NoteFilter::default()
        || listed != kitbag_rpc::Listed::Kept;
    if args.notes.is_empty() && !is_asked {
        let failure = Failure::new(Code::Usage, "say which notes: by id, --query or filters");
        return Err(failure
            .hint("kitbag select add NOTE…, or kitbag select add --query WORDS")
            .into());
    }
    let matching = is_asked.then_some(SelectMatching {
        query: args.query,
        packs: args.packs,
        listed,
        filter,
        limit: args.limit,
    });
    let call = ChangeSelection {
        v: V1,
        selection: args.selection,
        add: args.notes,
        matching,
        remove: vec![],
        clear: false,
        across_clients: args.across_clients,
        dry_run: args.dry_run,
    };
    changed(context, call).await
}

async fn rm(context: &Context, args: RmArgs) -> anyhow::Result<()> {
    let call = ChangeSelection {
        v: V1,
        selection: args.selection,
        add: vec![],
        matching: None,
        remove: args.notes,
        clear: args.all,
        across_clients: false,
        dry_run: args.dry_run,
    };
    changed(context, call).await
}

async fn changed(context: &Context, call: ChangeSelection) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    context.out.say(in_words(&answer));
    Ok(())
}

fn in_words(changed: &SelectionChanged) -> String {
    let notes = |number| words::count(number, "note", "notes");
    let name = called(&changed.selection);
    let mut lines = Vec::new();
    let (comes, goes) = match changed.dry_run {
        true => ("Would come to", "Would go from"),
        false => ("Came to", "Went from"),
    };
    if changed.added > 0 {
        lines.push(format!("{comes} {name}: {}", notes(changed.added)));
    }
    if changed.removed > 0 {
        lines.push(format!("{goes} {name}: {}", notes(changed.removed)));
    }
    if changed.there > 0 {
        lines.push(format!("In it already: {}", notes(changed.there)));
    }
    if lines.is_empty() {
        lines.push("Nothing fits, so nothing changed".to_owned());
    }
    if changed.beyond > 0 {
        lines.push(format!(
            "The search found {} more; narrow it down, or say more words",
            changed.beyond
        ));
    }
    let (now, of) = (notes(changed.notes), in_packs(&changed.packs));
    let crosses = match changed.crosses_clients {
        true => ", of several clients",
        false => "",
    };
    lines.push(match changed.dry_run {
        true => format!("It would hold {now}{of}{crosses}; nothing was changed"),
        false => format!("It holds {now}{of}{crosses}"),
    });
    lines.join("\n")
}

fn called(name: &str) -> String {
    match name {
        WORKING_SELECTION => "the working selection".to_owned(),
        name => format!("the selection {}", words::inline(name)),
    }
}

fn in_packs(packs: &[PackRef]) -> String {
    match packs {
        [] => String::new(),
        [one] => format!(" of {}", words::pack(one)),
        several => format!(
            " of {}",
            words::count(several.len() as u64, "pack", "packs")
        ),
    }
}

async fn list(context: &Context) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let answer = client.call(&ListSelections {}).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.selections.is_empty() {
        context
            .out
            .say("No selection yet. Next: kitbag select add NOTE");
    }
    let mut table = Table::new(["name", "notes", "packs"], 2);
    for one in &answer.selections {
        let notes = one
            .notes
            .map_or_else(|| "damaged".to_owned(), |notes| notes.to_string());
        let packs: Vec<String> = one.packs.iter().map(words::pack).collect();
        table.row([&one.name, &notes, &packs.join(", ")]);
    }
    Ok(table.print(context.out)?)
}

async fn show(context: &Context, which: Which) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = ShowSelection {
        v: V1,
        selection: which.selection,
    };
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.notes.is_empty() {
        let name = called(&answer.selection);
        context.out.say(format!(
            "Nothing is in {name}. Next: kitbag select add NOTE"
        ));
    }
    let pack = |id: &str| {
        answer
            .packs
            .iter()
            .find(|pack| pack.id == id)
            .map(words::pack)
    };
    let mut table = Table::new(["id", "sensitivity", "title", "pack", "status"], 2);
    for note in &answer.notes {
        let sensitivity = note
            .sensitivity
            .map_or("", |sensitivity| sensitivity.as_str());
        table.row([
            words::listed_id(context.out, &note.id),
            sensitivity,
            note.title.as_deref().unwrap_or_default(),
            &pack(&note.pack).unwrap_or_default(),
            kitbag_render::status(&note.status),
        ]);
    }
    table.print(context.out)?;
    if let Some(line) = lost(&answer) {
        context.out.say(line);
    }
    Ok(())
}

/// What of a selection is not what it was when it was chosen.
fn lost(shown: &SelectionShown) -> Option<String> {
    let of = |status: &str| {
        shown
            .notes
            .iter()
            .filter(|note| note.status == status)
            .count()
    };
    let kinds = [
        ("archived", "deleted; it leaves only with --all"),
        (
            "superseded",
            "superseded; what replaces it may be the better choice",
        ),
        ("expired", "past its date; it stays"),
        ("redacted", "taken out; it stays"),
        ("gone", "not to be seen here any more"),
    ];
    let lines: Vec<String> = kinds
        .into_iter()
        .map(|(status, what)| (of(status), what))
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

async fn save(context: &Context, args: SaveArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = SaveSelection {
        v: V1,
        from: args.selection,
        name: args.name,
        replace: args.replace,
        dry_run: args.dry_run,
    };
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    let notes = words::count(answer.notes, "note", "notes");
    let name = words::inline(&answer.selection);
    context.out.say(match answer.dry_run {
        true => format!("Would keep {notes} as {name}; nothing was changed"),
        false => format!("Kept {notes} as {name}. To export them: kitbag export --selection NAME"),
    });
    Ok(())
}

async fn delete(context: &Context, args: DeleteArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = DeleteSelection {
        v: V1,
        selection: args.name,
        dry_run: args.dry_run,
    };
    let answer = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    let notes = answer
        .notes
        .map(|notes| words::count(notes, "note", "notes"));
    let notes = notes.map(|notes| format!(" ({notes})")).unwrap_or_default();
    let name = called(&answer.selection);
    context.out.say(match answer.dry_run {
        true => format!("Would forget {name}{notes}; nothing was changed"),
        false => format!("Forgot {name}{notes}. The notes stay where they are"),
    });
    Ok(())
}
