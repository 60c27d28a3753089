//! The two requests that PID 1 sends to zinit-server, and a bounded decoder of the reply.
//!
//! JSON-RPC 2.0, one object per line. A reply is not trusted: it comes from any process that owns the socket.

use crate::model::action::Method;
use crate::model::limits::RESTART_GRACE;
use crate::model::process::Exit;
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
    /// A result.
    Agreed,
    /// Neither.
    Garbage,
    /// An error.
    Refused,
}

/// Decodes one line, without its newline.
///
/// A refusal is an object with a member `error` that is an object, and an agreement one with such a `result`; an object
/// with both is neither. Nothing else of a reply changes what PID 1 does, so nothing else is checked but that the line is
/// all of the object: strings end, and as many brackets close as open.
#[must_use]
pub fn decode(line: &[u8]) -> Reply {
    let (mut depth, mut rest) = (0_u16, line);
    let (mut reply, mut named) = (Reply::Garbage, Reply::Garbage);
    while let [byte, more @ ..] = rest {
        rest = more;
        match byte {
            // Between a member's name and its value.
            b' ' | b'\t' | b'\r' | b':' => continue,
            b'"' => {
                let Some((string, more)) = split_string(more) else { break };
                rest = more;
                named = match (depth, string) {
                    (1, b"error") => Reply::Refused,
                    (1, b"result") => Reply::Agreed,
                    _ => Reply::Garbage,
                };
                continue;
            }
            b'{' | b'[' => {
                if named != Reply::Garbage && *byte == b'{' {
                    if reply != Reply::Garbage {
                        break;
                    }
                    reply = named;
                }
                depth = depth.wrapping_add(1);
            }
            b'}' | b']' => {
                depth = depth.wrapping_sub(1);
                if depth == 0 {
                    return if rest.trim_ascii_end().is_empty() { reply } else { Reply::Garbage };
                }
            }
            _ => {}
        }
        named = Reply::Garbage;
    }
    Reply::Garbage
}

/// Splits a text at the quote that ends the string at its start.
fn split_string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    let (string, rest) = text.split_at_checked(end)?;
    Some((string, rest.get(1..)?))
}
