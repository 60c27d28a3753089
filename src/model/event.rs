//! The events of PID 1, with names in the past tense.

use crate::model::process::{Errno, Exit, Pid};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// wait(2) answered that there is no child left.
    NoChildren,
    /// No child is left but readers of earlier servers' pipes, which end after the last process that writes to them.
    OnlyReaders,
    /// A child ended and was reaped.
    Reaped(Pid, Exit),
    /// A signal requested something.
    Requested(Request),
    /// The child of the last action could not be forked.
    SpawnFailed(Errno),
    /// The child of the last action was forked.
    Spawned(Pid),
    /// The deadline has passed.
    Timeout,
    /// Another version of this program is installed and has answered its probe.
    Updated,
    /// The helper that watches services exited; with status 0 after it has saved them, because the server ended.
    WatcherEnded(Exit),
}

/// What a signal can request from PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Reboot; several in a row end the current phase.
    CtrlAltDel,
    /// End the machine or the container.
    End(Ending),
    /// End the machine soon, because its power is about to fail.
    PowerFailure,
    /// Replace the server; services stay.
    RestartServer,
    /// Replace PID 1.
    Update,
}

impl Request {
    /// The ending that this request asks for; `None` for any other request.
    #[must_use]
    pub const fn ending(self) -> Option<Ending> {
        match self {
            Self::CtrlAltDel => Some(Ending::Reboot),
            Self::End(ending) => Some(ending),
            Self::PowerFailure => Some(Ending::Poweroff),
            Self::RestartServer | Self::Update => None,
        }
    }
}

/// What the machine does at the end of a shutdown, reboot(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Start the kernel that was loaded by kexec_load(2).
    Kexec,
    /// Power off.
    Poweroff,
    /// Restart.
    Reboot,
    /// Stop; power stays on.
    Halt,
}

impl Ending {
    /// True if nothing runs afterwards, so that the watchdog must not reset the machine.
    #[must_use]
    pub const fn is_off(self) -> bool {
        matches!(self, Self::Poweroff | Self::Halt)
    }
}
