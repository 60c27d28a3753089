//! The re-exec state: what one PID 1 passes to the next one through execve(2), in argv\[0\].
//!
//! It is not a file, so that a full disk or a read-only root cannot prevent a re-exec. What the kernel and the
//! environment say is read again. A shutdown is not part of the state, because PID 1 is not replaced once a shutdown
//! has begun. The format is described in `doc/reexec.md`.

use core::ffi::CStr;

use crate::model::buffer::Buffer;
use crate::model::decimal;
use crate::model::limits::{FAULT_INTERVAL, RESPAWN_DELAY, RESPAWN_DELAY_MAX};
use crate::model::process::{FileId, Pid};
use crate::model::table;
use crate::model::time::{Instant, Millis};

/// The state that the next PID 1 needs, as the numbers of argv\[0\].
///
/// Kept encoded at all times, because the fault handler may need it at any instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReexecState([u32; COUNT]);

/// What PID 1 knows about servers so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerHistory {
    /// When the last server was started; 0 if none was, or it could not be executed.
    pub started_at: Instant,
    /// How long the next backoff lasts, unless the server runs for
    /// [`MIN_RUN_TIME`](crate::model::limits::MIN_RUN_TIME) first.
    pub next_backoff: Millis,
    /// The file of the last server that ran for that long.
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

    /// Parses argv\[0\]; a string that [`encode`](Self::encode) would not write stands for a first boot.
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
        // Rejects leading zeros, empty words and surplus words, which `encode` does not write.
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

    /// True if the previous PID 1 was that of a container: a hint that counts only if the kernel does not identify
    /// the role.
    #[must_use]
    pub const fn container(&self) -> bool {
        self.0[CONTAINER] != 0
    }

    /// Sets whether this is PID 1 of a container.
    pub const fn set_container(&mut self, container: bool) {
        self.0[CONTAINER] = if container { 1 } else { 0 };
    }

    /// The file that the server runs, or that the last server ran.
    #[must_use]
    pub const fn server_file(&self) -> FileId {
        FileId(self.0[SERVER_FILE])
    }

    /// Sets the file that the server runs.
    pub const fn set_server_file(&mut self, file: FileId) {
        self.0[SERVER_FILE] = file.0;
    }

    /// The server history; its time is rounded up to a unit of 1,024 ms.
    #[must_use]
    #[allow(clippy::as_conversions)] // a widening conversion
    pub const fn history(&self) -> ServerHistory {
        let started_at = Instant((self.0[STARTED_AT] as u64) << MOMENT);
        ServerHistory { started_at, next_backoff: self.0[NEXT_BACKOFF], last_good: FileId(self.0[LAST_GOOD]) }
    }

    /// Sets the server history.
    pub const fn set_history(&mut self, history: &ServerHistory) {
        // Rounded up, because 0 means that no server was started.
        self.0[STARTED_AT] = moment(Instant(history.started_at.0.wrapping_add(1_023)));
        self.0[NEXT_BACKOFF] = history.next_backoff;
        self.0[LAST_GOOD] = history.last_good.0;
    }

    /// The number of re-execs of PID 1 since the boot.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.0[GENERATION]
    }

    /// Adds to the generation: 1 for the next PID 1, -1 if its program could not be executed.
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
#[allow(clippy::as_conversions)] // 32 bits are enough for 139 years
const fn moment(time: Instant) -> u32 {
    (time.0 >> MOMENT) as u32
}

const fn number(pid: Option<Pid>) -> u32 {
    match pid {
        Some(pid) => pid.raw().unsigned_abs(),
        None => 0,
    }
}

/// The binary logarithm of the unit of a moment, ms.
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

/// The start of argv\[0\]. The version in it changes whenever the format of the rest changes.
const NAME: &[u8] = b"zinit-pid1 2:";

/// What the program prints for `--version` and `--probe`: its version and its [`FORMAT_LINE`].
pub static VERSION: &str = concat!("zinit-pid1 ", env!("CARGO_PKG_VERSION"), "\n", "hand-over 2\n");

/// The line that a program prints in its answer to `--probe` if it reads this format.
pub const FORMAT_LINE: &[u8] = b"hand-over 2\n";
