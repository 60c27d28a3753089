//! What PID 1 of a machine changes for the programs that it starts; `zinit-pid1ctl` does the rest before the first
//! server.

use super::authority::Machine;
use super::raw;

impl Machine {
    /// Gives up the terminal that a predecessor such as `setsid cttyhack` has left to PID 1: its Ctrl-C would be a
    /// request to reboot, ioctl_tty(2).
    pub fn leave_terminal(&self) {
        if let Ok(terminal) = raw::open(c"/dev/tty", libc::O_RDWR | libc::O_NONBLOCK) {
            // SAFETY: the request takes no argument.
            let _left = unsafe { raw::ioctl(terminal.number(), libc::TIOCNOTTY as usize, 0) };
        }
    }
}
