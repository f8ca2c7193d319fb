//! Hand-offs: what one side gives another to go on with, and what became of it.
//!
//! A hand-off is an object of a pack, like a note: its first entry carries a [`Head`] and a
//! [`Draft`], every later one an [`Act`]. Each is signed by the device that wrote it, because it stands
//! in that device's log. The state is never written: it is what [`fold()`] makes of all of them, and
//! follows from the set alone, so people can draft, accept and complete without a network.
//!
//! No clock decides who got there first. The only times that decide anything are a hand-off's own
//! deadline and the moment that an answer to it states, which every device reads alike.
//! Spec: `docs/spec/handoff.md`.

pub mod act;
pub mod draft;
pub mod fold;
pub mod template;
pub mod written;

pub use act::{Act, Agent, Decision, Feedback, Outcome, Signed};
pub use draft::{
    Addressee, Attempt, Decided, Draft, DraftError, Fact, Head, Heads, NextStep, Privacy, Problem,
    Reason, RequestedAction, Sla, WithheldNotes,
};
pub use fold::{By, Class, Created, Event, Folded, Said, State, Times, Void, Voided, World, fold};

use crate::pack::note::{UnknownWord, words};
use minicbor::{Decode, Encode};
use std::fmt;
use std::str::FromStr;

words! {
    /// What is asked of the receiver. Only a transfer moves responsibility.
    Mode, "hand-off mode" {
        /// They take it over.
        Transfer: 0 = "transfer",
        /// They help; it stays with the sender.
        Consult: 1 = "consult",
        /// They say yes or no to one act. Without an answer in time it is a no.
        Approve: 2 = "approve",
        /// They get to know.
        Fyi: 3 = "fyi",
    }
}

words! {
    /// How much it presses.
    Priority, "priority" {
        /// When there is time.
        Low: 0 = "low",
        /// As usual.
        Medium: 1 = "medium",
        /// Before others.
        High: 2 = "high",
        /// Now.
        Urgent: 3 = "urgent",
    }
}

words! {
    /// What came of something that was tried.
    Tried, "outcome of an attempt" {
        /// It went well.
        Ok: 0 = "ok",
        /// It did not, or was refused.
        Failed: 1 = "failed",
        /// Nobody knows.
        Unknown: 2 = "unknown",
    }
}

words! {
    /// How a hand-off ended for who asked.
    Disposition, "disposition" {
        /// It is settled.
        Resolved: 0 = "resolved",
        /// A part of it is.
        Partial: 1 = "partial",
        /// It is not.
        NotResolved: 2 = "not_resolved",
        /// Nobody was reached.
        NoContact: 3 = "no_contact",
        /// The sender goes on with it.
        ReturnedToAgent: 4 = "returned_to_agent",
    }
}

#[cfg(test)]
mod tests;
