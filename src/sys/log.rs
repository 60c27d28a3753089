//! Where log lines go: the kernel's log on a machine, standard error elsewhere. Writing never blocks.
//!
//! A line that is not accepted at once is dropped: PID 1 must not wait for a reader, so its log cannot be complete.

use core::cell::Cell;
use core::ffi::CStr;

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::message::{Level, Message, Record};
use zinit_pid1::model::process::Errno;
use zinit_pid1::text::line;

use super::authority::Machine;
use super::raw;

/// The log, and the lowest level that it accepts.
pub struct Log {
    /// Where lines go, for as long as this process lives.
    fd: Cell<i32>,
    sink: Cell<Sink>,
    /// `/dev/pmsg0`, or -1: opened once, because `/dev` may lie on a disk that hangs later.
    pmsg: Cell<i32>,
    /// Lines of a lower level are not written.
    pub level: Cell<Level>,
}

/// The kind of file to which lines are written, which determines how to write without waiting for a reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sink {
    /// `/dev/kmsg`: it accepts a level and is always writable.
    Kmsg,
    /// No file: there is no reader, or a write could wait for one.
    None,
    /// An open file description of our own with O_NONBLOCK, or a regular file, which has no reader to wait for.
    OwnFile,
    /// A pipe or socket that others write to as well, and may fill between poll(2) and write(2).
    Shared,
}

impl Log {
    /// Drops all lines.
    pub const fn closed() -> Self {
        Self::new(Sink::None)
    }

    /// Standard error of a command that a person has typed. It may block, because this user may be unable to reopen a
    /// terminal.
    pub const fn of_stderr() -> Self {
        Self::new(Sink::OwnFile)
    }

    const fn new(sink: Sink) -> Self {
        let (fd, sink, pmsg) = (Cell::new(STDERR), Cell::new(sink), Cell::new(-1));
        Self { fd, sink, pmsg, level: Cell::new(Level::Info) }
    }

    /// Opens the log: the kernel's on a machine where it can be opened, else standard error if this process inherited
    /// one; see kmsg in the kernel's ABI documents.
    pub fn open(&self, machine: Option<&Machine>, has_stderr: bool) {
        let (fd, sink) = sink(machine, has_stderr);
        self.fd.set(fd);
        self.sink.set(sink);
        if sink == Sink::Kmsg {
            self.pmsg.set(open(c"/dev/pmsg0").map_or(-1, raw::Fd::keep));
        }
    }

    /// The kernel's log, for a server whose console has no reader: with the console it would block in its first
    /// write.
    pub fn instead_of_console(&self) -> Option<i32> {
        (self.sink.get() == Sink::Kmsg && !raw::is_writable(STDERR)).then_some(self.fd())
    }

    /// The descriptor, for a helper that writes lines of its own.
    pub const fn fd(&self) -> i32 {
        self.fd.get()
    }

    /// Writes a message with an error and with `text` from outside.
    pub fn message(&self, message: Message, errno: Errno, text: &[u8]) {
        self.write(&Record::new(message).errno(errno), text);
    }

    /// Writes a message with an error.
    pub fn error(&self, message: Message, errno: Errno) {
        self.message(message, errno, &[]);
    }

    /// Writes a record.
    pub fn record(&self, record: &Record) {
        self.write(record, &[]);
    }

    /// Writes a record with `text` from outside.
    #[inline(never)] // 0.5 kB of stack, which would stay in the frame of its callers
    pub fn write(&self, record: &Record, text: &[u8]) {
        let (fd, sink) = (self.fd.get(), self.sink.get());
        if record.message.level() > self.level.get() || sink == Sink::None {
            return;
        }
        let mut line = Buffer::default();
        line::compose(&mut line, record, text, sink == Sink::Kmsg);
        if sink == Sink::Kmsg {
            if record.message.is_breadcrumb() {
                // It is memory: no reader is waited for.
                let _none = raw::write(self.pmsg.get(), line.as_bytes());
            }
        } else if !raw::is_writable(fd) {
            return;
        }
        // Without a reader the write fails with EPIPE; SIGPIPE is blocked, and ignored when PID 1 takes it.
        let write = if sink == Sink::Shared { raw::write_now } else { raw::write };
        let _dropped = write(fd, line.as_bytes());
    }
}

fn sink(machine: Option<&Machine>, has_stderr: bool) -> (i32, Sink) {
    if let Some(machine) = machine {
        // Otherwise the kernel would accept about ten lines in a burst and drop the rest.
        let _locked = raw::write_file(c"/proc/sys/kernel/printk_devkmsg", b"on\n");
        if let Ok(fd) = open(c"/dev/kmsg").or_else(|_| machine.with_dev(|| open(c"/dev/kmsg"))) {
            return (fd.keep(), Sink::Kmsg);
        }
    }
    if has_stderr { stderr() } else { (STDERR, Sink::None) }
}

/// Reopens the file of standard error with O_NONBLOCK: the flag belongs to the open file description, which others
/// share, so it must not be set on the inherited one.
///
/// A regular file is used as it is, because writers with two offsets would overwrite each other. A socket cannot be
/// reopened, and without `/proc` no file can. A terminal then gets no line: poll(2) reports it as writable when it
/// accepts one byte, and the rest of a line would wait for its reader.
fn stderr() -> (i32, Sink) {
    let kind = raw::file_type(STDERR);
    if kind == libc::S_IFREG {
        return (STDERR, Sink::OwnFile);
    }
    match open(c"/proc/self/fd/2") {
        Ok(fd) => (fd.keep(), Sink::OwnFile),
        Err(_) if matches!(kind, libc::S_IFIFO | libc::S_IFSOCK) => (STDERR, Sink::Shared),
        Err(_) => (STDERR, Sink::None),
    }
}

/// Opens a file so that neither this nor a write waits for a reader.
fn open(path: &CStr) -> raw::Result<raw::Fd> {
    raw::open(path, libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY)
}

const STDERR: i32 = libc::STDERR_FILENO;
