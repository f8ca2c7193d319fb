//! What counts after a removal, and what becomes of the rest: on every device, in every order.

mod claims;
mod damaged;
mod dry_runs;
mod moved;
mod refused;

use crate::Node;
use crate::objects::build_everything;
use crate::replica::Staged;
use crate::view::{
    AsideKind, AsideWhy, Change, NewNote, NewSource, NoteEdit, SetAsideView, TakeOver, TakenOver,
};
use crate::write::Draft;
use kitbag_core::content::{EntryBody, EntryKind, Run, TakesOver};
use kitbag_core::id::{EndpointId, EntryHash, ItemId, OpHash, PackId, PersonId, Timestamp};
use kitbag_core::pack::Edit;
use kitbag_core::policy::op::{Act, LateDenials};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::{Blob, Page};
use kitbag_crypto::MasterKey;
use kitbag_store::{PackRow, Store};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::collections::BTreeSet;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_millis(1_000);

struct Desk {
    dir: TempDir,
    node: Node,
}

fn open(dir: &TempDir, name: &str) -> Node {
    // Chance must not repeat after a restart.
    let at = std::fs::read_dir(dir.path()).unwrap().count() as u64;
    std::fs::write(dir.path().join(format!("start-{at}")), "").unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(name.as_bytes()[0]) * 1_000 + at);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.path().join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, name, "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

