//! One log line, in a buffer that cuts instead of growing.
//!
//! A fact's template is filled in by one loop of 0.7 kB, where `core::fmt` took 3.8 kB more; nothing in it can panic.

use crate::model::limits::LOG_LINE;
use crate::model::message::Record;
use crate::model::process::{Errno, Exit, Pid, Signal};

/// One line for the log.
#[derive(Clone, Debug, Default)]
pub struct Line(heapless::Vec<u8, LOG_LINE>);

impl Line {
    /// Composes a line with `text` from outside; `kernel` puts the level in front as `/dev/kmsg` takes it.
    #[must_use]
    pub fn new(note: &Record, text: &[u8], kernel: bool) -> Self {
        let mut line = Self::default();
        line.compose(note, text, kernel);
        line
    }

    /// Composes it in place, since half a kilobyte is much to move; the line has to be empty.
    pub fn compose(&mut self, note: &Record, text: &[u8], kernel: bool) {
        if kernel {
            self.text(&[b'<', note.level().digit(), b'>']);
        }
        self.text(b"zinit-pid1: ");
        self.fill_in(note.fact.template(), note, text);
        self.finish();
    }

    /// The line with its newline.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends a template with the values for its placeholders.
    fn fill_in(&mut self, template: &[u8], note: &Record, text: &[u8]) {
        let mut pieces = template.split(|byte| *byte == b'%');
        self.text(pieces.next().unwrap_or_default());
        for piece in pieces {
            let length = piece.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
            let (placeholder, rest) = piece.split_at_checked(length).unwrap_or_default();
            match placeholder {
                b"errno" => self.errno(note.errno),
                b"exit" => self.exit(note.exit),
                b"ms" => {
                    self.number(note.span);
                    self.text(b" ms");
                }
                b"number" => self.number(note.span),
                b"pid" => self.number(note.pid.map_or(0, Pid::raw).cast_unsigned()),
                b"signal" => self.text(note.signal.name().as_bytes()),
                b"task" => self.text(note.task.name()),
                _text => self.outside(text),
            }
            self.text(rest);
        }
    }

    fn exit(&mut self, exit: Exit) {
        match exit {
            Exit::Exited(status) => {
                self.text(b"exited ");
                self.number(status.into());
            }
            Exit::Killed(Signal(signal)) => {
                self.text(b"killed by signal ");
                self.number(signal.into());
            }
            Exit::NotExecuted(errno) => {
                self.text(b"not executed, ");
                self.errno(errno);
            }
        }
    }

    fn errno(&mut self, errno: Errno) {
        match errno.name() {
            Some(name) => self.text(name),
            None => {
                self.text(b"errno ");
                self.number(errno.0.into());
            }
        }
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

    #[inline(never)]
    pub(crate) fn text(&mut self, text: &[u8]) {
        text.iter().for_each(|byte| self.byte(*byte));
    }

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

/// What a line ends in that was too long.
const CUT: &[u8] = b"...";
