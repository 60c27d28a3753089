//! The actions of PID 1, with names in the imperative.

use crate::model::limits::MAX_ACTIONS;
use crate::model::message::{Message, Record};
use crate::model::process::{FileId, Pid, Signal};
use crate::model::task::Task;

/// An action for PID 1 to perform now.
///
/// `EndOrphans`, `Rpc`, `RunTask`, `SpawnRestarter` and `SpawnServer` fork a child that the phase waits for. Their
/// answer, `Spawned` or `SpawnFailed`, is the next event; a list holds at most one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// End the processes that the last server left behind, but not services that are saved for the next server.
    EndOrphans,
    /// Exit with a status; never on a machine.
    Exit(u8),
    /// Write a line to the log.
    Log(Record),
    /// Re-exec PID 1 as the program that the updater has installed.
    Reexec,
    /// End this PID namespace by reboot(2) if `ZINIT_CONTAINER_REBOOT` is set, so that the container engine starts it
    /// again.
    RestartNamespace,
    /// Restore this file of the server, if it was kept, because the current one keeps exiting.
    RollBack(FileId),
    /// Send a request to the server, from a child.
    Rpc(Method),
    /// Run a task of the shutdown in a child.
    RunTask(Task),
    /// Send a signal to one child.
    Signal(Pid, Signal),
    /// Send a signal to the helper that watches the server's services.
    SignalWatcher(Signal),
    /// Start the rescue program, if one is configured and it does not run already.
    SpawnRescue,
    /// Start the helper that asks the server to exit for a soft restart, and saves its services.
    SpawnRestarter,
    /// Start a server.
    SpawnServer,
    /// Start the updater, which looks for another version of PID 1's program, unless it runs already.
    SpawnUpdater,
    /// Start the helper that watches the server's services, so that it can save them if the server crashes; its exit,
    /// or that it could not be started, is [`WatcherEnded`](crate::model::event::Event::WatcherEnded).
    SpawnWatcher,
    /// Write all caches to the disks, in PID 1 itself.
    Sync,
    /// Stop pinging the watchdog and leave it enabled: it resets the machine.
    WatchdogAbandon,
    /// Disable the watchdog (magic close): a power-off or halt must not be followed by a reset.
    WatchdogStop,
}

/// A request that PID 1 sends to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Save the state and exit; services stay.
    PrepareRestart,
    /// Stop all services and exit.
    Shutdown,
}

impl Method {
    /// The signal with the same meaning, for a server that does not accept the request.
    #[must_use]
    pub const fn signal(self) -> Signal {
        match self {
            Self::PrepareRestart => Signal::USR1,
            Self::Shutdown => Signal::TERM,
        }
    }
}

/// The actions that one event causes, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actions(heapless::Vec<Action, MAX_ACTIONS>);

impl Actions {
    /// Appends `action`; see [`MAX_ACTIONS`] for a full list.
    pub fn add(&mut self, action: Action) {
        let _full = self.0.push(action);
    }

    /// Appends a log line without values.
    pub fn log(&mut self, message: Message) {
        self.log_record(Record::new(message));
    }

    /// Appends a log line about a process.
    pub fn log_about(&mut self, message: Message, pid: Pid) {
        self.log_record(Record::new(message).pid(pid));
    }

    /// Appends a log line.
    #[inline(never)] // 32 bytes of file
    pub fn log_record(&mut self, record: Record) {
        self.add(Action::Log(record));
    }

    /// Appends a signal to one child.
    #[inline(never)] // 40 bytes of file
    pub fn signal(&mut self, pid: Pid, signal: Signal) {
        self.add(Action::Signal(pid, signal));
    }

    /// Removes all actions.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the actions in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Action] {
        &self.0
    }
}
