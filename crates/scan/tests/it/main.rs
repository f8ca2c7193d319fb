//! The scanner from outside: cases, properties, and real conversations with the values in them counted.
#![cfg(test)]

mod airline;
mod cases;
mod json;
mod named;
mod properties;
mod speed;
mod support;
