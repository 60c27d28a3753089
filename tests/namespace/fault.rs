//! PID 1 survives a fault of its own, in namespaces; `tests/vm/boards/life.rs` shows it on a machine.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use crate::common::hold::Held;
use crate::common::namespace::{Namespace, Setup, status};
use crate::common::reexec;
use crate::common::services::{Kind, Services, StateFile};
use crate::common::updatable::write_alone;
use crate::common::{debug_program, until};

const FAULTS: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGTRAP, libc::SIGFPE, libc::SIGABRT];

#[test]
fn after_a_fault_it_re_execs_itself_and_keeps_the_server() {
    for fault in FAULTS {
        let mut pid1 = Setup::stand_in("obey").start();
        pid1.is_up();
        let server = pid1.server();
        pid1.signal(fault);
        pid1.line(&format!("fault, signal {fault}"));
        pid1.line("the server goes on");
        assert_eq!(pid1.server(), server);
        // It works as before: it sees the server's exit. SAFETY: a signal to a process that this test started.
        unsafe { libc::kill(server, libc::SIGKILL) };
        pid1.line("killed by signal 9, respawn in 1000 ms");
        until("the next server", || pid1.diary().matches("started").count() == 2);
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn a_fault_is_survived_with_a_small_stack_too() {
    // kB: the least that execve(2) leaves for argv and environment of 128 kB, and a common limit of containers.
    for limit in [160, 256, 512] {
        let mut pid1 = Setup::stand_in("obey").run(&format!("ulimit -s {limit}; exec \"$0\" \"$@\"")).start();
        pid1.is_up();
        let server = pid1.server();
        pid1.signal(libc::SIGSEGV);
        pid1.line("the server goes on");
        assert_eq!(pid1.server(), server);
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn the_second_fault_in_a_minute_ends_a_container() {
    for fault in FAULTS {
        let mut pid1 = Setup::stand_in("obey").start();
        pid1.is_up();
        pid1.signal(fault);
        pid1.line("the server goes on");
        pid1.signal(fault);
        let status = pid1.end();
        assert_eq!((status.code(), status.signal()), (Some(128 + fault), None), "{}", pid1.log.text());
        pid1.log.nth(&format!("fault, signal {fault}"), 2);
    }
}

#[test]
fn a_fault_in_a_shutdown_does_not_undo_it() {
    let mut pid1 = Setup::stand_in("stubborn").with("ZINIT_STOP_TIMEOUT", "5").start();
    pid1.is_up();
    pid1.signal(libc::SIGTERM);
    pid1.line("stop begins");
    until("the RPC client", || pid1.diary().contains("system.shutdown"));
    pid1.signal(libc::SIGSEGV);
    assert_eq!(pid1.end().code(), Some(128 + libc::SIGSEGV));
    assert!(!pid1.log.text().contains("the server goes on"));
}

#[test]
fn a_fault_of_a_child_is_not_a_fault_of_pid_1() {
    let mut pid1 = Setup::stand_in("silent").with("ZINIT_STOP_TIMEOUT", "4").start();
    pid1.is_up();
    let server = pid1.server();
    pid1.signal(libc::SIGTERM);
    pid1.diary_line("system.shutdown");
    // The RPC client keeps PID 1's signal handlers until it exits.
    let client = pid1.children().into_iter().find(|child| *child != server).expect("it waits for an answer");
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(client, libc::SIGSEGV) };
    // An RPC client that died stands for no answer.
    pid1.line("no answer in time, sending SIGTERM");
    pid1.ends_well();
    assert!(!pid1.log.text().contains("fault, signal"));
}

#[test]
fn a_panic_of_a_debug_build_is_a_fault_that_it_survives() {
    let setup = Setup::stand_in("obey");
    let path = setup.folder.path().join("zinit-pid1");
    // No input is known to cause a panic, so the begin of an update is replaced by a jump to the panic handler.
    let program = debug_program();
    let [from, to] =
        [address(&program, "::spawn_updater", "sys::reexec::"), address(&program, "rust_begin_unwind", "")];
    let mut bytes = fs::read(&program).expect("the program");
    assert_eq!(
        bytes[64..72],
        [1, 0, 0, 0, 5, 0, 0, 0],
        "the first segment, read and executed, from offset 0"
    );
    let begin = u64::from_le_bytes(bytes[80..88].try_into().expect("eight bytes"));
    let offset = usize::try_from(from - begin).expect("an offset");
    let distance = i32::try_from(to.cast_signed() - (from.cast_signed() + 5)).expect("it is near");
    bytes[offset] = 0xe9;
    bytes[offset + 1..offset + 5].copy_from_slice(&distance.to_le_bytes());
    write_alone(&path, &bytes);
    fs::set_permissions(&path, fs::metadata(&program).expect("a file").permissions()).expect("a mode");

    let mut pid1 = setup.run(&format!("exec {} \"$@\"", path.display())).start();
    pid1.is_up();
    assert!(!pid1.log.text().contains("fault"), "not yet: {}", pid1.log.text());
    let server = pid1.server();
    pid1.signal(libc::SIGUSR2);
    pid1.line(&format!("fault, signal {}", libc::SIGILL));
    pid1.line("the server goes on");
    assert_eq!(pid1.server(), server);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert_eq!(["started", "system.shutdown"].map(|line| pid1.diary().matches(line).count()), [1, 1]);
}

#[test]
fn a_fault_as_a_shutdown_begins_keeps_the_history_of_the_server() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.diary_line("started");
    pid1.line(" started");
    let pid = pid1.pid1();
    let mut held = Held::waiting(pid);
    pid1.signal(libc::SIGTERM);
    // The line "stop begins": the phase has changed by then, and nothing of the shutdown has been done.
    while held.next().expect("it lives") != libc::SYS_write {}
    pid1.signal(libc::SIGSEGV);
    drop(held);
    pid1.line("the server goes on");
    assert_eq!(reexec::number(pid, "generation"), 1);
    assert_ne!(reexec::number(pid, "started"), 0, "the server was started, and may leave orphans");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

/// Lets PID 1 fork so often, and has a fault come before its first instruction after the last fork.
fn fault_after_fork(pid1: &mut Namespace, mut held: Held, count: usize) {
    for _ in 0..count {
        while held.next().expect("it lives") != libc::SYS_clone {}
    }
    // Only now: the kernel forks no child for a process that has a pending signal.
    held.finish_call();
    pid1.signal(libc::SIGSEGV);
    drop(held);
    pid1.line("fault, signal 11");
}

#[test]
fn a_fault_as_the_fork_of_a_server_returns_does_not_lose_the_server() {
    let mut pid1 = Setup::stand_in("obey").with("ZINIT_ORPHANS", "keep").start();
    pid1.is_up();
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(pid1.server(), libc::SIGKILL) };
    pid1.line("respawn in 1000 ms");
    let held = Held::waiting(pid1.pid1());
    pid1.signal(libc::SIGUSR1);
    fault_after_fork(&mut pid1, held, 1);
    pid1.line("the server goes on");
    until("the second server", || pid1.diary().matches("started").count() == 2);
    assert_eq!(pid1.children().len(), 1, "{}", pid1.log.text());
    assert_ne!(reexec::number(pid1.pid1(), "started"), 0, "and its start is known");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert_eq!(["started", "system.shutdown"].map(|line| pid1.diary().matches(line).count()), [2, 1]);
}

/// The pids outside of the namespaces of the helpers that do this, and that are no readers.
fn helpers(services: &mut Services, what: &str) -> Vec<i32> {
    let readers = services.readers();
    let does = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).nth(2) == Some(what.as_bytes())
    };
    services.pid1.children().into_iter().filter(|pid| does(pid) && !readers.contains(pid)).collect()
}

