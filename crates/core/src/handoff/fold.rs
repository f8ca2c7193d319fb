//! The state of a hand-off: what all its acts come to.
//!
//! A pure function of the set of acts. They are taken in an order that every device finds alike: no
//! act before one that it had seen, and of those that had not seen each other first what brings the
//! work forward (the table of [`Class`]), then what the sender's side has confirmed, then the lowest
//! hash. Each then either may follow in the state that it meets, or is void and says why; nothing that
//! is void is lost, since its author wrote it and reads it.
//! Spec: `docs/spec/handoff.md`, "The fold".

use super::Mode;
use super::act::{Act, Decision, Outcome};
use super::draft::{Addressee, Draft};
use crate::id::{EntryHash, ItemId, PersonId, Timestamp};
use crate::policy::Role;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;

/// Where a hand-off stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Being written.
    Draft,
    /// Somebody is to look at it before it is sent.
    InReview,
    /// Sent.
    Submitted,
    /// On a device of whom it is for. Nobody has taken it.
    Delivered,
    /// Somebody has taken it.
    Accepted,
    /// They have begun.
    Working,
    /// They wait for an answer of the sender.
    InputRequired,
    /// It is done.
    Completed,
    /// It was not taken.
    Rejected,
    /// The sender took it back.
    Canceled,
    /// Another stands in its place.
    Superseded,
}

impl State {
    /// All of them.
    pub const ALL: [State; 11] = [
        Self::Draft,
        Self::InReview,
        Self::Submitted,
        Self::Delivered,
        Self::Accepted,
        Self::Working,
        Self::InputRequired,
        Self::Completed,
        Self::Rejected,
        Self::Canceled,
        Self::Superseded,
    ];

    /// The word in commands and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InReview => "in_review",
            Self::Submitted => "submitted",
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Rejected => "rejected",
            Self::Canceled => "canceled",
            Self::Superseded => "superseded",
        }
    }

    /// Whether nothing follows it.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Rejected | Self::Canceled | Self::Superseded
        )
    }

    /// Whether it was sent and nobody has taken it yet.
    pub const fn awaits_acceptance(self) -> bool {
        matches!(self, Self::Submitted | Self::Delivered)
    }

    /// Whether somebody has it.
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Accepted | Self::Working | Self::InputRequired)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why an act says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Void {
    /// It does not follow this state.
    NotNow(State),
    /// Somebody else had taken it, or took it at the same time.
    TakenBy(PersonId),
    /// Only whoever wrote the draft.
    NotAuthor,
    /// Only the sender.
    NotSender,
    /// Only the sender or an owner.
    NotSenderNorOwner,
    /// Only whom it is for.
    NotAddressee,
    /// Only whoever took it.
    NotHolder,
    /// Only whoever took it, or an owner.
    NotHolderNorOwner,
    /// Only people.
    PeopleOnly,
    /// Nobody looks at what they wrote themselves.
    OwnDraft,
    /// It names a draft that there is not, or not any more.
    OtherVersion,
    /// Nobody approved what it sends.
    NotApproved,
    /// It came after the hand-off's own end.
    TooLate,
    /// An approval is decided, and nothing else is.
    OtherMode,
}

impl Void {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotNow(_) => "not_now",
            Self::TakenBy(_) => "taken",
            Self::NotAuthor => "not_author",
            Self::NotSender => "not_sender",
            Self::NotSenderNorOwner => "not_sender_nor_owner",
            Self::NotAddressee => "not_addressee",
            Self::NotHolder => "not_holder",
            Self::NotHolderNorOwner => "not_holder_nor_owner",
            Self::PeopleOnly => "people_only",
            Self::OwnDraft => "own_draft",
            Self::OtherVersion => "other_version",
            Self::NotApproved => "not_approved",
            Self::TooLate => "too_late",
            Self::OtherMode => "other_mode",
        }
    }
}

/// Who did something: the person whose device wrote it, in which role, and the agent if one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By<'a> {
    /// The person.
    pub person: PersonId,
    /// The role of the grant under which it was written.
    pub role: Role,
    /// The agent's name.
    pub agent: Option<&'a str>,
}

/// One act with what its entry says of it.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Its entry.
    pub hash: EntryHash,
    /// The entries of this hand-off that its author had seen.
    pub deps: &'a [EntryHash],
    /// Who.
    pub by: By<'a>,
    /// When, by the author's clock.
    pub at: Timestamp,
    /// What.
    pub act: &'a Act,
}

