//! A second copy of the program beside a PID 1, or beside another process, that supervises a server.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::common::namespace::{Namespace, Setup, children, state};
use crate::common::{tool, until, with_tool};

/// Runs commands in the background as soon as the first server has started, and then becomes the program.
fn beside(commands: &str) -> String {
    format!("({WAIT}\n{commands}) & exec \"$0\"")
}

/// Starts the program in the background, not as PID 1, and runs commands as soon as the first server has started.
fn behind(commands: &str) -> String {
    format!("\"$0\" & echo first $!\n{WAIT}\n{commands}\nexec sleep 1000")
}

const WAIT: &str = "until [ -s \"$STAND_IN_DIARY\" ]; do sleep 0.01; done";

/// What the line of a refusal says at its end.
const INSTEAD: &str = "try zinit-pid1 status or --supervise";

#[test]
fn beside_this_pid_1_a_copy_is_refused_and_the_first_server_still_answers() {
    for copy in [
        "\"$0\"",
        "\"$0\" -c",
        // Its own socket makes no difference, and neither does its name.
        "ZINIT_SOCKET=$ZINIT_SOCKET.2 \"$0\"",
        "ln -s \"$0\" \"${STAND_IN_DIARY%diary}init\"; \"${STAND_IN_DIARY%diary}init\" --container",
    ] {
        let setup = Setup::stand_in("obey").before(&with_tool());
        let mut pid1 = setup.run(&beside(&format!("{copy}; echo ended $?"))).start();
        let line = pid1.line("a server runs already");
        assert_eq!(line, format!("zinit-pid1: a server runs already (PID 1), {INSTEAD}"));
        pid1.line("ended 1");
        assert!(!pid1.log.text().contains("not PID 1"), "{copy}: {}", pid1.log.text());
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        let diary = pid1.diary();
        assert_eq!(diary.matches("started").count(), 1, "{copy}: {diary}");
        assert!(diary.contains("system.shutdown") && diary.contains("left"), "{copy}: {diary}");
    }
}

#[test]
fn a_copy_is_refused_where_a_process_answers_on_the_socket() {
    // A server whose queue of connections is full listens, too.
    for mode in ["obey", "deaf"] {
        let setup = Setup::stand_in(mode).before(&with_tool());
        let pid1 = setup.run(&behind("\"$0\"; echo ended $?")).start();
        let socket = pid1.folder.path().join("sock");
        let line = pid1.line("a server runs already");
        assert_eq!(line, format!("zinit-pid1: a server runs already ({}), {INSTEAD}", socket.display()));
        pid1.line("ended 1");
        assert_eq!(pid1.diary().matches("started").count(), 1, "{mode}: {}", pid1.diary());
        if mode == "obey" {
            end(&pid1);
            assert!(pid1.diary().contains("left"), "the first server was asked: {}", pid1.diary());
        }
    }
}

#[test]
fn a_copy_that_insists_supervises_a_server_of_its_own() {
    let copy = "ZINIT_SOCKET=$ZINIT_SOCKET.2 STAND_IN_DIARY=$STAND_IN_DIARY.2 \"$0\" -c --supervise";
    let mut pid1 = Setup::stand_in("obey").run(&beside(copy)).start();
    pid1.line("not PID 1: it only runs the server");
    let diary = pid1.folder.path().join("diary.2");
    until("a second server", || fs::read_to_string(&diary).is_ok_and(|diary| diary.contains("started")));
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert!(pid1.diary().contains("left"), "{}", pid1.diary());
}

#[test]
fn a_socket_on_which_nobody_listens_is_no_server() {
    let setup = Setup::stand_in("obey").before(&with_tool()).run("\"$0\" & echo first $!; exec sleep 1000");
    drop(UnixListener::bind(setup.folder.path().join("sock")).expect("a socket"));
    let pid1 = setup.start();
    pid1.diary_line("started");
    end(&pid1);
    assert!(pid1.diary().contains("left"), "{}", pid1.diary());
}

/// With a right that is checked wrongly it would end up on the disks of this computer: SysRq is kept from it.
#[test]
fn the_helper_for_disks_refuses_to_work_for_pid_1_of_a_namespace() {
    let mut pid1 = Setup::stand_in("obey")
        .before(&format!("{}; mount --bind /dev/null /proc/sysrq-trigger", with_tool()))
        .run(&format!("({WAIT}; exec /sbin/zinit-pid1ctl --helper remount) & exec \"$0\""))
        .start();
    pid1.line("zinit-pid1ctl: only PID 1 of a machine may ask for a remount");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert!(!pid1.log.text().contains("emergency"), "{}", pid1.log.text());
}

/// Ends the copy that was started first, and waits for its end.
fn end(shell: &Namespace) {
    let first = child_of(shell.shell());
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(first, libc::SIGTERM) };
    until("its end", || state(first).is_none_or(|state| state == 'Z'));
}

/// The program as a child of a process.
fn child_of(shell: i32) -> i32 {
    let name = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    children(shell).into_iter().find(|pid| name(pid).trim() == "zinit-pid1").expect("the first copy")
}

#[test]
fn the_start_of_a_server_by_another_program_changes_nothing() {
    let script = "mount -t tmpfs none /etc; echo other >/etc/hostname; echo kept >/proc/sys/kernel/hostname
        \"$0\" --helper start /bin/cat /proc/sys/kernel/hostname; :";
    let mut unshare = Command::new("unshare");
    unshare.args([
        "-U",
        "-r",
        "-p",
        "-m",
        "-n",
        "-u",
        "-f",
        "--mount-proc",
        "--kill-child=KILL",
        "sh",
        "-c",
        script,
    ]);
    let output = unshare.arg(tool()).output().expect("unshare runs: package util-linux");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "kept\n", "{output:?}");
}
