//! The replacement of PID 1 by a newer version, which another program verifies, probes and installs.

use crate::model::action::{Action, Actions};
use crate::model::limits::UPDATE_SETTLE;
use crate::model::message::Message;
use crate::model::time::Instant;
use crate::phase::{Phase, State};

impl State {
    /// Another version is installed: PID 1 re-execs as that version, unless a shutdown has begun.
    pub(crate) fn updated(&mut self, actions: &mut Actions) {
        if self.shutting_down() {
            actions.log(Message::AlreadyEnding);
        } else {
            self.update_pending = true;
        }
    }

    /// Re-execs PID 1 if an update is pending and nothing is in progress.
    ///
    /// A soft restart and the end of orphans take some seconds, and a server that was just forked has not reported
    /// yet which file it runs.
    pub(crate) fn reexec_if_due(&mut self, now: Instant, actions: &mut Actions) {
        if !self.update_pending {
            return;
        }
        let settled = self.servers.history.started_at + UPDATE_SETTLE;
        match self.phase {
            // Wake-up for a pending update; a running server has no deadline.
            Phase::Running { .. } if now < settled => self.deadline = settled,
            Phase::Running { .. } | Phase::Backoff => {
                self.update_pending = false;
                actions.add(Action::Reexec);
            }
            // Something is in progress: the update is checked again after the next event.
            Phase::Starting | Phase::Stopping { .. } | Phase::SavingServices | Phase::EndingOrphans => {}
            // `begin` has dropped the update.
            Phase::Working { .. } | Phase::DeadEnd | Phase::Exiting => {}
        }
    }
}
