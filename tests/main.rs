//! Kitbag from outside: the real program, real daemons, real connections on loopback.
#![cfg(test)]

mod asking;
mod audit;
mod bad_input;
mod canary;
mod clearance;
mod clip;
mod comfort;
mod doctor;
mod documents;
mod explain;
mod finding;
mod fixture;
mod history;
mod hygiene;
mod import;
mod internal;
mod keeping;
mod kill;
mod leaving;
mod long_text;
mod made_from;
mod mcp;
mod members;
mod named_ids;
mod packs;
mod peers;
mod protect;
mod release;
mod sample;
mod schemas;
mod service;
#[cfg(target_os = "linux")] // elsewhere no terminal can be told
mod sessions;
mod story;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod verbs;
mod words;
