//! Waits, after TERM and KILL to all, until nobody is left: wait(2) tells PID 1 of its children only.
//!
//! A subreaper sends no signal to all: here its children get one, and those that it adopts meanwhile.

use core::ffi::CStr;
use core::fmt;

use rt::signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, pidfd_open, test_kill_process, test_kill_process_group,
};
use zinit_pid1::model::limits::{LEFT_CHECK, LEFT_CHECK_MAX, ORPHANS, READER_GRACE};
use zinit_pid1::model::time::Millis;
use zinit_pid1::parse::procstat;

use crate::{kin, process, report, sys};

/// Waits until nobody is left who may be signalled; `word` is the signal that was sent to all, or that the children of
/// a subreaper get. PID 1 has a deadline for it.
///
/// The exit status is 0 if PID 1 has only to reap what it has, or to wait for readers, and 1 if there is nothing that
/// it can wait for.
// Its frame is large; in that of `main` it would be resident in each helper that lives long.
#[inline(never)]
pub fn stop(word: &CStr) -> u8 {
    signal::block_all();
    let signal = if word == c"KILL" { Signal::KILL } else { Signal::TERM };
    let mut pause = Pause(LEFT_CHECK);
    let mut end = End {
        parent: process::parent(),
        itself: getpid().as_raw_pid().unsigned_abs(),
        signal,
        signalled: heapless::Vec::new(),
    };
    if let Some(why) = process::unseen() {
        report(format_args!("{why}, nothing is known of what is left"));
        // Whether anybody is left is known even so, but for a subreaper, and where PID 1's log writer is one of them.
        while !end.by_subreaper() && !sys::has_log_writer() && test_kill_process_group(Pid::INIT).is_ok() {
            pause.wait(None);
        }
        return if end.by_subreaper() { NOTHING } else { 0 };
    }
    let mut until = None;
    loop {
        let left = end.look();
        let now = sys::now();
        match (left.waited_for, left.reader) {
            (Some(process), _) => {
                until = None;
                pause.wait(Some(process));
            }
            (None, _) if !left.refused.is_empty() => {
                report(format_args!("no right (CAP_KILL) to signal what is left, going on: {left}"));
                return NOTHING;
            }
            // PID 1 of a container waits for them by itself.
            (None, Some(reader)) if end.by_subreaper() => {
                if now >= *until.get_or_insert(now + READER_GRACE) {
                    return NOTHING;
                }
                pause.wait(Some(reader));
            }
            (None, _) => return if end.by_subreaper() { NOTHING } else { 0 },
        }
    }
}

/// The end of all processes, or of those of a subreaper.
struct End {
    /// The parent of this process: zinit-pid1.
    parent: u32,
    itself: u32,
    /// What the children of a subreaper get.
    signal: Signal,
    /// The pids that were sent it; a pid that does not fit is sent it again at each look.
    signalled: heapless::Vec<u32, ORPHANS>,
}

impl End {
    /// True if the parent is not PID 1: then only its children count.
    const fn by_subreaper(&self) -> bool {
        self.parent != 1
    }

    /// Looks at each process.
    fn look(&mut self) -> Left {
        let mut left = Left::default();
        process::all(&mut |pid| self.look_at(pid, &mut left));
        left
    }

    fn look_at(&mut self, pid: u32, left: &mut Left) {
        let (false, Some(child)) = (pid == 1 || pid == self.itself, self.is_child(pid)) else { return };
        let Some(process) = Pid::from_raw(pid.cast_signed()) else { return };
        if self.by_subreaper() && !child || child && kin::is_old_fork(pid, self.parent) {
            return;
        }
        if child && kin::is_reader(pid) {
            left.reader = Some(process);
            return;
        }
        if self.by_subreaper() {
            self.signal_once(pid, process);
        }
        match test_kill_process(process) {
            Err(Errno::PERM) => left.refuse(pid),
            Err(Errno::SRCH) => {}
            _ => left.waited_for = Some(process),
        }
    }

    /// True for a child of PID 1, false for another process, `None` for one that has ended.
    fn is_child(&self, pid: u32) -> Option<bool> {
        let mut room = [0; 512];
        let stat = process::read(pid, "stat", &mut room);
        procstat::parent(stat).filter(|_| !procstat::is_zombie(stat)).map(|parent| parent == self.parent)
    }

    /// Sends the signal to a child that was not sent it yet.
    fn signal_once(&mut self, pid: u32, number: Pid) {
        if self.signalled.contains(&pid) {
            return;
        }
        let descriptor = pidfd_open(number, PidfdFlags::empty()).ok();
        // Checked again: the pid may have been reused before the descriptor was opened, which is bound to one process.
        if self.is_child(pid) != Some(true) {
            return;
        }
        process::signal_and_continue(number, descriptor.as_ref(), self.signal);
        let _full = self.signalled.push(pid);
    }
}

/// Who is left.
#[derive(Default)]
struct Left {
    /// One of those that may be signalled.
    waited_for: Option<Pid>,
    reader: Option<Pid>,
    /// Those that may not be, as far as they fit, and how many more there are.
    refused: heapless::Vec<u32, NAMED>,
    more: u32,
}

impl Left {
    fn refuse(&mut self, pid: u32) {
        if self.refused.push(pid).is_err() {
            self.more += 1;
        }
    }
}

/// The pid and the name of each process that may not be signalled.
impl fmt::Display for Left {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, pid) in self.refused.iter().enumerate() {
            let mut room = [0; 16];
            let name = process::read(*pid, "comm", &mut room).trim_ascii_end().escape_ascii();
            write!(text, "{}{pid} ({name})", if at == 0 { "" } else { ", " })?;
        }
        if self.more > 0 { write!(text, " and {} more", self.more) } else { Ok(()) }
    }
}

/// The next time to wait before another look, ms.
struct Pause(Millis);

impl Pause {
    /// Waits until the time is over, or a process ends; a kernel or a filter may refuse to tell that.
    fn wait(&mut self, process: Option<Pid>) {
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(self.0) * 1_000_000 };
        self.0 = LEFT_CHECK_MAX.min(self.0 * 2);
        let opened = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let _time_is_over = match &opened {
            Some(process) => poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&time)),
            None => poll(&mut [], Some(&time)),
        };
    }
}

/// PID 1 can go on at once.
const NOTHING: u8 = 1;

/// How many processes a line names.
const NAMED: usize = 8;
