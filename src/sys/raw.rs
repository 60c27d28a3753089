//! The system calls of `rt`, with the types of the library and of rustix.

use core::ffi::CStr;

use rustix::fd::BorrowedFd;
use zinit_pid1::model::process::{Errno, Pid};
use zinit_pid1::model::time::Instant;
use zinit_pid1::parse::cmdline;

pub use rt::raw::{
    Fd, NO_CHILD, Result, address, adopt_orphans, checked, close, exit, fork, fork_uncounted, ioctl,
    is_writable, open, peek, peer_pid, pipe, read, read_at, read_file, read_file_in, read_link, set_name,
    sockets, wait, wait_for, wait_uncounted, word, write, write_file,
};
pub use rt::stat::{file_type, statx};

/// Lends a descriptor to rustix by its number.
///
/// rustix asserts that the number is not -1, which would be a reachable panic; the mask proves to the compiler that
/// it is not. The mask changes only the -1 of a pipe that could not be made: the kernel answers EBADF in both cases.
pub const fn borrow<'a>(number: i32) -> BorrowedFd<'a> {
    // SAFETY: no memory depends on it. 0-2 are open for as long as the process lives, an `Fd` for as long as it is
    // borrowed, and other numbers are only asked whether they are open.
    unsafe { BorrowedFd::borrow_raw(number & i32::MAX) }
}

/// The monotonic clock, clock_gettime(2).
pub fn now() -> Instant {
    Instant(rt::time::now())
}

/// True if a process is a child of this one that was not reaped yet, waitid(2).
pub fn is_child(pid: Pid) -> bool {
    rt::raw::is_child(pid.raw())
}

/// Renames a file, rename(2).
pub fn rename(from: &CStr, to: &CStr) -> Errno {
    rt::raw::rename(from, to).map_or_else(errno, |()| Errno::NONE)
}

/// Executes another program, execve(2): it returns only the error.
///
/// # Safety
/// `argv` and `envp` are arrays of strings, each ended by NULL.
pub unsafe fn execve(path: &CStr, argv: *const *const u8, envp: *const *const u8) -> Errno {
    // SAFETY: as above.
    errno(unsafe { rt::raw::execve(path, argv, envp) })
}

/// An error number in the library's type.
pub const fn errno(number: i32) -> Errno {
    Errno(number as u8)
}

/// The error of a raw system call, or none.
pub const fn answer(answer: isize) -> Errno {
    Errno(if answer < 0 { answer.wrapping_neg() as u8 } else { 0 })
}

/// The error of a call of rustix, or none.
pub fn status(answer: rustix::io::Result<()>) -> Errno {
    answer.map_or_else(|error| errno(error.raw_os_error()), |()| Errno::NONE)
}

/// Each word as a `CStr`.
pub fn c_strings(words: &[u8]) -> impl Iterator<Item = &CStr> {
    // SAFETY: each word ends in its only NUL. `CStr::from_bytes_with_nul` takes 200 bytes more.
    cmdline::words(words).map(|word| unsafe { CStr::from_bytes_with_nul_unchecked(word) })
}
