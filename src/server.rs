//! The server's life cycle: start, respawn with a growing delay, soft restart, and rollback to the previous program.

use crate::model::action::{Action, Actions};
use crate::model::limits::{
    EXEC_ATTEMPTS, MIN_RUN_TIME, ORPHANS_TIMEOUT, RESCUE_DELAY, RESPAWN_DELAY, RESPAWN_DELAY_MAX,
    ROLL_BACK_EXITS, WATCHER_TIMEOUT,
};
use crate::model::message::{Message, Record};
use crate::model::policy::Orphans;
use crate::model::process::{Errno, Exit, FileId, Pid, Role, Signal};
use crate::model::rate::RateWindow;
use crate::model::time::Instant;
use crate::phase::{Phase, Servers, State};

impl State {
    /// Starts a server, once the services of the last one are saved or gone.
    pub(crate) fn start(&mut self, now: Instant, actions: &mut Actions) {
        if self.servers.watched {
            // A soft restart has stopped it, and could not save the services itself.
            actions.add(Action::SignalWatcher(Signal::CONT));
            self.enter(Phase::SavingServices, now + WATCHER_TIMEOUT);
        } else if self.policy.orphans != Orphans::Keep && self.servers.orphans {
            self.servers.orphans = false;
            actions.add(Action::EndOrphans);
            self.enter(Phase::EndingOrphans, now + ORPHANS_TIMEOUT);
        } else {
            self.spawn_server(now, actions);
        }
    }

    fn spawn_server(&mut self, now: Instant, actions: &mut Actions) {
        // Recorded before the fork: a fault can come between the fork and `started`.
        self.servers.history.started_at = now;
        actions.add(Action::SpawnServer);
        self.enter(Phase::Starting, Instant::NEVER);
    }

    /// A server was forked.
    pub(crate) fn started(&mut self, server: Pid, actions: &mut Actions) {
        actions.log_about(Message::ServerStarted, server);
        self.servers.orphans = true;
        self.phase = Phase::Running { server };
        self.watch(actions);
    }

    /// Starts the helper that watches services, if they are to be adopted and none runs.
    pub(crate) fn watch(&mut self, actions: &mut Actions) {
        if self.policy.orphans == Orphans::Adopt && !self.servers.watched {
            self.servers.watched = true;
            actions.add(Action::SpawnWatcher);
        }
    }

    /// The helper that watches services ended.
    pub(crate) fn watcher_ended(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        if !self.servers.watched {
            return;
        }
        self.servers.watched = false;
        if exit != Exit::Exited(0) {
            actions.log_record(Record::new(Message::WatcherEnded).exit(exit));
        }
        if let Phase::SavingServices = self.phase {
            self.start(now, actions);
        }
    }

    /// No server could be forked.
    pub(crate) fn not_started(&mut self, errno: Errno, now: Instant, actions: &mut Actions) {
        if !self.servers.orphans {
            // The next PID 1 must not look for orphans of a server that never was.
            self.servers.history.started_at = Instant(0);
        }
        self.back_off(Record::new(Message::SpawnFailed).errno(errno), now, actions);
    }

    /// The child that ended orphans exited.
    pub(crate) fn orphans_ended(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        if exit != Exit::Exited(0) {
            actions.log_record(Record::new(Message::OrphansFailed).exit(exit));
        }
        self.spawn_server(now, actions);
    }

    /// The child that ends orphans did not exit in time.
    pub(crate) fn orphans_timed_out(&mut self, now: Instant, actions: &mut Actions) {
        actions.log(Message::OrphansTimedOut);
        self.kill_helper(actions);
        self.spawn_server(now, actions);
    }

    /// The child to end orphans could not be forked. A server could not be forked either, so both are retried later.
    pub(crate) fn orphans_not_ended(&mut self, errno: Errno, now: Instant, actions: &mut Actions) {
        self.servers.orphans = true;
        self.not_started(errno, now, actions);
    }

    /// Records the exit of a server, and continues with the next phase.
    pub(crate) fn server_ended(&mut self, server: Pid, exit: Exit, now: Instant, actions: &mut Actions) {
        // `should_give_up` adds 1 for each end without a request, which makes this 0.
        let failures = if let Phase::Running { .. } = self.phase { u32::MAX } else { 0 };
        self.servers.record_exit(exit, failures, now);
        let record = Record::new(Message::ServerEnded).pid(server).exit(exit);
        if let Phase::Running { .. } = self.phase {
            self.server_crashed(record, now, actions);
        } else {
            actions.log_record(record);
            self.server_stopped(now, actions);
        }
    }

