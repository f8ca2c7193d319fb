//! The node on a simulated network, disk and clock: one binary, one file per subject.
#![cfg(test)]

mod it {
    mod admins;
    mod disks;
    mod hostile;
    mod large;
    mod members;
    mod merging;
    mod removal;
    mod simulator;
    mod story;
    mod support;
    mod tickets;
}
