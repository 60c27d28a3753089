//! The real program as PID 1 of namespaces, with a stand-in server: signals, the server's life cycle, the shutdown.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::common::namespace::{Setup, freeze, state};
use crate::common::updatable::write_alone;
use crate::common::{Folder, stand_in, until};

/// PID 1 counts in whole milliseconds and may be early by one.
const TICK: Duration = Duration::from_millis(1);
/// The time that a busy computer may add: every deadline of PID 1 that must be told apart from a measured time is
/// further off.
const BUSY: Duration = Duration::from_secs(10);

#[test]
fn term_stops_a_cooperative_server_and_exits_0_within_milliseconds() {
    let times: Vec<Duration> = (0..11)
        .map(|_| {
            let mut pid1 = Setup::stand_in("obey").start();
            pid1.diary_line("started");
            let pid = pid1.pid1();
            let begin = Instant::now();
            pid1.signal(libc::SIGTERM);
            // Waits for the program itself, because the exit of unshare takes longer than the time that is measured.
            until("the program's end", || state(pid).is_none_or(|state| state == 'Z'));
            let time = begin.elapsed();
            pid1.ends_well();
            assert!(pid1.diary().contains("system.shutdown"));
            time
        })
        .collect();
    // Other load on the computer makes it longer and never shorter.
    let best = times.iter().min().expect("eleven");
    println!("TERM to exit: {best:?}");
    assert!(*best < Duration::from_millis(10), "{times:?}");
}

#[test]
fn every_signal_of_the_table_stops_a_container_and_all_others_are_ignored() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGPWR, 37, 38, 39, 40] {
        let mut pid1 = Setup::stand_in("obey").start();
        pid1.diary_line("started");
        let ignored: Vec<i32> = (1..=64).filter(|ignored| !TABLE.contains(ignored)).collect();
        let line = |ignored: &i32| format!("signal {ignored} means nothing here, SIGTERM ends this\n");
        let said = |ignored: &i32| ![libc::SIGCHLD, libc::SIGPIPE].contains(ignored);
        for ignored in &ignored {
            pid1.signal(*ignored);
            // One after the other: the kernel takes a CONT back as a TSTP comes, and the other way round.
            if said(ignored) {
                pid1.line(line(ignored).trim_end());
            }
        }
        for ignored in &ignored {
            pid1.signal(*ignored);
        }
        pid1.signal(libc::SIGUSR2);
        pid1.line("cannot execute /sbin/zinit-pid1ctl: ENOENT (no such file or directory)");
        pid1.line("no update: exited 127");
        pid1.signal(signal);
        pid1.ends_well();
        assert!(pid1.diary().contains("system.shutdown"), "signal {signal}");
        // The first one of each is said, but not of children and of a log without a reader.
        for ignored in &ignored {
            let count = pid1.log.text().matches(&line(ignored)).count();
            assert_eq!(count, usize::from(said(ignored)), "{}", pid1.log.text());
        }
    }
}

/// The signals that the program acts on, that the kernel itself acts on, or that would hit the program's parent.
///
/// They include the fault signals, because two of those within a minute end a container; `fault.rs` tests them.
const TABLE: [i32; 19] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 19, 30, 32, 37, 38, 39, 40];

#[test]
fn a_request_that_is_refused_or_does_not_arrive_is_a_log_line_and_term_at_once() {
    for (mode, line) in [
        ("refuse", "server refuses: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603"),
        ("no-socket", "ENOENT (no such file or directory)"),
    ] {
        let mut pid1 = Setup::stand_in(mode).start();
        pid1.diary_line("started");
        let begin = Instant::now();
        pid1.signal(libc::SIGTERM);
        pid1.line(line);
        pid1.line("request failed, sending SIGTERM");
        pid1.line("killed by signal 15");
        pid1.ends_well();
        // The timeout for an answer would be 15 s.
        assert!(begin.elapsed() < BUSY, "{mode}: {:?}", begin.elapsed());
    }
}

