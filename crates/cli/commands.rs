//! The subcommands: one file each, and one line each here.

mod add;
mod agent;
mod audit;
mod carry;
mod check;
mod clip;
mod completions;
mod daemon;
mod delete;
mod demo;
mod doctor;
#[cfg(test)]
mod documented;
mod down;
mod edit;
mod export;
mod handoff;
mod help;
mod history;
mod hygiene;
mod import;
mod inbox;
mod init;
mod inspect;
mod join;
mod key;
mod list;
mod lock;
mod man;
mod mcp;
mod members;
mod overview;
mod pack;
mod policy;
mod receipt;
mod redact;
mod relabel;
mod review;
mod role;
mod rules;
#[cfg(test)]
mod schemas;
mod search;
mod select;
mod share;
mod show;
mod status;
mod supersede;
mod sync;
mod tag;
mod team;
mod ticket;
mod undo;
mod unlock;
mod unshare;
mod up;
mod use_pack;
mod who;

pub(crate) use help::about;
pub(crate) use tag::options_first;

use crate::context::Context;
use clap::Subcommand;

/// What can be asked. Those that are hidden stand in `kitbag help --all`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start this device: the first time it creates you and the device
    Up(up::UpArgs),
    /// Stop this device
    Down,
    /// Create, list and show packs
    Pack(pack::PackArgs),
    /// Add a note to a pack
    Add(add::AddArgs),
    /// Add what was copied; --watch adds every text that is copied
    #[command(hide = true)]
    Clip(clip::ClipArgs),
    /// List the notes of a pack
    List(list::ListArgs),
    /// Show a note
    Show(show::ShowArgs),
    /// Look for words in notes
    Search(search::SearchArgs),
    /// Change a note
    Edit(edit::EditArgs),
    /// Delete a note, or bring it back
    #[command(hide = true)]
    Delete(delete::DeleteArgs),
    /// Add tags to a note, and remove them
    #[command(hide = true)]
    Tag(tag::TagArgs),
    /// Move a note into another pack
    #[command(hide = true)]
    Move(carry::CarryArgs),
    /// Copy a note into another pack
    #[command(hide = true)]
    Copy(carry::CarryArgs),
    /// Put one note in the place of another
    #[command(hide = true)]
    Supersede(supersede::SupersedeArgs),
    /// Take the content of a note out: who, when and why stay
    #[command(hide = true)]
    Redact(redact::RedactArgs),
    /// Take back what you wrote last
    Undo(undo::UndoArgs),
    /// Choose the pack that is meant in this directory
    #[command(hide = true)]
    Use(use_pack::UseArgs),
    /// Share a pack with somebody: makes a ticket to send
    Share(share::ShareArgs),
    /// Join a pack with a ticket
    Join(join::JoinArgs),
    /// List who is in a pack
    #[command(hide = true)]
    Members(members::MembersArgs),
    /// Remove somebody from a pack, or leave it
    #[command(hide = true)]
    Unshare(unshare::UnshareArgs),
    /// Give a member of a pack another role
    #[command(hide = true)]
    Role(role::RoleArgs),
    /// Show what waits for you
    Inbox(inbox::InboxArgs),
    /// Give something to somebody to go on with, and see what becomes of it
    #[command(hide = true)]
    Handoff(Box<handoff::HandoffArgs>),
    /// Exchange changes now
    Sync(sync::SyncArgs),
    /// Show who is up to date, and what waits
    Status(status::StatusArgs),
    /// See it work: three devices on this machine play a story with sample data
    Demo(demo::DemoArgs),
    /// Create the person and device without starting, for scripts
    #[command(hide = true)]
    Init(init::InitArgs),
    /// Run, start, stop or look at the daemon
    #[command(hide = true)]
    Daemon(daemon::DaemonArgs),
    /// Take notes of a pack out, as Markdown, XML, JSON, JSON lines, text or HCR
    #[command(hide = true)]
    Export(export::ExportArgs),
    /// Put notes together, to be exported
    #[command(hide = true)]
    Select(select::SelectArgs),
    /// Check a receipt of an export
    #[command(hide = true)]
    Receipt(receipt::ReceiptArgs),
    /// Take in what other systems keep: conversations, tables, Markdown, mail, exports
    #[command(hide = true)]
    Import(import::ImportArgs),
    /// Look whether this device is in order; --bundle writes a file to show when asking for help
    #[command(hide = true)]
    Doctor(doctor::DoctorArgs),
    /// Change how this device's key is kept
    #[command(hide = true)]
    Key(key::KeyCommandArgs),
    /// Close the packs and forget the key until it is unlocked; the daemon goes on to run
    #[command(hide = true)]
    Lock(lock::LockArgs),
    /// Open the packs of a locked device again, and a session for this terminal
    #[command(hide = true)]
    Unlock(unlock::UnlockArgs),
    /// Show how a note came to be
    #[command(hide = true)]
    History(history::HistoryArgs),
    /// Look at what is set aside in a pack, and take it over
    #[command(hide = true)]
    Review(review::ReviewArgs),
    /// Look at a ticket without using it
    #[command(hide = true)]
    Ticket(ticket::TicketArgs),
    /// Show who opens a pack or a note now, and who could before
    #[command(hide = true)]
    Who(who::WhoArgs),
    /// Try every record of a pack with the keys that somebody gets
    #[command(hide = true)]
    Check(check::CheckArgs),
    /// Show a pack's rules, and which of them decides
    #[command(hide = true)]
    Policy(policy::PolicyArgs),
    /// Say when a case goes from an agent to a person, and try that on past cases
    #[command(hide = true)]
    Rules(rules::RulesArgs),
    /// Say who is in a team that hand-offs go to
    #[command(hide = true)]
    Team(team::TeamArgs),
    /// Let programs that a model steers use packs of yours, and end that
    #[command(hide = true)]
    Agent(agent::AgentArgs),
    /// Show what was read, exported and refused, as devices reported it
    #[command(hide = true)]
    Audit(audit::AuditArgs),
    /// Find what is stale, nearly the same, never read or over, and put it away
    #[command(hide = true)]
    Hygiene(hygiene::HygieneArgs),
    /// Show what some bytes are, for debugging
    #[command(hide = true)]
    Inspect(inspect::InspectArgs),
    /// Serve an agent over the Model Context Protocol
    #[command(hide = true)]
    Mcp(mcp::McpArgs),
    /// Print the completions of a shell
    #[command(hide = true)]
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write one for each command
    #[command(hide = true)]
    Man(man::ManArgs),
    /// Show the commands, or one of them
    Help(help::HelpArgs),
}

