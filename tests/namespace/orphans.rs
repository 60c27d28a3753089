//! `ZINIT_ORPHANS=stop`, the default: processes that a server left behind have ended before the next one starts the
//! same services.
//!
//! The tests here use the stand-in; `tests/namespace/real.rs` has the real server, `tests/vm/features.rs` the rescue
//! program.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::hold::Held;
use crate::common::namespace::{Namespace, Setup, children, state, status};
use crate::common::reexec;
use crate::common::trace::Trace;
use crate::common::updatable::{HANGS, Updatable, generation, offer};
use crate::common::{until, with_tool};

/// A PID 1 with children from before its start, as a server's services are after its exit.
struct Orphaned {
    setup: Setup,
    folder: PathBuf,
}

impl Orphaned {
    fn new(orphans: &str) -> Self {
        let setup = Setup::stand_in("obey").with("ZINIT_ORPHANS", "stop");
        let folder = setup.folder.path().to_path_buf();
        let setup = setup.before(&format!("{}\ncd {}\n{orphans}", with_tool(), folder.display()));
        Self { setup, folder }
    }

    fn start(self) -> (Namespace, PathBuf) {
        let pid1 = self.setup.start();
        pid1.diary_line("started");
        (pid1, self.folder)
    }
}

fn kill(pid: i32, signal: i32) {
    // SAFETY: a signal to a process that this test started.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// Waits for the `count`th server.
fn servers(pid1: &Namespace, count: usize) {
    until(&format!("server {count}\n{}", pid1.log.text()), || {
        pid1.diary().matches("started").count() == count
    });
}

/// Kills the server, and waits for the next one.
fn crash(pid1: &mut Namespace) -> Duration {
    let (begin, count) = (Instant::now(), pid1.diary().matches("started").count());
    kill(pid1.server_named("stand-in"), libc::SIGKILL);
    servers(pid1, count + 1);
    begin.elapsed()
}

fn text(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_default()
}

/// A shell that records each TERM and continues, with a child of its own that does so too.
const DEAF: &str = r#"sh -c 'trap "echo parent >>told" TERM; sh -c "trap \"echo child >>told\" TERM; echo up >>ready
    while :; do sleep 0.05; done" & while :; do sleep 0.05; done' &"#;

#[test]
fn orphans_end_by_term_before_the_next_server_starts_and_not_at_boot() {
    let (mut pid1, folder) = Orphaned::new(
        r#"sleep 1000 & sh -c 'trap "while read -r line; do echo \$line; done <diary >seen; exit 0" TERM; sleep 1000 & echo up >>ready; wait' &"#,
    )
    .start();
    until("the orphan", || text(&folder, "ready") == "up\n");
    let before = pid1.children();
    assert_eq!(before.len(), 3, "what an initramfs left is left alone");
    let time = crash(&mut pid1);
    // The usual second, and not the five seconds in which they could have ended.
    assert!((0.9..5.0).contains(&time.as_secs_f32()), "{time:?}");
    pid1.line("zinit-pid1ctl: ending what the last server left behind");
    let seen = text(&folder, "seen");
    let log = pid1.log.text();
    assert_eq!(seen.matches("started").count(), 1, "it was told before the second server: {seen:?}\n{log}");
    until("one child", || pid1.children().len() == 1);
    assert!(!pid1.log.text().contains("end of orphans"), "{}", pid1.log.text());
    // There are no orphans any more: nothing is done and nothing is logged.
    crash(&mut pid1);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert_eq!(pid1.log.text().matches("ending what the last server").count(), 1);
}

#[test]
fn each_orphan_gets_term_once_and_kill_after_five_seconds() {
    let (mut pid1, folder) = Orphaned::new(DEAF).start();
    until("the orphans", || text(&folder, "ready") == "up\n");
    let time = crash(&mut pid1);
    assert!(time.as_secs_f32() > 5.9, "a second, and five for TERM: {time:?}");
    // After that there is only the deadline for the whole step.
    assert!(!pid1.log.text().contains("not done in time"), "{}", pid1.log.text());
    let told = text(&folder, "told");
    assert_eq!((told.matches("parent").count(), told.matches("child").count()), (1, 1));
    until("one child", || pid1.children().len() == 1);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn orphans_are_ended_unless_they_are_to_be_kept() {
    for (value, left) in [("", 1), ("stop", 1), ("nonsense", 1), ("keep", 2)] {
        let setup = Setup::stand_in("obey").with("ZINIT_ORPHANS", value).before("sleep 1000 &");
        let mut pid1 = setup.start();
        pid1.diary_line("started");
        crash(&mut pid1);
        pid1.line("respawn in 1000 ms");
        until("the next server", || pid1.diary().matches("started").count() == 2);
        assert_eq!(pid1.children().len(), left, "{value}: {}", pid1.log.text());
        assert_eq!(pid1.log.text().contains("ZINIT_ORPHANS=nonsense: not understood"), value == "nonsense");
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn a_subreaper_ends_only_its_own_orphans() {
    let run =
        "sleep 1000 & \"$0\" --supervise & subreaper=$!; wait $subreaper; echo ended $?; exec sleep 1000";
    let pid1 = Orphaned::new("").setup.with("STAND_IN_STOPPED", "1").run(run).start();
    servers(&pid1, 1);
    let shell = pid1.shell();
    let called = |pid: i32, name: &str| status(pid, "Name").is_some_and(|found| found == name);
    // A child that was just forked has another name until its execve.
    let child = |name: &str| {
        let mut found = None;
        until(name, || {
            found = children(shell).into_iter().find(|pid| called(*pid, name));
            found.is_some()
        });
        found.expect("just found")
    };
    let (stranger, subreaper) = (child("sleep"), child("zinit-pid1"));
    let server = children(subreaper)[0];
    let mut orphan = None;
    until("a stopped child of the server", || {
        orphan = children(server).into_iter().find(|pid| state(*pid) == Some('T'));
        orphan.is_some()
    });
    kill(server, libc::SIGKILL);
    servers(&pid1, 2);
    until("the end of a stopped process", || orphan.and_then(state).is_none());
    assert_eq!(state(stranger), Some('S'));
    kill(subreaper, libc::SIGTERM);
    pid1.line("ended 0");
}

#[test]
fn processes_of_a_server_whose_services_are_saved_are_not_ended() {
    // Of the mode `partial` only the first process is known to be a service.
    for (mode, left) in [("obey", 3), ("refuse", 3), ("silent", 1), ("partial", 2)] {
        let setup = Setup::stand_in(mode).with("ZINIT_ORPHANS", "stop");
        let before = format!(
            "{}; mount -t tmpfs none /run; for one in 1 2; do setsid sleep 1000 >/dev/null 2>&1 & done",
            with_tool()
        );
        let mut pid1 = setup.before(&before).start();
        pid1.diary_line("started");
        pid1.signal(libc::SIGUSR1);
        servers(&pid1, 2);
        // An orphan has ended before the second server, or never ends; its reaping may take longer.
        until(&format!("{left} left, {mode}\n{}", pid1.log.text()), || pid1.children().len() == left);
        // A crash leaves no saved state, whatever file exists there.
        crash(&mut pid1);
        until(&format!("the server alone, {mode}"), || pid1.children().len() == 1);
    }
}

#[test]
fn without_zinit_pid1ctl_all_processes_are_ended() {
    // The last one does not end at TERM.
    for (orphans, least, most) in
        [("", 0.9, 5.0), ("sleep 1000 & setsid sleep 1000 &", 0.9, 5.0), (DEAF, 5.9, 15.0)]
    {
        let Orphaned { setup, folder } = Orphaned::new("");
        let before = format!("mount -t tmpfs none /sbin; cd {}\n{orphans}", folder.display());
        let mut pid1 = setup.before(&before).start();
        pid1.diary_line("started");
        until("the orphans", || orphans != DEAF || text(&folder, "ready") == "up\n");
        let time = crash(&mut pid1).as_secs_f32();
        pid1.line("cannot execute /sbin/zinit-pid1ctl: ENOENT");
        assert!((least..most).contains(&time), "{orphans}: {time}");
        assert!(!pid1.log.text().contains("not done in time"), "{}", pid1.log.text());
        until("the server alone", || pid1.children().len() == 1);
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn without_zinit_pid1ctl_orphans_that_were_frozen_get_their_time_too() {
    let Orphaned { setup, folder } = Orphaned::new("");
    let before = format!("mount -t tmpfs none /sbin; cd {}\n{DEAF}", folder.display());
    let mut pid1 = setup.before(&before).start();
    pid1.diary_line("started");
    until("the orphans", || text(&folder, "ready") == "up\n");
    let orphan = pid1.server_named("sh");
    kill(pid1.server_named("stand-in"), libc::SIGKILL);
    pid1.line("cannot execute /sbin/zinit-pid1ctl: ENOENT");
    until("TERM", || text(&folder, "told").contains("parent"));
    // It has sent TERM, and SIGCONT after that, when it waits.
    let mut held = Held::waiting(pid1.server_named("zinit-pid1"));
    // The time of TERM passes meanwhile; nothing tells of that but the clock.
    std::thread::sleep(Duration::from_secs(6));
    for _ in 0..5 {
        while held.next().expect("it lives") != libc::SYS_rt_sigtimedwait {}
        assert!(state(orphan).is_some_and(|state| state != 'Z'), "{}", pid1.log.text());
    }
    drop(held);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_term_ends_the_container_while_orphans_are_ended() {
    let (mut pid1, folder) = Orphaned::new(DEAF).start();
    until("the orphans", || text(&folder, "ready") == "up\n");
    kill(pid1.server_named("stand-in"), libc::SIGKILL);
    pid1.line("ending what the last server left behind");
    pid1.signal(libc::SIGTERM);
    pid1.line("stop begins");
    pid1.ends_well();
    assert_eq!(pid1.diary().matches("started").count(), 1);
}

#[test]
fn no_server_starts_beside_orphans_after_a_fault_or_an_update() {
    let Updatable { setup, path } = Updatable::new();
    let folder = setup.folder.path().to_path_buf();
    let run = format!("cd {}\n{DEAF}\nexec {} \"$@\"", folder.display(), path.display());
    let mut pid1 = setup.with("ZINIT_ORPHANS", "stop").run(&run).start();
    pid1.diary_line("started");
    until("the orphans", || text(&folder, "ready") == "up\n");
    let pid = pid1.pid1();
    kill(pid1.server_named("stand-in"), libc::SIGKILL);
    pid1.line("ending what the last server left behind");
    pid1.signal(libc::SIGSEGV);
    pid1.line("fault, signal 11");
    until("the next PID 1", || generation(pid) == 1);
    pid1.log.nth("ending what the last server left behind", 2);
    offer(&path, |bytes| bytes.push(0));
    pid1.signal(libc::SIGUSR2);
    servers(&pid1, 2);
    until("the update", || generation(pid) == 2);
    until("only the server", || pid1.children().len() == 1);
    assert_eq!(pid1.diary().matches("started").count(), 2, "the same server goes on: {}", pid1.log.text());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn before_the_first_server_there_are_no_orphans() {
    // There was a server file, but it could not be executed.
    let name = reexec::unsealed(&[("generation", "1"), ("file", "7")]);
    let setup = Setup::stand_in("obey").with("ZINIT_ORPHANS", "stop").with("HANDED", name);
    let mut pid1 = setup.before(&with_tool()).run(&reexec::run_as_handed()).start();
    pid1.diary_line("started");
    assert_eq!(pid1.children().len(), 2, "what an initramfs left is left alone");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert!(!pid1.log.text().contains("ending what"), "{}", pid1.log.text());
}

#[test]
fn a_helper_that_pid_1_has_just_forked_is_no_orphan() {
    let (mut pid1, _) = Orphaned::new("").start();
    // The updater is stopped between its fork and its execve, where it still is a copy of PID 1.
    let stop = ["-f", "-e", "trace=setsid", "-e", "inject=setsid:signal=SIGSTOP"];
    let trace = Trace::attach(pid1.pid1(), &stop);
    pid1.signal(libc::SIGUSR2);
    // The state alone would not tell: a traced process is in the same one at each system call.
    trace.line("--- stopped by SIGSTOP ---");
    let server = pid1.server_named("stand-in");
    let helper = pid1.children().into_iter().find(|pid| *pid != server).expect("it is stopped");
    drop(trace);
    until("it is stopped", || state(helper) == Some('T'));
    crash(&mut pid1);
    assert_eq!(state(helper), Some('T'), "{}", pid1.log.text());
    kill(helper, libc::SIGCONT);
    pid1.line("no update: exited ");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_kernel_without_pidfds_is_sufficient() {
    let (mut pid1, folder) =
        Orphaned::new("(trap 'echo told >told; exit' TERM; echo up >>ready; while :; do sleep 0.05; done) &")
            .start();
    until("the orphan", || text(&folder, "ready") == "up\n");
    let old = ["-f", "-e", "trace=pidfd_open", "-e", "inject=pidfd_open:error=ENOSYS"];
    let trace = Trace::attach(pid1.pid1(), &old);
    crash(&mut pid1);
    until("one child", || pid1.children().len() == 1);
    assert_eq!(text(&folder, "told"), "told\n");
    drop(trace);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn only_pid_1_can_have_orphans_ended() {
    let words = [
        "--helper orphans ''",
        "--helper orphans 'zinit-pid1 3: server=0 generation=0 crc=CRC'",
        "--helper rollback /x",
        "--helper update x",
        "--helper",
    ];
    let run = words.map(|words| format!("/sbin/zinit-pid1ctl {words}; echo status $?\n")).concat();
    let shell = Setup::stand_in("")
        .before(&format!("{}; sleep 1000 &", with_tool()))
        .run(&format!("{run}sleep 1000"))
        .start();
    shell.log.nth("zinit-pid1ctl: only zinit-pid1 may start this program with --helper", words.len());
    shell.log.nth("status 2", words.len());
    let init = shell.shell();
    until("both sleepers", || children(init).len() == 2);
}

#[test]
fn a_helper_that_the_installed_version_lacks_is_logged() {
    // A shell under PID 1's name stands for a newer PID 1.
    let script = "/sbin/zinit-pid1ctl --helper nonsense x; echo status $?";
    let run = format!("cp /bin/sh /sbin/zinit-pid1; /sbin/zinit-pid1 -c '{script}'; sleep 1000");
    let shell = Setup::stand_in("").before(&with_tool()).run(&run).start();
    shell.log.line("zinit-pid1ctl: unknown helper: nonsense");
    shell.log.line("status 2");
}

#[test]
fn an_updater_is_not_an_orphan() {
    let Updatable { setup, path } = Updatable::new();
    let run = format!("sleep 1000 &\nexec {} \"$@\"", path.display());
    let mut pid1 = setup.with("ZINIT_ORPHANS", "stop").run(&run).start();
    pid1.diary_line("started");
    offer(&path, HANGS);
    pid1.signal(libc::SIGUSR2);
    pid1.line("is signed");
    crash(&mut pid1);
    pid1.line("ending what the last server left behind");
    pid1.line("it did not answer to --probe in time");
    pid1.line("no update: exited 1");
    until("only the server", || pid1.children().len() == 1);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}
