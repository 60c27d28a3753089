//! The costs of the real program: file, memory, wake-ups, system calls; and its behaviour when many orphans exit at
//! once.

use std::fs;
use std::time::{Duration, Instant};

use crate::common::namespace::{Namespace, Setup, children, freeze, state, status};
use crate::common::trace::Trace;
use crate::common::until;

/// Largest resident set at idle as PID 1, kB, in the median of fifteen starts.
const RESIDENT: u64 = 40;
/// The largest anonymous part of it, kB, in the median and in each start: the rest is the program's file, which the
/// page cache holds for every process that runs it.
const ANONYMOUS: u64 = 12;
const ANONYMOUS_WORST: u64 = 16;

#[test]
fn at_idle_it_is_one_small_process_that_nothing_wakes() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.diary_line("started");
    let pid = pid1.pid1();
    let heap = || fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps").contains("[heap]");
    until("sleep", || state(pid) == Some('S'));
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    for (line, next) in maps.lines().zip(maps.lines().skip(1).chain([""])) {
        let permissions = line.split(' ').nth(1).expect("permissions");
        assert!(!(permissions.contains('w') && permissions.contains('x')), "{line}");
        // The stack has two parts, of which only the upper one is locked.
        let is_stack = line.ends_with("[stack]")
            || next.ends_with("[stack]") && line.split(['-', ' ']).nth(1) == next.split('-').next();
        assert!(!permissions.contains('w') || is_stack, "writable: {line}");
    }
    assert_eq!(status(pid, "Threads").as_deref(), Some("1"));
    assert!(!heap());

    let switches =
        || (status(pid, "voluntary_ctxt_switches"), status(pid, "nonvoluntary_ctxt_switches"), maps.clone());
    // It says that it sleeps a moment before it is off the processor.
    let mut before = switches();
    until("ten quiet milliseconds", || {
        std::thread::sleep(Duration::from_millis(10));
        std::mem::replace(&mut before, switches()) == before
    });
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(switches(), before, "ten idle seconds");
}

/// The kernel puts the stack at a random place, so that the same bytes of it occupy two, three or four pages.
#[test]
fn at_idle_it_is_small_at_any_stack_address() {
    let all: Vec<(u64, u64)> = (0..15)
        .map(|_| {
            let mut pid1 = Setup::stand_in("obey").start();
            pid1.diary_line("started");
            let pid = pid1.pid1();
            until("sleep", || state(pid) == Some('S'));
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("smaps_rollup");
            let kilobytes = |key: &str| -> u64 {
                let line = rollup.lines().find(|line| line.starts_with(key)).expect(key);
                line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
            };
            (kilobytes("Rss:"), kilobytes("Anonymous:"))
        })
        .collect();
    let sorted = |which: fn(&(u64, u64)) -> u64| {
        let mut values: Vec<u64> = all.iter().map(which).collect();
        values.sort_unstable();
        values
    };
    let (resident, anonymous) = (sorted(|start| start.0), sorted(|start| start.1));
    println!("resident, kB: median {}, worst {}", resident[7], resident[14]);
    println!("anonymous, kB: median {}, worst {}", anonymous[7], anonymous[14]);
    assert!(resident[7] <= RESIDENT, "{resident:?}");
    assert!(anonymous[7] <= ANONYMOUS && anonymous[14] <= ANONYMOUS_WORST, "{anonymous:?}");
}

#[test]
fn the_loop_has_one_blocking_call_and_no_heap() {
    let mut pid1 = Setup::stand_in("obey").before("sleep 1000 &").start();
    pid1.diary_line("started");
    let pid = pid1.pid1();
    let trace = Trace::attach(pid, &[]);
    let server = children(pid).into_iter().max().expect("a server");
    // SAFETY: signals to processes that this test started.
    unsafe { libc::kill(server, libc::SIGKILL) };
    pid1.log.nth("started", 2);
    until("the second server", || pid1.diary().matches("started").count() == 2);
    pid1.signal(libc::SIGUSR1);
    until("the third server", || pid1.diary().matches("started").count() == 3);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    let calls = trace.calls();
    let mut names: Vec<&str> = calls.iter().filter_map(|line| line.split('(').next()).collect();
    names.sort_unstable();
    names.dedup();
    let known = [
        "clock_gettime",
        "clone",
        "close",
        "exit_group",
        "kill",
        "openat",
        "pipe2",
        "ppoll",
        "read",
        "rt_sigtimedwait",
        "wait4",
        "write",
    ];
    let unknown: Vec<_> = names.iter().filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(!names.is_empty() && names.contains(&"rt_sigtimedwait"), "{calls:?}");
    // Calls that could block do not: wait4 only polls, and the pipe that is read is non-blocking.
    for line in &calls {
        assert!(!line.starts_with("wait4") || line.contains("WNOHANG"), "{line}");
        // The name of the sender of a request, and whether only readers are left: both by the descriptor of /proc,
        // because a path could lead to a disk that hangs.
        let of_proc =
            !line.contains("AT_FDCWD") && (line.contains("/comm\"") || line.contains("/children\""));
        assert!(!line.starts_with("openat") || of_proc, "{line}");
        assert!(!line.starts_with("ppoll") || line.contains("{tv_sec=0, tv_nsec=0}"), "{line}");
        // The report of a server whose exec succeeded: its file, and then at once the end, because the other end is
        // closed.
        let report = line.contains(", 4) ") && line.ends_with("= 4") || line.ends_with("= 0");
        assert!(!line.starts_with("read(") || report, "{line}");
        assert!(!line.starts_with("pipe2") || line.contains("O_NONBLOCK"), "{line}");
    }
}

