//! The first mounts of a machine.
//!
//! # Safety
//! The calls read strings that end in NUL, and statx fills the one structure that it gets.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use zinit_pid1::process::Errno;

use super::arch::syscall;
use super::power::Machine;
use super::raw::{address, checked, errno, word};

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
        // SAFETY: `row` left at least one NUL.
        unsafe { CStr::from_ptr(self.target.as_ptr().cast()) }
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
        let target = address(mount.target.as_ptr());
        if is_mount_point(target) {
            return Errno::NONE;
        }
        let (kind, data) = (address(mount.kind.as_ptr()), address(mount.data.as_ptr()));
        let arguments = [kind, target, kind, usize::from(mount.flags), data];
        // SAFETY: strings and numbers.
        let answer = unsafe {
            // It is there already, or the root cannot be written: the mount itself will tell.
            syscall(libc::SYS_mkdirat, [word(libc::AT_FDCWD), target, 0o755]);
            checked(syscall(libc::SYS_mount, arguments))
        };
        match answer {
            // The same file system at the same place: for kernels before 5.8, which cannot be asked.
            Ok(_) | Err(libc::EBUSY) => Errno::NONE,
            Err(number) => errno(number),
        }
    }
}

/// True if a path is the root of a mounted file system, statx(2).
///
/// A tmpfs would be stacked on another one without a word, and devtmpfs would hide a `/dev` that
/// somebody else has filled.
fn is_mount_point(path: usize) -> bool {
    let mut stat = MaybeUninit::<libc::statx>::uninit();
    // SAFETY: the kernel fills one structure, all of it unless it answers an error.
    unsafe {
        let arguments = [word(libc::AT_FDCWD), path, 0, 0, address(stat.as_mut_ptr())];
        let answer = syscall(libc::SYS_statx, arguments);
        answer >= 0 && stat.assume_init_ref().stx_attributes & MOUNT_ROOT != 0
    }
}

const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
