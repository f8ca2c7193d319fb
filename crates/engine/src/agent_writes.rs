//! What an agent writes: as itself, at or above the pack's default, and never again what is here.
//!
//! Spec: `docs/spec/mcp.md`, "Writing".

use crate::{
    AgentAsks, AgentRead, Arriving, Became, Claim, Engine, EngineError, Incoming, ItemId, Listed,
    NoteEdit, NoteType, PackId, Record, SearchOptions, Sensitivity, Timestamp, Trust,
};
use crate::{CapturedNote, RecordProducedBy, RecordSource, Screening, SourceKind};
use kitbag_core::filter::Filter;
use kitbag_crypto::{HashLabel, Hasher};
use kitbag_node::agent_keys::AgentKey;
use kitbag_node::{Node, NodeError};
use std::collections::BTreeSet;

/// Bytes of a key, at most.
const KEY_BYTES_MAX: usize = 128;
/// Words of a new text by which its like is looked for.
const WORDS: usize = 8;
/// Notes that are compared with a new text, at most.
const COMPARED_MAX: usize = 10;
/// Characters that a text has before standing inside another makes it the same.
const INSIDE_CHARS_MIN: usize = 200;

/// A note that an agent adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentNote {
    /// The pack.
    pub pack: PackId,
    /// Title; may be empty.
    pub title: String,
    /// Body; may be empty if the title is not.
    pub body: String,
    /// The label of its source.
    pub source_label: String,
    /// Where that can be found.
    pub uri: Option<String>,
    /// What kind of thing it is.
    pub note_type: NoteType,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// What kind of statement it makes.
    pub claim: Claim,
    /// How sure the agent is, in thousandths.
    pub confidence: Option<u16>,
    /// Above the pack's default, if that is wanted.
    pub sensitivity: Option<Sensitivity>,
    /// Notes that it was made from.
    pub derived_from: BTreeSet<ItemId>,
    /// Notes of this pack that it replaces.
    pub supersedes: BTreeSet<ItemId>,
    /// When it was true or was said.
    pub observed_at: Option<Timestamp>,
    /// The agent's model, as it says.
    pub model: Option<String>,
    /// Which prompt or run, as it says.
    pub prompt: Option<String>,
    /// The same call again has the same key.
    pub idempotency_key: Option<String>,
}

/// Why a note that was to be added is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentAnswer {
    /// It is new.
    Added,
    /// The agent added it before, with the same key.
    SameKey,
    /// The same content from the same source.
    SameContent,
    /// A note that the agent may read says it.
    Recalled,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentAdded {
    /// The note as far as the agent may have it: of one with personal data the masked copy.
    pub note: Option<(ItemId, Sensitivity)>,
    /// Whether it is new.
    pub answer: AgentAnswer,
    /// Whether personal data was found, so that the original stands at restricted.
    pub masked: bool,
}

/// What an agent changes of a note.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentEdit {
    /// Tags to add.
    pub add_tags: Vec<String>,
    /// Tags to remove.
    pub remove_tags: Vec<String>,
    /// The note that replaces it.
    pub superseded_by: Option<ItemId>,
    /// Put it back in use, if it was replaced.
    pub reactivate: bool,
}

impl Engine {
    /// Adds a note for an agent; with `recalls` only what none of the notes that it may read says.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a pack that it was not given, or a note that it may not read;
    /// [`EngineError::Denied`] below the pack's default or above its clearance, or if this person may not
    /// write there; [`EngineError::Conflict`] for a key with which it added something else;
    /// [`EngineError::BadInput`], [`EngineError::Storage`].
    pub async fn agent_add(
        &self,
        asks: AgentAsks,
        note: AgentNote,
        recalls: bool,
    ) -> Result<AgentAdded, EngineError> {
        let default = self.agent_may_add(&asks, &note).await?;
        let content = content(&note);
        let key = note.idempotency_key.as_deref().map(key_of).transpose()?;
        if let Some(key) = key
            && let Some(known) = self.keyed(&asks, note.pack, key).await?
        {
            if known.content != content {
                return Err(EngineError::Conflict {
                    what: "with this idempotency_key something else was added".into(),
                });
            }
            return Ok(AgentAdded {
                note: known.note,
                answer: AgentAnswer::SameKey,
                masked: false,
            });
        }
        if recalls && let Some(here) = self.agent_recalled(&asks, &note).await? {
            return Ok(AgentAdded {
                note: Some(here),
                answer: AgentAnswer::Recalled,
                masked: false,
            });
        }
        let clearance = asks.reach.clearance;
        let pack = note.pack;
        let incoming = incoming(&asks, note, default);
        let arriving = Arriving {
            via: Some(asks.reach.via()),
            across_clients: asks.reach.across_clients,
            ..Arriving::default()
        };
        let done = self.capture_from(pack, vec![incoming.into()], Screening::Masked, arriving);
        let mut done = done.await?;
        let Some(CapturedNote { outcome, .. }) = done.notes.pop() else {
            return Err(EngineError::Fault);
        };
        let captured = outcome?;
        let whole = captured.id.zip(captured.sensitivity);
        let shown = [whole, captured.masked].into_iter().flatten();
        let shown = shown
            .filter(|(_, at)| *at <= clearance)
            .max_by_key(|(_, at)| *at);
        let added = AgentAdded {
            note: shown,
            answer: match captured.became {
                Became::Added => AgentAnswer::Added,
                _ => AgentAnswer::SameContent,
            },
            masked: captured.masked.is_some() || (whole.is_some() && shown.is_none()),
        };
        if let Some(key) = key {
            let note = shown;
            let key = AgentKey { key, content, note };
            self.keep_key(asks.reach.id, pack, key).await?;
        }
        Ok(added)
    }

