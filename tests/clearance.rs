//! A member cleared for Internal in a pack of real conversations with all four sensitivities:
//! everything they hold is tried with every key they hold.

use crate::sample::split_conversations;
use crate::support::{files_below, find};
use data_encoding::BASE32_NOPAD;
use kitbag_core::content::{EntryBody, EntryKind};
use kitbag_crypto::MasterKey;
use kitbag_engine::{
    Engine, KeyChoice, Listen, NewNote, NewSource, NoteEdit, Role, Sensitivity, Settings,
    ShareOptions, Zeroizing, initialise,
};
use kitbag_store::Store;
use kitbag_testkit::{Dice, Loot, LootOpened, Records};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

async fn start(home: &Path, name: &str) -> Engine {
    initialise(home, name, "laptop", Some(KeyChoice::KeyFile(None))).unwrap();
    let settings = Settings {
        listen: Listen::Loopback(0),
        ..Settings::new(home)
    };
    Engine::open(settings, None).await.unwrap()
}

/// The keys and records of a home that nobody has open, found with nothing but its files.
fn plunder(home: &Path) -> (Loot, Records) {
    let text = std::fs::read_to_string(home.join("key")).unwrap();
    let (_, encoded) = text.trim().rsplit_once([' ', '-', ':']).unwrap();
    let bytes = BASE32_NOPAD
        .decode(encoded.to_ascii_uppercase().as_bytes())
        .unwrap();
    let master = MasterKey::from_bytes(bytes[..].try_into().unwrap());
    let mut rng = Dice::new(1).fork();
    let store = Store::open(&home.join("kitbag.redb"), &master, &mut *rng).unwrap();
    (Loot::of(&store).unwrap(), Records::of(&store).unwrap())
}

/// What an entry says, as text.
fn text(opened: &LootOpened) -> String {
    match &opened.body {
        Some(EntryBody::Create { record, .. }) => format!("{record:?}"),
        Some(EntryBody::Change { change, .. }) => String::from_utf8_lossy(change).into_owned(),
        other => format!("{other:?}"),
    }
}

/// Everything that a reader cleared for Internal must not have: by its label, by its canary, or by a
/// value that stands in a higher note.
fn above(opened: &[LootOpened], forbidden: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for one in opened {
        let text = text(one);
        if one.sensitivity > Sensitivity::Internal {
            found.push(format!("{:?} at {}", one.kind, one.sensitivity));
        }
        for value in forbidden.iter().filter(|value| text.contains(*value)) {
            found.push(format!("{value} in {:?}", one.kind));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_cleared_for_internal_opens_nothing_above_with_every_key_they_hold() {
    let homes = tempfile::tempdir().unwrap();
    let (of_ana, of_ben) = (homes.path().join("ana"), homes.path().join("ben"));
    let (ana, ben) = (start(&of_ana, "Ana").await, start(&of_ben, "Ben").await);
    let pack = ana
        .create_pack("Airline".into(), Sensitivity::Internal)
        .await
        .unwrap()
        .id;

    // Every note says the canary of its own sensitivity and number.
    let split = split_conversations();
    let mut count: BTreeMap<Sensitivity, usize> = BTreeMap::new();
    let mut canaries: BTreeMap<Sensitivity, BTreeSet<String>> = BTreeMap::new();
    let mut notes = Vec::new();
    for (at, piece) in split.pieces.iter().enumerate() {
        let canary = format!("canary-{}-{at:04}", piece.sensitivity);
        notes.push(NewNote {
            title: piece.title.clone(),
            body: format!("{}\n{canary}", piece.body),
            source: NewSource {
                label: piece.source.clone(),
                ..NewSource::default()
            },
            sensitivity: Some(piece.sensitivity),
            ..NewNote::default()
        });
        *count.entry(piece.sensitivity).or_default() += 1;
        canaries
            .entry(piece.sensitivity)
            .or_default()
            .insert(canary);
    }
    assert_eq!(count.len(), 4, "all four sensitivities: {count:?}");
    assert!(count.values().all(|count| *count >= 5), "{count:?}");
    let added = ana.add_notes(pack, notes).await.unwrap();
    for sensitivity in Sensitivity::ALL {
        let one = added.iter().find(|added| added.sensitivity == sensitivity);
        let edit = NoteEdit {
            title: Some(format!("edited {sensitivity}")),
            ..NoteEdit::default()
        };
        ana.edit_note(pack, one.unwrap().id, edit).await.unwrap();
    }

    let options = ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses: 1,
        ask: false,
    };
    let ticket = ana.share(pack, options).await.unwrap().ticket;
    ben.join(Zeroizing::new(ticket), None).await.unwrap();
    let waited = ben
        .sync(Some(pack), true, Duration::from_secs(60))
        .await
        .unwrap();
    let readable = count[&Sensitivity::Public] + count[&Sensitivity::Internal];
    assert_eq!(ben.notes(pack).await.unwrap().len(), readable, "{waited:?}");
    ana.shutdown().await;
    ben.shutdown().await;

    let forbidden: BTreeSet<String> = split
        .values_above_internal
        .iter()
        .chain(&canaries[&Sensitivity::Confidential])
        .chain(&canaries[&Sensitivity::Restricted])
        .cloned()
        .collect();
    let ((mut ana_keys, everything), (mut ben_keys, held)) = (plunder(&of_ana), plunder(&of_ben));

    // What he holds: all of it opens that is for him, and nothing else.
    let opened = ben_keys.open(&held);
    let creates = |opened: &[LootOpened]| {
        let creates = opened.iter().filter(|one| one.kind == EntryKind::Create);
        creates.count()
    };
    assert_eq!(creates(&opened), readable);
    for sensitivity in [Sensitivity::Public, Sensitivity::Internal] {
        for canary in &canaries[&sensitivity] {
            let found = opened.iter().any(|one| text(one).contains(canary));
            assert!(found, "{canary} opens, or this test looks at nothing");
        }
    }
    assert_eq!(above(&opened, &forbidden), Vec::<String>::new());
    for sensitivity in [Sensitivity::Confidential, Sensitivity::Restricted] {
        assert_eq!(held.sealed(Some(sensitivity)), 0, "he was never sent any");
        assert!(everything.sealed(Some(sensitivity)) > 5);
    }

    // Even with every record of hers he opens no more than that.
    let opened = ben_keys.clone().open(&everything);
    assert_eq!(above(&opened, &forbidden), Vec::<String>::new());

    // No file of his says in plain text what he may not know.
    for path in files_below(&of_ben) {
        let bytes = std::fs::read(&path).unwrap();
        for value in &forbidden {
            assert_eq!(
                find(&bytes, value.as_bytes()),
                None,
                "{value} in {}",
                path.display()
            );
        }
    }

    // One key too many, and the same look finds it: this is what a wrong wrap would do.
    let hers = creates(&ana_keys.open(&everything));
    assert_eq!(hers, added.len());
    let mut caught = 0;
    for key in ana_keys.take_keys() {
        let mut with_one_more = ben_keys.clone();
        with_one_more.add_key(key);
        caught += usize::from(!above(&with_one_more.open(&everything), &forbidden).is_empty());
    }
    assert_eq!(caught, 2, "one key each of Confidential and Restricted");
}
