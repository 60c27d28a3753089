//! The re-exec state: what one PID 1 passes to the next one through execve(2), in argv\[0\].
//!
//! It is not a file, so that a full disk or a read-only root cannot prevent a re-exec. What the kernel and the
//! environment say is read again. A shutdown is not part of the state, because PID 1 is not replaced once a shutdown
//! has begun. The format is described in `doc/reexec.md`.

use core::cell::Cell;
use core::ffi::CStr;

use crate::model::buffer::Buffer;
use crate::model::checksum::crc32;
pub use crate::model::child::Child;
use crate::model::child::{CHILDREN, FIRST_READER};
use crate::model::decimal;
use crate::model::limits::{FAULT_INTERVAL, LOG_LINE, RESPAWN_DELAY, RESPAWN_DELAY_MAX};
use crate::model::process::{FileId, Pid};
use crate::model::table;
use crate::model::time::{Instant, Millis, Moment};

/// The state that the next PID 1 needs, as the numbers of argv\[0\].
///
/// Kept as numbers at all times, because the fault handler may need it at any instruction, and because the kernel
/// itself writes the pid of a child into it. They are cells, because the handler interrupts a loop that refers to them
/// too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReexecState(pub(super) [Cell<u32>; COUNT]);

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
    #[must_use]
    pub fn first() -> Self {
        Self(DEFAULTS.map(Cell::new))
    }

    /// Appends the state as argv\[0\], with a NUL, to `name`, which has to be empty.
    ///
    /// A number that is the same as in the state of a first boot is left out, but `server` and `generation` never are.
    pub fn encode(&self, name: &mut Buffer) {
        name.extend(NAME);
        for (index, (number, default)) in self.0.iter().zip(&DEFAULTS).enumerate() {
            let number = number.get();
            if number != *default || REQUIRED >> index & 1 != 0 {
                name.push(b' ');
                name.extend(table::nth(KEYS, index));
                name.push(b'=');
                name.number(number);
            }
        }
        let sum = crc32(name.as_bytes());
        name.extend(CRC);
        name.number(sum);
        name.push(0);
    }

    /// Parses argv\[0\]; a string with another checksum or format stands for a first boot.
    ///
    /// Words with unknown keys are ignored, so that a later version can add keys.
    #[must_use]
    pub fn decode(name: &CStr) -> Self {
        let state = Self::first();
        if state.read(name.to_bytes()).is_none() {
            return Self::first();
        }
        state
    }

    /// True if a name has the format that this program writes, so that whoever wrote it can read what is written here.
    #[must_use]
    pub fn writes_like(name: &CStr) -> bool {
        name.to_bytes().starts_with(NAME)
    }

    /// Reads the numbers of a name; `None` if it is not valid, with some of them changed.
    fn read(&self, name: &[u8]) -> Option<()> {
        let end = name.iter().rposition(|byte| *byte == b' ').filter(|end| *end < LOG_LINE)?;
        let (text, last) = name.split_at_checked(end)?;
        if decimal::parse(last.strip_prefix(CRC)?)? != crc32(text) {
            return None;
        }
        let mut seen = 0_u32;
        for word in table::split(text.strip_prefix(NAME)?, b' ') {
            let end = word.iter().position(|byte| *byte == b'=').unwrap_or(word.len());
            let (key, number) = word.split_at_checked(end)?;
            let Some(index) = table::position(KEYS, key) else { continue };
            let bit = 1 << index;
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
            self.0.get(index)?.set(decimal::parse(number.get(1..)?)?);
        }
        let backoff = self.0[NEXT_BACKOFF].get();
        let valid = backoff.clamp(RESPAWN_DELAY, RESPAWN_DELAY_MAX) == backoff;
        (valid && seen & REQUIRED == REQUIRED).then_some(())
    }

    /// A child, if it runs.
    #[must_use]
    pub fn child(&self, child: Child) -> Option<Pid> {
        self.0.get(child.0).and_then(|number| Pid::new(number.get().cast_signed()))
    }

    /// Where the kernel writes the pid of a new child, before the child runs.
    #[allow(clippy::indexing_slicing)] // each index is below `CHILDREN`
    pub const fn slot(&self, child: Child) -> &Cell<u32> {
        &self.0[child.0]
    }

    /// The server, if one runs.
    #[must_use]
    pub fn server(&self) -> Option<Pid> {
        self.child(Child::SERVER)
    }

    /// Removes a child that was reaped, because another process can get its pid later, and returns which one it was.
    pub fn forget(&self, pid: Pid) -> Option<Child> {
        let mut numbers = self.0[..CHILDREN].iter().enumerate();
        let (index, number) = numbers.find(|(_, number)| number.get() == pid.raw().unsigned_abs())?;
        number.set(0);
        Some(Child(index))
    }

    /// Adds a reader of an earlier server's pipes; see [`READERS`](crate::model::limits::READERS) for one too many.
    pub fn add_reader(&self, pid: Pid) {
        let mut slots = self.0[FIRST_READER..CHILDREN].iter();
        if let Some(free) = slots.find(|number| number.get() == 0) {
            free.set(pid.raw().unsigned_abs());
        }
    }

    /// The number of readers, with a watcher, which becomes one when its server has ended.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.0[Child::WATCHER.0..CHILDREN].iter().filter(|pid| pid.get() != 0).count()
    }

    /// True during a soft restart.
    #[must_use]
    pub const fn restarting(&self) -> bool {
        self.0[RESTARTING].get() != 0
    }

    /// Sets whether a soft restart is under way.
    pub fn set_restarting(&self, restarting: bool) {
        self.0[RESTARTING].set(restarting.into());
    }

    /// True if a watcher has saved the services of a server that crashed, for the next server.
    #[must_use]
    pub const fn saved(&self) -> bool {
        self.0[SAVED].get() != 0
    }

    /// Sets whether a watcher has saved services.
    pub fn set_saved(&self, saved: bool) {
        self.0[SAVED].set(saved.into());
    }

    /// True if the previous PID 1 was that of a container: a hint that counts only if the kernel does not identify
    /// the role.
    #[must_use]
    pub const fn container(&self) -> bool {
        self.0[CONTAINER].get() != 0
    }

    /// Sets whether this is PID 1 of a container.
    pub fn set_container(&self, container: bool) {
        self.0[CONTAINER].set(container.into());
    }

    /// The file that the server runs, or that the last server ran.
    #[must_use]
    pub const fn server_file(&self) -> FileId {
        FileId(self.0[SERVER_FILE].get())
    }

    /// Sets the file that the server runs.
    pub fn set_server_file(&self, file: FileId) {
        self.0[SERVER_FILE].set(file.0);
    }

    /// The server history; its time is rounded up to a unit of 1,024 ms.
    #[must_use]
    pub const fn history(&self) -> ServerHistory {
        let started_at = Moment(self.0[STARTED_AT].get()).instant();
        ServerHistory {
            started_at,
            next_backoff: self.0[NEXT_BACKOFF].get(),
            last_good: FileId(self.0[LAST_GOOD].get()),
        }
    }

    /// Sets the server history.
    pub fn set_history(&self, history: &ServerHistory) {
        // Rounded up, because 0 means that no server was started.
        self.0[STARTED_AT].set(Moment::of(Instant(history.started_at.0.wrapping_add(1_023))).0);
        self.0[NEXT_BACKOFF].set(history.next_backoff);
        self.0[LAST_GOOD].set(history.last_good.0);
    }

    /// The number of re-execs of PID 1 since the boot.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.0[GENERATION].get()
    }

    /// Adds to the generation: 1 for the next PID 1, -1 if its program could not be executed.
    pub fn add_generation(&self, more: i32) {
        self.0[GENERATION].set(self.0[GENERATION].get().wrapping_add_signed(more));
    }
}