#[test]
fn a_fault_as_the_fork_of_a_restart_helper_returns_does_not_lose_the_soft_restart() {
    let mut services =
        Services::start(&[(Kind::Fast, 1), (Kind::Shell, 1), (Kind::Silent, 1)], StateFile::Any);
    let server = services.pid1.server_named("zinit-server");
    services.restart_by(|pid1| {
        let held = Held::waiting(pid1.pid1());
        pid1.signal(libc::SIGUSR1);
        fault_after_fork(pid1, held, 1);
    });
    assert_ne!(services.pid1.server_named("zinit-server"), server);
    assert_eq!(helpers(&mut services, "restart"), [0; 0]);
    assert_eq!(reexec::number(services.pid1.pid1(), "generation"), 1);
    let log = services.pid1.log.text();
    for line in ["soft restart of server", "prepare_restart requested via IPC"] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
    assert!(!log.contains("respawn in") && !log.contains("sending SIG"), "{log}");
    services.check();
    services.restart();
    services.check();
    services.stop();
}

#[test]
fn a_fault_as_the_fork_of_a_server_returns_does_not_leave_its_services_without_a_watcher() {
    let kinds = [(Kind::Shell, 1), (Kind::Silent, 1)];
    let mut services = Services::start_with(&kinds, StateFile::Any, "adopt");
    services.crash_by(|pid1| {
        let held = Held::waiting(pid1.pid1());
        pid1.signal(libc::SIGUSR1);
        // The first one is that of the helper that ends orphans.
        fault_after_fork(pid1, held, 2);
    });
    services.pid1.line("the server goes on");
    assert_eq!(reexec::number(services.pid1.pid1(), "generation"), 1);
    until("a watcher", || helpers(&mut services, "watch").len() == 1);
    services.check();
    services.crash();
    services.check();
    services.stop();
}

