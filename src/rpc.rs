//! The two requests that PID 1 sends to zinit-server, and a strict, bounded reading of the reply.
//!
//! JSON-RPC 2.0, one object per line. A reply is untrusted: it comes from whoever owns the socket.

use crate::limits::REPLY_DEPTH;
use crate::list;
use crate::process::{Exit, Signal};

/// A request that PID 1 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Save the state and exit, services stay.
    PrepareRestart,
    /// Stop all services and exit.
    Shutdown,
}

impl Method {
    /// The request as it goes over the socket, with its newline.
    #[must_use]
    pub const fn request(self) -> &'static [u8] {
        match self {
            Self::PrepareRestart => b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system.prepare_restart\"}\n",
            Self::Shutdown => b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system.shutdown\"}\n",
        }
    }

    /// The signal that says the same to a server that does not take it from its socket.
    #[must_use]
    pub const fn signal(self) -> Signal {
        match self {
            Self::PrepareRestart => Signal::USR1,
            Self::Shutdown => Signal::TERM,
        }
    }

    /// The member of the result that has to be `true`.
    const fn promise(self) -> usize {
        match self {
            Self::PrepareRestart => READY,
            Self::Shutdown => OK,
        }
    }
}

/// How the courier came back; it travels as the courier's exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server agreed.
    Agreed,
    /// The request went out, and the server refused or closed the connection without a whole reply.
    ///
    /// zinit-server 0.3.9 does either, at times, while it is on its way out.
    Unclear,
    /// Nothing was asked, or the reply does not make sense.
    Failed,
}

impl Outcome {
    /// The exit status that stands for this outcome.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Agreed => 0,
            Self::Unclear => 2,
            Self::Failed => 1,
        }
    }

    /// The outcome for which an exit stands.
    #[must_use]
    pub const fn of(exit: Exit) -> Self {
        match exit {
            Exit::Exited(0) => Self::Agreed,
            Exit::Exited(2) => Self::Unclear,
            Exit::Exited(_) | Exit::Killed(_) | Exit::NotExecuted(_) => Self::Failed,
        }
    }
}

/// What a line from the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// A result that agrees.
    Agreed,
    /// Not a JSON-RPC 2.0 response to our request.
    Garbage,
    /// An error, or a result that says no.
    Refused,
}

/// Reads one line, without its newline.
#[must_use]
pub fn decode(method: Method, line: &[u8]) -> Reply {
    match members(line, method.promise()) {
        Some(seen) if seen == RESPONSE | 1 << method.promise() => Reply::Agreed,
        Some(seen) if matches!(seen & TOP_MEMBERS, RESPONSE | REFUSAL) => Reply::Refused,
        Some(_) | None => Reply::Garbage,
    }
}

/// The members that matter: their keys, and in the same order the values that they must have, if it matters.
const KEYS: &[u8] = b"\"jsonrpc\"\n\"id\"\n\"result\"\n\"error\"\n\"ready\"\n\"ok\"\n";
const VALUES: &[u8] = b"\"2.0\"\n1\n\n\ntrue\ntrue\n";
const RESULT: usize = 2;
const READY: usize = 4;
const OK: usize = 5;

/// A bit for each member that matters, and so far to the left one if it is wrong or came twice.
const WRONG: usize = 8;
const RESPONSE: u32 = 0b0111;
const REFUSAL: u32 = 0b1011;
const TOP_MEMBERS: u32 = 0b1111 << WRONG | 0b1111;

/// Which members that matter an object has, as bits; `None` if `text` is anything but one JSON object.
///
/// RFC 8259 about strings, brackets, and what is behind the end. It does not look after commas, and takes any
/// word for a value, where nothing is of interest: a reply only decides whether the server gets a signal that
/// says the same as the request, and every stage has a deadline. To see to that too took 300 bytes more.
fn members(text: &[u8], promise: usize) -> Option<u32> {
    let mut text = text;
    let (mut seen, mut in_result) = (0, false);
    // The last string or other value, and the key if a colon followed it.
    let (mut last, mut key): (&[u8], &[u8]) = (&[], &[]);
    // Below a first 1 a bit for each object and array that is open, set for an object.
    let mut open = 1_u32;
    loop {
        let token = token(&mut text)?;
        let first = *token.first()?;
        match first {
            b',' => {}
            b':' => key = last,
            b'}' | b']' => {
                (open & 1 == u32::from(first == b'}')).then_some(())?;
                open >>= 1;
                if open == 1 {
                    return self::token(&mut text)?.is_empty().then_some(seen);
                }
            }
            _ => {
                let place = list::place(KEYS, key).unwrap_or(usize::MAX);
                if open == TOP {
                    in_result = place == RESULT;
                }
                if open == TOP && place < READY || open == IN_MEMBER && in_result && place == promise {
                    let value = list::at(VALUES, place);
                    let bit = 1 << (place & 7);
                    if seen & bit != 0 || !(value.is_empty() || value == token) {
                        seen |= bit << WRONG;
                    }
                    seen |= bit;
                }
                (last, key) = (token, &[]);
                if matches!(first, b'{' | b'[') {
                    open = open << 1 | u32::from(first == b'{');
                } else {
                    // It would have no end.
                    (open > 1).then_some(())?;
                }
                (open >> REPLY_DEPTH <= 1).then_some(())?;
            }
        }
    }
}

/// The reply itself is open, and an object that is a member of it.
const TOP: u32 = 0b11;
const IN_MEMBER: u32 = 0b111;

/// Takes the next string with its quotes, number, name, or mark, or nothing at the end of the text; `None` for a
/// string that does not end, or is none.
#[inline(never)]
fn token<'a>(text: &mut &'a [u8]) -> Option<&'a [u8]> {
    while let [..=b' ', rest @ ..] = *text {
        *text = rest;
    }
    let mut bytes = text.iter();
    match bytes.next() {
        Some(b'"') => loop {
            match bytes.next()? {
                b'"' => break,
                b'\\' => drop(bytes.next()?),
                b' '.. => {}
                _ => return None,
            }
        },
        Some(b'{' | b'}' | b'[' | b']' | b',' | b':') | None => {}
        Some(_) => {
            while let Some(b'-'..=b'.' | b'0'..=b'9' | b'a'..=b'z') = bytes.as_slice().first() {
                bytes.next();
            }
        }
    }
    let (token, rest) = text.split_at_checked(text.len().wrapping_sub(bytes.len()))?;
    *text = rest;
    Some(token)
}
