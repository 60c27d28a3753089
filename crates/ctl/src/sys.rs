//! System calls that only this program makes, and all its unsafe code.
//!
//! # Safety
//! Each function passes arguments as the kernel's signature requires, syscalls(2).

use core::cell::UnsafeCell;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};

use rt::arch::syscall;
use rt::raw::{self, address, word};
use rt::start::Start;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use zinit_pid1::model::process::Signal;
use zinit_pid1::model::time::Instant;

/// The monotonic clock.
pub fn now() -> Instant {
    Instant(rt::time::now())
}

/// Lends a descriptor to rustix by its number.
///
/// rustix asserts that it is not -1. The mask turns -1 into another number, which is not open either.
pub const fn borrow<'a>(number: i32) -> BorrowedFd<'a> {
    // SAFETY: no memory depends on the descriptor, and the callers keep it open.
    unsafe { BorrowedFd::borrow_raw(number & i32::MAX) }
}

/// Has SIGALRM end this process after so many seconds; 0 cancels that, setitimer(2).
pub fn set_alarm(seconds: usize) {
    // The interval and the time, each in seconds and µs: words in the kernel, also where libc has 64 bits for them.
    let timer = [0, 0, seconds, 0];
    let arguments = [word(libc::ITIMER_REAL), address(timer.as_ptr()), 0];
    // SAFETY: the kernel reads one structure.
    unsafe { syscall(libc::SYS_setitimer, arguments) };
}

/// Executes the program in argv behind so many words, with the rest of argv and the environment of this process;
/// returns the error number.
pub fn exec_words(start: Start, words: usize) -> i32 {
    start.words().nth(words - 1).map_or(libc::EINVAL, |path| start.exec_behind(path, words))
}

/// Raises the hard limit of open files of a process to a number at least, prlimit(2); 0 is this process.
pub fn raise_open_files(process: usize, least: u64) {
    // The soft limit and the hard one.
    let mut limit = [0_u64; 2];
    let call = |new, old| {
        // SAFETY: the kernel reads or writes two numbers.
        unsafe { syscall(libc::SYS_prlimit64, [process, libc::RLIMIT_NOFILE as usize, new, old]) };
    };
    call(0, address(limit.as_mut_ptr()));
    if limit[1] < least {
        limit[1] = least;
        call(address(limit.as_ptr()), 0);
    }
}

/// Brings a network interface up, netdevice(7).
pub fn bring_up(interface: [u8; 16]) -> raw::Result<()> {
    /// `struct ifreq` with flags.
    #[repr(C)]
    struct Request {
        interface: [u8; 16],
        flags: u16,
        unused: [u8; 22],
    }
    let kind = word(libc::SOCK_DGRAM | libc::SOCK_CLOEXEC);
    // SAFETY: three numbers.
    let socket = raw::checked(unsafe { syscall(libc::SYS_socket, [word(libc::AF_INET), kind, 0]) })?;
    let socket = raw::Fd::new(socket);
    let mut request = Request { interface, flags: 0, unused: [0; 22] };
    // SAFETY: the kernel reads and writes one structure.
    unsafe { raw::ioctl(&socket, libc::SIOCGIFFLAGS as usize, address(&raw mut request)) }?;
    request.flags |= libc::IFF_UP as u16;
    // SAFETY: the kernel reads one structure.
    unsafe { raw::ioctl(&socket, libc::SIOCSIFFLAGS as usize, address(&raw const request)) }
}

/// Sends PID 1 a signal, kill(2); the type of rustix lacks real-time signals.
pub fn send_to_pid1(signal: Signal) -> raw::Result<()> {
    // SAFETY: two numbers.
    raw::checked(unsafe { syscall(libc::SYS_kill, [1, usize::from(signal.0)]) }).map(drop)
}

/// Writes a line to standard error, or drops it where the write could block: PID 1 waits for this program.
pub fn log(line: &[u8]) {
    let _dropped = Log::of_stderr().write(line);
}

/// Standard error, which is the log of PID 1, and how to write to it without waiting for its reader.
pub struct Log {
    sink: Sink,
    kmsg: bool,
}

/// How to write to a log.
enum Sink {
    /// Not at all: a write could block.
    None,
    /// A write does not block.
    Plain,
    /// Others write to it as well, and may fill it between poll(2) and the write.
    Shared,
}

