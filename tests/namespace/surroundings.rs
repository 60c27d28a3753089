//! The real program in namespaces: its environment and descriptors, those of its children, and the target of its log
//! lines.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::common::namespace::{Setup, children, state, status};
use crate::common::reexec;
use crate::common::{stand_in, terminal, until, with_tool};

#[test]
fn the_server_gets_a_clean_start() {
    let mut pid1 = Setup::stand_in("describe")
        .with("PATH", "")
        // A careless parent: it ignores signals, and leaves a working directory and open descriptors behind.
        .before("trap '' CHLD PIPE HUP USR1; cd /tmp; exec 5</dev/zero 9>/dev/null; PATH=/usr/bin:/bin")
        .start();
    pid1.diary_line("started");
    let diary = pid1.diary();
    let value = |key: &str| diary.lines().find(|line| line.starts_with(key)).expect(key).to_string();
    assert_eq!(value("SigBlk").split_whitespace().nth(1), Some("0000000000000000"), "{diary}");
    // Rust's runtime in the stand-in ignores SIGPIPE, bit 12, by itself.
    assert_eq!(value("SigIgn").split_whitespace().nth(1), Some("0000000000001000"), "{diary}");
    let session: Vec<&str> =
        diary.lines().find(|line| line.starts_with("session")).expect("a session").split(' ').collect();
    assert_eq!(session[1], session[3], "leader of its own session");
    let descriptors = value("descriptors");
    let numbers: Vec<_> = descriptors.split(' ').skip(1).map(|entry| entry.split('=').next()).collect();
    assert_eq!(numbers, [Some("0"), Some("1"), Some("2")], "{descriptors}");
    assert_eq!(value("folder"), "folder /");
    let started = value("started");
    let words: Vec<&str> = started.split(' ').skip(2).collect();
    let at = |name: &str| pid1.folder.path().join(name).display().to_string();
    assert_eq!(words, ["-c", &at("services"), "-s", &at("sock"), "--log-level", "info"]);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn path_is_added_only_if_it_is_not_set() {
    for (path, expected) in [
        ("", "path /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("/usr/bin:/bin:/mine", "path /usr/bin:/bin:/mine"),
    ] {
        // The shell would set a PATH of its own, but does not export it.
        let run = if path.is_empty() { "unset PATH; exec \"$0\" \"$@\"" } else { "exec \"$0\" \"$@\"" };
        let pid1 = Setup::stand_in("describe").with("PATH", path).run(run).start();
        assert_eq!(pid1.diary_line("path "), expected);
    }
}

#[test]
fn the_variables_of_sockets_that_were_handed_over_go_to_no_program() {
    let gone = [
        ("LISTEN_FDS", "1"),
        ("LISTEN_PID", "1"),
        ("LISTEN_FDNAMES", "web"),
        ("NOTIFY_SOCKET", "/run/notify"),
    ];
    let setup =
        gone.into_iter().fold(Setup::stand_in("obey"), |setup, (name, value)| setup.with(name, value));
    // Names that only begin alike are kept, in front and behind.
    let mut pid1 =
        setup.with("LISTEN_FD", "kept").with("LISTEN_ADDRESS", "kept").with("NOTIFY_SOCKETS", "kept").start();
    pid1.diary_line("started");
    let mut count = 1;
    // The next PID 1 has the same environment.
    for end in [libc::SIGUSR1, libc::SIGSEGV, libc::SIGUSR1] {
        let server = pid1.server();
        let environment = fs::read_to_string(format!("/proc/{server}/environ")).expect("it runs");
        let words: Vec<&str> = environment.split_terminator('\0').collect();
        assert!(words.iter().all(|word| word.contains('=')), "{words:?}");
        for (name, _) in gone {
            assert!(!words.iter().any(|word| word.starts_with(&format!("{name}="))), "{words:?}");
        }
        for kept in ["LISTEN_FD=kept", "LISTEN_ADDRESS=kept", "NOTIFY_SOCKETS=kept", "STAND_IN=obey"] {
            assert!(words.contains(&kept), "{kept}: {words:?}");
        }
        pid1.signal(end);
        if end == libc::SIGSEGV {
            pid1.line("the server goes on");
        } else {
            count += 1;
            until("another server", || pid1.diary().matches("started").count() == count);
        }
    }
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn the_log_level_applies_to_pid_1_and_the_server() {
    let debug = Setup::stand_in("describe").with("ZINIT_LOG_LEVEL", "trace").before("sleep 0.2 &").start();
    debug.line("orphan 2 exited 0");
    assert!(debug.diary_line("started").contains("--log-level trace"));

    let debug = Setup::stand_in("obey").with("zinitdebug", "1").before("sleep 0.2 &").start();
    debug.line("orphan 2 exited 0");
    assert!(debug.diary_line("started").contains("--log-level debug"));

    let mut quiet = Setup::stand_in("obey").with("ZINIT_LOG_LEVEL", "error").before("sleep 0.2 &").start();
    quiet.diary_line("started");
    quiet.signal(libc::SIGTERM);
    quiet.ends_well();
    assert_eq!(quiet.log.text(), "");
}

#[test]
fn invalid_settings_are_logged_and_the_defaults_are_used() {
    let mut pid1 = Setup::stand_in("obey")
        .with("ZINIT_LOG_LEVEL", "loud")
        .with("ZINIT_STOP_TIMEOUT", "10 minutes")
        .start();
    pid1.line("ZINIT_LOG_LEVEL=loud: not understood, ignored");
    pid1.line("ZINIT_STOP_TIMEOUT=10 minutes: not understood, ignored");
    pid1.diary_line("--log-level info");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn no_word_of_argv_and_no_byte_of_the_environment_ends_pid_1() {
    let many: Vec<String> = (0..5000).map(|number| format!("word{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    // The longest string that execve(2) accepts, with its name and its NUL.
    let long = "v".repeat(128 * 1024 - "LONG=".len() - 1);
    let launch = format!("exec {} launch-without-argv \"$0\"", stand_in().display());
    let not_utf8 = "export ODD=$(printf '\\377\\376'); exec \"$0\" \"$(printf '\\377=\\200')\" '' =";
    for setup in [
        Setup::stand_in("obey").words(&["--version"]),
        Setup::stand_in("obey").words(&["-h", "-V", "--help", "--nonsense"]),
        Setup::stand_in("obey").words(&["-c"]),
        Setup::stand_in("obey").words(&many),
        Setup::stand_in("obey").with("LONG", &long).with("ZINIT_LOG_LEVEL", &long[16..]),
        Setup::stand_in("obey").run(&launch),
        Setup::stand_in("obey").run(not_utf8),
        Setup::stand_in("obey").run(
            "exec env -i \"$(env | grep ^ZINIT_SERVER)\" \"$(env | grep ^ZINIT_SOCKET)\" \
            \"$(env | grep ^STAND_IN_DIARY)\" STAND_IN=obey \"$0\"",
        ),
    ] {
        let mut pid1 = setup.start();
        pid1.line("PID 1 of a container");
        pid1.diary_line("started");
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn earlier_children_are_reaped_and_not_mistaken_for_the_server() {
    let mut pid1 = Setup::stand_in("obey")
        .with("ZINIT_LOG_LEVEL", "debug")
        .before("(exit 7) & sleep 0.3 & sleep 1000 &")
        .start();
    pid1.line("orphan 2 exited 7");
    pid1.line("orphan 3 exited 0");
    pid1.diary_line("started");
    let pid = pid1.pid1();
    until("the server and the sleeper", || children(pid).len() == 2);
    assert!(!pid1.log.text().contains("respawn"));
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert!(!pid1.log.text().contains("sending KILL"), "it gets TERM like everybody: {}", pid1.log.text());
}

#[test]
fn a_child_that_ends_by_another_signal_than_sigchld_is_reaped_too() {
    // clone(0) is no fork: wait(2) sees such children only with __WALL. Their end sends SIGCHLD all the same, since their
    // parent has executed another program.
    let perl =
        "exec perl -e 'for (1..3) { if (syscall(56,0,0,0,0,0)==0) { sleep 1; exit 0 } } exec @ARGV' \"$0\"";
    let mut pid1 = Setup::stand_in("obey").run(perl).start();
    pid1.diary_line("started");
    let pid = pid1.pid1();
    until("no zombie", || children(pid).len() == 1);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert!(!pid1.log.text().contains("sending KILL"), "{}", pid1.log.text());
}

#[test]
fn an_unreadable_root_still_fills_closed_descriptors() {
    for closed in ["<&-", "<&- >&-", "<&- >&- 2>&-"] {
        let folders = "usr lib lib64 bin tmp dev proc";
        let run = format!(
            "mount -t tmpfs -o mode=0311 none /mnt\n\
             for d in {folders} ${{0%/target/*}}; do [ -d /${{d#/}} ] || continue; mkdir -p /mnt/$d; mount --rbind /${{d#/}} /mnt/$d; done\n\
             exec setpriv --bounding-set -dac_override,-dac_read_search --inh-caps -dac_override,-dac_read_search \
             unshare --root=/mnt \"$0\" {closed}"
        );
        let mut pid1 = Setup::stand_in("describe").run(&run).start();
        let descriptors = pid1.diary_line("descriptors");
        assert_eq!(descriptors.split(' ').count(), 4, "{closed}: {descriptors}");
        let pid = pid1.pid1();
        for number in 0..3 {
            let link = fs::read_link(format!("/proc/{pid}/fd/{number}")).expect("an open descriptor");
            let link = link.display().to_string();
            assert!(link.ends_with("/dev/null") || link.starts_with("pipe:"), "{closed}: {number} is {link}");
        }
        assert!(fs::read_link(format!("/proc/{pid}/fd/0")).is_ok_and(|link| link.ends_with("null")));
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn descriptors_0_to_2_may_be_closed_in_every_combination() {
    for closed in 0..8 {
        let redirections: String = (0..3)
            .filter(|number| closed & (1 << number) != 0)
            .map(|number| if number == 0 { " 0<&-".to_string() } else { format!(" {number}>&-") })
            .collect();
        // Without /dev/null the root folder is used.
        for without_null in [false, true] {
            let before = if without_null { "mount -t tmpfs none /dev" } else { "" };
            let run = format!("exec \"$0\"{redirections}");
            let mut pid1 = Setup::stand_in("describe").before(before).run(&run).start();
            pid1.diary_line("started");
            let pid = pid1.pid1();
            for number in 0..3 {
                let link = fs::read_link(format!("/proc/{pid}/fd/{number}")).expect("an open descriptor");
                let link = link.display().to_string();
                let given = closed & (1 << number) == 0;
                let expected = match (given, without_null) {
                    (true, _) if number == 0 => link == "/dev/null",
                    (true, _) => link.starts_with("pipe:"),
                    (false, false) => link == "/dev/null",
                    (false, true) => link == "/",
                };
                assert!(expected, "closed {redirections:?}, /dev {without_null}: {number} is {link}");
            }
            let descriptors = pid1.diary_line("descriptors");
            assert_eq!(descriptors.split(' ').count(), 4, "{redirections:?}: {descriptors}");
            pid1.signal(libc::SIGTERM);
            pid1.ends_well();
            assert_eq!(pid1.log.text().contains("zinit-pid1"), closed & 4 == 0, "{redirections:?}");
        }
    }
}

#[test]
fn a_full_pipe_and_a_closed_reader_lose_lines_and_nothing_else() {
    for (full, unreadable) in [(true, false), (false, false), (true, true)] {
        let (mut reader, writer) = pipe();
        if full {
            fill(&writer);
        } else {
            drop(reader);
            reader = File::open("/dev/null").expect("a file");
        }
        let setup = Setup::stand_in("obey").with("ZINIT_LOG_LEVEL", "debug").stderr(writer);
        // Without /proc, standard error cannot be reopened.
        let setup = if unreadable { setup.before("mount -t tmpfs none /proc") } else { setup };
        let mut pid1 = setup.start();
        pid1.diary_line("started");
        pid1.signal(libc::SIGUSR1);
        until("the second server", || pid1.diary().matches("started").count() == 2);
        // A PID 1 that waits for a reader would wait for ever.
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        let mut rest = vec![0; 1 << 20];
        let length = reader.read(&mut rest).expect("the pipe can be read");
        assert!(!String::from_utf8_lossy(&rest[..length]).contains("zinit-pid1"), "the pipe was full");
    }
}

#[test]
fn a_terminal_that_nobody_reads_loses_lines_and_nothing_else() {
    let (main, other) = terminal();
    fill(&other);
    let mut pid1 = Setup::stand_in("obey").with("ZINIT_LOG_LEVEL", "debug").stderr(other).start();
    pid1.diary_line("started");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    drop(main);
}

#[test]
fn log_lines_are_appended_to_a_file() {
    appends_to_a_file("exec \"$0\"");
}

/// Otherwise it would take the file for another kind, open it anew, and write over its first lines.
#[test]
fn log_lines_are_appended_to_a_file_where_statx_is_refused() {
    let refused = "-e trace=statx -e inject=statx:error=EPERM";
    appends_to_a_file(&format!("exec strace -D -o /dev/null {refused} \"$0\""));
}

fn appends_to_a_file(run: &str) {
    let folder = crate::common::Folder::new();
    let path = folder.path().join("log");
    let mut file = File::create(&path).expect("a file");
    file.write_all(b"first\n").expect("the file can be written");
    let mut pid1 = Setup::stand_in("obey").run(run).stderr(file.into()).start();
    pid1.diary_line("started");
    if run.contains("strace") {
        // It is a descendant of PID 1, ignores TERM, and has done its work: the log is open.
        // SAFETY: a signal to a process that this test started.
        unsafe { libc::kill(pid1.server_named("strace"), libc::SIGKILL) };
    }
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    let text = fs::read_to_string(&path).expect("the file can be read");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "first");
    assert!(lines[1].ends_with("PID 1 of a container"), "{text}");
    assert!(lines.last().is_some_and(|line| line.contains("exited 0")), "{text}");
}

#[test]
fn without_cap_sys_boot_proc_or_a_hint_decides_the_role() {
    let drop_right = "setpriv --bounding-set -sys_boot --inh-caps -sys_boot";
    // The re-exec state of the previous PID 1 counts too.
    let name = reexec::seal(&reexec::unsealed(&[("generation", "1"), ("container", "1")]));
    for (before, run) in [
        (
            "mount -t tmpfs none /proc",
            format!("exec {drop_right} bash -c 'exec -a \"{name}\" \"$0\"' \"$0\""),
        ),
        ("", format!("exec {drop_right} \"$0\"")),
        ("mount -t tmpfs none /proc", format!("exec {drop_right} \"$0\" -c")),
        ("mount -t tmpfs none /proc", format!("exec {drop_right} env container=lxc \"$0\"")),
        ("mount -t tmpfs none /proc", format!("exec {drop_right} env ZINIT_CONTAINER=1 \"$0\"")),
    ] {
        let mut pid1 = Setup::stand_in("obey").before(before).run(&run).start();
        pid1.line("PID 1 of a container");
        pid1.diary_line("started");
        let bounding = status(pid1.pid1(), "CapEff").expect("capabilities");
        let bounding = u64::from_str_radix(&bounding, 16).expect("a number");
        assert_eq!(bounding & (1 << 22), 0, "the right to reboot is dropped");
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

/// The program as a child of a shell that is PID 1.
const SUBREAPER: &str =
    "\"$0\" \"$@\" & child=$!; echo child $child; wait $child; echo ended $?; exec sleep 1000";

/// The pid, outside of the namespaces, of the program that `SUBREAPER` started.
fn subreaper(pid1: &mut crate::common::namespace::Namespace) -> i32 {
    let mut found = None;
    let shell = pid1.shell();
    until("the subreaper", || {
        let name = |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        found = children(shell).into_iter().find(|pid| name(*pid).trim() == "zinit-pid1");
        found.is_some()
    });
    found.expect("just found")
}

#[test]
fn not_pid_1_it_supervises_adopts_orphans_and_touches_nothing_else() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let mut pid1 =
            Setup::stand_in("obey").words(&["--supervise"]).before("sleep 1000 &").run(SUBREAPER).start();
        pid1.line("not PID 1: it only runs the server");
        pid1.diary_line("started");
        let subreaper = subreaper(&mut pid1);
        let server = children(subreaper)[0];
        // SAFETY: a signal to a process that this test started.
        unsafe { libc::kill(server, libc::SIGKILL) };
        pid1.line("respawn in 1000 ms");
        until("the second server", || pid1.diary().matches("started").count() == 2);
        // SAFETY: as above.
        unsafe { libc::kill(subreaper, signal) };
        pid1.line("stop begins");
        pid1.line("ended 0");
        assert!(pid1.diary().contains("system.shutdown"));
        let shell = pid1.shell();
        let sleeper = children(shell).into_iter().next().expect("the sleeper that was there before");
        assert_eq!(state(sleeper), Some('S'), "nobody else was signalled");
    }
}

#[test]
fn not_pid_1_it_answers_questions_and_refuses_what_it_does_not_know() {
    for (word, text, code) in [
        ("--version", concat!("zinit-pid1 ", env!("CARGO_PKG_VERSION")), 0),
        ("-V", concat!("zinit-pid1 ", env!("CARGO_PKG_VERSION")), 0),
        ("--help", "zinit-pid1 [-c] [--supervise] | -V | ", 0),
        ("-h", "zinit-pid1 [-c] [--supervise] | -V | ", 0),
        ("--hlep", "--hlep: unknown word, nothing was started, try --help", 2),
        ("reboot", "PID 1 is sh, nothing was sent to it", 1),
    ] {
        let pid1 = Setup::stand_in("obey").words(&[word]).before(&with_tool()).run(SUBREAPER).start();
        pid1.line(text);
        pid1.line(&format!("ended {code}"));
        assert_eq!(pid1.diary(), "", "{word}");
    }
    // All but the first of them are handled by zinit-pid1ctl, and so is the question whether there is a server.
    for words in [&["--hlep"] as &[&str], &[]] {
        let pid1 = Setup::stand_in("obey").words(words).before("mount -t tmpfs none /sbin");
        let pid1 = pid1.run(SUBREAPER).start();
        pid1.line("cannot execute /sbin/zinit-pid1ctl: ENOENT");
        pid1.line("ended 127");
        assert_eq!(pid1.diary(), "");
    }
    // A container hint, which has no meaning outside of PID 1.
    let pid1 = Setup::stand_in("obey").words(&["-c"]).before(&with_tool()).run(SUBREAPER).start();
    pid1.diary_line("started");
}

#[test]
fn a_subreaper_is_the_reaper_of_the_orphans_below_it() {
    let mut pid1 = Setup::stand_in("storm")
        .with("STAND_IN_ORPHANS", "50")
        .with("STAND_IN_RELEASE", "/proc/self/status")
        .with("ZINIT_LOG_LEVEL", "debug")
        .words(&["--supervise"])
        .run(SUBREAPER)
        .start();
    pid1.diary_line("orphans released");
    pid1.log.nth("orphan ", 50);
    let subreaper = subreaper(&mut pid1);
    until("no zombie", || children(subreaper).len() == 1);
}

fn pipe() -> (File, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors, which are ours then.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

/// Writes until nothing more is accepted, and leaves the descriptor blocking as it was.
fn fill(fd: &OwnedFd) {
    let number = fd.as_raw_fd();
    // SAFETY: plain system calls on a descriptor that the caller owns.
    unsafe {
        let flags = libc::fcntl(number, libc::F_GETFL);
        libc::fcntl(number, libc::F_SETFL, flags | libc::O_NONBLOCK);
        while libc::write(number, [b'x'].as_ptr().cast(), 1) == 1 {}
        libc::fcntl(number, libc::F_SETFL, flags);
    }
}
