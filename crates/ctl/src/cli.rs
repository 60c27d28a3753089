//! Parses the command line of a person or a program: that of zinit-pid1ctl, of zinit-pid1, or of a link with a name
//! like `reboot`.
//!
//! The words are those of zinit-pid1 itself, and those that sysvinit, systemd and BusyBox take for the same commands.

mod end;
mod shutdown;

use core::ffi::CStr;

use zinit_pid1::model::event::Ending;
use zinit_pid1::model::limits::REBOOT_ARGUMENT;
use zinit_pid1::model::process::Signal;

/// The argument of a reboot, or a message.
pub type Text = heapless::Vec<u8, { REBOOT_ARGUMENT - 1 }>;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one of it, and no heap to put the text on")]
pub enum Command<'a> {
    /// Send PID 1 this signal.
    Ask(Signal),
    /// Say what an update would do.
    CheckUpdate,
    /// Ask PID 1 for this ending; the text is for the kernel, and empty for any other ending than a reboot.
    End(Ending, Text),
    /// End the machine without PID 1, whatever becomes of its services.
    Force(Ending),
    /// Print the usage.
    Help,
    /// Ask PID 1 for a power off, which ends a container with this status.
    Poweroff(u8),
    /// Do nothing, because of this word.
    Refused(Refusal, &'a CStr),
    /// Print what PID 1 does.
    Status,
    /// Print that for a monitor.
    StatusJson,
    /// No command: zinit-pid1 supervises a server then.
    Supervise,
    /// Print the version.
    Version,
    /// Ask PID 1 for an update, and wait for its end.
    WaitForUpdate,
    /// Print this message and do nothing else.
    Warn(Text),
}

/// The usage text.
pub const USAGE: &str = "\
zinit-pid1 [-c] [--supervise] | -V | status [--json] | restart-server | update [--check | --wait]
zinit-pid1 halt|kexec|poweroff|reboot [-f], reboot ARGUMENT..., shutdown [-r|-H|-P] [now [MESSAGE...]]
zinit-pid1 poweroff --status N
";

/// Why a word does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It asks to cancel or to show what is to come later.
    Cancel,
    /// It is a later time.
    Later,
    /// The kernel takes no argument of this length.
    LongArgument,
    /// It is no exit status.
    NoStatus,
    /// It is a runlevel, or a letter of telinit(8).
    Runlevel,
    /// It is an exit status, and this is another request than a power off by PID 1.
    Status,
    /// It has no meaning at its position.
    Unknown,
    /// It asks for nothing but a record in wtmp(5).
    Wtmp,
}

impl Refusal {
    /// What to tell the person, after the word.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Cancel => "nothing is ever pending here, end the sleep(1), or use atrm(1)",
            Self::Later => "no clock here, nothing was sent, try: sleep 300; shutdown now, or at(1)",
            Self::LongArgument => "too long for the kernel, nothing was sent",
            Self::Runlevel => {
                "no runlevels here, try poweroff, reboot, zinit-pid1 update, zinit reload or zinit stop"
            }
            Self::NoStatus => "no exit status, it takes a number of 0 to 255, nothing was sent",
            Self::Status => "only a power off by PID 1 takes a status, nothing was sent",
            Self::Unknown => "unknown word, nothing was started, try --help",
            Self::Wtmp => "no wtmp here, nothing was done",
        }
    }
}

/// A command with a grammar of its own.
#[derive(Clone, Copy)]
enum Verb {
    /// `halt`, `kexec`, `poweroff` or `reboot`.
    End(Ending),
    Shutdown,
}

/// Reads argv; a program's name that is a command counts as the first word.
pub fn parse<'a>(name: &CStr, mut words: impl Iterator<Item = &'a CStr> + Clone) -> Command<'a> {
    let name = base_name(name);
    if let Some(verb) = verb(name) {
        return verb.parse(words);
    }
    let is_init = matches!(name, b"init" | b"telinit");
    while let Some(word) = words.next() {
        let command = match word.to_bytes() {
            b"-c" | b"--container" => continue,
            b"-h" | b"--help" => return Command::Help,
            b"-V" | b"--version" => return Command::Version,
            b"restart-server" => Command::Ask(Signal::USR1),
            b"status" if words.clone().next() == Some(c"--json") => {
                words.next();
                Command::StatusJson
            }
            b"status" => Command::Status,
            b"update" if words.clone().next() == Some(c"--check") => {
                words.next();
                Command::CheckUpdate
            }
            b"update" if words.clone().next() == Some(c"--wait") => {
                words.next();
                Command::WaitForUpdate
            }
            b"update" => Command::Ask(Signal::USR2),
            [b'-', b't', seconds @ ..] if is_init && take_seconds(seconds, &mut words).is_some() => continue,
            b"0" if is_init => end::command(Ending::Poweroff),
            b"6" if is_init => end::command(Ending::Reboot),
            [b'1'..=b'5' | b'a'..=b'c' | b'A'..=b'C' | b's' | b'S' | b'q' | b'Q' | b'u' | b'U']
                if is_init =>
            {
                return Command::Refused(Refusal::Runlevel, word);
            }
            other => {
                return verb(other)
                    .map_or(Command::Refused(Refusal::Unknown, word), |verb| verb.parse(words));
            }
        };
        return alone(command, words);
    }
    Command::Supervise
}

