//! The fold: every pair and many triples of acts in every order, beside a table; rights; deadlines.

use super::act::Signed;
use super::*;
use crate::codec;
use crate::content::{EntryBody, pack_body, unpack_body};
use crate::id::{EntryHash, ItemId, PersonId, Timestamp};
use crate::policy::Role;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SENDER: PersonId = PersonId::from_bytes([1; 32]);
const BEN: PersonId = PersonId::from_bytes([2; 32]);
const DANA: PersonId = PersonId::from_bytes([3; 32]);
const OWNER: PersonId = PersonId::from_bytes([4; 32]);
const STRANGER: PersonId = PersonId::from_bytes([5; 32]);
const NEWCOMER: PersonId = PersonId::from_bytes([6; 32]);

fn hash(n: u8) -> EntryHash {
    EntryHash::from_bytes([n; 32])
}

fn item(n: u8) -> ItemId {
    ItemId::from_bytes([n; 32])
}

struct Teams;

impl World for Teams {
    fn is_in_team(&self, team: &str, person: &PersonId) -> bool {
        team == "billing" && *person == NEWCOMER
    }
}

fn reason() -> Reason {
    Reason {
        code: "other".into(),
        text: "beyond what the agent may do".into(),
        rule: None,
    }
}

fn team() -> Addressee {
    Addressee::Team {
        name: "billing".into(),
        members: BTreeSet::from([BEN, DANA]),
    }
}

fn draft(mode: Mode, to: Addressee) -> Draft {
    Draft {
        requested: (mode == Mode::Approve).then(|| RequestedAction {
            action: "refund".into(),
            args: "40 euro".into(),
        }),
        ..Draft::new(mode, to, reason(), "Wants a refund.".into())
    }
}

fn outcome() -> Box<Outcome> {
    Box::new(Outcome::new(Disposition::Resolved))
}

/// An act that somebody does, as the tests write it down.
#[derive(Clone, Debug)]
struct Did {
    hash: EntryHash,
    deps: Vec<EntryHash>,
    person: PersonId,
    role: Role,
    agent: Option<&'static str>,
    at: u64,
    act: Act,
}

/// A hand-off and what was done about it.
#[derive(Clone, Debug)]
struct Case {
    draft: Draft,
    agent: Option<&'static str>,
    did: Vec<Did>,
}

const FIRST: u8 = 100;

impl Case {
    fn new(mode: Mode, to: Addressee) -> Case {
        Case {
            draft: draft(mode, to),
            agent: None,
            did: Vec::new(),
        }
    }

    fn role(person: PersonId) -> Role {
        if person == OWNER {
            Role::Admin
        } else {
            Role::Editor
        }
    }

    /// After everything that was done so far.
    fn then(mut self, n: u8, person: PersonId, act: Act) -> Case {
        let last = self.did.last().map_or(hash(FIRST), |did| did.hash);
        self.did.push(did(n, vec![last], person, act));
        self
    }

    fn sent(mode: Mode, to: Addressee) -> Case {
        Case::new(mode, to).then(101, SENDER, submit())
    }

    fn fold_in<'a>(&'a self, order: impl IntoIterator<Item = &'a Did>) -> Folded<'a> {
        let created = Created {
            hash: hash(FIRST),
            by: By {
                person: SENDER,
                role: Role::Editor,
                agent: self.agent,
            },
            draft: &self.draft,
        };
        let events = order.into_iter().map(|did| Event {
            hash: did.hash,
            deps: &did.deps,
            by: By {
                person: did.person,
                role: did.role,
                agent: did.agent,
            },
            at: Timestamp::from_millis(did.at),
            act: &did.act,
        });
        fold(&created, events, &Teams)
    }

    fn fold(&self) -> Folded<'_> {
        self.fold_in(&self.did)
    }

    fn why(&self, n: u8) -> Option<Void> {
        self.fold().is_void(&hash(n))
    }
}

