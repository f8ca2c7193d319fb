//! Agents: what a person lets a program do that a model steers, on one device.
//!
//! An [`Agent`] is a delegation: packs, a clearance, scopes, an end. It is local, so it stands in no log
//! and gives nobody a key; what it does not allow is refused by the daemon, not by sealing. Whoever shows
//! its secret gets an [`AgentGrant`], which is the only way to ask what it [may](AgentGrant::may).
//! Deliberately absent: what a pack's rules say to a note that it reads ([`crate::release`]).
//! Spec: `docs/spec/agents.md`.

use crate::codec::{self, CodecError};
use crate::id::{PackId, Timestamp, decode_base32};
use crate::policy::Sensitivity;
use data_encoding::BASE32_NOPAD;
use kitbag_crypto::{AgentSecret, Hash};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

/// Agents of one device, at most: a person looks through them.
pub const AGENTS_MAX: usize = 64;
/// Characters of a name, at most: it stands in every line of the audit.
pub const AGENT_NAME_BYTES_MAX: usize = 32;
/// Packs of one agent, at most; as many as one search names.
pub const AGENT_PACKS_MAX: usize = 64;
/// How long an agent lasts unless a person says otherwise, in milliseconds: 30 days.
pub const AGENT_TTL_MILLIS_DEFAULT: u64 = 30 * DAY_MILLIS;
/// How long it lasts at most, in milliseconds: 366 days, so that each is thought of again.
pub const AGENT_TTL_MILLIS_MAX: u64 = 366 * DAY_MILLIS;
/// Tokens of a day unless a person says otherwise.
pub const AGENT_TOKENS_DEFAULT: u64 = 200_000;
/// Tokens of a day, at most: beyond that it is no limit.
pub const AGENT_TOKENS_MAX: u64 = 1 << 40;
/// Bytes of a purpose, at most; as in a consent.
pub const AGENT_PURPOSE_BYTES_MAX: usize = 64;
/// Bytes of the words that say where its reads go, at most: one line.
pub const AGENT_READS_GO_BYTES_MAX: usize = 120;
/// Bytes of the kept list, at most: 64 agents with 64 packs each take 150 KiB.
pub const AGENTS_BYTES_MAX: usize = 256 << 10;
/// How the text of a secret begins.
pub const AGENT_SECRET_PREFIX: &str = "kitbag-agent-";

const AGENT_VERSION: u16 = 1;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
/// Parts of a day's tokens that are marked as spent at once.
const MARKS_PER_DAY: u64 = 16;
/// Tokens that are marked at once, at least: fewer are not worth a write.
const MARK_MIN: u64 = 1024;

/// What an agent may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Scope {
    /// Opens notes.
    #[n(0)]
    Read,
    /// Looks for notes and lists them.
    #[n(1)]
    Search,
    /// Adds notes.
    #[n(2)]
    Add,
    /// Changes notes.
    #[n(3)]
    Update,
    /// Hands work over, and asks what became of it.
    #[n(4)]
    Handoff,
    /// Says whether what it read was of use.
    #[n(5)]
    Feedback,
}

impl Scope {
    /// All of them.
    pub const ALL: [Scope; 6] = [
        Self::Read,
        Self::Search,
        Self::Add,
        Self::Update,
        Self::Handoff,
        Self::Feedback,
    ];

    /// The word in commands and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Add => "add",
            Self::Update => "update",
            Self::Handoff => "handoff",
            Self::Feedback => "feedback",
        }
    }

    /// Whether it changes what others read.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Add | Self::Update | Self::Handoff)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = AgentError;

    fn from_str(word: &str) -> Result<Scope, AgentError> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == word);
        found.ok_or(AgentError::Scope)
    }
}

/// An agent's id: a name can be given again, an id never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId([u8; 16]);

