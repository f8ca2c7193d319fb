//! What became of an import, for people and for programs.

use crate::words;
use kitbag_import::Told;
use kitbag_rpc::{Became, Code, Failure, ImportAudience, Imported, PackRef, Sensitivity, V1};
use serde::Serialize;
use std::collections::BTreeMap;

/// Skipped records that are told in a document, at most; all are counted.
const TOLD_MAX: usize = 1_000;
/// Of these, how many a person is told.
const TOLD_IN_WORDS: usize = 10;
/// Kinds of records that are counted by name, at most. A file may make up as many as it likes.
const UNKNOWN_KINDS_MAX: usize = 64;
const OTHER: &str = "other";

/// What was left behind, and why.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Why {
    /// Where in the files.
    #[serde(rename = "where")]
    place: String,
    /// Why, in a sentence.
    reason: String,
}

/// What was left behind while files were read.
#[derive(Debug, Default)]
pub(super) struct Left {
    skipped: Vec<Why>,
    skipped_total: u64,
    left_out: Vec<Why>,
    left_out_total: u64,
    unknown: BTreeMap<String, u64>,
}

impl Left {
    pub(super) fn skip(&mut self, file: Option<&str>, told: Told) {
        push(&mut self.skipped, why(file, told));
        self.skipped_total += 1;
    }

    pub(super) fn leave_out(&mut self, file: Option<&str>, told: Told) {
        push(&mut self.left_out, why(file, told));
        self.left_out_total += 1;
    }

    pub(super) fn unknown(&mut self, what: String) {
        count(&mut self.unknown, what, 1);
    }
}

fn why(file: Option<&str>, told: Told) -> Why {
    let place = match file {
        Some(file) => in_file(file, told.place),
        None => told.place,
    };
    Why {
        place,
        reason: told.reason,
    }
}

/// A place in one of several files; a file that is one note is named once.
pub(super) fn in_file(file: &str, place: String) -> String {
    match file == place {
        true => place,
        false => format!("{file}: {place}"),
    }
}

fn push(all: &mut Vec<Why>, one: Why) {
    if all.len() < TOLD_MAX {
        all.push(one);
    }
}

fn count(all: &mut BTreeMap<String, u64>, what: String, number: u64) {
    let is_full = all.len() >= UNKNOWN_KINDS_MAX && !all.contains_key(&what);
    let what = if is_full { OTHER.to_owned() } else { what };
    *all.entry(what).or_default() += number;
}

/// What became of an import.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    v: V1,
    pack: PackRef,
    dry_run: bool,
    /// Notes that were read and sent; in a dry run, that would be.
    read: u64,
    added: u64,
    unchanged: u64,
    updated: u64,
    deleted: u64,
    above: u64,
    /// Of those that were here already, how many stand lower than this import would put them.
    below: u64,
    refused: u64,
    /// Masked copies that were written.
    masked: u64,
    /// Notes that hold personal data, of which the original stands at restricted.
    personal_data: u64,
    /// How many notes hold each kind of it.
    personal_data_kinds: BTreeMap<String, u64>,
    /// Kinds that were stated of notes and of which nothing was found, with the number of those notes:
    /// they have no masked copy.
    not_found: BTreeMap<String, u64>,
    /// Of the added, how many say something else than was here before from the same place.
    changed: u64,
    /// How many stand, or would stand, at each sensitivity: masked copies too.
    at: BTreeMap<String, u64>,
    /// What gave no note, the first ones.
    skipped: Vec<Why>,
    skipped_total: u64,
    /// Parts of notes for which there is no room, the first ones.
    left_out: Vec<Why>,
    left_out_total: u64,
    /// Kinds of records that are not read, and how many.
    unknown: BTreeMap<String, u64>,
    audiences: Vec<ImportAudience>,
    /// The first note that was refused.
    #[serde(skip)]
    first_refused: Option<Why>,
}

impl Report {
    pub(super) fn new(pack: PackRef, dry_run: bool) -> Report {
        Report {
            v: V1,
            pack,
            dry_run,
            read: 0,
            added: 0,
            unchanged: 0,
            updated: 0,
            deleted: 0,
            above: 0,
            below: 0,
            refused: 0,
            masked: 0,
            personal_data: 0,
            personal_data_kinds: BTreeMap::new(),
            not_found: BTreeMap::new(),
            changed: 0,
            at: BTreeMap::new(),
            skipped: vec![],
            skipped_total: 0,
            left_out: vec![],
            left_out_total: 0,
            unknown: BTreeMap::new(),
            audiences: vec![],
            first_refused: None,
        }
    }

