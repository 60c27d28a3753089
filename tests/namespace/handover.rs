//! The helpers that keep the services of the real zinit-server 0.3.9, without zinit-pid1: PID 1 is a shell with its name.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::reexec::{Child, ReexecState};

use crate::common::hold::Held;
use crate::common::namespace::{Namespace, Setup, freeze, state as state_of, status};
use crate::common::services::rounds;
use crate::common::updatable::{copy_alone, write_alone};
use crate::common::{brought, stand_in, until, with_tool};

/// The shell that is PID 1, and the services of its server.
struct Machine {
    pid1: Namespace,
    folder: PathBuf,
}

/// `start` starts the next server, whose pid is 300, 600 and so on; `helper` runs a helper for it; `at` waits for a
/// file that the test makes.
const FUNCTIONS: &str = r#"
n=0
start() {
    n=$((n + 1))
    # The next process that is forked has the pid after this one.
    echo $((n * 300 - 1)) >/proc/sys/kernel/ns_last_pid
    "$ZINIT_SERVER" -c services -s "$ZINIT_SOCKET" --log-level info &
    server=$!
}
helper() {
    what=$1
    shift
    /sbin/zinit-pid1ctl --helper "$what" "$(cat state.$n)" "$@" >report
    echo "$what $n exited $?" >&2
}
watch() {
    /sbin/zinit-pid1ctl --helper watch "$(cat state.$n)" "$ZINIT_SOCKET" >report &
    watcher=$!
}
ended() { wait $watcher; echo "watch $n exited $?" >&2; }
at() { while [ ! -e "$1" ]; do sleep 0.02; done; }
"#;

/// Two services: `one` is silent, and opens the log of PID 1 if the test says so; and `two` counts, and has left a child and a daemon that write to the same pipe.
const SERVICES: [(&str, &str); 2] = [
    ("one", "while [ ! -e one.log ]; do sleep 0.05; done; exec 2>/proc/1/fd/2; while :; do sleep 1000; done"),
    (
        "two",
        "((exec sleep 1000) & echo $! >two.child)
        (setsid sh -c 'echo $$ >two.daemon; exec sleep 1000' &)
        n=0; while :; do n=$((n + 1)); echo two $n; echo $n >two.last; sleep 0.05; done",
    ),
];

impl Machine {
    /// Starts a shell that executes `script`.
    fn start(script: &str) -> Self {
        let setup = Setup::stand_in("obey");
        let folder = setup.folder.path().to_path_buf();
        let at = |name: &str| folder.join(name);
        copy_alone(Path::new("/bin/sh"), &at("zinit-pid1"));
        fs::set_permissions(at("zinit-pid1"), fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::create_dir(at("services")).expect("a folder");
        for (name, work) in SERVICES {
            let text = format!("#!/bin/sh\necho $$ >>{name}.pids\n{work}\n");
            write_alone(&at(name), text.as_bytes());
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).expect("a mode");
            let service = format!(
                "[service]\nname = \"{name}\"\nexec = \"{}\"\ndir = \"{}\"\n[lifecycle]\nrestart = \"always\"\nrestart_delay_ms = 1234\n",
                at(name).display(),
                folder.display()
            );
            fs::write(at("services").join(format!("{name}.toml")), service).expect("a service");
        }
        for server in 1..=101 {
            fs::write(at(&format!("state.{server}")), state(server * 300)).expect("a file");
        }
        fs::write(at("script"), format!("{FUNCTIONS}{script}\nwait\n")).expect("a script");
        let (reading, writing) = std::io::pipe().expect("a pipe");
        // As the log of PID 1, which never blocks. SAFETY: two numbers.
        assert_eq!(
            unsafe { libc::fcntl(writing.as_raw_fd(), libc::F_SETFL, libc::O_WRONLY | libc::O_NONBLOCK) },
            0
        );
        let pid1 = setup
            .stderr(writing.into())
            .with("ZINIT_SERVER", brought("target/zinit/x86_64/bin/zinit-server"))
            .with("STRANGER", stand_in())
            .with("ZINIT_SOCKET", "/run/zinit.sock")
            .before(&format!("mount -t tmpfs run /run; {}; cd {}", with_tool(), folder.display()))
            .run("exec ./zinit-pid1 script")
            .start();
        pid1.log.follow(reading);
        let machine = Self { pid1, folder };
        until("the services", || machine.starts() == [1; 2] && machine.last() > 0);
        machine
    }

