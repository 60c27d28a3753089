//! PID 1 at each of its own system calls of an update: a signal there is not lost, and a kill there leaves a whole
//! program. `update.rs` shows the updates themselves.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::hold::Held;
use crate::common::namespace::{Namespace, children, state, status};
use crate::common::updatable::{NEWER, Updatable, generation, offer, write_alone};
use crate::common::{stand_in, until};

/// The progress of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// The request is pending, or was taken.
    Asked,
    /// zinit-pid1ctl checks the candidate.
    Looking,
    /// PID 1 knows that the candidate is installed.
    Found,
    /// PID 1 is the new program, until that waits for a signal.
    Boot,
}

/// A phase, and the number of an instant in it. At each instant PID 1 is about to do another system call.
type Instant = (Phase, usize);

/// An update, with PID 1 held at one instant after the other, until this is dropped.
///
/// zinit-pid1ctl is stopped until PID 1 waits for it, because the number of PID 1's wake-ups meanwhile is random.
struct Update {
    held: Held,
    instant: Instant,
    call: libc::c_long,
    pid: i32,
    before: Vec<i32>,
    updater: i32,
}

impl Update {
    /// Requests an update.
    fn begin(pid1: &mut Namespace) -> Self {
        let (pid, before) = (pid1.pid1(), pid1.children());
        let held = Held::waiting(pid);
        pid1.signal(libc::SIGUSR2);
        let call = libc::SYS_rt_sigtimedwait;
        Self { held, instant: (Phase::Asked, 0), call, pid, before, updater: 0 }
    }

    /// Requests an update and runs to this instant, or to the next phase if this phase is shorter than before.
    fn at(pid1: &mut Namespace, instant: Instant) -> Self {
        let mut update = Self::begin(pid1);
        while update.instant < instant {
            assert!(update.step(), "{instant:?} does not come");
        }
        update
    }

    /// Runs to the next instant; false if there are no more.
    fn step(&mut self) -> bool {
        let (phase, count) = self.instant;
        let mut next = (phase, count + 1);
        match (phase, self.call) {
            (Phase::Looking, libc::SYS_rt_sigtimedwait) if state(self.updater) == Some('Z') => {
                while state(self.updater).is_some() {
                    self.call = self.next();
                }
                next = (Phase::Found, 0);
            }
            (Phase::Looking, libc::SYS_rt_sigtimedwait) => {
                send(self.updater, libc::SIGCONT);
                until("the end of the other program", || state(self.updater) == Some('Z'));
            }
            (Phase::Boot, libc::SYS_rt_sigtimedwait) => return false,
            (_, call) => {
                self.call = self.next();
                if call == libc::SYS_execve {
                    next = (Phase::Boot, 0);
                } else if phase == Phase::Looking && state(self.updater).is_none() {
                    // On a busy computer it may have done everything before it was stopped.
                    next = (Phase::Found, 0);
                } else if phase == Phase::Asked
                    && let Some(child) = children(self.pid).into_iter().find(|pid| !self.before.contains(pid))
                {
                    self.updater = child;
                    send(child, libc::SIGSTOP);
                    next = (Phase::Looking, 0);
                }
            }
        }
        self.instant = next;
        true
    }

    fn next(&mut self) -> libc::c_long {
        self.held.next().expect("it lives")
    }
}

impl Drop for Update {
    fn drop(&mut self) {
        if self.instant.0 == Phase::Looking {
            send(self.updater, libc::SIGCONT);
        }
    }
}

/// All instants of an update.
fn instants() -> Vec<Instant> {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, NEWER);
    let mut update = Update::begin(&mut pid1);
    let mut instants = vec![update.instant];
    while update.step() {
        instants.push(update.instant);
    }
    for (phase, least) in [(Phase::Asked, 4), (Phase::Looking, 5), (Phase::Found, 3), (Phase::Boot, 60)] {
        let count = instants.iter().filter(|instant| instant.0 == phase).count();
        println!("{phase:?}: {count} instants");
        assert!(count >= least, "{phase:?}: {count}");
    }
    instants
}

/// Does something at each instant, several at a time.
fn at_each_instant(what: impl Fn(Instant) + Sync) {
    let (instants, next) = (instants(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(instant) = instants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    what(*instant);
                }
            });
        }
    });
}

fn send(pid: i32, signal: i32) {
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(pid, signal) };
}

/// The servers among the children of PID 1.
fn servers(pid1: &mut Namespace) -> Vec<i32> {
    let all = pid1.children();
    all.into_iter().filter(|pid| status(*pid, "Name").is_some_and(|name| name == "stand-in")).collect()
}

