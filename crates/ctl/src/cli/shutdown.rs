//! The words behind `shutdown`: options, a time and a message, as in shutdown(8) of sysvinit and of systemd.

use core::ffi::CStr;

use zinit_pid1::model::event::Ending;

use crate::cli::{self, Command, Refusal, Stop, Text, Time, append, is_number, long_ending, take_seconds};

/// What the options have said so far.
#[derive(Clone, Copy)]
struct Options<'a> {
    ending: Ending,
    /// `-k`: only the message is printed.
    only_warn: bool,
    /// The word that asks to cancel or to show a shutdown.
    cancel: Option<&'a CStr>,
}

/// Reads the words behind the command. As with getopt(3), options count wherever they stand before a `--`; behind the
/// time, one that is not known is a part of the message.
pub fn parse<'a>(mut words: impl Iterator<Item = &'a CStr> + Clone) -> Command<'a> {
    let mut options = Options { ending: Ending::Poweroff, only_warn: false, cancel: None };
    let (mut time, mut message, mut more_options) = (None, Text::new(), true);
    while let Some(word) = words.next() {
        let bytes = word.to_bytes();
        if more_options && bytes == b"--" {
            more_options = false;
            continue;
        }
        if more_options && bytes.len() > 1 && bytes.starts_with(b"-") {
            match options.with(word, &mut words) {
                Ok(with) => {
                    options = with;
                    continue;
                }
                Err(Stop::Refused(..)) if time.is_some() => {}
                Err(stop) => return stop.into(),
            }
        }
        if time.is_none() {
            time = Some(word);
        } else {
            // A message that is too long is cut.
            append(&mut message, bytes);
        }
    }
    options.command(time, message)
}

impl<'a> Options<'a> {
    fn command(self, time: Option<&'a CStr>, message: Text) -> Command<'a> {
        if let Some(word) = self.cancel {
            return Command::Refused(Refusal::Cancel, word);
        }
        let word = time.unwrap_or(c"now");
        let when = match word.to_bytes() {
            // Unlike behind `reboot`, a bare number is a number of minutes.
            minutes if is_number(minutes) => Time::of_minutes(minutes),
            other => Time::of(other),
        };
        match when {
            Time::None => Command::Refused(Refusal::Unknown, word),
            Time::Now | Time::Later if self.only_warn => Command::Warn(message),
            Time::Now => cli::end::command(self.ending),
            Time::Later => Command::Refused(Refusal::Later, word),
        }
    }

    /// The options with those of one more word.
    fn with(
        self,
        word: &'a CStr,
        words: &mut (impl Iterator<Item = &'a CStr> + Clone),
    ) -> Result<Self, Stop<'a>> {
        let mut with = self;
        match word.to_bytes() {
            b"--help" => return Err(Stop::Help),
            b"--version" => return Err(Stop::Version),
            b"--show" => with.cancel = Some(word),
            // None of these means anything here, and no word of `shutdown` passes by PID 1.
            b"--force" | b"--no-wall" | b"--quiet" | b"--verbose" => {}
            option @ [b'-', b'-', ..] => {
                with.ending = long_ending(option).ok_or(Stop::Refused(Refusal::Unknown, word))?
            }
            other => with.letters(word, other.get(1..).unwrap_or_default(), words)?,
        }
        Ok(with)
    }

    fn letters(
        &mut self,
        word: &'a CStr,
        letters: &'a [u8],
        words: &mut (impl Iterator<Item = &'a CStr> + Clone),
    ) -> Result<(), Stop<'a>> {
        let mut rest = letters;
        while let [letter, next @ ..] = rest {
            rest = next;
            match letter {
                b'H' => self.ending = Ending::Halt,
                b'K' => self.ending = Ending::Kexec,
                b'P' | b'p' => self.ending = Ending::Poweroff,
                b'r' => self.ending = Ending::Reboot,
                // Of the two kinds of a halt, `-H` has chosen one already.
                b'h' if self.ending == Ending::Halt => {}
                b'h' => self.ending = Ending::Poweroff,
                b'c' => self.cancel = Some(word),
                b'k' => self.only_warn = true,
                b'V' => return Err(Stop::Version),
                // The time between TERM and KILL.
                b't' => {
                    take_seconds(rest, words).ok_or(Stop::Refused(Refusal::Unknown, word))?;
                    rest = b"";
                }
                // Files of sysvinit, checks of file systems at the next boot, and how much is said to users.
                b'a' | b'f' | b'F' | b'n' | b'q' | b'Q' | b'v' | b'w' => {}
                _ => return Err(Stop::Refused(Refusal::Unknown, word)),
            }
        }
        Ok(())
    }
}
