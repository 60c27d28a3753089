//! `/etc/hostname`, hostname(5).

/// The host name: the first word of the first line that is neither empty nor a comment; empty if there is none.
#[must_use]
pub fn host_name(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let line = lines.next().unwrap_or_default();
    line.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// UTF-8's, which some editors write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
