//! The end: stop the server, end every process, save the disks, end the machine.
//!
//! Each stage ends the moment its condition holds, and at its deadline in any case.

use crate::action::{Action, Actions};
use crate::event::Ending;
use crate::limits::{BURST, BURST_WINDOW, DEAD_END_REMINDER, POWER_FAILURE_TIMEOUT};
use crate::log::{Fact, Note};
use crate::process::{Errno, Exit, Place};
use crate::state::{Stage, State};
use crate::task::Task;
use crate::time::Instant;

impl State {
    /// Begins the end.
    pub(crate) fn begin(&mut self, ending: Ending, now: Instant, actions: &mut Actions) {
        self.recall(actions);
        let begun = if self.wishes.place == Place::Machine { Fact::EndBegun } else { Fact::StopBegun };
        actions.log(Note::new(begun).task(Task::of(ending)));
        self.ending = Some(if ending == Ending::Poweroff { self.wishes.poweroff } else { ending });
        if self.server.is_some() {
            self.ask(now, actions);
        } else {
            self.run(Some(Task::Terminate), now, actions);
        }
    }

    /// Notes a Ctrl-Alt-Del, also the one that began the end.
    pub(crate) fn ctrl_alt_del(&mut self, now: Instant, actions: &mut Actions) {
        if !self.burst.complete(BURST, BURST_WINDOW, now) {
            return;
        }
        // Nothing that a key can do may cost data.
        let may_end = match self.stage {
            Stage::Working => matches!(self.task, Task::Terminate | Task::Kill | Task::Swapoff),
            Stage::Final => false,
            _ => true,
        };
        if may_end {
            actions.fact(Fact::PatienceEnded);
            self.give_up(now, actions);
        }
    }

    /// Cuts the wait for the server short, because the disks need the power that is left.
    pub(crate) fn power_failure(&mut self, now: Instant) {
        if self.server.is_some() && self.wishes.place == Place::Machine {
            let until = now + POWER_FAILURE_TIMEOUT;
            self.until = self.until.min(until);
            self.deadline = self.deadline.min(until);
        }
    }

    /// True while all processes are asked or made to end.
    pub(crate) fn is_ending_processes(&self) -> bool {
        self.stage == Stage::Working && self.task.is_for_processes()
    }

    /// Ends the patience with the stage at hand.
    pub(crate) fn give_up(&mut self, now: Instant, actions: &mut Actions) {
        if self.stage != Stage::Working {
            self.kill(now, actions);
            return;
        }
        let fact = match self.task {
            Task::Terminate => Fact::LeftAfterTerm,
            Task::Kill => Fact::LeftAfterKill,
            _ => Fact::TaskTimedOut,
        };
        actions.log(Note::new(fact).task(self.task));
        self.recall(actions);
        self.go_on(now, actions);
    }

    /// Does a task, if that is for a PID 1 like this one to do; else, and behind the last one, this is over.
    #[inline(never)]
    pub(crate) fn run(&mut self, task: Option<Task>, now: Instant, actions: &mut Actions) {
        match (self.wishes.place, task) {
            (Place::Machine, None) => self.dead_end(now, actions),
            (Place::Machine, Some(task))
            | (Place::Container, Some(task @ (Task::Terminate | Task::Kill))) => {
                actions.add(Action::Run(task));
                self.task = task;
                self.enter(Stage::Working, now + task.timeout());
            }
            (Place::Container | Place::Guest, _) => {
                if self.wishes.place == Place::Container && self.ending == Some(Ending::Reboot) {
                    actions.add(Action::Restart);
                }
                actions.add(Action::Exit(0));
                self.enter(Stage::Final, Instant::NEVER);
            }
        }
    }

    /// The child of a task is gone, or there is none.
    pub(crate) fn task_ended(&mut self, exit: Exit, now: Instant, actions: &mut Actions) {
        let task = self.task;
        // Its child does not tell when they are gone; where it cannot be forked PID 1 has done the part.
        if task.is_for_processes() {
            return;
        }
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
        self.go_on(now, actions);
    }

    fn go_on(&mut self, now: Instant, actions: &mut Actions) {
        let Some(ending) = self.ending else { return self.start(now, actions) };
        // A halt that only stands in for a refused reboot must not last: there the watchdog stays armed.
        if self.task == Task::SyncAgain && matches!(ending, Ending::Poweroff | Ending::Halt) {
            actions.add(Action::Disarm);
        }
        self.run(self.task.next(ending), now, actions);
    }

    /// Nothing ends this machine: PID 1 goes on as a reaper, and says so from time to time.
    #[inline(always)]
    pub(crate) fn dead_end(&mut self, now: Instant, actions: &mut Actions) {
        actions.fact(Fact::DeadEnd);
        actions.add(Action::Starve);
        self.enter(Stage::Final, now + DEAD_END_REMINDER);
    }
}
