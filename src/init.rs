//! The whole state machine of PID 1: routes each event to the transition for the current phase.
//!
//! # Invariants
//! Asserted over every reachable state in `tests/policy/reachable.rs`:
//! - there is at most one server, and none is started once a shutdown has begun;
//! - on a machine there is no `Exit`, and sync, swapoff, unmount, remount and sync run in this order before the first
//!   `reboot`; in the other roles none of these tasks runs, and `Exit` occurs once, as the last action;
//! - without a request a container exits after as many failures of servers in a row as are set, and not before;
//! - a subreaper has no token to signal all processes, and runs no task but those two that then signal its children;
//! - each phase that waits has a deadline, except for a running server and an exit;
//! - no sequence of events panics or fills the list of actions.

use crate::model::action::{Action, Actions};
use crate::model::event::{Ending, Event, Request};
use crate::model::limits::{LATE, RESTART_TIMEOUT, SAVE_TIMEOUT};
use crate::model::message::{Message, Record};
use crate::model::policy::Policy;
use crate::model::process::{Errno, Exit, FileId, Pid};
use crate::model::rate::RateWindow;
use crate::model::reexec::{Child, ReexecState, ServerHistory};
use crate::model::time::Instant;
use crate::phase::{Phase, Servers, State, Step};
use crate::reaper;

/// PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Init(State);

const _SIZE: () = assert!(size_of::<Init>() <= 256);

impl Init {
    /// PID 1 at its start. `before` is the re-exec state of an earlier PID 1: its server is adopted if it still runs,
    /// and its soft restart is continued if the helper still runs; otherwise a server is due at once.
    #[must_use]
    pub fn boot(policy: Policy, before: &ReexecState, now: Instant) -> Self {
        let server = before.server();
        let helper = before.child(Child::RESTARTER);
        let (phase, deadline) = match server {
            _ if helper.is_some() => {
                let kill_at = now + RESTART_TIMEOUT;
                let deadline = if server.is_some() { kill_at } else { now + SAVE_TIMEOUT };
                (Phase::Stopping { server, step: Step::RestarterPending, kill_at, ending: None }, deadline)
            }
            // Due at once: a watcher may be missing.
            Some(server) => (Phase::Running { server }, Instant(0)),
            None => (Phase::Backoff, Instant(0)),
        };
        let history = before.history();
        // A server was executed before: it has left services behind, or may do so when it exits. A fault can come
        // between the fork of a server and the record of its start.
        let orphans = history.started_at.0 != 0 || before.server().is_some();
        Self(State {
            phase,
            deadline,
            put_off: false,
            fork_until: Instant(0),
            helper,
            servers: Servers {
                history,
                file: before.server_file(),
                orphans,
                watched: before.child(Child::WATCHER).is_some(),
                ..Servers::NONE
            },
            update_pending: false,
            ctrl_alt_dels: RateWindow::NONE,
            policy,
        })
    }

    /// Records the identity of the server's executable, once the child has reported it.
    pub const fn set_server_file(&mut self, file: FileId) {
        self.0.servers.file = file;
    }

    /// How the machine, or this process, ends, once that has begun.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.0.ending()
    }

    /// The server history that the next PID 1 needs, if this one is replaced now.
    #[must_use]
    pub const fn history(&self) -> &ServerHistory {
        &self.0.servers.history
    }

    /// The current phase.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        &self.0.phase
    }

    /// When to deliver `Timeout`, if nothing else happens first.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        (self.0.deadline != Instant::NEVER).then_some(self.0.deadline)
    }

    /// Handles one event. An early or repeated `Timeout` changes nothing, and neither does an answer for which the
    /// phase does not wait.
    #[inline(never)] // 800 bytes of file
    pub fn handle(&mut self, event: Event, now: Instant, actions: &mut Actions) {
        let state = &mut self.0;
        match event {
            Event::NoChildren => state.no_children(now, actions),
            Event::OnlyReaders => state.only_readers(now),
            Event::Reaped(pid, exit) => state.reaped(pid, exit, now, actions),
            Event::Requested(request) => state.requested(request, now, actions),
            Event::SpawnFailed(errno) => state.spawn_failed(errno, now, actions),
            Event::Spawned(pid) => state.spawned(pid, actions),
            Event::Timeout => {
                if state.deadline <= now && !state.put_off_if_late(now, actions) {
                    state.timed_out(now, actions);
                }
            }
            Event::Updated => state.updated(actions),
            Event::WatcherEnded(exit) => state.watcher_ended(exit, now, actions),
        }
        state.reexec_if_due(now, actions);
    }
}

impl State {
    fn reaped(&mut self, pid: Pid, exit: Exit, now: Instant, actions: &mut Actions) {
        if self.server() == Some(pid) {
            self.server_ended(pid, exit, now, actions);
        } else if self.helper == Some(pid) {
            self.helper = None;
            self.helper_ended(exit, now, actions);
        } else {
            reaper::orphan(pid, exit, actions);
        }
    }

