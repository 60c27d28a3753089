//! One log line, in a buffer that cuts instead of growing.
//!
//! The words of a fact are a template, and one small loop fills it in. It takes 0.7 kB, where `core::fmt` and
//! its `Display` for each fact took 4 kB, and nothing in it can panic.

use crate::limits::LOG_LINE;
use crate::log::Note;
use crate::process::{Errno, Exit, Pid};
use crate::words;

/// One line for the log.
#[derive(Clone, Debug, Default)]
pub struct Line(heapless::Vec<u8, LOG_LINE>);

impl Line {
    /// Composes a line with `text` from outside; `kernel` puts the level in front as `/dev/kmsg` takes it.
    #[must_use]
    pub fn new(note: &Note, text: &[u8], kernel: bool) -> Self {
        let mut line = Self::default();
        line.compose(note, text, kernel);
        line
    }

    /// Composes it in place, since half a kilobyte is much to move; the line has to be empty.
    pub fn compose(&mut self, note: &Note, text: &[u8], kernel: bool) {
        if kernel {
            self.byte(b'<');
            self.byte(note.level().digit());
            self.byte(b'>');
        }
        self.text(b"zinit-pid1: ");
        for byte in words::fact(note.fact) {
            self.fill_in(*byte, note, text);
        }
        self.finish();
    }

    /// Appends what a byte of a template stands for.
    #[inline(never)] // or all values are read in front of the loop
    fn fill_in(&mut self, byte: u8, note: &Note, text: &[u8]) {
        match byte {
            b'#' => self.number(note.pid.map_or(0, Pid::raw).unsigned_abs()),
            b'%' => self.exit(note.exit),
            b'!' => self.errno(note.errno),
            b'@' => self.number(note.span),
            b'$' => self.text(note.signal.name()),
            b'&' => self.text(note.task.word()),
            b'~' => self.outside(text),
            byte => self.byte(byte),
        }
    }

    /// The line with its newline.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Ends the line; one that is full to the last byte was cut, or might as well have been.
    fn finish(&mut self) {
        if self.0.is_full() {
            self.0.truncate(LOG_LINE.saturating_sub(CUT.len().saturating_add(1)));
            self.text(CUT);
        }
        self.byte(b'\n');
    }

    /// Appends a byte or the pair for which it stands, or drops it if the line is full.
    #[inline(never)]
    pub(crate) fn byte(&mut self, byte: u8) {
        match words::pair(byte) {
            Some(pair) => self.text(&pair),
            None => {
                let _cut = self.0.push(byte);
            }
        }
    }

    /// Appends bytes from outside so that they can neither break the line nor drive a terminal.
    fn outside(&mut self, text: &[u8]) {
        for byte in text {
            self.byte(if matches!(byte, b' '..=b'~') { *byte } else { b'?' });
        }
    }

    #[inline(never)]
    pub(crate) fn text(&mut self, text: &[u8]) {
        text.iter().for_each(|byte| self.byte(*byte));
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, number: u32) {
        let more = number / 10;
        if more > 0 {
            self.number(more);
        }
        // A remainder below ten, so it neither overflows nor is cut.
        let [digit, ..] = (number % 10).to_le_bytes();
        self.byte(digit.wrapping_add(b'0'));
    }

    #[inline(always)]
    fn errno(&mut self, errno: Errno) {
        match words::errno(errno) {
            Some(words) => self.text(words),
            None => {
                self.text(b"errno ");
                self.number(errno.0.into());
            }
        }
    }

    fn exit(&mut self, exit: Exit) {
        match exit {
            Exit::Exited(status) => {
                self.text(b"exited ");
                self.number(status.into());
            }
            Exit::Killed(signal) => {
                self.text(b"killed by signal ");
                self.number(signal.0.into());
            }
            Exit::NotExecuted(errno) => {
                self.text(b"not executed, ");
                self.errno(errno);
            }
        }
    }
}

/// What a line ends in that was too long.
const CUT: &[u8] = b"...";
