//! `kitbag search`: looks for words in notes.

use crate::context::Context;
use crate::emphasis::Line;
use crate::note_filter::{FilterArgs, ListedArgs};
use crate::{launch, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{EmptyReason, Found, Hit, Listed, Score, SearchNotes, V1};

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Words to look for, or a question; "a phrase"; start* of words; -word that must not be there. The last word may be the start of one
    #[arg(required = true, value_name = "QUERY", allow_hyphen_values = true)]
    pub(crate) query: Vec<String>,
    /// Only in this pack; may be given several times
    #[arg(long = "pack", value_name = "PACK")]
    pub(crate) packs: Vec<String>,
    #[command(flatten)]
    listed: ListedArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Results to show, at most 100
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Say what each result is worth, and why
    #[arg(long)]
    explain: bool,
}

pub(super) async fn run(context: &Context, args: SearchArgs) -> anyhow::Result<()> {
    let call = SearchNotes {
        v: V1,
        query: args.query.join(" "),
        packs: args.packs,
        listed: args.listed.listed(),
        filter: args.filter.filter()?,
        limit: Some(args.limit),
        explain: args.explain,
    };
    let found = launch::client(context).await?.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&found);
    }
    let now = Zoned::now();
    let lines: Vec<Line> = match context.out.terminal() {
        Some(_) => {
            let hits = found.results.iter();
            hits.flat_map(|hit| for_a_person(context, hit, &now))
                .collect()
        }
        None => found.results.iter().map(for_a_program).collect(),
    };
    if !lines.is_empty() {
        context.out.lines(&lines)?;
    }
    context.out.say(in_words(&found, call.listed));
    Ok(())
}

/// Three lines: the title, where it is and comes from, what it says around the first hit.
fn for_a_person(context: &Context, hit: &Hit, now: &Zoned) -> Vec<Line> {
    let title = Line::default()
        .plain(&format!("{}  ", words::short(&hit.id)))
        .marked(context, &hit.title, &hit.title_marks);
    let mut about = format!(
        "{INDENT}{} · {} · ",
        words::pack(&hit.pack),
        hit.sensitivity.title()
    );
    about.push_str(&words::inline(&hit.source_label));
    about.push_str(&format!(" · {}", crate::when::shown(hit.captured_at, now)));
    if hit.status != "active" {
        about.push_str(&format!(
            " · {}",
            words::inline(kitbag_render::status(&hit.status))
        ));
    }
    let snippet = Line::default()
        .plain(INDENT)
        .marked(context, &hit.snippet, &hit.snippet_marks);
    let mut lines = vec![title, Line::default().plain(&about)];
    if !hit.snippet.is_empty() && hit.snippet != hit.title {
        lines.push(snippet);
    }
    if let Some(explained) = &hit.explained {
        let said = format!("{INDENT}{}", worth(explained));
        lines.push(Line::default().plain(&said));
    }
    lines
}

/// What a result is worth, and why, in one line.
fn worth(explained: &Score) -> String {
    let mut said = format!("{} points", thousandths(explained.points));
    let shown = explained.parts.iter().take(PARTS_SHOWN);
    let parts: Vec<String> = shown
        .map(|part| {
            let kind = match part.kind.as_str() {
                "pair" => "side by side, ",
                "near" => "nearly, ",
                _ => "",
            };
            let of = words::count(explained.notes, "note", "notes");
            format!(
                "{} {} ({kind}in {} of {of})",
                words::inline(&part.text),
                thousandths(part.points),
                part.notes,
            )
        })
        .collect();
    if !parts.is_empty() {
        said.push_str(&format!(": {}", parts.join(" + ")));
    }
    let more = explained.parts.iter().skip(PARTS_SHOWN);
    let more: u64 = more.map(|part| part.points).sum();
    if more > 0 {
        said.push_str(&format!(" + others {}", thousandths(more)));
    }
    for factor in &explained.factors {
        if factor.thousandths != 1000 {
            let by = thousandths(u64::from(factor.thousandths));
            said.push_str(&format!(" × {by} {}", words::inline(&factor.kind)));
        }
    }
    said
}

