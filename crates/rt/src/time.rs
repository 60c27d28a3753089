//! System calls that take or return a time, in the kernel's form of 64 bits.
//!
//! Architectures of 32 bits have such calls since Linux 5.1, beside older ones whose seconds have 32 bits. Kernels before
//! that lack the new calls, and kernels without CONFIG_COMPAT_32BIT_TIME lack the old ones: the new call is made, and the
//! old one if that is refused. Architectures of 64 bits have one call, which needs no fallback.

use crate::arch::syscall;
use crate::raw::{address, word};

/// The `struct __kernel_timespec` of the kernel.
#[repr(C)]
pub(crate) struct Time {
    seconds: i64,
    nanoseconds: i64,
}

impl Time {
    /// A time of so many ms.
    pub(crate) fn from_millis(millis: u32) -> Self {
        Self { seconds: i64::from(millis / 1_000), nanoseconds: i64::from(millis % 1_000) * 1_000_000 }
    }
}

/// Reads the monotonic clock, ms.
pub fn now() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Reads a clock that always exists, ms, clock_gettime(2).
pub fn clock(id: i32) -> u64 {
    let mut time = Time { seconds: 0, nanoseconds: 0 };
    // SAFETY: the kernel fills one structure.
    let answer = unsafe { syscall(CLOCK_GETTIME, [word(id), address(&raw mut time)]) };
    if is_missing(answer) {
        let mut old = [0_u32; 2];
        // SAFETY: the kernel fills one structure of two words.
        unsafe { syscall(libc::SYS_clock_gettime, [word(id), address(&raw mut old)]) };
        time = Time { seconds: old[0].into(), nanoseconds: old[1].into() };
    }
    // Neither is negative, and the fraction is less than a second.
    let (seconds, fraction) = (time.seconds.cast_unsigned(), time.nanoseconds as u32);
    seconds.wrapping_mul(1_000).wrapping_add(u64::from(fraction / 1_000_000))
}

/// Waits for a signal of the set and of so many bytes, rt_sigtimedwait(2).
///
/// # Safety
/// `set` and `info` are as the kernel expects them.
pub(crate) unsafe fn wait(set: usize, info: usize, time: Option<&Time>, bytes: usize) -> isize {
    let pointer = time.map_or(0, |time| address(time));
    // SAFETY: the caller's contract.
    let answer = unsafe { syscall(RT_SIGTIMEDWAIT, [set, info, pointer, bytes]) };
    if !is_missing(answer) {
        return answer;
    }
    // Of at most 2^32 ms, so both numbers fit.
    let old = time.map(|time| [time.seconds as u32, time.nanoseconds as u32]);
    let pointer = old.as_ref().map_or(0, |old| address(old));
    // SAFETY: the caller's contract.
    unsafe { syscall(libc::SYS_rt_sigtimedwait, [set, info, pointer, bytes]) }
}

/// Looks at descriptors without waiting, ppoll(2); aarch64 and riscv64 lack poll(2).
///
/// # Safety
/// `polled` is an array of `struct pollfd` and its length.
pub(crate) unsafe fn poll_now(polled: [usize; 2]) {
    // Zero in either form.
    let now = Time { seconds: 0, nanoseconds: 0 };
    let arguments = [polled[0], polled[1], address(&raw const now), 0];
    // SAFETY: the caller's contract.
    unsafe {
        if is_missing(syscall(PPOLL, arguments)) {
            syscall(libc::SYS_ppoll, arguments);
        }
    }
}

/// True if the new call is refused, and there is an old one: by a kernel that does not know it, or by the seccomp profile
/// of a container engine that does not know it and answers EPERM. No call here has that error of its own.
fn is_missing(answer: isize) -> bool {
    let refused = answer == -(libc::ENOSYS as isize) || answer == -(libc::EPERM as isize);
    cfg!(target_pointer_width = "32") && refused
}

// The numbers of 32 bits are the same on all architectures; libc lacks them.
const CLOCK_GETTIME: libc::c_long =
    if cfg!(target_pointer_width = "32") { 403 } else { libc::SYS_clock_gettime };
const PPOLL: libc::c_long = if cfg!(target_pointer_width = "32") { 414 } else { libc::SYS_ppoll };
const RT_SIGTIMEDWAIT: libc::c_long =
    if cfg!(target_pointer_width = "32") { 421 } else { libc::SYS_rt_sigtimedwait };
