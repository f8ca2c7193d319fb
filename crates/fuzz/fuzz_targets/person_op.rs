//! Operations of a person's log.
#![no_main]

kitbag_fuzz::target!(person_op);
