//! Signals: all blocked, taken one by one from `rt_sigtimedwait`.
//!
//! # Safety
//! The structures are the kernel's, not libc's: its sigset has 64 bits everywhere but on MIPS.

use zinit_pid1::process::{Errno, Pid, Signal};
use zinit_pid1::time::Millis;

use super::arch::syscall;
use super::raw::{Result, address, answer, checked, word};

/// Blocks all signals and gives each its default disposition, sigprocmask(2), sigaction(2).
///
/// A disposition of "ignore" survives `execve`: for SIGCHLD it would break `wait`, for SIGPIPE the services
/// would inherit it.
pub fn block_all() {
    set_mask(u64::MAX);
    /// The kernel's structure: handler, flags, restorer, mask; all zero is the default disposition.
    const DEFAULT: [u64; 4] = [0; 4];
    for signal in 1..65 {
        // SAFETY: the kernel reads one structure; KILL and STOP answer EINVAL.
        unsafe { syscall(libc::SYS_rt_sigaction, [signal, address(DEFAULT.as_ptr()), 0, SET]) };
    }
}

/// Unblocks all signals: for a child that is about to become another program.
pub fn unblock_all() {
    set_mask(0);
}

/// Waits for a signal: for ever, or for a time; EAGAIN says that none came in time, sigtimedwait(2).
pub fn wait(patience: Option<Millis>) -> Result<i32> {
    let all = u64::MAX;
    let time = patience.map(|time| libc::timespec {
        tv_sec: libc::time_t::from(time / 1_000),
        tv_nsec: libc::c_long::from(time % 1_000) * 1_000_000,
    });
    let time = time.as_ref().map_or(0, |time| address(time));
    // SAFETY: the kernel reads a set and, if there is one, a timespec.
    checked(unsafe { syscall(libc::SYS_rt_sigtimedwait, [address(&raw const all), 0, time, SET]) })
}

/// Sends a signal to one child, kill(2). It can be gone already: that is learnt from `wait`.
#[inline(never)]
pub fn send(pid: Pid, signal: Signal) {
    let signal = rustix::process::Signal::from_named_raw(signal.0.into());
    if let (Some(pid), Some(signal)) = (rustix::process::Pid::from_raw(pid.raw()), signal) {
        let _gone = rustix::process::kill_process(pid, signal);
    }
}

/// Sends a signal to PID 1, kill(2): EPERM for whom it does not obey.
pub fn send_to_pid1(signal: Signal) -> Errno {
    // SAFETY: two numbers.
    answer(unsafe { syscall(libc::SYS_kill, [1, usize::from(signal.0)]) })
}

fn set_mask(mask: u64) {
    let how = word(libc::SIG_SETMASK);
    // SAFETY: the kernel reads a set.
    unsafe { syscall(libc::SYS_rt_sigprocmask, [how, address(&raw const mask), 0, SET]) };
}

/// Bytes of the kernel's sigset.
const SET: usize = size_of::<u64>();