/// The first entry of a hand-off.
#[derive(Clone, Copy, Debug)]
pub struct Created<'a> {
    /// Its entry.
    pub hash: EntryHash,
    /// Who.
    pub by: By<'a>,
    /// The first draft.
    pub draft: &'a Draft,
}

/// What the fold asks of everything around it.
pub trait World {
    /// Whether a person is in a team of the pack now.
    fn is_in_team(&self, team: &str, person: &PersonId) -> bool;
}

/// An act that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voided {
    /// Its entry.
    pub hash: EntryHash,
    /// Why.
    pub why: Void,
}

/// A question to the sender, or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The entry that holds it.
    pub hash: EntryHash,
    /// Whether it is an answer.
    pub answers: bool,
}

/// What all acts come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded<'a> {
    /// Where it stands.
    pub state: State,
    /// The entry that holds the draft in force: the one that was sent, or the newest.
    pub version: EntryHash,
    /// That draft.
    pub draft: &'a Draft,
    /// Whom it is for now.
    pub to: &'a Addressee,
    /// The version that somebody approved.
    pub approved: Option<EntryHash>,
    /// The act that sent it.
    pub submitted: Option<EntryHash>,
    /// Persons whose devices have it.
    pub delivered: BTreeSet<PersonId>,
    /// Who has it, and the act by which they took it.
    pub holder: Option<(PersonId, EntryHash)>,
    /// Whether the sender's side or an owner has seen that.
    pub confirmed: bool,
    /// How often it was given to somebody else.
    pub reassigned: u32,
    /// Questions and answers, in order.
    pub said: Vec<Said>,
    /// How it ended, if somebody completed it.
    pub outcome: Option<&'a Outcome>,
    /// What was decided, if it is an approval.
    pub decision: Option<(Decision, &'a str)>,
    /// The act that ended it.
    pub ended: Option<EntryHash>,
    /// What stands in its place.
    pub superseded_by: Option<ItemId>,
    /// All acts in the order in which they were taken; those that are void too.
    pub order: Vec<EntryHash>,
    /// Those that say nothing, in the same order.
    pub void: Vec<Voided>,
    /// Acts whose author had seen what is not here yet.
    pub waiting: Vec<EntryHash>,
}

impl Folded<'_> {
    /// Why an act says nothing; none if it counts, or is not here.
    pub fn is_void(&self, hash: &EntryHash) -> Option<Void> {
        let of = self.void.iter().find(|of| of.hash == *hash);
        of.map(|of| of.why)
    }
}

/// What goes first of acts that had not seen each other: what is written before what is sent, who takes
/// it before who does not, what is done before what undoes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Submit: what was sent is not rewritten.
    Send,
    /// Revise, request, approve, return.
    Write,
    /// Deliver, confirm.
    Tell,
    /// Accept, decide.
    Take,
    /// Start, ask, answer.
    Work,
    /// Complete.
    Finish,
    /// Reassign.
    Pass,
    /// Reject.
    Decline,
    /// Cancel, supersede.
    Withdraw,
}

impl Class {
    /// That of an act.
    pub const fn of(act: &Act) -> Class {
        match act {
            Act::Submit { .. } => Class::Send,
            Act::Revise(_)
            | Act::RequestReview(_)
            | Act::ApproveDraft(_)
            | Act::ReturnDraft { .. } => Class::Write,
            Act::Deliver | Act::Confirm(_) => Class::Tell,
            Act::Accept | Act::Decide { .. } => Class::Take,
            Act::Start | Act::Ask(_) | Act::Answer(_) => Class::Work,
            Act::Complete(_) => Class::Finish,
            Act::Reassign { .. } => Class::Pass,
            Act::Reject(_) => Class::Decline,
            Act::Cancel(_) | Act::Supersede(_) => Class::Withdraw,
        }
    }
}

/// By what an act is ordered among those that had not seen each other.
type Key = (Class, bool, EntryHash);

