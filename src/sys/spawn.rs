//! Forked children: how any child is started, and the server, the tool and the rescue program.

use core::cell::Cell;
use core::ffi::{CStr, c_char};
use core::ptr;

use rt::start::Start;
use rustix::fs::{Access, AtFlags, CWD};
use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::{Errno, FileId, Pid};
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::model::version::VERSION;
use zinit_pid1::parse::config::Config;

use super::log::Log;
use super::raw::{self, Fd, errno};
use super::signal;
use super::stdio;

/// Forks a child, still with all signals blocked: `None` in the child, which has to exit.
pub fn fork() -> Option<Event> {
    fork_in(&Cell::new(0))
}

/// Forks a child whose pid the kernel writes into the re-exec state, so that a fault at the next instruction does not
/// lose it.
pub fn fork_in(slot: &Cell<u32>) -> Option<Event> {
    match raw::fork(slot) {
        0 => None,
        pid => Some(Pid::new(pid).map_or(Event::SpawnFailed(errno(pid.wrapping_neg())), Event::Spawned)),
    }
}

/// The reading end of a pipe from the last child of a kind: what it is about to execute, and why that failed.
pub struct Report(Cell<i32>);

impl Report {
    /// The report of no child.
    pub const fn of_none() -> Self {
        Self(Cell::new(-1))
    }

    /// Follows another child, whose pipe this is the reading end of.
    pub fn follow(&self, reading: Fd) {
        raw::close(self.0.replace(reading.keep()));
    }

    /// Reads the paths that the updater has written.
    pub fn paths(&self, buf: &mut [u8]) {
        let _nothing = raw::read(self.0.get(), buf);
    }

    /// Reads the pid of the reader that a helper has forked; `None` if there is nothing to read.
    pub fn reader(&self) -> Option<Pid> {
        self.number().and_then(|pid| Pid::new(pid.cast_signed()))
    }

    /// Reads the file that the child is about to execute; `None` if the child has not reported it, or if it was read
    /// already.
    pub fn server_file(&self) -> Option<FileId> {
        self.number().map(FileId)
    }

    fn number(&self) -> Option<u32> {
        let mut bytes = [0; 4];
        (raw::read(self.0.get(), &mut bytes) == Ok(4)).then_some(u32::from_ne_bytes(bytes))
    }

    /// Reads the error of a failed execve(2), which follows the file.
    pub fn errno(&self) -> Option<Errno> {
        let mut errno = [0];
        (raw::read(self.0.get(), &mut errno) == Ok(1)).then_some(Errno(errno[0]))
    }
}

/// What to start as the server, and how.
pub struct Server<'a, 'w> {
    /// The settings.
    pub config: &'a Config<'w>,
    /// The argv and environment of this process.
    pub start: Start,
    /// Whether this is PID 1 of a machine.
    pub machine: bool,
    /// Whether the machine is to be prepared for programs first, or a job is to be watched.
    pub prepare: bool,
}

impl Server<'_, '_> {
    /// Executes the server, and writes to the pipe what [`Report`] reads; returns the exit status of a failure.
    ///
    /// If no pipe could be made, because all descriptors are in use, only the exit status reports it.
    pub fn execute(&self, report: &Fd, log: &Log) -> u8 {
        let path = self.path();
        let file = path.map_or(FileId::NONE, file_id);
        let _sent = raw::write(report.number(), &file.0.to_ne_bytes());
        let errno = self.exec(path, log);
        let _sent = raw::write(report.number(), &[errno.0]);
        errno.exec_status()
    }

    /// The server's program: the one that is set, or the first that exists.
    pub fn path(&self) -> Option<&CStr> {
        self.config.server().or_else(|| raw::c_strings(SERVERS).find(|path| exists(path)))
    }

    /// Executes the server; returns only the error, after it was logged.
    fn exec(&self, path: Option<&CStr>, log: &Log) -> Errno {
        let Some(path) = path else {
            log.error(Message::ServerMissing, Errno::NONE);
            return Errno::NOENT;
        };
        let mode = if self.machine { c"--pid1-mode".as_ptr() } else { ptr::null() };
        let argv = [
            CTL.as_ptr(),
            c"--helper".as_ptr(),
            c"start".as_ptr(),
            path.as_ptr(),
            c"-c".as_ptr(),
            self.config.config_dir().as_ptr(),
            c"-s".as_ptr(),
            self.config.socket().as_ptr(),
            c"--log-level".as_ptr(),
            self.config.level_word().as_ptr(),
            mode,
            ptr::null(),
        ];
        if let Some(fd) = log.instead_of_console() {
            for number in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
                let _placed = stdio::duplicate(fd, number);
            }
        }
        // SAFETY: the array ends in NULL, its strings in NUL.
        unsafe {
            if self.prepare {
                exec(self.start, CTL, argv.as_ptr(), log);
            }
            exec(self.start, path, argv.as_ptr().add(3), log)
        }
    }
}

