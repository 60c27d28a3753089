//! The system calls that rustix does not offer, or only with a reachable panic, a writable global or an
//! answer that takes more room to convert than the call; and some of its own.
//!
//! # Safety
//! Each function passes what the kernel's signature asks for, syscalls(2).

use core::ffi::CStr;
use core::mem::MaybeUninit;

use crate::arch::syscall;

/// The answer of a system call, or the number of the error, errno(3).
///
/// The number has the width of the answers, which lets both travel in registers.
pub type Result<T> = core::result::Result<T, i32>;

/// A descriptor that this process opened and that no successor inherits.
///
/// It is closed when it is dropped; a forked child has copies of its own.
#[derive(Debug)]
pub struct Fd(i32);

impl Fd {
    /// That of no file, as a pipe that could not be made.
    pub const NONE: Self = Self(-1);

    /// Takes what the kernel gave.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number that the kernel gave.
    pub const fn number(&self) -> i32 {
        self.0
    }

    /// Leaves it open for as long as this process lives.
    pub const fn keep(self) -> i32 {
        let number = self.0;
        core::mem::forget(self);
        number
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        close(self.0);
    }
}

/// Closes a descriptor that this process opened, if there is one, close(2); rustix would not take that of none.
pub fn close(number: i32) {
    // SAFETY: the number is ours alone, or that of none.
    unsafe { syscall(libc::SYS_close, [word(number)]) };
}

/// Opens a file, open(2).
pub fn open(path: &CStr, flags: i32) -> Result<Fd> {
    let flags = word(flags | libc::O_CLOEXEC);
    // SAFETY: the path ends in NUL.
    let answer = unsafe { syscall(libc::SYS_openat, [word(libc::AT_FDCWD), address(path.as_ptr()), flags]) };
    checked(answer).map(Fd)
}

/// Reads what is there, up to a buffer full, read(2); the answer is never more than the buffer has room for.
#[inline(always)] // 48 bytes of PID 1
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<i32> {
    // SAFETY: the kernel writes into the buffer and not beyond.
    checked(unsafe { syscall(libc::SYS_read, [word(fd.0), address(buffer.as_mut_ptr()), buffer.len()]) })
}

/// What a small file holds, up to a room full; nothing if it cannot be read. Whatever it is, nothing is waited for.
pub fn read_file<'a>(path: &CStr, room: &'a mut [u8]) -> &'a mut [u8] {
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    let length = open(path, flags).and_then(|file| read(&file, room));
    room.get_mut(..length.unwrap_or(0) as usize).unwrap_or(&mut [])
}

/// Writes to a file of the kernel.
pub fn write_file(path: &CStr, bytes: &[u8]) -> Result<i32> {
    write(open(path, libc::O_WRONLY)?.number(), bytes)
}

/// Reads what is there from a place on, up to a buffer full, pread(2).
pub fn read_at(fd: &Fd, place: usize, buffer: &mut [u8]) -> Result<i32> {
    let arguments = [word(fd.0), address(buffer.as_mut_ptr()), buffer.len(), place];
    // SAFETY: the kernel writes where there is room for it.
    checked(unsafe { syscall(libc::SYS_pread64, arguments) })
}

/// Writes what is taken at once, write(2).
pub fn write(fd: i32, bytes: &[u8]) -> Result<i32> {
    // SAFETY: the kernel reads these bytes and none beyond.
    checked(unsafe { syscall(libc::SYS_write, [word(fd), address(bytes.as_ptr()), bytes.len()]) })
}

/// Writes what is taken at once, even if others fill the pipe or socket meanwhile, pwritev2(2).
///
/// A pipe of an older kernel does not know the flag, and keeps the little risk.
pub fn write_now(fd: i32, bytes: &[u8]) -> Result<i32> {
    let piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let (here, flags) = (word(-1), word(libc::RWF_NOWAIT));
    let arguments = [word(fd), address(&raw const piece), 1, here, here, flags];
    // SAFETY: the kernel reads the bytes that one piece names.
    match checked(unsafe { syscall(libc::SYS_pwritev2, arguments) }) {
        Err(libc::EOPNOTSUPP) => write(fd, bytes),
        answer => answer,
    }
}

/// True if a write would not block now, poll(2).
pub fn is_writable(fd: i32) -> bool {
    let mut polled = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let arguments = [address(&raw mut polled), 1, address(&raw const now), 0];
    // SAFETY: the kernel reads and writes one pollfd, and reads one timespec.
    unsafe { syscall(libc::SYS_ppoll, arguments) };
    polled.revents & libc::POLLOUT != 0
}

/// Makes a pipe that never blocks, pipe(2): the reading and the writing end.
///
/// Where there can be none, because all descriptors are in use, both are -1, and nothing goes through.
pub fn pipe() -> (Fd, Fd) {
    let mut ends = [-1_i32; 2];
    let flags = word(libc::O_CLOEXEC | libc::O_NONBLOCK);
    // SAFETY: the kernel writes two numbers where there is room for two.
    unsafe { syscall(libc::SYS_pipe2, [address(ends.as_mut_ptr()), flags]) };
    let [reading, writing] = ends;
    (Fd(reading), Fd(writing))
}

