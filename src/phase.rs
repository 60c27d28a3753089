//! The state of PID 1: a phase with its own data, and the data that all phases share.
//!
//! [`server`](crate::server), [`stop`](crate::stop), [`shutdown`](crate::shutdown) and [`update`](crate::update) are
//! the transitions; [`init`](crate::init) calls them.

use crate::model::action::{Action, Actions, Method};
use crate::model::event::Ending;
use crate::model::limits::{RESPAWN_DELAY, RESTART_TIMEOUT};
use crate::model::policy::Policy;
use crate::model::process::{FileId, Pid, Signal};
use crate::model::rate::RateWindow;
use crate::model::reexec::ServerHistory;
use crate::model::task::Task;
use crate::model::time::{Instant, Millis};

/// The state of PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)] // what is used most first: 80 bytes of file
pub struct State {
    pub(crate) phase: Phase,
    /// The deadline of the current phase or step; [`Instant::NEVER`] for no deadline.
    pub(crate) deadline: Instant,
    /// This deadline was found late and put off.
    pub(crate) put_off: bool,
    /// When to give up forking the child of the current task; 0 if that has not failed.
    pub(crate) fork_until: Instant,
    /// The forked child that the phase waits for: the helper of a soft restart, an RPC client, the helper that ends
    /// orphans, or the child of a task.
    pub(crate) helper: Option<Pid>,
    /// Another version of this program is installed; the re-exec waits for a phase in which nothing is in progress.
    pub(crate) update_pending: bool,
    pub(crate) policy: Policy,
    pub(crate) servers: Servers,
    pub(crate) ctrl_alt_dels: RateWindow,
}

/// The phases of PID 1's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// A server is being forked: `Spawned` or `SpawnFailed` is the next event.
    Starting,
    /// The server runs.
    Running {
        /// Its pid.
        server: Pid,
    },
    /// There is no server; the next one is started at the deadline.
    Backoff,
    /// The server crashed; a helper saves its services for the next one.
    SavingServices,
    /// The server has to exit, for a soft restart or for a shutdown.
    Stopping {
        /// Its pid; `None` if it has exited and the helper has not yet reported whether the services are saved.
        server: Option<Pid>,
        /// The current step.
        step: Step,
        /// When it gets SIGKILL.
        kill_at: Instant,
        /// What follows; `None` for a soft restart.
        ending: Option<Ending>,
    },
    /// A child ends the processes that the last server left behind, before the next one starts the same services.
    EndingOrphans,
    /// A child does a task of the shutdown.
    Working {
        /// How the machine ends.
        ending: Ending,
        /// The task.
        task: Task,
    },
    /// Every way to end this machine failed: PID 1 continues as a reaper.
    DeadEnd,
    /// PID 1 exits: an action requests it.
    Exiting,
}

/// The steps by which a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The helper of a soft restart is being forked: `Spawned` or `SpawnFailed` is the next event.
    RestarterSpawning,
    /// The helper of a soft restart runs: it sends the request and the signal itself, and exits after the server.
    RestarterPending,
    /// The RPC client is being forked: `Spawned` or `SpawnFailed` is the next event.
    RpcSpawning,
    /// The RPC client runs.
    RpcPending,
    /// The server refused, or closed the connection: it may be exiting.
    Grace,
    /// The server agreed or got a signal.
    Waiting,
    /// The server got SIGKILL for a soft restart and has not ended yet.
    Killed,
}

/// What PID 1 knows about servers so far, for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Servers {
    /// What survives a re-exec of PID 1.
    pub(crate) history: ServerHistory,
    /// The file that the server runs, or that the last server ran.
    pub(crate) file: FileId,
    /// How many servers in a row could not be executed; with `ZINIT_GIVE_UP` also those that could not be forked or did
    /// not run for long enough. Counted up to the number that ends a container.
    pub(crate) failures: u32,
    /// The file whose exits are counted in `recent_exits`.
    pub(crate) last_failed: FileId,
    pub(crate) recent_exits: RateWindow,
    /// Services of an exited server may be left, and the next server does not know them.
    pub(crate) orphans: bool,
    /// A helper watches the services.
    pub(crate) watched: bool,
}

impl Servers {
    /// No server was started yet.
    pub(crate) const NONE: Self = Self {
        history: ServerHistory {
            started_at: Instant(0),
            next_backoff: RESPAWN_DELAY,
            last_good: FileId::NONE,
        },
        file: FileId::NONE,
        failures: 0,
        last_failed: FileId::NONE,
        recent_exits: RateWindow::NONE,
        orphans: false,
        watched: false,
    };
}

impl State {
    /// Enters a phase that ends at `deadline`.
    pub(crate) fn enter(&mut self, phase: Phase, deadline: Instant) {
        self.phase = phase;
        self.enter_step(deadline);
    }

    /// Enters a step that ends at `deadline`.
    pub(crate) const fn enter_step(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.put_off = false;
    }

    /// The server, if one runs.
    pub(crate) const fn server(&self) -> Option<Pid> {
        match self.phase {
            Phase::Running { server } => Some(server),
            Phase::Stopping { server, .. } => server,
            Phase::Starting
            | Phase::Backoff
            | Phase::SavingServices
            | Phase::EndingOrphans
            | Phase::Working { .. }
            | Phase::DeadEnd
            | Phase::Exiting => None,
        }
    }

    /// How the machine, or this process, is ending: then no server is started any more.
    pub(crate) const fn ending(&self) -> Option<Ending> {
        match self.phase {
            Phase::Stopping { ending, .. } => ending,
            Phase::Working { ending, .. } => Some(ending),
            // Of those that nothing is left to be tried for, any one.
            Phase::DeadEnd | Phase::Exiting => Some(Ending::Reboot),
            Phase::Starting
            | Phase::Running { .. }
            | Phase::Backoff
            | Phase::SavingServices
            | Phase::EndingOrphans => None,
        }
    }

    /// True once a shutdown of the machine, or of this process, has begun.
    ///
    /// Not by [`ending`](Self::ending), which is 500 bytes larger on x86_64.
    pub(crate) const fn shutting_down(&self) -> bool {
        match self.phase {
            Phase::Stopping { ending, .. } => ending.is_some(),
            Phase::Working { .. } | Phase::DeadEnd | Phase::Exiting => true,
            Phase::Starting
            | Phase::Running { .. }
            | Phase::Backoff
            | Phase::SavingServices
            | Phase::EndingOrphans => false,
        }
    }

    /// Kills the helper that watches services: their server is to exit, and will not have crashed.
    pub(crate) fn stop_watcher(&mut self, actions: &mut Actions) {
        if self.servers.watched {
            self.servers.watched = false;
            actions.add(Action::SignalWatcher(Signal::KILL));
        }
    }

    /// Kills the helper of a phase that has ended.
    pub(crate) fn kill_helper(&mut self, actions: &mut Actions) {
        if let Some(helper) = self.helper.take() {
            actions.signal(helper, Signal::KILL);
        }
    }

    /// The request that asks a server to exit.
    pub(crate) const fn method(ending: Option<Ending>) -> Method {
        if ending.is_some() { Method::Shutdown } else { Method::PrepareRestart }
    }

    /// The time that a server gets to exit before SIGKILL, ms.
    pub(crate) const fn stop_timeout(&self, ending: Option<Ending>) -> Millis {
        if ending.is_some() { self.policy.stop_timeout } else { RESTART_TIMEOUT }
    }
}
