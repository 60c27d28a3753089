//! Everything PID 1 can learn, in the past tense.

use crate::model::process::{Errno, Exit, Pid};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// wait(2) answered that there is no child left.
    NoChildren,
    /// A child ended and was reaped.
    Reaped(Pid, Exit),
    /// A signal asked for something.
    Requested(Request),
    /// The child that the last action asked for could not be forked.
    SpawnFailed(Errno),
    /// The child that the last action asked for was forked.
    Spawned(Pid),
    /// The deadline has passed.
    Timeout,
    /// Another version of this program is in place and has answered its probe.
    Updated,
}

/// What a signal can ask PID 1 for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Reboot; several in a row end the phase at hand.
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
    /// The ending that is asked for, if it is a request for one.
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
