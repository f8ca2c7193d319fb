//! Why somebody may or may not, as sentences. No words of the machinery in front of a person.

use crate::when;
use crate::words::inline;
use jiff::Zoned;
use kitbag_rpc::{
    ActKind, ActShown, GrantShown, Named, Right, Role, Rule, Sensitivity, Via, WaitsFor, Why,
};

/// Somebody in a sentence.
pub(crate) fn name(named: &Named) -> String {
    if named.is_me {
        "you".to_owned()
    } else {
        inline(&named.name)
    }
}

fn was(named: &Named) -> &'static str {
    if named.is_me { "were" } else { "was" }
}

/// `editor up to Internal`.
pub(crate) fn terms(role: Role, clearance: Sensitivity) -> String {
    match role {
        Role::Courier => "courier".to_owned(),
        role => format!("{role} up to {}", clearance.title()),
    }
}

/// How a grant came about: `by Ana's ticket, 10:47`.
pub(crate) fn origin(grant: &GrantShown, now: &Zoned) -> String {
    let at = when::shown(grant.at, now);
    let by = grant.by.as_ref();
    match grant.via {
        Via::Founder => format!("founded the pack, {at}"),
        Via::Grant => format!("given by {}, {at}", by.map_or("an admin".into(), name)),
        Via::Ticket => {
            let whose = match by {
                Some(by) if by.is_me => "your ticket".to_owned(),
                Some(by) => format!("{}'s ticket", inline(&by.name)),
                None => "a ticket".to_owned(),
            };
            match grant
                .admitted_by
                .as_ref()
                .filter(|by| grant.by.as_ref() != Some(*by))
            {
                Some(by) => format!("by {whose}, let in by {}, {at}", name(by)),
                None => format!("by {whose}, {at}"),
            }
        }
    }
}

/// What an act did, and what it waits for: `Ben was removed by Ana, 10:47`.
pub(crate) fn act(act: &ActShown, now: &Zoned) -> String {
    let (by, at) = (name(&act.by), when::shown(act.at, now));
    let of = act.of.as_ref();
    let left = of.is_some_and(|of| of.person == act.by.person);
    let ended = match of {
        Some(of) if left => format!("{} left", name(of)),
        Some(of) => format!("{} {} removed by {by}", name(of), was(of)),
        None => format!("{by} ended it"),
    };
    let done = match (act.kind, &act.instead) {
        (ActKind::Removed, Some(instead)) => format!(
            "{} {} made {} instead by {by}",
            of.map_or("somebody".into(), name),
            of.map_or("was", was),
            terms(instead.role, instead.clearance)
        ),
        (ActKind::Removed | ActKind::Left, _) => ended,
        (ActKind::TicketClosed, _) => format!("a ticket was used up, or closed by {by}"),
        (ActKind::GiverEnded, _) => format!("{ended}, and this came through them"),
        (ActKind::TicketEnded, _) => format!("{ended}, and the ticket ended with that"),
        (ActKind::NotCounted, _) => format!("{by} closed the ticket without counting this joiner"),
        (ActKind::Copied, _) => format!("a device of {by} was copied, and both copies went on"),
    };
    match act.waits_for {
        None => format!("{done}, {at}"),
        Some(WaitsFor::Confirmation) => format!(
            "{done}, {at}; that waits for an admin to confirm it, because {by} {} removed too",
            was(&act.by)
        ),
        Some(WaitsFor::Earlier) => format!("{done}, {at}; that waits for an earlier change"),
    }
}

fn verb(right: Right) -> &'static str {
    match right {
        Right::Read => "read",
        Right::Write => "write",
        Right::Share => "share",
    }
}

/// `may read Internal: editor up to Internal, by Ana's ticket, 10:47`.
pub(crate) fn rule(rule: &Rule, now: &Zoned) -> String {
    let not = if rule.allowed { "" } else { "not " };
    let what = format!("may {not}{} {}", verb(rule.right), rule.sensitivity.title());
    format!("{what}: {}", because(rule, now))
}

/// The one thing that decides.
pub(crate) fn because(rule: &Rule, now: &Zoned) -> String {
    let grant = rule.grant.as_ref();
    let held = grant.map_or_else(String::new, |grant| {
        format!(
            "{}, {}",
            terms(grant.role, grant.clearance),
            origin(grant, now)
        )
    });
    let act = rule
        .act
        .as_ref()
        .map_or_else(String::new, |found| act(found, now));
    match rule.why {
        Why::Given => held,
        Why::NewerRules => {
            "the pack uses rules of a newer Kitbag, so it can only be read here".into()
        }
        Why::NoRecord => format!("{held}; who that is has not arrived here yet"),
        Why::Lost => act,
        Why::NotEnough => match grant {
            Some(grant) => format!("{} ({held})", lacks(rule, grant)),
            None => "nobody gave as much".into(),
        },
        Why::LostAll => format!("no member any more: {act}"),
        Why::Never => "never was in this pack".into(),
    }
}

