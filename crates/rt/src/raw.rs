//! System calls that rustix lacks, or whose wrappers there do not suit PID 1.
//!
//! A wrapper of rustix does not suit if a panic stays reachable in it (`open`), if it has a writable global (`statx`,
//! `clock_gettime`), or if it is larger than the call is worth.
//!
//! # Safety
//! Each function passes arguments as the kernel's signature requires, syscalls(2).

use core::cell::Cell;
use core::ffi::CStr;

use crate::arch::syscall;
use crate::time;

/// The result of a system call, or its error number, errno(3).
///
/// The error is an `i32` like most results, so that `Result<i32>` is returned in registers.
pub type Result<T> = core::result::Result<T, i32>;

/// A descriptor with the close-on-exec flag, closed when it is dropped.
///
/// A forked child has copies of its own.
#[derive(Debug)]
pub struct Fd(i32);

impl Fd {
    /// An invalid descriptor (-1): pipe2 failed.
    pub const NONE: Self = Self(-1);

    /// Owns a descriptor that the kernel has returned.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The descriptor's number.
    pub const fn number(&self) -> i32 {
        self.0
    }

    /// Leaves it open for as long as the process lives.
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

/// Closes a descriptor, close(2); -1 is allowed, which the wrapper of rustix asserts against.
pub fn close(number: i32) {
    // SAFETY: the caller owns the descriptor, or it is -1.
    unsafe { syscall(libc::SYS_close, [word(number)]) };
}

/// Opens a file, open(2).
pub fn open(path: &CStr, flags: i32) -> Result<Fd> {
    open_in(libc::AT_FDCWD, path, flags)
}

/// Opens a file below an open folder, openat(2): EBADF for -1.
pub fn open_in(folder: i32, path: &CStr, flags: i32) -> Result<Fd> {
    let flags = word(flags | libc::O_CLOEXEC | LARGE_FILE);
    // SAFETY: the path ends in NUL.
    checked(unsafe { syscall(libc::SYS_openat, [word(folder), address(path.as_ptr()), flags]) }).map(Fd)
}

/// Without it a file of 2 GiB or more cannot be opened by a program of 32 bits; all others have it.
const LARGE_FILE: i32 = if cfg!(target_pointer_width = "32") { libc::O_LARGEFILE } else { 0 };

/// Reads what is available, read(2): the number of bytes, which is at most the buffer's length.
#[inline(always)] // 32 bytes of PID 1
pub fn read(fd: i32, buffer: &mut [u8]) -> Result<i32> {
    // SAFETY: the kernel writes into the buffer and not beyond.
    checked(unsafe { syscall(libc::SYS_read, [word(fd), address(buffer.as_mut_ptr()), buffer.len()]) })
}

/// Reads a small file, or the part of it that fits; empty if it cannot be read. It never blocks on a pipe or device.
pub fn read_file<'a>(path: &CStr, buf: &'a mut [u8]) -> &'a mut [u8] {
    read_file_in(libc::AT_FDCWD, path, buf)
}

/// The same for a file below an open folder.
pub fn read_file_in<'a>(folder: i32, path: &CStr, buf: &'a mut [u8]) -> &'a mut [u8] {
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    let length = open_in(folder, path, flags).and_then(|file| read(file.number(), buf));
    buf.get_mut(..length.unwrap_or(0) as usize).unwrap_or(&mut [])
}

/// Writes to a file, mostly one of the kernel's, write(2). It never blocks on a pipe or device.
pub fn write_file(path: &CStr, bytes: &[u8]) -> Result<i32> {
    write(open(path, libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY)?.number(), bytes)
}

/// Reads from an offset on, preadv(2): the number of bytes.
///
/// Architectures of 32 bits pass the halves of pread's offset in different ways, and that of preadv in one.
pub fn read_at(fd: &Fd, offset: usize, buffer: &mut [u8]) -> Result<i32> {
    let piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let arguments = [word(fd.0), address(&raw const piece), 1, offset, 0];
    // SAFETY: the kernel writes into the buffer and not beyond.
    checked(unsafe { syscall(libc::SYS_preadv, arguments) })
}