/// Parts of a result's worth that are told one by one, at most.
const PARTS_SHOWN: usize = 6;

fn thousandths(number: u64) -> String {
    format!("{}.{:03}", number / 1000, number % 1000)
}

/// As wide as a short id and its gap.
const INDENT: &str = "            ";

/// Id, pack, sensitivity, title, source and snippet, separated by tabs; then what it is worth, if that was
/// asked for.
fn for_a_program(hit: &Hit) -> Line {
    let worth = hit.explained.as_ref().map(worth);
    let mut cells = vec![
        hit.id.as_str(),
        &hit.pack.id,
        hit.sensitivity.as_str(),
        &hit.title,
        &hit.source_label,
        &hit.snippet,
    ];
    cells.extend(worth.as_deref());
    Line::tabbed(&cells)
}

fn in_words(found: &Found, listed: Listed) -> String {
    let notes = |number| words::count(number, "note", "notes");
    let shown = found.results.len() as u64;
    let mut said = match found.empty_reason {
        Some(reason) => nothing(found, reason, listed),
        None if found.relaxed => format!(
            "No note holds all of these words; {} some of them",
            if found.total == 1 {
                "1 note holds".to_owned()
            } else {
                format!("{} hold", notes(found.total))
            }
        ),
        None => format!("{} found", notes(found.total)),
    };
    if shown < found.total {
        said.push_str(&format!(
            "; the best {shown} are shown, --limit N shows more"
        ));
    }
    if !found.approximate.is_empty() {
        let meant: Vec<_> = found
            .approximate
            .iter()
            .map(|word| words::inline(word))
            .collect();
        said.push_str(&format!(
            "\nNo note holds {}: these hold nearly the same",
            meant.join(", ")
        ));
    }
    if !found.left_out.is_empty() && found.results.is_empty() {
        let words: Vec<_> = found
            .left_out
            .iter()
            .map(|word| words::inline(word))
            .collect();
        said.push_str(&format!(
            "\nNot looked for: {}; a word in quotes is",
            words.join(", ")
        ));
    }
    if found.deleted > 0 && shown == found.total {
        said.push_str(&format!(
            "\n{} these words; --all looks at deleted notes too",
            if found.deleted == 1 {
                "1 deleted note holds".to_owned()
            } else {
                format!("{} deleted notes hold", found.deleted)
            }
        ));
    }
    if found.archived_packs > 0 && found.results.is_empty() && !is_all_archived(found) {
        said.push_str(&format!(
            "\n{} not looked in; --pack PACK looks in one",
            words::count(
                found.archived_packs,
                "archived pack was",
                "archived packs were"
            )
        ));
    }
    if !found.total_is_exact {
        said.push_str(&format!(
            "\n{} could not be read on this device, and may hold them too",
            notes(found.unreadable)
        ));
    }
    if let Some(up_to) = found.up_to {
        said.push_str(&format!("\n{}", words::left_out(up_to)));
    }
    said
}

/// Whether there was no pack to look in because all of them are archived.
fn is_all_archived(found: &Found) -> bool {
    found.empty_reason == Some(EmptyReason::NoPacks) && found.archived_packs > 0
}