fn did(n: u8, deps: Vec<EntryHash>, person: PersonId, act: Act) -> Did {
    Did {
        hash: hash(n),
        deps,
        person,
        role: Case::role(person),
        agent: None,
        at: 1_000,
        act,
    }
}

fn submit() -> Act {
    Act::Submit {
        version: hash(FIRST),
        needs_approval: false,
    }
}

/// Every state that a hand-off to a team can be in, with an act that is its last.
fn reached() -> Vec<Case> {
    let sent = || Case::sent(Mode::Transfer, team());
    let taken = || sent().then(103, BEN, Act::Accept);
    vec![
        Case::new(Mode::Transfer, team()),
        Case::new(Mode::Transfer, team()).then(101, SENDER, Act::RequestReview(hash(FIRST))),
        sent(),
        sent().then(102, DANA, Act::Deliver),
        taken(),
        taken().then(104, BEN, Act::Start),
        taken().then(104, BEN, Act::Ask("who?".into())),
        taken().then(104, BEN, Act::Complete(outcome())),
        sent().then(103, BEN, Act::Reject("not mine".into())),
        sent().then(103, SENDER, Act::Cancel("a mistake".into())),
        sent().then(103, SENDER, Act::Supersede(item(9))),
    ]
}

/// Every act, by everybody who has a part in it.
fn palette() -> Vec<(PersonId, Act)> {
    let everybody = [SENDER, BEN, DANA, OWNER];
    let acts = [
        Act::Revise(Box::new(draft(Mode::Transfer, Addressee::Person(DANA)))),
        Act::RequestReview(hash(FIRST)),
        Act::ApproveDraft(hash(FIRST)),
        Act::ReturnDraft {
            version: hash(FIRST),
            reason: "too long".into(),
        },
        submit(),
        Act::Deliver,
        Act::Accept,
        Act::Confirm(hash(103)),
        Act::Reject("no".into()),
        Act::Cancel("no".into()),
        Act::Start,
        Act::Ask("why?".into()),
        Act::Answer("so".into()),
        Act::Reassign {
            to: Addressee::Person(DANA),
            reason: "she knows".into(),
        },
        Act::Complete(outcome()),
        Act::Decide {
            decision: Decision::Approve,
            text: String::new(),
        },
        Act::Supersede(item(8)),
    ];
    let each = |person| acts.clone().map(|act| (person, act));
    everybody.into_iter().flat_map(each).collect()
}

/// The table of `docs/spec/handoff.md`, written down a second time: the state after an act of this
/// person, in a transfer to a team, or nothing where it may not follow.
fn table(state: State, holder: Option<PersonId>, person: PersonId, act: &Act) -> Option<State> {
    use State::*;
    let sender = person == SENDER;
    let owner = person == OWNER;
    let addressed = person == BEN || person == DANA;
    let holds = holder == Some(person);
    let held = matches!(state, Accepted | Working | InputRequired);
    let waits = matches!(state, Submitted | Delivered);
    let open = held || waits || matches!(state, Draft | InReview);
    match act {
        Act::Revise(_) => (sender && matches!(state, Draft | InReview)).then_some(Draft),
        Act::RequestReview(_) => (sender && state == Draft).then_some(InReview),
        Act::ApproveDraft(_) | Act::ReturnDraft { .. } => {
            (!sender && state == InReview).then_some(Draft)
        }
        Act::Submit { .. } => (sender && state == Draft).then_some(Submitted),
        Act::Deliver => match state {
            Draft | InReview => None,
            Submitted => addressed.then_some(Delivered),
            other => addressed.then_some(other),
        },
        Act::Accept => (addressed && waits).then_some(Accepted),
        Act::Confirm(_) => (sender || owner).then_some(state),
        Act::Reject(_) => (addressed && waits).then_some(Rejected),
        Act::Cancel(_) => {
            ((sender || owner) && (waits || matches!(state, Draft | InReview))).then_some(Canceled)
        }
        Act::Start => (holds && state == Accepted).then_some(Working),
        Act::Ask(_) => (holds && matches!(state, Accepted | Working)).then_some(InputRequired),
        Act::Answer(_) => (sender && state == InputRequired).then_some(Working),
        Act::Reassign { .. } => {
            ((holds && held) || (owner && (held || waits))).then_some(Submitted)
        }
        Act::Complete(_) => (holds && held).then_some(Completed),
        Act::Decide { .. } => None,
        Act::Supersede(_) => (sender && open).then_some(Superseded),
    }
}

