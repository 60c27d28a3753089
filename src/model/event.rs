//! Everything PID 1 can learn, in the past tense.

use crate::model::process::{Errno, Exit, Pid};

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
    /// Another version of this program is in place, and answers.
    Updated,
}

/// What can be asked of PID 1 by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Reboot; several in a row end the patience with the stage at hand.
    CtrlAltDel,
    /// End the machine or the container.
    End(Ending),
    /// End the machine soon, since its power is about to fail.
    PowerFailure,
    /// Replace the server, services stay.
    RestartServer,
    /// Replace PID 1.
    Update,
}

impl Request {
    /// What is to be at the end, if it is a request for one.
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

/// What the machine does when everything is over, reboot(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Start the kernel that was loaded before.
    Kexec,
    /// Power off.
    Poweroff,
    /// Start again.
    Reboot,
    /// Stop, power stays on.
    Halt,
}
