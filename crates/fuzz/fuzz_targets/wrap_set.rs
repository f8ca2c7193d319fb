//! Sets of wrapped keys.
#![no_main]

kitbag_fuzz::target!(wrap_set);
