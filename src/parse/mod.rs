//! Parsers for external input, strict and bounded.

pub mod cli;
pub mod cmdline;
pub mod config;
pub mod lines;
pub mod meminfo;
pub mod mountinfo;
pub mod procstat;
pub mod rpc;
