//! System calls that only this program makes, and all its unsafe code.
//!
//! # Safety
//! Each function passes arguments as the kernel's signature requires, syscalls(2).

use rt::arch::syscall;
use rt::raw::{self, address, word};
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use zinit_pid1::model::process::Signal;
use zinit_pid1::model::time::Instant;

/// The monotonic clock.
pub fn now() -> Instant {
    Instant(raw::now())
}

/// Lends a descriptor to rustix by its number.
///
/// rustix asserts that it is not -1. The mask turns -1 into another number, which is not open either.
pub const fn borrow<'a>(number: i32) -> BorrowedFd<'a> {
    // SAFETY: no memory depends on the descriptor, and the callers keep it open.
    unsafe { BorrowedFd::borrow_raw(number & i32::MAX) }
}

/// Has SIGALRM end this process after so many seconds; 0 cancels that, setitimer(2).
pub fn set_alarm(seconds: i64) {
    let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: zero, it_value: libc::timeval { tv_sec: seconds, ..zero } };
    let arguments = [word(libc::ITIMER_REAL), address(&raw const timer), 0];
    // SAFETY: the kernel reads one structure.
    unsafe { syscall(libc::SYS_setitimer, arguments) };
}

/// Sends PID 1 a signal, kill(2); the type of rustix lacks real-time signals.
pub fn send_to_pid1(signal: Signal) -> raw::Result<()> {
    // SAFETY: two numbers.
    raw::checked(unsafe { syscall(libc::SYS_kill, [1, usize::from(signal.0)]) }).map(drop)
}

/// Writes a line to standard error, or drops it where the write could block: PID 1 waits for this program.
///
/// Standard error is the log of PID 1, which does not block if PID 1 could reopen it. If it could not, no line is
/// written to a terminal, because poll(2) promises only that it accepts one byte.
pub fn log(line: &[u8]) {
    let stderr = borrow(libc::STDERR_FILENO);
    let blocks = rustix::fs::fcntl_getfl(stderr).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK));
    let kind = rustix::fs::fstat(stderr).map_or(0, |stat| stat.st_mode & libc::S_IFMT);
    let write = match kind {
        libc::S_IFREG => raw::write,
        _ if !blocks => raw::write,
        libc::S_IFIFO | libc::S_IFSOCK if raw::is_writable(libc::STDERR_FILENO) => raw::write_now,
        _ => return,
    };
    let _dropped = write(libc::STDERR_FILENO, line);
}

/// True if a process has the file open for writing: the kernel refuses a read lease then, fcntl(2).
///
/// The lease is given back at once, because it would delay the next process that opens the file.
pub fn is_being_written(file: &OwnedFd) -> bool {
    let lease = |kind: i32| {
        let arguments = [word(file.as_raw_fd()), word(libc::F_SETLEASE), word(kind)];
        // SAFETY: three numbers.
        raw::checked(unsafe { syscall(libc::SYS_fcntl, arguments) })
    };
    let answer = lease(libc::F_RDLCK);
    let _none = lease(libc::F_UNLCK);
    answer == Err(libc::EAGAIN)
}

/// Blocks SIGPIPE, of a log without a reader, and SIGIO, of a lost lease: both would end this program, sigprocmask(2).
pub fn block_signals_of_files() {
    let mask = 1_u64 << (libc::SIGPIPE - 1) | 1 << (libc::SIGIO - 1);
    let arguments = [word(libc::SIG_BLOCK), address(&raw const mask), 0, size_of_val(&mask)];
    // SAFETY: the kernel reads a set.
    unsafe { syscall(libc::SYS_rt_sigprocmask, arguments) };
}

/// Executes an open program with `--probe`, an empty environment and this standard output, execveat(2); returns the
/// error number.
pub fn exec_probe(program: &OwnedFd, stdout: i32) -> i32 {
    let argv = [c"zinit-pid1".as_ptr(), c"--probe".as_ptr(), core::ptr::null()];
    let envp: [*const u8; 1] = [core::ptr::null()];
    let arguments = [
        word(program.as_raw_fd()),
        address(c"".as_ptr()),
        address(argv.as_ptr()),
        address(envp.as_ptr()),
        word(libc::AT_EMPTY_PATH),
    ];
    // SAFETY: the first call takes numbers, the second one arrays of C strings that end in NULL.
    let answer = unsafe {
        syscall(libc::SYS_dup3, [word(stdout), word(libc::STDOUT_FILENO), 0]);
        syscall(libc::SYS_execveat, arguments)
    };
    answer.wrapping_neg() as i32
}

/// The precompiled `core` refers to this name in debug builds. It is never called, because panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