impl AgentId {
    /// Takes over the bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> AgentId {
        AgentId(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

/// An agent's name: short, lower-case ASCII, so that no two look alike and nothing needs quoting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName(String);

impl AgentName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgentName {
    type Err = AgentError;

    fn from_str(name: &str) -> Result<AgentName, AgentError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (1..=AGENT_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().next().is_some_and(plain)
            && name.bytes().all(|b| plain(b) || b"._@-".contains(&b));
        match fits {
            true => Ok(AgentName(name.to_owned())),
            false => Err(AgentError::Name),
        }
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why something is no agent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// A name that is none.
    #[error(
        "a name has 1 to {AGENT_NAME_BYTES_MAX} of a-z, 0-9 and . _ @ -, and begins with a letter or digit"
    )]
    Name,
    /// A word that is no scope.
    #[error("the scopes are read, search, add, update, handoff and feedback")]
    Scope,
    /// No scope.
    #[error("an agent needs at least one scope")]
    NoScope,
    /// No pack, or more than [`AGENT_PACKS_MAX`].
    #[error("an agent has 1 to {AGENT_PACKS_MAX} packs")]
    Packs,
    /// An end that is not after its beginning, or too far.
    #[error("an agent lasts longer than nothing, and at most 366 days")]
    Lifetime,
    /// No tokens, or too many to be a limit.
    #[error("tokens per day: 1 to {AGENT_TOKENS_MAX}")]
    Tokens,
    /// A purpose that no consent names.
    #[error("a purpose has 1 to {AGENT_PURPOSE_BYTES_MAX} bytes on one line")]
    Purpose,
    /// Words that say nothing, or too much.
    #[error("where its reads go is said in 1 to {AGENT_READS_GO_BYTES_MAX} bytes on one line")]
    ReadsGo,
    /// What was kept does not read back.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// What a person gives to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentTerms {
    /// What it is called.
    pub name: AgentName,
    /// The packs that it may use.
    pub packs: BTreeSet<PackId>,
    /// The most sensitive that it may open.
    pub clearance: Sensitivity,
    /// What it may ask for.
    pub scopes: BTreeSet<Scope>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Tokens that it may be handed in a day.
    pub max_tokens: u64,
    /// Whether what it writes waits for a person.
    pub proposes: bool,
    /// What it reads for, as consents name it.
    pub purpose: Option<String>,
    /// Where what it reads goes, in a person's words.
    pub reads_go_to: String,
}

/// An agent of this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    id: AgentId,
    secret: Hash,
    created_at: Timestamp,
    terms: AgentTerms,
    paused: bool,
    revoked_at: Option<Timestamp>,
}

/// Why an agent may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AgentDenied {
    /// There is no agent of this name with this secret.
    #[error("there is no agent by that name and secret")]
    Secret,
    /// A person ended it.
    #[error("this agent was revoked")]
    Revoked,
    /// A person told it to wait.
    #[error("this agent is paused")]
    Paused,
    /// Its time is over.
    #[error("this agent's time is over")]
    Expired,
    /// It was not given this scope.
    #[error("this agent may not do that: it has no scope `{0}`")]
    Scope(Scope),
    /// It was not given this pack.
    #[error("this agent may not use that pack")]
    Pack,
    /// It was not given anything so sensitive.
    #[error("that is above this agent's clearance")]
    Clearance,
    /// The tokens of this day are used up, or too few.
    #[error("that takes more tokens than this agent has left today: {left}")]
    Tokens {
        /// How many are left.
        left: u64,
    },
}

impl AgentDenied {
    /// The rule, as a report of the denial names it.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Secret => "agent secret",
            Self::Revoked => "agent revoked",
            Self::Paused => "agent paused",
            Self::Expired => "agent expired",
            Self::Scope(_) => "agent scope",
            Self::Pack => "agent packs",
            Self::Clearance => "agent clearance",
            Self::Tokens { .. } => "agent tokens",
        }
    }
}

impl Agent {
    /// Makes one for a secret.
    ///
    /// # Errors
    /// [`AgentError`] by what is out of its limits.
    pub fn new(
        id: AgentId,
        secret: &AgentSecret,
        now: Timestamp,
        terms: AgentTerms,
    ) -> Result<Agent, AgentError> {
        let agent = Agent {
            id,
            secret: secret.digest(),
            created_at: now,
            terms,
            paused: false,
            revoked_at: None,
        };
        agent.check()?;
        Ok(agent)
    }

    /// Its id.
    pub fn id(&self) -> AgentId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &AgentName {
        &self.terms.name
    }

    /// What it was given.
    pub fn terms(&self) -> &AgentTerms {
        &self.terms
    }

