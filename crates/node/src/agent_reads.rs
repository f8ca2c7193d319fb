//! What an agent may read: one gate for whatever it finds, counts, opens or hears of.
//!
//! An agent is here what its reads depend on, a [`AgentReach`]; who it is and whether it is who it says
//! is decided above. The gate asks [`kitbag_core::release::decide`] about each note, as every other way
//! out does. What is above the agent's clearance, or in a pack that it was not given, does not exist for
//! it: no answer differs by it. Spec: `docs/spec/mcp.md`, "One decision for every read".

use crate::finding::{ExportedNote, ReadNote, exported};
use crate::replica::Gated;
use crate::{Node, NodeError};
use kitbag_core::content::report::{ReadPart, Via};
use kitbag_core::export::PURPOSE_BYTES_MAX;
use kitbag_core::id::{ClientId, ItemId, PackId, Timestamp};
use kitbag_core::policy::rules::{ReleaseRules, Unreadable};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::release::{Destination, Request, Verdict, Withheld, decide, limits, refuses};
use std::collections::{BTreeMap, BTreeSet};

/// Notes that one call reads, at most.
pub const AGENT_NOTES_MAX: usize = 64;
/// Notes of which more than the sensitivity decides that are looked at to count a pack, at most.
const COUNTED_MAX: usize = 256;
/// Persons who are named to be asked, at most.
const ASKED_MAX: usize = 3;

/// What an agent's reads depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentReach {
    /// Names what is kept for it. A name can be given again, an id never is.
    pub id: String,
    /// Its name, as the audit tells it.
    pub name: String,
    /// The packs that it was given.
    pub packs: BTreeSet<PackId>,
    /// Nothing above this.
    pub clearance: Sensitivity,
    /// Whether a person said that its packs may be of several clients.
    pub across_clients: bool,
}

impl AgentReach {
    /// By which way it asks.
    pub fn via(&self) -> Via {
        Via::Agent(self.name.clone())
    }
}

/// An agent, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentAsks {
    /// Who.
    pub reach: AgentReach,
    /// What for.
    pub purpose: Option<String>,
    /// In which format it is handed over.
    pub format: &'static str,
}

impl AgentAsks {
    /// For no stated purpose, as single notes.
    pub fn of(reach: AgentReach) -> AgentAsks {
        AgentAsks {
            reach,
            purpose: None,
            format: "json",
        }
    }
}

/// What may leave to an agent, pack by pack.
#[derive(Clone, Debug)]
pub(crate) struct AgentGate {
    asks: AgentAsks,
    now: Timestamp,
    packs: BTreeMap<PackId, PackGate>,
}

#[derive(Clone, Debug)]
struct PackGate {
    /// Nothing above this; nothing at all if absent.
    up_to: Option<Sensitivity>,
    /// Clients of the agent's other packs; nothing if they are not known here.
    beside: Result<BTreeSet<ClientId>, Unreadable>,
    /// What forbids everything.
    refused: Option<Withheld>,
}

impl AgentGate {
    /// The packs that the agent was given and that are here.
    pub(crate) fn packs(&self) -> Vec<PackId> {
        self.packs.keys().copied().collect()
    }

    /// Whether the agent was given this pack.
    pub(crate) fn knows(&self, pack: &PackId) -> bool {
        self.packs.contains_key(pack)
    }

    /// The highest sensitivity of which anything may leave a pack.
    pub(crate) fn up_to(&self, pack: &PackId) -> Option<Sensitivity> {
        self.packs.get(pack)?.up_to
    }

    /// What keeps all of a pack in.
    pub(crate) fn refused(&self, pack: &PackId) -> Option<Withheld> {
        self.packs.get(pack)?.refused
    }

    /// Whether a note may leave to the agent.
    pub(crate) fn lets(&self, node: &Node, note: &ReadNote) -> bool {
        self.judge(node, note) == Some(Verdict::Allowed)
    }

    /// The same, with what decides; nothing for a note that does not exist for the agent.
    pub(crate) fn judge(&self, node: &Node, note: &ReadNote) -> Option<Verdict> {
        let of = self.packs.get(&note.pack)?;
        if note.sensitivity > self.asks.reach.clearance {
            return None;
        }
        let rules = match (&of.beside, node.packs.get(&note.pack)?.release_rules()) {
            (Err(why), _) => Err(*why),
            (Ok(_), rules) => rules,
        };
        let request = self.request(of);
        Some(decide(&request, note.facts(&note.kinds()), rules, self.now))
    }

    /// Notes of a pack of which more than the sensitivity decides.
    pub(crate) fn gated(&self, node: &Node, pack: &PackId) -> Vec<ItemId> {
        let Some(up_to) = self.up_to(pack) else {
            return vec![];
        };
        let gated = node.packs.get(pack).map(|replica| replica.gated());
        let gated = gated.iter().flat_map(|gated| gated.iter());
        let below = gated.filter(|(_, sensitivity)| *sensitivity <= up_to);
        below.map(|(item, _)| *item).collect()
    }

