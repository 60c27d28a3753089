//! The reader of services' output: `zinit-pid1ctl` after a soft restart, with the real zinit-server 0.3.9.

use std::fs;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::common::namespace::{children, state};
use crate::common::services::{BURST, Kind, LAST, Services, StateFile, kill, processes};
use crate::common::{reexec, until};

#[test]
fn the_first_line_after_a_soft_restart_is_marked_as_torn() {
    let mut services = Services::start(&[(Kind::Torn, 1)], StateFile::Any);
    services.restart();
    services.go("torn0");
    services.pid1.line("zinit-service torn0: whole");
    let line = services.pid1.line("zinit-service torn0: ");
    // The old server has read the first half, but on a busy computer it may not have had the time.
    assert!(line == TORN || line == TORN.replace("..., ", "...one half, "), "{line}");
    services.stop();
}

#[test]
fn lines_that_the_log_does_not_accept_are_dropped_and_counted() {
    let mut services = Services::start(&[(Kind::Burst, 1)], StateFile::Any);
    services.restart();
    // Nobody reads the log, of which the pipe takes a megabyte at most.
    let paused = services.pid1.log.pause();
    services.go("burst0");
    until("the end of the burst", || services.count("burst0") > BURST);
    drop(paused);
    let line = services.pid1.line("lines of services were dropped");
    let dropped: u64 = line.split(' ').nth(1).expect("zinit-pid1ctl: COUNT").parse().expect("a count");
    assert!(line.starts_with("zinit-pid1ctl: ") && dropped > 0, "{line}");
    services.pid1.line(&format!("zinit-service burst0: counter {}", services.count("burst0")));
    let log = services.pid1.log.text();
    let counts = |line: &&str| line.starts_with("zinit-service burst0: ");
    let last = log.lines().rfind(counts).and_then(|line| line.rsplit(' ').next()).expect("a line");
    let told: u64 = log
        .lines()
        .filter_map(|line| {
            line.strip_prefix("zinit-pid1ctl: ")?.split_once(" lines of")?.0.parse::<u64>().ok()
        })
        .sum();
    assert_eq!(told + log.lines().filter(counts).count() as u64, last.parse().expect("a number"), "{log}");
    services.stop();
}

#[test]
fn a_reader_ends_with_its_services_and_not_by_term() {
    let kinds = [(Kind::Shell, 1), (Kind::Silent, 1), (Kind::Restless, 1)];
    let mut services = Services::start(&kinds, StateFile::Any);
    services.restart();
    let first = services.reader();
    // Two pipes of each service, the log, and the set that it waits for.
    assert_eq!(fs::read_dir(format!("/proc/{first}/fd")).expect("it runs").count(), 2 * 3 + 2);
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGPIPE] {
        kill(first, signal);
    }
    services.check();
    assert_eq!(state(first), Some('S'));
    // The restless service was started by the second server, so that this one holds pipes too.
    services.restart();
    until("two readers", || services.readers().len() == 2);
    services.check();
    for (name, left) in [("restless0", 1), ("shell0", 1), ("silent0", 0)] {
        let script = services.pid1.folder.path().join(name);
        for pid in processes(&script) {
            // Its child, a sleep, holds the pipe too.
            let sleeps = children(pid);
            kill(pid, libc::SIGKILL);
            sleeps.into_iter().for_each(|pid| kill(pid, libc::SIGKILL));
        }
        until(&format!("{left} readers after {name}"), || services.readers().len() == left);
    }
    services.stop();
}

#[test]
fn a_reader_that_does_not_end_does_not_hold_up_the_end_of_services() {
    does_not_hold_up(Services::start(&[(Kind::Silent, 1)], StateFile::Any));
}

/// The log writer is a child too; PID 1 needs one for a socket, which it cannot open anew.
#[test]
fn a_reader_beside_a_log_writer_does_not_hold_up_the_end_of_services_either() {
    let (near, far) = UnixStream::pair().expect("two sockets");
    let stderr = (near.into(), far.into());
    does_not_hold_up(Services::start_on(stderr, &[(Kind::Silent, 1)], StateFile::Any, "stop"));
}

fn does_not_hold_up(mut services: Services) {
    services.restart();
    let reader = services.reader();
    // A process outside of the namespaces that may write to the pipe: the reader never comes to its end.
    let script = services.pid1.folder.path().join("silent0");
    let output = format!("/proc/{}/fd/1", processes(&script)[0]);
    let writer = fs::OpenOptions::new().write(true).open(output).expect("a pipe");
    let begin = Instant::now();
    services.pid1.signal(libc::SIGTERM);
    services.pid1.ends_well();
    let took = begin.elapsed();
    drop(writer);
    assert_eq!(state(reader), None);
    services.pid1.line("processes left after TERM, sending KILL");
    // Less than the time that processes have to end after TERM.
    assert!(took < Duration::from_secs(4), "{took:?}\n{}", services.pid1.log.text());
}

#[test]
fn the_last_lines_of_services_without_a_server_are_in_the_log() {
    // So many that their reader still writes when they have ended.
    let mut services = Services::start(&[(Kind::Last, 2)], StateFile::Any);
    services.restart();
    kill(services.pid1.server_named("zinit-server"), libc::SIGKILL);
    services.pid1.line("killed by signal 9, respawn in");
    services.pid1.signal(libc::SIGTERM);
    services.pid1.ends_well();
    services.pid1.log.is_read();
    let log = services.pid1.log.text();
    for index in 0..2 {
        let head = format!("zinit-service last{index}: ");
        let lines = log.lines().filter_map(|line| line.strip_prefix(&head));
        // The shell may say that its child was terminated.
        let numbers: Vec<u64> =
            lines.filter_map(|line| line.trim_start_matches("...").parse().ok()).collect();
        let (starts, count) = (services.starts(&format!("last{index}")), numbers.len());
        let whole = numbers.into_iter().eq(1..=LAST);
        assert!(whole, "last{index}: {count} lines of {LAST}, {starts} starts\n{log}");
    }
}

#[test]
fn a_reader_survives_a_fault_of_pid_1_and_the_end_of_orphans() {
    let mut services = Services::start(&[(Kind::Farewell, 1)], StateFile::Any);
    services.restart();
    let reader = services.reader();
    services.pid1.signal(libc::SIGSEGV);
    services.pid1.line("the server goes on");
    assert_ne!(reexec::number(services.pid1.pid1(), "reader1"), 0);
    // The server crashes, and its services are ended: what they write then still is read.
    kill(services.pid1.server_named("zinit-server"), libc::SIGKILL);
    services.pid1.line("ending what the last server left behind");
    services.pid1.line("zinit-service farewell0: ...farewell");
    until("the end of the reader", || state(reader).is_none());
    until("another service", || services.starts("farewell0") == 2);
    services.pid1.signal(libc::SIGTERM);
    services.pid1.ends_well();
}

/// The second half of a line.
const TORN: &str = "zinit-service torn0: ..., other half";
