//! The search index of a device: it answers what a look at every note answers, whatever happens to the
//! notes, the process, the disk and the index itself.

use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{Incarnation, ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{Consent, ConsentStatus};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::MasterKey;
use kitbag_node::agent_reads::{AgentAsks, AgentReach};
use kitbag_node::finding::{Found, SearchOptions};
use kitbag_node::view::{NewNote, NewSource, NoteEdit};
use kitbag_node::{IndexMerge, IndexStep, Node, NodeError};
use kitbag_store::Store;
use kitbag_testkit::{Dice, Fault, SimDisk};

const WORDS: &[&str] = &[
    "refund",
    "refunds",
    "refnud",
    "late",
    "hotel",
    "hotels",
    "Reise",
    "Reisekosten",
    "Größe",
    "E-Mail",
    "mia@mail.example",
    "京都",
    "東京都",
    "100,000",
    "🎉",
    "cancellation",
    "cancelation",
];

const QUERIES: &[&str] = &[
    "refund",
    "late refund",
    "\"late refund\"",
    "hotel -refund",
    "reise* late",
    "refnd",
    "re",
    "cancelaton hotel",
    "京",
    "\"mia mail\"",
    "e-mail groesse",
    "where is the hotel",
    "nothing here",
    "refund hotel late reise 東京都 🎉 cancellation",
    "-late hotels",
];

/// A device over a disk that can fail.
struct Home {
    disk: SimDisk,
    dice: Dice,
    outside: Option<Incarnation>,
    node: Option<Node>,
    now: u64,
    /// Segments that are made into one meanwhile.
    merge: Option<IndexMerge>,
}

impl Home {
    fn new(seed: u64) -> Home {
        let mut home = Home {
            disk: SimDisk::new(),
            dice: Dice::new(seed),
            outside: None,
            node: None,
            now: 1_000_000_000_000,
            merge: None,
        };
        let mut rng = home.dice.fork();
        let mut store = home.store().unwrap();
        Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
        drop(store);
        home.start().unwrap();
        home
    }

    fn store(&mut self) -> Result<Store, kitbag_store::StoreError> {
        let mut rng = self.dice.fork();
        let master = MasterKey::from_bytes([7; 32]);
        Store::open_backend(self.disk.backend(), &master, &mut rng)
    }

    fn start(&mut self) -> Result<(), NodeError> {
        self.node = None;
        let store = self.store()?;
        let rng = Box::new(self.dice.fork());
        let mut outside = self.outside;
        let node = Node::open(store, rng, self.outside, |token| {
            outside = Some(token);
            Ok(())
        });
        self.outside = outside;
        let mut node = node?;
        node.set_indexed_notes_min(1);
        self.node = Some(node);
        Ok(())
    }

    fn node(&mut self) -> &mut Node {
        self.node.as_mut().unwrap()
    }

    fn tick(&mut self) -> Timestamp {
        self.now += 86_400_000;
        Timestamp::from_millis(self.now)
    }

    fn text(&mut self, words: u64) -> String {
        let words = 1 + self.dice.below(words);
        let words: Vec<&str> = (0..words)
            .map(|_| WORDS[self.dice.below(WORDS.len() as u64) as usize])
            .collect();
        words.join(" ")
    }

    /// Until there is nothing more to do for the index.
    fn index(&mut self) {
        while self.step().unwrap() != IndexStep::Idle || self.merge.is_some() {}
    }

    /// One step; segments that are made into one are done until the next.
    fn step(&mut self) -> Result<IndexStep, NodeError> {
        if let Some(merge) = self.merge.take() {
            self.node().index_merged(merge.run());
        }
        let step = self.node().index_step()?;
        if step == IndexStep::Merge {
            self.merge = self.node().take_index_merge();
        }
        Ok(step)
    }

    /// What a search finds: by the index, which has to be what a scan finds.
    fn search(&mut self, options: &SearchOptions) -> Found {
        let node = self.node();
        let by_index = run(node, node.begin_search(options.clone()).unwrap());
        let by_scan = run(node, node.begin_search_by_scan(options.clone()).unwrap());
        assert_eq!(by_index, by_scan, "{options:?}");
        by_index
    }

    fn search_all(&mut self, packs: &[PackId]) {
        let mut internal = Filter::default();
        internal.sensitivity = Some(Sensitivity::Internal);
        let filters = [
            Filter::default(),
            internal,
            Filter::default().with_tags(&["vip".to_owned()]).unwrap(),
            Filter::default().with_source("crm").unwrap(),
        ];
        for _ in 0..5 {
            let query = QUERIES[self.dice.below(QUERIES.len() as u64) as usize];
            let filter = filters[self.dice.below(4) as usize].clone();
            let listed = [Listed::Kept, Listed::Kept, Listed::All, Listed::Deleted];
            let some = packs.iter().copied().filter(|_| self.dice.below(2) == 0);
            let some: Vec<PackId> = some.collect();
            let options = SearchOptions {
                query: query.into(),
                packs: (self.dice.below(3) == 0).then_some(some),
                listed: listed[self.dice.below(4) as usize],
                filter,
                limit: 1 + self.dice.below(30) as usize,
                explain: true,
            };
            self.search(&options);
        }
    }

    fn draft(&mut self) -> NewNote {
        let sensitivity = self.dice.below(4) as usize;
        let tags = ["vip", "Reise", "old"];
        let tags = tags.iter().filter(|_| self.dice.below(3) == 0);
        let tags = tags.map(|tag| (*tag).to_owned()).collect();
        NewNote {
            title: self.text(4),
            body: self.text(20),
            tags,
            sensitivity: Some(Sensitivity::ALL[sensitivity]),
            source: NewSource {
                label: ["CRM · row", "desk"][self.dice.below(2) as usize].into(),
                ..NewSource::default()
            },
            ..NewNote::default()
        }
    }

    fn add(&mut self, pack: PackId, notes: u64) -> Result<Vec<ItemId>, NodeError> {
        let drafts: Vec<NewNote> = (0..notes).map(|_| self.draft()).collect();
        let now = self.tick();
        let added = self.node().add_notes(now, pack, &drafts)?;
        Ok(added.into_iter().map(|added| added.id).collect())
    }

    /// Does something to the notes; says what was added.
    fn change(
        &mut self,
        pack: PackId,
        known: &[(PackId, ItemId)],
    ) -> Result<Vec<ItemId>, NodeError> {
        let now = self.tick();
        if known.is_empty() || self.dice.below(3) == 0 {
            let notes = 1 + self.dice.below(12);
            return self.add(pack, notes);
        }
        let (pack, item) = known[self.dice.below(known.len() as u64) as usize];
        let (title, body) = (self.text(3), self.text(25));
        match self.dice.below(4) {
            0 => {
                let deleted = self.dice.below(2) == 0;
                self.node().set_deleted(
                    now,
                    pack,
                    item,
                    deleted,
                    kitbag_node::undo::Along::Alone,
                    false,
                )?;
            }
            1 => {
                let to = Sensitivity::ALL[self.dice.below(4) as usize];
                self.node().relabel(now, pack, item, to)?;
            }
            _ => {
                let edit = NoteEdit {
                    title: Some(title),
                    body: Some(body),
                    add_tags: vec!["vip".into()],
                    ..NoteEdit::default()
                };
                self.node().edit_note(now, pack, item, &edit)?;
            }
        }
        Ok(vec![])
    }
}

fn run(node: &Node, mut searching: kitbag_node::finding::Searching) -> Found {
    loop {
        if let Some(found) = node.search_on(&mut searching).unwrap() {
            return found;
        }
    }
}

/// Goal: however notes are added, edited, deleted, brought back and moved between sensitivities and
/// packs; however far the index is behind, whatever was merged, and after a restart at any time: index
/// and scan answer the same. In the end the index knows everything.
#[test]
fn an_index_answers_what_a_scan_answers_whatever_happens_to_the_notes() {
    for seed in 0..4 {
        let mut home = Home::new(seed);
        let mut packs = Vec::new();
        let mut notes = Vec::new();
        for title in ["Acme", "Beta", "Gamma"] {
            let now = home.tick();
            let made = home.node().create_pack(now, title, Sensitivity::Internal);
            packs.push(made.unwrap().id);
        }
        for round in 0..32 {
            let pack = packs[home.dice.below(3) as usize];
            let added = home.change(pack, &notes).unwrap();
            notes.extend(added.into_iter().map(|item| (pack, item)));
            for _ in 0..home.dice.below(6) {
                home.step().unwrap();
            }
            match home.dice.below(8) {
                0 => home.start().unwrap(),
                1 => {
                    let now = home.tick();
                    home.node().set_awake_bytes(0);
                    home.node().rest().unwrap();
                    home.node().keep_summaries(now).unwrap();
                }
                _ => {}
            }
            if round % 4 == 0 {
                home.search_all(&packs);
            }
        }
        home.index();
        let meters = home.node().index_meters();
        assert_eq!((meters.stale, meters.unknown_packs), (0, 0), "{seed}");
        assert_eq!(meters.notes, notes.len() as u64, "{seed}");
        home.search_all(&packs);
        home.start().unwrap();
        assert_eq!(
            home.node().index_meters().unknown_packs,
            0,
            "known after a restart"
        );
        home.search_all(&packs);
        assert!(
            !home.node().index_is_due(),
            "{seed}: nothing is to be done twice"
        );
        assert_eq!(home.node().index_meters().dropped, 0);
    }
}

/// Goal: a search that began before segments were made into one finds what a scan finds, and costs the
/// index nothing; they take their place once it is over.
#[test]
fn segments_take_their_place_when_no_search_reads_what_they_are_made_of() {
    let mut home = Home::new(7);
    let now = home.tick();
    let made = home.node().create_pack(now, "Acme", Sensitivity::Internal);
    let pack = made.unwrap().id;
    let merge = loop {
        home.add(pack, 20).unwrap();
        while home.node().index_step().unwrap() == IndexStep::More {}
        if let Some(merge) = home.node().take_index_merge() {
            break merge;
        }
    };
    let before = home.node().index_meters().segments;
    home.add(pack, 200).unwrap(); // so many that a search looks at them in several slices
    let options = SearchOptions {
        query: "Reisekostem".into(),
        packs: None,
        listed: Listed::Kept,
        filter: Filter::default(),
        limit: 10,
        explain: true,
    };
    let node = home.node();
    let mut searching = node.begin_search(options.clone()).unwrap();
    assert!(node.search_on(&mut searching).unwrap().is_none());
    node.index_merged(merge.run());
    home.index();
    let node = home.node();
    assert!(
        node.index_meters().segments >= before,
        "they are still read"
    );
    let by_index = run(node, searching);
    let by_scan = run(node, node.begin_search_by_scan(options).unwrap());
    assert_eq!(by_index, by_scan);
    assert!(!by_index.approximate.is_empty());
    home.index();
    let meters = home.node().index_meters();
    assert!(meters.segments < before, "{meters:?}");
    assert_eq!(meters.dropped, 0);
    home.search_all(&[pack]);
}

/// Goal: power lost, or one call that fails, at any call of the disk while notes are changed and taken
/// in: after the next start index and scan still answer the same.
#[test]
fn a_crash_at_any_call_leaves_the_index_right_or_known_to_be_behind() {
    let mut crashed = 0;
    for call in (1..400).step_by(15) {
        let mut home = Home::new(call);
        let now = home.tick();
        let made = home.node().create_pack(now, "Acme", Sensitivity::Internal);
        let pack = made.unwrap().id;
        let first = home.add(pack, 30).unwrap();
        let mut notes: Vec<(PackId, ItemId)> = first.into_iter().map(|item| (pack, item)).collect();
        home.index();
        home.disk.set_fault(match call % 2 {
            0 => Fault::PowerLoss(call),
            _ => Fault::FailOnce(call),
        });
        for _ in 0..6 {
            if let Ok(added) = home.change(pack, &notes) {
                notes.extend(added.into_iter().map(|item| (pack, item)));
            }
            for _ in 0..4 {
                let _ = home.step();
            }
        }
        crashed += u32::from(home.disk.calls() >= call);
        home.node = None;
        home.disk.set_fault(Fault::None);
        let mut dice = home.dice.clone();
        home.disk.power_returns(&mut dice);
        home.start().unwrap();
        home.search_all(&[pack]);
        home.index();
        home.search_all(&[pack]);
    }
    assert!(crashed > 12, "only {crashed} crashes");
}

/// Goal: an index of which rows are missing, cut, or not what was written is asked no more, the answers
/// stay the same, and it is built anew.
#[test]
fn a_damaged_index_is_built_anew_and_nobody_notices() {
    for how in 0..5 {
        let mut home = Home::new(100 + how);
        let now = home.tick();
        let made = home.node().create_pack(now, "Acme", Sensitivity::Internal);
        let pack = made.unwrap().id;
        home.add(pack, 60).unwrap();
        home.index();
        home.node = None;
        let mut store = home.store().unwrap();
        let mut rng = home.dice.fork();
        let mut batch = store.batch(&mut rng).unwrap();
        for file in 0..60 {
            match how {
                0 => batch.remove_index_file(file).unwrap(),
                1 if file % 7 == 3 => batch.remove_index_file(file).unwrap(),
                2 if file % 5 == 1 => batch.put_index_block(file, 0, b"cut").unwrap(),
                _ => {}
            }
        }
        match how {
            3 => batch.put_index_row(0, b"no manifest").unwrap(),
            4 => batch.put_index_row(1, b"no documents").unwrap(),
            _ => {}
        }
        batch.commit().unwrap();
        drop(store);
        home.start().unwrap();
        home.search_all(&[pack]);
        home.index();
        let meters = home.node().index_meters();
        assert_eq!((meters.notes, meters.stale), (60, 0), "{how}");
        assert!(meters.dropped > 0, "{how}");
        home.search_all(&[pack]);
    }
}

/// Goal: no word of a note stands in plain in the file, with an index as without.
#[test]
fn an_index_shows_no_word_to_whoever_reads_the_disk() {
    let mut home = Home::new(200);
    let now = home.tick();
    let made = home.node().create_pack(now, "Acme", Sensitivity::Internal);
    let pack = made.unwrap().id;
    let draft = NewNote {
        title: "Zeppelinfahrt".into(),
        body: "quokkasanctuary and again quokkasanctuary".into(),
        ..home.draft()
    };
    home.node().add_notes(now, pack, &[draft]).unwrap();
    home.add(pack, 40).unwrap();
    home.index();
    assert!(home.node().index_meters().notes > 40);
    let image = home.disk.image();
    for word in ["zeppelinfahrt", "quokkasanctuary", "reisekosten", "refund"] {
        let found = image.bytes().windows(word.len());
        let mut found = found.filter(|at| at.eq_ignore_ascii_case(word.as_bytes()));
        assert!(found.next().is_none(), "{word}");
    }
}

/// Goal: somebody who may see less is told nothing of what is above, by an index as by a scan.
#[test]
fn whoever_may_see_less_is_answered_as_if_there_were_no_more() {
    let answers = |with_more: bool| {
        let mut home = Home::new(300);
        let now = home.tick();
        let made = home.node().create_pack(now, "Acme", Sensitivity::Internal);
        let pack = made.unwrap().id;
        for (body, sensitivity) in [
            ("hotel refund", Sensitivity::Internal),
            ("refund late", Sensitivity::Public),
            ("refund zeppelin", Sensitivity::Restricted),
            ("hotel zeppelin hotel", Sensitivity::Confidential),
        ] {
            if with_more || sensitivity <= Sensitivity::Internal {
                let draft = NewNote {
                    title: String::new(),
                    body: body.into(),
                    sensitivity: Some(sensitivity),
                    source: NewSource {
                        label: "desk".into(),
                        ..NewSource::default()
                    },
                    ..NewNote::default()
                };
                home.node().add_notes(now, pack, &[draft]).unwrap();
            }
        }
        home.index();
        let node = home.node();
        let answer = |query: &str| {
            let options = SearchOptions {
                query: query.into(),
                packs: None,
                listed: Listed::Kept,
                filter: Filter::default(),
                limit: 20,
                explain: true,
            };
            let found = node.begin_search_up_to(options, Sensitivity::Internal);
            let found = run(node, found.unwrap());
            let texts = found.results.iter().map(|hit| hit.snippet.text.clone());
            let scores = found.results.iter().map(|hit| hit.explained.clone());
            let (texts, scores): (Vec<_>, Vec<_>) = (texts.collect(), scores.collect());
            (
                texts,
                scores,
                found.total,
                found.searched,
                found.empty_reason,
            )
        };
        ["refund", "zeppelin", "hotel refund", "zepelin"].map(answer)
    };
    assert_eq!(answers(true), answers(false));
}

/// How fast it is, with 100,000 short notes whose words are as frequent as those of a language (or as
/// many as `KITBAG_NOTES` says). To be run by hand, with `--release --ignored --nocapture`.
#[test]
#[ignore = "takes minutes, and tells figures instead of right or wrong"]
fn how_fast_an_index_answers() {
    use std::time::{Duration, Instant};
    let notes = std::env::var("KITBAG_NOTES").ok();
    let notes: usize = notes.and_then(|of| of.parse().ok()).unwrap_or(100_000);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut dice = Dice::new(1);
    let master = MasterKey::from_bytes([7; 32]);
    let mut rng = dice.fork();
    let mut store = Store::open(&path, &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    let mut token = None;
    let keep = |token: &mut Option<Incarnation>, new| {
        *token = Some(new);
        Ok(())
    };
    let mut node = Node::open(store, Box::new(dice.fork()), None, |t| keep(&mut token, t)).unwrap();
    node.set_indexed_notes_min(1);
    let now = Timestamp::from_millis(1_000_000_000_000);
    let pack = node
        .create_pack(now, "Acme", Sensitivity::Internal)
        .unwrap()
        .id;
    let word = |dice: &mut Dice| {
        // Rank r with a frequency of about 1/r, among 60,000.
        let exponent = dice.below(1_000_000) as f64 / 1_000_000.0;
        let rank = 60_000f64.powf(exponent) as u64;
        let mut name = rank.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let letters = 3 + rank.checked_ilog2().unwrap_or(0) / 2;
        (0..letters)
            .map(|at| {
                let letter = b"etaoinshrdlucmfwypvbgk"[(name % 22) as usize];
                name = name / 22 + u64::from(at);
                char::from(letter)
            })
            .collect::<String>()
    };
    let text = |dice: &mut Dice, words: u64| {
        let words: Vec<String> = (0..words).map(|_| word(dice)).collect();
        words.join(" ")
    };
    let begun = Instant::now();
    let mut left = notes;
    while left > 0 {
        let some = left.min(500);
        let drafts: Vec<NewNote> = (0..some)
            .map(|_| NewNote {
                title: text(&mut dice, 5),
                body: {
                    let words = 20 + dice.below(60);
                    text(&mut dice, words)
                },
                source: NewSource {
                    label: "desk".into(),
                    ..NewSource::default()
                },
                ..NewNote::default()
            })
            .collect();
        node.add_notes(now, pack, &drafts).unwrap();
        left -= some;
    }
    println!("{notes} notes added in {:.1?}", begun.elapsed());
    let begun = Instant::now();
    let (mut steps, mut longest, mut elsewhere) = (0, Duration::ZERO, Duration::ZERO);
    loop {
        let step = Instant::now();
        let more = node.index_step().unwrap();
        longest = longest.max(step.elapsed());
        steps += 1;
        if let Some(merge) = node.take_index_merge() {
            let begun = Instant::now();
            node.index_merged(merge.run());
            elsewhere += begun.elapsed();
        }
        if more == IndexStep::Idle {
            break;
        }
    }
    let took = begun.elapsed();
    println!(
        "indexed in {took:.1?}, {:.0} notes/s, {steps} steps, the longest {longest:.1?}, \
         {elsewhere:.1?} of it on another thread; {:?}",
        notes as f64 / took.as_secs_f64(),
        node.index_meters()
    );
    let options = |query: String| SearchOptions {
        query,
        packs: None,
        listed: Listed::Kept,
        filter: Filter::default(),
        limit: 20,
        explain: false,
    };
    let queries: Vec<String> = (0..500).map(|at| text(&mut dice, 1 + at % 4)).collect();
    let percentiles = |name: &str, mut times: Vec<Duration>| {
        times.sort();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        println!(
            "{name}: p50 {:.2?}, p90 {:.2?}, p99 {:.2?}, worst {:.2?}",
            at(50),
            at(90),
            at(99),
            at(100)
        );
    };
    let timed = |node: &Node, query: &String| {
        let begun = Instant::now();
        run(node, node.begin_search(options(query.clone())).unwrap());
        begun.elapsed()
    };
    let cold = |node: &Node, query| {
        node.forget_index_blocks();
        timed(node, query)
    };
    percentiles(
        "cold",
        queries.iter().map(|query| cold(&node, query)).collect(),
    );
    percentiles(
        "warming",
        queries.iter().map(|query| timed(&node, query)).collect(),
    );
    percentiles(
        "warm",
        queries.iter().map(|query| timed(&node, query)).collect(),
    );
    let typos = queries.iter().map(|query| {
        let mut typo = query.split(' ').next().unwrap().to_owned();
        typo.insert(1, 'q');
        timed(&node, &typo)
    });
    percentiles("typing errors", typos.collect());
    let begun = Instant::now();
    let searching = node
        .begin_search_by_scan(options(queries[0].clone()))
        .unwrap();
    run(&node, searching);
    println!("one scan: {:.1?}", begun.elapsed());
    println!(
        "{:?}; file {} bytes",
        node.index_meters(),
        std::fs::metadata(&path).unwrap().len()
    );
    drop(node);
    let begun = Instant::now();
    let store = Store::open(&path, &master, &mut rng).unwrap();
    let mut node = Node::open(store, Box::new(dice.fork()), token, |_| Ok(())).unwrap();
    node.set_indexed_notes_min(1);
    println!("started in {:.1?}", begun.elapsed());
    let begun = Instant::now();
    run(
        &node,
        node.begin_search(options(queries[0].clone())).unwrap(),
    );
    println!(
        "first search after a start, waking the pack: {:.1?}",
        begun.elapsed()
    );
    node.index_step().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
    {
        println!("{line}");
    }
}

/// Goal: what may not leave to an agent changes nothing of what it finds by the index, neither which notes, nor
/// their order and worth, nor any count: all is as on a device on which it never was.
#[test]
fn what_an_agent_may_not_have_is_as_if_it_were_not_in_the_index() {
    let of = |status, purposes: &[&str]| Consent {
        purposes: purposes.iter().map(|p| (*p).to_owned()).collect(),
        ..Consent::new(status)
    };
    for seed in 0..4 {
        let (mut with, mut without) = (Home::new(seed), Home::new(seed + 100));
        let mut packs = Vec::new();
        for home in [&mut with, &mut without] {
            let now = Timestamp::from_millis(1_000_000_000_000);
            let made = home.node().create_pack(now, "Acme", Sensitivity::Internal);
            packs.push(made.unwrap().id);
        }
        let now = Timestamp::from_millis(1_100_000_000_000);
        for _ in 0..12 {
            let drafts: Vec<NewNote> = (0..15).map(|_| with.draft()).collect();
            let mut open = Vec::new();
            let mut all = Vec::new();
            for mut draft in drafts {
                let is_open = match with.dice.below(7) {
                    0 => {
                        draft.consent = Some(of(ConsentStatus::Withdrawn, &[]));
                        false
                    }
                    1 => {
                        draft.consent = Some(of(ConsentStatus::Limited, &["billing"]));
                        false
                    }
                    2 => {
                        draft.expires_at = Some(Timestamp::from_millis(1_050_000_000_000));
                        false
                    }
                    3 => {
                        draft.consent = Some(of(ConsentStatus::Limited, &["support"]));
                        true
                    }
                    _ => true,
                };
                let is_open = is_open && draft.sensitivity <= Some(Sensitivity::Internal);
                all.push(draft.clone());
                open.extend(is_open.then_some(draft));
            }
            with.node().add_notes(now, packs[0], &all).unwrap();
            without.node().add_notes(now, packs[1], &open).unwrap();
        }
        with.index();
        without.index();
        assert_eq!(with.node().index_meters().unknown_packs, 0);
        let mut found_some = 0;
        for query in QUERIES {
            let mut answers = Vec::new();
            for (home, pack) in [&mut with, &mut without].into_iter().zip(&packs) {
                let asks = AgentAsks {
                    purpose: Some("support".into()),
                    ..AgentAsks::of(AgentReach {
                        id: "id".into(),
                        name: "claude".into(),
                        packs: [*pack].into(),
                        clearance: Sensitivity::Internal,
                        across_clients: false,
                    })
                };
                let options = SearchOptions {
                    query: (*query).into(),
                    packs: None,
                    listed: Listed::Kept,
                    filter: Filter::default(),
                    limit: 100,
                    explain: true,
                };
                let node = home.node();
                let searching = node.begin_agent_search(now, options, &asks).unwrap();
                let found = run(node, searching);
                found_some += found.total;
                let hits = found
                    .results
                    .into_iter()
                    .map(|hit| (hit.title, hit.snippet, hit.sensitivity, hit.explained));
                let mut hits: Vec<_> = hits.map(|hit| format!("{hit:?}")).collect();
                hits.sort_unstable(); // of equal worth the order is that of the ids, which are random
                answers.push((
                    hits,
                    (
                        found.total,
                        found.searched,
                        found.deleted,
                        found.outside_filters,
                    ),
                    (
                        found.relaxed,
                        found.empty_reason,
                        found.left_out,
                        found.approximate,
                    ),
                ));
            }
            assert_eq!(answers[0], answers[1], "seed {seed}, {query:?}");
        }
        assert!(found_some > 100, "{found_some}");
    }
}