/// What all acts of a hand-off come to. Acts with one name count once.
pub fn fold<'a>(
    created: &Created<'a>,
    events: impl IntoIterator<Item = Event<'a>>,
    world: &impl World,
) -> Folded<'a> {
    let events: BTreeMap<EntryHash, Event<'a>> = events
        .into_iter()
        .filter(|event| event.hash != created.hash)
        .map(|event| (event.hash, event))
        .collect();
    let confirmed: BTreeSet<EntryHash> = events
        .values()
        .filter(|event| confirms(created, &event.by))
        .filter_map(|event| match event.act {
            Act::Confirm(accept) => Some(*accept),
            _ => None,
        })
        .collect();
    let key = |event: &Event<'_>| -> Key {
        let unconfirmed = !confirmed.contains(&event.hash);
        (Class::of(event.act), unconfirmed, event.hash)
    };
    let mut missing: BTreeMap<EntryHash, usize> = BTreeMap::new();
    let mut next: BTreeMap<EntryHash, Vec<EntryHash>> = BTreeMap::new();
    let mut ready: BinaryHeap<Reverse<Key>> = BinaryHeap::new();
    for event in events.values() {
        let deps: BTreeSet<&EntryHash> = event.deps.iter().collect();
        let open = deps.into_iter().filter(|dep| **dep != created.hash);
        let mut count = 0;
        for dep in open {
            next.entry(*dep).or_default().push(event.hash);
            count += 1;
        }
        match count {
            0 => ready.push(Reverse(key(event))),
            _ => drop(missing.insert(event.hash, count)),
        }
    }
    let mut folding = Folding::new(created, &confirmed, world);
    while let Some(Reverse((_, _, hash))) = ready.pop() {
        let Some(event) = events.get(&hash) else {
            continue;
        };
        folding.take(event);
        for after in next.get(&hash).into_iter().flatten() {
            let Some(count) = missing.get_mut(after) else {
                continue;
            };
            *count -= 1;
            if *count == 0 {
                missing.remove(after);
                ready.extend(events.get(after).map(|event| Reverse(key(event))));
            }
        }
    }
    let mut folded = folding.folded;
    folded.waiting = missing.into_keys().collect();
    folded
}

/// Whether somebody's word settles who took it.
fn confirms(created: &Created<'_>, by: &By<'_>) -> bool {
    by.person == created.by.person || by.role == Role::Admin
}

struct Folding<'a, 'w, W> {
    created: Created<'a>,
    confirmed: &'w BTreeSet<EntryHash>,
    versions: BTreeMap<EntryHash, &'a Draft>,
    world: &'w W,
    folded: Folded<'a>,
}

impl<'a, 'w, W: World> Folding<'a, 'w, W> {
    fn new(created: &Created<'a>, confirmed: &'w BTreeSet<EntryHash>, world: &'w W) -> Self {
        Folding {
            created: *created,
            confirmed,
            versions: BTreeMap::from([(created.hash, created.draft)]),
            world,
            folded: Folded {
                state: State::Draft,
                version: created.hash,
                draft: created.draft,
                to: &created.draft.to,
                approved: None,
                submitted: None,
                delivered: BTreeSet::new(),
                holder: None,
                confirmed: false,
                reassigned: 0,
                said: Vec::new(),
                outcome: None,
                decision: None,
                ended: None,
                superseded_by: None,
                order: Vec::new(),
                void: Vec::new(),
                waiting: Vec::new(),
            },
        }
    }

    fn take(&mut self, event: &Event<'a>) {
        self.folded.order.push(event.hash);
        if let Err(why) = self.step(event) {
            let hash = event.hash;
            self.folded.void.push(Voided { hash, why });
        }
    }

