//! PID 1 as a whole: it owns the phase and routes events.
//!
//! # Invariants
//! Asserted over every reachable state in `tests/reachable.rs`:
//! - there is at most one server, and none is started once the end has begun;
//! - on a machine `Exit` never happens, and sync, swapoff, unmount and sync come in this order before the
//!   first `reboot`; elsewhere none of them is done, and `Exit` comes once and last;
//! - a guest never signals all processes;
//! - a phase that waits for anything has a deadline, but for a running server and an exit;
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
    poweroff: Ending,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Down(Shutdown),
    Up(Server),
}

const _SIZE: () = assert!(size_of::<Init>() <= 256);

impl Init {
    /// PID 1 at boot, and what it does first; `stop_timeout` is the server's time to stop, ms, and
    /// `poweroff` what a power off is to end with.
    #[must_use]
    pub fn boot(place: Place, stop_timeout: Millis, poweroff: Ending) -> (Self, Actions) {
        let mut actions = Actions::default();
        let phase = Phase::Up(Server::boot(&mut actions));
        (Self { place, stop_timeout, poweroff, phase }, actions)
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
        let ending = if let Event::Requested(request) = event { request.ending() } else { None };
        match (&mut self.phase, event) {
            (Phase::Up(_), Event::Requested(Request::Update)) => update::requested(&mut actions),
            (Phase::Up(server), event) => match ending {
                Some(ending) => {
                    let server = server.abandon(&mut actions);
                    self.end(ending, server, now, &mut actions);
                }
                None => server.handle(&event, now, &mut actions),
            },
            (Phase::Down(shutdown), event) => shutdown.handle(&event, now, &mut actions),
        }
        // What began the end counts here as well.
        if let (Phase::Down(shutdown), Event::Requested(request)) = (&mut self.phase, event) {
            match request {
                Request::CtrlAltDel => shutdown.ctrl_alt_del(now, &mut actions),
                Request::PowerFailure => shutdown.power_failure(now),
                Request::End(_) | Request::RestartServer | Request::Update => {}
            }
        }
        actions
    }

    fn end(&mut self, ending: Ending, server: Option<Pid>, now: Instant, actions: &mut Actions) {
        self.phase = Phase::Down(Shutdown::new(self.place, ending));
        if let Phase::Down(shutdown) = &mut self.phase {
            shutdown.begin(server, self.stop_timeout, self.poweroff, now, actions);
        }
    }
}
