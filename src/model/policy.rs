//! The settings that decisions depend on.

use crate::model::event::Ending;
use crate::model::process::Role;
use crate::model::time::Millis;

/// What this PID 1 is, and what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// What kind of PID 1 this is.
    pub role: Role,
    /// Time that the server gets to stop its services, ms.
    pub stop_timeout: Millis,
    /// What a power off ends with.
    pub poweroff: Ending,
    /// Whether what a server left behind is ended before the next one is started.
    pub stop_orphans: bool,
}