/// Writes bytes, write(2): how many of them were taken.
pub fn write(fd: i32, bytes: &[u8]) -> Result<i32> {
    // SAFETY: the kernel reads these bytes and none beyond.
    checked(unsafe { syscall(libc::SYS_write, [word(fd), address(bytes.as_ptr()), bytes.len()]) })
}

/// True if a write would not block now, poll(2).
pub fn is_writable(fd: i32) -> bool {
    let mut polled = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: the kernel reads and writes one pollfd.
    unsafe { time::poll_now([address(&raw mut polled), 1]) };
    polled.revents & libc::POLLOUT != 0
}

/// The process that called listen(2) for the other end of a connection, unix(7); 0 if that cannot be told, as of one in
/// another PID namespace.
///
/// The type of rustix cannot hold that 0.
pub fn peer_pid(socket: i32) -> i32 {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of_val(&peer) as libc::socklen_t;
    let arguments = [
        word(socket),
        word(libc::SOL_SOCKET),
        word(libc::SO_PEERCRED),
        address(&raw mut peer),
        address(&raw mut length),
    ];
    // SAFETY: the kernel writes one structure and its length.
    unsafe { syscall(libc::SYS_getsockopt, arguments) };
    peer.pid
}

/// Makes a non-blocking pipe, pipe(2): the reading and the writing end.
///
/// If that fails, because all descriptors are in use, both are [`Fd::NONE`]: reads and writes answer EBADF.
pub fn pipe() -> (Fd, Fd) {
    let mut ends = [-1_i32; 2];
    let flags = word(libc::O_CLOEXEC | libc::O_NONBLOCK);
    // SAFETY: the kernel writes two numbers.
    unsafe { syscall(libc::SYS_pipe2, [address(ends.as_mut_ptr()), flags]) };
    let [reading, writing] = ends;
    (Fd(reading), Fd(writing))
}

/// Makes a pair of connected non-blocking sockets, socketpair(2): both [`Fd::NONE`] if that fails.
pub fn sockets() -> (Fd, Fd) {
    let mut ends = [-1_i32; 2];
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let arguments = [word(libc::AF_UNIX), word(kind), 0, address(ends.as_mut_ptr())];
    // SAFETY: the kernel writes two numbers.
    unsafe { syscall(libc::SYS_socketpair, arguments) };
    let [reading, writing] = ends;
    (Fd(reading), Fd(writing))
}

/// Reads what is available in a socket without taking it out, recv(2).
pub fn peek(socket: i32, buffer: &mut [u8]) -> Result<i32> {
    let (start, length) = (address(buffer.as_mut_ptr()), buffer.len());
    let arguments = [word(socket), start, length, word(libc::MSG_PEEK), 0, 0];
    // SAFETY: the kernel writes into the buffer and not beyond.
    checked(unsafe { syscall(libc::SYS_recvfrom, arguments) })
}

/// Reads the target of a symbolic link, readlink(2): its length, without a NUL.
pub fn read_link(path: &CStr, target: &mut [u8]) -> Result<i32> {
    let (start, length) = (address(target.as_mut_ptr()), target.len());
    let arguments = [word(libc::AT_FDCWD), address(path.as_ptr()), start, length];
    // SAFETY: the path ends in NUL, and the kernel writes into the buffer and not beyond.
    checked(unsafe { syscall(libc::SYS_readlinkat, arguments) })
}

/// Forks, clone(2): 0 in the child, the child's pid in the parent, or a negative error number.
///
/// The kernel also writes the pid to `pid`, in the parent's memory only, before the child runs. QEMU's user emulation,
/// which runs containers of other architectures, writes it in the child instead.
pub fn fork(pid: &Cell<u32>) -> i32 {
    let flags = word(libc::SIGCHLD | libc::CLONE_PARENT_SETTID);
    // SAFETY: there is one thread, no memory is shared, and the kernel writes one number.
    let child = unsafe { syscall(libc::SYS_clone, [flags, 0, address(pid.as_ptr())]) as i32 };
    pid.set(child.max(0).cast_unsigned());
    child
}

/// Forks a child whose end sends no signal, so that [`wait`] does not count it, clone(2): 0 in the child, the child's pid
/// in the parent, or a negative error number.
pub fn fork_uncounted() -> i32 {
    // SAFETY: there is one thread, and no memory is shared.
    unsafe { syscall(libc::SYS_clone, [0, 0]) as i32 }
}

