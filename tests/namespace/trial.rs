//! A candidate is tried as PID 1 of namespaces of its own before it replaces PID 1.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::namespace::{Log, Namespace, children, state};
use crate::common::trace::Trace;
use crate::common::until;
use crate::common::updatable::{NEWER, Updatable, generation, inode, offer, offer_bytes};
use crate::common::variant::variant;

/// What the surroundings of PID 1 hold that a candidate could leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Surroundings {
    mounts: String,
    files: BTreeSet<PathBuf>,
    children: Vec<i32>,
}

impl Surroundings {
    fn of(pid1: &mut Namespace, path: &Path) -> Self {
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", pid1.pid1())).expect("mounts");
        let sbin = PathBuf::from(format!("/proc/{}/root/sbin", pid1.pid1()));
        let folders = [path.parent().expect("a folder"), &sbin];
        let files = folders.iter().flat_map(|folder| {
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        });
        Self { mounts, files: files.collect(), children: pid1.children() }
    }
}

#[test]
fn a_candidate_is_tried_as_pid_1_and_leaves_nothing_behind() {
    let (mut pid1, path) = Updatable::new().start();
    let pid = pid1.pid1();
    let before = Surroundings::of(&mut pid1, &path);
    offer(&path, NEWER);
    pid1.signal(libc::SIGUSR2);
    pid1.line(&format!("{}.new works as PID 1", path.display()));
    pid1.line("the server goes on");
    assert_eq!(generation(pid), 1);
    let mut after = Surroundings::of(&mut pid1, &path);
    assert!(after.files.remove(&path.with_extension("old")));
    assert_eq!(after, before);
    assert_eq!(pid1.diary().matches("started").count(), 1, "it has started no server of PID 1");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

/// Offers a candidate that is refused for this reason; nothing changes but the file's name.
fn is_refused(candidate: &[u8], reason: &str) {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server, running) = (pid1.pid1(), pid1.server(), inode(&path));
    offer_bytes(&path, candidate);
    let before = Surroundings::of(&mut pid1, &path);
    pid1.signal(libc::SIGUSR2);
    pid1.line(&format!("update refused, {}.new: as PID 1 of namespaces it {reason}", path.display()));
    pid1.line("no update: exited 1");
    assert_eq!((generation(pid), pid1.server(), inode(&path)), (0, server, running));
    assert_eq!(Surroundings::of(&mut pid1, &path), before);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

/// A candidate that answers the plain probe and ends with SIGILL as PID 1.
pub fn faults() -> PathBuf {
    variant("faults-as-pid1", &[("src/main.rs", "sys.enable_watchdog();", "rt::arch::trap();")])
}

/// A candidate that answers the plain probe and does not end when it is PID 1.
fn stays() -> PathBuf {
    let row = "(Signal::TERM, Request::End(Ending::Poweroff)),";
    variant("stays-as-pid1", &[("src/signals.rs", row, "(Signal(50), Request::End(Ending::Poweroff)),")])
}

#[test]
fn a_candidate_that_faults_as_pid_1_is_refused_with_its_last_line() {
    let candidate = fs::read(faults()).expect("a program");
    is_refused(&candidate, "ended with wait status 33792, its last line: zinit-pid1: fault, signal 4");
}

#[test]
fn a_candidate_that_does_not_end_as_pid_1_is_refused_in_time() {
    let candidate = fs::read(stays()).expect("a program");
    is_refused(&candidate, "did not end in time, its last line: zinit-pid1: ");
}

#[test]
fn a_candidate_that_starts_no_server_is_refused_in_time() {
    let mut candidate = fs::read(crate::common::program()).expect("the program");
    replace(&mut candidate, b"/sbin/zinit-server\0/usr/sbin", b"/sbin/zinit-nobody\0/usr/sbin");
    candidate.push(0);
    is_refused(&candidate, "did not start a server in time, its last line: zinit-pid1: ");
}

/// Replaces a text that occurs once by one of the same length.
fn replace(bytes: &mut [u8], text: &[u8], by: &[u8]) {
    let found: Vec<usize> = bytes
        .windows(text.len())
        .enumerate()
        .filter(|(_, window)| *window == text)
        .map(|(at, _)| at)
        .collect();
    let [at] = found[..] else { panic!("{} is there {} times", text.escape_ascii(), found.len()) };
    bytes[at..at + by.len()].copy_from_slice(by);
}

#[test]
fn a_candidate_that_does_not_ask_for_it_is_never_started_as_pid_1() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    offer(&path, |bytes| replace(bytes, b"\nprobe-pid1\n", b"\nprobe-pid9\n"));
    let calls = pid1.folder.path().join("calls");
    let file = calls.display().to_string();
    let trace = Trace::attach(pid, &["-f", "-o", &file, "-e", "trace=clone,clone3,execve,execveat"]);
    pid1.signal(libc::SIGUSR2);
    pid1.line("the server goes on");
    drop(trace);
    assert_eq!((generation(pid), pid1.server()), (1, server));
    assert!(!pid1.log.text().contains("as PID 1"), "{}", pid1.log.text());
    let calls = fs::read_to_string(calls).expect("calls");
    assert!(calls.contains("--probe") && !calls.contains("CLONE_NEWPID"), "{calls}");
    assert_eq!(pid1.diary().matches("started").count(), 1);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn without_namespaces_a_line_says_so_and_the_probe_counts() {
    let mut updatable = Updatable::new();
    let run = format!("echo 0 >/proc/sys/user/max_pid_namespaces; exec {} \"$@\"", updatable.path.display());
    updatable.setup = updatable.setup.run(&run);
    let (mut pid1, path) = updatable.start();
    offer(&path, NEWER);
    is_updated_without_a_trial(&mut pid1, &path, "ENOSPC (no space left)");
}

#[test]
fn without_the_right_to_make_namespaces_a_line_says_so_and_the_probe_counts() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    // Of the helper, whose first child answers the plain probe.
    let _trace = Trace::attach(pid1.pid1(), &["-f", "-e", "inject=clone:error=EPERM:when=2+"]);
    is_updated_without_a_trial(&mut pid1, &path, "EPERM (not permitted)");
}

