//! The page of a report, in Markdown.

use crate::facts::Facts;
use crate::report::{Goal, Item, Report, Value};
use crate::stats::Summary;
use std::fmt::Write;

/// What stands above every number.
const METHOD: &str = "\
Every number comes from one command, in release, on the machine below:

```text
cargo run --release --manifest-path crates/bench/Cargo.toml
```

- **What is on.** Kitbag runs as it ships: every value sealed on disk and every frame on the wire, every entry signed and checked, \
every write synced with two phases before it is acknowledged. samod 0.16 is measured beside it with the same notes, in memory, over TCP \
on loopback: it neither seals nor signs nor writes to disk. Its bodies are once plain strings and once Text, which merges by character \
as Kitbag's bodies do.
- **Pairs.** Kitbag and samod take turns within one run (A B A B), so that whatever else the machine does falls on both. A ratio is the \
median of the ratios of such pairs, not a ratio of medians.
- **Sides.** Both sides of a sync are processes of their own. Times across them are read from the system's monotonic clock. Peak memory is \
what the kernel says of each process, counted anew just before the sync.
- **Statistics.** Median, least, 90th and 99th percentile by nearest rank, and how many samples there are (n). With fewer than 100 samples the \
99th percentile is the greatest.
- **Notes.** Pseudo-English by Zipf's law over 4,000 words, made from a number, so that every run and both sides have the same.
- **Time limits.** Each step has one. What passes it is reported as “more than N s” and not left out.
- Notes that many packs need are made without a network, through the same node that an engine drives; that is not part of any number.
";

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let mut page = String::from("# Benchmarks\n\n");
    if report.quick {
        page.push_str(
            "> **Reduced sizes** (`--quick`). These numbers show that the benchmarks work; they are no results.\n\n",
        );
    }
    page.push_str(METHOD);
    page.push_str("\n## The machine\n\n");
    page.push_str(&machine(&report.facts));
    page.push_str("\n## Goals\n\n");
    page.push_str(&goals(report));
    for item in &report.items {
        page.push_str(&section(item));
    }
    page
}

fn machine(facts: &Facts) -> String {
    let sync = facts.sync.map_or_else(
        || "not measured".into(),
        |sync| {
            format!(
                "{} ms median, {} ms least, {} ms p99 (append 1 KiB, fdatasync; n = {})",
                number(sync.median),
                number(sync.min),
                number(sync.p99),
                sync.n
            )
        },
    );
    let rows = [
        ("run at", format!("{} UTC", facts.at)),
        ("processor", format!("{}, {} cores", facts.cpu, facts.cores)),
        ("memory", format!("{:.0} GiB", facts.memory)),
        ("kernel", facts.kernel.clone()),
        ("file system", facts.filesystem.clone()),
        ("disk sync", sync),
        ("load average before", facts.load.clone()),
        ("compiler", facts.rustc.clone()),
        ("Kitbag", facts.commit.clone()),
        ("crates", facts.crates.join(", ")),
    ];
    let mut table = String::from("| | |\n|---|---|\n");
    for (name, value) in rows {
        let _ = writeln!(table, "| {name} | {value} |");
    }
    table
}

fn goals(report: &Report) -> String {
    let mut table = String::from("| goal | bound | measured | |\n|---|---|---|---|\n");
    let all = report
        .items
        .iter()
        .flat_map(|item| item.goals.iter().map(move |goal| (item, goal)));
    for (item, goal) in all {
        let _ = writeln!(
            table,
            "| [{}](#{}) | {} {} {} | {} | {} |",
            goal.what,
            item.id,
            if goal.at_most { "≤" } else { "≥" },
            number(goal.bound),
            goal.unit,
            measured(goal),
            verdict(goal),
        );
    }
    table
}

fn measured(goal: &Goal) -> String {
    match goal.measured {
        Some(measured) => format!("{} {}", number(measured), goal.unit),
        None => "–".into(),
    }
}

fn verdict(goal: &Goal) -> String {
    let verdict = if goal.met() == Some(true) {
        goal.verdict()
    } else {
        format!("**{}**", goal.verdict())
    };
    if goal.beside.is_empty() {
        verdict
    } else {
        format!("{verdict}; {}", goal.beside)
    }
}

fn section(item: &Item) -> String {
    let mut text = format!(
        "\n<a id=\"{}\"></a>\n\n## {}\n\n{}\n",
        item.id, item.title, item.method
    );
    if !item.rows.is_empty() {
        text.push_str("\n| what | of | unit | median | min | p90 | p99 | n |\n|---|---|---|---|---|---|---|---|\n");
    }
    for row in &item.rows {
        let numbers = match &row.value {
            Value::Samples(summary) => columns(summary),
            Value::Over { seconds } => format!("more than {seconds:.0} | | | | "),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {numbers} |",
            row.what, row.side, row.unit
        );
    }
    for curve in &item.curves {
        let _ = write!(
            text,
            "\n![{}](benchmarks/{}.svg)\n",
            curve.title, curve.file
        );
        let _ = write!(text, "\n| {} |", curve.across);
        for line in &curve.lines {
            let _ = write!(text, " {}, {} |", line.name, curve.up);
        }
        text.push_str("\n|---|");
        text.push_str(&"---|".repeat(curve.lines.len()));
        text.push('\n');
        let mut across: Vec<f64> = curve
            .lines
            .iter()
            .flat_map(|line| line.points.iter().map(|point| point.0))
            .collect();
        across.sort_by(f64::total_cmp);
        across.dedup();
        for x in across {
            let _ = write!(text, "| {} |", number(x));
            for line in &curve.lines {
                let point = line.points.iter().find(|point| (point.0 - x).abs() < 0.5);
                let _ = write!(
                    text,
                    " {} |",
                    point.map_or_else(|| "–".into(), |p| number(p.1))
                );
            }
            text.push('\n');
        }
    }
    if !item.remarks.is_empty() {
        text.push('\n');
    }
    for remark in &item.remarks {
        let _ = writeln!(text, "- {remark}");
    }
    let _ = write!(
        text,
        "\nTook {:.0} s, with all that it needed first.\n",
        item.seconds
    );
    if let Some(run) = &item.other_run {
        let _ = writeln!(text, "\nMeasured in another run: Kitbag {run} UTC.");
    }
    text
}

fn columns(summary: &Summary) -> String {
    format!(
        "{} | {} | {} | {} | {}",
        number(summary.median),
        number(summary.min),
        number(summary.p90),
        number(summary.p99),
        summary.n
    )
}

/// Three digits that count, thousands apart.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    let text = if magnitude >= 100.0 || (value.fract() == 0.0 && magnitude >= 1.0) {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else if magnitude >= 0.1 || value == 0.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    };
    let whole = text.split('.').next().unwrap_or_default();
    if text.contains('.') || whole.len() <= 4 {
        return text;
    }
    let mut apart = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_count() {
        let table = [
            (0.0, "0.00"),
            (0.0123, "0.0123"),
            (0.5, "0.50"),
            (12.34, "12.3"),
            (1234.5, "1234"),
            (10_000.0, "10,000"),
            (1_234_567.0, "1,234,567"),
        ];
        for (value, text) in table {
            assert_eq!(number(value), text);
        }
    }
}
