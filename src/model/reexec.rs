//! What one PID 1 hands over to the next one, which takes its place by execve(2): argv\[0\].
//!
//! No file, so that no full disk and no read-only root can prevent it. What the kernel or the environment says is
//! asked for anew, and a shutdown is not handed over, since nothing is replaced once it has begun. The format is
//! described in `doc/reexec.md`.

use core::ffi::CStr;

use crate::model::buffer::Buffer;
use crate::model::decimal;
use crate::model::limits::{FAULT_INTERVAL, RESPAWN_DELAY, RESPAWN_DELAY_MAX};
use crate::model::process::{FileId, Pid};
use crate::model::table;
use crate::model::time::{Instant, Millis};

/// What the next PID 1 has to know, as the numbers of argv\[0\].
///
/// Kept encoded at all times, because the fault handler may need it at any instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReexecState([u32; COUNT]);

/// What is known of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerHistory {
    /// When the last server was started; 0 if none was, or it could not be executed.
    pub started_at: Instant,
    /// How long the next backoff lasts, unless the server runs for
    /// [`MIN_RUN_TIME`](crate::model::limits::MIN_RUN_TIME) before.
    pub next_backoff: Millis,
    /// The file of the last server that ran for so long.
    pub last_good: FileId,
}

impl ReexecState {
    /// The state of a first boot.
    pub const NONE: Self = {
        let mut numbers = [0; COUNT];
        numbers[NEXT_BACKOFF] = RESPAWN_DELAY;
        numbers[FAULT] = FAULT_INTERVAL.wrapping_neg();
        Self(numbers)
    };

    /// Appends the state as argv\[0\], with a NUL, to `name`, which has to be empty.
    pub fn encode(&self, name: &mut Buffer) {
        name.extend(NAME);
        for number in &self.0 {
            name.push(b' ');
            name.number(*number);
        }
        name.push(0);
    }

    /// Reads argv\[0\]; any other spelling than that of [`encode`](Self::encode) is a first boot.
    #[must_use]
    pub fn decode(name: &CStr) -> Self {
        Self::numbers(name).unwrap_or(Self::NONE)
    }

    fn numbers(name: &CStr) -> Option<Self> {
        let words = name.to_bytes().strip_prefix(NAME)?;
        let mut numbers = [0; COUNT];
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = decimal::parse(table::field(words, index))?;
        }
        let state = Self(numbers);
        // Leading zeros, empty words and more of them: it would be written in another way.
        let mut same = Buffer::default();
        state.encode(&mut same);
        let valid = same.as_bytes() == name.to_bytes_with_nul()
            && (RESPAWN_DELAY..=RESPAWN_DELAY_MAX).contains(&numbers[NEXT_BACKOFF]);
        valid.then_some(state)
    }

    /// The server, if one runs.
    #[must_use]
    pub const fn server(&self) -> Option<Pid> {
        Pid::new(self.0[SERVER].cast_signed())
    }

    /// Sets the server.
    pub const fn set_server(&mut self, server: Option<Pid>) {
        self.0[SERVER] = number(server);
    }

    /// The rescue program, if one runs.
    #[must_use]
    pub const fn rescue(&self) -> Option<Pid> {
        Pid::new(self.0[RESCUE].cast_signed())
    }

    /// Sets the rescue program.
    pub const fn set_rescue(&mut self, rescue: Option<Pid>) {
        self.0[RESCUE] = number(rescue);
    }

    /// True during a soft restart.
    #[must_use]
    pub const fn restarting(&self) -> bool {
        self.0[RESTARTING] != 0
    }

    /// Sets whether a soft restart is under way.
    pub const fn set_restarting(&mut self, restarting: bool) {
        self.0[RESTARTING] = if restarting { 1 } else { 0 };
    }

    /// True if the previous PID 1 was that of a container: a hint where the kernel cannot say so.
    #[must_use]
    pub const fn container(&self) -> bool {
        self.0[CONTAINER] != 0
    }

    /// Sets whether this is PID 1 of a container.
    pub const fn set_container(&mut self, container: bool) {
        self.0[CONTAINER] = if container { 1 } else { 0 };
    }

    /// The file that the server runs, or the last one ran.
    #[must_use]
    pub const fn server_file(&self) -> FileId {
        FileId(self.0[SERVER_FILE])
    }

    /// Sets the file that the server runs.
    pub const fn set_server_file(&mut self, file: FileId) {
        self.0[SERVER_FILE] = file.0;
    }

    /// What is known of servers; the time is rounded up to a second or so.
    #[must_use]
    #[allow(clippy::as_conversions)] // it becomes wider
    pub const fn history(&self) -> ServerHistory {
        let started_at = Instant((self.0[STARTED_AT] as u64) << MOMENT);
        ServerHistory { started_at, next_backoff: self.0[NEXT_BACKOFF], last_good: FileId(self.0[LAST_GOOD]) }
    }

    /// Sets what is known of servers.
    pub const fn set_history(&mut self, history: &ServerHistory) {
        // Rounded up: 0 says that no server was started.
        self.0[STARTED_AT] = moment(Instant(history.started_at.0.wrapping_add(1_023)));
        self.0[NEXT_BACKOFF] = history.next_backoff;
        self.0[LAST_GOOD] = history.last_good.0;
    }

    /// How many times PID 1 was re-executed since the boot.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.0[GENERATION]
    }

    /// Adds to the generation: 1 for the next PID 1, -1 if that could not be executed.
    pub const fn add_generation(&mut self, more: i32) {
        self.0[GENERATION] = self.0[GENERATION].wrapping_add_signed(more);
    }

    /// Records a fault of PID 1; false if the last one was less than [`FAULT_INTERVAL`] ago.
    #[must_use]
    pub const fn record_fault(&mut self, now: Instant) -> bool {
        let last = self.0[FAULT];
        self.0[FAULT] = moment(now);
        self.0[FAULT].wrapping_sub(last) >= FAULT_INTERVAL
    }
}

/// A point in time in units of 1,024 ms since the boot: dividing by 1,000 takes more instructions.
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
const NEXT_BACKOFF: usize = 1;
const GENERATION: usize = 2;
const FAULT: usize = 3;
const RESTARTING: usize = 4;
const STARTED_AT: usize = 5;
const SERVER_FILE: usize = 6;
const LAST_GOOD: usize = 7;
const RESCUE: usize = 8;
const CONTAINER: usize = 9;
const COUNT: usize = 10;

/// Begins argv\[0\]. The version in it changes with each change of what follows.
const NAME: &[u8] = b"zinit-pid1 2:";

/// What the program prints for `--version` and `--probe`: its version and its [`FORMAT_LINE`].
pub static VERSION: &str = concat!("zinit-pid1 ", env!("CARGO_PKG_VERSION"), "\n", "hand-over 2\n");

/// The line in the answer to `--probe` of a program that reads this format.
pub const FORMAT_LINE: &[u8] = b"hand-over 2\n";
