//! Processes, signals, error numbers and exits, as plain data.

use core::num::NonZeroI32;

/// A process other than PID 1.
///
/// # Invariants
/// Greater than 1, so it never stands for a process group, for all processes or for PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// Wraps a pid from the kernel; `None` if it is 1 or less.
    #[must_use]
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
/// If two files differ in only one of the three numbers, their hashes differ too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId(pub u32);

impl FileId {
    /// No file.
    pub const NONE: Self = Self(0);

    /// Computes the hash of the inode and the time of change, s and ns, as returned by stat(2).
    #[must_use]
    #[allow(clippy::as_conversions)] // the bits that are cut off hardly ever differ
    pub const fn new(inode: u64, seconds: u64, nanoseconds: u64) -> Self {
        // Multiplication by an odd factor keeps different values different.
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
    /// Ctrl-\ on a terminal, and the signal by which many images are stopped.
    pub const QUIT: Self = Self(3);
    /// Ends a process at once.
    pub const KILL: Self = Self(9);
    /// To zinit-server: exit without stopping services.
    pub const USR1: Self = Self(10);
    /// To PID 1: replace PID 1 by an updated program.
    pub const USR2: Self = Self(12);
    /// Asks a process to end.
    pub const TERM: Self = Self(15);
    /// Continues a stopped process, which does not act on TERM while it is stopped.
    pub const CONT: Self = Self(18);
    /// Stops a process until it is continued.
    pub const STOP: Self = Self(19);
    /// The power fails.
    pub const PWR: Self = Self(30);
    /// To PID 1: halt. This and the next two have the same meaning in systemd, so no other init misinterprets them.
    pub const HALT: Self = Self(37);
    /// To PID 1: power off.
    pub const POWEROFF: Self = Self(38);
    /// To PID 1: reboot.
    pub const REBOOT: Self = Self(39);
}

/// An error number of the kernel, errno(3); those above 255 are not for user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub u8);

impl Errno {
    /// No error.
    pub const NONE: Self = Self(0);
    /// EPERM: this process has no right to that.
    pub const PERM: Self = Self(1);
    /// ENOENT: there is no such file.
    pub const NOENT: Self = Self(2);

    /// The shell's exit status for a program that does not exist, or for one that cannot be executed.
    #[must_use]
    pub fn exec_status(self) -> u8 {
        if self == Self::NOENT { 127 } else { 126 }
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
    /// PID 1 of the initial PID namespace: it never exits.
    Machine,
}
