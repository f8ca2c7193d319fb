//! Writing a hand-off: from options, a file, or the person's editor.

use super::show;
use crate::context::Context;
use crate::{args, directory, editor, input, launch, when};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{
    AttemptWish, Client, Code, DraftHandoff, FactWish, Failure, HandoffSays, HandoffSide,
    HandoffWish, RequestedWish, Sensitivity, ShowHandoff, StepWish, V1,
};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The pack; of this directory if it is left out
    pack: Option<String>,
    #[command(flatten)]
    says: SaysArgs,
    /// What it belongs to: a key of yours for the conversation or case
    #[arg(long, value_name = "KEY")]
    context: Option<String>,
    /// Where it stands; as high as what it cites if it is left out
    #[arg(long, value_parser = args::sensitivity(), value_name = "LEVEL")]
    sensitivity: Option<Sensitivity>,
    /// Send it at once
    #[arg(long)]
    send: bool,
    /// Say what would become of it, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before it is sent
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReviseArgs {
    /// The start of its id
    handoff: String,
    #[command(flatten)]
    says: SaysArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReopenArgs {
    /// The start of the id of the one that ended
    handoff: String,
    /// To whom, if not to the same
    #[arg(long, value_name = "WHO")]
    to: Option<String>,
    /// What is different now, in a few sentences; what the old one said if it is left out
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// Send it at once
    #[arg(long)]
    send: bool,
    /// Do not ask before it is sent
    #[arg(long)]
    yes: bool,
}

/// What it says.
#[derive(Debug, Args)]
struct SaysArgs {
    /// To whom: NAME, team:NAME, role:editor or role:owner, agent:NAME
    #[arg(long, value_name = "WHO")]
    to: Option<String>,
    /// transfer, consult, approve or fyi
    #[arg(long, value_parser = ["transfer", "consult", "approve", "fyi"])]
    mode: Option<String>,
    /// Why, by a word of the pack's list
    #[arg(long = "reason", value_name = "CODE")]
    reason_code: Option<String>,
    /// Why, in one sentence
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// The whole in a few sentences
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// Whom or what it is about
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// What they want
    #[arg(long, value_name = "TEXT")]
    intent: Option<String>,
    /// What matters to them; may be given again
    #[arg(long = "need", value_name = "TEXT")]
    needs: Vec<String>,
    /// What is known, and the note that it rests on: NOTE=TEXT; may be given again
    #[arg(long = "fact", value_name = "NOTE=TEXT")]
    facts: Vec<String>,
    /// What was tried, and what came of it: ok=TEXT, failed=TEXT or unknown=TEXT; may be given again
    #[arg(long = "tried", value_name = "OUTCOME=TEXT")]
    tried: Vec<String>,
    /// What is open; may be given again
    #[arg(long = "unresolved", value_name = "TEXT")]
    unresolved: Vec<String>,
    /// What to say, and what not to ask again; may be given again
    #[arg(long = "talking-point", value_name = "TEXT")]
    talking_points: Vec<String>,
    /// What comes next; may be given again
    #[arg(long = "next-step", value_name = "TEXT")]
    next_steps: Vec<String>,
    /// What must not happen; may be given again
    #[arg(long = "constraint", value_name = "TEXT")]
    constraints: Vec<String>,
    /// With --mode approve: what would be done
    #[arg(long, value_name = "TEXT")]
    action: Option<String>,
    /// With --mode approve: with what
    #[arg(long, requires = "action", default_value = "", value_name = "TEXT")]
    args: String,
    /// low, medium, high or urgent
    #[arg(long, value_parser = ["low", "medium", "high", "urgent"])]
    priority: Option<String>,
    /// By when somebody is to have taken it: 4h, tomorrow
    #[arg(long, value_name = "WHEN")]
    accept_by: Option<String>,
    /// By when it is to be settled
    #[arg(long, value_name = "WHEN")]
    resolve_by: Option<String>,
    /// After this it is over; an approval that is not given by then is a no
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// The note where the conversation stands
    #[arg(long, value_name = "NOTE")]
    transcript: Option<String>,
    /// What it is for; consents are asked for that
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// All of it as TOML or JSON, from a file or `-`; options add to it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl SaysArgs {
    fn is_empty(&self) -> bool {
        self.file.is_none() && self.summary.is_none()
    }

    /// Adds what the options say to what a file says.
    fn over(self, mut wish: HandoffWish) -> anyhow::Result<HandoffWish> {
        let now = Zoned::now();
        let future = |text: Option<&String>, option: &str| {
            let at = text.map(|text| when::parse_future(text, option, &now));
            at.transpose()
        };
        if let Some(to) = self.to {
            wish.to = to;
        }
        if let Some(code) = self.reason_code {
            wish.reason_code = code;
        }
        if let Some(why) = self.why {
            wish.reason = why;
        }
        if let Some(summary) = self.summary {
            wish.summary = summary;
        }
        wish.mode = self.mode.or(wish.mode);
        wish.subject = self.subject.or(wish.subject);
        wish.intent = self.intent.or(wish.intent);
        wish.priority = self.priority.or(wish.priority);
        wish.transcript = self.transcript.or(wish.transcript);
        wish.purpose = self.purpose.or(wish.purpose);
        wish.needs.extend(self.needs);
        wish.unresolved.extend(self.unresolved);
        wish.talking_points.extend(self.talking_points);
        wish.constraints.extend(self.constraints);
        for text in self.next_steps {
            wish.next_steps.push(StepWish {
                text,
                ..StepWish::default()
            });
        }
        for fact in &self.facts {
            let (note, text) = pair(fact, "--fact", "NOTE=TEXT")?;
            wish.facts.push(FactWish {
                text,
                note,
                quote: None,
            });
        }
        for tried in &self.tried {
            let (outcome, action) = pair(tried, "--tried", "OUTCOME=TEXT")?;
            wish.tried.push(AttemptWish {
                action,
                outcome: Some(outcome),
                note: None,
            });
        }
        if let Some(action) = self.action {
            wish.requested = Some(RequestedWish {
                action,
                args: self.args,
            });
        }
        wish.accept_by = future(self.accept_by.as_ref(), "--accept-by")?.or(wish.accept_by);
        wish.resolve_by = future(self.resolve_by.as_ref(), "--resolve-by")?.or(wish.resolve_by);
        wish.expires_at = future(self.expires.as_ref(), "--expires")?.or(wish.expires_at);
        Ok(wish)
    }

    /// What is to be said: from the options and the file, or from the person's editor.
    async fn wish(self, context: &Context, from: HandoffWish) -> anyhow::Result<HandoffWish> {
        if let Some(file) = self.file.clone() {
            let text = input::text(&file)?;
            return self.over(read(&text, &file)?);
        }
        if !self.is_empty() {
            return self.over(from);
        }
        if input::standard() == input::Standard::Stream {
            let text = input::text(Path::new("-"))?;
            return self.over(read(&text, Path::new("-"))?);
        }
        let start = self.over(from)?;
        let edited = editor::edit(context, &skeleton(&start)?).await?;
        Ok(read(&edited, Path::new("the editor"))?)
    }
}

/// What stands before and after the first `=`.
pub(super) fn pair(text: &str, option: &str, shape: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((one, other)) if !one.trim().is_empty() && !other.trim().is_empty() => {
            Ok((one.trim().to_owned(), other.trim().to_owned()))
        }
        _ => Err(Failure::new(
            Code::BadInput,
            format!("{option}: {text:?} is not {shape}"),
        )),
    }
}

