//! A soft restart: the server is asked to exit and to leave its services running, and nothing of them is lost.

use core::ffi::CStr;
use core::slice::EscapeAscii;

use rt::signal;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use zinit_pid1::model::action::Method;
use zinit_pid1::model::limits::RESTART_TIMEOUT;
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::model::time::Millis;
use zinit_pid1::parse::rpc::{self, Outcome};
use zinit_pid1ctl::deadline::Deadline;
use zinit_pid1ctl::services::Services;

use crate::ask::{self, Buffers};
use crate::client::{Client, Failure, time};
use crate::handover::{Saved, Version, hand_over, load};
use crate::pipes::Pipes;
use crate::refusal::errno_name;
use crate::server::Server;
use crate::{process, report, sys};

/// Asks the server for its table of services and then to exit, and puts a state file in place once it has.
///
/// The exit status is 0 if there is a state file with all services, 1 if not, and 2 if the server was not asked. PID 1
/// sends the server KILL when its time is over, and this process too.
#[inline(never)]
pub fn restart(state: &CStr, socket: &CStr) -> u8 {
    // PID 1 ends it by KILL. TERM to all comes only after that.
    signal::block_all();
    let Some((pid, process)) = open_server(state) else { return NOT_ASKED };
    let (Some(memory), Some(pipes)) = (MEMORY.take(), Pipes::take()) else { return NOT_ASKED };
    let server = Server::look(pid, socket);
    let before = Version::now();
    let Memory { buffers, services, none } = memory;
    // Silence begins with the first question that has no answer.
    let mut asked = sys::now();
    let mut whole = true;
    let deadline = Deadline::after(asked, ask::TIMEOUT);
    let known = match ask::services(&server, services, none, buffers, deadline) {
        Ok(()) => {
            asked = sys::now();
            Some(&*services)
        }
        Err(failure) => {
            report(format_args!("no whole table of services from server {}: {failure}", server.pid));
            whole = false;
            // A part is better than nothing, and the server may not have taken over the services of the last one yet.
            let any = names(services).next().is_some() || load(services, buffers);
            any.then_some(&*services)
        }
    };
    if let Some(services) = known {
        pipes.open(server.pid, names(services));
    }
    if let Some(process) = process {
        end(&server, &process, &mut buffers.reply, Deadline::after(asked, SILENCE));
    }
    match hand_over(&server, known, whole, before, pipes, &mut buffers.reply) {
        Saved::ByServer => 0,
        Saved::Here if whole && known.is_some_and(|services| services.left_out() == 0) => 0,
        // The next server would start the services that are not in the file while they run: PID 1 ends them.
        Saved::Here | Saved::Nowhere => NOT_SAVED,
    }
}

/// The server that PID 1 tells of, and a descriptor that tells of its end; a failure is logged.
///
/// There is no descriptor of a server that has ended already.
pub fn open_server(state: &CStr) -> Option<(u32, Option<OwnedFd>)> {
    let Some(pid) = ReexecState::decode(state).server() else {
        report(format_args!("PID 1 tells of no server, its services are not kept"));
        return None;
    };
    if let Some(why) = process::unseen() {
        report(format_args!("{why}, services are not kept"));
        return None;
    }
    let process = Pid::from_raw(pid.raw()).ok_or(Errno::SRCH);
    match process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty())) {
        Ok(process) => Some((pid.raw().unsigned_abs(), Some(process))),
        Err(Errno::SRCH) => Some((pid.raw().unsigned_abs(), None)),
        Err(errno) => {
            let errno = errno_name(errno);
            report(format_args!("cannot watch server {}: {errno}, its services are not kept", pid.raw()));
            None
        }
    }
}

/// Name and process of each service that has one.
pub fn names(services: &Services) -> impl Iterator<Item = (&[u8], u32)> + Clone {
    let service = |index| services.get(index).map(|service| (services.name(service).as_bytes(), service.pid));
    (0..services.len()).filter_map(service).filter(|(_, pid)| *pid != 0)
}

