//! Plain data: the state, events and actions of PID 1, with their units and limits.
//!
//! It uses no other module of this crate.

pub mod action;
pub mod buffer;
pub mod checksum;
pub mod child;
pub mod decimal;
pub mod event;
mod faults;
pub mod limits;
pub mod message;
pub mod policy;
pub mod process;
pub mod rate;
pub mod reexec;
pub mod table;
pub mod task;
pub mod template;
pub mod time;
pub mod version;
