//! Lists of words in one string, a newline between them: an array of strings takes 16 bytes more for each.

/// Returns the word at an index; nothing if there are fewer.
#[must_use]
pub fn nth(list: &[u8], index: usize) -> &[u8] {
    list.split(|byte| *byte == b'\n').nth(index).unwrap_or_default()
}

/// Returns the index of a word; `None` if the list does not have it.
#[must_use]
pub fn position(list: &[u8], word: &[u8]) -> Option<usize> {
    list.split(|byte| *byte == b'\n').position(|known| known == word)
}
