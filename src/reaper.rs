//! What a reaped child means.

use crate::model::action::Actions;
use crate::model::message::{Message, Record};
use crate::model::process::{Exit, Pid, Signal};

/// Decodes a wait status, wait(2); `None` for a child that was only stopped or continued.
#[must_use]
#[inline(always)]
pub fn exit(status: u32) -> Option<Exit> {
    let [low, high, ..] = status.to_le_bytes();
    match low & 0x7f {
        0 => Some(Exit::Exited(high)),
        0x7f => None,
        signal => Some(Exit::Killed(Signal(signal))),
    }
}

/// Notes a child that nobody asked about: an orphan, or a helper whose stage is over.
///
/// At debug level only, so that a storm of orphans is not a storm of log lines.
#[inline(always)]
pub fn orphan(pid: Pid, exit: Exit, actions: &mut Actions) {
    actions.log_record(Record::new(Message::OrphanReaped).pid(pid).exit(exit));
}
