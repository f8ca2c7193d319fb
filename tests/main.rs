//! Kitbag from outside: the real program, real daemons, real connections on loopback.
#![cfg(test)]

mod bad_input;
mod canary;
mod explain;
mod fixture;
mod kill;
mod peers;
mod sample;
mod story;
mod support;
