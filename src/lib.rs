//! The decisions of PID 1: a state machine without system calls.
//!
//! The program `zinit-pid1` starts one server, `zinit-server`, and starts it again when it exits; it reaps every orphan,
//! and it ends a machine or a container in stages that all have a deadline. What to do, and when, is decided here. The
//! program does it: it waits for an event, passes it to [`Init::handle`](init::Init::handle), performs the
//! [actions](model::action::Action) that come back, and waits again, no longer than until
//! [`Init::deadline`](init::Init::deadline).
//!
//! ```
//! use zinit_pid1::init::Init;
//! use zinit_pid1::model::action::{Action, Actions, Method};
//! use zinit_pid1::model::event::{Ending, Event, Request};
//! use zinit_pid1::model::policy::{Orphans, Policy};
//! use zinit_pid1::model::process::{Pid, Role};
//! use zinit_pid1::model::reexec::ReexecState;
//! use zinit_pid1::model::time::Instant;
//!
//! // A machine is switched on. The first deadline is now, and brings the server.
//! let policy = Policy {
//!     role: Role::Machine,
//!     stop_timeout: 30_000, // ms
//!     poweroff: Ending::Poweroff,
//!     give_up: 0,
//!     orphans: Orphans::Stop,
//! };
//! let mut init = Init::boot(policy, &ReexecState::first(), Instant(0));
//! assert_eq!(init.deadline(), Some(Instant(0)));
//! let mut actions = Actions::default();
//! init.handle(Event::Timeout, Instant(0), &mut actions);
//! assert!(actions.as_slice().contains(&Action::SpawnServer));
//!
//! // It was forked. A server that runs has no deadline: PID 1 sleeps until something happens.
//! let server = Pid::new(42).expect("a pid");
//! actions.clear();
//! init.handle(Event::Spawned(server), Instant(1), &mut actions);
//! assert_eq!(init.deadline(), None);
//!
//! // A day later somebody asks for a power off: the server is asked to stop its services, and now there is a deadline.
//! let now = Instant(86_400_000);
//! actions.clear();
//! init.handle(Event::Requested(Request::End(Ending::Poweroff)), now, &mut actions);
//! assert!(actions.as_slice().contains(&Action::Rpc(Method::Shutdown)));
//! assert!(init.deadline().is_some_and(|deadline| deadline > now));
//! ```
//!
//! # Where to start
//!
//! | module | holds |
//! |---|---|
//! | [`init`] | the entry: which event leads to which transition |
//! | [`phase`] | the state: running, stopping, a task of the shutdown, the end |
//! | [`server`], [`stop`], [`shutdown`], [`update`] | the transitions, by what they are about |
//! | [`signals`], [`reaper`] | the meaning of each signal; which child has ended |
//! | [`model`] | plain data: events, actions, times, [limits](model::limits), [log lines](model::message) |
//! | [`parse`], [`text`] | bytes from outside become data; data become log lines |
//!
//! `zinit-pid1ctl`, the second program, shares [`model`], [`parse`] and [`text`].
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