impl Log {
    /// Looks at standard error.
    ///
    /// The log of PID 1 does not block if PID 1 could reopen it. If it could not, no line is written to a terminal,
    /// because poll(2) promises only that it accepts one byte.
    pub fn of_stderr() -> Self {
        let stderr = borrow(libc::STDERR_FILENO);
        let blocks = rustix::fs::fcntl_getfl(stderr).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK));
        let (kind, device) =
            rustix::fs::fstat(stderr).map_or((0, 0), |stat| (stat.st_mode & libc::S_IFMT, stat.st_rdev));
        let sink = match kind {
            libc::S_IFREG => Sink::Plain,
            _ if !blocks => Sink::Plain,
            libc::S_IFIFO | libc::S_IFSOCK => Sink::Shared,
            _ => Sink::None,
        };
        Self { sink, kmsg: kind == libc::S_IFCHR && device == KMSG }
    }

    /// True if it is the kernel's log, whose lines begin with a level.
    pub const fn is_kmsg(&self) -> bool {
        self.kmsg
    }

    /// Writes a line; false if it was dropped, or cut by a terminal or socket that is almost full.
    pub fn write(&self, line: &[u8]) -> bool {
        let written = match self.sink {
            Sink::Plain => raw::write(libc::STDERR_FILENO, line),
            Sink::Shared if raw::is_writable(libc::STDERR_FILENO) => {
                raw::write_now(libc::STDERR_FILENO, line)
            }
            Sink::None | Sink::Shared => return false,
        };
        written.is_ok_and(|length| length as usize == line.len())
    }
}

/// The device number of `/dev/kmsg`, mem(4).
const KMSG: u64 = libc::makedev(1, 11);

/// Gives the memory of all statics but these, and of the stack below the caller, back to the kernel.
///
/// For a forked child that never returns to functions that use other statics: these have their initial value again.
pub fn release_all_but(kept: &[Range<usize>; 2]) {
    unsafe extern "C" {
        // Of the linker.
        static __bss_start: u8;
        static _end: u8;
    }
    let end = (&raw const _end).addr();
    let [first, second] = kept;
    let (first, second) = if first.start < second.start { (first, second) } else { (second, first) };
    release((&raw const __bss_start).addr(), first.start);
    release(first.end, second.start);
    release(second.end, end);
    release_stack();
}

/// Gives the memory of the stack below the caller back to the kernel.
#[inline(never)] // else what its caller uses could be below `here`
pub fn release_stack() {
    let here = 0_u8;
    // A page is spared, for the frame of this function and what lies below its pointer.
    let end = (&raw const here).addr() - PAGE;
    release(end - STACK, end);
}

/// Gives the whole pages between two addresses back to the kernel, madvise(2); they are zero then.
///
/// Nobody uses them: they are between statics that are used, or below the stack.
fn release(from: usize, to: usize) {
    let (from, to) = (from.next_multiple_of(PAGE), to / PAGE * PAGE);
    if from < to {
        // SAFETY: what was there is not used again. The kernel skips addresses that are not mapped.
        unsafe { syscall(libc::SYS_madvise, [from, to - from, word(libc::MADV_DONTNEED)]) };
    }
}

/// The smallest size of a page, bytes; with larger ones the kernel refuses the address, and nothing is released.
const PAGE: usize = 4_096;

/// Bytes of the stack that are released at most: more than the deepest of the functions here uses.
const STACK: usize = 1_048_576;

/// A value in `.bss` or `.data` that is lent once, for as long as the process lives.
///
/// This program has one thread.
pub struct Lent<T> {
    value: UnsafeCell<T>,
    lent: AtomicBool,
}

// SAFETY: the value can be reached only by the one reference that `take` returns.
unsafe impl<T: Send> Sync for Lent<T> {}

impl<T> Lent<T> {
    /// A value that was not lent yet.
    pub const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), lent: AtomicBool::new(false) }
    }

    /// Where the value lies.
    pub fn addresses(&'static self) -> Range<usize> {
        let start = address(self);
        start..start + size_of::<Self>()
    }

    /// The value, at the first call.
    #[allow(clippy::mut_from_ref, reason = "it returns one reference in all")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        // Not `swap`, which on aarch64 is a function of a library that is not linked.
        if self.lent.load(Ordering::Relaxed) {
            return None;
        }
        self.lent.store(true, Ordering::Relaxed);
        // SAFETY: this is the only reference: a second call returns above, and there is no second thread.
        Some(unsafe { &mut *self.value.get() })
    }
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

/// Gives this process a copy of all mounts, which nobody else sees, unshare(2).
pub fn unshare_mounts() -> raw::Result<()> {
    // SAFETY: one number.
    raw::checked(unsafe { syscall(libc::SYS_unshare, [word(libc::CLONE_NEWNS)]) }).map(drop)
}

/// The precompiled `core` refers to this name in debug builds. It is never called, because panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
