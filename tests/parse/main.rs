//! Parsers of external input: tables of inputs and values, and inputs cut at every position.

#[path = "../common/mod.rs"]
mod common;

mod answer;
mod cli;
mod comment;
mod config;
mod deadline;
mod hostname;
mod life;
mod lines;
mod minisign;
mod proc;
mod procstat;
mod protocol;
mod rpc;
mod sign;
