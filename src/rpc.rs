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
    const fn promise(self) -> &'static [u8] {
        match self {
            Self::PrepareRestart => b"\"ready\"",
            Self::Shutdown => b"\"ok\"",
        }
    }
}

/// How the courier came back; it travels as the courier's exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server agreed.
    Agreed,
    /// The request went out, and the server closed the connection without a whole reply.
    Closed,
    /// Nothing was asked, or the server does not want to, or does not make sense.
    Failed,
}

impl Outcome {
    /// The exit status that stands for this outcome.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Agreed => 0,
            Self::Closed => 2,
            Self::Failed => 1,
        }
    }

    /// The outcome for which an exit stands.
    #[must_use]
    pub const fn of(exit: Exit) -> Self {
        match exit {
            Exit::Exited(0) => Self::Agreed,
            Exit::Exited(2) => Self::Closed,
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
    let mut seen = Seen::default();
    let mut promised = Seen::default();
    let whole = members(line, &mut |key, value| match list::place(KEYS, key) {
        Some(VERSION) => seen.note(VERSION, value == b"\"2.0\""),
        Some(ID) => seen.note(ID, value == b"1"),
        Some(RESULT) => {
            seen.note(RESULT, true);
            // Whatever else a result may be, it promises nothing.
            let _no_object = members(value, &mut |key, value| {
                if key == method.promise() {
                    promised.note(RESULT, value == b"true");
                }
            });
        }
        Some(place) => seen.note(place, true),
        None => {}
    });
    match (whole, seen) {
        (Some(()), Seen { places: RESPONSE, wrong: false }) if promised == PROMISED => Reply::Agreed,
        (Some(()), Seen { places: RESPONSE | REFUSAL, wrong: false }) => Reply::Refused,
        (Some(()) | None, Seen { .. }) => Reply::Garbage,
    }
}

/// The keys that matter, each with its quotes.
const KEYS: &[u8] = b"\"jsonrpc\"\n\"id\"\n\"result\"\n\"error\"";
const VERSION: usize = 0;
const ID: usize = 1;
const RESULT: usize = 2;

/// The places of version, number and result, of version, number and error, and of a promise.
const RESPONSE: u8 = 0b0111;
const REFUSAL: u8 = 0b1011;
const PROMISED: Seen = Seen { places: 1 << RESULT, wrong: false };

/// Which keys were seen, and whether one came twice or with a value that it must not have.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    places: u8,
    wrong: bool,
}

impl Seen {
    fn note(&mut self, place: usize, right: bool) {
        let bit = 1 << (place & 7);
        self.wrong |= !right || self.places & bit != 0;
        self.places |= bit;
    }
}

/// Gets each key with its quotes, or nothing in an array, and its value.
type Show<'s> = dyn FnMut(&[u8], &[u8]) + 's;

/// Shows each member of a JSON object, RFC 8259; `None` if `text` is anything else.
fn members(text: &[u8], show: &mut Show<'_>) -> Option<()> {
    let mut scan = Scan { rest: text };
    (scan.peek()? == b'{').then_some(())?;
    scan.value(REPLY_DEPTH, show)?;
    scan.peek().is_none().then_some(())
}

/// A place in a JSON text. Each method takes what it names, or answers `None`; the caller gives up then.
///
/// Looser than the RFC within a number and behind a backslash, where nothing is of interest.
struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    /// Any value; if it is an object or an array, its members are shown, but not theirs.
    fn value(&mut self, depth: usize, show: &mut Show<'_>) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(),
            open @ (b'[' | b'{') => {
                let depth = depth.checked_sub(1)?;
                self.byte()?;
                // In ASCII the closing bracket is two behind the opening one.
                let close = open.wrapping_add(2);
                if self.peek()? == close {
                    return self.byte().map(drop);
                }
                loop {
                    let mut key: &[u8] = &[];
                    if open == b'{' {
                        key = self.taken(&mut Self::string)?;
                        (self.byte()? == b':').then_some(())?;
                    }
                    let value = self.taken(&mut |scan| scan.value(depth, &mut |_, _| {}))?;
                    show(key, value);
                    match self.byte()? {
                        b',' => {}
                        byte => return (byte == close).then_some(()),
                    }
                }
            }
            _ => self.word(),
        }
    }

    /// What `part` takes.
    fn taken(&mut self, part: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<&'a [u8]> {
        self.peek()?;
        let before = self.rest;
        part(self)?;
        before.get(..before.len().checked_sub(self.rest.len())?)
    }

    fn string(&mut self) -> Option<()> {
        (self.byte()? == b'"').then_some(())?;
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return Some(()),
                b'\\' => self.rest = rest.get(1..)?,
                b' '.. => {}
                _ => return None,
            }
        }
    }

    /// A number, or one of the three names.
    fn word(&mut self) -> Option<()> {
        let before = self.rest;
        while let Some((b'a'..=b'z' | b'0'..=b'9' | b'-' | b'+' | b'.' | b'E', rest)) =
            self.rest.split_first()
        {
            self.rest = rest;
        }
        let word = before.get(..before.len().checked_sub(self.rest.len())?)?;
        let number = matches!(word.first()?, b'-' | b'0'..=b'9');
        (number || list::place(b"true\nfalse\nnull", word).is_some()).then_some(())
    }

    /// The next byte that is no space.
    #[inline(never)]
    fn byte(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.rest = self.rest.get(1..)?;
        byte
    }

    /// The same, without taking it.
    #[inline(never)]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.rest.split_first()? {
                (b' ' | b'\t' | b'\n' | b'\r', rest) => self.rest = rest,
                (byte, _) => return Some(*byte),
            }
        }
    }
}
