//! `zinit-pid1` without a word, and not as PID 1: whether it may supervise a server.

use core::ffi::CStr;

use rt::raw;
use rt::start::Start;
use zinit_pid1::parse::cli::MAY_SUPERVISE;
use zinit_pid1::parse::config::Config;
use zinit_pid1ctl::deadline::Deadline;

use crate::client::{Client, Failure};
use crate::{FAILED, print, process, sys};

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
    match Client::connect_to(socket, &mut [], Deadline::after(sys::now(), 0)) {
        // Late: it listens, and its queue of connections is full.
        Ok(_) | Err(Failure::Late) => runs(socket),
        Err(_) => MAY_SUPERVISE,
    }
}
