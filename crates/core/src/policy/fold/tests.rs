//! Tests of the fold: each rule as a sentence, every small set of concurrent operations in every
//! order, and random histories against a second, deliberately simple implementation.

mod content;
mod explain;
mod grants;
mod invites;
mod oracle;
mod order;
mod permits;
mod random;
mod removes;
mod rules;
mod scale;
mod shape;
mod standing;
mod world;
