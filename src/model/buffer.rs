//! A byte string of fixed capacity that drops what does not fit.

use crate::model::limits::LOG_LINE;

/// Room for one log line, or for the state that a re-exec hands over.
#[derive(Clone, Debug, Default)]
pub struct Buffer(heapless::Vec<u8, LOG_LINE>);

impl Buffer {
    /// Returns what was appended.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends a byte, or drops it if there is no room.
    #[inline(never)] // 32 bytes of file
    pub fn push(&mut self, byte: u8) {
        let _full = self.0.push(byte);
    }

    /// Appends bytes, as far as there is room.
    pub fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte));
    }

    /// Appends a number in decimal.
    pub fn number(&mut self, number: u32) {
        let more = number / 10;
        if more > 0 {
            self.number(more);
        }
        // A remainder below ten, so it neither overflows nor is cut.
        let [digit, ..] = (number % 10).to_le_bytes();
        self.push(digit.wrapping_add(b'0'));
    }

    /// If there is no room left, replaces the last bytes, so that `end` and one byte more have room.
    pub fn cut(&mut self, end: &[u8]) {
        if self.0.is_full() {
            self.0.truncate(LOG_LINE.saturating_sub(end.len().saturating_add(1)));
            self.extend(end);
        }
    }
}
