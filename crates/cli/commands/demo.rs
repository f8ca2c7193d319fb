//! `kitbag demo`: two devices on this machine play the story with real sample data.
//!
//! It runs the very commands that a person would type, in homes of its own, over loopback. The data
//! is a part of tau-bench's airline conversations (MIT); its attribution stands in `demo/README.md`.

use crate::context::Context;
use crate::words;
use anyhow::{Context as _, bail};
use clap::Args;
use kitbag_rpc::V1;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::Serialize;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the homes of the demo, and say where they are
    #[arg(long)]
    keep: bool,
}

/// What came of the demo.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Told {
    v: V1,
    seconds: f64,
    notes: usize,
    held: usize,
    check_words: String,
    third_device_got_nothing: bool,
    identical: bool,
    merged: String,
    files_with_plaintext: usize,
    homes: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &DemoArgs) -> anyhow::Result<()> {
    let begun = Instant::now();
    let dir = tempfile::Builder::new()
        .prefix("kitbag-demo-")
        .tempdir()
        .context("make a directory for the demo")?;
    let stage = Stage {
        context,
        dir: dir.path(),
    };
    let told = stage.play();
    stage.stop();
    let mut told = told?;
    told.seconds = begun.elapsed().as_secs_f64();
    if args.keep {
        told.homes = Some(dir.keep());
    }
    if context.out.is_json() {
        return context.out.document(&told);
    }
    context.out.data(format!(
        "In {:.0} seconds: {} notes shared and in sync, one ticket used once, two offline edits merged, no plaintext in {} files.",
        told.seconds,
        told.notes,
        if told.files_with_plaintext == 0 { "any of the" } else { "all but some" },
    ))?;
    if let Some(homes) = &told.homes {
        context.out.say(format!(
            "The homes are kept: kitbag --home {} status",
            homes.join("ada").display()
        ));
    }
    Ok(())
}

struct Stage<'s> {
    context: &'s Context,
    dir: &'s Path,
}

const ADA: &str = "ada";
const BEN: &str = "ben";
const CLEO: &str = "cleo";
/// How long two devices get to find each other again.
const PATIENCE: Duration = Duration::from_secs(30);
/// The sample is a few dozen kilobytes.
const SAMPLE_BYTES_MAX: usize = 4 << 20;

