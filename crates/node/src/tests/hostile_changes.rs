//! Thousands of mutated Automerge changes by an editor who may write, each sealed and signed as an
//! honest edit would be: what they do to three devices that hold the pack.
//!
//! `KITBAG_MUTANTS` says how many (300 unless told); the counts are printed.

use crate::objects::{build_index, build_note};
use crate::replica::Staged;
use crate::view::{NewNote, NewSource, NoteEdit, ShareOptions};
use crate::write::{Draft, Pen};
use crate::{LinkId, Node, Notice, Output};
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{EndpointId, EntryHash, ItemId, LogId, ObjectTag, PackId, Timestamp};
use kitbag_core::pack::index::{IndexEdit, index_tag};
use kitbag_core::pack::note::{Consent, ConsentStatus, Status};
use kitbag_core::pack::{ChangeHash, DateEdit, Edit, NoteDocument};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::sync::Side;
use kitbag_core::ticket::Ticket;
use kitbag_crypto::{ItemKey, MasterKey};
use kitbag_store::Store;
use kitbag_testkit::Dice;
use kitbag_testkit::chunk::{Chunk, change_bytes};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_millis(1_900_000_000_000);
const OF: Sensitivity = Sensitivity::Internal;
/// Mutants of one note in one go, and the mutated changes of the index document beside them.
const BATCH: u64 = 150;
const OF_INDEX: u64 = 10;

const ANA: usize = 0;
const BEN: usize = 1;
const CLEO: usize = 2;

/// Goal: an authorised editor sends thousands of mutated changes. Nothing panics, nothing is wedged:
/// honest edits before and after apply, new notes can be added, both honest devices hold the same and
/// say "up to date", before and after a restart. Each change that is refused is set aside under the
/// editor's name, and none is lost from sight.
#[test]
fn mutated_changes_of_an_editor_harm_nobody_and_are_set_aside_under_their_name() {
    let wanted = std::env::var("KITBAG_MUTANTS").ok();
    let wanted: u64 = wanted.and_then(|n| n.parse().ok()).unwrap_or(2 * BATCH);
    let began = Instant::now();
    let mut room = Room::new();
    let mut hand = Hand {
        dice: Dice::new(7),
        sent: BTreeSet::new(),
    };
    let mut planted: BTreeSet<EntryHash> = BTreeSet::new();
    let mut bodies: BTreeMap<ItemId, String> = BTreeMap::new();
    for batch in 0.. {
        if planted.len() as u64 >= wanted {
            break;
        }
        let note = room.add_note(ANA, &format!("note {batch}"));
        room.settle();
        room.append_text(BEN, note, " Ben was here before.");
        room.settle();
        planted.extend(room.plant_changes(note, BATCH - OF_INDEX, &mut hand));
        planted.extend(room.plant_index_changes(OF_INDEX, &mut hand));
        room.settle();
        room.append_text(ANA, note, " Ana was here after.");
        room.append_text(CLEO, note, " So was Cleo.");
        room.settle();
        let body = room.same_body(note);
        for mark in ["Ana was here after.", "So was Cleo."] {
            assert!(body.contains(mark), "an honest edit is gone: {body:?}");
        }
        bodies.insert(note, body);
    }

    let mut outcomes = room.outcomes(ANA, &planted);
    assert_eq!(
        outcomes,
        room.outcomes(CLEO, &planted),
        "the same is refused everywhere"
    );
    let tally = outcomes
        .values()
        .fold(BTreeMap::new(), |mut tally, outcome| {
            *tally.entry(outcome.as_str()).or_insert(0u32) += 1;
            tally
        });
    println!(
        "{} mutants in {:?}: {tally:#?}",
        planted.len(),
        began.elapsed()
    );
    let refused = planted.len() - tally[APPLIED] as usize;
    assert!(
        tally[APPLIED] > 0,
        "none got through: the mutation is too wild to test anything"
    );
    assert!(
        refused * 2 > planted.len(),
        "hardly any was refused: the mutation is too tame"
    );
    assert!(tally.len() > 10, "too few ways to fail were tried");

    room.restart(ANA);
    outcomes = room.outcomes(ANA, &planted);
    assert_eq!(
        outcomes,
        room.outcomes(CLEO, &planted),
        "a restart changes what is refused"
    );
    for (note, body) in &bodies {
        assert_eq!(&room.same_body(*note), body, "a restart changes a note");
    }
    let last = room.add_note(ANA, "the pack is still of use");
    room.settle();
    room.append_text(CLEO, last, " It is.");
    room.settle();
    assert!(room.same_body(last).ends_with("It is."));
    assert_memory();
}

const APPLIED: &str = "applied";

