//! What PID 1 of a machine changes for the programs that it starts; `zinit-pid1ctl` does the rest before the first
//! server.

use rt::arch::syscall;
use zinit_pid1::model::limits::OPEN_FILES;

use super::authority::Machine;
use super::raw;

impl Machine {
    /// Raises the hard limit of open files, so that a service needs no right to raise its own, prlimit(2).
    pub fn raise_open_files(&self) {
        // The soft limit and the hard one.
        let mut limit = [0_u64; 2];
        let call = |new, old| {
            // SAFETY: the kernel reads or writes two numbers.
            unsafe { syscall(libc::SYS_prlimit64, [0, libc::RLIMIT_NOFILE as usize, new, old]) };
        };
        call(0, raw::address(limit.as_mut_ptr()));
        if limit[1] < OPEN_FILES {
            limit[1] = OPEN_FILES;
            call(raw::address(limit.as_ptr()), 0);
        }
    }

    /// Gives up the terminal that a predecessor such as `setsid cttyhack` has left to PID 1: its Ctrl-C would be a
    /// request to reboot, ioctl_tty(2).
    pub fn leave_terminal(&self) {
        if let Ok(terminal) = raw::open(c"/dev/tty", libc::O_RDWR | libc::O_NONBLOCK) {
            // SAFETY: the request takes no argument.
            let _left = unsafe { raw::ioctl(&terminal, libc::TIOCNOTTY as usize, 0) };
        }
    }
}
