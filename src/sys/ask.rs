//! What another process than PID 1 asks of it, by signals, or does in its stead.

use zinit_pid1::event::Event;
use zinit_pid1::limits::FORCED_SYNC_TIMEOUT;
use zinit_pid1::log::Fact;
use zinit_pid1::process::{Errno, Signal};

use super::kmsg::Log;
use super::power::Forced;
use super::raw;
use super::{signal, spawn};

/// Asks PID 1 for something by the signal for it; the answer is an exit status.
#[inline(never)]
pub fn ask(signal: Signal, log: &Log) -> u8 {
    let errno = signal::send_to_pid1(signal);
    if errno == Errno::NONE {
        return 0;
    }
    log.error(Fact::SignalFailed, errno);
    1
}

/// Ends the machine without PID 1, once the disks are written or took too long; it returns if that is refused.
#[inline(never)]
pub fn force(forced: &Forced, log: &Log) -> u8 {
    let mut write = || {
        forced.sync();
        0
    };
    if let Event::SpawnFailed(_) = spawn::child(&mut write) {
        write();
    }
    let end = raw::now() + FORCED_SYNC_TIMEOUT;
    // The writer's end is a signal; another one does not give it more time.
    while raw::now() < end && raw::wait().0 == 0 {
        let _signal = signal::wait(Some(raw::now().until(end)));
    }
    log.error(Fact::ForceRefused, forced.reboot());
    1
}

/// True if PID 1 is this program; else that is logged.
pub fn is_ours(log: &Log) -> bool {
    let mut room = [0; 16];
    let name = raw::read_file(c"/proc/1/comm", &mut room);
    let name = name.split_last().map_or(b"unknown, no /proc".as_slice(), |(_newline, name)| name);
    let ours = name == b"zinit-pid1";
    if !ours {
        log.fact(Fact::NotOurs, Errno::NONE, name);
    }
    ours
}

/// Prints text for a person and exits: for a process that is not PID 1.
pub fn print_and_exit(fd: i32, text: &str, status: u8) -> ! {
    let mut rest = text.as_bytes();
    while let Ok(written @ 1..) = raw::write(fd, rest) {
        rest = rest.get(written as usize..).unwrap_or(&[]);
        if rest.is_empty() {
            break;
        }
    }
    raw::exit(status)
}

/// What `--version` and `--probe` print; see [`zinit_pid1::handover::ANSWER`].
pub static VERSION: &str = concat!("zinit-pid1 ", env!("CARGO_PKG_VERSION"), "\n", "hand-over 1\n");
