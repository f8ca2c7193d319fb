//! Kitbag from outside: the real program, real daemons, real connections on loopback.
#![cfg(test)]

mod asking;
mod bad_input;
mod canary;
mod clearance;
mod doctor;
mod explain;
mod finding;
mod fixture;
mod keeping;
mod kill;
mod members;
mod peers;
mod protect;
mod sample;
mod service;
mod story;
mod support;
