//! `kitbag agent add|list|pause|revoke`: programs that a model steers, and what each of them may.

mod here;

use crate::context::Context;
use crate::table::Table;
use crate::{args, hidden, input, launch, when, words};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use here::{Kept, McpConfig};
use jiff::Zoned;
use kitbag_rpc::{
    AddAgent, AgentAdded, AgentChanged, AgentScope, AgentShown, AgentState, Client, Code, Failure,
    ListAgents, PauseAgent, ReadSession, RevokeAgent, Secret, Sensitivity, SessionProof,
};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    #[command(subcommand)]
    command: AgentCommand,
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// Let a program that a model steers use packs of yours, as far as you say
    Add(AddArgs),
    /// List your agents, what they may and what they have left today
    List,
    /// Tell an agent to wait, or to go on
    Pause {
        /// Its name
        name: String,
        /// Let it go on
        #[arg(long)]
        resume: bool,
    },
    /// End an agent for good
    Revoke {
        /// Its name
        name: String,
        /// Only say which that would be
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// What it is called: a-z, 0-9 and . _ @ -, as claude-code@laptop
    name: String,
    /// The packs that it may use: P,P
    #[arg(long, value_name = "PACKS", value_delimiter = ',', required = true)]
    packs: Vec<String>,
    /// The most sensitive that it may open, never above your own
    #[arg(long, value_name = "S", value_parser = args::sensitivity(), default_value = "internal")]
    clearance: Sensitivity,
    /// What it may do, of read,search,add,update,handoff,feedback
    #[arg(
        long,
        value_name = "SCOPES",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(AgentScope::ALL.map(AgentScope::as_str)),
        default_value = "read,search"
    )]
    scopes: Vec<String>,
    /// For how long, as 12h or 30d; at most 366 days
    #[arg(long, value_name = "TIME", default_value = "30d")]
    ttl: String,
    /// Tokens that it may be handed in a day
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    max_tokens: u64,
    /// What it reads for: consents are asked for it
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// Where what it reads goes, in your words: its model's provider
    #[arg(long, value_name = "TEXT")]
    reads_go_to: Option<String>,
    /// Write the MCP configuration of this directory, and keep the secret in the home
    #[arg(long)]
    here: bool,
    /// Only say what it could read
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Added {
    #[serde(flatten)]
    answer: AgentAdded,
    /// Where its secret is kept, with --here; then it is in no answer.
    secret_file: Option<PathBuf>,
    /// The configuration that was written, with --here.
    mcp_config: Option<McpConfig>,
    /// What to put into AGENTS.md, so that its model knows of the packs.
    agents_md: String,
}

pub(super) async fn run(context: &Context, args: AgentArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    match args.command {
        AgentCommand::Add(args) => add(context, &client, args).await,
        AgentCommand::List => list(context, &client).await,
        AgentCommand::Pause { name, resume } => {
            let call = PauseAgent {
                name,
                resume,
                ..PauseAgent::default()
            };
            let changed = client.call(&call).await?;
            tell(context, &changed, if resume { "goes on" } else { "waits" })
        }
        AgentCommand::Revoke { name, dry_run, yes } => {
            let mut call = RevokeAgent {
                name,
                dry_run: true,
                ..RevokeAgent::default()
            };
            // Always first: what cannot be done is told before anybody is asked.
            let planned = client.call(&call).await?;
            if dry_run || !planned.changed {
                return tell(context, &planned, "is revoked");
            }
            if !yes {
                let terms = format!("{}: {}", planned.agent.name, may(&planned.agent));
                let question = "End it for good?";
                input::confirm(context.out, &terms, question)?;
            }
            call.dry_run = false;
            let changed = client.call(&call).await?;
            here::forget_secret(context, &call.name);
            tell(context, &changed, "is revoked")
        }
    }
}

