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
mod wait;
mod watchdog;
mod writer;

use core::cell::Cell;
use core::ffi::CStr;

use rt::start::Start;
use zinit_pid1::model::action::Action;
use zinit_pid1::model::event::{Ending, Event};
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::{Errno, Exit, Pid, Role};
use zinit_pid1::model::reexec::{Child, ReexecState};
use zinit_pid1::model::time::Instant;
use zinit_pid1::parse::cli::is_container_hint;
use zinit_pid1::parse::config::{Config, Word};

use authority::Authority;
use log::Log;
use sender::Sender;
use spawn::Report;
use stdio::InheritedFds;
use watchdog::Watchdog;

/// PID 1's interface to the kernel.
///
/// All that changes lies in cells: the fault handler interrupts methods of the loop and refers to it too.
#[repr(C)] // small fields first: 340 bytes of file
pub struct Sys<'a> {
    authority: Cell<Authority>,
    log: Log,
    start: Start,
    /// How the machine ends, once something was done for that: a fault no longer leads to a re-exec.
    ending: Cell<Option<Ending>>,
    /// A bit for each signal that means nothing and was logged; SIGCHLD and SIGPIPE count as logged.
    ignored: Cell<u64>,
    /// The first word of argv that means nothing; empty if there is none.
    ignored_word: Cell<&'a CStr>,
    /// What a container or a subreaper exits with, if a request ends it.
    exit_status: Cell<u8>,
    /// The power was said to fail.
    power_fails: Cell<bool>,
    std_fds: InheritedFds,
    /// An event that [`wait`](Self::wait) has not returned yet.
    event: Cell<Option<Event>>,
    /// `/proc` as it was mounted at the start: the path may lead to a disk that hangs later. -1 if it is not mounted or
    /// that of another PID namespace, and for a subreaper.
    proc: Cell<i32>,
    /// Who has sent the last request.
    sender: Cell<Sender>,
    /// The report from the child that executes the last server.
    server_report: Report,
    /// The report from the last helper that saves services.
    saver_report: Report,
    updater: Cell<Updater>,
    /// The report from the last updater.
    updater_report: Report,
    watchdog: Watchdog,
    /// The time when the clock was last read.
    now: Cell<Instant>,
    /// There may be children that have exited and were not reaped yet.
    children_pending: Cell<bool>,
    /// The number of children that may be reaped before the next check of the clock and the signals.
    reap_budget: Cell<u8>,
    /// The re-exec state: decoded at the start, and kept up to date as far as it is known here.
    reexec_state: ReexecState,
    config: Config<'a>,
}

/// The helper that looks for an update.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Updater {
    /// There is none.
    None,
    /// It runs.
    Running(Pid),
    /// It has installed a program, and PID 1 is not replaced yet.
    Done,
}

impl<'a> Sys<'a> {
    /// The role, with the tokens for what this process may do.
    const fn authority(&self) -> Authority {
        self.authority.get()
    }

    /// The role of this process.
    pub const fn role(&self) -> Role {
        self.authority().role()
    }

    /// The settings that are in force.
    pub const fn config(&self) -> &Config<'a> {
        &self.config
    }

    /// Reads one setting; one that is not understood is logged. False for a word that no program gets.
    pub fn set(&self, word: &'a CStr) -> bool {
        let read = self.config.read(word);
        if read == Word::NotUnderstood {
            self.log(Message::SettingUnknown, Errno::NONE, word.to_bytes());
        }
        read != Word::OfSockets
    }

    /// Reads all settings of argv and the environment. Nothing is logged before the log is open, so this is called
    /// twice.
    pub fn configure(&self) {
        self.start.retain(|word| self.set(word));
        for word in self.start.words() {
            if is_container_hint(word) {
                self.config.container_hint();
            } else if self.ignored_word.get().is_empty() {
                self.ignored_word.set(word);
            }
        }
        self.log.level.set(self.config.level());
    }

    /// Logs the first word of argv that PID 1 ignores: an engine puts a command there. An earlier PID 1 has done so.
    pub fn log_ignored_word(&self) {
        let word = self.ignored_word.get().to_bytes();
        if !word.is_empty() && self.reexec_state.generation() == 0 {
            self.log(Message::WordIgnored, Errno::NONE, word);
        }
    }

    /// Enables the watchdog, if it is configured.
    pub fn enable_watchdog(&self) {
        if let (Some(machine), Some(seconds)) = (self.authority().machine(), self.config.watchdog()) {
            self.watchdog.enable(machine, seconds);
        }
    }

    /// Runs the command in argv of a process that is not PID 1; returns if the command is to supervise a server. After a
    /// re-exec it was.
    pub fn run_cli(&self) {
        if self.reexec_state.generation() == 0 {
            cli::run_cli(self.start, self.ignored_word.get(), &Log::of_stderr());
        }
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

    /// The time when the clock was last read. All children that are reaped after one wake-up share it: each of them costs one
    /// system call, and reading the clock would be another.
    pub const fn now(&self) -> Instant {
        self.now.get()
    }

    /// Reads the clock: at the start of the loop, after each wake-up, and after each action.
    pub fn read_clock(&self) {
        self.now.set(raw::now());
    }

    /// Performs one action; if the action forks, the next event is its answer. `ending` is that of the machine, once it
    /// has begun.
    pub fn perform(&self, action: &Action, ending: Option<Ending>) {
        match *action {
            Action::EndOrphans => {
                let event = spawn::fork().unwrap_or_else(|| raw::exit(self.end_orphans().0));
                self.event.set(Some(event));
            }
            Action::Exit(status) => {
                if self.authority().machine().is_none() {
                    self.log.finish();
                    raw::exit(if status == 0 { self.exit_status.get() } else { status });
                }
            }
            // Each orphan has a line at the level debug. At any other level this takes no time.
            Action::Log(record) => return self.log_record(&record),
            Action::Reexec => self.reexec_updated(),
            Action::RestartNamespace => {
                if let Authority::Container(pid1) = self.authority()
                    && self.config.container_reboot()
                {
                    pid1.restart();
                }
            }
            Action::RollBack(file) => self.roll_back(file),
            Action::Rpc(method) => {
                self.reexec_state.set_restarting(true);
                self.ending.set(ending);
                let server = self.reexec_state.server();
                let event = spawn::fork().unwrap_or_else(|| {
                    raw::exit(rpc::run(method, self.config.socket(), server, &self.log).status())
                });
                self.event.set(Some(event));
            }
            Action::RunTask(task) => {
                self.ending.set(ending);
                self.event.set(Some(self.run_task(task)));
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
                self.event.set(Some(self.spawn_saver(c"restart", Child::RESTARTER)));
            }
            Action::SpawnServer => self.spawn_server(),
            Action::SpawnUpdater => self.spawn_updater(),
            Action::SpawnWatcher => {
                if let Event::SpawnFailed(errno) = self.spawn_saver(c"watch", Child::WATCHER) {
                    self.event.set(Some(Event::WatcherEnded(Exit::NotExecuted(errno))));
                }
            }
            Action::Sync => self.sync(),
            Action::WatchdogAbandon | Action::WatchdogStop => {
                self.watchdog.close(*action == Action::WatchdogStop);
            }
        }
        self.read_clock();
    }
}

/// Ends a process that must not continue: for the panic handler of debug builds.
#[cfg(any(debug_assertions, why_panic))]
pub fn trap() -> ! {
    rt::arch::trap()
}
