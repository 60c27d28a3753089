//! A `/proc` that shows the processes of another PID namespace, as after `unshare -p`, and none at all.

use std::process::Command;

use crate::common::namespace::{Namespace, Setup};
use crate::common::{program, tool, until, with_tool};

const FOREIGN: &str = "the /proc here is that of another PID namespace";

#[test]
fn each_helper_says_whose_proc_it_is() {
    // Below what is unmounted is that of the namespace outside.
    for (before, why) in [("umount /proc", FOREIGN), ("mount -t tmpfs none /proc", "/proc is not mounted")] {
        let mut pid1 = Setup::stand_in("obey").before(&format!("{}; {before}", with_tool())).start();
        pid1.is_up();
        pid1.signal(libc::SIGUSR1);
        pid1.line(&format!("zinit-pid1ctl: {why}, services are not kept"));
        pid1.diary_line("system.prepare_restart");
        until("the next server", || pid1.diary().matches("started").count() == 2);
        let server = pid1.server();
        // SAFETY: a signal to a process that this test started.
        unsafe { libc::kill(server, libc::SIGKILL) };
        pid1.line(&format!("zinit-pid1ctl: {why}, nothing is known of orphans"));
        until("the third server", || pid1.diary().matches("started").count() == 3);
        pid1.signal(libc::SIGTERM);
        pid1.line(&format!("zinit-pid1ctl: {why}, nothing is known of what is left"));
        pid1.ends_well();
        for wrong in ["only zinit-pid1 may start", "sending KILL"] {
            assert!(!pid1.log.text().contains(wrong), "{}", pid1.log.text());
        }
    }
}

/// Runs a program in a PID namespace below that of PID 1, whose `/proc` it sees; its PID 1 is a shell.
fn below(pid1: &mut Namespace, what: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["-U", "-p", "-m", "-t", &pid1.pid1().to_string(), "--", "unshare", "-p", "-f", "sh", "-c"]);
    command.arg(format!("{what}; echo status $?"));
    command
}

#[test]
fn the_pid_1_of_another_namespace_is_not_taken_for_that_of_this_one() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.is_up();
    for words in ["poweroff", "status", "status --json", "update --check", "update --wait"] {
        let output =
            below(&mut pid1, &format!("{} {words}", tool().display())).output().expect("nsenter runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let expected = format!("zinit-pid1: PID 1 is unknown, {FOREIGN}, nothing was sent to it\n");
        assert!(text.contains(&expected) && text.contains("status 1\n"), "{words}: {text}");
    }
}

#[test]
fn a_second_copy_asks_only_the_socket() {
    for (answers, status) in [(true, "status 1"), (false, "not PID 1: it only runs the server")] {
        let mut pid1 = Setup::stand_in("obey").before(&with_tool()).start();
        pid1.is_up();
        let socket = if answers { pid1.folder.path().join("sock") } else { pid1.folder.path().join("none") };
        let what = format!("export ZINIT_SOCKET={}; {} & wait $!", socket.display(), program().display());
        let output = below(&mut pid1, &what).output().expect("nsenter runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let expected = format!("zinit-pid1: PID 1 is unknown, {FOREIGN}, only the socket was asked\n");
        assert!(text.contains(&expected) && text.contains(status), "{text}");
    }
}
