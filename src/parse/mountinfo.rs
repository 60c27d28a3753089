//! Lines of `/proc/self/mountinfo` and of `/proc/swaps`, proc_pid_mountinfo(5), proc_swaps(5).

use crate::model::limits::PATH;
use crate::model::table;

/// The mount point in a line of `mountinfo`, escaped; see [`unescape`].
#[must_use]
pub fn mount_point(line: &[u8]) -> &[u8] {
    table::field(line, 4)
}

/// True if a line of `mountinfo` is about a tmpfs, whose pages can have been swapped out.
#[must_use]
pub fn is_tmpfs(line: &[u8]) -> bool {
    let kind = b" - tmpfs ";
    // No path holds a space: the kernel escapes it.
    line.windows(kind.len()).any(|part| part == kind)
}

/// The file or device in a line of `swaps`, escaped; in the headline this field is not an absolute path.
#[must_use]
pub fn swap(line: &[u8]) -> &[u8] {
    table::field(line, 0)
}

/// A path that ends in NUL.
pub type Path = heapless::Vec<u8, PATH>;

/// Decodes an escaped path into `path`, for system calls: each octal escape becomes its byte, and a NUL is appended.
///
/// False if it is not absolute, or too long for any system call.
pub fn unescape(escaped: &[u8], path: &mut Path) -> bool {
    path.clear();
    if escaped.first() != Some(&b'/') {
        return false;
    }
    let mut bytes = escaped.iter().copied();
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
