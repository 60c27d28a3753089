//! Phrases that come up again and again in the log take one byte each in the program.
//!
//! The sources spell all lines out; [`packed`] replaces the phrases while the compiler runs. That saves 550 of
//! the 16,384 bytes that the program may have. The phrases were chosen by counting; others would do.

use crate::list;

/// The phrase for which a byte stands, or nothing for a byte that stands for itself.
#[must_use]
pub fn of(byte: u8) -> Option<&'static [u8]> {
    byte.checked_sub(FIRST).map(|place| list::at(PHRASES, place.into()))
}

/// The length of a packed text.
#[must_use]
pub const fn packed_len(text: &[u8]) -> usize {
    pack(text, &mut [])
}

/// A text in which each phrase is one byte; `N` has to be its [`packed_len`].
#[must_use]
pub const fn packed<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut room = [0; N];
    let _length = pack(text, &mut room);
    room
}

/// Packs as much as there is room for, and tells how much room the whole needs.
///
/// Only the compiler runs this, and it stops at an index that is out of bounds.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn pack(text: &[u8], room: &mut [u8]) -> usize {
    let (mut at, mut length) = (0, 0);
    while at < text.len() {
        let (byte, taken) = code(text, at);
        if length < room.len() {
            room[length] = byte;
        }
        length += 1;
        at += taken;
    }
    length
}

/// The byte for what stands at a place in the text, and how much of the text that is.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn code(text: &[u8], at: usize) -> (u8, usize) {
    assert!(text[at] < FIRST, "the words are ASCII");
    let (mut phrase, mut byte) = (0, FIRST);
    while phrase < PHRASES.len() {
        let mut length = 0;
        while phrase + length < PHRASES.len() && PHRASES[phrase + length] != b'\n' {
            length += 1;
        }
        let mut same = 0;
        while same < length && at + same < text.len() && text[at + same] == PHRASES[phrase + same] {
            same += 1;
        }
        if same == length {
            return (byte, length);
        }
        phrase += length + 1;
        byte += 1;
    }
    (text[at], 1)
}

/// The byte for the first phrase: no byte of an ASCII text.
const FIRST: u8 = 0x80;

/// The longest first, because the first that fits is taken.
const PHRASES: &[u8] = concat!(
    "processes lef\n",
    " directory)\n",
    " (too many \n",
    "such devic\n",
    ", going on\n",
    "s machine\n",
    "bin /usr/\n",
    "program \n",
    "too long\n",
    "cannot \n",
    "closed \n",
    "system)\n",
    " begins\n",
    "server\n",
    "after \n",
    ", send\n",
    "start\n",
    " file\n",
    "sion \n",
    "PID 1\n",
    "not \n",
    "ing \n",
    " is \n",
    "no \n",
    "ENO\n",
    "of \n",
    "in \n",
    " ms\n",
    "in\n",
    "s \n",
    " (\n",
    "e \n",
    "er\n",
    ", \n",
    "th\n",
    "on\n",
    "en\n",
    "re\n",
    "t \n",
    ": \n",
    "or\n",
    "no\n",
    "ou\n",
    "ed",
)
.as_bytes();
