//! The two requests that PID 1 sends to zinit-server, and a strict, bounded decoder of the reply.
//!
//! JSON-RPC 2.0, one object per line. A reply is not trusted: it comes from any process that owns the socket.

use crate::model::action::Method;
use crate::model::process::Exit;

/// The start of our requests, and of each response to them, whether a result or an error.
pub const HEAD: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"";

/// The rest of a request after [`HEAD`], with its newline.
#[must_use]
pub const fn request(method: Method) -> &'static [u8] {
    match method {
        Method::PrepareRestart => b"method\":\"system.prepare_restart\"}\n",
        Method::Shutdown => b"method\":\"system.shutdown\"}\n",
    }
}

/// The text after [`HEAD`] if the server agrees.
const fn agreement(method: Method) -> &'static [u8] {
    match method {
        Method::PrepareRestart => b"result\":{\"ready\":true",
        Method::Shutdown => b"result\":{\"ok\":true",
    }
}

/// The outcome of a request, which the RPC client returns as its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server agreed.
    Agreed,
    /// The request was not sent, or the reply is not valid.
    Failed,
    /// The request was sent, and the server refused or closed the connection without a whole reply.
    ///
    /// zinit-server 0.3.9 sometimes does one of these while it is exiting.
    Unclear,
}

impl Outcome {
    /// The exit status for this outcome.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Agreed => 0,
            Self::Failed => 1,
            Self::Unclear => 2,
        }
    }

    /// The outcome that an exit stands for.
    #[must_use]
    pub const fn of(exit: Exit) -> Self {
        match exit {
            Exit::Exited(0) => Self::Agreed,
            Exit::Exited(2) => Self::Unclear,
            Exit::Exited(_) | Exit::Killed(_) | Exit::NotExecuted(_) => Self::Failed,
        }
    }
}

/// The meaning of a line from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// A result that accepts the request.
    Agreed,
    /// Not a JSON-RPC 2.0 response to our request.
    Garbage,
    /// An error, or a result that refuses the request.
    Refused,
}

/// Decodes one line, without its newline.
///
/// It is not parsed, but compared byte by byte with what the server sends, so that a reply cannot be interpreted in
/// two ways. If an agreement is spelled differently, the server only gets an additional signal with the same meaning
/// as the request. A JSON parser takes 700 bytes more.
#[must_use]
pub fn decode(method: Method, line: &[u8]) -> Reply {
    let Some(rest) = line.strip_prefix(HEAD) else { return Reply::Garbage };
    // More members of the result may follow, but nothing after the result.
    let agrees = rest.strip_prefix(agreement(method)).is_some_and(|more| {
        let length = more.iter().position(|byte| *byte == b'}').unwrap_or(0);
        matches!(more.first(), Some(b',' | b'}')) && matches!(more.get(length..), Some(b"}}"))
    });
    if agrees { Reply::Agreed } else { Reply::Refused }
}
