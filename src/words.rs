//! All words of the log, in less than two thirds of their room.
//!
//! The sources spell them out. While the compiler runs, the two bytes that stand side by side most often
//! become one new byte, again and again: byte pair encoding, by Philip Gage. To read it back, a byte that
//! stands for a pair is replaced by the two, and each of them in the same way.

use crate::list;
use crate::log::{self, Fact};
use crate::process::{self, Errno};

/// The words of a fact: a template that [`line`](crate::line) fills in.
#[must_use]
pub fn fact(fact: Fact) -> &'static [u8] {
    #[allow(clippy::as_conversions)] // the number of the variant, which is the number of the line
    list::at(&TEXT, fact as usize)
}

/// The name of an error and what it means here; `None` for one that is not expected.
#[must_use]
pub fn errno(errno: Errno) -> Option<&'static [u8]> {
    let place = process::ERRNOS.iter().position(|known| *known == errno.0)?;
    Some(list::at(&TEXT, place.saturating_add(log::FACTS)))
}

/// The two bytes for which one stands; `None` for a byte that stands for itself.
#[must_use]
pub fn pair(byte: u8) -> Option<[u8; 2]> {
    PAIRS.get(usize::from(byte.checked_sub(FIRST)?)).copied()
}

/// A line for each fact and behind them one for each error: a table of strings would take as much again.
static TEXT: [u8; PACKED.length] = fitted();
static PAIRS: [[u8; 2]; COUNT] = PACKED.pairs;

/// The byte for the first pair: no byte of an ASCII text.
const FIRST: u8 = 0x80;

/// How many pairs there are: the last ones save hardly more than the two bytes that each takes itself.
const COUNT: usize = 128;

const SPELT: [&[u8]; 2] = [log::WORDS.as_bytes(), process::ERRNO_WORDS.as_bytes()];

#[allow(long_running_const_eval)] // a second or two
const PACKED: Packed = Packed::pack();

/// The text while it is packed.
struct Packed {
    pairs: [[u8; 2]; COUNT],
    text: [u8; SPELT[0].len() + SPELT[1].len()],
    length: usize,
}

// Only the compiler runs this, and it stops at an index that is out of bounds.
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::indexing_slicing)]
impl Packed {
    const fn pack() -> Self {
        let mut packed =
            Self { pairs: [[0; 2]; COUNT], text: [0; SPELT[0].len() + SPELT[1].len()], length: 0 };
        let mut part = 0;
        while part < SPELT.len() {
            let mut at = 0;
            while at < SPELT[part].len() {
                assert!(SPELT[part][at] < FIRST, "the words are ASCII");
                packed.text[packed.length] = SPELT[part][at];
                packed.length += 1;
                at += 1;
            }
            part += 1;
        }
        let mut count = 0;
        while count < COUNT {
            let pair = packed.most_frequent();
            packed.pairs[count] = pair;
            packed.replace(pair, FIRST + count as u8);
            count += 1;
        }
        packed
    }

    const fn most_frequent(&self) -> [u8; 2] {
        let mut counts = [0_u16; 1 << 16];
        let (mut best, mut most) = ([0; 2], 0);
        let mut at = 1;
        while at < self.length {
            let pair = [self.text[at - 1], self.text[at]];
            if !means_something(pair[0]) && !means_something(pair[1]) {
                let count = &mut counts[u16::from_le_bytes(pair) as usize];
                *count += 1;
                if *count > most {
                    (best, most) = (pair, *count);
                }
            }
            at += 1;
        }
        best
    }

    const fn replace(&mut self, pair: [u8; 2], byte: u8) {
        let (mut from, mut to) = (0, 0);
        while from < self.length {
            let both = from + 1 < self.length && self.text[from] == pair[0] && self.text[from + 1] == pair[1];
            self.text[to] = if both { byte } else { self.text[from] };
            from += if both { 2 } else { 1 };
            to += 1;
        }
        self.length = to;
    }
}

/// True for what ends a line or stands for a value: it has to be seen before pairs are taken apart.
const fn means_something(byte: u8) -> bool {
    matches!(byte, b'\n' | b'#' | b'%' | b'!' | b'@' | b'&' | b'$' | b'~')
}

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn fitted() -> [u8; PACKED.length] {
    let mut text = [0; PACKED.length];
    let mut at = 0;
    while at < text.len() {
        text[at] = PACKED.text[at];
        at += 1;
    }
    text
}
