//! Processes, signals, error numbers and ends, as plain data.

use core::num::NonZeroI32;

use crate::list;
use crate::phrase;

/// A process other than PID 1.
///
/// # Invariants
/// Greater than 1, so neither a process group nor "every process" nor PID 1 can be meant by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// Takes a pid from the kernel; `None` if it is 1 or less.
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

    /// The name of a signal that PID 1 sends.
    #[must_use]
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::USR1 => b"SIGUSR1",
            Self::TERM => b"SIGTERM",
            _ => b"SIGKILL",
        }
    }
}

/// An error number of the kernel, errno(3); those above 255 are not for user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub u8);

impl Errno {
    /// No error.
    pub const NONE: Self = Self(0);

    /// The error's name and what it means here, packed by [`phrase`].
    #[must_use]
    pub fn words(self) -> Option<&'static [u8]> {
        let mut entries = list::entries(&ERRNO_WORDS);
        entries.find(|entry| entry.first() == Some(&self.0)).and_then(|entry| entry.get(1..))
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
pub enum Place {
    /// PID 1 of a PID namespace: it ends every process and exits 0.
    Container,
    /// Not PID 1 at all: it supervises the server, touches nothing else and exits 0.
    Guest,
    /// PID 1 of the kernel: it never exits.
    Machine,
}

/// The errors that starting a server, asking it, mounting and ending a machine can meet: the number as a
/// byte, then the words. None of the numbers is 10, which ends an entry.
static ERRNO_WORDS: [u8; phrase::packed_len(SPELT)] = phrase::packed(SPELT);

const SPELT: &[u8] = b"\
\x01EPERM (not permitted)\n\
\x02ENOENT (no such file or directory)\n\
\x05EIO (input/output error)\n\
\x06ENXIO (no such device)\n\
\x07E2BIG (arguments too long)\n\
\x08ENOEXEC (not a program for this machine)\n\
\x0bEAGAIN (no resources now)\n\
\x0cENOMEM (out of memory)\n\
\x0dEACCES (permission denied)\n\
\x10EBUSY (busy)\n\
\x13ENODEV (no such device or file system)\n\
\x14ENOTDIR (not a directory)\n\
\x15EISDIR (is a directory)\n\
\x16EINVAL (invalid)\n\
\x17ENFILE (too many open files in the system)\n\
\x18EMFILE (too many open files)\n\
\x1aETXTBSY (program is being written)\n\
\x1cENOSPC (no space left)\n\
\x1eEROFS (read-only file system)\n\
\x20EPIPE (closed by the other side)\n\
\x24ENAMETOOLONG (name too long)\n\
\x26ENOSYS (not in this kernel)\n\
\x28ELOOP (too many symbolic links)\n\
\x50ELIBBAD (broken program interpreter)\n\
\x58ENOTSOCK (not a socket)\n\
\x5bEPROTOTYPE (wrong type of socket)\n\
\x68ECONNRESET (closed by the other side)\n\
\x6eETIMEDOUT (timed out)\n\
\x6fECONNREFUSED (nobody listens)\n\
";