/// Controls a device, ioctl(2).
///
/// # Safety
/// The argument is valid for this request.
pub unsafe fn ioctl(device: i32, request: usize, argument: usize) -> Result<()> {
    // SAFETY: the caller's contract.
    checked(unsafe { syscall(libc::SYS_ioctl, [word(device), request, argument]) }).map(drop)
}

/// Makes this process the subreaper of its descendants: their orphans become its children, prctl(2).
pub fn adopt_orphans() -> Result<()> {
    // SAFETY: five numbers.
    checked(unsafe { syscall(libc::SYS_prctl, [word(libc::PR_SET_CHILD_SUBREAPER), 1, 0, 0, 0]) }).map(drop)
}

/// Sets the name of this process in `/proc/PID/comm`, prctl(2).
pub fn set_name(name: &CStr) {
    // SAFETY: the name ends in NUL.
    unsafe { syscall(libc::SYS_prctl, [word(libc::PR_SET_NAME), address(name.as_ptr())]) };
}

/// Reaps one child that has ended, without blocking, wait4(2): its pid and its wait status.
///
/// Instead of the pid there is 0 if no child has ended, or a negative error number if there is none but those of
/// [`fork_uncounted`]: a pair is returned in registers, and a `Result` of a pair is not.
pub fn wait() -> (i32, u32) {
    wait_for(-1, libc::WNOHANG)
}

/// The same for children whose end sends another signal than SIGCHLD, or none.
pub fn wait_uncounted() -> (i32, u32) {
    wait_for(-1, libc::WNOHANG | libc::__WCLONE)
}

/// Reaps a child as the options say, wait4(2): the same pair.
pub fn wait_for(child: i32, options: i32) -> (i32, u32) {
    let mut status = 0_u32;
    // SAFETY: the kernel writes one status.
    let pid = unsafe { syscall(libc::SYS_wait4, [word(child), address(&raw mut status), word(options), 0]) };
    (pid as i32, status)
}

/// What [`wait`] returns instead of a pid if there is no child.
pub const NO_CHILD: i32 = -libc::ECHILD;

/// True if a pid is that of a child that was not reaped yet, waitid(2).
pub fn is_child(pid: i32) -> bool {
    let look = word(libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL);
    let arguments = [libc::P_PID as usize, word(pid), 0, look, 0];
    // SAFETY: five numbers; the kernel writes no result to a null pointer.
    unsafe { syscall(libc::SYS_waitid, arguments) == 0 }
}

/// Renames a file, renameat2(2): riscv64 has neither rename(2) nor renameat(2).
pub fn rename(from: &CStr, to: &CStr) -> Result<()> {
    let folder = word(libc::AT_FDCWD);
    let arguments = [folder, address(from.as_ptr()), folder, address(to.as_ptr()), 0];
    // SAFETY: both end in NUL.
    checked(unsafe { syscall(libc::SYS_renameat2, arguments) }).map(drop)
}

/// Executes a program in this process, execve(2); returns the error number.
///
/// # Safety
/// `argv` and `envp` are arrays of pointers to C strings, and end in NULL.
pub unsafe fn execve(path: &CStr, argv: *const *const u8, envp: *const *const u8) -> i32 {
    // SAFETY: the caller's contract.
    let answer = unsafe { syscall(libc::SYS_execve, [address(path.as_ptr()), address(argv), address(envp)]) };
    answer.wrapping_neg() as i32
}

/// Ends this process, exit_group(2).
pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: one number. It does not return, which the loop tells the compiler.
        unsafe { syscall(libc::SYS_exit_group, [usize::from(status)]) };
    }
}

/// Separates the result of a system call from an error, syscall(2).
pub const fn checked(answer: isize) -> Result<i32> {
    // An `i32` is enough for descriptors, pids, counts of our small buffers, and errors, which are above -4096.
    let answer = answer as i32;
    if answer < 0 { Err(answer.wrapping_neg()) } else { Ok(answer) }
}

/// A number as an argument of a system call: sign-extended to a register.
pub const fn word(number: i32) -> usize {
    number as isize as usize
}

/// A pointer as an argument of a system call.
pub fn address<T>(pointer: *const T) -> usize {
    pointer as usize
}
