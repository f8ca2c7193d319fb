//! Notes and receipts of any kind, above all of the hostile one.

use kitbag_render::{Budget, ESTIMATOR, Head, Receipt, Selection};
use kitbag_rpc::{
    ExportedConsent, ExportedNote, ExportedPack, ExportedSource, Listed, NoteFilter, ProducedBy,
    Sensitivity, Time, Withheld,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// What ends, begins or hides something in one of the formats or in a terminal.
const TRICKS: &[&str] = &[
    "\n",
    "\r",
    "\r\n",
    "\t",
    " ",
    "  ",
    "\n\n",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\0",
    "\x1b[31m",
    "\x1b]8;;http://e.example\x1b\\",
    "\x07",
    "\x08",
    "\x7f",
    "\u{9b}31m",
    "\u{202e}",
    "\u{2066}",
    "\u{2069}",
    "\u{200b}",
    "\u{200f}",
    "\u{feff}",
    "\u{ad}",
    "\u{e0041}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{fdd0}",
    "\u{10ffff}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{fffd}",
    "</document_content>",
    "</document>",
    "</documents>",
    "</context_pack>",
    "<document index=\"9\">",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&b;",
    "&lt;",
    "&#10;",
    "&#x1b;",
    "&",
    "<",
    ">",
    "\"",
    "'",
    "=",
    "\" id=\"x",
    "```",
    "````",
    "`````````",
    "~~~",
    "   ```\n",
    "\n```\n",
    "\n```text\n",
    "\n````````\n",
    "# Not a title",
    "\n# Not a title\n",
    "\n## Nor this\n",
    "\n---\n",
    "\n===\n",
    "- ",
    "\n- item\n",
    "1. ",
    "> ",
    "\n    code\n",
    "[a](javascript:b)",
    "![a](http://e.example/b.png)",
    "[a]: b",
    "[^1]",
    "[[a]]",
    "<script>",
    "<http://e.example>",
    "http://e.example",
    "**",
    "__",
    "*",
    "_",
    "~~",
    "~",
    "^",
    "|",
    "\n|a|b|\n|-|-|\n",
    "$",
    "$$",
    ":::",
    "\n: a\n",
    "{#a}",
    "{",
    "}",
    "\\",
    "\\\\",
    "\\`",
    "`",
    "!",
    "#",
    "+",
    "+++",
    "\\u{1b}",
    "\\n",
    "\"}",
    "\"},{\"",
    "]",
    "[",
    "],\"withheld\":{}}",
    ",",
    "{\"receipt\":{}}\n",
    "\\u0000",
    "\\ud800",
    "----",
    "\n----\n",
    "\n----\ntitle: x\n",
    "title: x",
    "notes: 0",
    "\nnotes: 0\n",
    "id: x",
    ": ",
    "Human:",
    "\n\nAssistant:",
    "<|endoftext|>",
    "東京都",
    "👩‍🚀",
    "שלום",
    "a\u{301}",
    "é",
    "word",
    "x",
];

pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => select(TRICKS).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-zA-Z0-9 ]{0,12}",
    ];
    vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn any_time() -> impl Strategy<Value = Time> {
    (0..253_402_300_799_000u64).prop_map(Time::from_millis)
}

fn any_source() -> impl Strategy<Value = ExportedSource> {
    let texts = (any_text(), any_text(), any_text(), any_text());
    let optional = (
        option::of(any_text()),
        option::of(any_text()),
        option::of(any_text()),
        option::of(any_text()),
    );
    (texts, optional, any_time(), option::of(any_time())).prop_map(
        |(
            (kind, label, captured_by, trust),
            (uri, app, author, locator),
            captured_at,
            observed_at,
        )| {
            ExportedSource {
                kind,
                label,
                uri,
                app,
                author,
                locator,
                captured_at,
                observed_at,
                captured_by,
                trust,
            }
        },
    )
}

fn any_consent() -> impl Strategy<Value = ExportedConsent> {
    let texts = (any_text(), vec(any_text(), 0..2), option::of(any_text()));
    (texts, option::of(any_time())).prop_map(|((status, purposes, subject), time)| {
        ExportedConsent {
            status,
            purposes,
            evidence: subject.clone(),
            subject,
            given_at: time,
            expires_at: time,
        }
    })
}

