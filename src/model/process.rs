//! Processes, signals, error numbers and ends, as plain data.

use core::num::NonZeroI32;

use crate::parse::lines;

/// A process other than PID 1.
///
/// # Invariants
/// Greater than 1, so neither a process group nor "every process" nor PID 1 can be meant by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// Takes a pid from the kernel; `None` if it is 1 or less.
    #[must_use]
    #[inline(always)]
    pub const fn new(raw: i32) -> Option<Self> {
        match NonZeroI32::new(raw) {
            Some(pid) if raw > 1 => Some(Self(pid)),
            Some(_) | None => None,
        }
    }

    /// The number for the kernel.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0.get()
    }
}

/// The identity of an executable file: a hash of its inode and the time at which its content changed.
///
/// Files that differ in one of the three numbers differ in this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId(pub u32);

impl FileId {
    /// No file.
    pub const NONE: Self = Self(0);

    /// Takes the inode and the time of change, s and ns, as stat(2) has them.
    #[must_use]
    #[allow(clippy::as_conversions)] // what is cut off would hardly add to the difference
    pub const fn new(inode: u64, seconds: u64, nanoseconds: u64) -> Self {
        // Odd factors keep differences.
        let inode = (inode as u32).wrapping_mul(0x9e37_79b1);
        let seconds = (seconds as u32).wrapping_mul(0x85eb_ca6b);
        Self(inode ^ seconds ^ (nanoseconds as u32).wrapping_mul(0xc2b2_ae35))
    }
}

/// The link `/proc/PID/ns/pid` of the initial PID namespace: its inode is 0xEFFFFFFC, fixed in the kernel's proc_ns.h.
pub const INITIAL_NAMESPACE: &[u8] = b"pid:[4026531836]";

/// A signal by its number, signal(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(pub u8);

impl Signal {
    /// Ctrl-Alt-Del, or Ctrl-C on a terminal.
    pub const INT: Self = Self(2);
    /// Ends a process at once.
    pub const KILL: Self = Self(9);
    /// To zinit-server: exit without stopping services.
    pub const USR1: Self = Self(10);
    /// To PID 1: replace yourself.
    pub const USR2: Self = Self(12);
    /// Asks a process to end.
    pub const TERM: Self = Self(15);
    /// Continues a stopped process, which could not die of TERM otherwise.
    pub const CONT: Self = Self(18);
    /// The power fails.
    pub const PWR: Self = Self(30);
    /// To PID 1: halt; no init takes it for something else, as this and the next ones are systemd's.
    pub const HALT: Self = Self(37);
    /// To PID 1: power off.
    pub const POWEROFF: Self = Self(38);
    /// To PID 1: reboot.
    pub const REBOOT: Self = Self(39);

    /// The name of a signal that PID 1 sends to a server.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::USR1 => "SIGUSR1",
            Self::TERM => "SIGTERM",
            _ => "SIGKILL",
        }
    }
}

/// An error number of the kernel, errno(3); those above 255 are not for user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub u8);

impl Errno {
    /// No error.
    pub const NONE: Self = Self(0);
    /// ENOENT: there is no such file.
    pub const NOENT: Self = Self(2);

    /// The shell's status for a program that is not there, and for one that does not run.
    #[must_use]
    pub fn exec_status(self) -> u8 {
        if self == Self::NOENT { 127 } else { 126 }
    }

    /// The name of the error and what it means; `None` for one that PID 1 does not expect.
    pub(crate) fn name(self) -> Option<&'static [u8]> {
        let row = ERRNOS.iter().position(|number| *number == self.0)?;
        Some(lines::nth(ERRNO_NAMES.as_bytes(), row))
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It exited with this status.
    Exited(u8),
    /// A signal ended it.
    Killed(Signal),
    /// It was forked, but its program could not be executed.
    NotExecuted(Errno),
}

/// What kind of PID 1 this process is: what it may touch and how it may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// PID 1 of a PID namespace: it ends every process and exits 0.
    Container,
    /// Not PID 1 at all: it supervises the server, touches nothing else and exits 0.
    Subreaper,
    /// PID 1 of the kernel: it never exits.
    Machine,
}

macro_rules! errnos {
    ($($number:literal $name:literal)*) => {
        const ERRNOS: &[u8] = &[$($number),*];
        /// As one string: a `match` to strings takes 1.4 kB more.
        const ERRNO_NAMES: &str = concat!($($name, "\n",)*);
    };
}

// Those that are expected where PID 1 logs one: from a server that is started or asked, from mounts, swaps and files,
// and from the end of a machine.
errnos! {
    1 "EPERM (not permitted)"
    2 "ENOENT (no such file or directory)"
    5 "EIO (input/output error)"
    6 "ENXIO (no such device)"
    7 "E2BIG (arguments too long)"
    8 "ENOEXEC (not a program for this machine)"
    11 "EAGAIN (no resources now)"
    12 "ENOMEM (out of memory)"
    13 "EACCES (permission denied)"
    16 "EBUSY (busy)"
    19 "ENODEV (no such device or file system)"
    20 "ENOTDIR (not a directory)"
    21 "EISDIR (is a directory)"
    22 "EINVAL (invalid)"
    23 "ENFILE (too many open files in the system)"
    24 "EMFILE (too many open files)"
    26 "ETXTBSY (program is being written)"
    28 "ENOSPC (no space left)"
    30 "EROFS (read-only file system)"
    32 "EPIPE (closed by the other side)"
    36 "ENAMETOOLONG (name too long)"
    38 "ENOSYS (not in this kernel)"
    40 "ELOOP (too many symbolic links)"
    80 "ELIBBAD (broken program interpreter)"
    88 "ENOTSOCK (not a socket)"
    91 "EPROTOTYPE (wrong type of socket)"
    104 "ECONNRESET (closed by the other side)"
    110 "ETIMEDOUT (timed out)"
    111 "ECONNREFUSED (nobody listens)"
}
