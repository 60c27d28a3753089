//! Doing: every system call and all unsafe code of PID 1.
//!
//! [`Sys`] is what the loop sees: it performs actions and waits for events. `boot` joins the files below it
//! before that; what each of them may know of the others is listed in `tests/layers.rs`.

#![allow(unsafe_code)]

mod ask;
pub mod boot;
mod courier;
mod fault;
mod finish;
mod kmsg;
mod mount;
mod power;
mod raw;
mod reexec;
mod server;
mod signal;
mod spawn;
mod stdio;
mod watchdog;

use core::ffi::CStr;

use zinit_pid1::command::asks_for_container;
use zinit_pid1::model::action::Action;
use zinit_pid1::model::action::Method;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::limits::REAP_BUDGET;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, Exit, Pid, Role};
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::model::task::Task;
use zinit_pid1::model::time::Instant;
use zinit_pid1::parse::config::Config;
use zinit_pid1::{reaper, signals};

use rt::start::Start;

use kmsg::Log;
use power::Authority;
use spawn::Report;
use stdio::Given;
use watchdog::Watchdog;

/// The kernel, as far as PID 1 deals with it.
#[repr(C)] // what is large lies last: near places have shorter instructions
pub struct Sys<'a> {
    authority: Authority,
    log: Log,
    start: Start,
    /// What the PID 1 before this one handed over, and what this one will, as far as it is known here.
    here: ReexecState,
    /// The end has begun.
    ends: bool,
    given: Given,
    /// What has happened and was not told yet.
    event: Option<Event>,
    /// What the last server says if it could not be executed.
    report: Report,
    /// Who looks for an update, until PID 1 is replaced or another one looks.
    ///
    /// Its pid is that of nobody once it was reaped.
    updater: Option<(Option<Pid>, Report)>,
    watchdog: Watchdog,
    /// Children may have ended that were not reaped yet.
    unreaped: bool,
    /// How many may be reaped before the next look at the clock and the signals.
    batch: u8,
    config: Config<'a>,
}

impl<'a> Sys<'a> {
    /// What the kernel says this process is.
    pub const fn place(&self) -> Role {
        self.authority.place()
    }