impl Desk {
    fn new(name: &str) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let node = open(&dir, name);
        Desk { dir, node }
    }

    fn restarted(self) -> Desk {
        let name = self.node.me().name;
        drop(self.node);
        let node = open(&self.dir, &name);
        Desk {
            dir: self.dir,
            node,
        }
    }

    /// Another device with the same disk.
    fn copied(self) -> (Desk, Desk) {
        let name = self.node.me().name;
        let dir = tempfile::tempdir().unwrap();
        drop(self.node);
        for file in std::fs::read_dir(self.dir.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
        }
        let (node, copy) = (open(&self.dir, &name), open(&dir, &name));
        let own = Desk {
            dir: self.dir,
            node,
        };
        (own, Desk { dir, node: copy })
    }

    fn person(&self) -> PersonId {
        self.node.me().person
    }

    fn endpoint(&self) -> EndpointId {
        EndpointId::from_bytes(self.node.me().endpoint)
    }

    /// Takes from another device all that it may have.
    fn pull(&mut self, from: &mut Desk, pack: PackId) {
        let (mine, theirs) = (self.endpoint(), from.endpoint());
        for _ in 0..50 {
            let Some(want) = self.node.want(&theirs, pack) else {
                return;
            };
            let page = from.node.answer(&mine, &want).unwrap();
            if page.is_empty() {
                return;
            }
            let intake = self.node.take_in(NOW, page).unwrap();
            assert_eq!(intake.breach, None);
        }
    }

    fn take(&mut self, page: Page) {
        assert_eq!(self.node.take_in(NOW, page).unwrap().breach, None);
    }

    fn act(&mut self, pack: PackId, acts: Vec<Act>, persons: &[&Desk]) -> OpHash {
        let mut staged = Staged::default();
        let persons = persons.iter().map(|desk| desk.node.me.person_op.clone());
        staged.persons.extend(persons);
        let op = self.node.stage_op(pack, acts, NOW, &mut staged).unwrap();
        self.node.commit(pack, staged).unwrap();
        op
    }

    /// Makes somebody a member, who then takes all that is here.
    fn lets_in(&mut self, pack: PackId, other: &mut Desk, role: Role) {
        let clearance = match role {
            Role::Admin => Sensitivity::Restricted,
            _ => Sensitivity::Internal,
        };
        let person = other.person();
        let grant = Act::Grant {
            person,
            role,
            clearance,
        };
        self.act(pack, vec![grant], &[other]);
        let row = PackRow {
            id: pack,
            name: None,
            own: false,
            since: NOW,
            newer_rules: None,
        };
        other.node.join_pack(row, [self.endpoint()].into()).unwrap();
        other.pull(self, pack);
        self.pull(other, pack);
    }

    /// Removes somebody whose logs end where this device knows them to end.
    fn remove(&mut self, pack: PackId, whom: &Desk) -> OpHash {
        let change = Change::Remove {
            person: whom.person(),
            late_denials: LateDenials::Keep,
        };
        self.node.change(NOW, pack, &change).unwrap();
        *self.node.packs[&pack].op_order.last().unwrap()
    }

    fn add(&mut self, pack: PackId, body: &str) -> ItemId {
        self.add_at(pack, body, Sensitivity::Internal)
    }

    fn add_at(&mut self, pack: PackId, body: &str, sensitivity: Sensitivity) -> ItemId {
        let note = NewNote {
            body: body.into(),
            sensitivity: Some(sensitivity),
            source: NewSource {
                label: "test".into(),
                ..NewSource::default()
            },
            ..NewNote::default()
        };
        self.node.add_notes(NOW, pack, &[note]).unwrap()[0].id
    }

    fn set_body(&mut self, pack: PackId, note: ItemId, body: &str) {
        let edit = NoteEdit {
            body: Some(body.into()),
            ..NoteEdit::default()
        };
        let edited = self.node.edit_note(NOW, pack, note, &edit).unwrap();
        edited.expect("something changes");
    }

    fn body(&mut self, pack: PackId, note: ItemId) -> String {
        self.node.note(pack, note).unwrap().body
    }

    fn aside(&self, pack: PackId) -> Vec<SetAsideView> {
        let listed = self.node.set_aside(pack).unwrap();
        let status = self.node.status(pack).unwrap();
        assert_eq!(status.set_aside, listed.len() as u64);
        listed
    }

    /// All that this device shows of a pack.
    fn shown(&mut self, pack: PackId) -> String {
        let notes = self.node.notes(pack).unwrap();
        let bodies: Vec<_> = notes.iter().map(|n| self.body(pack, n.id)).collect();
        let aside = self.aside(pack);
        let waiting = self.node.status(pack).unwrap().waiting;
        let mut notes = notes;
        notes.sort_by_key(|note| note.id);
        format!("{notes:#?}\n{bodies:#?}\n{aside:#?}\n{waiting}")
    }

    /// Writes an edit on top of everything that can be opened, as an honest device never does.
    fn build_on_everything(&mut self, pack: PackId, tag_of: EntryHash, body: &str, write: bool) {
        let tag = self.node.packs[&pack].places[&tag_of].object.unwrap();
        let mut all = build_everything(&self.node.packs[&pack], &self.node.store, tag)
            .unwrap()
            .unwrap();
        let document = all.open_document();
        let mut staged = Staged::default();
        let mut pen = self
            .node
            .pen(pack, all.sensitivity, write, &mut staged)
            .unwrap();
        let edit = Edit {
            body: Some(body.into()),
            ..Edit::default()
        };
        let change = document.edit(pen.log, &edit).unwrap().unwrap();
        let none = TakesOver::default();
        self.node
            .append_change(NOW, &mut pen, tag, &mut all, &change, none)
            .unwrap();
        self.node.put_down(pen, &mut staged);
        self.node.commit(pack, staged).unwrap();
    }
}

/// Ana's pack with one note, and its members with the roles that they are given; everybody has all.
fn team<const N: usize>(roles: [(&str, Role); N]) -> (Desk, [Desk; N], PackId, ItemId) {
    let mut ana = Desk::new("Ana");
    let pack = ana
        .node
        .create_pack(NOW, "Acme", Sensitivity::Internal)
        .unwrap()
        .id;
    let note = ana.add(pack, "one");
    let mut others = roles.map(|(name, _)| Desk::new(name));
    for (other, (_, role)) in others.iter_mut().zip(roles) {
        ana.lets_in(pack, other, role);
    }
    for other in &mut others {
        other.pull(&mut ana, pack);
        assert_eq!(other.body(pack, note), "one");
    }
    (ana, others, pack, note)
}