    fn helper_ended(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        match self.phase {
            Phase::Stopping { step: Step::RpcPending, .. } => self.rpc_ended(exit, now, actions),
            Phase::Stopping { .. } => self.restarter_ended(exit, now, actions),
            Phase::EndingOrphans => self.orphans_ended(exit, now, actions),
            Phase::Working { ending, task } => self.task_ended(ending, task, exit, now, actions),
            // These phases have no helper.
            Phase::Starting
            | Phase::Running { .. }
            | Phase::Backoff
            | Phase::SavingServices
            | Phase::DeadEnd
            | Phase::Exiting => {}
        }
    }

    fn requested(&mut self, request: Request, now: Instant, actions: &mut Actions) {
        match (request.ending(), self.shutting_down()) {
            (_, true) => actions.log(Message::AlreadyEnding),
            (Some(ending), false) => self.begin(ending, now, actions),
            (None, false) if request == Request::Update => {
                actions.log(Message::UpdateBegun);
                actions.add(Action::SpawnUpdater);
            }
            (None, false) => self.restart(now, actions),
        }
        // A Ctrl-Alt-Del that began the shutdown is counted here as well.
        match request {
            Request::CtrlAltDel => self.ctrl_alt_del(now, actions),
            Request::PowerFailure => self.power_failure(now),
            Request::End(_) | Request::RestartServer | Request::Update => {}
        }
    }

    fn spawned(&mut self, pid: Pid, actions: &mut Actions) {
        match &mut self.phase {
            Phase::Starting => self.started(pid, actions),
            Phase::Stopping { step, .. } => {
                *step =
                    if *step == Step::RestarterSpawning { Step::RestarterPending } else { Step::RpcPending };
                self.helper = Some(pid);
            }
            Phase::EndingOrphans => self.helper = Some(pid),
            Phase::Working { .. } => {
                self.fork_until = Instant(0);
                self.helper = Some(pid);
            }
            // These phases fork no child.
            Phase::Running { .. }
            | Phase::Backoff
            | Phase::SavingServices
            | Phase::DeadEnd
            | Phase::Exiting => {}
        }
    }

    fn spawn_failed(&mut self, errno: Errno, now: Instant, actions: &mut Actions) {
        match self.phase {
            Phase::Starting => self.not_started(errno, now, actions),
            Phase::Stopping { step: Step::RestarterSpawning, .. } => {
                self.restarter_ended(Exit::NotExecuted(errno), now, actions);
            }
            Phase::Stopping { .. } => self.rpc_not_spawned(errno, actions),
            Phase::EndingOrphans => self.orphans_not_ended(errno, now, actions),
            Phase::Working { ending, task } => self.task_not_spawned(ending, task, errno, now, actions),
            // These phases fork no child.
            Phase::Running { .. }
            | Phase::Backoff
            | Phase::SavingServices
            | Phase::DeadEnd
            | Phase::Exiting => {}
        }
    }

    /// Puts a deadline off, once, if it is found late: this process and those whose time is over were frozen, as by a
    /// pause of the container. True if that was done.
    fn put_off_if_late(&mut self, now: Instant, actions: &mut Actions) -> bool {
        let late = self.deadline.until(now);
        let ends_by_signal = match self.phase {
            Phase::Stopping { .. } | Phase::SavingServices | Phase::EndingOrphans => true,
            // The others are tasks of a machine, which is not frozen while its clock runs.
            Phase::Working { task, .. } => task.waits_for_processes(),
            Phase::Starting | Phase::Running { .. } | Phase::Backoff | Phase::DeadEnd | Phase::Exiting => {
                false
            }
        };
        if late <= LATE || self.put_off || !ends_by_signal {
            return false;
        }
        actions.log_record(Record::new(Message::FoundLate).number(late));
        let more = late.min(self.policy.stop_timeout);
        self.deadline = now + more;
        if let Phase::Stopping { kill_at, .. } = &mut self.phase {
            *kill_at = *kill_at + late + more;
        }
        self.put_off = true;
        true
    }

    /// The deadline has passed.
    fn timed_out(&mut self, now: Instant, actions: &mut Actions) {
        match self.phase {
            Phase::Backoff => self.start(now, actions),
            Phase::Stopping { server: None, .. } | Phase::SavingServices => self.save_timed_out(now, actions),
            Phase::Stopping { step, .. } => match step {
                Step::RestarterSpawning | Step::RestarterPending => self.kill_server(now, actions),
                Step::RpcSpawning | Step::RpcPending => self.rpc_timed_out(actions),
                Step::Grace => self.signal_server(Message::RequestFailed, actions),
                Step::Waiting | Step::Killed => self.kill_server(now, actions),
            },
            Phase::EndingOrphans => self.orphans_timed_out(now, actions),
            Phase::Working { ending, task } if self.fork_until.0 != 0 => self.run(ending, task, now, actions),
            Phase::Working { ending, task } => self.task_timed_out(ending, task, now, actions),
            Phase::DeadEnd => self.dead_end(now, actions),
            // PID 1 was replaced, or an update is pending.
            Phase::Running { .. } => {
                self.deadline = Instant::NEVER;
                self.watch(actions);
            }
            // These phases have no deadline.
            Phase::Starting | Phase::Exiting => {}
        }
    }
}
