//! Signal masks, dispositions, and the wait for the next signal.
//!
//! # Safety
//! The structures are those of the kernel and not of libc: a sigset has 64 bits, on all architectures but MIPS.

use crate::arch::syscall;
use crate::raw::{Result, address, checked, word};

/// Blocks all signals but those of a fault, sigprocmask(2).
pub fn block_all() {
    set_mask(WAITED_FOR);
}

/// Sets all dispositions to default, but those of faults to `handler` if it is not 0, sigaction(2), sigaltstack(2).
///
/// An ignored signal stays ignored across `execve`: SIGCHLD would break `wait`, and services would inherit SIGPIPE.
///
/// The handler runs on a stack of its own of 256 kB, which is enough for the last sync's reading of `/proc`. It lies
/// in the area into which the initial stack can grow, 256 kB below anything in use, so it takes no memory until then.
pub fn set_dispositions(handler: usize) {
    let below = address(&raw const handler).wrapping_sub(0x8_0000);
    let stack = [below, 0, 0x4_0000];
    // SAFETY: the kernel reads one structure.
    unsafe { syscall(libc::SYS_sigaltstack, [address(stack.as_ptr()), 0]) };
    for signal in 1..65 {
        let called = if WAITED_FOR >> (signal - 1) & 1 == 0 { handler } else { 0 };
        // Handler (0 is the default disposition), flags, restorer, mask. The kernel refuses to call a handler without
        // a restorer, though this one never returns to it.
        let action = [called, (libc::SA_ONSTACK | SA_RESTORER) as usize, called, 0];
        // SAFETY: the kernel reads one structure. SIGKILL and SIGSTOP answer EINVAL.
        unsafe { syscall(libc::SYS_rt_sigaction, [signal, address(action.as_ptr()), 0, SET]) };
    }
}

/// Unblocks all signals: for a child that is about to execute another program.
pub fn unblock_all() {
    set_mask(0);
}

/// Waits for a signal, and for no longer than `timeout` ms if that is given: EAGAIN then, sigtimedwait(2).
pub fn wait(timeout: Option<u32>) -> Result<i32> {
    wait_info(timeout, core::ptr::null_mut())
}

/// The same, and writes who has sent the signal, sigaction(2), unless `info` is null.
pub fn wait_info(timeout: Option<u32>, info: *mut libc::siginfo_t) -> Result<i32> {
    let all = WAITED_FOR;
    let time = timeout.map(|time| libc::timespec {
        tv_sec: libc::time_t::from(time / 1_000),
        tv_nsec: libc::c_long::from(time % 1_000) * 1_000_000,
    });
    let time = time.as_ref().map_or(0, |time| address(time));
    let arguments = [address(&raw const all), address(info), time, SET];
    // SAFETY: the kernel reads a set and, if there is one, a timespec, and may write a siginfo.
    checked(unsafe { syscall(libc::SYS_rt_sigtimedwait, arguments) })
}

fn set_mask(mask: u64) {
    let how = word(libc::SIG_SETMASK);
    // SAFETY: the kernel reads a set.
    unsafe { syscall(libc::SYS_rt_sigprocmask, [how, address(&raw const mask), 0, SET]) };
}

/// The signals that are blocked and waited for: all but those of a fault, by which the kernel ends a process that
/// blocks them.
const WAITED_FOR: u64 = !(bit(libc::SIGILL)
    | bit(libc::SIGTRAP)
    | bit(libc::SIGABRT)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGSEGV));

/// The bit of a signal in the kernel's sigset.
const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// asm/signal.h; libc has no name for it.
const SA_RESTORER: i32 = 0x0400_0000;

/// Bytes of the kernel's sigset.
const SET: usize = size_of::<u64>();
