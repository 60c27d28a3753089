//! What another process than PID 1 is asked by its name or its words.

use rt::start::Start;
use zinit_pid1::command::{Own, USAGE, own};
use zinit_pid1::model::message::Message;
use zinit_pid1::model::reexec::VERSION;

use super::log::Log;
use super::raw;
use super::spawn::CTL;

/// Does what argv asks of a process that is not PID 1: it returns if that is to supervise a server.
pub fn run_cli(start: Start, log: &Log) {
    match own(start.name(), start.words()) {
        Own::Ask => {}
        Own::Help => print_and_exit(USAGE),
        Own::Run => return,
        Own::Version => print_and_exit(VERSION),
    }
    // SAFETY: nobody has written to where the words are: a guest that goes no further has no server yet.
    let errno = raw::errno(unsafe { start.become_same(CTL) });
    log.message(Message::ExecFailed, errno, CTL.to_bytes());
    raw::exit(errno.exec_status())
}

/// Prints text for a person and exits.
fn print_and_exit(text: &str) -> ! {
    let mut rest = text.as_bytes();
    while let Ok(written @ 1..) = raw::write(libc::STDOUT_FILENO, rest) {
        rest = rest.get(written as usize..).unwrap_or(&[]);
        if rest.is_empty() {
            break;
        }
    }
    raw::exit(0)
}
