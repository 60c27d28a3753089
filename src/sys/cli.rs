//! The command line of a process that is not PID 1.

use rt::start::Start;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::reexec::VERSION;
use zinit_pid1::parse::cli::{CliMode, USAGE, cli_mode};

use super::log::Log;
use super::raw;
use super::spawn::CTL;

/// Runs the command in argv; returns if the command is to supervise a server.
pub fn run_cli(start: Start, log: &Log) {
    match cli_mode(start.name(), start.words()) {
        CliMode::Help => print_and_exit(USAGE),
        CliMode::Supervise => return,
        CliMode::Tool => {}
        CliMode::Version => print_and_exit(VERSION),
    }
    // SAFETY: argv is unchanged: only a child of this process overwrites it.
    let errno = raw::errno(unsafe { start.exec_same(CTL) });
    log.message(Message::ExecFailed, errno, CTL.to_bytes());
    raw::exit(errno.exec_status())
}

/// Prints text and exits.
fn print_and_exit(text: &str) -> ! {
    let _no_reader = raw::write(libc::STDOUT_FILENO, text.as_bytes());
    raw::exit(0)
}
