//! Everything PID 1 can do, in the imperative.

use crate::model::limits::MAX_ACTIONS;
use crate::model::message::{Fact, Note};
use crate::model::process::{Pid, Signal};
use crate::model::task::Task;
use crate::parse::rpc::Method;

/// What is to be done now.
///
/// The actions that fork a child for the machine to follow, namely `Ask`, `EndOrphans`, `Run` and `SpawnServer`, are
/// answered at once by `Spawned` or `SpawnFailed`; a list holds at most one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send a courier to the server's socket.
    Ask(Method),
    /// Stop the hardware watchdog, if there is one, since what comes next ends well without it.
    Disarm,
    /// End what the last server left behind.
    EndOrphans,
    /// Exit with a status; never on a machine.
    Exit(u8),
    /// Write a line to the log.
    Log(Note),
    /// Start the rescue program, if one is set and none runs.
    Rescue,
    /// Become the program that is in place now.
    HandOver,
    /// End this namespace by reboot(2), if that is set, so that the engine starts it again.
    Restart,
    /// Put the file of the server before back in the place of the one that keeps dying, if it was kept.
    RollBack,
    /// Do a task.
    Run(Task),
    /// Send a signal to one child.
    Signal(Pid, Signal),
    /// Start a server.
    SpawnServer,
    /// Feed the hardware watchdog no more, if there is one: it restarts the machine.
    Starve,
    /// Have another program look for another version of this one, if none does so already.
    Update,
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
    pub fn log(&mut self, note: Note) {
        self.add(Action::Log(note));
    }

    /// Appends a line without values for the log.
    #[inline(never)] // the note is made here and not at every call
    pub fn fact(&mut self, fact: Fact) {
        self.log(Note::new(fact));
    }

    /// Appends a line about a process for the log.
    #[inline(never)]
    pub fn about(&mut self, fact: Fact, pid: Pid) {
        self.log(Note::new(fact).pid(pid));
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