#[test]
fn a_server_that_got_the_request_and_makes_no_sense_has_all_of_its_time() {
    for (mode, line) in [
        ("garbage", "reply is garbage: ?[31mnot json? at all"),
        ("decline", "reply is garbage: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}"),
        ("half", "connection closed within the reply: {\"jsonrpc\":\"2.0\",\"id\":1,\"resu"),
        ("flood", "reply is too long: "),
    ] {
        let mut pid1 = Setup::stand_in(mode).with("ZINIT_STOP_TIMEOUT", "1").start();
        pid1.diary_line("started");
        let begin = Instant::now();
        pid1.signal(libc::SIGTERM);
        pid1.line(line);
        pid1.line("may be exiting, it gets ");
        pid1.line("does not end, sending KILL");
        let time = begin.elapsed();
        pid1.ends_well();
        assert!((Duration::from_secs(1)..BUSY).contains(&(time + TICK)), "{mode}: {time:?}");
        assert!(!pid1.log.text().contains("sending SIGTERM"), "{mode}: {}", pid1.log.text());
    }
}

#[test]
fn a_server_that_agrees_in_other_words_is_not_disturbed() {
    for (request, signal) in [("system.shutdown", libc::SIGTERM), ("system.prepare_restart", libc::SIGUSR1)] {
        let mut pid1 = Setup::stand_in("spelled").start();
        pid1.is_up();
        pid1.signal(signal);
        pid1.diary_line(request);
        // It stops its services meanwhile; a signal would end it.
        pid1.line("exited 0");
        pid1.diary_line("left");
        assert!(!pid1.log.text().contains("garbage"), "{}", pid1.log.text());
        assert!(!pid1.log.text().contains("sending SIG"), "{}", pid1.log.text());
    }
}

#[test]
fn an_invalid_socket_path_is_a_log_line_and_term_at_once() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    for (socket, line) in [
        (file.display().to_string(), "ECONNREFUSED"),
        (folder.path().display().to_string(), "ECONNREFUSED"),
        (format!("{}/{}", folder.path().display(), "x".repeat(108)), "ENAMETOOLONG"),
        ("/proc/1/mem/sock".to_string(), "ENOTDIR"),
    ] {
        let mut pid1 = Setup::stand_in("no-socket").with("ZINIT_SOCKET", &socket).start();
        pid1.diary_line("started");
        pid1.signal(libc::SIGTERM);
        pid1.line(line);
        pid1.line("killed by signal 15");
        pid1.ends_well();
    }
}

#[test]
fn a_process_that_took_over_the_socket_gets_no_request() {
    for (signal, sent, number) in [(libc::SIGTERM, "SIGTERM", 15), (libc::SIGUSR1, "SIGUSR1", 10)] {
        let other =
            "STAND_IN=obey STAND_IN_DIARY=$STAND_IN_DIARY.other \"$ZINIT_SERVER\" -s \"$ZINIT_SOCKET\" &
                     until [ -s \"$STAND_IN_DIARY.other\" ]; do sleep 0.01; done; echo other $!";
        let mut pid1 = Setup::stand_in("no-socket").before(other).start();
        pid1.is_up();
        let other = pid1.line("other ").replace("other ", "");
        let server = pid1.diary_line("started").split(' ').nth(1).expect("a pid").to_owned();
        let socket = pid1.folder.path().join("sock");
        pid1.signal(signal);
        pid1.line(&format!("{} belongs to process {other}, not to server {server}", socket.display()));
        pid1.line(&format!("request failed, sending {sent}"));
        pid1.line(&format!("server {server} killed by signal {number}"));
        let diary = fs::read_to_string(pid1.folder.path().join("diary.other")).expect("the other's diary");
        assert!(!diary.contains("system."), "{diary}");
    }
}

#[test]
fn a_socket_whose_process_cannot_be_told_gets_the_request() {
    let setup = Setup::stand_in("no-socket").with("ZINIT_STOP_TIMEOUT", "1");
    // A process outside of PID 1's namespace has no pid there.
    let listener = UnixListener::bind(setup.folder.path().join("sock")).expect("a socket");
    let mut pid1 = setup.start();
    pid1.is_up();
    pid1.signal(libc::SIGTERM);
    let (mut connection, _) = listener.accept().expect("a connection");
    let mut request = String::new();
    BufReader::new(&connection).read_line(&mut request).expect("a request");
    assert!(request.contains("system.shutdown"), "{request}");
    connection.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ok\":true}}\n").expect("it is read");
    pid1.line("does not end, sending KILL");
    pid1.ends_well();
    assert!(!pid1.log.text().contains("belongs to"), "{}", pid1.log.text());
    assert!(!pid1.log.text().contains("sending SIGTERM"), "{}", pid1.log.text());
}

