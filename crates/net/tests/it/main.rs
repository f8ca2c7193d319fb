//! The network through its public API, on loopback; misbehaving peers are bare iroh endpoints.

mod gate;
mod joins;
mod lifecycle;
mod links;
mod soak;
mod support;
