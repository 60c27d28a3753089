//! The real program and the real zinit-server in containers of a real engine, Docker.

#[path = "../common/mod.rs"]
mod common;
mod examples;
mod podman;
mod server;

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::docker::{Container, docker, image_without_server, job, run, service, told};
use common::elf::{ARCHITECTURES, program_for};
use common::namespace::Log;
use common::{Folder, Update, brought, program, root, terminal, tool, until};

/// What the program says its version is.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn a_container_runs_its_services_and_stops_with_0() {
    let container = Container::zinit(&[]);
    container.line(&format!("version {VERSION}, PID 1 of a container"));
    container.running("one");
    let status = container.ask(&["exec"], &["/sbin/zinit-pid1", "status"]);
    for line in [&format!("version {VERSION}, PID 1 of a container"), " runs for ", ": 0 zombies"] {
        assert!(status.contains(line), "{status}");
    }
    let time = container.stops();
    println!("docker stop: {time:?}");
    // The first deadline of PID 1 is at 5 s; any time below that is spent by the engine and its client.
    assert!(time < Duration::from_secs(5), "{time:?}");
    let (server, program) = container.logs();
    assert!(server.contains("stopping all services") && server.contains("zinit-server stopped"), "{server}");
    assert!(!program.contains("sending"), "nothing but the request was needed:\n{program}");
}

#[test]
fn a_profile_that_kills_whoever_calls_reboot_does_not_kill_pid_1() {
    let folder = Folder::new();
    let profile = folder.path().join("profile.json");
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["reboot"], "action": "SCMP_ACT_KILL_PROCESS"}]}"#;
    fs::write(&profile, text).expect("a file");
    let container = Container::zinit(&[&format!("--security-opt=seccomp={}", profile.display())]);
    container.line(&format!("version {VERSION}, PID 1 of a container"));
    container.running("one");
    container.stops();
}

#[test]
fn a_stop_waits_for_a_slow_service_and_not_longer() {
    let folder = Folder::new();
    service(
        folder.path(),
        "slow",
        "trap 'sleep 2; exit' TERM; echo >/shared/ready; while :; do sleep 0.1; done",
    );
    let container = Container::services(&folder, &[]);
    until("the trap", || folder.path().join("ready").exists());
    let time = container.stops();
    println!("docker stop: {time:?}");
    assert!(time >= Duration::from_secs(2), "{time:?}");
}

#[test]
fn an_idle_container_stops_at_once() {
    let container = Container::zinit(&[]);
    container.running("one");
    let time = container.stops();
    println!("docker stop: {time:?}");
    // Neither stage was waited for; the stop itself takes milliseconds, and the engine takes its time.
    assert!(time < Duration::from_secs(5), "{time:?}");
}

#[test]
fn what_was_executed_in_a_container_gets_its_time_to_end() {
    for with_tool in [true, false] {
        let folder = Folder::new();
        let container = Container::services(&folder, &[]);
        if !with_tool {
            container.ask(&["exec"], &["/bin/busybox", "rm", "/sbin/zinit-pid1ctl"]);
        }
        let script =
            "trap 'sleep 1; echo >/shared/done; exit' TERM; echo >/shared/ready; while :; do sleep 0.1; done";
        told(&mut docker(&["exec", "--detach", &container.name, "sh", "-c", script]));
        until("the trap", || folder.path().join("ready").exists());
        let time = container.stops();
        println!("docker stop: {time:?}");
        assert!(folder.path().join("done").exists(), "{}", container.logs().1);
    }
}

/// The option of `docker run` by which start-stop-daemon finds the name of the user 1000.
fn other_user(folder: &Folder) -> String {
    let passwd = folder.path().join("passwd");
    fs::write(&passwd, "other:x:1000:1000::/:/bin/sh\n").expect("a file");
    format!("--volume={}:/etc/passwd", passwd.display())
}