#[test]
fn term_at_each_system_call_of_an_update_stops_the_server_once() {
    at_each_instant(|instant| {
        let (mut pid1, path) = Updatable::new().start();
        offer(&path, NEWER);
        let update = Update::at(&mut pid1, instant);
        pid1.signal(libc::SIGTERM);
        drop(update);
        pid1.ends_well();
        let diary = pid1.diary();
        let counts = ["system.shutdown", "started"].map(|line| diary.matches(line).count());
        assert_eq!(counts, [1, 1], "{instant:?}: {}", pid1.log.text());
    });
}

#[test]
fn usr1_at_each_system_call_of_an_update_replaces_the_server_once() {
    at_each_instant(|instant| {
        let (mut pid1, path) = Updatable::new().start();
        offer(&path, NEWER);
        let (pid, server) = (pid1.pid1(), pid1.server());
        let update = Update::at(&mut pid1, instant);
        pid1.signal(libc::SIGUSR1);
        drop(update);
        until(&format!("the update, {instant:?}"), || generation(pid) == 1);
        until(&format!("another server, {instant:?}"), || {
            let servers = servers(&mut pid1);
            servers.len() == 1 && servers[0] != server && pid1.diary().matches("started").count() == 2
        });
        until("no zombie that stays", || pid1.children().len() == 1);
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        let diary = pid1.diary();
        let counts = ["system.prepare_restart", "started", "system.shutdown"];
        let counts = counts.map(|line| diary.matches(line).count());
        assert_eq!(counts, [1, 2, 1], "{instant:?}: {}", pid1.log.text());
    });
}

#[test]
fn an_orphan_that_exits_at_any_system_call_of_an_update_is_reaped() {
    let Updatable { setup, path } = Updatable::new();
    // PID 1 inherits what its shell has started, as it does from an initramfs.
    let instants = instants();
    let orphans = format!("for orphan in $(seq {}); do sleep 1000 & done", instants.len());
    let mut pid1 = setup.run(&format!("{orphans}\nexec {} \"$@\"", path.display())).start();
    pid1.diary_line("started");
    let (pid, server) = (pid1.pid1(), servers(&mut pid1));
    assert_eq!((server.len(), pid1.children().len()), (1, instants.len() + 1));
    let orphans = pid1.children().into_iter().filter(|pid| *pid != server[0]);
    for ((instant, orphan), updates) in instants.iter().zip(orphans).zip(1..) {
        offer(&path, NEWER);
        let update = Update::at(&mut pid1, *instant);
        send(orphan, libc::SIGKILL);
        until("a zombie", || state(orphan) == Some('Z'));
        drop(update);
        until(&format!("its end, {instant:?}"), || state(orphan).is_none());
        until("the update", || generation(pid) == updates);
        until("nothing else", || pid1.children().len() == instants.len() + 1 - updates as usize);
    }
    assert_eq!(servers(&mut pid1), server);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert_eq!(pid1.diary().matches("started").count(), 1, "one server throughout");
}

#[test]
fn a_second_request_at_any_system_call_of_an_update_changes_nothing_more() {
    at_each_instant(|instant| {
        let (mut pid1, path) = Updatable::new().start();
        offer(&path, NEWER);
        let (pid, server) = (pid1.pid1(), pid1.server());
        let update = Update::at(&mut pid1, instant);
        pid1.signal(libc::SIGUSR2);
        drop(update);
        until(&format!("the update, {instant:?}"), || generation(pid) == 1);
        // Before that, an updater is running.
        if instant.0 == Phase::Boot {
            pid1.line("no update: exited 3");
        }
        until("the end of who looked", || pid1.children().len() == 1);
        assert_eq!((pid1.server(), generation(pid)), (server, 1));
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        let (diary, log) = (pid1.diary(), pid1.log.text());
        assert_eq!(diary.matches("started").count(), 1, "{instant:?}: {log}");
        assert_eq!(log.matches(" is signed").count(), 1, "{instant:?}: {log}");
    });
}