/// The most memory that this process ever held, where the system tells.
fn assert_memory() {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return;
    };
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = peak
        .and_then(|kib| kib.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0);
    println!("at most {} MiB of memory", kib / 1024);
    assert!(kib < 1 << 20, "{kib} KiB of memory");
}

/// Three devices in one place, and the frames between them.
struct Room {
    pack: PackId,
    nodes: Vec<Option<Node>>,
    dirs: Vec<TempDir>,
    ends: BTreeMap<LinkId, [usize; 2]>,
    frames: VecDeque<(usize, LinkId, Vec<u8>)>,
    up_to_date: BTreeSet<(usize, EndpointId)>,
    starts: u64,
}

impl Room {
    /// Ana's pack, which Ben and Cleo joined as editors.
    fn new() -> Room {
        let mut room = Room {
            pack: PackId::from_bytes([0; 32]),
            nodes: vec![None, None, None],
            dirs: (0..3).map(|_| tempfile::tempdir().unwrap()).collect(),
            ends: BTreeMap::new(),
            frames: VecDeque::new(),
            up_to_date: BTreeSet::new(),
            starts: 0,
        };
        (0..3).for_each(|who| room.start(who));
        room.pack = room.node(ANA).create_pack(NOW, "Acme", OF).unwrap().id;
        for joiner in [BEN, CLEO] {
            room.join(joiner);
        }
        room.connect_all();
        room.settle();
        room
    }

    fn start(&mut self, who: usize) {
        self.starts += 1;
        let mut rng = Dice::new(self.starts).fork();
        let master = MasterKey::from_bytes([7; 32]);
        let path = self.dirs[who].path().join("db");
        let mut store = Store::open(&path, &master, &mut *rng).unwrap();
        Node::initialise(&mut store, ["Ana", "Ben", "Cleo"][who], "laptop", &mut *rng).unwrap();
        self.nodes[who] = Some(Node::open(store, rng, None, |_| Ok(())).unwrap());
    }

    fn restart(&mut self, who: usize) {
        drop(self.nodes[who].take());
        self.start(who);
        self.connect_all();
        self.settle();
    }

    fn node(&mut self, who: usize) -> &mut Node {
        self.nodes[who].as_mut().unwrap()
    }

    fn endpoint(&mut self, who: usize) -> EndpointId {
        EndpointId::from_bytes(self.node(who).me().endpoint)
    }

    fn join(&mut self, joiner: usize) {
        let options = ShareOptions {
            role: Role::Editor,
            clearance: OF,
            expires_at: None,
            uses: 1,
            ask: false,
        };
        let pack = self.pack;
        let shared = self.node(ANA).share(NOW, pack, &options).unwrap();
        let ticket = Ticket::parse(&shared.ticket).unwrap();
        let (of_ana, of_joiner) = (self.endpoint(ANA), self.endpoint(joiner));
        let request = self
            .node(joiner)
            .join_draft(&ticket)
            .request(of_ana, [5; 32]);
        let (answer, _) = self
            .node(ANA)
            .handle_join(NOW, of_joiner, [5; 32], &request)
            .unwrap();
        let joined = self
            .node(joiner)
            .join_answered(NOW, &ticket, of_ana, &answer, None);
        assert_eq!(joined.unwrap(), crate::JoinOutcome::Admitted);
    }

    /// Everybody with everybody, over new connections.
    fn connect_all(&mut self) {
        self.frames.clear();
        self.up_to_date.clear();
        for link in std::mem::take(&mut self.ends).into_keys() {
            self.nodes
                .iter_mut()
                .flatten()
                .for_each(|node| node.link_closed(link));
        }
        // Ben and Cleo know of each other only once Ana told them.
        for [dialler, listener] in [[BEN, ANA], [CLEO, ANA], [BEN, CLEO]] {
            let link = LinkId(self.starts * 10 + self.ends.len() as u64);
            self.ends.insert(link, [dialler, listener]);
            for (who, peer, side) in [
                (dialler, listener, Side::Dialler),
                (listener, dialler, Side::Listener),
            ] {
                let peer = self.endpoint(peer);
                assert!(self.node(who).may_sync(&peer));
                let out = self.node(who).link_opened(NOW, link, peer, side).unwrap();
                self.take(who, out);
            }
            self.pump();
        }
    }

    /// Lets frames arrive until none is left: then everybody is up to date with everybody.
    fn settle(&mut self) {
        for who in 0..self.nodes.len() {
            let out = self.node(who).announce(NOW).unwrap();
            self.take(who, out);
        }
        self.pump();
        assert_eq!(self.up_to_date.len(), 6, "somebody is not up to date");
    }

    fn pump(&mut self) {
        while let Some((to, link, frame)) = self.frames.pop_front() {
            let out = self.node(to).link_frame(NOW, link, &frame).unwrap();
            self.take(to, out);
        }
    }