    /// The pack's default, if the agent may add the note.
    async fn agent_may_add(
        &self,
        asks: &AgentAsks,
        note: &AgentNote,
    ) -> Result<Sensitivity, EngineError> {
        let (asks, pack, wanted) = (asks.clone(), note.pack, note.sensitivity);
        let linked: Vec<ItemId> = note.derived_from.union(&note.supersedes).copied().collect();
        let look = move |node: &mut Node, now| {
            if !asks.reach.packs.contains(&pack) {
                return Err(NodeError::NotFound("pack"));
            }
            for item in linked {
                node.agent_pack_of(now, &asks, item)?;
            }
            let default = node.default_sensitivity(pack)?;
            Ok((default, wanted.unwrap_or(default), asks.reach.clearance))
        };
        let (default, at, clearance) = self.worker()?.call(look).await?;
        if at < default {
            return Err(denied(
                "an agent adds nothing below the pack's default sensitivity",
            ));
        }
        if at > clearance {
            return Err(denied("that is above the clearance of this agent"));
        }
        Ok(default)
    }

    /// A note of the pack that says what the agent is about to add.
    async fn agent_recalled(
        &self,
        asks: &AgentAsks,
        note: &AgentNote,
    ) -> Result<Option<(ItemId, Sensitivity)>, EngineError> {
        let text = plain(match note.body.trim() {
            "" => &note.title,
            body => body,
        });
        let words: Vec<&str> = text
            .split(' ')
            .filter(|word| is_word(word))
            .take(WORDS)
            .collect();
        if words.is_empty() {
            return Ok(None);
        }
        let options = SearchOptions {
            query: words.join(" "),
            packs: Some(vec![note.pack]),
            listed: Listed::Kept,
            filter: Filter::default(),
            limit: COMPARED_MAX,
            explain: false,
        };
        let found = match self.agent_search(asks.clone(), options).await {
            Err(EngineError::BadInput { .. }) => return Ok(None), // no words to look for
            other => other?,
        };
        let ids: Vec<ItemId> = found.results.iter().map(|hit| hit.id).collect();
        let read = {
            let asks = asks.clone();
            move |node: &mut Node, now| node.agent_notes(now, &asks, &ids)
        };
        let is_bare = note.body.trim().is_empty();
        for read in self.worker()?.call(read).await? {
            let AgentRead::Note(_, here) = read else {
                continue;
            };
            let theirs = match is_bare {
                true => plain(&here.record.title),
                false => plain(&here.record.body),
            };
            let inside = text.chars().count() >= INSIDE_CHARS_MIN && theirs.contains(&text);
            let same_title = is_bare || plain(&here.record.title) == plain(&note.title);
            let same = theirs == text
                && (same_title
                    || note.title.trim().is_empty()
                    || text.len() >= SAME_BODY_BYTES_MIN);
            // One of its own from elsewhere is judged as the same content.
            if (same || inside) && !here.record.status.is_deleted() {
                return Ok(Some((here.id, here.sensitivity)));
            }
        }
        Ok(None)
    }

    async fn keyed(
        &self,
        asks: &AgentAsks,
        pack: PackId,
        key: [u8; 32],
    ) -> Result<Option<AgentKey>, EngineError> {
        let id = asks.reach.id.clone();
        let read = move |node: &mut Node, _| node.agent_key(&id, pack, &key);
        self.worker()?.call(read).await
    }

    async fn keep_key(&self, name: String, pack: PackId, key: AgentKey) -> Result<(), EngineError> {
        let keep = move |node: &mut Node, _| node.keep_agent_key(&name, pack, key);
        self.worker()?.call(keep).await
    }

