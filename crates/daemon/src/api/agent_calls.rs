//! What agents ask for: decided by the engine, made neutral, cut and counted here, reported, answered.
//!
//! The order is always the same: read, make neutral, cut to the tokens, count them against the agent's
//! day, report what is handed over, hand it over. Nothing leaves before all of that.
//! Spec: `docs/spec/mcp.md`.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use kitbag_engine::{
    self as engine, AgentAccess, AgentAnswer, AgentAsks, AgentEdit, AgentGrant, AgentReach,
    AgentRead, Claim, Filter, ItemId, NoteType, PackId, SHORT_ID_CHARS,
};
use kitbag_render::{AgentFormat, ESTIMATOR, Lines, Warning, neutral, neutral_note, tokens, words};
use kitbag_rpc::{
    AGENT_CONTEXT_TOKENS_MAX, AGENT_READ_NOTES_MAX, AGENT_READ_TOKENS_MAX, AGENT_RESULTS_MAX,
    AGENT_SEARCH_TOKENS_MAX, AgentAdd, AgentBundle, AgentChange, AgentChangesFound, AgentContext,
    AgentDropped, AgentExplain, AgentExplained, AgentFeedback, AgentFound, AgentHit,
    AgentListChanges, AgentListPacks, AgentNote, AgentNoteAdded, AgentNoteUpdated, AgentNotes,
    AgentPack, AgentPacks, AgentReadNotes, AgentSearch, AgentStep, AgentUpdate, Code, Failure,
    NoteFilter, V1,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

/// Results of a search for which nobody says how many.
const RESULTS_DEFAULT: u32 = 10;
/// Tokens of a search for which nobody says how many.
const SEARCH_TOKENS_DEFAULT: u32 = 1_500;
/// Tokens of one line of text in a result.
const SNIPPET_TOKENS: u64 = 60;
/// Tokens of a reading, and of a list of changes, for which nobody says how many.
const READ_TOKENS_DEFAULT: u32 = 4_000;
/// Tokens of a wish for context for which nobody says how many, and the fewest.
const CONTEXT_TOKENS_DEFAULT: u32 = 8_000;
const CONTEXT_TOKENS_MIN: u32 = 200;
/// Notes about a topic that are tried for a document, at most.
const CONTEXT_NOTES_MAX: usize = 50;
/// Notes that people changed that go before them, at most.
const CONTEXT_CHANGES_MAX: usize = 20;
/// Changes for which nobody says how many.
const CHANGES_DEFAULT: u32 = 20;
/// Tokens of the shortest piece of a text that is worth handing over.
const PIECE_TOKENS_MIN: u64 = 40;
/// Bytes of text that are looked at for each token of a piece: few words have more.
const BYTES_PER_TOKEN: usize = 8;
/// Bytes of what an agent says of its model or prompt, at most.
const SAYS_BYTES_MAX: usize = 200;

type Ids = Vec<(PackId, ItemId, engine::Sensitivity)>;

impl Served {
    /// The agent that asks, and what its reads depend on. What it reads for is said by its person, not by
    /// itself.
    fn asks(&self) -> Answered<(Arc<AgentGrant>, AgentAsks)> {
        let grant = self.agent()?;
        let terms = grant.agent().terms();
        let reach = AgentReach {
            id: grant.agent().id().to_string(),
            name: grant.name().to_string(),
            packs: terms.packs.clone(),
            clearance: terms.clearance,
            across_clients: false,
        };
        let purpose = terms.purpose.clone();
        let asks = AgentAsks {
            purpose,
            ..AgentAsks::of(reach)
        };
        Ok((grant, asks))
    }

    /// The packs that are named; all of the agent if none is.
    async fn packs_of_agent(
        &self,
        asks: &AgentAsks,
        ids: Vec<String>,
    ) -> Answered<Option<Vec<PackId>>> {
        if ids.is_empty() {
            return Ok(None);
        }
        if ids.len() > asks.reach.packs.len() {
            return Err(Failure::new(Code::NotFound, "no such pack"));
        }
        let packs = self.engine.agent_means_packs(asks.clone(), ids).await;
        packs.map(Some).map_err(|e| told(&e))
    }

    async fn notes_of_agent(
        &self,
        asks: &AgentAsks,
        ids: &[String],
    ) -> Answered<Vec<Option<ItemId>>> {
        let means = self.engine.agent_means(asks.clone(), ids.to_vec()).await;
        means.map_err(|e| told(&e))
    }

    /// One note; as if it were not there if it is not to be known of.
    async fn note_of_agent(&self, asks: &AgentAsks, id: &str) -> Answered<ItemId> {
        let ids = [id.to_owned()];
        let mut means = self.notes_of_agent(asks, &ids).await?;
        means.pop().flatten().ok_or_else(no_note)
    }

    async fn links_of_agent(&self, asks: &AgentAsks, ids: &[String]) -> Answered<BTreeSet<ItemId>> {
        if ids.len() > AGENT_READ_NOTES_MAX {
            return Err(bad(
                "derived_from",
                format!("at most {AGENT_READ_NOTES_MAX} notes"),
            ));
        }
        let means = self.notes_of_agent(asks, ids).await?;
        means.into_iter().map(|id| id.ok_or_else(no_note)).collect()
    }

    /// Counts what is to be handed over, and reports it: from here on it may be.
    async fn hand_over(
        &self,
        grant: &AgentGrant,
        asks: &AgentAsks,
        tokens: u64,
        read: Ids,
    ) -> Answered<()> {
        let spent = self
            .engine
            .spend_agent_tokens(grant.agent().id(), tokens)
            .await;
        spent.map_err(|e| told(&e))?;
        let reported = self.engine.report_agent_reads(asks.clone(), read).await;
        reported.map_err(|e| told(&e))
    }
}

/// What an agent is told of an error: neutral, and without advice that is for a person at a terminal.
fn told(error: &engine::EngineError) -> Failure {
    let failure = failed(error);
    let hint = match failure.code {
        Code::NotFound => Some("list_packs and search_items give ids that can be used"),
        Code::Denied | Code::ConsentRequired => {
            Some("explain_access says who decides; tell the person you work for")
        }
        Code::AgentTokens => Some("ask for less, or go on tomorrow"),
        _ => None,
    };
    Failure {
        message: neutral(&failure.message, Lines::One).text,
        hint: hint.map(str::to_owned),
        code: failure.code,
    }
}

fn bad(field: &str, why: impl Display) -> Failure {
    Failure::new(Code::BadInput, format!("{field}: {why}"))
}

fn no_note() -> Failure {
    Failure::new(Code::NotFound, "no such note")
        .hint("list_packs and search_items give ids that can be used")
}

fn word<T: FromStr<Err: Display>>(field: &str, word: &str) -> Answered<T> {
    word.parse().map_err(|e| bad(field, e))
}

/// An id as agents have it.
fn short(id: &impl Display) -> String {
    id.to_string().chars().take(SHORT_ID_CHARS).collect()
}

fn weigh(value: &impl Serialize) -> u64 {
    tokens(&serde_json::to_string(value).unwrap_or_default())
}

/// Text inside a line, with what was found in it.
fn line(text: &str, found: &mut BTreeSet<Warning>) -> String {
    let shown = neutral(text, Lines::One);
    found.extend(shown.warnings);
    shown.text
}

/// As much of neutral text inside a line as these tokens hold.
fn cut_line(text: String, max: u64) -> String {
    if tokens(&text) <= max {
        return text;
    }
    let mut kept = String::new();
    for word in text.split_inclusive(' ') {
        if tokens(&kept) + tokens(word) > max {
            break;
        }
        kept.push_str(word);
    }
    format!("{}…", kept.trim_end())
}

// ---- Packs -------------------------------------------------------------------------------------

pub(super) async fn packs(served: Served, _: AgentListPacks) -> Answered<AgentPacks> {
    let (grant, asks) = served.asks()?;
    let packs = served.engine.packs_for_agent(asks.clone()).await;
    let packs = packs.map_err(|e| told(&e))?.into_iter().map(|pack| {
        let mut found = BTreeSet::new();
        AgentPack {
            id: short(&pack.id),
            title: line(&pack.title, &mut found),
            clearance: pack.clearance.map(convert::sensitivity),
            default_sensitivity: convert::sensitivity(pack.default_sensitivity),
            notes: pack.notes,
            notes_is_exact: pack.notes_is_exact,
            refused: pack.refused.map(|why| why.rule()),
            writes: pack.writes && grant.has(engine::Scope::Add, crate::routes::now()).is_ok(),
            warnings: words(&found),
        }
    });
    let packs: Vec<AgentPack> = packs.collect();
    served
        .hand_over(&grant, &asks, weigh(&packs), vec![])
        .await?;
    Ok(AgentPacks { v: V1, packs })
}

// ---- Search ------------------------------------------------------------------------------------

pub(super) async fn search(served: Served, call: AgentSearch) -> Answered<AgentFound> {
    let (grant, asks) = served.asks()?;
    let limit = call.limit.unwrap_or(RESULTS_DEFAULT);
    if !(1..=AGENT_RESULTS_MAX).contains(&limit) {
        return Err(bad("limit", format!("from 1 to {AGENT_RESULTS_MAX}")));
    }
    let from = match &call.cursor {
        None => 0,
        Some(cursor) => {
            let number = cursor
                .strip_prefix('r')
                .and_then(|number| number.parse().ok());
            number.ok_or_else(|| bad("cursor", "is none that a search gave"))?
        }
    };
    let limit = limit as usize;
    let upto = (from + limit).min(engine::RESULTS_MAX);
    if from >= engine::RESULTS_MAX {
        return Err(bad("cursor", "no search goes further; narrow it instead"));
    }
    let max = call.max_tokens.unwrap_or(SEARCH_TOKENS_DEFAULT);
    let max = u64::from(max.clamp(PIECE_TOKENS_MIN as u32, AGENT_SEARCH_TOKENS_MAX));
    let mut options = engine::SearchOptions {
        query: call.query,
        packs: served.packs_of_agent(&asks, call.packs).await?,
        listed: engine::Listed::Kept,
        filter: convert::filter(NoteFilter {
            tags: call.tags,
            source_kind: call.source_kind,
            since: call.since,
            until: call.until,
            ..NoteFilter::default()
        })?,
        limit: upto,
        explain: false,
    };
    if call.superseded {
        options.filter.status = Some(engine::NoteStatus::Superseded);
    }
    let found = served.engine.agent_search(asks.clone(), options).await;
    let found = found.map_err(|e| told(&e))?;
    let (mut results, mut read, mut taken, mut truncated) = (vec![], vec![], 0, false);
    let shown = found.results.len();
    for hit in found.results.into_iter().skip(from) {
        let id = (hit.pack, hit.id, hit.sensitivity);
        let hit = agent_hit(hit);
        let takes = weigh(&hit);
        if taken + takes > max && !results.is_empty() {
            truncated = true;
            break;
        }
        taken += takes;
        results.push(hit);
        read.push(id);
    }
    let next = from + results.len();
    let more =
        truncated || (next < usize::try_from(found.total).unwrap_or(usize::MAX) && shown >= upto);
    served.hand_over(&grant, &asks, taken, read).await?;
    Ok(AgentFound {
        v: V1,
        next_cursor: (more && next < engine::RESULTS_MAX).then(|| format!("r{next}")),
        results,
        total: found.total,
        total_is_exact: found.total_is_exact,
        relaxed: found.relaxed,
        truncated,
        empty_reason: found.empty_reason.map(convert::empty_reason),
        tokens: taken,
    })
}

fn agent_hit(hit: engine::Hit) -> AgentHit {
    let mut found = BTreeSet::new();
    AgentHit {
        id: short(&hit.id),
        pack: short(&hit.pack),
        title: cut_line(line(&hit.title, &mut found), SNIPPET_TOKENS),
        source_label: cut_line(line(&hit.source, &mut found), SNIPPET_TOKENS),
        observed_at: convert::time(hit.observed_at.unwrap_or(hit.captured_at)),
        sensitivity: convert::sensitivity(hit.sensitivity),
        claim: hit.claim.map(|claim| claim.as_str().to_owned()),
        trust: hit.trust.as_str().to_owned(),
        note_type: hit.note_type.to_owned(),
        status: hit.status.to_owned(),
        snippet: cut_line(line(&hit.snippet.text, &mut found), SNIPPET_TOKENS),
        fields: hit
            .fields
            .iter()
            .map(|field| field.as_str().to_owned())
            .collect(),
        body_bytes: hit.body_bytes as u64,
        warnings: words(&found),
    }
}

// ---- Reading -----------------------------------------------------------------------------------

/// What reads on where an answer stopped.
struct Next {
    id: String,
    from: usize,
    version: String,
}

impl Next {
    /// A short or whole id, or `ID.OFFSET.VERSION`.
    fn parse(text: &str) -> Next {
        let mut parts = text.splitn(3, '.');
        let id = parts.next().unwrap_or_default().to_owned();
        let from = parts.next().and_then(|from| from.parse().ok()).unwrap_or(0);
        let version = parts.next().unwrap_or_default().to_owned();
        Next { id, from, version }
    }
}

fn version(of: &[u8; 32]) -> String {
    of[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn read(served: Served, call: AgentReadNotes) -> Answered<AgentNotes> {
    let (grant, asks) = served.asks()?;
    if !(1..=AGENT_READ_NOTES_MAX).contains(&call.ids.len()) {
        return Err(bad("ids", format!("from 1 to {AGENT_READ_NOTES_MAX}")));
    }
    let max = call.max_tokens.unwrap_or(READ_TOKENS_DEFAULT);
    let max = u64::from(max.clamp(CONTEXT_TOKENS_MIN, AGENT_READ_TOKENS_MAX));
    let asked: Vec<Next> = call.ids.iter().map(|text| Next::parse(text)).collect();
    let ids: Vec<String> = asked.iter().map(|next| next.id.clone()).collect();
    let means = served.notes_of_agent(&asks, &ids).await?;
    let known: Vec<ItemId> = means.iter().flatten().copied().collect();
    let notes = served.engine.agent_notes(asks.clone(), known).await;
    let mut notes = notes.map_err(|e| told(&e))?.into_iter();
    let mut answer = AgentNotes {
        v: V1,
        notes: vec![],
        unknown: vec![],
        left_out: vec![],
        tokens: 0,
    };
    let mut read = Vec::new();
    for (next, id) in asked.iter().zip(means) {
        let note = id.and_then(|_| notes.next());
        let Some(AgentRead::Note(pack, note)) = note else {
            answer.unknown.push(line(&next.id, &mut BTreeSet::new()));
            continue;
        };
        let left = max - answer.tokens;
        let handed = (pack, note.id, note.sensitivity);
        match piece(pack, *note, next, left) {
            Some(note) => {
                answer.tokens += note.tokens;
                answer.notes.push(note);
                read.push(handed);
            }
            None => answer.left_out.push(next.id.clone()),
        }
    }
    served.hand_over(&grant, &asks, answer.tokens, read).await?;
    Ok(answer)
}

/// As much of a note as these tokens hold, from where it is asked for; nothing if that is not worth it.
fn piece(pack: PackId, note: engine::ExportedNote, asked: &Next, max: u64) -> Option<AgentNote> {
    let version = version(&note.version);
    let changed = !asked.version.is_empty() && asked.version != version;
    let whole = note.record.body.clone();
    let mut from = if changed {
        0
    } else {
        asked.from.min(whole.len())
    };
    while !whole.is_char_boundary(from) {
        from -= 1;
    }
    let mut frame = agent_note(pack, note);
    frame.body.clear();
    let mut length = whole.len() - from;
    let room = usize::try_from(max)
        .unwrap_or(usize::MAX)
        .saturating_mul(BYTES_PER_TOKEN);
    length = boundary(&whole, from, length.min(room));
    let id = frame.id.clone();
    loop {
        let mut shown = frame.clone();
        shown.body = whole[from..from + length].to_owned();
        let warnings = neutral_note(&mut shown);
        let truncated = from + length < whole.len();
        let takes = weigh(&shown);
        if takes <= max {
            return Some(AgentNote {
                next: truncated.then(|| format!("{id}.{}.{version}", from + length)),
                note: shown,
                truncated: truncated || from > 0,
                changed,
                tokens: takes,
                warnings,
            });
        }
        // Whatever the text is, a piece gets shorter by a quarter at least.
        let fits =
            usize::try_from(u128::from(max) * length as u128 / u128::from(takes)).unwrap_or(0);
        let shorter = boundary(&whole, from, fits.min(length * 3 / 4));
        if shorter == 0 || max < PIECE_TOKENS_MIN {
            return None;
        }
        length = shorter;
    }
}

/// The end of a line, a sentence or a word near the end of a piece, or at least of a character.
fn boundary(text: &str, from: usize, length: usize) -> usize {
    let mut end = from + length;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end == text.len() {
        return end - from;
    }
    let piece = &text[from..end];
    let late = piece.len() / 2;
    let at = ["\n\n", "\n", ". ", " "].iter().find_map(|mark| {
        let at = piece.rfind(mark)? + mark.len();
        (at > late).then_some(at)
    });
    at.unwrap_or(piece.len())
}

/// A note as agents have it: short ids, and nothing of whom a consent is about.
fn agent_note(pack: PackId, note: engine::ExportedNote) -> kitbag_rpc::ExportedNote {
    let mut note = convert::exported(note);
    let cut = |id: &mut String| *id = short(id);
    cut(&mut note.id);
    note.supersedes.iter_mut().for_each(cut);
    note.derived_from.iter_mut().for_each(cut);
    note.added_by = None;
    if let Some(consent) = &mut note.consent {
        consent.subject = None;
        consent.evidence = None;
    }
    note.pack = Some(short(&pack));
    note
}

// ---- Context -----------------------------------------------------------------------------------

pub(super) async fn context(served: Served, call: AgentContext) -> Answered<AgentBundle> {
    let (grant, asks) = served.asks()?;
    let format = match call.format.as_deref() {
        None => AgentFormat::Xml,
        Some(word) => AgentFormat::parse(word)
            .ok_or_else(|| bad("format", "is one of xml, markdown, json"))?,
    };
    if call.topic.is_none() && call.ids.is_empty() && call.since_cursor.is_none() {
        return Err(bad("topic", "say what it is about, or name notes"));
    }
    if call.ids.len() > AGENT_READ_NOTES_MAX {
        return Err(bad("ids", format!("at most {AGENT_READ_NOTES_MAX}")));
    }
    let asks = AgentAsks {
        format: format.as_str(),
        ..asks
    };
    let max = call.max_tokens.unwrap_or(CONTEXT_TOKENS_DEFAULT);
    let max = u64::from(max.clamp(CONTEXT_TOKENS_MIN, AGENT_CONTEXT_TOKENS_MAX));
    let packs = served.packs_of_agent(&asks, call.packs).await?;
    let mut wanted: Vec<ItemId> = Vec::new();
    let (mut by_human, mut cursor) = (BTreeSet::new(), None);
    if let Some(since) = &call.since_cursor {
        let since = cursor_of(since)?;
        let changes = served
            .engine
            .agent_changes(
                asks.clone(),
                packs.clone(),
                Some(since),
                CONTEXT_CHANGES_MAX,
            )
            .await;
        let changes = changes.map_err(|e| told(&e))?;
        let human = changes.changes.iter().filter(|change| change.by_human);
        wanted.extend(human.map(|change| change.id));
        by_human.extend(wanted.iter().copied());
        cursor = Some(hex(&changes.cursor));
    }
    let mut dropped: Vec<AgentDropped> = Vec::new();
    let drop = |id: String, why: &str| AgentDropped {
        id,
        why: why.to_owned(),
    };
    for (text, id) in call
        .ids
        .iter()
        .zip(served.notes_of_agent(&asks, &call.ids).await?)
    {
        match id {
            Some(id) => wanted.push(id),
            None => dropped.push(drop(line(text, &mut BTreeSet::new()), "unknown")),
        }
    }
    if let Some(topic) = call.topic {
        let options = engine::SearchOptions {
            query: topic,
            packs,
            listed: engine::Listed::Kept,
            filter: Filter::default(),
            limit: CONTEXT_NOTES_MAX,
            explain: false,
        };
        let found = served.engine.agent_search(asks.clone(), options).await;
        wanted.extend(
            found
                .map_err(|e| told(&e))?
                .results
                .iter()
                .map(|hit| hit.id),
        );
    }
    let mut seen = BTreeSet::new();
    wanted.retain(|id| seen.insert(*id));
    wanted.truncate(engine::AGENT_NOTES_MAX);
    let notes = served
        .engine
        .agent_notes(asks.clone(), wanted.clone())
        .await;
    let notes = notes.map_err(|e| told(&e))?;
    let mut bundle = Bundle::new(format, max);
    let (mut item_ids, mut read) = (vec![], vec![]);
    let mut bodies: BTreeMap<String, String> = BTreeMap::new();
    for (id, note) in wanted.iter().zip(notes) {
        let AgentRead::Note(pack, note) = note else {
            // Of a note that somebody deleted the change is told, not the text.
            dropped.push(drop(short(id), "unknown"));
            continue;
        };
        let handed = (pack, note.id, note.sensitivity);
        let shown = agent_note(pack, *note);
        let text = shown.body.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && bodies.insert(text, shown.id.clone()).is_some() {
            dropped.push(drop(shown.id, "duplicate"));
            continue;
        }
        match bundle.take(shown) {
            Ok(id) => {
                item_ids.push(id);
                read.push(handed);
            }
            Err(id) => dropped.push(drop(id, "budget")),
        }
    }
    let changed_by_human = by_human
        .iter()
        .map(short)
        .filter(|id| item_ids.contains(id));
    let changed_by_human: Vec<String> = changed_by_human.collect();
    let (text, taken, warnings) = bundle.end();
    served.hand_over(&grant, &asks, taken, read).await?;
    Ok(AgentBundle {
        v: V1,
        text,
        tokens: taken,
        estimator: ESTIMATOR.to_owned(),
        item_ids,
        dropped,
        changed_by_human,
        cursor,
        warnings,
    })
}

/// A document that takes whole notes while there is room.
struct Bundle {
    format: AgentFormat,
    text: String,
    taken: u64,
    max: u64,
    notes: u64,
    warnings: BTreeSet<String>,
}

impl Bundle {
    fn new(format: AgentFormat, max: u64) -> Bundle {
        let text = format.head();
        Bundle {
            taken: tokens(&text) + tokens(format.foot()),
            text,
            format,
            max,
            notes: 0,
            warnings: BTreeSet::new(),
        }
    }

    /// Takes a note, or gives back its id if there is no room for all of it.
    fn take(&mut self, mut note: kitbag_rpc::ExportedNote) -> Result<String, String> {
        // No tokenizer makes fewer tokens of so many bytes than ours of the words in them.
        let room = usize::try_from(self.max - self.taken.min(self.max)).unwrap_or(usize::MAX);
        if note.body.len() > room.saturating_mul(4 * BYTES_PER_TOKEN) {
            return Err(note.id);
        }
        let warnings = neutral_note(&mut note);
        let text = self.format.note(&note, &warnings, self.notes);
        let takes = tokens(&text);
        if self.taken + takes > self.max {
            return Err(note.id);
        }
        self.taken += takes;
        self.text.push_str(&text);
        self.notes += 1;
        self.warnings.extend(warnings);
        Ok(note.id)
    }

    fn end(mut self) -> (String, u64, Vec<String>) {
        self.text.push_str(self.format.foot());
        let taken = tokens(&self.text);
        (self.text, taken, self.warnings.into_iter().collect())
    }
}

// ---- Changes -----------------------------------------------------------------------------------

fn cursor_of(text: &str) -> Answered<engine::Cursor> {
    let wrong = || bad("cursor", "is none that this device gave; leave it out");
    let bytes: Vec<u8> = (0..text.len())
        .step_by(2)
        .map(|at| {
            text.get(at..at + 2)
                .and_then(|two| u8::from_str_radix(two, 16).ok())
        })
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    bytes.try_into().map_err(|_| wrong())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn changes(served: Served, call: AgentListChanges) -> Answered<AgentChangesFound> {
    let (grant, asks) = served.asks()?;
    let limit = call.limit.unwrap_or(CHANGES_DEFAULT) as usize;
    if !(1..=engine::AGENT_CHANGES_MAX).contains(&limit) {
        return Err(bad(
            "limit",
            format!("from 1 to {}", engine::AGENT_CHANGES_MAX),
        ));
    }
    let packs = served.packs_of_agent(&asks, call.packs).await?;
    let cursor = call.cursor.as_deref().map(cursor_of).transpose()?;
    let found = served
        .engine
        .agent_changes(asks.clone(), packs, cursor, limit)
        .await;
    let found = found.map_err(|e| told(&e))?;
    let read = found
        .changes
        .iter()
        .filter(|change| change.status != "archived");
    let read: Ids = read
        .map(|change| (change.pack, change.id, change.sensitivity))
        .collect();
    let changes: Vec<AgentChange> = found.changes.into_iter().map(agent_change).collect();
    let taken = weigh(&changes);
    served.hand_over(&grant, &asks, taken, read).await?;
    Ok(AgentChangesFound {
        v: V1,
        changes,
        cursor: hex(&found.cursor),
        more: found.more,
        older: found.older,
        tokens: taken,
    })
}

fn agent_change(change: engine::AgentChange) -> AgentChange {
    let mut found = BTreeSet::new();
    let steps = change.steps.into_iter().map(|step| AgentStep {
        what: step.what,
        by: line(&step.by, &mut found),
        agent: step.agent.map(|agent| line(&agent, &mut found)),
        at: convert::time(step.at),
        fields: step
            .fields
            .iter()
            .map(|field| (*field).to_owned())
            .collect(),
    });
    let steps = steps.collect();
    AgentChange {
        id: short(&change.id),
        pack: short(&change.pack),
        title: cut_line(line(&change.title, &mut found), SNIPPET_TOKENS),
        source_label: cut_line(line(&change.source, &mut found), SNIPPET_TOKENS),
        note_type: change.note_type.to_owned(),
        sensitivity: convert::sensitivity(change.sensitivity),
        status: kitbag_render::status(change.status).to_owned(),
        by_human: change.by_human,
        steps,
        superseded_by: change.superseded_by.iter().map(short).collect(),
        at: convert::time(change.at),
        warnings: words(&found),
    }
}

// ---- Writing -----------------------------------------------------------------------------------

/// An agent whose writes wait for a person writes nothing here.
fn may_write(grant: &AgentGrant) -> Answered<()> {
    match grant.agent().terms().proposes {
        false => Ok(()),
        true => Err(Failure::new(
            Code::AgentDenied,
            "what this agent writes waits for a person, and proposals are not kept yet",
        )
        .hint("say in words what is to be written, and why")),
    }
}

fn says(field: &str, text: Option<String>) -> Answered<Option<String>> {
    match text {
        Some(text) if text.len() > SAYS_BYTES_MAX => {
            Err(bad(field, format!("at most {SAYS_BYTES_MAX} bytes")))
        }
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}

pub(super) async fn add(served: Served, call: AgentAdd) -> Answered<AgentNoteAdded> {
    let (grant, asks) = served.asks()?;
    may_write(&grant)?;
    let pack = served.packs_of_agent(&asks, vec![call.pack]).await?;
    let pack = pack.and_then(|packs| packs.first().copied());
    let pack = pack.ok_or_else(|| Failure::new(Code::NotFound, "no such pack"))?;
    let claim = call
        .claim
        .as_deref()
        .map(|claim| word("claim", claim))
        .transpose()?;
    let claim = match claim {
        None => Claim::Inference,
        Some(claim @ (Claim::Observation | Claim::Inference)) => claim,
        Some(_) => return Err(bad("claim", "of an agent is observation or inference")),
    };
    let note_type = match call.note_type.as_deref() {
        None => NoteType::Note,
        Some("template") => return Err(bad("type", "no agent writes templates")),
        Some(other) => word("type", other)?,
    };
    let note = engine::AgentNote {
        pack,
        title: call.title,
        body: call.body,
        source_label: call.source_label,
        uri: call.uri,
        note_type,
        tags: call.tags.into_iter().collect(),
        claim,
        confidence: call.confidence,
        sensitivity: call.sensitivity.map(convert::engine_sensitivity),
        derived_from: served.links_of_agent(&asks, &call.derived_from).await?,
        supersedes: served.links_of_agent(&asks, &call.supersedes).await?,
        observed_at: call.observed_at.map(convert::audit::moment),
        model: says("model", call.model)?,
        prompt: says("prompt", call.prompt)?,
        idempotency_key: call.idempotency_key,
    };
    served.agent_adds(&grant, asks, note).await
}

pub(super) async fn feedback(served: Served, call: AgentFeedback) -> Answered<AgentNoteAdded> {
    let (grant, asks) = served.asks()?;
    may_write(&grant)?;
    let verdict = match call.verdict.as_str() {
        verdict @ ("helpful" | "not_helpful" | "stale" | "wrong") => verdict,
        _ => {
            return Err(bad(
                "verdict",
                "is one of helpful, not_helpful, stale, wrong",
            ));
        }
    };
    let id = served.note_of_agent(&asks, &call.id).await?;
    let pack = served.engine.agent_pack_of(&asks, id).await;
    let pack = pack.map_err(|e| told(&e))?;
    let body = match call.text.trim() {
        "" => format!("{verdict}: {}", short(&id)),
        text => format!("{verdict}: {}\n\n{text}", short(&id)),
    };
    let note = engine::AgentNote {
        pack,
        title: format!("Feedback: {verdict}"),
        body,
        source_label: format!("Feedback of {}", grant.name()),
        uri: None,
        note_type: NoteType::Outcome,
        tags: ["feedback".to_owned(), verdict.to_owned()].into(),
        claim: Claim::Inference,
        confidence: None,
        sensitivity: None,
        derived_from: [id].into(),
        supersedes: BTreeSet::new(),
        observed_at: None,
        model: says("model", call.model)?,
        prompt: says("prompt", call.prompt)?,
        idempotency_key: None,
    };
    served.agent_adds(&grant, asks, note).await
}

impl Served {
    async fn agent_adds(
        &self,
        grant: &AgentGrant,
        asks: AgentAsks,
        note: engine::AgentNote,
    ) -> Answered<AgentNoteAdded> {
        let now = crate::routes::now();
        // What it may not read it is not told of either.
        let recalls = grant.has(engine::Scope::Read, now).is_ok()
            || grant.has(engine::Scope::Search, now).is_ok();
        let pack = note.pack;
        let added = self.engine.agent_add(asks, note, recalls).await;
        let added = added.map_err(|e| told(&e))?;
        let audience = match added.note {
            Some((_, at)) => self.engine.audience(pack, at).await.unwrap_or_default(),
            None => vec![],
        };
        let mut audience = convert::audience(audience);
        for member in &mut audience {
            member.name = line(&member.name, &mut BTreeSet::new());
            member.person = short(&member.person);
        }
        Ok(AgentNoteAdded {
            v: V1,
            id: added.note.map(|(id, _)| short(&id)),
            sensitivity: added.note.map(|(_, at)| convert::sensitivity(at)),
            became: match added.answer {
                AgentAnswer::Added => "added",
                AgentAnswer::SameKey => "same_key",
                AgentAnswer::SameContent => "same_content",
                AgentAnswer::Recalled => "recalled",
            }
            .to_owned(),
            masked: added.masked,
            audience,
        })
    }
}

pub(super) async fn update(served: Served, call: AgentUpdate) -> Answered<AgentNoteUpdated> {
    let (grant, asks) = served.asks()?;
    may_write(&grant)?;
    let id = served.note_of_agent(&asks, &call.id).await?;
    let superseded_by = match &call.superseded_by {
        Some(by) => Some(served.note_of_agent(&asks, by).await?),
        None => None,
    };
    let edit = AgentEdit {
        add_tags: call.add_tags,
        remove_tags: call.remove_tags,
        superseded_by,
        reactivate: call.reactivate,
    };
    let updated = served.engine.agent_update(asks, id, edit).await;
    let (_, changed) = updated.map_err(|e| told(&e))?;
    Ok(AgentNoteUpdated {
        v: V1,
        id: short(&id),
        changed,
    })
}

pub(super) async fn explain(served: Served, call: AgentExplain) -> Answered<AgentExplained> {
    let (grant, asks) = served.asks()?;
    let asked = line(&call.id, &mut BTreeSet::new());
    let ids = [call.id];
    let means = served.notes_of_agent(&asks, &ids).await?.pop().flatten();
    let access = match means {
        Some(id) => {
            let access = served.engine.agent_access(asks.clone(), id).await;
            access.map_err(|e| told(&e))?
        }
        None => AgentAccess::Unknown,
    };
    let (state, rule, ask) = match access {
        AgentAccess::Open(_) => ("open", None, vec![]),
        AgentAccess::Withheld { why, ask, .. } => ("withheld", Some(why.rule()), ask),
        AgentAccess::Unknown => ("unknown", None, vec![]),
    };
    let answer = AgentExplained {
        v: V1,
        id: asked,
        state: state.to_owned(),
        rule,
        ask: ask
            .iter()
            .map(|name| line(name, &mut BTreeSet::new()))
            .collect(),
    };
    served
        .hand_over(&grant, &asks, weigh(&answer), vec![])
        .await?;
    Ok(answer)
}

#[cfg(test)]
mod tests;
