//! Asks PID 1 for an update, and waits until it was replaced.
//!
//! What PID 1 does is seen in `/proc` only, so that nothing has to be added to it: the generation in its argv, its
//! program, and its helper. The reason of a failure is in its log, which a person has to read.

use core::fmt;

use rt::raw;
use rustix::event::{Timespec, poll};
use zinit_pid1::model::limits::ORPHANS_TIMEOUT;
use zinit_pid1::model::process::Signal;
use zinit_pid1::model::table;
use zinit_pid1::model::time::Millis;
use zinit_pid1::parse::procstat;
use zinit_pid1ctl::deadline::Deadline;

use crate::{FAILED, file, print, process, sent, status, sys};

use super::{ROOM, Running, probe};

/// How often PID 1 was replaced so far, for whoever may ask it; others get a line, and this is the exit status.
///
/// Without it the check would only tell another user than root that it cannot read a link.
pub fn generation() -> Result<u32, u8> {
    match sent(sys::send_to_pid1(NO_SIGNAL)) {
        0 => Ok(current_generation()),
        status => Err(status),
    }
}

/// Asks PID 1, whose generation was this one, for an update; the exit status is 0 only if it was replaced.
pub fn ask_and_wait(running: &Running<'_>, before: u32) -> u8 {
    // A fault during the check is no end of this update. Another program is that of an update that somebody else asked for.
    let before = if file::id(c"/proc/1/exe") == running.id { current_generation() } else { before };
    let refused = sent(sys::send_to_pid1(Signal::USR2));
    if refused != 0 {
        return refused;
    }
    // A pause of the container stops PID 1 too.
    let mut deadline = Deadline::after(sys::now(), TIMEOUT);
    let mut idle = 0;
    loop {
        // Read before the program, which changes at the same time: the old program with a new generation had a fault.
        let now = current_generation();
        let program = file::id(c"/proc/1/exe");
        if now > before {
            if running.id == program {
                let (what, log) = (running.said.version, log());
                return failed(format_args!(
                    "PID 1 had a fault and is zinit-pid1 {what} again, generation {now}, see {log}"
                ));
            }
            // It has a handler for a fault, which execve(2) takes away: it is through the first steps of its start.
            if has_signal(b"SigCgt:\t", SEGV) {
                tell_success(now);
                return 0;
            }
        }
        // Each is looked for before what follows from its end.
        let is_asked = has_signal(b"ShdPnd:\t", Signal::USR2);
        let helper_works = helper_works();
        let installed = !running.has_name(&running.path);
        idle = if is_asked || helper_works || installed { 0 } else { idle + 1 };
        if idle == IDLE_LOOKS {
            return failed(format_args!("PID 1 was not replaced, {} says why", log()));
        }
        if deadline.left(sys::now()) == 0 {
            let log = log();
            return if is_asked {
                failed(format_args!("PID 1 did not react in {TIMEOUT} ms"))
            } else if installed && !helper_works && now == before {
                failed(format_args!("PID 1 did not execute {} in {TIMEOUT} ms, see {log}", running.path))
            } else {
                failed(format_args!("the update is not done in {TIMEOUT} ms, see {log}"))
            };
        }
        // After a signal only the next look comes earlier.
        let _slept = poll(&mut [], Some(&INTERVAL));
    }
}

fn current_generation() -> u32 {
    status::handed(&mut [0; 4_096]).generation()
}

fn failed(line: fmt::Arguments<'_>) -> u8 {
    print(libc::STDERR_FILENO, line);
    FAILED
}

/// Says what PID 1 is now, by the program that it runs: the candidate may have been another one after the check.
fn tell_success(generation: u32) {
    let mut room = [0; ROOM];
    let said = status::program(raw::read_file(c"/proc/1/exe", &mut room));
    let version = said.as_ref().map_or("of an unknown version", |[version, _]| version);
    print(libc::STDOUT_FILENO, format_args!("PID 1 is now zinit-pid1 {version}, generation {generation}"));
}

/// Where the log of PID 1 is.
fn log() -> &'static str {
    match process::is_of_machine() {
        Some(true) => "its log (dmesg)",
        Some(false) => "the log of the container",
        None => "its log",
    }
}

/// True if a set of signals of PID 1 has this one, proc_pid_status(5); `set` is the start of its line.
fn has_signal(set: &[u8], signal: Signal) -> bool {
    let mut room = [0; 4_096];
    let mut lines = table::split(process::read(1, "status", &mut room), b'\n');
    let digits = lines.find_map(|line| line.strip_prefix(set)).unwrap_or_default();
    // Each digit is for four signals, and the last one for the first four.
    let index = usize::from(signal.0) - 1;
    let digit = digits.iter().rev().nth(index / 4).and_then(|digit| char::from(*digit).to_digit(16));
    digit.is_some_and(|digit| digit >> (index % 4) & 1 != 0)
}

/// True if PID 1 has a helper for an update at work.
fn helper_works() -> bool {
    let mut works = false;
    process::all(&mut |pid| {
        let mut room = [0; 512];
        works |= procstat::parent(process::read(pid, "stat", &mut room)) == Some(1) && {
            let words = process::read(pid, "cmdline", &mut room);
            let mut words = table::split(words, 0).skip(1);
            words.next() == Some(b"--helper") && words.next() == Some(b"update")
        };
    });
    works
}

/// Time that PID 1 has for an update, ms, from the request on.
///
/// A probe and a trial take 10 s at most; ending orphans, which PID 1 completes before it is replaced, takes 11 s at
/// most. The rest is for slow disks.
const TIMEOUT: Millis = 2 * probe::TIMEOUT + ORPHANS_TIMEOUT + 9_000;

/// Time between two looks: each reads a file of every process.
const INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Looks in a row after which PID 1 has given up, if it has taken the request, and has neither a helper nor another program
/// to execute: two seconds, in which a child that it has forked becomes the helper. A busy computer delays the looks as well.
const IDLE_LOOKS: u32 = 40;

/// Only asks the kernel whether a signal may be sent, kill(2).
const NO_SIGNAL: Signal = Signal(0);

/// The most frequent of the faults that PID 1 has a handler for.
const SEGV: Signal = Signal(11);
