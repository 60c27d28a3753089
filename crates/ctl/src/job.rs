//! Watches one service of a container, and has PID 1 end with its status once it has ended (`ZINIT_EXIT_STATUS`).
//!
//! It is a process of its own, a child of PID 1, that lives as long as the container. While the service runs it sleeps.

use core::ffi::CStr;
use core::mem;

use rt::raw;
use rt::start::Start;
use rustix::event::poll;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use zinit_pid1::model::process::Signal;
use zinit_pid1::model::time::Millis;
use zinit_pid1::parse::procstat;
use zinit_pid1ctl::deadline::Deadline;
use zinit_pid1ctl::life::{End, Life, read_life, read_restarts};
use zinit_pid1ctl::protocol::{self, NoResult};

use crate::ask::{self, Buffers};
use crate::client::{Client, Failure, Result, time};
use crate::refusal::errno_name;
use crate::restart::has_ended;
use crate::{process, report, sys};

/// Forks the watcher of the service that `ZINIT_EXIT_STATUS` names, if it does, and returns in this process.
///
/// To be called in the place of the server, by a child of PID 1: its child would be the server's, and a child of that is
/// PID 1's.
#[inline(never)]
pub fn spawn(start: Start) {
    let word = start.environment().filter_map(|word| word.to_bytes().strip_prefix(SETTING)).last();
    let Some(name) = word.filter(|name| !name.is_empty()) else { return };
    let Ok(name) = core::str::from_utf8(name) else {
        return report(format_args!("ZINIT_EXIT_STATUS is no name of a service"));
    };
    let socket = start.words().skip_while(|word| *word != c"-s").nth(1).unwrap_or_default();
    let pid1 = process::parent();
    match sys::fork_detached() {
        Some(true) => watch(name, socket, pid1),
        Some(false) => {}
        None => report(format_args!("cannot fork the watcher of {name}, the container does not end with it")),
    }
}

/// Watches the service until it has ended, and then tells PID 1.
#[inline(never)]
fn watch(name: &str, socket: &CStr, pid1: u32) -> ! {
    raw::set_name(c"zinit-job");
    sys::block_signals_of_files();
    let _leader = rustix::process::setsid();
    for number in [libc::STDIN_FILENO, libc::STDOUT_FILENO] {
        raw::close(number);
    }
    let Some(buffers) = BUFFERS.take() else { raw::exit(1) };
    let mut job = Job { name, socket, pid1, buffers, reported: false };
    let end = job.wait();
    if end.status.is_none() {
        report(format_args!("{name} has ended, and the server does not say how: status 1"));
    }
    // Whoever is the parent after the end of a subreaper has not asked.
    if process::parent() != pid1 {
        raw::exit(1);
    }
    if let Err(errno) = sys::queue_signal(pid1, Signal::POWEROFF, end.status.unwrap_or(1)) {
        let errno = errno_name(Errno::from_raw_os_error(errno));
        report(format_args!("{name} has ended, and PID 1 cannot be told: {errno}"));
    }
    // PID 1 reads the name of this process for its log, and ends it.
    pause(LAST_INTERVAL);
    raw::exit(0)
}

struct Job<'a> {
    name: &'a str,
    socket: &'a CStr,
    /// PID 1 or the subreaper, the parent of this process.
    pid1: u32,
    buffers: &'static mut Buffers,
    /// A failure was logged.
    reported: bool,
}

/// What the server says of the service.
struct Answer {
    life: Life,
    /// How often it was started again.
    restarts: u32,
    /// For how long an end has to last, ms.
    patience: u64,
}

