//! System calls: everything PID 1 does to the kernel, and all its unsafe code.
//!
//! [`Sys`] is the interface to the loop: it performs actions and waits for events. `tests/layers.rs` lists what each
//! file may name.

#![allow(unsafe_code)]

mod authority;
pub mod boot;
mod cli;
mod fault;
mod log;
mod memory;
mod mount;
mod prepare;
mod raw;
mod reexec;
mod rpc;
mod sender;
mod server;
mod signal;
mod spawn;
mod stdio;
mod tasks;
mod unmount;
mod watchdog;

use core::ffi::CStr;
use core::mem::MaybeUninit;

use rt::start::Start;
use zinit_pid1::model::action::{Action, Method};
use zinit_pid1::model::event::Event;
use zinit_pid1::model::limits::REAP_BUDGET;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, Exit, Pid, Role};
use zinit_pid1::model::reexec::{Child, ReexecState};
use zinit_pid1::model::time::Instant;
use zinit_pid1::parse::cli::is_container_hint;
use zinit_pid1::parse::config::Config;
use zinit_pid1::{reaper, signals};

use authority::Authority;
use log::Log;
use sender::Sender;
use spawn::Report;
use stdio::InheritedFds;
use watchdog::Watchdog;

/// PID 1's interface to the kernel.
#[repr(C)] // small fields first: 340 bytes of file
pub struct Sys<'a> {
    authority: Authority,
    log: Log,
    start: Start,
    /// A shutdown has begun: a fault no longer leads to a re-exec.
    shutting_down: bool,
    std_fds: InheritedFds,
    /// An event that [`wait`](Self::wait) has not returned yet.
    event: Option<Event>,
    /// `/proc` as it was mounted at the start, or -1: the path may lead to a disk that hangs later.
    proc: i32,
    /// Who has sent the last request.
    sender: Sender,
    /// The report from the child that executes the last server.
    server_report: Report,
    /// The report from the last helper that saves services.
    saver_report: Report,
    /// The updater, which looks for an update, and its report, until PID 1 is replaced or the updater fails.
    ///
    /// The pid is `None` after the updater was reaped.
    updater: Option<(Option<Pid>, Report)>,
    watchdog: Watchdog,
    /// There may be children that have exited and were not reaped yet.
    children_pending: bool,
    /// The number of children that may be reaped before the next check of the clock and the signals.
    reap_budget: u8,
    /// The re-exec state: decoded at the start, and kept up to date as far as it is known here.
    reexec_state: ReexecState,
    config: Config<'a>,
}

impl<'a> Sys<'a> {
    /// The role of this process.
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

    /// Reads all settings of argv and the environment. Nothing is logged before the log is open, so this is called
    /// twice.
    pub fn configure(&mut self) {
        self.start.environment().for_each(|word| self.set(word));
        self.config.container_hint(self.start.words().any(is_container_hint));
        self.log.level = self.config.level();
    }

    /// Enables the watchdog, if it is configured.
    pub fn enable_watchdog(&mut self) {
        if let (Some(machine), Some(seconds)) = (self.authority.machine(), self.config.watchdog()) {
            self.watchdog.enable(machine, seconds);
        }
    }

    /// Runs the command in argv of a process that is not PID 1; returns if the command is to supervise a server.
    pub fn run_cli(&self) {
        cli::run_cli(self.start, self.reexec_state.generation() == 0, self.config.socket(), &Log::STDERR);
    }

    /// Writes a log line with an error and `text` from outside.
    pub fn log(&self, message: Message, errno: Errno, text: &[u8]) {
        self.log.message(message, errno, text);
    }

    /// Makes a process that is not PID 1 adopt the orphans among its descendants.
    pub fn adopt_orphans(&self) {
        if let Err(number) = raw::adopt_orphans() {
            self.log.error(Message::SubreaperFailed, raw::errno(number));
        }
    }

    /// The time, for [`Init::handle`](zinit_pid1::init::Init::handle).
    pub fn now(&self) -> Instant {
        raw::now()
    }

