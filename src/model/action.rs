//! Everything PID 1 can do, in the imperative.

use crate::model::limits::MAX_ACTIONS;
use crate::model::message::{Message, Record};
use crate::model::process::{Pid, Signal};
use crate::model::task::Task;
use crate::parse::rpc::Method;

/// What is to be done now.
///
/// The actions that fork a child for the machine to follow, namely `EndOrphans`, `Rpc`, `RunTask` and `SpawnServer`, are
/// answered at once by `Spawned` or `SpawnFailed`; a list holds at most one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send a courier to the server's socket.
    Rpc(Method),
    /// Stop the hardware watchdog, if there is one, since what comes next ends well without it.
    WatchdogStop,
    /// End what the last server left behind.
    EndOrphans,
    /// Exit with a status; never on a machine.
    Exit(u8),
    /// Write a line to the log.
    Log(Record),
    /// Start the rescue program, if one is set and none runs.
    SpawnRescue,
    /// Become the program that is in place now.
    Reexec,
    /// End this namespace by reboot(2), if that is set, so that the engine starts it again.
    RestartNamespace,
    /// Put the file of the server before back in the place of the one that keeps dying, if it was kept.
    RollBack,
    /// Do a task.
    RunTask(Task),
    /// Send a signal to one child.
    Signal(Pid, Signal),
    /// Start a server.
    SpawnServer,
    /// Feed the hardware watchdog no more, if there is one: it restarts the machine.
    WatchdogAbandon,
    /// Have another program look for another version of this one, if none does so already.
    SpawnUpdater,
}

/// What one event causes, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actions(heapless::Vec<Action, MAX_ACTIONS>);

impl Actions {
    /// Appends `action`; see [`MAX_ACTIONS`] for a full list.
    #[inline(never)] // called from everywhere: half a kilobyte less
    pub fn add(&mut self, action: Action) {
        let _full = self.0.push(action);
    }

    /// Appends a line for the log.
    #[inline(always)]
    pub fn log_record(&mut self, record: Record) {
        self.add(Action::Log(record));
    }

    /// Appends a line without values for the log.
    #[inline(never)] // the note is made here and not at every call
    pub fn log(&mut self, message: Message) {
        self.log_record(Record::new(message));
    }

    /// Appends a line about a process for the log.
    #[inline(never)]
    pub fn log_about(&mut self, message: Message, pid: Pid) {
        self.log_record(Record::new(message).pid(pid));
    }

    /// Appends a signal to one child.
    #[inline(never)]
    pub fn signal(&mut self, pid: Pid, signal: Signal) {
        self.add(Action::Signal(pid, signal));
    }

    /// Forgets all actions.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The actions in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Action] {
        &self.0
    }
}
