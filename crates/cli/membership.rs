//! Changes of membership in words: what one would do, what it did, and what waits for an answer.

use crate::when;
use crate::words::{self, can, count, inline, pack, short};
use jiff::Zoned;
use kitbag_rpc::{Ended, Held, MembershipChange, NoteCount, PersonChange, PersonRef, Rights, Role};

/// Everything that a change would do, one sentence a line.
pub(crate) fn preview(change: &MembershipChange, now: &Zoned) -> String {
    let mut lines: Vec<String> = change
        .people
        .iter()
        .map(|one| person(change, one))
        .collect();
    lines.extend(change.tickets.iter().map(|ticket| {
        format!(
            "A ticket of {} ends: it would let people {} up to {}.",
            inline(&ticket.by),
            can(ticket.role),
            ticket.clearance.title()
        )
    }));
    lines.extend(change.set_aside.iter().map(|one| {
        format!(
            "{} of {} set aside.",
            count(one.edits, "edit", "edits"),
            inline(&one.name) + if one.edits == 1 { " is" } else { " are" }
        )
    }));
    if change.cuts_off {
        lines.push(cut_off(change, now));
    }
    lines.extend(
        change
            .held
            .iter()
            .map(|held| format!("This waits for an admin then: {}.", inline(&held.text))),
    );
    lines.extend(
        change
            .dropped
            .iter()
            .map(|held| format!("This counts no more: {}.", inline(&held.text))),
    );
    let loses = |one: &PersonChange| {
        one.before
            .opens
            .iter()
            .any(|s| !one.after.opens.contains(s))
    };
    if change.people.iter().any(loses) {
        lines.push(
            "Whoever has not heard of it yet may still send them what they write.".to_owned(),
        );
    }
    lines.join("\n")
}

/// What it did, in a sentence or two.
pub(crate) fn afterwards(change: &MembershipChange) -> String {
    let title = pack(&change.pack);
    let of_target = change
        .people
        .iter()
        .find(|one| one.person.id == change.person.id);
    let Some(one) = of_target else {
        return if is_out_already(change) {
            format!(
                "{} is out of {title}, as before. What they decided without your knowing counts no more.",
                inline(&change.person.name)
            )
        } else {
            format!("Done: {title} is as you said.")
        };
    };
    let who = inline(&one.person.name);
    let who_is = format!("{who} is");
    match (&one.after, one.person.is_me) {
        (Rights { role: None, .. }, true) => {
            format!("You left {title}: you keep what you had; nothing new reaches you.")
        }
        (Rights { role: None, .. }, false) => format!(
            "{who} is out of {title}: keeps what they had; nothing new.\n\
             What is written from now on they cannot open."
        ),
        (after, me) => format!(
            "{} {} of {title} now, up to {}.",
            if me { "You are" } else { &who_is },
            role_of(after),
            highest(after)
        ),
    }
}

/// Whether a removal is aimed at somebody who is out: then their own rights do not change.
pub(crate) fn is_out_already(change: &MembershipChange) -> bool {
    let target = |one: &PersonChange| one.person.id == change.person.id;
    change.changes && !change.people.iter().any(target)
}

/// What it means to say of somebody who is out that they mean harm.
pub(crate) fn hostile_again(change: &MembershipChange) -> String {
    let who = inline(&change.person.name);
    let known = if change.dropped.is_empty() && change.people.is_empty() {
        " Nothing of that kind is known here now; it would count for nothing if it came to light."
    } else {
        ""
    };
    format!(
        "{who} is out of {} already. With --hostile, nothing counts either that {who} decided \
         without your knowing, such as whom they removed.{known}",
        pack(&change.pack)
    )
}

/// Why a change is none.
pub(crate) fn no_change(change: &MembershipChange, wanted: &str) -> String {
    format!(
        "{} {wanted} already: nothing was changed.",
        subject(&change.person, "are", "is")
    )
}

/// A removal that waits, and its two answers.
pub(crate) fn waits(pack: &str, held: &Held, role: &str) -> String {
    let (pack, person) = (short(pack), short(&held.person));
    format!(
        "{} waits: {}. Confirm it with  kitbag unshare {pack} {person}  or keep {0} with  kitbag role {pack} {person} {role}",
        inline(&held.name),
        inline(&held.text)
    )
}

/// How the own membership ended.
pub(crate) fn ended(ended: &Ended, now: &Zoned) -> String {
    format!(
        "{} on {}: you keep what you had; nothing new reaches you",
        words::sentence(&inline(&ended.text)),
        when::shown_in_full(ended.at, now)
    )
}