/// Forks the updater, which looks for an update and writes to the pipe the path of the program that PID 1 has to
/// execute.
pub fn updater(report: &Report, start: Start, log: &Log) -> Event {
    let (reading, writing) = raw::pipe();
    let event = fork().unwrap_or_else(|| {
        report_on_stdout(&writing);
        raw::exit(exec_ctl(start, [c"update", start.name()], Some(VERSION), log).exec_status())
    });
    report.follow(reading);
    event
}

/// Makes the pipe of a report the standard output of the program that is executed next.
pub fn report_on_stdout(report: &Fd) {
    let _placed = stdio::duplicate(report.number(), libc::STDOUT_FILENO);
}

/// Executes a helper with PID 1's re-exec state as its argument; returns only the error, after it was logged.
#[inline(never)] // 0.5 kB of stack, which would stay in the frame of its callers
pub fn exec_with_state(
    start: Start,
    what: &CStr,
    state: &ReexecState,
    more: Option<&CStr>,
    log: &Log,
) -> Errno {
    let mut name = Buffer::default();
    state.encode(&mut name);
    // SAFETY: `encode` ends it by NUL.
    let name = unsafe { CStr::from_ptr(name.as_bytes().as_ptr().cast()) };
    exec_ctl(start, [what, name], more, log)
}

/// Executes `zinit-pid1ctl --helper WHAT WITH`, which does tasks that need not be in PID 1; returns only the error,
/// after it was logged.
pub fn exec_ctl(start: Start, [what, with]: [&CStr; 2], more: Option<&CStr>, log: &Log) -> Errno {
    let _placed = stdio::duplicate(log.fd(), libc::STDERR_FILENO);
    let more = more.map_or(ptr::null(), CStr::as_ptr);
    let argv = [CTL.as_ptr(), c"--helper".as_ptr(), what.as_ptr(), with.as_ptr(), more, ptr::null()];
    // SAFETY: the array ends in NULL, its strings in NUL.
    unsafe { exec(start, CTL, argv.as_ptr(), log) }
}

/// Forks a child that executes the rescue program by `zinit-pid1ctl --helper rescue`, which takes the console for it;
/// without that the rescue program gets the descriptors of this process, and the log as standard error.
pub fn rescue(slot: &Cell<u32>, program: &CStr, start: Start, log: &Log) -> Event {
    fork_in(slot).unwrap_or_else(|| {
        let _logged = exec_ctl(start, [c"rescue", program], None, log);
        let argv = [program.as_ptr(), ptr::null()];
        // SAFETY: the array ends in NULL, its string in NUL.
        let errno = unsafe { exec(start, program, argv.as_ptr(), log) };
        raw::exit(errno.0)
    })
}

/// Executes a program with the environment of this one; returns only the error, after it was logged.
///
/// # Safety
/// `argv` ends in NULL, its strings in NUL.
unsafe fn exec(start: Start, path: &CStr, argv: *const *const c_char, log: &Log) -> Errno {
    // A session of its own: Ctrl-C on a terminal goes only to PID 1, which then stops the server.
    let _leader = rustix::process::setsid();
    // SAFETY: this process does not read its argv again.
    let envp = unsafe { start.environment_with(DEFAULT_ENVIRONMENT) };
    // Done last, so that a signal is either blocked by the child or handled by the program.
    signal::unblock_all();
    // SAFETY: both arrays end in NULL, their strings in NUL.
    let errno = unsafe { raw::execve(path, argv.cast(), envp) };
    // A log without a reader would end this child by SIGPIPE before its report.
    signal::block_all();
    let no_interpreter = errno == Errno::NOENT && exists(path);
    let message = if no_interpreter { Message::ExecNoInterpreter } else { Message::ExecFailed };
    log.message(message, errno, path.to_bytes());
    errno
}

/// The file that a path leads to; none if there is none.
pub fn file_id(path: &CStr) -> FileId {
    raw::statx(path).map_or(FileId::NONE, |file| {
        let (seconds, nanoseconds) = (file.stx_mtime.tv_sec as u64, file.stx_mtime.tv_nsec.into());
        FileId::new(file.stx_ino, seconds, nanoseconds)
    })
}

/// True if a file exists, access(2).
pub fn exists(path: &CStr) -> bool {
    rustix::fs::accessat(CWD, path, Access::EXISTS, AtFlags::empty()).is_ok()
}

/// The second program of this project.
pub const CTL: &CStr = c"/sbin/zinit-pid1ctl";

/// The default paths of the server, in order, each ended by NUL.
const SERVERS: &[u8] =
    b"/sbin/zinit-server\0/usr/sbin/zinit-server\0/usr/bin/zinit-server\0/usr/local/bin/zinit-server\0";

/// Defaults for variables that a program needs: the kernel does not set PATH, and `env -i` sets none of these.
const DEFAULT_ENVIRONMENT: &[u8] =
    b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\0HOME=/\0TERM=linux\0\0";
