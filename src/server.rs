//! The server's life: start, respawn with a growing delay, soft restart.

use crate::action::{Action, Actions};
use crate::event::{Event, Request};
use crate::farewell::Farewell;
use crate::limits::{MIN_RUN_TIME, RESPAWN_DELAY, RESPAWN_DELAY_MAX, RESTART_TIMEOUT};
use crate::log::{Fact, Note};
use crate::process::Pid;
use crate::reaper;
use crate::rpc::Method;
use crate::time::{Instant, Millis};

/// The one server, dead or alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    state: State,
    /// What the next backoff lasts, unless the server runs for [`MIN_RUN_TIME`] before.
    delay: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The next server is started at `until`.
    Backoff { until: Instant },
    /// A soft restart is under way; services live on as orphans of PID 1.
    Restarting(Farewell),
    /// The answer to `SpawnServer` is due.
    Starting,
    /// The server runs.
    Up { server: Pid, since: Instant },
}

impl Server {
    /// The server at boot, about to be started.
    pub fn boot(actions: &mut Actions) -> Self {
        actions.add(Action::SpawnServer);
        Self { state: State::Starting, delay: RESPAWN_DELAY }
    }

    /// When to deliver `Timeout`, if nothing else happens first.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Backoff { until } => Some(*until),
            State::Restarting(farewell) => Some(farewell.deadline()),
            State::Starting | State::Up { .. } => None,
        }
    }

    /// Gives up what is under way, because the end has begun, and names the server that is to be stopped.
    pub fn abandon(&self, actions: &mut Actions) -> Option<Pid> {
        match &self.state {
            State::Restarting(farewell) => {
                farewell.recall(actions);
                Some(farewell.server())
            }
            State::Up { server, .. } => Some(*server),
            State::Backoff { .. } | State::Starting => None,
        }
    }

    /// Takes one event. A `Timeout` that is early or repeated changes nothing.
    #[inline(never)]
    pub fn handle(&mut self, event: &Event, now: Instant, actions: &mut Actions) {
        use {Event::*, State::*};
        match (&mut self.state, *event) {
            (Restarting(farewell), _) => {
                if farewell.handle(event, now, actions) {
                    self.start(actions);
                }
            }
            (Starting, Spawned(server)) => {
                actions.about(Fact::ServerStarted, server);
                self.state = Up { server, since: now };
            }
            (Starting, SpawnFailed(errno)) => {
                self.back_off(Note::new(Fact::SpawnFailed).errno(errno), now, actions);
            }
            (Backoff { until }, Timeout) if *until <= now => self.start(actions),
            (Backoff { .. }, Requested(Request::RestartServer)) => {
                actions.fact(Fact::RespawnNow);
                self.start(actions);
            }
            (Up { server, since }, Reaped(pid, exit)) if pid == *server => {
                forget_crashes(&mut self.delay, *since, now);
                self.back_off(Note::new(Fact::ServerRespawn).pid(pid).exit(exit), now, actions);
            }
            (Up { server, since }, Requested(Request::RestartServer)) => {
                forget_crashes(&mut self.delay, *since, now);
                actions.about(Fact::RestartBegun, *server);
                let farewell =
                    Farewell::begin(*server, Method::PrepareRestart, RESTART_TIMEOUT, now, actions);
                self.state = Restarting(farewell);
            }
            (Backoff { .. } | Starting | Up { .. }, Reaped(pid, exit)) => reaper::orphan(pid, exit, actions),
            // An early timer, a restart of what is being started, or an answer that nobody waits for.
            (
                Backoff { .. } | Starting | Up { .. },
                NoChildren | Requested(_) | SpawnFailed(_) | Spawned(_) | Timeout,
            ) => {}
        }
    }

    #[inline(always)]
    fn start(&mut self, actions: &mut Actions) {
        actions.add(Action::SpawnServer);
        self.state = State::Starting;
    }

    #[inline(always)]
    fn back_off(&mut self, why: Note, now: Instant, actions: &mut Actions) {
        let delay = self.delay;
        self.delay = delay.saturating_mul(2).min(RESPAWN_DELAY_MAX);
        actions.log(why.span(delay));
        self.state = State::Backoff { until: now + delay };
    }
}

/// Makes the delay the first one again, if the server has run for long enough.
fn forget_crashes(delay: &mut Millis, since: Instant, now: Instant) {
    if since.until(now) >= MIN_RUN_TIME {
        *delay = RESPAWN_DELAY;
    }
}
