//! Parses the trusted comment of a signature, which says what was signed.
//!
//! It has the words `file:zinit-pid1`, `version:X.Y.Z` and `arch:NAME`, and others that are ignored. Spaces and tabs
//! separate them.

use core::fmt;

use crate::answer::{Answer, Version};

/// What was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment<'a> {
    /// The name of the program.
    pub file: &'a [u8],
    /// Its version.
    pub version: Version,
    /// The architecture that it runs on.
    pub arch: &'a [u8],
}

impl<'a> Comment<'a> {
    /// Reads a trusted comment.
    ///
    /// # Errors
    /// Returns which word is missing, is there twice or is no version.
    pub fn read(text: &'a [u8]) -> Result<Self, Refusal> {
        let [file, version, arch] = [FILE, VERSION, ARCH].map(|key| value(text, key));
        let (file, version, arch) = (file?, version?, arch?);
        let version = Version::read(version).ok_or_else(|| Refusal::other(VERSION, version, b"X.Y.Z"))?;
        Ok(Self { file, version, arch })
    }

    /// Compares it with the program that runs.
    ///
    /// # Errors
    /// Returns what is wrong; [`Refusal::Older`] only if nothing else is.
    pub fn check(&self, running: &Answer<'_>) -> Result<(), Refusal> {
        if self.file != NAME {
            return Err(Refusal::other(FILE, self.file, NAME));
        }
        if self.arch != running.arch {
            return Err(Refusal::other(ARCH, self.arch, running.arch));
        }
        if self.version < running.version {
            return Err(Refusal::Older { signed: self.version, running: running.version });
        }
        Ok(())
    }

    /// Compares it with what the signed program answers to `--probe`.
    ///
    /// # Errors
    /// Returns what the program says instead.
    pub fn compare(&self, version: Version, arch: &[u8]) -> Result<(), Refusal> {
        if version != self.version {
            return Err(Refusal::Version { signed: self.version, answer: version });
        }
        if arch != self.arch {
            return Err(Refusal::Arch { signed: Word::of(self.arch), answer: Word::of(arch) });
        }
        Ok(())
    }
}

/// Why a signed program is not installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The comment has no word with this key.
    Missing(&'static str),
    /// It has two words with this key.
    Twice(&'static str),
    /// The word with this key has another value than the expected one.
    Other {
        /// What the word begins with.
        key: &'static str,
        /// Its value.
        signed: Word,
        /// The expected value.
        expected: Word,
    },
    /// The version is below the running one.
    Older {
        /// The version in the comment.
        signed: Version,
        /// The version that runs.
        running: Version,
    },
    /// The program answers another version.
    Version {
        /// The version in the comment.
        signed: Version,
        /// What the program answers.
        answer: Version,
    },
    /// The program answers another architecture.
    Arch {
        /// The architecture in the comment.
        signed: Word,
        /// What the program answers.
        answer: Word,
    },
}

impl Refusal {
    fn other(key: &'static str, signed: &[u8], expected: &[u8]) -> Self {
        Self::Other { key, signed: Word::of(signed), expected: Word::of(expected) }
    }

    /// True if the comment itself is wrong, false if it only is not about the right program.
    #[must_use]
    pub const fn is_of_format(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Twice(_))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(key) => write!(to, "its trusted comment has no word {key}"),
            Self::Twice(key) => write!(to, "its trusted comment has the word {key} twice"),
            Self::Other { key, signed, expected } => {
                write!(to, "it is signed as {key}{signed}, not {key}{expected}")
            }
            Self::Older { signed, running } => write!(
                to,
                "it is signed as version:{signed}, below the running {running}, and /etc/zinit/update.allow-downgrade is not there"
            ),
            Self::Version { signed, answer } => {
                write!(to, "it is signed as version:{signed}, and answers {answer} to --probe")
            }
            Self::Arch { signed, answer } => {
                write!(to, "it is signed as arch:{signed}, and answers {answer} to --probe")
            }
        }
    }
}

/// A value to be shown; of a longer one the first 40 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(heapless::Vec<u8, SHOWN>);

impl Word {
    fn of(value: &[u8]) -> Self {
        Self(value.iter().copied().take(SHOWN).collect())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(to)
    }
}

/// The value of the word with a key.
fn value<'a>(text: &'a [u8], key: &'static str) -> Result<&'a [u8], Refusal> {
    let words = text.split(|byte| matches!(byte, b' ' | b'\t'));
    let mut values = words.filter_map(|word| word.strip_prefix(key.as_bytes()));
    let first = values.next().ok_or(Refusal::Missing(key))?;
    if values.next().is_some() { Err(Refusal::Twice(key)) } else { Ok(first) }
}

const SHOWN: usize = 40;

/// The program that is updated.
const NAME: &[u8] = b"zinit-pid1";

const FILE: &str = "file:";
const VERSION: &str = "version:";
const ARCH: &str = "arch:";
