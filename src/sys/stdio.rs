//! Descriptors 0-2.

use super::raw;

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
    raw::close_from(3);
    let mut given = 0;
    for number in 0..3 {
        given |= u8::from(raw::is_open(number)) << number;
    }
    // The kernel gives the lowest free number, so this fills the holes in order.
    let folder = || raw::open(c"/", libc::O_RDONLY).or_else(|_| raw::open(c"/", libc::O_PATH));
    while let Ok(fd) = folder() {
        if fd.number() > 2 {
            break;
        }
        raw::inherit(&fd);
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
        // Without O_NONBLOCK the open itself could wait for a carrier; our successors do not want it.
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK;
        let tty = console.then(|| raw::open(c"/dev/console", flags).ok()).flatten();
        if let Some(fd) = tty.or_else(|| raw::open(c"/dev/null", flags).ok()) {
            raw::block(&fd);
            if fd.number() == number {
                raw::inherit(&fd);
                let _filled = fd.keep();
            } else {
                let _placed = raw::duplicate(&fd, number);
            }
        }
    }
}
