//! What is made of bytes from outside: tables of input and value, and every way in which the input can be cut.

#[path = "../common/mod.rs"]
mod common;

mod command;
mod config;
mod finish;
mod minisign;
mod rpc;
mod stat;
