//! Ends the machine without PID 1, for `-f` on the command line.
//!
//! The right to do so is a value of type [`Forced`], which only that option yields.

use core::cell::Cell;

use rt::{raw, signal};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions};
use rustix::system::{RebootCommand, reboot};
use zinit_pid1::model::event::Ending;
use zinit_pid1::model::limits::FORCED_SYNC_TIMEOUT;
use zinit_pid1ctl::cli::Command;

use crate::sys;

/// The right to end the machine without PID 1, and how.
pub struct Forced(Ending);

impl Forced {
    /// The right, if the command has the option.
    pub const fn by(command: &Command<'_>) -> Option<Self> {
        match command {
            Command::Force(ending) => Some(Self(*ending)),
            _ => None,
        }
    }

    /// Syncs, for a limited time, and calls reboot(2), which ends the machine or the container; returns the error if
    /// that fails.
    pub fn end(&self) -> Errno {
        signal::block_all();
        match raw::fork(&Cell::new(0)) {
            0 => {
                rustix::fs::sync();
                raw::exit(0)
            }
            ..0 => rustix::fs::sync(),
            writer => wait_for(writer),
        }
        let answer = reboot(match self.0 {
            Ending::Halt => RebootCommand::Halt,
            Ending::Kexec => RebootCommand::Kexec,
            Ending::Poweroff => RebootCommand::PowerOff,
            Ending::Reboot => RebootCommand::Restart,
        });
        answer.err().unwrap_or(Errno::AGAIN)
    }
}

/// Waits until the writer has exited, or its time has passed.
fn wait_for(writer: i32) {
    let end = sys::now() + FORCED_SYNC_TIMEOUT;
    let writes = || {
        let ended = rustix::process::waitpid(Pid::from_raw(writer), WaitOptions::NOHANG);
        ended.is_ok_and(|ended| ended.is_none())
    };
    while sys::now() < end && writes() {
        // SIGCHLD or any other signal: both conditions are checked again.
        let _signal = signal::wait(Some(sys::now().until(end)));
    }
}