fn read(text: &str, file: &Path) -> Result<HandoffWish, Failure> {
    let is_json = text.trim_start().starts_with('{');
    let read = match is_json {
        true => serde_json::from_str(text).map_err(|e| e.to_string()),
        false => toml::from_str(text).map_err(|e| e.to_string()),
    };
    read.map_err(|why| {
        let message = format!("{}: {}", file.display(), why.trim_end());
        Failure::new(Code::BadInput, message)
            .hint("docs/cli.md, \"Hand-offs\", shows what such a file says")
    })
}

/// The text that a person fills in.
fn skeleton(wish: &HandoffWish) -> anyhow::Result<String> {
    let filled = toml::to_string_pretty(wish)?;
    Ok(format!("{HEAD}{filled}{TAIL}"))
}

const HEAD: &str = "# A hand-off. Lines that begin with # say nothing. To write none, leave the summary empty.\n\
# to: NAME, team:NAME, role:editor, role:owner or agent:NAME\n\
# reason_code: fraud_or_security_concern, complex_billing_dispute, technical_system_error,\n\
#   customer_frustrated_demands_human, approval_required, other, …\n\n";

const TAIL: &str = "\n# What is known, each with the note that it rests on:\n\
# [[facts]]\n# text = \"Booked on 11 May\"\n# note = \"abcdefghij\"\n\
# What was tried (ok, failed or unknown):\n\
# [[tried]]\n# action = \"Cancellation\"\n# outcome = \"failed\"\n";