    /// Performs one action; if the action forks, the next event is its answer.
    pub fn perform(&mut self, action: &Action) {
        match *action {
            Action::EndOrphans => {
                let event = spawn::fork().unwrap_or_else(|| raw::exit(self.end_orphans().0));
                self.event = Some(event);
            }
            Action::Exit(status) => {
                if self.authority.machine().is_none() {
                    raw::exit(status);
                }
            }
            Action::Log(record) => self.log_record(&record),
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
                let server = self.reexec_state.server();
                let event = spawn::fork().unwrap_or_else(|| {
                    raw::exit(rpc::run(method, self.config.socket(), server, &self.log).status())
                });
                self.event = Some(event);
            }
            Action::RunTask(task) => {
                self.shutting_down = true;
                self.event = Some(self.run_task(task));
            }
            Action::Signal(pid, signal) => signal::send(pid, signal),
            Action::SignalWatcher(signal) => {
                if let Some(watcher) = self.reexec_state.child(Child::WATCHER) {
                    signal::send(watcher, signal);
                }
            }
            Action::SpawnRescue => self.spawn_rescue(),
            Action::SpawnRestarter => {
                self.reexec_state.set_restarting(true);
                self.event = Some(self.spawn_saver(c"restart", Child::RESTARTER));
            }
            Action::SpawnServer => self.spawn_server(),
            Action::SpawnUpdater => self.spawn_updater(),
            Action::SpawnWatcher => {
                if let Event::SpawnFailed(errno) = self.spawn_saver(c"watch", Child::WATCHER) {
                    self.event = Some(Event::WatcherEnded(Exit::NotExecuted(errno)));
                }
            }
            Action::Sync => self.sync(),
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

    /// Waits for a signal until the deadline, or only checks for one if there may be children to reap.
    fn wait_for_signal(&mut self, deadline: Option<Instant>) {
        let now = raw::now();
        let deadline = self.watchdog.ping(now, deadline, &self.log);
        let timeout = match deadline.map(|deadline| now.until(deadline)) {
            // Checked before the signals, so that a flood of signals cannot delay a shutdown.
            Some(0) => {
                self.event = Some(Event::Timeout);
                return;
            }
            left if !self.children_pending => left,
            Some(_) | None => Some(0),
        };
        let mut info = MaybeUninit::uninit();
        let signal = signal::wait_info(timeout, info.as_mut_ptr());
        // Signals coalesce and can be missed, so PID 1 checks for children after every wake-up.
        (self.children_pending, self.reap_budget) = (true, REAP_BUDGET);
        if let Some(request) = signal.ok().and_then(signals::request) {
            // SAFETY: the kernel has written it together with the signal.
            self.sender = Sender::of(unsafe { info.assume_init_ref() });
            self.event = Some(Event::Requested(request));
        }
    }

    /// Reaps one child, wait(2); not every reaped child causes an event.
    fn reap(&mut self) {
        match raw::wait() {
            (0, _) => {
                self.children_pending = false;
                if self.shutting_down && self.only_readers_left() {
                    self.event = Some(Event::OnlyReaders);
                }
            }
            (raw::NO_CHILD, _) => {
                self.children_pending = false;
                self.event = Some(Event::NoChildren);
            }
            // The only other error of wait(2) is EINTR, which is not a valid pid.
            (pid, status) => {
                if let (Some(pid), Some(exit)) = (Pid::new(pid), reaper::exit(status)) {
                    self.event = self.reaped(pid, exit);
                }
            }
        }
    }

    /// Records a child that was reaped; the updater's exit is an event only if it has installed a program.
    fn reaped(&mut self, pid: Pid, exit: Exit) -> Option<Event> {
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
        match self.reexec_state.forget(pid) {
            Some(Child::SERVER) => {
                self.set_server_file();
                failure = self.server_report.errno();
            }
            Some(Child::RESTARTER) => self.saver_ended(),
            Some(Child::WATCHER) => {
                self.saver_ended();
                self.reexec_state.set_saved(exit == Exit::Exited(0));
                return Some(Event::WatcherEnded(exit));
            }
            _ => {}
        }
        Some(Event::Reaped(pid, failure.map_or(exit, Exit::NotExecuted)))
    }
}

/// Ends a process that must not continue: for the panic handler of debug builds.
#[cfg(any(debug_assertions, why_panic))]
pub fn trap() -> ! {
    rt::arch::trap()
}
