//! Files of `/proc`: their lines from the last to the first, and the fields of a line.
//!
//! The kernel lists mounts in the order in which they were made, so they are unmounted backwards; but such a file
//! tells its length only at its end, and may be longer than any buffer.

/// Reads what a file has from an offset on, up to a buffer full; 0 is its end.
pub type Read<'a> = dyn FnMut(usize, &mut [u8]) -> usize + 'a;

/// Takes a line without its newline.
pub type Show<'a> = dyn FnMut(&[u8]) + 'a;

/// Shows each line, from the last to the first; the one that is shown and those behind it may vanish from the
/// file meanwhile.
///
/// A line that does not fit into the buffer is shown in pieces. Where lines vanish in front of the one that is
/// shown, others are skipped: who needs every line has to read the file again.
#[inline(always)] // 32 bytes of file
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
        // What is behind the last newline is a part of a line that was shown before, or has moved.
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
            // This line is cut off: it is read whole next time.
            end = end.wrapping_add(next);
        } else if let Some(piece) = buf.get(..length) {
            show(piece);
        }
    }
}
