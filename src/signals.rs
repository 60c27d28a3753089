//! The signal protocol: one row for each signal that is a request.

use crate::model::event::{Ending, Request};
use crate::model::process::{Role, Signal};

/// What a signal asks for; `None` for one that PID 1 ignores.
///
/// Images such as those of nginx have SIGQUIT as the signal that stops a container.
#[must_use]
pub fn request(signal: i32, role: Role) -> Option<Request> {
    let row = PROTOCOL.iter().find(|(known, _)| i32::from(known.0) == signal);
    row.filter(|(known, _)| *known != Signal::QUIT || role != Role::Machine).map(|(_, request)| *request)
}

/// The real-time signals are glibc's SIGRTMIN+3 to +6: LXC and podman send 37 to any init that blocks it. All four
/// have the same meaning in systemd, which adds 10 for the immediate forms.
static PROTOCOL: [(Signal, Request); 10] = [
    (Signal::INT, Request::CtrlAltDel),
    (Signal::QUIT, Request::End(Ending::Poweroff)),
    (Signal::USR1, Request::RestartServer),
    (Signal::USR2, Request::Update),
    (Signal::TERM, Request::End(Ending::Poweroff)),
    (Signal::PWR, Request::PowerFailure),
    (Signal::HALT, Request::End(Ending::Halt)),
    (Signal::POWEROFF, Request::End(Ending::Poweroff)),
    (Signal::REBOOT, Request::End(Ending::Reboot)),
    (Signal(40), Request::End(Ending::Kexec)),
];
