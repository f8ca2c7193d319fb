//! The node on a simulated network, disk and clock: one binary, one file per subject.
#![cfg(test)]

mod it {
    mod disks;
    mod hostile;
    mod large;
    mod merging;
    mod removal;
    #[cfg(not(feature = "planted"))] // there it belongs to `planted.rs`
    mod simulator;
    mod story;
    mod support;
    mod tickets;
}
