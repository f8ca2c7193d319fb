//! Requests to redeem an invite.
#![no_main]

kitbag_fuzz::target!(redeem);
