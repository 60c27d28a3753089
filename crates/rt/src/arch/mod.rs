//! The code that depends on the processor: all assembly, in one file per architecture.
//!
//! Each file has the same items, so that no other file has to name an architecture:
//! - `_start`, which calls [`start`](crate::start) with the kernel's stack pointer;
//! - `syscall`, with at most six arguments;
//! - `copy_forward`, `copy_backward` and `fill`: assembly, or those of `bytes`;
//! - `trap`, an illegal instruction;
//! - `RESTORER_WORDS`: the words of the member `sa_restorer` in the kernel's `struct sigaction`, 0 or 1.

use core::mem::MaybeUninit;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "arm")]
mod armv7;
#[cfg(not(target_arch = "x86_64"))]
mod bytes;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as this;
#[cfg(target_arch = "arm")]
use armv7 as this;
#[cfg(target_arch = "riscv64")]
use riscv64 as this;
#[cfg(target_arch = "x86_64")]
use x86_64 as this;

pub(crate) use this::{RESTORER_WORDS, copy_backward, copy_forward, fill};
pub use this::{syscall, trap};

#[cfg(not(any(
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64",
    target_arch = "x86_64"
)))]
compile_error!("zinit-rt has no start code and no system calls for this architecture: doc/architecture.md");

/// The registers of the arguments of a system call.
///
/// One without an argument stays uninitialised, which costs no instruction: zeros are 512 bytes more of PID 1. They are
/// named one by one, because an array from `map` stays in memory: 1,032 bytes on aarch64.
#[inline(always)] // the caller's asm! takes them from registers
fn registers<const N: usize>(arguments: [usize; N]) -> [MaybeUninit<usize>; 6] {
    let argument = |index: usize| match arguments.get(index) {
        Some(argument) => MaybeUninit::new(*argument),
        None => MaybeUninit::uninit(),
    };
    [argument(0), argument(1), argument(2), argument(3), argument(4), argument(5)]
}
