//! Measurements of what PID 1 costs.

#[path = "../common/mod.rs"]
mod common;

mod instructions;
mod measures;
