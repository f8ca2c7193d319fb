//! How much of what people judged relevant comes first, beside SQLite FTS5 and grep.
//!
//! The articles and questions are those of `crates/core/tests/fixtures/README.md`.

use crate::context::Context;
use crate::homes;
use crate::report::Item;
use anyhow::{Context as _, Result, ensure};
use kitbag_engine::{
    Engine, Filter, Listed, NewNote, NewSource, SearchOptions, Sensitivity, Settings,
};
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Results that are looked at.
const DEPTH: usize = 20;

struct Article {
    id: String,
    title: String,
    body: String,
}

struct Question {
    text: String,
    relevant: BTreeSet<String>,
}

/// What came first for each question, as ids of articles.
type Answers = Vec<Vec<String>>;

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "recall",
        "Find what people judged relevant",
        "698 real help-desk articles as notes of one pack, and 49 real questions, each a customer's situation in words, with the \
         articles that people judged necessary. Recall@k is the part of those among the first k, hit@5 how often one of them is \
         among the first five; means over all questions. FTS5 is SQLite's, with `unicode61`, asked for any of the words, ranked by \
         its bm25 with the title weighing 1, 5 or 10 times; once as asked, once without NLTK's English stop words. Grep orders articles \
         by how many of the words (without stop words) stand in them as whole words. Two weights of our recipe were chosen on these same questions.",
    );
    let (articles, questions) = (articles()?, questions()?);
    let ours = in_the_engine(context, &articles, &questions).await?;
    let mut sides = vec![("Kitbag, in the engine".to_owned(), ours)];
    for (name, stops) in [("raw", false), ("stop words out", true)] {
        for weight in [1, 5, 10] {
            let answers = fts5(&articles, &questions, weight, stops)?;
            sides.push((format!("FTS5, {name}, title ×{weight}"), answers));
        }
    }
    match grep(&context.fresh("articles"), &articles, &questions)? {
        Some(answers) => sides.push(("grep -c".to_owned(), answers)),
        None => item.remark("There is no grep here."),
    }
    let mut measured = Vec::new();
    for (name, answers) in &sides {
        let figures = figures(answers, &questions);
        for (what, figure) in figures {
            item.row(what, name, "of 1", &[figure]);
        }
        measured.push(figures);
    }
    let best = |at: usize| {
        let others = measured[1..].iter().map(|figures| figures[at].1);
        others.fold(0.0, f64::max)
    };
    item.at_least(
        "recall@5 beside the best other",
        1.2,
        "times",
        over(measured[0][0].1, best(0)),
    );
    item.at_least(
        "hit@5 beside the best other",
        1.0,
        "times",
        over(measured[0][3].1, best(3)),
    );
    Ok(item)
}

fn over(ours: f64, theirs: f64) -> Option<f64> {
    (theirs > 0.0).then(|| ours / theirs)
}