    /// Lets the script go on behind `at NAME`.
    fn go(&self, name: &str) {
        fs::write(self.folder.join(name), "").expect("a file");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// How often each service was started.
    fn starts(&self) -> [usize; 2] {
        ["one", "two"].map(|name| self.text(&format!("{name}.pids")).lines().count())
    }

    /// The last number that the second service has written.
    fn last(&self) -> u32 {
        self.text("two.last").trim().parse().unwrap_or(0)
    }

    /// Asserts that each service still is its first process, that works.
    fn services_stay(&self) {
        let last = self.last();
        until(&format!("more from the service\n{}", self.pid1.log.text()), || self.last() > last + 5);
        assert_eq!(self.starts(), [1; 2], "{}", self.pid1.log.text());
    }

    /// The process outside of the namespaces that has this pid in them.
    fn process(&mut self, pid: &str) -> Option<i32> {
        let namespace = fs::read_link(format!("/proc/{}/ns/pid", self.pid1.pid1())).ok();
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|process| {
            status(*process, "NSpid").is_some_and(|pids| pids.split_whitespace().last() == Some(pid))
                && fs::read_link(format!("/proc/{process}/ns/pid")).ok() == namespace
        })
    }

    fn signal(&mut self, pid: &str, signal: i32) {
        let process = self.process(pid).expect("the process");
        // SAFETY: a signal to a process that this test started.
        assert_eq!(unsafe { libc::kill(process, signal) }, 0);
    }
}

/// The state of a PID 1 that has this server.
fn state(server: i32) -> String {
    let (state, mut line) = (ReexecState::first(), Buffer::default());
    state.slot(Child::SERVER).set(server.unsigned_abs());
    state.encode(&mut line);
    String::from_utf8_lossy(line.as_bytes()).trim_end_matches('\0').to_string()
}

/// A folder where the server writes its state file: it cannot leave one then.
const NO_FILE: &str = "mkdir -p /run/zinit/state.json.tmp";

#[test]
fn a_soft_restart_keeps_all_services_with_and_without_a_file_of_the_server() {
    for first in ["", NO_FILE] {
        let restart = |round: usize| format!("at {round}; helper restart /run/zinit.sock; start\n");
        let machine =
            Machine::start(&format!("{first}\nstart\n{}", (1..=3).map(restart).collect::<String>()));
        for round in 1..=3 {
            machine.pid1.log.nth("IPC server listening", round);
            machine.go(&round.to_string());
            machine.pid1.line(&format!("restart {round} exited 0"));
            machine.pid1.log.nth("restore complete", round);
            machine.services_stay();
        }
        let log = machine.pid1.log.text();
        assert!(!log.contains("sending SIGUSR1"), "{log}");
        // The pipes of the first server are read on.
        machine.pid1.line("zinit-service two: two ");
        assert_eq!(
            fs::read(machine.folder.join("report")).expect("a report"),
            [0; 0],
            "the last one had no pipes"
        );
    }
}

#[test]
fn a_service_that_lies_in_no_file_is_kept_and_not_lost_by_the_next_servers() {
    let restarts = (1..=2)
        .map(|n| format!("at {n}; helper restart /run/zinit.sock; cp /run/zinit/state.json .; start\n"));
    let machine = Machine::start(&format!("start\n{}", restarts.collect::<String>()));
    machine.pid1.line("IPC server listening");
    fs::remove_file(machine.folder.join("services/two.toml")).expect("a file");
    for round in 1..=2 {
        machine.go(&round.to_string());
        machine.pid1.log.nth("restore complete", round);
        machine.services_stay();
        let text = machine.text("state.json");
        let counts =
            ["\"ephemeral\":true,\"config\":{", "\"ephemeral\":false"].map(|part| text.matches(part).count());
        assert_eq!(counts, [1, 1], "{text}");
    }
}

#[test]
fn a_server_that_hangs_gets_usr1_after_half_of_its_time_and_its_services_are_lost() {
    let mut machine = Machine::start("start; at 1; helper restart /run/zinit.sock");
    machine.pid1.line("IPC server listening");
    freeze(machine.process("300").expect("the server"));
    machine.go("1");
    machine.pid1.line("no whole table of services from server 300: it does not answer in time");
    machine.pid1.line("no answer in 2500 ms, sending SIGUSR1");
    machine.pid1.line("no state of server 300 to save, its services are not known here");
    machine.pid1.line("restart 1 exited 1");
}

