//! The node on a simulated network, disk and clock: one binary, one file per subject.
#![cfg(test)]

mod it {
    mod admins;
    mod asking;
    mod audit;
    mod consents;
    mod disks;
    mod explain;
    mod find;
    mod forks;
    mod handoffs;
    mod histories;
    mod hostile;
    mod hygiene;
    mod importing;
    mod index;
    mod invites;
    mod large;
    mod long_texts;
    mod made_from;
    mod members;
    mod merging;
    mod reconnect;
    mod relabel;
    mod release;
    mod removal;
    mod set_aside;
    mod sight;
    #[cfg(not(feature = "planted"))] // there it belongs to `planted.rs`
    mod simulator;
    mod soak;
    mod story;
    mod support;
    mod tickets;
    mod undo;
    mod verbs;
}
