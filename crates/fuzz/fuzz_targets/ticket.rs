//! The text of a ticket, and the record in it.
#![no_main]

kitbag_fuzz::target!(ticket);