/// Docker gives the terminal to root: an entry point that has dropped its user may open it by no name but `/dev/tty`.
#[test]
fn a_terminal_gets_all_lines_of_another_user() {
    let folder = Folder::new();
    let passwd = other_user(&folder);
    let drop = "exec /bin/busybox start-stop-daemon -S -p /none -c 1000:1000 -x /sbin/zinit-pid1";
    for (before, writers) in [("", 0), ("/bin/busybox rm /dev/tty;", 1)] {
        let options = ["--tty", "--entrypoint=/bin/sh", "--tmpfs=/run:uid=1000", &passwd];
        let container = Container::run(&options, "zinit", &["-c", &format!("{before} {drop}")]);
        container.line("PID 1 of a container");
        container.line("IPC server listening");
        let processes = container.ask(&["exec"], &["ps", "-o", "comm,pid"]);
        let count = processes.lines().filter(|line| line.starts_with("zinit-pid1 ")).count();
        assert_eq!(count, 1 + writers, "{processes}");
        let begin = Instant::now();
        told(&mut docker(&["stop", &container.name]));
        let time = begin.elapsed();
        println!("docker stop: {time:?}");
        assert!(time < Duration::from_secs(4), "{time:?}");
        assert_eq!(container.state(".State.ExitCode"), "0");
        // A terminal has one stream.
        let (log, _) = container.logs();
        for line in ["zinit-pid1: stop begins", " exited 0"] {
            assert!(log.contains(line), "{line}: {log}");
        }
        assert!(!log.contains("processes left"), "{log}");
    }
}

/// Without CAP_KILL neither PID 1 nor the server may signal a service of another user.
#[test]
fn without_the_right_to_signal_a_service_nobody_waits_for_it() {
    let folder = Folder::new();
    let passwd = other_user(&folder);
    let command = "/bin/busybox start-stop-daemon -S -p /none -c 1000:1000 -x /bin/busybox -- sleep 1000";
    service(folder.path(), "other", command);
    let options = ["--cap-drop=KILL", "--env=ZINIT_STOP_TIMEOUT=1", &passwd];
    let container = Container::services(&folder, &options);
    until("a process of the other user", || {
        container
            .ask(&["exec"], &["ps"])
            .lines()
            .any(|line| line.contains(" other ") && line.contains("sleep 1000"))
    });
    let begin = Instant::now();
    told(&mut docker(&["stop", "--time=60", &container.name]));
    let time = begin.elapsed();
    let (server, program) = container.logs();
    println!("docker stop: {time:?}\n{program}{server}");
    let line =
        program.lines().find(|line| line.contains("no right (CAP_KILL) to signal what is left, going on: "));
    assert!(
        line.is_some_and(|line| line.contains("(busybox)") || line.contains("(sleep)")),
        "{program}{server}"
    );
    assert!(!program.contains("processes left after"), "{program}{server}");
    assert_eq!(container.state(".State.ExitCode"), "0", "{program}{server}");
}

#[test]
fn below_another_init_it_ends_what_it_has_adopted() {
    let folder = Folder::new();
    // The service leaves its process group and its session, and its parent ends: the server does not know it any more.
    let trap =
        r#"trap "sleep 1; echo >/shared/done; exit" TERM; echo >/shared/ready; while :; do sleep 0.1; done"#;
    service(folder.path(), "leaves", &format!("/bin/busybox setsid sh -c '{trap}' & sleep 1000"));
    let container = Container::services(&folder, &["--init"]);
    until("the trap", || folder.path().join("ready").exists());
    container.stops();
    assert!(folder.path().join("done").exists(), "{}", container.logs().1);
}

#[test]
fn a_pause_in_the_middle_of_a_stop_does_not_end_in_a_kill() {
    let folder = Folder::new();
    // Each of its steps is counted only while it runs.
    let stop = "echo >/shared/stopping; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; exit";
    let script = format!("trap '{stop}' TERM; echo >/shared/ready; while :; do sleep 0.1; done");
    service(folder.path(), "slow", &script);
    let container = Container::services(&folder, &["--env=ZINIT_STOP_TIMEOUT=4"]);
    until("the trap", || folder.path().join("ready").exists());
    let asked = Instant::now();
    told(&mut docker(&["kill", "--signal=TERM", &container.name]));
    until("the stop of the service", || folder.path().join("stopping").exists());
    told(&mut docker(&["pause", &container.name]));
    assert!(asked.elapsed() < Duration::from_secs(4), "too late to pause: {:?}", asked.elapsed());
    // Nothing happens in a paused container that could be waited for.
    std::thread::sleep(Duration::from_secs(7));
    told(&mut docker(&["unpause", &container.name]));
    told(&mut docker(&["wait", &container.name]));
    let (server, program) = container.logs();
    assert!(program.contains("zinit-pid1: deadline found "), "{program}{server}");
    assert!(!program.contains("sending"), "{program}{server}");
    assert!(server.contains("zinit-server stopped") && program.contains("exited 0"), "{program}{server}");
    assert_eq!(container.state(".State.ExitCode"), "0", "{program}{server}");
}

