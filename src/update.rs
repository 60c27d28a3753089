//! The replacement of PID 1 by a newer one.

use crate::action::Actions;
use crate::log::Fact;

/// Answers a request for an update: there is none to be had yet.
pub fn requested(actions: &mut Actions) {
    actions.fact(Fact::NoUpdate);
}