#[test]
fn a_server_that_was_frozen_in_a_soft_restart_gets_its_time_again() {
    let mut machine = Machine::start("start; at 1; helper restart /run/zinit.sock; start");
    machine.pid1.line("IPC server listening");
    freeze(machine.process("300").expect("the server"));
    machine.go("1");
    let helper = machine.pid1.server_named("zinit-pid1ctl");
    // It is asleep once it waits for the server's answer.
    until("a question", || state_of(helper) == Some('S'));
    let begin = std::time::Instant::now();
    freeze(helper);
    // All its deadlines are over then; nothing tells of that but the clock.
    while begin.elapsed().as_secs_f32() < 4.0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // SAFETY: a signal to a process that this test started.
    assert_eq!(unsafe { libc::kill(helper, libc::SIGCONT) }, 0);
    machine.signal("300", libc::SIGCONT);
    machine.pid1.line("restart 1 exited 0");
    machine.pid1.line("restore complete");
    machine.services_stay();
    let log = machine.pid1.log.text();
    assert!(!log.contains("sending SIGUSR1") && !log.contains("no whole table"), "{log}");
}

#[test]
fn a_socket_that_nobody_listens_on_is_named_as_such() {
    let machine =
        Machine::start("start; at 1; kill -9 $server; wait $server; helper restart /run/zinit.sock");
    machine.pid1.line("IPC server listening");
    machine.go("1");
    machine.pid1.line("no whole table of services from server 300: ECONNREFUSED (nobody listens there)");
    machine.pid1.line("restart 1 exited 1");
}

/// A server with one service, which lies in no file, that refuses to go on when it is asked for what FAILS says; its
/// last act is to leave FILE.
const FAKE: &str = r#"
import json, os, socket
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/fake.sock")
listener.listen()
open("listens", "w")
results = {"service.list": ["ghost"], "service.status": {"name": "ghost", "state": "running", "pid": 1}}
while True:
    client, _ = listener.accept()
    for line in client.makefile():
        request = json.loads(line)
        method = request["method"]
        if method == "system.prepare_restart":
            if os.environ["FILE"]:
                open("/run/zinit/state.json", "w").write(os.environ["FILE"])
            raise SystemExit
        if method == os.environ["FAILS"]:
            client.shutdown(socket.SHUT_RDWR)
            break
        reply = {"jsonrpc": "2.0", "id": request["id"], "result": results[method]}
        client.sendall((json.dumps(reply) + "\n").encode())
"#;

/// A soft restart of the fake server.
fn restart_fake(fails: &str, file: &str) -> Machine {
    let fake = format!(
        "kill -9 $server; wait $server; n=2; echo 599 >/proc/sys/kernel/ns_last_pid
        FAILS={fails} FILE='{file}' python3 fake.py & at listens; {{ at 2; mkdir -p /run/zinit; \
        [ ! -e state.last ] || cp state.last /run/zinit/state.json; helper restart /run/fake.sock; \
        cp /run/zinit/state.json .; echo copied >&2; }}"
    );
    let machine = Machine::start(&format!("start; at 1; {fake}"));
    fs::write(machine.folder.join("fake.py"), FAKE).expect("a script");
    machine.go("1");
    machine
}

#[test]
fn a_service_whose_only_configuration_does_not_come_is_left_out() {
    let machine = restart_fake("service.get", "");
    machine.go("2");
    machine.pid1.line("1 services or their configurations do not fit or did not come, they are not kept");
    machine.pid1.line("restart 2 exited 1");
}

#[test]
fn a_file_of_the_server_is_not_replaced_by_a_table_that_is_not_whole() {
    let machine = restart_fake("service.list", "of the server");
    machine.pid1.line("IPC server listening");
    // What the helper uses instead of the table.
    let pid = machine.text("one.pids");
    let last = format!(
        r#"{{"version":1,"services":{{"ghost":{{"name":"ghost","pid":{},"state":"running","config":{{}}}}}}}}"#,
        pid.trim()
    );
    fs::write(machine.folder.join("state.last"), last).expect("a file");
    machine.go("2");
    machine.pid1.line("no whole table of services from server 600");
    machine.pid1.line("copied");
    assert_eq!(machine.text("state.json"), "of the server", "{}", machine.pid1.log.text());
}

