//! The parts of libc that both programs need: start code, memory functions and raw system calls.
//!
//! Responsible for:
//! - `_start`, and the arguments and environment that the kernel puts on the stack ([`start`]);
//! - `memcpy` and the like, which the compiler calls by name (`mem`);
//! - system calls that rustix lacks, or whose rustix wrappers would break the link-time proofs ([`raw`], [`signal`],
//!   [`stat`], [`time`]);
//! - all assembly, in one file per architecture ([`arch`]).
//!
//! It uses no type of `zinit_pid1`: pids, errors and times are plain numbers here.
//!
//! # Safety
//! Most files contain unsafe code. The `# Safety` section of a module states the contract that it relies on.

// A test program has a libc: `_start` is left out there, and memory functions get no C name.
#![cfg_attr(not(test), no_std)]
#![warn(missing_docs)]

pub mod arch;
mod mem;
pub mod raw;
pub mod signal;
pub mod start;
pub mod stat;
pub mod time;

/// Declares the program's main function, a `fn(Start) -> !`.
///
/// [`start`] calls it by the symbol that this macro defines, because this crate is compiled before the program is.
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
