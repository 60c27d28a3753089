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
use super::writer::Writer;

/// The log, and the lowest level that it accepts.
pub struct Log {
    /// Where lines go, for as long as this process lives: `/dev/kmsg`, standard error if it is a regular file, or an open
    /// file description of our own with O_NONBLOCK; -1 if standard error was closed.
    fd: Cell<i32>,
    /// `/dev/kmsg`: it accepts a level and is always writable.
    is_kmsg: Cell<bool>,
    /// `/dev/pmsg0`, or -1: opened once, because `/dev` may lie on a disk that hangs later.
    pmsg: Cell<i32>,
    /// The child that writes to a standard error that could not be opened anew.
    writer: Writer,
    /// Lines of a lower level are not written.
    pub level: Cell<Level>,
}

impl Log {
    /// Drops all lines.
    pub const fn closed() -> Self {
        Self::new(-1)
    }

    /// Standard error of a command that a person has typed. It may block, because this user may be unable to reopen a
    /// terminal.
    pub const fn of_stderr() -> Self {
        Self::new(STDERR)
    }

    const fn new(fd: i32) -> Self {
        let (fd, is_kmsg, pmsg) = (Cell::new(fd), Cell::new(false), Cell::new(-1));
        Self { fd, is_kmsg, pmsg, writer: Writer::none(), level: Cell::new(Level::Info) }
    }

    /// Opens the log: the kernel's on a machine where it can be opened, else standard error if this process inherited
    /// one; see kmsg in the kernel's ABI documents.
    pub fn open(&self, machine: Option<&Machine>, has_stderr: bool) {
        if let Some(machine) = machine {
            // Otherwise the kernel would accept about ten lines in a burst and drop the rest.
            let _locked = raw::write_file(c"/proc/sys/kernel/printk_devkmsg", b"on\n");
            if let Ok(fd) = open(c"/dev/kmsg").or_else(|_| machine.with_dev(|| open(c"/dev/kmsg"))) {
                self.fd.set(fd.keep());
                self.is_kmsg.set(true);
                self.pmsg.set(open(c"/dev/pmsg0").map_or(-1, raw::Fd::keep));
                return;
            }
        }
        if has_stderr {
            self.fd.set(self.stderr());
        }
    }

    /// The kernel's log, for a server whose console has no reader: with the console it would block in its first
    /// write.
    pub fn instead_of_console(&self) -> Option<i32> {
        (self.is_kmsg.get() && !raw::is_writable(STDERR)).then_some(self.fd())
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
        let (fd, is_kmsg) = (self.fd.get(), self.is_kmsg.get());
        if record.message.level() > self.level.get() {
            return;
        }
        let mut line = Buffer::default();
        line::compose(&mut line, record, text, is_kmsg);
        if record.message.is_breadcrumb() {
            // It is memory: no reader is waited for. Only a machine has it.
            let _none = raw::write(self.pmsg.get(), line.as_bytes());
        }
        // Without a reader the write fails with EPIPE; SIGPIPE is blocked, and ignored when PID 1 takes it.
        let _dropped = raw::write(fd, line.as_bytes());
    }

    /// Reopens the file of standard error with O_NONBLOCK: the flag belongs to the open file description, which others
    /// share, so it must not be set on the inherited one.
    ///
    /// A regular file is used as it is, because writers with two offsets would overwrite each other. An entry point that
    /// has dropped its user may reopen its terminal only as `/dev/tty`. What cannot be reopened gets a writer: a socket,
    /// another terminal, and any file without `/proc`.
    fn stderr(&self) -> i32 {
        if raw::file_type(STDERR) == libc::S_IFREG {
            return STDERR;
        }
        open(c"/proc/self/fd/2")
            .or_else(|_| own_terminal())
            .map_or_else(|_| self.writer.open(), raw::Fd::keep)
    }

    /// True if a child of PID 1 writes the lines.
    pub const fn has_writer(&self) -> bool {
        self.writer.is_needed()
    }

    /// Starts the writer again if it has ended.
    pub fn keep_writer(&self) {
        self.writer.keep(self.fd.get());
    }

    /// Waits until the last lines are written, before this process exits; 100 ms at most.
    pub fn finish(&self) {
        self.writer.finish(self.fd.get());
    }
}

/// Opens a file so that neither this nor a write waits for a reader.
fn open(path: &CStr) -> raw::Result<raw::Fd> {
    raw::open(path, libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY)
}

/// Opens the controlling terminal if that is standard error: every user may open it by this name, unlike by its own.
fn own_terminal() -> raw::Result<raw::Fd> {
    let mut session = 0_u32;
    // Refused for each terminal but the controlling one and the master of a pseudoterminal, ioctl_tty(2). SAFETY: the
    // kernel writes one number.
    unsafe { raw::ioctl(STDERR, libc::TIOCGSID as usize, raw::address(&raw mut session))? };
    open(c"/dev/tty")
}

const STDERR: i32 = libc::STDERR_FILENO;
