//! Reports of reads, exports and denials, and rows of a device's own list.
#![no_main]

kitbag_fuzz::target!(report);
