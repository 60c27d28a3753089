//! What PID 1 costs, measured.

#[path = "../common/mod.rs"]
mod common;

mod instructions;
mod measures;
