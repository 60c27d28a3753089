//! What is made of bytes from outside: tables of input and value, and every way in which the input can be cut.

#[path = "../common/mod.rs"]
mod common;

mod cli;
mod config;
mod minisign;
mod proc;
mod procstat;
mod rpc;