async fn add(context: &Context, client: &Client, args: AddArgs) -> anyhow::Result<()> {
    let now = Zoned::now();
    let until = when::parse_future(&args.ttl, "--ttl", &now)?;
    let ttl = until.as_millis().saturating_sub(now_millis(&now));
    let scope = |word: String| {
        let found = AgentScope::ALL.into_iter().find(|one| one.as_str() == word);
        found.expect("the parser lets only these words through")
    };
    let reads_go_to = args.reads_go_to.unwrap_or_else(|| provider(&args.name));
    let mut call = AddAgent {
        name: args.name,
        packs: args.packs,
        clearance: Some(args.clearance),
        scopes: Some(args.scopes.into_iter().map(scope).collect()),
        ttl_millis: Some(ttl),
        max_tokens: Some(args.max_tokens),
        purpose: args.purpose,
        reads_go_to: Some(reads_go_to),
        dry_run: true,
        ..AddAgent::default()
    };
    // Always first: what cannot be done is told before anybody is asked, or anything is written.
    let planned = client.call(&call).await?;
    let config = match args.here {
        true => Some(here::plan(context, &planned.agent.name)?),
        false => None,
    };
    if args.dry_run {
        let planned = Added {
            agents_md: here::agents_md(&planned.agent),
            answer: planned,
            secret_file: None,
            mcp_config: config.map(|(config, _)| config),
        };
        return tell_added(context, &planned);
    }
    if !args.yes {
        let terms = in_words(&planned);
        input::confirm(context.out, &terms, "Add this agent?")?;
    }
    let session = client.call(&ReadSession::default()).await?;
    if !session.needed && session.proof != Some(SessionProof::Passphrase) {
        call.pin = Some(new_pin(context)?);
    }
    call.dry_run = false;
    let mut answer = client.call(&call).await?;
    let mut secret_file = None;
    let mut written = None;
    if let Some((mut config, text)) = config {
        let secret = answer.secret.as_ref().ok_or_else(no_secret)?;
        let kept = here::keep_secret(context, &answer.agent.name, secret)
            .and_then(|file| here::write(&config, text).map(|()| file));
        match kept {
            Ok(file) => {
                config.changed = matches!(config.kept, Kept::Written);
                (secret_file, written) = (Some(file), Some(config));
                answer.secret = None; // it stands in its file
            }
            // The agent is there: its secret is told, so that it can be used all the same.
            Err(error) => context.out.say(format!("{error:#}")),
        }
    }
    let added = Added {
        agents_md: here::agents_md(&answer.agent),
        answer,
        secret_file,
        mcp_config: written,
    };
    tell_added(context, &added)?;
    if !session.needed && !context.out.is_json() {
        context.out.say(FIRST);
    }
    Ok(())
}

/// What changes with the first agent.
const FIRST: &str = "From now on sharing, rules, agents, confidential notes and the like need: kitbag unlock\n\
     It holds for ten minutes in the terminal where you type it, and for all that you start there: unlock in\n\
     another than your agent works in.";

fn no_secret() -> Failure {
    Failure::new(Code::Internal, "no secret came back")
}

fn now_millis(now: &Zoned) -> u64 {
    u64::try_from(now.timestamp().as_millisecond()).unwrap_or(0)
}

/// A new PIN from the person, twice: on the terminal and nowhere else.
pub(super) fn new_pin(context: &Context) -> anyhow::Result<Secret> {
    context.out.say(
        "This device gets a PIN, so that a program with a shell cannot do what only you shall do. Nothing\n\
         brings it back: whoever forgets it keeps the packs, and cannot share or set rules from here any more.",
    );
    let ask = |prompt: &str| {
        let given = hidden::ask(prompt).map_err(|_| {
            Failure::new(
                Code::Usage,
                "the PIN is asked on a terminal, and there is none",
            )
            .hint("run this yourself, in a terminal; no file and no pipe gives it")
        })?;
        given.ok_or_else(|| Failure::new(Code::BadInput, "no PIN was given"))
    };
    let first = ask("New PIN (six digits or letters, or more): ")?;
    let second = ask("The same again: ")?;
    if *first != *second {
        return Err(Failure::new(Code::BadInput, "the two PINs differ").into());
    }
    Ok(Secret::new(first.as_str().to_owned()))
}

/// Where reads go, as far as a name tells.
fn provider(name: &str) -> String {
    const KNOWN: [(&str, &str); 6] = [
        ("claude", "Anthropic"),
        ("codex", "OpenAI"),
        ("chatgpt", "OpenAI"),
        ("gemini", "Google"),
        ("copilot", "GitHub and the provider of its model"),
        ("cursor", "Cursor and the provider of its model"),
    ];
    let known = KNOWN.iter().find(|(begins, _)| name.starts_with(begins));
    let to = known.map_or("the provider of its model", |(_, to)| to);
    to.to_owned()
}

