//! The node on a simulated network, disk and clock: one binary, one file per subject.
#![cfg(test)]

mod it {
    mod disks;
    mod explain;
    mod hostile;
    mod large;
    mod merging;
    mod removal;
    mod simulator;
    mod story;
    mod support;
    mod tickets;
}
