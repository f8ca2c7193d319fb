//! Opened bodies: notes, changes, profiles.
#![no_main]

kitbag_fuzz::target!(body);
