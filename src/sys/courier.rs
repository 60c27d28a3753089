//! The courier: a forked child that takes one request to the server's socket and reads the reply.
//!
//! It may block wherever it likes: PID 1 kills it at its deadline.

use core::ffi::CStr;
use core::mem::ManuallyDrop;

use zinit_pid1::limits::REPLY;
use zinit_pid1::log::Fact;
use zinit_pid1::process::Errno;
use zinit_pid1::rpc::{self, Method, Outcome, Reply};

use super::kmsg::Log;
use super::raw::{self, Fd, Result};

/// Takes `method` to the server; what went wrong is logged.
#[inline(always)]
pub fn run(method: Method, socket: &CStr, log: &Log) -> Outcome {
    let mut room = [0; REPLY];
    let reply = match send(method, socket).and_then(|server| receive(&server, &mut room)) {
        Ok(reply) => reply,
        Err(errno) => {
            log.fact(Fact::Unreachable, raw::errno(errno), socket.to_bytes());
            return Outcome::Failed;
        }
    };
    let (fact, text, outcome) = match reply {
        Received::Line(line) => match rpc::decode(method, line) {
            Reply::Agreed => return Outcome::Agreed,
            Reply::Refused => (Fact::ReplyRefused, line, Outcome::Unclear),
            Reply::Garbage => (Fact::ReplyGarbage, line, Outcome::Failed),
        },
        Received::Part(part) => (Fact::ReplyPart, part, Outcome::Unclear),
        Received::TooMuch(part) => (Fact::ReplyTooLong, part, Outcome::Failed),
    };
    log.fact(fact, Errno::NONE, text);
    outcome
}

enum Received<'a> {
    /// A line, without its newline.
    Line(&'a [u8]),
    /// What came before the connection was closed.
    Part(&'a [u8]),
    /// A buffer full without a newline.
    TooMuch(&'a [u8]),
}

fn send(method: Method, socket: &CStr) -> Result<ManuallyDrop<Fd>> {
    // The exit of this process closes it.
    let server = ManuallyDrop::new(raw::unix_socket()?);
    raw::connect(&server, socket)?;
    // A new socket takes a line at once and whole, also in two pieces; SIGPIPE is blocked, as all signals are.
    raw::write(server.number(), rpc::HEAD)?;
    raw::write(server.number(), method.request())?;
    Ok(server)
}

fn receive<'a>(server: &Fd, room: &'a mut [u8; REPLY]) -> Result<Received<'a>> {
    let mut length = 0;
    while let Some(free) = room.get_mut(length..) {
        let taken = match raw::read(server, free) {
            // A full room leaves nothing to read into.
            Ok(0) if length == REPLY => break,
            // A server that exits with unread requests resets the connection: that is a close too.
            Ok(0) | Err(libc::ECONNRESET) => return Ok(Received::Part(room.get(..length).unwrap_or(&[]))),
            answer => answer? as usize,
        };
        for _ in 0..taken {
            if room.get(length) == Some(&b'\n') {
                return Ok(Received::Line(room.get(..length).unwrap_or(&[])));
            }
            length += 1;
        }
    }
    Ok(Received::TooMuch(room))
}
