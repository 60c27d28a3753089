//! Files of `/proc`: their lines from the last to the first, and the fields of a line.
//!
//! The kernel lists mounts in the order in which they were made, so they are unmounted in reverse order. The length
//! of such a file is known only when its end is reached, and the file may be longer than any buffer.

/// Reads a file from an offset into a buffer; returns the number of bytes, and 0 at the end of the file.
pub type Read<'a> = dyn FnMut(usize, &mut [u8]) -> usize + 'a;

/// Called with each line, without its newline.
pub type Show<'a> = dyn FnMut(&[u8]) + 'a;

/// Calls `show` with each line, from the last to the first; meanwhile that line and those after it may vanish from
/// the file.
///
/// A line that does not fit into the buffer is shown in pieces. If lines vanish before the one that is shown, other
/// lines are skipped: a caller that needs every line has to read the file again.
pub fn backwards(buf: &mut [u8], read: &mut Read<'_>, show: &mut Show<'_>) {
    let mut end: usize = 0;
    loop {
        let count = read(end, buf);
        if count == 0 {
            break;
        }
        end = end.wrapping_add(count);
    }
    while end > 0 {
        let start = end.saturating_sub(buf.len());
        let mut length: usize = 0;
        while let Some(free) = buf.get_mut(length..end.saturating_sub(start)) {
            let count = read(start.wrapping_add(length), free);
            if count == 0 {
                break;
            }
            length = length.wrapping_add(count);
        }
        let mut text = buf.get(..length).unwrap_or_default();
        // The bytes after the last newline are part of a line that was shown before, or that has moved.
        let mut whole = false;
        while let Some(newline) = text.iter().rposition(|byte| *byte == b'\n') {
            if let (true, Some(line)) = (whole, text.get(newline.wrapping_add(1)..)) {
                show(line);
            }
            text = text.get(..newline).unwrap_or_default();
            whole = true;
        }
        end = start;
        let next = text.len().wrapping_add(1);
        if start == 0 {
            if whole {
                show(text);
            }
        } else if whole && next < length {
            // This line is cut off: the next read gets all of it.
            end = end.wrapping_add(next);
        } else if let Some(piece) = buf.get(..length) {
            show(piece);
        }
    }
}
