//! Forked children: the server, and how any other child is started.

use core::ffi::{CStr, c_char};
use core::ptr;

use rt::start::Start;
use rustix::fs::{Access, AtFlags, CWD};
use zinit_pid1::model::event::Event;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::{Errno, FileId, Pid};
use zinit_pid1::parse::config::Config;

use super::kmsg::Log;
use super::raw::{self, Fd, errno};
use super::signal;
use super::stdio;

/// Forks a child that does `work`, still with all signals blocked, and exits with its status.
#[inline(never)]
pub fn child(work: &mut dyn FnMut() -> u8) -> Event {
    match raw::fork() {
        0 => raw::exit(work()),
        pid => Pid::new(pid).map_or(Event::SpawnFailed(errno(pid.wrapping_neg())), Event::Spawned),
    }
}

/// What to start, and how.
pub struct Server<'a> {
    /// The settings.
    pub config: &'a Config<'a>,
    /// What the kernel handed over.
    pub start: Start,
    /// Whether this is PID 1 of a machine.
    pub machine: bool,
}

/// Where a failed `execve` leaves its errno: readable once the child was reaped.
pub struct Report(Fd);

impl Report {
    /// That of no child.
    pub const NONE: Self = Self(Fd::NONE);

    /// Reads what the updater has to say.
    pub fn text(&self, room: &mut [u8]) {
        let _nothing = raw::read(&self.0, room);
    }

    /// What the child is about to become, if it got so far.
    pub fn program(&self) -> Option<FileId> {
        let mut program = [0; size_of::<FileId>()];
        let length = raw::read(&self.0, &mut program);
        (length == Ok(4)).then_some(FileId(u32::from_ne_bytes(program)))
    }

    /// The errno that is behind it, if the child could not become the server.
    pub fn errno(&self) -> Option<Errno> {
        let mut errno = [0];
        (raw::read(&self.0, &mut errno) == Ok(1)).then_some(Errno(errno[0]))
    }
}

impl Server<'_> {
    /// Forks a child that becomes the server.
    ///
    /// Without a pipe, because all descriptors are in use, only the exit status is left to tell of a
    /// failure.
    pub fn spawn(&self, log: &Log) -> (Event, Report) {
        let (reading, writing) = raw::pipe();
        let event = child(&mut || {
            let path = self.path();
            let file = path.and_then(|path| rustix::fs::stat(path).ok());
            let program = file.map_or(FileId::NONE, |file| {
                FileId::new(file.st_ino, file.st_mtime as u64, file.st_mtime_nsec)
            });
            let _sent = raw::write(writing.number(), &program.0.to_ne_bytes());
            let errno = self.become_server(path, log);
            let _sent = raw::write(writing.number(), &[errno.0]);
            errno.exec_status()
        });
        (event, Report(reading))
    }

    /// The server's program.
    pub fn path(&self) -> Option<&CStr> {
        self.config.server().or_else(|| PLACES.iter().map(place).find(|path| exists(path)))
    }

    /// Becomes the server; it returns only what went wrong, after it was logged.
    fn become_server(&self, path: Option<&CStr>, log: &Log) -> Errno {
        let Some(path) = path else {
            log.error(Message::ServerMissing, Errno::NONE);
            return Errno::NOENT;
        };
        let config = self.config;
        let level = config.level_word();
        let mode = if self.machine { c"--pid1-mode".as_ptr() } else { ptr::null() };
        let argv = [
            path.as_ptr(),
            c"-c".as_ptr(),
            config.config_dir().as_ptr(),
            c"-s".as_ptr(),
            config.socket().as_ptr(),
            c"--log-level".as_ptr(),
            level.as_ptr(),
            mode,
            ptr::null(),
        ];

        if let Some(fd) = log.instead_of_console() {
            for number in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
                let _placed = stdio::duplicate(fd, number);
            }
        }
        // SAFETY: the array ends in NULL, its strings in NUL.
        unsafe { become_program(self.start, path, argv.as_ptr(), log) }
    }
}

