//! The real programs for other architectures as PID 1 of namespaces, by QEMU's user emulation. The server and all helpers
//! are native.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::common::namespace::{Namespace, Setup, emulator};
use crate::common::updatable::{generation, write_alone};
use crate::common::{board, until};

/// Makes a test of each function for each architecture.
macro_rules! on_each_architecture {
    ($($name:ident)*) => {
        mod aarch64 { $(#[test] fn $name() { super::$name("aarch64") })* }
        mod armv7 { $(#[test] fn $name() { super::$name("armv7") })* }
        mod riscv64 { $(#[test] fn $name() { super::$name("riscv64") })* }
    };
}

on_each_architecture! {
    a_life_from_the_banner_to_exit_status_0
    a_crash_of_the_server_and_its_delay
    a_soft_restart
    orphans_are_reaped
    a_server_that_cannot_be_executed_is_a_line_with_the_reason
    a_fault_keeps_the_server
    the_second_fault_in_a_minute_ends_a_container
    an_update_keeps_the_server
}

/// The program for an architecture.
fn program(arch: &str) -> PathBuf {
    board::product(arch, "zinit-pid1")
}

/// Starts the program for an architecture.
fn start(arch: &str, setup: Setup) -> Namespace {
    let mut pid1 = setup.emulated(arch, program(arch)).start();
    let runs = fs::read_link(format!("/proc/{}/exe", pid1.pid1())).expect("a link");
    assert_eq!(runs, fs::canonicalize(emulator(arch)).expect("an emulator"), "the program of {arch}");
    pid1
}

/// The same, and waits for the first server.
fn start_up(arch: &str, setup: Setup) -> Namespace {
    let pid1 = start(arch, setup);
    pid1.is_up();
    pid1
}

fn kill(pid: i32, signal: i32) {
    // SAFETY: a signal to a process that this test started.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// Waits for the `count`th server.
fn servers(pid1: &Namespace, count: usize) {
    until("another server", || pid1.diary().matches("started").count() == count);
}

/// Asserts that PID 1 sees what happens to its server, and obeys.
fn works_and_ends(mut pid1: Namespace) {
    let count = pid1.diary().matches("started").count();
    kill(pid1.server(), libc::SIGKILL);
    servers(&pid1, count + 1);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert_eq!(pid1.diary().matches("system.shutdown").count(), 1, "{}", pid1.diary());
}

fn a_life_from_the_banner_to_exit_status_0(arch: &str) {
    for (mode, last) in [("obey", "exited 0"), ("refuse", "killed by signal 15")] {
        let mut pid1 = start_up(arch, Setup::stand_in(mode));
        pid1.line(&format!("version {}, PID 1 of a container", env!("CARGO_PKG_VERSION")));
        for ignored in [libc::SIGHUP, libc::SIGALRM, libc::SIGCHLD, 50] {
            pid1.signal(ignored);
        }
        pid1.signal(libc::SIGTERM);
        pid1.line("stop begins");
        pid1.line(last);
        pid1.ends_well();
        assert_eq!(pid1.diary().matches("system.shutdown").count(), 1, "{}", pid1.diary());
    }
}

fn a_crash_of_the_server_and_its_delay(arch: &str) {
    // It may have to be built, which is no part of the time.
    let _program = program(arch);
    let begin = Instant::now();
    let mut pid1 = start_up(arch, Setup::stand_in("die"));
    pid1.line("exited 3, respawn in 1000 ms");
    pid1.line("exited 3, respawn in 2000 ms");
    let first = begin.elapsed();
    pid1.line("exited 3, respawn in 4000 ms");
    let second = begin.elapsed();
    // PID 1 counts in whole milliseconds and may be early by one.
    for (time, least) in [(first, 999), (second, 2998)] {
        let least = Duration::from_millis(least);
        assert!((least..least + Duration::from_secs(30)).contains(&time), "{time:?}: {}", pid1.log.text());
    }
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

fn a_soft_restart(arch: &str) {
    let mut pid1 = start_up(arch, Setup::stand_in("obey"));
    let server = pid1.server();
    pid1.signal(libc::SIGUSR1);
    pid1.diary_line("system.prepare_restart");
    servers(&pid1, 2);
    assert_ne!(pid1.server(), server);
    assert!(!pid1.log.text().contains("respawn in"), "{}", pid1.log.text());
    works_and_ends(pid1);
}

fn orphans_are_reaped(arch: &str) {
    let setup = Setup::stand_in("storm").with("STAND_IN_ORPHANS", "500");
    let release = setup.folder.path().join("release");
    let mut pid1 = start_up(arch, setup.with("STAND_IN_RELEASE", &release));
    pid1.diary_line("orphans made");
    let all = pid1.children().len();
    assert_eq!(all, 501, "the server and its orphans");
    fs::write(release, "").expect("a file");
    pid1.diary_line("orphans released");
    until("the end of the last orphan", || pid1.children().len() == 1);
    works_and_ends(pid1);
}

fn a_server_that_cannot_be_executed_is_a_line_with_the_reason(arch: &str) {
    for (content, reason) in [
        (None, "ENOENT (no such file or directory)"),
        (Some("not a program"), "ENOEXEC (not a program for this machine)"),
        (Some("#!/no/such/shell\n"), "no interpreter"),
    ] {
        let setup = Setup::stand_in("obey");
        let path = setup.folder.path().join("server");
        if let Some(content) = content {
            write_alone(&path, content.as_bytes());
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&path, executable).expect("a mode");
        }
        let mut pid1 = start(arch, setup.with("ZINIT_SERVER", &path));
        pid1.line(&format!("cannot execute {}: {reason}", path.display()));
        pid1.line("respawn in 1000 ms");
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

fn a_fault_keeps_the_server(arch: &str) {
    for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGTRAP, libc::SIGFPE, libc::SIGABRT] {
        let mut pid1 = start_up(arch, Setup::stand_in("obey"));
        let (pid, server) = (pid1.pid1(), pid1.server());
        pid1.signal(fault);
        pid1.line(&format!("fault, signal {fault}"));
        pid1.line("the server goes on");
        assert_eq!((generation(pid), pid1.server()), (1, server), "{}", pid1.log.text());
        works_and_ends(pid1);
    }
}

fn the_second_fault_in_a_minute_ends_a_container(arch: &str) {
    let mut pid1 = start_up(arch, Setup::stand_in("obey"));
    pid1.signal(libc::SIGSEGV);
    pid1.line("the server goes on");
    pid1.signal(libc::SIGSEGV);
    assert_eq!(pid1.end().code(), Some(128 + libc::SIGSEGV), "{}", pid1.log.text());
    pid1.log.nth("fault, signal 11", 2);
}

/// The updater is a script: zinit-pid1ctl would take the emulator for the program that PID 1 runs.
fn an_update_keeps_the_server(arch: &str) {
    let setup = Setup::stand_in("obey");
    let at = |name: &str| setup.folder.path().join(name);
    fs::create_dir(at("bin")).expect("a folder");
    let newer = at("bin/zinit-pid1");
    write_alone(&newer, &[fs::read(program(arch)).expect("the program"), vec![0]].concat());
    let executable = || std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&newer, executable()).expect("a mode");
    let updater = format!("#!/bin/sh\necho updater: \"$2\" >&2\nprintf '%s\\0\\0' {}\n", newer.display());
    write_alone(&at("updater"), updater.as_bytes());
    fs::set_permissions(at("updater"), executable()).expect("a mode");
    let before =
        format!("mount -t tmpfs -o mode=755 none /sbin; cp {} /sbin/zinit-pid1ctl", at("updater").display());
    let mut pid1 = start_up(arch, setup.before(&before));
    let (pid, server) = (pid1.pid1(), pid1.server());
    for update in 1..=3 {
        pid1.signal(libc::SIGUSR2);
        pid1.log.nth("updater: update", update as usize);
        until("a new PID 1", || generation(pid) == update);
        pid1.log.nth("the server goes on", update as usize);
        assert_eq!(pid1.server(), server);
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("a command line");
        assert_eq!(line.split('\0').nth(1), newer.to_str(), "the program that the emulator runs");
    }
    works_and_ends(pid1);
}