#[test]
fn without_mounts_a_line_says_so_and_the_probe_counts() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    let _trace = Trace::attach(pid1.pid1(), &["-f", "-e", "inject=mount:error=EACCES:when=2"]);
    is_updated_without_a_trial(&mut pid1, &path, "EACCES (no permission)");
}

fn is_updated_without_a_trial(pid1: &mut Namespace, path: &Path, errno: &str) {
    pid1.signal(libc::SIGUSR2);
    pid1.line(&format!(
        "{}.new cannot be tried as PID 1 of namespaces, only its answer counts: {errno}",
        path.display()
    ));
    pid1.line("the server goes on");
    assert!(!pid1.log.text().contains("works as PID 1"), "{}", pid1.log.text());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn without_the_right_to_mount_it_is_tried_in_a_user_namespace() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    let trace = Trace::attach(pid1.pid1(), &["-f", "-e", "inject=clone:error=EPERM:when=2"]);
    pid1.signal(libc::SIGUSR2);
    pid1.line(&format!("{}.new works as PID 1", path.display()));
    pid1.line("the server goes on");
    drop(trace);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn it_sees_itself_alone_and_ends_with_a_helper_that_is_killed() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    offer_bytes(&path, &fs::read(stays()).expect("a program"));
    pid1.signal(libc::SIGUSR2);
    let mut found = None;
    until("a candidate as PID 1", || {
        let helper = pid1.children().into_iter().find(|child| *child != server);
        let tried = helper.and_then(|helper| Some((helper, children(helper).first().copied()?)));
        found = tried.filter(|(_, tried)| link(*tried, "exe").ends_with("sbin/zinit-server"));
        // execve(2) changes the program first, and sets its words and variables after that.
        found.is_some_and(|(_, tried)| {
            fs::read(format!("/proc/{tried}/environ")).is_ok_and(|all| !all.is_empty())
        })
    });
    let (helper, tried) = found.expect("just found");
    for own in ["ns/pid", "ns/mnt"] {
        assert_ne!(link(tried, own), link(pid, own));
    }
    assert_eq!(fs::read(format!("/proc/{tried}/environ")).expect("variables"), b"ZINIT_CONFIG_DIR=--probe\0");
    assert_eq!(fs::read(format!("/proc/{tried}/cmdline")).expect("words"), b"zinit-pid1\0-c\0");
    assert_eq!(link(tried, "fd/0"), Path::new("/dev/null"));
    let root = PathBuf::from(format!("/proc/{tried}/root"));
    let files = |folder: &str| -> Vec<_> {
        let entries = fs::read_dir(root.join(folder)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    assert_eq!((files(""), files("sbin")), (vec!["sbin".into()], vec!["zinit-server".into()]));

    // SAFETY: a signal to a process that this test has had started.
    unsafe { libc::kill(helper, libc::SIGKILL) };
    pid1.line("no update: killed by signal 9");
    until("its end", || state(tried).is_none() && pid1.children() == [server]);
    assert_eq!(generation(pid), 0);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

fn link(pid: i32, name: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/{name}")).unwrap_or_default()
}

/// A mount namespace whose mounts are shared passes on what is mounted in a copy of it.
#[test]
fn its_mounts_do_not_get_into_a_shared_mount_namespace() {
    let mut updatable = Updatable::new();
    let run = format!("mount --make-rshared /; exec {} \"$@\"", updatable.path.display());
    updatable.setup = updatable.setup.run(&run);
    let (mut pid1, path) = updatable.start();
    let before = Surroundings::of(&mut pid1, &path);
    assert!(before.mounts.contains(" shared:"));
    offer_bytes(&path, &fs::read(stays()).expect("a program"));
    pid1.signal(libc::SIGUSR2);
    let log: Log = pid1.log.clone();
    until("its end", || {
        assert_eq!(Surroundings::of(&mut pid1, &path).mounts, before.mounts);
        log.text().contains("no update: exited 1")
    });
    pid1.line("it did not end in time");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}
