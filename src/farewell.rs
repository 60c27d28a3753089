//! How a server is asked to go: by its socket, then by a signal, then by KILL.
//!
//! The soft restart and the shutdown say it in the same three steps, each with its own request, signal and
//! patience.

use crate::action::{Action, Actions};
use crate::limits::{COURIER_TIMEOUT, KILL_AGAIN, RESTART_SETTLE, RESTART_TIMEOUT};
use crate::log::{Fact, Note};
use crate::process::{Errno, Exit, Signal};
use crate::rpc::{Method, Outcome};
use crate::state::{Stage, State};
use crate::task::Task;
use crate::time::{Instant, Millis};

impl State {
    /// Asks the server to go; it has its patience until KILL, all steps together.
    #[inline(always)]
    pub(crate) fn ask(&mut self, now: Instant, actions: &mut Actions) {
        actions.add(Action::Ask(self.method()));
        self.until = now + self.patience();
        self.enter(Stage::Sending, now + self.courier_timeout());
    }

    /// No courier could be forked.
    pub(crate) fn not_sent(&mut self, errno: Errno, actions: &mut Actions) {
        actions.log(Note::new(Fact::NoHelper).errno(errno));
        self.signal(Fact::RequestFailed, actions);
    }

    /// The courier is back.
    pub(crate) fn answered(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        let outcome = Outcome::of(exit);
        // The next server knows the services of one that agreed.
        self.orphans &= outcome != Outcome::Agreed;
        match (outcome, self.method(), self.server) {
            // It was faster than the courier.
            (_, _, None) => self.start(now, actions),
            (Outcome::Agreed, ..) => self.enter(Stage::Leaving, self.until),
            (Outcome::Unclear, Method::PrepareRestart, Some(server)) => {
                actions.log(Note::new(Fact::RequestUnanswered).pid(server).span(RESTART_SETTLE));
                self.enter(Stage::Settling, now + RESTART_SETTLE);
            }
            _ => self.signal(Fact::RequestFailed, actions),
        }
    }

    /// The courier takes too long.
    pub(crate) fn not_answered(&mut self, now: Instant, actions: &mut Actions) {
        self.recall(actions);
        if self.server.is_none() {
            self.start(now, actions);
        } else {
            self.signal(Fact::RequestTimedOut, actions);
        }
    }

    /// Ends a child that is still under way, because nobody waits for it any more.
    pub(crate) fn recall(&mut self, actions: &mut Actions) {
        if let Some(helper) = self.helper.take() {
            actions.signal(helper, Signal::KILL);
        }
    }

    /// Ends the patience with the server, and does so again as long as it hangs in the kernel.
    pub(crate) fn kill(&mut self, now: Instant, actions: &mut Actions) {
        self.recall(actions);
        if let Some(server) = self.server {
            actions.about(Fact::ServerKilled, server);
            actions.signal(server, Signal::KILL);
        }
        if self.ending.is_some() {
            self.server = None;
            self.run(Some(Task::Terminate), now, actions);
        } else {
            self.enter(Stage::Killed, now + KILL_AGAIN);
        }
    }

    /// Tells a server by a signal that did not take it from its socket.
    pub(crate) fn signal(&mut self, why: Fact, actions: &mut Actions) {
        let signal = self.method().signal();
        actions.log(Note::new(why).signal(signal).span(self.courier_timeout()));
        if let Some(server) = self.server {
            actions.signal(server, signal);
            // A stopped server would not take it before it is continued.
            actions.signal(server, Signal::CONT);
        }
        self.enter(Stage::Leaving, self.until);
    }

    const fn method(&self) -> Method {
        if self.ending.is_some() { Method::Shutdown } else { Method::PrepareRestart }
    }

    const fn patience(&self) -> Millis {
        if self.ending.is_some() { self.wishes.stop_timeout } else { RESTART_TIMEOUT }
    }

    /// Half of the patience at most, so that a server that does not answer gets the signal well before KILL.
    #[inline(always)]
    fn courier_timeout(&self) -> Millis {
        (self.patience() >> 1).min(COURIER_TIMEOUT)
    }
}