/// Forks a child that looks for an update, and answers through the pipe.
pub fn updater(start: Start, log: &Log) -> (Event, Report) {
    let (reading, writing) = raw::pipe();
    let event = child(&mut || {
        let _placed = stdio::duplicate(writing.number(), libc::STDOUT_FILENO);
        become_tool(start, c"update", start.name(), log).exec_status()
    });
    (event, Report(reading))
}

/// Becomes the other program of this package, which does what need not be a part of PID 1; it returns only what
/// went wrong, after it was logged.
pub fn become_tool(start: Start, what: &CStr, with: &CStr, log: &Log) -> Errno {
    let _placed = stdio::duplicate(log.number(), libc::STDERR_FILENO);
    let argv = [TOOL.as_ptr(), c"--helper".as_ptr(), what.as_ptr(), with.as_ptr(), ptr::null()];
    // SAFETY: the array ends in NULL, its strings in NUL.
    unsafe { become_program(start, TOOL, argv.as_ptr(), log) }
}

/// Where this other program is.
pub const TOOL: &CStr = c"/sbin/zinit-pid1ctl";

/// Forks a child that becomes the rescue program, on the console.
pub fn rescue(program: &CStr, start: Start, log: &Log) -> Event {
    child(&mut || {
        let _leader = rustix::process::setsid();
        stdio::take_console();
        let argv = [program.as_ptr(), ptr::null()];
        // SAFETY: the array ends in NULL, its string in NUL.
        unsafe { become_program(start, program, argv.as_ptr(), log) }.0
    })
}

/// Becomes a program with the environment that this one got; it returns only what went wrong, after it was
/// logged.
///
/// # Safety
/// `argv` ends in NULL, its strings in NUL.
#[inline(never)]
unsafe fn become_program(start: Start, path: &CStr, argv: *const *const c_char, log: &Log) -> Errno {
    // A session of its own: Ctrl-C on a terminal is for PID 1, which then tells the server.
    let _leader = rustix::process::setsid();
    // SAFETY: this process reads no argv any more.
    let envp = unsafe { start.environment_with(DEFAULTS) };
    // Last, so that a signal finds either a blocked child or the program.
    signal::unblock_all();
    // SAFETY: both arrays end in NULL, their strings in NUL.
    let errno = unsafe { raw::execve(path, argv.cast(), envp) };
    // Or a log that nobody reads any more would end this child before its report.
    signal::block_all();
    let interpreter = errno == Errno::NOENT && exists(path);
    let fact = if interpreter { Message::ExecNoInterpreter } else { Message::ExecFailed };
    log.fact(fact, errno, path.to_bytes());
    errno
}

/// True if there is a file of this name.
pub fn exists(path: &CStr) -> bool {
    rustix::fs::accessat(CWD, path, Access::EXISTS, AtFlags::empty()).is_ok()
}

/// Where the server is looked for; the strings lie in the rows, as those of a mount do.
static PLACES: [[u8; 28]; 4] = [
    row(c"/sbin/zinit-server"),
    row(c"/usr/sbin/zinit-server"),
    row(c"/usr/bin/zinit-server"),
    row(c"/usr/local/bin/zinit-server"),
];

/// A string with its NUL, filled up with more of them; too long a string does not compile.
const fn row(string: &CStr) -> [u8; 28] {
    let bytes = string.to_bytes_with_nul();
    let mut row = [0; 28];
    row.split_at_mut(bytes.len()).0.copy_from_slice(bytes);
    row
}

/// The string in a row.
fn place(row: &[u8; 28]) -> &CStr {
    // SAFETY: `row` left at least one NUL.
    unsafe { CStr::from_ptr(row.as_ptr().cast()) }
}

/// For a server to which nobody gave them: the kernel gives no PATH, and `env -i` none of these.
const DEFAULTS: &[u8] =
    b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\0HOME=/\0TERM=linux\0\0";