fn person(change: &MembershipChange, one: &PersonChange) -> String {
    let (before, after) = (&one.before, &one.after);
    let too = if one.person.id == change.person.id {
        ""
    } else {
        " too"
    };
    let mut said = match (before.role, after.role) {
        (_, None) => format!(
            "{} out{too}. {} and nothing new.",
            subject(&one.person, "are", "is"),
            keeps(&one.person, &one.keeps)
        ),
        (None, Some(role)) => format!(
            "{} in: {} can {} up to {}.",
            subject(&one.person, "come", "comes"),
            if one.person.is_me { "you" } else { "they" },
            can(role),
            highest(after)
        ),
        (Some(_), Some(_)) if before.waits && !after.waits => format!(
            "{} let in again, as {}.",
            subject(&one.person, "are", "is"),
            standing(after)
        ),
        (Some(_), Some(_)) if after.waits => format!(
            "{} kept out until an admin decides.",
            subject(&one.person, "are", "is")
        ),
        (Some(_), Some(_)) => format!(
            "{} {} then; until now {}.",
            subject(&one.person, "are", "is"),
            standing(after),
            standing(before)
        ),
    };
    if after.role.is_some() && !one.keeps.is_empty() {
        said.push_str(&format!(
            " {} and nothing new of those.",
            keeps(&one.person, &one.keeps)
        ));
    }
    if !one.gains.is_empty() {
        said.push_str(&format!(
            " Opens for them as of now: {}.",
            notes(&one.gains)
        ));
    }
    said
}

fn cut_off(change: &MembershipChange, now: &Zoned) -> String {
    let who = inline(&change.person.name);
    let known = match change.not_here {
        0 => String::new(),
        n => format!(
            " {} of that kind known.",
            count(n, "change is", "changes are")
        ),
    };
    let last = match change.last_synced {
        Some(at) => format!(
            "their device was last up to date with this one {}",
            when::shown(at, now)
        ),
        None => "their device was not up to date with this one since it started".to_owned(),
    };
    format!(
        "What {who} wrote and this device has not got yet is set aside when it comes; {last}.{known}"
    )
}

fn keeps(person: &PersonRef, kept: &[NoteCount]) -> String {
    let who = if person.is_me {
        "You keep"
    } else {
        "They keep"
    };
    match kept {
        [] => format!("{who} what they had").replace("You keep what they", "You keep what you"),
        kept => format!("{who} copies of {}", notes(kept)),
    }
}

/// `10 Internal and 2 Public notes`.
fn notes(counts: &[NoteCount]) -> String {
    let each: Vec<String> = counts
        .iter()
        .rev()
        .map(|one| format!("{} {}", one.notes, one.sensitivity.title()))
        .collect();
    let total: u64 = counts.iter().map(|one| one.notes).sum();
    let noun = if total == 1 { "note" } else { "notes" };
    format!("{} {noun}", each.join(" and "))
}

/// `an editor, up to Internal`.
fn standing(rights: &Rights) -> String {
    format!("{}, up to {}", role_of(rights), highest(rights))
}

fn role_of(rights: &Rights) -> &'static str {
    match rights.role {
        None => "not in it",
        Some(Role::Courier) => "a courier",
        Some(Role::Reader) => "a reader",
        Some(Role::Commenter) => "a commenter",
        Some(Role::Editor) => "an editor",
        Some(Role::Admin) => "an admin",
    }
}

fn highest(rights: &Rights) -> &'static str {
    rights
        .clearance
        .map_or("nothing", |clearance| clearance.title())
}

