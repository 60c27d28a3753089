//! The shutdown: stop the server, end every process, write and unmount the disks, end the machine.
//!
//! Each phase ends as soon as its condition holds, and at its deadline at the latest.

use crate::model::action::{Action, Actions};
use crate::model::event::Ending;
use crate::model::limits::{
    CTRL_ALT_DEL_WINDOW, CTRL_ALT_DELS, DEAD_END_REMINDER, FORK_RETRY, FORK_TIMEOUT, POWER_FAILURE_TIMEOUT,
    READER_GRACE, RESPAWN_DELAY,
};
use crate::model::message::{Message, Record};
use crate::model::process::{Errno, Exit, Role};
use crate::model::task::Task;
use crate::model::time::Instant;
use crate::phase::{Phase, State, Step};

impl State {
    /// Begins the shutdown of the machine, or of this process.
    pub(crate) fn begin(&mut self, ending: Ending, now: Instant, actions: &mut Actions) {
        if self.server().is_none() && !matches!(self.phase, Phase::EndingOrphans) {
            // A helper that saves services stays: it keeps their pipes open, and a service that writes while it stops
            // does not die of SIGPIPE.
            self.helper = None;
            self.servers.watched = false;
        }
        self.kill_helper(actions);
        self.stop_watcher(actions);
        let begun =
            if self.policy.role == Role::Machine { Message::ShutdownBegun } else { Message::StopBegun };
        actions.log_record(Record::new(begun).task(Task::of(ending)));
        if begun == Message::StopBegun {
            actions.log_record(Record::new(Message::StopTimes).number(self.policy.stop_timeout));
        }
        let ending = if ending == Ending::Poweroff { self.policy.poweroff } else { ending };
        match self.server() {
            Some(server) => self.begin_stop(server, Some(ending), now, actions),
            None => self.run(ending, Task::Terminate, now, actions),
        }
        // No server and no update follows. The data that only the next server would need is reset, so that the state
        // of a shutdown does not depend on what happened before.
        self.servers.history.started_at = Instant(0);
        self.servers.history.next_backoff = RESPAWN_DELAY;
        self.servers.failures = 0;
        self.servers.orphans = false;
        self.update_pending = false;
    }

