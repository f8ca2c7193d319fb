//! `kitbag review`: what is set aside in a pack, and taking it over.

use crate::context::Context;
use crate::{directory, input, launch, when, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{
    Review, ReviewPack, SetAside, SetAsideKind, SetAsideWhy, TakeOver, TakeOverOutcome, TakenOver,
    V1,
};

#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it; of this directory if it is left out
    pack: Option<String>,
    /// Write these anew as your own: the starts of their ids
    #[arg(long, value_name = "ENTRY", num_args = 1.., conflicts_with = "all")]
    take: Vec<String>,
    /// Write all of them anew as your own
    #[arg(long)]
    all: bool,
    /// Only say what would be written
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, args: ReviewArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let pack = directory::pack(context, &client, args.pack).await?;
    let review = client.call(&ReviewPack { v: V1, pack }).await?;
    let now = Zoned::now();
    let takes = args.all || !args.take.is_empty();
    if !takes || (args.all && review.total == 0) {
        if context.out.is_json() {
            return context.out.document(&review);
        }
        context.out.data(listed(&review, &now))?;
        if review.total > 0 {
            context.out.say(format!("\n{}", next(&review)));
        }
        return Ok(());
    }
    let mut call = TakeOver {
        v: V1,
        pack: review.pack.id.clone(),
        entries: args.take,
        all: args.all,
        dry_run: true,
    };
    // Always first: what cannot be written is told before anybody is asked.
    let plan = client.call(&call).await?;
    if args.dry_run {
        if context.out.is_json() {
            return context.out.document(&plan);
        }
        return Ok(context
            .out
            .data(format!("Nothing was written. {}", told(&plan)))?);
    }
    if !args.yes {
        let question = format!("Write this to {} as your own?", words::pack(&review.pack));
        input::confirm(context.out, &told(&plan), &question)?;
    }
    call.entries = plan.taken.iter().map(|taken| taken.entry.clone()).collect();
    (call.all, call.dry_run) = (false, false); // what was shown is what is written
    let taken = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&taken);
    }
    for note in taken.taken.iter().filter_map(|taken| taken.note.as_ref()) {
        context.out.data(note)?;
    }
    context.out.say(told(&taken));
    Ok(())
}

/// What can be done about it, and by whom.
fn next(review: &Review) -> String {
    if review.may_take {
        return format!(
            "To write some of it anew as your own: kitbag review {} --take ID",
            words::short(&review.pack.id)
        );
    }
    "You may not write here, so you cannot take it over; a member who may can write it anew."
        .to_owned()
}

fn listed(review: &Review, now: &Zoned) -> String {
    let pack = words::pack(&review.pack);
    if review.total == 0 {
        return format!("Nothing is set aside in {pack}.");
    }
    let mut lines = vec![format!(
        "{} set aside in {pack}: kept, and not shown among the rest.",
        words::count(review.total, "edit", "edits")
    )];
    lines.extend(review.set_aside.iter().map(|item| in_words(item, now)));
    let more = review.total.saturating_sub(review.set_aside.len() as u64);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n\n")
}

