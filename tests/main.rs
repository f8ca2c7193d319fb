//! Kitbag from outside: the real program, real daemons, real connections on loopback.
#![cfg(test)]

mod asking;
mod bad_input;
mod canary;
mod clearance;
mod comfort;
mod documents;
mod explain;
mod fixture;
mod kill;
mod members;
mod peers;
mod sample;
mod schemas;
mod story;
mod support;
