//! Many Ctrl-Alt-Del in a short time.

use crate::limits::{BURST, BURST_WINDOW};
use crate::time::Instant;

/// The last Ctrl-Alt-Dels, oldest first, each by the time at which it stops to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Burst([u64; BURST]);

impl Burst {
    /// Notes one more; true if it completes a burst, which then is forgotten.
    pub fn complete(&mut self, now: Instant) -> bool {
        self.0.copy_within(1.., 0);
        if let Some(last) = self.0.last_mut() {
            *last = (now + BURST_WINDOW + 1).0;
        }
        let complete = self.0.first().is_some_and(|first| *first > now.0);
        if complete {
            *self = Self::default();
        }
        complete
    }
}