    /// Counts a Ctrl-Alt-Del, including the one that began the shutdown; a burst of them ends the current phase or
    /// task.
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
            // A key press must not cause a loss of data: sync and unmount get their full time. In the other phases no
            // shutdown has begun, or there is nothing left to end.
            Phase::Working { .. }
            | Phase::Starting
            | Phase::Running { .. }
            | Phase::Backoff
            | Phase::SavingServices
            | Phase::EndingOrphans
            | Phase::DeadEnd
            | Phase::Exiting => {}
        }
    }

    /// Shortens the wait for the server, because the disks need the remaining power.
    pub(crate) fn power_failure(&mut self, now: Instant) {
        if let Phase::Stopping { step, kill_at, .. } = &mut self.phase
            && self.policy.role == Role::Machine
        {
            *kill_at = (*kill_at).min(now + POWER_FAILURE_TIMEOUT);
            let limit = match step {
                // Half of the time for the answer, as always: then a signal has the other half to take effect.
                Step::RpcSpawning | Step::RpcPending => now + (POWER_FAILURE_TIMEOUT >> 1),
                Step::RestarterSpawning
                | Step::RestarterPending
                | Step::Grace
                | Step::Waiting
                | Step::Killed => *kill_at,
            };
            self.deadline = self.deadline.min(limit);
        }
    }

    /// No child is left, which is the condition that Terminate and Kill wait for.
    pub(crate) fn no_children(&mut self, now: Instant, actions: &mut Actions) {
        if let Phase::Working { ending, task } = self.phase
            && task.waits_for_processes()
        {
            self.run(ending, Task::Sync, now, actions);
        }
    }

    /// Only readers are left, which have to write the last lines of services.
    pub(crate) fn only_readers(&mut self, now: Instant) {
        if let Phase::Working { task: Task::Terminate, .. } = self.phase {
            self.deadline = self.deadline.min(now + READER_GRACE);
        }
    }

    /// Runs a task. Only a machine has one after Kill; the others exit instead.
    pub(crate) fn run(&mut self, ending: Ending, task: Task, now: Instant, actions: &mut Actions) {
        if self.policy.role != Role::Machine && !task.waits_for_processes() {
            if self.policy.role == Role::Container && ending == Ending::Reboot {
                actions.add(Action::RestartNamespace);
            }
            actions.add(Action::Exit(0));
            return self.enter(Phase::Exiting, Instant::NEVER);
        }
        actions.add(Action::RunTask(task));
        self.enter(Phase::Working { ending, task }, now + task.timeout());
    }

    /// The child of a task could not be forked.
    pub(crate) fn task_not_spawned(
        &mut self,
        ending: Ending,
        task: Task,
        errno: Errno,
        now: Instant,
        actions: &mut Actions,
    ) {
        match task {
            // The kernel has taken the key: the deadline stays.
            Task::SysRqPoweroff | Task::SysRqReboot if errno == Errno::NONE => return,
            // PID 1 has done it itself.
            _ if task.is_final() || task.waits_for_processes() => {
                return self.task_ended(ending, task, Exit::NotExecuted(errno), now, actions);
            }
            _ => {}
        }
        if self.fork_until.0 == 0 {
            self.fork_until = now + FORK_TIMEOUT;
            actions.log_record(Record::new(Message::NoHelper).errno(errno));
        }
        if now < self.fork_until {
            return self.enter_step(now + FORK_RETRY);
        }
        // What is left can be done without a child: unmounting would not be safe against a disk that hangs.
        actions.log(Message::SyncWithoutChild);
        actions.add(Action::Sync);
        self.run_next(ending, Task::SyncAgain, now, actions);
    }

    /// The child of a task exited, or PID 1 itself could not end the machine.
    pub(crate) fn task_ended(
        &mut self,
        ending: Ending,
        task: Task,
        exit: Exit,
        now: Instant,
        actions: &mut Actions,
    ) {
        let errno = match exit {
            Exit::Exited(errno) => Errno(errno),
            Exit::NotExecuted(errno) => errno,
            Exit::Killed(_) => Errno::NONE,
        };
        // These end when no process is left, or when none that is left may be signalled.
        if task.waits_for_processes() {
            if errno == Errno::PERM {
                self.run(ending, Task::Sync, now, actions);
            }
            return;
        }
        let message = match (task.is_final(), exit) {
            (false, Exit::Exited(0)) => return self.run_next(ending, task, now, actions),
            (false, _) => Message::TaskFailed,
            (true, _) if errno == Errno::NONE => Message::TaskNoEffect,
            (true, _) => Message::TaskRefused,
        };
        actions.log_record(Record::new(message).task(task).errno(errno).exit(exit));
        self.run_next(ending, task, now, actions);
    }

    /// Ends a task whose deadline has passed.
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
        self.fork_until = Instant(0);
        // For other endings the watchdog stays enabled: a halt that replaces a refused reboot must not last.
        if task == Task::SyncAgain && ending.is_off() {
            actions.add(Action::WatchdogStop);
        }
        match task.next(ending) {
            Some(next) => self.run(ending, next, now, actions),
            None => self.dead_end(now, actions),
        }
    }

    /// Every way to end this machine failed: PID 1 continues as a reaper, and logs that from time to time.
    pub(crate) fn dead_end(&mut self, now: Instant, actions: &mut Actions) {
        actions.log(Message::DeadEnd);
        actions.add(Action::WatchdogAbandon);
        self.enter(Phase::DeadEnd, now + DEAD_END_REMINDER);
    }
}
