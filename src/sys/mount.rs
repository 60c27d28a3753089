//! The first mounts of a machine, and the end of all of them.

use core::ffi::CStr;

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::mount::{MountFlags, UnmountFlags};
use zinit_pid1::process::Errno;

use super::power::Machine;
use super::raw::{self, errno};

/// A file system of the kernel and where it belongs.
///
/// The strings lie in the row itself: a pointer and a length would be larger than most of them.
pub struct Mount {
    target: [u8; 6],
    kind: [u8; 9],
    data: [u8; 10],
    flags: u8,
}

/// In this order, since the log needs `/dev` and `/proc`.
pub static EARLY: [Mount; 4] = [
    Mount::new(c"/proc", c"proc", c"", NOSUID | NOEXEC | NODEV),
    Mount::new(c"/sys", c"sysfs", c"", NOSUID | NOEXEC | NODEV),
    // Not noexec: SGX enclaves and others map /dev/zero and their devices executable.
    Mount::new(c"/dev", c"devtmpfs", c"mode=0755", NOSUID),
    // Programs may be run from here: containers' runtimes do.
    Mount::new(c"/run", c"tmpfs", c"mode=0755", NOSUID | NODEV),
];

const NOSUID: u8 = libc::MS_NOSUID as u8;
const NODEV: u8 = libc::MS_NODEV as u8;
const NOEXEC: u8 = libc::MS_NOEXEC as u8;

impl Mount {
    const fn new(target: &CStr, kind: &CStr, data: &CStr, flags: u8) -> Self {
        Self { target: row(target), kind: row(kind), data: row(data), flags }
    }

    /// The mount point.
    pub fn target(&self) -> &CStr {
        text(&self.target)
    }
}

/// A string with its NUL, filled up with more of them; too long a string does not compile.
const fn row<const N: usize>(string: &CStr) -> [u8; N] {
    let bytes = string.to_bytes_with_nul();
    let mut row = [0; N];
    row.split_at_mut(bytes.len()).0.copy_from_slice(bytes);
    row
}

impl Machine {
    /// Mounts a file system, unless one is mounted there already, mount(2).
    pub fn mount(&self, mount: &Mount) -> Errno {
        let target = text(&mount.target);
        if is_mount_point(target) {
            return Errno::NONE;
        }
        // It is there already, or the root cannot be written: the mount itself will tell.
        let _there = mkdirat(CWD, target, Mode::from_raw_mode(0o755));
        let (kind, flags) = (text(&mount.kind), MountFlags::from_bits_retain(mount.flags.into()));
        match rustix::mount::mount(kind, target, kind, flags, text(&mount.data)) {
            // The same file system at the same place: for kernels before 5.8, which cannot be asked.
            Ok(()) | Err(rustix::io::Errno::BUSY) => Errno::NONE,
            Err(error) => errno(error.raw_os_error()),
        }
    }

    /// Unmounts what is mounted last at a path, umount(2).
    pub fn unmount(&self, point: &CStr, flags: UnmountFlags) -> Errno {
        raw::status(rustix::mount::unmount(point, flags))
    }

    /// Writes a file system's caches and makes it read-only wherever it is mounted, mount(2).
    pub fn make_read_only(&self, point: &CStr) -> Errno {
        raw::status(rustix::mount::mount_remount(point, MountFlags::RDONLY, c""))
    }
}

/// The string in a row.
fn text<const N: usize>(row: &[u8; N]) -> &CStr {
    // SAFETY: `row` left at least one NUL.
    unsafe { CStr::from_ptr(row.as_ptr().cast()) }
}

/// True if a path is the root of a mounted file system, statx(2).
///
/// A tmpfs would be stacked on another one without a word, and devtmpfs would hide a `/dev` that
/// somebody else has filled.
fn is_mount_point(path: &CStr) -> bool {
    raw::statx(path).is_ok_and(|stat| stat.stx_attributes & MOUNT_ROOT != 0)
}

const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
