//! Decodes the wait status of a reaped child, and logs orphans.

use crate::model::action::Actions;
use crate::model::message::{Message, Record};
use crate::model::process::{Exit, Pid, Signal};

/// Decodes a wait status, wait(2); `None` for a child that was stopped or continued.
#[must_use]
pub fn exit(status: u32) -> Option<Exit> {
    let [low, high, ..] = status.to_le_bytes();
    match low & 0x7f {
        0 => Some(Exit::Exited(high)),
        0x7f => None,
        signal => Some(Exit::Killed(Signal(signal))),
    }
}

/// Logs a child that is neither the server nor the helper of the current phase: an orphan, or a late helper.
///
/// At debug level only, so that many orphans do not flood the log.
pub fn orphan(pid: Pid, exit: Exit, actions: &mut Actions) {
    actions.log_record(Record::new(Message::OrphanReaped).pid(pid).exit(exit));
}
