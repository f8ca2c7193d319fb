//! Rows of the database, after they opened.
#![no_main]

kitbag_fuzz::target!(rows);
