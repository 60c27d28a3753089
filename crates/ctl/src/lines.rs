//! Makes log lines of the output of services: split at newlines, cleaned, with the service's name, and of bounded length.

use heapless::Vec;

/// A line that is to be logged, with its newline.
pub type LogLine = Vec<u8, LINE>;

/// The name of a service as log lines show it: cleaned, and cut to [`NAME`] bytes.
pub type Name = Vec<u8, NAME>;

/// What is known of the last line of a pipe; its bytes are kept apart.
///
/// All zero is the state of a pipe of which nothing was read yet, so that an array of them lies in `.bss`.
pub struct Line {
    /// The bytes since the last newline.
    length: usize,
    /// The line begins with these bytes.
    ///
    /// It is not known of the first line of a pipe: the old server may have read its beginning.
    whole: bool,
}

/// The bytes of a line that has not ended yet. Memory is used only for pipes that have such a line.
pub type Rest = [u8; TEXT];

/// A line without its newline, or a part of a line that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The bytes as the service wrote them.
    pub text: &'a [u8],
    /// The line may begin before this piece: in the piece before, or in what the old server has read.
    pub torn: bool,
    /// The line goes on in the next piece.
    pub more: bool,
}

impl Line {
    /// A line of a pipe of which nothing was read yet.
    pub const NEW: Self = Self { length: 0, whole: false };

    /// True if nothing of a line is kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes what was read, and shows each line that ends in it; the bytes behind the last newline stay in `rest`.
    pub fn push(&mut self, rest: &mut Rest, mut input: &[u8], show: &mut dyn FnMut(Piece<'_>)) {
        while !input.is_empty() {
            let end = input.iter().position(|byte| *byte == b'\n');
            if let (0, Some((text, [_newline, behind @ ..]))) =
                (self.length, end.filter(|end| *end <= TEXT).and_then(|end| input.split_at_checked(end)))
            {
                self.show(text, false, show);
                input = behind;
                continue;
            }
            let free = rest.get_mut(self.length..).unwrap_or_default();
            let length = end.unwrap_or(input.len()).min(free.len());
            let (text, behind) = input.split_at_checked(length).unwrap_or_default();
            free.iter_mut().zip(text).for_each(|(free, byte)| *free = *byte);
            self.length = self.length.saturating_add(length);
            input = match behind {
                [b'\n', behind @ ..] => {
                    self.finish(rest, show);
                    behind
                }
                // The line is longer than a piece.
                [_, ..] => {
                    let end = end_of_last_character(rest);
                    self.show(rest.get(..end).unwrap_or_default(), true, show);
                    rest.copy_within(end.., 0);
                    self.length = self.length.saturating_sub(end);
                    behind
                }
                [] => behind,
            };
        }
    }

    /// Shows what the service wrote after its last newline, if anything, at the end of the pipe.
    pub fn end(&mut self, rest: &Rest, show: &mut dyn FnMut(Piece<'_>)) {
        if self.length > 0 {
            self.finish(rest, show);
        }
    }

    /// Shows what `rest` holds as the end of a line.
    fn finish(&mut self, rest: &Rest, show: &mut dyn FnMut(Piece<'_>)) {
        self.show(rest.get(..self.length).unwrap_or_default(), false, show);
        self.length = 0;
    }

    fn show(&mut self, text: &[u8], more: bool, show: &mut dyn FnMut(Piece<'_>)) {
        // Of a line that ends in CR LF.
        let text = if more { text } else { text.strip_suffix(b"\r").unwrap_or(text) };
        show(Piece { text, torn: !self.whole, more });
        self.whole = !more;
    }
}

/// The position behind the last character that is complete, if the last one is not.
fn end_of_last_character(text: &[u8]) -> usize {
    // The longest character has four bytes, so an incomplete one has three.
    for (behind, byte) in (1..=3_usize).zip(text.iter().rev()) {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if length > behind { text.len().saturating_sub(behind) } else { text.len() };
    }
    text.len()
}

/// The name of a service for its log lines; a longer one ends in `...`.
#[must_use]
pub fn name(service: &[u8]) -> Name {
    let mut cleaned = Vec::<u8, { 4 * NAME }>::new();
    clean(service, &mut cleaned);
    let (end, mark) = match cleaned.first_chunk::<NAME_CUT>() {
        Some(start) if cleaned.len() > NAME => (end_of_last_character(start), MARK),
        _ => (cleaned.len(), b"".as_slice()),
    };
    let mut name = Name::new();
    extend(&mut name, cleaned.get(..end).unwrap_or_default());
    extend(&mut name, mark);
    name
}

/// The log line of a piece; with `kmsg` it begins with the level, in the format of `/dev/kmsg`.
///
/// A piece that is torn begins with `...`, and one that is continued ends in `...`.
#[must_use]
pub fn compose(name: &[u8], piece: Piece<'_>, kmsg: bool) -> LogLine {
    let mut line = LogLine::new();
    for part in [if kmsg { LEVEL } else { b"" }, PREFIX, name, b": ", if piece.torn { MARK } else { b"" }] {
        extend(&mut line, part);
    }
    clean(piece.text, &mut line);
    extend(&mut line, if piece.more { MARK } else { b"" });
    extend(&mut line, b"\n");
    line
}

/// The log line that says how many lines were not accepted by the log.
#[must_use]
pub fn dropped(count: u32, kmsg: bool) -> LogLine {
    let mut line = LogLine::new();
    extend(&mut line, if kmsg { LEVEL } else { b"" });
    let text =
        format_args!("zinit-pid1ctl: {count} lines of services were dropped, the log did not accept them\n");
    let _fits = core::fmt::Write::write_fmt(&mut line, text);
    line
}

/// Appends text without control characters and broken UTF-8, which become `?`; the output is not longer than the input.
fn clean<const N: usize>(text: &[u8], to: &mut Vec<u8, N>) {
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\t' => extend(to, b" "),
                // Line separators, and marks that reverse the direction of the text that follows.
                '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => extend(to, b"?"),
                letter if letter.is_control() => extend(to, b"?"),
                letter => extend(to, letter.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            extend(to, b"?");
        }
    }
}

/// Appends all of it, or nothing where it does not fit: only a name can be too long.
fn extend<const N: usize>(line: &mut Vec<u8, N>, bytes: &[u8]) {
    let _full = line.extend_from_slice(bytes);
}

/// Bytes of a log line with its prefix and newline.
///
/// The smallest `LOG_LINE_MAX` of the kernels since 3.5: a longer line is refused or cut. It is also below `PIPE_BUF`,
/// so that lines of several writers do not mix, pipe(7).
pub const LINE: usize = 976;

/// Bytes of a service's name in a log line.
pub const NAME: usize = 64;

/// Bytes that are left of a name that is too long.
const NAME_CUT: usize = NAME - MARK.len();

/// Bytes of a service's line that fit into a log line; a longer one is logged in pieces.
pub const TEXT: usize =
    LINE - LEVEL.len() - PREFIX.len() - NAME - b": ".len() - MARK.len() - MARK.len() - b"\n".len();

/// Level 6 of syslog(3): information.
const LEVEL: &[u8] = b"<6>";

/// What tells the lines of services from those of this program.
const PREFIX: &[u8] = b"zinit-service ";

/// Stands where a part of a line is not in this piece.
const MARK: &[u8] = b"...";
