//! Settings, from the environment and the kernel command line.

use core::cell::Cell;
use core::ffi::CStr;

use crate::model::decimal;
use crate::model::event::Ending;
use crate::model::limits::{STOP_TIMEOUT_MAX_S, STOP_TIMEOUT_S};
use crate::model::message::Level;
use crate::model::policy::{Orphans, Policy};
use crate::model::process::Role;
use crate::model::table;
use crate::model::time::Millis;

/// The settings, stored as the words that set them.
///
/// They are stored as text and parsed where they are used, so that one more setting takes little more space than its
/// name.
#[derive(Clone, Debug)]
pub struct Config<'a> {
    /// The value of each name in [`NAMES`]; an empty value stands for the default.
    values: [Cell<&'a CStr>; COUNT],
    /// `-c` in argv: a hint like `ZINIT_CONTAINER`.
    container_hint: Cell<bool>,
}

/// What became of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It was read, or is none of ours.
    Read,
    /// Its value was not understood and changed nothing.
    NotUnderstood,
    /// It tells of sockets that were handed over, sd_listen_fds(3), sd_notify(3): their descriptors are closed at the
    /// start, and the pid in `LISTEN_PID` can become that of a service.
    OfSockets,
}

impl Default for Config<'_> {
    fn default() -> Self {
        Self { values: [const { Cell::new(c"") }; COUNT], container_hint: Cell::new(false) }
    }
}

impl<'a> Config<'a> {
    /// Reads one `NAME=VALUE`.
    ///
    /// The last word with a name wins, an empty value means the default, and words with unknown names are ignored.
    pub fn read(&self, word: &'a CStr) -> Word {
        let bytes = word.to_bytes_with_nul();
        // Most words are none of ours: to compare each with all names took 40,000 instructions of a machine's boot.
        let [first, ..] = bytes else { return Word::Read };
        if FIRST_LETTERS.wrapping_shr((*first).into()) & 1 == 0 {
            return Word::Read;
        }
        let length = bytes.iter().position(|byte| *byte == b'=').unwrap_or(0);
        let name = bytes.get(..length).unwrap_or(&[]);
        let Some(setting) = table::position(NAMES, name) else { return Word::Read };
        let Some(slot) = self.values.get(setting) else { return Word::OfSockets };
        let start = length.saturating_add(1);
        if start >= bytes.len() {
            return Word::Read;
        }
        let value = &word[start..];
        let understood = value.is_empty()
            || match setting {
                GIVE_UP..=WATCHDOG => number(value).is_some(),
                _ => setting < GIVE_UP || choice(setting, value).is_some(),
            };
        if !understood {
            return Word::NotUnderstood;
        }
        slot.set(value);
        Word::Read
    }

    /// Records that `-c` was found in argv.
    pub fn container_hint(&self) {
        self.container_hint.set(true);
    }

