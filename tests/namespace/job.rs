//! A container that ends with a status: that of a job, of the real zinit-server 0.3.9, or one that is asked for.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use crate::common::namespace::{Namespace, Setup, children, state, status};
use crate::common::{brought, tool, until, with_tool};

/// A container whose service `job` runs a command with a line of `[service]` and lines of `[lifecycle]`.
fn job(command: &str, service: &str, lifecycle: &str) -> Namespace {
    let setup = setup();
    let text = format!(
        "[service]\nname = \"job\"\nexec = '''{command}'''\n{service}\n[lifecycle]\nrestart_delay_ms = 100\n{lifecycle}\n"
    );
    fs::write(setup.folder.path().join("services/job.toml"), text).expect("a service");
    setup.start()
}

fn setup() -> Setup {
    let setup = Setup::stand_in("");
    fs::create_dir(setup.folder.path().join("services")).expect("a folder");
    setup
        .with("ZINIT_SERVER", brought("target/zinit/x86_64/bin/zinit-server"))
        .with("ZINIT_SOCKET", "/run/zinit.sock")
        .with("ZINIT_EXIT_STATUS", "job")
        .before(&format!("mount -t tmpfs run /run; {}", with_tool()))
}

/// The pid of the watcher outside of the namespaces.
fn watcher(pid1: &mut Namespace) -> i32 {
    let pid = pid1.pid1();
    let is_watcher = |pid: &i32| status(*pid, "Name").as_deref() == Some("zinit-job");
    until("the watcher", || children(pid).iter().any(is_watcher));
    children(pid).into_iter().find(is_watcher).expect("a watcher")
}

/// Runs the tool with words in the namespaces.
fn ask(pid1: &mut Namespace, words: &[&str]) -> Option<i32> {
    let mut command = Command::new("nsenter");
    command.args(["-U", "-p", "-m", "-t", &pid1.pid1().to_string(), "--"]).arg(tool()).args(words);
    command.output().expect("nsenter runs: package util-linux").status.code()
}

#[test]
fn a_container_ends_with_the_status_of_its_job() {
    for (command, service, lifecycle, expected) in [
        ("exit 7", "", "restart = \"never\"", 7),
        ("exit 200", "oneshot = true", "", 200),
        ("exit 0", "", "", 0),
        ("kill -9 $$", "", "restart = \"never\"", 128 + 9),
        // It is started again, and that is not the end.
        ("echo >>/run/runs; [ $(wc -l </run/runs) = 3 ] && exit 0; exit 5", "", "", 0),
        ("echo >>/run/runs; exit $(wc -l </run/runs)", "", "max_restarts = 2", 3),
        (
            "echo >>/run/runs; exit $(($(wc -l </run/runs) / 3 * 9))",
            "",
            "restart = \"always\"\nmax_restarts = 2",
            9,
        ),
    ] {
        let mut pid1 = job(command, service, lifecycle);
        let ended = pid1.end();
        assert_eq!(ended.code(), Some(expected), "{command}: {ended:?}\n{}", pid1.log.text());
        pid1.line("stop begins, asked by ");
        pid1.line("(zinit-job)");
    }
}

#[test]
fn a_job_of_which_the_server_tells_no_status_ends_the_container_with_1() {
    let mut pid1 = job("sleep 1000", "", "restart = \"never\"");
    pid1.line("service started");
    // It may listen only after that.
    pid1.line("IPC server listening");
    let _watcher = watcher(&mut pid1);
    let client = brought("target/zinit/x86_64/bin/zinit");
    let mut stop = Command::new("nsenter");
    stop.args(["-U", "-p", "-m", "-t", &pid1.pid1().to_string(), "--"]).arg(client).args(["stop", "job"]);
    assert!(stop.output().expect("nsenter runs").status.success());
    pid1.line("zinit-pid1ctl: job has ended, and the server does not say how: status 1");
    assert_eq!(pid1.end().code(), Some(1));
}

#[test]
fn a_job_that_does_not_exist_is_a_line_and_a_stop_has_status_0() {
    let mut pid1 = setup().start();
    pid1.line("zinit-pid1ctl: the server has no service job, the container goes on until it has");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert!(!pid1.log.text().contains("the end is under way"), "{}", pid1.log.text());
}

