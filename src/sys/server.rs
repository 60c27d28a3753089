//! What PID 1 does about servers: start one, learn what it runs, and what becomes of one that is gone.

use core::ffi::CStr;

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::limits::TERM_GRACE;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, FileId};
use zinit_pid1::model::task::Task;

use super::Sys;
use super::finish;
use super::signal;
use super::spawn::{self, Server};

impl Sys<'_> {
    /// How a server is started.
    fn server(&self) -> Server<'_> {
        let machine = self.authority.machine().is_some();
        Server { config: &self.config, start: self.start, machine }
    }

    pub(super) fn spawn_server(&mut self) {
        self.here.set_restarting(false);
        let (event, report) = self.server().spawn(&self.log);
        if let Event::Spawned(pid) = event {
            self.here.set_server(Some(pid));
            self.report = report;
        }
        self.event = Some(event);
    }

    /// Takes in what the server runs, if it has said so by now.
    pub(super) fn learn(&mut self) {
        if let Some(program) = self.report.program() {
            self.here.set_server_file(program);
        }
    }

    /// What the server runs, as far as it has said so.
    pub const fn program(&self) -> FileId {
        self.here.server_file()
    }

    /// Has the file that the server ran before put back, if it was kept: the next one waits for a second anyway.
    pub(super) fn roll_back(&self) {
        let event = spawn::child(&mut || {
            let server = self.server();
            let path = server.path().unwrap_or(c"");
            spawn::become_tool(self.start, c"rollback", path, &self.log).0
        });
        self.log_refusal(&event);
    }

    /// In a child: ends what the last server left behind, unless that saved its state, by which the next one knows
    /// its services.
    pub(super) fn end_orphans(&self) -> Errno {
        if self.here.restarting() && spawn::exists(c"/run/zinit/state.json") {
            return Errno::NONE;
        }
        let mut here = Buffer::default();
        self.here.encode(&mut here);
        // SAFETY: it ends in NUL.
        let here = unsafe { CStr::from_ptr(here.as_bytes().as_ptr().cast()) };
        let errno = spawn::become_tool(self.start, c"orphans", here, &self.log);
        // Without it there is nobody who could spare anything.
        finish::run(Task::Terminate, &self.authority, &self.log);
        let _interrupted = signal::wait(Some(TERM_GRACE));
        finish::run(Task::Kill, &self.authority, &self.log);
        errno
    }

    pub(super) fn rescue(&mut self) {
        let (Some(program), None) = (self.config.rescue(), self.here.rescue()) else { return };
        if let Event::Spawned(pid) = spawn::rescue(program, self.start, &self.log) {
            self.log.note(&Record::new(Message::RescueStarted).pid(pid));
            self.here.set_rescue(Some(pid));
        }
    }
}