    /// Changes tags of a note for an agent, or by what it is replaced. Says whether anything changed.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a note that it may not read; otherwise as [`Engine::edit_note`] and
    /// [`Engine::supersede`].
    pub async fn agent_update(
        &self,
        asks: AgentAsks,
        note: ItemId,
        edit: AgentEdit,
    ) -> Result<(PackId, bool), EngineError> {
        let pack = self.agent_pack_of(&asks, note).await?;
        let mut changed = Vec::new();
        if let Some(by) = edit.superseded_by {
            if self.agent_pack_of(&asks, by).await? != pack {
                return Err(EngineError::BadInput {
                    field: "superseded_by",
                    reason: "is a note of another pack".into(),
                });
            }
            let done = self.supersede(pack, note, by, false, false).await?;
            if done.changed {
                changed.push((pack, note));
                changed.extend(done.along.iter().map(|copy| (pack, copy.id)));
            }
        }
        let edits = !edit.add_tags.is_empty() || !edit.remove_tags.is_empty() || edit.reactivate;
        if edits {
            let wanted = NoteEdit {
                add_tags: edit.add_tags,
                remove_tags: edit.remove_tags,
                reactivate: edit.reactivate,
                ..NoteEdit::default()
            };
            if self.edit_note(pack, note, wanted).await?.written.is_some() {
                changed.push((pack, note));
            }
        }
        let is_changed = !changed.is_empty();
        if is_changed {
            let name = asks.reach.name;
            let keep = move |node: &mut Node, _| node.remember_agent_edits(&name, &changed);
            self.worker()?.call(keep).await?;
        }
        Ok((pack, is_changed))
    }

    /// The pack of a note that an agent may read.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for any other; [`EngineError::Storage`].
    pub async fn agent_pack_of(
        &self,
        asks: &AgentAsks,
        note: ItemId,
    ) -> Result<PackId, EngineError> {
        let asks = asks.clone();
        let look = move |node: &mut Node, now| match node.agent_pack_of(now, &asks, note) {
            Err(NodeError::NotFound(what)) => {
                node.report_agent_refused(now, &asks, &[note])?;
                Err(NodeError::NotFound(what))
            }
            other => other,
        };
        self.worker()?.call(look).await
    }
}

/// Bytes from which on the same text is the same note, whatever it is called.
const SAME_BODY_BYTES_MIN: usize = 40;

fn incoming(asks: &AgentAsks, note: AgentNote, default: Sensitivity) -> Incoming {
    let source = RecordSource {
        kind: SourceKind::Agent,
        label: note.source_label,
        uri: note.uri,
        app: None,
        author: None,
        locator: None,
        captured_at: Timestamp::from_millis(0), // the node fills in what it says itself
        observed_at: note.observed_at,
        captured_by: String::new(),
        trust: Trust::UntrustedExternal,
    };
    let mut record = Record::new([0; 16], note.note_type, source);
    record.title = note.title;
    record.body = note.body;
    record.tags = note.tags;
    record.claim = Some(note.claim);
    record.confidence = note.confidence;
    record.derived_from = note.derived_from;
    record.supersedes.clone_from(&note.supersedes);
    record.produced_by = Some(RecordProducedBy {
        agent: None,
        model: note.model,
        prompt: note.prompt,
    });
    Incoming {
        sensitivity: Some(note.sensitivity.unwrap_or(default)),
        replaces: note.supersedes,
        by_agent: Some(asks.reach.name.clone()),
        ..Incoming::new(record)
    }
}

/// A text without what says nothing: capitals, and how it is laid out.
fn plain(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// Whether a search reads it as nothing but a word.
fn is_word(word: &str) -> bool {
    word.chars().all(char::is_alphanumeric)
}

fn content(note: &AgentNote) -> [u8; 32] {
    let mut hasher = Hasher::new(HashLabel::Item);
    hasher.part(b"agent note");
    for part in [&note.title, &note.body, &note.source_label] {
        hasher.part(part.as_bytes());
    }
    *hasher.finish().as_bytes()
}

fn key_of(key: &str) -> Result<[u8; 32], EngineError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(EngineError::BadInput {
            field: "idempotency_key",
            reason: format!("has to be between one and {KEY_BYTES_MAX} bytes long"),
        });
    }
    let mut hasher = Hasher::new(HashLabel::Item);
    hasher.part(b"idempotency key");
    hasher.part(key.as_bytes());
    Ok(*hasher.finish().as_bytes())
}

fn denied(reason: &str) -> EngineError {
    EngineError::Denied {
        reason: reason.to_owned(),
        hint: None,
    }
}
