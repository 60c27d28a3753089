//! Settings, from the environment and the kernel command line, and the words of argv.

use core::ffi::CStr;

use crate::event::Ending;
use crate::limits::{KERNEL_COMMAND_LINE, STOP_TIMEOUT_MAX_S, STOP_TIMEOUT_S};
use crate::list;
use crate::log::Level;
use crate::time::Millis;

/// What can be set, with what is in force if it is not.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// `ZINIT_SERVER`: the server's program; `None` stands for the first of the usual places.
    pub server: Option<&'a CStr>,
    /// `ZINIT_CONFIG_DIR`: the folder of service files, for the server.
    pub config_dir: &'a CStr,
    /// `ZINIT_SOCKET`: the server's socket.
    pub socket: &'a CStr,
    /// `ZINIT_CONTAINER`, `container=`, or `-c` in argv: a hint where the kernel does not know.
    pub container: bool,
    /// `ZINIT_MOUNT`: false for `no`, which leaves the first mounts to somebody else.
    pub mount: bool,
    /// `ZINIT_STOP_TIMEOUT`: the server's time to stop its services, s.
    pub stop_timeout_s: u32,
    /// `ZINIT_POWEROFF`: what a power off ends with.
    pub poweroff: Ending,
    log_level: Level,
    debug: bool,
}

impl Default for Config<'_> {
    fn default() -> Self {
        Self {
            server: None,
            config_dir: CONFIG_DIR,
            socket: SOCKET,
            container: false,
            mount: true,
            stop_timeout_s: STOP_TIMEOUT_S,
            poweroff: Ending::Poweroff,
            log_level: Level::Info,
            debug: false,
        }
    }
}

impl<'a> Config<'a> {
    /// Reads one `NAME=VALUE`; false if the value was not understood and changed nothing.
    ///
    /// The last one of a name wins, an empty value means the default, and other words are none of our
    /// business.
    pub fn read(&mut self, word: &'a CStr) -> bool {
        let bytes = word.to_bytes_with_nul();
        let name = bytes.split(|byte| *byte == b'=').next().unwrap_or(bytes);
        let Some(setting) = list::place(SETTING_NAMES, name).and_then(|place| SETTINGS.get(place)) else {
            return true;
        };
        let start = name.len().saturating_add(1);
        if start >= bytes.len() {
            return true;
        }
        let value = &word[start..];
        let set = (!value.is_empty()).then_some(value);
        match setting {
            Setting::ConfigDir => self.config_dir = set.unwrap_or(CONFIG_DIR),
            Setting::Container => self.container = !matches!(value.to_bytes(), b"" | b"0"),
            Setting::ContainerHint => self.container |= set.is_some(),
            Setting::Debug => self.debug = value.to_bytes() == b"1",
            Setting::LogLevel => {
                let level = set.map_or(Some(Level::Info), level);
                self.log_level = level.unwrap_or(self.log_level);
                return level.is_some();
            }
            Setting::Mount => {
                let no = value.to_bytes() == b"no";
                if !no && !matches!(value.to_bytes(), b"" | b"yes") {
                    return false;
                }
                self.mount = !no;
            }
            Setting::Poweroff => {
                let ending = set.map_or(Some(Ending::Poweroff), ending);
                self.poweroff = ending.unwrap_or(self.poweroff);
                return ending.is_some();
            }
            Setting::Server => self.server = set,
            Setting::Socket => self.socket = set.unwrap_or(SOCKET),
            Setting::StopTimeout => {
                let seconds = set.map_or(Some(STOP_TIMEOUT_S), |value| seconds(value.to_bytes()));
                self.stop_timeout_s = seconds.unwrap_or(self.stop_timeout_s);
                return seconds.is_some();
            }
        }
        true
    }

    /// `ZINIT_LOG_LEVEL`, or at least debug by `zinitdebug=1`: for PID 1 and the server.
    #[must_use]
    pub fn level(&self) -> Level {
        if self.debug { self.log_level.max(Level::Debug) } else { self.log_level }
    }

    /// The server's time to stop its services, ms.
    #[must_use]
    pub const fn stop_timeout(&self) -> Millis {
        self.stop_timeout_s.saturating_mul(1_000)
    }
}

const CONFIG_DIR: &CStr = c"/etc/zinit/services";
const SOCKET: &CStr = c"/run/zinit.sock";

