//! What PID 1 does for the server: starts it, learns which file it runs, puts an older file back, ends orphans, and
//! starts the rescue program.

use core::ffi::CStr;

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::limits::{ORPHANS_CHECK, TERM_GRACE};
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, FileId};
use zinit_pid1::model::reexec::Child;

use super::Sys;
use super::raw;
use super::signal;
use super::spawn::{self, Server};

impl<'a> Sys<'a> {
    fn server(&self) -> Server<'_, 'a> {
        let machine = self.authority().machine().is_some();
        // No server has run yet, in this life of PID 1 or in an earlier one.
        let prepare = (machine || self.config.has_job()) && self.server_file() == FileId::NONE;
        Server { config: &self.config, start: self.start, machine, prepare }
    }

    pub(super) fn spawn_server(&self) {
        self.reexec_state.set_restarting(false);
        self.reexec_state.set_saved(false);
        let (reading, writing) = raw::pipe();
        let event = spawn::fork_in(self.reexec_state.slot(Child::SERVER))
            .unwrap_or_else(|| raw::exit(self.server().execute(&writing, &self.log)));
        if let Event::Spawned(_) = event {
            self.server_report.follow(reading);
        }
        self.event.set(Some(event));
    }

    /// Records the identity of the server's executable, once the child has reported it.
    pub(super) fn set_server_file(&self) {
        if let Some(file) = self.server_report.server_file() {
            self.reexec_state.set_server_file(file);
        }
    }

    /// The file that the server runs, or that the last server ran, as far as it was reported.
    pub fn server_file(&self) -> FileId {
        self.reexec_state.server_file()
    }

    /// Starts a child that restores a previous file of the server, if it was kept; the next server is started a second
    /// later or more.
    pub(super) fn roll_back(&self, file: FileId) {
        let event = spawn::fork().unwrap_or_else(|| raw::exit(self.exec_roll_back(file).0));
        self.log_fork_failure(&event);
    }

    #[inline(never)] // 0.5 kB of stack, which would stay in the frame of `run`
    fn exec_roll_back(&self, file: FileId) -> Errno {
        let mut id = Buffer::default();
        id.number(file.0);
        id.push(0);
        // SAFETY: it ends in NUL.
        let id = unsafe { CStr::from_ptr(id.as_bytes().as_ptr().cast()) };
        let server = self.server();
        let path = server.path().unwrap_or_default();
        spawn::exec_ctl(self.start, [c"rollback", path], Some(id), &self.log)
    }

    /// Starts a helper that saves the services of the server: that of a soft restart, or the watcher.
    pub(super) fn spawn_saver(&self, what: &CStr, child: Child) -> Event {
        let (reading, writing) = raw::pipe();
        let event = spawn::fork_in(self.reexec_state.slot(child)).unwrap_or_else(|| {
            spawn::report_on_stdout(&writing);
            let more = Some(self.config.socket());
            let errno = spawn::exec_with_state(self.start, what, &self.reexec_state, more, &self.log);
            raw::exit(errno.exec_status())
        });
        self.saver_report.follow(reading);
        event
    }

    /// Records the reader that a helper has forked, and which is a child of PID 1 since the helper has exited.
    pub(super) fn saver_ended(&self) {
        if let Some(reader) = self.saver_report.reader()
            && raw::is_child(reader)
        {
            self.reexec_state.add_reader(reader);
        }
    }

    /// True if readers are left, and no other child.
    pub(super) fn only_readers_left(&self) -> bool {
        self.reexec_state.readers() > 0 && self.others_left() == 0
    }

    /// The number of children that are no readers and no log writer. Without `/proc` or CONFIG_PROC_CHILDREN it is not
    /// known: then this is not 1, and not 0 if there are readers.
    fn others_left(&self) -> usize {
        let mut buf = [0; CHILDREN_LIST];
        let list = raw::read_file_in(self.proc.get(), c"1/task/1/children", &mut buf);
        // A space follows each pid. All readers are in the list, because those that were reaped are forgotten.
        let children = list.iter().filter(|byte| **byte == b' ').count();
        children.wrapping_sub(self.reexec_state.readers() + usize::from(self.log.has_writer()))
    }

    /// In a child: ends the processes that the last server left behind, but not those that the next server takes over
    /// from the state file.
    #[inline(always)] // 32 bytes of file
    pub(super) fn end_orphans(&self) -> Errno {
        // After a crash without a watcher the file is that of an earlier server.
        let saved = self.reexec_state.saved()
            || self.reexec_state.restarting() && spawn::exists(c"/run/zinit/state.json");
        let more = saved.then_some(c"adopted");
        let errno = spawn::exec_with_state(self.start, c"orphans", &self.reexec_state, more, &self.log);
        // Without that program all processes are ended, including the rescue program, or none; a subreaper ends none.
        let authority = self.authority();
        let (false, Some(pid1)) = (saved, authority.pid1()) else { return errno };
        pid1.terminate_all();
        // A number of waits, and not a time: a pause of the container is no time in which processes could end.
        for _ in 0..TERM_GRACE / ORPHANS_CHECK {
            // This process is a child too.
            if self.others_left() == 1 {
                break;
            }
            // A signal cuts a wait short, which then does not count.
            while signal::wait(Some(ORPHANS_CHECK)).is_ok() {}
        }
        pid1.kill_all();
        errno
    }

    /// Logs that no helper could be forked, if that is what happened.
    pub(super) fn log_fork_failure(&self, event: &Event) {
        if let Event::SpawnFailed(errno) = event {
            self.log.error(Message::NoHelper, *errno);
        }
    }

    pub(super) fn spawn_rescue(&self) {
        let running = self.reexec_state.child(Child::RESCUE);
        let (Some(program), None) = (self.config.rescue(), running) else { return };
        let slot = self.reexec_state.slot(Child::RESCUE);
        if let Event::Spawned(pid) = spawn::rescue(slot, program, self.start, &self.log) {
            self.log.record(&Record::new(Message::RescueStarted).pid(pid));
        }
    }
}

/// Bytes of the list of children that are read: enough for all readers, and a longer list has other children.
const CHILDREN_LIST: usize = 128;
