//! Templates of log lines, packed at compile time: each placeholder becomes one byte, which takes 400 bytes less of the
//! program than its name, and a comparison of bytes finds it. Letters that many lines have become one byte each too,
//! which takes another 700.

/// The placeholders, each with its byte. No text contains these bytes, since all texts are ASCII.
const PLACEHOLDERS: [(&[u8], u8); 8] = [
    (b"%errno", ERRNO),
    (b"%exit", EXIT),
    (b"%ms", MS),
    (b"%number", NUMBER),
    (b"%pid", PID),
    (b"%signal", SIGNAL),
    (b"%task", TASK),
    (b"%text", TEXT),
];

macro_rules! phrases {
    ($($phrase:literal)*) => {
        /// Letters that many lines have, a line each in the order of their bytes, which begin with [`PHRASE`].
        pub const PHRASES: &[u8] = concat!($($phrase, "\n",)*).as_bytes();

        /// The same phrases, for the compiler: it gives up a search that takes much longer.
        const PHRASE_LIST: &[&str] = &[$($phrase),*];
    };
}

// The first one that fits is taken. A test asserts that each takes less space than it saves.
phrases! {
    "(halt of BusyBox?)" "processes left aft" "/dev/watchdog" ", going on" ", sending " "bin /usr/" "version "
    "cannot " "in time" "machine" "server " "service" "signal " "ZINIT_" "alread" "begins" "execut" "orphan"
    "server" " with" "PID 1" "fault" "mount" "reply" "start" "updat" " is " " of " "KILL" "TERM" "ing " "not "
    "the " " ma" " me" "end" "er " "for" "in " "is " "no " "out" ", " ": " "a " "ad" "an" "e " "ed" "er" "in"
    "it" "no" "oc" "on" "re" "s " "t " "ta" "th" "to" "un" "us" "y "
}

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
        let (mut byte, mut behind_it) = (*first, behind);
        let mut index = 0;
        while index < PLACEHOLDERS.len() {
            let (name, short) = PLACEHOLDERS[index];
            if let Some(end) = without(rest, name) {
                (byte, behind_it) = (short, end);
            }
            index += 1;
        }
        index = 0;
        while byte.is_ascii() && index < PHRASE_LIST.len() {
            if let Some(end) = without(rest, PHRASE_LIST[index].as_bytes()) {
                #[allow(clippy::as_conversions)] // there are fewer than 256
                let short = PHRASE + index as u8;
                (byte, behind_it) = (short, end);
            }
            index += 1;
        }
        rest = behind_it;
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
