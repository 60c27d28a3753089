//! PID 1 as a whole: it owns the phase and routes events.
//!
//! # Invariants
//! Asserted over every reachable state in `tests/reachable.rs`:
//! - there is at most one server, and none is started once the end has begun;
//! - on a machine `Exit` never happens and `Sync` comes before `Reboot`; elsewhere neither is done, and
//!   `Exit` comes once and last;
//! - a guest never signals all processes;
//! - a phase that waits for anything has a deadline, but for a running server and the very end;
//! - no sequence of events panics or fills the list of actions.

use crate::action::Actions;
use crate::event::{Ending, Event, Request};
use crate::process::{Pid, Place};
use crate::server::Server;
use crate::shutdown::Shutdown;
use crate::time::{Instant, Millis};
use crate::update;

/// The state of PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Init {
    place: Place,
    stop_timeout: Millis,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Down(Shutdown),
    Up(Server),
}

const _SIZE: () = assert!(size_of::<Init>() <= 256);

impl Init {
    /// PID 1 at boot, and what it does first; `stop_timeout` is the server's time to stop, ms.
    #[must_use]
    pub fn boot(place: Place, stop_timeout: Millis) -> (Self, Actions) {
        let mut actions = Actions::default();
        let phase = Phase::Up(Server::boot(&mut actions));
        (Self { place, stop_timeout, phase }, actions)
    }

    /// When to deliver `Timeout`, if nothing else happens first.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Down(shutdown) => shutdown.deadline(),
            Phase::Up(server) => server.deadline(),
        }
    }

    /// Takes one event. A `Timeout` that is early or repeated changes nothing.
    #[must_use]
    pub fn handle(&mut self, event: Event, now: Instant) -> Actions {
        let mut actions = Actions::default();
        match (&mut self.phase, event) {
            (Phase::Up(server), Event::Requested(Request::CtrlAltDel)) => {
                let server = server.abandon(&mut actions);
                self.end(Ending::Reboot, server, now, &mut actions);
            }
            (Phase::Up(server), Event::Requested(Request::End(ending))) => {
                let server = server.abandon(&mut actions);
                self.end(ending, server, now, &mut actions);
            }
            (Phase::Up(_), Event::Requested(Request::Update)) => update::requested(&mut actions),
            (Phase::Up(server), event) => server.handle(&event, now, &mut actions),
            (Phase::Down(shutdown), event) => shutdown.handle(&event, now, &mut actions),
        }
        if let (Phase::Down(shutdown), Event::Requested(Request::CtrlAltDel)) = (&mut self.phase, event) {
            shutdown.ctrl_alt_del(now, &mut actions);
        }
        actions
    }

    fn end(&mut self, ending: Ending, server: Option<Pid>, now: Instant, actions: &mut Actions) {
        self.phase = Phase::Down(Shutdown::new(self.place, ending));
        if let Phase::Down(shutdown) = &mut self.phase {
            shutdown.begin(server, self.stop_timeout, now, actions);
        }
    }
}
