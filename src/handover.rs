//! What one PID 1 hands over to the next one, which takes its place by execve(2): its name, argv\[0\].
//!
//! No file, so that no full disk and no read-only root can be in the way. What the kernel or the environment says
//! is asked for anew, and a shutdown is not handed over, since nothing is replaced once it has begun.

use core::ffi::CStr;

use crate::limits::{FAULTLESS, RESPAWN_DELAY};
use crate::line::Line;
use crate::lines;
use crate::list;
use crate::process::Pid;
use crate::time::Millis;

/// What the next one has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandOver {
    /// The server, if one runs.
    pub server: Option<Pid>,
    /// What the next backoff lasts.
    pub delay: Millis,
    /// How many PID 1s there were before the one that reads it.
    pub generation: u32,
    /// When one of them was faulty, s since the boot.
    pub fault: u32,
}

impl HandOver {
    /// What there is without a PID 1 before.
    pub const NONE: Self =
        Self { server: None, delay: RESPAWN_DELAY, generation: 0, fault: FAULTLESS.wrapping_neg() };

    /// The name with what is handed over, and a NUL, in place of what the line holds, which has to be nothing.
    #[inline(always)]
    pub fn compose(&self, name: &mut Line) {
        name.text(NAME);
        let server = self.server.map_or(0, Pid::raw).unsigned_abs();
        for number in &[server, self.delay, self.generation, self.fault] {
            name.byte(b' ');
            name.number(*number);
        }
        name.byte(0);
    }

    /// Reads a name; nothing is handed over by one that is spelled in any other way.
    #[must_use]
    #[inline(always)]
    pub fn read(name: &CStr) -> Self {
        Self::numbers(name.to_bytes()).unwrap_or(Self::NONE)
    }

    fn numbers(name: &[u8]) -> Option<Self> {
        let rest = list::behind(name, NAME)?;
        let mut numbers = [0; 4];
        for (place, number) in numbers.iter_mut().enumerate() {
            *number = list::number(lines::word(rest, place))?;
        }
        let [server, delay, generation, fault] = numbers;
        Some(Self { server: Pid::new(server.cast_signed()), delay, generation, fault })
    }
}

/// The version of what stands behind it changes with each change of that.
const NAME: &[u8] = b"zinit-pid1 1:";

/// What a program answers to `--probe` that understands [this](self), as a line behind its version.
pub const ANSWER: &[u8] = b"hand-over 1\n";
