//! Executes the rescue program on the console of a machine.

use rt::raw;
use rt::start::Start;
use rustix::fs::OFlags;

use crate::{process, start, sys};

/// Takes the console, and executes the program whose argv follows; returns the error number if that fails, as the exit
/// status.
///
/// PID 1 has made this process the leader of a session.
#[inline(never)] // its frame would be resident in each helper that lives long
pub fn rescue(start: Start) -> u8 {
    // Whoever else calls this gets the program that is asked for, without the console of a machine.
    if process::parent_is_pid1_of_machine() {
        take_console();
    }
    start::execute(start).0
}

/// Makes the console the controlling terminal, and descriptors 0-2; without a console these stay as they are.
fn take_console() {
    // Without O_NONBLOCK the open itself could wait for a carrier.
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK;
    let Ok(console) = raw::open(c"/dev/console", flags) else { return };
    // A program expects to block.
    let _cannot_fail = rustix::fs::fcntl_setfl(sys::borrow(console.number()), OFlags::empty());
    sys::take_terminal(&console);
}
