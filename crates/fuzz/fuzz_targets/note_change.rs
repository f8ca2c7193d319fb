//! Automerge changes of notes, up to the document.
#![no_main]

kitbag_fuzz::target!(note_change);
