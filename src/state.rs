//! What PID 1 remembers: the stage at hand, and a place for each thing that any stage needs to know.
//!
//! One flat record: a tree of enums with contents took 600 bytes more, to take it apart and put it together at
//! each step. [`server`](crate::server), [`farewell`](crate::farewell) and [`shutdown`](crate::shutdown) are
//! what is done with it, and [`init`](crate::init) calls them.

use crate::burst::Burst;
use crate::config::Wishes;
use crate::event::Ending;
use crate::handover::Memory;
use crate::process::{Pid, Program};
use crate::task::Task;
use crate::time::Instant;

/// The state of PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)] // what is large lies behind what is used everywhere: near places have shorter instructions
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
    /// What a PID 1 that takes this one's place has to know too.
    pub(crate) memory: Memory,
    /// When a server that was asked to go is killed.
    pub(crate) until: Instant,
    /// How many servers in a row could not be executed.
    pub(crate) failures: u8,
    /// What the server runs, or the last one ran.
    pub(crate) program: Program,
    /// What the last server was that ended.
    pub(crate) died: Program,
    /// Services of a server that is gone may be left, about which the next one knows nothing.
    pub(crate) orphans: bool,
    /// Another version of this program is in place and waits for a moment at which nothing is under way.
    pub(crate) update: bool,
    /// The task at hand.
    pub(crate) task: Task,
    /// What this PID 1 is, and what it was told.
    pub(crate) wishes: Wishes,
    /// The last ends of servers that were the same.
    pub(crate) deaths: Burst,
    /// The last Ctrl-Alt-Dels.
    pub(crate) burst: Burst,
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
