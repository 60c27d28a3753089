//! Parses what a program says of itself: its answer to `--probe`, and what PID 1 tells the helper that looks for its
//! successor.
//!
//! It is a line `zinit-pid1 VERSION`, and lines of a key and a value. A key that is not known is ignored, so that later
//! versions can add some.

use core::fmt;

use zinit_pid1::model::decimal;

/// What a program says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Its version.
    pub version: Version,
    /// The architecture that it runs on.
    pub arch: &'a [u8],
    /// The format of the re-exec state that it writes.
    pub writes: &'a [u8],
    /// All that it says.
    text: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Reads an answer; `None` if it is none, or says too little.
    #[must_use]
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let line = text.strip_prefix(NAME)?;
        let version = Version::read(line.split(|byte| *byte == b'\n').next()?)?;
        Some(Self { version, arch: value(text, b"arch ")?, writes: value(text, b"hand-over ")?, text })
    }

    /// Finds the answer of a program in its file, where a NUL ends it; `None` if it is none of PID 1.
    #[must_use]
    pub fn find(program: &'a [u8]) -> Option<Self> {
        let starts = program.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
        starts.filter_map(|(start, _)| program.get(start..)).find_map(|text| {
            let end = text.iter().position(|byte| *byte == 0)?;
            Self::read(text.get(..end)?)
        })
    }

    /// What a PID 1 is that says nothing of itself: one from before this was told, of this program's architecture.
    #[must_use]
    pub const fn of_silent(arch: &'a [u8]) -> Self {
        Self { version: Version([0; 3]), arch, writes: b"3", text: b"" }
    }

    /// True if it reads a re-exec state of this format.
    #[must_use]
    pub fn reads(&self, format: &[u8]) -> bool {
        values(self.text, b"reads ").any(|known| known == format)
    }

    /// True if it can be tried as PID 1.
    #[must_use]
    pub fn can_be_tried(&self) -> bool {
        self.text.split(|byte| *byte == b'\n').any(|line| line == b"probe-pid1")
    }
}

/// The value of the first line with a key.
fn value<'a>(text: &'a [u8], key: &'a [u8]) -> Option<&'a [u8]> {
    values(text, key).next()
}

/// The values of all lines with a key.
fn values<'a>(text: &'a [u8], key: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    text.split(|byte| *byte == b'\n').filter_map(move |line| line.strip_prefix(key))
}

/// A version: three numbers, of which the first one that differs decides which of two is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    /// Reads `X.Y.Z`.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut numbers = [0; 3];
        let mut parts = text.split(|byte| *byte == b'.');
        for number in &mut numbers {
            *number = decimal::parse(parts.next().filter(|part| !part.is_empty())?)?;
        }
        parts.next().is_none().then_some(Self(numbers))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(to, "{major}.{minor}.{patch}")
    }
}

/// What every answer begins with.
pub const NAME: &[u8] = b"zinit-pid1 ";