    /// When it was added.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Whether a person told it to wait.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// When a person ended it.
    pub fn revoked_at(&self) -> Option<Timestamp> {
        self.revoked_at
    }

    /// Tells it to wait, or to go on. Says whether that changed anything.
    pub fn pause(&mut self, paused: bool) -> bool {
        std::mem::replace(&mut self.paused, paused) != paused
    }

    /// Ends it for good. Says whether it had not ended so before.
    pub fn revoke(&mut self, now: Timestamp) -> bool {
        let is_new = self.revoked_at.is_none();
        self.revoked_at.get_or_insert(now);
        is_new
    }

    /// Whether it may act at all.
    ///
    /// # Errors
    /// [`AgentDenied::Revoked`], [`AgentDenied::Paused`], [`AgentDenied::Expired`]: the first of them.
    pub fn standing(&self, now: Timestamp) -> Result<(), AgentDenied> {
        if self.revoked_at.is_some() {
            Err(AgentDenied::Revoked)
        } else if self.paused {
            Err(AgentDenied::Paused)
        } else if now >= self.terms.expires_at {
            Err(AgentDenied::Expired)
        } else {
            Ok(())
        }
    }

    fn check(&self) -> Result<(), AgentError> {
        let terms = &self.terms;
        let lifetime = terms
            .expires_at
            .as_millis()
            .checked_sub(self.created_at.as_millis());
        if terms.scopes.is_empty() {
            Err(AgentError::NoScope)
        } else if !(1..=AGENT_PACKS_MAX).contains(&terms.packs.len()) {
            Err(AgentError::Packs)
        } else if !lifetime.is_some_and(|ms| (1..=AGENT_TTL_MILLIS_MAX).contains(&ms)) {
            Err(AgentError::Lifetime)
        } else if !(1..=AGENT_TOKENS_MAX).contains(&terms.max_tokens) {
            Err(AgentError::Tokens)
        } else if !(terms.purpose.iter()).all(|text| is_line(text, AGENT_PURPOSE_BYTES_MAX)) {
            Err(AgentError::Purpose)
        } else if !is_line(&terms.reads_go_to, AGENT_READS_GO_BYTES_MAX) {
            Err(AgentError::ReadsGo)
        } else {
            Ok(())
        }
    }
}

fn is_line(text: &str, bytes_max: usize) -> bool {
    !text.trim().is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control)
}

/// An agent that showed its secret. What it may is asked of this, and there is no other way to have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentGrant(Agent);

impl AgentGrant {
    /// Lets in whoever brings the secret of the agent of this name. A name that none has takes as long
    /// as one with a wrong secret, and is answered alike.
    ///
    /// # Errors
    /// [`AgentDenied::Secret`]; only after that what [`Agent::standing`] says.
    pub fn of(
        agents: &[Agent],
        name: &str,
        secret: Option<&AgentSecret>,
        now: Timestamp,
    ) -> Result<AgentGrant, AgentDenied> {
        let nobody = AgentSecret::from_bytes([0; 32]);
        let of_nobody = Hash::from_bytes([0; 32]); // no secret has this digest
        let agent = agents.iter().find(|agent| agent.name().as_str() == name);
        let kept = agent.map_or(&of_nobody, |agent| &agent.secret);
        let proven = secret.unwrap_or(&nobody).is_of(kept);
        match agent {
            Some(agent) if proven && secret.is_some() => {
                agent.standing(now)?;
                Ok(AgentGrant(agent.clone()))
            }
            _ => Err(AgentDenied::Secret),
        }
    }

    /// Whose it is.
    pub fn agent(&self) -> &Agent {
        &self.0
    }

    /// Its name.
    pub fn name(&self) -> &AgentName {
        self.0.name()
    }

    /// Its clearance: the highest sensitivity of which it may know that it exists.
    pub fn clearance(&self) -> Sensitivity {
        self.0.terms.clearance
    }

    /// Whether it may use this pack. One that it may not use is as if it were not there.
    pub fn sees_pack(&self, pack: &PackId) -> bool {
        self.0.terms.packs.contains(pack)
    }

