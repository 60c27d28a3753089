//! What zinit-server 0.3.9 does at a stop, as the manual says it, and what an engine's kill cuts off.

use std::fs;

use crate::common::docker::{Container, docker, service, told};
use crate::common::{Folder, until};

#[test]
fn zinit_shutdown_stops_the_server_only_and_pid_1_starts_it_again() {
    let container = Container::zinit(&[]);
    let before = container.running("one");
    container.line("IPC server listening");
    container.ask(&["exec"], &["zinit", "shutdown"]);
    container.line("exited 0, respawn in 1000 ms");
    container.nth("IPC server listening", 2);
    assert_ne!(container.running("one"), before, "the service was stopped and started again");
    assert_eq!(container.state(".State.Running"), "true");
    // What ends the container from inside.
    container.ask(&["exec"], &["zinit-pid1", "poweroff"]);
    assert_eq!(told(&mut docker(&["wait", &container.name])).trim(), "0");
}

#[test]
fn what_a_process_prints_after_the_end_of_the_server_is_lost_but_not_what_it_writes_to_a_file() {
    for (redirect, survives) in [("", false), (" >>/shared/log 2>&1", true)] {
        let folder = Folder::new();
        // In a session of its own the server does not reach it: TERM to all does, when the server is gone. The shell would
        // print a line, and end here, if a child that it runs in the foreground died of TERM.
        let script = "trap 'echo >/shared/trapped; echo last words; echo >/shared/after; exit' TERM; \
                      echo >/shared/ready; while :; do sleep 1000 & wait; done";
        fs::write(folder.path().join("script"), script).expect("a file");
        let command = format!("setsid sh /shared/script{redirect} & sleep 1000");
        service(folder.path(), "one", &command);
        let container = Container::services(&folder, &[]);
        until("the trap", || folder.path().join("ready").exists());
        container.stops();
        let exists = |name: &str| folder.path().join(name).exists();
        assert!(exists("trapped"), "it got TERM");
        // SIGPIPE ends it where it prints.
        assert_eq!(exists("after"), survives);
        let (server, program) = container.logs();
        assert!(!(server + &program).contains("last words"));
        let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        assert_eq!(log.contains("last words"), survives);
    }
}

#[test]
fn an_engine_that_waits_too_short_kills_every_process_in_the_middle() {
    let folder = Folder::new();
    let stop =
        "echo >/shared/stopping; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done; echo >/shared/done; exit";
    service(
        folder.path(),
        "slow",
        &format!("trap '{stop}' TERM; echo >/shared/ready; while :; do sleep 0.1; done"),
    );
    let container =
        Container::services(&folder, &["--env=ZINIT_LOG_LEVEL=debug", "--env=ZINIT_STOP_TIMEOUT=8"]);
    until("the trap", || folder.path().join("ready").exists());
    told(&mut docker(&["stop", "--time=2", &container.name]));
    let (server, program) = container.logs();
    assert_eq!(container.state(".State.ExitCode"), "137", "{program}{server}");
    // The line tells why, before it happens.
    assert!(program.contains("zinit-pid1: the server has 8000 ms, TERM and KILL 5 s each"), "{program}");
    assert!(!program.contains("exited"), "{program}");
    assert!(!server.contains("zinit-server stopped"), "{server}");
    let exists = |name: &str| folder.path().join(name).exists();
    assert!(exists("stopping") && !exists("done"));
}
