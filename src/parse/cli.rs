//! Parses argv of a process that is not PID 1: the words that zinit-pid1 handles itself.
//!
//! It leaves all other words to zinit-pid1ctl, whose `cli` module parses every word.

use core::ffi::CStr;

use crate::model::table;

/// What the program does in a process that is not PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CliMode {
    /// Supervise a server if zinit-pid1ctl finds neither a command in the program's name nor a server.
    Ask,
    /// Supervise a server, whatever else runs.
    Supervise,
    /// Become zinit-pid1ctl with the same argv.
    Tool,
    /// Print the version.
    Version,
}

/// Chooses the mode by the first word of argv that is not a container hint; it is empty if there is none.
#[must_use]
pub fn cli_mode(word: &CStr) -> CliMode {
    if word.is_empty() {
        return CliMode::Ask;
    }
    match table::position(WORDS, word.to_bytes()) {
        Some(2) => CliMode::Supervise,
        Some(3..) => CliMode::Version,
        _ => CliMode::Tool,
    }
}

/// True if a word of argv says that this is a container.
///
/// PID 1 reads no other word of its argv, because the kernel puts every word there that it does not recognise.
#[must_use]
pub fn is_container_hint(word: &CStr) -> bool {
    matches!(table::position(WORDS, word.to_bytes()), Some(0 | 1))
}

/// Exit status by which zinit-pid1ctl answers a copy of zinit-pid1 that it may supervise a server.
pub const MAY_SUPERVISE: u8 = 100;

// A list, because a `match` to byte strings is 500 bytes larger.
/// The container hints first, then the words for each mode.
const WORDS: &[u8] = b"-c\n--container\n--supervise\n-V\n--version\n--probe";