#[test]
fn a_server_that_does_not_answer_gets_term_after_half_of_its_time() {
    for mode in ["silent", "deaf"] {
        let mut pid1 = Setup::stand_in(mode).with("ZINIT_STOP_TIMEOUT", "4").start();
        pid1.diary_line("started");
        let begin = Instant::now();
        pid1.signal(libc::SIGTERM);
        pid1.line("no answer in time, sending SIGTERM");
        assert!(begin.elapsed() + TICK >= Duration::from_secs(2), "{mode}: {:?}", begin.elapsed());
        // Otherwise KILL would have come at the end of its timeout.
        pid1.line("killed by signal 15");
        pid1.ends_well();
    }
}

#[test]
fn a_server_that_does_not_end_is_killed_at_the_stop_timeout() {
    for mode in ["stubborn", "silent-stubborn", "stay"] {
        let mut pid1 = Setup::stand_in(mode).with("ZINIT_STOP_TIMEOUT", "1").start();
        pid1.diary_line("started");
        let begin = Instant::now();
        pid1.signal(libc::SIGTERM);
        pid1.line("does not end, sending KILL");
        let time = begin.elapsed();
        pid1.ends_well();
        assert!((Duration::from_secs(1)..BUSY).contains(&(time + TICK)), "{mode}: {time:?}");
    }
}

#[test]
fn seven_ctrl_alt_del_end_the_wait_for_the_server() {
    let mut pid1 = Setup::stand_in("stay").start();
    pid1.diary_line("started");
    let burst = "Ctrl-Alt-Del in a burst";
    let mut presses = vec![Instant::now()];
    pid1.signal(libc::SIGINT);
    pid1.line("stop begins");
    // On a busy computer seven of them may take longer than a burst.
    while !pid1.log.text().contains(burst) {
        assert!(presses.len() < 100, "{}", pid1.log.text());
        // Signals of one number coalesce: each press must be taken before the next.
        presses.push(Instant::now());
        pid1.signal(libc::SIGINT);
        pid1.log.nth("under way already", presses.len() - 1);
        if presses.len() >= 7 && presses[presses.len() - 7].elapsed() < Duration::from_secs(2) {
            pid1.line(burst);
        }
    }
    assert!(presses.len() >= 7, "{}", pid1.log.text());
    pid1.ends_well();
    assert!(presses[0].elapsed() < Duration::from_secs(30), "its time to stop was not waited for");
}

#[test]
fn a_stopped_server_does_not_count_as_exited_and_can_be_ended() {
    let mut pid1 = Setup::stand_in("obey").with("ZINIT_STOP_TIMEOUT", "4").start();
    pid1.diary_line("started");
    let server = pid1.server();
    freeze(server);
    pid1.signal(libc::SIGCHLD);
    pid1.signal(libc::SIGUSR2);
    pid1.line("no update");
    assert_eq!(pid1.children(), [server]);
    assert!(!pid1.log.text().contains("respawn"));
    pid1.signal(libc::SIGTERM);
    pid1.line("no answer in time, sending SIGTERM");
    pid1.line("killed by signal 15");
    pid1.ends_well();
}

#[test]
fn a_server_that_exits_at_once_is_respawned_after_1_then_2_seconds() {
    let begin = Instant::now();
    let mut pid1 = Setup::stand_in("die").start();
    pid1.line("exited 3, respawn in 1000 ms");
    pid1.line("exited 3, respawn in 2000 ms");
    // This test sees a line some time after it is written, so it measures no time from a line.
    let first = begin.elapsed();
    pid1.line("exited 3, respawn in 4000 ms");
    let second = begin.elapsed();
    assert!((Duration::from_secs(1)..BUSY).contains(&(first + TICK)), "{first:?}");
    assert!((Duration::from_secs(3)..BUSY).contains(&(second + TICK)), "{second:?}");
    // In the backoff there is no server to stop, and nothing to wait for.
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert_eq!(pid1.diary().matches("started").count(), 3, "it was not waited for: {}", pid1.log.text());
}

