//! What this program shares with PID 1: system calls, and the way from the kernel to the first function.

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

/// Lends a descriptor to rustix by its number; rustix would not take the -1 of a pipe that could not be made, whose
/// place the mask gives to another number that is not open.
pub const fn borrow<'a>(number: i32) -> BorrowedFd<'a> {
    // SAFETY: no memory depends on it.
    unsafe { BorrowedFd::borrow_raw(number & i32::MAX) }
}

/// Has the kernel end this process after so many seconds, or with 0 not any more, setitimer(2).
pub fn set_alarm(seconds: i64) {
    let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: zero, it_value: libc::timeval { tv_sec: seconds, ..zero } };
    let arguments = [word(libc::ITIMER_REAL), address(&raw const timer), 0];
    // SAFETY: the kernel reads one structure.
    unsafe { syscall(libc::SYS_setitimer, arguments) };
}

/// Sends PID 1 a signal, kill(2); rustix has no name for those of real time.
pub fn send_to_pid1(signal: Signal) -> raw::Result<()> {
    // SAFETY: two numbers.
    raw::checked(unsafe { syscall(libc::SYS_kill, [1, usize::from(signal.0)]) }).map(drop)
}

/// Writes a line to standard error, or drops it if it would have to wait for a reader: PID 1 waits for this program.
///
/// PID 1 gives its own log where it could open one that does not wait. Elsewhere a terminal may take a byte and then wait.
pub fn log(line: &[u8]) {
    let stderr = borrow(libc::STDERR_FILENO);
    let waits = rustix::fs::fcntl_getfl(stderr).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK));
    let kind = rustix::fs::fstat(stderr).map_or(0, |stat| stat.st_mode & libc::S_IFMT);
    let write = match kind {
        libc::S_IFREG => raw::write,
        _ if !waits => raw::write,
        libc::S_IFIFO | libc::S_IFSOCK if raw::is_writable(libc::STDERR_FILENO) => raw::write_now,
        _ => return,
    };
    let _dropped = write(libc::STDERR_FILENO, line);
}

/// True if somebody has a file open for writing, by asking to be told when somebody does that, fcntl(2).
///
/// The lease is given back at once, or whoever opens the file next would have to wait for that.
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

/// Has neither a log that nobody reads any more nor the loss of a lease end this program, sigprocmask(2).
pub fn block_signals_of_files() {
    let mask = 1_u64 << (libc::SIGPIPE - 1) | 1 << (libc::SIGIO - 1);
    let arguments = [word(libc::SIG_BLOCK), address(&raw const mask), 0, size_of_val(&mask)];
    // SAFETY: the kernel reads a set.
    unsafe { syscall(libc::SYS_rt_sigprocmask, arguments) };
}

/// Becomes an open program that is asked by `--probe`, execveat(2), and writes to a descriptor: it returns only
/// what went wrong.
pub fn become_probe(program: &OwnedFd, stdout: i32) -> i32 {
    let argv = [c"zinit-pid1".as_ptr(), c"--probe".as_ptr(), core::ptr::null()];
    let envp: [*const u8; 1] = [core::ptr::null()];
    let arguments = [
        word(program.as_raw_fd()),
        address(c"".as_ptr()),
        address(argv.as_ptr()),
        address(envp.as_ptr()),
        word(libc::AT_EMPTY_PATH),
    ];
    // SAFETY: three numbers, and then two arrays of strings that end in NULL.
    let answer = unsafe {
        syscall(libc::SYS_dup3, [word(stdout), word(libc::STDOUT_FILENO), 0]);
        syscall(libc::SYS_execveat, arguments)
    };
    answer.wrapping_neg() as i32
}

/// A name that the precompiled `core` looks for in builds that are not optimised; nothing is ever unwound.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
