//! System calls that only this program makes, and all its unsafe code.
//!
//! # Safety
//! Each function passes arguments as the kernel's signature requires, syscalls(2).

mod lent;

use core::cell::Cell;
use core::ffi::CStr;

use rt::arch::syscall;
use rt::raw::{self, address, word};
use rt::start::Start;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::process::{Pid, WaitOptions, waitpid};
use zinit_pid1::model::process::Signal;
use zinit_pid1::model::time::Instant;

pub use lent::{Lent, release_all_but, release_bytes, release_program, release_stack, set_page_size};

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
    unsafe { raw::ioctl(socket.number(), libc::SIOCGIFFLAGS as usize, address(&raw mut request)) }?;
    request.flags |= libc::IFF_UP as u16;
    // SAFETY: the kernel reads one structure.
    unsafe { raw::ioctl(socket.number(), libc::SIOCSIFFLAGS as usize, address(&raw const request)) }
}

/// Sends PID 1 a signal, kill(2); the type of rustix lacks real-time signals.
pub fn send_to_pid1(signal: Signal) -> raw::Result<()> {
    // SAFETY: two numbers.
    raw::checked(unsafe { syscall(libc::SYS_kill, [1, usize::from(signal.0)]) }).map(drop)
}

/// Sends a process a signal with a value, sigqueue(3).
pub fn queue_signal(pid: u32, signal: Signal, value: u8) -> raw::Result<()> {
    /// The start of the kernel's `siginfo_t` for such a signal.
    #[repr(C)]
    struct Info {
        signal: i32,
        errno: i32,
        code: i32,
        more: More,
        /// At least as much as the structure has, which is 128 bytes.
        unused: [usize; 16],
    }
    /// A union in the kernel, aligned to a pointer.
    #[repr(C)]
    struct More {
        pid: i32,
        uid: u32,
        value: usize,
    }
    let more = More {
        pid: rustix::process::getpid().as_raw_pid(),
        uid: rustix::process::getuid().as_raw(),
        value: value.into(),
    };
    let signal = i32::from(signal.0);
    let info = Info { signal, errno: 0, code: libc::SI_QUEUE, more, unused: [0; 16] };
    let arguments = [pid as usize, word(signal), address(&raw const info)];
    // SAFETY: the kernel reads one structure.
    raw::checked(unsafe { syscall(libc::SYS_rt_sigqueueinfo, arguments) }).map(drop)
}

/// Writes a line to standard error, or drops it if that takes none now: PID 1 waits for this program.
///
/// In the place of the server that is the file of all services, and a write could wait for its reader. It is opened anew,
/// or a child that may wait writes where that is refused.
pub fn log(line: &[u8]) {
    let log = Log::of_stderr();
    let flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_APPEND;
    if !log.blocks {
        let _dropped = log.write(line);
    } else if let Ok(own) = raw::open(c"/proc/self/fd/2", flags) {
        let _dropped = raw::write(own.number(), line);
    } else if fork_detached() == Some(true) {
        let _nobody_reads = raw::write(libc::STDERR_FILENO, line);
        raw::exit(0);
    }
}

/// Forks a process that is no child of this one, but of PID 1: true in that process, `None` if it was not forked.
pub fn fork_detached() -> Option<bool> {
    let between = raw::fork(&Cell::new(0));
    if between == 0 {
        if raw::fork(&Cell::new(0)) == 0 {
            return Some(true);
        }
        raw::exit(0);
    }
    let _reaped = waitpid(Some(Pid::from_raw(between.max(0))?), WaitOptions::empty());
    Some(false)
}

/// Standard error, which is the log of PID 1, and how to write to it without waiting for its reader.
pub struct Log {
    /// A write could wait for the reader. The log of PID 1 never does: it is a file that PID 1 has opened anew, or the
    /// socket of its log writer.
    blocks: bool,
    kmsg: bool,
}

