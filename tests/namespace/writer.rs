//! The log writer of a PID 1 that cannot open its standard error anew: mostly because a tmpfs hides `/proc`.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::common::namespace::{Log, Namespace, Setup, children, comm, freeze, state};
use crate::common::services::kill;
use crate::common::{terminal, until};

const HIDDEN: &str = "mount -t tmpfs none /proc";

/// PID 1 with this as standard error, of which `log` shows all that is read.
fn start(stderr: OwnedFd, reader: impl Read + Send + 'static) -> (Namespace, Log) {
    let log = Log::default();
    log.follow(reader);
    let setup = Setup::stand_in("obey").with("ZINIT_LOG_LEVEL", "debug").before(HIDDEN).stderr(stderr);
    (setup.start(), log)
}

/// Runs the program with a terminal's end as its controlling terminal.
const WITH_TERMINAL: &str = "exec setsid -c \"$0\" <&2";

#[test]
fn the_controlling_terminal_needs_no_writer() {
    let (main, other) = terminal();
    let log = Log::default();
    log.follow(File::from(main));
    let setup = Setup::stand_in("obey").before(HIDDEN).run(WITH_TERMINAL);
    let mut pid1 = setup.stderr(other).start();
    log.line("PID 1 of a container");
    pid1.diary_line("started");
    let server = pid1.server();
    assert_eq!(pid1.children(), [server]);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    log.is_read();
    assert!(log.text().contains("exited 0"), "{}", log.text());
}

/// What an old kernel or a seccomp profile answers to each call that the log could do without.
#[test]
fn a_call_that_is_refused_costs_no_line() {
    std::thread::scope(|scope| {
        for errno in ["ENOSYS", "EPERM", "EINVAL", "EOPNOTSUPP"] {
            scope.spawn(move || ["statx", "ioctl", "fcntl"].map(|call| refused(call, errno)));
        }
    });
}

fn refused(call: &str, errno: &str) {
    let (main, other) = terminal();
    let log = Log::default();
    log.follow(File::from(main));
    // Refused to the writer too.
    let refused = format!("strace -D -f -o /dev/null -e trace={call} -e inject={call}:error={errno}");
    let run = format!("exec setsid -c {refused} \"$0\" <&2");
    let mut pid1 = Setup::stand_in("obey").before(HIDDEN).run(&run).stderr(other).start();
    pid1.diary_line("started");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    log.is_read();
    let text = log.text();
    for line in ["PID 1 of a container", "stop begins"] {
        assert!(text.contains(line), "{call} {errno}: {text}");
    }
    // The server may need this call itself.
    assert!(text.contains(" exited 0") || text.contains(" killed by signal 6"), "{call} {errno}: {text}");
}

/// The pid of the writer outside of the namespaces: no other child has the name of PID 1 for long.
fn writer(pid1: &mut Namespace) -> i32 {
    let mut found = None;
    until("the writer", || {
        found = pid1.children().into_iter().find(|pid| comm(*pid) == "zinit-pid1");
        found.is_some_and(|pid| state(pid) == Some('S'))
    });
    found.expect("just seen")
}

#[test]
fn every_kind_of_file_that_cannot_be_opened_anew_gets_all_lines() {
    let (main, other) = terminal();
    let (reading, writing) = pipe().expect("a pipe");
    let (near, far) = UnixStream::pair().expect("two sockets");
    let files: [(&str, OwnedFd, Box<dyn Read + Send>); 3] = [
        ("terminal", other, Box::new(File::from(main))),
        ("pipe", writing.into(), Box::new(reading)),
        ("socket", far.into(), Box::new(near)),
    ];
    for (what, stderr, reader) in files {
        let (mut pid1, log) = start(stderr, reader);
        log.line("PID 1 of a container");
        pid1.diary_line("started");
        let begin = Instant::now();
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        println!("{what}: stop in {:?}", begin.elapsed());
        // The writer counts neither as a child nor as a process that is left.
        assert!(begin.elapsed() < Duration::from_secs(4), "{what}: {:?}\n{}", begin.elapsed(), log.text());
        log.is_read();
        let text = log.text();
        for line in ["stop begins", "exited 0"] {
            assert!(text.contains(line), "{what}: {line} in\n{text}");
        }
        assert!(!text.contains("processes left"), "{what}:\n{text}");
    }
}

