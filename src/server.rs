//! The server's life: start, respawn with a growing delay, soft restart, and the way back to an older program.

use crate::action::{Action, Actions};
use crate::burst::Burst;
use crate::limits::{
    EXEC_ATTEMPTS, MIN_RUN_TIME, ORPHANS_TIMEOUT, RESCUE_DELAY, RESPAWN_DELAY, RESPAWN_DELAY_MAX,
    ROLL_BACK_DEATHS,
};
use crate::log::{Fact, Note};
use crate::process::{Errno, Exit, Pid, Place};
use crate::state::{Stage, State};
use crate::task::Task;
use crate::time::Instant;

impl State {
    /// Starts a server, if there is nothing to be ended before.
    pub(crate) fn start(&mut self, now: Instant, actions: &mut Actions) {
        if self.wishes.stop_orphans && self.orphans {
            self.orphans = false;
            self.task = Task::Orphans;
            actions.add(Action::Run(self.task));
            self.enter(Stage::Working, now + ORPHANS_TIMEOUT);
        } else {
            actions.add(Action::SpawnServer);
            self.enter(Stage::Starting, Instant::NEVER);
        }
    }

    /// There is a server.
    pub(crate) fn started(&mut self, server: Pid, now: Instant, actions: &mut Actions) {
        actions.about(Fact::ServerStarted, server);
        self.server = Some(server);
        self.memory.since = now;
        self.orphans = true;
        self.stage = Stage::Up;
    }

    /// No server could be forked.
    #[inline(always)]
    pub(crate) fn not_started(&mut self, errno: Errno, now: Instant, actions: &mut Actions) {
        self.back_off(Note::new(Fact::SpawnFailed).errno(errno), now, actions);
    }

    /// The server is gone: what comes next depends on who wanted that.
    #[inline(never)]
    pub(crate) fn server_ended(&mut self, server: Pid, exit: Exit, now: Instant, actions: &mut Actions) {
        let note = Note::new(Fact::ServerRespawn).pid(server).exit(exit);
        if self.memory.since.until(now) >= MIN_RUN_TIME {
            self.memory.delay = RESPAWN_DELAY;
            self.memory.proven = self.program;
        }
        if matches!(exit, Exit::NotExecuted(_)) {
            self.orphans = false;
            self.memory.since = Instant(0);
        }
        if self.stage == Stage::Up {
            if self.is_worse(now) {
                actions.add(Action::RollBack);
                self.memory.delay = RESPAWN_DELAY;
            }
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
        if self.stage == Stage::Asking && self.wishes.stop_orphans && self.ending.is_none() {
            // Whether it agreed, the courier knows, who is about to come back.
            return;
        }
        self.recall(actions);
        if self.ending.is_some() {
            self.run(Some(Task::Terminate), now, actions);
        } else {
            self.start(now, actions);
        }
    }

    /// Replaces the server by a new one; services live on as orphans of PID 1.
    pub(crate) fn restart(&mut self, now: Instant, actions: &mut Actions) {
        match (self.stage, self.server) {
            (Stage::Backoff, _) => {
                actions.fact(Fact::RespawnNow);
                self.start(now, actions);
            }
            (Stage::Up, Some(server)) => {
                actions.about(Fact::RestartBegun, server);
                self.ask(now, actions);
            }
            // It is being started, or restarted.
            _ => {}
        }
    }

    /// Counts the ends of a server that is another file than the last one that ran for long enough; true if these
    /// are too many.
    fn is_worse(&mut self, now: Instant) -> bool {
        if self.died != self.program {
            self.died = self.program;
            self.deaths = Burst::NONE;
        }
        let dying = self.deaths.complete(ROLL_BACK_DEATHS, MIN_RUN_TIME, now);
        let proven = self.memory.proven;
        let worse = dying && proven != 0 && proven != self.program;
        if worse {
            // Once: until one has run for long again there is nothing to go back to.
            self.memory.proven = 0;
        }
        worse
    }

    /// Counts the servers in a row that could not be executed; true if this one is one too many.
    ///
    /// A container's engine then has the last word. A machine tries for ever.
    fn gives_up(&mut self, exit: Exit) -> bool {
        let counts = matches!(exit, Exit::NotExecuted(_)) && self.wishes.place != Place::Machine;
        self.failures = if counts { self.failures.wrapping_add(1) } else { 0 };
        self.failures >= EXEC_ATTEMPTS
    }

    #[inline(always)]
    fn back_off(&mut self, why: Note, now: Instant, actions: &mut Actions) {
        let delay = self.memory.delay;
        self.memory.delay = delay.saturating_mul(2).min(RESPAWN_DELAY_MAX);
        actions.log(why.span(delay));
        if delay >= RESCUE_DELAY && self.wishes.place == Place::Machine {
            actions.add(Action::Rescue);
        }
        self.enter(Stage::Backoff, now + delay);
    }
}
