//! A line of `/proc/self/mountinfo` and of `/proc/swaps`, proc_pid_mountinfo(5), proc_swaps(5).

use crate::model::limits::PATH;
use crate::parse::lines;

/// Where the mount of a line of `mountinfo` is, spelt as the kernel does; see [`unescape`].
#[must_use]
pub fn point(line: &[u8]) -> &[u8] {
    lines::word(line, 4)
}

/// True if the mount of a line of `mountinfo` lives in memory and can have been swapped out.
#[must_use]
pub fn is_in_memory(line: &[u8]) -> bool {
    let kind = b" - tmpfs ";
    // No path holds a space: the kernel spells it as an octal number.
    line.windows(kind.len()).any(|part| part == kind)
}

/// The file or device of a line of `swaps`, spelt as the kernel does; that of the headline is no path.
#[must_use]
pub fn swap(line: &[u8]) -> &[u8] {
    lines::word(line, 0)
}

/// A path with the NUL that ends it.
pub type Path = heapless::Vec<u8, PATH>;

/// Puts a path into `path` as system calls take it: each octal escape becomes the byte for which it stands.
///
/// False if it is not absolute, or longer than any system call takes.
pub fn unescape(spelt: &[u8], path: &mut Path) -> bool {
    path.clear();
    if spelt.first() != Some(&b'/') {
        return false;
    }
    let mut bytes = spelt.iter().copied();
    while let Some(mut byte) = bytes.next() {
        if byte == b'\\' {
            for digit in bytes.by_ref().take(3) {
                byte = byte << 3 | digit & 7;
            }
        }
        let _too_long = path.push(byte);
    }
    path.push(0).is_ok()
}
