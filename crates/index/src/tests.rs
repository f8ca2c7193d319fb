//! An index answers what a look at each note answers: on random notes and queries, whatever segments
//! the notes are in, after edits, and with a cache that holds next to nothing.

use super::*;
use kitbag_core::filter::{Filter, Filtered, Listed};
use kitbag_core::id::Timestamp;
use kitbag_core::pack::note::{Claim, ConsentStatus, NoteType, SourceKind, Status};
use kitbag_core::policy::Sensitivity;
use kitbag_core::search::{
    Best, Facts, Offered, Query, Ranking, Score, Scratch, Searched, Statistics,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug)]
struct Note {
    pack: u32,
    item: ItemId,
    sensitivity: Sensitivity,
    title: String,
    body: String,
    tags: BTreeSet<String>,
    source: String,
    author: Option<String>,
    facts: Facts,
    note_type: NoteType,
    source_kind: SourceKind,
    status: Status,
    consent: Option<ConsentStatus>,
}

impl Note {
    fn searched(&self) -> Searched<'_> {
        Searched {
            title: &self.title,
            body: &self.body,
            tags: &self.tags,
            source: &self.source,
        }
    }

    fn doc(&self) -> Doc<'_> {
        Doc {
            pack: self.pack,
            item: &self.item,
            print: 7,
            text: self.searched(),
            facts: self.facts,
            note_type: self.note_type,
            source_kind: self.source_kind,
            status: self.status,
            consent: self.consent,
            author: self.author.as_deref(),
        }
    }

    fn admitted(&self, filter: &Filter) -> bool {
        filter.admits(Filtered {
            tags: &self.tags,
            source: &self.source,
            sensitivity: self.sensitivity,
            captured_at: self.facts.captured_at,
            note_type: self.note_type,
            source_kind: self.source_kind,
            author: self.author.as_deref(),
            status: self.status,
            consent: self.consent,
        })
    }
}

/// Blocks in memory, some of which may be spoilt.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Kept>>);

/// By file and number.
type Kept = HashMap<(u32, u32), Vec<u8>>;

impl Blocks for Memory {
    fn block(&self, file: u32, block: u32) -> io::Result<Vec<u8>> {
        let blocks = self.0.lock().unwrap();
        let found = blocks.get(&(file, block)).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Memory {
    fn place(&self, segments: &mut Segments, sensitivity: Sensitivity, built: &Built, dead: &Dead) {
        let keep = |file, block, bytes: &[u8]| {
            self.0.lock().unwrap().insert((file, block), bytes.to_vec());
            Ok(())
        };
        let meta = segments.place(sensitivity, built, keep).unwrap();
        segments.put(meta, dead).unwrap();
    }

    fn add(&self, segments: &mut Segments, notes: &[Note]) {
        for sensitivity in Sensitivity::ALL {
            let of = notes.iter().filter(|note| note.sensitivity == sensitivity);
            let mut builder = Builder::new().unwrap();
            of.for_each(|note| builder.add(note.doc()).unwrap());
            if builder.docs() > 0 {
                let built = builder.finish().unwrap();
                self.place(segments, sensitivity, &built, &Dead::default());
            }
        }
    }

    /// Makes segments into one; these notes change meanwhile.
    fn merge(&self, segments: &mut Segments, numbers: &[u32], changed: &[Note]) {
        let merge = segments.begin_merge(numbers).unwrap();
        kill(segments, changed);
        let merged = std::thread::spawn(|| merge.run()).join().unwrap().unwrap();
        let Settled::Ready(dead) = segments.settle(&merged) else {
            panic!("nobody reads them, and nobody took them away");
        };
        if let Some(built) = merged.built() {
            self.place(segments, merged.sensitivity(), built, &dead);
        }
        for file in segments.remove(&merged.of()) {
            self.0.lock().unwrap().retain(|at, _| at.0 != file);
        }
        assert_eq!(segments.settle(&merged), Settled::Void);
    }

    fn reopened(&self, segments: &Segments, cache: usize) -> Segments {
        let metas = segments.metas();
        let metas = metas.map(|(meta, dead)| (meta.clone(), dead)).collect();
        Segments::with_cache(Box::new(self.clone()), metas, cache).unwrap()
    }
}

fn kill(segments: &mut Segments, notes: &[Note]) {
    for note in notes {
        if let Some(at) = segments.find(note.pack, Name::of(&note.item)) {
            segments.kill(at.segment, at.doc);
        }
    }
}

fn empty(memory: &Memory) -> Segments {
    Segments::open(Box::new(memory.clone()), vec![]).unwrap()
}

/// All that an answer says before notes are read to be shown.
#[derive(Debug, PartialEq)]
struct Answer {
    keys: Vec<(u32, Name)>,
    total: u64,
    relaxed: bool,
    counts: [u64; 4],
    meant: Vec<String>,
    scores: Vec<Score>,
}

struct Asking<'a> {
    query: &'a Query,
    listed: Listed,
    filter: &'a Filter,
    packs: &'a BTreeSet<u32>,
    clearance: Sensitivity,
    limit: usize,
}

impl Asking<'_> {
    fn allows(&self, pack: u32, sensitivity: Sensitivity) -> bool {
        self.packs.contains(&pack) && sensitivity <= self.clearance
    }

