//! A hand-off in words: what it says first, then what became of it.

use crate::words::inline;
use crate::{when, words};
use jiff::Zoned;
use kitbag_rpc::{
    Handoff, HandoffFact, HandoffLine, HandoffSays, HandoffSide, HandoffWithheld, HandoffWritten,
    Time,
};
use std::fmt::Write;

/// One side, for a column or a sentence.
pub(super) fn side(side: &HandoffSide) -> String {
    let name = words::inline(&side.name);
    match (side.kind.as_str(), &side.person) {
        ("agent", Some(person)) => format!("{name} of {}", words::inline(person)),
        ("agent", None) => format!("agent {name}"),
        ("team", _) => format!("team {name}"),
        ("role", _) => match name.as_str() {
            "owner" => "any owner".to_owned(),
            other => format!("any {other}"),
        },
        _ => name,
    }
}

/// The state for a column: late before everything else.
pub(super) fn state_word(line: &HandoffLine) -> String {
    let state = state_name(&line.state);
    if line.expired {
        "expired".to_owned()
    } else if !line.overdue.is_empty() {
        format!("{state}, late")
    } else if line.provisional {
        format!("{state}?")
    } else {
        state
    }
}

fn state_name(state: &str) -> String {
    match state {
        "input_required" => "asks".to_owned(),
        "in_review" => "in review".to_owned(),
        other => other.replace('_', " "),
    }
}

/// One line for an inbox.
pub(crate) fn line_of(line: &HandoffLine) -> String {
    let about = words::inline(&line.subject);
    format!(
        "{}  {}  {about} — from {} to {}",
        words::short(&line.id),
        state_word(line),
        side(&line.from),
        side(&line.to)
    )
}

/// Where it stands, and who has to see to it.
pub(super) fn state_in_words(handoff: &Handoff) -> String {
    let to = side(&handoff.to);
    let holder = handoff
        .holder
        .as_deref()
        .map(words::inline)
        .unwrap_or_default();
    let said = match handoff.state.as_str() {
        "draft" => "A draft: nobody was told yet.".to_owned(),
        "in_review" => "Waits for somebody to look at it before it is sent.".to_owned(),
        _ if handoff.expired => {
            "It ended without an answer, and is back with its sender.".to_owned()
        }
        "submitted" => format!("Sent to {to}; on none of their devices yet."),
        "delivered" => format!("With {to}; nobody has taken it yet."),
        "accepted" if handoff.provisional => format!(
            "{holder} took it. Nobody of the sender's side has seen that yet: if somebody else took it at the same time, it may be theirs."
        ),
        "accepted" => format!("{holder} has it."),
        "working" => format!("{holder} works on it."),
        "input_required" => format!("{holder} waits for an answer of the sender."),
        "completed" => match (&handoff.outcome, &handoff.decision) {
            (_, Some(decision)) => format!("Decided: {decision}."),
            (Some(outcome), _) => format!(
                "Completed by {}: {}.",
                words::inline(&outcome.by),
                outcome.disposition.replace('_', " ")
            ),
            _ => "Seen.".to_owned(),
        },
        "rejected" => "Not taken: it is back with its sender.".to_owned(),
        "canceled" => "Taken back by its sender.".to_owned(),
        "superseded" => "Another stands in its place.".to_owned(),
        other => state_name(other),
    };
    let late: Vec<&str> = handoff.overdue.iter().map(String::as_str).collect();
    let late = match late[..] {
        [] => String::new(),
        _ => format!(" Late: {}.", late.join(", ")),
    };
    format!(
        "{said}{late} Responsible: {}",
        words::inline(&handoff.responsible)
    )
}

/// What was written, or would be.
pub(super) fn written(done: &HandoffWritten) -> String {
    let to = side(&done.to);
    let did = match (done.dry_run, done.state.as_str()) {
        (true, _) => "This would be handed to",
        (false, "submitted") => "Sent to",
        (false, _) => "Drafted for",
    };
    let mut told = format!("{did} {to}, in ");
    let pack = words::audience(&done.pack, done.handoff.sensitivity, &done.audience);
    told.push_str(&pack);
    let _ = write!(
        told,
        "\nIt cites {}",
        words::count(done.cites, "note", "notes")
    );
    if done.as_masked_copy > 0 {
        let _ = write!(told, " ({} by a masked copy)", done.as_masked_copy);
    }
    for left in &done.left_out {
        let _ = write!(
            told,
            "\nLeft out: {} {} — {}",
            left.field,
            left.at + 1,
            left.rule
        );
    }
    if let Some(not_shared) = not_shared(&done.withheld) {
        let _ = write!(told, "\n{not_shared}");
    }
    if let Some(id) = &done.handoff.id
        && !done.dry_run
        && done.state == "draft"
    {
        let _ = write!(
            told,
            "\nTo send it: kitbag handoff send {}",
            words::short(id)
        );
    }
    told
}

