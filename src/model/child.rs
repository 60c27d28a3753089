//! The children whose pids the re-exec state holds.

use crate::model::limits::READERS;

/// A child that outlives the request that started it, so that the next PID 1 has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child(pub(crate) usize);

impl Child {
    /// The server.
    pub const SERVER: Self = Self(0);
    /// The rescue program.
    pub const RESCUE: Self = Self(1);
    /// The helper of a soft restart.
    pub const RESTARTER: Self = Self(2);
    /// The helper that watches the server's services.
    pub const WATCHER: Self = Self(3);

    /// All of them; the last ones are the readers of earlier servers' pipes.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CHILDREN).map(Self)
    }
}

/// The index of the first reader.
pub(crate) const FIRST_READER: usize = 4;

/// The number of such children.
pub(crate) const CHILDREN: usize = FIRST_READER + READERS;
