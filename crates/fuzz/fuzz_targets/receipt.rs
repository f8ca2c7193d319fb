//! Signed receipts, of exports and of hygiene.
#![no_main]

kitbag_fuzz::target!(receipt);
