//! One log line, in a buffer that cuts instead of growing.
//!
//! The words of a fact are a template, and one small loop fills it in. It takes 0.7 kB, where `core::fmt` and
//! its `Display` for each fact took 4 kB, and nothing in it can panic.

use crate::limits::LOG_LINE;
use crate::log::Note;
use crate::process::{Errno, Pid};
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
            self.text(&[b'<', note.level().digit(), b'>']);
        }
        self.text(b"zinit-pid1: ");
        Template { line: self, note, text, code: note.errno.0 }.fill_in(words::fact(note.fact));
        self.finish();
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

    /// Appends a byte, or drops it if the line is full.
    #[inline(never)]
    pub(crate) fn byte(&mut self, byte: u8) {
        let _cut = self.0.push(byte);
    }

    /// Appends bytes from outside so that they can neither break the line nor drive a terminal.
    fn outside(&mut self, text: &[u8]) {
        for byte in text {
            self.byte(if matches!(byte, b' '..=b'~') { *byte } else { b'?' });
        }
    }

    #[inline(always)]
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
}

/// What the bytes of a template stand for.
struct Template<'a> {
    line: &'a mut Line,
    note: &'a Note,
    text: &'a [u8],
    /// The error, or what an exit tells.
    code: u8,
}

impl Template<'_> {
    /// Appends words; those that a byte stands for are a template too.
    #[inline(never)]
    fn fill_in(&mut self, words: &[u8]) {
        for byte in words {
            let number = match *byte {
                b'#' => self.note.pid.map_or(0, Pid::raw).cast_unsigned(),
                b'@' => self.note.span,
                b'^' => self.code.into(),
                byte => {
                    self.stand_for(byte);
                    continue;
                }
            };
            self.line.number(number);
        }
    }

    /// Appends what a byte stands for that is no number.
    #[inline(always)]
    fn stand_for(&mut self, byte: u8) {
        let words = match byte {
            b'%' => {
                self.code = self.note.exit.code();
                words::exit(self.note.exit)
            }
            b'!' => words::errno(Errno(self.code)),
            b'$' => words::signal(self.note.signal),
            b'&' => words::task(self.note.task),
            b'~' => return self.line.outside(self.text),
            byte => match words::pair(byte) {
                Some(pair) => pair,
                None => return self.line.byte(byte),
            },
        };
        self.fill_in(words);
    }
}

/// What a line ends in that was too long.
const CUT: &[u8] = b"...";