fn lacks(rule: &Rule, grant: &GrantShown) -> String {
    match (rule.right, grant.role) {
        (_, Role::Courier) => "a courier passes notes on and opens none".into(),
        (Right::Share, role) if role != Role::Admin => "only an admin makes tickets".into(),
        (Right::Write, Role::Reader | Role::Commenter) => {
            format!("a {} does not write", grant.role)
        }
        _ => format!("cleared up to {} only", grant.clearance.title()),
    }
}

/// `Public, Internal and Restricted`.
pub(crate) fn sensitivities(some: &[Sensitivity]) -> String {
    let titles: Vec<&str> = some.iter().map(|one| one.title()).collect();
    match &titles[..] {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{Terms, Time};

    fn now() -> Zoned {
        "2026-11-22T12:00:00+00:00[UTC]".parse().unwrap()
    }

    fn named(name: &str) -> Named {
        Named {
            person: name.to_lowercase(),
            name: name.to_owned(),
            is_me: name == "Ana",
        }
    }

    fn at() -> Time {
        Time::from_millis(1_795_344_420_000)
    }

    fn removed(of: &str, by: &str) -> ActShown {
        ActShown {
            op: "x".into(),
            kind: ActKind::Removed,
            by: named(by),
            of: Some(named(of)),
            at: at(),
            waits_for: None,
            instead: None,
        }
    }

    fn grant(role: Role, via: Via, by: &str) -> GrantShown {
        GrantShown {
            op: "x".into(),
            role,
            clearance: Sensitivity::Internal,
            via,
            by: Some(named(by)),
            admitted_by: None,
            at: at(),
        }
    }

    /// Goal: each kind of act is one plain sentence, without a word of the machinery.
    #[test]
    fn acts_are_told_in_plain_words() {
        let told = |change: fn(&mut ActShown)| {
            let mut shown = removed("Ben", "Cyn");
            change(&mut shown);
            let told = act(&shown, &now());
            for word in [
                "epoch", "fold", "parked", "void", "key", "held", "denial", "grant",
            ] {
                assert!(!told.contains(word), "{told}");
            }
            told
        };
        assert_eq!(told(|_| ()), "Ben was removed by Cyn, 10:47");
        assert_eq!(
            told(|a| a.by = named("Ana")),
            "Ben was removed by you, 10:47"
        );
        assert_eq!(
            told(|a| (a.kind, a.by) = (ActKind::Left, named("Ben"))),
            "Ben left, 10:47"
        );
        assert_eq!(
            told(|a| {
                a.instead = Some(Terms {
                    role: Role::Reader,
                    clearance: Sensitivity::Public,
                });
            }),
            "Ben was made reader up to Public instead by Cyn, 10:47"
        );
        assert_eq!(
            told(|a| a.waits_for = Some(WaitsFor::Confirmation)),
            "Ben was removed by Cyn, 10:47; that waits for an admin to confirm it, because Cyn was removed too"
        );
        assert!(told(|a| a.waits_for = Some(WaitsFor::Earlier)).ends_with("for an earlier change"));
        assert!(told(|a| a.kind = ActKind::GiverEnded).contains("came through them"));
        assert!(told(|a| a.kind = ActKind::TicketEnded).contains("the ticket ended"));
        assert!(told(|a| a.kind = ActKind::NotCounted).contains("without counting"));
        assert!(told(|a| (a.kind, a.of) = (ActKind::TicketClosed, None)).contains("used up"));
        assert!(told(|a| (a.kind, a.of) = (ActKind::Copied, None)).contains("copied"));
        assert_eq!(
            told(|a| a.of = Some(named("B\x1b"))),
            "B\\u{1b} was removed by Cyn, 10:47"
        );
    }

    #[test]
    fn a_rule_is_one_line_with_what_decides() {
        let shown = |right, allowed, why, grant, act| {
            let one = Rule {
                right,
                sensitivity: Sensitivity::Internal,
                allowed,
                why,
                grant,
                act,
            };
            rule(&one, &now())
        };
        let by_ticket = || Some(grant(Role::Reader, Via::Ticket, "Ana"));
        assert_eq!(
            shown(Right::Read, true, Why::Given, by_ticket(), None),
            "may read Internal: reader up to Internal, by your ticket, 10:47"
        );
        assert_eq!(
            shown(Right::Write, false, Why::NotEnough, by_ticket(), None),
            "may not write Internal: a reader does not write (reader up to Internal, by your ticket, 10:47)"
        );
        assert_eq!(
            shown(
                Right::Read,
                false,
                Why::Lost,
                by_ticket(),
                Some(removed("Ben", "Cyn"))
            ),
            "may not read Internal: Ben was removed by Cyn, 10:47"
        );
        assert_eq!(
            shown(Right::Share, false, Why::Never, None, None),
            "may not share Internal: never was in this pack"
        );
        assert_eq!(
            sensitivities(&Sensitivity::ALL),
            "Public, Internal, Confidential and Restricted"
        );
    }
}
