//! Where log lines go: the kernel's log on a machine, standard error elsewhere. It never blocks.
//!
//! A line that is not accepted at once is dropped: the log of a process that must not stop cannot be
//! complete, and PID 1 is such a process.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::FileType;
use zinit_pid1::log::{Fact, Level, Line, Note};
use zinit_pid1::process::Errno;

use super::raw::{self, Fd};

/// The log, and the lowest level that it takes.
pub struct Log {
    sink: Sink,
    /// Lines that matter less are not written.
    pub level: Level,
}

enum Sink {
    /// `/dev/kmsg`.
    Kernel(Fd),
    /// Standard error was closed when this process was started.
    Nowhere,
    /// What is behind standard error, opened anew so that only our writes do not block.
    Reopened(Fd),
    /// Standard error as it was inherited.
    Stderr,
}

impl Log {
    /// The kernel's log where it can be opened, kmsg in the kernel's ABI documents.
    pub fn kernel(stderr_is_given: bool) -> Self {
        // About ten lines in a burst would be all that the kernel takes, and it would drop the rest.
        if let Ok(limit) = raw::open(c"/proc/sys/kernel/printk_devkmsg", libc::O_WRONLY) {
            let _locked = raw::write(limit.as_fd(), b"on\n");
        }
        match raw::open(c"/dev/kmsg", libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY) {
            Ok(fd) => Self { sink: Sink::Kernel(fd), level: Level::Info },
            Err(_) => Self::stderr(stderr_is_given),
        }
    }

    /// Standard error, if this process was given one.
    pub fn stderr(is_given: bool) -> Self {
        let sink = if is_given { stderr() } else { Sink::Nowhere };
        Self { sink, level: Level::Info }
    }

    /// Writes a fact with an error and with `text` from outside, or drops it.
    #[inline(never)] // the note is made here and not at every call
    pub fn fact(&self, fact: Fact, errno: Errno, text: &[u8]) {
        self.line(&Note::new(fact).errno(errno), text);
    }

    /// Writes one line with `text` from outside, or drops it.
    #[inline(never)]
    pub fn line(&self, note: &Note, text: &[u8]) {
        if note.level() > self.level {
            return;
        }
        let (fd, kernel) = match &self.sink {
            Sink::Kernel(fd) => (fd.as_fd(), true),
            Sink::Nowhere => return,
            Sink::Reopened(fd) => (fd.as_fd(), false),
            Sink::Stderr => (STDERR, false),
        };
        let line = Line::new(note, text, kernel);
        if kernel || takes(fd) {
            // A closed reader answers EPIPE; its SIGPIPE is blocked, and ignored when it is taken.
            let _dropped = raw::write(fd, line.as_bytes());
        }
    }
}

/// Opens what is behind standard error without blocking: the flag belongs to the open file, which
/// others share, so it must not be set on the inherited one.
///
/// A regular file is left as it is, since two positions in it would overwrite each other; a socket
/// cannot be opened this way.
fn stderr() -> Sink {
    let regular = rustix::fs::fstat(STDERR)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
    if regular {
        return Sink::Stderr;
    }
    match raw::open(c"/proc/self/fd/2", libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY) {
        Ok(fd) => Sink::Reopened(fd),
        Err(_) => Sink::Stderr,
    }
}

/// True if a write would not block now, poll(2).
fn takes(fd: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut polled, Some(&now)).is_ok_and(|ready| ready > 0)
        && polled[0].revents().contains(PollFlags::OUT)
}

const STDERR: BorrowedFd<'static> = raw::borrow(2);