#[test]
fn a_soft_restart_replaces_the_server_and_the_container_keeps_running() {
    let container = Container::zinit(&[]);
    let began = container.state(".State.StartedAt");
    let mut saved = false;
    // zinit-server 0.3.9 has a race: in about every second restart it exits before its state file is written.
    for restart in 1..=20 {
        let service = container.running("one");
        told(&mut docker(&["kill", "--signal=USR1", &container.name]));
        container.nth("IPC server listening", restart + 1);
        let (server, program) = container.logs();
        assert!(
            !program.contains("sending") && !program.contains("respawn"),
            "it leaves by itself:\n{program}"
        );
        assert_eq!(program.matches(" exited 0").count(), restart, "{program}");
        saved = server.contains("state saved for restart");
        if saved {
            container.line("restore complete");
            assert_eq!(container.running("one"), service, "{server}");
            break;
        }
    }
    assert!(saved, "the server never saved its state");
    assert_eq!(container.state(".State.StartedAt"), began);
    container.stops();
}

#[test]
fn a_killed_server_is_respawned_within_the_container() {
    let container = Container::zinit(&[]);
    let line = container.line("zinit-pid1: server ");
    let server = line.split(' ').nth(2).expect("zinit-pid1: server PID");
    container.ask(&["exec"], &["sh", "-c", &format!("kill -KILL {server}")]);
    container.line(&format!("server {server} killed by signal 9, respawn in 1000 ms"));
    container.nth("IPC server listening", 2);
    container.stops();
}

#[test]
fn an_update_that_has_a_fault_is_undone_in_a_container() {
    let container = Container::zinit(&[]);
    let service = container.running("one");
    let update = Update::new();
    for (file, path) in [
        ("key", "/etc/zinit/update.pub"),
        ("new", "/sbin/zinit-pid1.new"),
        ("new.minisig", "/sbin/zinit-pid1.new.minisig"),
    ] {
        told(docker(&["cp"]).arg(update.file(file)).arg(format!("{}:{path}", container.name)));
    }
    told(&mut docker(&["kill", "--signal=USR2", &container.name]));
    // The engine's seccomp profile permits no namespaces, not even of users.
    container.line(
        "/sbin/zinit-pid1.new cannot be tried as PID 1 of namespaces, only its answer counts: EPERM (not permitted)",
    );
    container.line("the server goes on");
    told(&mut docker(&["kill", "--signal=SEGV", &container.name]));
    container.line("fault, signal 11");
    container.line("the update had a fault, signal 11: it is undone");
    container.nth("the server goes on", 2);
    container.line(
        "/sbin/zinit-pid1 is the program before the update again, /sbin/zinit-pid1.bad is what had the fault",
    );

    let size = |file: &Path| fs::metadata(file).expect("a file").len();
    let sizes = ["stat", "-c", "%n %s", "/sbin/zinit-pid1", "/sbin/zinit-pid1.bad", "/sbin/zinit-pid1.old"];
    let sizes = container.ask(&["exec"], &[&["/bin/busybox"], &sizes[..]].concat());
    for (name, file) in [("zinit-pid1", program()), ("zinit-pid1.bad", update.file("new"))] {
        assert!(sizes.contains(&format!("/sbin/{name} {}\n", size(&file))), "{sizes}");
    }
    assert!(sizes.contains("'/sbin/zinit-pid1.old': No such file"), "{sizes}");
    let running = container.ask(&["exec"], &["/bin/busybox", "readlink", "/proc/1/exe"]);
    assert_eq!(running, "/sbin/zinit-pid1\n");

    assert_eq!(container.running("one"), service);
    container.stops();
    let (server, program) = container.logs();
    assert_eq!(server.matches("IPC server listening").count(), 1, "{server}");
    assert!(!program.contains("respawn"), "it is the same server:\n{program}");
}