fn figures(answers: &Answers, questions: &[Question]) -> [(&'static str, f64); 4] {
    let found = |k: usize, at: usize| {
        let first = answers[at].iter().take(k);
        first
            .filter(|id| questions[at].relevant.contains(*id))
            .count()
    };
    let mean = |of: &dyn Fn(usize) -> f64| {
        (0..questions.len()).map(of).sum::<f64>() / questions.len() as f64
    };
    let recall = |k: usize| mean(&|at| found(k, at) as f64 / questions[at].relevant.len() as f64);
    [
        ("recall@5", recall(5)),
        ("recall@10", recall(10)),
        ("recall@20", recall(20)),
        ("hit@5", mean(&|at| f64::from(u8::from(found(5, at) > 0)))),
    ]
}

async fn in_the_engine(
    context: &Context,
    articles: &[Article],
    questions: &[Question],
) -> Result<Answers> {
    let home = context.fresh("recall");
    homes::make(&home, "Ada")?;
    let settings = Settings {
        offline: true,
        ..Settings::new(&home)
    };
    let engine = Engine::open(settings, None).await?;
    let pack = engine
        .create_pack("Help desk".into(), Sensitivity::Internal)
        .await?
        .id;
    let mut ids = BTreeMap::new();
    for some in articles.chunks(100) {
        let notes = some.iter().map(|article| NewNote {
            title: article.title.clone(),
            body: article.body.clone(),
            source: NewSource {
                label: "Help desk".into(),
                ..NewSource::default()
            },
            ..NewNote::default()
        });
        let added = engine.add_notes(pack, notes.collect()).await?;
        let of = some.iter().map(|article| article.id.clone());
        ids.extend(added.iter().map(|added| added.id).zip(of));
    }
    ensure!(ids.len() == articles.len(), "an article is there twice");
    let mut answers = Answers::new();
    for question in questions {
        let options = SearchOptions {
            query: question.text.clone(),
            packs: Some(vec![pack]),
            listed: Listed::Kept,
            filter: Filter::default(),
            limit: DEPTH,
            explain: false,
        };
        let found = engine.search(options).await?;
        let of = found.results.iter().map(|hit| ids[&hit.id].clone());
        answers.push(of.collect());
    }
    engine.shutdown().await;
    Ok(answers)
}

fn fts5(
    articles: &[Article],
    questions: &[Question],
    title_weight: u32,
    without_stop_words: bool,
) -> Result<Answers> {
    let db = Connection::open_in_memory()?;
    db.execute_batch(
        "create virtual table article using fts5(id unindexed, title, body, tokenize = 'unicode61')",
    )?;
    for article in articles {
        db.execute(
            "insert into article values (?1, ?2, ?3)",
            (&article.id, &article.title, &article.body),
        )?;
    }
    let mut ask = db.prepare(&format!(
        "select id from article where article match ?1
         order by bm25(article, 0, {title_weight}, 1), id limit {DEPTH}"
    ))?;
    let mut answers = Answers::new();
    for question in questions {
        let words = words(&question.text, without_stop_words);
        let any = words.iter().map(|word| format!("\"{word}\""));
        let query = any.collect::<Vec<_>>().join(" OR ");
        let ids = ask.query_map([query], |row| row.get(0))?;
        answers.push(ids.collect::<Result<_, _>>()?);
    }
    Ok(answers)
}

/// None if there is no such program.
fn grep(dir: &Path, articles: &[Article], questions: &[Question]) -> Result<Option<Answers>> {
    if Command::new("grep").arg("--version").output().is_err() {
        return Ok(None);
    }
    fs::create_dir_all(dir)?;
    for (at, article) in articles.iter().enumerate() {
        let text = format!("{}\n{}\n", article.title, article.body);
        fs::write(dir.join(at.to_string()), text)?;
    }
    let patterns: PathBuf = dir.with_extension("words");
    let mut answers = Answers::new();
    for question in questions {
        let words: Vec<String> = words(&question.text, true).into_iter().collect();
        fs::write(&patterns, words.join("\n"))?;
        let output = Command::new("grep")
            .args(["-r", "-o", "-i", "-w", "-F", "-f"])
            .args([&patterns, dir])
            .output()?;
        let output = String::from_utf8(output.stdout)?;
        let mut held: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for line in output.lines() {
            let (path, word) = line.split_once(':').context("grep names the file")?;
            let file = Path::new(path).file_name().context("a file")?;
            let at: usize = file.to_string_lossy().parse()?;
            held.entry(at).or_default().insert(word.to_lowercase());
        }
        let mut order: Vec<_> = held.iter().map(|(at, words)| (words.len(), *at)).collect();
        order.sort_by_key(|(words, at)| (std::cmp::Reverse(*words), *at));
        let ids = order
            .iter()
            .take(DEPTH)
            .map(|(_, at)| articles[*at].id.clone());
        answers.push(ids.collect());
    }
    Ok(Some(answers))
}

/// The different words of a question, in lower case.
fn words(text: &str, without_stop_words: bool) -> BTreeSet<String> {
    let stops: BTreeSet<&str> = stop_words::lookup("en")
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .filter(|word| !without_stop_words || !stops.contains(word))
        .map(str::to_owned)
        .collect()
}

fn lines(packed: &[u8]) -> Result<Vec<Value>> {
    let text = decompress_to_vec_with_limit(packed, 4 << 20)
        .map_err(|error| anyhow::anyhow!("the articles: {error:?}"))?;
    let text = String::from_utf8(text)?;
    text.lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

fn field(line: &Value, name: &str) -> Result<String> {
    let text = line[name].as_str().with_context(|| format!("no {name}"))?;
    Ok(text.to_owned())
}

fn articles() -> Result<Vec<Article>> {
    let packed = include_bytes!("../../../core/tests/fixtures/banking-documents.jsonl.deflate");
    let article = |line: &Value| -> Result<Article> {
        Ok(Article {
            id: field(line, "id")?,
            title: field(line, "title")?,
            body: field(line, "content")?,
        })
    };
    lines(packed)?.iter().map(article).collect()
}

fn questions() -> Result<Vec<Question>> {
    let packed =
        include_bytes!("../../../core/tests/fixtures/banking-search-judgements.jsonl.deflate");
    let question = |line: &Value| -> Result<Question> {
        let relevant = line["relevant"].as_array().context("no relevant ones")?;
        let ids = relevant.iter().filter_map(Value::as_str).map(str::to_owned);
        Ok(Question {
            text: field(line, "query")?,
            relevant: ids.collect(),
        })
    };
    lines(packed)?.iter().map(question).collect()
}
