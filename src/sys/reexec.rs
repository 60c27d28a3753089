//! The re-exec of PID 1: one version replaces another by execve(2).

use core::ffi::CStr;

use rt::start::Start;
use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::limits::PATH;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, FileId};
use zinit_pid1::model::reexec::{Child, ReexecState, ServerHistory};
use zinit_pid1::model::time::Instant;

use super::raw;
use super::spawn;
use super::{Sys, Updater};

impl Sys<'_> {
    /// Decodes the re-exec state of an earlier PID 1; pids that are no longer children of this process are dropped.
    #[inline(never)] // 64 bytes of file
    pub(super) fn inherited(start: Start) -> ReexecState {
        let state = ReexecState::decode(start.name());
        for child in Child::all() {
            if !state.child(child).is_some_and(raw::is_child) {
                state.slot(child).set(0);
            }
        }
        state
    }

    /// The current re-exec state, for the next PID 1.
    pub const fn reexec_state(&self) -> &ReexecState {
        &self.reexec_state
    }

    /// Saves the server history in the re-exec state, because a fault can re-exec PID 1 at any instruction.
    pub fn save(&self, history: &ServerHistory) {
        self.reexec_state.set_history(history);
    }

    /// Starts the updater, which looks for another version of PID 1's program, unless it runs already.
    pub(super) fn spawn_updater(&self) {
        if self.updater.get() != Updater::None {
            return;
        }
        let event = spawn::updater(&self.updater_report, self.start, &self.log);
        self.log_fork_failure(&event);
        if let Event::Spawned(pid) = event {
            self.updater.set(Updater::Running(pid));
        }
    }

    /// Has the updater give this program its name back, if it is the one before an update that had a fault.
    pub fn take_name(&self) {
        let signal = self.reexec_state.put_back();
        if signal > 0 {
            self.log.record(&Record::new(Message::PutBack).number(signal));
            self.reexec_state.set_put_back(0);
            self.spawn_updater();
        }
    }

    /// Re-execs PID 1 as the program that the updater has installed. Signals stay blocked and pending meanwhile, so
    /// that none is lost, and children stay children. If the program cannot be executed, the previous program gets
    /// its name back.
    #[inline(never)] // 8 kB of stack, which would stay in the frame of `run`
    pub(super) fn reexec_updated(&self) {
        self.updater.set(Updater::None);
        // Two paths, each with its NUL: the program to execute, and the previous program to restore. The last two
        // bytes stay 0.
        let mut paths = [0; 2 * PATH + 2];
        self.updater_report.paths(paths.split_at_mut(2 * PATH).0);
        // SAFETY: the last two bytes are 0, so the buffer contains two strings that end in NUL.
        let (path, previous) = unsafe {
            let path = CStr::from_ptr(paths.as_ptr().cast());
            (path, CStr::from_ptr(paths.as_ptr().add(path.count_bytes() + 1).cast()))
        };
        self.reexec_state.record_update(raw::now(), spawn::file_id(PROGRAM));
        let errno = self.reexec(path);
        self.reexec_state.record_update(Instant(0), FileId::NONE);
        // In a child, because a disk may hang by now. Without one the new program, which has answered its probe, stays.
        let event = spawn::fork().unwrap_or_else(|| raw::exit(raw::rename(previous, path).0));
        self.log_fork_failure(&event);
        self.log(Message::ExecFailed, errno, path.to_bytes());
    }

    /// Executes a program as the next PID 1; returns only the error.
    #[inline(never)] // 0.5 kB of stack, which would stay in the frame of `run`
    pub(super) fn reexec(&self, path: &CStr) -> Errno {
        self.set_server_file();
        let mut name = Buffer::default();
        self.reexec_state.add_generation(1);
        self.reexec_state.encode(&mut name);
        // SAFETY: the name ends in NUL.
        let errno = raw::errno(unsafe { self.start.exec_as(path, name.as_bytes()) });
        self.reexec_state.add_generation(-1);
        errno
    }

    /// Executes `PATH.old`, if PID 1's program has become PATH by an update less than a minute ago, and `PATH.old` still
    /// is the file that ran before it, and reads the format that this one writes. It returns if that is not so, or if it
    /// cannot be executed.
    #[inline(never)] // 4 kB of stack
    pub(super) fn reexec_before(&self, signal: u32) {
        let before = self.reexec_state.take_before(raw::now());
        let mut path = [0; PATH + OLD.len()];
        let length = raw::read_link(PROGRAM, path.split_at_mut(PATH).0).unwrap_or(0) as usize;
        if let Some(end) = path.get_mut(length..length.wrapping_add(OLD.len())) {
            end.copy_from_slice(OLD);
        }
        // SAFETY: the last byte is 0.
        let path = unsafe { CStr::from_ptr(path.as_ptr().cast()) };
        let readable = ReexecState::writes_like(self.start.name());
        if readable && before != FileId::NONE && before == spawn::file_id(path) {
            self.reexec_state.set_put_back(signal);
            let _errno = self.reexec(path);
            self.reexec_state.set_put_back(0);
        }
    }
}

/// The program that runs.
pub(super) const PROGRAM: &CStr = c"/proc/self/exe";

/// What the name of the program before an update ends in.
const OLD: &[u8] = b".old\0";