#[test]
fn a_restart_by_the_engine_is_a_clean_stop_and_a_second_start() {
    let container = Container::zinit(&[]);
    container.running("one");
    told(&mut docker(&["restart", &container.name]));
    container.running("one");
    let (server, program) = container.logs();
    let first = program.split("PID 1 of a container").nth(1).expect("a first life");
    assert!(first.contains("stop begins") && first.contains("exited 0"), "{program}");
    assert_eq!(program.matches("PID 1 of a container").count(), 2, "{program}");
    assert_eq!(server.matches("zinit-server stopped").count(), 1, "{server}");
    container.stops();
}

#[test]
fn below_another_init_it_supervises_and_stops_as_well() {
    let container = Container::zinit(&["--init"]);
    container.line("not PID 1: it only runs the server");
    container.running("one");
    let processes = container.ask(&["exec"], &["ps"]);
    assert!(processes.contains("    1 0        /sbin/docker-init"), "{processes}");
    let refused = container.ask(&["exec"], &["sh", "-c", "/sbin/zinit-pid1 poweroff; echo status $? >&2"]);
    assert_eq!(refused, "zinit-pid1: PID 1 is docker-init, nothing was sent to it\nstatus 1\n");
    container.stops();
    let (server, program) = container.logs();
    assert!(server.contains("zinit-server stopped") && program.contains("exited 0"), "{program}{server}");
}

#[test]
fn a_read_only_root_needs_a_tmpfs_for_the_socket() {
    for user in ["--user=0", "--user=1000"] {
        let hard = [
            user,
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--tmpfs=/run:uid=1000",
        ];
        let container =
            Container::zinit(if user == "--user=0" { &["--read-only", "--tmpfs=/run"] } else { &hard });
        container.running("one");
        container.stops();
        let (server, program) = container.logs();
        assert!(server.contains("zinit-server stopped"), "{server}");
        assert!(!program.contains("sending"), "{program}");
    }
}

#[test]
fn a_user_may_set_a_socket_in_another_folder() {
    let container = Container::zinit(&["--user=1000", "--env=ZINIT_SOCKET=/tmp/zinit.sock"]);
    container.line("IPC server listening path=/tmp/zinit.sock");
    container.line("service started service=one");
    let user = container.ask(&["exec"], &["sh", "-c", "id -u; ps"]);
    assert!(user.starts_with("1000") && user.contains("    1 1000     /sbin/zinit-pid1"), "{user}");
    container.stops();
    let (server, program) = container.logs();
    assert!(server.contains("zinit-server stopped") && !program.contains("sending"), "{program}{server}");
}

#[test]
fn without_a_folder_for_the_socket_services_run_and_signals_end_the_container() {
    for (option, reason) in [("--read-only", "Read-only file system"), ("--user=1000", "Permission denied")] {
        let container = Container::zinit(&[option]);
        container.line("service started service=one");
        assert!(container.line("IPC server error").contains(reason));
        container.stops();
        let (_, program) = container.logs();
        for line in [
            "server at /run/zinit.sock: ENOENT (no such file or directory)",
            "request failed, sending SIGTERM",
        ] {
            assert!(program.contains(line), "{program}");
        }
    }
}

#[test]
fn at_the_limit_of_processes_a_stop_needs_no_fork() {
    let folder = Folder::new();
    // Each shell waits for the next one; the last one fails, and the one before it takes its place. There are at most
    // 40, in case the engine sets no limit.
    let fork =
        "f() { [ $1 = 40 ] || (f $(($1 + 1))); sleep 1000 & echo >/shared/full; exec sleep 1000; }; f 1";
    service(folder.path(), "fork", fork);
    let container = Container::services(&folder, &["--pids-limit=20"]);
    until("the limit", || folder.path().join("full").exists());
    container.stops();
    let (_, program) = container.logs();
    assert!(program.contains("cannot fork: EAGAIN"), "{program}");
    assert!(program.contains("killed by signal 15"), "{program}");
}

