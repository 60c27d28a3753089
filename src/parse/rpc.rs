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
    match members(method, line) {
        Some(AGREED) => Reply::Agreed,
        Some(REFUSED) => Reply::Refused,
        Some(_) | None => Reply::Garbage,
    }
}

/// The members that matter and have a valid value, one bit each; `None` for a line that is not JSON, and for a member
/// that has an invalid value or occurs twice.
#[allow(clippy::manual_contains)] // `contains` is 200 bytes larger
fn members(method: Method, line: &[u8]) -> Option<u8> {
    let mut json = Json { rest: line, open: 1, kind: VALUE, expected: VALUE };
    let (mut seen, mut outer, mut name) = (0_u8, OTHER, line);
    loop {
        // Before the token: a bracket changes it.
        let (in_response, in_result) = (json.open == RESPONSE, json.open == RESULT && outer == OF_RESULT);
        let token = json.token()?;
        if json.kind == NAME {
            name = token;
        }
        if json.kind == VALUE && (in_response || in_result) {
            // An escape could spell a name that matters in another way.
            if name.iter().any(|byte| *byte == b'\\') {
                return None;
            }
            let member = table::position(names(method), name).unwrap_or(OTHER);
            if in_response {
                outer = member;
            }
            if member != OTHER && in_result == (member == AGREEMENT) {
                let bit = 1 << member;
                if seen & bit != 0 || table::nth(VALUES, member) != token {
                    return None;
                }
                seen |= bit;
            }
        }
        if json.open == 1 {
            return json.space().is_none().then_some(seen);
        }
    }
}

/// The members that matter: those of a response, and the one of a result that is true if the server agrees.
const fn names(method: Method) -> &'static [u8] {
    match method {
        Method::PrepareRestart => b"\"jsonrpc\"\n\"id\"\n\"result\"\n\"error\"\n\"ready\"",
        Method::Shutdown => b"\"jsonrpc\"\n\"id\"\n\"result\"\n\"error\"\n\"ok\"",
    }
}

/// What each of them has to be.
const VALUES: &[u8] = b"\"2.0\"\n1\n{\n{\ntrue";

const OF_RESULT: usize = 2;
const AGREEMENT: usize = 4;
/// All other members.
const OTHER: usize = 5;

/// The members of a result that accepts the request, and those of an error.
const AGREED: u8 = 0b1_0111;
const REFUSED: u8 = 0b0_1011;

/// A reader of JSON, RFC 8259: it yields one token after the other, and checks their order.
///
/// Whether a number, a word or an escape is valid inside makes no difference to the members that matter, and is not
/// checked.
struct Json<'a> {
    rest: &'a [u8],
    /// One bit for each container that is open, the innermost lowest: 1 for an object. Before them comes a 1.
    open: u32,
    /// The kind of the last token.
    kind: u8,
    /// The kinds of token that may come next.
    expected: u8,
}

/// The response is open, and an object in it.
const RESPONSE: u32 = 0b11;
const RESULT: u32 = 0b111;

// The kinds of token.
const VALUE: u8 = 1;
const NAME: u8 = 2;
const COLON: u8 = 4;
const COMMA: u8 = 8;
const END: u8 = 16;

impl<'a> Json<'a> {
    /// The next token; `None` for what is not JSON, and for containers that are nested too deeply.
    ///
    /// A value that is a container begins with a bracket, which is a token of the kind of a value.
    #[inline(never)] // 80 bytes of file
    fn token(&mut self) -> Option<&'a [u8]> {
        let text = self.rest.get(self.space()?..)?;
        let first = *text.first()?;
        let in_object = self.open & 1;
        // The bit in which braces differ from brackets.
        let object = u32::from(first >> 5 & 1);
        let mut length = 1;
        let next;
        (self.kind, next) = match first {
            b',' => (COMMA, if in_object == 1 { NAME } else { VALUE }),
            b':' => (COLON, VALUE),
            b'{' | b'[' => {
                self.open = self.open.checked_mul(2)? | object;
                (VALUE, END | if first == b'{' { NAME } else { VALUE })
            }
            b'}' | b']' if object == in_object => {
                self.open >>= 1;
                (END, COMMA | END)
            }
            b'"' => {
                length = string(text)?;
                if self.expected & NAME != 0 { (NAME, COLON) } else { (VALUE, COMMA | END) }
            }
            b'-' | b'0'..=b'9' | b'f' | b'n' | b't' => {
                length = text.iter().position(ends_word)?;
                (VALUE, COMMA | END)
            }
            _ => return None,
        };
        if self.expected & self.kind == 0 {
            return None;
        }
        self.expected = next;
        let (token, rest) = text.split_at_checked(length)?;
        self.rest = rest;
        Some(token)
    }

    /// The bytes up to the next token; `None` if none follows.
    fn space(&self) -> Option<usize> {
        self.rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }
}

/// True for a byte that cannot be a part of a number or a word.
const fn ends_word(byte: &u8) -> bool {
    matches!(byte, 0..=b' ' | b'"' | b',' | b':' | b'[' | b']' | b'{' | b'}')
}

/// The length of the string at the start of a text, with both quotes.
fn string(text: &[u8]) -> Option<usize> {
    let mut escaped = true;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped || *byte < b' ';
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    if text.get(end) == Some(&b'"') { end.checked_add(1) } else { None }
}
