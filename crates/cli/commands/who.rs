//! `kitbag who`: who opens a pack or a note now, and who could before.

use crate::context::Context;
use crate::table::Table;
use crate::{directory, launch, reasons, when, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{Access, AccessState, AskWho, PersonOpens, Raised, V1, Who};

#[derive(Debug, Args)]
pub(crate) struct WhoArgs {
    /// The pack, or the start of a note's id; the pack of this directory if it is left out
    #[arg(value_name = "PACK|NOTE")]
    of: Option<String>,
}

pub(super) async fn run(context: &Context, args: WhoArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let of = directory::pack(context, &client, args.of).await?;
    let answer = client.call(&AskWho { v: V1, of }).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    let now = Zoned::now();
    if answer.note.is_some() {
        return Ok(context.out.data(of_note(&answer, &now))?);
    }
    let mut table = Table::new(
        [
            "name",
            "role",
            "public",
            "internal",
            "confidential",
            "restricted",
            "because",
        ],
        6,
    );
    for person in &answer.people {
        let cell = |at: usize| {
            person
                .opens
                .get(at)
                .map_or("never".into(), |one| state(one, &now))
        };
        let name = if person.who.is_me {
            format!("{} (you)", person.who.name)
        } else {
            person.who.name.clone()
        };
        table.row([
            &name,
            person.role.map_or("", |role| role.as_str()),
            &cell(0),
            &cell(1),
            &cell(2),
            &cell(3),
            &ended(person, &now),
        ]);
    }
    Ok(table.print(context.out)?)
}

fn state(access: &Access, now: &Zoned) -> String {
    match (access.state, access.until) {
        (AccessState::Now, _) => "now".to_owned(),
        (AccessState::Before, Some(until)) => format!("until {}", when::shown(until, now)),
        (AccessState::Before, None) => "before".to_owned(),
        (AccessState::Never, _) => "never".to_owned(),
    }
}

/// Why somebody opens less than they could before; nothing for who lost nothing.
fn ended(person: &PersonOpens, now: &Zoned) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for access in person
        .opens
        .iter()
        .filter(|one| one.state == AccessState::Before)
    {
        let reason = reasons::because(&access.rule, now);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.join("; ")
}

fn of_note(answer: &Who, now: &Zoned) -> String {
    let of = |state: AccessState| {
        answer.people.iter().filter_map(move |person| {
            let access = person.opens.first()?;
            (access.state == state).then_some((person, access))
        })
    };
    let names = |state| {
        let names: Vec<String> = of(state)
            .map(|(person, _)| reasons::name(&person.who))
            .collect();
        names.join(", ")
    };
    let sensitivity = answer
        .people
        .first()
        .and_then(|person| person.opens.first())
        .map_or("", |access| access.sensitivity.title());
    let mut lines = vec![format!(
        "a note in {}, {sensitivity}",
        words::pack(&answer.pack)
    )];
    lines.push(match names(AccessState::Now).as_str() {
        "" => "nobody who is known here opens it now".to_owned(),
        names => format!("open it now: {names}"),
    });
    for (person, access) in of(AccessState::Before) {
        if let Some(raised) = &access.raised {
            lines.push(until_raised(person, raised, now));
            continue;
        }
        let reason = reasons::because(&access.rule, now);
        lines.push(format!(
            "could open it before: {}: {reason}",
            reasons::name(&person.who)
        ));
    }
    let never = names(AccessState::Never);
    if !never.is_empty() {
        lines.push(format!("never could: {never}"));
    }
    lines.join("\n")
}

/// `could read it until it was raised: Ben: from Internal by you, 10:47; keeps what it said then`.
fn until_raised(person: &PersonOpens, raised: &Raised, now: &Zoned) -> String {
    let by = raised.by.as_ref().map(reasons::name);
    let by = by.map_or(String::new(), |by| format!(" by {by}"));
    format!(
        "could read it until it was raised: {}: from {}{by}, {}; {} what it said then",
        reasons::name(&person.who),
        raised.from.title(),
        when::shown(raised.at, now),
        if person.who.is_me {
            "you keep"
        } else {
            "keeps"
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{Named, PackRef, Right, Role, Rule, Sensitivity, Time, V1, Why};

    /// Goal: whoever read a note before it was raised stands in the answer, with who raised it.
    #[test]
    fn a_raise_is_told_to_have_ended_it() {
        let now: Zoned = "2026-11-22T12:00:00+00:00[UTC]".parse().unwrap();
        let named = |name: &str| Named {
            person: name.to_lowercase(),
            name: name.to_owned(),
            is_me: name == "Ana",
        };
        let access = Access {
            sensitivity: Sensitivity::Confidential,
            state: AccessState::Before,
            until: Some(Time::from_millis(1_795_344_420_000)),
            rule: Rule {
                right: Right::Read,
                sensitivity: Sensitivity::Confidential,
                allowed: false,
                why: Why::NotEnough,
                grant: None,
                act: None,
            },
            raised: Some(Raised {
                from: Sensitivity::Internal,
                by: Some(named("Ana")),
                at: Time::from_millis(1_795_344_420_000),
            }),
        };
        let answer = Who {
            v: V1,
            pack: PackRef {
                id: "abc".into(),
                title: "Acme".into(),
                name: None,
                archived: false,
            },
            note: Some("n".into()),
            people: vec![PersonOpens {
                who: named("B\u{1b}en"),
                role: Some(Role::Editor),
                opens: vec![access],
            }],
        };
        let told = of_note(&answer, &now);
        assert!(
            told.ends_with(
                "\ncould read it until it was raised: B\\u{1b}en: from Internal by you, 10:47; \
                 keeps what it said then"
            ),
            "{told}"
        );
    }
}
