//! The decisions of PID 1: a state machine without system calls.
//!
//! Start with [`init`], which routes each event to its transition, then [`phase`], the state, and the transitions
//! themselves: [`server`], [`stop`], [`shutdown`] and [`update`].
//!
//! # Design rules
//! 1. This crate decides, the program `zinit-pid1` does: nothing here can name the kernel.
//! 2. [`Init::handle`](init::Init::handle) takes one event and the time, and returns actions.
//! 3. Time is an argument, so a test can live through a week in a microsecond.
//! 4. All state is plain data of fixed size: no heap, no cell, no global.
//! 5. Every phase of a shutdown has a deadline; no phase depends on an answer.
//! 6. There is at most one server, and none is started once a shutdown has begun.
//! 7. Only a reaped pid is a fact; a signal is a hint to look.
//! 8. Every variant is matched by name: a new event breaks the build, not the machine.
//! 9. Nothing here panics: the lints below keep out what could, and the release link proves it.
//! 10. Full is a decision: each limit in [`limits`](model::limits) says what happens at it.
//!
//! An `inline` attribute has its reason beside it: bytes of the program, or of stack that would stay in the frame of
//! the loop.

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