#[test]
fn another_process_on_the_socket_is_not_asked() {
    let machine = Machine::start(
        "start; at 1; \"$STRANGER\" -s /run/other & echo \"stranger $!\" >&2; at 2; helper restart /run/other",
    );
    machine.go("1");
    let stranger = machine.pid1.line("stranger ");
    machine.pid1.diary_line("started");
    machine.go("2");
    let stranger = stranger.split(' ').nth(1).expect("a pid");
    machine
        .pid1
        .line(&format!("server at /run/other: process {stranger} listens there instead of server 300"));
    machine.pid1.line("request failed, sending SIGUSR1");
    machine.pid1.line("restart 1 exited 1");
    assert!(!machine.pid1.diary().contains("jsonrpc"), "{}", machine.pid1.diary());
}

/// Kills the server and starts the next one as soon as the watcher has exited.
const CRASH: &str = "start; watch; at $n; kill -9 $server; ended\n";

#[test]
fn a_crash_keeps_all_services() {
    let rounds = rounds(10);
    let mut machine =
        Machine::start(&format!("{}start; cp /run/zinit/state.json.last .", CRASH.repeat(rounds)));
    for round in 1..=rounds {
        machine.pid1.log.nth("IPC server listening", round);
        if round == 1 {
            // Nothing but the sockets tells that the watcher has its first table.
            let watcher = machine.pid1.children();
            until("the pipes", || {
                watcher.iter().chain(&machine.pid1.children()).any(|pid| holds_pipes(*pid))
            });
        }
        machine.go(&round.to_string());
        machine.pid1.line(&format!("watch {round} exited 0"));
        machine.pid1.log.nth("restore complete", round);
        machine.services_stay();
    }
    machine.pid1.line("zinit-service two: two ");
}

#[test]
fn a_server_that_crashes_before_its_watcher_has_asked_it_loses_nothing() {
    // The second server is killed before it takes the services over, or when it has.
    for wait in ["", "at 2;"] {
        let again = format!("start; {wait} kill -9 $server; watch; ended; start");
        let mut machine = Machine::start(&format!("{CRASH}{again}"));
        machine.pid1.line("IPC server listening");
        until("the pipes", || machine.pid1.children().into_iter().any(holds_pipes));
        machine.go("1");
        if !wait.is_empty() {
            machine.pid1.line("restore complete");
            machine.go("2");
        }
        machine.pid1.line("watch 2 exited 0");
        machine.pid1.log.nth("reconnecting to restored services", if wait.is_empty() { 1 } else { 2 });
        machine.services_stay();
    }
}

/// Replaces the helper's program, as a package manager does: the reader runs the earlier file.
const UPDATE: &str = "cp /sbin/zinit-pid1ctl /sbin/new; mv /sbin/new /sbin/zinit-pid1ctl;";

#[test]
fn a_copy_of_an_earlier_life_is_not_used() {
    let again =
        "start; at 2; kill -9 $server; touch -d '-2 minutes' /run/zinit/state.json.last; watch; ended";
    let mut machine = Machine::start(&format!("{CRASH}{again}"));
    machine.pid1.line("IPC server listening");
    until("the pipes", || machine.pid1.children().into_iter().any(holds_pipes));
    machine.go("1");
    machine.pid1.line("restore complete");
    machine.go("2");
    machine.pid1.line("no state of server 600 to save, its services are not known here");
    machine.pid1.line("watch 2 exited 1");
}

