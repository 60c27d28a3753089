//! The amount left to write to the disks, from `/proc/meminfo`, and whether it decreases, which tells a slow disk
//! from a dead one.

use crate::model::decimal;
use crate::model::limits::PROGRESS_TIMEOUT;
use crate::model::table;
use crate::model::time::Instant;

/// The smallest amount that was left to write, and the time by which it has to decrease.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    lowest: u32,
    until: Instant,
}

impl Progress {
    /// Starts to measure the progress: writing begins now.
    #[must_use]
    pub fn begin(now: Instant) -> Self {
        Self { lowest: u32::MAX, until: now + PROGRESS_TIMEOUT }
    }

    /// True as long as waiting makes sense; `unwritten` is what is left to write, kB, if it is known.
    ///
    /// If it is not known, slow and dead disks look the same; this waits, because the data is worth more than the
    /// time.
    pub fn goes_on(&mut self, unwritten: Option<u32>, now: Instant) -> bool {
        let Some(unwritten) = unwritten else { return true };
        if unwritten < self.lowest {
            *self = Self { lowest: unwritten, until: now + PROGRESS_TIMEOUT };
        }
        now < self.until
    }
}

/// The amount left to write, kB, in a line of `/proc/meminfo`, proc_meminfo(5); `None` for a line about something
/// else.
#[must_use]
pub fn unwritten(line: &[u8]) -> Option<u32> {
    table::position(b"Dirty:\nWriteback:", table::field(line, 0))?;
    decimal::parse(table::field(line, 1))
}
