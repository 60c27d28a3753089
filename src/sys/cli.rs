//! The command line of a process that is not PID 1.

use core::ffi::CStr;

use rt::start::Start;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::Errno;
use zinit_pid1::model::version::VERSION;
use zinit_pid1::parse::cli::{CliMode, cli_mode};

use super::log::Log;
use super::raw;
use super::rpc;
use super::spawn::CTL;

/// Runs the command in argv; returns if the command is to supervise a server. `first` is false after a re-exec: then
/// it did so before.
pub fn run_cli(start: Start, first: bool, socket: &CStr, log: &Log) {
    match cli_mode(start.name(), start.words()) {
        CliMode::Supervise if first => return refuse_second(socket, log),
        CliMode::Insist | CliMode::Supervise => return,
        CliMode::Tool => {}
        CliMode::Version => print_and_exit(VERSION.to_bytes()),
    }
    // SAFETY: argv is unchanged: only a child of this process overwrites it.
    let errno = raw::errno(unsafe { start.exec_same(CTL) });
    log.message(Message::ExecFailed, errno, CTL.to_bytes());
    raw::exit(errno.exec_status())
}

/// Exits if there is a server already: a second one would take over its socket, and PID 1 could no longer stop it.
fn refuse_second(socket: &CStr, log: &Log) {
    let mut buf = [0; 16];
    let why = if raw::read_file(c"/proc/1/comm", &mut buf) == b"zinit-pid1\n" {
        b"PID 1"
    } else if rpc::answers(socket) {
        socket.to_bytes()
    } else {
        return;
    };
    log.message(Message::SecondCopy, Errno::NONE, why);
    raw::exit(1)
}

/// Prints text and exits.
fn print_and_exit(text: &[u8]) -> ! {
    let _no_reader = raw::write(libc::STDOUT_FILENO, text);
    raw::exit(0)
}
