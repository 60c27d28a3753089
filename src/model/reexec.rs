//! What one PID 1 hands over to the next one, which takes its place by execve(2): its name, argv\[0\].
//!
//! No file, so that no full disk and no read-only root can be in the way. What the kernel or the environment says
//! is asked for anew, and a shutdown is not handed over, since nothing is replaced once it has begun.

use core::ffi::CStr;

use crate::model::limits::{FAULT_INTERVAL, RESPAWN_DELAY, RESPAWN_DELAY_MAX};
use crate::model::process::{FileId, Pid};
use crate::model::time::{Instant, Millis};
use crate::parse::lines;
use crate::parse::list;
use crate::text::line::Line;

/// What the next one has to know, as the numbers that stand in its name.
///
/// PID 1 keeps them in this form while it lives: it can be at fault at any instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReexecState([u32; COUNT]);

/// What is known of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerHistory {
    /// When the last one was started; 0 if none was, or it could not be executed.
    pub started_at: Instant,
    /// What the next backoff lasts, unless the server runs for
    /// [`MIN_RUN_TIME`](crate::model::limits::MIN_RUN_TIME) before.
    pub next_backoff: Millis,
    /// What the last one was that ran for so long; 0 if none did.
    pub last_good: FileId,
}

impl ReexecState {
    /// What there is without a PID 1 before.
    pub const NONE: Self = {
        let mut numbers = [0; COUNT];
        numbers[DELAY] = RESPAWN_DELAY;
        numbers[FAULT] = FAULT_INTERVAL.wrapping_neg();
        Self(numbers)
    };

    /// The name with what is handed over, and a NUL, in place of what the line holds, which has to be nothing.
    #[inline(never)] // two callers
    pub fn encode(&self, name: &mut Line) {
        name.text(NAME);
        for number in &self.0 {
            name.byte(b' ');
            name.number(*number);
        }
        name.byte(0);
    }

    /// Reads a name; nothing is handed over by one that is spelled in any other way.
    #[must_use]
    #[inline(never)]
    pub fn decode(name: &CStr) -> Self {
        Self::numbers(name).unwrap_or(Self::NONE)
    }

    fn numbers(name: &CStr) -> Option<Self> {
        let rest = list::behind(name.to_bytes(), NAME)?;
        let mut numbers = [0; COUNT];
        for (place, number) in numbers.iter_mut().enumerate() {
            *number = list::number(lines::word(rest, place))?;
        }
        let read = Self(numbers);
        // Too few words, too many of them, or other spaces: it would be written in another way.
        let mut line = Line::default();
        read.encode(&mut line);
        list::behind(name.to_bytes_with_nul(), line.as_bytes())?;
        (RESPAWN_DELAY..=RESPAWN_DELAY_MAX).contains(&numbers[DELAY]).then_some(read)
    }

    /// The server, if one runs.
    #[must_use]
    pub const fn server(&self) -> Option<Pid> {
        Pid::new(self.0[SERVER].cast_signed())
    }

    /// There is this server now, or none.
    pub const fn set_server(&mut self, server: Option<Pid>) {
        self.0[SERVER] = number(server);
    }

    /// The rescue program, if one runs.
    #[must_use]
    pub const fn rescue(&self) -> Option<Pid> {
        Pid::new(self.0[RESCUE].cast_signed())
    }

    /// There is this rescue program now, or none.
    pub const fn set_rescue(&mut self, rescue: Option<Pid>) {
        self.0[RESCUE] = number(rescue);
    }

    /// True if the server was asked to make room for another one.
    #[must_use]
    pub const fn restarting(&self) -> bool {
        self.0[RESTARTING] != 0
    }

    /// The server was asked for that, or was started since.
    pub const fn set_restarting(&mut self, restarting: bool) {
        self.0[RESTARTING] = if restarting { 1 } else { 0 };
    }

    /// True if the PID 1 before was that of a container: for a kernel that has no say in that any more.
    #[must_use]
    pub const fn container(&self) -> bool {
        self.0[CONTAINER] != 0
    }

    /// This is PID 1 of a container, or not.
    pub const fn set_container(&mut self, container: bool) {
        self.0[CONTAINER] = if container { 1 } else { 0 };
    }

    /// What the server runs, or the last one ran.
    #[must_use]
    pub const fn program(&self) -> FileId {
        FileId(self.0[PROGRAM])
    }

    /// The server runs this.
    pub const fn set_program(&mut self, program: FileId) {
        self.0[PROGRAM] = program.0;
    }

    /// What is known of servers; the time is rounded up to a second or so.
    #[must_use]
    #[inline(always)]
    #[allow(clippy::as_conversions)] // it becomes wider
    pub const fn history(&self) -> ServerHistory {
        let started_at = Instant((self.0[SINCE] as u64) << MOMENT);
        ServerHistory { started_at, next_backoff: self.0[DELAY], last_good: FileId(self.0[PROVEN]) }
    }

    /// This is known of servers.
    #[inline(always)]
    pub const fn set_history(&mut self, history: &ServerHistory) {
        self.0[SINCE] = moment(Instant(history.started_at.0.wrapping_add(1_023)));
        self.0[DELAY] = history.next_backoff;
        self.0[PROVEN] = history.last_good.0;
    }

    /// How many PID 1s there were before.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.0[GENERATION]
    }

    /// One more PID 1 comes, or one less since it could not be executed.
    pub const fn count(&mut self, more: u32) {
        self.0[GENERATION] = self.0[GENERATION].wrapping_add(more);
    }

    /// Notes a fault of PID 1; false if there was another one a short time before.
    #[must_use]
    #[inline(always)]
    pub const fn survives(&mut self, now: Instant) -> bool {
        let before = self.0[FAULT];
        self.0[FAULT] = moment(now);
        self.0[FAULT].wrapping_sub(before) >= FAULT_INTERVAL
    }
}

/// A point in time in units of 1,024 ms since the boot: a division by 1,000 takes more room.
#[allow(clippy::as_conversions)] // it lasts for 139 years
const fn moment(time: Instant) -> u32 {
    (time.0 >> MOMENT) as u32
}

const fn number(pid: Option<Pid>) -> u32 {
    match pid {
        Some(pid) => pid.raw().unsigned_abs(),
        None => 0,
    }
}

/// The power of two that is the unit of a moment, ms.
const MOMENT: u32 = 10;

// The numbers, in their order.
const SERVER: usize = 0;
const DELAY: usize = 1;
const GENERATION: usize = 2;
const FAULT: usize = 3;
const RESTARTING: usize = 4;
const SINCE: usize = 5;
const PROGRAM: usize = 6;
const PROVEN: usize = 7;
const RESCUE: usize = 8;
const CONTAINER: usize = 9;
const COUNT: usize = 10;

/// The version of what stands behind it changes with each change of that.
const NAME: &[u8] = b"zinit-pid1 2:";

/// What the program prints for `--version` and `--probe`: its version, and the [answer](ANSWER).
pub static VERSION: &str = concat!("zinit-pid1 ", env!("CARGO_PKG_VERSION"), "\n", "hand-over 2\n");

/// What a program answers to `--probe` that understands [this](self), as a line behind its version.
pub const ANSWER: &[u8] = b"hand-over 2\n";
