//! A client of the server's socket, whose calls end at its deadline.

use core::ffi::CStr;
use core::fmt;

use rt::raw;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use zinit_pid1::model::time::Millis;
use zinit_pid1ctl::deadline::Deadline;
use zinit_pid1ctl::protocol::NoResult;

use crate::refusal::errno_name;
use crate::server::Server;
use crate::sys;

/// A connection to the server.
pub struct Client<'a> {
    socket: OwnedFd,
    /// What was received; the bytes at `start..end` were not returned yet.
    buf: &'a mut [u8],
    start: usize,
    end: usize,
    deadline: Deadline,
}

/// Why a call has no reply.
#[derive(Clone, Copy)]
pub enum Failure {
    /// The server closed the connection.
    Closed,
    /// The kernel refused a call.
    Errno(Errno),
    /// The deadline has passed.
    Late,
    /// The reply is longer than the buffer.
    Long,
    /// The reply says that there is no result, or is no reply.
    NoResult(NoResult),
    /// Another process than the server listens on the socket: the server's pid, and the other one.
    Stranger(u32, u32),
}

/// The result of a call.
pub type Result<T> = core::result::Result<T, Failure>;

impl<'a> Client<'a> {
    /// Connects to the server, and to no other process.
    pub fn connect(server: &Server<'_>, buf: &'a mut [u8], deadline: Deadline) -> Result<Self> {
        let client = Self::connect_to(server.socket, buf, deadline)?;
        let peer = client.peer();
        // A process of another namespace has the pid 0 here.
        if peer != 0 && peer != server.pid {
            return Err(Failure::Stranger(server.pid, peer));
        }
        Ok(client)
    }

    /// The process that listened when the connection was made.
    pub fn peer(&self) -> u32 {
        raw::peer_pid(self.socket.as_raw_fd()).unsigned_abs()
    }

    /// Connects to whoever listens on a socket.
    pub fn connect_to(socket: &CStr, buf: &'a mut [u8], mut deadline: Deadline) -> Result<Self> {
        let address = SocketAddrUnix::new(socket)?;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        loop {
            match net::connect(&socket, &address) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                // Its queue is full, and nothing tells when there is room.
                Err(Errno::AGAIN) => {
                    let left = deadline.left(sys::now());
                    if left == 0 {
                        return Err(Failure::Late);
                    }
                    let _time_is_over = poll(&mut [], Some(&time(left.min(CONNECT_AGAIN))));
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Self { socket, buf, start: 0, end: 0, deadline })
    }

    /// Sends requests, each a line.
    pub fn send(&mut self, mut requests: &[u8]) -> Result<()> {
        while !requests.is_empty() {
            match net::send(&self.socket, requests, SendFlags::NOSIGNAL) {
                Ok(length) => requests = requests.get(length..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT)?,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Receives the next reply, without its newline.
    pub fn receive(&mut self) -> Result<&[u8]> {
        let mut seen = self.start;
        loop {
            if let Some(length) = self.buf[seen..self.end].iter().position(|byte| *byte == b'\n') {
                let line = self.start..seen + length;
                self.start = line.end + 1;
                return Ok(&self.buf[line]);
            }
            seen = self.end;
            if self.end == self.buf.len() {
                if self.start == 0 {
                    return Err(Failure::Long);
                }
                self.buf.copy_within(self.start..self.end, 0);
                (self.start, self.end, seen) = (0, self.end - self.start, seen - self.start);
            }
            // Everything was returned: what was at the front is written again, so that few pages are touched.
            if self.start == self.end {
                (self.start, self.end, seen) = (0, 0, 0);
            }
            match rustix::io::read(&self.socket, &mut self.buf[self.end..]) {
                Ok(0) | Err(Errno::CONNRESET) => return Err(Failure::Closed),
                Ok(length) => self.end += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::IN)?,
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn wait(&mut self, events: PollFlags) -> Result<()> {
        let left = self.deadline.left(sys::now());
        match poll(&mut [PollFd::new(&self.socket, events)], Some(&time(left))) {
            Ok(0) if self.deadline.left(sys::now()) == 0 => Err(Failure::Late),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// A time for poll(2).
pub const fn time(span: Millis) -> Timespec {
    Timespec { tv_sec: (span / 1_000) as i64, tv_nsec: (span % 1_000 * 1_000_000) as i64 }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<NoResult> for Failure {
    fn from(why: NoResult) -> Self {
        Self::NoResult(why)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => to.write_str("it closed the connection"),
            Self::Errno(errno) => errno_name(*errno).fmt(to),
            Self::Late => to.write_str("it does not answer in time"),
            Self::Long => write!(to, "its reply is longer than {REPLY} bytes"),
            Self::NoResult(NoResult::Garbage) => to.write_str("its reply is garbage"),
            Self::NoResult(NoResult::Refused) => to.write_str("it refuses"),
            Self::Stranger(server, peer) => {
                write!(to, "process {peer} listens there instead of server {server}")
            }
        }
    }
}

/// Bytes of a reply that are read.
pub const REPLY: usize = 1_048_576;

/// Time until a connection is tried again that the server had no room for, ms.
const CONNECT_AGAIN: Millis = 10;
