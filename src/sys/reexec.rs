//! The way from one PID 1 to the next one, by execve(2).

use core::ffi::CStr;

use rt::start::Start;
use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::Errno;
use zinit_pid1::model::reexec::{ReexecState, ServerHistory};

use super::Sys;
use super::raw;
use super::spawn;

impl Sys<'_> {
    /// What a PID 1 before this one handed over, as far as it is true.
    #[inline(always)]
    pub(super) fn inherited(start: Start) -> ReexecState {
        let mut here = ReexecState::decode(start.name());
        if !here.server().is_some_and(raw::is_child) {
            here.set_server(None);
        }
        if !here.rescue().is_some_and(raw::is_child) {
            here.set_rescue(None);
        }
        here
    }

    /// What was handed over.
    pub const fn inheritance(&self) -> &ReexecState {
        &self.here
    }

    /// Keeps what policy knows for a PID 1 that may take this one's place at any instant.
    #[inline(always)]
    pub const fn remember(&mut self, memory: &ServerHistory) {
        self.here.set_history(memory);
    }

    /// Has the other program look for a newer version of this one, if it does not do so already.
    pub(super) fn update(&mut self) {
        if self.updater.is_some() {
            return;
        }
        let (event, report) = spawn::updater(self.start, &self.log);
        self.log_refusal(&event);
        if let Event::Spawned(pid) = event {
            self.updater = Some((Some(pid), report));
        }
    }

    /// Becomes the program that the updater has put in place. Signals stay blocked and pending meanwhile, so that
    /// none is lost, and children stay children. If it cannot be executed, its predecessor gets its name back.
    #[inline(never)] // the room is for this call only
    pub(super) fn hand_over(&mut self) {
        let Some((_, report)) = self.updater.take() else { return };
        let mut paths = [0; 2 * PATH + 2];
        report.text(paths.split_at_mut(2 * PATH).0);
        // SAFETY: two strings that end in a NUL each, since the last two bytes are not written to.
        unsafe {
            let path = CStr::from_ptr(paths.as_ptr().cast());
            let old = CStr::from_ptr(paths.as_ptr().add(path.count_bytes() + 1).cast());
            let errno = self.succeed(path);
            // In a child, if there can be one, since a disk may hang by now.
            let mut put_back = || raw::rename(old, path).0;
            if let Event::SpawnFailed(_) = spawn::child(&mut put_back) {
                put_back();
            }
            self.log(Message::ExecFailed, errno, path.to_bytes());
        }
    }

    /// Becomes a program, and hands over to it; it returns only what went wrong.
    #[inline(never)]
    pub(super) fn succeed(&mut self, path: &CStr) -> Errno {
        self.learn();
        let mut name = Buffer::default();
        self.here.add_generation(1);
        self.here.encode(&mut name);
        // SAFETY: the name ends in NUL.
        let errno = raw::errno(unsafe { self.start.become_successor(path, name.as_bytes()) });
        self.here.add_generation(-1);
        errno
    }
}

/// Bytes of a path.
const PATH: usize = libc::PATH_MAX as usize;
