//! The RPC client: a forked child that sends one request to the server's socket and reads the reply.
//!
//! Each of its calls may block: PID 1 kills it at its deadline.
//!
//! # Safety
//! The structures are the kernel's, unix(7).

use core::ffi::CStr;
use core::mem::{ManuallyDrop, MaybeUninit};

use rt::arch::syscall;
use zinit_pid1::model::action::Method;
use zinit_pid1::model::limits::REPLY;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, Pid};
use zinit_pid1::parse::rpc::{self, Outcome};

use super::log::Log;
use super::raw::{self, Fd, Result};

/// Sends `method` to the server and reads the reply; a failure is logged.
#[inline(never)] // 4 kB of stack, which would stay in the frame of `run`
pub fn run(method: Method, socket: &CStr, server: Option<Pid>, log: &Log) -> Outcome {
    let mut record = Record { pid: server, ..Record::new(Message::Unreachable) };
    let connection = match send(method, socket, &mut record) {
        Ok(connection) => connection,
        Err(errno) => {
            log.write(&record.errno(raw::errno(errno)), socket.to_bytes());
            return Outcome::Unreachable;
        }
    };
    let mut buf = [0; REPLY];
    let (failure, text) = receive(&connection, &mut buf);
    let outcome = if failure.is_none() { rpc::decode(text) } else { Outcome::Unclear };
    let message = match outcome {
        Outcome::Agreed => return outcome,
        Outcome::Refused => Message::ReplyRefused,
        Outcome::Unclear | Outcome::Unreachable => failure.unwrap_or(Message::ReplyGarbage),
    };
    log.message(message, Errno::NONE, text);
    outcome
}

/// Connects to the server and sends it the request. If another process listens, `record` names it.
fn send(method: Method, socket: &CStr, record: &mut Record) -> Result<ManuallyDrop<Fd>> {
    // The exit of this process closes it.
    let connection = ManuallyDrop::new(connect(socket)?);
    let listener = raw::peer_pid(connection.number());
    // 0: a process of another PID namespace.
    if listener != 0 && Pid::new(listener) != record.pid {
        (record.message, record.number) = (Message::Stranger, listener.cast_unsigned());
        return Err(libc::EPERM);
    }
    // SIGPIPE is blocked, as all signals are. Both pieces are sent by one call: if the server closed the connection
    // after the first of two calls, the request would wrongly count as not sent.
    let pieces = [rpc::HEAD, rpc::request(method)]
        .map(|piece| libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() });
    // SAFETY: the kernel reads the bytes that two pieces name.
    let sent = raw::checked(unsafe {
        syscall(libc::SYS_writev, [raw::word(connection.number()), raw::address(pieces.as_ptr()), 2])
    })?;
    let length = pieces.iter().fold(0, |length, piece| length + piece.iov_len);
    // A new socket accepts a whole line at once. A part of one is no request.
    if raw::word(sent) == length { Ok(connection) } else { Err(libc::EPIPE) }
}

/// Connects a new stream socket to a path, unix(7): ENAMETOOLONG from 108 bytes on.
fn connect(path: &CStr) -> Result<Fd> {
    let kind = raw::word(libc::SOCK_STREAM | libc::SOCK_CLOEXEC);
    // SAFETY: three numbers.
    let socket = raw::checked(unsafe { syscall(libc::SYS_socket, [raw::word(libc::AF_UNIX), kind, 0]) })
        .map(Fd::new)?;
    // With its NUL, so that it is no abstract name.
    let path = path.to_bytes_with_nul();
    if path.len() > SUN_PATH {
        return Err(libc::ENAMETOOLONG);
    }
    let mut address = MaybeUninit::<libc::sockaddr_un>::uninit();
    let peer = address.as_mut_ptr();
    // SAFETY: the path fits. The kernel does not read beyond it.
    unsafe {
        (&raw mut (*peer).sun_family).write(libc::AF_UNIX as libc::sa_family_t);
        (&raw mut (*peer).sun_path).cast::<u8>().copy_from_nonoverlapping(path.as_ptr(), path.len());
    }
    let length = size_of::<libc::sa_family_t>() + path.len();
    // SAFETY: the kernel reads one address of that length.
    let answer =
        unsafe { syscall(libc::SYS_connect, [raw::word(socket.number()), raw::address(peer), length]) };
    raw::checked(answer).map(|_| socket)
}

/// Bytes of the path in a socket address, with its NUL.
const SUN_PATH: usize = 108;

/// Reads one line: returns it without its newline, or why there is none, with the bytes that came.
fn receive<'a>(connection: &Fd, buf: &'a mut [u8; REPLY]) -> (Option<Message>, &'a [u8]) {
    let (mut length, mut failure) = (0, Some(Message::ReplyTooLong));
    // A full buffer leaves no space for another byte.
    while length < REPLY {
        let Ok(count @ 1..) = raw::read(connection.number(), &mut buf[length..]) else {
            // Closed, or reset by a server that exits with unread requests.
            failure = Some(Message::ReplyPart);
            break;
        };
        length += count as usize;
        if let Some(end) = buf.iter().position(|byte| *byte == b'\n') {
            (length, failure) = (end, None);
            break;
        }
    }
    (failure, buf.get(..length).unwrap_or_default())
}