impl Stage<'_> {
    fn play(&self) -> anyhow::Result<Told> {
        let (title, messages) = sample()?;
        for (home, name) in [(ADA, "Ada"), (BEN, "Ben"), (CLEO, "Cleo")] {
            self.ok(
                home,
                &[
                    "up", "--name", name, "--device", "demo", "--detach", "--listen", "loopback",
                ],
                "",
            )?;
        }
        self.say("Three people, a device each: Ada, Ben and Cleo. All of it on this machine, nothing leaves it.");

        let pack = text(&self.ok(ADA, &["pack", "create", &title], "")?["pack"]["id"])?;
        // What both are to hold: the notes, and of those with personal data the masked copies.
        let mut notes = Vec::new();
        let mut held = 0;
        for message in &messages {
            let args = [
                "add",
                &pack,
                "--source",
                &message.source,
                "--title",
                &message.title,
            ];
            let added = self.ok(ADA, &args, &message.body)?;
            held += usize::from(!added["masked"].is_null());
            let shared = match &added["masked"] {
                Value::Null => &added["note"],
                copy => &copy["note"],
            };
            notes.push(text(&shared["id"])?);
        }
        self.say(&format!("Ada keeps an agent's conversation with a customer as the pack “{title}”: {} notes, each with its source. {held} hold personal data: their originals are Restricted, with masked copies for the others.", notes.len()));

        let ticket = text(&self.ok(ADA, &["share", &pack, "--yes"], "")?["ticket"])?;
        let joined = self.ok(BEN, &["join", "-"], &ticket)?;
        let check_words = text(&joined["check_words"])?;
        self.wait_for_sync(BEN, &pack)?;
        let arrived = count(&self.ok(BEN, &["list", &pack], "")?)?;
        if arrived != notes.len() {
            bail!("Ben holds {arrived} of {} notes", notes.len());
        }
        let members = self.ok(ADA, &["members", &pack], "")?.to_string();
        if !members.contains(&check_words) {
            bail!("the two sides see different check words");
        }
        self.say(&format!("Ben joins with the ticket that Ada sent. Both see the same check words: {check_words}. All {arrived} notes are there, and of the {held} only the masked copies."));

        let refused = self.run(CLEO, &["join", "-"], &ticket)?;
        let third_device_got_nothing = !refused.status.success()
            && count_of(&self.ok(CLEO, &["pack", "list"], "")?, "packs")? == 0;
        let why: Value = serde_json::from_slice(&refused.stderr).unwrap_or_default();
        let why = why["error"]["message"]
            .as_str()
            .unwrap_or("refused")
            .to_owned();
        self.say(&format!(
            "Cleo tries the same ticket: {}. Cleo gets nothing.",
            words::inline(&why)
        ));

        let note = notes.first().context("the sample has notes")?;
        let merged = self.edit_offline(&pack, note, &messages[0].body)?;
        let identical = self.contents(ADA, &notes)? == self.contents(BEN, &notes)?;
        self.say(&format!(
            "Both go offline and edit the same note; back online both read: {}",
            words::inline(&merged)
        ));

        for home in [ADA, BEN, CLEO] {
            self.ok(home, &["down"], "")?;
        }
        let secrets: Vec<&str> = messages
            .iter()
            .map(|m| m.body.as_str())
            .filter(|body| body.len() >= 24)
            .collect();
        let files_with_plaintext = files_with(self.dir, &secrets)?;
        self.say(&format!("Looking through every file of the three devices for the notes' text: found in {files_with_plaintext}."));
        Ok(Told {
            v: V1,
            seconds: 0.0,
            notes: notes.len(),
            held,
            check_words,
            third_device_got_nothing,
            identical,
            merged,
            files_with_plaintext,
            homes: None,
        })
    }

    fn edit_offline(&self, pack: &str, note: &str, body: &str) -> anyhow::Result<String> {
        for home in [ADA, BEN] {
            self.ok(home, &["down"], "")?;
            self.ok(home, &["up", "--detach", "--offline"], "")?;
        }
        self.ok(
            ADA,
            &["edit", note, "--file", "-"],
            &format!("{body} (Ada: called back.)"),
        )?;
        self.ok(
            BEN,
            &["edit", note, "--file", "-"],
            &format!("(Ben: urgent.) {body}"),
        )?;
        for home in [ADA, BEN] {
            self.ok(home, &["down"], "")?;
            self.ok(home, &["up", "--detach"], "")?;
        }
        self.wait_for_sync(ADA, pack)?;
        self.wait_for_sync(BEN, pack)?;
        let merged = text(&self.ok(ADA, &["show", note], "")?["note"]["body"])?;
        if merged != format!("(Ben: urgent.) {body} (Ada: called back.)") {
            bail!("the two edits did not merge: {merged}");
        }
        Ok(merged)
    }

    fn contents(&self, home: &str, notes: &[String]) -> anyhow::Result<Vec<Value>> {
        let content = |note: &String| {
            let note = self.ok(home, &["show", note], "")?["note"].take();
            Ok(Value::from(vec![
                note["id"].clone(),
                note["title"].clone(),
                note["body"].clone(),
                note["source"].clone(),
            ]))
        };
        notes.iter().map(content).collect()
    }

    fn wait_for_sync(&self, home: &str, pack: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !self
            .run(home, &["sync", pack, "--wait"], "")?
            .status
            .success()
        {
            if begun.elapsed() > PATIENCE {
                bail!(
                    "the two devices did not meet within {} seconds",
                    PATIENCE.as_secs()
                );
            }
        }
        Ok(())
    }

    fn ok(&self, home: &str, args: &[&str], stdin: &str) -> anyhow::Result<Value> {
        let output = self.run(home, args, stdin)?;
        if !output.status.success() {
            bail!(
                "kitbag {} failed: {}",
                args.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        if output.stdout.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("read what kitbag {} printed", args.join(" ")))
    }

    fn run(&self, home: &str, args: &[&str], stdin: &str) -> anyhow::Result<std::process::Output> {
        let mut command = Command::new(std::env::current_exe().context("find this program")?);
        command
            .arg("--home")
            .arg(self.dir.join(home))
            .args(args)
            .arg("--json");
        // The demo's keys are of no worth; the person's own keyring is left alone.
        command
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env_remove("KITBAG_HOME");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("run kitbag")?;
        if let Some(mut pipe) = child.stdin.take() {
            let _ = pipe.write_all(stdin.as_bytes()); // a command that fails early does not read
        }
        child.wait_with_output().context("wait for kitbag")
    }

    fn stop(&self) {
        for home in [ADA, BEN, CLEO] {
            let _ = self.run(home, &["down"], ""); // it may not run
        }
    }

    fn say(&self, text: &str) {
        self.context.out.say(text);
    }
}

struct Message {
    title: String,
    body: String,
    source: String,
}

/// One conversation of the sample.
fn sample() -> anyhow::Result<(String, Vec<Message>)> {
    let packed = include_bytes!("../demo/airline.json.deflate");
    let json = decompress_to_vec_with_limit(packed, SAMPLE_BYTES_MAX)
        .ok()
        .context("unpack the sample")?;
    let all: Vec<Value> = serde_json::from_slice(&json).context("read the sample")?;
    let first = all.first().context("the sample has a conversation")?;
    let task = &first["task_id"];
    let messages = first["messages"]
        .as_array()
        .context("a conversation has messages")?;
    let notes = messages.iter().enumerate().map(|(at, message)| {
        let role = message["name"]
            .as_str()
            .or(message["role"].as_str())
            .unwrap_or("message");
        let calls = message["tool_calls"]
            .as_array()
            .map(|calls| Value::from(calls.clone()).to_string());
        let body = message["content"]
            .as_str()
            .map(str::to_owned)
            .or(calls)
            .unwrap_or_default();
        Message {
            title: format!("{role} {at}"),
            body,
            source: format!("Airline chat · task {task} · message {at}"),
        }
    });
    Ok((format!("Airline case {task}"), notes.collect()))
}

fn text(value: &Value) -> anyhow::Result<String> {
    Ok(value
        .as_str()
        .context("an answer lacks a field")?
        .to_owned())
}

fn count(list: &Value) -> anyhow::Result<usize> {
    count_of(list, "notes")
}

fn count_of(list: &Value, field: &str) -> anyhow::Result<usize> {
    Ok(list[field]
        .as_array()
        .context("an answer lacks a list")?
        .len())
}

/// How many files below a directory hold one of these texts.
fn files_with(dir: &Path, texts: &[&str]) -> anyhow::Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(dir).with_context(|| format!("look into {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found += files_with(&path, texts)?;
        } else if path.is_file() {
            let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let holds = |text: &&str| {
                bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
            };
            found += usize::from(texts.iter().any(holds));
        }
    }
    Ok(found)
}
