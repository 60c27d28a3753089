//! The two requests that PID 1 sends to zinit-server, and a bounded decoder of the reply.
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

/// Decodes one line, without its newline: the name in front of the second bracket decides.
///
/// The `error` and the `result` of zinit-server are objects, and no member before them is. What else is in the line makes no
/// difference to what PID 1 does next. A line in any other form is garbage, which is no refusal either.
#[must_use]
pub fn decode(line: &[u8]) -> Outcome {
    let [b'{', .., b'}'] = line else { return Outcome::Unclear };
    let mut parts = table::split(line, b'{');
    let _nothing = parts.next();
    let name = parts.next().unwrap_or_default().trim_ascii_end();
    if name.ends_with(b"\"error\":") {
        Outcome::Refused
    } else if name.ends_with(b"\"result\":") {
        Outcome::Agreed
    } else {
        Outcome::Unclear
    }
}
