//! Bytes from outside, read strictly and within bounds.

pub mod cli;
pub mod config;
pub mod lines;
pub mod meminfo;
pub mod mountinfo;
pub mod procstat;
pub mod rpc;
