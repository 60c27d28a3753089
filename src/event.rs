//! Everything PID 1 can learn, in the past tense.

use crate::process::{Errno, Exit, Pid};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// `wait` answered that there is no child left.
    NoChildren,
    /// A child ended and was reaped.
    Reaped(Pid, Exit),
    /// Somebody asked by a signal.
    Requested(Request),
    /// The child that the last action asked for could not be forked.
    SpawnFailed(Errno),
    /// The child that the last action asked for is there.
    Spawned(Pid),
    /// The deadline of the machine has passed.
    Timeout,
}

/// What can be asked of PID 1 by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Reboot; several in a row end the patience with the stage at hand.
    CtrlAltDel,
    /// End the machine or the container.
    End(Ending),
    /// Replace the server, services stay.
    RestartServer,
    /// Replace PID 1.
    Update,
}

/// What the machine does when everything is over, reboot(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Stop, power stays on.
    Halt,
    /// Start the kernel that was loaded before.
    Kexec,
    /// Power off.
    Poweroff,
    /// Start again.
    Reboot,
}

impl Ending {
    /// The word for it in the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Halt => "halt",
            Self::Kexec => "kexec",
            Self::Poweroff => "power off",
            Self::Reboot => "reboot",
        }
    }
}
