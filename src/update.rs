//! The replacement of PID 1 by a newer one: another program looks for it, and verifies, probes and installs it.

use crate::action::{Action, Actions};
use crate::log::Fact;
use crate::state::State;
use crate::time::Instant;

impl State {
    /// Another version is in place: PID 1 becomes it, unless the end has begun.
    ///
    /// A soft restart that is under way is not handed over: its server ends, and a new one is started.
    pub(crate) fn updated(&mut self, now: Instant, actions: &mut Actions) {
        if self.ending.is_some() {
            actions.fact(Fact::AlreadyEnding);
        } else {
            // How long the server has run is not handed over.
            self.forget_crashes(now);
            actions.add(Action::HandOver(self.delay));
        }
    }
}