fn not_shared(withheld: &[HandoffWithheld]) -> Option<String> {
    let of = withheld.iter().map(|of| {
        let why = match of.rule.strip_prefix("sensitivity ") {
            Some(level) => level
                .chars()
                .enumerate()
                .map(|(at, c)| if at == 0 { c.to_ascii_uppercase() } else { c })
                .collect(),
            None => of.rule.clone(),
        };
        let kinds: Vec<String> = of.pii.iter().map(|kind| kind.replace('_', " ")).collect();
        match kinds.is_empty() {
            true => format!("{} ({why})", of.count),
            false => format!("{} ({why}: {})", of.count, kinds.join(", ")),
        }
    });
    let of: Vec<String> = of.collect();
    (!of.is_empty()).then(|| format!("Not shared: {}", of.join(", ")))
}

/// All of it, for a terminal or a file.
pub(super) fn whole(handoff: &Handoff) -> String {
    let says = &handoff.says;
    let mut text = String::new();
    let about = says.subject.as_deref().unwrap_or("Hand-off");
    let _ = writeln!(text, "{}", inline(about));
    let _ = writeln!(
        text,
        "{} · {} · from {} to {} · {} · {}",
        words::short(&handoff.id),
        says.mode,
        side(&handoff.from),
        side(&handoff.to),
        handoff.sensitivity.title(),
        words::pack(&handoff.pack)
    );
    let _ = writeln!(text, "{}", state_in_words(handoff));
    changed_first(&mut text, handoff);
    let _ = writeln!(
        text,
        "\nWhy: {}{}",
        says.reason_code.replace('_', " "),
        match says.reason.is_empty() {
            true => String::new(),
            false => format!(" — {}", inline(&says.reason)),
        }
    );
    let _ = writeln!(text, "Priority: {}{}", says.priority, times(says));
    let _ = writeln!(text, "\n{}", block(&says.summary));
    if let Some(intent) = &says.intent {
        let _ = writeln!(text, "\nWants: {}", inline(intent));
    }
    list(&mut text, "Needs and concerns", &says.needs);
    facts(&mut text, &says.facts);
    let tried: Vec<String> = says
        .tried
        .iter()
        .map(|of| {
            let outcome = of.outcome.as_deref().unwrap_or("unknown");
            format!("{}: {}", of.action, outcome)
        })
        .collect();
    list(&mut text, "Already tried", &tried);
    let decided: Vec<String> = says
        .decisions
        .iter()
        .map(|of| match of.rationale.is_empty() {
            true => of.summary.clone(),
            false => format!("{} — {}", of.summary, of.rationale),
        })
        .collect();
    list(&mut text, "Decided", &decided);
    list(&mut text, "Not verified", &says.unverified);
    list(&mut text, "Unresolved", &says.unresolved);
    let steps: Vec<String> = says
        .next_steps
        .iter()
        .map(|step| match &step.owner {
            Some(owner) => format!("{} ({owner})", step.text),
            None => step.text.clone(),
        })
        .collect();
    list(&mut text, "Next steps", &steps);
    list(&mut text, "Talking points", &says.talking_points);
    list(&mut text, "Must not happen", &says.constraints);
    if let Some(requested) = &says.requested {
        let _ = writeln!(
            text,
            "\nTo be approved: {} {}",
            inline(&requested.action),
            inline(&requested.args)
        );
    }
    if let Some(transcript) = &says.transcript {
        let _ = writeln!(
            text,
            "\nConversation: kitbag show {}",
            words::short(transcript)
        );
    }
    if let Some(not_shared) = not_shared(&handoff.withheld) {
        let _ = writeln!(
            text,
            "\n{not_shared}. Ask an owner of the pack: kitbag members PACK"
        );
    }
    if !handoff.said.is_empty() {
        let _ = writeln!(text, "\nAsked and answered");
        for said in &handoff.said {
            let by = agent_or(&said.agent, &said.by);
            let mark = if said.answers { "A" } else { "Q" };
            let _ = writeln!(text, "  {mark} {by}: {}", inline(&said.text));
        }
    }
    let _ = writeln!(text, "\nWhat was done");
    for step in &handoff.steps {
        let by = agent_or(&step.agent, &step.by);
        let at = when::shown(step.at, &Zoned::now());
        let void = match &step.why {
            Some(why) => format!(" — counts for nothing: {}", inline(why)),
            None => String::new(),
        };
        let _ = writeln!(text, "  {at}  {} by {by}{void}", step.act.replace('_', " "));
    }
    if !handoff.may.is_empty() {
        let may: Vec<String> = handoff
            .may
            .iter()
            .map(|act| act.replace('_', " "))
            .collect();
        let _ = writeln!(text, "\nYou may: {}", may.join(", "));
    }
    text.trim_end().to_owned()
}