#[test]
fn a_candidate_that_arrives_during_an_installation_waits_for_the_next_request() {
    let (mut pid1, path, first, update) = loop {
        let (mut pid1, path) = Updatable::new().start();
        let first = offer(&path, NEWER);
        let update = Update::at(&mut pid1, (Phase::Looking, 0));
        // On a busy computer it may have done everything before it was stopped.
        if state(update.updater) != Some('Z') {
            break (pid1, path, first, update);
        }
    };
    let pid = pid1.pid1();
    // The updater has renamed the candidate, and is about to remove the files that it was offered by.
    let mut looks = Held::seize(update.updater);
    send(update.updater, libc::SIGCONT);
    while fs::read(&path).expect("a program") != first {
        looks.next().expect("it lives");
    }
    let second = offer(&path, |bytes| bytes.extend([0, 0]));
    drop((looks, update));
    until("the update", || generation(pid) == 1);
    assert!(path.with_extension("new").exists(), "it is there: {}", pid1.log.text());
    pid1.signal(libc::SIGUSR2);
    until("the second update", || generation(pid) == 2);
    assert!(fs::read(&path).expect("a program") == second);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn an_update_during_a_soft_restart_loses_neither() {
    // Servers that agree and exit; agree and have to be killed; do not answer, and exit by a signal; refuse.
    std::thread::scope(|scope| {
        for mode in ["obey", "stay", "silent", "stubborn"] {
            scope.spawn(move || {
                let (mut pid1, path) = Updatable::with(mode).start();
                let (pid, server) = (pid1.pid1(), pid1.server());
                offer(&path, NEWER);
                pid1.signal(libc::SIGUSR1);
                pid1.diary_line("system.prepare_restart");
                pid1.signal(libc::SIGUSR2);
                until(&format!("the update, {mode}"), || generation(pid) == 1);
                until(&format!("another server, {mode}\n{}", pid1.log.text()), || {
                    servers(&mut pid1).iter().all(|pid| *pid != server)
                        && pid1.diary().matches("started").count() == 2
                });
                until(&format!("nobody else, {mode}"), || pid1.children().len() == 1);
                assert_eq!(servers(&mut pid1).len(), 1);
            });
        }
    });
}

#[test]
fn an_update_during_a_backoff_keeps_the_backoff_and_starts_a_server() {
    let Updatable { setup, path } = Updatable::new();
    let (folder, server) = (setup.folder.path().to_path_buf(), setup.folder.path().join("server"));
    let script = format!(
        "#!/bin/sh\n[ -e {}/well ] || exit 3\nexec {} \"$@\"\n",
        folder.display(),
        stand_in().display()
    );
    write_alone(&server, script.as_bytes());
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut pid1 = setup.with("ZINIT_SERVER", server).start();
    let pid = pid1.pid1();
    for (update, delay) in [(1, 1_000), (2, 2_000), (3, 4_000)] {
        pid1.line(&format!("exited 3, respawn in {delay} ms"));
        offer(&path, NEWER);
        pid1.signal(libc::SIGUSR2);
        until("the update", || generation(pid) == update);
    }
    pid1.line("exited 3, respawn in 8000 ms");
    fs::write(folder.join("well"), "").expect("a file");
    offer(&path, NEWER);
    pid1.signal(libc::SIGUSR2);
    until("the last update", || generation(pid) == 4);
    pid1.diary_line("started");
    assert_eq!((servers(&mut pid1).len(), pid1.children().len()), (1, 1));
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert_eq!(pid1.diary().matches("started").count(), 1);
}

/// True if the new program is at a path, false for the old one; at each moment one of them is there, complete.
fn is_new(path: &Path, old: &[u8], new: &[u8]) -> bool {
    let found = fs::read(path).expect("there is always a program");
    assert!(found == old || found == new, "{} bytes", found.len());
    assert_eq!(fs::metadata(path).expect("a file").mode() & 0o777, 0o755);
    found == new
}

#[test]
fn a_kill_of_pid_1_at_any_system_call_of_an_update_leaves_a_complete_program() {
    let news = AtomicUsize::new(0);
    at_each_instant(|instant| {
        let (mut pid1, path) = Updatable::new().start();
        let old = fs::read(&path).expect("the program");
        let new = offer(&path, NEWER);
        Update::at(&mut pid1, instant).held.kill();
        // The updater has exited before this.
        assert!(!pid1.end().success());
        let is_new = is_new(&path, &old, &new);
        assert!(
            match instant.0 {
                Phase::Asked => !is_new,
                Phase::Looking => true,
                Phase::Found | Phase::Boot => is_new,
            },
            "{instant:?}"
        );
        news.fetch_add(usize::from(is_new), Ordering::Relaxed);
    });
    assert!(news.into_inner() > 60);
}

/// PID 1 is stopped where it would execute the new program, and the execve is refused.
#[test]
fn a_kill_of_pid_1_while_it_restores_the_old_program_leaves_a_complete_one() {
    let mut programs = vec![];
    for calls in 0.. {
        let (mut pid1, path) = Updatable::new().start();
        let old = fs::read(&path).expect("the program");
        let new = offer(&path, NEWER);
        let mut held = Held::waiting(pid1.pid1());
        pid1.signal(libc::SIGUSR2);
        while held.next().expect("it lives") != libc::SYS_execve {}
        held.refuse(libc::EIO);
        let mut call = 0;
        for _ in 0..=calls {
            call = held.next().expect("it lives");
        }
        if call == libc::SYS_rt_sigtimedwait {
            drop(held);
            until("the old program in its place", || !is_new(&path, &old, &new));
            break;
        }
        held.kill();
        assert!(!pid1.end().success());
        programs.push(is_new(&path, &old, &new));
    }
    println!("with the new program after execve failed: {programs:?}");
    assert!(programs[0] && programs.len() > 2, "{programs:?}");
}
