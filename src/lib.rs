//! The decisions of PID 1: a state machine without system calls.
//!
//! Start with [`init`], which routes each event to its transition, then [`phase`], the state, and the transitions
//! themselves: [`server`], [`stop`], [`shutdown`] and [`update`].
//!
//! # Design rules
//! 1. This crate decides and the program `zinit-pid1` acts: no code here can make a system call.
//! 2. [`Init::handle`](init::Init::handle) takes one event and the time, and returns actions.
//! 3. Time is an argument, so a test can simulate a week in a microsecond.
//! 4. All state is plain data of fixed size: no heap, no cell, no global.
//! 5. Every phase of a shutdown has a deadline; no phase depends on an answer.
//! 6. There is at most one server, and none is started once a shutdown has begun.
//! 7. Only a reaped pid proves that a child has exited; a signal is only a reason to check.
//! 8. Every variant is matched by name: a new event that is not handled is a compile error.
//! 9. Nothing here panics: the lints below forbid code that could, and the release link proves it.
//! 10. Each limit in [`limits`](model::limits) says what happens when it is reached.
//!
//! Each `inline` attribute has its reason beside it: the bytes that it saves in the program, or on the stack in the
//! frame of the loop.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod init;
pub mod model;
pub mod parse;
pub mod phase;
pub mod reaper;
pub mod server;
pub mod shutdown;
pub mod signals;
pub mod stop;
pub mod text;
pub mod update;
