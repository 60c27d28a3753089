//! The wait for the next event: signals, children that have ended, and the deadline.

use core::mem::MaybeUninit;

use zinit_pid1::model::event::{Event, Request};
use zinit_pid1::model::limits::REAP_BUDGET;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Exit, Pid};
use zinit_pid1::model::reexec::Child;
use zinit_pid1::model::time::Instant;
use zinit_pid1::{reaper, signals};

use super::raw;
use super::sender::Sender;
use super::signal;
use super::{Sys, Updater};

impl Sys<'_> {
    /// Waits for the next event: the only place where PID 1 blocks.
    pub fn wait(&self, deadline: Option<Instant>) -> Event {
        loop {
            if let Some(event) = self.event.take() {
                return event;
            }
            let budget = self.reap_budget.get();
            if self.children_pending.get() && budget > 0 {
                self.reap_budget.set(budget - 1);
                self.reap();
            } else {
                self.wait_for_signal(deadline);
            }
        }
    }

    /// Waits for a signal until the deadline, or only checks for one if there may be children to reap.
    fn wait_for_signal(&self, deadline: Option<Instant>) {
        self.log.keep_writer();
        let now = self.now();
        let deadline = self.watchdog.ping(now, deadline, &self.log);
        let timeout = match deadline.map(|deadline| now.until(deadline)) {
            // Checked before the signals, so that a flood of signals cannot delay a shutdown.
            Some(0) => {
                self.event.set(Some(Event::Timeout));
                return;
            }
            left if !self.children_pending.get() => left,
            Some(_) | None => Some(0),
        };
        let mut info = MaybeUninit::uninit();
        let signal = signal::wait_info(timeout, info.as_mut_ptr());
        self.read_clock();
        // Signals coalesce and can be missed, so PID 1 checks for children after every wake-up.
        self.children_pending.set(true);
        self.reap_budget.set(REAP_BUDGET);
        let Ok(signal) = signal else { return };
        if let Some(request) = signals::request(signal, self.role()) {
            // SAFETY: the kernel has written it together with the signal.
            let sender = Sender::of(unsafe { info.assume_init_ref() });
            self.sender.set(sender);
            // The first request for an ending decides; one for anything else is forgotten by then.
            if self.ending.get().is_none() {
                self.exit_status.set(sender.value);
            }
            if request == Request::PowerFailure {
                self.power_fails.set(true);
            }
            self.event.set(Some(Event::Requested(request)));
        } else {
            self.log_ignored(signal.unsigned_abs());
        }
    }

    /// Logs the first signal of its kind that means nothing: somebody may wait for what it does to other programs.
    fn log_ignored(&self, signal: u32) {
        let bit = 1_u64.wrapping_shl(signal);
        if self.ignored.replace(self.ignored.get() | bit) & bit == 0 {
            self.log.record(&Record::new(Message::SignalIgnored).number(signal));
        }
    }

    /// Reaps one child, wait(2); not every reaped child causes an event.
    fn reap(&self) {
        match raw::wait() {
            (0, _) => {
                self.children_pending.set(false);
                if self.ending.get().is_some() && self.only_readers_left() {
                    self.event.set(Some(Event::OnlyReaders));
                }
            }
            (raw::NO_CHILD, _) => {
                self.children_pending.set(false);
                self.event.set(Some(Event::NoChildren));
            }
            // The only other error of wait(2) is EINTR, which is not a valid pid.
            (pid, status) => {
                if let (Some(pid), Some(exit)) = (Pid::new(pid), reaper::exit(status)) {
                    self.event.set(self.reaped(pid, exit));
                }
            }
        }
    }

    /// Records a child that was reaped; the updater's exit is an event only if it has installed a program.
    fn reaped(&self, pid: Pid, exit: Exit) -> Option<Event> {
        if self.updater.get() == Updater::Running(pid) {
            if exit == Exit::Exited(0) {
                self.updater.set(Updater::Done);
                return Some(Event::Updated);
            }
            self.updater.set(Updater::None);
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
