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
    /// Whether processes that a server left behind are ended before the next server is started.
    pub stop_orphans: bool,
}