/// The keys, in the order of the numbers: first the pids of children.
const KEYS: &[u8] = b"server\nrescue\nrestarter\nwatcher\nreader1\nreader2\nreader3\nreader4\n\
    generation\nbackoff\nfault\nrestarting\nstarted\nfile\ngood\ncontainer\nsaved\nupdated\nbefore\nputback";

const GENERATION: usize = CHILDREN;
const NEXT_BACKOFF: usize = CHILDREN + 1;
pub(super) const FAULT: usize = CHILDREN + 2;
const RESTARTING: usize = CHILDREN + 3;
const STARTED_AT: usize = CHILDREN + 4;
const SERVER_FILE: usize = CHILDREN + 5;
const LAST_GOOD: usize = CHILDREN + 6;
const CONTAINER: usize = CHILDREN + 7;
const SAVED: usize = CHILDREN + 8;
pub(super) const UPDATED: usize = CHILDREN + 9;
pub(super) const BEFORE: usize = CHILDREN + 10;
pub(super) const PUT_BACK: usize = CHILDREN + 11;
const COUNT: usize = CHILDREN + 12;

/// The numbers of a first boot.
pub(super) const DEFAULTS: [u32; COUNT] = {
    let mut numbers = [0; COUNT];
    numbers[NEXT_BACKOFF] = RESPAWN_DELAY;
    numbers[FAULT] = FAULT_INTERVAL.wrapping_neg();
    numbers
};

/// The keys that no name lacks, one bit each.
const REQUIRED: u32 = 1 << Child::SERVER.0 | 1 << GENERATION;

/// The start of argv\[0\]. The number in it changes only when a known key changes its meaning.
const NAME: &[u8] = b"zinit-pid1 3:";

/// The start of the last word, the checksum of all before it.
const CRC: &[u8] = b" crc=";
