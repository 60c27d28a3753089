//! The way from one PID 1 to the next one, by execve(2).

use core::ffi::CStr;

use zinit_pid1::event::Event;
use zinit_pid1::handover::HandOver;
use zinit_pid1::line::Line;
use zinit_pid1::log::Fact;
use zinit_pid1::process::Errno;
use zinit_pid1::time::Millis;

use super::Sys;
use super::raw;
use super::spawn;

impl Sys<'_> {
    /// True if there was a PID 1 before this one.
    pub const fn is_successor(&self) -> bool {
        self.before.generation > 0
    }

    /// What the first backoff lasts.
    pub const fn delay(&self) -> Millis {
        self.before.delay
    }

    /// Has the other program look for a newer version of this one, if it does not do so already.
    pub(super) fn update(&mut self) {
        if self.updater.is_some() {
            return;
        }
        match spawn::updater(self.start, &self.log) {
            (Event::Spawned(pid), report) => self.updater = Some((pid, report)),
            (Event::SpawnFailed(errno), _) => self.log.error(Fact::NoHelper, errno),
            _ => {}
        }
    }

    /// Becomes the program that the updater has put in place. Signals stay blocked and pending meanwhile, so that
    /// none is lost, and children stay children. If it cannot be executed, its predecessor gets its name back.
    #[inline(never)] // the room is for this call only
    pub(super) fn hand_over(&mut self, delay: Millis) {
        let Some((_, report)) = self.updater.take() else { return };
        let mut paths = [0; 2 * PATH + 2];
        report.text(paths.split_at_mut(2 * PATH).0);
        // SAFETY: two strings that end in a NUL each, since the last two bytes are not written to.
        unsafe {
            let path = CStr::from_ptr(paths.as_ptr().cast());
            let old = CStr::from_ptr(paths.as_ptr().add(path.count_bytes() + 1).cast());
            let errno = self.succeed(path, HandOver { delay, ..self.before });
            raw::rename(old, path);
            self.log(Fact::ExecFailed, errno, path.to_bytes());
        }
    }

    /// Becomes a program, and hands over to it; it returns only what went wrong.
    #[inline(never)]
    pub(super) fn succeed(&self, path: &CStr, mut next: HandOver) -> Errno {
        let mut name = Line::default();
        next.generation = next.generation.wrapping_add(1);
        next.compose(&mut name);
        // SAFETY: the name ends in NUL.
        unsafe { self.start.become_successor(path, name.as_bytes()) }
    }
}

/// Bytes of a path.
const PATH: usize = libc::PATH_MAX as usize;
