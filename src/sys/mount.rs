//! The first mounts of a machine, and the calls that end mounts.

use core::ffi::CStr;

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::mount::{MountFlags, UnmountFlags};
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::Errno;

use super::authority::Machine;
use super::log::Log;
use super::raw;

/// The mounts that every machine needs: target, type, options and flags of each, all ended by NUL, because a table of
/// `CStr` takes 300 bytes more. All are nosuid; the letter d stands for nodev, x for noexec.
///
/// The order matters: the log needs `/proc` and `/dev`, and some mount points are inside other mounts.
///
/// `/dev` is not noexec, because SGX enclaves and other programs map its devices executable. `/run`, `/tmp` and
/// `/dev/shm` are not noexec, because programs are run from them.
pub const EARLY: &[u8] = b"\
/proc\0proc\0\0dx\0\
/sys\0sysfs\0\0dx\0\
/dev\0devtmpfs\0mode=755\0\0\
/run\0tmpfs\0mode=755\0d\0\
/tmp\0tmpfs\0mode=1777\0d\0\
/dev/pts\0devpts\0gid=5,mode=620\0x\0\
/dev/shm\0tmpfs\0mode=1777\0d\0\
/sys/fs/cgroup\0cgroup2\0\0dx\0";

/// Only those up to `/dev`, which the log needs.
pub const FOR_LOG: &[u8] = {
    let (first, others) = EARLY.split_at(54);
    assert!(matches!(others, [b'/', b'r', b'u', b'n', ..]), "/proc, /sys and /dev");
    first
};

/// Only the first of them, which a shutdown of the machine needs again.
pub const PROC: &[u8] = b"/proc\0proc\0\0dx\0";

impl Machine {
    /// Makes mounts, each where nothing is mounted yet, mount(2); a failure is logged, if there is a log by then.
    pub fn mount_early(&self, mounts: &[u8], log: Option<&Log>) {
        let mut words = raw::c_strings(mounts);
        while let (Some(target), Some(kind), Some(options), Some(letters)) =
            (words.next(), words.next(), words.next(), words.next())
        {
            if is_mount_point(target) {
                continue;
            }
            let flags = letters.to_bytes().iter().fold(MountFlags::NOSUID, |flags, letter| {
                flags | if *letter == b'd' { MountFlags::NODEV } else { MountFlags::NOEXEC }
            });
            // An error is ignored: the folder exists, or the root is read-only and the mount below reports it.
            let _exists = mkdirat(CWD, target, Mode::from_raw_mode(0o755));
            match rustix::mount::mount(kind, target, kind, flags, options) {
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

    /// Opens something in `/dev` through a mount that is gone afterwards, for a machine without such a mount.
    pub fn with_dev<T>(&self, open: impl FnOnce() -> T) -> T {
        let _exists = mkdirat(CWD, DEV, Mode::from_raw_mode(0o755));
        let mounted = rustix::mount::mount(c"dev", DEV, c"devtmpfs", MountFlags::NOSUID, c"");
        let opened = open();
        if mounted.is_ok() {
            self.unmount(DEV, UnmountFlags::DETACH);
        }
        opened
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
pub fn is_mount_point(path: &CStr) -> bool {
    raw::statx(path).is_ok_and(|stat| stat.stx_attributes & MOUNT_ROOT != 0)
}

const DEV: &CStr = c"/dev";

const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
