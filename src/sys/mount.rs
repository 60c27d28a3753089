//! The first mounts of a machine, and the calls that end mounts.

use core::ffi::CStr;

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::mount::{MountFlags, UnmountFlags};
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::Errno;

use super::authority::Machine;
use super::log::Log;
use super::raw;

/// A mount that every machine needs.
pub struct EarlyMount {
    target: &'static CStr,
    kind: &'static CStr,
    flags: MountFlags,
    options: &'static CStr,
}

/// The order matters: the log needs `/proc` and `/dev`, and some mount points are inside other mounts.
///
/// `/dev` is not noexec, because SGX enclaves and other programs map its devices executable. `/run`, `/tmp` and
/// `/dev/shm` are not noexec, because programs are run from them.
pub static EARLY: [EarlyMount; 8] = [
    early(c"/proc", c"proc", NOSUID.union(NODEV).union(NOEXEC), c""),
    early(c"/sys", c"sysfs", NOSUID.union(NODEV).union(NOEXEC), c""),
    early(c"/dev", c"devtmpfs", NOSUID, c"mode=755"),
    early(c"/run", c"tmpfs", NOSUID.union(NODEV), c"mode=755"),
    early(c"/tmp", c"tmpfs", NOSUID.union(NODEV), c"mode=1777"),
    early(c"/dev/pts", c"devpts", NOSUID.union(NOEXEC), c"gid=5,mode=620"),
    early(c"/dev/shm", c"tmpfs", NOSUID.union(NODEV), c"mode=1777"),
    early(c"/sys/fs/cgroup", c"cgroup2", NOSUID.union(NODEV).union(NOEXEC), c""),
];

/// Only the first row, which a shutdown of the machine needs again.
pub const PROC: &[EarlyMount] = EARLY.split_at(1).0;

const NOSUID: MountFlags = MountFlags::NOSUID;
const NODEV: MountFlags = MountFlags::NODEV;
const NOEXEC: MountFlags = MountFlags::NOEXEC;

const fn early(
    target: &'static CStr,
    kind: &'static CStr,
    flags: MountFlags,
    options: &'static CStr,
) -> EarlyMount {
    EarlyMount { target, kind, flags, options }
}

impl Machine {
    /// Makes mounts, each where nothing is mounted yet, mount(2); a failure is logged, if there is a log by then.
    pub fn mount_early(&self, mounts: &[EarlyMount], log: Option<&Log>) {
        for EarlyMount { target, kind, flags, options } in mounts {
            if is_mount_point(target) {
                continue;
            }
            // An error is ignored: the folder exists, or the root is read-only and the mount below reports it.
            let _exists = mkdirat(CWD, *target, Mode::from_raw_mode(0o755));
            match rustix::mount::mount(*kind, *target, *kind, *flags, *options) {
                // The same file system is already mounted there; kernels before 5.8 do not report that by statx.
                Ok(()) | Err(rustix::io::Errno::BUSY) => {}
                Err(error) => {
                    if let Some(log) = log {
                        let errno = raw::errno(error.raw_os_error());
                        log.message(Message::MountFailed, errno, target.to_bytes());
                    }
                }
            }
        }
    }

    /// Unmounts the topmost mount at a path, umount(2).
    pub fn unmount(&self, point: &CStr, flags: UnmountFlags) -> Errno {
        raw::status(rustix::mount::unmount(point, flags))
    }

    /// Writes a file system's caches and makes it read-only wherever it is mounted, mount(2).
    pub fn make_read_only(&self, point: &CStr) -> Errno {
        raw::status(rustix::mount::mount_remount(point, MountFlags::RDONLY, c""))
    }
}

/// True if a path is the root of a mounted file system, statx(2).
///
/// A tmpfs would be stacked on another one without an error, and devtmpfs would hide a `/dev` that something else has
/// filled.
fn is_mount_point(path: &CStr) -> bool {
    raw::statx(path).is_ok_and(|stat| stat.stx_attributes & MOUNT_ROOT != 0)
}

const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
