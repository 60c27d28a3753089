//! The signal protocol: one row for each signal that means something.

use crate::event::{Ending, Request};

/// What a signal asks for; `None` for all that PID 1 ignores.
///
/// The real-time signals are glibc's SIGRTMIN+3 to +6: LXC and podman send 37 to any init that blocks
/// it, and all four are systemd's, without the +10 of its immediate forms.
#[must_use]
pub fn request(signal: i32) -> Option<Request> {
    match signal {
        libc::SIGINT => Some(Request::CtrlAltDel),
        libc::SIGUSR1 => Some(Request::RestartServer),
        libc::SIGUSR2 => Some(Request::Update),
        libc::SIGTERM | libc::SIGPWR | 38 => Some(Request::End(Ending::Poweroff)),
        37 => Some(Request::End(Ending::Halt)),
        39 => Some(Request::End(Ending::Reboot)),
        40 => Some(Request::End(Ending::Kexec)),
        _ => None,
    }
}
