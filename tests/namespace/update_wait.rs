//! `zinit-pid1ctl update --wait`: whoever asks for an update is told how it ended.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::docker::as_root;
use crate::common::namespace::{Log, Namespace, freeze, status};
use crate::common::trace::Trace;
use crate::common::until;
use crate::common::updatable::{
    NEWER, Updatable, generation, inode, inside_tool, offer, offer_bytes, write_alone,
};
use crate::trial::faults;
use crate::update::as_version;

const WORDS: [&str; 2] = ["update", "--wait"];
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Somebody who waits for an update, and what they read.
struct Waiting {
    tool: Child,
    out: Log,
    err: Log,
}

impl Waiting {
    fn start(mut tool: Command) -> Self {
        tool.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut tool = tool.spawn().expect("nsenter runs: package util-linux");
        let (out, err) = (Log::default(), Log::default());
        out.follow(tool.stdout.take().expect("a pipe"));
        err.follow(tool.stderr.take().expect("a pipe"));
        Self { tool, out, err }
    }

    fn ask(pid1: &mut Namespace) -> Self {
        Self::start(inside_tool(pid1, &[], &WORDS))
    }

    /// Exit status, standard output and standard error.
    fn end(mut self) -> (Option<i32>, String, String) {
        let status = self.tool.wait().expect("its end");
        self.out.is_read();
        self.err.is_read();
        (status.code(), self.out.text(), self.err.text())
    }
}

/// A person asks and waits.
fn ask(pid1: &mut Namespace) -> (Option<i32>, String, String) {
    Waiting::ask(pid1).end()
}

fn ends(pid1: &mut Namespace) {
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn it_says_what_pid_1_is_now() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    for (count, version) in [(1, "0.9.0"), (2, "0.9.9")] {
        offer_bytes(&path, &as_version(version));
        let (status, out, err) = ask(&mut pid1);
        assert_eq!((status, err.as_str()), (Some(0), ""), "{out}\n{}", pid1.log.text());
        // It is true by then.
        assert_eq!((generation(pid), inode(Path::new(&format!("/proc/{pid}/exe")))), (count, inode(&path)));
        let line = format!("zinit-pid1: PID 1 is now zinit-pid1 {version}, generation {count}");
        assert_eq!(out.lines().last(), Some(line.as_str()));
        let lines = [" is signed by key ", " works as PID 1", &format!(" by version {version}"), &line];
        assert_eq!(out.lines().count(), lines.len(), "those of a check, and this one: {out}");
        assert!(out.lines().zip(lines).all(|(line, part)| line.contains(part)), "{out}");
    }
    assert_eq!(pid1.server(), server);
    ends(&mut pid1);
}

#[test]
fn it_waits_until_the_new_pid_1_can_survive_a_fault() {
    let (mut pid1, path) = Updatable::new().start();
    let pid = pid1.pid1();
    offer(&path, NEWER);
    // Without a handler the kernel drops such a signal to PID 1, so the new one is slowed down before it has one.
    let slow = ["-e", "trace=rt_sigaction", "-e", "inject=rt_sigaction:delay_enter=300000"];
    let trace = Trace::attach(pid, &slow);
    assert_eq!(ask(&mut pid1).0, Some(0), "{}", pid1.log.text());
    drop(trace);
    pid1.signal(libc::SIGSEGV);
    until("the fault", || generation(pid) == 2);
    pid1.line("the update had a fault, signal 11: it is undone");
    ends(&mut pid1);
}

#[test]
fn a_program_of_a_package_manager_is_waited_for_too() {
    let (mut pid1, path) = Updatable::new().start();
    let other = path.with_extension("package");
    write_alone(&other, &as_version("0.9.9"));
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    fs::rename(&other, &path).expect("another file");
    let (status, out, err) = ask(&mut pid1);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}\n{}", pid1.log.text());
    assert!(out.ends_with("zinit-pid1: PID 1 is now zinit-pid1 0.9.9, generation 1"), "{out}");
    ends(&mut pid1);
}

#[test]
fn without_a_candidate_it_is_as_a_check_and_pid_1_is_not_asked() {
    let (mut pid1, path) = Updatable::new().start();
    let line = format!("zinit-pid1: no update is there: {}.new", path.display());
    assert_eq!(ask(&mut pid1), (Some(3), line, String::new()));
    is_not_asked(&mut pid1);
}

/// Asserts this after the answer: PID 1 handles signals in the order of their numbers, so the line would be there.
fn is_not_asked(pid1: &mut Namespace) {
    assert_eq!(generation(pid1.pid1()), 0);
    ends(pid1);
    pid1.log.is_read();
    assert!(!pid1.log.text().contains("update"), "{}", pid1.log.text());
}

