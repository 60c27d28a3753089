//! Descriptors 0-2.

use rustix::io::FdFlags;

use super::raw::{self, Fd, borrow};

/// Which of the descriptors 0-2 this process was given.
#[derive(Clone, Copy)]
pub struct Given([bool; 3]);

impl Given {
    /// True if there is somebody to read what goes to standard error.
    pub const fn stderr(self) -> bool {
        self.0[2]
    }
}

/// Sees to it that no file that is opened later gets a number below 3, and closes what others left
/// open from 3 on: it would pin their files and devices for as long as the machine runs.
///
/// A hole is filled by what needs neither `/dev` nor a right: the root folder, as a mere place.
pub fn claim() -> Given {
    raw::close_from(3);
    let given = Given([0, 1, 2].map(|number| rustix::io::fcntl_getfd(borrow(number)).is_ok()));
    // The kernel gives the lowest free number, so this fills the holes in order.
    while let Ok(fd) = raw::open(c"/", libc::O_PATH) {
        if fd.number() > 2 {
            break;
        }
        keep(fd);
    }
    given
}

/// Puts the console, or else `/dev/null`, where this process was given nothing.
pub fn furnish(given: Given, console: bool) {
    for (number, is_given) in (0..).zip(given.0) {
        if is_given {
            continue;
        }
        // Without O_NONBLOCK the open itself could wait for a carrier; our successors do not want it.
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK;
        let tty = console.then(|| raw::open(c"/dev/console", flags).ok()).flatten();
        if let Some(fd) = tty.or_else(|| raw::open(c"/dev/null", flags).ok()) {
            let _blocking = rustix::fs::fcntl_setfl(&fd, rustix::fs::OFlags::empty());
            let _placed = raw::duplicate(&fd, number);
        }
    }
}

/// Leaves a descriptor open for good, for successors too.
fn keep(fd: Fd) {
    let _inherited = rustix::io::fcntl_setfd(&fd, FdFlags::empty());
    let _number = fd.keep();
}
