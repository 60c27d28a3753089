//! How a server is asked to go: by its socket, then by a signal, then by KILL.
//!
//! The soft restart and the shutdown say it in the same three steps, each with its own request, signal and
//! patience.

use crate::action::{Action, Actions};
use crate::event::Event;
use crate::limits::{COURIER_TIMEOUT, KILL_AGAIN, RESTART_SETTLE};
use crate::log::{Fact, Note};
use crate::process::{Exit, Pid, Signal};
use crate::reaper;
use crate::rpc::{Method, Outcome};
use crate::time::{Instant, Millis};

/// A server that is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Farewell {
    server: Pid,
    method: Method,
    step: Step,
    patience: Millis,
    /// When the step at hand ends.
    deadline: Instant,
    /// When the server is killed.
    until: Instant,
}

/// The steps, in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// The answer to `Ask` is due.
    Sending,
    /// The courier is with the server.
    Asking { courier: Pid },
    /// The server hung up on the courier: perhaps it is exiting.
    Settling,
    /// The server agreed or got a signal.
    Leaving,
    /// The server was killed and is not dead yet.
    Killed,
}

impl Farewell {
    /// Asks `server` by `method`; `patience` is the time until KILL, all steps together.
    #[inline(always)]
    pub fn begin(server: Pid, method: Method, patience: Millis, now: Instant, actions: &mut Actions) -> Self {
        actions.add(Action::Ask(method));
        let deadline = now + courier_timeout(patience);
        Self { server, method, step: Step::Sending, patience, deadline, until: now + patience }
    }

    /// The server that is to go.
    #[must_use]
    pub const fn server(&self) -> Pid {
        self.server
    }

    /// When the step at hand ends.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// True once the server was killed.
    #[must_use]
    pub const fn is_killed(&self) -> bool {
        matches!(self.step, Step::Killed)
    }

    /// Takes one event; true if it was the server's end.
    #[inline(never)]
    pub fn handle(&mut self, event: &Event, now: Instant, actions: &mut Actions) -> bool {
        use {Event::*, Step::*};
        match (self.step, *event) {
            (_, Reaped(pid, exit)) if pid == self.server => {
                actions.log(Note::new(Fact::ServerEnded).pid(pid).exit(exit));
                self.recall(actions);
                return true;
            }
            (Sending, Spawned(courier)) => self.step = Asking { courier },
            (Sending, SpawnFailed(errno)) => {
                actions.log(Note::new(Fact::NoHelper).errno(errno));
                self.signal(Fact::RequestFailed, actions);
            }
            (Asking { courier }, Reaped(pid, exit)) if pid == courier => self.answered(exit, now, actions),
            (_, Reaped(pid, exit)) => reaper::orphan(pid, exit, actions),
            (_, Timeout) if self.deadline <= now => self.timeout(now, actions),
            // Early timers, and what the way out overtakes.
            (
                Sending | Asking { .. } | Settling | Leaving | Killed,
                NoChildren | Requested(_) | SpawnFailed(_) | Spawned(_) | Timeout,
            ) => {}
        }
        false
    }

    /// Cuts the patience down, so that the server is killed at `until` at the latest.
    pub fn cut(&mut self, until: Instant) {
        self.until = self.until.min(until);
        self.deadline = self.deadline.min(until);
    }

    /// Ends a courier that is still under way, because nobody waits for it any more.
    pub fn recall(&self, actions: &mut Actions) {
        if let Step::Asking { courier } = self.step {
            actions.signal(courier, Signal::KILL);
        }
    }

    /// Ends the patience with the server, and does so again as long as it hangs in the kernel.
    pub fn kill(&mut self, now: Instant, actions: &mut Actions) {
        self.recall(actions);
        actions.about(Fact::ServerKilled, self.server);
        actions.signal(self.server, Signal::KILL);
        self.enter(Step::Killed, now + KILL_AGAIN);
    }

    fn answered(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        match (Outcome::of(exit), self.method) {
            (Outcome::Agreed, _) => self.enter(Step::Leaving, self.until),
            (Outcome::Closed, Method::PrepareRestart) => {
                actions.log(Note::new(Fact::RequestUnanswered).pid(self.server).span(RESTART_SETTLE));
                self.enter(Step::Settling, now + RESTART_SETTLE);
            }
            (Outcome::Closed, Method::Shutdown) | (Outcome::Failed, _) => {
                self.signal(Fact::RequestFailed, actions);
            }
        }
    }

    fn timeout(&mut self, now: Instant, actions: &mut Actions) {
        match self.step {
            Step::Sending | Step::Asking { .. } => {
                self.recall(actions);
                self.signal(Fact::RequestTimedOut, actions);
            }
            Step::Settling => self.signal(Fact::RequestFailed, actions),
            Step::Leaving | Step::Killed => self.kill(now, actions),
        }
    }

    /// Tells a server by a signal that did not take it from its socket.
    fn signal(&mut self, why: Fact, actions: &mut Actions) {
        let signal = self.method.signal();
        actions.log(Note::new(why).signal(signal).span(courier_timeout(self.patience)));
        actions.signal(self.server, signal);
        // A stopped server would not take it before it is continued.
        actions.signal(self.server, Signal::CONT);
        self.enter(Step::Leaving, self.until);
    }

    fn enter(&mut self, step: Step, deadline: Instant) {
        self.step = step;
        self.deadline = deadline;
    }
}

/// Half of the patience at most, so that a server that does not answer gets the signal well before KILL.
const fn courier_timeout(patience: Millis) -> Millis {
    let half = patience >> 1;
    if half < COURIER_TIMEOUT { half } else { COURIER_TIMEOUT }
}
