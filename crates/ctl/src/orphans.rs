//! Ends the processes that a server left behind, before the next one starts the same services again.
//!
//! They are found in `/proc`: the children of PID 1, and all processes below these.

use core::ffi::CStr;

use rt::signal;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use zinit_pid1::model::limits::{KILL_GRACE, LATE, ORPHANS, ORPHANS_CHECK, TERM_GRACE};
use zinit_pid1::model::reexec::{Child, ReexecState};
use zinit_pid1::parse::procstat;

use crate::adopted::Adopted;
use crate::file::{self, FileId};
use crate::{kin, process, report, sys};

/// Sends TERM to all orphans, and KILL to those that are left; the exit status is 0 if none is left then.
///
/// The rescue program, processes that run this program, and those below them are spared, and if services are to be
/// adopted also what belongs to those in the state file. `here` is PID 1's re-exec state. A zombie counts as left until
/// PID 1 has reaped it.
// Its frame is large; in that of `main` it would be resident in each helper that lives long.
#[inline(never)]
pub fn end(here: &CStr, adopt: bool) -> u8 {
    if let Some(why) = process::unseen() {
        report(format_args!("{why}, nothing is known of orphans"));
        return SOME_LEFT;
    }
    signal::block_all();
    let adopted = if adopt { Adopted::load() } else { None };
    let mut orphans = Orphans::new(ReexecState::decode(here), adopted);
    for (signal, grace) in [(Signal::TERM, TERM_GRACE), (Signal::KILL, KILL_GRACE)] {
        orphans.signalled.clear();
        let mut last = sys::now();
        let mut end = last + grace;
        let mut frozen = false;
        loop {
            if orphans.is_of_another() {
                report(format_args!("PID 1 was replaced, and ends orphans by itself"));
                return SOME_LEFT;
            }
            if !orphans.signal_all(signal) {
                return 0;
            }
            // A container was paused, and its processes had no time to end. The same look at the clock decides both, so that
            // no pause lies in between.
            let now = sys::now();
            let late = (last + ORPHANS_CHECK).until(now);
            if late > LATE && !frozen {
                frozen = true;
                end = end + late;
            }
            if now >= end {
                break;
            }
            last = now;
            let _nothing = signal::wait(Some(ORPHANS_CHECK));
        }
    }
    report(format_args!("some of what the last server left behind does not end"));
    SOME_LEFT
}

struct Orphans {
    here: ReexecState,
    /// What the next server takes over.
    adopted: Option<&'static Adopted>,
    /// The parent of this process: zinit-pid1, whether or not its pid is 1.
    parent: u32,
    /// The file of this program.
    itself: Option<FileId>,
    /// The pids that were sent the current signal; a pid that does not fit is sent it again at each check.
    signalled: heapless::Vec<u32, ORPHANS>,
    /// The line about orphans was written.
    reported: bool,
}

impl Orphans {
    fn new(here: ReexecState, adopted: Option<&'static Adopted>) -> Self {
        let parent = process::parent();
        Self {
            here,
            adopted,
            parent,
            itself: file::id(c"/proc/self/exe"),
            signalled: heapless::Vec::new(),
            reported: false,
        }
    }

    /// True if PID 1 has been replaced since it started this process.
    fn is_of_another(&self) -> bool {
        let mut room = [0; 512];
        let line = process::read(self.parent, "cmdline", &mut room);
        let name = CStr::from_bytes_until_nul(line).unwrap_or(c"");
        ReexecState::decode(name).generation() != self.here.generation()
    }

    /// Sends the signal to each orphan that was not sent it yet; false if there is no orphan.
    fn signal_all(&mut self, signal: Signal) -> bool {
        let mut left = false;
        process::all(&mut |pid| left |= self.signal_one(pid, signal));
        left
    }

    /// Sends the signal to a process, if it is an orphan that was not sent it yet; true if it is an orphan.
    fn signal_one(&mut self, pid: u32, signal: Signal) -> bool {
        if !self.contains(pid) {
            return false;
        }
        let Some(number) = Pid::from_raw(pid.cast_signed()).filter(|_| !self.signalled.contains(&pid)) else {
            return true;
        };
        let descriptor = pidfd_open(number, PidfdFlags::empty()).ok();
        // Checked again: the pid may have been reused before the descriptor was opened, which is bound to one process.
        if !self.contains(pid) {
            return false;
        }
        if !self.reported {
            self.reported = true;
            report(format_args!("ending what the last server left behind"));
        }
        process::signal_and_continue(number, descriptor.as_ref(), signal);
        let _full = self.signalled.push(pid);
        true
    }

    /// True if a process is an orphan.
    fn contains(&self, pid: u32) -> bool {
        let mut room = [0; 512];
        let Some(parent) = procstat::parent(process::read(pid, "stat", &mut room)) else { return false };
        let child = parent == self.parent;
        // Descendants count, because their parent may be gone by the next look.
        if !child && !self.signalled.contains(&parent) {
            return false;
        }
        // The rescue program, and readers: these run an earlier file of this program after an update of it.
        let known = Child::all()
            .filter_map(|child| self.here.child(child))
            .any(|known| known.raw().unsigned_abs() == pid);
        let same_program =
            self.itself.is_some() && file::id(process::Path::new(pid, "exe").name()) == self.itself;
        let spared = known
            || same_program
            || child && (kin::is_reader(pid) || kin::is_job(pid))
            || kin::is_fork(pid, self.parent)
            || self.adopted.is_some_and(|adopted| adopted.has(pid));
        !spared
    }
}

const SOME_LEFT: u8 = 1;
