//! Many of a kind in a short time: Ctrl-Alt-Dels, and ends of servers.

use crate::model::limits::CTRL_ALT_DELS;
use crate::model::time::{Instant, Millis};

/// The last ones, oldest first, each by the time at which it stops to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateWindow([u64; CTRL_ALT_DELS]);

impl RateWindow {
    /// None yet.
    pub const NONE: Self = Self([0; CTRL_ALT_DELS]);

    /// Notes one more; true if it completes a burst of `count` within the window, ms, which then is forgotten.
    ///
    /// No more than [`CTRL_ALT_DELS`] can be counted.
    #[inline(never)]
    pub fn record(&mut self, count: usize, window: Millis, now: Instant) -> bool {
        self.0.copy_within(1.., 0);
        if let Some(last) = self.0.last_mut() {
            *last = (now + window + 1).0;
        }
        let first = self.0.get(CTRL_ALT_DELS.wrapping_sub(count));
        let complete = first.is_some_and(|first| *first > now.0);
        if complete {
            *self = Self::NONE;
        }
        complete
    }
}
