//! An update that has a fault is undone: the program before it is PID 1 again, and has its name again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::common::namespace::{Namespace, Setup};
use crate::common::reexec;
use crate::common::updatable::{
    NEWER, Updatable, copy_alone, furnish, generation, inode, offer, offer_bytes,
};
use crate::common::variant::variant;
use crate::common::{program, until};
use zinit_pid1::model::process::FileId;

/// An updated PID 1, with the inodes of the program before it and of its own.
fn updated() -> (Namespace, std::path::PathBuf, [u64; 2]) {
    let (mut pid1, path) = Updatable::new().start();
    let before = inode(&path);
    offer(&path, NEWER);
    pid1.signal(libc::SIGUSR2);
    let pid = pid1.pid1();
    until("the update", || generation(pid) == 1);
    // Only then PID 1 has installed its handler.
    pid1.line("the server goes on");
    let inodes = [before, inode(&path)];
    (pid1, path, inodes)
}

fn running(pid1: &mut Namespace) -> u64 {
    inode(Path::new(&format!("/proc/{}/exe", pid1.pid1())))
}

#[test]
fn after_a_fault_of_an_update_the_program_before_it_has_its_place_and_its_name() {
    let (mut pid1, path, [before, update]) = updated();
    let server = pid1.server_named("stand-in");
    let bad = path.with_extension("bad");
    pid1.signal(libc::SIGSEGV);
    pid1.line("fault, signal 11");
    pid1.line("the update had a fault, signal 11: it is undone");
    pid1.log.nth("the server goes on", 2);
    pid1.line(&format!(
        "{} is the program before the update again, {} is what had the fault",
        path.display(),
        bad.display()
    ));
    assert_eq!((inode(&path), inode(&bad), running(&mut pid1)), (before, update, before));
    assert!(!path.with_extension("old").exists());
    // The helper gives it back after its last line.
    until("no lock", || !path.with_extension("lock").exists());
    assert_eq!((generation(pid1.pid1()), pid1.server_named("stand-in")), (2, server));

    // It can be updated again. That is a fault's second chance, and the next one within a minute has none.
    offer(&path, NEWER);
    until("the helper's end", || pid1.children() == [server]);
    pid1.signal(libc::SIGUSR2);
    until("the second update", || generation(pid1.pid1()) == 3);
    pid1.log.nth("the server goes on", 3);
    pid1.signal(libc::SIGBUS);
    pid1.line("the update had a fault, signal 7: it is undone");
    pid1.log.nth("the server goes on", 4);
    pid1.log.nth("is the program before the update again", 2);
    assert_eq!((inode(&path), running(&mut pid1)), (before, before));
    pid1.signal(libc::SIGSEGV);
    assert_eq!(pid1.end().code(), Some(128 + libc::SIGSEGV), "{}", pid1.log.text());
}

/// A program that works at a boot and has a fault when it takes over from another one, in the place of this line.
fn faults_at_take_over(name: &str, line: &str) -> Vec<u8> {
    let by = format!("{line} if sys.reexec_state().generation() > 0 {{ rt::arch::trap() }}");
    fs::read(variant(name, &[("src/main.rs", line, &by)])).expect("a program")
}

#[test]
fn an_update_that_has_a_fault_at_once_is_undone_whether_it_can_log_it_or_not() {
    for (candidate, logs) in [
        (faults_at_take_over("faults-before-its-log", "sys.install_fault_handler();"), false),
        (faults_at_take_over("faults-after-its-log", "sys.enable_watchdog();"), true),
    ] {
        let (mut pid1, path) = Updatable::new().start();
        let (server, before) = (pid1.server(), inode(&path));
        offer_bytes(&path, &candidate);
        pid1.signal(libc::SIGUSR2);
        pid1.line("works as PID 1");
        pid1.line("the update had a fault, signal 4: it is undone");
        pid1.line("the server goes on");
        pid1.line("is the program before the update again");
        assert_eq!(pid1.log.text().contains("fault, signal 4\n"), logs, "{}", pid1.log.text());
        assert_eq!((inode(&path), running(&mut pid1)), (before, before));
        assert!(fs::read(path.with_extension("bad")).expect("it is kept") == candidate);
        assert_eq!((generation(pid1.pid1()), pid1.server_named("stand-in")), (2, server));
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        assert_eq!(pid1.diary().matches("started").count(), 1);
    }
}

#[test]
fn only_the_file_that_ran_before_is_put_back() {
    let (mut pid1, path, [_, update]) = updated();
    let old = path.with_extension("old");
    fs::remove_file(&old).expect("the program before");
    copy_alone(&program(), &old);
    pid1.signal(libc::SIGSEGV);
    pid1.log.nth("the server goes on", 2);
    assert_eq!((inode(&path), running(&mut pid1)), (update, update), "{}", pid1.log.text());
    assert!(!pid1.log.text().contains("undone") && old.exists());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn only_a_fault_within_a_minute_puts_a_program_back() {
    for (age, put_back) in [(50, true), (61, false)] {
        let Updatable { setup, path } = Updatable::new();
        let old = path.with_extension("old");
        copy_alone(&program(), &old);
        let file = fs::metadata(&old).expect("a file");
        let id = FileId::new(file.ino(), file.mtime().cast_unsigned(), file.mtime_nsec().cast_unsigned());
        let (updated, before) = (moment().wrapping_sub(age).to_string(), id.0.to_string());
        let name = reexec::unsealed(&[
            ("server", "CHILD"),
            ("generation", "1"),
            ("updated", &updated),
            ("before", &before),
        ]);
        let mut pid1 = start(setup, &path, name);
        pid1.line("the server goes on");
        pid1.signal(libc::SIGSEGV);
        pid1.log.nth("the server goes on", 2);
        assert_eq!(pid1.log.text().contains("it is undone"), put_back, "{}", pid1.log.text());
    }
}

/// Starts a program under a name.
fn start(setup: Setup, path: &Path, name: String) -> Namespace {
    let run = format!(
        "exec bash -c 'sleep 1000 & HANDED=${{HANDED//CHILD/$!}}{}' {} \"$@\"",
        reexec::EXEC_SEALED,
        path.display()
    );
    let before = furnish(setup.folder.path());
    setup.with("HANDED", name).before(&before).run(&run).start()
}

/// The time since the boot, in the unit of the re-exec state.
fn moment() -> u32 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one structure.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    u32::try_from((time.tv_sec * 1_000 + time.tv_nsec / 1_000_000) / 1_024).expect("an uptime")
}
