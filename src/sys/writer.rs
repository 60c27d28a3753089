//! The log writer: it writes log lines to a standard error that PID 1 cannot write to without waiting for a reader.
//!
//! A child of PID 1 copies from a socket to standard error, and waits in its place. It is cloned without a signal for its
//! end, so that wait(2) does not count it among the children that a shutdown waits for. A pipe would not do: what was read
//! from it is lost if the writer is killed before it has written that, by the KILL to all processes for one.

use core::cell::Cell;

use rustix::fs::OFlags;
use zinit_pid1::model::limits::{FLUSH_CHECK, FLUSH_CHECKS, LOG_LINE};

use super::{raw, signal};

/// The sockets and the writer; there may be none.
pub struct Writer {
    /// The writer's end of the sockets. It stays open, so that the next writer goes on where one was killed.
    reading: Cell<i32>,
    /// The pid of the writer; 0 or an error of clone(2) if it does not run; [`NOT_NEEDED`].
    pid: Cell<i32>,
}

impl Writer {
    /// The writer of a log that needs none.
    pub const fn none() -> Self {
        Self { reading: Cell::new(-1), pid: Cell::new(NOT_NEEDED) }
    }

    /// Makes the sockets, and returns the end to which lines are written. The writer is started by [`keep`](Self::keep).
    pub fn open(&self) -> i32 {
        let (reading, writing) = raw::sockets();
        self.reading.set(reading.keep());
        self.pid.set(0);
        writing.keep()
    }

    /// True if a writer is needed, whether or not it runs.
    pub const fn is_needed(&self) -> bool {
        self.pid.get() != NOT_NEEDED
    }

    /// Reaps all children whose end sends no signal, and starts a writer if one is needed and none runs: there was none yet,
    /// it was killed, or it could not be forked.
    ///
    /// An entry point may have cloned such a child too, and an earlier PID 1 may have had a writer.
    pub fn keep(&self, writing: i32) {
        loop {
            let (ended, _) = raw::wait_uncounted();
            if ended == self.pid.get() {
                self.pid.set(0);
            }
            if ended <= 0 {
                break;
            }
        }
        self.start(writing);
    }

    fn start(&self, writing: i32) {
        if self.pid.get() <= 0 {
            match raw::fork_uncounted() {
                0 => copy(self.reading.get(), writing),
                pid => self.pid.set(pid),
            }
        }
    }

    /// Gives the writer time to write the last lines, before this process exits: `writing` is closed.
    pub fn finish(&self, writing: i32) {
        if !self.is_needed() {
            return;
        }
        raw::close(writing);
        for _ in 0..FLUSH_CHECKS {
            self.start(-1);
            match raw::wait_uncounted() {
                (1.., 0) => break,
                // It was killed together with all others.
                (1.., _) => self.pid.set(0),
                _ => drop(signal::wait(Some(FLUSH_CHECK))),
            }
        }
    }
}

/// Copies from the socket to standard error until nobody holds the other end any more, and exits.
fn copy(reading: i32, writing: i32) -> ! {
    // While it is open here too there is no end to read.
    raw::close(writing);
    let _cannot_fail = rustix::fs::fcntl_setfl(raw::borrow(reading), OFlags::empty());
    let mut buf = [0; LOG_LINE];
    while let Ok(length @ 1..) = raw::peek(reading, &mut buf) {
        // Without a reader, or if somebody has made standard error non-blocking and it is full, the lines are dropped.
        let written = raw::write(libc::STDERR_FILENO, buf.get(..length as usize).unwrap_or_default());
        // Only now: a writer that is killed before leaves them to the next one.
        let _taken =
            raw::read(reading, buf.get_mut(..written.unwrap_or(length) as usize).unwrap_or_default());
    }
    raw::exit(0)
}

/// No writer is needed: 1 is the pid of no child.
const NOT_NEEDED: i32 = 1;
