//! `kitbag share requests|approve|refuse`: who asks to be let in, and the answer.

use crate::context::Context;
use crate::table::Table;
use crate::{input, launch, when, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{ApproveJoin, JoinRequest, ListJoinRequests, RefuseJoin, V1};

#[derive(Debug, Args)]
pub(crate) struct RequestsArgs {
    /// Only this pack: the start of its id, your name for it, or the title you gave it
    pack: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// Who: the start of the request's id, or the three check words in quotes
    request: String,
    /// Only say who would read what
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RefuseArgs {
    /// Who: the start of the request's id, or the three check words in quotes
    request: String,
    /// Only say who would be turned away
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn list(context: &Context, args: RequestsArgs) -> anyhow::Result<()> {
    let call = ListJoinRequests {
        v: V1,
        pack: args.pack,
    };
    let answer = launch::client(context).await?.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.requests.is_empty() {
        context.out.say("Nobody asks to be let in.");
        return Ok(());
    }
    let now = Zoned::now();
    let header = [
        "id",
        "pack",
        "calls themselves",
        "check words",
        "would be",
        "up to",
        "since",
    ];
    let mut table = Table::new(header, 2);
    for request in &answer.requests {
        table.row([
            &request.id,
            &words::pack(&request.pack),
            &request.name,
            &request.check_words,
            request.role.as_str(),
            request.clearance.title(),
            &when::shown(request.since, &now),
        ]);
    }
    table.print(context.out)?;
    context.out.say(
        "Anybody can choose any name: compare the check words with them, by voice or face to face.\n\
         Then: kitbag share approve ID, or kitbag share refuse ID",
    );
    Ok(())
}

pub(super) async fn approve(context: &Context, args: ApproveArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let mut call = ApproveJoin {
        v: V1,
        request: args.request,
        dry_run: true,
    };
    let preview = client.call(&call).await?;
    if args.dry_run {
        if context.out.is_json() {
            return context.out.document(&preview);
        }
        return Ok(context
            .out
            .data(format!("Nothing was done. {}", would_be(&preview.request)))?);
    }
    if !args.yes {
        let question = format!(
            "Did {} tell you these words?",
            words::inline(&preview.request.name)
        );
        input::confirm(context.out, &would_be(&preview.request), &question)?;
    }
    (call.request, call.dry_run) = (preview.request.id, false); // whom was shown is who comes in
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    Ok(context.out.data(is_in(&done.request))?)
}

pub(super) async fn refuse(context: &Context, args: RefuseArgs) -> anyhow::Result<()> {
    let call = RefuseJoin {
        v: V1,
        request: args.request,
        dry_run: args.dry_run,
    };
    let answer = launch::client(context).await?.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    let (name, pack) = (
        words::inline(&answer.request.name),
        words::pack(&answer.request.pack),
    );
    Ok(context.out.data(if args.dry_run {
        format!("Nothing was done. {name} would not be let into {pack}.")
    } else {
        format!(
            "{name} is not let into {pack}, and hears no again until the ticket ends. Others may \
             still come with it; to take it back: kitbag share cancel"
        )
    })?)
}

/// Who would come in, by the words that tell them apart.
fn would_be(request: &JoinRequest) -> String {
    format!(
        "Somebody who calls themselves {} asks to join {}; check words: {}\nThey could {}.",
        words::inline(&request.name),
        words::pack(&request.pack),
        request.check_words,
        reach(request)
    )
}

fn is_in(request: &JoinRequest) -> String {
    format!(
        "{} is in {} now and can {}.",
        words::inline(&request.name),
        words::pack(&request.pack),
        reach(request)
    )
}

fn reach(request: &JoinRequest) -> String {
    format!(
        "{} up to {}: {} as of now",
        words::can(request.role),
        request.clearance.title(),
        words::count(request.opens, "note", "notes")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{PackRef, Role, Sensitivity, Time};

    #[test]
    fn a_strangers_name_cannot_speak_to_the_terminal_and_the_words_stand_beside_it() {
        let request = JoinRequest {
            id: "abcdefghij-klmnopqrst".to_owned(),
            pack: PackRef {
                id: "abcdefghijklm".to_owned(),
                title: "Acme".to_owned(),
                name: None,
                archived: false,
            },
            person: "abcdefghijk".to_owned(),
            name: "Ben\x1b[2J\u{202e}".to_owned(),
            check_words: "one two three".to_owned(),
            role: Role::Editor,
            clearance: Sensitivity::Confidential,
            opens: 12,
            since: Time::from_millis(0),
            until: None,
        };
        assert_eq!(
            would_be(&request),
            "Somebody who calls themselves Ben\\u{1b}[2J\\u{202e} asks to join Acme; check words: one two three\n\
             They could read and write its notes up to Confidential: 12 notes as of now."
        );
        assert_eq!(
            is_in(&request),
            "Ben\\u{1b}[2J\\u{202e} is in Acme now and can read and write its notes up to Confidential: 12 notes as of now."
        );
    }
}
