//! Lists of words in one string: an array of strings takes 16 more bytes per word.

/// The pieces of a text between separators.
///
/// All texts are split by this, so that the code for it exists once.
pub fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    text.split(move |byte| *byte == separator)
}

/// The line at an index; empty if there are fewer lines.
#[must_use]
pub fn nth(list: &[u8], index: usize) -> &[u8] {
    split(list, b'\n').nth(index).unwrap_or_default()
}

/// The index of a line; `None` if the list does not contain it.
#[must_use]
pub fn position(list: &[u8], word: &[u8]) -> Option<usize> {
    split(list, b'\n').position(|known| known == word)
}

/// The field at an index of a line, with spaces between fields; empty if there are fewer fields.
#[must_use]
pub fn field(line: &[u8], index: usize) -> &[u8] {
    let mut fields = split(line, b' ').filter(|field| !field.is_empty());
    fields.nth(index).unwrap_or_default()
}
