//! The lines about requests name who has sent them.

use std::fs;

use crate::common::namespace::{Namespace, Setup, freeze};
use crate::common::services::kill;
use crate::common::until;

/// A shell beside PID 1 that waits for a file and then runs commands.
fn beside(commands: &str) -> Namespace {
    let setup = Setup::stand_in("");
    let folder = setup.folder.path().display().to_string();
    let shell =
        format!("(cd {folder}; until [ -e go ]; do sleep 0.02; done; {commands}; >done; sleep 1000; :) &");
    let pid1 = setup.before(&shell).start();
    pid1.diary_line("started");
    pid1
}

fn go(pid1: &Namespace) {
    fs::write(pid1.folder.path().join("go"), "").expect("a file");
}

#[test]
fn a_process_is_named_by_its_pid_and_its_name() {
    let mut pid1 = beside("kill -USR1 1; until [ -e again ]; do sleep 0.02; done; kill -USR2 1");
    go(&pid1);
    let line = pid1.line("begins, asked by ");
    let (_, sender) = line.split_once(" begins, asked by ").expect("just found");
    let (pid, name) = sender.split_once(' ').expect("a pid and a name");
    assert!(line.contains("soft restart of server") && pid.parse::<u32>().is_ok(), "{line}");
    assert_eq!(name, "(sh)", "{line}");
    fs::write(pid1.folder.path().join("again"), "").expect("a file");
    pid1.line(&format!("update begins, asked by {sender}"));
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_process_that_is_gone_is_named_by_its_pid() {
    let mut pid1 = beside("sh -c 'echo $$ >pid; kill -USR2 1'");
    freeze(pid1.pid1());
    go(&pid1);
    until("the end of the sender", || pid1.folder.path().join("done").exists());
    kill(pid1.pid1(), libc::SIGCONT);
    let pid = fs::read_to_string(pid1.folder.path().join("pid")).expect("a file");
    pid1.line(&format!("update begins, asked by {} (gone)", pid.trim()));
    pid1.signal(libc::SIGTERM);
    pid1.line("stop begins, asked by 0 (a process outside)");
    pid1.signal(libc::SIGUSR1);
    pid1.ends_well();
}
