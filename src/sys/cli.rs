//! The command line of a process that is not PID 1.

use core::cell::Cell;
use core::ffi::CStr;

use rt::start::Start;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::Exit;
use zinit_pid1::model::version::VERSION;
use zinit_pid1::parse::cli::{CliMode, MAY_SUPERVISE, cli_mode};
use zinit_pid1::reaper;

use super::log::Log;
use super::raw;
use super::signal;
use super::spawn::CTL;

/// Does what argv asks for; returns if that is to supervise a server. `word` is the first that is no container hint.
pub fn run_cli(start: Start, word: &CStr, log: &Log) {
    let child = match cli_mode(word) {
        CliMode::Supervise => return,
        CliMode::Version => {
            let _no_reader = raw::write(libc::STDOUT_FILENO, VERSION.to_bytes());
            raw::exit(0)
        }
        CliMode::Tool => 0,
        // A second server would take over the socket of the first, and PID 1 could no longer stop that.
        CliMode::Ask => raw::fork(&Cell::new(0)),
    };
    // Who cannot fork a child can fork no server either.
    if child <= 0 {
        signal::unblock_all();
        // SAFETY: argv is unchanged: only a child of this process overwrites it.
        let errno = raw::errno(unsafe { start.exec_same(CTL) });
        signal::block_all();
        log.message(Message::ExecFailed, errno, CTL.to_bytes());
        raw::exit(errno.exec_status())
    }
    match reaper::exit(raw::wait_for(child, 0).1) {
        Some(Exit::Exited(MAY_SUPERVISE)) => {}
        Some(Exit::Exited(status)) => raw::exit(status),
        _ => raw::exit(1),
    }
}
