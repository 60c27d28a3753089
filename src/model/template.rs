//! Templates of log lines, packed at compile time: each placeholder becomes one byte, which takes 400 bytes less of the
//! program than its name, and a comparison of bytes finds it. Phrases that many lines have become one byte each too,
//! which takes another 200.

/// The placeholders and phrases, each with its byte. No text contains these bytes, since all texts are ASCII.
const SHORT: [(&[u8], u8); 13] = [
    (b"%errno", ERRNO),
    (b"%exit", EXIT),
    (b"%ms", MS),
    (b"%number", NUMBER),
    (b"%pid", PID),
    (b"%signal", SIGNAL),
    (b"%task", TASK),
    (b"%text", TEXT),
    (b"cannot ", PHRASE),
    (b"server", PHRASE + 1),
    (b", going on", PHRASE + 2),
    (b" not ", PHRASE + 3),
    (b"processes left after ", PHRASE + 4),
];

/// The phrases, in the order of their bytes.
pub const PHRASES: &[u8] = b"cannot \nserver\n, going on\n not \nprocesses left after ";

/// An error.
pub const ERRNO: u8 = 0x80;
/// How a process ended.
pub const EXIT: u8 = 0x81;
/// A time with its unit.
pub const MS: u8 = 0x82;
/// A number.
pub const NUMBER: u8 = 0x83;
/// A process.
pub const PID: u8 = 0x84;
/// A signal.
pub const SIGNAL: u8 = 0x85;
/// A task.
pub const TASK: u8 = 0x86;
/// Bytes from outside.
pub const TEXT: u8 = 0x87;
/// The first phrase.
pub const PHRASE: u8 = 0x88;

/// The length of templates once they are packed.
#[must_use]
pub const fn packed_length(templates: &[u8]) -> usize {
    pack::<0>(templates).1
}

/// Packs templates: the bytes that fit, and the number of all.
#[must_use]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // the compiler would refuse both
pub const fn pack<const LENGTH: usize>(templates: &[u8]) -> ([u8; LENGTH], usize) {
    let (mut packed, mut length) = ([0; LENGTH], 0);
    let mut rest = templates;
    while let [first, behind @ ..] = rest {
        let mut byte = *first;
        rest = behind;
        let mut index = 0;
        while byte.is_ascii() && index < SHORT.len() {
            let (text, short) = SHORT[index];
            // The first byte is gone already.
            if text[0] == byte
                && let Some(end) = without(rest, text.split_at(1).1)
            {
                (byte, rest) = (short, end);
            }
            index += 1;
        }
        if length < LENGTH {
            packed[length] = byte;
        }
        length += 1;
    }
    (packed, length)
}

/// What follows a prefix; `None` if the text does not begin with it.
const fn without<'a>(mut text: &'a [u8], mut prefix: &[u8]) -> Option<&'a [u8]> {
    while let [wanted, more @ ..] = prefix {
        match text {
            [first, behind @ ..] if *first == *wanted => (text, prefix) = (behind, more),
            _ => return None,
        }
    }
    Some(text)
}