#[test]
fn a_watcher_that_cannot_open_its_log_anew_loses_no_line() {
    // It has no right to the file of standard error, as below an entry point that has dropped its user.
    let before = format!("mount -t tmpfs run /run; {}; mount -t tmpfs none /proc", with_tool());
    let mut pid1 = setup().before(&before).start();
    pid1.line("zinit-pid1ctl: the server has no service job, the container goes on until it has");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

/// Its program may be replaced meanwhile: the end of orphans has to know it by its name then.
#[test]
fn the_watcher_survives_a_crash_of_the_server_and_an_update_of_its_file() {
    let mut pid1 = job("[ -e /run/second ] && exit 6; >/run/second; sleep 1000", "", "restart = \"never\"");
    pid1.line("service started");
    let watcher = watcher(&mut pid1);
    let replace = "cp /sbin/zinit-pid1ctl /sbin/new && mv /sbin/new /sbin/zinit-pid1ctl";
    let mut copy = Command::new("nsenter");
    copy.args(["-U", "-p", "-m", "-t", &pid1.pid1().to_string(), "--", "sh", "-c", replace]);
    assert!(copy.output().expect("nsenter runs").status.success());
    let server = pid1.server_named("zinit-server");
    // SAFETY: a process of this test.
    unsafe { libc::kill(server, libc::SIGKILL) };
    pid1.line("ending what the last server left behind");
    assert_eq!(pid1.end().code(), Some(6), "{}", pid1.log.text());
    assert_eq!(state(watcher), None);
}

/// Largest resident set of the watcher, kB.
const RESIDENT: u64 = 256;

#[test]
fn the_watcher_is_small_and_sleeps_while_the_job_runs() {
    let mut pid1 = job("sleep 1000", "", "");
    pid1.line("service started");
    let watcher = watcher(&mut pid1);
    let number = |key: &str| -> u64 {
        status(watcher, key).expect("it runs").trim_end_matches(" kB").parse().expect("a number")
    };
    let wake_ups = || number("voluntary_ctxt_switches") + number("nonvoluntary_ctxt_switches");
    // Standard error and the descriptor of the service's process, but not that of a connection to the server.
    let waits_for_a_process = || {
        let fds = fs::read_dir(format!("/proc/{watcher}/fd")).expect("descriptors");
        let targets: Vec<_> = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()).collect();
        targets.len() == 2 && targets.iter().any(|target| target.to_string_lossy().contains("pidfd"))
    };
    until("sleep", || waits_for_a_process() && state(watcher) == Some('S'));
    let before = wake_ups();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(wake_ups(), before, "four seconds");
    let resident = number("VmRSS");
    println!("watcher of a job: {resident} kB resident");
    assert!(resident <= RESIDENT, "{resident} kB");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_power_off_with_a_status_ends_a_container_with_it() {
    for (words, expected) in [
        (["poweroff", "--status", "42"].as_slice(), 42),
        (&["halt", "-p", "--status=255"], 255),
        (&["poweroff", "--status", "0"], 0),
        (&["poweroff"], 0),
    ] {
        let mut pid1 = Setup::stand_in("obey").start();
        pid1.is_up();
        assert_eq!(ask(&mut pid1, words), Some(0), "{words:?}");
        let ended = pid1.end();
        assert_eq!((ended.code(), ended.signal()), (Some(expected), None), "{words:?}");
    }
}

#[test]
fn the_first_request_decides_the_status_too() {
    let mut pid1 = Setup::stand_in("silent").with("ZINIT_STOP_TIMEOUT", "4").start();
    pid1.is_up();
    assert_eq!(ask(&mut pid1, &["poweroff", "--status", "3"]), Some(0));
    pid1.line("stop begins");
    assert_eq!(ask(&mut pid1, &["poweroff", "--status", "4"]), Some(0));
    pid1.line("the end is under way already");
    assert_eq!(pid1.end().code(), Some(3));
}

#[test]
fn a_container_gives_up_after_so_many_servers_as_it_was_told() {
    let mut pid1 = setup().with("ZINIT_SERVER", "/bin/false").with("ZINIT_GIVE_UP", "2").start();
    pid1.line("too many servers in a row, giving up");
    assert_eq!(pid1.end().code(), Some(1));
    assert_eq!(pid1.log.text().matches(" exited 1").count(), 2, "{}", pid1.log.text());
}

#[test]
fn a_word_that_means_nothing_is_said_once() {
    let mut pid1 = Setup::stand_in("obey").words(&["-c", "sh", "-c", "true"]).start();
    pid1.is_up();
    pid1.line("zinit-pid1: sh means nothing here, see docker exec and ZINIT_...");
    pid1.signal(libc::SIGSEGV);
    pid1.line("the server goes on");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert_eq!(pid1.log.text().matches("means nothing here").count(), 1, "{}", pid1.log.text());
}
