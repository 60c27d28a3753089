//! What PID 1 remembers: the stage at hand, and a place for each thing that any stage needs to know.
//!
//! One flat record: a tree of enums with contents took 600 bytes more, to take it apart and put it together at
//! each step. [`server`](crate::server), [`farewell`](crate::farewell) and [`shutdown`](crate::shutdown) are
//! what is done with it, and [`init`](crate::init) calls them.

use crate::burst::Burst;
use crate::event::Ending;
use crate::process::{Pid, Place};
use crate::task::Task;
use crate::time::{Instant, Millis};

/// The state of PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) stage: Stage,
    /// When the stage at hand ends.
    pub(crate) deadline: Instant,
    /// What the machine does at the end; `None` until the end begins.
    pub(crate) ending: Option<Ending>,
    /// The server, as long as somebody waits for its end.
    pub(crate) server: Option<Pid>,
    /// The courier, or the child that does a task, as long as somebody waits for its end.
    pub(crate) helper: Option<Pid>,
    /// When the last server was started.
    pub(crate) since: Instant,
    /// When a server that was asked to go is killed.
    pub(crate) until: Instant,
    /// What the next backoff lasts, unless the server runs for
    /// [`MIN_RUN_TIME`](crate::limits::MIN_RUN_TIME) before.
    pub(crate) delay: Millis,
    /// How many servers in a row could not be executed.
    pub(crate) failures: u8,
    /// The task at hand.
    pub(crate) task: Task,
    /// The last Ctrl-Alt-Dels.
    pub(crate) burst: Burst,
    /// What kind of PID 1 this is.
    pub(crate) place: Place,
    /// The server's time to stop its services, ms.
    pub(crate) stop_timeout: Millis,
    /// What a power off ends with.
    pub(crate) poweroff: Ending,
}

/// The stages; those of a soft restart and of a shutdown are the same up to the server's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The answer to `SpawnServer` is due.
    Starting,
    /// The server runs.
    Up,
    /// There is no server; the next one is started at the deadline.
    Backoff,
    /// The server is to go; the answer to `Ask` is due.
    Sending,
    /// The courier is with the server.
    Asking,
    /// The server refused, or hung up on the courier: perhaps it is exiting.
    Settling,
    /// The server agreed or got a signal.
    Leaving,
    /// The server was killed for a soft restart and is not dead yet.
    Killed,
    /// A child does one of the last tasks.
    Working,
    /// PID 1 exits, or nothing ends this machine.
    Final,
}

impl State {
    /// Goes on to a stage that ends at `deadline`.
    #[inline(always)]
    pub(crate) fn enter(&mut self, stage: Stage, deadline: Instant) {
        self.stage = stage;
        self.deadline = deadline;
    }
}
