//! The code that depends on the processor: all assembly, in one file per architecture.
//!
//! Each file has the same items, so that no other file has to name an architecture.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{copy_backward, copy_forward, fill};
#[cfg(target_arch = "x86_64")]
pub use x86_64::{set_thread_pointer, syscall, thread_pointer, trap};

#[cfg(not(target_arch = "x86_64"))]
compile_error!("zinit-rt has no start code and no system calls for this architecture yet");