    /// `ZINIT_SERVER`: the server's program; `None` stands for the first of the default paths.
    #[must_use]
    pub fn server(&self) -> Option<&'a CStr> {
        self.set(SERVER)
    }

    /// `ZINIT_CONFIG_DIR`: the folder of service files, for the server.
    #[must_use]
    pub fn config_dir(&self) -> &'a CStr {
        self.set(CONFIG_DIR).unwrap_or(c"/etc/zinit/services")
    }

    /// `ZINIT_SOCKET`: the server's socket.
    #[must_use]
    pub fn socket(&self) -> &'a CStr {
        self.set(SOCKET).unwrap_or(c"/run/zinit.sock")
    }

    /// `ZINIT_CONTAINER`, `container=`, or `-c` in argv: a hint that counts only if the kernel does not identify the
    /// role.
    #[must_use]
    pub fn container(&self) -> bool {
        let ours = !matches!(self.values[CONTAINER].get().to_bytes(), b"" | b"0");
        self.container_hint.get() || ours || !self.values[CONTAINER_HINT].get().is_empty()
    }

    /// `ZINIT_MOUNT`: false for `no`, if another program makes the early mounts.
    #[must_use]
    pub fn mount(&self) -> bool {
        self.chosen(MOUNT) == 0
    }

    /// `ZINIT_POWEROFF`: the ending that a power-off request leads to.
    #[must_use]
    pub fn poweroff(&self) -> Ending {
        match self.chosen(POWEROFF) {
            1 => Ending::Halt,
            2 => Ending::Reboot,
            _ => Ending::Poweroff,
        }
    }

    /// `ZINIT_LOG_LEVEL`, or at least debug with `zinitdebug=1`: the log level of PID 1 and the server.
    #[must_use]
    pub fn level(&self) -> Level {
        let level = match self.chosen(LOG_LEVEL) {
            0 => Level::Info,
            1 => Level::Error,
            2 => Level::Warn,
            3 => Level::Debug,
            _ => Level::Trace,
        };
        let debug = self.values[DEBUG].get().to_bytes() == b"1";
        if debug { level.max(Level::Debug) } else { level }
    }

    /// The word for the level, as zinit-server accepts it.
    #[must_use]
    pub fn level_word(&self) -> &'a CStr {
        match self.level() {
            Level::Debug => c"debug",
            _ => self.set(LOG_LEVEL).unwrap_or(c"info"),
        }
    }

    /// `ZINIT_STOP_TIMEOUT`: the server's time to stop its services, ms.
    #[must_use]
    pub fn stop_timeout(&self) -> Millis {
        number(self.values[STOP_TIMEOUT].get()).unwrap_or(STOP_TIMEOUT_S).wrapping_mul(1_000)
    }

    /// The settings that decisions depend on, and the role.
    #[must_use]
    pub fn policy(&self, role: Role) -> Policy {
        let (stop_timeout, poweroff) = (self.stop_timeout(), self.poweroff());
        let give_up = number(self.values[GIVE_UP].get()).unwrap_or(0);
        Policy { role, stop_timeout, poweroff, give_up, orphans: self.orphans() }
    }

    /// `ZINIT_EXIT_STATUS`: true if a service is named, with which a container ends.
    #[must_use]
    pub fn has_job(&self) -> bool {
        self.set(EXIT_STATUS).is_some()
    }

    /// `ZINIT_RESCUE`: the program that gets the console while servers fail; `None` for none.
    #[must_use]
    pub fn rescue(&self) -> Option<&'a CStr> {
        self.set(RESCUE)
    }

    /// `ZINIT_WATCHDOG`: the hardware resets the machine if PID 1 does not ping it for so many seconds; `None` for
    /// never.
    #[must_use]
    pub fn watchdog(&self) -> Option<u32> {
        number(self.values[WATCHDOG].get())
    }

    /// `ZINIT_CONTAINER_REBOOT`: true if a container ends by reboot(2), for container engines that then start it
    /// again.
    #[must_use]
    pub fn container_reboot(&self) -> bool {
        self.chosen(CONTAINER_REBOOT) == 1
    }

    /// `ZINIT_ORPHANS`: what becomes of the services of a server that crashed.
    #[must_use]
    pub fn orphans(&self) -> Orphans {
        match self.chosen(ORPHANS) {
            1 => Orphans::Adopt,
            2 => Orphans::Keep,
            _ => Orphans::Stop,
        }
    }

    /// The index of the current word among the words that a setting accepts; the first one is the default.
    fn chosen(&self, setting: usize) -> usize {
        self.values.get(setting).and_then(|word| choice(setting, word.get())).unwrap_or(0)
    }

    /// The value of a free-text setting; `None` stands for the default.
    fn set(&self, setting: usize) -> Option<&'a CStr> {
        self.values.get(setting).map(Cell::get).filter(|value| !value.is_empty())
    }
}

/// The index of a word among the words that a setting accepts.
fn choice(setting: usize, word: &CStr) -> Option<usize> {
    let words = table::nth(CHOICES, setting.wrapping_sub(CONTAINER_REBOOT));
    table::split(words, b' ').position(|known| known == word.to_bytes())
}

/// The number of a word: seconds, mostly.
fn number(word: &CStr) -> Option<u32> {
    decimal::parse(word.to_bytes()).filter(|number| (1..=STOP_TIMEOUT_MAX_S).contains(number))
}

/// The names: first the free-text settings, then numbers, then those that accept only a few words, and then those of
/// [`Word::OfSockets`].
const NAMES: &[u8] = b"\
ZINIT_CONFIG_DIR
ZINIT_CONTAINER
container
zinitdebug
ZINIT_EXIT_STATUS
ZINIT_RESCUE
ZINIT_SERVER
ZINIT_SOCKET
ZINIT_GIVE_UP
ZINIT_STOP_TIMEOUT
ZINIT_WATCHDOG
ZINIT_CONTAINER_REBOOT
ZINIT_LOG_LEVEL
ZINIT_MOUNT
ZINIT_ORPHANS
ZINIT_POWEROFF
LISTEN_FDS
LISTEN_FDNAMES
LISTEN_PID
NOTIFY_SOCKET";

/// A bit for each letter that a name begins with: the lowest five of the letter are the number of the bit.
const FIRST_LETTERS: u32 = {
    let (mut rest, mut begins, mut letters) = (NAMES, true, 0);
    while let [byte, behind @ ..] = rest {
        if begins {
            #[allow(clippy::as_conversions)] // `into` is not const
            let number = *byte as u32;
            letters |= 1_u32.wrapping_shl(number);
        }
        (rest, begins) = (behind, *byte == b'\n');
    }
    letters
};

const CONFIG_DIR: usize = 0;
const CONTAINER: usize = 1;
const CONTAINER_HINT: usize = 2;
const DEBUG: usize = 3;
const EXIT_STATUS: usize = 4;
const RESCUE: usize = 5;
const SERVER: usize = 6;
const SOCKET: usize = 7;
const GIVE_UP: usize = 8;
const STOP_TIMEOUT: usize = 9;
const WATCHDOG: usize = 10;
const CONTAINER_REBOOT: usize = 11;
const LOG_LEVEL: usize = 12;
const MOUNT: usize = 13;
const ORPHANS: usize = 14;
const POWEROFF: usize = 15;
const COUNT: usize = 16;

/// What the settings from [`CONTAINER_REBOOT`] on accept, a line each; the first word is the default.
const CHOICES: &[u8] = b"\
0 1
info error warn debug trace
yes no
stop adopt keep
poweroff halt reboot";