fn nothing(found: &Found, reason: EmptyReason, listed: Listed) -> String {
    match reason {
        EmptyReason::NoPacks if is_all_archived(found) => {
            "All packs here are archived; --pack PACK looks in one".to_owned()
        }
        EmptyReason::NoPacks => {
            "There is no pack here yet. Next: kitbag pack create TITLE, or kitbag join".to_owned()
        }
        EmptyReason::NoNotes if listed == Listed::Deleted => {
            "There is no deleted note there that you can read".to_owned()
        }
        EmptyReason::NoNotes => "There is no note there that you can read".to_owned(),
        EmptyReason::OnlyOutsideFilters => format!(
            "Nothing found there; without the filters {} these words",
            if found.outside_filters == 1 {
                "1 note holds".to_owned()
            } else {
                format!("{} notes hold", found.outside_filters)
            }
        ),
        EmptyReason::FiltersExcludeAll => {
            "The filters leave out every note that you can read there".to_owned()
        }
        EmptyReason::NotFound => format!(
            "None of {} that you can read there holds these words",
            words::count(found.searched, "note", "notes")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{PackRef, ScoreFactor, ScorePart, Sensitivity, Time};

    fn found(total: u64, shown: usize) -> Found {
        let hit = Hit {
            id: "abcdefghijklmnop".into(),
            title: "T\t\x1b[31m".into(),
            source_label: "CRM".into(),
            snippet: "…a word…".into(),
            sensitivity: Sensitivity::Internal,
            pack: PackRef {
                id: "p".into(),
                title: "Acme".into(),
                name: None,
                archived: false,
            },
            note_type: "note".into(),
            status: "active".into(),
            captured_at: Time::from_millis(0),
            terms: 1,
            title_marks: vec![],
            snippet_marks: vec![(3, 7)],
            fields: vec!["body".into()],
            approximate: false,
            explained: None,
        };
        Found {
            up_to: None,
            v: V1,
            results: vec![hit; shown],
            total,
            total_is_exact: true,
            relaxed: false,
            empty_reason: None,
            searched: 7,
            outside_filters: 2,
            deleted: 0,
            unreadable: 0,
            archived_packs: 0,
            left_out: vec![],
            approximate: vec![],
        }
    }

    #[test]
    fn a_worth_is_told_in_one_line() {
        let part = |kind: &str, text: &str, points| ScorePart {
            kind: kind.into(),
            text: text.into(),
            notes: 2,
            points,
        };
        let factor = |kind: &str, thousandths| ScoreFactor {
            kind: kind.into(),
            thousandths,
        };
        let explained = Score {
            points: 2760,
            notes: 9,
            parts: vec![
                part("word", "refund\u{1b}", 2000),
                part("pair", "late refund", 300),
            ],
            factors: vec![factor("recent", 1000), factor("pinned", 1200)],
        };
        assert_eq!(
            worth(&explained),
            "2.760 points: refund\\u{1b} 2.000 (in 2 of 9 notes) + late refund 0.300 (side by side, \
             in 2 of 9 notes) × 1.200 pinned"
        );
    }

    #[test]
    fn what_was_found_is_one_sentence() {
        let in_words = |found: &Found| super::in_words(found, Listed::Kept);
        assert_eq!(in_words(&found(1, 1)), "1 note found");
        assert_eq!(
            in_words(&found(9, 2)),
            "9 notes found; the best 2 are shown, --limit N shows more"
        );
        let mut relaxed = found(2, 2);
        relaxed.relaxed = true;
        assert_eq!(
            in_words(&relaxed),
            "No note holds all of these words; 2 notes hold some of them"
        );
        let mut some = found(1, 1);
        (some.total_is_exact, some.unreadable) = (false, 1);
        assert!(in_words(&some).contains("1 note could not be read"));
        let mut with_deleted = found(9, 9);
        with_deleted.deleted = 1;
        let said = in_words(&with_deleted);
        assert!(
            said.contains("\n1 deleted note holds these words; --all"),
            "{said}"
        );
        with_deleted.total = 10;
        assert!(!in_words(&with_deleted).contains("deleted"));
        let mut none = found(0, 0);
        none.empty_reason = Some(EmptyReason::NoNotes);
        assert!(super::in_words(&none, Listed::Deleted).contains("no deleted note"));
        for (reason, part) in [
            (EmptyReason::NoPacks, "no pack here"),
            (EmptyReason::NoNotes, "no note there"),
            (EmptyReason::OnlyOutsideFilters, "2 notes hold these words"),
            (EmptyReason::FiltersExcludeAll, "leave out every note"),
            (EmptyReason::NotFound, "None of 7 notes"),
        ] {
            none.empty_reason = Some(reason);
            assert!(in_words(&none).contains(part), "{}", in_words(&none));
        }
    }

    #[test]
    fn a_program_gets_one_row_of_six_cells() {
        let row = for_a_program(&found(1, 1).results[0]);
        assert_eq!(
            row.as_str(),
            "abcdefghijklmnop\tp\tinternal\tT\\t\\u{1b}[31m\tCRM\t…a word…"
        );
    }
}
