//! What depends on the processor: the first instruction, system calls, and memory.
//!
//! # Safety
//! One file per architecture, with the same four items, so that nothing else knows where it runs.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::{set_thread_pointer, syscall, thread_pointer, trap};

#[cfg(not(target_arch = "x86_64"))]
compile_error!("zinit-pid1 has no start code and no system calls for this architecture yet");