/// The entries that `from` wrote and `to` lacks, as one page for each of its logs.
fn news(from: &Desk, to: &Desk, pack: PackId) -> Vec<Page> {
    let replica = &from.node.packs[&pack];
    let own = |log: &&crate::logs::Log| log.opening.device == from.node.me().device;
    let mut pages = Vec::new();
    for log in replica.logs.values().filter(own) {
        let known = to.node.packs[&pack].logs.get(&log.opening.log_id());
        let known = known.and_then(crate::logs::Log::trunk);
        let mut next = known.map_or(0, |known| known.next_seq());
        let mut page = Page::empty(pack);
        let known = next;
        let trunk = log.trunk().unwrap();
        for head in trunk.heads.iter().filter(|head| head.position.seq >= known) {
            let entry = |seq| from.node.store.entry(trunk.number, seq).unwrap().unwrap();
            page.runs.push(Run {
                opening: kitbag_core::codec::encode(&log.opening),
                entries: (next..=head.position.seq)
                    .map(|seq| entry(seq).raw().clone())
                    .collect(),
                head: head.clone(),
            });
            next = head.position.seq + 1;
        }
        pages.extend((!page.runs.is_empty()).then_some(page));
    }
    pages
}

fn removal(by: &Desk, op: OpHash, pack: PackId) -> Page {
    let mut page = Page::empty(pack);
    let bytes = by.node.packs[&pack].ops[&op].bytes().to_vec();
    page.ops.push(Blob(bytes));
    page
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for shorter in orders(count - 1) {
        for at in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(at, count - 1);
            all.push(longer);
        }
    }
    all
}

/// Gives the pages to copies of a device in every order, and restarts it. What they show is the same.
fn in_every_order(mut desk: Desk, pages: &[Page], pack: PackId) -> Desk {
    let mut first: Option<(String, Desk)> = None;
    for order in orders(pages.len()) {
        let copy;
        (desk, copy) = desk.copied();
        let mut copy = copy;
        order.iter().for_each(|at| copy.take(pages[*at].clone()));
        let shown = copy.shown(pack);
        let mut again = copy.restarted();
        assert_eq!(shown, again.shown(pack), "after a restart, {order:?}");
        match &first {
            None => first = Some((shown, again)),
            Some((expected, _)) => assert_eq!(&shown, expected, "in the order {order:?}"),
        }
    }
    first.unwrap().1
}

fn why(listed: &[SetAsideView]) -> Vec<(&str, AsideWhy)> {
    let mut why: Vec<_> = listed
        .iter()
        .map(|view| (view.author.as_str(), view.why.clone()))
        .collect();
    why.sort_by_key(|(author, _)| *author);
    why
}

fn entries(listed: &[SetAsideView]) -> Vec<EntryHash> {
    listed.iter().map(|view| view.entry).collect()
}

/// Goal: Cyn builds on what Ben wrote late, before she hears that he was removed; both stay.
#[test]
fn what_an_honest_member_built_on_in_good_faith_stays() {
    let (mut ana, [mut ben, mut cyn, dan], pack, note) = team([
        ("Ben", Role::Editor),
        ("Cyn", Role::Editor),
        ("Dan", Role::Editor),
    ]);
    ben.set_body(pack, note, "one late");
    let removed = ana.remove(pack, &ben);
    cyn.pull(&mut ben, pack);
    cyn.set_body(pack, note, "one late, and Cyn");

    let mut pages = vec![removal(&ana, removed, pack)];
    pages.extend(news(&ben, &dan, pack));
    pages.extend(news(&cyn, &dan, pack));
    assert_eq!(pages.len(), 3);
    let mut dan = in_every_order(dan, &pages, pack);
    assert_eq!(dan.body(pack, note), "one late, and Cyn");
    assert_eq!(dan.aside(pack), []);
    for desk in [&mut ana, &mut cyn] {
        desk.pull(&mut dan, pack);
        assert_eq!(desk.body(pack, note), "one late, and Cyn");
        assert_eq!(desk.aside(pack), []);
    }
}

