//! Points in time, as numbers that a test can choose.

use core::ops::Add;

/// A span of time, ms.
pub type Millis = u32;

/// A point on the kernel's monotonic clock, ms.
///
/// 64 bits of milliseconds last 584 million years, so no code has to handle wrap-around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// Later than anything that happens.
    pub const NEVER: Self = Self(u64::MAX);

    /// The time from this instant to `later`: 0 if `later` has passed, and 49 days at most.
    #[must_use]
    pub fn until(self, later: Self) -> Millis {
        Millis::try_from(later.0.saturating_sub(self.0)).unwrap_or(Millis::MAX)
    }
}

impl Add<Millis> for Instant {
    type Output = Self;

    fn add(self, span: Millis) -> Self {
        Self(self.0.wrapping_add(u64::from(span)))
    }
}
