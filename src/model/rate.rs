//! Many of a kind in a short time: Ctrl-Alt-Dels, and ends of servers.

use crate::model::limits::BURST;
use crate::model::time::{Instant, Millis};

/// The last ones, oldest first, each by the time at which it stops to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Burst([u64; BURST]);

impl Burst {
    /// None yet.
    pub const NONE: Self = Self([0; BURST]);

    /// Notes one more; true if it completes a burst of `count` within the window, ms, which then is forgotten.
    ///
    /// No more than [`BURST`] can be counted.
    #[inline(never)]
    pub fn complete(&mut self, count: usize, window: Millis, now: Instant) -> bool {
        self.0.copy_within(1.., 0);
        if let Some(last) = self.0.last_mut() {
            *last = (now + window + 1).0;
        }
        let first = self.0.get(BURST.wrapping_sub(count));
        let complete = first.is_some_and(|first| *first > now.0);
        if complete {
            *self = Self::NONE;
        }
        complete
    }
}