#[derive(Clone, Copy)]
enum Setting {
    ConfigDir,
    Container,
    ContainerHint,
    Debug,
    LogLevel,
    Mount,
    Poweroff,
    Server,
    Socket,
    StopTimeout,
}

/// The settings in the order of [`SETTING_NAMES`].
static SETTINGS: [Setting; 10] = [
    Setting::ConfigDir,
    Setting::Container,
    Setting::ContainerHint,
    Setting::Debug,
    Setting::LogLevel,
    Setting::Mount,
    Setting::Poweroff,
    Setting::Server,
    Setting::Socket,
    Setting::StopTimeout,
];

const SETTING_NAMES: &[u8] = b"\
ZINIT_CONFIG_DIR
ZINIT_CONTAINER
container
zinitdebug
ZINIT_LOG_LEVEL
ZINIT_MOUNT
ZINIT_POWEROFF
ZINIT_SERVER
ZINIT_SOCKET
ZINIT_STOP_TIMEOUT
";

/// A log level by its word.
fn level(word: &CStr) -> Option<Level> {
    match list::place(b"error\nwarn\ninfo\ndebug\ntrace\n", word.to_bytes())? {
        0 => Some(Level::Error),
        1 => Some(Level::Warn),
        2 => Some(Level::Info),
        3 => Some(Level::Debug),
        _ => Some(Level::Trace),
    }
}

/// An ending by the word of the program that asks for it.
fn ending(word: &CStr) -> Option<Ending> {
    match list::place(b"poweroff\nhalt\nreboot\n", word.to_bytes())? {
        0 => Some(Ending::Poweroff),
        1 => Some(Ending::Halt),
        _ => Some(Ending::Reboot),
    }
}

/// The word for a log level, as zinit-server takes it.
#[must_use]
pub const fn level_word(level: Level) -> &'static CStr {
    match level {
        Level::Error => c"error",
        Level::Warn => c"warn",
        Level::Info => c"info",
        Level::Debug => c"debug",
        Level::Trace => c"trace",
    }
}

fn seconds(digits: &[u8]) -> Option<u32> {
    list::number(digits).filter(|seconds| (1..=STOP_TIMEOUT_MAX_S).contains(seconds))
}

/// What argv asks of a program that is not PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Print what this program is for and exit.
    Help,
    /// Supervise a server.
    Run,
    /// A word that means nothing here.
    Unknown(&'a CStr),
    /// Print the version and exit.
    Version,
}

/// Reads the words of argv behind the program's name.
pub fn command<'a>(words: impl Iterator<Item = &'a CStr>) -> Command<'a> {
    for word in words {
        match list::place(OPTIONS, word.to_bytes()) {
            Some(0 | 1) => {}
            Some(2 | 3) => return Command::Help,
            Some(_) => return Command::Version,
            None => return Command::Unknown(word),
        }
    }
    Command::Run
}

/// True if a word of argv says that this is a container: all that PID 1 reads of it, since the kernel
/// puts every word there that it does not know itself.
#[must_use]
pub fn asks_for_container(word: &CStr) -> bool {
    list::place(OPTIONS, word.to_bytes()).is_some_and(|place| place < 2)
}

/// The hints, the words for help, and those for the version.
const OPTIONS: &[u8] = b"-c\n--container\n-h\n--help\n-V\n--version\n";

/// The kernel command line, read piece by piece and split into words as the kernel does it.
///
/// What follows `--` is argv and no setting.
#[derive(Clone, Debug, Default)]
pub struct KernelWords {
    words: heapless::Vec<u8, KERNEL_COMMAND_LINE>,
    quoted: bool,
}

impl KernelWords {
    /// Takes the next piece of `/proc/cmdline`; what does not fit is dropped.
    pub fn feed(&mut self, piece: &[u8]) {
        for byte in piece {
            let byte = match byte {
                b'"' => {
                    self.quoted = !self.quoted;
                    continue;
                }
                b' ' | b'\t' | b'\n' if !self.quoted => 0,
                byte => *byte,
            };
            let _dropped = self.words.push(byte);
        }
    }

    /// The words before `--`, each with the one NUL that ends it, but for a word that was cut off.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.words.as_slice();
        core::iter::from_fn(move || {
            let length = rest.iter().position(|byte| *byte == 0)?.wrapping_add(1);
            let (word, behind) = rest.split_at_checked(length)?;
            rest = behind;
            (word != b"--\0").then_some(word)
        })
    }
}
