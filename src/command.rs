//! The words of argv: what a process that is not PID 1 is to do, or to ask of PID 1.
//!
//! PID 1's program knows a few of them itself, and leaves all others to zinit-pid1ctl, which knows all of them.

use core::ffi::CStr;

use crate::model::event::Ending;
use crate::model::process::Signal;
use crate::model::table;

/// What the program itself makes of argv in a process that is not PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// It has another program look at it.
    Ask,
    /// It says what it is for.
    Help,
    /// It supervises a server.
    Run,
    /// It says which version it is.
    Version,
}

/// Reads argv as far as the program does so itself: its first word that is no hint decides, and before that its name.
#[inline(always)]
pub fn own<'a>(name: &CStr, words: impl Iterator<Item = &'a CStr>) -> Own {
    if table::position(NAMES, base(name)).is_some() {
        return Own::Ask;
    }
    for word in words {
        match table::position(OPTIONS, word.to_bytes()) {
            Some(..HELP_OPTION) => {}
            Some(HELP_OPTION..VERSION_OPTION) => return Own::Help,
            Some(_) => return Own::Version,
            None => return Own::Ask,
        }
    }
    Own::Run
}

/// True if a word of argv says that this is a container: all that PID 1 reads of it, since the kernel
/// puts every word there that it does not know itself.
#[must_use]
pub fn asks_for_container(word: &CStr) -> bool {
    matches!(table::position(OPTIONS, word.to_bytes()), Some(..HELP_OPTION))
}

/// The name without its folder.
fn base(name: &CStr) -> &[u8] {
    let name = name.to_bytes();
    let folder = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash.wrapping_add(1));
    name.get(folder..).unwrap_or(&[])
}

/// The names that ask for something.
const NAMES: &[u8] = b"halt\nreboot\npoweroff\nshutdown";

/// The words that the program knows itself: hints, then what asks for help, then what asks for its version.
const OPTIONS: &[u8] = b"-c\n--container\n-h\n--help\n-V\n--version\n--probe";
const HELP_OPTION: usize = 2;
const VERSION_OPTION: usize = 4;

/// What argv asks of a process that is not PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Ask PID 1 by this signal.
    Ask(Signal),
    /// End the machine without PID 1, whatever becomes of its services.
    Force(Ending),
    /// Print what this program is for and exit.
    Help,
    /// Supervise a server.
    Run,
    /// Print what PID 1 does.
    Status,
    /// A word that means nothing here.
    Unknown(&'a CStr),
    /// Print the version and exit.
    Version,
}

/// Reads argv; the program's name counts as its first word, if it is that of an ending.
pub fn command<'a>(name: &CStr, words: impl Iterator<Item = &'a CStr>) -> Command<'a> {
    let called = place(base(name));
    let (mut after, mut order, mut force) = (NOTHING, RUN, false);
    if called <= SHUTDOWN_VERB {
        (after, order) = (after_verb(called), called.min(2));
    }
    for word in words {
        let place = place(word.to_bytes());
        let Some(row) = ROWS.get(place).filter(|row| **row & after != 0) else {
            return Command::Unknown(word);
        };
        match row >> 4 {
            FORCE => force = true,
            // Which sysvinit's shutdown takes for an ending.
            HELP if place == SHORT_HELP && after & SHUTDOWN != 0 => {}
            HELP => return Command::Help,
            VERSION => return Command::Version,
            RUN_ON => {}
            meant => order = usize::from(meant),
        }
        if place <= LAST_VERB {
            after = after_verb(place);
        }
    }
    let ending = match order {
        0 => Ending::Halt,
        1 => Ending::Reboot,
        _ => Ending::Poweroff,
    };
    match SIGNALS.get(order) {
        Some(_) if force => Command::Force(ending),
        Some(signal) => Command::Ask(*signal),
        None if order == RUN => Command::Run,
        None => Command::Status,
    }
}

fn place(word: &[u8]) -> usize {
    table::position(WORDS, word).unwrap_or(WORDS.len())
}

/// What can stand behind a verb.
const fn after_verb(place: usize) -> u8 {
    match place {
        ..SHUTDOWN_VERB => ENDING,
        SHUTDOWN_VERB => ENDING | SHUTDOWN,
        _ => OTHER,
    }
}

/// All that mean something: the verbs, of which those up to `shutdown` are names of the program too, and the options.
const WORDS: &[u8] = b"halt\nreboot\npoweroff\nshutdown\nrestart-server\nupdate\nstatus\n\
    -f\n--force\n-p\n-H\n-r\n-P\nnow\n+0\n-c\n--container\n-h\n--help\n-V\n--version\n--probe";
const SHUTDOWN_VERB: usize = 3;
const LAST_VERB: usize = 6;
const SHORT_HELP: usize = 17;

/// For each of them behind what it may stand, and what it means: an order, or one of the words below.
#[rustfmt::skip]
static ROWS: [u8; 22] = [
    NOTHING, NOTHING | 1 << 4, NOTHING | 2 << 4, NOTHING | 2 << 4, NOTHING | 3 << 4, NOTHING | 4 << 4, NOTHING | 5 << 4,
    ENDING | FORCE << 4, ENDING | FORCE << 4, ENDING | 2 << 4,
    SHUTDOWN, SHUTDOWN | 1 << 4, SHUTDOWN | 2 << 4, SHUTDOWN | RUN_ON << 4, SHUTDOWN | RUN_ON << 4,
    NOTHING | RUN_ON << 4, NOTHING | RUN_ON << 4,
    ANYTHING | HELP << 4, ANYTHING | HELP << 4, ANYTHING | VERSION << 4, ANYTHING | VERSION << 4,
    ANYTHING | VERSION << 4,
];

// What came before.
const NOTHING: u8 = 1;
const ENDING: u8 = 2;
const SHUTDOWN: u8 = 4;
const OTHER: u8 = 8;
const ANYTHING: u8 = NOTHING | ENDING | SHUTDOWN | OTHER;

// What is meant, apart from the orders.
const RUN_ON: u8 = 6;
const FORCE: u8 = 7;
const HELP: u8 = 8;
const VERSION: u8 = 9;

/// The signals of the orders that have one; `status` is behind them.
static SIGNALS: [Signal; 5] = [Signal::HALT, Signal::REBOOT, Signal::POWEROFF, Signal::USR1, Signal::USR2];
const RUN: usize = 6;

/// What is printed for help.
pub const USAGE: &str = "zinit-pid1 [-c] | -V | reboot|poweroff|halt [-f] | restart-server|update|status\n";
