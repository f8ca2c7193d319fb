//! From outside.
#![cfg(test)]