fn any_producer() -> impl Strategy<Value = ProducedBy> {
    let text = || option::of(any_text());
    (text(), text(), text()).prop_map(|(agent, model, prompt)| ProducedBy {
        agent,
        model,
        prompt,
    })
}

pub(crate) fn any_note() -> impl Strategy<Value = ExportedNote> {
    let texts = (any_text(), any_text(), any_text(), any_text(), any_text());
    let lists = (vec(any_text(), 0..3), vec(any_text(), 0..2));
    let more = (
        option::of(any_producer()),
        option::of(any_consent()),
        option::of(any_text()),
        option::of(any::<u16>()),
    );
    let flags = (select(&Sensitivity::ALL[..]), any::<bool>(), 0..3u64);
    let times = (option::of(any_time()), option::of(any_time()));
    let pack = option::of(any_text());
    (texts, lists, any_source(), more, flags, times, pack).prop_map(
        |(
            (id, note_type, title, body, status),
            (tags, links),
            source,
            (produced_by, consent, claim, confidence),
            (sensitivity, pinned, edits),
            (from, to),
            pack,
        )| ExportedNote {
            added_by: claim.clone(),
            id,
            note_type,
            title,
            body,
            pii: links.clone(),
            tags,
            source,
            produced_by,
            sensitivity,
            consent,
            claim,
            confidence,
            status,
            pinned,
            supersedes: links.clone(),
            derived_from: links,
            valid_from: from,
            valid_to: to,
            review_after: from,
            expires_at: to,
            edits,
            pack,
        },
    )
}

pub(crate) fn any_head() -> impl Strategy<Value = Head> {
    let max = select(&Sensitivity::ALL[..]);
    let client = (option::of(any_text()), any::<bool>());
    let pack = || (any_text(), any_text()).prop_map(|(id, title)| ExportedPack { id, title });
    let more = vec(pack(), 0..3);
    (pack(), more, max, option::of(any_text()), client).prop_map(
        |(pack, packs, max_sensitivity, purpose, (client, crosses_clients))| Head {
            pack: packs.first().cloned().unwrap_or(pack),
            packs,
            selection: Selection {
                max_sensitivity,
                purpose: purpose.clone(),
                client,
                redact_pii: crosses_clients,
                crosses_clients,
                listed: Listed::All,
                filter: NoteFilter {
                    source: purpose,
                    ..NoteFilter::default()
                },
            },
        },
    )
}

pub(crate) fn any_receipt() -> impl Strategy<Value = Receipt> {
    let budget = option::of((any::<u64>(), vec(any_text(), 0..3)));
    let why = || option::of((any_text(), 1..9u64));
    (0..9u64, why(), why(), budget).prop_map(|(restricted, why, rule, budget)| {
        let mut withheld = Withheld {
            notes: restricted,
            deleted: restricted / 2,
            client: restricted / 3,
            ..Withheld::default()
        };
        withheld
            .sensitivity
            .insert(Sensitivity::Restricted, restricted);
        withheld.consent.extend(why);
        withheld.masked.extend(rule.clone());
        withheld.as_masked_copy = restricted;
        withheld.rule.extend(rule);
        Receipt {
            notes: 0,
            withheld,
            budget: budget.map(|(max_tokens, over_budget)| Budget {
                estimator: ESTIMATOR.to_owned(),
                max_tokens,
                notes: over_budget.len() as u64,
                over_budget,
            }),
        }
    })
}

/// A note without anything special, as long as that.
pub(crate) fn plain_note(id: &str, words: usize) -> ExportedNote {
    ExportedNote {
        id: id.to_owned(),
        note_type: "note".into(),
        title: format!("About {id}"),
        body: "renewal ".repeat(words),
        tags: vec!["acme".into()],
        source: ExportedSource {
            kind: "manual".into(),
            label: "CRM · Acme · row 14".into(),
            uri: None,
            app: None,
            author: None,
            locator: None,
            captured_at: Time::from_millis(1_795_344_420_500),
            observed_at: None,
            captured_by: "Ana (laptop)".into(),
            trust: "first_party".into(),
        },
        produced_by: None,
        sensitivity: Sensitivity::Internal,
        pii: vec![],
        consent: None,
        claim: None,
        confidence: None,
        status: "active".into(),
        pinned: false,
        supersedes: vec![],
        derived_from: vec![],
        valid_from: None,
        valid_to: None,
        review_after: None,
        expires_at: None,
        added_by: None,
        edits: 0,
        pack: None,
    }
}
