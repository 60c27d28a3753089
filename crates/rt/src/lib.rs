//! The part of libc that the two programs need: start code, memory functions and raw system calls.
//!
//! Responsible for:
//! - `_start`, and what the kernel puts on the stack before it ([`start`]);
//! - `memcpy` and the like, which the compiler calls by name (`mem`);
//! - system calls that rustix lacks or that do not keep the link-time proofs ([`raw`], [`signal`]);
//! - all assembly, in one file per architecture ([`arch`]).
//!
//! It knows no type of `zinit_pid1`: pids, errors and times are plain numbers here.
//!
//! # Safety
//! This crate is the bottom of all unsafe code. Each module says which contract it relies on.

// Its tests have a libc, so they leave out `_start`, and the names of memory functions.
#![cfg_attr(not(test), no_std)]
#![warn(missing_docs)]

pub mod arch;
mod mem;
pub mod raw;
pub mod signal;
pub mod start;

/// Names the first function of the program: a `fn(Start) -> !`.
///
/// [`start`] calls it through one symbol, because this crate is compiled before the program is known.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        const _: () = {
            #[unsafe(no_mangle)]
            fn rt_main(start: $crate::start::Start) -> ! {
                $main(start)
            }
        };
    };
}
