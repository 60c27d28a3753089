//! Sliding-window counter: N events within a time window.

use crate::model::limits::CTRL_ALT_DELS;
use crate::model::time::{Instant, Millis};

/// The last events, oldest first, each stored as the time at which it leaves the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateWindow([u64; CAPACITY]);

impl RateWindow {
    /// No event yet.
    pub const NONE: Self = Self([0; CAPACITY]);

    /// Records an event; true if it completes `count` events within the window, ms. All events are cleared then.
    ///
    /// `count` is at most the capacity, [`CTRL_ALT_DELS`].
    pub fn record(&mut self, count: usize, window: Millis, now: Instant) -> bool {
        self.0.copy_within(1.., 0);
        if let Some(last) = self.0.last_mut() {
            *last = (now + window + 1).0;
        }
        let first = self.0.get(CAPACITY.wrapping_sub(count));
        let reached = first.is_some_and(|first| *first > now.0);
        if reached {
            *self = Self::NONE;
        }
        reached
    }
}

/// The largest number of events that is counted; no caller needs more.
const CAPACITY: usize = CTRL_ALT_DELS;
