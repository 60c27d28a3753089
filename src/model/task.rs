//! The tasks of a shutdown after the server has exited: a forked child does each of them, and each has a deadline.

use core::ffi::CStr;

use crate::model::event::Ending;
use crate::model::limits::{
    KILL_GRACE, REBOOT_TIMEOUT, REMOUNT_TIMEOUT, SWAPOFF_TIMEOUT, SYNC_TIMEOUT, TERM_GRACE, UNMOUNT_TIMEOUT,
};
use crate::model::time::Millis;

/// The file whose content is the argument of a reboot, for the kernel's drivers and the firmware.
///
/// zinit-pid1ctl writes it, and only root can. Without it a reboot has no argument.
pub const REBOOT_ARGUMENT_FILE: &CStr = c"/run/zinit/reboot-argument";

/// The tasks of a shutdown, in order; a container has only the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// Ask every other process to end, by TERM and CONT.
    Terminate,
    /// End every other process, by KILL.
    Kill,
    /// Write the disks' caches.
    Sync,
    /// Unmount each tmpfs and turn off swap, which reads back the pages that were swapped out.
    Swapoff,
    /// Unmount all other mounts, or make them read-only.
    Unmount,
    /// Make every file system on a disk read-only that is still writable, whether or not a mount of it can be seen.
    EmergencyRemount,
    /// Write the caches of the mounts that could not be unmounted.
    SyncAgain,
    /// Start the kernel that was loaded by kexec_load(2), reboot(2).
    Kexec,
    /// Power off, reboot(2).
    Poweroff,
    /// Restart, reboot(2).
    Reboot,
    /// Stop, power stays on, reboot(2).
    Halt,
    /// Power off by SysRq, admin-guide/sysrq in the kernel's documentation.
    SysRqPoweroff,
    /// Restart by SysRq.
    SysRqReboot,
}

impl Task {
    /// The task that ends the machine in this way.
    #[must_use]
    pub const fn of(ending: Ending) -> Self {
        match ending {
            Ending::Kexec => Self::Kexec,
            Ending::Poweroff => Self::Poweroff,
            Ending::Reboot => Self::Reboot,
            Ending::Halt => Self::Halt,
        }
    }

    /// The next task once this one is over; `None` if nothing is left to try.
    #[must_use]
    pub const fn next(self, ending: Ending) -> Option<Self> {
        Some(match self {
            Self::Terminate => Self::Kill,
            Self::Kill => Self::Sync,
            Self::Sync => Self::Swapoff,
            Self::Swapoff => Self::Unmount,
            Self::Unmount => Self::EmergencyRemount,
            Self::EmergencyRemount => Self::SyncAgain,
            Self::SyncAgain => Self::of(ending),
            // The kernel refused a call: the closest alternative is next.
            Self::Kexec => Self::Reboot,
            Self::Poweroff | Self::Reboot => Self::Halt,
            Self::Halt => match ending {
                Ending::Halt | Ending::Poweroff => Self::SysRqPoweroff,
                Ending::Kexec | Ending::Reboot => Self::SysRqReboot,
            },
            Self::SysRqPoweroff | Self::SysRqReboot => return None,
        })
    }

    /// True if the task is over when no process is left, and not when its own child exits.
    #[must_use]
    pub const fn waits_for_processes(self) -> bool {
        matches!(self, Self::Terminate | Self::Kill)
    }

    /// True for a task that ends the machine: its system call does not return if it succeeds.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Terminate
            | Self::Kill
            | Self::Sync
            | Self::Swapoff
            | Self::Unmount
            | Self::EmergencyRemount
            | Self::SyncAgain => false,
            Self::Kexec
            | Self::Poweroff
            | Self::Reboot
            | Self::Halt
            | Self::SysRqPoweroff
            | Self::SysRqReboot => true,
        }
    }

    /// The time it may take, ms.
    #[must_use]
    #[inline(never)] // 48 bytes of file
    pub const fn timeout(self) -> Millis {
        match self {
            Self::Terminate => TERM_GRACE,
            Self::Kill => KILL_GRACE,
            Self::Sync | Self::SyncAgain => SYNC_TIMEOUT,
            Self::Swapoff => SWAPOFF_TIMEOUT,
            Self::Unmount => UNMOUNT_TIMEOUT,
            Self::EmergencyRemount => REMOUNT_TIMEOUT,
            Self::Kexec
            | Self::Poweroff
            | Self::Reboot
            | Self::Halt
            | Self::SysRqPoweroff
            | Self::SysRqReboot => REBOOT_TIMEOUT,
        }
    }
}
