//! The end of a machine without its PID 1, as a type: only `-f` of a person makes one.

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
    /// Looks whether argv asks for it.
    pub const fn by(command: &Command<'_>) -> Option<Self> {
        match command {
            Command::Force(ending) => Some(Self(*ending)),
            _ => None,
        }
    }

    /// Writes all caches to the disks, or gives that up after a time, and ends the machine, or in a container PID 1
    /// of it, reboot(2); it returns what went wrong.
    pub fn end(&self) -> Errno {
        signal::block_all();
        match raw::fork() {
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

/// Waits for the writer; its end is a signal, and another signal does not give it more time.
fn wait_for(writer: i32) {
    let end = sys::now() + FORCED_SYNC_TIMEOUT;
    let writes = || {
        let ended = rustix::process::waitpid(Pid::from_raw(writer), WaitOptions::NOHANG);
        ended.is_ok_and(|ended| ended.is_none())
    };
    while sys::now() < end && writes() {
        let _signal = signal::wait(Some(sys::now().until(end)));
    }
}
