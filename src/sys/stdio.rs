//! Descriptors 0-2.

use core::ffi::CStr;

use rt::arch::syscall;
use rustix::fs::OFlags;
use rustix::io::FdFlags;

use super::raw::{self, Fd};

/// Which of the descriptors 0-2 this process was given, a bit for each.
#[derive(Clone, Copy)]
pub struct Given(u8);

impl Given {
    /// True if there is somebody to read what goes to standard error.
    pub const fn stderr(self) -> bool {
        self.has(libc::STDERR_FILENO)
    }

    const fn has(self, number: i32) -> bool {
        self.0 >> number & 1 != 0
    }
}

/// Sees to it that no file that is opened later gets a number below 3, and closes what others left
/// open from 3 on: it would pin their files and devices for as long as the machine runs.
///
/// A hole is filled by what needs no `/dev`: the root folder. With `O_PATH` it would look closed to `poll`,
/// and a server with Rust's std aborts where it cannot replace a closed one by `/dev/null`.
pub fn claim() -> Given {
    close_from(3);
    let mut given = 0;
    for number in 0..3 {
        given |= u8::from(is_open(number)) << number;
    }
    // The kernel gives the lowest free number, so this fills the holes in order.
    let folder = || raw::open(c"/", libc::O_RDONLY).or_else(|_| raw::open(c"/", libc::O_PATH));
    while let Ok(fd) = folder() {
        if fd.number() > 2 {
            break;
        }
        inherit(&fd);
        let _number = fd.keep();
    }
    Given(given)
}

/// Puts the console, or else `/dev/null`, where this process was given nothing.
pub fn furnish(given: Given, console: bool) {
    for number in 0..3 {
        if given.has(number) {
            continue;
        }
        let tty = if console { terminal(c"/dev/console") } else { None };
        if let Some(fd) = tty.or_else(|| terminal(c"/dev/null")) {
            if fd.number() == number {
                inherit(&fd);
                let _filled = fd.keep();
            } else {
                let _placed = duplicate(fd.number(), number);
            }
        }
    }
}

/// Makes the console descriptors 0-2 and the controlling terminal of the session that this process leads,
/// ioctl_tty(2).
pub fn take_console() {
    let Some(fd) = terminal(c"/dev/console") else { return };
    // It is taken from a session that has it; without it a shell has no Ctrl-C.
    // SAFETY: the order takes a number.
    let _refused = unsafe { raw::ioctl(&fd, libc::TIOCSCTTY as usize, 1) };
    for number in 0..3 {
        let _placed = duplicate(fd.number(), number);
    }
}

/// Opens a terminal, or what stands in for one.
#[inline(never)]
fn terminal(path: &CStr) -> Option<Fd> {
    // Without O_NONBLOCK the open itself could wait for a carrier; our successors do not want it.
    let fd = raw::open(path, libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK).ok()?;
    block(&fd);
    Some(fd)
}

/// True if there is an open file of this number, fcntl(2).
#[inline(never)]
fn is_open(number: i32) -> bool {
    // SAFETY: two numbers.
    unsafe { syscall(libc::SYS_fcntl, [raw::word(number), raw::word(libc::F_GETFD)]) >= 0 }
}

/// Hands a descriptor to successors too.
#[inline(never)]
fn inherit(fd: &Fd) {
    let _cannot_fail = rustix::io::fcntl_setfd(raw::borrow(fd.number()), FdFlags::empty());
}

/// Takes O_NONBLOCK and all other flags from an open file.
fn block(fd: &Fd) {
    let _cannot_fail = rustix::fs::fcntl_setfl(raw::borrow(fd.number()), OFlags::empty());
}

/// Makes `fd` known under the number `as_number` too, for successors as well, dup(2).
#[inline(always)]
pub fn duplicate(fd: i32, as_number: i32) -> raw::Result<()> {
    // SAFETY: whoever owned `as_number` gave it up by calling this.
    raw::checked(unsafe { syscall(libc::SYS_dup3, [raw::word(fd), raw::word(as_number), 0]) }).map(drop)
}

/// Closes all descriptors from `first` on, close_range(2).
#[inline(always)]
fn close_from(first: i32) {
    // SAFETY: called before this process has opened any of its own.
    if unsafe { syscall(libc::SYS_close_range, [raw::word(first), raw::word(i32::MAX), 0]) } >= 0 {
        return;
    }
    // A kernel before 5.9: the default soft limit is as far as one can go without looking.
    for fd in first..1024 {
        raw::close(fd);
    }
}
