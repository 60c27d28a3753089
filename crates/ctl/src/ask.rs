//! What a person asks of PID 1 by its names.

use core::fmt;

use rt::raw;
use rustix::io::Errno;
use zinit_pid1::command::USAGE;
use zinit_pid1::model::process::Signal;
use zinit_pid1::model::reexec::VERSION;
use zinit_pid1ctl::cli::Command;

use super::force::Forced;
use super::sys;
use super::{name, status};

/// Does what argv asks: an exit status.
pub fn obey(command: Command<'_>) -> u8 {
    match command {
        Command::Ask(signal) => is_ours().unwrap_or_else(|| ask(signal)),
        Command::Status => is_ours().unwrap_or_else(status::status),
        command @ Command::Force(_) => {
            let errno = Forced::by(&command).map_or(Errno::INVAL, |forced| forced.end());
            refused(format_args!("reboot(2) refused: {}", name(errno)), 1)
        }
        Command::Unknown(word) => {
            let word = word.to_bytes().escape_ascii();
            refused(format_args!("{word}: unknown word, nothing was started, try --help"), 2)
        }
        // zinit-pid1 does not start this program without a command, so this is a person who looks what it is.
        Command::Help | Command::Supervise => printed(USAGE),
        Command::Version => printed(VERSION),
    }
}

/// An exit status if PID 1 is not this program's.
fn is_ours() -> Option<u8> {
    let mut room = [0; 16];
    let comm = raw::read_file(c"/proc/1/comm", &mut room);
    let comm = comm.split_last().map_or(b"unknown, no /proc".as_slice(), |(_newline, comm)| comm);
    let line = format_args!("PID 1 is {}, nothing was sent to it", comm.escape_ascii());
    (comm != b"zinit-pid1").then(|| refused(line, 1))
}

/// Sends PID 1 a signal, kill(2): EPERM for whom it does not obey.
fn ask(signal: Signal) -> u8 {
    match sys::send_to_pid1(signal) {
        Ok(()) => 0,
        Err(errno) => {
            refused(format_args!("cannot signal PID 1: {}", name(Errno::from_raw_os_error(errno))), 1)
        }
    }
}

fn printed(text: &str) -> u8 {
    let _nobody_there = raw::write(libc::STDOUT_FILENO, text.as_bytes());
    0
}

fn refused(line: fmt::Arguments<'_>, status: u8) -> u8 {
    status::print(libc::STDERR_FILENO, line);
    status
}