impl Log {
    /// Looks at standard error.
    pub fn of_stderr() -> Self {
        let stderr = borrow(libc::STDERR_FILENO);
        let waits = rustix::fs::fcntl_getfl(stderr).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK));
        let (kind, device) =
            rustix::fs::fstat(stderr).map_or((0, 0), |stat| (stat.st_mode & libc::S_IFMT, stat.st_rdev));
        Self { blocks: waits && kind != libc::S_IFREG, kmsg: kind == libc::S_IFCHR && device == KMSG }
    }

    /// True if it is the kernel's log, whose lines begin with a level.
    pub const fn is_kmsg(&self) -> bool {
        self.kmsg
    }

    /// Writes a line; false if it was dropped, or cut by a terminal or socket that is almost full.
    pub fn write(&self, line: &[u8]) -> bool {
        !self.blocks
            && raw::write(libc::STDERR_FILENO, line).is_ok_and(|length| length as usize == line.len())
    }
}

/// True if standard error is the socket of PID 1's log writer.
pub fn has_log_writer() -> bool {
    rt::stat::file_type(libc::STDERR_FILENO) == libc::S_IFSOCK
}

/// The device number of `/dev/kmsg`, mem(4).
const KMSG: u64 = libc::makedev(1, 11);

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
    place(stdout, libc::STDOUT_FILENO);
    // SAFETY: both arrays end in NULL, their strings in NUL.
    let answer = unsafe { syscall(libc::SYS_execveat, arguments) };
    answer.wrapping_neg() as i32
}

/// Forks a child that is PID 1 of PID and mount namespaces of its own, and with `user` root of a user namespace, clone(2):
/// 0 in the child, the child's pid in the parent, or a negative error number.
pub fn fork_as_pid1(user: bool) -> i32 {
    let more = if user { libc::CLONE_NEWUSER } else { 0 };
    let flags = word(libc::SIGCHLD | libc::CLONE_NEWPID | libc::CLONE_NEWNS | more);
    // SAFETY: there is one thread, and no memory is shared.
    unsafe { syscall(libc::SYS_clone, [flags, 0]) as i32 }
}

/// Executes a program that is to take itself for PID 1 of a container and then only to answer `--probe`, see
/// [`VERSION`](zinit_pid1::model::version::VERSION); returns the error number.
pub fn exec_as_pid1(path: &CStr, stdin: &OwnedFd, [stdout, stderr]: [&raw::Fd; 2]) -> i32 {
    let argv = [c"zinit-pid1".as_ptr(), c"-c".as_ptr(), core::ptr::null()];
    let envp = [c"ZINIT_CONFIG_DIR=--probe".as_ptr(), core::ptr::null()];
    place(stdin.as_raw_fd(), libc::STDIN_FILENO);
    place(stdout.number(), libc::STDOUT_FILENO);
    place(stderr.number(), libc::STDERR_FILENO);
    // SAFETY: both arrays end in NULL, their strings in NUL.
    unsafe { raw::execve(path, argv.as_ptr().cast(), envp.as_ptr().cast()) }
}

/// Makes a terminal descriptors 0-2 and the controlling terminal of the session that this process leads, ioctl_tty(2).
pub fn take_terminal(terminal: &raw::Fd) {
    // It is taken away from a session that has it, because a shell without a controlling terminal has no Ctrl-C.
    // SAFETY: the request takes a number.
    let _refused = unsafe { raw::ioctl(terminal.number(), libc::TIOCSCTTY as usize, 1) };
    for number in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        place(terminal.number(), number);
    }
}

/// Makes an open file also that of this number, dup3(2), for a program that is executed next.
fn place(file: i32, number: i32) {
    // SAFETY: three numbers.
    unsafe { syscall(libc::SYS_dup3, [word(file), word(number), 0]) };
}

/// Gives this process a copy of all mounts, which nobody else sees, unshare(2).
pub fn unshare_mounts() -> raw::Result<()> {
    // SAFETY: one number.
    raw::checked(unsafe { syscall(libc::SYS_unshare, [word(libc::CLONE_NEWNS)]) }).map(drop)
}

/// The precompiled `core` refers to this name in debug builds. It is never called, because panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
