//! A deadline for what another process does.

use core::mem;

use zinit_pid1::model::limits::LATE;
use zinit_pid1::model::time::{Instant, Millis};

/// A deadline that is put off once if it is found late: this process and the other one were frozen, as by a pause of
/// the container.
#[derive(Clone, Debug)]
pub struct Deadline {
    at: Instant,
    /// By how much it is put off, from the time at which it is found late.
    again: Millis,
}

impl Deadline {
    /// The end of a span that begins then.
    #[must_use]
    pub fn after(begin: Instant, span: Millis) -> Self {
        Self { at: begin + span, again: span }
    }

    /// The time that is left; the whole span, once, if the deadline has passed more than [`LATE`] ago.
    pub fn left(&mut self, now: Instant) -> Millis {
        if self.at.until(now) > LATE {
            self.at = now + mem::take(&mut self.again);
        }
        now.until(self.at)
    }
}
