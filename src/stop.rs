//! Stops the server: RPC, then SIGUSR1 or SIGTERM, then SIGKILL.
//!
//! A soft restart is done by a helper. If that fails, it takes the same steps as a shutdown, each with its own request,
//! signal and timeout.

use crate::model::action::{Action, Actions};
use crate::model::event::Ending;
use crate::model::limits::{KILL_AGAIN, RESTART_TIMEOUT, SAVE_TIMEOUT};
use crate::model::message::{Message, Record};
use crate::model::policy::Orphans;
use crate::model::process::{Errno, Exit, Pid, Signal};
use crate::model::task::Task;
use crate::model::time::Instant;
use crate::parse::rpc::Outcome;
use crate::phase::{Phase, State, Step};

impl State {
    /// Starts the helper of a soft restart, which asks the server to exit and saves its services.
    pub(crate) fn begin_restart(&mut self, server: Pid, now: Instant, actions: &mut Actions) {
        actions.add(Action::SpawnRestarter);
        let kill_at = now + RESTART_TIMEOUT;
        let step = Step::RestarterSpawning;
        self.enter(Phase::Stopping { server: Some(server), step, kill_at, ending: None }, kill_at);
    }

    /// The helper of a soft restart exited, or could not be started.
    #[inline(always)] // 32 bytes of file
    pub(crate) fn restarter_ended(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        let reported = matches!(exit, Exit::Exited(0 | 1));
        if !reported {
            actions.log_record(Record::new(Message::RestarterFailed).exit(exit));
        } else if exit == Exit::Exited(0) {
            self.servers.orphans = false;
            self.stop_watcher(actions);
        }
        let Phase::Stopping { server, step, .. } = &mut self.phase else { return };
        match *server {
            None => self.start(now, actions),
            // A server that was killed already needs no request.
            Some(_) if *step == Step::Killed => {}
            Some(server) if !reported => self.begin_stop(server, None, now, actions),
            // The helper has seen the server's end before PID 1 has; the deadline stays.
            Some(_) => *step = Step::Waiting,
        }
    }

    /// The server has exited, and its helper does not report in time whether the services are saved.
    pub(crate) fn save_timed_out(&mut self, now: Instant, actions: &mut Actions) {
        actions.log(Message::SaveTimedOut);
        self.kill_helper(actions);
        self.stop_watcher(actions);
        self.start(now, actions);
    }

    /// Starts an RPC client that asks the server to exit; all steps together end at `kill_at`.
    pub(crate) fn begin_stop(
        &mut self,
        server: Pid,
        ending: Option<Ending>,
        now: Instant,
        actions: &mut Actions,
    ) {
        actions.add(Action::Rpc(Self::method(ending)));
        let timeout = self.stop_timeout(ending);
        let kill_at = now + timeout;
        let phase = Phase::Stopping { server: Some(server), step: Step::RpcSpawning, kill_at, ending };
        // Half of the server's time: one that does not answer gets the signal well before SIGKILL.
        self.enter(phase, now + (timeout >> 1));
    }

    /// No RPC client could be forked.
    pub(crate) fn rpc_not_spawned(&mut self, errno: Errno, actions: &mut Actions) {
        actions.log_record(Record::new(Message::NoHelper).errno(errno));
        self.signal_server(Message::RequestFailed, actions);
    }

    /// The RPC client exited; its status is the outcome.
    pub(crate) fn rpc_ended(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        let Phase::Stopping { server, step, kill_at, ending } = &mut self.phase else { return };
        let outcome = Outcome::of(exit);
        if outcome == Some(Outcome::Agreed) {
            // The server has saved its state, so the next server knows the services.
            self.servers.orphans = false;
        }
        // The server may have exited before its reply arrived.
        let Some(server) = *server else { return self.start(now, actions) };
        // Without an outcome the server has not answered, and the deadline for that stands.
        let Some(outcome) = outcome else { return };
        let (next, deadline) = match outcome.signal_after(Self::method(*ending)) {
            Some(0) => return self.signal_server(Message::RequestFailed, actions),
            Some(grace) => (Step::Grace, now + grace),
            None => (Step::Waiting, *kill_at),
        };
        if outcome != Outcome::Agreed {
            let left = now.until(deadline);
            actions.log_record(Record::new(Message::RequestUnanswered).pid(server).number(left));
        }
        *step = next;
        self.enter_step(deadline);
    }

    /// The RPC client did not exit in time.
    pub(crate) fn rpc_timed_out(&mut self, actions: &mut Actions) {
        self.kill_helper(actions);
        self.signal_server(Message::RequestTimedOut, actions);
    }

    /// Sends the signal with the same meaning as the request.
    pub(crate) fn signal_server(&mut self, why: Message, actions: &mut Actions) {
        let Phase::Stopping { server, step, kill_at, ending } = &mut self.phase else { return };
        *step = Step::Waiting;
        let (server, kill_at) = (*server, *kill_at);
        let signal = Self::method(*ending).signal();
        self.enter_step(kill_at);
        actions.log_record(Record::new(why).signal(signal));
        if let Some(server) = server {
            actions.signal(server, signal);
            // A stopped server does not act on the signal until it is continued.
            actions.signal(server, Signal::CONT);
        }
    }

    /// Kills the server, and repeats that while the server hangs in the kernel; a shutdown does not wait for its
    /// exit.
    #[inline(always)] // 80 bytes of file
    pub(crate) fn kill_server(&mut self, now: Instant, actions: &mut Actions) {
        // The helper of a soft restart stays: it saves the services of a server that was killed, too.
        if self.shutting_down() {
            self.kill_helper(actions);
        }
        let Phase::Stopping { server, step, ending, .. } = &mut self.phase else { return };
        if let Some(server) = *server {
            actions.log_about(Message::ServerKilled, server);
            actions.signal(server, Signal::KILL);
        }
        if let Some(ending) = *ending {
            self.run(ending, Task::Terminate, now, actions);
        } else {
            *step = Step::Killed;
            self.enter_step(now + KILL_AGAIN);
        }
    }

    /// The server exited as requested.
    pub(crate) fn server_stopped(&mut self, now: Instant, actions: &mut Actions) {
        let Phase::Stopping { server, step, ending, .. } = &mut self.phase else { return };
        let ending = *ending;
        // The helper's exit status says whether the services are saved. That of the RPC client makes no difference if
        // they are kept anyhow.
        let says_more = *step != Step::RpcPending || self.policy.orphans != Orphans::Keep;
        if ending.is_none() && self.helper.is_some() && says_more {
            *server = None;
            return self.enter_step(now + SAVE_TIMEOUT);
        }
        self.kill_helper(actions);
        match ending {
            Some(ending) => self.run(ending, Task::Terminate, now, actions),
            None => self.start(now, actions),
        }
    }
}
