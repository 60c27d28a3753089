//! PID 1 survives a fault of its own, in namespaces; `tests/board.rs` shows it on a machine.

mod common;

use std::os::unix::process::ExitStatusExt;

use common::namespace::Setup;
use common::until;

const FAULTS: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

#[test]
fn after_a_fault_it_becomes_itself_with_the_same_server_and_obeys() {
    for fault in FAULTS {
        let mut pid1 = Setup::stand_in("obey").start();
        pid1.diary_line("started");
        let server = pid1.server();
        pid1.signal(fault);
        pid1.line(&format!("fault, signal {fault}"));
        pid1.line("the server goes on");
        assert_eq!(pid1.server(), server);
        // It does what it did before: the server's end is its to see.
        // SAFETY: a signal to a process that this test started.
        unsafe { libc::kill(server, libc::SIGKILL) };
        pid1.line("killed by signal 9, respawn in 1000 ms");
        until("the next server", || pid1.diary().matches("started").count() == 2);
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn the_second_fault_in_a_minute_ends_a_container() {
    for fault in FAULTS {
        let mut pid1 = Setup::stand_in("obey").start();
        pid1.diary_line("started");
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
    pid1.diary_line("started");
    pid1.signal(libc::SIGTERM);
    pid1.line("stop begins");
    until("the courier", || pid1.diary().contains("system.shutdown"));
    pid1.signal(libc::SIGSEGV);
    assert_eq!(pid1.end().code(), Some(128 + libc::SIGSEGV));
    assert!(!pid1.log.text().contains("the server goes on"));
}

#[test]
fn a_fault_of_its_child_is_not_its_own() {
    let mut pid1 = Setup::stand_in("silent").with("ZINIT_STOP_TIMEOUT", "20").start();
    pid1.diary_line("started");
    let server = pid1.server();
    pid1.signal(libc::SIGTERM);
    pid1.diary_line("system.shutdown");
    // The courier has PID 1's handlers until it ends.
    let courier = pid1.children().into_iter().find(|child| *child != server).expect("it waits for an answer");
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(courier, libc::SIGSEGV) };
    pid1.line("request failed, sending SIGTERM");
    pid1.ends_well();
    assert!(!pid1.log.text().contains("fault, signal"));
}

#[test]
fn as_a_guest_it_is_a_process_like_any_other() {
    let run =
        "\"$0\" \"$@\" & guest=$!; until grep -q started \"$STAND_IN_DIARY\"; do sleep 0.1; done 2>/dev/null
        kill -SEGV $guest; wait $guest; echo guest ended with $?";
    let mut shell = Setup::stand_in("obey").run(run).start();
    shell.line("guest ended with 139");
    shell.end();
    assert!(!shell.log.text().contains("fault, signal"));
}
