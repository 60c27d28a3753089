//! Parses the command line of a person: that of zinit-pid1ctl, of zinit-pid1, or of a link with a name like `reboot`.

use core::ffi::CStr;

use zinit_pid1::model::event::Ending;
use zinit_pid1::model::process::Signal;
use zinit_pid1::parse::cli::base_name;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Send PID 1 this signal.
    Ask(Signal),
    /// End the machine without PID 1, whatever becomes of its services.
    Force(Ending),
    /// Print the usage.
    Help,
    /// Print what PID 1 does.
    Status,
    /// No command: zinit-pid1 supervises a server then.
    Supervise,
    /// Do nothing: this word has no meaning at its position.
    Unknown(&'a CStr),
    /// Print the version.
    Version,
}

/// The command so far, on which the meaning of the next word depends.
#[derive(Clone, Copy)]
enum Verb {
    None,
    /// `halt`, `poweroff` or `reboot`.
    End(Ending),
    /// `shutdown`, which has options of its own.
    Shutdown(Ending),
    RestartServer,
    Status,
    Update,
}

/// Reads argv; a program's name that is a command counts as the first word.
pub fn parse<'a>(name: &CStr, words: impl Iterator<Item = &'a CStr>) -> Command<'a> {
    let mut verb = ending_verb(base_name(name)).unwrap_or(Verb::None);
    let mut force = false;
    for word in words {
        match (&mut verb, word.to_bytes()) {
            // In sysvinit's shutdown `-h` is an ending, and not help.
            (Verb::Shutdown(_), b"-h" | b"now" | b"+0") => {}
            (Verb::Shutdown(ending), b"-H") => *ending = Ending::Halt,
            (Verb::Shutdown(ending), b"-P") => *ending = Ending::Poweroff,
            (Verb::Shutdown(ending), b"-r") => *ending = Ending::Reboot,
            (Verb::End(ending) | Verb::Shutdown(ending), b"-p") => *ending = Ending::Poweroff,
            (Verb::End(_) | Verb::Shutdown(_), b"-f" | b"--force") => force = true,
            (Verb::None, b"-c" | b"--container") => {}
            (Verb::None, b"restart-server") => verb = Verb::RestartServer,
            (Verb::None, b"status") => verb = Verb::Status,
            (Verb::None, b"update") => verb = Verb::Update,
            (_, b"-h" | b"--help") => return Command::Help,
            (_, b"-V" | b"--version" | b"--probe") => return Command::Version,
            (Verb::None, other) => match ending_verb(other) {
                Some(ending) => verb = ending,
                None => return Command::Unknown(word),
            },
            (_, _) => return Command::Unknown(word),
        }
    }
    match verb {
        Verb::None => Command::Supervise,
        Verb::End(ending) | Verb::Shutdown(ending) if force => Command::Force(ending),
        Verb::End(ending) | Verb::Shutdown(ending) => Command::Ask(signal(ending)),
        Verb::RestartServer => Command::Ask(Signal::USR1),
        Verb::Status => Command::Status,
        Verb::Update => Command::Ask(Signal::USR2),
    }
}

/// The commands that are also names of the program.
fn ending_verb(word: &[u8]) -> Option<Verb> {
    match word {
        b"halt" => Some(Verb::End(Ending::Halt)),
        b"poweroff" => Some(Verb::End(Ending::Poweroff)),
        b"reboot" => Some(Verb::End(Ending::Reboot)),
        b"shutdown" => Some(Verb::Shutdown(Ending::Poweroff)),
        _ => None,
    }
}

/// The signal by which PID 1 begins an ending.
const fn signal(ending: Ending) -> Signal {
    match ending {
        Ending::Halt => Signal::HALT,
        Ending::Kexec => Signal(40),
        Ending::Poweroff => Signal::POWEROFF,
        Ending::Reboot => Signal::REBOOT,
    }
}