/// `You are` or `Ben is`.
fn subject(person: &PersonRef, are: &str, is: &str) -> String {
    if person.is_me {
        format!("You {are}")
    } else {
        format!("{} {is}", inline(&person.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{EndedTicket, PackRef, RemovalKind, Sensitivity, SetAsideOf, Time, V1};

    fn rights(role: Role, clearance: Sensitivity) -> Rights {
        Rights {
            role: Some(role),
            clearance: Some(clearance),
            opens: Sensitivity::ALL
                .into_iter()
                .filter(|s| *s <= clearance)
                .collect(),
            ..Rights::default()
        }
    }

    fn removal(name: &str) -> MembershipChange {
        let person = |id: &str, name: &str| PersonRef {
            id: id.to_owned(),
            name: name.to_owned(),
            is_me: false,
        };
        let out = |person: PersonRef, kept: &[(Sensitivity, u64)]| PersonChange {
            person,
            before: rights(Role::Editor, Sensitivity::Internal),
            after: Rights::default(),
            gains: vec![],
            keeps: kept
                .iter()
                .map(|(sensitivity, notes)| NoteCount {
                    sensitivity: *sensitivity,
                    notes: *notes,
                })
                .collect(),
        };
        MembershipChange {
            v: V1,
            pack: PackRef {
                id: "abcdefghijklm".to_owned(),
                title: "Acme".to_owned(),
                name: None,
                archived: false,
            },
            person: person("1", name),
            changes: true,
            dry_run: true,
            people: vec![
                out(
                    person("1", name),
                    &[(Sensitivity::Public, 2), (Sensitivity::Internal, 10)],
                ),
                out(person("2", "Cleo"), &[]),
            ],
            tickets: vec![EndedTicket {
                invite: "x".to_owned(),
                by: name.to_owned(),
                role: Role::Reader,
                clearance: Sensitivity::Public,
            }],
            set_aside: vec![SetAsideOf {
                person: "2".to_owned(),
                name: "Cleo".to_owned(),
                edits: 1,
            }],
            held: vec![],
            dropped: vec![],
            rotates: vec![Sensitivity::Internal],
            cuts_off: true,
            not_here: 0,
            last_synced: Some(Time::from_millis(1_795_344_420_000)),
        }
    }

    fn now() -> Zoned {
        "2026-11-22T12:00:00+00:00[UTC]".parse().unwrap()
    }

    #[test]
    fn a_removal_is_told_before_and_afterwards_without_machinery() {
        let mut change = removal("Ben");
        let told = preview(&change, &now());
        assert_eq!(
            told,
            "Ben is out. They keep copies of 10 Internal and 2 Public notes and nothing new.\n\
             Cleo is out too. They keep what they had and nothing new.\n\
             A ticket of Ben ends: it would let people read its notes up to Public.\n\
             1 edit of Cleo is set aside.\n\
             What Ben wrote and this device has not got yet is set aside when it comes; \
             their device was last up to date with this one 10:47.\n\
             Whoever has not heard of it yet may still send them what they write."
        );
        let done = afterwards(&change);
        assert_eq!(
            done,
            "Ben is out of Acme: keeps what they had; nothing new.\n\
             What is written from now on they cannot open."
        );
        for machinery in ["epoch", "fold", "parked", "void", "key", "grant", "rotat"] {
            assert!(!told.contains(machinery) && !done.contains(machinery));
        }
        change.people[0].person.is_me = true;
        assert!(preview(&change, &now()).starts_with("You are out. You keep copies of 10"));
        assert!(afterwards(&change).starts_with("You left Acme: you keep what you had"));
    }

    #[test]
    fn a_role_is_told_with_what_it_was() {
        let mut change = removal("Ben");
        change.people.truncate(1);
        change.people[0].after = rights(Role::Reader, Sensitivity::Public);
        change.people[0].keeps.truncate(1);
        (change.tickets, change.set_aside) = (vec![], vec![]);
        assert!(
            preview(&change, &now()).starts_with(
                "Ben is a reader, up to Public then; until now an editor, up to Internal. \
                 They keep copies of 2 Public notes and nothing new of those.\n"
            ),
            "{}",
            preview(&change, &now())
        );
        assert_eq!(
            afterwards(&change),
            "Ben is a reader of Acme now, up to Public."
        );
    }

    /// Goal: whoever says of somebody who is out that they mean harm is told what that does.
    #[test]
    fn somebody_who_is_out_can_be_called_hostile_and_it_is_said_what_that_means() {
        let mut change = removal("Ben");
        assert!(!is_out_already(&change));
        change.people.clear();
        assert!(is_out_already(&change));
        let told = hostile_again(&change);
        assert!(
            told.starts_with("Ben is out of Acme already. With --hostile, nothing counts"),
            "{told}"
        );
        assert!(
            told.contains("Nothing of that kind is known here now"),
            "{told}"
        );
        assert!(afterwards(&change).starts_with("Ben is out of Acme, as before."));
    }

    #[test]
    fn what_waits_names_both_answers_by_ids_that_nobody_chose() {
        let held = Held {
            person: "danssssssssss".to_owned(),
            name: "Dan; rm -rf ~\x1b[2J".to_owned(),
            what: RemovalKind::Removed,
            by: "c".to_owned(),
            by_name: "Cyn".to_owned(),
            at: Time::from_millis(0),
            text: "Cyn removed Dan, then Cyn was removed too".to_owned(),
        };
        let told = waits("abcdefghijklm", &held, "editor");
        assert!(
            told.contains("kitbag unshare abcdefghij dansssssss "),
            "{told}"
        );
        assert!(
            told.ends_with("kitbag role abcdefghij dansssssss editor"),
            "{told}"
        );
        assert!(!told.contains('\x1b'));
    }
}
