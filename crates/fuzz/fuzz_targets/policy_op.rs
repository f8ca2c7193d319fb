//! Operations of a policy log, and their fold.
#![no_main]

kitbag_fuzz::target!(policy_op);
