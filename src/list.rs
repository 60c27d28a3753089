//! Lists of words in one string, an entry a line: a table of strings would need sixteen bytes more for
//! each of them.

/// The entry at a place; nothing if the list is shorter.
#[must_use]
#[inline(never)]
pub fn at(list: &'static [u8], place: usize) -> &'static [u8] {
    entries(list).nth(place).unwrap_or(&[])
}

/// The place of a word; `None` if the list does not have it.
#[must_use]
#[inline(never)]
pub fn place(list: &[u8], word: &[u8]) -> Option<usize> {
    entries(list).position(|entry| entry == word)
}

/// The entries in order.
pub fn entries(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b'\n')
}
