//! `kitbag check --as`: opens every record with the keys that somebody else gets, and counts.

use crate::context::Context;
use crate::{directory, launch, progress, reasons, words};
use clap::Args;
use kitbag_rpc::{AccessState, CheckPack, Checked, Named, Sensitivity, Tally, V1};

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The pack; of this directory if it is left out
    pack: Option<String>,
    /// As whom: the name they tell, or the start of their id
    #[arg(long = "as", value_name = "WHO")]
    who: String,
}

pub(super) async fn run(context: &Context, args: CheckArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let call = CheckPack {
        v: V1,
        pack: directory::pack(context, &client, args.pack).await?,
        person: args.who,
    };
    let who = words::inline(&call.person);
    let first = format!("Trying every record with the keys that {who} gets…");
    let trying = client.call(&call);
    let answer = progress::during(context.out, &first, progress::no_news, trying).await?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    Ok(context.out.data(in_words(&answer))?)
}

fn in_words(checked: &Checked) -> String {
    let mut lines = vec![notes(checked)];
    lines.extend(left(checked));
    let (opens, not) = (checked.records.opens, checked.records.no_key);
    lines.push(format!(
        "with edits, moves and titles: {} {}, {not} without a key",
        words::count(opens, "record", "records"),
        if opens == 1 { "opens" } else { "open" },
    ));
    let of = |count: fn(&Tally) -> u64| by_sensitivity(checked, |tried| count(&tried.records));
    let all = checked.records;
    let record = |number| words::count(number, "record", "records");
    let some = |number: u64, sentence: String| (number > 0).then_some(sentence);
    let troubles = [
        some(
            all.untried,
            format!(
                "{} could not be tried, because this device has no key for them either ({})",
                record(all.untried),
                of(|tally| tally.untried)
            ),
        ),
        some(
            all.not_here,
            format!(
                "{} not wholly here ({})",
                record(all.not_here),
                of(|tally| tally.not_here)
            ),
        ),
        some(
            all.damaged,
            format!(
                "{} damaged ({})",
                record(all.damaged),
                of(|tally| tally.damaged)
            ),
        ),
        some(
            checked.out_of_reach.len() as u64,
            format!(
                "of {} this device holds nothing, so nothing could be tried there",
                reasons::sensitivities(&checked.out_of_reach)
            ),
        ),
        checked.newer_rules.then(|| {
            "the pack uses rules of a newer Kitbag: until an update this device gives nobody a key"
                .to_owned()
        }),
    ];
    lines.extend(troubles.into_iter().flatten());
    lines.join("\n")
}

/// `Ben opens 21 notes; holds no key for 2 (Restricted)`.
fn notes(checked: &Checked) -> String {
    let opened = |state: AccessState| -> u64 {
        let tried = checked.tried.iter().filter(|tried| tried.access == state);
        tried.map(|tried| tried.notes.opens).sum()
    };
    let (now, before) = (opened(AccessState::Now), opened(AccessState::Before));
    let note = |number| words::count(number, "note", "notes");
    let has_now = checked
        .tried
        .iter()
        .any(|tried| tried.access == AccessState::Now);
    let subject = subject(&checked.who);
    let (verb, holds) = if checked.who.is_me {
        ("open", "hold")
    } else {
        ("opens", "holds")
    };
    let opens = match (has_now, before) {
        (true, 0) | (false, 0) => format!("{subject} {verb} {}", note(now)),
        (true, before) => format!(
            "{subject} {verb} {} and could have opened {before} more before",
            note(now)
        ),
        (false, before) => format!(
            "{subject} {verb} nothing now; could have opened {} before",
            note(before)
        ),
    };
    match checked.notes.no_key {
        0 => format!("{opens}; there is none without a key"),
        lacking => {
            let where_ = by_sensitivity(checked, |tried| tried.notes.no_key);
            format!("{opens}; {holds} no key for {lacking} ({where_})")
        }
    }
}

/// `what a note said where it stood before: 1 opens, 2 without a key`; nothing if none was moved.
fn left(checked: &Checked) -> Option<String> {
    let left = checked.left;
    (left.opens + left.no_key > 0).then(|| {
        let verb = if left.opens == 1 { "opens" } else { "open" };
        format!(
            "what notes said before they were made more or less sensitive: {} {verb}, {} without a key",
            left.opens, left.no_key
        )
    })
}

fn subject(who: &Named) -> String {
    if who.is_me {
        "You".to_owned()
    } else {
        words::inline(&who.name)
    }
}

/// `Restricted`, or with several `Internal 1, Restricted 2`.
fn by_sensitivity(checked: &Checked, count: impl Fn(&kitbag_rpc::Tried) -> u64) -> String {
    let counts: Vec<(Sensitivity, u64)> = checked
        .tried
        .iter()
        .map(|tried| (tried.sensitivity, count(tried)))
        .filter(|(_, count)| *count > 0)
        .collect();
    match &counts[..] {
        [(one, _)] => one.title().to_owned(),
        several => {
            let each = several
                .iter()
                .map(|(s, count)| format!("{} {count}", s.title()));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{PackRef, Tried};

    fn checked(tried: &[(AccessState, u64, u64)]) -> Checked {
        let tally = |opens, no_key| Tally {
            opens,
            no_key,
            ..Tally::default()
        };
        let tried = tried.iter().zip(Sensitivity::ALL);
        let tried: Vec<Tried> = tried
            .map(|((access, opens, no_key), sensitivity)| Tried {
                sensitivity,
                access: *access,
                records: tally(*opens, *no_key),
                notes: tally(*opens, *no_key),
                left: Tally::default(),
            })
            .collect();
        let sum = tried
            .iter()
            .map(|tried| tried.notes)
            .fold(Tally::default(), Tally::plus);
        Checked {
            v: V1,
            pack: PackRef {
                id: "abc".into(),
                title: "Acme".into(),
                name: None,
                archived: false,
            },
            who: Named {
                person: "p".into(),
                name: "Ben".into(),
                is_me: false,
            },
            notes: sum,
            left: Tally::default(),
            records: sum,
            tried,
            out_of_reach: vec![],
            newer_rules: false,
        }
    }

    #[test]
    fn the_count_is_one_sentence_and_says_where_keys_are_missing() {
        use AccessState::{Before, Never, Now};
        let told = |tried: &[_]| notes(&checked(tried));
        assert_eq!(
            told(&[(Now, 1, 0), (Now, 20, 0), (Never, 0, 0), (Never, 0, 2)]),
            "Ben opens 21 notes; holds no key for 2 (Restricted)"
        );
        assert_eq!(
            told(&[(Before, 1, 0), (Before, 3, 1), (Never, 0, 2)]),
            "Ben opens nothing now; could have opened 4 notes before; holds no key for 3 (Internal 1, Confidential 2)"
        );
        assert_eq!(
            told(&[(Now, 1, 0), (Before, 2, 0)]),
            "Ben opens 1 note and could have opened 2 more before; there is none without a key"
        );
        let mut some = checked(&[(Now, 1, 0)]);
        assert!(!in_words(&some).contains("more or less sensitive"));
        (some.left.opens, some.left.no_key) = (1, 2);
        let left = "more or less sensitive: 1 opens, 2 without a key";
        assert!(in_words(&some).contains(left));
        some.out_of_reach = vec![Sensitivity::Confidential, Sensitivity::Restricted];
        assert!(
            in_words(&some).contains("of Confidential and Restricted this device holds nothing")
        );
    }
}