    /// Whether it has this scope.
    ///
    /// # Errors
    /// [`AgentDenied::Scope`], or why it may not act at all.
    pub fn has(&self, scope: Scope, now: Timestamp) -> Result<(), AgentDenied> {
        self.0.standing(now)?;
        match self.0.terms.scopes.contains(&scope) {
            true => Ok(()),
            false => Err(AgentDenied::Scope(scope)),
        }
    }

    /// Whether it may do this with something of this sensitivity in a pack.
    ///
    /// # Errors
    /// [`AgentDenied`]: the first of standing, scope, pack and clearance.
    pub fn may(
        &self,
        scope: Scope,
        pack: &PackId,
        sensitivity: Sensitivity,
        now: Timestamp,
    ) -> Result<(), AgentDenied> {
        self.has(scope, now)?;
        if !self.sees_pack(pack) {
            Err(AgentDenied::Pack)
        } else if sensitivity > self.clearance() {
            Err(AgentDenied::Clearance)
        } else {
            Ok(())
        }
    }
}

/// A secret as people and files carry it.
pub fn secret_text(secret: &AgentSecret) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_TEXT_BYTES));
    let encoded = Zeroizing::new(BASE32_NOPAD.encode(secret.danger_expose()));
    text.push_str(AGENT_SECRET_PREFIX);
    text.extend(encoded.chars().map(|c| c.to_ascii_lowercase()));
    text
}

/// The secret in a text, if it is one. White space around it does not matter.
pub fn secret_of(text: &str) -> Option<AgentSecret> {
    let encoded = text.trim().strip_prefix(AGENT_SECRET_PREFIX)?;
    if encoded.len() != SECRET_TEXT_BYTES - AGENT_SECRET_PREFIX.len() {
        return None;
    }
    let bytes = Zeroizing::new(decode_base32(encoded)?);
    let bytes: [u8; 32] = bytes[..].try_into().ok()?;
    Some(AgentSecret::from_bytes(bytes))
}

/// Bytes of a secret's text: the prefix, and 32 bytes in base32.
pub const SECRET_TEXT_BYTES: usize = AGENT_SECRET_PREFIX.len() + 52;

/// What an agent was handed in one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    day: u64,
    spent: u64,
    /// All that may have been spent, as it is durable.
    mark: u64,
}

/// What spending takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// What is spent then.
    pub spent: Spent,
    /// Whether its mark has to be durable before anything is handed over.
    pub to_keep: bool,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptSpent {
    #[n(0)]
    version: u16,
    #[n(1)]
    day: u64,
    #[n(2)]
    mark: u64,
}

impl Spent {
    /// Tokens that are left today.
    pub fn left(&self, max_tokens: u64, now: Timestamp) -> u64 {
        max_tokens.saturating_sub(self.on(now).spent)
    }

    /// Spends so many. Spending none is asking.
    ///
    /// # Errors
    /// [`AgentDenied::Tokens`]; nothing is spent then.
    pub fn spend(
        &self,
        tokens: u64,
        max_tokens: u64,
        now: Timestamp,
    ) -> Result<Spending, AgentDenied> {
        let mut after = self.on(now);
        let left = max_tokens.saturating_sub(after.spent);
        if tokens > left {
            return Err(AgentDenied::Tokens { left });
        }
        after.spent += tokens;
        let to_keep = after.spent > after.mark;
        if to_keep {
            let step = (max_tokens / MARKS_PER_DAY).max(MARK_MIN);
            after.mark = after.spent.saturating_add(step).min(max_tokens);
        }
        Ok(Spending {
            spent: after,
            to_keep,
        })
    }

    /// What is spent of the day that it is. A clock that goes back stays in the day counted last.
    fn on(&self, now: Timestamp) -> Spent {
        let day = now.as_millis() / DAY_MILLIS;
        match day > self.day {
            true => Spent {
                day,
                ..Spent::default()
            },
            false => *self,
        }
    }