#[test]
fn at_the_limit_of_memory_a_service_is_killed_and_pid_1_keeps_running() {
    let folder = Folder::new();
    service(folder.path(), "small", "sleep 1000");
    service(folder.path(), "large", "x=0123456789abcdef; while :; do x=$x$x; done");
    let container = Container::services(&folder, &["--memory=16m", "--memory-swap=16m"]);
    let line = container.line("process exited service=large");
    assert!(line.contains("signal=Some(9)"), "{line}");
    // The engine may miss the first one, but the server starts the service again and again.
    let events = [
        "events",
        "--since=10m",
        "--until=0s",
        "--filter=event=oom",
        &format!("--filter=container={}", container.name),
    ];
    let told_of = || told(&mut docker(&events)).contains("container oom");
    until("the engine's word that it was the limit of memory", told_of);
    container.running("small");
    let (_, program) = container.logs();
    assert!(!program.contains("respawn"), "neither PID 1 nor the server was hit:\n{program}");
    container.stops();
}

#[test]
fn ctrl_c_in_the_attached_terminal_stops_the_container_with_0() {
    let (main, other) = terminal();
    let same = |end: &OwnedFd| end.try_clone().expect("a descriptor");
    let mut run = run(&["--interactive", "--tty", "--rm", "zinit"]);
    run.stdin(Stdio::from(same(&other))).stdout(Stdio::from(same(&other))).stderr(Stdio::from(other));
    let mut client = run.spawn().expect("docker runs");
    drop(run); // closes its ends of the terminal, so that this end gets the last of the output
    let log = Log::default();
    log.follow(File::from(same(&main)));
    log.line("service started service=one");
    File::from(main).write_all(b"\x03").expect("Ctrl-C");
    let status = client.wait().expect("docker ends");
    assert_eq!(status.code(), Some(0), "{}", log.text());
    log.line("zinit-pid1: stop begins");
    log.line("zinit-server stopped");
}

#[test]
fn arguments_after_the_entry_point_are_no_error() {
    let container = Container::run(&[], "zinit", &["-c", "/etc/zinit/services", "quiet"]);
    container.running("one");
    let (_, program) = container.logs();
    assert!(!program.contains("unknown"), "{program}");
    assert!(
        program.contains("/etc/zinit/services means nothing here, see docker exec and ZINIT_"),
        "{program}"
    );
    container.stops();
}

#[test]
fn a_container_without_a_server_ends_with_127_and_the_engine_starts_it_again() {
    image_without_server("bare", None);
    let begin = Instant::now();
    let container = Container::run(&["--restart=on-failure:1"], "bare", &[]);
    until("the second end", || {
        std::thread::sleep(Duration::from_millis(100)); // each check starts a process
        container.state(".RestartCount") == "1" && container.state(".State.Status") == "exited"
    });
    // 1 + 2 + 4 + 8 s, twice.
    assert!(begin.elapsed() >= Duration::from_secs(29), "{:?}", begin.elapsed());
    assert_eq!(container.state(".State.ExitCode"), "127");
    let (_, program) = container.logs();
    let missing = "no zinit-server in /sbin /usr/sbin /usr/bin /usr/local/bin";
    assert_eq!(program.matches(missing).count(), 10, "{program}");
    assert_eq!(program.matches("too many servers in a row, giving up").count(), 2, "{program}");
}

#[test]
fn docker_run_of_a_job_ends_with_the_status_of_the_job() {
    for (command, expected) in [("exit 0", 0), ("sleep 1; exit 7", 7), ("kill -TERM $$", 128 + 15)] {
        let folder = Folder::new();
        job(folder.path(), command);
        let volume = format!("--volume={}:/etc/zinit/services", folder.path().display());
        let mut run = run(&["--rm", "--env=ZINIT_EXIT_STATUS=job", &volume, "zinit"]);
        let output = run.output().expect("docker runs");
        assert_eq!(output.status.code(), Some(expected), "{command}: {output:?}");
    }
}

#[test]
fn the_engine_starts_a_job_again_until_it_does_not_fail() {
    let folder = Folder::new();
    job(folder.path(), "echo >>/shared/runs; [ $(wc -l </shared/runs) = 3 ] || exit 3");
    let container = Container::services(&folder, &["--env=ZINIT_EXIT_STATUS=job", "--restart=on-failure:5"]);
    until("the last end", || {
        std::thread::sleep(Duration::from_millis(100)); // each check starts a process
        container.state(".State.Status") == "exited" && container.state(".RestartCount") == "2"
    });
    assert_eq!(container.state(".State.ExitCode"), "0");
    let (_, program) = container.logs();
    assert_eq!(program.matches("(zinit-job)").count(), 3, "{program}");
}

