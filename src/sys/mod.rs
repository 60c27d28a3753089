//! System calls: everything PID 1 does to the kernel, and all its unsafe code.
//!
//! [`Sys`] is what the loop sees: it performs actions and waits for events. What each file may name is listed in
//! `tests/layers.rs`.

#![allow(unsafe_code)]

mod authority;
pub mod boot;
mod cli;
mod fault;
mod log;
mod mount;
mod raw;
mod reexec;
mod rpc;
mod server;
mod signal;
mod spawn;
mod stdio;
mod tasks;
mod unmount;
mod watchdog;

use core::ffi::CStr;

use rt::start::Start;
use zinit_pid1::model::action::{Action, Method};
use zinit_pid1::model::event::Event;
use zinit_pid1::model::limits::REAP_BUDGET;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, Exit, Pid, Role};
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::model::task::Task;
use zinit_pid1::model::time::Instant;
use zinit_pid1::parse::cli::is_container_hint;
use zinit_pid1::parse::config::Config;
use zinit_pid1::{reaper, signals};

use authority::Authority;
use log::Log;
use spawn::Report;
use stdio::InheritedFds;
use watchdog::Watchdog;

/// The kernel, as far as PID 1 deals with it.
pub struct Sys<'a> {
    authority: Authority,
    log: Log,
    config: Config<'a>,
    start: Start,
    /// What an earlier PID 1 handed over, and what this one will, as far as it is known here.
    reexec_state: ReexecState,
    /// A shutdown has begun: a fault leads to no re-exec any more.
    shutting_down: bool,
    std_fds: InheritedFds,
    /// What has happened and was not returned by [`wait`](Self::wait) yet.
    event: Option<Event>,
    /// What the child of the last server reports.
    server_report: Report,
    /// The program that looks for an update, until PID 1 is replaced or the next one looks.
    ///
    /// The pid is `None` after the updater was reaped.
    updater: Option<(Option<Pid>, Report)>,
    watchdog: Watchdog,
    /// Children may have ended that were not reaped yet.
    children_pending: bool,
    /// How many may be reaped before the next look at the clock and the signals.
    reap_budget: u8,
}

impl<'a> Sys<'a> {
    /// What the kernel says this process is.
    pub const fn role(&self) -> Role {
        self.authority.role()
    }

