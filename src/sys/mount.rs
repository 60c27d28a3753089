//! The first mounts of a machine, and the end of all of them.

use core::ffi::CStr;

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::mount::{MountFlags, UnmountFlags};
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::Errno;

use super::kmsg::Log;
use super::power::Machine;
use super::raw::{self, errno};

/// The file systems of the kernel: for each its flags, where it belongs, what it is, and its options.
///
/// One string behind the other, since a table with pointers would be larger than the strings. In this order,
/// because the log needs `/proc` and `/dev`, and some lie in others.
static EARLY: &[u8] = b"\
\x0e/proc\0proc\0\0\
\x0e/sys\0sysfs\0\0\
\x02/dev\0devtmpfs\0mode=755\0\
\x06/run\0tmpfs\0mode=755\0\
\x06/tmp\0tmpfs\0mode=1777\0\
\x0a/dev/pts\0devpts\0gid=5,mode=620\0\
\x06/dev/shm\0tmpfs\0mode=1777\0\
\x0e/sys/fs/cgroup\0cgroup2\0\0";

/// How many rows there are.
pub const ALL: usize = 8;
/// The first row alone, which the end of a machine needs again.
pub const PROC: usize = 1;

/// The flags as the rows have them. `/dev` may be executed from: SGX enclaves and others map its devices so.
/// So may `/run`, `/tmp` and `/dev/shm`, from which programs are run.
const _FLAGS: () = {
    assert!(libc::MS_NOSUID == 2 && libc::MS_NODEV == 4 && libc::MS_NOEXEC == 8);
};

impl Machine {
    /// Mounts the first `count` file systems, each where none is mounted yet; what fails is logged, if there is a log
    /// for it, mount(2).
    #[inline(never)]
    pub fn mount_early(&self, count: usize, log: Option<&Log>) {
        let mut at = EARLY.as_ptr();
        for _ in 0..count {
            // SAFETY: a row starts here, since `count` is not more than there are.
            let (flags, target, kind, data) = unsafe {
                let flags = u32::from(*at);
                at = at.add(1);
                (flags, take(&mut at), take(&mut at), take(&mut at))
            };
            if is_mount_point(target) {
                continue;
            }
            // It is there already, or the root cannot be written: the mount itself will tell.
            let _there = mkdirat(CWD, target, Mode::from_raw_mode(0o755));
            let flags = MountFlags::from_bits_retain(flags);
            match rustix::mount::mount(kind, target, kind, flags, data) {
                // The same file system at the same place: for kernels before 5.8, which cannot be asked.
                Ok(()) | Err(rustix::io::Errno::BUSY) => {}
                Err(error) => {
                    if let Some(log) = log {
                        log.fact(Message::MountFailed, errno(error.raw_os_error()), target.to_bytes());
                    }
                }
            }
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

/// The string at a place, and the place behind it.
///
/// # Safety
/// There is a string with its NUL.
unsafe fn take(at: &mut *const u8) -> &'static CStr {
    // SAFETY: as above; the place behind a string is inside of the list or at its end.
    unsafe {
        let string = CStr::from_ptr(at.cast());
        *at = at.add(string.count_bytes() + 1);
        string
    }
}

/// True if a path is the root of a mounted file system, statx(2).
///
/// A tmpfs would be stacked on another one without a word, and devtmpfs would hide a `/dev` that
/// somebody else has filled.
fn is_mount_point(path: &CStr) -> bool {
    raw::statx(path).is_ok_and(|stat| stat.stx_attributes & MOUNT_ROOT != 0)
}

const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
