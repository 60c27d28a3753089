//! The two requests that PID 1 sends to zinit-server, and a strict, bounded decoder of the reply.
//!
//! JSON-RPC 2.0, one object per line. A reply is not trusted: it comes from any process that owns the socket.

use crate::model::action::Method;
use crate::model::limits::RESTART_GRACE;
use crate::model::process::Exit;
use crate::model::table;
use crate::model::time::Millis;

/// The start of our requests.
pub const HEAD: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"";

/// The rest of a request after [`HEAD`], with its newline.
#[must_use]
pub const fn request(method: Method) -> &'static [u8] {
    match method {
        Method::PrepareRestart => b"method\":\"system.prepare_restart\"}\n",
        Method::Shutdown => b"method\":\"system.shutdown\"}\n",
    }
}

/// The outcome of a request, which the RPC client returns as its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server agreed.
    Agreed,
    /// The server answered with an error.
    Refused,
    /// The whole request was sent, and no valid reply came: the server may be doing what was requested.
    Unclear,
    /// The server did not get the whole request.
    Unreachable,
}

impl Outcome {
    /// The exit status for this outcome.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Agreed => 0,
            Self::Refused => 1,
            Self::Unclear => 2,
            Self::Unreachable => 3,
        }
    }

    /// The outcome that an exit stands for; `None` if the RPC client failed, which is the same as no answer.
    #[must_use]
    pub const fn of(exit: Exit) -> Option<Self> {
        match exit {
            Exit::Exited(0) => Some(Self::Agreed),
            Exit::Exited(1) => Some(Self::Refused),
            Exit::Exited(2) => Some(Self::Unclear),
            Exit::Exited(3) => Some(Self::Unreachable),
            Exit::Exited(_) | Exit::Killed(_) | Exit::NotExecuted(_) => None,
        }
    }

    /// The time from this outcome to the signal with the same meaning as the request; `None` if the server gets no
    /// signal, but all of its time to exit.
    #[must_use]
    pub const fn signal_after(self, method: Method) -> Option<Millis> {
        match (self, method) {
            (Self::Agreed | Self::Unclear, _) => None,
            (Self::Refused, Method::PrepareRestart) => Some(RESTART_GRACE),
            (Self::Refused, Method::Shutdown) | (Self::Unreachable, _) => Some(0),
        }
    }
}

/// The meaning of a line from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// A result that accepts the request.
    Agreed,
    /// Not a JSON-RPC 2.0 response to our request, or a result that does not accept it.
    Garbage,
    /// An error.
    Refused,
}

/// Decodes one line, without its newline.
///
/// Only what can be interpreted in one way is a reply: each of the members that matter occurs once, and all of the
/// line is one JSON object. A result that does not accept the request is no refusal: only an error says that the
/// server did nothing.
#[must_use]
pub fn decode(method: Method, line: &[u8]) -> Reply {
    let mut json = Json { rest: line, token: line, names: names(method), seen: 0 };
    let first = json.next();
    let whole = json.value(first, RESPONSE, CONTAINERS) && {
        json.next();
        json.token.is_empty()
    };
    match json.seen {
        AGREED if whole => Reply::Agreed,
        REFUSED if whole => Reply::Refused,
        _ => Reply::Garbage,
    }
}

/// The members that matter: those of a response, and the one of a result that is true if the server agrees.
const fn names(method: Method) -> &'static [u8] {
    match method {
        Method::PrepareRestart => b"\"jsonrpc\"\n\"id\"\n\"result\"\n\"error\"\n\"ready\"",
        Method::Shutdown => b"\"jsonrpc\"\n\"id\"\n\"result\"\n\"error\"\n\"ok\"",
    }
}

/// What each of them has to be; an object is its bracket.
const VALUES: &[u8] = b"\"2.0\"\n1\n{\n{\ntrue";

// Sets of these members, one bit each.

/// The members of a response.
const RESPONSE: u8 = 0b0_1111;
/// The one of a result.
const RESULT: u8 = 0b1_0000;
/// The member that is a result.
const WITH_RESULT: u8 = 0b0_0100;
/// All that a reply has which accepts the request.
const AGREED: u8 = 0b1_0111;
/// All that an error has.
const REFUSED: u8 = 0b0_1011;