#[test]
fn what_belongs_to_services_in_the_state_file_is_no_orphan() {
    let stray = "sleep 1000 & echo stray $! >&2; sleep 1000 | sleep 1000 &";
    let mut machine = Machine::start(&format!(
        "start; watch; {stray} at 1; kill -9 $server; ended; {UPDATE} helper orphans adopted; start"
    ));
    machine.pid1.line("IPC server listening");
    until("the pipes", || machine.pid1.children().into_iter().any(holds_pipes));
    let stray = machine.pid1.line("stray ").split(' ').nth(1).expect("a pid").to_string();
    // The stray processes have the log of PID 1 too.
    machine.go("one.log");
    let pid = machine.text("one.pids");
    let one = machine.process(pid.trim()).expect("the service");
    let stray_process = machine.process(&stray).expect("the stray process");
    let output = |pid: i32| fs::read_link(format!("/proc/{pid}/fd/2")).ok();
    until("the log as standard error", || output(one) == output(stray_process));
    machine.go("1");
    machine.pid1.line("ending what the last server left behind");
    machine.pid1.line("orphans 1 exited 0");
    machine.pid1.line("reconnecting to restored services");
    machine.services_stay();
    assert!(machine.process(&stray).is_none(), "{}", machine.pid1.log.text());
    for name in ["two.child", "two.daemon"] {
        let pid = machine.text(name);
        assert!(machine.process(pid.trim()).is_some(), "{name}: {}", machine.pid1.log.text());
    }
    let children = machine.pid1.children();
    let sleeps = children.iter().filter(|pid| status(**pid, "Name").as_deref() == Some("sleep")).count();
    assert_eq!(sleeps, 2, "only those of the service");
    let mut names = children.iter().filter_map(|pid| status(*pid, "Name"));
    assert!(names.any(|name| name == "zinit-reader"), "{}", machine.pid1.log.text());
}

#[test]
fn without_a_state_file_every_process_is_an_orphan() {
    let machine = Machine::start("start; at 1; kill -9 $server; wait $server; helper orphans adopted");
    machine.go("1");
    machine.pid1.line("there is no valid state file, no service is spared");
    machine.pid1.line("orphans 1 exited 0");
    let last = machine.last();
    assert_eq!((machine.last(), machine.starts()), (last, [1; 2]));
}

#[test]
fn orphans_that_were_frozen_get_their_time_before_kill() {
    // What it needs after TERM is three seconds: a busy computer must not take longer to stop both. It ignores TERM before
    // it forks, so that its child, which is signalled too, never has the default.
    let orphan = r#"trap 'trap "" TERM; sleep 3; echo done >orphan.end; exit' TERM; echo $$ >orphan.pid; while :; do sleep 0.05; done"#;
    // The helper is frozen while it waits for the next look, and in the middle of one.
    for call in [libc::SYS_rt_sigtimedwait, libc::SYS_getdents64] {
        frozen_at(call, orphan);
    }
}

/// Freezes the helper at a system call, and the orphan, until the time of TERM is over.
fn frozen_at(call: libc::c_long, orphan: &str) {
    let mut machine =
        Machine::start("start; at orphan; sh orphan & at 1; kill -9 $server; wait $server; helper orphans");
    fs::write(machine.folder.join("orphan"), orphan).expect("a script");
    until("the orphan", || !machine.text("orphan.pid").is_empty());
    machine.go("1");
    let begin = std::time::Instant::now();
    machine.pid1.line("ending what the last server left behind");
    let orphan = machine.text("orphan.pid").trim().to_string();
    let helper = machine.pid1.server_named("zinit-pid1ctl");
    let orphan = machine.process(&orphan).expect("the orphan");
    let send = |signal| {
        // SAFETY: a signal to a process that this test started.
        assert_eq!(unsafe { libc::kill(orphan, signal) }, 0);
    };
    // The line comes before the signals, of which SIGCONT would continue the orphan: the helper waits once they are sent.
    let mut held = Held::seize(helper);
    let mut at = |call| while held.next().expect("it lives") != call {};
    at(libc::SYS_rt_sigtimedwait);
    send(libc::SIGSTOP);
    at(call);
    // The time of TERM is over then; nothing tells of that but the clock.
    while begin.elapsed().as_secs_f32() < 6.5 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // It goes on first, up to its next wait.
    at(libc::SYS_rt_sigtimedwait);
    assert_eq!(state_of(orphan), Some('T'), "no KILL: {}", machine.pid1.log.text());
    send(libc::SIGCONT);
    drop(held);
    machine.pid1.line("orphans 1 exited 0");
    assert_eq!(machine.text("orphan.end"), "done\n", "{}", machine.pid1.log.text());
}

/// True if a process is a watcher that holds the reading ends of the services' four pipes, beside standard error.
fn holds_pipes(pid: i32) -> bool {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let pipes = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
    comm == "zinit-pid1ctl\n" && pipes.filter(|link| link.to_string_lossy().starts_with("pipe:")).count() >= 5
}