    /// Notes so far.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn left(&mut self, left: &Left) {
        self.skipped_total += left.skipped_total;
        self.left_out_total += left.left_out_total;
        for one in &left.skipped {
            push(&mut self.skipped, one.clone());
        }
        for one in &left.left_out {
            push(&mut self.left_out, one.clone());
        }
        for (what, &number) in &left.unknown {
            count(&mut self.unknown, what.clone(), number);
        }
    }

    /// Counts what the daemon answered for a batch, whose notes stood at these places.
    pub(super) fn imported(&mut self, places: &[String], imported: Imported) {
        for (place, note) in places.iter().zip(imported.notes) {
            self.read += u64::from(note.became != Became::Refused); // counted there
            match note.became {
                Became::Added => self.added += 1,
                Became::Unchanged => self.unchanged += 1,
                Became::Updated => self.updated += 1,
                Became::Deleted => self.deleted += 1,
                Became::Above => self.above += 1,
                Became::Refused => {
                    let reason = note.reason.unwrap_or_else(|| "it was refused".to_owned());
                    self.refuse(place.clone(), reason);
                }
            }
            self.below += u64::from(note.below);
            self.changed += u64::from(note.changed);
            for kind in note.not_found {
                *self.not_found.entry(kind).or_default() += 1;
            }
            let written = note.sensitivity.filter(|_| note.became == Became::Added);
            let copy = note.masked.as_ref().map(|copy| copy.sensitivity);
            for at in written.into_iter().chain(copy) {
                *self.at.entry(at.as_str().to_owned()).or_default() += 1;
            }
            self.masked += u64::from(note.masked.is_some());
            self.personal_data += u64::from(!note.held.is_empty());
            for kind in note.held {
                *self.personal_data_kinds.entry(kind).or_default() += 1;
            }
        }
        for audience in imported.audiences {
            self.audiences
                .retain(|one| one.sensitivity != audience.sensitivity);
            self.audiences.push(audience);
            self.audiences.sort_by_key(|one| one.sensitivity);
        }
    }

    /// Counts a note that is not taken in.
    pub(super) fn refuse(&mut self, place: String, reason: String) {
        self.read += 1;
        self.refused += 1;
        self.skipped_total += 1;
        let why = Why { place, reason };
        self.first_refused.get_or_insert_with(|| why.clone());
        push(&mut self.skipped, why);
    }

    /// Why the command fails although something was read: a file was not read to its end.
    pub(super) fn not_whole(&self, first_error: Failure) -> Failure {
        let notes = words::count(self.read, "note", "notes");
        let became = if self.dry_run {
            "would be sent"
        } else {
            "were sent"
        };
        let message = format!(
            "{}; {notes} that could be read {became}",
            first_error.message
        );
        Failure::new(first_error.code, message)
            .hint("mend the file and start the same import again: nothing is added twice")
    }

    /// Why the command fails, if nothing came of it: nothing could be read, or all was refused.
    pub(super) fn failure(&self, first_error: Option<&Failure>) -> Option<Failure> {
        if self.read == 0 {
            return first_error.cloned();
        }
        let all_refused = self.refused == self.read;
        let first = self.first_refused.as_ref().filter(|_| all_refused)?;
        let message = format!(
            "nothing was added: all {} were refused; the first, {}: {}",
            words::count(self.refused, "note", "notes"),
            words::inline(&first.place),
            words::inline(&first.reason)
        );
        Some(Failure::new(Code::Denied, message))
    }

    /// Why the command fails, if something was there to take in and all of it was skipped.
    pub(super) fn all_skipped(&self) -> Option<Failure> {
        let first = (self.read == 0).then(|| self.skipped.first());
        let Why { place, reason } = first.flatten()?;
        let (place, reason) = (words::inline(place), words::inline(reason));
        let message = match self.skipped_total {
            1 => format!("{place}: {reason}"),
            all => format!("all {all} records were skipped; the first, {place}: {reason}"),
        };
        let hint = "look at the file, or name another KIND: kitbag help import";
        Some(Failure::new(Code::BadInput, message).hint(hint))
    }

    /// Whether nothing came of it and nothing says why.
    fn is_empty(&self) -> bool {
        self.read == 0 && self.skipped_total == 0 && self.unknown.is_empty()
    }

    /// The same for a person; `none` says what to look for where nothing was found.
    pub(super) fn in_words(&self, none: &str, tags: &[String]) -> String {
        let notes = |number| words::count(number, "note", "notes");
        let mut lines = Vec::new();
        if self.dry_run {
            let pack = words::pack(&self.pack);
            lines.push(format!("Nothing was taken in. Into {pack} would go:"));
        }
        lines.push(self.counted());
        if self.is_empty() {
            lines.push(format!("Nothing was found to take in: {none}"));
        }
        if !tags.is_empty() && self.unchanged > 0 {
            let tags: Vec<String> = tags.iter().map(|tag| format!("+{tag}")).collect();
            lines.push(format!(
                "--tag is for new notes: those that were here keep the tags that they have. To add it: kitbag tag NOTE {}",
                words::shell(&tags)
            ));
        }
        for one in &self.audiences {
            let audience = words::audience(&self.pack, one.sensitivity, &one.audience);
            let written = self.at.get(one.sensitivity.as_str());
            lines.push(match (self.dry_run, written) {
                (false, _) => format!("Added to {audience}"),
                (true, written) => {
                    let notes = notes(written.copied().unwrap_or_default());
                    format!("{notes} would be added to {audience}")
                }
            });
        }
        if self.personal_data > 0 {
            lines.push(format!(
                "{} personal data ({}): originals {} at {}, with {}",
                words::count(self.personal_data, "note holds", "notes hold"),
                kinds(&self.personal_data_kinds),
                if self.dry_run { "would stand" } else { "stand" },
                Sensitivity::Restricted.title(),
                words::count(self.masked, "masked copy", "masked copies")
            ));
        }
        if !self.not_found.is_empty() {
            lines.push(format!(
                "No masked copy where personal data was stated and not found ({}): nobody knows where it \
                 stands. State only what can be found in a text, or nothing",
                kinds(&self.not_found)
            ));
        }
        told(&mut lines, "Skipped", self.skipped_total, &self.skipped);
        told(
            &mut lines,
            "Left out of notes",
            self.left_out_total,
            &self.left_out,
        );
        if !self.unknown.is_empty() {
            let kinds = self.unknown.iter().map(|(what, n)| format!("{n} {what}"));
            let kinds = kinds.collect::<Vec<_>>().join(", ");
            lines.push(format!("Not read, by kind: {}", words::inline(&kinds)));
        }
        lines.join("\n")
    }

    fn counted(&self) -> String {
        let mut parts = vec![
            format!(
                "{} {}",
                words::count(self.added, "note", "notes"),
                if self.dry_run { "new" } else { "added" }
            ),
            format!("{} unchanged", self.unchanged),
        ];
        for (number, what) in [
            (
                self.changed,
                "of the new ones from a place from which another text came before",
            ),
            (self.updated, "with a stricter consent by now"),
            (self.deleted, "deleted here before, and left so"),
            (self.above, "above your clearance by now"),
            (
                self.below,
                "at a lower sensitivity than this import would give them",
            ),
            (self.refused, "refused"),
        ] {
            if number > 0 {
                parts.push(format!("{number} {what}"));
            }
        }
        parts.join(", ")
    }
}

fn kinds(counted: &BTreeMap<String, u64>) -> String {
    let kinds = counted
        .iter()
        .map(|(kind, n)| format!("{} {n}", kind.replace('_', " ")));
    words::inline(&kinds.collect::<Vec<_>>().join(", "))
}

fn told(lines: &mut Vec<String>, what: &str, total: u64, first: &[Why]) {
    if total == 0 {
        return;
    }
    lines.push(format!("{what}: {total}"));
    let shown = first.iter().take(TOLD_IN_WORDS);
    let shown = shown.map(|one| {
        format!(
            "  {}: {}",
            words::inline(&one.place),
            words::inline(&one.reason)
        )
    });
    lines.extend(shown);
    let rest = total.saturating_sub(TOLD_IN_WORDS.min(first.len()) as u64);
    if rest > 0 {
        lines.push(format!("  and {rest} more"));
    }
}
