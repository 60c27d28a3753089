//! Why a task gives up: a file, and what is wrong with it.

use core::fmt;

use rustix::io::Errno;
use zinit_pid1ctl::{comment, minisign};

use crate::file::{self, Path};

/// The result of a step that may be refused.
pub type Result<T> = core::result::Result<T, Refusal>;

/// A file, and what is wrong with it.
pub struct Refusal {
    path: Path,
    why: Why,
}

/// What is wrong with a file.
pub enum Why {
    /// The program answered `--probe`, but not with our version of the re-exec state.
    Answer,
    /// Another process has it open for writing.
    BeingWritten,
    /// It is for a machine, and PID 1 is that of a container.
    Container,
    /// It would be there after a reboot too.
    Lasting,
    /// Another update holds the lock.
    Busy,
    /// It is signed as another program than the expected one.
    Comment(comment::Refusal),
    /// The kernel refused a call: what was to be done, and the error.
    Cannot(&'static str, Errno),
    /// The program ended with this wait status instead of an answer to `--probe`.
    Crashed(i32),
    /// The program did not answer `--probe` in time.
    Hung,
    /// It is not a regular file.
    NotAFile,
    /// Another user than root owns it or can write to it.
    NotOurs,
    /// The signature is not accepted.
    Signature(minisign::Refusal),
    /// It is empty or too large.
    Size,
    /// As PID 1 of namespaces the program ended with this wait status, and wrote this last line.
    CrashedAsPid1(i32, LastLine),
    /// As PID 1 of namespaces the program did not do this in time, and wrote this last line.
    HungAsPid1(&'static str, LastLine),
    /// It is not the file of the server that PID 1 has seen run.
    NotProven,
}

/// The last line that a program wrote, as far as it fits.
pub type LastLine = heapless::Vec<u8, 160>;

impl Why {
    /// Refuses a file for this reason.
    pub fn of<T>(self, path: &Path) -> Result<T> {
        Err(Refusal { path: path.clone(), why: self })
    }
}

/// Makes a refusal from the kernel's error for a call on a file; `action` is its verb: "cannot ACTION it".
pub fn cannot<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(Errno) -> Refusal + 'a {
    move |errno| Refusal { path: path.clone(), why: Why::Cannot(action, errno) }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: ", self.path)?;
        match &self.why {
            Why::Answer => to.write_str("it does not understand this version's hand-over"),
            Why::BeingWritten => to.write_str("somebody is writing to it"),
            Why::Container => to.write_str("a container has no use for it"),
            Why::Lasting => to.write_str("it is on a disk, and would count at the next reboot too"),
            Why::Busy => to.write_str("another update of it is at work"),
            Why::Comment(refusal) => refusal.fmt(to),
            Why::Cannot(action, errno) => write!(to, "cannot {action} it: {}", errno_name(*errno)),
            Why::Crashed(status) => write!(to, "it did not answer to --probe, wait status {status}"),
            Why::Hung => to.write_str("it did not answer to --probe in time"),
            Why::NotAFile => to.write_str("it is no regular file"),
            Why::NotOurs => to.write_str("it has to be root's, and writable by nobody else"),
            Why::Signature(refusal) => to.write_str(refusal.words()),
            Why::Size => write!(to, "it is empty, or larger than {} bytes", file::SIZE_MAX),
            Why::NotProven => {
                to.write_str("it is not the file that ran for 60 s, which ln or mv keeps, and cp does not")
            }
            Why::CrashedAsPid1(status, line) => {
                let line = line.escape_ascii();
                write!(to, "as PID 1 of namespaces it ended with wait status {status}, its last line: {line}")
            }
            Why::HungAsPid1(what, line) => {
                let line = line.escape_ascii();
                write!(to, "as PID 1 of namespaces it did not {what} in time, its last line: {line}")
            }
        }
    }
}

/// The name of an error, errno(3), with its meaning, or its number for an error that is not expected here.
pub fn errno_name(errno: Errno) -> impl fmt::Display {
    struct Name(Errno);
    impl fmt::Display for Name {
        fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str(match self.0 {
                Errno::ACCESS => "EACCES (no permission)",
                Errno::CONNREFUSED => "ECONNREFUSED (nobody listens there)",
                Errno::CONNRESET => "ECONNRESET (the connection was cut)",
                Errno::LOOP => "ELOOP (a symbolic link)",
                Errno::MFILE => "EMFILE (too many open files)",
                Errno::MLINK | Errno::NOTSUP => "EMLINK (no hard links there)",
                Errno::INVAL => "EINVAL (invalid)",
                Errno::NAMETOOLONG => "ENAMETOOLONG (too long)",
                Errno::NOENT => "ENOENT (no such file or directory)",
                Errno::NOEXEC => "ENOEXEC (no program for this machine)",
                Errno::NOSPC => "ENOSPC (no space left)",
                Errno::PERM => "EPERM (not permitted)",
                Errno::PIPE => "EPIPE (the other end is closed)",
                Errno::ROFS => "EROFS (read-only file system)",
                Errno::TIMEDOUT => "ETIMEDOUT (no answer in time)",
                Errno::TXTBSY => "ETXTBSY (somebody is writing to it)",
                other => return write!(to, "errno {}", other.raw_os_error()),
            })
        }
    }
    Name(errno)
}