fn in_words(item: &SetAside, now: &Zoned) -> String {
    let title = item.title.as_deref().map(words::inline);
    let what = match (item.kind, title) {
        (SetAsideKind::Note, Some(title)) => format!("the note \"{title}\""),
        (SetAsideKind::Note, None) => "a note".to_owned(),
        (SetAsideKind::Edit, Some(title)) => format!("an edit of \"{title}\""),
        (SetAsideKind::Edit, None) => "an edit".to_owned(),
        (SetAsideKind::Title, _) => "a title of the pack".to_owned(),
        (SetAsideKind::Move, title) => format!(
            "a move of {} to {}",
            title.map_or("a note".to_owned(), |title| format!("\"{title}\"")),
            item.sensitivity.title()
        ),
        (SetAsideKind::MoveAway, title) => format!(
            "a move of {} away from {}",
            title.map_or("a note".to_owned(), |title| format!("\"{title}\"")),
            item.sensitivity.title()
        ),
    };
    let device = item.device.as_deref().map(words::inline);
    let device = device.map_or(String::new(), |device| format!(" ({device})"));
    let at = item.at.map(|at| when::shown(at, now));
    let at = at.map_or(String::new(), |at| format!(", {at}"));
    let mut told = format!(
        "{}  {what} by {}{device}{at}\n    {}",
        words::short(&item.entry),
        words::inline(&item.author),
        why(item)
    );
    if item.dependents > 0 {
        let more = words::count(item.dependents, "other edit builds", "other edits build");
        told += &format!(" {more} on it.");
    }
    let text = item.text.iter().flat_map(|text| text.lines());
    for line in text.take(LINES_MAX) {
        told += &format!("\n    | {}", words::inline(line));
    }
    told
}

fn why(item: &SetAside) -> String {
    let author = words::inline(&item.author);
    match item.why {
        SetAsideWhy::AfterRemoval if item.removed_by.is_empty() => {
            format!("Written after {author} left.")
        }
        SetAsideWhy::AfterRemoval => {
            let removers: Vec<String> = item.removed_by.iter().map(|n| words::inline(n)).collect();
            let removers = removers.join(" and ");
            if item.is_member {
                format!("Written after {removers} changed what {author} may do.")
            } else {
                format!("Written after {removers} removed {author}.")
            }
        }
        SetAsideWhy::BuildsOnSetAside => "Builds on something that is set aside.".to_owned(),
        SetAsideWhy::NotAllowed => format!("{author} may not write this here."),
        SetAsideWhy::Refused => "Its content cannot be used.".to_owned(),
    }
}

/// What was, or would be, written.
fn told(taken: &TakenOver) -> String {
    let number = |outcome| {
        let of = taken.taken.iter().filter(|one| one.outcome == outcome);
        of.count() as u64
    };
    let parts = [
        (TakeOverOutcome::NewNote, "new note", "new notes"),
        (TakeOverOutcome::Edited, "edit", "edits"),
    ];
    let written: Vec<String> = parts
        .into_iter()
        .filter(|(outcome, _, _)| number(*outcome) > 0)
        .map(|(outcome, one, many)| words::count(number(outcome), one, many))
        .collect();
    let pack = words::pack(&taken.pack);
    let verb = if taken.dry_run {
        "To be written"
    } else {
        "Written"
    };
    let mut lines = Vec::new();
    if written.is_empty() {
        lines.push(format!("There is nothing to write in {pack}."));
    } else {
        lines.push(format!(
            "{verb} in {pack} as yours: {}.",
            written.join(" and ")
        ));
        lines.extend(
            taken
                .audiences
                .iter()
                .map(|of| words::audience(&taken.pack, of.sensitivity, &of.audience)),
        );
    }
    let left = [
        (TakeOverOutcome::ChangesNothing, "would change nothing"),
        (TakeOverOutcome::Unreadable, "cannot be read"),
        (
            TakeOverOutcome::ByHand,
            "a move, a title, or an edit of a note that was moved, is not written anew; \
             what you need of it, write yourself",
        ),
        (
            TakeOverOutcome::DoesNotFit,
            "would not fit the note as it stands",
        ),
    ];
    for (outcome, reason) in left.into_iter().filter(|(outcome, _)| number(*outcome) > 0) {
        let stay = words::count(number(outcome), "edit stays", "edits stay");
        lines.push(format!("{stay} set aside: {reason}."));
    }
    lines.join("\n")
}