    fn request<'a>(&'a self, of: &PackGate) -> Request<'a> {
        Request {
            beside: of.beside.clone().unwrap_or_default(),
            purpose: self.asks.purpose.as_deref(),
            format: Some(self.asks.format),
            up_to: Some(self.asks.reach.clearance),
            across_clients: self.asks.reach.across_clients,
            ..Request::to(Destination::Agent)
        }
    }
}

impl crate::replica::Replica {
    /// Notes in sight of which more than the sensitivity decides whether an agent may have them.
    pub(crate) fn gated(&self) -> Gated {
        let mut gated = self.gated.borrow_mut();
        let found = gated.get_or_insert_with(|| {
            let seen = self.in_sight().filter(|(meta, _)| meta.is_gated);
            seen.map(|(meta, at)| (meta.item, at)).collect()
        });
        found.clone()
    }
}

/// A pack as an agent sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSeesPack {
    /// Its id.
    pub id: PackId,
    /// Its title, as far as the agent may read it.
    pub title: String,
    /// The highest sensitivity that the agent reads there; nothing if nothing may leave to it.
    pub clearance: Option<Sensitivity>,
    /// Where a note stands that it adds without saying where.
    pub default_sensitivity: Sensitivity,
    /// Notes that it may read now.
    pub notes: u64,
    /// Whether every note was judged to count them.
    pub notes_is_exact: bool,
    /// What keeps all of it in.
    pub refused: Option<Withheld>,
    /// Whether this person may write there.
    pub writes: bool,
}

/// What became of one note that an agent asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentRead {
    /// It may have it. Links to what it may not read are left out.
    Note(PackId, Box<ExportedNote>),
    /// There is none that it may know of, or may have.
    Unknown,
}

/// Whether an agent may have a note, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentAccess {
    /// It may.
    Open(PackId),
    /// It may know of it, and not have it.
    Withheld {
        /// The pack.
        pack: PackId,
        /// What decides.
        why: Withheld,
        /// Who may change that, by the names that they told.
        ask: Vec<String>,
    },
    /// There is none that it may know of.
    Unknown,
}

impl Node {
    /// The gate for what an agent asks now.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for the purpose; [`NodeError::Store`].
    pub(crate) fn agent_gate(
        &self,
        now: Timestamp,
        asks: &AgentAsks,
    ) -> Result<AgentGate, NodeError> {
        if let Some(purpose) = &asks.purpose
            && (purpose.trim().is_empty() || purpose.len() > PURPOSE_BYTES_MAX)
        {
            return Err(NodeError::BadInput {
                field: "purpose",
                reason: format!("has to be between one and {PURPOSE_BYTES_MAX} bytes long"),
            });
        }
        let given = asks.reach.packs.iter().copied();
        let given: Vec<PackId> = given.filter(|pack| self.packs.contains(pack)).collect();
        let mut gate = AgentGate {
            asks: asks.clone(),
            now,
            packs: BTreeMap::new(),
        };
        for pack in &given {
            let others: Vec<PackId> = given.iter().copied().filter(|of| of != pack).collect();
            let mut of = PackGate {
                up_to: None,
                beside: self.clients_of(&others)?,
                refused: None,
            };
            let replica = self.packs.need(*pack)?;
            let rules = match &of.beside {
                Err(why) => Err(*why),
                Ok(_) => replica.release_rules(),
            };
            of.refused = refuses(&gate.request(&of), rules);
            let sight = replica.sight();
            let sees = |of: &Sensitivity| sight[*of as usize];
            let own = Sensitivity::ALL.into_iter().rev().find(sees);
            let ruled = rules.ok().and_then(highest);
            let lowest = [Some(asks.reach.clearance), own]
                .into_iter()
                .flatten()
                .chain(ruled);
            of.up_to = match (own, of.refused) {
                (Some(_), None) => lowest.min(),
                _ => None,
            };
            gate.packs.insert(*pack, of);
        }
        Ok(gate)
    }

