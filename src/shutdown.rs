//! The end: stop the server, end every process, save the disks, end the machine.
//!
//! Each stage ends the moment its condition holds, and at its deadline in any case.

use crate::action::{Action, Actions};
use crate::event::{Ending, Event};
use crate::farewell::Farewell;
use crate::limits::{BURST, BURST_WINDOW, DEAD_END_REMINDER, POWER_FAILURE_TIMEOUT};
use crate::log::{Fact, Note};
use crate::process::{Errno, Exit, Pid, Place, Signal};
use crate::reaper;
use crate::rpc::Method;
use crate::task::Task;
use crate::time::{Instant, Millis};

/// A shutdown under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shutdown {
    place: Place,
    ending: Ending,
    stage: Stage,
    /// When the stage at hand ends; `None` where there is no next one.
    deadline: Option<Instant>,
    burst: Burst,
}

/// The stages, in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// The server stops its services.
    Stopping(Farewell),
    /// A child does one of the last tasks; its pid is the answer to `Run`.
    Working { task: Task, child: Option<Pid> },
    /// PID 1 exits, or nothing ends this machine.
    Final,
}

impl Shutdown {
    /// A shutdown that has not begun.
    #[must_use]
    pub fn new(place: Place, ending: Ending) -> Self {
        Self { place, ending, stage: Stage::Final, deadline: None, burst: Burst::default() }
    }

    /// Begins the end; `patience` is the server's time to stop its services, and `poweroff` what stands for
    /// a power off.
    pub fn begin(
        &mut self,
        server: Option<Pid>,
        patience: Millis,
        poweroff: Ending,
        now: Instant,
        actions: &mut Actions,
    ) {
        let begun = if self.place == Place::Machine { Fact::EndBegun } else { Fact::StopBegun };
        actions.log(Note::new(begun).task(Task::of(self.ending)));
        if self.ending == Ending::Poweroff {
            self.ending = poweroff;
        }
        match server {
            Some(server) => {
                let farewell = Farewell::begin(server, Method::Shutdown, patience, now, actions);
                self.enter(Stage::Stopping(farewell), farewell.deadline());
            }
            None => self.run(Some(Task::Terminate), now, actions),
        }
    }

    /// When to deliver `Timeout`, if nothing else happens first.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Notes a Ctrl-Alt-Del, also the one that began the end.
    pub fn ctrl_alt_del(&mut self, now: Instant, actions: &mut Actions) {
        if !self.burst.complete(now) {
            return;
        }
        match self.stage {
            Stage::Stopping(_)
            | Stage::Working { task: Task::Terminate | Task::Kill | Task::Swapoff, .. } => {
                actions.fact(Fact::PatienceEnded);
                self.give_up(now, actions);
            }
            // Nothing that a key can do may cost data.
            Stage::Working { .. } | Stage::Final => {}
        }
    }

    /// Cuts the wait for the server short, because the disks need the power that is left.
    pub fn power_failure(&mut self, now: Instant) {
        if let (Stage::Stopping(farewell), Place::Machine) = (&mut self.stage, self.place) {
            farewell.cut(now + POWER_FAILURE_TIMEOUT);
            self.deadline = Some(farewell.deadline());
        }
    }

    /// Takes one event. A `Timeout` that is early or repeated changes nothing.
    #[inline(never)]
    pub fn handle(&mut self, event: &Event, now: Instant, actions: &mut Actions) {
        use {Event::*, Stage::*};
        match (&mut self.stage, *event) {
            (_, Requested(request)) if request.ending().is_some() => actions.fact(Fact::AlreadyEnding),
            (Stopping(farewell), _) => {
                let ended = farewell.handle(event, now, actions);
                self.deadline = Some(farewell.deadline());
                if ended || farewell.is_killed() {
                    self.run(Some(Task::Terminate), now, actions);
                }
            }
            (Working { task, .. }, NoChildren) if task.is_for_processes() => {
                self.run(Some(Task::Sync), now, actions);
            }
            // Its child does not tell when they are gone; where it cannot be forked PID 1 has done the part.
            (Working { task, .. }, Spawned(_) | SpawnFailed(_)) if task.is_for_processes() => {}
            (Working { child: child @ None, .. }, Spawned(pid)) => *child = Some(pid),
            (Working { child: None, .. }, SpawnFailed(errno)) => {
                self.task_ended(Exit::NotExecuted(errno), now, actions);
            }
            (Working { child: Some(child), .. }, Reaped(pid, exit)) if pid == *child => {
                self.task_ended(exit, now, actions);
            }
            (_, Reaped(pid, exit)) => reaper::orphan(pid, exit, actions),
            (_, Timeout) if self.deadline.is_some_and(|deadline| deadline <= now) => {
                self.give_up(now, actions);
            }
            // Early timers, answers that nobody waits for, and requests that the end overtakes.
            (Working { .. } | Final, NoChildren | Requested(_) | SpawnFailed(_) | Spawned(_) | Timeout) => {}
        }
    }