#[test]
fn a_candidate_that_is_refused_is_as_in_a_check_and_pid_1_is_not_asked() {
    let (mut pid1, path) = Updatable::new().start();
    let new = path.with_extension("new");
    offer(&path, NEWER);
    write_alone(&new, b"something else");
    let line =
        format!("zinit-pid1: update refused, {}.minisig: the file is not what was signed", new.display());
    assert_eq!(ask(&mut pid1), (Some(1), String::new(), line));
    offer_bytes(&path, &fs::read(faults()).expect("a program"));
    let (status, out, err) = ask(&mut pid1);
    let why =
        "as PID 1 of namespaces it ended with wait status 33792, its last line: zinit-pid1: fault, signal 4";
    let line = format!("zinit-pid1: update refused, {}: {why}", new.display());
    assert_eq!((status, out.lines().count()), (Some(1), 1), "{out}");
    assert!(err.starts_with(&line), "{err}");
    is_not_asked(&mut pid1);
}

#[test]
fn what_only_the_helper_of_pid_1_finds_is_told_at_once() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    // Its copy of the candidate cannot be written.
    fs::create_dir(path.with_extension("verified")).expect("a folder");
    let begin = Instant::now();
    let (status, out, err) = ask(&mut pid1);
    assert!(out.ends_with(&format!(" would replace version {VERSION} by version {VERSION}")), "{out}");
    assert_eq!(
        (status, err.as_str()),
        (Some(1), "zinit-pid1: PID 1 was not replaced, the log of the container says why")
    );
    pid1.line(&format!("update refused, {}.verified: cannot write it", path.display()));
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    ends(&mut pid1);
}

#[test]
fn a_program_that_cannot_be_executed_is_told() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    let trace = Trace::attach(pid1.pid1(), &["-e", "inject=execve:error=EIO"]);
    let (status, _, err) = ask(&mut pid1);
    drop(trace);
    assert_eq!(
        (status, err.as_str()),
        (Some(1), "zinit-pid1: PID 1 was not replaced, the log of the container says why")
    );
    pid1.line(&format!("cannot execute {}: EIO", path.display()));
    ends(&mut pid1);
}

/// Somebody who waits for a PID 1 that is stopped, once the check is over.
fn wait_for_a_stopped_pid_1(pid1: &mut Namespace, tool: Command) -> Waiting {
    let pid = pid1.pid1();
    freeze(pid);
    let waiting = Waiting::start(tool);
    waiting.out.line("would replace");
    until("the request", || {
        let pending = status(pid, "ShdPnd").expect("a status");
        u64::from_str_radix(&pending, 16).expect("a number") >> (libc::SIGUSR2 - 1) & 1 == 1
    });
    waiting
}

#[test]
fn a_fault_of_pid_1_meanwhile_is_no_update() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    let tool = inside_tool(&mut pid1, &[], &WORDS);
    let waiting = wait_for_a_stopped_pid_1(&mut pid1, tool);
    fs::remove_file(path.with_extension("new")).expect("a file");
    pid1.signal(libc::SIGSEGV);
    pid1.signal(libc::SIGCONT);
    let line = format!(
        "zinit-pid1: PID 1 had a fault and is zinit-pid1 {VERSION} again, generation 1, see the log of the container"
    );
    let (status, _, err) = waiting.end();
    assert_eq!((status, err), (Some(1), line));
    ends(&mut pid1);
}

#[test]
fn a_pid_1_that_does_not_answer_is_waited_for_as_long_as_the_manual_says() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    let tool = inside_tool(&mut pid1, &[], &WORDS);
    let begin = Instant::now();
    let (status, _, err) = wait_for_a_stopped_pid_1(&mut pid1, tool).end();
    assert_eq!((status, err.as_str()), (Some(1), "zinit-pid1: PID 1 did not react in 30000 ms"));
    assert!(begin.elapsed() >= Duration::from_secs(30), "{:?}", begin.elapsed());
    // The request still is one.
    pid1.signal(libc::SIGCONT);
    until("the update", || generation(pid1.pid1()) == 1);
    ends(&mut pid1);
}

/// As `update` alone answers, and PID 1 is not asked.
#[test]
fn another_user_than_root_may_not_ask() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    let pid = pid1.pid1().to_string();
    for words in [&["update"][..], &WORDS] {
        let mut tool = as_root("nsenter");
        tool.args(["--target", &pid, "--mount", "--pid", "--", "setpriv", "--reuid=1", "--clear-groups"]);
        tool.arg("/sbin/zinit-pid1ctl").args(words);
        let line = "zinit-pid1: cannot signal PID 1: EPERM (not permitted)".to_string();
        assert_eq!(Waiting::start(tool).end(), (Some(1), String::new(), line), "{words:?}");
    }
    is_not_asked(&mut pid1);
}
