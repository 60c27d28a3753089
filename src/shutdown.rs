//! The end: stop the server, end every process, write the caches, end the machine.
//!
//! Each stage ends the moment its condition holds, and at its deadline in any case.

use crate::action::{Action, Actions};
use crate::event::{Ending, Event, Request};
use crate::farewell::Farewell;
use crate::limits::{BURST, BURST_WINDOW, KILL_GRACE, REBOOT_TIMEOUT, SYNC_TIMEOUT, TERM_GRACE};
use crate::log::{Fact, Note};
use crate::process::{Errno, Exit, Pid, Place, Signal};
use crate::reaper;
use crate::rpc::Method;
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
    /// All processes got TERM.
    Terminating,
    /// All processes got KILL.
    Killing,
    /// The caches are written.
    Syncing { task: Option<Pid> },
    /// The kernel is asked for `command`.
    Ending { command: Ending, task: Option<Pid> },
    /// PID 1 exits, or the kernel refused everything.
    Final,
}

impl Shutdown {
    /// A shutdown that has not begun.
    #[must_use]
    pub fn new(place: Place, ending: Ending) -> Self {
        Self { place, ending, stage: Stage::Final, deadline: None, burst: Burst::default() }
    }

    /// Begins the end; `patience` is the server's time to stop its services.
    pub fn begin(&mut self, server: Option<Pid>, patience: Millis, now: Instant, actions: &mut Actions) {
        let begun = if self.place == Place::Machine { Fact::EndBegun } else { Fact::StopBegun };
        actions.log(Note::new(begun).ending(self.ending));
        match server {
            Some(server) => {
                let farewell = Farewell::begin(server, Method::Shutdown, patience, now, actions);
                self.enter(Stage::Stopping(farewell), farewell.deadline());
            }
            None => self.server_ended(now, actions),
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
            Stage::Stopping(_) | Stage::Terminating | Stage::Killing => {
                actions.fact(Fact::PatienceEnded);
                self.give_up(now, actions);
            }
            // Nothing that a key can do may cost data.
            Stage::Syncing { .. } | Stage::Ending { .. } | Stage::Final => {}
        }
    }

    /// Takes one event. A `Timeout` that is early or repeated changes nothing.
    #[inline(never)]
    pub fn handle(&mut self, event: &Event, now: Instant, actions: &mut Actions) {
        use {Event::*, Stage::*};
        match (&mut self.stage, *event) {
            (_, Requested(Request::CtrlAltDel | Request::End(_))) => {
                actions.fact(Fact::AlreadyEnding);
            }
            (Stopping(farewell), _) => {
                let ended = farewell.handle(event, now, actions);
                self.deadline = Some(farewell.deadline());
                if ended || farewell.is_killed() {
                    self.server_ended(now, actions);
                }
            }
            (Terminating | Killing, NoChildren) => self.processes_ended(now, actions),
            (Syncing { task: task @ None } | Ending { task: task @ None, .. }, Spawned(pid)) => {
                *task = Some(pid)
            }
            (Syncing { task: None }, SpawnFailed(errno)) => {
                actions.log(Note::new(Fact::NoHelper).errno(errno));
                self.reboot(self.ending, now, actions);
            }
            (Syncing { task: Some(task) }, Reaped(pid, _)) if pid == *task => {
                self.reboot(self.ending, now, actions);
            }
            (Ending { command, task: None }, SpawnFailed(errno)) => {
                let command = *command;
                self.refused(command, errno, now, actions);
            }
            (Ending { command, task: Some(task) }, Reaped(pid, exit)) if pid == *task => {
                let errno = if let Exit::Exited(errno) = exit { Errno(errno) } else { Errno(0) };
                let command = *command;
                self.refused(command, errno, now, actions);
            }
            (_, Reaped(pid, exit)) => reaper::orphan(pid, exit, actions),
            (_, Timeout) if self.deadline.is_some_and(|deadline| deadline <= now) => {
                self.give_up(now, actions);
            }
            // Early timers, answers that nobody waits for, and requests that the end overtakes.
            (
                Terminating | Killing | Syncing { .. } | Ending { .. } | Final,
                NoChildren
                | Requested(Request::RestartServer | Request::Update)
                | SpawnFailed(_)
                | Spawned(_)
                | Timeout,
            ) => {}
        }
    }

    /// Ends the patience with the stage at hand.
    fn give_up(&mut self, now: Instant, actions: &mut Actions) {
        match &mut self.stage {
            Stage::Stopping(farewell) => {
                farewell.kill(now, actions);
                self.server_ended(now, actions);
            }
            Stage::Terminating => {
                actions.fact(Fact::LeftAfterTerm);
                actions.add(Action::KillAll);
                self.enter(Stage::Killing, now + KILL_GRACE);
            }
            Stage::Killing => {
                actions.fact(Fact::LeftAfterKill);
                self.processes_ended(now, actions);
            }
            Stage::Syncing { task } => {
                actions.log(Note::new(Fact::SyncTimedOut).span(SYNC_TIMEOUT));
                if let Some(task) = *task {
                    actions.signal(task, Signal::KILL);
                }
                self.reboot(self.ending, now, actions);
            }
            Stage::Ending { command, .. } => {
                let command = *command;
                self.refused(command, Errno(0), now, actions);
            }
            Stage::Final => {}
        }
    }

    fn enter(&mut self, stage: Stage, deadline: Instant) {
        self.stage = stage;
        self.deadline = Some(deadline);
    }

    fn finish(&mut self, action: Action, actions: &mut Actions) {
        self.stage = Stage::Final;
        self.deadline = None;
        actions.add(action);
    }

    /// The server is gone, or as good as gone.
    fn server_ended(&mut self, now: Instant, actions: &mut Actions) {
        match self.place {
            Place::Container | Place::Machine => {
                actions.add(Action::TerminateAll);
                self.enter(Stage::Terminating, now + TERM_GRACE);
            }
            Place::Guest => self.finish(Action::Exit, actions),
        }
    }

    fn processes_ended(&mut self, now: Instant, actions: &mut Actions) {
        match self.place {
            Place::Container | Place::Guest => self.finish(Action::Exit, actions),
            Place::Machine => {
                actions.add(Action::Sync);
                self.enter(Stage::Syncing { task: None }, now + SYNC_TIMEOUT);
            }
        }
    }

    fn reboot(&mut self, command: Ending, now: Instant, actions: &mut Actions) {
        actions.add(Action::Reboot(command));
        self.enter(Stage::Ending { command, task: None }, now + REBOOT_TIMEOUT);
    }

    /// The kernel did not carry out a command; what comes closest to it is next.
    fn refused(&mut self, command: Ending, errno: Errno, now: Instant, actions: &mut Actions) {
        let fact = if errno == Errno(0) { Fact::RebootNoEffect } else { Fact::RebootRefused };
        actions.log(Note::new(fact).ending(command).errno(errno));
        match command {
            Ending::Kexec => self.reboot(Ending::Reboot, now, actions),
            Ending::Poweroff | Ending::Reboot => self.reboot(Ending::Halt, now, actions),
            Ending::Halt => self.finish(Action::Log(Note::new(Fact::DeadEnd)), actions),
        }
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