/// The signal by which PID 1 begins an ending.
#[must_use]
pub const fn signal(ending: Ending) -> Signal {
    match ending {
        Ending::Halt => Signal::HALT,
        Ending::Kexec => Signal(40),
        Ending::Poweroff => Signal::POWEROFF,
        Ending::Reboot => Signal::REBOOT,
    }
}

/// The name of a program without its folder.
fn base_name(name: &CStr) -> &[u8] {
    name.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

impl Verb {
    fn parse<'a>(self, words: impl Iterator<Item = &'a CStr> + Clone) -> Command<'a> {
        match self {
            Self::End(ending) => end::parse(ending, words),
            Self::Shutdown => shutdown::parse(words),
        }
    }
}

/// An option or a word at which the reading ends.
enum Stop<'a> {
    Help,
    Version,
    Refused(Refusal, &'a CStr),
}

impl<'a> From<Stop<'a>> for Command<'a> {
    fn from(stop: Stop<'a>) -> Self {
        match stop {
            Stop::Help => Self::Help,
            Stop::Version => Self::Version,
            Stop::Refused(why, word) => Self::Refused(why, word),
        }
    }
}

/// The commands that are also names of the program.
fn verb(word: &[u8]) -> Option<Verb> {
    match word {
        b"halt" => Some(Verb::End(Ending::Halt)),
        b"kexec" => Some(Verb::End(Ending::Kexec)),
        b"poweroff" => Some(Verb::End(Ending::Poweroff)),
        b"reboot" => Some(Verb::End(Ending::Reboot)),
        b"shutdown" => Some(Verb::Shutdown),
        _ => None,
    }
}

/// A command that takes no further word but the usual two options.
fn alone<'a>(command: Command<'a>, mut words: impl Iterator<Item = &'a CStr>) -> Command<'a> {
    match words.next().map(|word| (word, word.to_bytes())) {
        None => command,
        Some((_, b"-h" | b"--help")) => Command::Help,
        Some((_, b"-V" | b"--version")) => Command::Version,
        Some((word, _)) => Command::Refused(Refusal::Unknown, word),
    }
}

/// The ending of an option in words, which `shutdown` and the other commands have in common.
fn long_ending(option: &[u8]) -> Option<Ending> {
    match option {
        b"--halt" => Some(Ending::Halt),
        b"--kexec" => Some(Ending::Kexec),
        b"--poweroff" => Some(Ending::Poweroff),
        b"--reboot" => Some(Ending::Reboot),
        _ => None,
    }
}

/// The number of seconds behind an option: the rest of its word, or the next word. `None` if that is no number; then
/// no word is taken.
fn take_seconds<'a>(
    rest: &'a [u8],
    words: &mut (impl Iterator<Item = &'a CStr> + Clone),
) -> Option<&'a [u8]> {
    if rest.is_empty() {
        let seconds = words.clone().next().map(CStr::to_bytes).filter(|word| is_number(word))?;
        words.next();
        return Some(seconds);
    }
    is_number(rest).then_some(rest)
}

fn is_number(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

fn is_zero(number: &[u8]) -> bool {
    number.iter().all(|digit| *digit == b'0')
}

/// What a word is as a time of shutdown(8).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Now,
    Later,
    /// It is no time.
    None,
}

impl Time {
    /// Reads `now`, minutes with a plus sign, or a time of the day.
    fn of(word: &[u8]) -> Self {
        match word {
            b"now" => Self::Now,
            [b'+', minutes @ ..] if is_number(minutes) => Self::of_minutes(minutes),
            _ if word.contains(&b':') && word.split(|byte| *byte == b':').all(is_number) => Self::Later,
            _ => Self::None,
        }
    }

    fn of_minutes(minutes: &[u8]) -> Self {
        if is_zero(minutes) { Self::Now } else { Self::Later }
    }
}

/// Appends a word to a text, after a space; false if it did not fit, and was cut.
fn append(text: &mut Text, word: &[u8]) -> bool {
    let space: &[u8] = if text.is_empty() { b"" } else { b" " };
    space.iter().chain(word).all(|byte| text.push(*byte).is_ok())
}
