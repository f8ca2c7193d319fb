//! The node on a simulated network, disk and clock: one binary, one file per subject.
#![cfg(test)]

mod it {
    mod asking;
    mod disks;
    mod hostile;
    mod invites;
    mod large;
    mod merging;
    mod simulator;
    mod story;
    mod support;
    mod tickets;
}
