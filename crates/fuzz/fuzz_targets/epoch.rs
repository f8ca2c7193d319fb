//! Epochs of a key domain.
#![no_main]

kitbag_fuzz::target!(epoch);
