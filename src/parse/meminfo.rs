//! Whether the disks still write: the difference between a slow disk and a dead one.

use crate::model::limits::PROGRESS_TIMEOUT;
use crate::model::time::Instant;
use crate::parse::lines;
use crate::parse::list;

/// How much there was to write at the least, and until when that may last.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    lowest: u32,
    until: Instant,
}

impl Progress {
    /// The patience with writing that begins now.
    #[must_use]
    pub fn begin(now: Instant) -> Self {
        Self { lowest: u32::MAX, until: now + PROGRESS_TIMEOUT }
    }

    /// True as long as there is reason to wait; `unwritten` is what is left to write, kB, if it is known.
    ///
    /// Without that, slow and dead look alike, and the data is worth more than the time.
    pub fn goes_on(&mut self, unwritten: Option<u32>, now: Instant) -> bool {
        let Some(unwritten) = unwritten else { return true };
        if unwritten < self.lowest {
            *self = Self { lowest: unwritten, until: now + PROGRESS_TIMEOUT };
        }
        now < self.until
    }
}

/// What a line of `/proc/meminfo` says is left to write to the disks, kB, proc_meminfo(5); `None` if it is about
/// something else.
#[must_use]
pub fn unwritten(line: &[u8]) -> Option<u32> {
    let counts = list::place(b"Dirty:\nWriteback:\n", lines::word(line, 0)).is_some();
    if counts { list::number(lines::word(line, 1)) } else { None }
}
