//! Lists of packs, wide and narrow.

use super::*;

fn pack(title: &str) -> Pack {
    Pack {
        id: "abcdefghijklmnop".to_owned(),
        title: title.to_owned(),
        name: None,
        notes: 3,
        members: 2,
        role: Some(kitbag_rpc::Role::Admin),
        clearance: Some(Sensitivity::Restricted),
        default_sensitivity: Sensitivity::Internal,
        client: None,
        kind: None,
        rules_unclear: None,
        archived: false,
    }
}

const ALL: ListArgs = ListArgs {
    all: true,
    archived: false,
};
const KEPT: ListArgs = ListArgs {
    all: false,
    archived: false,
};
const PUT_AWAY: ListArgs = ListArgs {
    all: false,
    archived: true,
};

fn some() -> [Pack; 3] {
    let hostile = Pack {
        client: Some("Ac\u{202e}me\x1b[31m\tGmbH".to_owned()),
        kind: Some("case\u{7}".to_owned()),
        ..pack("Case 7 of a client with a very long title, which gives way")
    };
    let several = Pack {
        rules_unclear: Some(RulesUnclear::SeveralClients),
        kind: Some("account".to_owned()),
        archived: true,
        ..pack("Two clients")
    };
    [hostile, several, pack("Plain")]
}

/// Goal: client and kind stand in every list, whole for a program and cut for a person, and hostile
/// text turns nothing round.
#[test]
fn client_and_kind_stand_in_lists_of_every_width() {
    let program = table(&some(), KEPT, false).separated();
    let rows: Vec<Vec<&str>> = program
        .lines()
        .map(|row| row.split('\t').collect())
        .collect();
    assert!(rows.iter().all(|row| row.len() == 10), "{program}");
    assert_eq!(
        rows[0][7..9],
        ["Ac\\u{202e}me\\u{1b}[31m\\tGmbH", "case\\u{7}"]
    );
    assert_eq!(rows[1][7..9], ["(several)", "account"]);
    assert_eq!(rows[2][7..9], ["", ""]);
    // What stood where it stood before stands there still.
    assert_eq!(
        rows[2][1..7],
        ["Plain", "", "3", "2", "admin", "restricted"]
    );
    for width in [40, 60, 80, 100, 132, 200] {
        let text = table(&some(), KEPT, true).aligned(width);
        for line in text.lines() {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(columns <= width, "{width}: {line}");
        }
        assert!(!text.contains(['\u{202e}', '\x1b', '\x07']), "{text:?}");
        assert!(text.contains("clie"), "cut, if at all: {width}\n{text}");
        assert!(text.contains("kind") || width < 80, "{width}\n{text}");
    }
    let wide = table(&some(), KEPT, true).aligned(200);
    assert!(wide.contains("Ac\\u{202e}me"), "{wide}");
}

#[test]
fn a_person_sees_no_column_in_which_nothing_stands() {
    let text = table(&[pack("Plain")], ALL, true).aligned(200);
    for column in ["name", "client", "kind", "archived"] {
        assert!(!text.contains(column), "{column}: {text}");
    }
    let text = table(&some(), ALL, true).aligned(200);
    assert!(
        text.contains("archived") && text.contains("client"),
        "{text}"
    );
}

#[test]
fn archived_packs_are_listed_if_they_are_asked_for() {
    let listed = |args: ListArgs| {
        let packs = some();
        let titles = packs.iter().filter(|pack| args.lists(pack));
        titles.map(|pack| pack.title.len()).collect::<Vec<_>>()
    };
    assert_eq!(listed(KEPT).len(), 2);
    assert_eq!(listed(ALL).len(), 3);
    assert_eq!(listed(PUT_AWAY), ["Two clients".len()]);
    assert!(KEPT.nothing(0).contains("pack create"));
    assert!(
        KEPT.nothing(1)
            .contains("1 archived pack and no other here: kitbag pack list")
    );
    assert!(PUT_AWAY.nothing(0).contains("No pack is archived"));
}

/// Goal: what is shown of one pack says why there is no client, and shows hostile text as it is.
#[test]
fn one_pack_says_whose_it_is_or_why_not() {
    let [hostile, several, plain] = some();
    let told = in_words(&hostile);
    assert!(
        told.contains("client: Ac\\u{202e}me\\u{1b}[31m\\tGmbH\nkind: case\\u{7}\n"),
        "{told}"
    );
    let told = in_words(&several);
    assert!(
        told.contains("client: (several): admins said so at once"),
        "{told}"
    );
    assert!(told.contains("kind: account\n"), "{told}");
    assert!(told.contains("archived: yes, on this device"), "{told}");
    let told = in_words(&plain);
    assert!(told.contains("client: none\nkind: none\n"), "{told}");
    assert!(told.ends_with("archived: no"), "{told}");
    let unreadable = Pack {
        rules_unclear: Some(RulesUnclear::Unreadable),
        ..plain
    };
    let told = in_words(&unreadable);
    assert!(
        told.contains("client: (unreadable): its rules cannot be read here"),
        "{told}"
    );
}
