//! `zinit-pid1` without a word, and not as PID 1: whether it may supervise a server.

use core::ffi::CStr;

use rt::raw;
use rt::start::Start;
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use zinit_pid1::parse::cli::MAY_SUPERVISE;
use zinit_pid1::parse::config::Config;

use super::{FAILED, print, process};

/// Looks for a server: a second one would take over the socket of the first, and PID 1 could no longer stop that.
/// Returns the exit status.
// Its frame holds the settings; in that of `main` they would be resident in each helper that lives long.
#[inline(never)]
pub fn look_for_first(start: Start) -> u8 {
    let config = Config::default();
    for word in start.environment() {
        let _kind = config.read(word);
    }
    let socket = config.socket();
    let runs = |who: &CStr| {
        let who = who.to_bytes().escape_ascii();
        let instead = "try zinit-pid1 status or --supervise";
        print(libc::STDERR_FILENO, format_args!("a server runs already ({who}), {instead}"));
        FAILED
    };
    if let Some(why) = process::unseen() {
        print(libc::STDERR_FILENO, format_args!("PID 1 is unknown, {why}, only the socket was asked"));
    } else if raw::read_file(c"/proc/1/comm", &mut [0; 16]) == b"zinit-pid1\n" {
        return runs(c"PID 1");
    }
    match connect(socket) {
        // EAGAIN: it listens, and accepts nothing.
        Ok(_) | Err(Errno::AGAIN) => runs(socket),
        Err(_) => MAY_SUPERVISE,
    }
}

/// Connects to whoever listens on a socket, without waiting.
fn connect(path: &CStr) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
