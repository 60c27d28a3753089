//! The end: stop the server, end every process, save the disks, end the machine.
//!
//! Each phase ends the moment its condition holds, and at its deadline in any case.

use crate::model::action::{Action, Actions};
use crate::model::event::Ending;
use crate::model::limits::{
    CTRL_ALT_DEL_WINDOW, CTRL_ALT_DELS, DEAD_END_REMINDER, POWER_FAILURE_TIMEOUT, RESPAWN_DELAY,
};
use crate::model::message::{Message, Record};
use crate::model::process::{Errno, Exit, Role};
use crate::model::task::Task;
use crate::model::time::Instant;
use crate::phase::{Phase, State};

impl State {
    /// Begins the end of the machine, or of this process.
    pub(crate) fn begin(&mut self, ending: Ending, now: Instant, actions: &mut Actions) {
        self.kill_helper(actions);
        let begun =
            if self.policy.role == Role::Machine { Message::ShutdownBegun } else { Message::StopBegun };
        actions.log_record(Record::new(begun).task(Task::of(ending)));
        let ending = if ending == Ending::Poweroff { self.policy.poweroff } else { ending };
        match self.server() {
            Some(server) => self.begin_stop(server, Some(ending), now, actions),
            None => self.run(ending, Task::Terminate, now, actions),
        }
        // No server follows, and no update: what would only be read for the next one is reset, so that a shutdown has
        // one state whatever came before.
        self.servers.history.started_at = Instant(0);
        self.servers.history.next_backoff = RESPAWN_DELAY;
        self.servers.exec_failures = 0;
        self.servers.orphans = false;
        self.update_pending = false;
    }

    /// Counts a Ctrl-Alt-Del, the one that began the end among them; a burst of them ends the phase or task at hand.
    pub(crate) fn ctrl_alt_del(&mut self, now: Instant, actions: &mut Actions) {
        if !self.ctrl_alt_dels.record(CTRL_ALT_DELS, CTRL_ALT_DEL_WINDOW, now) {
            return;
        }
        match self.phase {
            Phase::Stopping { .. } => {
                actions.log(Message::CtrlAltDelBurst);
                self.kill_server(now, actions);
            }
            Phase::Working { ending, task: task @ (Task::Terminate | Task::Kill | Task::Swapoff) } => {
                actions.log(Message::CtrlAltDelBurst);
                self.task_timed_out(ending, task, now, actions);
            }
            // A key must not cost data: sync and unmount have their time. In the other phases nothing has begun, or
            // nothing is left to end.
            Phase::Working { .. }
            | Phase::Starting
            | Phase::Running { .. }
            | Phase::Backoff
            | Phase::EndingOrphans
            | Phase::DeadEnd
            | Phase::Exiting => {}
        }
    }

    /// Shortens the wait for the server, because the disks need the power that is left.
    pub(crate) fn power_failure(&mut self, now: Instant) {
        if let Phase::Stopping { kill_at, .. } = &mut self.phase
            && self.policy.role == Role::Machine
        {
            *kill_at = (*kill_at).min(now + POWER_FAILURE_TIMEOUT);
            self.deadline = self.deadline.min(*kill_at);
        }
    }

    /// No child is left: it is what Terminate and Kill wait for.
    pub(crate) fn no_children(&mut self, now: Instant, actions: &mut Actions) {
        if let Phase::Working { ending, task } = self.phase
            && task.waits_for_processes()
        {
            self.run(ending, Task::Sync, now, actions);
        }
    }

    /// Runs a task. A container has no part in those behind Kill, a process that is not PID 1 in none: it exits.
    pub(crate) fn run(&mut self, ending: Ending, task: Task, now: Instant, actions: &mut Actions) {
        match self.policy.role {
            Role::Machine => {}
            Role::Container if task.waits_for_processes() => {}
            Role::Container | Role::Subreaper => {
                if self.policy.role == Role::Container && ending == Ending::Reboot {
                    actions.add(Action::RestartNamespace);
                }
                actions.add(Action::Exit(0));
                return self.enter(Phase::Exiting, Instant::NEVER);
            }
        }
        actions.add(Action::RunTask(task));
        self.enter(Phase::Working { ending, task }, now + task.timeout());
    }

    /// The child of a task exited, or could not be forked.
    pub(crate) fn task_ended(
        &mut self,
        ending: Ending,
        task: Task,
        exit: Exit,
        now: Instant,
        actions: &mut Actions,
    ) {
        // Terminate and Kill end when no process is left; where no child can be forked PID 1 has sent the signals.
        if task.waits_for_processes() {
            return;
        }
        let errno = match exit {
            Exit::Exited(errno) => Errno(errno),
            Exit::NotExecuted(errno) => errno,
            Exit::Killed(_) => Errno::NONE,
        };
        let message = match (task.is_final(), exit) {
            (false, Exit::Exited(0)) => return self.run_next(ending, task, now, actions),
            (false, _) => Message::TaskFailed,
            (true, _) if errno == Errno::NONE => Message::TaskNoEffect,
            (true, _) => Message::TaskRefused,
        };
        actions.log_record(Record::new(message).task(task).errno(errno).exit(exit));
        self.run_next(ending, task, now, actions);
    }

    /// Ends a task whose time is up.
    pub(crate) fn task_timed_out(&mut self, ending: Ending, task: Task, now: Instant, actions: &mut Actions) {
        let message = match task {
            Task::Terminate => Message::LeftAfterTerm,
            Task::Kill => Message::LeftAfterKill,
            _ => Message::TaskTimedOut,
        };
        actions.log_record(Record::new(message).task(task));
        self.kill_helper(actions);
        self.run_next(ending, task, now, actions);
    }

    fn run_next(&mut self, ending: Ending, task: Task, now: Instant, actions: &mut Actions) {
        // A halt that stands in for a refused reboot must not last: there the watchdog stays enabled.
        if task == Task::SyncAgain && matches!(ending, Ending::Poweroff | Ending::Halt) {
            actions.add(Action::WatchdogStop);
        }
        match task.next(ending) {
            Some(next) => self.run(ending, next, now, actions),
            None => self.dead_end(now, actions),
        }
    }

    /// Nothing ends this machine: PID 1 goes on as a reaper, and logs that from time to time.
    pub(crate) fn dead_end(&mut self, now: Instant, actions: &mut Actions) {
        actions.log(Message::DeadEnd);
        actions.add(Action::WatchdogAbandon);
        self.enter(Phase::DeadEnd, now + DEAD_END_REMINDER);
    }
}
