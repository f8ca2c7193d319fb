//! Planted bugs: each is switched on, and the suite must find it.
#![cfg(test)]
#![allow(dead_code, reason = "the suite is shared with the tests of the node")]

mod it {
    mod planted;
    mod simulator;
    mod support;
}