/// Reads where a link leads, readlink(2): how many bytes of it there are.
pub fn read_link(path: &CStr, target: &mut [u8]) -> Result<i32> {
    let (start, room) = (address(target.as_mut_ptr()), target.len());
    let arguments = [word(libc::AT_FDCWD), address(path.as_ptr()), start, room];
    // SAFETY: the path ends in NUL, and the kernel writes into the room and not beyond.
    checked(unsafe { syscall(libc::SYS_readlinkat, arguments) })
}

/// Asks about a file, statx(2); rustix keeps a writable global for kernels that lack this call.
pub fn statx(path: &CStr) -> Result<libc::statx> {
    let mut file = MaybeUninit::<libc::statx>::uninit();
    let arguments = [word(libc::AT_FDCWD), address(path.as_ptr()), 0, 0, address(file.as_mut_ptr())];
    // SAFETY: the path ends in NUL, and the kernel fills one structure.
    checked(unsafe { syscall(libc::SYS_statx, arguments) })?;
    // SAFETY: the kernel wrote all of it.
    Ok(unsafe { file.assume_init() })
}

/// The monotonic clock, ms, clock_gettime(2).
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills one timespec; this clock always exists.
    unsafe { syscall(libc::SYS_clock_gettime, [word(libc::CLOCK_MONOTONIC), address(&raw mut time)]) };
    // It starts at 0 and never goes back, and the fraction is less than a second.
    let (seconds, fraction) = (time.tv_sec as u64, time.tv_nsec as u32);
    seconds.wrapping_mul(1_000).wrapping_add(u64::from(fraction / 1_000_000))
}

/// Forks, clone(2): 0 in the child, negative for an error.
pub fn fork() -> i32 {
    // SAFETY: no memory is shared and there is one thread, so both sides go on as if alone.
    unsafe { syscall(libc::SYS_clone, [word(libc::SIGCHLD), 0]) as i32 }
}

/// Gives a device an order, ioctl(2).
///
/// # Safety
/// The argument is what the order asks for.
pub unsafe fn ioctl(device: &Fd, order: usize, argument: usize) -> Result<()> {
    // SAFETY: as above.
    checked(unsafe { syscall(libc::SYS_ioctl, [word(device.0), order, argument]) }).map(drop)
}

/// Makes the orphans below this process its children, prctl(2).
pub fn adopt_orphans() -> Result<()> {
    // SAFETY: five numbers.
    checked(unsafe { syscall(libc::SYS_prctl, [word(libc::PR_SET_CHILD_SUBREAPER), 1, 0, 0, 0]) }).map(drop)
}

/// Gives this process the name that it has in `/proc` and for ps(1), prctl(2).
pub fn set_name(name: &CStr) {
    // SAFETY: the kernel reads a string up to its NUL.
    unsafe { syscall(libc::SYS_prctl, [word(libc::PR_SET_NAME), address(name.as_ptr())]) };
}

/// Reaps a child that has ended, wait4(2): its pid, or 0 if none has, or a negative error, and its status.
///
/// Two numbers travel in registers, which a result with two of them does not.
pub fn wait() -> (i32, u32) {
    // Children that send another signal than SIGCHLD when they end are children too, clone(2).
    let all = word(libc::WNOHANG | libc::__WALL);
    let mut status = 0_u32;
    // SAFETY: the kernel writes one status.
    let pid = unsafe { syscall(libc::SYS_wait4, [word(-1), address(&raw mut status), all, 0]) };
    (pid as i32, status)
}

/// The answer of [`wait`] if there is no child.
pub const NO_CHILD: i32 = -libc::ECHILD;

/// True if a process is a child of this one that was not reaped yet, waitid(2).
pub fn is_child(pid: i32) -> bool {
    let look = word(libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL);
    let arguments = [libc::P_PID as usize, word(pid), 0, look, 0];
    // SAFETY: five numbers; the kernel does not write to 0.
    unsafe { syscall(libc::SYS_waitid, arguments) == 0 }
}

/// Gives a file another name, rename(2).
pub fn rename(from: &CStr, to: &CStr) -> Result<()> {
    // SAFETY: both end in NUL.
    checked(unsafe { syscall(libc::SYS_rename, [address(from.as_ptr()), address(to.as_ptr())]) }).map(drop)
}

/// Becomes another program, execve(2): it returns only the number of the error.
///
/// # Safety
/// `argv` and `envp` are arrays of strings, each ended by NULL.
pub unsafe fn execve(path: &CStr, argv: *const *const u8, envp: *const *const u8) -> i32 {
    // SAFETY: as above.
    let answer = unsafe { syscall(libc::SYS_execve, [address(path.as_ptr()), address(argv), address(envp)]) };
    answer.wrapping_neg() as i32
}

/// Ends this process, exit_group(2).
pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: it does not return; the loop is for the compiler.
        unsafe { syscall(libc::SYS_exit_group, [usize::from(status)]) };
    }
}

/// The kernel's answer as a number, or the error it stands for, intro(2).
#[inline(always)] // 40 bytes of PID 1
pub const fn checked(answer: isize) -> Result<i32> {
    // Neither is cut: descriptors, pids and short counts, and errors above -4096.
    let answer = answer as i32;
    if answer < 0 { Err(answer.wrapping_neg()) } else { Ok(answer) }
}

/// A number as the kernel takes it: sign-extended to a register.
pub const fn word(number: i32) -> usize {
    number as isize as usize
}

/// A pointer as the kernel takes it.
pub fn address<T>(pointer: *const T) -> usize {
    pointer as usize
}