    /// By a look at these notes, and by an index for others.
    fn answer(&self, looked_at: &[Note], segments: Option<&Segments>, all: &[Note]) -> Answer {
        let query = self.query;
        let (mut scratch, mut ranking) = (Scratch::default(), Ranking::new(query));
        let mut counts = [0; 4];
        let allows = |pack, sensitivity| self.allows(pack, sensitivity);
        let question = Question {
            query,
            listed: self.listed,
            filter: self.filter,
            allows: &allows,
            apart: &[],
        };
        let mut asked = segments.map(|of| of.ask(&question, ranking.statistics_mut()).unwrap());
        let mut looked_at: Vec<&Note> = looked_at.iter().collect();
        if let Some(asked) = &asked {
            counts = [
                asked.seen,
                asked.searched,
                asked.outside_filters,
                asked.deleted,
            ];
            if asked.has_whole {
                ranking.found_whole();
            }
            looked_at.extend(asked.to_look_at.iter().map(|(pack, name)| {
                let is = |note: &&Note| (note.pack, Name::of(&note.item)) == (*pack, *name);
                all.iter().find(is).unwrap()
            }));
        }
        let key = |note: &Note| (note.pack, Name::of(&note.item));
        looked_at.retain(|note| self.allows(note.pack, note.sensitivity));
        let mut look = |note: &Note, ranking: &mut Ranking<_>| {
            let listed = self.listed.lists(note.status, self.filter.status);
            let admitted = note.admitted(self.filter);
            counts[0] += u64::from(listed);
            counts[1] += u64::from(listed && admitted);
            let looked = query.look(note.searched(), &mut scratch);
            if !listed {
                let deleted = admitted && note.status.is_deleted() && looked.is_whole();
                counts[3] += u64::from(deleted);
                return;
            }
            if self
                .filter
                .sensitivity
                .is_none_or(|only| only == note.sensitivity)
            {
                ranking.count(looked, note.facts);
            }
            if admitted {
                ranking.offer(key(note), looked, note.facts);
            } else {
                counts[2] += u64::from(looked.is_whole());
            }
        };
        looked_at.iter().for_each(|note| look(note, &mut ranking));
        if let Some(asked) = &mut asked {
            asked.look_up_near(query, ranking.statistics_mut()).unwrap();
        }
        let only_whole = ranking.has_whole();
        let (statistics, mut best, offered) = ranking.settle(query, self.limit);
        assert_eq!(offered, Offered::Done);
        if let Some(asked) = &asked {
            let key = |pack, name| Some((pack, name));
            asked
                .offer(query, &statistics, only_whole, &mut best, key)
                .unwrap();
        }
        self.told(&statistics, &best, counts, all)
    }

    fn told(
        &self,
        statistics: &Statistics,
        best: &Best<(u32, Name)>,
        counts: [u64; 4],
        all: &[Note],
    ) -> Answer {
        let mut scratch = Scratch::default();
        let keys = best.keys();
        let scores = keys.iter().map(|key| {
            let is = |note: &&Note| (note.pack, Name::of(&note.item)) == *key;
            let note = all.iter().find(is).unwrap();
            let looked = self.query.look(note.searched(), &mut scratch);
            statistics.explain(self.query, looked, note.facts)
        });
        Answer {
            scores: scores.collect(),
            total: best.total(),
            relaxed: best.is_relaxed(),
            counts,
            meant: statistics.meant(self.query),
            keys,
        }
    }
}

const WORDS: &[&str] = &[
    "refund",
    "refunds",
    "refnud",
    "late",
    "later",
    "hotel",
    "hotels",
    "the",
    "of",
    "Reise",
    "Reisekosten",
    "Größe",
    "grosse",
    "E-Mail",
    "mail",
    "mia@mail.example",
    "京都",
    "東京都",
    "京",
    "3.5",
    "100,000",
    "🎉",
    "a",
    "b",
    "cancellation",
    "cancelation",
    "cancellations",
    "ab",
    "abc",
];

fn word() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(WORDS)
}

fn text(words: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(word(), 0..words).prop_map(|words| words.join(" "))
}

