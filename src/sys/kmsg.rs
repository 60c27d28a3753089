//! Where log lines go: the kernel's log on a machine, standard error elsewhere. It never blocks.
//!
//! A line that is not accepted at once is dropped: the log of a process that must not stop cannot be
//! complete, and PID 1 is such a process.

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::message::{Level, Message, Record};
use zinit_pid1::model::process::Errno;
use zinit_pid1::text::line;

use super::raw;

/// The log, and the lowest level that it takes.
pub struct Log {
    /// Where lines go, for as long as this process lives.
    fd: i32,
    how: How,
    /// Lines that matter less are not written.
    pub level: Level,
}

/// How a line is written without waiting for a reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// A file of our own, opened without blocking, or a regular one, which has no reader to wait for.
    Alone,
    /// `/dev/kmsg`, which takes a level and is always writable.
    Kernel,
    /// Not at all: there is nobody to read, or no way not to wait.
    Never,
    /// A pipe or a socket that others write to as well, and may fill between a look and a write.
    Shared,
}

impl Log {
    /// Takes nothing.
    pub const NOWHERE: Self = Self { fd: STDERR, how: How::Never, level: Level::Info };

    /// Standard error, for a process that a person started, and who waits: it may be a terminal that this user cannot
    /// open anew.
    pub const STDERR: Self = Self { fd: STDERR, how: How::Alone, level: Level::Trace };

    /// Takes lines from now on: to the kernel's log on a machine where it can be opened, else to standard error if
    /// this process was given one; kmsg in the kernel's ABI documents.
    pub fn open(&mut self, machine: bool, stderr_is_given: bool) {
        (self.fd, self.how) = place(machine, stderr_is_given);
        self.level = Level::Info;
    }

    /// The kernel's log, for a server that would wait for a console whose other side has stopped reading.
    pub fn instead_of_console(&self) -> Option<i32> {
        (self.how == How::Kernel && !raw::is_writable(STDERR)).then_some(self.fd)
    }

    /// Where it goes, for a helper that writes lines of its own.
    pub const fn number(&self) -> i32 {
        self.fd
    }

    /// Writes a fact with an error and with `text` from outside, or drops it.
    #[inline(never)] // the note is made here and not at every call
    pub fn fact(&self, fact: Message, errno: Errno, text: &[u8]) {
        self.line(&Record::new(fact).errno(errno), text);
    }

    /// Writes a fact with an error, or drops it.
    #[inline(never)]
    pub fn error(&self, fact: Message, errno: Errno) {
        self.fact(fact, errno, &[]);
    }

    /// Writes one line, or drops it.
    #[inline(never)]
    pub fn note(&self, note: &Record) {
        self.line(note, &[]);
    }

    /// Writes one line with `text` from outside, or drops it.
    #[inline(never)]
    pub fn line(&self, note: &Record, text: &[u8]) {
        if note.message.level() > self.level || self.how == How::Never {
            return;
        }
        let mut line = Buffer::default();
        line::compose(&mut line, note, text, self.how == How::Kernel);
        if self.how != How::Kernel && !raw::is_writable(self.fd) {
            return;
        }
        // A closed reader answers EPIPE; its SIGPIPE is blocked, and ignored when it is taken.
        let write = if self.how == How::Shared { raw::write_now } else { raw::write };
        let _dropped = write(self.fd, line.as_bytes());
    }
}

/// Where lines go, and how.
fn place(machine: bool, stderr_is_given: bool) -> (i32, How) {
    if machine {
        // About ten lines in a burst would be all that the kernel takes, and it would drop the rest.
        let _locked = raw::write_file(c"/proc/sys/kernel/printk_devkmsg", b"on\n");
        if let Ok(fd) = raw::open(c"/dev/kmsg", libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY) {
            return (fd.keep(), How::Kernel);
        }
    }
    if stderr_is_given { stderr() } else { (STDERR, How::Never) }
}

/// Opens what is behind standard error without blocking: the flag belongs to the open file, which
/// others share, so it must not be set on the inherited one.
///
/// A regular file is left as it is, since two positions in it would overwrite each other. A socket cannot
/// be opened this way, and without `/proc` nothing can: a terminal then gets no line, since it says that it
/// takes bytes when it takes one, and the rest of a line would wait for its reader.
fn stderr() -> (i32, How) {
    // What cannot be asked is of no kind.
    let kind = rustix::fs::fstat(raw::borrow(STDERR)).map_or(0, |stat| stat.st_mode & libc::S_IFMT);
    if kind == libc::S_IFREG {
        return (STDERR, How::Alone);
    }
    match raw::open(c"/proc/self/fd/2", libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY) {
        Ok(fd) => (fd.keep(), How::Alone),
        Err(_) if matches!(kind, libc::S_IFIFO | libc::S_IFSOCK) => (STDERR, How::Shared),
        Err(_) => (STDERR, How::Never),
    }
}

const STDERR: i32 = libc::STDERR_FILENO;