fn tell_added(context: &Context, added: &Added) -> anyhow::Result<()> {
    let out = context.out;
    if out.is_json() {
        return out.document(added);
    }
    let answer = &added.answer;
    let mut lines = vec![match answer.dry_run {
        true => format!("Nothing was done. {} would be an agent:", answer.agent.name),
        false => format!("Added the agent {}.", answer.agent.name),
    }];
    lines.push(in_words(answer));
    if let Some(secret) = &answer.secret {
        lines.push(format!("Its secret, shown this once:\n{}", secret.expose()));
    }
    if let Some(file) = &added.secret_file {
        lines.push(format!("Its secret is kept in {}", file.display()));
    }
    if let Some(config) = &added.mcp_config {
        let file = config.file.display();
        lines.push(match (answer.dry_run, config.kept) {
            (_, Kept::Same) => format!("{file} starts it already."),
            (true, Kept::Written) => format!("{file} would start it, without the secret."),
            (false, Kept::Written) => format!("{file} starts it; the secret is not in it."),
        });
    }
    if !answer.dry_run {
        lines.push(format!("For AGENTS.md:\n\n{}", added.agents_md));
    }
    Ok(out.data(lines.join("\n"))?)
}

/// What it can read, where that goes, what it may, and until when.
fn in_words(added: &AgentAdded) -> String {
    let agent = &added.agent;
    let packs = added.opens.iter().map(|of| {
        let notes = words::count(of.notes, "note", "notes");
        format!("{} ({notes})", words::pack(&of.pack))
    });
    let packs: Vec<String> = packs.collect();
    let mut lines = vec![
        format!(
            "It can read up to {}: {}",
            agent.clearance.title(),
            packs.join(", ")
        ),
        format!(
            "What it reads goes to {}.",
            words::inline(&agent.reads_go_to)
        ),
        may(agent),
    ];
    if let Some(purpose) = &agent.purpose {
        lines.push(format!("It reads for {}.", words::inline(purpose)));
    }
    lines.push(
        "It never shares, sets rules, accepts or approves. As a program of yours with a shell it could read\n\
         your files: docs/security/agents.md"
            .to_owned(),
    );
    lines.join("\n")
}

fn may(agent: &AgentShown) -> String {
    let scopes: Vec<&str> = agent.scopes.iter().map(|scope| scope.as_str()).collect();
    format!(
        "It may {}, until {}, and is handed at most {} tokens a day.",
        scopes.join(", "),
        agent.expires_at.in_words(),
        agent.max_tokens
    )
}

async fn list(context: &Context, client: &Client) -> anyhow::Result<()> {
    let answer = client.call(&ListAgents::default()).await?;
    let out = context.out;
    if out.is_json() {
        return out.document(&answer);
    }
    if answer.agents.is_empty() {
        return Ok(out.data("No agents. Next: kitbag agent add NAME --packs PACK --here")?);
    }
    let header = [
        "NAME",
        "STATE",
        "UP TO",
        "SCOPES",
        "UNTIL",
        "LEFT TODAY",
        "PACKS",
        "READS GO TO",
    ];
    let mut table = Table::new(header, 6).giving_up(&["READS GO TO", "LEFT TODAY"]);
    for agent in &answer.agents {
        let packs: Vec<String> = agent.packs.iter().map(words::pack).collect();
        let scopes: Vec<&str> = agent.scopes.iter().map(|scope| scope.as_str()).collect();
        table.row([
            &agent.name,
            state(agent.state),
            agent.clearance.title(),
            &scopes.join(","),
            &agent.expires_at.in_words(),
            &agent.tokens_left.to_string(),
            &packs.join(", "),
            &agent.reads_go_to,
        ]);
    }
    Ok(table.print(out)?)
}

const fn state(state: AgentState) -> &'static str {
    match state {
        AgentState::Active => "active",
        AgentState::Paused => "paused",
        AgentState::Expired => "expired",
        AgentState::Revoked => "revoked",
    }
}

fn tell(context: &Context, changed: &AgentChanged, now: &str) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(changed);
    }
    let name = &changed.agent.name;
    Ok(context.out.data(match (changed.dry_run, changed.changed) {
        (true, true) => format!("Nothing was done. {name}: {}", may(&changed.agent)),
        (false, true) => format!("{name} {now}."),
        (_, false) => format!("{name} is {} already.", state(changed.agent.state)),
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_where_reads_go_only_if_it_is_known() {
        assert_eq!(provider("claude-code@laptop"), "Anthropic");
        assert_eq!(provider("helper"), "the provider of its model");
    }
}