#[test]
fn a_power_off_with_a_status_is_the_status_of_the_container() {
    let container = Container::zinit(&[]);
    container.running("one");
    container.ask(&["exec"], &["/sbin/zinit-pid1", "poweroff", "--status", "42"]);
    assert_eq!(told(&mut docker(&["wait", &container.name])).trim(), "42");
}

/// As a health check runs it: a user without rights, and the exit status is what counts.
#[test]
fn status_tells_any_user_of_a_container_the_version_and_whether_a_server_runs() {
    let container = Container::zinit(&[]);
    container.line(&format!("version {VERSION}, PID 1 of a container"));
    container.running("one");
    let health = |expected: i32| {
        let mut ask = docker(&["exec", "--user=1000", &container.name, "/sbin/zinit-pid1", "status"]);
        let output = ask.output().expect("docker runs");
        assert_eq!(output.status.code(), Some(expected), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = health(0);
    assert!(text.contains(&format!("version {VERSION} by its file, PID 1 of a container\n")), "{text}");
    container.stops();

    image_without_server("bare-health", None);
    let container = Container::run(&[], "bare-health", &[]);
    container.line("respawn in 8000 ms");
    let mut ask = docker(&["exec", "--user=1000", &container.name, "/sbin/zinit-pid1", "status"]);
    assert_eq!(ask.output().expect("docker runs").status.code(), Some(3));
}

#[test]
fn a_container_with_a_server_that_is_no_program_ends_with_126() {
    let folder = Folder::new();
    let file = folder.path().join("zinit-server");
    fs::write(&file, "not a program").expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    image_without_server("no-mode", Some((&file, "sbin/zinit-server")));
    let container = Container::run(&[], "no-mode", &[]);
    assert_eq!(told(&mut docker(&["wait", &container.name])).trim(), "126");
    let (_, program) = container.logs();
    let reason = "cannot execute /sbin/zinit-server: EACCES";
    assert_eq!(program.matches(reason).count(), 5, "{program}");
    assert!(program.ends_with("zinit-pid1: too many servers in a row, giving up\n"), "{program}");
}

#[test]
fn the_engine_knows_for_which_processor_an_image_is() {
    let folder = Folder::new();
    let file = folder.path().join("image.tar");
    let platforms = ["linux amd64 ", "linux arm64 ", "linux riscv64 ", "linux arm v7"];
    for ((arch, class, machine), platform) in ARCHITECTURES.into_iter().zip(platforms) {
        let init = program_for(folder.path(), "init", (class, machine), 1);
        let name = format!("for-{arch}");
        let mut image = Command::new(root().join("scripts/image"));
        image.arg("oci").arg(&file).args(["--arch", arch, "--name", &name, "--init", &init, "--tool", ""]);
        told(&mut image);
        told(docker(&["load", "--quiet", "--input"]).arg(&file));
        let format = "--format={{.Os}} {{.Architecture}} {{.Variant}}";
        assert_eq!(told(&mut docker(&["image", "inspect", format, &name])).trim_end_matches('\n'), platform);
    }
}

#[test]
fn the_dockerfile_of_the_readme_builds_an_image_that_runs() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let lines =
        readme.lines().skip_while(|line| *line != "    FROM scratch").take_while(|line| !line.is_empty());
    let dockerfile: Vec<&str> = lines.map(|line| line.trim_start()).collect();
    assert!(dockerfile.len() > 2, "no FROM scratch in README.md");
    fs::write(at("Dockerfile"), dockerfile.join("\n")).expect("a file");
    fs::copy(program(), at("zinit-pid1")).expect("a copy");
    fs::copy(tool(), at("zinit-pid1ctl")).expect("a copy");
    fs::copy(brought("target/zinit/x86_64/bin/zinit-server"), at("zinit-server")).expect("a copy");
    fs::copy("/bin/busybox", at("busybox")).expect("a copy");
    fs::create_dir(at("services")).expect("a folder");
    service(&at("services"), "one", "while sleep 1; do :; done");
    told(docker(&["build", "--quiet", "--network=none", "--tag=readme"]).arg(folder.path()));
    let container = Container::run(&[], "readme", &[]);
    container.line("service started service=one");
    container.stops();
    assert!(container.logs().0.contains("zinit-server stopped"));
}
