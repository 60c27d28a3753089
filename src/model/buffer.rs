//! A byte string of fixed capacity that drops what does not fit.

use crate::model::limits::LOG_LINE;

/// A buffer for one log line or for an encoded re-exec state.
#[derive(Clone, Debug, Default)]
pub struct Buffer(heapless::Vec<u8, LOG_LINE>);

impl Buffer {
    /// Returns what was appended.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends a byte, or drops it if the buffer is full.
    #[inline(never)] // 48 bytes of file
    pub fn push(&mut self, byte: u8) {
        let _full = self.0.push(byte);
    }

    /// Appends bytes, and drops those that do not fit.
    pub fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte));
    }

    /// Appends a number in decimal.
    pub fn number(&mut self, number: u32) {
        let more = number / 10;
        if more > 0 {
            self.number(more);
        }
        // The remainder is below ten, so it fits into one byte and the addition does not overflow.
        let [digit, ..] = (number % 10).to_le_bytes();
        self.push(digit.wrapping_add(b'0'));
    }

    /// If the buffer is full, replaces its last bytes by `end` and leaves one byte free.
    pub fn cut(&mut self, end: &[u8]) {
        if self.0.is_full() {
            self.0.truncate(LOG_LINE.saturating_sub(end.len().saturating_add(1)));
            self.extend(end);
        }
    }
}