/// Goal: each act alone does what the table says, in every state, by everybody.
#[test]
fn every_act_in_every_state_does_what_the_table_says() {
    let mut moved = 0;
    for case in reached() {
        let before = case.fold();
        for (person, act) in palette() {
            let wanted = table(before.state, before.holder.map(|of| of.0), person, &act);
            let after = case.clone().then(200, person, act.clone());
            let folded = after.fold();
            let context = format!("{:?}: {} by {person:?}", before.state, act.name());
            assert_eq!(
                folded.is_void(&hash(200)).is_none(),
                wanted.is_some(),
                "{context}"
            );
            assert_eq!(folded.state, wanted.unwrap_or(before.state), "{context}");
            moved += usize::from(wanted.is_some());
        }
    }
    assert!(moved > 80, "the table lets {moved} acts through");
}

/// Goal: of every two acts that had not seen each other, in every state and with either hash, all
/// orders of arrival come to one verdict, and it is that of taking them one after the other by the
/// table of classes.
#[test]
fn every_pair_of_concurrent_acts_comes_to_one_verdict() {
    let (mut pairs, mut settled) = (0u64, 0u64);
    let palette = palette();
    for case in reached() {
        let last = case.did.last().map_or(hash(FIRST), |did| did.hash);
        let before = case.fold();
        for (one, first) in &palette {
            for (other, second) in &palette {
                let both = [
                    did(201, vec![last], *one, first.clone()),
                    did(202, vec![last], *other, second.clone()),
                ];
                let mut case = case.clone();
                case.did.extend(both.clone());
                let verdict = case.fold();
                assert_eq!(verdict, case.fold_in(case.did.iter().rev()));
                let mut state = (before.state, before.holder.map(|of| of.0));
                let mut in_order = both.iter().collect::<Vec<_>>();
                in_order.sort_by_key(|did| (Class::of(&did.act), did.hash));
                let mut counted = 0;
                let mut reassigned = false;
                for did in in_order {
                    let blocked = reassigned && did.person != DANA && is_of_addressee(&did.act);
                    let next = table(state.0, state.1, did.person, &did.act);
                    let Some(next) = next.filter(|_| !blocked) else {
                        continue;
                    };
                    counted += 1;
                    reassigned |= matches!(did.act, Act::Reassign { .. } | Act::Revise(_));
                    state.1 = match did.act {
                        Act::Accept => Some(did.person),
                        Act::Reassign { .. } => None,
                        _ => state.1,
                    };
                    state.0 = next;
                }
                // A revised draft is no more the version that the second act names.
                let names_old = |act: &Act| {
                    matches!(
                        act,
                        Act::RequestReview(_) | Act::ApproveDraft(_) | Act::ReturnDraft { .. }
                    )
                };
                let revised = |act: &Act| matches!(act, Act::Revise(_));
                if (revised(first) && names_old(second)) || (revised(second) && names_old(first)) {
                    pairs += 1;
                    continue;
                }
                let context = format!(
                    "{:?}: {first:?} by {one:?}, {second:?} by {other:?}",
                    before.state
                );
                assert_eq!(verdict.state, state.0, "{context}");
                let voided = verdict.void.len() - before.void.len();
                assert_eq!(2 - voided, counted, "{context}");
                settled += u64::from(counted == 1);
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 11 * 68 * 68);
    assert!(settled > 1_000, "only {settled} pairs exclude each other");
}

fn is_of_addressee(act: &Act) -> bool {
    matches!(act, Act::Deliver | Act::Accept | Act::Reject(_))
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(count - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, count - 1);
        order
    };
    let all = shorter.iter();
    all.flat_map(|order| (0..count).map(move |at| insert(order, at)))
        .collect()
}

/// Goal: two accepts that had not seen each other: the lowest hash, whoever came first and whatever
/// the clocks say; one that had seen the other loses; what the sender has seen stays.
#[test]
fn of_two_who_take_it_at_once_one_has_it() {
    let sent = Case::sent(Mode::Transfer, team());
    let accept = |n, person, at| Did {
        at,
        ..did(n, vec![hash(101)], person, Act::Accept)
    };
    for (early, late) in [(1, u64::MAX / 2), (u64::MAX / 2, 1)] {
        let mut case = sent.clone();
        case.did
            .extend([accept(150, DANA, early), accept(140, BEN, late)]);
        let folded = case.fold();
        assert_eq!(folded.holder, Some((BEN, hash(140))));
        assert_eq!(folded.is_void(&hash(150)), Some(Void::TakenBy(BEN)));
        assert!(!folded.confirmed);
        for order in permutations(3) {
            assert_eq!(case.fold_in(order.iter().map(|at| &case.did[*at])), folded);
        }
        // The sender saw Dana's before Ben's came: it is hers.
        case.did
            .push(did(160, vec![hash(150)], SENDER, Act::Confirm(hash(150))));
        let folded = case.fold();
        assert_eq!(folded.holder, Some((DANA, hash(150))));
        assert!(folded.confirmed);
        // An owner had seen Ben's at the same time: the hash decides again.
        case.did
            .push(did(161, vec![hash(140)], OWNER, Act::Confirm(hash(140))));
        assert_eq!(case.fold().holder, Some((BEN, hash(140))));
        // Nobody else's word settles anything.
        case.did[3].person = STRANGER;
        case.did[4].person = STRANGER;
        case.did[4].role = Role::Editor;
        let folded = case.fold();
        assert_eq!(folded.holder, Some((BEN, hash(140))));
        assert!(!folded.confirmed);
        assert_eq!(folded.is_void(&hash(160)), Some(Void::NotSenderNorOwner));
    }
    let seen = sent
        .then(150, DANA, Act::Accept)
        .then(140, BEN, Act::Accept);
    assert_eq!(seen.fold().holder, Some((DANA, hash(150))));
    assert_eq!(seen.why(140), Some(Void::TakenBy(DANA)));
}

/// Goal: an agent takes, approves and completes nothing that is for people, whoever it works for.
#[test]
fn an_agent_never_does_what_is_for_people() {
    let by_agent = |mut case: Case| {
        case.did.last_mut().unwrap().agent = Some("claude");
        case
    };
    let people = [
        Addressee::Person(BEN),
        team(),
        Addressee::Role(Role::Editor),
    ];
    for to in people {
        let sent = Case::sent(Mode::Transfer, to.clone());
        for act in [Act::Accept, Act::Reject(String::new())] {
            let case = by_agent(sent.clone().then(110, BEN, act));
            assert_eq!(case.why(110), Some(Void::PeopleOnly), "{to:?}");
        }
        let taken = sent.then(103, BEN, Act::Accept);
        let acts = [
            Act::Start,
            Act::Ask("x".into()),
            Act::Complete(outcome()),
            Act::Reassign {
                to: team(),
                reason: String::new(),
            },
        ];
        for act in acts {
            let case = by_agent(taken.clone().then(110, BEN, act));
            assert!(case.why(110).is_some(), "{to:?}");
            assert_eq!(case.fold().state, State::Accepted);
        }
        let asked = Case::sent(Mode::Approve, to);
        let decide = Act::Decide {
            decision: Decision::Approve,
            text: String::new(),
        };
        let case = by_agent(asked.then(110, BEN, decide));
        assert_eq!(case.why(110), Some(Void::PeopleOnly));
        assert_eq!(case.fold().decision, None);
    }
    let review = Case::new(Mode::Transfer, team());
    let review = review.then(101, SENDER, Act::RequestReview(hash(FIRST)));
    let case = by_agent(review.then(102, OWNER, Act::ApproveDraft(hash(FIRST))));
    assert_eq!(case.why(102), Some(Void::PeopleOnly));
    // What is for an agent it may take, and so may its person; another agent may not.
    let to = Addressee::Agent {
        person: BEN,
        name: "claude".into(),
    };
    let sent = Case::sent(Mode::Transfer, to);
    assert_eq!(
        by_agent(sent.clone().then(110, BEN, Act::Accept)).why(110),
        None
    );
    assert_eq!(sent.clone().then(110, BEN, Act::Accept).why(110), None);
    let mut other = sent.clone().then(110, BEN, Act::Accept);
    other.did[1].agent = Some("cursor");
    assert_eq!(other.why(110), Some(Void::NotAddressee));
    assert_eq!(
        by_agent(sent.then(110, DANA, Act::Accept)).why(110),
        Some(Void::NotAddressee)
    );
}

/// Goal: what an agent wrote, its person or it sends on, and no other agent; where the pack wants a
/// person's yes, only that very version goes.
#[test]
fn a_draft_goes_out_as_it_was_approved() {
    let approving = Act::Submit {
        version: hash(FIRST),
        needs_approval: true,
    };
    let case = Case {
        agent: Some("claude"),
        ..Case::new(Mode::Transfer, team())
    };
    assert_eq!(
        case.clone().then(105, SENDER, approving.clone()).why(105),
        Some(Void::NotApproved)
    );
    let approved = case
        .clone()
        .then(101, SENDER, Act::RequestReview(hash(FIRST)))
        .then(102, SENDER, Act::ApproveDraft(hash(FIRST)));
    let sent = approved.clone().then(105, SENDER, approving.clone());
    assert_eq!(sent.fold().state, State::Submitted);
    assert_eq!(sent.fold().approved, Some(hash(FIRST)));
    let newer = draft(Mode::Transfer, Addressee::Person(DANA));
    let revised = approved
        .clone()
        .then(103, SENDER, Act::Revise(Box::new(newer)))
        .then(105, SENDER, approving);
    assert_eq!(revised.why(105), Some(Void::NotApproved));
    let newest = Act::Submit {
        version: hash(103),
        needs_approval: true,
    };
    assert_eq!(
        revised.then(106, SENDER, newest).why(106),
        Some(Void::NotApproved)
    );
    let mut other = approved.then(105, SENDER, submit());
    other.did[2].agent = Some("cursor");
    assert_eq!(other.why(105), Some(Void::NotAuthor));
    // With one's own hand nobody looks at one's own draft.
    let own = Case::new(Mode::Transfer, team())
        .then(101, SENDER, Act::RequestReview(hash(FIRST)))
        .then(102, SENDER, Act::ApproveDraft(hash(FIRST)));
    assert_eq!(own.why(102), Some(Void::OwnDraft));
}

/// Goal: what was sent is what was named, whatever was written at the same time.
#[test]
fn a_draft_that_was_revised_while_it_was_sent_goes_as_it_was_sent() {
    let revise = Act::Revise(Box::new(draft(Mode::Fyi, Addressee::Person(DANA))));
    for (sent, revised) in [(110, 120), (120, 110)] {
        let mut case = Case::new(Mode::Transfer, team());
        case.did
            .push(did(sent, vec![hash(FIRST)], SENDER, submit()));
        case.did
            .push(did(revised, vec![hash(FIRST)], SENDER, revise.clone()));
        let folded = case.fold();
        assert_eq!(
            (folded.state, folded.version),
            (State::Submitted, hash(FIRST))
        );
        assert_eq!(
            folded.is_void(&hash(revised)),
            Some(Void::NotNow(State::Submitted))
        );
        assert_eq!(folded.to, &team());
    }
}

/// Goal: an answer after the hand-off's own end says nothing, and an approval without one is none.
#[test]
fn the_end_of_a_hand_off_is_its_own() {
    let mut case = Case::sent(Mode::Approve, team());
    case.draft.sla.expires_at = Some(Timestamp::from_millis(5_000));
    let decide = || Act::Decide {
        decision: Decision::Edit,
        text: "20 euro".into(),
    };
    let at = |millis: u64| {
        let mut case = case.clone().then(110, BEN, decide());
        case.did[1].at = millis;
        case
    };
    assert_eq!(at(5_000).fold().decision, Some((Decision::Edit, "20 euro")));
    assert_eq!(at(5_001).why(110), Some(Void::TooLate));
    let folded = case.fold();
    let times = |millis| Times::at(&folded, Timestamp::from_millis(millis));
    assert!(!times(5_000).expired && times(5_001).expired);
    assert_eq!(folded.decision, None);
    assert_eq!(
        case.clone()
            .then(110, BEN, Act::Complete(outcome()))
            .why(110),
        Some(Void::NotHolder)
    );
    let held = case.clone().then(110, BEN, Act::Accept);
    assert_eq!(
        held.clone()
            .then(111, BEN, Act::Complete(outcome()))
            .why(111),
        Some(Void::OtherMode)
    );
    assert_eq!(
        held.clone().then(111, DANA, decide()).why(111),
        Some(Void::NotHolder)
    );
    assert_eq!(held.then(111, BEN, decide()).fold().state, State::Completed);
}

#[test]
fn whoever_joined_the_team_since_may_take_it_and_a_stranger_may_not() {
    let sent = Case::sent(Mode::Transfer, team());
    assert_eq!(sent.clone().then(110, NEWCOMER, Act::Accept).why(110), None);
    assert_eq!(
        sent.then(110, STRANGER, Act::Accept).why(110),
        Some(Void::NotAddressee)
    );
    let owners = Case::sent(Mode::Transfer, Addressee::Role(Role::Admin));
    assert_eq!(
        owners.clone().then(110, BEN, Act::Accept).why(110),
        Some(Void::NotAddressee)
    );
    let taken = owners.then(110, OWNER, Act::Accept);
    assert_eq!(taken.why(110), None);
    assert!(taken.fold().confirmed, "an owner's own device has seen it");
}

/// Goal: whoever gives it on leaves it to the other, and the clocks that the sender set go on.
#[test]
fn given_to_somebody_else_it_waits_for_them() {
    let mut sent = Case::sent(Mode::Transfer, Addressee::Person(BEN));
    sent.draft.sla.accept_by = Some(Timestamp::from_millis(50));
    let passed = sent.then(102, BEN, Act::Accept).then(
        103,
        BEN,
        Act::Reassign {
            to: Addressee::Person(DANA),
            reason: "she knows them".into(),
        },
    );
    let folded = passed.fold();
    assert_eq!((folded.state, folded.holder), (State::Submitted, None));
    assert_eq!(folded.reassigned, 1);
    assert!(folded.is_with_sender());
    assert!(Times::at(&folded, Timestamp::from_millis(51)).accept_overdue);
    assert_eq!(
        passed.clone().then(104, BEN, Act::Accept).why(104),
        Some(Void::NotAddressee)
    );
    let hers = passed.then(104, DANA, Act::Accept);
    assert!(!hers.fold().is_with_sender());
    assert_eq!(hers.fold().holder, Some((DANA, hash(104))));
}

/// Goal: an act whose author had seen what is not here waits, and nothing else does.
#[test]
fn what_is_not_here_yet_is_waited_for() {
    let case = Case::sent(Mode::Transfer, Addressee::Person(BEN))
        .then(102, BEN, Act::Accept)
        .then(103, BEN, Act::Complete(outcome()));
    let folded = case.fold_in(case.did.iter().filter(|did| did.hash != hash(102)));
    assert_eq!(folded.state, State::Submitted);
    assert_eq!(folded.waiting, vec![hash(103)]);
    assert_eq!(case.fold().state, State::Completed);
    assert_eq!(case.fold().waiting, vec![]);
    // Twice the same is once, and what builds on itself waits for ever.
    let twice = case.did.iter().chain(&case.did);
    assert_eq!(case.fold_in(twice), case.fold());
    let mut selfish = case.clone();
    selfish.did.push(did(120, vec![hash(120)], BEN, Act::Start));
    assert_eq!(selfish.fold().waiting, vec![hash(120)]);
}

fn arbitrary_history() -> impl Strategy<Value = Vec<(usize, u64, bool)>> {
    let acts = palette().len();
    prop::collection::vec((0..acts, any::<u64>(), any::<bool>()), 1..14)
}

/// Histories in which every act had seen some of those before it.
fn history(mode: Mode, choices: &[(usize, u64, bool)]) -> Case {
    let palette = palette();
    let mut case = Case::new(mode, team());
    for (at, (which, seen, by_agent)) in choices.iter().enumerate() {
        let (person, act) = palette[*which].clone();
        let mut deps: Vec<EntryHash> = (0..at)
            .filter(|before| seen >> before & 1 == 1)
            .map(|before| case.did[before].hash)
            .collect();
        deps.push(hash(FIRST));
        // Spread, so that hashes do not follow the order of writing.
        let n = ((at as u64 + 1).wrapping_mul(seen | 1) % 90) as u8;
        let mut bytes = [n; 32];
        bytes[31] = at as u8;
        let mut new = did(0, deps, person, act);
        new.hash = EntryHash::from_bytes(bytes);
        new.agent = by_agent.then_some("claude");
        case.did.push(new);
    }
    case
}

proptest! {
    /// Goal: one verdict for every order of arrival; what is void changes nothing; nothing is lost;
    /// agents have no part in what is for people.
    #[test]
    fn random_histories_come_to_one_verdict(
        choices in arbitrary_history(),
        shuffle in any::<u64>(),
        mode in prop::sample::select(Mode::ALL),
    ) {
        let case = history(mode, &choices);
        let folded = case.fold();
        let mut order: Vec<&Did> = case.did.iter().collect();
        let mut dice = shuffle;
        for at in (1..order.len()).rev() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(at, (dice >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(&case.fold_in(order), &folded);
        prop_assert_eq!(folded.order.len() + folded.waiting.len(), case.did.len());

        let place: BTreeMap<EntryHash, usize> =
            folded.order.iter().copied().zip(0..).collect();
        for did in &case.did {
            for dep in did.deps.iter().filter(|dep| **dep != hash(FIRST)) {
                prop_assert!(place[dep] < place[&did.hash], "an act before what it had seen");
            }
        }
        // Without the void acts, which others may have seen, all is as it was.
        let void: BTreeSet<EntryHash> = folded.void.iter().map(|of| of.hash).collect();
        if let Some((_, taken)) = folded.holder {
            let taken = case.did.iter().find(|did| did.hash == taken).unwrap();
            prop_assert!(taken.agent.is_none() && !void.contains(&taken.hash));
        }
        if let Some(ended) = folded.ended {
            let ended = case.did.iter().find(|did| did.hash == ended).unwrap();
            let by_people = matches!(ended.act, Act::Complete(_) | Act::Decide { .. } | Act::Reject(_) | Act::Accept);
            prop_assert!(!by_people || ended.agent.is_none());
        }
        prop_assert_eq!(folded.state.is_terminal(), folded.ended.is_some());
        prop_assert_eq!(folded.state.is_held(), folded.holder.is_some() && !folded.state.is_terminal());
    }

    /// Goal: more acts never panic, and what an act is judged by is only what comes before it in the
    /// order of all.
    #[test]
    fn taking_away_what_comes_last_changes_nothing_before_it(choices in arbitrary_history()) {
        let case = history(Mode::Transfer, &choices);
        let folded = case.fold();
        let Some(last) = folded.order.last() else { return Ok(()) };
        let confirms = |did: &&Did| matches!(did.act, Act::Confirm(_)) && did.hash == *last;
        if case.did.iter().any(|did| confirms(&did)) {
            return Ok(()); // it says which of others comes first
        }
        let shorter = case.fold_in(case.did.iter().filter(|did| did.hash != *last));
        prop_assert_eq!(&shorter.order[..], &folded.order[..folded.order.len() - 1]);
    }
}

/// Goal: what travels survives, has one form, and keeps to its limits.
#[test]
fn hand_offs_survive_their_encoding() {
    let mut whole = draft(Mode::Approve, team());
    whole.facts.push(Fact {
        text: "Booked on the 11th".into(),
        item: item(3),
        heads: Heads::new([
            crate::pack::ChangeHash([7; 32]),
            crate::pack::ChangeHash([5; 32]),
        ]),
        quote: Some("created_at 2024-05-11".into()),
    });
    whole.sla.accept_by = Some(Timestamp::from_millis(7));
    whole.privacy.withheld.push(WithheldNotes {
        count: 2,
        why: "sensitivity restricted".into(),
        pii: BTreeSet::from([crate::pack::note::Pii::DateOfBirth]),
    });
    whole.check().unwrap();
    let head = Head {
        version: draft::HANDOFF_VERSION,
        salt: [4; 16],
        context: "call 18".into(),
        references: vec![item(1), item(2)],
    };
    head.check().unwrap();
    let signed = Signed {
        at: Timestamp::from_millis(9),
        agent: Some(Agent {
            name: "claude-code".into(),
            model: Some("m".into()),
            prompt: None,
        }),
    };
    let mut bodies = vec![EntryBody::Handoff {
        head,
        draft: Box::new(whole),
        signed: signed.clone(),
    }];
    for (_, act) in palette() {
        act.check().unwrap();
        bodies.push(EntryBody::HandoffAct {
            act,
            signed: signed.clone(),
        });
    }
    for body in bodies {
        let bytes = codec::encode(&body);
        assert_eq!(codec::decode::<EntryBody>(&bytes, 1 << 17).unwrap(), body);
        assert_eq!(unpack_body(&pack_body(&body).unwrap()).unwrap(), body);
        for cut in 0..bytes.len() {
            assert!(codec::decode::<EntryBody>(&bytes[..cut], 1 << 17).is_err());
        }
    }
}

#[test]
fn a_draft_that_breaks_a_limit_is_refused_by_its_field() {
    let good = || draft(Mode::Transfer, team());
    let long = "x".repeat(901);
    let fact = Fact {
        text: "x".into(),
        item: item(1),
        heads: Heads::default(),
        quote: None,
    };
    let cases: Vec<(&str, Draft)> = vec![
        (
            "summary",
            Draft {
                summary: " ".into(),
                ..good()
            },
        ),
        (
            "summary",
            Draft {
                summary: long.clone(),
                ..good()
            },
        ),
        (
            "facts",
            Draft {
                facts: vec![fact.clone(); 21],
                ..good()
            },
        ),
        (
            "facts",
            Draft {
                facts: vec![Fact {
                    text: String::new(),
                    ..fact
                }],
                ..good()
            },
        ),
        (
            "needs",
            Draft {
                needs: vec![long],
                ..good()
            },
        ),
        ("requested", draft_without_request()),
        (
            "requested",
            Draft {
                mode: Mode::Transfer,
                ..draft(Mode::Approve, team())
            },
        ),
        (
            "to",
            Draft {
                to: Addressee::Role(Role::Reader),
                ..good()
            },
        ),
        (
            "to",
            Draft {
                to: Addressee::Team {
                    name: "a\nb".into(),
                    members: BTreeSet::new(),
                },
                ..good()
            },
        ),
        (
            "reason_code",
            Draft {
                reason: Reason {
                    code: "Not A Code".into(),
                    ..reason()
                },
                ..good()
            },
        ),
    ];
    for (field, draft) in cases {
        assert_eq!(draft.check().unwrap_err().field, field, "{draft:?}");
    }
    good().check().unwrap();
}

fn draft_without_request() -> Draft {
    Draft {
        requested: None,
        ..draft(Mode::Approve, team())
    }
}
