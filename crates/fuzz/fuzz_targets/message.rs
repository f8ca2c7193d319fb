//! Sync frames, join requests and their answers.
#![no_main]

kitbag_fuzz::target!(message);
