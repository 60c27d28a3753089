//! Puts another version of PID 1's program in its place.

pub mod install;
pub mod probe;
