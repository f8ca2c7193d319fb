//! Runs of a content log: openings, headers, entries, heads.
#![no_main]

kitbag_fuzz::target!(run);
