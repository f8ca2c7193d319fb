//! Kitbag from outside: the real program, real daemons, real connections on loopback.
#![cfg(test)]

mod asking;
mod bad_input;
mod canary;
mod clearance;
mod explain;
mod fixture;
mod kill;
mod long_text;
mod members;
mod peers;
mod sample;
mod story;
mod support;
