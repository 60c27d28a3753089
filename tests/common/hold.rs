//! Stops PID 1 at its own system calls, ptrace(2): strace can only make each call take longer.

use std::time::{Duration, Instant};

use super::PATIENCE;

/// A process that is stopped at the begin of a system call, until this is dropped.
///
/// Only the thread that made it can use it.
pub struct Held {
    pub(super) pid: i32,
    gone: bool,
}

impl Held {
    /// Attaches to a process wherever it is.
    pub fn seize(pid: i32) -> Self {
        let mut held = Self { pid, gone: false };
        held.ask(libc::PTRACE_SEIZE, libc::PTRACE_O_TRACESYSGOOD as usize);
        held.ask(libc::PTRACE_INTERRUPT, 0);
        held.stop().expect("it lives");
        held
    }

    /// Attaches to PID 1 where it begins to wait for a signal.
    pub fn waiting(pid: i32) -> Self {
        let mut held = Self::seize(pid);
        while held.next().expect("it lives") != libc::SYS_rt_sigtimedwait {}
        held
    }

    /// Lets it run to the begin of its next system call, and returns the call's number; `None` if it ended.
    pub fn next(&mut self) -> Option<libc::c_long> {
        let mut signal = 0;
        loop {
            self.ask(libc::PTRACE_SYSCALL, signal);
            let status = self.stop()?;
            signal = 0;
            if libc::WSTOPSIG(status) == libc::SIGTRAP | 0x80 {
                if let Some(call) = self.call() {
                    return Some(call);
                }
            } else if status >> 16 == 0 {
                signal = libc::WSTOPSIG(status) as usize;
            }
        }
    }

    /// Lets it do the current call, and stops it before its next instruction.
    pub fn finish_call(&mut self) {
        self.ask(libc::PTRACE_SYSCALL, 0);
        self.stop().expect("it lives");
    }

    /// Kills it where it is stopped, before it executes anything else, even an exit of its own.
    pub fn kill(&mut self) {
        // SAFETY: a signal to a process that this test started.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        while self.stop().is_some() {}
    }

    /// Waits until it is stopped; `None` if it ended.
    pub(super) fn stop(&mut self) -> Option<i32> {
        let (begin, mut status) = (Instant::now(), 0);
        loop {
            // SAFETY: the kernel writes one status.
            let found = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG | libc::__WALL) };
            if found == self.pid {
                self.gone = !libc::WIFSTOPPED(status);
                return (!self.gone).then_some(status);
            }
            assert!(found == 0 && begin.elapsed() < PATIENCE, "it makes no system call");
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    /// The number of the call that it is about to do; `None` if the call was done.
    fn call(&self) -> Option<libc::c_long> {
        // SAFETY: the kernel writes one structure, which may be all zero, and says which part of it is in use.
        unsafe {
            let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
            let answer =
                libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, self.pid, size_of_val(&info), &raw mut info);
            assert!(answer > 0, "{}", std::io::Error::last_os_error());
            (info.op == libc::PTRACE_SYSCALL_INFO_ENTRY).then_some(info.u.entry.nr as libc::c_long)
        }
    }

    pub(super) fn ask(&self, what: libc::c_uint, data: usize) {
        // SAFETY: these take numbers.
        let answer = unsafe { libc::ptrace(what, self.pid, 0, data) };
        assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.gone {
            // SAFETY: it takes numbers.
            unsafe { libc::ptrace(libc::PTRACE_DETACH, self.pid, 0, 0) };
        }
    }
}