impl Command {
    /// Whether this process becomes the daemon.
    pub(crate) fn becomes_daemon(&self) -> bool {
        match self {
            Command::Up(args) => !args.detach,
            Command::Daemon(args) => args.becomes_daemon(),
            _ => false,
        }
    }
}

/// Runs one command; without one, an overview.
pub(crate) async fn run(context: &Context, command: Option<Command>) -> anyhow::Result<()> {
    match command {
        None => overview::run(context).await,
        Some(Command::Up(args)) => up::run(context, args).await,
        Some(Command::Down) => down::run(context).await,
        Some(Command::Pack(args)) => pack::run(context, args).await,
        Some(Command::Add(args)) => add::run(context, args).await,
        Some(Command::Clip(args)) => clip::run(context, args).await,
        Some(Command::List(args)) => list::run(context, args).await,
        Some(Command::Show(args)) => show::run(context, args).await,
        Some(Command::Search(args)) => search::run(context, args).await,
        Some(Command::Edit(args)) => edit::run(context, args).await,
        Some(Command::Delete(args)) => delete::run(context, args).await,
        Some(Command::Tag(args)) => tag::run(context, args).await,
        Some(Command::Move(args)) => carry::run(context, args, true).await,
        Some(Command::Copy(args)) => carry::run(context, args, false).await,
        Some(Command::Supersede(args)) => supersede::run(context, args).await,
        Some(Command::Redact(args)) => redact::run(context, args).await,
        Some(Command::Undo(args)) => undo::run(context, args).await,
        Some(Command::Use(args)) => use_pack::run(context, args).await,
        Some(Command::Share(args)) => share::run(context, args).await,
        Some(Command::Join(args)) => join::run(context, args).await,
        Some(Command::Members(args)) => members::run(context, args).await,
        Some(Command::Unshare(args)) => unshare::run(context, args).await,
        Some(Command::Role(args)) => role::run(context, args).await,
        Some(Command::Inbox(args)) => inbox::run(context, args).await,
        Some(Command::Handoff(args)) => handoff::run(context, *args).await,
        Some(Command::Sync(args)) => sync::run(context, args).await,
        Some(Command::Status(args)) => status::run(context, args).await,
        Some(Command::Demo(args)) => demo::run(context, &args),
        Some(Command::Init(args)) => init::run(context, args),
        Some(Command::Daemon(args)) => daemon::run(context, args).await,
        Some(Command::Export(args)) => export::run(context, args).await,
        Some(Command::Select(args)) => select::run(context, args).await,
        Some(Command::Receipt(args)) => receipt::run(context, args).await,
        Some(Command::Import(args)) => import::run(context, args).await,
        Some(Command::Doctor(args)) => doctor::run(context, args).await,
        Some(Command::Key(args)) => key::run(context, args).await,
        Some(Command::Lock(args)) => lock::run(context, args).await,
        Some(Command::Unlock(args)) => unlock::run(context, args).await,
        Some(Command::History(args)) => history::run(context, args).await,
        Some(Command::Review(args)) => review::run(context, args).await,
        Some(Command::Ticket(args)) => ticket::run(context, args),
        Some(Command::Who(args)) => who::run(context, args).await,
        Some(Command::Check(args)) => check::run(context, args).await,
        Some(Command::Policy(args)) => policy::run(context, args).await,
        Some(Command::Rules(args)) => rules::run(context, args).await,
        Some(Command::Team(args)) => team::run(context, args).await,
        Some(Command::Agent(args)) => agent::run(context, args).await,
        Some(Command::Audit(args)) => audit::run(context, args).await,
        Some(Command::Hygiene(args)) => hygiene::run(context, args).await,
        Some(Command::Inspect(args)) => inspect::run(context, args),
        Some(Command::Mcp(args)) => mcp::run(context, args).await,
        Some(Command::Completions(args)) => completions::run(context, &args),
        Some(Command::Man(args)) => man::run(context, args),
        Some(Command::Help(args)) => help::run(context, args),
    }
}

/// Every command below the root by its path, hidden ones too: what scripts, pages and documents must
/// not forget.
#[cfg(test)]
pub(crate) fn every_command() -> Vec<(Vec<String>, clap::Command)> {
    use clap::CommandFactory;
    let mut open: Vec<(Vec<String>, clap::Command)> = vec![(vec![], crate::args::Cli::command())];
    let mut all = Vec::new();
    while let Some((path, command)) = open.pop() {
        for sub in command.get_subcommands() {
            let mut path = path.clone();
            path.push(sub.get_name().to_owned());
            open.push((path, sub.clone()));
        }
        if !path.is_empty() {
            all.push((path, command));
        }
    }
    all
}