/// Lines of one text in the list, at most.
const LINES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{PackRef, Sensitivity, Taken};

    fn item(why: SetAsideWhy) -> SetAside {
        SetAside {
            entry: "abcdefghijklmnop".into(),
            kind: SetAsideKind::Edit,
            note: None,
            title: Some("Renewal".into()),
            sensitivity: Sensitivity::Internal,
            author: "Ben".into(),
            device: Some("laptop".into()),
            person: None,
            at: None,
            why,
            reason: Some("the epoch key does not fold".into()),
            is_member: false,
            removed_by: vec!["Ana".into()],
            dependents: 1,
            text: Some("late\u{1b}[2J\nlines".into()),
        }
    }

    fn pack() -> PackRef {
        PackRef {
            id: "packpackpackpack".into(),
            title: "Acme".into(),
            name: None,
            archived: false,
        }
    }

    /// Goal: every reason is said in plain words, and no text of a note reaches the terminal raw.
    #[test]
    fn what_is_set_aside_is_told_in_plain_words() {
        let now = Zoned::now();
        let reasons = [
            (SetAsideWhy::AfterRemoval, "Written after Ana removed Ben."),
            (
                SetAsideWhy::BuildsOnSetAside,
                "Builds on something that is set aside.",
            ),
            (SetAsideWhy::NotAllowed, "Ben may not write this here."),
            (SetAsideWhy::Refused, "Its content cannot be used."),
        ];
        for (why, sentence) in reasons {
            let told = in_words(&item(why), &now);
            assert_eq!(
                told,
                format!(
                    "abcdefghij  an edit of \"Renewal\" by Ben (laptop)\n    {sentence} \
                     1 other edit builds on it.\n    | late\\u{{1b}}[2J\n    | lines"
                )
            );
            for machinery in ["epoch", "fold", "parked", "void", "key"] {
                assert!(!told.contains(machinery), "{told}");
            }
        }
        let left = SetAside {
            removed_by: vec![],
            ..item(SetAsideWhy::AfterRemoval)
        };
        assert!(in_words(&left, &now).contains("Written after Ben left."));
        let lowered = SetAside {
            is_member: true,
            ..item(SetAsideWhy::AfterRemoval)
        };
        let told = in_words(&lowered, &now);
        assert!(
            told.contains("after Ana changed what Ben may do."),
            "{told}"
        );
        let moved = |kind, title: Option<&str>| {
            let item = SetAside {
                kind,
                title: title.map(str::to_owned),
                ..item(SetAsideWhy::AfterRemoval)
            };
            in_words(&item, &now)
        };
        let told = moved(SetAsideKind::Move, Some("Renewal"));
        assert!(
            told.contains("a move of \"Renewal\" to Internal by Ben"),
            "{told}"
        );
        let told = moved(SetAsideKind::MoveAway, None);
        assert!(
            told.contains("a move of a note away from Internal by Ben"),
            "{told}"
        );
        let mut empty = Review {
            v: V1,
            may_take: true,
            pack: pack(),
            total: 0,
            set_aside: vec![],
        };
        assert_eq!(listed(&empty, &now), "Nothing is set aside in Acme.");
        assert!(next(&empty).ends_with("kitbag review packpackpa --take ID"));
        empty.may_take = false;
        assert!(
            !next(&empty).contains("--take"),
            "not to somebody who is out"
        );
    }

    #[test]
    fn what_is_written_and_what_stays_is_counted() {
        let outcomes = [
            TakeOverOutcome::NewNote,
            TakeOverOutcome::Edited,
            TakeOverOutcome::Edited,
            TakeOverOutcome::Unreadable,
        ];
        let mut taken = TakenOver {
            v: V1,
            pack: pack(),
            dry_run: false,
            taken: outcomes
                .map(|outcome| Taken {
                    entry: String::new(),
                    outcome,
                    note: None,
                })
                .into(),
            audiences: vec![],
        };
        assert_eq!(
            told(&taken),
            "Written in Acme as yours: 1 new note and 2 edits.\n1 edit stays set aside: cannot be read."
        );
        taken.taken.drain(..3);
        assert!(told(&taken).starts_with("There is nothing to write in Acme.\n"));
    }
}
