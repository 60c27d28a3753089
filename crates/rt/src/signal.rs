//! Signals: all blocked, taken one by one from `rt_sigtimedwait`.
//!
//! # Safety
//! The structures are the kernel's, not libc's: its sigset has 64 bits everywhere but on MIPS.

use crate::arch::syscall;
use crate::raw::{Result, address, checked, word};

/// Blocks all signals that do not stand for a fault, sigprocmask(2).
pub fn block_all() {
    set_mask(WAITED_FOR);
}

/// Has a function called on another stack when this process is at fault, if there is one, and gives all other
/// signals their default disposition, sigaction(2), sigaltstack(2).
///
/// A disposition of "ignore" survives `execve`: for SIGCHLD it would break `wait`, for SIGPIPE the services
/// would inherit it. The other stack lies below the one in use, which would have to grow by as much to reach it: it
/// takes no memory before it is needed. It has room for what the last sync reads of `/proc`.
pub fn dispose(handler: usize) {
    let below = address(&raw const handler).wrapping_sub(0x8_0000);
    let stack = [below, 0, 0x4_0000];
    // SAFETY: the kernel reads one structure.
    unsafe { syscall(libc::SYS_sigaltstack, [address(stack.as_ptr()), 0]) };
    for signal in 1..65 {
        let called = if WAITED_FOR >> (signal - 1) & 1 == 0 { handler } else { 0 };
        // The kernel's structure: handler, flags, restorer, mask; no handler is the default disposition. Without a
        // restorer the kernel makes no frame, though only handlers that return have a use for it.
        let action = [called, (libc::SA_ONSTACK | SA_RESTORER) as usize, called, 0];
        // SAFETY: the kernel reads one structure; KILL and STOP answer EINVAL.
        unsafe { syscall(libc::SYS_rt_sigaction, [signal, address(action.as_ptr()), 0, SET]) };
    }
}

/// Unblocks all signals: for a child that is about to become another program.
pub fn unblock_all() {
    set_mask(0);
}

/// Waits for a signal: for ever, or for a time in ms; EAGAIN says that none came in time, sigtimedwait(2).
pub fn wait(patience: Option<u32>) -> Result<i32> {
    let all = WAITED_FOR;
    let time = patience.map(|time| libc::timespec {
        tv_sec: libc::time_t::from(time / 1_000),
        tv_nsec: libc::c_long::from(time % 1_000) * 1_000_000,
    });
    let time = time.as_ref().map_or(0, |time| address(time));
    // SAFETY: the kernel reads a set and, if there is one, a timespec.
    checked(unsafe { syscall(libc::SYS_rt_sigtimedwait, [address(&raw const all), 0, time, SET]) })
}

fn set_mask(mask: u64) {
    let how = word(libc::SIG_SETMASK);
    // SAFETY: the kernel reads a set.
    unsafe { syscall(libc::SYS_rt_sigprocmask, [how, address(&raw const mask), 0, SET]) };
}

/// All signals, a bit for each, but ILL, TRAP, ABRT, BUS, FPE and SEGV: the kernel kills whom it cannot tell of a
/// fault.
const WAITED_FOR: u64 = !(1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10);
const SA_RESTORER: i32 = 0x0400_0000;

/// Bytes of the kernel's sigset.
const SET: usize = size_of::<u64>();
