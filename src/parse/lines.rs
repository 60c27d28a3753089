//! Files of `/proc`: their lines from the last to the first, and the words of a line.
//!
//! The kernel lists mounts in the order in which they were made, so they are undone backwards; but such a file
//! tells its length only at its end, and may be longer than any room.

/// Reads what a file has from a place on, up to a buffer full; 0 is its end.
pub type Read<'a> = dyn FnMut(usize, &mut [u8]) -> usize + 'a;

/// Gets a line without its newline.
pub type Show<'a> = dyn FnMut(&[u8]) + 'a;

/// Shows each line, from the last to the first; the one that is shown and those behind it may vanish from the
/// file meanwhile.
///
/// A line that does not fit into the room is shown in pieces. Where lines vanish in front of the one that is
/// shown, others are passed over: who needs every one has to come again.
#[inline(always)]
pub fn backwards(room: &mut [u8], read: &mut Read<'_>, show: &mut Show<'_>) {
    let mut end: usize = 0;
    loop {
        let count = read(end, room);
        if count == 0 {
            break;
        }
        end = end.wrapping_add(count);
    }
    while end > 0 {
        let start = end.saturating_sub(room.len());
        let mut length: usize = 0;
        while let Some(free) = room.get_mut(length..end.saturating_sub(start)) {
            let count = read(start.wrapping_add(length), free);
            if count == 0 {
                break;
            }
            length = length.wrapping_add(count);
        }
        let mut text = room.get(..length).unwrap_or(&[]);
        // What is behind the last newline is a part of a line that was shown before, or has moved.
        let mut whole = false;
        while let Some(newline) = text.iter().rposition(|byte| *byte == b'\n') {
            if let (true, Some(line)) = (whole, text.get(newline.wrapping_add(1)..)) {
                show(line);
            }
            text = text.get(..newline).unwrap_or(&[]);
            whole = true;
        }
        end = start;
        let next = text.len().wrapping_add(1);
        if start == 0 {
            if whole {
                show(text);
            }
        } else if whole && next < length {
            // This line is cut off: it comes whole next time.
            end = end.wrapping_add(next);
        } else if let Some(piece) = room.get(..length) {
            show(piece);
        }
    }
}

/// The line at an index, without its newline; nothing if there are fewer.
#[must_use]
pub fn nth(text: &[u8], index: usize) -> &[u8] {
    text.split(|byte| *byte == b'\n').nth(index).unwrap_or_default()
}

/// The word at a place in a line; nothing if there are fewer.
#[must_use]
#[inline(never)]
pub fn word(line: &[u8], place: usize) -> &[u8] {
    let (mut left, mut rest) = (place, line);
    loop {
        while let [b' ', behind @ ..] = rest {
            rest = behind;
        }
        let length = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if left == 0 || word.is_empty() {
            return word;
        }
        (left, rest) = (left.wrapping_sub(1), behind);
    }
}