fn note() -> impl Strategy<Value = Note> {
    let tags = proptest::collection::btree_set(text(2), 0..3);
    let texts = (text(4), text(24), tags, text(3));
    let about = (
        0u32..3,
        any::<u8>(),
        0usize..4,
        0u64..9,
        any::<bool>(),
        0usize..5,
    );
    let author = proptest::option::of(text(2));
    let consent = proptest::option::of(0usize..7);
    let more = (
        0usize..3,
        0usize..4,
        0usize..Status::ALL.len(),
        author,
        consent,
    );
    (texts, about, more).prop_map(|(texts, about, more)| {
        let (title, body, tags, source) = texts;
        let (pack, id, sensitivity, at, pinned, claim) = about;
        let mut item = [0; 32];
        item[0] = id;
        Note {
            pack,
            item: ItemId::from_bytes(item),
            sensitivity: Sensitivity::ALL[sensitivity],
            title,
            body,
            tags,
            source,
            author: more.3,
            facts: Facts {
                captured_at: Timestamp::from_millis(at * 1_000_000_000),
                pinned,
                claim: claim.checked_sub(1).map(|at| Claim::ALL[at]),
            },
            note_type: NoteType::ALL[more.0],
            source_kind: SourceKind::ALL[more.1],
            status: Status::ALL[more.2],
            consent: more.4.map(|at| ConsentStatus::ALL[at]),
        }
    })
}

fn asked() -> impl Strategy<Value = String> {
    let term = (word(), word(), 0usize..12).prop_map(|(one, two, how)| match how {
        0 => format!("\"{one} {two}\""),
        1 => format!("-{one}"),
        2 => format!("{one}*"),
        3 => format!("\"{one}\""),
        4 => format!("{one} {two} {one}"),
        5 => format!("-\"{one} {two}\""),
        6 => "refnd".into(),
        7 => "cancelatoin".into(),
        8 => format!("{one}-{two}"),
        _ => one.into(),
    });
    proptest::collection::vec(term, 1..5).prop_map(|terms| terms.join(" "))
}

fn filter() -> impl Strategy<Value = Filter> {
    let sensitivity = proptest::option::weighted(0.2, 0usize..4);
    let times = (
        proptest::option::weighted(0.2, 0u64..9),
        proptest::option::weighted(0.2, 0u64..9),
    );
    let words = (
        proptest::option::weighted(0.15, word()),
        proptest::option::weighted(0.15, word()),
        proptest::option::weighted(0.15, word()),
    );
    let kinds = (
        proptest::option::weighted(0.1, 0usize..3),
        proptest::option::weighted(0.1, 0usize..4),
        proptest::option::weighted(0.1, 0usize..2),
        proptest::option::weighted(0.1, 0usize..7),
    );
    (sensitivity, times, words, kinds).prop_map(|(sensitivity, times, words, kinds)| {
        let at = |at: Option<u64>| at.map(|at| Timestamp::from_millis(at * 1_000_000_000));
        let mut filter = Filter::default().with_tags(&[]).unwrap();
        filter.sensitivity = sensitivity.map(|at| Sensitivity::ALL[at]);
        (filter.since, filter.until) = (at(times.0), at(times.1));
        filter.note_type = kinds.0.map(|at| NoteType::ALL[at]);
        filter.source_kind = kinds.1.map(|at| SourceKind::ALL[at]);
        filter.status = kinds.2.map(|at| Status::ALL[at]);
        filter.consent = kinds.3.map(|at| ConsentStatus::ALL[at]);
        if let Some(tag) = words.0 {
            filter = filter.with_tags(&[tag.into()]).unwrap();
        }
        if let Some(source) = words.1 {
            filter = filter.with_source(source).unwrap();
        }
        if let Some(author) = words.2 {
            filter = filter.with_author(author).unwrap();
        }
        filter
    })
}

/// The last state of each note, the earlier ones in segments too, where they count no more.
fn indexed(notes: &[Note], cuts: &[usize]) -> (Memory, Segments, Vec<Note>) {
    let memory = Memory::default();
    let mut segments = empty(&memory);
    let mut now: BTreeMap<(u32, ItemId), Note> = BTreeMap::new();
    let mut rest = notes;
    for cut in cuts.iter().copied().chain([notes.len()]) {
        let (batch, after) = rest.split_at(cut.min(rest.len()));
        rest = after;
        let batch: BTreeMap<(u32, ItemId), Note> = batch
            .iter()
            .map(|note| ((note.pack, note.item), note.clone()))
            .collect();
        for (pack, item) in batch.keys() {
            if let Some(known) = segments.find(*pack, Name::of(item)) {
                segments.kill(known.segment, known.doc);
            }
        }
        let added: Vec<Note> = batch.values().cloned().collect();
        memory.add(&mut segments, &added);
        now.extend(batch);
    }
    (memory, segments, now.into_values().collect())
}

