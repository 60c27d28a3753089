//! The settings that decisions depend on.

use crate::model::event::Ending;
use crate::model::process::Role;
use crate::model::time::Millis;

/// The role of this PID 1, and the settings that decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The role.
    pub role: Role,
    /// Time that the server gets to stop its services, ms.
    pub stop_timeout: Millis,
    /// The ending that a power-off request leads to.
    pub poweroff: Ending,
    /// The number of servers in a row that fail before a container exits; 0 for any number.
    pub give_up: u32,
    /// What becomes of the services of a server that crashed.
    pub orphans: Orphans,
}

/// What becomes of the services of a server that crashed, before the next server is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Orphans {
    /// A helper saves them for the next server; those that it does not know are ended.
    Adopt,
    /// Nothing: the next server starts them once more.
    Keep,
    /// They are ended.
    Stop,
}