#[test]
fn the_server_is_started_again_after_a_failed_fork() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.diary_line("started");
    let pid = pid1.pid1();
    let trace = Trace::attach(pid, &["-e", "inject=clone:error=EAGAIN:when=1"]);
    let server = pid1.server();
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(server, libc::SIGKILL) };
    pid1.line("cannot fork a server: EAGAIN, next try in 2000 ms");
    until("the second server", || pid1.diary().matches("started").count() == 2);
    drop(trace);
}

#[test]
fn a_container_ends_even_if_nothing_can_be_forked() {
    let mut pid1 = Setup::stand_in("obey").before("sleep 1000 &").start();
    pid1.diary_line("started");
    let pid = pid1.pid1();
    let trace = Trace::attach(pid, &["-e", "inject=clone:error=EAGAIN"]);
    let begin = Instant::now();
    pid1.signal(libc::SIGTERM);
    pid1.line("cannot fork: EAGAIN");
    pid1.line("request failed, sending SIGTERM");
    pid1.line("killed by signal 15");
    pid1.ends_well();
    assert!(begin.elapsed() < Duration::from_secs(4), "the sleeper got its TERM: {:?}", begin.elapsed());
    drop(trace);
}

#[test]
fn interrupted_calls_are_made_again() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.diary_line("started");
    let pid = pid1.pid1();
    let trace = Trace::attach(pid, &["-e", "inject=wait4,rt_sigtimedwait:error=EINTR:when=1..40"]);
    let server = pid1.server();
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(server, libc::SIGKILL) };
    pid1.line("killed by signal 9");
    until("the second server", || pid1.diary().matches("started").count() == 2);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    drop(trace);
}

#[test]
fn twenty_thousand_orphans_leave_no_zombie_and_hide_no_exit() {
    let (mut pid1, orphans) = storm("storm-and-die", STORM);
    assert!(orphans >= STORM, "{orphans} orphans");
    let pid = pid1.pid1();
    let begin = Instant::now();
    release(&pid1);
    pid1.line("exited 5, respawn in 1000 ms");
    // The kernel needs some time to end so many; what counts is how far PID 1 is behind the kernel.
    let alive = |child: &i32| state(*child).is_some_and(|state| state != 'Z');
    until("the last orphan's end", || children(pid).iter().filter(|child| alive(child)).count() <= 1);
    println!("{orphans} orphans ended in {:?}", begin.elapsed());
    let behind = until("no zombie", || !children(pid).iter().any(|child| state(*child) == Some('Z')));
    println!("the last of them was reaped {behind:?} later");
    assert!(behind < Duration::from_secs(10), "{behind:?}");
    // After a second there is another line, since the next server needs a look for what the first one has left.
    let text = pid1.log.text();
    assert!(!text.contains("zinit-pid1: orphan "), "no log line for an orphan: {text}");
    pid1.log.nth("started", 2);
}

#[test]
fn an_orphan_costs_one_system_call_when_many_have_exited() {
    let (mut pid1, orphans) = storm("storm", 1_000);
    let pid = pid1.pid1();
    until("sleep", || state(pid) == Some('S'));
    freeze(pid);
    release(&pid1);
    until("zombies", || children(pid).iter().filter(|child| state(**child) == Some('Z')).count() >= 1_000);
    let trace = Trace::attach(pid, &[]);
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(pid, libc::SIGCONT) };
    until("no zombie", || children(pid).len() < 10);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    let calls = trace.calls();
    let (reaped, others): (Vec<_>, Vec<_>) =
        calls.iter().partition(|call| call.starts_with("wait4(") && call.contains("WIFEXITED"));
    assert!(orphans >= 1_000 && reaped.len() >= 1_000, "{orphans} orphans: {calls:?}");
    // Three after each 64 of them are 47: the log writer's wait4, the signal and the clock. The others are those of the end.
    assert!(others.len() < 131, "{}: {others:?}", others.len());
}

#[test]
fn term_is_handled_while_many_orphans_exit() {
    // On a busy computer this test may signal too late, when most have exited.
    assert!(
        (0..5).any(|_| term_is_handled_before_all_exited()),
        "most orphans had exited each of five times"
    );
}

/// True if many orphans were left when TERM was handled.
fn term_is_handled_before_all_exited() -> bool {
    let (mut pid1, orphans) = storm("storm", STORM);
    let pid = pid1.pid1();
    // The children are not counted here, because that would take a good part of the time in which they exit. Nothing
    // else wakes PID 1.
    until("sleep", || state(pid) == Some('S'));
    release(&pid1);
    until("the storm", || state(pid) != Some('S'));
    let begin = Instant::now();
    pid1.signal(libc::SIGTERM);
    pid1.line("stop begins");
    // This time says nothing about PID 1: so many processes exit, and this test waits for them too.
    let heard = begin.elapsed();
    let left = children(pid).len();
    assert!(left < orphans, "the storm has begun: {left} left");
    pid1.ends_well();
    println!("TERM heard after {heard:?}, with {left} orphans left, exit after {:?}", begin.elapsed());
    left > 1_000
}

const STORM: usize = 20_000;

/// Starts a server that makes `count` orphans, which wait for `release`; also returns how many there are.
fn storm(mode: &str, count: usize) -> (Namespace, usize) {
    let setup = Setup::stand_in(mode).with("STAND_IN_ORPHANS", count.to_string());
    let release = setup.folder.path().join("release");
    let mut pid1 = setup.with("STAND_IN_RELEASE", release).start();
    pid1.diary_line("orphans made");
    let count = pid1.children().len();
    (pid1, count)
}

fn release(pid1: &Namespace) {
    fs::write(pid1.folder.path().join("release"), "").expect("a file");
}