/// Goal: a listing shows each token and each whole label, author and tag, at the sensitivity of its notes,
/// also of notes that count no more, and nothing else.
#[test]
fn a_listing_shows_every_text_of_every_segment() {
    let note = |item, sensitivity, body: &str, tag: &str| Note {
        pack: 0,
        item: ItemId::from_bytes([item; 32]),
        sensitivity,
        title: "Opening hours".into(),
        body: body.into(),
        tags: [tag.to_owned()].into(),
        source: "Help desk".into(),
        author: Some("Ada Lovelace".into()),
        facts: Facts {
            captured_at: Timestamp::from_millis(1),
            pinned: false,
            claim: None,
        },
        note_type: NoteType::ALL[0],
        source_kind: SourceKind::ALL[0],
        status: Status::ALL[0],
        consent: None,
    };
    let memory = Memory::default();
    let mut segments = empty(&memory);
    let notes = [
        note(1, Sensitivity::Public, "zeppelin", "big wheel"),
        note(2, Sensitivity::Internal, "nightingale zeppelins", "owl"),
    ];
    memory.add(&mut segments, &notes);
    kill(&mut segments, &notes[1..]);
    let mut shown: BTreeMap<Sensitivity, BTreeSet<String>> = BTreeMap::new();
    let opened = memory.reopened(&segments, BLOCK_BYTES);
    opened
        .each_text(|at, text| {
            let text = String::from_utf8(text.to_vec()).unwrap();
            shown.entry(at).or_default().insert(text);
        })
        .unwrap();
    let both = [
        "opening",
        "hours",
        "help",
        "desk",
        "help desk",
        "ada lovelace",
    ];
    let texts = |own: &[&str]| -> BTreeSet<String> {
        both.iter()
            .chain(own)
            .map(|text| (*text).to_owned())
            .collect()
    };
    let expected = BTreeMap::from([
        (
            Sensitivity::Public,
            texts(&["zeppelin", "big", "wheel", "big wheel"]),
        ),
        (
            Sensitivity::Internal,
            texts(&["nightingale", "zeppelins", "owl"]),
        ),
    ]);
    assert_eq!(shown, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    /// Goal: scan and index say the same: all of it indexed, or a part of it looked at; before and
    /// after segments became one; opened anew, with a cache of one block.
    #[test]
    fn an_index_answers_what_a_scan_answers(
        notes in proptest::collection::vec(note(), 0..40),
        cuts in proptest::collection::vec(1usize..12, 0..5),
        queries in proptest::collection::vec((asked(), filter(), 0usize..3, 0usize..4, 1usize..12), 1..6),
        packs in proptest::collection::btree_set(0u32..3, 1..4),
        stale in 0usize..8,
    ) {
        let (memory, mut segments, all) = indexed(&notes, &cuts);
        let ask = |segments: &Segments, looked_at: &[Note]| -> Result<(), TestCaseError> {
            for (text, filter, listed, clearance, limit) in &queries {
                let Ok(query) = Query::parse(text) else { continue };
                let asking = Asking {
                    query: &query,
                    listed: [Listed::Kept, Listed::Deleted, Listed::All][*listed],
                    filter,
                    packs: &packs,
                    clearance: Sensitivity::ALL[*clearance],
                    limit: *limit,
                };
                let by_scan = asking.answer(&all, None, &all);
                let by_index = asking.answer(looked_at, Some(segments), &all);
                prop_assert_eq!(by_scan, by_index, "{}", text);
            }
            Ok(())
        };
        ask(&segments, &[])?;
        ask(&memory.reopened(&segments, BLOCK_BYTES), &[])?;
        // Some notes are taken out of the index and looked at instead.
        let looked_at: Vec<Note> = all.iter().take(stale).cloned().collect();
        kill(&mut segments, &looked_at);
        ask(&segments, &looked_at)?;
        let changed: Vec<Note> = all.iter().skip(stale).take(stale).cloned().collect();
        for sensitivity in Sensitivity::ALL {
            let of: Vec<u32> = segments
                .metas()
                .filter(|(meta, _)| meta.sensitivity == sensitivity)
                .map(|(meta, _)| meta.number)
                .collect();
            if !of.is_empty() {
                let changed = changed.iter().filter(|note| note.sensitivity == sensitivity);
                let changed: Vec<Note> = changed.cloned().collect();
                memory.merge(&mut segments, &of, &changed);
            }
        }
        kill(&mut segments, &changed);
        let looked_at: Vec<Note> = all.iter().take(2 * stale).cloned().collect();
        ask(&segments, &looked_at)?;
        ask(&memory.reopened(&segments, 1 << 20), &looked_at)?;
    }
}
