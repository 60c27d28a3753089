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
    let (mut version, mut id, mut result, mut error, mut promised) = (false, false, false, false, false);
    let whole = members(line, &mut |key, value| match list::place(KEYS, key) {
        Some(0) => version = value == b"\"2.0\"",
        Some(1) => id = value == b"1",
        Some(2) => error = true,
        Some(_) => {
            result = true;
            let _no_object = members(value, &mut |key, value| {
                promised |= key == method.promise() && value == b"true";
            });
        }
        None => {}
    });
    match (whole.is_some() && version && id, result, error) {
        (true, true, false) if promised => Reply::Agreed,
        (true, true, false) | (true, false, true) => Reply::Refused,
        (true, true, true) | (true, false, false) | (false, _, _) => Reply::Garbage,
    }
}

/// The keys that matter, each with its quotes: the version, the request's number, and the two outcomes.
const KEYS: &[u8] = b"\"jsonrpc\"\n\"id\"\n\"error\"\n\"result\"";

/// Shows each member of a JSON object, RFC 8259: the key with its quotes, and the value; `None` if `text`
/// is not one object and nothing else.
///
/// It sees strings, brackets, commas and colons and takes the rest as it is: what is of interest is
/// compared to the byte. Brackets may nest [`REPLY_DEPTH`] deep.
fn members(text: &[u8], show: &mut dyn FnMut(&[u8], &[u8])) -> Option<()> {
    let [b'{', inside @ .., b'}'] = text.trim_ascii() else { return None };
    let (mut open, mut depth) = ([0; REPLY_DEPTH], 0_usize);
    let (mut string, mut escaped) = (false, false);
    let (mut key, mut start) = (None, 0);
    // The comma that is put behind the last member makes it like the others.
    for at in 0..=inside.len() {
        let byte = inside.get(at).unwrap_or(&b',');
        match byte {
            0..=0x1f if string => return None,
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            _ if string => {}
            b'{' | b'[' => {
                // In ASCII the closing bracket is two behind the opening one.
                *open.get_mut(depth)? = byte.wrapping_add(2);
                depth = depth.saturating_add(1);
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                (open.get(depth) == Some(byte)).then_some(())?;
            }
            b':' if depth == 0 && key.is_none() => {
                key = Some(inside.get(start..at)?.trim_ascii());
                start = at.saturating_add(1);
            }
            b',' if depth == 0 => {
                let value = inside.get(start..at)?.trim_ascii();
                match key.take() {
                    Some(key) if !value.is_empty() => show(key, value),
                    // Only an object without members may lack a key.
                    None if value.is_empty() && start == 0 && at == inside.len() => {}
                    Some(_) | None => return None,
                }
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    (depth == 0 && !string).then_some(())
}