#[test]
fn usr1_cuts_the_backoff_short() {
    let mut pid1 = Setup::stand_in("die").start();
    pid1.line("respawn in 4000 ms");
    let begin = Instant::now();
    pid1.signal(libc::SIGUSR1);
    pid1.line("no server runs (halt of BusyBox?), starting one");
    pid1.line("respawn in 8000 ms");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}

#[test]
fn a_killed_server_is_respawned() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.diary_line("started");
    let server = pid1.server();
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(server, libc::SIGKILL) };
    pid1.line("killed by signal 9, respawn in 1000 ms");
    pid1.log.nth("started", 2);
    assert_ne!(pid1.server(), server);
}

#[test]
fn a_soft_restart_stops_the_server_and_starts_the_next_one_at_once() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.diary_line("started");
    let server = pid1.server();
    pid1.signal(libc::SIGUSR1);
    pid1.diary_line("system.prepare_restart");
    pid1.log.nth("started", 2);
    assert_ne!(pid1.server(), server);
    assert!(!pid1.log.text().contains("respawn in"), "a wanted restart is no crash, and has no delay");
}

#[test]
fn a_soft_restart_that_is_refused_continues_with_usr1() {
    let mut pid1 = Setup::stand_in("refuse").start();
    pid1.diary_line("started");
    pid1.signal(libc::SIGUSR1);
    pid1.line("server refuses: ");
    pid1.line("may be exiting, it gets 1000 ms");
    pid1.line("request failed, sending SIGUSR1");
    pid1.line("killed by signal 10");
    pid1.log.nth("started", 2);
}

#[test]
fn a_server_that_closes_the_connection_gets_time_to_exit() {
    let mut pid1 = Setup::stand_in("hang-up").start();
    pid1.diary_line("started");
    pid1.signal(libc::SIGUSR1);
    pid1.line("may be exiting, it gets ");
    // The server exits by itself 200 ms later, and not by a signal.
    pid1.line("exited 0");
    pid1.diary_line("left");
    pid1.log.nth("started", 2);
}

/// As `docker pause` does it, PID 1 and all others are frozen in the middle of a stop, until after the deadline.
#[test]
fn a_stop_that_was_frozen_does_not_end_in_a_kill() {
    let mut pid1 = Setup::stand_in("slow").with("ZINIT_STOP_TIMEOUT", "4").start();
    pid1.is_up();
    let all = [pid1.pid1(), pid1.server()];
    pid1.signal(libc::SIGTERM);
    pid1.diary_line("system.shutdown");
    let begin = Instant::now();
    all.into_iter().for_each(freeze);
    // Nothing happens meanwhile that could be waited for.
    std::thread::sleep(Duration::from_secs(7).saturating_sub(begin.elapsed()));
    // SAFETY: a signal to processes that this test started.
    all.into_iter().for_each(|pid| assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0));
    let line = pid1.line("deadline found ");
    pid1.ends_well();
    let late = line.split(' ').nth(3).and_then(|late| late.parse::<u64>().ok()).expect("a number");
    assert!(late > 2_000, "{line}");
    assert!(pid1.diary().contains("left"), "{}", pid1.log.text());
    assert!(!pid1.log.text().contains("sending"), "{}", pid1.log.text());
}

#[test]
fn a_server_that_survives_a_soft_restart_is_killed_after_5_seconds() {
    let mut pid1 = Setup::stand_in("stubborn").start();
    pid1.diary_line("started");
    let begin = Instant::now();
    pid1.signal(libc::SIGUSR1);
    pid1.line("sending SIGUSR1");
    pid1.line("does not end, sending KILL");
    let time = begin.elapsed();
    pid1.log.nth("started", 2);
    assert!((Duration::from_secs(5)..BUSY).contains(&(time + TICK)), "{time:?}");
}