#[test]
fn a_reader_that_does_not_read_holds_up_the_writer_only() {
    let (main, other) = terminal();
    let mut reader = File::from(main);
    // What a terminal accepts, so that the writer waits in its first line.
    let mut full = File::from(other.try_clone().expect("a descriptor"));
    let filled = until_full(&mut full);
    let setup = Setup::stand_in("obey").with("ZINIT_LOG_LEVEL", "debug").before(HIDDEN).stderr(other);
    let mut pid1 = setup.start();
    drop(full);
    pid1.diary_line("started");
    writer(&mut pid1);
    pid1.signal(libc::SIGUSR1);
    until("the second server", || pid1.diary().matches("started").count() == 2);
    let mut seen = vec![];
    let mut bytes = [0; 4_096];
    while !String::from_utf8_lossy(&seen).contains("soft restart") {
        let length = reader.read(&mut bytes).expect("PID 1 lives");
        seen.extend(&bytes[..length]);
    }
    assert!(seen.len() > filled, "all that was written before comes first");
    assert!(String::from_utf8_lossy(&seen).contains(": version "), "no line was lost");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_reader_that_never_reads_does_not_hold_up_the_end() {
    let (_main, other) = terminal();
    let mut full = File::from(other.try_clone().expect("a descriptor"));
    until_full(&mut full);
    let mut pid1 = Setup::stand_in("obey").before(HIDDEN).stderr(other).start();
    pid1.diary_line("started");
    writer(&mut pid1);
    let begin = Instant::now();
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    // Its last lines get 100 ms, and a stage of the end has 5 s.
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}

/// Fills a terminal that nobody reads, and returns how much it took.
fn until_full(terminal: &mut File) -> usize {
    use std::os::fd::AsRawFd;
    // SAFETY: fcntl(2) takes two numbers.
    let set = |flags: i32| assert_eq!(unsafe { libc::fcntl(terminal.as_raw_fd(), libc::F_SETFL, flags) }, 0);
    set(libc::O_NONBLOCK | libc::O_RDWR);
    let mut count = 0;
    let mut file = &*terminal;
    while let Ok(length) = file.write(&[b'x'; 64]) {
        count += length;
    }
    // PID 1 has the same open file description: the writer would not wait.
    set(libc::O_RDWR);
    count
}

#[test]
fn a_writer_that_is_killed_is_started_again_and_loses_no_line() {
    let (reading, writing) = pipe().expect("a pipe");
    let (mut pid1, log) = start(writing.into(), reading);
    pid1.diary_line("started");
    let first = writer(&mut pid1);
    freeze(first);
    pid1.signal(libc::SIGUSR1);
    until("the second server", || pid1.diary().matches("started").count() == 2);
    kill(first, libc::SIGKILL);
    until("the end of the writer", || state(first).is_none_or(|state| state == 'Z'));
    // The end of the writer sends PID 1 no signal that would wake it.
    pid1.signal(libc::SIGURG);
    log.line("soft restart");
    log.nth("started", 2);
    until("no zombie", || state(first).is_none());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    log.is_read();
    assert!(log.text().contains("stop begins"), "{}", log.text());
}

#[test]
fn the_last_lines_are_written_although_kill_ends_the_writer_too() {
    let (reading, writing) = pipe().expect("a pipe");
    let log = Log::default();
    log.follow(reading);
    // What ignores TERM is left for KILL.
    let before = format!("(trap '' TERM; exec sleep 1000) & {HIDDEN}");
    let mut pid1 = Setup::stand_in("obey").before(&before).stderr(writing.into()).start();
    pid1.diary_line("started");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    log.is_read();
    assert!(log.text().contains("processes left after TERM, sending KILL"), "{}", log.text());
}

#[test]
fn the_last_words_of_a_fault_are_written_too() {
    let (reading, writing) = pipe().expect("a pipe");
    let (mut pid1, log) = start(writing.into(), reading);
    pid1.diary_line("started");
    // Without /proc it cannot execute itself once more.
    pid1.signal(libc::SIGSEGV);
    assert_eq!(pid1.end().code(), Some(128 + libc::SIGSEGV));
    log.is_read();
    assert!(log.text().contains("fault, signal 11"), "{}", log.text());
}

#[test]
fn another_pid_1_has_a_writer_of_its_own_and_no_zombie() {
    // With /proc, by which PID 1 executes itself.
    let (near, far) = UnixStream::pair().expect("two sockets");
    let log = Log::default();
    log.follow(near);
    let mut pid1 = Setup::stand_in("obey").stderr(far.into()).start();
    pid1.diary_line("started");
    let first = writer(&mut pid1);
    pid1.signal(libc::SIGSEGV);
    log.line("the server goes on");
    until("the end of the first writer", || state(first).is_none());
    assert_ne!(writer(&mut pid1), first);
    let pid = pid1.pid1();
    assert_eq!(children(pid).len(), 2, "the server and the writer");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    log.is_read();
    assert!(log.text().contains("stop begins"), "{}", log.text());
}
