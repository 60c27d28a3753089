//! Watches a server that may crash: keeps the pipes of its services open and its table of services up to date, and hands
//! both over to the next server if this one ends without having been asked to (`ZINIT_ORPHANS=adopt`).

use core::ffi::CStr;
use core::mem::{self, MaybeUninit};

use rt::signal;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use zinit_pid1::model::time::{Instant, Millis};
use zinit_pid1ctl::deadline::Deadline;
use zinit_pid1ctl::services::{SERVICES, Services, State};

use crate::ask::{self, Buffers};
use crate::client::{self, time};
use crate::handover::{Saved, Version, hand_over, load, load_copy};
use crate::pipes::Pipes;
use crate::refusal::errno_name;
use crate::restart::{NOT_ASKED, has_ended, names, open_server};
use crate::server::Server;
use crate::{report, sys};

/// Watches the server until it ends; the exit status is 0 if there is a state file then, and 1 if not.
///
/// PID 1 stops it for the time of a soft restart, and ends it by KILL before a shutdown asks the server to exit.
#[inline(never)]
pub fn watch(state: &CStr, socket: &CStr) -> u8 {
    // TERM to all must not end it: services would get SIGPIPE while they stop.
    signal::block_all();
    let Some((pid, process)) = open_server(state) else { return NOT_ASKED };
    let (Some(memory), Some(pipes)) = (MEMORY.take(), Pipes::take()) else { return NOT_ASKED };
    let server = Server::look(pid, socket);
    let before = Version::now();
    let Memory { buffers, tables, processes } = memory;
    let [last, next] = tables.each_mut();
    // What the server is about to take over: it may end before it answers for the first time.
    let known = load(last, buffers) || load_copy(&server, last, buffers);
    let mut watch = Watch { server, last, next, known, whole: false, before, pipes, processes, buffers };
    if let Some(Err(errno)) = process.map(|process| watch.run(&process)) {
        report(format_args!("cannot watch server {pid}: {}", errno_name(errno)));
        return NOT_ASKED;
    }
    let Watch { server, last, known, whole, before, pipes, buffers, .. } = watch;
    let saved = hand_over(&server, known.then_some(&*last), whole, before, pipes, &mut buffers.reply);
    // PID 1 ends what is not in the file.
    u8::from(saved == Saved::Nowhere)
}

struct Watch<'a> {
    server: Server<'a>,
    /// The last table.
    last: &'a mut Services,
    /// The one that is being read.
    next: &'a mut Services,
    /// There is a last table.
    known: bool,
    /// It is one of this server.
    whole: bool,
    /// The version of the state file before the last table was read.
    before: Version,
    pipes: &'a mut Pipes,
    processes: &'a mut Processes,
    buffers: &'a mut Buffers,
}

impl Watch<'_> {
    /// Returns when the server has ended.
    fn run(&mut self, process: &OwnedFd) -> rustix::io::Result<()> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, process, EventData::new_u64(SERVER), EventFlags::IN)?;
        let mut interval = FIRST_INTERVAL;
        let mut reported = false;
        sys::release_program();
        loop {
            let asked = sys::now();
            match self.refresh(&epoll, asked) {
                Ok(()) => {
                    reported = false;
                    interval = if self.is_starting() { MIN_INTERVAL } else { INTERVAL };
                }
                Err(failure) => {
                    interval = (interval * 2).min(INTERVAL);
                    // A server that has just been started does not listen yet.
                    if interval == INTERVAL && !reported {
                        reported = true;
                        let pid = self.server.pid;
                        report(format_args!(
                            "no table of services from server {pid}: {failure}, the last one is kept"
                        ));
                    }
                }
            }
            sys::release_stack();
            if wait(process, &epoll, self.processes, asked, interval) == Ended::Server {
                return Ok(());
            }
        }
    }

    /// True if the process of a service is about to be there.
    fn is_starting(&self) -> bool {
        self.last.iter().any(|service| service.state == State::Starting && service.pid == 0)
    }

    /// Reads the table, and keeps the last one if that fails.
    fn refresh(&mut self, epoll: &OwnedFd, now: Instant) -> client::Result<()> {
        let before = Version::now();
        ask::services(&self.server, self.next, self.last, self.buffers, Deadline::after(now, INTERVAL))?;
        // Only the references.
        mem::swap(&mut self.last, &mut self.next);
        (self.known, self.whole, self.before) = (true, true, before);
        self.pipes.open(self.server.pid, names(self.last));
        self.processes.set(epoll, self.last);
        Ok(())
    }
}

