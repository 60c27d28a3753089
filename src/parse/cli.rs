//! Parses argv of a process that is not PID 1: the words that zinit-pid1 handles itself.
//!
//! It leaves all other words to zinit-pid1ctl, whose `cli` module parses every word.

use core::ffi::CStr;

use crate::model::table;

/// What the program does in a process that is not PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CliMode {
    /// Supervise a server, whatever else runs.
    Insist,
    /// Supervise a server, unless there is one already.
    Supervise,
    /// Become zinit-pid1ctl with the same argv.
    Tool,
    /// Print the version.
    Version,
}

/// Chooses the mode: by the program's name if that is a command, else by the first word that is not a container hint.
pub fn cli_mode<'a>(name: &CStr, words: impl Iterator<Item = &'a CStr>) -> CliMode {
    if table::position(COMMAND_NAMES, base_name(name)).is_some() {
        return CliMode::Tool;
    }
    for word in words {
        match table::position(WORDS, word.to_bytes()) {
            Some(0 | 1) => {}
            Some(2) => return CliMode::Insist,
            Some(_) => return CliMode::Version,
            None => return CliMode::Tool,
        }
    }
    CliMode::Supervise
}

/// True if a word of argv says that this is a container.
///
/// PID 1 reads no other word of its argv, because the kernel puts every word there that it does not recognise.
#[must_use]
pub fn is_container_hint(word: &CStr) -> bool {
    matches!(table::position(WORDS, word.to_bytes()), Some(0 | 1))
}

/// The name of a program without its folder.
#[must_use]
pub fn base_name(name: &CStr) -> &[u8] {
    name.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

// Lists, because a `match` to byte strings is 500 bytes larger.
const COMMAND_NAMES: &[u8] = b"halt\npoweroff\nreboot\nkexec\nshutdown";
/// The container hints first, then the words for each mode.
const WORDS: &[u8] = b"-c\n--container\n--supervise\n-V\n--version\n--probe";
