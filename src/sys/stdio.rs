//! Descriptors 0-2.

use core::ffi::CStr;

use rt::arch::syscall;
use rustix::fs::OFlags;
use rustix::io::FdFlags;

use super::raw::{self, Fd};

/// Which of the descriptors 0-2 this process inherited, a bit for each.
#[derive(Clone, Copy)]
pub struct InheritedFds(u8);

impl InheritedFds {
    /// True if standard error was inherited, so that something may read it.
    pub const fn stderr(self) -> bool {
        self.has(libc::STDERR_FILENO)
    }

    const fn has(self, number: i32) -> bool {
        self.0 >> number & 1 != 0
    }
}

/// Closes inherited descriptors from 3 on, which would keep their files and devices busy for as long as the machine
/// runs, and fills holes below 3, so that no file that is opened later gets such a number.
///
/// A hole is filled by the root folder, which needs no `/dev`. With `O_PATH` it would look closed to `poll`, and a
/// server with Rust's std aborts if it cannot replace a closed descriptor by `/dev/null`.
pub fn sanitize_fds() -> InheritedFds {
    close_from(3);
    let mut inherited = 0;
    for number in 0..3 {
        inherited |= u8::from(is_open(number)) << number;
    }
    // The kernel gives the lowest free number, so this fills the holes in order.
    let folder = || raw::open(c"/", libc::O_RDONLY).or_else(|_| raw::open(c"/", libc::O_PATH));
    while let Ok(fd) = folder() {
        if fd.number() > 2 {
            break;
        }
        clear_cloexec(&fd);
        let _number = fd.keep();
    }
    InheritedFds(inherited)
}

/// Opens the console, or else `/dev/null`, as each of the descriptors 0-2 that was not inherited.
pub fn fill_std_fds(inherited: InheritedFds, console: bool) {
    for number in 0..3 {
        if inherited.has(number) {
            continue;
        }
        let tty = if console { open_tty(c"/dev/console") } else { None };
        if let Some(fd) = tty.or_else(|| open_tty(c"/dev/null")) {
            if fd.number() == number {
                clear_cloexec(&fd);
                let _filled = fd.keep();
            } else {
                let _placed = duplicate(fd.number(), number);
            }
        }
    }
}

/// Opens a terminal, or `/dev/null`, for a program that expects to block.
fn open_tty(path: &CStr) -> Option<Fd> {
    // Without O_NONBLOCK the open itself could wait for a carrier.
    let fd = raw::open(path, libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK).ok()?;
    let _cannot_fail = rustix::fs::fcntl_setfl(raw::borrow(fd.number()), OFlags::empty());
    Some(fd)
}

/// True if a descriptor is open, fcntl(2).
fn is_open(number: i32) -> bool {
    // A seccomp filter may answer another error, for a descriptor that is open. SAFETY: two numbers.
    let answer = unsafe { syscall(libc::SYS_fcntl, [raw::word(number), raw::word(libc::F_GETFD)]) };
    answer as i32 != -libc::EBADF
}

/// Keeps a descriptor open across execve(2), fcntl(2).
fn clear_cloexec(fd: &Fd) {
    let _cannot_fail = rustix::io::fcntl_setfd(raw::borrow(fd.number()), FdFlags::empty());
}

/// Makes the descriptor `to` a duplicate of `from`, open across execve(2), dup(2).
pub fn duplicate(from: i32, to: i32) -> raw::Result<()> {
    // SAFETY: the caller owns `to`, and gives it up.
    raw::checked(unsafe { syscall(libc::SYS_dup3, [raw::word(from), raw::word(to), 0]) }).map(drop)
}

/// Closes all descriptors from `first` on, close_range(2).
fn close_from(first: i32) {
    // SAFETY: called before this process has opened any of its own.
    if unsafe { syscall(libc::SYS_close_range, [raw::word(first), raw::word(i32::MAX), 0]) } >= 0 {
        return;
    }
    // Kernels before 5.9 have no close_range: closes descriptors up to the default soft limit.
    for fd in first..1024 {
        raw::close(fd);
    }
}