/// Goal: once Cyn knows of the removal, nothing that she writes makes Ben's late edit count, and what
/// she builds on it is set aside with it. It can be taken over without it.
#[test]
fn whoever_knows_of_the_removal_vouches_for_nothing() {
    let (mut ana, [mut ben, mut cyn, dan], pack, note) = team([
        ("Ben", Role::Editor),
        ("Cyn", Role::Editor),
        ("Dan", Role::Editor),
    ]);
    ben.set_body(pack, note, "one HOSTILE");
    let removed = ana.remove(pack, &ben);
    cyn.pull(&mut ben, pack);
    assert_eq!(cyn.body(pack, note), "one HOSTILE");
    cyn.pull(&mut ana, pack);
    assert_eq!(cyn.body(pack, note), "one");
    let late = cyn.aside(pack)[0].entry;
    cyn.build_on_everything(pack, late, "one HOSTILE and Cyn", true);

    let mut pages = vec![removal(&ana, removed, pack)];
    pages.extend(news(&ben, &dan, pack));
    let dan = in_every_order(dan, &pages, pack);
    assert_eq!(why(&dan.aside(pack)), [("Ben", AsideWhy::AfterRemoval)]);

    ana.pull(&mut cyn, pack);
    let listed = ana.aside(pack);
    assert_eq!(
        why(&listed),
        [
            ("Ben", AsideWhy::AfterRemoval),
            ("Cyn", AsideWhy::BuildsOnSetAside)
        ]
    );
    let of = |author: &str| listed.iter().find(|view| view.author == author).unwrap();
    assert_eq!((of("Ben").dependents, of("Cyn").dependents), (1, 0));
    assert_eq!(of("Cyn").removed_by, Vec::<String>::new());
    assert_eq!(of("Cyn").text.as_deref(), Some("one HOSTILE and Cyn"));
    let cyns = of("Cyn").entry;
    ana.node.take_over(NOW, pack, &[cyns]).unwrap();
    assert_eq!(ana.body(pack, note), "one and Cyn");
    assert_eq!(entries(&ana.aside(pack)), [late]);
}

/// Goal: a late edit alone is set aside, told with author, reason and text, and can be taken over;
/// then nobody lists it any more.
#[test]
fn a_late_edit_is_listed_and_taken_over_once_for_all() {
    let (mut ana, [mut ben, mut dan], pack, note) =
        team([("Ben", Role::Editor), ("Dan", Role::Reader)]);
    ben.set_body(pack, note, "one\nlate");
    let bens = ben.node.packs[&pack].logs.values();
    let late = *bens
        .flat_map(|log| log.trunk()?.entries.last())
        .find(|entry| ben.node.packs[&pack].places[entry].kind == EntryKind::Edit)
        .unwrap();
    let removed = ana.remove(pack, &ben);
    let pages = news(&ben, &ana, pack);
    pages.iter().for_each(|page| ana.take(page.clone()));
    ana.set_body(pack, note, "zero\none");

    let listed = ana.aside(pack);
    assert_eq!(entries(&listed), [late]);
    let view = &listed[0];
    assert_eq!((view.kind, view.note), (AsideKind::Edit, Some(note)));
    assert_eq!(view.title.as_deref(), Some("zero"));
    assert_eq!(
        (view.author.as_str(), view.person),
        ("Ben", Some(ben.person()))
    );
    assert_eq!(view.device.as_deref(), Some("laptop"));
    assert_eq!(view.why, AsideWhy::AfterRemoval);
    assert_eq!(view.removed_by, ["Ana"]);
    assert_eq!(view.text.as_deref(), Some("late"));

    dan.take(removal(&ana, removed, pack));
    pages.iter().for_each(|page| dan.take(page.clone()));
    assert_eq!(entries(&dan.aside(pack)), [late]);
    assert!(dan.node.take_over(NOW, pack, &[late]).is_err());

    let plan = ana.node.plan_take_over(NOW, pack, &[late]).unwrap();
    assert_eq!(ana.body(pack, note), "zero\none");
    assert_eq!(entries(&ana.aside(pack)), [late]);
    let taken = ana.node.take_over(NOW, pack, &[late]).unwrap();
    assert_eq!(taken, plan);
    let outcome = TakeOver::Edited(note);
    assert_eq!(
        taken,
        [TakenOver {
            entry: late,
            outcome
        }]
    );
    dan.pull(&mut ana, pack);
    for mut desk in [ana, dan] {
        assert_eq!(desk.body(pack, note), "zero\none\nlate");
        assert_eq!(desk.aside(pack), []);
        let shown = desk.shown(pack);
        let mut again = desk.restarted();
        assert_eq!(again.shown(pack), shown);
        assert!(again.node.take_over(NOW, pack, &[late]).is_err());
        assert!(again.node.packs[&pack].places.contains_key(&late));
    }
}