    fn step(&mut self, event: &Event<'a>) -> Result<(), Void> {
        let by = &event.by;
        let state = self.folded.state;
        let not_now = Err(Void::NotNow(state));
        match event.act {
            Act::Revise(draft) => {
                self.author(by)?;
                if !matches!(state, State::Draft | State::InReview) {
                    return not_now;
                }
                self.versions.insert(event.hash, draft);
                self.folded.state = State::Draft;
                self.folded.approved = None;
                self.hold_version(event.hash, draft);
            }
            Act::RequestReview(version) => {
                self.author(by)?;
                self.is_version(version)?;
                match state {
                    State::Draft => self.folded.state = State::InReview,
                    _ => return not_now,
                }
            }
            Act::ApproveDraft(version) => {
                self.reviewer(by)?;
                self.is_version(version)?;
                match state {
                    State::InReview => {
                        self.folded.state = State::Draft;
                        self.folded.approved = Some(*version);
                    }
                    _ => return not_now,
                }
            }
            Act::ReturnDraft { version, .. } => {
                self.reviewer(by)?;
                self.is_version(version)?;
                match state {
                    State::InReview => self.folded.state = State::Draft,
                    _ => return not_now,
                }
            }
            Act::Submit {
                version,
                needs_approval,
            } => {
                self.author(by)?;
                if state != State::Draft {
                    return not_now;
                }
                let draft = *self.versions.get(version).ok_or(Void::OtherVersion)?;
                if *needs_approval && self.folded.approved != Some(*version) {
                    return Err(Void::NotApproved);
                }
                self.hold_version(*version, draft);
                self.folded.state = State::Submitted;
                self.folded.submitted = Some(event.hash);
            }
            Act::Deliver => {
                self.is_addressed(by)?;
                match state {
                    State::Draft | State::InReview => return not_now,
                    State::Submitted => self.folded.state = State::Delivered,
                    _ => {}
                }
                self.folded.delivered.insert(by.person);
            }
            Act::Confirm(_) => {
                if !confirms(&self.created, by) {
                    return Err(Void::NotSenderNorOwner);
                }
            }
            Act::Accept => self.accept(event)?,
            Act::Reject(_) => {
                self.may_answer(by)?;
                self.open_to_answers()?;
                self.end(State::Rejected, event.hash);
            }
            Act::Cancel(_) => {
                if by.person != self.created.by.person && by.role != Role::Admin {
                    return Err(Void::NotSenderNorOwner);
                }
                if state.is_terminal() || state.is_held() {
                    return not_now;
                }
                self.end(State::Canceled, event.hash);
            }
            Act::Start => {
                self.holder(by)?;
                match state {
                    State::Accepted => self.folded.state = State::Working,
                    _ => return not_now,
                }
            }
            Act::Ask(_) => {
                self.holder(by)?;
                if !matches!(state, State::Accepted | State::Working) {
                    return not_now;
                }
                self.folded.state = State::InputRequired;
                self.say(event.hash, false);
            }
            Act::Answer(_) => {
                if by.person != self.created.by.person {
                    return Err(Void::NotSender);
                }
                if state != State::InputRequired {
                    return not_now;
                }
                self.folded.state = State::Working;
                self.say(event.hash, true);
            }
            Act::Reassign { to, .. } => {
                let is_owner = by.role == Role::Admin && by.agent.is_none();
                let may = is_owner || self.holder(by).is_ok();
                if !may {
                    return Err(Void::NotHolderNorOwner);
                }
                let from_nobody = is_owner && state.awaits_acceptance();
                if !state.is_held() && !from_nobody {
                    return not_now;
                }
                self.folded.to = to;
                self.folded.state = State::Submitted;
                self.folded.holder = None;
                self.folded.confirmed = false;
                self.folded.delivered.clear();
                self.folded.reassigned += 1;
            }
            Act::Complete(outcome) => {
                self.holder(by)?;
                if self.folded.draft.mode == Mode::Approve {
                    return Err(Void::OtherMode);
                }
                if !state.is_held() {
                    return not_now;
                }
                self.folded.outcome = Some(outcome);
                self.end(State::Completed, event.hash);
            }
            Act::Decide { decision, text } => {
                if self.folded.draft.mode != Mode::Approve {
                    return Err(Void::OtherMode);
                }
                if by.agent.is_some() {
                    return Err(Void::PeopleOnly);
                }
                match state.is_held() {
                    true => self.holder(by)?,
                    false => {
                        self.may_answer(by)?;
                        self.open_to_answers()?;
                    }
                }
                self.in_time(event)?;
                self.folded.decision = Some((*decision, text.as_str()));
                self.end(State::Completed, event.hash);
            }
            Act::Supersede(other) => {
                if by.person != self.created.by.person {
                    return Err(Void::NotSender);
                }
                if state.is_terminal() {
                    return not_now;
                }
                self.folded.superseded_by = Some(*other);
                self.end(State::Superseded, event.hash);
            }
        }
        Ok(())
    }

    fn accept(&mut self, event: &Event<'a>) -> Result<(), Void> {
        self.may_answer(&event.by)?;
        self.open_to_answers()?;
        self.in_time(event)?;
        self.folded.holder = Some((event.by.person, event.hash));
        self.folded.confirmed = self.confirmed.contains(&event.hash)
            || event.by.person == self.created.by.person
            || event.by.role == Role::Admin;
        match self.folded.draft.mode {
            Mode::Fyi => self.end(State::Completed, event.hash),
            Mode::Transfer | Mode::Consult | Mode::Approve => self.folded.state = State::Accepted,
        }
        Ok(())
    }

    fn hold_version(&mut self, version: EntryHash, draft: &'a Draft) {
        self.folded.version = version;
        self.folded.draft = draft;
        self.folded.to = &draft.to;
    }

    fn end(&mut self, state: State, by: EntryHash) {
        self.folded.state = state;
        self.folded.ended = Some(by);
    }

    fn say(&mut self, hash: EntryHash, answers: bool) {
        self.folded.said.push(Said { hash, answers });
    }

