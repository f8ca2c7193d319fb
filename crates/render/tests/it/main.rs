//! Documents read back by other people's parsers, budgets, and the estimator beside real tokenizers.
#![cfg(test)]

mod breakout;
mod budget;
mod estimate;
mod hcr;
mod injections;
mod sample;
