//! References between the notes of an export: a note goes after those that it leads to, so that each
//! reference can be told as the id that the daemon gave.
//!
//! An export is in the order in which its notes were captured, and a note may stand before the one that
//! it was made from. Such a note is held until the end, as far as there is room; what leads to each
//! other in a circle, or to a note that is not in the file, keeps the id that it had.

use super::batch;
use kitbag_import::Note;
use std::collections::{HashMap, HashSet};

/// Ids of a file that are held to follow references between its notes, at most.
const IDS_MAX: usize = 1_000_000;
/// Bytes of an id that is held, at most: no id of ours is longer.
const ID_BYTES_MAX: usize = 64;
/// Bytes of notes that wait for one that comes later, at most; more of them go as they are.
const HELD_BYTES_MAX: usize = 64 << 20;

/// The ids of one import.
#[derive(Default)]
pub(super) struct Links {
    /// By a note's id in the file, its id here.
    ids: HashMap<String, String>,
    held: Vec<Note>,
    held_bytes: usize,
}

impl Links {
    pub(super) fn ids(&self) -> &HashMap<String, String> {
        &self.ids
    }

    /// Keeps the id that the daemon gave for one of the file.
    pub(super) fn keep(&mut self, of_file: &str, here: &str) {
        if self.ids.len() < IDS_MAX && of_file.len() <= ID_BYTES_MAX {
            self.ids.insert(of_file.to_owned(), here.to_owned());
        }
    }

    /// The notes of a batch in calls: in each, no note refers to another, nor to one that has no id
    /// here yet. Those that do are held.
    pub(super) fn calls(&mut self, notes: Vec<Note>) -> Vec<Vec<Note>> {
        let mut calls: Vec<Vec<Note>> = vec![];
        // In which call a note of this batch goes.
        let mut at: HashMap<String, usize> = HashMap::new();
        for note in notes {
            let mut call = 0;
            let mut is_known = true;
            for id in references(&note) {
                match at.get(id) {
                    Some(earlier) => call = call.max(earlier + 1),
                    None => is_known &= self.ids.contains_key(id),
                }
            }
            let bytes = batch::bytes_of(&note);
            if !is_known && self.held_bytes + bytes <= HELD_BYTES_MAX {
                self.held_bytes += bytes;
                self.held.push(note);
                continue;
            }
            if let Some(id) = &note.id {
                at.insert(id.clone(), call);
            }
            calls.resize_with(calls.len().max(call + 1), Vec::new);
            calls[call].push(note);
        }
        calls.retain(|call| !call.is_empty());
        calls
    }

    /// The next of the notes that were held: those that wait for none of the others, or all, if each
    /// waits for another. None when none is left.
    pub(super) fn next_held(&mut self) -> Option<Vec<Note>> {
        let held = std::mem::take(&mut self.held);
        let waiting: HashSet<String> = held.iter().filter_map(|note| note.id.clone()).collect();
        let waits = |note: &Note| {
            let own = note.id.as_ref();
            references(note).any(|id| Some(id) != own && waiting.contains(id))
        };
        let (later, ready): (Vec<Note>, Vec<Note>) = held.into_iter().partition(waits);
        if ready.is_empty() {
            return (!later.is_empty()).then_some(later);
        }
        self.held = later;
        Some(ready)
    }
}

fn references(note: &Note) -> impl Iterator<Item = &String> {
    note.supersedes.iter().chain(&note.derived_from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(id: &str, from: &[&str]) -> Note {
        Note {
            id: Some(id.into()),
            derived_from: from.iter().map(ToString::to_string).collect(),
            ..Note::default()
        }
    }

    fn ids(notes: &[Note]) -> Vec<&str> {
        notes.iter().filter_map(|note| note.id.as_deref()).collect()
    }

    /// Goal: a note goes in a later call than those that it was made from, wherever they stand.
    #[test]
    fn references_wait_for_the_note_that_they_lead_to() {
        let mut links = Links::default();
        let calls = links.calls(vec![
            note("copy", &["original"]),
            note("a", &[]),
            note("b", &["a"]),
            note("c", &["b", "a"]),
            note("far", &["nowhere"]),
            note("self", &["self"]),
            note("original", &[]),
        ]);
        let calls: Vec<Vec<&str>> = calls.iter().map(|call| ids(call)).collect();
        assert_eq!(calls, [vec!["a", "original"], vec!["b"], vec!["c"]]);
        links.keep("original", "here");
        let next = links.calls(vec![note("late", &["original"])]);
        assert_eq!(ids(&next[0]), ["late"], "it has an id by now");
        let held = links.next_held().unwrap();
        assert_eq!(ids(&held), ["copy", "far", "self"]);
        assert!(links.next_held().is_none());
    }

    #[test]
    fn what_was_held_goes_one_after_the_other_and_a_circle_goes_as_it_is() {
        let mut links = Links::default();
        let chain = vec![note("c", &["b"]), note("b", &["a"]), note("a", &["z"])];
        assert!(links.calls(chain).is_empty());
        for expected in ["a", "b", "c"] {
            assert_eq!(ids(&links.next_held().unwrap()), [expected]);
        }
        assert!(links.next_held().is_none());
        let circle = vec![note("x", &["y"]), note("y", &["x"])];
        assert!(links.calls(circle).is_empty());
        assert_eq!(ids(&links.next_held().unwrap()), ["x", "y"]);
        assert!(links.next_held().is_none());
    }
}
