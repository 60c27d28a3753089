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

// The longest one that fits is taken. Those that are used most come first, since they are counted from there. A test
// asserts that each takes less space than it saves.
phrases! {
    ", " "s " ": " "on" "e " "re" "ed" "er" "a " "in" "th" "it" "un" "y " "ad" "no" "t " "to" "end" "server "
    "er " "in " "no " "an" "cannot " "ing " "not " "the " "is " "oc" "for" " is " "start" " of "
    "KILL" " ma" " me" "out" ", going on" " with" "TERM" "begins" "orphan" "server" "in time" "PID 1" "mount"
    "reply" "updat" "el" "off " "sync" "machine" "signal " ", sending " "version " "fault" "bin /usr/" "ZINIT_" "execut"
    "service" "/dev/watchdog" "(halt of BusyBox?)" "processes left aft"
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
        // No phrase begins like a placeholder.
        let mut longest = 0;
        index = 0;
        while index < PHRASE_LIST.len() {
            let phrase = PHRASE_LIST[index].as_bytes();
            if phrase.len() > longest
                && let Some(end) = without(rest, phrase)
            {
                #[allow(clippy::as_conversions)] // there are fewer than 256
                let short = PHRASE + index as u8;
                (byte, behind_it, longest) = (short, end, phrase.len());
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
