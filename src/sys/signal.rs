//! Signals: all blocked, taken one by one from `rt_sigtimedwait`, which `rt` has.

use zinit_pid1::model::process::{Pid, Signal};

pub use rt::signal::{block_all, dispose, unblock_all, wait};

/// Sends a signal to one child, kill(2). It can be gone already: that is learnt from `wait`.
#[inline(never)]
pub fn send(pid: Pid, signal: Signal) {
    let signal = rustix::process::Signal::from_named_raw(signal.0.into());
    if let (Some(pid), Some(signal)) = (rustix::process::Pid::from_raw(pid.raw()), signal) {
        let _gone = rustix::process::kill_process(pid, signal);
    }
}
