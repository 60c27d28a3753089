//! Signals: all blocked, taken one by one by `rt_sigtimedwait`, and sent to children.

use zinit_pid1::model::process::{Pid, Signal};

pub use rt::signal::{Interrupted, block_all, set_dispositions, unblock_all, wait, wait_info};

/// Sends a signal to one child, kill(2). An error is ignored: if the child has exited, wait(2) reports it.
pub fn send(pid: Pid, signal: Signal) {
    let signal = rustix::process::Signal::from_named_raw(signal.0.into());
    if let (Some(pid), Some(signal)) = (rustix::process::Pid::from_raw(pid.raw()), signal) {
        let _ended = rustix::process::kill_process(pid, signal);
    }
}