    /// The settings that are in force.
    pub const fn config(&self) -> &Config<'a> {
        &self.config
    }

    /// Takes one setting, and logs what is not understood.
    #[inline(always)]
    pub fn set(&mut self, word: &'a CStr) {
        if !self.config.read(word) {
            self.log(Message::SettingUnknown, Errno::NONE, word.to_bytes());
        }
    }

    /// Takes all settings of argv and the environment and puts them in force; what is not understood is logged as
    /// soon as there is a log.
    #[inline(never)]
    pub fn configure(&mut self) {
        self.start.environment().for_each(|word| self.set(word));
        self.config.container_hint(self.start.words().any(asks_for_container));
        self.log.level = self.config.level();
    }

    /// Has a watchdog from now on, if that is set.
    #[inline(always)]
    pub fn watch(&mut self) {
        if let (Some(machine), Some(seconds)) = (self.authority.machine(), self.config.watchdog()) {
            self.watchdog.arm_with(machine, seconds);
        }
    }

    /// Does what argv asks of a process that is not PID 1; it returns if that is to supervise a server.
    #[inline(always)]
    pub fn obey(&self) {
        ask::obey(self.start, &Log::STDERR);
    }

    /// Writes a log line with an error and `text` from outside, or drops it if it is not taken at once.
    #[inline(never)]
    pub fn log(&self, fact: Message, errno: Errno, text: &[u8]) {
        self.log.fact(fact, errno, text);
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

    /// Does one thing; an action that forks for the machine has its answer as the next event.
    #[inline(never)]
    pub fn perform(&mut self, action: &Action) {
        match *action {
            Action::Rpc(method) => {
                self.here.set_restarting(true);
                self.ends |= method == Method::Shutdown;
                let event =
                    spawn::child(&mut || courier::run(method, self.config.socket(), &self.log).status());
                self.event = Some(event);
            }
            Action::EndOrphans => {
                let event = spawn::child(&mut || self.end_orphans().0);
                self.event = Some(event);
            }
            Action::Exit(status) => {
                if self.authority.machine().is_none() {
                    raw::exit(status);
                }
            }
            Action::WatchdogStop | Action::WatchdogAbandon => {
                self.watchdog.leave(*action == Action::WatchdogStop)
            }
            Action::Reexec => self.hand_over(),
            Action::Log(note) => self.log.note(&note),
            Action::SpawnRescue => self.rescue(),
            Action::RestartNamespace => {
                if let Authority::Container(pid1) = &self.authority
                    && self.config.container_reboot()
                {
                    pid1.restart();
                }
            }
            Action::RollBack => self.roll_back(),
            Action::RunTask(task) => {
                self.ends = true;
                let event = self.run(task);
                self.event = Some(event);
            }
            Action::Signal(pid, signal) => signal::send(pid, signal),
            Action::SpawnServer => self.spawn_server(),
            Action::SpawnUpdater => self.update(),
        }
    }

    /// Waits for the next event: the only place where PID 1 blocks.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Event {
        loop {
            if let Some(event) = self.event.take() {
                return event;
            }
            if self.unreaped && self.batch > 0 {
                self.batch -= 1;
                self.reap();
            } else {
                self.listen(deadline);
            }
        }
    }

    /// Waits for a signal until the deadline, or only looks for one if there may be children to reap.
    fn listen(&mut self, deadline: Option<Instant>) {
        let now = raw::now();
        let deadline = self.watchdog.feed(now, deadline, &self.log);
        let patience = match deadline.map(|deadline| now.until(deadline)) {
            // Before the signals, so that no flood of them holds up a shutdown.
            Some(0) => {
                self.event = Some(Event::Timeout);
                return;
            }
            left if !self.unreaped => left,
            Some(_) | None => Some(0),
        };
        let signal = signal::wait(patience);
        // Signals coalesce and can be missed: every wake-up is a reason to look for children.
        (self.unreaped, self.batch) = (true, REAP_BUDGET);
        self.event = signal.ok().and_then(signals::request).map(Event::Requested);
    }

    /// Reaps one child, wait(2); there may be nothing to learn from it.
    #[inline(always)]
    fn reap(&mut self) {
        match raw::wait() {
            (0, _) => self.unreaped = false,
            (raw::NO_CHILD, _) => {
                self.unreaped = false;
                self.event = Some(Event::NoChildren);
            }
            // EINTR, which is the only other error that wait(2) knows, is no pid.
            (pid, status) => {
                let (Some(pid), Some(exit)) = (Pid::new(pid), reaper::exit(status)) else { return };
                if self.here.rescue() == Some(pid) {
                    self.here.set_rescue(None);
                }
                if let Some((updater, _)) = &mut self.updater
                    && *updater == Some(pid)
                {
                    if exit == Exit::Exited(0) {
                        *updater = None;
                        self.event = Some(Event::Updated);
                    } else {
                        self.updater = None;
                        self.log.note(&Record::new(Message::NoUpdate).exit(exit));
                    }
                    return;
                }
                let mut failure = None;
                if self.here.server() == Some(pid) {
                    // An orphan can get its number later.
                    self.here.set_server(None);
                    self.learn();
                    failure = self.report.errno();
                }
                self.event = Some(Event::Reaped(pid, failure.map_or(exit, Exit::NotExecuted)));
            }
        }
    }

    /// In a child, because a disk, a driver or a process that hangs can hold up each of these calls; where
    /// none can be forked, a fork bomb mostly, PID 1 itself makes those that help against it.
    fn run(&self, task: Task) -> Event {
        let mut work = || finish::run(task, &self.authority, &self.log).0;
        let event = spawn::child(&mut work);
        if let Event::SpawnFailed(_) = event
            && (task.waits_for_processes() || task.is_final())
        {
            self.log_refusal(&event);
            return Event::SpawnFailed(Errno(work()));
        }
        event
    }

    /// Says that no helper could be forked, if that is what happened.
    #[inline(never)]
    fn log_refusal(&self, event: &Event) {
        if let Event::SpawnFailed(errno) = event {
            self.log.error(Message::NoHelper, *errno);
        }
    }
}

/// What a process that must not go on does: for the panic handler of debug builds.
#[cfg(any(debug_assertions, why_panic))]
pub fn trap() -> ! {
    rt::arch::trap()
}
