//! Automerge changes of index documents, up to the document.
#![no_main]

kitbag_fuzz::target!(index_change);