/// Goal: a note that somebody removed added late, with an edit on it: taken over whole, as a new note
/// that says where it comes from; with an honest edit on it, made in good faith, it simply stays.
#[test]
fn a_late_note_stays_if_somebody_built_on_it_and_can_be_taken_over_if_not() {
    let (mut ana, [mut ben, mut cyn], pack, _) =
        team([("Ben", Role::Editor), ("Cyn", Role::Editor)]);
    let (lone, shared) = (ben.add(pack, "lone"), ben.add(pack, "shared"));
    ben.set_body(pack, lone, "lone wolf");
    ana.remove(pack, &ben);
    cyn.pull(&mut ben, pack);
    cyn.set_body(pack, shared, "shared, and Cyn");
    ana.pull(&mut cyn, pack);
    assert_eq!(ana.body(pack, shared), "shared, and Cyn");
    assert!(ana.node.note(pack, lone).is_err());
    let listed = ana.aside(pack);
    assert_eq!(
        listed.iter().map(|view| view.kind).collect::<Vec<_>>(),
        [AsideKind::Note, AsideKind::Edit]
    );
    assert_eq!(ana.node.status(pack).unwrap().waiting, 0);
    assert_eq!(listed[0].note, Some(lone));
    assert_eq!(listed[0].dependents, 1);
    assert_eq!(listed[0].text.as_deref(), Some("lone"));

    let taken = ana.node.take_over(NOW, pack, &[listed[1].entry]).unwrap();
    let TakeOver::NewNote(new) = taken[0].outcome else {
        panic!("{taken:?}");
    };
    assert_eq!(taken[1].outcome, TakeOver::Edited(new));
    cyn.pull(&mut ana, pack);
    for desk in [&mut ana, &mut cyn] {
        let note = desk.node.note(pack, new).unwrap();
        assert_eq!(note.body, "lone wolf");
        assert_eq!(note.added_by, "Ana");
        assert_eq!(note.captured_by, "Ana (laptop), taken over from Ben");
        assert_eq!(note.trust, "third_party");
        assert_eq!(note.source.label, "test");
        assert_eq!(note.edits, 1);
        let history = desk.node.history(pack, new).unwrap();
        let told = history
            .iter()
            .map(|step| (step.by.as_str(), step.what.as_str()));
        assert_eq!(told.collect::<Vec<_>>(), [("Ana", "taken over"); 2]);
        assert_eq!(desk.aside(pack), []);
    }
    let shown = ana.shown(pack);
    assert_eq!(ana.restarted().shown(pack), shown);
}

/// Goal: two who were both removed cannot vouch for each other, however long they go on writing.
#[test]
fn whoever_was_removed_too_vouches_for_nobody() {
    let (mut ana, [mut ben, mut eve, dan], pack, note) = team([
        ("Ben", Role::Editor),
        ("Eve", Role::Editor),
        ("Dan", Role::Editor),
    ]);
    ben.set_body(pack, note, "one late");
    let removed = [ana.remove(pack, &ben), ana.remove(pack, &eve)];
    eve.pull(&mut ben, pack);
    for word in ["two", "three", "four"] {
        let more = eve.body(pack, note) + " " + word;
        eve.set_body(pack, note, &more);
    }
    let mut page = removal(&ana, removed[0], pack);
    page.ops.extend(removal(&ana, removed[1], pack).ops);
    let mut pages = vec![page];
    pages.extend(news(&ben, &dan, pack));
    pages.extend(news(&eve, &dan, pack));
    let mut dan = in_every_order(dan, &pages, pack);
    assert_eq!(dan.body(pack, note), "one");
    let listed = dan.aside(pack);
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|view| view.why == AsideWhy::AfterRemoval));
    let taken = dan.node.take_over(NOW, pack, &entries(&listed)).unwrap();
    assert_eq!(taken.len(), 4);
    assert_eq!(dan.body(pack, note), "one late two three four");
    assert_eq!(dan.aside(pack), []);
}

