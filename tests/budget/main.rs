//! Measurements of what PID 1 and its helpers cost.

#[path = "../common/mod.rs"]
mod common;

mod bench;
mod instructions;
mod measures;
mod savers;
mod sizes;
