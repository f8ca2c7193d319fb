//! Many changes at once: what holds is applied, what breaks is found in few attempts.

use super::*;
use crate::pack::change::BODY;
use crate::pack::document::Document;

thread_local! {
    static ATTEMPTS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Reads a body as if one character broke the document, and counts how often a document is tried.
fn read_unless_it_breaks(document: &Document) -> String {
    ATTEMPTS.set(ATTEMPTS.get() + 1);
    let body = document.text(BODY);
    assert!(!body.contains('☠'), "as Automerge might");
    body
}

/// Goal: whoever sends changes that no document takes does not make a device pay for all that stands
/// beside them, once for each.
#[test]
fn a_few_changes_that_break_a_document_cost_a_few_attempts() {
    let note = NoteDocument::derive(item(1), &record("t", "body"));
    let texts = |bad: &[usize]| -> Vec<CheckedChange> {
        let text = |n: usize| match bad.contains(&n) {
            true => format!("body ☠{n}"),
            false => format!("body {n}"),
        };
        let made = (0..64).map(|n| edit(&note, n as u8 + 2, &body(&text(n))).checked);
        made.collect()
    };
    for bad in [vec![], vec![0], vec![63], vec![31, 32], vec![3, 20, 41, 60]] {
        let changes = texts(&bad);
        ATTEMPTS.set(0);
        let mut document = note.inner().clone();
        let refused = document.apply_each(&changes, read_unless_it_breaks);
        let at: Vec<usize> = refused.iter().map(|(at, _)| *at).collect();
        assert_eq!(at, bad);
        assert!(
            refused
                .iter()
                .all(|(_, why)| *why == ChangeRefused::Panicked)
        );
        assert_eq!(document.edits(), 64 - bad.len());
        // Each attempt that holds reads twice; each half of a half is tried once.
        let most = 2 + bad.len() * 3 * 6;
        assert!(ATTEMPTS.get() <= most, "{} of {most}", ATTEMPTS.get());

        // The same as one after the other.
        let mut slowly = note.inner().clone();
        for change in &changes {
            let _ = slowly.try_apply(std::slice::from_ref(change), read_unless_it_breaks);
        }
        assert_eq!(slowly.heads(), document.heads());
        let whole = note
            .inner()
            .clone()
            .try_apply(&changes, read_unless_it_breaks);
        assert_eq!(whole.err().map(|(at, _)| at), bad.first().copied());
    }
}