/// Waits until it is time to ask again; a service that ends makes that earlier.
fn wait(
    server: &OwnedFd,
    epoll: &OwnedFd,
    processes: &mut Processes,
    asked: Instant,
    interval: Millis,
) -> Ended {
    let ended = processes.wait(epoll, asked + interval);
    let (now, next) = (sys::now(), asked + MIN_INTERVAL);
    match ended {
        // A service that crashes all the time must not keep the server busy with answers.
        Ended::Service if has_ended(server, Some(Deadline::after(now, now.until(next)))) => Ended::Server,
        ended => ended,
    }
}

/// What has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Nothing,
    Server,
    Service,
}

/// The processes of services, each with a descriptor that tells of its end.
struct Processes {
    /// Without a descriptor: one that has ended, or that cannot be watched.
    list: heapless::Vec<(u32, Option<OwnedFd>), SERVICES>,
}

impl Processes {
    const NONE: Self = Self { list: heapless::Vec::new() };

    /// Watches the processes of these services, and no others.
    fn set(&mut self, epoll: &OwnedFd, services: &Services) {
        self.list.retain(|(pid, _)| services.iter().any(|service| service.pid == *pid));
        for (_, pid) in names(services) {
            if !self.list.iter().any(|(known, _)| *known == pid) {
                let number = Pid::from_raw(pid.cast_signed());
                let process = number.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
                let process = process.filter(|process| {
                    epoll::add(epoll, process, EventData::new_u64(pid.into()), EventFlags::IN).is_ok()
                });
                let _not_full = self.list.push((pid, process));
            }
        }
    }

    /// Waits until the server or one of them ends, and for no longer than the deadline.
    fn wait(&mut self, epoll: &OwnedFd, deadline: Instant) -> Ended {
        let mut room = [MaybeUninit::uninit(); EVENTS];
        let events = loop {
            match epoll::wait(epoll, &mut room, Some(&time(sys::now().until(deadline)))) {
                Err(Errno::INTR) => {}
                Err(_) => return Ended::Server,
                Ok((events, _)) => break events,
            }
        };
        let mut ended = Ended::Nothing;
        for event in events {
            if event.data.u64() == SERVER {
                return Ended::Server;
            }
            // A descriptor that is closed leaves the set. The others stay, and the next wait tells of them.
            for (_, process) in self.list.iter_mut().filter(|(pid, _)| u64::from(*pid) == event.data.u64()) {
                *process = None;
            }
            ended = Ended::Service;
        }
        ended
    }
}

struct Memory {
    buffers: Buffers,
    /// The last one and the next one.
    tables: [Services; 2],
    processes: Processes,
}

static MEMORY: sys::Lent<Memory> = sys::Lent::new(Memory {
    buffers: Buffers::NEW,
    tables: [Services::new(), Services::new()],
    processes: Processes::NONE,
});

/// What the kernel tells of the server's end by; no service has this pid.
const SERVER: u64 = 0;

/// Ends that one wait tells of.
const EVENTS: usize = 16;

/// Time between two questions, and for all replies to one, ms: a service that was started since the last one is lost if
/// the server crashes.
const INTERVAL: Millis = 2_000;

/// Shortest time between two questions, ms.
const MIN_INTERVAL: Millis = 100;

/// Time after the first question that fails, ms; it doubles with each until there is an answer.
const FIRST_INTERVAL: Millis = 25;