/// A reader of JSON, RFC 8259.
///
/// Whether a number, a word or an escape is valid inside makes no difference to the members that matter, and is not
/// checked.
struct Json<'a> {
    rest: &'a [u8],
    /// The last token: a string, a number, a word, or one other byte.
    token: &'a [u8],
    names: &'static [u8],
    /// The members that matter and were found.
    seen: u8,
}

impl Json<'_> {
    /// Reads the rest of a value, whose first token was read and is of the kind `first`. `matter` are the members that
    /// matter in it, and `containers` is how many more may be open.
    ///
    /// False for what is not JSON, and for a member that matters and has an invalid value or occurs twice.
    fn value(&mut self, first: u8, matter: u8, containers: u8) -> bool {
        if !matches!(first, b'{' | b'[') {
            return matches!(first, b'"' | SCALAR);
        }
        let Some(containers) = containers.checked_sub(1) else { return false };
        let end = if first == b'{' { b'}' } else { b']' };
        let mut next = self.next();
        if next == end {
            return true;
        }
        loop {
            let valid = if first == b'{' {
                self.member(next, matter, containers)
            } else {
                self.value(next, 0, containers)
            };
            if !valid {
                return false;
            }
            next = self.next();
            if next != b',' {
                return next == end;
            }
            next = self.next();
        }
    }

    /// Reads the rest of a member of an object, whose name was read and has to be of the kind of a string.
    #[allow(clippy::manual_contains)] // `contains` is 200 bytes larger
    fn member(&mut self, first: u8, matter: u8, containers: u8) -> bool {
        let name = self.token;
        if first != b'"' || self.next() != b':' {
            return false;
        }
        let first = self.next();
        let mut inner = 0;
        if matter != 0 {
            // An escape could spell a name that matters in another way.
            if name.iter().any(|byte| *byte == b'\\') {
                return false;
            }
            if let Some(member) = table::position(self.names, name) {
                let bit = 1 << member & matter;
                if bit != 0 {
                    if self.seen & bit != 0 || table::nth(VALUES, member) != self.token {
                        return false;
                    }
                    self.seen |= bit;
                }
                if bit == WITH_RESULT {
                    inner = RESULT;
                }
            }
        }
        self.value(first, inner, containers)
    }

    /// Reads the next token, and returns its kind: its first byte, [`SCALAR`] for a number or a word, or 0 at the end.
    ///
    /// A token without an end takes all of the rest, so that the response has no end either.
    fn next(&mut self) -> u8 {
        let space = self.rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let text = space.and_then(|space| self.rest.get(space..)).unwrap_or_default();
        let (kind, length) = match text.first() {
            Some(b'"') => (b'"', string(text)),
            Some(b'-' | b'0'..=b'9' | b'f' | b'n' | b't') => (SCALAR, text.iter().position(ends_word)),
            Some(other) => (*other, Some(1)),
            None => (0, None),
        };
        let parts = length.and_then(|length| text.split_at_checked(length));
        (self.token, self.rest) = parts.unwrap_or((text, &[]));
        kind
    }
}

/// True for a byte that cannot be a part of a number or a word.
const fn ends_word(byte: &u8) -> bool {
    matches!(byte, 0..=b' ' | b'"' | b',' | b':' | b'[' | b']' | b'{' | b'}')
}

/// The length of the string at the start of a text, with both quotes.
fn string(text: &[u8]) -> Option<usize> {
    let mut escaped = true;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'"' if !escaped => return Some(at.wrapping_add(1)),
            0..b' ' => return None,
            _ => escaped = *byte == b'\\' && !escaped,
        }
    }
    None
}

/// The kind of a number or a word; any of their first bytes would do.
const SCALAR: u8 = b'1';

/// How many objects and arrays may be open, the response included: each takes 72 bytes of stack. A reply with
/// more of them is garbage; those of a server have three.
const CONTAINERS: u8 = 31;
