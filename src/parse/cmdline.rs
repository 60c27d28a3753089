//! The words of a kernel command line, admin-guide/kernel-parameters in the kernel's documentation.

use core::cell::Cell;

/// Splits a kernel command line in place, as the kernel does: each word is followed by a NUL, and quotes are removed.
pub fn split(line: &mut [u8]) -> &[u8] {
    let bytes = Cell::from_mut(line).as_slice_of_cells();
    let (mut written, mut quoted) = (bytes.iter(), false);
    for byte in bytes {
        let byte = byte.get();
        if byte == b'"' {
            quoted = !quoted;
        } else if let Some(cell) = written.next() {
            cell.set(if byte <= b' ' && !quoted { 0 } else { byte });
        }
    }
    let length = bytes.len().wrapping_sub(written.len());
    line.get(..length).unwrap_or(&[])
}

/// The words of a line that was split, each with its NUL; one that was cut off by the end of the line is dropped.
///
/// The words after `--` are argv and not settings.
pub fn words(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let length = rest.iter().position(|byte| *byte == 0)?.wrapping_add(1);
        let (word, behind) = rest.split_at_checked(length)?;
        rest = behind;
        (word != b"--\0").then_some(word)
    })
}
