//! Whom the end of a container and of a subreaper waits for, and whom not.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::docker::as_root;
use crate::common::namespace::{Namespace, Setup, children, status};
use crate::common::{until, with_tool};

/// Where zinit-pid1ctl is, and where it is missing.
fn with_and_without_tool() -> [String; 2] {
    [with_tool(), "mount -t tmpfs none /sbin".to_string()]
}

/// A shell that says when it is ready, and works for a while after TERM.
fn trap(folder: &Path) -> String {
    format!("cd {}; trap 'sleep 1; echo >done; exit' TERM; echo >ready; {IDLE}", folder.display())
}

const IDLE: &str = "while :; do sleep 0.05; done";

/// Runs a shell script in the namespaces of PID 1 as `docker exec` does it: it has no parent there.
fn enter(pid1: &mut Namespace, script: &str) -> Child {
    let mut command = Command::new("nsenter");
    command.args(["-U", "-p", "-m", "-t", &pid1.pid1().to_string(), "--", "sh", "-c", script]);
    let entered = command.stdin(Stdio::null()).spawn().expect("nsenter runs: package util-linux");
    until("the script", || pid1.folder.path().join("ready").exists());
    entered
}

#[test]
fn what_has_no_parent_in_the_container_ends_before_it() {
    for before in with_and_without_tool() {
        let mut pid1 = Setup::stand_in("obey").before(&before).start();
        pid1.is_up();
        let folder = pid1.folder.path().to_path_buf();
        let mut entered = enter(&mut pid1, &trap(&folder));
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        let _reaped = entered.wait();
        assert!(folder.join("done").exists(), "{before}: {}", pid1.log.text());
        assert!(!pid1.log.text().contains("KILL"), "{before}: {}", pid1.log.text());
    }
}

#[test]
fn what_has_no_parent_in_the_container_and_is_deaf_gets_the_whole_grace() {
    for before in with_and_without_tool() {
        let mut pid1 = Setup::stand_in("obey").before(&before).start();
        pid1.is_up();
        let script = format!("trap '' TERM; echo >{}/ready; {IDLE}", pid1.folder.path().display());
        let mut entered = enter(&mut pid1, &script);
        pid1.signal(libc::SIGTERM);
        pid1.line("processes left after TERM, sending KILL");
        pid1.ends_well();
        let _reaped = entered.wait();
        assert!(!pid1.log.text().contains("left after KILL"), "{}", pid1.log.text());
    }
}

/// All processes below one.
fn below(pid: i32) -> Vec<i32> {
    children(pid).into_iter().flat_map(|child| [vec![child], below(child)].concat()).collect()
}

/// Root of the machine can put a process into the container whose user has nothing to do with it.
#[test]
fn nobody_waits_for_what_may_not_be_signalled() {
    let mut pid1 = Setup::stand_in("obey").before(&with_tool()).start();
    pid1.is_up();
    let mut command = as_root("nsenter");
    command.args(["-p", "-t", &pid1.pid1().to_string(), "--", "setpriv", "--reuid=1", "--clear-groups"]);
    let entered = command.args(["sleep", "1000"]).stdin(Stdio::null()).spawn();
    let mut entered = entered.expect("nsenter runs: package util-linux");
    let entering = entered.id().cast_signed();
    until("the process", || {
        below(entering).iter().any(|pid| status(*pid, "Name").as_deref() == Some("sleep"))
    });
    pid1.signal(libc::SIGTERM);
    let line = pid1.line("no right (CAP_KILL) to signal what is left, going on: ");
    assert!(line.ends_with(" (sleep)") && line.matches('(').count() == 2, "{line}");
    pid1.ends_well();
    let _reaped = entered.wait();
    for stage in ["left after TERM", "left after KILL"] {
        assert!(!pid1.log.text().contains(stage), "{}", pid1.log.text());
    }
}

/// The program as a child of a shell that is PID 1; the script `service` is a child of the program.
const SUBREAPER: &str = r#"setsid sleep 1000 & echo stranger $!
    sh -c 'sh service & exec "$0" --supervise' "$0" & wait $!; echo ended $?; exec sleep 1000"#;

/// Starts it with a service whose child does this at TERM, and waits for that child.
fn start_subreaper(before: &str, at_term: &str) -> Namespace {
    let setup = Setup::stand_in("obey");
    let folder = setup.folder.path().to_path_buf();
    let service = format!("trap exit TERM; (trap '{at_term}' TERM; echo >ready; {IDLE}) & wait");
    fs::write(folder.join("service"), service).expect("a file");
    let pid1 = setup.before(&format!("{before}\ncd {}", folder.display())).run(SUBREAPER).start();
    pid1.is_up();
    until("the service", || folder.join("ready").exists());
    pid1
}

/// Tells the subreaper to stop, and waits for its end; its children and what they leave behind have ended then.
fn stop_subreaper(pid1: &Namespace) {
    let shell = pid1.shell();
    let named = |name: &str| {
        let mut all = children(shell).into_iter();
        all.find(|pid| status(*pid, "Name").is_some_and(|found| found == name))
    };
    let subreaper = named("zinit-pid1").expect("the subreaper");
    // SAFETY: a signal to a process that this test started.
    assert_eq!(unsafe { libc::kill(subreaper, libc::SIGTERM) }, 0);
    pid1.line("ended 0");
    // What is left is the shell, which has become `sleep`, and the stranger.
    until("the shell's end", || status(shell, "Name").is_some_and(|name| name == "sleep"));
    let left: Vec<_> = children(shell).into_iter().map(|pid| status(pid, "Name")).collect();
    assert_eq!(left, [Some("sleep".to_string())], "{}", pid1.log.text());
}

#[test]
fn a_subreaper_ends_its_children_and_those_that_it_adopts_meanwhile() {
    let pid1 = start_subreaper(&with_tool(), "sleep 1; echo >done; exit");
    stop_subreaper(&pid1);
    assert!(pid1.folder.path().join("done").exists(), "{}", pid1.log.text());
    assert!(!pid1.log.text().contains("KILL"), "{}", pid1.log.text());
}

#[test]
fn a_subreaper_kills_what_is_deaf() {
    let pid1 = start_subreaper(&with_tool(), "echo >>told");
    stop_subreaper(&pid1);
    let told = fs::read_to_string(pid1.folder.path().join("told")).expect("a trap");
    assert_eq!(told, "\n", "TERM comes once");
    assert!(pid1.log.text().contains("processes left after TERM, sending KILL"), "{}", pid1.log.text());
}

#[test]
fn a_subreaper_without_zinit_pid1ctl_ends_at_once_and_signals_nobody() {
    let pid1 = start_subreaper("mount -t tmpfs none /sbin", "echo >>told");
    let shell = pid1.shell();
    let subreaper =
        children(shell).into_iter().find(|pid| status(*pid, "Name").as_deref() == Some("zinit-pid1"));
    // SAFETY: a signal to a process that this test started.
    assert_eq!(unsafe { libc::kill(subreaper.expect("the subreaper"), libc::SIGTERM) }, 0);
    pid1.line("ended 0");
    assert!(!pid1.folder.path().join("told").exists(), "{}", pid1.log.text());
    for word in ["left after TERM", "cannot execute"] {
        assert!(!pid1.log.text().contains(word), "{}", pid1.log.text());
    }
}
