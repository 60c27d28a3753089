//! Lists of words in one string: an array of strings takes 16 bytes more for each.

/// The line at an index; nothing if there are fewer.
#[must_use]
pub fn nth(list: &[u8], index: usize) -> &[u8] {
    list.split(|byte| *byte == b'\n').nth(index).unwrap_or_default()
}

/// The index of a line; `None` if the list does not have it.
#[must_use]
pub fn position(list: &[u8], word: &[u8]) -> Option<usize> {
    list.split(|byte| *byte == b'\n').position(|known| known == word)
}

/// The field at an index in a line, with spaces between fields; nothing if there are fewer.
#[must_use]
pub fn field(line: &[u8], index: usize) -> &[u8] {
    let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    fields.nth(index).unwrap_or_default()
}
