//! What a server left behind: found in `/proc`, and ended before the next one starts the same services again.

use core::ffi::CStr;

use rt::{raw, signal};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use zinit_pid1::model::decimal;
use zinit_pid1::model::limits::{KILL_GRACE, ORPHANS, ORPHANS_CHECK, TERM_GRACE};
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::parse::procstat;

use crate::file::{self, FileId};
use crate::{process, report, sys};

/// Ends the children of PID 1 and all processes below them by TERM, and later by KILL, but for the rescue program,
/// those that run this program, and what is below these. `here` is what PID 1 would hand over.
///
/// The answer is an exit status: 0 says that none is left. A child that has ended is left until it was reaped.
pub fn end(here: &CStr) -> u8 {
    let mut link = [0; 16];
    let length = raw::read_link(c"/proc/self", &mut link).unwrap_or(0) as usize;
    if decimal::parse(&link[..length]) != Some(rustix::process::getpid().as_raw_pid().unsigned_abs()) {
        report(format_args!("/proc is not there or that of other processes, nothing is known of orphans"));
        return SOME_LEFT;
    }
    signal::block_all();
    let mut orphans = Orphans::new(ReexecState::decode(here));
    for (signal, grace) in [(Signal::TERM, TERM_GRACE), (Signal::KILL, KILL_GRACE)] {
        orphans.signalled.clear();
        let end = sys::now() + grace;
        loop {
            if orphans.is_of_another() {
                report(format_args!("PID 1 was replaced, and ends orphans by itself"));
                return SOME_LEFT;
            }
            if !orphans.tell(signal) {
                return 0;
            }
            if sys::now() >= end {
                break;
            }
            let _nothing = signal::wait(Some(ORPHANS_CHECK));
        }
    }
    report(format_args!("some of what the last server left behind does not end"));
    SOME_LEFT
}

struct Orphans {
    here: ReexecState,
    /// PID 1, or who else is the parent of this process.
    parent: u32,
    /// This program's file.
    itself: Option<FileId>,
    /// Those that have got the signal at hand. One that finds no room gets it with each look.
    signalled: heapless::Vec<u32, ORPHANS>,
    /// Somebody was signalled.
    reported: bool,
}

impl Orphans {
    fn new(here: ReexecState) -> Self {
        let parent = rustix::process::getppid().map_or(0, Pid::as_raw_pid).unsigned_abs();
        Self {
            here,
            parent,
            itself: file::id(c"/proc/self/exe"),
            signalled: heapless::Vec::new(),
            reported: false,
        }
    }

    /// True if PID 1 is not the one any more that started this process.
    fn is_of_another(&self) -> bool {
        let mut room = [0; 512];
        let line = process::read(self.parent, "cmdline", &mut room);
        let name = CStr::from_bytes_until_nul(line).unwrap_or(c"");
        ReexecState::decode(name).generation() != self.here.generation()
    }

    /// Sends the signal to each of them that has not got it yet; false if none is left.
    fn tell(&mut self, signal: Signal) -> bool {
        let mut left = false;
        process::all(&mut |pid| left |= self.tell_one(pid, signal));
        left
    }

    /// Sends one the signal, if it did not get it; true if it is one of them.
    ///
    /// It gets it once, also if its parent ends and PID 1 becomes that.
    fn tell_one(&mut self, pid: u32, signal: Signal) -> bool {
        if !self.contains(pid) {
            return false;
        }
        let Some(number) = Pid::from_raw(pid.cast_signed()).filter(|_| !self.signalled.contains(&pid)) else {
            return true;
        };
        let process = pidfd_open(number, PidfdFlags::empty()).ok();
        // Again, now that this stands for one process only, whoever has its number later.
        if !self.contains(pid) {
            return false;
        }
        if !self.reported {
            self.reported = true;
            report(format_args!("ending what the last server left behind"));
        }
        // A stopped one would not die of TERM before it is continued.
        for signal in [signal, Signal::CONT] {
            let signalled = process.as_ref().map(|process| pidfd_send_signal(process, signal));
            // Linux before 5.3, and filters of system calls from before that.
            if signalled != Some(Ok(())) && signalled != Some(Err(Errno::SRCH)) {
                let _gone = kill_process(number, signal);
            }
        }
        let _signalled_again = self.signalled.push(pid);
        true
    }

    /// True if a process is one of them.
    fn contains(&self, pid: u32) -> bool {
        let mut room = [0; 512];
        let Some(parent) = procstat::parent(process::read(pid, "stat", &mut room)) else { return false };
        let child = parent == self.parent;
        if !child && !self.signalled.contains(&parent) {
            return false;
        }
        // One below another one counts as well: that can be gone by the next look.
        let rescue = self.here.rescue().is_some_and(|rescue| rescue.raw().unsigned_abs() == pid);
        let alike = self.itself.is_some() && file::id(process::Path::new(pid, "exe").name()) == self.itself;
        !rescue && !alike
    }
}

const SOME_LEFT: u8 = 1;
