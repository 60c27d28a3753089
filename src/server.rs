//! The server's life: start, respawn with a growing delay, soft restart.

use crate::action::{Action, Actions};
use crate::limits::{EXEC_ATTEMPTS, MIN_RUN_TIME, RESCUE_DELAY, RESPAWN_DELAY, RESPAWN_DELAY_MAX};
use crate::log::{Fact, Note};
use crate::process::{Errno, Exit, Pid, Place};
use crate::state::{Stage, State};
use crate::task::Task;
use crate::time::Instant;

impl State {
    /// Starts a server.
    #[inline(always)]
    pub(crate) fn start(&mut self, actions: &mut Actions) {
        actions.add(Action::SpawnServer);
        self.enter(Stage::Starting, Instant::NEVER);
    }

    /// There is a server.
    pub(crate) fn started(&mut self, server: Pid, now: Instant, actions: &mut Actions) {
        actions.about(Fact::ServerStarted, server);
        self.server = Some(server);
        self.since = now;
        self.stage = Stage::Up;
    }

    /// No server could be forked.
    pub(crate) fn not_started(&mut self, errno: Errno, now: Instant, actions: &mut Actions) {
        self.back_off(Note::new(Fact::SpawnFailed).errno(errno), now, actions);
    }

    /// The server is gone: what comes next depends on who wanted that.
    pub(crate) fn server_ended(&mut self, server: Pid, exit: Exit, now: Instant, actions: &mut Actions) {
        let note = Note::new(Fact::ServerRespawn).pid(server).exit(exit);
        if self.stage == Stage::Up {
            self.forget_crashes(now);
            if !self.gives_up(exit) {
                self.back_off(note, now, actions);
                return;
            }
        }
        actions.log(Note { fact: Fact::ServerEnded, ..note });
        if self.failures >= EXEC_ATTEMPTS {
            actions.fact(Fact::GivenUp);
            let errno = if let Exit::NotExecuted(errno) = exit { errno } else { Errno::NONE };
            actions.add(Action::Exit(errno.exec_status()));
            self.enter(Stage::Final, Instant::NEVER);
            return;
        }
        self.recall(actions);
        if self.ending.is_some() {
            self.run(Some(Task::Terminate), now, actions);
        } else {
            self.start(actions);
        }
    }

    /// Replaces the server by a new one; services live on as orphans of PID 1.
    pub(crate) fn restart(&mut self, now: Instant, actions: &mut Actions) {
        match (self.stage, self.server) {
            (Stage::Backoff, _) => {
                actions.fact(Fact::RespawnNow);
                self.start(actions);
            }
            (Stage::Up, Some(server)) => {
                self.forget_crashes(now);
                actions.about(Fact::RestartBegun, server);
                self.ask(now, actions);
            }
            // It is being started, or restarted.
            _ => {}
        }
    }

    /// Counts the servers in a row that could not be executed; true if this one is one too many.
    ///
    /// A container's engine then has the last word. A machine tries for ever.
    fn gives_up(&mut self, exit: Exit) -> bool {
        let counts = matches!(exit, Exit::NotExecuted(_)) && self.place != Place::Machine;
        self.failures = if counts { self.failures.wrapping_add(1) } else { 0 };
        self.failures >= EXEC_ATTEMPTS
    }

    #[inline(always)]
    fn back_off(&mut self, why: Note, now: Instant, actions: &mut Actions) {
        let delay = self.delay;
        self.delay = delay.saturating_mul(2).min(RESPAWN_DELAY_MAX);
        actions.log(why.span(delay));
        if delay >= RESCUE_DELAY && self.place == Place::Machine {
            actions.add(Action::Rescue);
        }
        self.enter(Stage::Backoff, now + delay);
    }

    /// Makes the delay the first one again, if the server has run for long enough.
    pub(crate) fn forget_crashes(&mut self, now: Instant) {
        if self.since.until(now) >= MIN_RUN_TIME {
            self.delay = RESPAWN_DELAY;
        }
    }
}
