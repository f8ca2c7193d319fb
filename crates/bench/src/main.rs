//! Kitbag measured: one command runs every benchmark, writes what it found as JSON, and renders
//! the page `docs/benchmarks.md` with its plots.
//!
//! ```text
//! cargo run --release --manifest-path crates/bench/Cargo.toml                    everything
//! cargo run --release --manifest-path crates/bench/Cargo.toml -- first-sync      one benchmark
//! cargo run --release --manifest-path crates/bench/Cargo.toml -- --quick         smaller sizes
//! cargo run --release --manifest-path crates/bench/Cargo.toml -- --render FILE   only the page
//! ```

mod clock;
mod context;
mod corpus;
mod facts;
mod homes;
mod items;
mod page;
mod plot;
mod report;
mod role;
mod stats;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use context::Context;
use facts::Facts;
use report::{Item, Report};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Measures Kitbag beside samod and redb.
#[derive(Parser, Debug)]
struct Args {
    /// Benchmarks to run; all if none is named.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(items::NAMES))]
    names: Vec<String>,
    /// A tenth of the sizes, fewer repetitions. The page then says so.
    #[arg(long)]
    quick: bool,
    /// Has `search` look among a million notes too, which takes minutes and gigabytes.
    #[arg(long)]
    million: bool,
    /// Where the page and its plots go; `docs` for a whole run, else a directory under the target's.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Puts what is measured into the results that are there already, in place of its older self.
    #[arg(long)]
    merge: bool,
    /// The `kitbag` program to measure; built in release if none is named.
    #[arg(long, value_name = "FILE")]
    kitbag: Option<PathBuf>,
    /// Real data for `imports`, in the files that its README names; what needs it is left out without it.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Measures nothing, and renders the page of these results.
    #[arg(long, value_name = "FILE")]
    render: Option<PathBuf>,
    /// What this process plays for another one.
    #[arg(long, hide = true)]
    role: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.role.as_deref() {
        Some("kitbag") => return role::play::<role::kitbag::Kitbag>().await,
        Some("samod") => return role::play::<role::samod::Samod>().await,
        Some(other) => anyhow::bail!("no such role: {other}"),
        None => {}
    }
    let root = root()?;
    let out = out(&args, &root);
    if let Some(results) = &args.render {
        let report = serde_json::from_str(&fs::read_to_string(results)?)?;
        return render(&report, &out);
    }
    ensure!(
        !cfg!(debug_assertions),
        "numbers without --release would mean nothing"
    );
    let kitbag = match &args.kitbag {
        Some(program) => fs::canonicalize(program)?,
        None => build(&root)?,
    };
    let scratch = tempfile::Builder::new().prefix("kb").tempdir()?;
    let facts = Facts::gather(scratch.path(), &root)?;
    let data = args.data.as_ref().map(fs::canonicalize).transpose()?;
    let context = Context::new(args.quick, args.million, kitbag, scratch, data);
    let mut report = Report {
        facts,
        quick: args.quick,
        items: Vec::new(),
    };
    if args.merge {
        report = merged(report, &out)?;
    }
    measure(&args.names, &context, &mut report, &out).await?;
    render(&report, &out)
}

/// Runs benchmarks, and keeps the results after each: a run that is cut off has not measured in vain.
async fn measure(
    names: &[String],
    context: &Context,
    report: &mut Report,
    out: &Path,
) -> Result<()> {
    let wanted = |name: &&&str| names.is_empty() || names.iter().any(|other| other == **name);
    for name in items::NAMES.iter().filter(wanted) {
        eprintln!("{name} …");
        let from = Instant::now();
        let item = items::run(name, context).await;
        let mut item = item.unwrap_or_else(|error| {
            let mut item = Item::new(name, name, "This benchmark did not come to its end.");
            item.remark(format!("It failed: {error:#}."));
            item
        });
        item.seconds = from.elapsed().as_secs_f64();
        eprintln!("{name}: {:.0} s", item.seconds);
        for goal in &item.goals {
            let measured = goal
                .measured
                .map_or("not measured".to_owned(), page::number);
            let (what, unit) = (&goal.what, &goal.unit);
            eprintln!("    {what}: {measured} {unit}, {}", goal.verdict());
        }
        for remark in &item.remarks {
            eprintln!("    {remark}");
        }
        put(report, item);
        keep(report, out)?;
    }
    Ok(())
}

/// Puts what was measured into its place, instead of its older self.
fn put(report: &mut Report, item: Item) {
    report.items.retain(|other| other.id != item.id);
    report.items.push(item);
    let place = |item: &Item| items::NAMES.iter().position(|name| *name == item.id);
    report.items.sort_by_key(place);
}

/// The top of the repository.
fn root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::canonicalize(&root).with_context(|| root.display().to_string())
}

fn out(args: &Args, root: &Path) -> PathBuf {
    let whole = args.names.is_empty() && !args.quick && args.render.is_none();
    match &args.out {
        Some(out) => out.clone(),
        None if whole || args.merge => root.join("docs"),
        None => std::env::temp_dir().join("kitbag-bench"),
    }
}

/// Builds the program that ships.
fn build(root: &Path) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--bin", "kitbag"])
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "kitbag does not build");
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => std::path::absolute(target)?,
        None => root.join("target"),
    };
    Ok(target.join("release/kitbag"))
}

const RESULTS: &str = "benchmarks/results.json";

/// The results so far, with the facts of this run.
fn merged(report: Report, out: &Path) -> Result<Report> {
    let path = out.join(RESULTS);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(report);
    };
    let mut all: Report = serde_json::from_str(&text)?;
    ensure!(
        all.quick == report.quick && all.facts.cpu == report.facts.cpu,
        "{}: results of another machine or of other sizes",
        path.display()
    );
    let before = format!("{}, {}", all.facts.commit, all.facts.at);
    for item in &mut all.items {
        item.other_run.get_or_insert_with(|| before.clone());
    }
    all.facts = report.facts;
    Ok(all)
}

fn keep(report: &Report, out: &Path) -> Result<()> {
    let path = out.join(RESULTS);
    fs::create_dir_all(path.parent().context("a file has a directory")?)?;
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    fs::write(&path, text).with_context(|| path.display().to_string())
}

fn render(report: &Report, out: &Path) -> Result<()> {
    let plots = out.join("benchmarks");
    fs::create_dir_all(&plots)?;
    for curve in report.items.iter().flat_map(|item| &item.curves) {
        plot::draw(curve, &plots)?;
    }
    let page = out.join("benchmarks.md");
    fs::write(&page, page::page(report))?;
    eprintln!("{}", page.display());
    Ok(())
}
