//! Many nodes on a simulated network, disk and clock.
//!
//! A [`World`] drives the very `Node` that ships, over redb on a [`SimDisk`], on one thread and on
//! virtual time; everything random in it comes from one seed, so a seed replays a run exactly. The
//! world watches every frame when it is sent: whether its receiver may know what it names, whether it
//! is too long, and whether anything in it can be read.
//! Deliberately absent: iroh, tokio and real clocks; those are tested over loopback.
//! See `docs/design/0003-simulator.md`.
//!
//! Beside it stand the [`decoders`], as targets for a fuzzer, and [`chunk`], with which tests forge
//! Automerge changes, and [`damage`], with which they spoil rows on a disk.

pub mod chunk;
pub mod damage;
pub mod decoders;
mod dice;
mod disk;
mod hostile;
mod index_loot;
mod ledger;
mod loot;
mod trace;
mod world;

pub use dice::Dice;
pub use disk::{DiskImage, Fault, SimDisk};
pub use hostile::{Hostile, Trick};
pub use index_loot::IndexLoot;
pub use ledger::{CANARY, holds_canary};
pub use loot::{Identity, Loot, Opened as LootOpened, Records};
pub use trace::Trace;
pub use world::{Called, Device, Joining, NetSettings, Opened, Who, World};