    /// The bytes in which it is kept.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&KeptSpent {
            version: AGENT_VERSION,
            day: self.day,
            mark: self.mark,
        })
    }

    /// Reads what was kept: all below the mark counts as spent.
    ///
    /// # Errors
    /// [`AgentError`] if it is not what [`Spent::encode`] gives.
    pub fn decode(bytes: &[u8]) -> Result<Spent, AgentError> {
        let kept: KeptSpent = codec::decode(bytes, SPENT_BYTES_MAX)?;
        if kept.version != AGENT_VERSION {
            return Err(CodecError::Malformed.into());
        }
        Ok(Spent {
            day: kept.day,
            spent: kept.mark,
            mark: kept.mark,
        })
    }

    /// What to count with where it cannot be told what was spent today: everything.
    pub fn all_of(max_tokens: u64, now: Timestamp) -> Spent {
        Spent {
            day: now.as_millis() / DAY_MILLIS,
            spent: max_tokens,
            mark: max_tokens,
        }
    }
}

/// Bytes of what is kept of a day, at most: three numbers in a map.
const SPENT_BYTES_MAX: usize = 64;

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptAgent {
    #[n(0)]
    version: u16,
    #[n(1)]
    id: ByteArray<16>,
    #[n(2)]
    name: String,
    #[n(3)]
    secret: ByteArray<32>,
    #[n(4)]
    packs: Vec<PackId>,
    #[n(5)]
    clearance: Sensitivity,
    #[n(6)]
    scopes: Vec<Scope>,
    #[n(7)]
    created_at: Timestamp,
    #[n(8)]
    expires_at: Timestamp,
    #[n(9)]
    max_tokens: u64,
    #[n(10)]
    proposes: bool,
    #[n(11)]
    paused: bool,
    #[n(12)]
    revoked_at: Option<Timestamp>,
    #[n(13)]
    purpose: Option<String>,
    #[n(14)]
    reads_go_to: String,
}

/// The bytes in which agents are kept.
pub fn encode_agents(agents: &[Agent]) -> Vec<u8> {
    let kept: Vec<KeptAgent> = agents.iter().map(KeptAgent::of).collect();
    codec::encode(&kept)
}

/// Reads agents that were kept.
///
/// # Errors
/// [`AgentError`] if it is not what [`encode_agents`] gives.
pub fn decode_agents(bytes: &[u8]) -> Result<Vec<Agent>, AgentError> {
    let kept: Vec<KeptAgent> = codec::decode(bytes, AGENTS_BYTES_MAX)?;
    let agents: Vec<Agent> = kept
        .into_iter()
        .map(KeptAgent::into_agent)
        .collect::<Result<_, _>>()?;
    let names: BTreeSet<&AgentName> = agents.iter().map(Agent::name).collect();
    // Sets put in order what was not: only the bytes that are written are read.
    let is_canonical = names.len() == agents.len()
        && agents.len() <= AGENTS_MAX
        && encode_agents(&agents) == bytes;
    match is_canonical {
        true => Ok(agents),
        false => Err(CodecError::NotCanonical.into()),
    }
}

impl KeptAgent {
    fn of(agent: &Agent) -> KeptAgent {
        let terms = &agent.terms;
        KeptAgent {
            version: AGENT_VERSION,
            id: agent.id.0.into(),
            name: terms.name.0.clone(),
            secret: (*agent.secret.as_bytes()).into(),
            packs: terms.packs.iter().copied().collect(),
            clearance: terms.clearance,
            scopes: terms.scopes.iter().copied().collect(),
            created_at: agent.created_at,
            expires_at: terms.expires_at,
            max_tokens: terms.max_tokens,
            proposes: terms.proposes,
            paused: agent.paused,
            revoked_at: agent.revoked_at,
            purpose: terms.purpose.clone(),
            reads_go_to: terms.reads_go_to.clone(),
        }
    }

    fn into_agent(self) -> Result<Agent, AgentError> {
        if self.version != AGENT_VERSION {
            return Err(CodecError::Malformed.into());
        }
        let agent = Agent {
            id: AgentId(self.id.into()),
            secret: Hash::from_bytes(self.secret.into()),
            created_at: self.created_at,
            terms: AgentTerms {
                name: self.name.parse()?,
                packs: self.packs.into_iter().collect(),
                clearance: self.clearance,
                scopes: self.scopes.into_iter().collect(),
                expires_at: self.expires_at,
                max_tokens: self.max_tokens,
                proposes: self.proposes,
                purpose: self.purpose,
                reads_go_to: self.reads_go_to,
            },
            paused: self.paused,
            revoked_at: self.revoked_at,
        };
        agent.check()?;
        Ok(agent)
    }
}

#[cfg(test)]
mod tests;