    /// Ends the patience with the stage at hand.
    fn give_up(&mut self, now: Instant, actions: &mut Actions) {
        match &mut self.stage {
            Stage::Stopping(farewell) => {
                farewell.kill(now, actions);
                self.run(Some(Task::Terminate), now, actions);
            }
            Stage::Working { task, child } => {
                let fact = match task {
                    Task::Terminate => Fact::LeftAfterTerm,
                    Task::Kill => Fact::LeftAfterKill,
                    _ => Fact::TaskTimedOut,
                };
                actions.log(Note::new(fact).task(*task));
                if let Some(child) = *child {
                    actions.signal(child, Signal::KILL);
                }
                let next = task.next(self.ending);
                self.run(next, now, actions);
            }
            Stage::Final => self.dead_end(now, actions),
        }
    }

    fn enter(&mut self, stage: Stage, deadline: Instant) {
        self.stage = stage;
        self.deadline = Some(deadline);
    }

    /// Does a task, if that is for a PID 1 like this one to do; else, and behind the last one, this is over.
    fn run(&mut self, task: Option<Task>, now: Instant, actions: &mut Actions) {
        match (self.place, task) {
            (Place::Machine, None) => self.dead_end(now, actions),
            (Place::Machine, Some(task))
            | (Place::Container, Some(task @ (Task::Terminate | Task::Kill))) => {
                actions.add(Action::Run(task));
                self.enter(Stage::Working { task, child: None }, now + task.timeout());
            }
            (Place::Container | Place::Guest, _) => {
                actions.add(Action::Exit);
                self.stage = Stage::Final;
                self.deadline = None;
            }
        }
    }

    /// The child of a task is gone, or there is none.
    fn task_ended(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        let Stage::Working { task, .. } = self.stage else { return };
        let errno = match exit {
            Exit::Exited(errno) => Errno(errno),
            Exit::NotExecuted(errno) => errno,
            Exit::Killed(_) => Errno::NONE,
        };
        let fact = if !task.is_the_last() {
            Fact::TaskFailed
        } else if errno == Errno::NONE {
            Fact::TaskNoEffect
        } else {
            Fact::TaskRefused
        };
        if task.is_the_last() || exit != Exit::Exited(0) {
            actions.log(Note::new(fact).task(task).errno(errno).exit(exit));
        }
        self.run(task.next(self.ending), now, actions);
    }

    /// Nothing ends this machine: PID 1 goes on as a reaper, and says so from time to time.
    fn dead_end(&mut self, now: Instant, actions: &mut Actions) {
        actions.fact(Fact::DeadEnd);
        self.enter(Stage::Final, now + DEAD_END_REMINDER);
    }
}

/// The last Ctrl-Alt-Dels, oldest first, each by the time at which it stops to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Burst([u64; BURST]);

impl Burst {
    /// Notes one more; true if it completes a burst, which then is forgotten.
    fn complete(&mut self, now: Instant) -> bool {
        self.0.copy_within(1.., 0);
        if let Some(last) = self.0.last_mut() {
            *last = (now + BURST_WINDOW + 1).0;
        }
        let complete = self.0.first().is_some_and(|first| *first > now.0);
        if complete {
            *self = Self::default();
        }
        complete
    }
}