    fn take(&mut self, who: usize, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { link, frame } => {
                    let [dialler, listener] = self.ends[&link];
                    self.frames
                        .push_back((dialler + listener - who, link, frame));
                }
                Output::Notify(Notice::UpToDate(peer)) => {
                    self.up_to_date.insert((who, peer));
                }
                Output::Notify(Notice::Syncing(peer)) => {
                    self.up_to_date.remove(&(who, peer));
                }
                Output::Notify(_) => {}
                Output::RetryAfter { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    // Honest work.

    fn add_note(&mut self, who: usize, title: &str) -> ItemId {
        let note = NewNote {
            title: title.into(),
            body: "Ring Acme on Monday,\nthen write the offer. 東京".into(),
            source: NewSource {
                label: "desk".into(),
                ..NewSource::default()
            },
            tags: vec!["acme".into()],
            ..NewNote::default()
        };
        let pack = self.pack;
        self.node(who).add_notes(NOW, pack, &[note]).unwrap()[0].id
    }

    fn append_text(&mut self, who: usize, note: ItemId, text: &str) {
        let pack = self.pack;
        let body = self.node(who).note(pack, note).unwrap().body;
        let edit = NoteEdit {
            body: Some(body + text),
            ..NoteEdit::default()
        };
        assert!(
            self.node(who)
                .edit_note(NOW, pack, note, &edit)
                .unwrap()
                .is_some()
        );
    }

    /// A note's body, which both honest devices show.
    fn same_body(&mut self, note: ItemId) -> String {
        let pack = self.pack;
        let [ana, cleo] = [ANA, CLEO].map(|who| self.node(who).note(pack, note).unwrap());
        assert_eq!((&ana.title, &ana.tags), (&cleo.title, &cleo.tags));
        assert_eq!((&ana.body, &ana.version), (&cleo.body, &cleo.version));
        assert_eq!(
            (ana.edits, ana.waiting),
            (cleo.edits, 0),
            "an edit waits for ever"
        );
        ana.body
    }

    // Hostile work.

    /// Ben's device seals mutants of honest changes as edits of this note.
    fn plant_changes(&mut self, note: ItemId, count: u64, hand: &mut Hand) -> Vec<EntryHash> {
        let pack = self.pack;
        let ben = self.node(BEN);
        let replica = &ben.packs[&pack];
        let tag = replica.notes[&note];
        let built = build_note(replica, &ben.store, tag, None, &mut vec![]);
        let mut built = built.unwrap().unwrap();
        let document = built.open_document();
        let mut staged = Staged::default();
        let mut pen = ben.pen(pack, OF, true, &mut staged).unwrap();
        let honest = honest_changes(&document, pen.log);
        let object = (EntryKind::Edit, tag, &built.item_key);
        let planted = plant(
            ben,
            &mut pen,
            object,
            &honest,
            &built.carriers,
            None,
            count,
            hand,
        );
        ben.put_down(pen, &mut staged);
        ben.commit(pack, staged).unwrap();
        planted
    }

    /// The same for the pack's index document.
    fn plant_index_changes(&mut self, count: u64, hand: &mut Hand) -> Vec<EntryHash> {
        let pack = self.pack;
        let ben = self.node(BEN);
        let tag = index_tag(pack, OF);
        let built = build_index(&ben.packs[&pack], &ben.store, tag, OF, &mut vec![]).unwrap();
        let mut staged = Staged::default();
        let mut pen = ben.pen(pack, OF, true, &mut staged).unwrap();
        let now = built.document.view().title;
        let title = |n: u64| IndexEdit {
            title: Some(format!("{now} {n}").chars().rev().take(40).collect()),
        };
        let edits = (0..4).map(|n| built.document.edit(pen.log, &title(n)).unwrap().unwrap());
        let honest: Vec<Chunk> = edits
            .map(|edit| Chunk::parse(&edit.bytes).unwrap())
            .collect();
        let (key, base) = (ItemKey::absent(tag.as_bytes()), built.document.base());
        let object = (EntryKind::Index, tag, &key);
        let planted = plant(
            ben,
            &mut pen,
            object,
            &honest,
            &built.carriers,
            Some(base),
            count,
            hand,
        );
        ben.put_down(pen, &mut staged);
        ben.commit(pack, staged).unwrap();
        planted
    }

    /// What became of each planted entry on a device; those that were refused are Ben's.
    fn outcomes(
        &mut self,
        who: usize,
        planted: &BTreeSet<EntryHash>,
    ) -> BTreeMap<EntryHash, String> {
        let pack = self.pack;
        let ben = self.node(BEN).me().person;
        let node = self.node(who);
        let replica = &node.packs[&pack];
        let mut outcomes = BTreeMap::new();
        let mut reasons: BTreeMap<LogId, BTreeMap<u64, String>> = BTreeMap::new();
        for (id, log) in &replica.logs {
            let rows = node.store.quarantined(log.trunk().unwrap().number).unwrap();
            reasons.insert(*id, rows.into_iter().collect());
        }
        for entry in replica.quarantined.keys() {
            let place = &replica.places[entry];
            assert_eq!(
                replica.person_of_log(place.log),
                Some(ben),
                "the author is named"
            );
            outcomes.insert(*entry, reasons[&place.log][&place.seq].clone());
        }
        assert!(
            outcomes.keys().all(|entry| planted.contains(entry)),
            "honest work is set aside"
        );
        let index =
            build_index(replica, &node.store, index_tag(pack, OF), OF, &mut vec![]).unwrap();
        let mut applied: Vec<EntryHash> = index.carriers.into_values().collect();
        for tag in replica.notes.values() {
            let note = build_note(replica, &node.store, *tag, None, &mut vec![])
                .unwrap()
                .unwrap();
            applied.extend(note.steps.iter().map(|step| step.entry));
        }
        for entry in applied.into_iter().filter(|entry| planted.contains(entry)) {
            assert_eq!(
                outcomes.insert(entry, APPLIED.into()),
                None,
                "applied and set aside"
            );
        }
        assert_eq!(
            outcomes.len(),
            planted.len(),
            "an entry is neither applied nor set aside"
        );
        outcomes
    }
}

/// What makes mutants, and those that it sent already.
struct Hand {
    dice: Dice,
    sent: BTreeSet<Vec<u8>>,
}

/// Seals mutants of honest changes, each as an entry that names the dependencies of its change.
#[expect(
    clippy::too_many_arguments,
    reason = "a test's helper with two callers"
)]
fn plant(
    ben: &mut Node,
    pen: &mut Pen,
    (kind, object, item_key): (EntryKind, ObjectTag, &ItemKey),
    honest: &[Chunk],
    carriers: &BTreeMap<ChangeHash, EntryHash>,
    base: Option<ChangeHash>,
    count: u64,
    hand: &mut Hand,
) -> Vec<EntryHash> {
    let mut planted = Vec::new();
    while (planted.len() as u64) < count {
        let mut chunk = hand.dice.pick(honest).clone();
        chunk.mutate(hand.dice.pick(honest), &mut hand.dice);
        let mut change = chunk.forge(pen.log);
        if hand.dice.percent(2) {
            change_bytes(&mut change, &mut hand.dice); // such get no further than the checksum
        }
        if !hand.sent.insert(change.clone()) {
            continue; // a change that is carried twice is another test's
        }
        let cited = chunk.deps.iter().map(|dep| ChangeHash(*dep));
        let carried = cited
            .filter(|dep| Some(*dep) != base)
            .filter_map(|dep| carriers.get(&dep));
        let mut deps: BTreeSet<EntryHash> = carried.copied().collect();
        if deps.is_empty() && kind == EntryKind::Edit {
            deps.extend(carriers.values().next()); // an edit builds on something
        }
        let body = EntryBody::Change {
            change,
            at: NOW,
            takes_over: TakesOver::default(),
        };
        let draft = Draft {
            kind: kind.clone(),
            object,
            deps: deps.into_iter().collect(),
            body: &body,
            item_key,
        };
        planted.push(ben.append(pen, &draft).unwrap());
    }
    planted
}

/// Edits of every kind, as our own code makes them.
fn honest_changes(document: &NoteDocument, log: LogId) -> Vec<Chunk> {
    let view = document.view();
    let tags = |tag: &str| BTreeSet::from([tag.to_owned()]);
    let text = |body: String| Edit {
        body: Some(body),
        ..Edit::default()
    };
    let edits = [
        text(format!("{} And the kitbag 🧳.", view.body)),
        text(
            view.body
                .replace("Monday", "Tuesday")
                .replace("offer", "letter"),
        ),
        text(view.body.chars().rev().collect()),
        text(String::new()),
        Edit {
            title: Some("Call back".into()),
            add_tags: tags("new"),
            remove_tags: tags("acme"),
            ..text("京 ".repeat(40))
        },
        Edit {
            status: Some(Status::Archived),
            pinned: Some(true),
            consent: Some(Consent::new(ConsentStatus::Limited)),
            valid_from: DateEdit::Set(NOW),
            ..Edit::default()
        },
    ];
    let change = |edit: &Edit| {
        document
            .edit(log, edit)
            .unwrap()
            .expect("it changes something")
    };
    edits
        .iter()
        .map(|edit| Chunk::parse(&change(edit).bytes).unwrap())
        .collect()
}