    /// The settings that are in force.
    pub const fn config(&self) -> &Config<'a> {
        &self.config
    }

    /// Reads one setting; one that is not understood is logged.
    pub fn set(&mut self, word: &'a CStr) {
        if !self.config.read(word) {
            self.log(Message::SettingUnknown, Errno::NONE, word.to_bytes());
        }
    }

    /// Reads all settings of argv and the environment. Before there is a log this is silent, so it is done twice.
    pub fn configure(&mut self) {
        self.start.environment().for_each(|word| self.set(word));
        self.config.container_hint(self.start.words().any(is_container_hint));
        self.log.level = self.config.level();
    }

    /// Enables the watchdog, if that is set.
    pub fn enable_watchdog(&mut self) {
        if let (Some(machine), Some(seconds)) = (self.authority.machine(), self.config.watchdog()) {
            self.watchdog.enable(machine, seconds);
        }
    }

    /// Does what argv asks of a process that is not PID 1; returns if that is to supervise a server.
    pub fn run_cli(&self) {
        cli::run_cli(self.start, &Log::STDERR);
    }

    /// Writes a log line with an error and `text` from outside.
    pub fn log(&self, message: Message, errno: Errno, text: &[u8]) {
        self.log.message(message, errno, text);
    }

    /// Makes the orphans below a process that is not PID 1 its children.
    pub fn adopt_orphans(&self) {
        if let Err(number) = raw::adopt_orphans() {
            self.log.error(Message::SubreaperFailed, raw::errno(number));
        }
    }

    /// The time, for [`Init::handle`](zinit_pid1::init::Init::handle).
    pub fn now(&self) -> Instant {
        raw::now()
    }

    /// Performs one action; the answer to one that forks is the next event.
    pub fn perform(&mut self, action: &Action) {
        match *action {
            Action::EndOrphans => {
                let event = spawn::child(&mut || self.end_orphans().0);
                self.event = Some(event);
            }
            Action::Exit(status) => {
                if self.authority.machine().is_none() {
                    raw::exit(status);
                }
            }
            Action::Log(record) => self.log.record(&record),
            Action::Reexec => self.reexec_updated(),
            Action::RestartNamespace => {
                if let Authority::Container(pid1) = &self.authority
                    && self.config.container_reboot()
                {
                    pid1.restart();
                }
            }
            Action::RollBack => self.roll_back(),
            Action::Rpc(method) => {
                self.reexec_state.set_restarting(true);
                self.shutting_down |= method == Method::Shutdown;
                let event = spawn::child(&mut || rpc::run(method, self.config.socket(), &self.log).status());
                self.event = Some(event);
            }
            Action::RunTask(task) => {
                self.shutting_down = true;
                let event = self.run_task(task);
                self.event = Some(event);
            }
            Action::Signal(pid, signal) => signal::send(pid, signal),
            Action::SpawnRescue => self.spawn_rescue(),
            Action::SpawnServer => self.spawn_server(),
            Action::SpawnUpdater => self.spawn_updater(),
            Action::WatchdogAbandon | Action::WatchdogStop => {
                self.watchdog.close(*action == Action::WatchdogStop);
            }
        }
    }

    /// Waits for the next event: the only place where PID 1 blocks.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Event {
        loop {
            if let Some(event) = self.event.take() {
                return event;
            }
            if self.children_pending && self.reap_budget > 0 {
                self.reap_budget -= 1;
                self.reap();
            } else {
                self.wait_for_signal(deadline);
            }
        }
    }

    /// Waits for a signal until the deadline, or only looks for one if there may be children to reap.
    fn wait_for_signal(&mut self, deadline: Option<Instant>) {
        let now = raw::now();
        let deadline = self.watchdog.ping(now, deadline, &self.log);
        let timeout = match deadline.map(|deadline| now.until(deadline)) {
            // Before the signals, so that no flood of them holds up a shutdown.
            Some(0) => {
                self.event = Some(Event::Timeout);
                return;
            }
            left if !self.children_pending => left,
            Some(_) | None => Some(0),
        };
        let signal = signal::wait(timeout);
        // Signals coalesce and can be missed: every wake-up is a reason to look for children.
        (self.children_pending, self.reap_budget) = (true, REAP_BUDGET);
        self.event = signal.ok().and_then(signals::request).map(Event::Requested);
    }

    /// Reaps one child, wait(2), which may be no event.
    fn reap(&mut self) {
        match raw::wait() {
            (0, _) => self.children_pending = false,
            (raw::NO_CHILD, _) => {
                self.children_pending = false;
                self.event = Some(Event::NoChildren);
            }
            // EINTR, which is the only other error of wait(2), is no pid.
            (pid, status) => {
                if let (Some(pid), Some(exit)) = (Pid::new(pid), reaper::exit(status)) {
                    self.event = self.reaped(pid, exit);
                }
            }
        }
    }

    /// Takes note of a child that was reaped; the updater's end is no event unless it has put a program in place.
    fn reaped(&mut self, pid: Pid, exit: Exit) -> Option<Event> {
        if self.reexec_state.rescue() == Some(pid) {
            self.reexec_state.set_rescue(None);
        }
        if let Some((updater, _)) = &mut self.updater
            && *updater == Some(pid)
        {
            if exit == Exit::Exited(0) {
                *updater = None;
                return Some(Event::Updated);
            }
            self.updater = None;
            self.log.record(&Record::new(Message::NoUpdate).exit(exit));
            return None;
        }
        let mut failure = None;
        if self.reexec_state.server() == Some(pid) {
            // Another process can get its pid later.
            self.reexec_state.set_server(None);
            self.set_server_file();
            failure = self.server_report.errno();
        }
        Some(Event::Reaped(pid, failure.map_or(exit, Exit::NotExecuted)))
    }

    /// Runs a task in a child, because a disk, a driver or a process that hangs can hold up each of its calls. Where
    /// none can be forked, by a fork bomb mostly, PID 1 itself makes the calls that help against it.
    fn run_task(&self, task: Task) -> Event {
        let mut work = || tasks::run(task, &self.authority, &self.log).0;
        let event = spawn::child(&mut work);
        if let Event::SpawnFailed(_) = event
            && (task.waits_for_processes() || task.is_final())
        {
            self.log_fork_failure(&event);
            return Event::SpawnFailed(Errno(work()));
        }
        event
    }

    /// Logs that no helper could be forked, if that is what happened.
    fn log_fork_failure(&self, event: &Event) {
        if let Event::SpawnFailed(errno) = event {
            self.log.error(Message::NoHelper, *errno);
        }
    }
}

/// Ends a process that must not continue: for the panic handler of debug builds.
#[cfg(any(debug_assertions, why_panic))]
pub fn trap() -> ! {
    rt::arch::trap()
}
