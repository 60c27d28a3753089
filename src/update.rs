//! The replacement of PID 1 by a newer one: another program looks for it, and verifies, probes and installs it.

use crate::action::{Action, Actions};
use crate::limits::UPDATE_SETTLE;
use crate::log::Fact;
use crate::state::{Stage, State};
use crate::time::Instant;

impl State {
    /// Another version is in place: PID 1 becomes it, unless the end has begun.
    pub(crate) fn updated(&mut self, actions: &mut Actions) {
        if self.ending.is_some() {
            actions.fact(Fact::AlreadyEnding);
        } else {
            self.update = true;
        }
    }

    /// Has PID 1 replaced, if that is due and nothing else is under way.
    ///
    /// A soft restart and the end of orphans take some seconds, and a server that was just forked has not told yet
    /// what it runs.
    #[inline(always)]
    pub(crate) fn hand_over(&mut self, now: Instant, actions: &mut Actions) {
        let settled = self.memory.since + UPDATE_SETTLE;
        let rests = self.stage == Stage::Backoff || self.stage == Stage::Up;
        if !self.update || !rests {
            return;
        }
        if self.stage == Stage::Up && now < settled {
            self.deadline = settled;
        } else {
            self.update = false;
            actions.add(Action::HandOver);
        }
    }
}