#[test]
fn a_program_that_cannot_be_executed_is_logged_with_the_error_as_text() {
    let folder = Folder::new();
    let file = |name: &str, content: &[u8], mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(name);
        write_alone(&path, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        path
    };
    for (path, line) in [
        (folder.path().join("nothing"), "nothing: ENOENT (no such file or directory)"),
        (file("no-mode", b"#!/bin/sh", 0o644), "no-mode: EACCES"),
        (file("no-format", b"not a program", 0o755), "no-format: ENOEXEC (not a program for this machine)"),
        (file("no-interpreter", b"#!/no/such/shell\n", 0o755), "no-interpreter: no interpreter"),
        (folder.path().to_path_buf(), "EACCES"),
    ] {
        let mut pid1 = Setup::stand_in("obey").with("ZINIT_SERVER", &path).start();
        let line = pid1.line(line);
        assert!(line.contains(&format!("cannot execute {}", path.display())), "{line}");
        pid1.line("not executed, E");
        pid1.line("respawn in 1000 ms");
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn a_container_ends_when_no_server_can_be_executed() {
    let folder = Folder::new();
    let no_mode = folder.path().join("no-mode");
    fs::write(&no_mode, "#!/bin/sh").expect("a file");
    let missing = Setup::stand_in("obey").with("ZINIT_SERVER", folder.path().join("nothing")).start();
    let no_mode = Setup::stand_in("obey").with("ZINIT_SERVER", &no_mode).start();
    for (mut pid1, reason, status) in [(missing, "ENOENT", 127), (no_mode, "EACCES", 126)] {
        pid1.line("respawn in 8000 ms");
        pid1.line("too many servers in a row, giving up");
        assert_eq!(pid1.end().code(), Some(status));
        assert_eq!(pid1.log.text().matches("cannot execute ").count(), 5, "{}", pid1.log.text());
        assert!(pid1.log.text().contains(reason));
    }
}

#[test]
fn the_server_is_searched_at_the_default_paths() {
    let mut pid1 = Setup::stand_in("obey").with("ZINIT_SERVER", "").start();
    pid1.line("no zinit-server in /sbin /usr/sbin /usr/bin /usr/local/bin");
    pid1.line("not executed, ENOENT (no such file or directory), respawn in 1000 ms");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    // The last of the default paths, the only one that can be replaced without hiding the shell's tools.
    let folder = "/usr/local/bin";
    let before = format!("mount -t tmpfs none {folder} && cp {} {folder}/zinit-server", stand_in().display());
    let mut pid1 = Setup::stand_in("obey").with("ZINIT_SERVER", "").before(&before).start();
    pid1.diary_line("started");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_stopped_orphan_ends_by_term_because_it_is_continued() {
    let mut pid1 = Setup::stand_in("obey").before("sleep 1000 & kill -STOP $!").start();
    pid1.diary_line("started");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert!(!pid1.log.text().contains("KILL"), "none was needed: {}", pid1.log.text());
}

#[test]
fn a_socket_path_may_have_107_bytes() {
    let folder = Folder::new();
    for length in [106, 107] {
        let socket = format!("{}/", folder.path().display());
        let socket = format!("{socket}{}", "x".repeat(length - socket.len()));
        let mut pid1 = Setup::stand_in("obey").with("ZINIT_SOCKET", &socket).start();
        pid1.diary_line("started");
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        assert!(pid1.diary().contains("system.shutdown"), "{length}");
    }
}

#[test]
fn a_container_that_reboots_ends_by_reboot_if_set_and_permitted() {
    for (allowed, requested, expected) in [
        // Ends as if by SIGHUP, reboot(2), which LXC and Incus treat as a reboot.
        (true, libc::SIGINT, (None, Some(libc::SIGHUP))),
        (true, 39, (None, Some(libc::SIGHUP))),
        (true, libc::SIGTERM, (Some(0), None)),
        (false, libc::SIGINT, (Some(0), None)),
    ] {
        let mut setup = Setup::stand_in("obey").with("ZINIT_CONTAINER_REBOOT", "1");
        if !allowed {
            setup = setup.run("exec setpriv --bounding-set=-sys_boot \"$0\" \"$@\"");
        }
        let mut pid1 = setup.start();
        pid1.diary_line("started");
        pid1.signal(requested);
        let status = pid1.end();
        assert_eq!((status.code(), status.signal()), expected, "{requested}: {}", pid1.log.text());
        assert!(pid1.diary().contains("left"), "the server was asked: {}", pid1.diary());
    }
}

#[test]
fn without_the_setting_a_container_that_reboots_exits_0() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.diary_line("started");
    pid1.signal(libc::SIGINT);
    pid1.ends_well();
}
