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

/// A point in time in units of 1,024 ms since the boot: 32 bits are enough for 139 years, and dividing by 1,000 takes
/// more instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub u32);

impl Moment {
    /// The moment of a point in time, rounded down.
    #[must_use]
    #[allow(clippy::as_conversions)] // the bits that are cut off are 0 for 139 years
    pub const fn of(time: Instant) -> Self {
        Self((time.0 >> 10) as u32)
    }

    /// The point in time at which it begins.
    #[must_use]
    #[allow(clippy::as_conversions)] // a widening conversion
    pub const fn instant(self) -> Instant {
        Instant((self.0 as u64) << 10)
    }

    /// The time since an earlier moment, in units of 1,024 ms.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}