impl Job<'_> {
    /// Returns how the service has ended, once that is the last end.
    fn wait(&mut self) -> End {
        let mut interval = FIRST_INTERVAL;
        // The last process that has ended.
        let mut gone = 0;
        // An end that was seen, after how many restarts, and for how long it still has to last.
        let mut seen = None;
        loop {
            let answer = self.ask();
            self.release();
            if let Ok(Answer { life: Life::Ended(end), restarts, patience }) = answer {
                let left = match seen {
                    Some((known, left)) if known == (end, restarts) => left,
                    _ => patience,
                };
                if left == 0 {
                    return end;
                }
                // Steps, and no point in time: a container that is paused does not restart a service either.
                let step = left.min(LAST_INTERVAL);
                seen = Some(((end, restarts), left - step));
                pause(step);
                continue;
            }
            seen = None;
            match answer {
                Ok(Answer { life: Life::Goes(pid), .. }) if pid != 0 && pid != gone => {
                    if self.sleeps_until_the_end_of(pid) {
                        gone = pid;
                        interval = FIRST_INTERVAL;
                    } else {
                        interval = LAST_INTERVAL;
                    }
                }
                // A server that has just been started or restarted does not listen, or does not know its services yet.
                Err(failure) if interval == LAST_INTERVAL => self.report(failure),
                _ => {}
            }
            pause(interval);
            interval = (interval * 2).min(LAST_INTERVAL);
        }
    }

    /// Sleeps until a process of the service has ended; false where the kernel does not tell of that.
    fn sleeps_until_the_end_of(&mut self, pid: u32) -> bool {
        let Some(number) = Pid::from_raw(pid.cast_signed()) else { return false };
        let process = match pidfd_open(number, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(errno) => return errno == Errno::SRCH,
        };
        // Asked for again: before the descriptor was opened another process may have got this pid.
        let again = self.ask();
        self.release();
        if again.is_ok_and(|answer| answer.life == Life::Goes(pid)) {
            let _it_ended = has_ended(&process, None);
        }
        true
    }

    #[inline(never)] // its frame is given back
    fn ask(&mut self) -> Result<Answer> {
        let Buffers { reply, scratch } = &mut *self.buffers;
        let mut client = Client::connect_to(self.socket, reply, Deadline::after(sys::now(), ask::TIMEOUT))?;
        let peer = client.peer();
        // A process of another namespace has the pid 0 here; without `/proc` nothing is known of any.
        let parent = procstat::parent(process::read(peer, "stat", &mut [0; 512]));
        if peer != 0 && parent.is_some_and(|parent| parent != self.pid1) {
            return Err(Failure::Stranger(0, peer));
        }
        let name = Some(self.name);
        client.send(protocol::request("service.status_full", name, scratch).unwrap_or_default())?;
        let life = read_life(client.receive()?, scratch)?;
        let Life::Ended(end) = life else { return Ok(Answer { life, restarts: 0, patience: 0 }) };
        client.send(protocol::request("service.get", name, scratch).unwrap_or_default())?;
        let restarts = read_restarts(client.receive()?, scratch)?;
        let mut counted = None;
        if restarts.may_follow(end) {
            client.send(protocol::request("debug.state", None, scratch).unwrap_or_default())?;
            counted = protocol::read_count(client.receive()?, scratch, self.name)?;
        }
        let patience = restarts.patience(end, counted);
        Ok(Answer { life, restarts: counted.map_or(0, |(count, _)| count), patience })
    }

    /// Gives memory back that is not used until the next question.
    fn release(&mut self) {
        sys::release_bytes(&mut self.buffers.reply);
        sys::release_bytes(&mut self.buffers.scratch);
        sys::release_stack();
    }

    /// Logs why nothing is known of the service, the first time.
    fn report(&mut self, failure: Failure) {
        if mem::replace(&mut self.reported, true) {
            return;
        }
        let name = self.name.escape_debug();
        match failure {
            Failure::NoResult(NoResult::Refused) => {
                report(format_args!("the server has no service {name}, the container goes on until it has"));
            }
            Failure::Stranger(_, peer) => {
                report(format_args!("process {peer}, which is no server, listens in its place"));
            }
            failure => report(format_args!("the server does not tell of service {name}: {failure}")),
        }
    }
}

fn pause(interval: u64) {
    let _time_is_over = poll(&mut [], Some(&time(Millis::try_from(interval).unwrap_or(Millis::MAX))));
}

static BUFFERS: sys::Lent<Buffers> = sys::Lent::new(Buffers::NEW);

const SETTING: &[u8] = b"ZINIT_EXIT_STATUS=";

/// Time between the first two questions, ms; it doubles up to [`LAST_INTERVAL`] until there is a process.
const FIRST_INTERVAL: u64 = 10;

/// Longest time between two questions, ms.
const LAST_INTERVAL: u64 = 1_000;
