//! The real program as PID 1 of namespaces of its own.

#[path = "../common/mod.rs"]
mod common;

mod crashes;
mod emulated;
mod fault;
mod first;
mod foreign;
mod formats;
mod handover;
mod instants;
mod job;
mod memory;
mod orphans;
mod pidns;
mod put_back;
mod reader;
mod real;
mod rollback;
mod second;
mod sender;
mod services;
mod status;
mod stop;
mod successor;
mod surroundings;
mod trial;
mod update;
mod update_wait;
mod writer;