pub(super) async fn new(context: &Context, args: NewArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, args.pack).await?;
    let draft = args.says.wish(context, HandoffWish::default()).await?;
    if draft.summary.trim().is_empty() {
        return Err(
            Failure::new(Code::BadInput, "there is no summary: nothing was written").into(),
        );
    }
    let call = DraftHandoff {
        v: V1,
        pack: Some(pack),
        revise: None,
        draft,
        context: args.context,
        references: vec![],
        sensitivity: args.sensitivity,
        submit: args.send,
        dry_run: args.dry_run,
    };
    write(context, &client, call, args.yes).await
}

pub(super) async fn revise(context: &Context, args: ReviseArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = ShowHandoff {
        v: V1,
        handoff: args.handoff,
        mark_read: false,
    };
    let shown = client.call(&call).await?.handoff;
    let draft = args
        .says
        .wish(context, wish_of(&shown.says, &shown.to))
        .await?;
    let call = DraftHandoff {
        v: V1,
        pack: None,
        revise: Some(shown.id),
        draft,
        context: None,
        references: vec![],
        sensitivity: None,
        submit: false,
        dry_run: false,
    };
    write(context, &client, call, true).await
}

pub(super) async fn reopen(context: &Context, args: ReopenArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = ShowHandoff {
        v: V1,
        handoff: args.handoff,
        mark_read: false,
    };
    let shown = client.call(&call).await?.handoff;
    let over = ["completed", "rejected", "canceled", "superseded"];
    if !over.contains(&shown.state.as_str()) && !shown.expired {
        let message = format!("it is {}: only one that ended is begun anew", shown.state);
        return Err(Failure::new(Code::Conflict, message).into());
    }
    let mut draft = wish_of(&shown.says, &shown.to);
    // The times of the old one are past.
    (draft.accept_by, draft.respond_by) = (None, None);
    (draft.resolve_by, draft.expires_at) = (None, None);
    draft.to = args.to.unwrap_or(draft.to);
    draft.summary = args.summary.unwrap_or(draft.summary);
    let call = DraftHandoff {
        v: V1,
        pack: Some(shown.pack.id),
        revise: None,
        draft,
        context: Some(shown.context),
        references: vec![shown.id],
        sensitivity: Some(shown.sensitivity),
        submit: args.send,
        dry_run: false,
    };
    write(context, &client, call, args.yes).await
}

async fn write(
    context: &Context,
    client: &Client,
    mut call: DraftHandoff,
    yes: bool,
) -> anyhow::Result<()> {
    let asks = call.submit && !yes && !call.dry_run;
    if asks {
        call.dry_run = true;
        let plan = client.call(&call).await?;
        let terms = show::written(&plan);
        input::confirm(context.out, &terms, "Send it?")?;
        call.dry_run = false;
    }
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    if let Some(id) = &done.handoff.id {
        context.out.data(id)?;
    }
    context.out.say(show::written(&done));
    Ok(())
}

/// How one side is written so that it is found again.
fn selector(side: &HandoffSide) -> String {
    match side.kind.as_str() {
        "agent" => match &side.person {
            Some(person) => format!("agent:{}@{person}", side.name),
            None => format!("agent:{}", side.name),
        },
        kind => format!("{kind}:{}", side.name),
    }
}

fn wish_of(says: &HandoffSays, to: &HandoffSide) -> HandoffWish {
    let facts = says.facts.iter().map(|fact| FactWish {
        text: fact.text.clone(),
        note: fact.note.clone(),
        quote: fact.quote.clone(),
    });
    HandoffWish {
        to: selector(to),
        mode: Some(says.mode.clone()),
        reason_code: says.reason_code.clone(),
        reason: says.reason.clone(),
        rule: says.rule.clone(),
        priority: Some(says.priority.clone()),
        accept_by: says.accept_by,
        respond_by: says.respond_by,
        resolve_by: says.resolve_by,
        expires_at: says.expires_at,
        summary: says.summary.clone(),
        subject: says.subject.clone(),
        intent: says.intent.clone(),
        needs: says.needs.clone(),
        facts: facts.collect(),
        tried: says.tried.clone(),
        decisions: says.decisions.clone(),
        unverified: says.unverified.clone(),
        unresolved: says.unresolved.clone(),
        talking_points: says.talking_points.clone(),
        next_steps: says.next_steps.clone(),
        constraints: says.constraints.clone(),
        transcript: says.transcript.clone(),
        requested: says.requested.clone(),
        template: says.template.clone(),
        purpose: says.purpose.clone(),
    }
}
