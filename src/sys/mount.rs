//! The first mounts of a machine.

use core::ffi::CStr;

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::mount::MountFlags;

use super::power::Machine;
use super::raw::{self, Result};

/// A file system of the kernel and where it belongs.
pub struct Mount {
    /// The mount point.
    pub target: &'static CStr,
    kind: &'static CStr,
    data: &'static CStr,
    noexec: bool,
    nodev: bool,
}

/// In this order, since the log needs `/dev` and `/proc`.
pub static EARLY: [Mount; 4] = [
    Mount { target: c"/proc", kind: c"proc", data: c"", noexec: true, nodev: true },
    Mount { target: c"/sys", kind: c"sysfs", data: c"", noexec: true, nodev: true },
    // Not noexec: SGX enclaves and others map /dev/zero and their devices executable.
    Mount { target: c"/dev", kind: c"devtmpfs", data: c"mode=0755", noexec: false, nodev: false },
    // Programs may be run from here: containers' runtimes do.
    Mount { target: c"/run", kind: c"tmpfs", data: c"mode=0755", noexec: false, nodev: true },
];

impl Machine {
    /// Mounts a file system, unless one is mounted there already, mount(2).
    pub fn mount(&self, mount: &Mount) -> Result<()> {
        if is_mount_point(mount.target) {
            return Ok(());
        }
        // It is there already, or the root cannot be written: the mount itself will tell.
        let _there = mkdirat(CWD, mount.target, Mode::from_raw_mode(0o755));
        let mut flags = MountFlags::NOSUID;
        flags.set(MountFlags::NOEXEC, mount.noexec);
        flags.set(MountFlags::NODEV, mount.nodev);
        match rustix::mount::mount(mount.kind, mount.target, mount.kind, flags, mount.data) {
            // The same file system at the same place: for kernels before 5.8, which cannot be asked.
            Ok(()) | Err(rustix::io::Errno::BUSY) => Ok(()),
            Err(error) => Err(error.raw_os_error()),
        }
    }
}

/// True if `path` is the root of a mounted file system.
///
/// A tmpfs would be stacked on another one without a word, and devtmpfs would hide a `/dev` that
/// somebody else has filled.
fn is_mount_point(path: &CStr) -> bool {
    raw::statx(path).is_ok_and(|stat| stat.stx_attributes & MOUNT_ROOT != 0)
}

const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