/// How it ended, and what was wrong: before everything that was said before that.
fn changed_first(text: &mut String, handoff: &Handoff) {
    if let Some(outcome) = &handoff.outcome {
        if !outcome.notes.is_empty() {
            let _ = writeln!(text, "\nOutcome: {}", inline(&outcome.notes));
        }
        for wrong in &outcome.corrections {
            let is = wrong
                .text
                .as_deref()
                .map(inline)
                .unwrap_or_else(|| "not here".into());
            let _ = writeln!(
                text,
                "Corrected: {} → {} ({})",
                words::short(&wrong.note),
                is,
                words::short(&wrong.by)
            );
        }
        if let Some(step) = &outcome.follow_up {
            let _ = writeln!(text, "Still to be done: {}", inline(&step.text));
        }
        if !outcome.missing.is_empty() {
            let _ = writeln!(text, "Was missing: {}", inline(&outcome.missing.join(", ")));
        }
    }
    if let Some(words_of) = handoff
        .decision_text
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        let _ = writeln!(text, "\nIn words: {}", inline(words_of));
    }
    let changed = handoff
        .says
        .facts
        .iter()
        .filter(|fact| fact.state != "same")
        .count();
    if changed > 0 {
        let _ = writeln!(
            text,
            "\n{changed} of {} changed since this was written: kitbag handoff diff {}",
            words::count(handoff.says.facts.len() as u64, "cited note", "cited notes"),
            words::short(&handoff.id)
        );
    }
}

/// What changed of what it cites.
pub(super) fn changes(handoff: &Handoff) -> String {
    let changed: Vec<&HandoffFact> = handoff
        .says
        .facts
        .iter()
        .filter(|fact| fact.state != "same")
        .collect();
    if changed.is_empty() {
        return "Nothing that it cites changed since it was written.".to_owned();
    }
    let mut text = String::new();
    for fact in changed {
        let _ = writeln!(text, "{} — {}", inline(&fact.text), fact.state);
        if let Some(source) = &fact.source_label {
            let _ = writeln!(text, "  source: {}", inline(source));
        }
        for (mark, side) in [("-", &fact.was), ("+", &fact.is)] {
            for line in side.iter().flat_map(|side| side.lines()) {
                let _ = writeln!(text, "  {mark} {}", inline(line));
            }
        }
        for by in &fact.superseded_by {
            let _ = writeln!(text, "  in its place: kitbag show {}", words::short(by));
        }
    }
    text.trim_end().to_owned()
}

fn facts(text: &mut String, facts: &[HandoffFact]) {
    if facts.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nFacts");
    for fact in facts {
        let source = fact
            .source_label
            .as_deref()
            .map(inline)
            .unwrap_or_else(|| "not here".into());
        let state = match fact.state.as_str() {
            "same" => String::new(),
            other => format!(" · {other} since"),
        };
        let _ = writeln!(
            text,
            "  {} [{} · {source}{state}]",
            inline(&fact.text),
            words::short(&fact.note)
        );
        if let Some(quote) = &fact.quote {
            let _ = writeln!(text, "    “{}”", inline(quote));
        }
    }
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in lines {
        let _ = writeln!(text, "  - {}", inline(line));
    }
}

fn times(says: &HandoffSays) -> String {
    let now = Zoned::now();
    let all = [
        ("accept by", says.accept_by),
        ("answer by", says.respond_by),
        ("settle by", says.resolve_by),
        ("ends", says.expires_at),
    ];
    let shown = |(word, at): (&str, Option<Time>)| {
        at.map(|at| format!(" · {word} {}", when::shown(at, &now)))
    };
    all.into_iter().filter_map(shown).collect()
}

fn agent_or(agent: &Option<String>, person: &str) -> String {
    match agent {
        Some(agent) => format!("{} of {}", inline(agent), inline(person)),
        None => inline(person),
    }
}

/// Text of several lines, each made safe for a terminal.
fn block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(inline).collect();
    lines.join("\n")
}
