//! The words behind `halt`, `kexec`, `poweroff` and `reboot`: halt(8) of sysvinit and of systemd, and the applets of
//! BusyBox.

use core::ffi::CStr;

use zinit_pid1::model::decimal;
use zinit_pid1::model::event::Ending;

use crate::cli::{Command, Refusal, Stop, Text, Time, append, is_zero, long_ending, take_seconds, verb};

/// What the words have said so far.
struct End<'a> {
    ending: Ending,
    force: bool,
    /// The argument of a reboot, and its first word.
    argument: Text,
    first: Option<&'a CStr>,
    /// `now` was said, and no argument follows.
    now: bool,
    /// The exit status of a container, and the word that says it.
    status: Option<(u8, &'a CStr)>,
}

/// The plain request for an ending.
pub const fn command<'a>(ending: Ending) -> Command<'a> {
    Command::End(ending, Text::new())
}

/// Reads the words behind the command.
pub fn parse<'a>(ending: Ending, mut words: impl Iterator<Item = &'a CStr> + Clone) -> Command<'a> {
    // Beside other words it is an option of sysvinit that puts the disks in stand-by.
    if words.clone().map(CStr::to_bytes).eq([b"-h".as_slice()]) {
        return Command::Help;
    }
    let mut end = End { ending, force: false, argument: Text::new(), first: None, now: false, status: None };
    let mut options = true;
    while let Some(word) = words.next() {
        let step = match word.to_bytes() {
            b"--" if options => {
                options = false;
                Ok(())
            }
            [b'-', b'-', ..] if options => end.long_option(word, &mut words),
            [b'-', letters @ ..] if options && !letters.is_empty() => end.letters(word, letters, &mut words),
            other => end.word(word, other),
        };
        if let Err(stop) = step {
            return stop.into();
        }
    }
    match (end.status, end.ending) {
        (None, _) => {}
        (Some((status, _)), Ending::Poweroff) if !end.force && end.first.is_none() => {
            return Command::Poweroff(status);
        }
        (Some((_, word)), _) => return Command::Refused(Refusal::Status, word),
    }
    match end.first {
        Some(word) if end.force || end.ending != Ending::Reboot => Command::Refused(Refusal::Unknown, word),
        _ if end.force => Command::Force(end.ending),
        _ => Command::End(end.ending, end.argument),
    }
}

/// The result of one word.
type Step<'a> = Result<(), Stop<'a>>;

impl<'a> End<'a> {
    fn long_option(
        &mut self,
        word: &'a CStr,
        words: &mut (impl Iterator<Item = &'a CStr> + Clone),
    ) -> Step<'a> {
        match word.to_bytes() {
            b"--status" => self.status(words.next().unwrap_or(word), |word| word.to_bytes())?,
            [b'-', b'-', b's', b't', b'a', b't', b'u', b's', b'=', ..] => {
                self.status(word, |word| word.to_bytes().get(9..).unwrap_or_default())?;
            }
            b"--force" => self.force = true,
            b"--exec" if self.ending == Ending::Kexec => {}
            b"--help" => return Err(Stop::Help),
            b"--version" => return Err(Stop::Version),
            b"--wtmp-only" => return refused(Refusal::Wtmp, word),
            b"--no-sync" | b"--no-wall" | b"--no-wtmp" | b"--quiet" | b"--verbose" => {}
            other => match long_ending(other) {
                Some(ending) => self.ending = ending,
                None => return refused(Refusal::Unknown, word),
            },
        }
        Ok(())
    }

    /// The exit status in a word.
    fn status(&mut self, word: &'a CStr, number: fn(&CStr) -> &[u8]) -> Step<'a> {
        let number = Some(number(word)).filter(|number| !number.is_empty()).and_then(decimal::parse);
        let Some(status) = number.and_then(|status| u8::try_from(status).ok()) else {
            return refused(Refusal::NoStatus, word);
        };
        self.status = Some((status, word));
        Ok(())
    }

    fn letters(
        &mut self,
        word: &'a CStr,
        letters: &'a [u8],
        words: &mut (impl Iterator<Item = &'a CStr> + Clone),
    ) -> Step<'a> {
        let mut rest = letters;
        while let [letter, next @ ..] = rest {
            rest = next;
            match (letter, self.ending) {
                (b'e', Ending::Kexec) | (b'h' | b'i' | b'n' | b'q' | b'v', _) => {}
                // The delay of BusyBox; to the others it means that there is no record, and takes no number.
                (b'd', _) => match take_delay(rest, words) {
                    None => {}
                    Some((seconds, _)) if is_zero(seconds) => rest = b"",
                    Some((_, spelt)) => return refused(Refusal::Later, spelt.unwrap_or(word)),
                },
                (b'f', _) => self.force = true,
                // It only says which kind of halt; `kexec -p` loads a kernel.
                (b'p', Ending::Halt) => self.ending = Ending::Poweroff,
                (b'p', Ending::Poweroff | Ending::Reboot) => {}
                (b'w', _) => return refused(Refusal::Wtmp, word),
                (b'V', _) => return Err(Stop::Version),
                _ => return refused(Refusal::Unknown, word),
            }
        }
        Ok(())
    }

    /// A word that is no option: a time, or a part of the argument.
    fn word(&mut self, word: &'a CStr, bytes: &[u8]) -> Step<'a> {
        match Time::of(bytes) {
            Time::Now if self.first.is_none() => self.now = true,
            Time::Now => return refused(Refusal::Unknown, word),
            Time::Later => return refused(Refusal::Later, word),
            Time::None => {
                if self.ending != Ending::Reboot || self.now || verb(bytes).is_some() {
                    return refused(Refusal::Unknown, word);
                }
                if !append(&mut self.argument, bytes) {
                    return refused(Refusal::LongArgument, word);
                }
                self.first = self.first.or(Some(word).filter(|_| !bytes.is_empty()));
            }
        }
        Ok(())
    }
}

/// The number of seconds behind `-d`, and the word that it is, if it is one of its own.
fn take_delay<'a>(
    rest: &'a [u8],
    words: &mut (impl Iterator<Item = &'a CStr> + Clone),
) -> Option<(&'a [u8], Option<&'a CStr>)> {
    let next = words.clone().next();
    let seconds = take_seconds(rest, words)?;
    Some((seconds, next.filter(|_| rest.is_empty())))
}

const fn refused<'a>(why: Refusal, word: &'a CStr) -> Step<'a> {
    Err(Stop::Refused(why, word))
}