/// Asks the server to exit, or sends it a signal, and waits until it has.
fn end(server: &Server<'_>, process: &OwnedFd, buf: &mut [u8], deadline: Deadline) {
    let answer = prepare(server, buf, deadline);
    let after = match answer {
        Some(outcome) => outcome.signal_after(Method::PrepareRestart),
        None => Some(0),
    };
    let Some(after) = after else {
        let _it_ended = has_ended(process, None);
        return;
    };
    if has_ended(process, Some(Deadline::after(sys::now(), after))) {
        return;
    }
    match answer {
        None => report(format_args!("no answer in {SILENCE} ms, sending SIGUSR1")),
        Some(_) => report(format_args!("request failed, sending SIGUSR1")),
    }
    // A stopped process does not die of a signal before it is continued.
    for signal in [Signal::USR1, Signal::CONT] {
        let _gone = pidfd_send_signal(process, signal);
    }
    let _it_ended = has_ended(process, None);
}

/// Sends the request; `None` if there was no answer by the deadline.
fn prepare(server: &Server<'_>, buf: &mut [u8], deadline: Deadline) -> Option<Outcome> {
    let mut request = heapless::Vec::<u8, 128>::new();
    for piece in [rpc::HEAD, rpc::request(Method::PrepareRestart)] {
        let _fits = request.extend_from_slice(piece);
    }
    let client = Client::connect(server, buf, deadline).and_then(|mut client| {
        client.send(&request)?;
        Ok(client)
    });
    let mut client = match client {
        Ok(client) => client,
        Err(failure) => {
            report(format_args!("server at {}: {failure}", server.socket.to_bytes().escape_ascii()));
            return Some(Outcome::Unreachable);
        }
    };
    match client.receive() {
        Ok(line) => {
            let outcome = rpc::decode(line);
            match outcome {
                Outcome::Refused => report(format_args!("server refuses: {}", start(line))),
                Outcome::Unclear => report(format_args!("reply is garbage: {}", start(line))),
                Outcome::Agreed | Outcome::Unreachable => {}
            }
            Some(outcome)
        }
        Err(Failure::Late) => None,
        // zinit-server 0.3.9 mostly exits before it has replied.
        Err(Failure::Closed) => Some(Outcome::Unclear),
        Err(failure) => {
            report(format_args!("server at {}: {failure}", server.socket.to_bytes().escape_ascii()));
            Some(Outcome::Unclear)
        }
    }
}

/// The start of a reply, for the log.
fn start(line: &[u8]) -> EscapeAscii<'_> {
    line.get(..SHOWN).unwrap_or(line).escape_ascii()
}

/// Waits for the end of a process, and for no longer than the deadline; true if it has ended.
pub fn has_ended(process: &OwnedFd, mut deadline: Option<Deadline>) -> bool {
    loop {
        let mut left = || deadline.as_mut().map(|deadline| deadline.left(sys::now()));
        match poll(&mut [PollFd::new(process, PollFlags::IN)], left().map(time).as_ref()) {
            Ok(0) if left() == Some(0) => return false,
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return true,
        }
    }
}

struct Memory {
    buffers: Buffers,
    services: Services,
    /// There is no last table.
    none: Services,
}

static MEMORY: sys::Lent<Memory> =
    sys::Lent::new(Memory { buffers: Buffers::NEW, services: Services::new(), none: Services::new() });

/// Bytes of a reply that are logged.
const SHOWN: usize = 200;

/// Time in which the server gets no signal if it does not answer, ms: half of its time to exit.
const SILENCE: Millis = RESTART_TIMEOUT / 2;

/// The exit status if a service may not be in the state file.
const NOT_SAVED: u8 = 1;

/// The exit status if PID 1 has to ask the server by itself.
pub const NOT_ASKED: u8 = 2;