#[test]
fn a_fault_as_the_fork_of_a_watcher_returns_does_not_lose_the_watcher() {
    let kinds = [(Kind::Fast, 1), (Kind::Shell, 1), (Kind::Silent, 1)];
    let mut services = Services::start_with(&kinds, StateFile::Any, "adopt");
    services.crash_by(|pid1| {
        let held = Held::waiting(pid1.pid1());
        pid1.signal(libc::SIGUSR1);
        // The first two are those of the helper that ends orphans, and of the server.
        fault_after_fork(pid1, held, 3);
    });
    let watchers = helpers(&mut services, "watch");
    assert_eq!(watchers.len(), 1, "{}", services.pid1.log.text());
    let pid1 = services.pid1.pid1();
    assert_eq!(reexec::number(pid1, "generation"), 1);
    let known = reexec::number(pid1, "watcher").to_string();
    let inside = status(watchers[0], "NSpid").expect("it runs");
    assert!(inside.split_whitespace().any(|pid| pid == known), "{known} of {inside}");
    services.check();
    services.crash();
    services.check();
    assert_eq!(helpers(&mut services, "watch").len(), 1, "{}", services.pid1.log.text());
    services.stop();
}

/// The address of the only function whose name ends in `end` and contains `part`.
fn address(program: &Path, end: &str, part: &str) -> u64 {
    let list = Command::new("nm").arg("--demangle").arg(program).output();
    let list = String::from_utf8(list.expect("nm runs: package binutils").stdout).expect("names");
    let is_it = |line: &&str| line.ends_with(end) && line.contains(part);
    let found: Vec<&str> = list.lines().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    u64::from_str_radix(found[0].split(' ').next().expect("an address"), 16).expect("a number")
}

#[test]
fn as_a_subreaper_it_ends_by_a_fault_like_any_process() {
    let run =
        "\"$0\" --supervise & subreaper=$!; until grep -q started \"$STAND_IN_DIARY\"; do sleep 0.1; done 2>/dev/null
        kill -SEGV $subreaper; wait $subreaper; echo subreaper ended with $?";
    let mut shell = Setup::stand_in("obey").run(run).start();
    shell.line("subreaper ended with 139");
    shell.end();
    assert!(!shell.log.text().contains("fault, signal"));
}