    /// The packs of an agent that are here.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn packs_for_agent(
        &self,
        now: Timestamp,
        asks: &AgentAsks,
    ) -> Result<Vec<AgentSeesPack>, NodeError> {
        let gate = self.agent_gate(now, asks)?;
        let mut packs = Vec::new();
        for pack in gate.packs() {
            let replica = self.packs.need(pack)?;
            let clearance = gate.up_to(&pack);
            let (mut notes, mut looked, mut notes_is_exact) = (0, 0, true);
            for (meta, sensitivity) in replica.in_sight() {
                let is_kept = meta.status != kitbag_core::pack::note::Status::DELETED.as_str();
                if Some(sensitivity) > clearance || !is_kept {
                    continue;
                }
                if !meta.is_gated {
                    notes += 1;
                    continue;
                }
                looked += 1;
                if looked > COUNTED_MAX {
                    notes_is_exact = false;
                } else if let Some(note) = self.agent_look(pack, meta.item)? {
                    notes += u64::from(gate.lets(self, &note));
                }
            }
            let me = replica.policy.member(&self.me.person());
            packs.push(AgentSeesPack {
                id: pack,
                title: clearance.map_or_else(String::new, |max| self.title_up_to(pack, max)),
                clearance,
                default_sensitivity: replica.known_default_sensitivity(),
                notes,
                notes_is_exact,
                refused: gate.refused(&pack),
                writes: me.is_some_and(|me| me.role().may_write()),
            });
        }
        Ok(packs)
    }

    /// Reads notes for an agent, each in full, as far as it may have them; nothing is reported yet.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for more than [`AGENT_NOTES_MAX`]; [`NodeError::Store`].
    pub fn agent_notes(
        &self,
        now: Timestamp,
        asks: &AgentAsks,
        notes: &[ItemId],
    ) -> Result<Vec<AgentRead>, NodeError> {
        if notes.len() > AGENT_NOTES_MAX {
            return Err(NodeError::BadInput {
                field: "ids",
                reason: format!("at most {AGENT_NOTES_MAX} at once"),
            });
        }
        let gate = self.agent_gate(now, asks)?;
        notes
            .iter()
            .map(|item| self.agent_note(&gate, item))
            .collect()
    }

    fn agent_note(&self, gate: &AgentGate, item: &ItemId) -> Result<AgentRead, NodeError> {
        for pack in self.packs.that_hold(item) {
            if !gate.knows(&pack) {
                continue;
            }
            let Some(note) = self.agent_look(pack, *item)? else {
                continue;
            };
            if gate.lets(self, &note) {
                let replaced = self.packs.need(pack)?.replaced_by(item);
                let mut note = exported(note);
                note.record.supersedes.extend(replaced);
                self.only_known(gate, &mut note.record.supersedes)?;
                self.only_known(gate, &mut note.record.derived_from)?;
                return Ok(AgentRead::Note(pack, Box::new(note)));
            }
        }
        Ok(AgentRead::Unknown)
    }

    /// Leaves out links to notes that the agent may not have.
    fn only_known(&self, gate: &AgentGate, links: &mut BTreeSet<ItemId>) -> Result<(), NodeError> {
        let mut known = BTreeSet::new();
        for item in links.iter() {
            if self.agent_knows(gate, item)? {
                known.insert(*item);
            }
        }
        *links = known;
        Ok(())
    }

    /// Whether an agent may have a note, wherever it is.
    pub(crate) fn agent_knows(&self, gate: &AgentGate, item: &ItemId) -> Result<bool, NodeError> {
        for pack in self.packs.that_hold(item) {
            if gate.knows(&pack)
                && let Some(note) = self.agent_look(pack, *item)?
                && gate.lets(self, &note)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The pack of a note that the agent may have.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for any other note, whatever the reason; [`NodeError::Store`].
    pub fn agent_pack_of(
        &self,
        now: Timestamp,
        asks: &AgentAsks,
        item: ItemId,
    ) -> Result<PackId, NodeError> {
        let gate = self.agent_gate(now, asks)?;
        for pack in self.packs.that_hold(&item) {
            if gate.knows(&pack)
                && let Some(note) = self.agent_look(pack, item)?
                && gate.lets(self, &note)
            {
                return Ok(pack);
            }
        }
        Err(NodeError::NotFound("note"))
    }

    /// A note that does not open is for an agent as if it were not there.
    pub(crate) fn agent_look(
        &self,
        pack: PackId,
        item: ItemId,
    ) -> Result<Option<ReadNote>, NodeError> {
        match self.note_to_read(pack, item) {
            Err(NodeError::Damaged(_)) => Ok(None),
            other => other,
        }
    }

    /// Why an agent may, or may not, have a note, and whom to ask: as far as it may know that.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn agent_access(
        &self,
        now: Timestamp,
        asks: &AgentAsks,
        item: ItemId,
    ) -> Result<AgentAccess, NodeError> {
        let gate = self.agent_gate(now, asks)?;
        let mut access = AgentAccess::Unknown;
        for pack in self.packs.that_hold(&item) {
            if !gate.knows(&pack) {
                continue;
            }
            let Some(note) = self.agent_look(pack, item)? else {
                continue;
            };
            match gate.judge(self, &note) {
                None => {}
                Some(Verdict::Allowed) => return Ok(AgentAccess::Open(pack)),
                Some(Verdict::Withheld(why)) => {
                    let ask = self.agent_asks_whom(pack)?;
                    access = AgentAccess::Withheld { pack, why, ask };
                }
            }
        }
        Ok(access)
    }

    /// Admins of a pack, by name.
    fn agent_asks_whom(&self, pack: PackId) -> Result<Vec<String>, NodeError> {
        let replica = self.packs.need(pack)?;
        let admins = replica.policy.members().filter(|m| m.role() == Role::Admin);
        let names = admins.map(|member| self.name_of(replica, member.person));
        Ok(names.take(ASKED_MAX).collect())
    }

    /// Reports that text of these notes is handed to an agent; durable before this returns.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_agent_reads(
        &mut self,
        now: Timestamp,
        reach: &AgentReach,
        read: &[(PackId, ItemId, Sensitivity)],
    ) -> Result<(), NodeError> {
        let mut by_pack: BTreeMap<PackId, Vec<(ItemId, Sensitivity)>> = BTreeMap::new();
        for (pack, item, sensitivity) in read {
            by_pack
                .entry(*pack)
                .or_default()
                .push((*item, *sensitivity));
        }
        for (pack, read) in by_pack {
            self.report_reads(now, pack, &read, ReadPart::Now, &reach.via())?;
        }
        Ok(())
    }

    /// Reports that an agent asked for notes that it may not have: where each is, to whoever reads it.
    /// Of what this device does not know nothing is reported.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_agent_refused(
        &mut self,
        now: Timestamp,
        asks: &AgentAsks,
        notes: &[ItemId],
    ) -> Result<(), NodeError> {
        let gate = self.agent_gate(now, asks)?;
        for item in notes.iter().take(AGENT_NOTES_MAX) {
            for pack in self.packs.that_hold(item) {
                let Some(note) = self.agent_look(pack, *item)? else {
                    continue;
                };
                let rule = match gate.judge(self, &note) {
                    _ if !gate.knows(&pack) => "agent packs".to_owned(),
                    None => "agent clearance".to_owned(),
                    Some(Verdict::Allowed) => continue,
                    Some(Verdict::Withheld(why)) => why.rule(),
                };
                let via = asks.reach.via();
                self.report_denial_of_note(now, pack, *item, "read", &rule, via)?;
            }
        }
        Ok(())
    }
}

