//! All words of the log, in less than two thirds of their room.
//!
//! The sources spell them out. While the compiler runs, the two bytes that stand side by side most often
//! become one new byte, again and again: byte pair encoding, by Philip Gage. To read it back, a byte that
//! stands for a pair is replaced by the two, and each of them in the same way.

use crate::list;
use crate::log::{self, Fact};
use crate::process::{self, Errno, Exit, Signal};
use crate::task::{self, Task};

/// The words of a fact: a template that [`line`](crate::line) fills in.
#[must_use]
pub fn fact(fact: Fact) -> &'static [u8] {
    #[allow(clippy::as_conversions)] // the number of the variant, which is the number of the line
    list::at(&TEXT, fact as usize)
}

/// The words for an end.
#[must_use]
pub fn exit(exit: Exit) -> &'static [u8] {
    let place = match exit {
        Exit::Exited(_) => EXITS,
        Exit::Killed(_) => EXITS + 1,
        Exit::NotExecuted(_) => EXITS + 2,
    };
    list::at(&TEXT, place)
}

/// The name of a signal that PID 1 sends to a server.
#[must_use]
pub fn signal(signal: Signal) -> &'static [u8] {
    let place = match signal {
        Signal::USR1 => SIGNALS,
        Signal::TERM => SIGNALS + 1,
        _ => SIGNALS + 2,
    };
    list::at(&TEXT, place)
}

/// The word for a task.
#[must_use]
pub fn task(task: Task) -> &'static [u8] {
    #[allow(clippy::as_conversions)] // as above
    list::at(&TEXT, (task as usize).wrapping_add(TASKS))
}

/// The name of an error and what it means here.
#[must_use]
pub fn errno(errno: Errno) -> &'static [u8] {
    let known = process::ERRNOS.iter().position(|known| *known == errno.0).unwrap_or(process::ERRNOS.len());
    list::at(&TEXT, known.wrapping_add(ERRNOS))
}

/// The two bytes for which one stands; `None` for a byte that stands for itself.
#[must_use]
pub fn pair(byte: u8) -> Option<&'static [u8; 2]> {
    PAIRS.get(usize::from(byte.wrapping_sub(FIRST)))
}

/// A line for each fact and behind them the other parts: a table of strings would take as much again.
static TEXT: [u8; PACKED.length] = fitted();
static PAIRS: [[u8; 2]; COUNT] = PACKED.pairs;

/// The byte for the first pair: the first one that no text is made of.
const FIRST: u8 = 0x7f;

/// How many pairs there are: for each such byte one, up to 0xff and on from 0 to the last one in front of the space.
const COUNT: usize = 0xa1;

/// The pair that stands for no other: that whose byte would be the newline.
const NONE: usize = 0x8b;

const SPELT: [&[u8]; 5] = [
    log::WORDS.as_bytes(),
    process::EXIT_WORDS.as_bytes(),
    process::SIGNAL_WORDS.as_bytes(),
    task::WORDS.as_bytes(),
    process::ERRNO_WORDS.as_bytes(),
];

/// Which line is the first one of each of them.
const EXITS: usize = lines(1);
const SIGNALS: usize = lines(2);
const TASKS: usize = lines(3);
const ERRNOS: usize = lines(4);

const SIZE: usize = SPELT[0].len() + SPELT[1].len() + SPELT[2].len() + SPELT[3].len() + SPELT[4].len();

#[allow(long_running_const_eval)] // a second or two
const PACKED: Packed = Packed::pack();

/// The text while it is packed.
struct Packed {
    pairs: [[u8; 2]; COUNT],
    text: [u8; SIZE],
    length: usize,
}

/// How many lines the first parts have.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn lines(parts: usize) -> usize {
    let (mut lines, mut part) = (0, 0);
    while part < parts {
        let mut at = 0;
        while at < SPELT[part].len() {
            lines += if SPELT[part][at] == b'\n' { 1 } else { 0 };
            at += 1;
        }
        part += 1;
    }
    lines
}

// Only the compiler runs this, and it stops at an index that is out of bounds.
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::indexing_slicing)]
impl Packed {
    const fn pack() -> Self {
        let mut packed = Self { pairs: [[0; 2]; COUNT], text: [0; SIZE], length: 0 };
        let mut part = 0;
        while part < SPELT.len() {
            let mut at = 0;
            while at < SPELT[part].len() {
                assert!(matches!(SPELT[part][at], b'\n' | b' '..FIRST), "the words are ASCII");
                packed.text[packed.length] = SPELT[part][at];
                packed.length += 1;
                at += 1;
            }
            part += 1;
        }
        let mut count = 0;
        while count < COUNT {
            if count != NONE {
                let pair = packed.most_frequent();
                packed.pairs[count] = pair;
                packed.replace(pair, FIRST.wrapping_add(count as u8));
            }
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
            // A line ends where it is seen to end.
            if pair[0] != b'\n' && pair[1] != b'\n' {
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
