//! The two requests that PID 1 sends to zinit-server, and a strict, bounded reading of the reply.
//!
//! JSON-RPC 2.0, one object per line. A reply is untrusted: it comes from whoever owns the socket.

use crate::model::process::{Exit, Signal};
use crate::parse::list;

/// A request that PID 1 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Save the state and exit, services stay.
    PrepareRestart,
    /// Stop all services and exit.
    Shutdown,
}

impl Method {
    /// The request as it goes over the socket behind [`HEAD`], with its newline.
    #[must_use]
    pub const fn request(self) -> &'static [u8] {
        match self {
            Self::PrepareRestart => b"method\":\"system.prepare_restart\"}\n",
            Self::Shutdown => b"method\":\"system.shutdown\"}\n",
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

    /// What stands behind [`HEAD`] if the server agrees.
    const fn promise(self) -> &'static [u8] {
        match self {
            Self::PrepareRestart => b"result\":{\"ready\":true",
            Self::Shutdown => b"result\":{\"ok\":true",
        }
    }
}

/// How the courier came back; it travels as the courier's exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server agreed.
    Agreed,
    /// Nothing was asked, or the reply does not make sense.
    Failed,
    /// The request went out, and the server refused or closed the connection without a whole reply.
    ///
    /// zinit-server 0.3.9 does either, at times, while it is on its way out.
    Unclear,
}

impl Outcome {
    /// The exit status that stands for this outcome.
    #[must_use]
    pub const fn status(self) -> u8 {
        #[allow(clippy::as_conversions)] // the number of the variant
        (self as u8)
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
///
/// It is compared with what the server sends, byte by byte, and not taken apart: there is no reply for which two
/// readers could see two things in it, and what is spelled in another way only costs the server a signal that
/// says the same as the request. A reader of JSON took 700 bytes more.
#[must_use]
pub fn decode(method: Method, line: &[u8]) -> Reply {
    let Some(rest) = list::behind(line, HEAD) else { return Reply::Garbage };
    // More members of the result may follow, and nothing behind the result.
    let agrees = list::behind(rest, method.promise()).is_some_and(|more| {
        let length = more.iter().position(|byte| *byte == b'}').unwrap_or(0);
        matches!(more.first(), Some(b',' | b'}')) && matches!(more.get(length..), Some(b"}}"))
    });
    if agrees { Reply::Agreed } else { Reply::Refused }
}

/// What our requests begin with, and each response to them, be it a result or an error.
pub const HEAD: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"";
