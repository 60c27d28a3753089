//! PID 1 as a whole: it routes events.
//!
//! # Invariants
//! Asserted over every reachable state in `tests/reachable.rs`:
//! - there is at most one server, and none is started once the end has begun;
//! - on a machine `Exit` never happens, and sync, swapoff, unmount and sync come in this order before the
//!   first `reboot`; elsewhere none of them is done, and `Exit` comes once and last;
//! - a guest never signals all processes;
//! - a phase that waits for anything has a deadline, but for a running server and an exit;
//! - no sequence of events panics or fills the list of actions.

use crate::action::{Action, Actions};
use crate::burst::Burst;
use crate::config::Wishes;
use crate::event::{Event, Request};
use crate::handover::{HandOver, Memory};
use crate::log::Fact;
use crate::process::{Exit, Pid, Program};
use crate::reaper;
use crate::state::{Stage, State};
use crate::task::Task;
use crate::time::Instant;

/// PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Init(State);

const _SIZE: () = assert!(size_of::<Init>() <= 256);

impl Init {
    /// PID 1 at boot; `before` is what one before it handed over, whose server lives. A server is due at once, if
    /// there is none.
    #[must_use]
    #[inline(always)]
    pub const fn boot(wishes: Wishes, before: &HandOver) -> Self {
        let (stage, deadline) = match before.server() {
            Some(_) => (Stage::Up, Instant::NEVER),
            None => (Stage::Backoff, Instant(0)),
        };
        Self(State {
            stage,
            deadline,
            ending: None,
            server: before.server(),
            helper: None,
            memory: before.memory(),
            until: Instant(0),
            failures: 0,
            program: before.program(),
            died: 0,
            deaths: Burst::NONE,
            // There was a server before that is gone, or there is one that can go.
            orphans: before.memory().since.0 != 0,
            update: false,
            task: Task::Terminate,
            burst: Burst::NONE,
            wishes,
        })
    }

    /// Takes in what the server runs, as far as it has said so.
    #[inline(always)]
    pub const fn learn(&mut self, program: Program) {
        self.0.program = program;
    }

    /// What another PID 1 has to know that takes this one's place.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// When to deliver `Timeout`, if nothing else happens first.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        (self.0.deadline != Instant::NEVER).then_some(self.0.deadline)
    }

    /// Takes one event. A `Timeout` that is early or repeated changes nothing, and neither does an answer
    /// that nobody waits for.
    #[inline(never)]
    pub fn handle(&mut self, event: Event, now: Instant, actions: &mut Actions) {
        let state = &mut self.0;
        match event {
            Event::NoChildren => {
                if state.is_ending_processes() {
                    state.run(Some(Task::Sync), now, actions);
                }
            }
            Event::Reaped(pid, exit) => state.reaped(pid, exit, now, actions),
            Event::Requested(request) => state.requested(request, now, actions),
            Event::SpawnFailed(errno) => match state.stage {
                Stage::Starting => state.not_started(errno, now, actions),
                Stage::Sending => state.not_sent(errno, actions),
                Stage::Working if state.task == Task::Orphans => {
                    // Nor could a server: both are tried again later.
                    state.orphans = true;
                    state.not_started(errno, now, actions);
                }
                Stage::Working => state.task_ended(Exit::NotExecuted(errno), now, actions),
                _ => {}
            },
            Event::Spawned(pid) => match state.stage {
                Stage::Starting => state.started(pid, now, actions),
                Stage::Sending => {
                    state.helper = Some(pid);
                    state.stage = Stage::Asking;
                }
                // Who waits for processes to end learns nothing from the child that signals them.
                Stage::Working if !state.task.is_for_processes() => state.helper = Some(pid),
                _ => {}
            },
            Event::Timeout => {
                if state.deadline <= now {
                    state.timeout(now, actions);
                }
            }
            Event::Updated => state.updated(actions),
        }
        state.hand_over(now, actions);
    }
}

impl State {
    fn reaped(&mut self, pid: Pid, exit: Exit, now: Instant, actions: &mut Actions) {
        if self.server == Some(pid) {
            self.server = None;
            self.server_ended(pid, exit, now, actions);
        } else if self.helper == Some(pid) {
            self.helper = None;
            if self.stage == Stage::Asking {
                self.answered(exit, now, actions);
            } else {
                self.task_ended(exit, now, actions);
            }
        } else {
            reaper::orphan(pid, exit, actions);
        }
    }

    fn requested(&mut self, request: Request, now: Instant, actions: &mut Actions) {
        match (request.ending(), self.ending) {
            (Some(_), Some(_)) => actions.fact(Fact::AlreadyEnding),
            (Some(ending), None) => self.begin(ending, now, actions),
            (None, None) if request == Request::Update => actions.add(Action::Update),
            (None, None) => self.restart(now, actions),
            (None, Some(_)) => {}
        }
        // What began the end counts here as well.
        match request {
            Request::CtrlAltDel => self.ctrl_alt_del(now, actions),
            Request::PowerFailure => self.power_failure(now),
            _ => {}
        }
    }

    /// What a deadline means that has passed.
    fn timeout(&mut self, now: Instant, actions: &mut Actions) {
        match self.stage {
            Stage::Backoff => self.start(now, actions),
            Stage::Sending | Stage::Asking => self.not_answered(now, actions),
            Stage::Settling => self.signal(Fact::RequestFailed, actions),
            Stage::Leaving | Stage::Killed | Stage::Working => self.give_up(now, actions),
            Stage::Final => self.dead_end(now, actions),
            // Here it only is a moment for what is behind it.
            Stage::Up => self.deadline = Instant::NEVER,
            // It has none.
            Stage::Starting => {}
        }
    }
}