    /// The server exited without a request.
    fn server_crashed(&mut self, record: Record, now: Instant, actions: &mut Actions) {
        if let Some(good) = self.servers.should_roll_back(now) {
            actions.add(Action::RollBack(good));
            self.servers.history.next_backoff = RESPAWN_DELAY;
        }
        self.back_off(Record { message: Message::ServerRespawn, ..record }, now, actions);
    }

    /// Replaces the server by a new one; services keep running as orphans of PID 1.
    pub(crate) fn restart(&mut self, now: Instant, actions: &mut Actions) {
        match self.phase {
            Phase::Backoff => {
                actions.log(Message::RespawnNow);
                self.start(now, actions);
            }
            Phase::Running { server } => {
                actions.log_about(Message::RestartBegun, server);
                if self.servers.watched {
                    // It must not save the services that the helper of the soft restart saves, but is needed if that fails.
                    actions.add(Action::SignalWatcher(Signal::STOP));
                }
                self.begin_restart(server, now, actions);
            }
            Phase::Starting | Phase::Stopping { .. } | Phase::SavingServices | Phase::EndingOrphans => {
                actions.log(Message::RestartNotNeeded);
            }
            // No server is to follow.
            Phase::Working { .. } | Phase::DeadEnd | Phase::Exiting => {}
        }
    }

    fn back_off(&mut self, mut why: Record, now: Instant, actions: &mut Actions) {
        let status = self.should_give_up(why.exit);
        let delay = self.servers.history.next_backoff;
        self.servers.history.next_backoff = delay.saturating_mul(2).min(RESPAWN_DELAY_MAX);
        why.number = delay;
        if status.is_some() {
            why.message = if why.pid.is_some() { Message::ServerEnded } else { Message::NoHelper };
        }
        actions.log_record(why);
        if let Some(status) = status {
            actions.log(Message::GivenUp);
            actions.add(Action::Exit(status));
            return self.enter(Phase::Exiting, Instant::NEVER);
        }
        if delay >= RESCUE_DELAY && self.policy.role == Role::Machine {
            actions.add(Action::SpawnRescue);
        }
        self.enter(Phase::Backoff, now + delay);
    }

    /// Counts a failure of a server; the exit status after too many in a row, because the engine of a container then
    /// decides what to do. A machine retries for ever.
    fn should_give_up(&mut self, exit: Exit) -> Option<u8> {
        if self.policy.role == Role::Machine {
            return None;
        }
        let wanted = self.policy.give_up;
        let failures = &mut self.servers.failures;
        *failures = failures.wrapping_add(1);
        match exit {
            Exit::NotExecuted(errno) if *failures >= EXEC_ATTEMPTS || *failures == wanted => {
                Some(errno.exec_status())
            }
            Exit::NotExecuted(_) => None,
            // Only servers in a row that cannot be executed count if nothing is set.
            _ if wanted == 0 => {
                *failures = 0;
                None
            }
            _ => (*failures == wanted).then_some(1),
        }
    }
}

impl Servers {
    /// Records whether the server was executed; if it ran for a minute, the count of failures becomes `failures`.
    fn record_exit(&mut self, exit: Exit, failures: u32, now: Instant) {
        if let Exit::NotExecuted(_) = exit {
            self.orphans = false;
            self.history.started_at = Instant(0);
        } else if self.history.started_at.until(now) >= MIN_RUN_TIME {
            self.history.next_backoff = RESPAWN_DELAY;
            self.history.last_good = self.file;
            self.failures = failures;
        }
    }

    /// Records this exit; the last good file after 4 exits of another one within 60 s.
    fn should_roll_back(&mut self, now: Instant) -> Option<FileId> {
        if self.last_failed != self.file {
            self.last_failed = self.file;
            self.recent_exits = RateWindow::NONE;
        }
        let last_good = self.history.last_good;
        if last_good == FileId::NONE || last_good == self.file {
            return None;
        }
        let too_many = self.recent_exits.record(ROLL_BACK_EXITS, MIN_RUN_TIME, now);
        if too_many {
            // Only once: until another server has run for long enough, there is no good file to restore.
            self.history.last_good = FileId::NONE;
        }
        too_many.then_some(last_good)
    }
}
