//! Lists of words in one string, a newline behind each: a table of strings would need sixteen bytes more
//! for each of them.
//!
//! Loops over bytes, because the iterators that split a slice take 100 bytes more.

/// The entry at a place; nothing if the list is shorter.
#[must_use]
#[inline(never)]
pub fn at(list: &'static [u8], place: usize) -> &'static [u8] {
    let mut left = place;
    let mut bytes = list.iter();
    while left > 0 {
        match bytes.next() {
            Some(b'\n') => left = left.wrapping_sub(1),
            Some(_) => {}
            None => return &[],
        }
    }
    let entry = bytes.as_slice();
    let length = entry.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    entry.get(..length).unwrap_or(&[])
}

/// The place of a word; `None` if the list does not have it.
#[must_use]
#[inline(never)]
pub fn place(list: &[u8], word: &[u8]) -> Option<usize> {
    let (mut place, mut same): (usize, _) = (0, true);
    let mut left = word.iter();
    for byte in list {
        if *byte != b'\n' {
            same &= left.next() == Some(byte);
        } else if same && left.as_slice().is_empty() {
            return Some(place);
        } else {
            place = place.wrapping_add(1);
            (same, left) = (true, word.iter());
        }
    }
    None
}

/// The number that a word of digits stands for, 0 if it has none; `None` for another word, or too large a number.
#[must_use]
#[inline(never)]
pub fn number(word: &[u8]) -> Option<u32> {
    word.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// What stands behind the start of a text; `None` if it starts in another way.
///
/// It has nothing to do with lists, but that it is smaller than the comparison of slices.
#[must_use]
#[inline(never)]
pub fn behind<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text.iter();
    start.iter().all(|byte| rest.next() == Some(byte)).then_some(rest.as_slice())
}