    /// Whoever wrote the draft: that person, and the agent if one did.
    fn author(&self, by: &By<'_>) -> Result<(), Void> {
        let author = &self.created.by;
        let same_hand = by.agent.is_none() || by.agent == author.agent;
        match by.person == author.person && same_hand {
            true => Ok(()),
            false => Err(Void::NotAuthor),
        }
    }

    /// Whoever looks at a draft: a person, and not one who wrote it with their own hand.
    fn reviewer(&self, by: &By<'_>) -> Result<(), Void> {
        let author = &self.created.by;
        match by.agent {
            Some(_) => Err(Void::PeopleOnly),
            None if by.person == author.person && author.agent.is_none() => Err(Void::OwnDraft),
            None => Ok(()),
        }
    }

    fn is_version(&self, version: &EntryHash) -> Result<(), Void> {
        match self.folded.version == *version {
            true => Ok(()),
            false => Err(Void::OtherVersion),
        }
    }

    /// Whether it is for this person or agent.
    fn is_addressed(&self, by: &By<'_>) -> Result<(), Void> {
        let is_for = match self.folded.to {
            Addressee::Person(person) => *person == by.person,
            Addressee::Team { name, members } => {
                members.contains(&by.person) || self.world.is_in_team(name, &by.person)
            }
            Addressee::Role(role) => by.role >= *role,
            Addressee::Agent { person, name } => {
                *person == by.person && by.agent.is_none_or(|agent| agent == name)
            }
        };
        match is_for {
            true => Ok(()),
            false => Err(Void::NotAddressee),
        }
    }

    /// Whether this person or agent may answer: an agent never does what is for people.
    fn may_answer(&self, by: &By<'_>) -> Result<(), Void> {
        self.is_addressed(by)?;
        match by.agent.is_some() && self.folded.to.is_human() {
            true => Err(Void::PeopleOnly),
            false => Ok(()),
        }
    }

    /// Whoever took it.
    fn holder(&self, by: &By<'_>) -> Result<(), Void> {
        match self.folded.holder {
            Some((person, _)) if person == by.person => {}
            _ => return Err(Void::NotHolder),
        }
        match by.agent.is_some() && self.folded.to.is_human() {
            true => Err(Void::PeopleOnly),
            false => Ok(()),
        }
    }

    fn open_to_answers(&self) -> Result<(), Void> {
        match (self.folded.state, self.folded.holder) {
            (state, _) if state.awaits_acceptance() => Ok(()),
            (state, Some((person, _))) if state.is_held() => Err(Void::TakenBy(person)),
            (state, _) => Err(Void::NotNow(state)),
        }
    }

    /// Whether an answer came before the end that the hand-off itself has, by what it says of its own
    /// moment. Every device reads the same.
    fn in_time(&self, event: &Event<'_>) -> Result<(), Void> {
        let end = self.folded.draft.sla.expires_at;
        match end.is_some_and(|end| event.at > end) {
            true => Err(Void::TooLate),
            false => Ok(()),
        }
    }
}

/// What follows from a hand-off's own times at some moment: told, never written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// It ended without an answer.
    pub expired: bool,
    /// Nobody took it in time.
    pub accept_overdue: bool,
    /// Nobody began in time.
    pub respond_overdue: bool,
    /// It is not settled in time.
    pub resolve_overdue: bool,
}

impl Times {
    /// At this moment.
    pub fn at(folded: &Folded<'_>, now: Timestamp) -> Times {
        let sla = &folded.draft.sla;
        let past = |end: Option<Timestamp>| end.is_some_and(|end| end < now);
        let state = folded.state;
        let open = !state.is_terminal() && folded.submitted.is_some();
        Times {
            expired: state.awaits_acceptance() && past(sla.expires_at),
            accept_overdue: state.awaits_acceptance() && past(sla.accept_by),
            respond_overdue: open
                && matches!(state, State::Submitted | State::Delivered | State::Accepted)
                && past(sla.respond_by),
            resolve_overdue: open && past(sla.resolve_by),
        }
    }

    /// Whether anything is.
    pub fn any(self) -> bool {
        self != Times::default()
    }
}

impl Folded<'_> {
    /// Whether the sender has to see to it: it presses, and nobody has it.
    pub fn is_with_sender(&self) -> bool {
        let moves = self.draft.mode == Mode::Transfer;
        !moves
            || !matches!(
                self.state,
                State::Accepted | State::Working | State::InputRequired | State::Completed
            )
    }
}