/// Goal: the founder is ended by nobody, and vouches like everybody who did not know.
#[test]
fn the_founder_vouches_and_is_never_cut() {
    let (mut ana, [mut cyn], pack, note) = team([("Cyn", Role::Admin)]);
    let mut ben = Desk::new("Ben");
    cyn.lets_in(pack, &mut ben, Role::Editor);
    ana.pull(&mut cyn, pack);
    ben.set_body(pack, note, "one late");
    cyn.remove(pack, &ben);
    ana.pull(&mut ben, pack);
    ana.set_body(pack, note, "one late, and Ana");
    ana.pull(&mut cyn, pack);
    cyn.pull(&mut ana, pack);
    for desk in [&mut ana, &mut cyn] {
        assert_eq!(desk.body(pack, note), "one late, and Ana");
        assert_eq!(desk.aside(pack), []);
    }
    // Another late edit of Ben, on which nobody built before they knew.
    ben.set_body(pack, note, "one late, later");
    let pages = news(&ben, &ana, pack);
    pages.into_iter().for_each(|page| ana.take(page));
    assert_eq!(ana.body(pack, note), "one late, and Ana");
    assert_eq!(why(&ana.aside(pack)), [("Ben", AsideWhy::AfterRemoval)]);
}

/// Goal: a change that no document takes is told with its author's name, before and after a restart,
/// and everybody else goes on in that note and in others.
#[test]
fn a_refused_change_names_its_author_and_stops_nobody() {
    let (mut ana, [mut ben, mut cyn], pack, note) =
        team([("Ben", Role::Editor), ("Cyn", Role::Editor)]);
    let other = ana.add(pack, "other");
    let tag = ben.node.packs[&pack].notes[&note];
    let built = build_everything(&ben.node.packs[&pack], &ben.node.store, tag)
        .unwrap()
        .unwrap();
    let mut staged = Staged::default();
    let mut pen = ben
        .node
        .pen(pack, Sensitivity::Internal, true, &mut staged)
        .unwrap();
    let body = EntryBody::Change {
        change: vec![1, 2, 3],
        at: NOW,
        takes_over: TakesOver::default(),
    };
    let hostile = Draft {
        kind: EntryKind::Edit,
        object: tag,
        deps: BTreeSet::from([built.steps[0].entry]),
        body: &body,
        item_key: &built.item_key,
    };
    let entry = ben.node.append(&mut pen, &hostile).unwrap();
    ben.node.put_down(pen, &mut staged);
    ben.node.commit(pack, staged).unwrap();

    ana.pull(&mut ben, pack);
    cyn.pull(&mut ana, pack);
    cyn.set_body(pack, note, "one, and Cyn");
    cyn.set_body(pack, other, "other, and Cyn");
    ana.pull(&mut cyn, pack);
    let listed = ana.aside(pack);
    assert_eq!(entries(&listed), [entry]);
    assert_eq!(
        (listed[0].author.as_str(), listed[0].person),
        ("Ben", Some(ben.person()))
    );
    assert!(matches!(&listed[0].why, AsideWhy::Refused { reason } if !reason.is_empty()));
    let taken = ana.node.take_over(NOW, pack, &[entry]).unwrap();
    assert_eq!(taken[0].outcome, TakeOver::Unreadable);
    let mut ana = ana.restarted();
    assert_eq!(ana.aside(pack), listed);
    assert_eq!(ana.body(pack, note), "one, and Cyn");
    assert_eq!(ana.body(pack, other), "other, and Cyn");
}

/// Goal: what a reader writes, and what is built on it, is set aside; not as waiting for ever.
#[test]
fn a_reader_writes_nothing_that_counts_and_what_builds_on_it_is_told() {
    let (mut ana, [mut ben, mut cyn], pack, note) =
        team([("Ben", Role::Reader), ("Cyn", Role::Editor)]);
    let create = ben.node.packs[&pack].objects[&ben.node.packs[&pack].notes[&note]].entries[0];
    ben.build_on_everything(pack, create, "one by a reader", false);
    cyn.pull(&mut ben, pack);
    cyn.build_on_everything(pack, create, "one by a reader, and Cyn", true);
    ana.pull(&mut cyn, pack);
    assert_eq!(ana.body(pack, note), "one");
    assert_eq!(
        why(&ana.aside(pack)),
        [
            ("Ben", AsideWhy::NotAllowed),
            ("Cyn", AsideWhy::BuildsOnSetAside)
        ]
    );
    assert_eq!(ana.node.status(pack).unwrap().waiting, 0);
    let all = entries(&ana.aside(pack));
    ana.node.take_over(NOW, pack, &all).unwrap();
    assert_eq!(ana.body(pack, note), "one by a reader, and Cyn");
    assert_eq!(ana.aside(pack), []);
}