fn highest(rules: &ReleaseRules) -> Option<Sensitivity> {
    limits(rules, Destination::Agent).max_sensitivity
}

/// Characters of an id as agents have it: the beginning, 80 bits, so that a list of ids takes no more
/// tokens than what it is about.
pub const SHORT_ID_CHARS: usize = 16;
/// Characters of a whole id.
const ID_CHARS: usize = 52;

impl Node {
    /// The note that an agent means by an id, whole or short: one that it may have, or else one that is
    /// here, so that the refusal can be reported.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn agent_means(
        &self,
        now: Timestamp,
        asks: &AgentAsks,
        text: &str,
    ) -> Result<Option<ItemId>, NodeError> {
        if text.len() == ID_CHARS {
            return Ok(text.parse().ok());
        }
        let Some((first, last)) = range_of(text) else {
            return Ok(None);
        };
        let gate = self.agent_gate(now, asks)?;
        let mut here = None;
        for pack in gate.packs() {
            let found = self.packs.need(pack)?.notes.range(first..=last);
            for item in found.map(|(item, _)| *item).collect::<Vec<_>>() {
                if self.agent_knows(&gate, &item)? {
                    return Ok(Some(item));
                }
                here.get_or_insert(item);
            }
        }
        let others = match here {
            Some(_) => vec![],
            None => self.notes_called(text),
        };
        Ok(here.or_else(|| others.first().map(|(_, item)| *item)))
    }

    /// The pack that an agent means by an id, whole or short.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for any other than its own; [`NodeError::Store`].
    pub fn agent_means_pack(
        &self,
        now: Timestamp,
        asks: &AgentAsks,
        text: &str,
    ) -> Result<PackId, NodeError> {
        let gate = self.agent_gate(now, asks)?;
        let lower = text.to_ascii_lowercase();
        let mut packs = gate.packs().into_iter();
        let found = packs.find(|pack| {
            let id = pack.to_string();
            id == lower || (lower.len() == SHORT_ID_CHARS && id.starts_with(&lower))
        });
        found.ok_or(NodeError::NotFound("pack"))
    }
}

/// The ids that begin with a short one.
fn range_of(text: &str) -> Option<(ItemId, ItemId)> {
    if text.len() != SHORT_ID_CHARS || !text.is_ascii() {
        return None;
    }
    let first: ItemId = format!("{text}{}", "a".repeat(ID_CHARS - SHORT_ID_CHARS))
        .parse()
        .ok()?;
    let mut last = [0xff; 32];
    last[..10].copy_from_slice(&first.as_bytes()[..10]);
    Some((first, ItemId::from_bytes(last)))
}
